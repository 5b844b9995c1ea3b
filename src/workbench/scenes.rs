//! Camera frames for the demonstration, painted from pictures of people.
//!
//! In: a picture with the place of its face, a scene, a seed. Out: frames of [`WIDTH`]×[`HEIGHT`] as the cabin's
//! camera would take them, the same for the same seed on every machine up to the last bit of a pixel. The living
//! person sways, the light differs from passage to passage, the sensor is noisy; an attack is a sheet of paper or
//! a tablet held before the camera with that person's picture on it.
//!
//! The scenes show the way through the gate. They are no measure of how well it tells attacks: that is measured on
//! recordings of real ones (`models/README.md`).

mod canvas;

use canvas::{Canvas, Colour, add, byte, grey, mix, sample, smooth};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

/// Width of a frame, pixels.
pub const WIDTH: u32 = 720;
/// Height of a frame, pixels.
pub const HEIGHT: u32 = 1280;

/// Width and height of the portrait in the chip, pixels: 35×45 mm at 300 dots per inch.
const PORTRAIT: (u32, u32) = (413, 531);
/// The portrait's file is no larger.
const PORTRAIT_BYTES_MOST: usize = 20_000;

/// A picture of a person and where the face is in it: left, top, width, height in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Sitter<'a> {
    /// The picture.
    pub picture: &'a RgbImage,
    /// The face, as [`crate::face::FaceEngine::locate`] finds it.
    pub face: [f32; 4],
}

/// What stands before the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// The person.
    Living,
    /// A printed photograph of the person.
    Print,
    /// A tablet that shows the person.
    Screen,
    /// The person and another one beside.
    TwoPersons,
    /// Nobody.
    Empty,
}

/// `count` frames of a scene. `other` is the second person of [`Scene::TwoPersons`], the same one again if `None`.
pub fn frames(
    scene: Scene,
    person: &Sitter<'_>,
    other: Option<&Sitter<'_>>,
    count: usize,
    seed: u64,
) -> Vec<RgbImage> {
    let mut dice = Dice(seed);
    let take = Take::new(&mut dice);
    let sheet = match scene {
        Scene::Print => Some(print(person, &mut dice)),
        Scene::Screen => Some(tablet(person)),
        _ => None,
    };
    (0..count)
        .map(|n| {
            let mut canvas = cabin();
            let sway = take.sway(n);
            match scene {
                Scene::Empty => {}
                Scene::Living => stand(&mut canvas, person, [360.0, 530.0], 320.0, sway),
                Scene::TwoPersons => {
                    stand(&mut canvas, other.unwrap_or(person), [530.0, 500.0], 215.0, sway.mirrored());
                    stand(&mut canvas, person, [210.0, 540.0], 240.0, sway);
                }
                Scene::Print | Scene::Screen => {
                    if let Some(sheet) = &sheet {
                        hold(&mut canvas, sheet, sway, scene == Scene::Screen);
                    }
                }
            }
            take.develop(&canvas, &mut dice)
        })
        .collect()
}

/// A passport portrait of the sitter: 413×531 pixels JPEG of at most 20 kB, the face as ICAO Doc 9303-3 wants it,
/// about 70 to 80 per cent of the height from chin to crown.
pub fn portrait_jpeg(sitter: &Sitter<'_>) -> Vec<u8> {
    let [x, y, w, h] = sitter.face;
    // The detector's box reaches from the chin to the forehead, about three quarters of the head.
    let height = h * 1.75;
    let width = height * PORTRAIT.0 as f32 / PORTRAIT.1 as f32;
    let (left, top) = (x + w / 2.0 - width / 2.0, y + h * 0.47 - height / 2.0);
    let scale = height / PORTRAIT.1 as f32;
    let portrait = RgbImage::from_fn(PORTRAIT.0, PORTRAIT.1, |px, py| {
        let at = [left + (px as f32 + 0.5) * scale - 0.5, top + (py as f32 + 0.5) * scale - 0.5];
        image::Rgb(sample(sitter.picture, at, scale).map(byte))
    });
    let mut quality = 90;
    loop {
        let mut file = Vec::new();
        let written = JpegEncoder::new_with_quality(&mut file, quality).encode(
            &portrait,
            PORTRAIT.0,
            PORTRAIT.1,
            ExtendedColorType::Rgb8,
        );
        // Encoding into memory does not fail; were it to, the empty file would be refused by whoever reads it.
        if written.is_err() || file.len() <= PORTRAIT_BYTES_MOST || quality <= 20 {
            return file;
        }
        quality -= 5;
    }
}

