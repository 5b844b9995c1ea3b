use super::*;
use crate::face::{QualityFlaw, Template};
use proptest::prelude::*;

const HOLDER: [f32; 2] = [1.0, 0.0];
const OTHER: [f32; 2] = [0.0, 1.0];

fn template(direction: [f32; 2]) -> Template {
    Template { values: direction.to_vec() }
}

fn frame(sequence: u64, who: [f32; 2], attack: f32) -> FrameFindings {
    let face = FaceFinding {
        bounds: [0.0; 4],
        landmarks: [[0.0; 2]; 5],
        score: 0.9,
        quality: vec![],
        measures: vec![],
        attack: Some(attack),
        cues: vec![],
        template: template(who),
    };
    FrameFindings { sequence, faces: 1, traveller: Some(face) }
}

fn fusion(frames: impl IntoIterator<Item = FrameFindings>) -> Fusion {
    let mut fusion = Fusion::new(FaceRules::default());
    fusion.set_reference(Reference {
        template: template(HOLDER),
        eye_distance: 90.0,
        landmarks: [[0.0; 2]; 5],
    });
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
fn quite_another_person_fails_the_comparison_at_once() {
    let fusion = fusion((0..4).map(|n| frame(n, OTHER, 0.1)));
    assert_eq!(check(&fusion, CheckId::FaceMatch), (CheckResult::Failed, vec![Reason::FaceMismatch]));
    assert!(fusion.decided());
}

#[test]
fn evidence_near_the_threshold_is_asked_for_twice_the_frames_and_clear_evidence_is_not() {
    let threshold = FaceRules::default().match_threshold();
    let seen = |similarity: f32, frames: u64| {
        let who = [similarity, (1.0 - similarity * similarity).sqrt()];
        fusion((0..frames).map(|n| frame(n, who, 0.1)))
    };
    for near in [threshold - 0.03, threshold + 0.03] {
        assert!(!seen(near, 4).decided() && !seen(near, 7).decided() && seen(near, 8).decided());
    }
    assert!(seen(threshold + 0.06, 4).decided() && seen(threshold - 0.06, 4).decided());
    assert_eq!(check(&seen(threshold + 0.03, 8), CheckId::FaceMatch).0, CheckResult::Successful);
    assert_eq!(check(&seen(threshold - 0.03, 8), CheckId::FaceMatch).0, CheckResult::Failed);
}

#[test]
fn officers_read_how_many_strangers_would_score_as_high() {
    let fusion = fusion((0..4).map(|n| frame(n, HOLDER, 0.1)));
    let checks = fusion.checks();
    let detail = |id| checks.iter().find(|check| check.id == id).unwrap().detail.clone().unwrap();
    assert_eq!(detail(CheckId::FaceMatch), "fewer than one in 100,000 strangers would score as high");
    assert_eq!(detail(CheckId::Liveness), "attack score 0.10 over 4 frames, 0 of them at 0.50 or more");
}

#[test]
fn who_was_lost_sight_of_must_be_seen_again_before_anything_counts() {
    let mut fusion = fusion((0..4).map(|n| frame(n, HOLDER, 0.1)));
    assert_eq!(check(&fusion, CheckId::SinglePerson).0, CheckResult::Successful);
    let mut elsewhere = frame(4, OTHER, 0.1);
    if let Some(face) = elsewhere.traveller.as_mut() {
        face.bounds = [500.0, 0.0, 100.0, 100.0];
        face.quality = vec![QualityFlaw::Turned];
    }
    fusion.add(elsewhere);
    assert_eq!(check(&fusion, CheckId::SinglePerson).0, CheckResult::Undetermined);
    assert!(!fusion.decided());
    fusion.add(frame(5, HOLDER, 0.1));
    assert_eq!(check(&fusion, CheckId::SinglePerson).0, CheckResult::Successful);
    fusion.add(FrameFindings { sequence: 6, faces: 0, traveller: None });
    assert_eq!(check(&fusion, CheckId::SinglePerson).0, CheckResult::Undetermined);
}

#[test]
fn a_face_in_motion_does_not_serve() {
    let at = |n: u64, x: f32| {
        let mut made = frame(n, HOLDER, 0.1);
        if let Some(face) = made.traveller.as_mut() {
            face.bounds = [x, 0.0, 200.0, 200.0];
            face.landmarks = [[x + 60.0, 80.0], [x + 140.0, 80.0], [x; 2], [x; 2], [x; 2]];
        }
        made
    };
    assert_eq!(fusion([at(0, 100.0), at(1, 110.0), at(2, 210.0), at(3, 215.0)]).serving(), 3);
}

#[test]
fn a_further_sensor_that_sees_an_attack_is_believed() {
    let mut made: Vec<_> = (0..8).map(|n| frame(n, HOLDER, 0.0)).collect();
    for face in made.iter_mut().filter_map(|frame| frame.traveller.as_mut()) {
        face.cues = vec![crate::face::Cue { sensor: crate::face::Sensor::NearInfrared, attack: 0.9 }];
    }
    assert_eq!(check(&fusion(made), CheckId::Liveness).0, CheckResult::Failed);
}

#[test]
fn a_photograph_of_the_holder_fails_liveness() {
    let fusion = fusion((0..8).map(|n| frame(n, HOLDER, 0.95)));
    assert_eq!(check(&fusion, CheckId::Liveness), (CheckResult::Failed, vec![Reason::PresentationAttack]));
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
fn a_change_of_person_starts_anew_and_is_reported() {
    let people = [HOLDER, HOLDER, HOLDER, OTHER, OTHER, OTHER];
    let mut fusion = fusion(people.into_iter().zip(0..).map(|(who, n)| frame(n, who, 0.0)));
    assert_eq!(check(&fusion, CheckId::SinglePerson), (CheckResult::Failed, vec![Reason::PersonChanged]));
    assert_eq!((fusion.serving(), check(&fusion, CheckId::FaceMatch).0), (3, CheckResult::Undetermined));
    assert!(!fusion.decided());
    fusion.add(frame(6, OTHER, 0.0));
    assert_eq!(check(&fusion, CheckId::FaceMatch).0, CheckResult::Failed);
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
    fusion.set_reference(Reference {
        template: template(HOLDER),
        eye_distance: 90.0,
        landmarks: [[0.0; 2]; 5],
    });
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
    let attack =
        prop_oneof![4 => (0.0f32..1.0).prop_map(Some), 1 => proptest::option::of(proptest::num::f32::ANY)];
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
        attacks in proptest::collection::vec(0.5f32..=1.0, 0..90)
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
            false_match_rate: f64::NAN, bona_fide_error_rate: f64::NAN, frames_needed: 0, frames_most: 10,
        };
        let mut fusion = Fusion::new(rules);
        fusion.set_reference(Reference { template: template(HOLDER), eye_distance: 90.0, landmarks: [[0.0; 2]; 5] });
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
