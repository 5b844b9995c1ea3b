//! Cutting faces out of pictures: squares of a given size, and the five-point alignment.
//!
//! In: a picture and where the face is. Out: numbers in a network's input buffer. Pixels outside the picture
//! count as black in the alignment; crops are shifted to stay inside. Nothing here can fail but by a wrong
//! buffer length, which is checked.
#![allow(clippy::indexing_slicing)] // number crunching: every index is bounded by a length checked above it

use super::FaceError;
use fast_image_resize::images::ImageRef;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::RgbImage;

/// Side of the aligned face, pixels.
pub(super) const ALIGNED: usize = 112;

/// Where the five points lie in an aligned face: the ArcFace template, which both embedders were trained on.
const TEMPLATE: [[f32; 2]; 5] =
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

/// At most this many samples along each axis for one aligned pixel, so that large faces do not alias.
const SAMPLES_MOST: f32 = 4.0;

/// Order of colours in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rgb,
    Bgr,
}

/// x ↦ a·x − b·y + tx, y ↦ b·x + a·y + ty: rotation, scale and shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Similarity {
    pub(super) a: f32,
    pub(super) b: f32,
    pub(super) tx: f32,
    pub(super) ty: f32,
}

impl Similarity {
    pub(super) fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y + self.tx, self.b * x + self.a * y + self.ty]
    }
}

/// The similarity that takes `from` to `to` with the least sum of squared distances (Umeyama 1991; in the
/// plane and without reflection its closed form needs no decomposition). `None` when all points coincide.
pub(super) fn least_squares(from: &[[f32; 2]; 5], to: &[[f32; 2]; 5]) -> Option<Similarity> {
    let mean = |points: &[[f32; 2]; 5]| {
        let sum = points.iter().fold([0f32; 2], |s, p| [s[0] + p[0], s[1] + p[1]]);
        [sum[0] / 5.0, sum[1] / 5.0]
    };
    let (mean_from, mean_to) = (mean(from), mean(to));
    let (mut spread, mut dot, mut cross) = (0f32, 0f32, 0f32);
    for (p, q) in from.iter().zip(to) {
        let (px, py) = (p[0] - mean_from[0], p[1] - mean_from[1]);
        let (qx, qy) = (q[0] - mean_to[0], q[1] - mean_to[1]);
        spread += px * px + py * py;
        dot += px * qx + py * qy;
        cross += px * qy - py * qx;
    }
    let (a, b) = (dot / spread, cross / spread);
    let found = Similarity {
        a,
        b,
        tx: mean_to[0] - a * mean_from[0] + b * mean_from[1],
        ty: mean_to[1] - b * mean_from[0] - a * mean_from[1],
    };
    let finite = [found.a, found.b, found.tx, found.ty].iter().all(|v| v.is_finite());
    (finite && a.hypot(b) > f32::EPSILON).then_some(found)
}

/// The face turned and scaled so that its five points lie on the template; 112×112 RGB, row after row.
pub(super) fn aligned(picture: &RgbImage, landmarks: &[[f32; 2]; 5]) -> Option<Vec<[f32; 3]>> {
    // From template to picture: each aligned pixel asks where it comes from.
    let back = least_squares(&TEMPLATE, landmarks)?;
    let step = back.a.hypot(back.b);
    let samples = step.round().clamp(1.0, SAMPLES_MOST) as usize;
    let share = 1.0 / samples as f32;
    let mut face = Vec::with_capacity(ALIGNED * ALIGNED);
    for y in 0..ALIGNED {
        for x in 0..ALIGNED {
            let mut sum = [0f32; 3];
            for sy in 0..samples {
                for sx in 0..samples {
                    let at = [
                        x as f32 + (sx as f32 + 0.5) * share - 0.5,
                        y as f32 + (sy as f32 + 0.5) * share - 0.5,
                    ];
                    let [px, py] = back.apply(at);
                    let pixel = bilinear(picture, px, py);
                    for (s, p) in sum.iter_mut().zip(pixel) {
                        *s += p;
                    }
                }
            }
            let weight = share * share;
            face.push([sum[0] * weight, sum[1] * weight, sum[2] * weight]);
        }
    }
    Some(face)
}

fn bilinear(picture: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (left, top) = (left as i64, top as i64);
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let raw = picture.as_raw();
    let mut sum = [0f32; 3];
    for (dx, dy, weight) in
        [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
    {
        let (px, py) = (left.saturating_add(dx), top.saturating_add(dy));
        if px < 0 || py < 0 || px >= width || py >= height {
            continue;
        }
        let at = ((py * width + px) * 3) as usize;
        if let Some(pixel) = raw.get(at..at + 3) {
            for (s, &p) in sum.iter_mut().zip(pixel) {
                *s += weight * f32::from(p);
            }
        }
    }
    sum
}

/// Left, top, width, height of a part of a picture, pixels; always inside the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Window {
    /// A window of that size about a centre, shrunk and shifted to stay inside the picture.
    pub(super) fn about(picture: &RgbImage, centre: [f32; 2], width: f64, height: f64) -> Window {
        let (most_w, most_h) = (f64::from(picture.width()), f64::from(picture.height()));
        let (width, height) = (width.clamp(1.0, most_w), height.clamp(1.0, most_h));
        let left = (f64::from(centre[0]) - width / 2.0).clamp(0.0, most_w - width);
        let top = (f64::from(centre[1]) - height / 2.0).clamp(0.0, most_h - height);
        Window { left, top, width, height }
    }
}

