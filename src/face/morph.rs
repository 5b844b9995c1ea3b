//! Whether the chip's portrait may be a morph of two people: differential morphing attack detection, ISO/IEC 20059.
//!
//! In: the portrait's template and five points, and those of live frames. Out: a morph score in [0, 1], 0 bona fide,
//! and the check `Morph`, which the house's profile only records (*evaluatory*): the cue is weak, `models/cards/morph.md`
//! says how weak, and it must never refuse a traveller by itself. A morph is half somebody else: it is less like the
//! live face than a portrait of the holder, in the eyes of both embedders and in the places of the five points.
//! What was fitted is in `models/morph.toml`, with what it was fitted on.

use super::align::least_squares;
use super::{FaceError, FaceFinding, Manifest, Reference, Template};
use crate::check::{Check, CheckId, Reason};
use std::sync::LazyLock;

/// The fitted cue; a part of the program like the manifest of the models.
const SHIPPED: &str = include_str!("../../models/morph.toml");

/// What the cue looks at, in this order.
pub const FEATURES: [&str; 3] = ["first_embedder", "second_embedder", "geometry"];

/// Frames whose mean is taken before anything is said.
pub const FRAMES_LEAST: usize = 2;

/// One value of each of [`FEATURES`].
pub type Features = [f64; FEATURES.len()];

/// A logistic regression on [`FEATURES`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MorphCue {
    /// Score from which on a portrait is suspected.
    pub threshold: f32,
    /// Log odds of a morph where every feature has its mean.
    pub bias: f64,
    /// In the order of [`FEATURES`].
    pub feature: Vec<Weight>,
    /// What it was fitted on, for people.
    pub provenance: Provenance,
}

/// One feature's part.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// As in [`FEATURES`].
    pub name: String,
    /// Mean among what was fitted on.
    pub mean: f64,
    /// Standard deviation there.
    pub spread: f64,
    /// Log odds for one spread above the mean.
    pub weight: f64,
}

/// What a cue was fitted on.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Data and tool.
    pub data: String,
    /// People in the training half.
    pub people: usize,
    /// Pairs of bona fide portrait and live picture.
    pub bona_fide: usize,
    /// Pairs of morph and live picture of one of its two.
    pub morphs: usize,
    /// Part of the bona fide pairs that the threshold suspects.
    pub bona_fide_errors: f64,
}

impl MorphCue {
    /// The cue that this build carries.
    ///
    /// # Errors
    /// When `models/morph.toml` is not what [`FEATURES`] need.
    pub fn shipped() -> Result<&'static MorphCue, FaceError> {
        static CUE: LazyLock<Result<MorphCue, String>> = LazyLock::new(|| MorphCue::parse(SHIPPED));
        CUE.as_ref().map_err(|why| FaceError::Manifest(format!("models/morph.toml: {why}")))
    }

    /// Reads a cue, for engineers who try another; lanes take [`MorphCue::shipped`].
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<MorphCue, String> {
        let cue: MorphCue = toml::from_str(text).map_err(|e| e.to_string())?;
        let names = cue.feature.iter().map(|weight| weight.name.as_str());
        if !names.eq(FEATURES) {
            return Err(format!("the features must be {}", FEATURES.join(", ")));
        }
        let numbers = cue.feature.iter().flat_map(|weight| [weight.mean, weight.spread, weight.weight]);
        if !numbers.chain([cue.bias, f64::from(cue.threshold)]).all(f64::is_finite) {
            return Err("a number is not finite".to_owned());
        }
        Ok(cue)
    }

    /// Morph score of a portrait against one live face, in [0, 1].
    pub fn score(&self, features: &Features) -> f32 {
        let parts = self.feature.iter().zip(features);
        let odds: f64 = parts.map(|(w, value)| w.weight * (value - w.mean) / w.spread.max(1e-9)).sum();
        (1.0 / (1.0 + (-(self.bias + odds)).exp())) as f32
    }

    /// The check over the frames that liveness and comparison were told from: their mean score against the
    /// threshold. `None` for the portrait while none was read.
    pub fn check<'a>(
        &self,
        reference: Option<&Reference>,
        frames: impl Iterator<Item = &'a FaceFinding>,
    ) -> Check {
        let undecided = Check::undetermined(CheckId::Morph, Reason::MorphUndecided);
        let Some(reference) = reference else { return undecided };
        let each = |face: &FaceFinding| {
            let seen = (&face.template, &face.landmarks);
            features((&reference.template, &reference.landmarks), seen).map(|features| self.score(&features))
        };
        let Some(scores) = frames.map(each).collect::<Option<Vec<f32>>>() else { return undecided };
        let mean = scores.iter().sum::<f32>() / scores.len() as f32;
        if scores.len() < FRAMES_LEAST || !mean.is_finite() {
            undecided
        } else if mean >= self.threshold {
            Check::failed(CheckId::Morph, Reason::MorphSuspected)
                .with_detail(format!("morph score {mean:.2}"))
        } else {
            Check::successful(CheckId::Morph).with_detail(format!("morph score {mean:.2}"))
        }
    }
}

