//! Pictures in numbers: colours mixed, sampled, blurred.

use image::{RgbImage, imageops};

pub(super) type Colour = [f32; 3];

/// A picture in numbers, row after row.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, paint: impl Fn(usize, usize) -> Colour) -> Canvas {
        let pixels = (0..width * height).map(|n| paint(n % width, n / width)).collect();
        Canvas { width, height, pixels }
    }

    pub(super) fn at(&self, x: f32, y: f32) -> Colour {
        let column = |x: f32| (x.max(0.0) as usize).min(self.width - 1);
        let row = |y: f32| (y.max(0.0) as usize).min(self.height - 1);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        let get =
            |x: f32, y: f32| self.pixels.get(row(y) * self.width + column(x)).copied().unwrap_or_default();
        let top = mix(get(x, y), get(x + 1.0, y), fx);
        let bottom = mix(get(x, y + 1.0), get(x + 1.0, y + 1.0), fx);
        mix(top, bottom, fy)
    }

    /// Mixes a colour into every pixel with the weight that `paint` gives beside it.
    pub(super) fn over(&mut self, paint: impl Fn(f32, f32) -> (Colour, f32)) {
        let width = self.width;
        for (n, pixel) in self.pixels.iter_mut().enumerate() {
            let (colour, weight) = paint((n % width) as f32, (n / width) as f32);
            if weight > 0.0 {
                *pixel = mix(*pixel, colour, weight);
            }
        }
    }

    /// Blurred with a Gaussian of that spread in pixels.
    pub(super) fn blurred(&self, spread: f32) -> Canvas {
        let reach = (spread * 2.5).ceil() as i64;
        let kernel: Vec<f32> = (-reach..=reach).map(|d| (-0.5 * (d as f32 / spread).powi(2)).exp()).collect();
        let total: f32 = kernel.iter().sum();
        let pass = |from: &Canvas, across: bool| {
            Canvas::new(from.width, from.height, |x, y| {
                let mut sum = [0f32; 3];
                for (weight, d) in kernel.iter().zip(-reach..) {
                    let (dx, dy) = if across { (d, 0) } else { (0, d) };
                    let column = (x as i64 + dx).clamp(0, from.width as i64 - 1) as usize;
                    let row = (y as i64 + dy).clamp(0, from.height as i64 - 1) as usize;
                    let pixel = from.pixels.get(row * from.width + column).copied().unwrap_or_default();
                    sum = add(sum, pixel, weight / total);
                }
                sum
            })
        };
        pass(&pass(self, true), false)
    }
}

/// Colour at a place of a picture, its rim repeated outside; `step` pixels of it go into one.
pub(super) fn sample(picture: &RgbImage, [x, y]: [f32; 2], step: f32) -> Colour {
    let (most_x, most_y) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
    let count = step.ceil().clamp(1.0, 6.0) as usize;
    let mut sum = [0f32; 3];
    for n in 0..count * count {
        let offset = |n: usize| ((n as f32 + 0.5) / count as f32 - 0.5) * if count > 1 { step } else { 0.0 };
        let (sx, sy) =
            ((x + offset(n % count)).clamp(0.0, most_x), (y + offset(n / count)).clamp(0.0, most_y));
        if let Some(pixel) = imageops::interpolate_bilinear(picture, sx, sy) {
            sum = add(sum, pixel.0.map(f32::from), 1.0 / (count * count) as f32);
        }
    }
    sum
}

pub(super) fn mix(a: Colour, b: Colour, weight: f32) -> Colour {
    add(a.map(|v| v * (1.0 - weight)), b, weight)
}

pub(super) fn add(a: Colour, b: Colour, weight: f32) -> Colour {
    [a[0] + b[0] * weight, a[1] + b[1] * weight, a[2] + b[2] * weight]
}

pub(super) fn grey([r, g, b]: Colour) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// 0 below 0, 1 above 1, smooth between.
pub(super) fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

pub(super) fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}
