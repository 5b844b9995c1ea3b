//! From findings over frames to checks.
//!
//! In: findings of frames, in the order in which they were taken, and the reference when it is there. Out: the
//! checks `Liveness`, `FaceMatch` and the camera's half of `SinglePerson`. Pure: the same findings give the same
//! checks.
//!
//! A frame *serves* when it shows one face, without a quality flaw, with a finite attack score and template.
//! Liveness and comparison are told from the very same frames, so that nobody can be alive in one and the holder
//! in another; and when two serving frames that follow each other show different people, nothing is successful
//! any more. Fewer serving frames than needed never make a check successful.

use super::{FaceFinding, FrameFindings, Reference, compare};
use crate::check::{Check, CheckId, Reason};
use std::collections::VecDeque;

/// Serving frames that are kept; older ones are forgotten first, what they proved against the traveller is not.
const FRAMES_KEPT: usize = 64;

/// Two faces in this many frames are two people; in one frame it may be the detector's error.
const SEVERAL_FACES_FRAMES: usize = 2;

/// Part of the serving frames that may look like an attack although the mean does not.
const ATTACKS_SHARE_MOST: f32 = 1.0 / 3.0;

/// A verdict that is not good waits for this many times the frames needed.
const PATIENCE: usize = 2;

/// Thresholds and counts; part of the profile.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceRules {
    /// Similarity from which on two faces count as one person's.
    pub match_threshold: f32,
    /// Mean attack score from which on a presentation counts as an attack.
    pub attack_threshold: f32,
    /// Frames that must serve (no quality flaw, comparison and liveness done) before a verdict.
    pub frames_needed: usize,
    /// Frames after which the verdict is taken with what there is.
    pub frames_most: usize,
}

impl Default for FaceRules {
    /// The thresholds that models/manifest.toml states, with what they were set on.
    fn default() -> Self {
        FaceRules { match_threshold: 0.399, attack_threshold: 0.63, frames_needed: 4, frames_most: 60 }
    }
}

/// Gathers findings of one person over frames.
#[derive(Debug, Clone)]
pub struct Fusion {
    rules: FaceRules,
    reference: Option<Reference>,
    /// Serving frames: number and face.
    serving: VecDeque<(u64, FaceFinding)>,
    /// The best frame that does not serve, for the officer when none serves.
    fallback: Option<(u64, f32)>,
    frames: usize,
    frames_with_faces: usize,
    frames_with_several: usize,
    person_changed: bool,
}

impl Fusion {
    /// Nothing seen yet.
    pub fn new(rules: FaceRules) -> Self {
        Fusion {
            rules,
            reference: None,
            serving: VecDeque::new(),
            fallback: None,
            frames: 0,
            frames_with_faces: 0,
            frames_with_several: 0,
            person_changed: false,
        }
    }

    /// The portrait to compare with; may come after the first frames.
    pub fn set_reference(&mut self, reference: Reference) {
        self.reference = Some(reference);
    }

    /// Takes the findings of one more frame.
    pub fn add(&mut self, findings: FrameFindings) {
        self.frames = self.frames.saturating_add(1);
        if findings.faces > 1 {
            self.frames_with_several = self.frames_with_several.saturating_add(1);
        }
        let Some(face) = findings.traveller else { return };
        self.frames_with_faces = self.frames_with_faces.saturating_add(1);
        if findings.faces != 1 || !serves(&face) {
            if face.score.is_finite() && self.fallback.is_none_or(|(_, best)| face.score > best) {
                self.fallback = Some((findings.sequence, face.score));
            }
            return;
        }
        if let Some((_, before)) = self.serving.back() {
            // Frames a moment apart are far more alike than a passport and its holder: the same threshold is mild.
            let same = compare(&before.template, &face.template) >= self.rules.match_threshold;
            self.person_changed |= !same;
        }
        if self.serving.len() == FRAMES_KEPT {
            self.serving.pop_front();
        }
        self.serving.push_back((findings.sequence, face));
    }

    /// Whether more frames would not change the verdict, or the bound is reached. A good verdict stands as soon as
    /// the frames needed have served; one that is not gets as many again.
    pub fn decided(&self) -> bool {
        let needed = self.needed();
        let good = || self.checks().iter().all(|check| check.result == crate::check::CheckResult::Successful);
        self.frames >= self.rules.frames_most
            || self.person_changed
            || self.several_faces()
            || (self.reference.is_some()
                && (self.serving.len() >= needed.saturating_mul(PATIENCE).min(FRAMES_KEPT)
                    || (self.serving.len() >= needed && good())))
    }

    /// `Liveness`, `FaceMatch` and the camera's half of `SinglePerson`, as of now.
    pub fn checks(&self) -> Vec<Check> {
        vec![self.single_person(), self.liveness(), self.face_match()]
    }

