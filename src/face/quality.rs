//! Whether a picture of a face serves, TR-03121-3.1 FM QA-FI-PRE: what a prompt can ask the traveller to mend.
//!
//! In: picture and face. Out: one [`Measure`] for each demand, with value and limits. A demand that is not met keeps
//! a frame from being compared; it is never evidence against the traveller. On what the limits were set, and how
//! often they are wrong, is in `models/cards/quality.md`.

use super::FaceError;
use super::align::Cutter;
use super::detect::Face;
use super::light::light;
use super::runtime::Net;
use image::RgbImage;

/// Bins for each angle of the pose network.
pub(super) const POSE_BINS: usize = 66;
/// Points of the landmark network.
pub(super) const POINTS: usize = 68;
/// Classes of the eye network: closed, open.
pub(super) const EYE_CLASSES: usize = 2;

/// Width of an eye in eye distances, where the detector's points stand in for its corners.
const EYE_WIDTH: f32 = 0.45;

/// What is demanded of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Distance between the eyes, pixels.
    EyeDistance,
    /// Height of the face, part of the picture's.
    FaceHeight,
    /// Distance of the face from the picture's middle, part of its side; 1 for a face that the rim cuts.
    Position,
    /// Variance of the Laplacian.
    Sharpness,
    /// Mean brightness of the face, 0 to 255.
    Exposure,
    /// Standard deviation of the face's brightness.
    Contrast,
    /// Turn to a side, degrees.
    Yaw,
    /// Up or down, degrees.
    Pitch,
    /// Towards a shoulder, degrees.
    Roll,
    /// Probability that both eyes are closed.
    EyesClosed,
    /// Gap between the lips, part of the mouth's width.
    MouthOpen,
    /// Brightness of the eyes' surroundings, part of the cheeks': low behind sunglasses.
    EyesVisible,
    /// The detector's score: low when a mask or a hand hides part of the face.
    FaceVisible,
    /// Contrast of the mouth against the brightness of the nose's root: low behind a cloth or a palm.
    MouthVisible,
    /// How far the colour about the mouth lies from that about the nose's root: far with most masks.
    MaskColour,
}

/// What a prompt can ask the traveller to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityFlaw {
    /// Eyes too near to each other in the picture.
    TooFar,
    /// Face larger than the picture can hold.
    TooNear,
    /// Face at the rim of the picture.
    OffCentre,
    /// Too little detail.
    Blurred,
    /// Too dark.
    TooDark,
    /// Too bright, or without contrast.
    TooBright,
    /// Head turned away.
    Turned,
    /// Something hides part of the face.
    Covered,
    /// Both eyes closed.
    EyesClosed,
    /// Mouth open.
    MouthOpen,
}

/// One demand: what was found, and between which limits it should lie.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measure {
    /// What was measured.
    pub aspect: Aspect,
    /// What was found, in the aspect's unit.
    pub value: f32,
    /// Not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f32>,
    /// Not more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f32>,
    /// Whether the demand is met; never for what is no number.
    pub ok: bool,
}

impl Measure {
    fn new(aspect: Aspect, value: f32) -> Measure {
        let (least, most) = aspect.limits();
        let ok = value.is_finite() && least.is_none_or(|l| value >= l) && most.is_none_or(|m| value <= m);
        Measure { aspect, value, least, most, ok }
    }

    /// What the traveller can mend, when the demand is not met.
    fn flaw(&self) -> Option<QualityFlaw> {
        let too_low = self.least.is_some_and(|least| self.value < least);
        let flaw = match self.aspect {
            Aspect::EyeDistance => QualityFlaw::TooFar,
            Aspect::FaceHeight => QualityFlaw::TooNear,
            Aspect::Position => QualityFlaw::OffCentre,
            Aspect::Sharpness => QualityFlaw::Blurred,
            Aspect::Exposure if too_low => QualityFlaw::TooDark,
            Aspect::Exposure | Aspect::Contrast => QualityFlaw::TooBright,
            Aspect::Yaw | Aspect::Pitch | Aspect::Roll => QualityFlaw::Turned,
            Aspect::EyesClosed => QualityFlaw::EyesClosed,
            Aspect::MouthOpen => QualityFlaw::MouthOpen,
            Aspect::EyesVisible | Aspect::FaceVisible | Aspect::MouthVisible | Aspect::MaskColour => {
                QualityFlaw::Covered
            }
        };
        (!self.ok).then_some(flaw)
    }
}

