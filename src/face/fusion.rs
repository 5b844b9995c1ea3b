//! From findings over frames to checks.
//!
//! In: findings of frames, in the order in which they were taken, and the reference when it is there. Out: the
//! checks `Liveness`, `FaceMatch` and the camera's half of `SinglePerson`. Pure: the same findings give the same
//! checks.
//!
//! A frame *serves* when it shows one face, at rest, without a quality flaw, with a finite attack score and template.
//! Liveness and comparison are told from the very same frames of one [`Track`], so that nobody can be alive in one
//! and the holder in another. When the person changed, `SinglePerson` fails whatever the present person's evidence
//! says. Fewer serving frames than needed never make a check successful.
//!
//! The comparison is a sequential test: it ends with the frames needed when their mean lies clear of the threshold,
//! and takes up to twice as many when it does not.

use super::morph::MorphCue;
use super::track::{FRAMES_KEPT, Track};
use super::{FaceFinding, FaceRules, FalseMatchRate, FrameFindings, Reference, compare};
use crate::check::{Check, CheckId, CheckResult, Reason};

/// Two faces in this many frames are two people; in one frame it may be the detector's error.
const SEVERAL_FACES_FRAMES: usize = 2;

/// Part of the serving frames that may look like an attack although the mean does not.
const ATTACKS_SHARE_MOST: f32 = 1.0 / 3.0;

/// A verdict that is not good or not clear waits for this many times the frames needed.
const PATIENCE: usize = 2;

/// The mean of n similarities lies clear of the threshold when it is farther away than this over the root of n:
/// twice the standard deviation of one person's similarity from picture to picture, .05 on LFW.
const CLEAR: f32 = 0.10;

/// Gathers findings of one person over frames.
#[derive(Debug, Clone)]
pub struct Fusion {
    rules: FaceRules,
    reference: Option<Reference>,
    track: Track,
    /// The best frame that does not serve, for the officer when none serves.
    fallback: Option<(u64, f32)>,
    frames: usize,
    frames_with_faces: usize,
    frames_with_several: usize,
}

