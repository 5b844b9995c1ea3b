//! Cutting faces out of pictures: squares of a given size, and the five-point alignment.
//!
//! In: a picture and where the face is. Out: numbers in a network's input buffer, as the manifest describes it.
//! Pixels outside the picture count as black in the alignment; crops are shifted to stay inside. Nothing here can
//! fail but by a wrong buffer length, which is checked.
#![allow(clippy::indexing_slicing)] // number crunching: every index is bounded by a length checked above it

use super::FaceError;
use super::manifest::{Colours, Cut, Input, Layout};
use super::runtime::Net;
use fast_image_resize::images::ImageRef;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::RgbImage;

/// At most this many samples along each axis for one aligned pixel, so that large faces do not alias.
const SAMPLES_MOST: f32 = 4.0;

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

/// Cuts aligned faces, with its buffer kept between calls.
pub(super) struct Aligner {
    face: Vec<[f32; 3]>,
}

impl Aligner {
    pub(super) fn new() -> Aligner {
        Aligner { face: Vec::new() }
    }

    /// Turns and scales the face so that its five points lie on the input's. `false` when the points lie in one
    /// place, or the input asks for no alignment.
    pub(super) fn align(&mut self, picture: &RgbImage, landmarks: &[[f32; 2]; 5], input: &Input) -> bool {
        // From the input to the picture: each aligned pixel asks where it comes from.
        let Some(back) = input.points.as_ref().and_then(|points| least_squares(points, landmarks)) else {
            return false;
        };
        let samples = back.a.hypot(back.b).round().clamp(1.0, SAMPLES_MOST) as usize;
        self.face.clear();
        for y in 0..input.side {
            for x in 0..input.side {
                self.face.push(sampled(picture, &back, [x as f32, y as f32], samples));
            }
        }
        true
    }

    /// The face last aligned, RGB, row after row.
    pub(super) fn face(&self) -> &[[f32; 3]] {
        &self.face
    }
}

/// Mean over `samples`×`samples` places within one aligned pixel.
fn sampled(picture: &RgbImage, back: &Similarity, [x, y]: [f32; 2], samples: usize) -> [f32; 3] {
    let share = 1.0 / samples as f32;
    let mut sum = [0f32; 3];
    for sy in 0..samples {
        for sx in 0..samples {
            let at = [x + (sx as f32 + 0.5) * share - 0.5, y + (sy as f32 + 0.5) * share - 0.5];
            let [px, py] = back.apply(at);
            for (s, p) in sum.iter_mut().zip(bilinear(picture, px, py)) {
                *s += p;
            }
        }
    }
    sum.map(|s| s * share * share)
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

    /// What a network wants to see of the face in `bounds` (left, top, width, height).
    pub(super) fn of(picture: &RgbImage, bounds: [f32; 4], cut: Cut) -> Window {
        let [x, y, w, h] = bounds;
        let centre = [x + w / 2.0, y + h / 2.0];
        let (width, height) = (f64::from(w), f64::from(h));
        let (most_w, most_h) = (f64::from(picture.width()), f64::from(picture.height()));
        let square = |side: f64| {
            let side = side.min(most_w).min(most_h);
            Window::about(picture, centre, side, side)
        };
        match cut {
            Cut::Letterbox | Cut::Aligned => Window { left: 0.0, top: 0.0, width: most_w, height: most_h },
            Cut::Square(times) => square(width.max(height) * f64::from(times)),
            Cut::SquareOfHeight(times) => square(height * f64::from(times)),
            Cut::Box(times) => {
                let times = f64::from(times).min(most_w / width.max(1.0)).min(most_h / height.max(1.0));
                Window::about(picture, centre, width * times, height * times)
            }
        }
    }

    /// A point of the window, given as parts of its sides, in pixels of the picture.
    pub(super) fn point(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [(self.left + f64::from(x) * self.width) as f32, (self.top + f64::from(y) * self.height) as f32]
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
    ) -> Result<&[[u8; 3]], FaceError> {
        let fail = |why: String| FaceError::Inference { model: "resampling".into(), why };
        let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)
            .map_err(|e| fail(e.to_string()))?;
        self.small.resize(width as usize * height as usize * 3, 0);
        let mut target = Image::from_slice_u8(width, height, &mut self.small, PixelType::U8x3)
            .map_err(|e| fail(e.to_string()))?;
        let options =
            ResizeOptions::new().resize_alg(how).crop(window.left, window.top, window.width, window.height);
        self.resizer.resize(&source, &mut target, &options).map_err(|e| fail(e.to_string()))?;
        Ok(self.small.as_chunks::<3>().0)
    }

    /// The part of the picture that a network wants to see of a face, written into its input. Says which part.
    pub(super) fn show(
        &mut self,
        net: &mut Net,
        picture: &RgbImage,
        bounds: [f32; 4],
        mirrored: bool,
    ) -> Result<Window, FaceError> {
        let (input, buffer) = net.feed();
        let window = Window::of(picture, bounds, input.cut);
        let side = input.side as u32;
        planes(self.cut(picture, window, (side, side), PLAIN)?, input, mirrored, buffer)?;
        Ok(window)
    }
}

/// Plain two-by-two interpolation, as the networks' own preprocessing does.
pub(super) const PLAIN: ResizeAlg = ResizeAlg::Interpolation(FilterType::Bilinear);

/// Averaging over all pixels that contribute, for strong reduction.
pub(super) const SMOOTH: ResizeAlg = ResizeAlg::Convolution(FilterType::Bilinear);