/// The cabin without anybody: a grey wall with panels, lit from above and by a strip at the side.
fn cabin() -> Canvas {
    Canvas::new(WIDTH as usize, HEIGHT as usize, |x, y| {
        let (across, down) = (x as f32 / WIDTH as f32 * 2.0 - 1.0, y as f32 / HEIGHT as f32);
        let mut grey = (150.0 - 50.0 * down) * (1.0 - 0.25 * across * across);
        if [(88, 92), (628, 632)].iter().any(|&(from, to)| (from..to).contains(&x)) {
            grey *= 0.75;
        }
        if (20..50).contains(&x) {
            grey = grey * 0.5 + 110.0;
        }
        [grey * 0.97, grey, grey * 1.02]
    })
}

/// Paints a person with the face's centre at `place` and the face `height` high.
fn stand(canvas: &mut Canvas, sitter: &Sitter<'_>, place: [f32; 2], height: f32, sway: Sway) {
    let [x, y, w, h] = sitter.face;
    let scale = height / h * sway.scale;
    let (centre, at) = ([x + w / 2.0, y + h / 2.0], [place[0] + sway.shift[0], place[1] + sway.shift[1]]);
    let (cos, sin) = (sway.angle.cos() / scale, sway.angle.sin() / scale);
    canvas.over(|px, py| {
        let (dx, dy) = (px - at[0], py - at[1]);
        let (fx, fy) = (cos * dx + sin * dy, -sin * dx + cos * dy);
        let weight = outline(fx / w, fy / h);
        if weight <= 0.0 {
            return ([0.0; 3], 0.0);
        }
        (sample(sitter.picture, [centre[0] + fx, centre[1] + fy], 1.0 / scale), weight)
    });
}

/// How much a point belongs to head and shoulders; in face widths and heights from the face's centre.
fn outline(x: f32, y: f32) -> f32 {
    let head = 1.0 - (x / 0.80).hypot((y + 0.10) / 0.84);
    // Shoulders fall from the neck outwards; below them everything belongs.
    let shoulders = (y - 0.52 - 0.18 * x.abs().powf(1.6)).min(1.75 - x.abs());
    smooth(head / 0.10).max(smooth(shoulders / 0.12))
}

/// A photograph on paper: lower contrast, washed out colours, grain, a white border.
fn print(sitter: &Sitter<'_>, dice: &mut Dice) -> Canvas {
    let photo = excerpt(sitter, 470, 610, |colour| {
        let paper = colour.map(|v| 40.0 + v * (175.0 / 255.0));
        mix([grey(paper); 3], paper, 0.7)
    });
    let mut grain = Canvas::new(photo.width, photo.height, |_, _| [0.0; 3]);
    for pixel in &mut grain.pixels {
        *pixel = [dice.normal() * 14.0; 3];
    }
    let grain = grain.blurred(0.8);
    let mut photo = photo;
    for (pixel, speck) in photo.pixels.iter_mut().zip(&grain.pixels) {
        *pixel = add(*pixel, *speck, 1.0);
    }
    framed(&photo.blurred(1.1), 26, [222.0; 3])
}

