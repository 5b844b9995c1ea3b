//! Whether a picture of a face serves, TR-03121-3.1 FM QA-FI-PRE: what a prompt can ask the traveller to mend.
//!
//! In: picture, face, aligned face, pose. Out: the flaws, none when the picture serves. A flaw keeps a frame from
//! being compared; it is never evidence against the traveller.

use super::FaceError;
use super::align::{ALIGNED, Cutter, Order, PLAIN, Window, planes};
use super::detect::Face;
use super::models::Net;
use image::RgbImage;

/// Eyes nearer to each other than this many pixels: too far. Both embedders see a face whose eyes are 35 pixels
/// apart, liveness needs finer detail.
const EYE_DISTANCE_LEAST: f32 = 50.0;
/// Face higher than this part of the picture: too near.
const FACE_HEIGHT_MOST: f32 = 0.70;
/// Face's centre farther than this part of the width or height from the middle: off centre.
const OFF_CENTRE_MOST: f32 = 0.32;
/// Variance of the aligned face's Laplacian under this: blurred.
const DETAIL_LEAST: f32 = 40.0;
/// Mean brightness of the aligned face under this, of 255: too dark.
const BRIGHTNESS_LEAST: f32 = 45.0;
/// And over this: too bright.
const BRIGHTNESS_MOST: f32 = 215.0;
/// Yaw beyond this, degrees: turned.
const YAW_MOST: f32 = 30.0;
/// Pitch beyond this, degrees.
const PITCH_MOST: f32 = 25.0;
/// Roll beyond this, degrees.
const ROLL_MOST: f32 = 25.0;

/// Side of the pose network's input, pixels.
pub(super) const POSE_SIDE: u32 = 224;
/// Bins for each angle.
pub(super) const POSE_BINS: usize = 66;
/// Mean and spread of red, green, blue that the pose network was trained with.
const POSE_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const POSE_SPREAD: [f32; 3] = [0.229, 0.224, 0.225];

/// What a prompt can ask the traveller to mend, TR-03121-3.1 FM QA-FI-PRE.
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
    /// Too bright.
    TooBright,
    /// Head turned away.
    Turned,
}

/// How the head is turned, degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// To the side.
    pub yaw: f32,
    /// Up and down.
    pub pitch: f32,
    /// Towards a shoulder.
    pub roll: f32,
}

/// Numbers behind the flaws, for engineers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityNumbers {
    /// Between the eyes, pixels.
    pub eye_distance: f32,
    /// Variance of the Laplacian of the aligned face.
    pub detail: f32,
    /// Mean brightness of the aligned face, 0 to 255.
    pub brightness: f32,
    /// Of the head.
    pub pose: Pose,
}

/// Pose of a face.
pub(super) fn pose(
    net: &mut Net,
    cutter: &mut Cutter,
    picture: &RgbImage,
    face: &Face,
) -> Result<Pose, FaceError> {
    let [_, _, width, height] = face.bounds;
    let side = f64::from(width.max(height)).min(f64::from(picture.width().min(picture.height())));
    let window = Window::about(picture, face.centre(), side, side);
    let pixels = cutter.cut(picture, window, (POSE_SIDE, POSE_SIDE), PLAIN)?;
    let mean_spread = |channel: usize| {
        let mean = POSE_MEAN.get(channel).copied().unwrap_or(0.5);
        (mean, POSE_SPREAD.get(channel).copied().unwrap_or(1.0))
    };
    planes(pixels, net.input(), Order::Rgb, |channel, value| {
        let (mean, spread) = mean_spread(channel);
        (value / 255.0 - mean) / spread
    })?;
    net.run()?;
    Ok(Pose { yaw: angle(net.output(0)), pitch: angle(net.output(1)), roll: angle(net.output(2)) })
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

/// The numbers that flaws are told from.
pub(super) fn numbers(face: &Face, aligned: &[[f32; 3]], pose: Pose) -> QualityNumbers {
    let grey: Vec<f32> = aligned.iter().map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b).collect();
    let brightness = grey.iter().sum::<f32>() / grey.len().max(1) as f32;
    QualityNumbers { eye_distance: face.eye_distance(), detail: detail(&grey), brightness, pose }
}