/// Writes RGB pixels into a network's input as its entry in the manifest says; `mirrored` turns left and right.
pub(super) fn planes<P: Copy + Into<f32>>(
    pixels: &[[P; 3]],
    spec: &Input,
    mirrored: bool,
    buffer: &mut [f32],
) -> Result<(), FaceError> {
    let (side, channels) = (spec.side, spec.channels());
    let plane = side * side;
    if pixels.len() != plane || buffer.len() != plane * channels {
        return Err(FaceError::Inference {
            model: "resampling".into(),
            why: format!("{} pixels for an input of {plane}", pixels.len()),
        });
    }
    // (value - mean) / divisor as one multiplication and one addition, which the compiler can widen.
    let scale = spec.divisor.map(|d| 1.0 / d);
    let shift: [f32; 3] = std::array::from_fn(|c| -spec.mean[c] * scale[c]);
    let (step, start) = match spec.layout {
        Layout::Nchw => (1, plane),
        Layout::Nhwc => (channels, 1),
    };
    for place in 0..channels {
        let colour = if spec.colours == Colours::Bgr { 2 - place } else { place };
        for (row, line) in pixels.chunks_exact(side).enumerate() {
            let target = buffer[place * start + row * side * step..].iter_mut().step_by(step).take(side);
            let value = |pixel: &[P; 3]| {
                let raw = if spec.colours == Colours::Grey { grey(*pixel) } else { pixel[colour].into() };
                raw * scale[colour] + shift[colour]
            };
            if mirrored {
                target.zip(line.iter().rev()).for_each(|(t, pixel)| *t = value(pixel));
            } else {
                target.zip(line).for_each(|(t, pixel)| *t = value(pixel));
            }
        }
    }
    Ok(())
}

/// Brightness of a pixel, ITU-R BT.601.
pub(super) fn grey<P: Into<f32>>([red, green, blue]: [P; 3]) -> f32 {
    0.299 * red.into() + 0.587 * green.into() + 0.114 * blue.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::manifest::{Manifest, Role};
    use proptest::prelude::*;

    const TEMPLATE: [[f32; 2]; 5] =
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];

    fn embedder() -> &'static Input {
        &Manifest::shipped().unwrap().of(Role::Embedder).next().unwrap().input
    }

    fn small(colours: Colours, layout: Layout) -> Input {
        Input {
            side: 2,
            colours,
            layout,
            mean: [1.0, 2.0, 3.0],
            divisor: [1.0, 2.0, 4.0],
            cut: Cut::Square(1.0),
            points: None,
            flip: false,
        }
    }

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
            let _ = Aligner::new().align(&RgbImage::new(20, 20), &points, embedder());
        }
    }

    #[test]
    fn points_that_coincide_cannot_be_aligned() {
        assert_eq!(least_squares(&[[3.0, 4.0]; 5], &TEMPLATE), None);
    }

    #[test]
    fn a_face_already_on_the_template_is_copied() {
        let picture = RgbImage::from_fn(112, 112, |x, y| image::Rgb([x as u8, y as u8, 7]));
        let mut aligner = Aligner::new();
        assert!(aligner.align(&picture, &TEMPLATE, embedder()));
        let pixel = aligner.face()[50 * 112 + 30];
        assert!(
            (pixel[0] - 30.0).abs() < 0.01 && (pixel[1] - 50.0).abs() < 0.01 && (pixel[2] - 7.0).abs() < 0.01
        );
    }

    #[test]
    fn pixels_go_where_the_manifest_says() {
        let pixels = [[2u8, 6, 11], [3, 4, 7], [1, 2, 3], [1, 2, 3]];
        let written = |colours, layout, mirrored| {
            let spec = small(colours, layout);
            let mut buffer = vec![9.0; 4 * spec.channels()];
            planes(&pixels, &spec, mirrored, &mut buffer).unwrap();
            buffer
        };
        let zeros = [0.0; 2];
        let planar = [[1.0, 2.0].as_slice(), &zeros, &[2.0, 1.0], &zeros, &[2.0, 1.0], &zeros].concat();
        assert_eq!(written(Colours::Rgb, Layout::Nchw, false), planar);
        let interleaved = [[2.0, 2.0, 1.0].as_slice(), &[1.0, 1.0, 2.0], &[0.0; 6]].concat();
        assert_eq!(written(Colours::Bgr, Layout::Nhwc, false), interleaved);
        let turned = [[1.0, 1.0, 2.0].as_slice(), &[2.0, 2.0, 1.0], &[0.0; 6]].concat();
        assert_eq!(written(Colours::Bgr, Layout::Nhwc, true), turned);
        assert_eq!(written(Colours::Grey, Layout::Nchw, false).len(), 4);
        assert!(planes(&pixels, &small(Colours::Rgb, Layout::Nchw), false, &mut [0.0; 3]).is_err());
    }

    #[test]
    fn the_square_is_shifted_to_stay_inside_and_never_larger_than_the_picture() {
        let picture = RgbImage::new(400, 600);
        let near_rim = Window::of(&picture, [0.0, 0.0, 80.0, 100.0], Cut::SquareOfHeight(2.7));
        assert!((near_rim.width - 270.0).abs() < 1e-3 && near_rim.left == 0.0 && near_rim.top == 0.0);
        let large = Window::of(&picture, [0.0, 0.0, 300.0, 400.0], Cut::SquareOfHeight(2.7));
        assert_eq!((large.width, large.height), (400.0, 400.0));
    }

    #[test]
    fn the_box_keeps_its_shape_when_the_picture_is_too_small() {
        let picture = RgbImage::new(400, 600);
        let shrunk = Window::of(&picture, [100.0, 100.0, 200.0, 250.0], Cut::Box(4.0));
        assert!((shrunk.width / shrunk.height - 0.8).abs() < 1e-6);
    }
}