impl Aspect {
    /// Least and most.
    fn limits(self) -> (Option<f32>, Option<f32>) {
        match self {
            // The embedders see a face whose eyes are 35 pixels apart; liveness needs finer detail.
            Aspect::EyeDistance => (Some(50.0), None),
            Aspect::FaceHeight => (None, Some(0.70)),
            Aspect::Position => (None, Some(0.32)),
            Aspect::Sharpness => (Some(28.0), None),
            Aspect::Exposure => (Some(45.0), Some(215.0)),
            Aspect::Contrast => (Some(14.0), None),
            Aspect::Yaw => (Some(-30.0), Some(30.0)),
            Aspect::Pitch | Aspect::Roll => (Some(-25.0), Some(25.0)),
            Aspect::EyesClosed => (None, Some(0.8)),
            Aspect::MouthOpen => (None, Some(0.35)),
            Aspect::EyesVisible => (Some(0.30), None),
            Aspect::FaceVisible => (Some(0.90), None),
            Aspect::MouthVisible => (Some(0.072), None),
            Aspect::MaskColour => (None, Some(0.11)),
        }
    }
}

/// What is not good enough, each once, in the order in which prompts should ask for it.
pub(super) fn flaws(measures: &[Measure]) -> Vec<QualityFlaw> {
    let mut found = Vec::new();
    for flaw in measures.iter().filter_map(Measure::flaw) {
        if !found.contains(&flaw) {
            found.push(flaw);
        }
    }
    found
}

/// The networks that look at quality.
pub(super) struct Examiner {
    pub(super) pose: Net,
    pub(super) landmarks: Net,
    pub(super) eye: Net,
}

impl Examiner {
    /// Each network with how often a face needs it.
    pub(super) fn nets(&mut self) -> [(&mut Net, usize); 3] {
        [(&mut self.pose, 1), (&mut self.landmarks, 1), (&mut self.eye, 4)]
    }

    /// Every measure of a face.
    pub(super) fn measures(
        &mut self,
        cutter: &mut Cutter,
        picture: &RgbImage,
        face: &Face,
    ) -> Result<Vec<Measure>, FaceError> {
        let [yaw, pitch, roll] = self.pose(cutter, picture, face)?;
        let points = self.points(cutter, picture, face)?;
        let closed = self.eyes_closed(cutter, picture, face, &points)?;
        let light = light(cutter, picture, face)?;
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let [_, _, face_width, face_height] = face.bounds;
        let found = [
            (Aspect::EyeDistance, face.eye_distance()),
            (Aspect::FaceHeight, (face_height / height).max(0.7 * face_width / width)),
            (Aspect::Position, off_centre(face, width, height)),
            (Aspect::FaceVisible, face.score),
            (Aspect::EyesVisible, light.eyes),
            (Aspect::MouthVisible, light.mouth),
            (Aspect::MaskColour, light.colour),
            (Aspect::Sharpness, light.detail),
            (Aspect::Exposure, light.brightness),
            (Aspect::Contrast, light.contrast),
            (Aspect::Yaw, yaw),
            (Aspect::Pitch, pitch),
            (Aspect::Roll, roll),
            (Aspect::EyesClosed, closed),
            (Aspect::MouthOpen, mouth_open(&points)),
        ];
        Ok(found.into_iter().map(|(aspect, value)| Measure::new(aspect, value)).collect())
    }

    /// Yaw, pitch, roll in degrees.
    fn pose(&mut self, cutter: &mut Cutter, picture: &RgbImage, face: &Face) -> Result<[f32; 3], FaceError> {
        cutter.show(&mut self.pose, picture, face.bounds, false)?;
        self.pose.run()?;
        Ok([0, 1, 2].map(|place| angle(self.pose.output(place))))
    }

    /// Sixty-eight points, pixels of the picture.
    pub(super) fn points(
        &mut self,
        cutter: &mut Cutter,
        picture: &RgbImage,
        face: &Face,
    ) -> Result<[[f32; 2]; POINTS], FaceError> {
        let window = cutter.show(&mut self.landmarks, picture, face.bounds, false)?;
        self.landmarks.run()?;
        let mut points = [[0f32; 2]; POINTS];
        for (point, found) in points.iter_mut().zip(self.landmarks.output(0).as_chunks::<2>().0) {
            *point = window.point(*found);
        }
        Ok(points)
    }

    /// Probability that both eyes are closed. Each eye is looked at where the landmarks have it and where the
    /// detector has it: an eye that is open in one of the two is open.
    fn eyes_closed(
        &mut self,
        cutter: &mut Cutter,
        picture: &RgbImage,
        face: &Face,
        points: &[[f32; 2]; POINTS],
    ) -> Result<f32, FaceError> {
        let [right, left, ..] = face.landmarks;
        let wide = EYE_WIDTH * face.eye_distance();
        let square = |[x, y]: [f32; 2], side: f32| [x - side / 2.0, y - side / 2.0, side, side];
        let mut least = 1f32;
        for place in [eye(points, 36), eye(points, 42), (right, wide), (left, wide)] {
            let (centre, width) = place;
            cutter.show(&mut self.eye, picture, square(centre, width), false)?;
            self.eye.run()?;
            least = least.min(closed(self.eye.output(0)));
        }
        Ok(least)
    }
}

