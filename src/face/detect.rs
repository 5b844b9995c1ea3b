//! Finding faces: YuNet on a letterboxed picture.
//!
//! In: a picture. Out: faces with box, five points and score, best first, none twice, at most [`FACES_MOST`].
#![allow(clippy::indexing_slicing)] // number crunching: output lengths are checked by `fits` and `Net`

use super::FaceError;
use super::align::{Cutter, SMOOTH, Window};
use super::manifest::{Colours, Cut, Input, Layout, ModelEntry};
use super::runtime::Net;
use image::RgbImage;

const STRIDES: [usize; 3] = [8, 16, 32];

/// What the detector gives for each cell of a stride, in the manifest's order: class, object, box, five points.
const NUMBERS: [usize; 4] = [1, 1, 4, 10];

/// Score from which on something counts as a face. OpenCV's own examples take .6 to .9; the lower end, since a
/// second person who goes unnoticed costs more than a frame that is thrown away.
const SCORE_LEAST: f32 = 0.6;

/// Two boxes that share more than this part of their union are one face.
const OVERLAP_MOST: f32 = 0.3;

/// Faces looked at after the best candidates are sorted.
pub(super) const FACES_MOST: usize = 32;

/// Candidates kept before overlapping ones are merged.
const CANDIDATES_MOST: usize = 1024;

/// One face in a picture, pixels of the picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Face {
    /// Left, top, width, height.
    pub(super) bounds: [f32; 4],
    /// Right eye, left eye, nose, right and left corner of the mouth (the person's right).
    pub(super) landmarks: [[f32; 2]; 5],
    /// In [0, 1].
    pub(super) score: f32,
}

impl Face {
    pub(super) fn centre(&self) -> [f32; 2] {
        let [x, y, w, h] = self.bounds;
        [x + w / 2.0, y + h / 2.0]
    }

    pub(super) fn eye_distance(&self) -> f32 {
        let [right, left, ..] = self.landmarks;
        (right[0] - left[0]).hypot(right[1] - left[1])
    }

    fn overlap(&self, other: &Face) -> f32 {
        let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (self.bounds, other.bounds);
        let width = ((ax + aw).min(bx + bw) - ax.max(bx)).max(0.0);
        let height = ((ay + ah).min(by + bh) - ay.max(by)).max(0.0);
        let shared = width * height;
        shared / (aw * ah + bw * bh - shared).max(f32::EPSILON)
    }
}

/// Whether an entry of the manifest is a detector of this kind.
pub(super) fn fits(entry: &ModelEntry) -> bool {
    let input = &entry.input;
    let lengths = NUMBERS
        .iter()
        .flat_map(|numbers| STRIDES.iter().map(move |stride| (input.side / stride).pow(2) * numbers));
    input.cut == Cut::Letterbox
        && input.layout == Layout::Nchw
        && input.colours != Colours::Grey
        && input.side.is_multiple_of(32)
        && lengths.eq(entry.output.iter().map(|output| output.length))
}

/// All faces in the picture, shown to the detector at `scale` (0 to 1) of the size that would fill its square.
pub(super) fn detect(
    net: &mut Net,
    cutter: &mut Cutter,
    picture: &RgbImage,
    scale: f32,
) -> Result<Vec<Face>, FaceError> {
    let (input, buffer) = net.feed();
    let square = input.side;
    let longest = picture.width().max(picture.height()).max(1) as f32;
    let zoom = square as f32 * scale / longest;
    let side = |length: u32| ((length as f32 * zoom).round() as usize).clamp(1, square);
    let (width, height) = (side(picture.width()), side(picture.height()));
    let whole = Window::of(picture, [0.0; 4], input.cut);
    let pixels = cutter.cut(picture, whole, (width as u32, height as u32), SMOOTH)?;
    letterbox(pixels, width, input, buffer);
    net.run()?;
    Ok(suppressed(candidates(net, square, 1.0 / zoom)))
}