/// Resamples parts of pictures, with its buffers kept between calls.
pub(super) struct Cutter {
    resizer: Resizer,
    small: Vec<u8>,
}

impl Cutter {
    pub(super) fn new() -> Cutter {
        Cutter { resizer: Resizer::new(), small: Vec::new() }
    }

    /// The window, resampled to `width`×`height` RGB bytes.
    pub(super) fn cut(
        &mut self,
        picture: &RgbImage,
        window: Window,
        (width, height): (u32, u32),
        how: ResizeAlg,
    ) -> Result<&[u8], FaceError> {
        let fail = |why: String| FaceError::Inference { model: "resampling".into(), why };
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
            .map_err(|e| fail(e.to_string()))?;
        self.small.resize(width as usize * height as usize * 3, 0);
        let mut target = Image::from_slice_u8(width, height, &mut self.small, PixelType::U8x3)
            .map_err(|e| fail(e.to_string()))?;
        let options =
            ResizeOptions::new().resize_alg(how).crop(window.left, window.top, window.width, window.height);
        self.resizer.resize(&source, &mut target, &options).map_err(|e| fail(e.to_string()))?;
        Ok(&self.small)
    }
}

/// Plain two-by-two interpolation, as the networks' own preprocessing does.
pub(super) const PLAIN: ResizeAlg = ResizeAlg::Interpolation(FilterType::Bilinear);

/// Averaging over all pixels that contribute, for strong reduction.
pub(super) const SMOOTH: ResizeAlg = ResizeAlg::Convolution(FilterType::Bilinear);

/// Writes RGB bytes into a network's input, channel after channel, each value through `map(channel, value)`
/// where channel 0, 1, 2 is red, green, blue.
pub(super) fn planes(
    pixels: &[u8],
    input: &mut [f32],
    order: Order,
    map: impl Fn(usize, f32) -> f32,
) -> Result<(), FaceError> {
    let plane = input.len() / 3;
    if plane == 0 || pixels.len() != plane * 3 {
        return Err(wrong_length(pixels.len() / 3, plane));
    }
    for (place, channel) in input.chunks_exact_mut(plane).enumerate() {
        let colour = if order == Order::Rgb { place } else { 2 - place };
        for (value, pixel) in channel.iter_mut().zip(pixels.chunks_exact(3)) {
            *value = map(colour, f32::from(pixel[colour]));
        }
    }
    Ok(())
}

/// The same for an aligned face.
pub(super) fn face_planes(
    face: &[[f32; 3]],
    input: &mut [f32],
    order: Order,
    map: impl Fn(f32) -> f32,
) -> Result<(), FaceError> {
    let plane = input.len() / 3;
    if plane == 0 || face.len() != plane {
        return Err(wrong_length(face.len(), plane));
    }
    for (place, channel) in input.chunks_exact_mut(plane).enumerate() {
        let colour = if order == Order::Rgb { place } else { 2 - place };
        for (value, pixel) in channel.iter_mut().zip(face) {
            *value = map(pixel[colour]);
        }
    }
    Ok(())
}

fn wrong_length(found: usize, wanted: usize) -> FaceError {
    FaceError::Inference {
        model: "resampling".into(),
        why: format!("{found} pixels for an input of {wanted}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn least_squares_finds_the_similarity_that_made_the_points(
            a in 0.2f32..4.0, b in -2.0f32..2.0, tx in -300.0f32..300.0, ty in -300.0f32..300.0
        ) {
            let made = Similarity { a, b, tx, ty };
            let found = least_squares(&TEMPLATE, &TEMPLATE.map(|p| made.apply(p))).unwrap();
            for point in TEMPLATE {
                let (p, q) = (made.apply(point), found.apply(point));
                prop_assert!((p[0] - q[0]).abs() < 0.05 && (p[1] - q[1]).abs() < 0.05);
            }
        }

        #[test]
        fn windows_stay_inside_the_picture(
            w in 1u32..400, h in 1u32..400, x in -900f32..900.0, y in -900f32..900.0, s in 0.0f64..2000.0
        ) {
            let window = Window::about(&RgbImage::new(w, h), [x, y], s, s);
            prop_assert!(window.left >= 0.0 && window.left + window.width <= f64::from(w) + 1e-9);
            prop_assert!(window.top >= 0.0 && window.top + window.height <= f64::from(h) + 1e-9);
        }

        #[test]
        fn alignment_of_any_points_never_panics(points in proptest::array::uniform5(
            proptest::array::uniform2(proptest::num::f32::ANY))) {
            let _ = aligned(&RgbImage::new(20, 20), &points);
        }
    }

    #[test]
    fn points_that_coincide_cannot_be_aligned() {
        assert_eq!(least_squares(&[[3.0, 4.0]; 5], &TEMPLATE), None);
    }

    #[test]
    fn a_face_already_on_the_template_is_copied() {
        let picture = RgbImage::from_fn(112, 112, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let face = aligned(&picture, &TEMPLATE).unwrap();
        let pixel = face[50 * ALIGNED + 30];
        assert!(
            (pixel[0] - 30.0).abs() < 0.01 && (pixel[1] - 50.0).abs() < 0.01 && (pixel[2] - 7.0).abs() < 0.01
        );
    }
}
