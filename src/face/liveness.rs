//! Whether the face is a living one: presentation attack detection, TR-03121-3.1 FM PAD-FI-APP.
//!
//! In: a picture and a face in it. Out: an attack score in [0, 1], 0 bona fide. It is one minus the mean of what
//! the networks at hand give for "live"; one network is always there, two more are used when their files are.
//! Each looks beyond the face, since the rim of a sheet or a screen tells most.

use super::FaceError;
use super::align::{Cutter, Order, PLAIN, Window, planes};
use super::detect::Face;
use super::models::Net;
use image::RgbImage;

/// How a network wants its crop.
#[derive(Debug, Clone, Copy)]
pub(super) enum Crop {
    /// A square of so many times the box's height, at most as large as the picture.
    Square(f32),
    /// The box's own shape, so many times as large, shrunk as a whole where the picture is too small.
    Box(f32),
}

/// One network with what it needs to know.
pub(super) struct Detector {
    pub(super) net: Net,
    pub(super) crop: Crop,
    /// Side of its input, pixels.
    pub(super) side: u32,
    /// Which of its three classes is "live".
    pub(super) live: usize,
}

/// Attack score of a face.
pub(super) fn attack(
    detectors: &mut [Detector],
    cutter: &mut Cutter,
    picture: &RgbImage,
    face: &Face,
) -> Result<f32, FaceError> {
    let mut live = 0f32;
    let count = detectors.len() as f32;
    for detector in detectors {
        let window = window(detector.crop, picture, face);
        let pixels = cutter.cut(picture, window, (detector.side, detector.side), PLAIN)?;
        planes(pixels, detector.net.input(), Order::Bgr, |_, value| value)?;
        detector.net.run()?;
        live += softmax(detector.net.output(0), detector.live)?;
    }
    let attack = 1.0 - live / count;
    if attack.is_finite() {
        Ok(attack.clamp(0.0, 1.0))
    } else {
        Err(FaceError::Output { model: "liveness".into(), what: "no score".into() })
    }
}

fn window(crop: Crop, picture: &RgbImage, face: &Face) -> Window {
    let [_, _, width, height] = face.bounds.map(f64::from);
    let (most_w, most_h) = (f64::from(picture.width()), f64::from(picture.height()));
    match crop {
        Crop::Square(times) => {
            let side = (height * f64::from(times)).min(most_w).min(most_h);
            Window::about(picture, face.centre(), side, side)
        }
        Crop::Box(times) => {
            let times = f64::from(times).min(most_w / width.max(1.0)).min(most_h / height.max(1.0));
            Window::about(picture, face.centre(), width * times, height * times)
        }
    }
}

/// The share of one class among logits.
fn softmax(logits: &[f32], class: usize) -> Result<f32, FaceError> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|v| (v - top).exp()).sum();
    match logits.get(class) {
        Some(value) => Ok((value - top).exp() / sum),
        None => Err(FaceError::Output { model: "liveness".into(), what: "too few classes".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(bounds: [f32; 4]) -> Face {
        Face { bounds, landmarks: [[0.0; 2]; 5], score: 1.0 }
    }

    #[test]
    fn the_square_is_shifted_to_stay_inside_and_never_larger_than_the_picture() {
        let picture = RgbImage::new(400, 600);
        let near_rim = window(Crop::Square(2.7), &picture, &face([0.0, 0.0, 80.0, 100.0]));
        assert!((near_rim.width - 270.0).abs() < 1e-3 && near_rim.left == 0.0 && near_rim.top == 0.0);
        let large = window(Crop::Square(2.7), &picture, &face([0.0, 0.0, 300.0, 400.0]));
        assert_eq!((large.width, large.height), (400.0, 400.0));
    }

    #[test]
    fn the_box_keeps_its_shape_when_the_picture_is_too_small() {
        let picture = RgbImage::new(400, 600);
        let shrunk = window(Crop::Box(4.0), &picture, &face([100.0, 100.0, 200.0, 250.0]));
        assert!((shrunk.width / shrunk.height - 0.8).abs() < 1e-6);
    }

    #[test]
    fn softmax_of_large_logits_stays_finite() {
        assert!((softmax(&[1000.0, 0.0, -1000.0], 0).unwrap() - 1.0).abs() < 1e-6);
        assert!(softmax(&[], 0).is_err());
    }
}