/// The input's planes with the picture at the top left and black elsewhere.
fn letterbox(pixels: &[[u8; 3]], width: usize, input: &Input, buffer: &mut [f32]) {
    let side = input.side;
    for (place, plane) in buffer.chunks_exact_mut(side * side).take(3).enumerate() {
        let colour = if input.colours == Colours::Bgr { 2 - place } else { place };
        let height = pixels.len() / width;
        let (shown, below) = plane.split_at_mut(height * side);
        below.fill(0.0);
        for (row, line) in shown.chunks_exact_mut(side).zip(pixels.chunks_exact(width)) {
            let (left, right) = row.split_at_mut(width);
            left.iter_mut().zip(line).for_each(|(value, pixel)| *value = f32::from(pixel[colour]));
            right.fill(0.0);
        }
    }
}

/// Everything above the least score, in pixels of the picture.
fn candidates(net: &Net, side: usize, unzoom: f32) -> Vec<Face> {
    let mut found = Vec::new();
    for (level, stride) in STRIDES.into_iter().enumerate() {
        let columns = side / stride;
        let (cls, obj) = (net.output(level), net.output(3 + level));
        let (boxes, points) = (net.output(6 + level), net.output(9 + level));
        for (cell, (c, o)) in cls.iter().zip(obj).enumerate() {
            let score = (c.clamp(0.0, 1.0) * o.clamp(0.0, 1.0)).sqrt();
            if score < SCORE_LEAST {
                continue;
            }
            let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
            let pixels = stride as f32 * unzoom;
            let b = &boxes[cell * 4..cell * 4 + 4];
            let (width, height) = (b[2].exp() * pixels, b[3].exp() * pixels);
            let centre = [(column + b[0]) * pixels, (row + b[1]) * pixels];
            let mut landmarks = [[0f32; 2]; 5];
            for (mark, k) in landmarks.iter_mut().zip(points[cell * 10..cell * 10 + 10].chunks_exact(2)) {
                *mark = [(column + k[0]) * pixels, (row + k[1]) * pixels];
            }
            let bounds = [centre[0] - width / 2.0, centre[1] - height / 2.0, width, height];
            if bounds.iter().all(|v| v.is_finite()) && width > 0.0 && height > 0.0 {
                found.push(Face { bounds, landmarks, score });
            }
        }
    }
    found
}

/// The best of each group of overlapping candidates.
fn suppressed(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    faces.truncate(CANDIDATES_MOST);
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.len() == FACES_MOST {
            break;
        }
        if kept.iter().all(|better| better.overlap(&face) <= OVERLAP_MOST) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::manifest::{Manifest, Role};

    fn face(x: f32, score: f32) -> Face {
        Face { bounds: [x, 0.0, 100.0, 100.0], landmarks: [[0.0; 2]; 5], score }
    }

    #[test]
    fn overlapping_candidates_are_one_face_the_best() {
        let kept = suppressed(vec![face(0.0, 0.7), face(10.0, 0.9), face(300.0, 0.8)]);
        assert_eq!(kept, vec![face(10.0, 0.9), face(300.0, 0.8)]);
    }

    #[test]
    fn a_crowd_is_cut_off_at_the_bound() {
        let kept = suppressed((0..100).map(|n| face(n as f32 * 200.0, 0.9)).collect());
        assert_eq!(kept.len(), FACES_MOST);
    }

    #[test]
    fn the_letterbox_is_blue_green_red_with_black_around() {
        let entry = Manifest::shipped().unwrap().of(Role::Detector).next().unwrap();
        let side = entry.input.side;
        let mut buffer = vec![9.0; 3 * side * side];
        letterbox(&[[1, 2, 3], [4, 5, 6]], 1, &entry.input, &mut buffer);
        assert_eq!((buffer[0], buffer[side], buffer[1], buffer[2 * side]), (3.0, 6.0, 0.0, 0.0));
        assert_eq!(buffer[2 * side * side], 1.0);
    }

    #[test]
    fn a_detector_of_another_kind_does_not_fit() {
        let mut entry = Manifest::shipped().unwrap().of(Role::Detector).next().unwrap().clone();
        assert!(fits(&entry));
        entry.input.side = 320;
        assert!(!fits(&entry));
        entry.input.side = 640;
        entry.output.pop();
        assert!(!fits(&entry));
    }
}