/// What tells a morph, from a portrait's and a live face's template and five points; `None` when something is not
/// finite or the points coincide.
pub fn features(
    (portrait, portrait_points): (&Template, &[[f32; 2]; 5]),
    (live, live_points): (&Template, &[[f32; 2]; 5]),
) -> Option<Features> {
    let [first, second] = cosines(portrait, live)?;
    let features = [first, second, geometry(portrait_points, live_points)?];
    features.iter().all(|value| value.is_finite()).then_some(features)
}

/// Similarity in the eyes of the first two embedders.
fn cosines(a: &Template, b: &Template) -> Option<[f64; 2]> {
    let manifest = Manifest::shipped().ok()?;
    let (a, b) = (a.parts(manifest)?, b.parts(manifest)?);
    let cosine = |place: usize| cosine(a.get(place)?, b.get(place)?);
    Some([cosine(0)?, cosine(1)?])
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && cosine.is_finite()).then_some(cosine)
}

/// Mean distance of the five points after the similarity that fits them best, in distances between the live eyes.
fn geometry(portrait: &[[f32; 2]; 5], live: &[[f32; 2]; 5]) -> Option<f64> {
    let fitted = least_squares(portrait, live)?;
    let away = |(p, q): (&[f32; 2], &[f32; 2])| {
        let [x, y] = fitted.apply(*p);
        f64::from((x - q[0]).hypot(y - q[1]))
    };
    let [right, left, ..] = live;
    let eyes = f64::from((right[0] - left[0]).hypot(right[1] - left[1]));
    let mean = portrait.iter().zip(live).map(away).sum::<f64>() / portrait.len() as f64 / eyes;
    mean.is_finite().then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckResult;
    use crate::face::Role;
    use proptest::prelude::*;

    const POINTS: [[f32; 2]; 5] = [[38.0, 52.0], [74.0, 52.0], [56.0, 72.0], [42.0, 92.0], [71.0, 92.0]];

    fn template(angle: f32) -> Template {
        let manifest = Manifest::shipped().unwrap();
        let mut values = Vec::new();
        for entry in manifest.of(Role::Embedder) {
            values.extend([angle.cos(), angle.sin()]);
            values.extend(vec![0.0; entry.output[0].length - 2]);
        }
        Template { values }
    }

    fn reference() -> Reference {
        Reference { template: template(0.0), eye_distance: 36.0, landmarks: POINTS }
    }

    fn face(angle: f32) -> FaceFinding {
        FaceFinding {
            bounds: [0.0; 4],
            landmarks: POINTS,
            score: 0.9,
            quality: vec![],
            measures: vec![],
            attack: Some(0.0),
            cues: vec![],
            template: template(angle),
        }
    }

    fn result(frames: &[FaceFinding]) -> CheckResult {
        MorphCue::shipped().unwrap().check(Some(&reference()), frames.iter()).result
    }

    #[test]
    fn the_shipped_cue_finds_a_portrait_suspicious_the_less_it_is_like_the_holder() {
        let cue = MorphCue::shipped().unwrap();
        assert!(cue.feature.iter().take(2).map(|weight| weight.weight).sum::<f64>() < 0.0);
        assert_eq!(result(&[face(0.0), face(0.1)]), CheckResult::Successful);
        assert_eq!(result(&[face(1.2), face(1.2)]), CheckResult::Failed);
    }

    #[test]
    fn too_few_frames_no_portrait_and_what_is_no_number_are_undetermined() {
        assert_eq!(result(&[]), CheckResult::Undetermined);
        assert_eq!(result(&[face(0.0)]), CheckResult::Undetermined);
        assert_eq!(result(&[face(0.0), face(f32::NAN)]), CheckResult::Undetermined);
        let no_portrait = MorphCue::shipped().unwrap().check(None, [face(0.0), face(0.0)].iter());
        assert_eq!(no_portrait.result, CheckResult::Undetermined);
    }

    #[test]
    fn points_that_a_similarity_brings_onto_each_other_have_the_same_geometry() {
        let turned = POINTS.map(|[x, y]| [3.0 * x - 2.0 * y + 7.0, 2.0 * x + 3.0 * y - 100.0]);
        assert!(geometry(&turned, &POINTS).unwrap() < 1e-4);
        let mut wider = POINTS;
        wider[3][1] += 9.0;
        assert!(geometry(&wider, &POINTS).unwrap() > 0.02);
        assert_eq!(geometry(&[[1.0; 2]; 5], &POINTS), None);
    }

    proptest! {
        #[test]
        fn the_score_is_between_zero_and_one_for_any_face(
            angle in proptest::num::f32::ANY,
            points in proptest::array::uniform5(proptest::array::uniform2(proptest::num::f32::ANY))
        ) {
            let (a, b) = (template(0.0), template(angle));
            if let Some(features) = features((&a, &POINTS), (&b, &points)) {
                let score = MorphCue::shipped().unwrap().score(&features);
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }
    }
}