/// What is not good enough.
pub(super) fn flaws(picture: &RgbImage, face: &Face, found: &QualityNumbers) -> Vec<QualityFlaw> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let [x, y, w, h] = face.bounds;
    let [cx, cy] = face.centre();
    let off = ((cx / width - 0.5).abs()).max((cy / height - 0.5).abs());
    let at_rim = x < 0.0 || y < 0.0 || x + w > width || y + h > height;
    // Asked for the good side, so that what is no number counts as a flaw.
    let reaches = |value: f32, least: f32| value >= least;
    let turned = |angle: f32, most: f32| !reaches(most, angle.abs());
    let tests = [
        (QualityFlaw::TooFar, !reaches(found.eye_distance, EYE_DISTANCE_LEAST)),
        (QualityFlaw::TooNear, h > FACE_HEIGHT_MOST * height || w > width),
        (QualityFlaw::OffCentre, off > OFF_CENTRE_MOST || at_rim),
        (QualityFlaw::Blurred, !reaches(found.detail, DETAIL_LEAST)),
        (QualityFlaw::TooDark, !reaches(found.brightness, BRIGHTNESS_LEAST)),
        (QualityFlaw::TooBright, !reaches(BRIGHTNESS_MOST, found.brightness)),
        (
            QualityFlaw::Turned,
            turned(found.pose.yaw, YAW_MOST)
                || turned(found.pose.pitch, PITCH_MOST)
                || turned(found.pose.roll, ROLL_MOST),
        ),
    ];
    tests.into_iter().filter_map(|(flaw, there)| there.then_some(flaw)).collect()
}

/// Variance of the Laplacian: how much fine detail an aligned face holds.
fn detail(grey: &[f32]) -> f32 {
    let at = |x: usize, y: usize| grey.get(y * ALIGNED + x).copied().unwrap_or(0.0);
    let (mut sum, mut squares, mut count) = (0f32, 0f32, 0f32);
    // The rim is left out: there the aligned face may hold black from outside the picture.
    for y in 16..ALIGNED - 16 {
        for x in 16..ALIGNED - 16 {
            let value = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y);
            sum += value;
            squares += value * value;
            count += 1.0;
        }
    }
    squares / count - (sum / count) * (sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> (RgbImage, Face, QualityNumbers) {
        let face = Face {
            bounds: [260.0, 500.0, 200.0, 260.0],
            landmarks: [[310.0, 600.0], [410.0, 600.0], [360.0, 650.0], [320.0, 700.0], [400.0, 700.0]],
            score: 0.9,
        };
        let pose = Pose { yaw: 3.0, pitch: -4.0, roll: 1.0 };
        let found =
            QualityNumbers { eye_distance: face.eye_distance(), detail: 300.0, brightness: 120.0, pose };
        (RgbImage::new(720, 1280), face, found)
    }

    #[test]
    fn a_good_face_has_no_flaw() {
        let (picture, face, found) = good();
        assert_eq!(flaws(&picture, &face, &found), []);
    }

    #[test]
    fn each_flaw_is_named() {
        let (picture, face, found) = good();
        let with = |change: fn(&mut QualityNumbers)| {
            let mut changed = found;
            change(&mut changed);
            flaws(&picture, &face, &changed)
        };
        assert_eq!(with(|n| n.eye_distance = 20.0), [QualityFlaw::TooFar]);
        assert_eq!(with(|n| n.detail = 1.0), [QualityFlaw::Blurred]);
        assert_eq!(with(|n| n.brightness = 10.0), [QualityFlaw::TooDark]);
        assert_eq!(with(|n| n.brightness = 250.0), [QualityFlaw::TooBright]);
        assert_eq!(with(|n| n.pose.yaw = -50.0), [QualityFlaw::Turned]);
        assert_eq!(with(|n| n.pose.roll = f32::NAN), [QualityFlaw::Turned]);
    }

    #[test]
    fn a_face_at_the_rim_is_off_centre_and_a_huge_one_too_near() {
        let (picture, mut face, found) = good();
        face.bounds[0] = -10.0;
        assert_eq!(flaws(&picture, &face, &found), [QualityFlaw::OffCentre]);
        face.bounds = [10.0, 100.0, 700.0, 1000.0];
        assert_eq!(flaws(&picture, &face, &found), [QualityFlaw::TooNear]);
    }

    #[test]
    fn one_colour_has_no_detail() {
        assert!(detail(&vec![100.0; ALIGNED * ALIGNED]) < 1e-3);
    }

    #[test]
    fn the_angle_is_the_middle_of_the_bins_that_the_network_means() {
        let mut logits = vec![-50.0; POSE_BINS];
        logits[43] = 50.0;
        assert!((angle(&logits) - 30.0).abs() < 1e-3);
    }
}