/// A tablet: too bright, bluish, moiré of its pixels against the camera's, a dark bezel.
fn tablet(sitter: &Sitter<'_>) -> Canvas {
    use std::f32::consts::TAU;
    let mut photo = excerpt(sitter, 430, 650, |colour| {
        let glow = colour.map(|v| 255.0 * (v / 255.0).powf(0.85) * 1.08);
        [glow[0] * 0.93 + 12.0, glow[1] * 1.02 + 12.0, glow[2] * 1.12 + 12.0]
    });
    let width = photo.width;
    let (sin, cos) = 0.11f32.sin_cos();
    for (n, pixel) in photo.pixels.iter_mut().enumerate() {
        let (x, y) = ((n % width) as f32, (n / width) as f32);
        let moire = (TAU * (x * cos + y * sin) / 5.3).sin() * (TAU * (y * cos - x * sin) / 6.1).sin();
        let band = 0.03 * (TAU * (y / 90.0 + x / 400.0)).sin();
        for (value, tint) in pixel.iter_mut().zip([1.2, 0.8, 1.0]) {
            *value *= 1.0 + 0.05 * moire * tint + band;
        }
    }
    framed(&photo, 30, [18.0; 3])
}

/// The sitter's head and shoulders in that many pixels, each colour changed by `tone`.
fn excerpt(sitter: &Sitter<'_>, width: usize, height: usize, tone: impl Fn(Colour) -> Colour) -> Canvas {
    let [x, y, w, h] = sitter.face;
    let scale = h * 2.5 / height as f32;
    let left = x + w / 2.0 - scale * width as f32 / 2.0;
    let top = y + h / 2.0 - scale * height as f32 * 0.45;
    Canvas::new(width, height, |px, py| {
        let at = [left + px as f32 * scale, top + py as f32 * scale];
        tone(sample(sitter.picture, at, scale))
    })
}

fn framed(photo: &Canvas, border: usize, colour: Colour) -> Canvas {
    Canvas::new(photo.width + 2 * border, photo.height + 2 * border, |x, y| {
        match (x.checked_sub(border), y.checked_sub(border)) {
            (Some(x), Some(y)) if x < photo.width && y < photo.height => {
                photo.pixels.get(y * photo.width + x).copied().unwrap_or(colour)
            }
            _ => colour,
        }
    })
}

/// Holds a sheet before the camera, tilted; what shines lights up its surroundings, what does not throws a shadow.
fn hold(canvas: &mut Canvas, sheet: &Canvas, sway: Sway, shines: bool) {
    let at = [360.0 + sway.shift[0], 600.0 + sway.shift[1]];
    let (half_w, half_h) = (sheet.width as f32 / 2.0, sheet.height as f32 / 2.0);
    let (sin, cos) = (sway.angle * 1.8).sin_cos();
    let tilt = [sway.angle * 0.004, 0.00015];
    // Where a point of the frame lies on the sheet's plane: the inverse of turning and of foreshortening.
    let plane = move |px: f32, py: f32| {
        let (dx, dy) = ((px - at[0]) / sway.scale, (py - at[1]) / sway.scale);
        let depth = 1.0 - tilt[0] * dx - tilt[1] * dy;
        let (x, y) = (dx / depth, dy / depth);
        (cos * x + sin * y, -sin * x + cos * y)
    };
    let outside = move |x: f32, y: f32| (x.abs() - half_w).max(y.abs() - half_h);
    canvas.over(|px, py| {
        if shines {
            let (x, y) = plane(px, py);
            ([190.0, 200.0, 220.0], 0.25 * (1.0 - outside(x, y).max(0.0) / 90.0).clamp(0.0, 1.0))
        } else {
            let (x, y) = plane(px - 12.0, py - 10.0);
            ([30.0; 3], 0.4 * smooth(0.5 - outside(x, y) / 30.0))
        }
    });
    canvas.over(|px, py| {
        let (x, y) = plane(px, py);
        (sheet.at(x + half_w, y + half_h), (0.5 - outside(x, y)).clamp(0.0, 1.0))
    });
}

