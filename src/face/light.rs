//! Light and detail of a face, from its pixels alone: exposure, contrast, sharpness, dark glasses, covered mouths.
//!
//! In: picture and face. Out: numbers for [`super::quality`]. Everything is measured in one square about eyes and
//! mouth, of the same size for every face, so that limits do not depend on the camera's resolution.

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
    /// Standard deviation of the mouth's brightness, part of the mean about the nose's root: lips and the gap between
    /// them make it, a cloth or a palm does not.
    pub(super) mouth: f32,
    /// How far the colours about nose's root and mouth lie apart, in shares of red and of blue: skin is skin, a mask
    /// mostly of another colour. 0 in a grey picture.
    pub(super) colour: f32,
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
    let (eyes, lips) = (inside(middle(right, left)), inside(middle(mouth_right, mouth_left)));
    let about = |places: &[Patch], [x, y]: [usize; 2]| within(pixels, places, [x as isize, y as isize]);
    let (root, below, mouth) = (about(&ROOT, eyes), about(&BELOW, lips), about(&MOUTH, lips));
    Ok(Light {
        mouth: mouth.contrast / root.brightness,
        colour: (root.red - below.red).hypot(root.blue - below.blue),
        detail: detail(&square),
        brightness,
        contrast,
        eyes: eyes_against_cheeks(&square, inside(right), inside(left)),
    })
}

/// Left, top, right, bottom from a face's mark, pixels of the square; eyes are about 35 apart.
type Patch = [isize; 4];
/// Root of the nose and the cheeks under the eyes, from the middle of the eyes: above every mask.
const ROOT: [Patch; 3] = [[-6, 4, 6, 12], [-22, 8, -12, 14], [12, 8, 22, 14]];
/// Beside and under the mouth, from its middle.
const BELOW: [Patch; 3] = [[-22, -10, -15, 12], [15, -10, 22, 12], [-12, 6, 12, 14]];
/// The mouth, from its middle.
const MOUTH: [Patch; 1] = [[-10, -6, 10, 5]];

/// What some patches show.
struct Shown {
    brightness: f32,
    contrast: f32,
    /// Share of red in the colour.
    red: f32,
    /// And of blue.
    blue: f32,
}

/// Light and colour of patches of the square about one place.
fn within(pixels: &[[u8; 3]], patches: &[Patch], [x, y]: [isize; 2]) -> Shown {
    let (mut count, mut sum, mut squares, mut colour) = (0f32, 0f32, 0f32, [0f32; 3]);
    for [left, top, right, bottom] in patches {
        for row in y + top..y + bottom {
            for column in x + left..x + right {
                let place = usize::try_from(row).ok().zip(usize::try_from(column).ok());
                let Some((row, column)) = place.filter(|(row, column)| *row < SIDE && *column < SIDE) else {
                    continue;
                };
                let Some(pixel) = pixels.get(row * SIDE + column) else { continue };
                let light = grey(*pixel);
                (count, sum, squares) = (count + 1.0, sum + light, squares + light * light);
                colour.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f32::from(*value));
            }
        }
    }
    let count = count.max(1.0);
    let [red, green, blue] = colour.map(|sum| sum / count + 1.0);
    let mean = sum / count;
    let all = red + green + blue;
    Shown {
        brightness: mean.max(1.0),
        contrast: (squares / count - mean * mean).max(0.0).sqrt(),
        red: red / all,
        blue: blue / all,
    }
}

fn middle([ax, ay]: [f32; 2], [bx, by]: [f32; 2]) -> [f32; 2] {
    [(ax + bx) / 2.0, (ay + by) / 2.0]
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
    fn a_cloth_over_the_mouth_has_another_colour_and_a_palm_no_lips() {
        let skin = [180, 130, 110];
        let mut face = vec![skin; SIDE * SIDE];
        let about = |face: &[[u8; 3]]| {
            let [root, below, mouth] = [(&ROOT[..], 36), (&BELOW[..], 76), (&MOUTH[..], 76)]
                .map(|(patches, y)| within(face, patches, [56, y]));
            (mouth.contrast / root.brightness, (root.red - below.red).hypot(root.blue - below.blue))
        };
        let (palm, colour) = about(&face);
        assert!(palm < 0.01 && colour < 1e-3, "{palm} {colour}");
        for row in face.chunks_exact_mut(SIDE).skip(74).take(4) {
            row[48..64].fill([120, 60, 60]);
        }
        let (lips, colour) = about(&face);
        assert!(lips > 0.1 && colour < 1e-3, "{lips} {colour}");
        for row in face.chunks_exact_mut(SIDE).skip(56) {
            row.fill([130, 180, 215]);
        }
        let (lips, colour) = about(&face);
        assert!(lips < 0.01 && colour > 0.13, "{lips} {colour}");
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