/// Middle of an eye's lids and distance of its corners, from the six points that begin at `first`.
fn eye(points: &[[f32; 2]; POINTS], first: usize) -> ([f32; 2], f32) {
    let at = |offset: usize| points.get(first + offset).copied().unwrap_or_default();
    let lids = [1, 2, 4, 5].map(at);
    let mean = |axis: usize| lids.iter().filter_map(|p| p.get(axis)).sum::<f32>() / 4.0;
    ([mean(0), mean(1)], distance(at(0), at(3)))
}

/// Inner gap between the lips, part of the distance between the corners of the mouth.
fn mouth_open(points: &[[f32; 2]; POINTS]) -> f32 {
    let [.., right, _, _, _, _, _, left, _, _, _, _, _, _, _, upper, _, _, _, lower, _] = *points;
    distance(upper, lower) / distance(right, left)
}

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Share of the class "closed".
fn closed(logits: &[f32]) -> f32 {
    match logits {
        [closed, open] => 1.0 / (1.0 + (open - closed).exp()),
        _ => f32::NAN,
    }
}

/// The expected angle over bins of three degrees from -99.
fn angle(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0f32, 0f32);
    for (bin, logit) in logits.iter().enumerate() {
        let share = (logit - top).exp();
        sum += share;
        weighted += share * bin as f32;
    }
    weighted / sum * 3.0 - 99.0
}

fn off_centre(face: &Face, width: f32, height: f32) -> f32 {
    let [x, y, w, h] = face.bounds;
    let [cx, cy] = face.centre();
    if x < 0.0 || y < 0.0 || x + w > width || y + h > height {
        return 1.0;
    }
    (cx / width - 0.5).abs().max((cy / height - 0.5).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws_of(aspect: Aspect, value: f32) -> Vec<QualityFlaw> {
        flaws(&[Measure::new(aspect, value)])
    }

    #[test]
    fn each_demand_has_its_flaw_and_what_is_no_number_meets_none() {
        for (aspect, good, bad, flaw) in [
            (Aspect::EyeDistance, 90.0, 20.0, QualityFlaw::TooFar),
            (Aspect::FaceHeight, 0.3, 0.9, QualityFlaw::TooNear),
            (Aspect::Position, 0.1, 0.5, QualityFlaw::OffCentre),
            (Aspect::Sharpness, 300.0, 1.0, QualityFlaw::Blurred),
            (Aspect::Exposure, 120.0, 10.0, QualityFlaw::TooDark),
            (Aspect::Exposure, 120.0, 250.0, QualityFlaw::TooBright),
            (Aspect::Contrast, 40.0, 2.0, QualityFlaw::TooBright),
            (Aspect::Yaw, 3.0, -50.0, QualityFlaw::Turned),
            (Aspect::Pitch, -4.0, 40.0, QualityFlaw::Turned),
            (Aspect::Roll, 1.0, 60.0, QualityFlaw::Turned),
            (Aspect::EyesClosed, 0.1, 0.99, QualityFlaw::EyesClosed),
            (Aspect::MouthOpen, 0.1, 0.6, QualityFlaw::MouthOpen),
            (Aspect::EyesVisible, 0.8, 0.1, QualityFlaw::Covered),
            (Aspect::FaceVisible, 0.94, 0.7, QualityFlaw::Covered),
            (Aspect::MouthVisible, 0.2, 0.02, QualityFlaw::Covered),
            (Aspect::MaskColour, 0.02, 0.3, QualityFlaw::Covered),
        ] {
            assert_eq!(flaws_of(aspect, good), []);
            assert_eq!(flaws_of(aspect, bad), [flaw], "{aspect:?}");
            assert!(!flaws_of(aspect, f32::NAN).is_empty(), "{aspect:?}");
        }
    }

    #[test]
    fn a_face_that_the_rim_cuts_is_off_centre() {
        let face = |bounds| Face { bounds, landmarks: [[0.0; 2]; 5], score: 0.9 };
        assert!(off_centre(&face([260.0, 500.0, 200.0, 260.0]), 720.0, 1280.0) < 0.1);
        assert_eq!(off_centre(&face([-10.0, 500.0, 200.0, 260.0]), 720.0, 1280.0), 1.0);
    }

    #[test]
    fn the_angle_is_the_middle_of_the_bins_that_the_network_means() {
        let mut logits = vec![-50.0; POSE_BINS];
        logits[43] = 50.0;
        assert!((angle(&logits) - 30.0).abs() < 1e-3);
    }

    #[test]
    fn lips_apart_are_an_open_mouth() {
        let mut points = [[0.0; 2]; POINTS];
        (points[48], points[54]) = ([0.0, 0.0], [100.0, 0.0]);
        (points[62], points[66]) = ([50.0, -20.0], [50.0, 30.0]);
        assert!((mouth_open(&points) - 0.5).abs() < 1e-6);
    }
}