    /// Mean similarity of the serving frames to the reference, [-1, 1].
    pub fn similarity(&self) -> Option<f32> {
        let reference = self.reference.as_ref()?;
        self.mean(|face| compare(&reference.template, &face.template))
    }

    /// Mean attack score of the serving frames, [0, 1].
    pub fn attack(&self) -> Option<f32> {
        self.mean(|face| face.attack.unwrap_or(1.0))
    }

    /// Frames that serve, of those kept.
    pub fn serving(&self) -> usize {
        self.serving.len()
    }

    /// The frame that the officer sees first: the serving one that the detector is surest of, else the surest.
    pub fn best_frame(&self) -> Option<u64> {
        let best = self.serving.iter().max_by(|(_, a), (_, b)| a.score.total_cmp(&b.score));
        best.map(|(sequence, _)| *sequence).or(self.fallback.map(|(sequence, _)| sequence))
    }

    fn single_person(&self) -> Check {
        if self.several_faces() {
            Check::failed(CheckId::SinglePerson, Reason::SeveralFaces)
        } else if self.person_changed {
            Check::failed(CheckId::SinglePerson, Reason::PersonChanged)
        } else if self.serving.len() < self.needed() {
            Check::undetermined(CheckId::SinglePerson, self.too_little(Reason::FaceUndecided))
        } else {
            Check::successful(CheckId::SinglePerson)
        }
    }

    fn liveness(&self) -> Check {
        let undecided = |reason| Check::undetermined(CheckId::Liveness, reason);
        let Some(attack) = self.attack().filter(|_| self.serving.len() >= self.needed()) else {
            return undecided(self.too_little(Reason::LivenessUndecided));
        };
        let threshold = self.rules.attack_threshold;
        let attacks = self.serving.iter().filter(|(_, f)| !f.attack.is_some_and(|a| a < threshold)).count();
        let few = (attacks as f32) < ATTACKS_SHARE_MOST * self.serving.len() as f32;
        if attack >= threshold {
            Check::failed(CheckId::Liveness, Reason::PresentationAttack)
        } else if self.person_changed {
            undecided(Reason::PersonChanged)
        } else if attack < threshold && few {
            Check::successful(CheckId::Liveness)
        } else {
            undecided(Reason::LivenessUndecided)
        }
    }

    fn face_match(&self) -> Check {
        let undecided = |reason| Check::undetermined(CheckId::FaceMatch, reason);
        let Some(similarity) = self.similarity().filter(|_| self.serving.len() >= self.needed()) else {
            return undecided(self.too_little(Reason::FaceUndecided));
        };
        if self.person_changed {
            undecided(Reason::PersonChanged)
        } else if similarity >= self.rules.match_threshold {
            Check::successful(CheckId::FaceMatch)
        } else {
            Check::failed(CheckId::FaceMatch, Reason::FaceMismatch)
        }
    }

    /// Why there is no verdict: nobody in view at all, or not enough of them.
    fn too_little(&self, otherwise: Reason) -> Reason {
        if self.frames_with_faces == 0 { Reason::FaceNotFound } else { otherwise }
    }

    fn several_faces(&self) -> bool {
        self.frames_with_several >= SEVERAL_FACES_FRAMES
    }

    /// A profile that asks for no frame at all still gets one.
    fn needed(&self) -> usize {
        self.rules.frames_needed.clamp(1, FRAMES_KEPT)
    }

    fn mean(&self, value: impl Fn(&FaceFinding) -> f32) -> Option<f32> {
        let sum: f32 = self.serving.iter().map(|(_, face)| value(face)).sum();
        let mean = sum / self.serving.len() as f32;
        mean.is_finite().then_some(mean)
    }
}

