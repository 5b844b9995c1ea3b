//! Which points of two faces are brought onto each other.

use super::blend::Marked;
use crate::face::FaceEngine;
use anyhow::{Context, Result};
use image::RgbImage;

/// Where an outline around the five points lies, as parts of the eyes' distance (across) and of the way from the
/// eyes to the mouth (down): forehead, temples, cheeks, jaw, chin. A mean face's, near enough for a mesh.
const OUTLINE: [[f64; 2]; 12] = [
    [0.0, -1.15],
    [0.65, -0.95],
    [1.02, -0.35],
    [1.05, 0.3],
    [0.92, 0.95],
    [0.55, 1.55],
    [0.0, 1.85],
    [-0.55, 1.55],
    [-0.92, 0.95],
    [-1.05, 0.3],
    [-1.02, -0.35],
    [-0.65, -0.95],
];

/// The traveller's face in a picture with its points: the engine's five and an outline built on them.
pub(super) fn marked<'a>(engine: &mut FaceEngine, picture: &'a RgbImage) -> Result<Marked<'a>> {
    let face = engine.analyse(0, picture)?.traveller.context("no face found in the picture")?;
    Ok(Marked { picture, points: with_outline(face.landmarks) })
}

/// The five points and the outline.
pub(super) fn with_outline(five: [[f32; 2]; 5]) -> Vec<[f64; 2]> {
    let five = five.map(|point| point.map(f64::from));
    let [right_eye, left_eye, _, right_mouth, left_mouth] = five;
    let middle = |a: [f64; 2], b: [f64; 2]| [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0];
    let (eyes, mouth) = (middle(right_eye, left_eye), middle(right_mouth, left_mouth));
    let across = [left_eye[0] - right_eye[0], left_eye[1] - right_eye[1]];
    let down = [mouth[0] - eyes[0], mouth[1] - eyes[1]];
    let outline = OUTLINE.map(|[x, y]| [0, 1].map(|k| at(eyes, k) + x * at(across, k) + y * at(down, k)));
    five.into_iter().chain(outline).collect()
}

fn at(point: [f64; 2], place: usize) -> f64 {
    point.get(place).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_goes_round_the_five_points() {
        let five = [[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]];
        let points = with_outline(five);
        assert_eq!(points.len(), 17);
        let (low, high) = (
            points.iter().map(|p| p[1]).fold(f64::MAX, f64::min),
            points.iter().map(|p| p[1]).fold(0.0, f64::max),
        );
        assert!(low < 10.0 && high > 120.0, "{low} {high}");
    }
}
