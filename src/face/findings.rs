//! What pictures showed: the plain data that leaves the engine, is recorded, and is fused.

use super::{Measure, QualityFlaw, Template};

/// The chip's portrait, ready for comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What frames are compared with.
    pub template: Template,
    /// Distance between the eyes in the portrait, pixels.
    pub eye_distance: f32,
    /// Right eye, left eye, nose, right and left corner of the mouth, pixels of the portrait.
    pub landmarks: [[f32; 2]; 5],
}

/// What one camera frame showed. Coordinates are pixels of the frame.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FrameFindings {
    /// Number of the frame, rising.
    pub sequence: u64,
    /// Faces in view that are large enough to be persons in the cabin.
    pub faces: usize,
    /// The largest central face.
    pub traveller: Option<FaceFinding>,
}

/// The traveller's face in one frame.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FaceFinding {
    /// Left, top, width, height.
    pub bounds: [f32; 4],
    /// Right eye, left eye, nose, right and left corner of the mouth (the person's right).
    pub landmarks: [[f32; 2]; 5],
    /// Detector's score in [0, 1].
    pub score: f32,
    /// What of the quality demands is not met; empty when the frame serves.
    pub quality: Vec<QualityFlaw>,
    /// Every quality demand with value and limits, TR-03121-3.1 FM QA-FI-PRE.
    #[serde(default)]
    pub measures: Vec<Measure>,
    /// Attack score of the camera's picture in [0, 1], 0 bona fide; `None` when it was not computed.
    pub attack: Option<f32>,
    /// What further sensors say of the same face at the same moment.
    #[serde(default)]
    pub cues: Vec<Cue>,
    /// For comparison.
    pub template: Template,
}

impl FaceFinding {
    /// The gravest attack score of camera and further sensors, in [0, 1]; `None` when the camera's was omitted or
    /// any of them is no score.
    pub fn attack_score(&self) -> Option<f32> {
        let mut gravest = self.attack?;
        for score in self.cues.iter().map(|cue| cue.attack).chain([gravest]) {
            if !(0.0..=1.0).contains(&score) {
                return None;
            }
            gravest = gravest.max(score);
        }
        Some(gravest)
    }
}

/// What a sensor other than the camera says about presentation attacks.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cue {
    /// Which.
    pub sensor: Sensor,
    /// In [0, 1], 0 bona fide, on the scale of [`FaceFinding::attack`].
    pub attack: f32,
}

/// A sensor beside the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// Picture in near infrared.
    NearInfrared,
    /// Distances.
    Depth,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_witness_counts_and_one_that_says_nothing_sensible_spoils_all() {
        let face = |attack, cues: &[f32]| FaceFinding {
            bounds: [0.0; 4],
            landmarks: [[0.0; 2]; 5],
            score: 1.0,
            quality: vec![],
            measures: vec![],
            attack,
            cues: cues.iter().map(|&attack| Cue { sensor: Sensor::Depth, attack }).collect(),
            template: Template { values: vec![1.0] },
        };
        assert_eq!(face(Some(0.1), &[]).attack_score(), Some(0.1));
        assert_eq!(face(Some(0.1), &[0.0, 0.8]).attack_score(), Some(0.8));
        assert_eq!(face(None, &[0.0]).attack_score(), None);
        assert_eq!(face(Some(0.1), &[f32::NAN]).attack_score(), None);
        assert_eq!(face(Some(1.5), &[]).attack_score(), None);
    }
}
