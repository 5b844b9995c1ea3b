//! Whether the face is a living one: presentation attack detection, TR-03121-3.1 FM PAD-FI-APP, ISO/IEC 30107-3.
//!
//! In: a picture and a face in it. Out: an attack score in [0, 1], 0 bona fide. Each network looks beyond the face,
//! since the rim of a sheet or a screen tells most, and at the mirrored face, too. Their log odds of "live" are
//! averaged, which a mean of probabilities that are all near 0 or 1 would not do justice, and the manifest says
//! which odds mean which score for the networks at hand. Nothing here knows of the comparison.
//!
//! Further sensors (near infrared, depth) come in beside it, as [`super::Cue`]s of the same face.

use super::FaceError;
use super::align::Cutter;
use super::detect::Face;
use super::manifest::LivenessSet;
use super::runtime::Net;
use image::RgbImage;

/// A network that tells classes of presentations.
pub(super) struct Network {
    pub(super) net: Net,
    /// Which of its classes is "live".
    pub(super) live: usize,
}

impl Network {
    /// Log odds that the face is alive, finite; higher is more alive.
    fn odds(&mut self, cutter: &mut Cutter, picture: &RgbImage, face: &Face) -> Result<f32, FaceError> {
        let mirrored: &[bool] = if self.net.feed().0.flip { &[false, true] } else { &[false] };
        let mut sum = 0.0;
        for &turn in mirrored {
            cutter.show(&mut self.net, picture, face.bounds, turn)?;
            self.net.run()?;
            sum += log_odds(self.net.output(0), self.live).ok_or_else(|| FaceError::Output {
                model: self.net.name().into(),
                what: "too few classes".into(),
            })?;
        }
        Ok(sum / mirrored.len() as f32)
    }
}

/// The networks at hand and how their mean becomes a score.
pub(super) struct Liveness {
    pub(super) networks: Vec<Network>,
    pub(super) set: LivenessSet,
}

impl Liveness {
    /// Attack score of a face.
    pub(super) fn attack(
        &mut self,
        cutter: &mut Cutter,
        picture: &RgbImage,
        face: &Face,
    ) -> Result<f32, FaceError> {
        let count = self.networks.len() as f32;
        let mut sum = 0.0;
        for network in &mut self.networks {
            sum += network.odds(cutter, picture, face)?;
        }
        score(sum / count, &self.set)
            .ok_or_else(|| FaceError::Output { model: "liveness".into(), what: "no score".into() })
    }
}

/// Attack score of mean log odds, finite and in [0, 1].
fn score(odds: f32, set: &LivenessSet) -> Option<f32> {
    let score = 0.5 + (set.middle - odds) / set.spread;
    score.is_finite().then(|| score.clamp(0.0, 1.0))
}

/// ln(p / (1 - p)) of a class under softmax, without ever leaving the logarithm. `None` with fewer than two
/// classes.
fn log_odds(logits: &[f32], class: usize) -> Option<f32> {
    let chosen = *logits.get(class)?;
    let others = || logits.iter().enumerate().filter(|&(place, _)| place != class).map(|(_, v)| *v);
    let top = others().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = others().map(|v| (v - top).exp()).sum();
    Some(chosen - top - sum.ln()).filter(|odds| odds.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::manifest::Manifest;

    #[test]
    fn log_odds_are_those_of_the_softmax_and_stay_finite() {
        let odds = log_odds(&[1.0, 2.0, 0.5], 0).unwrap();
        let p = 1f32.exp() / (1f32.exp() + 2f32.exp() + 0.5f32.exp());
        assert!((odds - (p / (1.0 - p)).ln()).abs() < 1e-5);
        assert!(log_odds(&[1000.0, 0.0, -1000.0], 0).unwrap() > 900.0);
        assert_eq!((log_odds(&[], 0), log_odds(&[1.0], 0), log_odds(&[1.0, 2.0], 5)), (None, None, None));
    }

    #[test]
    fn a_score_has_many_steps_and_falls_as_the_odds_rise() {
        for set in &Manifest::shipped().unwrap().liveness.set {
            let scores: Vec<f32> = (-12..=12).map(|odds| score(odds as f32, set).unwrap()).collect();
            assert!(scores.windows(2).all(|pair| pair[1] <= pair[0]));
            assert!(scores.windows(2).filter(|pair| pair[1] < pair[0]).count() >= 10);
            assert_eq!(score(set.middle, set), Some(0.5));
            assert_eq!(score(f32::NAN, set), None);
        }
    }
}