/// What stays the same over one passage: light, and the rhythm of movement.
struct Take {
    phases: [f32; 4],
    gain: f32,
    gamma: f32,
    slope: f32,
}

/// Movement in one frame.
#[derive(Clone, Copy)]
struct Sway {
    shift: [f32; 2],
    angle: f32,
    scale: f32,
}

impl Sway {
    fn mirrored(self) -> Sway {
        Sway { shift: [-self.shift[0], self.shift[1]], angle: -self.angle, scale: self.scale }
    }
}

impl Take {
    fn new(dice: &mut Dice) -> Take {
        Take {
            phases: [(); 4].map(|()| dice.between(0.0, std::f32::consts::TAU)),
            gain: dice.between(0.92, 1.06),
            gamma: dice.between(0.93, 1.07),
            slope: dice.between(-0.08, 0.08),
        }
    }

    fn sway(&self, frame: usize) -> Sway {
        let wave = |phase: f32, period: f32| (phase + frame as f32 * std::f32::consts::TAU / period).sin();
        let [a, b, c, d] = self.phases;
        Sway {
            shift: [22.0 * wave(a, 17.0), 16.0 * wave(b, 13.0)],
            angle: 0.05 * wave(c, 19.0),
            scale: 1.0 + 0.05 * wave(d, 23.0),
        }
    }

    /// Light, and the camera's noise.
    fn develop(&self, canvas: &Canvas, dice: &mut Dice) -> RgbImage {
        let mut raw = Vec::with_capacity(canvas.pixels.len() * 3);
        for (n, pixel) in canvas.pixels.iter().enumerate() {
            let across = (n % canvas.width) as f32 / canvas.width as f32 * 2.0 - 1.0;
            let gain = self.gain * (1.0 + self.slope * across);
            for value in pixel {
                let lit = 255.0 * (value / 255.0 * gain).clamp(0.0, 1.0).powf(self.gamma);
                raw.push(byte(lit + dice.normal() * 2.0));
            }
        }
        RgbImage::from_raw(canvas.width as u32, canvas.height as u32, raw).unwrap_or_default()
    }
}

/// SplitMix64: small, seeded, the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Near to a normal distribution of spread one: the sum of four even ones.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u64 = (0..4).map(|n| (bits >> (16 * n)) & 0xFFFF).sum();
        (sum as f32 / 65536.0 - 2.0) * 1.732
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: [f32; 4] = [60.0, 50.0, 60.0, 80.0];

    fn picture() -> RgbImage {
        RgbImage::from_fn(180, 240, |x, y| image::Rgb([x as u8, y as u8, 90]))
    }

    #[test]
    fn the_same_seed_paints_the_same_frames_and_another_others() {
        let picture = picture();
        let sitter = Sitter { picture: &picture, face: FACE };
        let paint = |seed| frames(Scene::Print, &sitter, None, 2, seed);
        assert!(paint(1) == paint(1));
        assert!(paint(1) != paint(2));
        assert!(paint(1).iter().all(|frame| frame.dimensions() == (WIDTH, HEIGHT)));
    }

    #[test]
    fn every_scene_but_the_empty_one_shows_something_on_the_wall() {
        let picture = picture();
        let sitter = Sitter { picture: &picture, face: FACE };
        let empty = frames(Scene::Empty, &sitter, None, 1, 5);
        for scene in [Scene::Living, Scene::Print, Scene::Screen, Scene::TwoPersons] {
            assert!(frames(scene, &sitter, None, 1, 5) != empty, "{scene:?}");
        }
    }

    #[test]
    fn the_portrait_is_a_small_jpeg_of_passport_size() {
        let picture = picture();
        let file = portrait_jpeg(&Sitter { picture: &picture, face: FACE });
        assert!(file.len() <= PORTRAIT_BYTES_MOST);
        let read = image::load_from_memory(&file).unwrap();
        assert_eq!((read.width(), read.height()), PORTRAIT);
    }
}