impl Fusion {
    /// Nothing seen yet.
    pub fn new(rules: FaceRules) -> Self {
        Fusion {
            rules,
            reference: None,
            track: Track::default(),
            fallback: None,
            frames: 0,
            frames_with_faces: 0,
            frames_with_several: 0,
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
        let (sequence, score) = (findings.sequence, findings.traveller.as_ref().map(|face| face.score));
        if score.is_some() {
            self.frames_with_faces = self.frames_with_faces.saturating_add(1);
        }
        if self.track.follow(findings, self.rules.match_threshold()) {
            return;
        }
        let better = |score: &f32| score.is_finite() && self.fallback.is_none_or(|(_, best)| *score > best);
        if let Some(score) = score.filter(better) {
            self.fallback = Some((sequence, score));
        }
    }

    /// Whether more frames would not change the verdict, or the bound is reached. A good and clear verdict and a
    /// clear mismatch stand as soon as the frames needed have served; any other gets as many again.
    pub fn decided(&self) -> bool {
        let served = self.serving();
        let enough = served >= self.needed().saturating_mul(PATIENCE).min(FRAMES_KEPT);
        self.frames >= self.rules.frames_most
            || self.several_faces()
            || (self.reference.is_some()
                && self.track.in_sight()
                && (enough || (served >= self.needed() && self.settled())))
    }

    /// `Liveness`, `FaceMatch` and the camera's half of `SinglePerson`, as of now.
    pub fn checks(&self) -> Vec<Check> {
        vec![self.single_person(), self.liveness(), self.face_match()]
    }

    /// Whether the portrait may be a morph of two people, told from the same frames. Stands beside [`Fusion::checks`]:
    /// no verdict waits for it.
    pub fn morph(&self) -> Check {
        match MorphCue::shipped() {
            Ok(cue) => cue.check(self.reference.as_ref(), self.track.serving().map(|(_, face)| face)),
            Err(_) => Check::aborted(CheckId::Morph, Reason::FaceEngineFailed),
        }
    }

    /// Mean similarity of the serving frames to the reference, [-1, 1].
    pub fn similarity(&self) -> Option<f32> {
        let reference = self.reference.as_ref()?;
        self.mean(|face| compare(&reference.template, &face.template))
    }

    /// How many strangers would reach that similarity.
    pub fn false_match_rate(&self) -> Option<FalseMatchRate> {
        FalseMatchRate::of(self.similarity()?)
    }

    /// Mean attack score of the serving frames, [0, 1].
    pub fn attack(&self) -> Option<f32> {
        self.mean(|face| face.attack_score().unwrap_or(1.0))
    }

    /// Frames that serve, of those kept of the person in view.
    pub fn serving(&self) -> usize {
        self.track.serving().len()
    }

    /// The frame that the officer sees first: the serving one that the detector is surest of, else the surest.
    pub fn best_frame(&self) -> Option<u64> {
        let best = self.track.serving().max_by(|(_, a), (_, b)| a.score.total_cmp(&b.score));
        best.map(|(sequence, _)| *sequence).or(self.fallback.map(|(sequence, _)| sequence))
    }

    /// Whether the evidence is clear: all good, or the face of somebody else.
    fn settled(&self) -> bool {
        let Some(similarity) = self.similarity() else { return false };
        let threshold = self.rules.match_threshold();
        let clear = CLEAR / (self.serving().max(1) as f32).sqrt();
        let good = || self.checks().iter().all(|check| check.result == CheckResult::Successful);
        similarity <= threshold - clear || (similarity >= threshold + clear && good())
    }

    fn single_person(&self) -> Check {
        let id = CheckId::SinglePerson;
        if self.several_faces() {
            Check::failed(id, Reason::SeveralFaces)
        } else if self.track.changes() > 0 {
            Check::failed(id, Reason::PersonChanged).with_detail(format!(
                "the face changed {} times; the last one was compared",
                self.track.changes()
            ))
        } else if self.serving() < self.needed() || !self.track.in_sight() {
            Check::undetermined(id, self.too_little(Reason::FaceUndecided))
        } else {
            Check::successful(id)
        }
    }

    fn liveness(&self) -> Check {
        let id = CheckId::Liveness;
        let Some(attack) = self.attack().filter(|_| self.serving() >= self.needed()) else {
            return Check::undetermined(id, self.too_little(Reason::LivenessUndecided));
        };
        let threshold = self.rules.attack_threshold();
        let is_attack = |face: &FaceFinding| !face.attack_score().is_some_and(|score| score < threshold);
        let attacks = self.track.serving().filter(|(_, face)| is_attack(face)).count();
        let few = (attacks as f32) < ATTACKS_SHARE_MOST * self.serving() as f32;
        let check = if attack >= threshold {
            Check::failed(id, Reason::PresentationAttack)
        } else if attack < threshold && few {
            Check::successful(id)
        } else {
            Check::undetermined(id, Reason::LivenessUndecided)
        };
        check.with_detail(format!(
            "attack score {attack:.2} over {} frames, {attacks} of them at {threshold:.2} or more",
            self.serving()
        ))
    }

    fn face_match(&self) -> Check {
        let id = CheckId::FaceMatch;
        let Some(similarity) = self.similarity().filter(|_| self.serving() >= self.needed()) else {
            return Check::undetermined(id, self.too_little(Reason::FaceUndecided));
        };
        let check = if similarity >= self.rules.match_threshold() {
            Check::successful(id)
        } else {
            Check::failed(id, Reason::FaceMismatch)
        };
        match self.false_match_rate() {
            Some(rate) => check.with_detail(rate.to_string()),
            None => check,
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
        let sum: f32 = self.track.serving().map(|(_, face)| value(face)).sum();
        let mean = sum / self.serving() as f32;
        mean.is_finite().then_some(mean)
    }
}

#[cfg(test)]
mod tests;
