//! Light and detail of a face, from its pixels alone: exposure, contrast, sharpness, dark glasses.
//!
//! In: picture and face. Out: numbers for [`super::quality`]. Everything is measured in one grey square about eyes
//! and mouth, of the same size for every face, so that limits do not depend on the camera's resolution.

use super::FaceError;
use super::align::{Cutter, SMOOTH, Window, grey};
use super::detect::Face;
use image::RgbImage;

/// Side of the square in which light and detail are measured, pixels.
const SIDE: usize = 112;
/// That square's side in eye distances.
const SQUARE: f32 = 3.18;
/// Part of the square's side that is left out at each rim, where background shows.
const RIM: usize = 16;
/// Light and detail of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Light {
    /// Variance of the Laplacian.
    pub(super) detail: f32,
    /// Mean, 0 to 255.
    pub(super) brightness: f32,
    /// Standard deviation.
    pub(super) contrast: f32,
    /// Brightness about the lighter eye, part of that on the cheek below it.
    pub(super) eyes: f32,
}

/// Measures the square about eyes and mouth.
pub(super) fn light(cutter: &mut Cutter, picture: &RgbImage, face: &Face) -> Result<Light, FaceError> {
    let [right, left, _, mouth_right, mouth_left] = face.landmarks;
    let mean = |axis: usize| {
        let all = [right, left, mouth_right, mouth_left];
        all.iter().filter_map(|p| p.get(axis)).sum::<f32>() / 4.0
    };
    let side = f64::from(SQUARE * face.eye_distance());
    let window = Window::about(picture, [mean(0), mean(1)], side, side);
    let pixels = cutter.cut(picture, window, (SIDE as u32, SIDE as u32), SMOOTH)?;
    let square: Vec<f32> = pixels.iter().map(|pixel| grey(*pixel)).collect();
    let inside = |[x, y]: [f32; 2]| {
        let scale = |value: f32, start: f64, length: f64| {
            ((f64::from(value) - start) / length * SIDE as f64).clamp(0.0, SIDE as f64 - 1.0) as usize
        };
        [scale(x, window.left, window.width), scale(y, window.top, window.height)]
    };
    let (brightness, contrast) = spread(&square);
    Ok(Light {
        detail: detail(&square),
        brightness,
        contrast,
        eyes: eyes_against_cheeks(&square, inside(right), inside(left)),
    })
}

/// Mean and standard deviation, the rim left out.
fn spread(square: &[f32]) -> (f32, f32) {
    let rows = square.chunks_exact(SIDE).skip(RIM).take(SIDE - 2 * RIM);
    let inner = || rows.clone().flat_map(|row| row.iter().skip(RIM).take(SIDE - 2 * RIM));
    let count = inner().count().max(1) as f32;
    let mean = inner().sum::<f32>() / count;
    let variance = inner().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
    (mean, variance.sqrt())
}

/// Brightness about the eyes, part of that on the cheeks below; of the eye for which it is greater.
fn eyes_against_cheeks(square: &[f32], right: [usize; 2], left: [usize; 2]) -> f32 {
    // In the square the eyes are about 35 pixels apart; a cheek lies half that below its eye.
    let (half_width, half_height, below) = (8, 5, 17);
    let patch = |[x, y]: [usize; 2]| {
        let rows = square.chunks_exact(SIDE).skip(y.saturating_sub(half_height)).take(2 * half_height + 1);
        let values =
            rows.flat_map(|row| row.iter().skip(x.saturating_sub(half_width)).take(2 * half_width + 1));
        let (sum, count) = values.fold((0f32, 0f32), |(sum, count), v| (sum + v, count + 1.0));
        sum / count.max(1.0)
    };
    let ratio = |[x, y]: [usize; 2]| patch([x, y]) / patch([x, y + below]).max(1.0);
    ratio(right).max(ratio(left))
}

/// Variance of the Laplacian: how much fine detail a face holds.
fn detail(square: &[f32]) -> f32 {
    let at = |x: usize, y: usize| square.get(y * SIDE + x).copied().unwrap_or(0.0);
    let (mut sum, mut squares, mut count) = (0f32, 0f32, 0f32);
    for y in RIM..SIDE - RIM {
        for x in RIM..SIDE - RIM {
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

    #[test]
    fn one_colour_has_neither_detail_nor_contrast() {
        let square = vec![100.0; SIDE * SIDE];
        assert!(detail(&square) < 1e-3);
        assert_eq!(spread(&square), (100.0, 0.0));
    }

    #[test]
    fn dark_glasses_are_told_from_dark_skin() {
        let mut square = vec![60.0; SIDE * SIDE];
        assert!((eyes_against_cheeks(&square, [38, 45], [74, 45]) - 1.0).abs() < 1e-6);
        for row in square.chunks_exact_mut(SIDE).skip(38).take(14) {
            row.fill(10.0);
        }
        assert!(eyes_against_cheeks(&square, [38, 45], [74, 45]) < 0.30);
    }
}