/// Whether a face may be judged: no flaw, and every number finite.
fn serves(face: &FaceFinding) -> bool {
    let finite = |values: &[f32]| !values.is_empty() && values.iter().all(|v| v.is_finite());
    face.quality.is_empty()
        && face.score.is_finite()
        && face.attack.is_some_and(|a| (0.0..=1.0).contains(&a))
        && finite(&face.template.sface)
        && finite(&face.template.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckResult;
    use crate::face::{QualityFlaw, Template};
    use proptest::prelude::*;

    const HOLDER: [f32; 2] = [1.0, 0.0];
    const OTHER: [f32; 2] = [0.0, 1.0];

    fn template(direction: [f32; 2]) -> Template {
        Template { sface: direction.to_vec(), second: direction.to_vec() }
    }

    fn frame(sequence: u64, who: [f32; 2], attack: f32) -> FrameFindings {
        let face = FaceFinding {
            bounds: [0.0; 4],
            landmarks: [[0.0; 2]; 5],
            score: 0.9,
            quality: vec![],
            attack: Some(attack),
            template: template(who),
        };
        FrameFindings { sequence, faces: 1, traveller: Some(face) }
    }

    fn fusion(frames: impl IntoIterator<Item = FrameFindings>) -> Fusion {
        let mut fusion = Fusion::new(FaceRules::default());
        fusion.set_reference(Reference { template: template(HOLDER), eye_distance: 90.0 });
        frames.into_iter().for_each(|frame| fusion.add(frame));
        fusion
    }

    fn check(fusion: &Fusion, id: CheckId) -> (CheckResult, Vec<Reason>) {
        let found = fusion.checks().into_iter().find(|check| check.id == id).unwrap();
        (found.result, found.reasons)
    }

    #[test]
    fn a_living_holder_passes_all_three_and_is_decided_at_once() {
        let fusion = fusion((0..4).map(|n| frame(n, HOLDER, 0.1)));
        assert!(fusion.checks().iter().all(|check| check.result == CheckResult::Successful));
        assert!(fusion.decided());
        assert!((fusion.similarity().unwrap() - 1.0).abs() < 1e-6 && fusion.attack().unwrap() < 0.2);
    }

    #[test]
    fn another_person_fails_the_comparison_after_twice_the_frames() {
        let mut fusion = fusion((0..4).map(|n| frame(n, OTHER, 0.1)));
        assert_eq!(check(&fusion, CheckId::FaceMatch), (CheckResult::Failed, vec![Reason::FaceMismatch]));
        assert!(!fusion.decided());
        (4..8).for_each(|n| fusion.add(frame(n, OTHER, 0.1)));
        assert!(fusion.decided());
    }

    #[test]
    fn a_photograph_of_the_holder_fails_liveness() {
        let fusion = fusion((0..8).map(|n| frame(n, HOLDER, 0.95)));
        assert_eq!(
            check(&fusion, CheckId::Liveness),
            (CheckResult::Failed, vec![Reason::PresentationAttack])
        );
    }

    #[test]
    fn a_face_that_looks_dead_in_every_second_frame_is_undecided_although_the_mean_is_low() {
        let fusion = fusion((0..8).map(|n| frame(n, HOLDER, if n % 2 == 0 { 0.0 } else { 0.9 })));
        assert_eq!(
            check(&fusion, CheckId::Liveness),
            (CheckResult::Undetermined, vec![Reason::LivenessUndecided])
        );
    }

    #[test]
    fn another_face_within_the_row_is_a_change_of_person_and_nothing_is_successful() {
        let people = [HOLDER, HOLDER, HOLDER, OTHER, HOLDER, HOLDER, HOLDER, HOLDER];
        let fusion = fusion(people.into_iter().zip(0..).map(|(who, n)| frame(n, who, 0.0)));
        assert_eq!(check(&fusion, CheckId::SinglePerson), (CheckResult::Failed, vec![Reason::PersonChanged]));
        assert!(fusion.checks().iter().all(|check| check.result != CheckResult::Successful));
        assert!(fusion.decided());
    }

    #[test]
    fn a_change_of_person_is_not_forgotten_with_its_frames() {
        let mut fusion = fusion([frame(0, OTHER, 0.0)]);
        (1..500).for_each(|n| fusion.add(frame(n, HOLDER, 0.0)));
        assert_eq!(fusion.serving(), FRAMES_KEPT);
        assert_eq!(check(&fusion, CheckId::SinglePerson).1, vec![Reason::PersonChanged]);
    }

    #[test]
    fn two_faces_in_two_frames_are_two_people_and_in_one_frame_a_slip() {
        let two = |n| FrameFindings { faces: 2, ..frame(n, HOLDER, 0.0) };
        let slip = fusion((0..6).map(|n| if n == 3 { two(n) } else { frame(n, HOLDER, 0.0) }));
        assert_eq!(check(&slip, CheckId::SinglePerson).0, CheckResult::Successful);
        let couple = fusion((0..6).map(|n| if n > 3 { two(n) } else { frame(n, HOLDER, 0.0) }));
        assert_eq!(check(&couple, CheckId::SinglePerson), (CheckResult::Failed, vec![Reason::SeveralFaces]));
        assert!(couple.decided());
    }

    #[test]
    fn without_a_reference_the_comparison_is_undetermined_and_may_be_decided_later() {
        let mut fusion = Fusion::new(FaceRules::default());
        (0..5).for_each(|n| fusion.add(frame(n, HOLDER, 0.0)));
        assert_eq!(check(&fusion, CheckId::FaceMatch).0, CheckResult::Undetermined);
        assert!(!fusion.decided());
        fusion.set_reference(Reference { template: template(HOLDER), eye_distance: 90.0 });
        assert_eq!(check(&fusion, CheckId::FaceMatch).0, CheckResult::Successful);
        assert!(fusion.decided());
    }

    #[test]
    fn an_empty_view_is_said_to_be_empty_and_ends_at_the_bound() {
        let empty = |sequence| FrameFindings { sequence, faces: 0, traveller: None };
        let mut fusion = fusion((0..10).map(empty));
        for id in [CheckId::SinglePerson, CheckId::Liveness, CheckId::FaceMatch] {
            assert_eq!(check(&fusion, id), (CheckResult::Undetermined, vec![Reason::FaceNotFound]));
        }
        assert!(!fusion.decided() && fusion.best_frame().is_none());
        (10..60).for_each(|n| fusion.add(empty(n)));
        assert!(fusion.decided());
    }

    #[test]
    fn the_officer_sees_the_surest_serving_frame_and_else_the_surest() {
        let flawed = |n| {
            let mut frame = frame(n, HOLDER, 0.0);
            frame.traveller.as_mut().unwrap().quality.push(QualityFlaw::Blurred);
            frame
        };
        assert_eq!(fusion([flawed(3), flawed(4)]).best_frame(), Some(3));
        assert_eq!(fusion([flawed(3), frame(7, HOLDER, 0.0)]).best_frame(), Some(7));
    }

    fn any_frame() -> impl Strategy<Value = FrameFindings> {
        let number = prop_oneof![4 => -1.0f32..1.0, 1 => proptest::num::f32::ANY];
        let attack = prop_oneof![4 => (0.0f32..1.0).prop_map(Some), 1 => proptest::option::of(proptest::num::f32::ANY)];
        let quality = prop_oneof![4 => Just(vec![]), 1 => Just(vec![QualityFlaw::Turned])];
        (0usize..4, number.clone(), number, attack, quality, proptest::bool::weighted(0.9)).prop_map(
            |(faces, x, y, attack, quality, there)| {
                let mut made = frame(0, [x, y], 0.0);
                made.faces = faces;
                if let Some(face) = made.traveller.as_mut() {
                    face.attack = attack;
                    face.quality = quality;
                }
                if !there {
                    made.traveller = None;
                }
                made
            },
        )
    }

    proptest! {
        #[test]
        fn frames_that_all_look_like_an_attack_are_never_alive(
            attacks in proptest::collection::vec(0.63f32..=1.0, 0..90)
        ) {
            let fusion = fusion(attacks.into_iter().zip(0..).map(|(a, n)| frame(n, HOLDER, a)));
            prop_assert_ne!(check(&fusion, CheckId::Liveness).0, CheckResult::Successful);
        }

        #[test]
        fn fewer_serving_frames_than_needed_are_never_enough(
            frames in proptest::collection::vec(any_frame(), 0..40)
        ) {
            let fusion = fusion(frames);
            if fusion.serving() < FaceRules::default().frames_needed {
                prop_assert!(fusion.checks().iter().all(|check| check.result != CheckResult::Successful));
            }
        }

        #[test]
        fn what_is_no_number_never_passes(
            bad in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(-0.5f32), Just(1.5f32)], count in 1u64..90
        ) {
            let scores = fusion((0..count).map(|n| frame(n, HOLDER, bad)));
            prop_assert!(scores.checks().iter().all(|check| check.result != CheckResult::Successful));
            let templates = fusion((0..count).map(|n| frame(n, [f32::NAN, bad], 0.0)));
            prop_assert!(templates.checks().iter().all(|check| check.result != CheckResult::Successful));
        }

        #[test]
        fn thresholds_that_are_no_number_let_nobody_pass(count in 1u64..20) {
            let rules = FaceRules {
                match_threshold: f32::NAN, attack_threshold: f32::NAN, frames_needed: 0, frames_most: 10,
            };
            let mut fusion = Fusion::new(rules);
            fusion.set_reference(Reference { template: template(HOLDER), eye_distance: 90.0 });
            (0..count).for_each(|n| fusion.add(frame(n, HOLDER, 0.0)));
            for id in [CheckId::Liveness, CheckId::FaceMatch] {
                prop_assert_ne!(check(&fusion, id).0, CheckResult::Successful);
            }
        }

        #[test]
        fn memory_is_bounded_and_every_row_of_frames_is_decided_at_the_bound(
            frames in proptest::collection::vec(any_frame(), 60..200)
        ) {
            let fusion = fusion(frames);
            prop_assert!(fusion.serving() <= FRAMES_KEPT && fusion.decided());
            prop_assert_eq!(fusion.checks().len(), 3);
        }
    }
}
