//! Which points of two faces are brought onto each other: those of the landmark network, and a forehead above them.

use super::blend::Marked;
use crate::face::FaceEngine;
use anyhow::{Context, Result};
use image::RgbImage;

/// Points of the jaw in the network's list: the first ones, from ear to ear.
const JAW: usize = 17;
/// The chin's among them.
const CHIN: usize = 8;
/// Where a forehead lies, as parts of the jaw's width (across, from its middle) and of the way from the line between
/// the ears up to as far as the chin lies below it. A mean face's: the network sees no forehead.
const FOREHEAD: [[f64; 2]; 5] = [[-0.47, 0.35], [-0.32, 0.68], [0.0, 0.82], [0.32, 0.68], [0.47, 0.35]];

/// The most prominent face in a picture with its points.
pub(super) fn marked<'a>(engine: &mut FaceEngine, picture: &'a RgbImage) -> Result<Marked<'a>> {
    let points = engine.points(picture)?.context("no face found in the picture")?;
    Ok(Marked { picture, points: with_forehead(&points.map(|point| point.map(f64::from))) })
}

/// The network's points and the forehead.
fn with_forehead(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let at = |place: usize| points.get(place).copied().unwrap_or_default();
    let (right_ear, left_ear, chin) = (at(0), at(JAW - 1), at(CHIN));
    let middle = [0, 1].map(|k| (axis(right_ear, k) + axis(left_ear, k)) / 2.0);
    let across = [0, 1].map(|k| axis(left_ear, k) - axis(right_ear, k));
    let up = [0, 1].map(|k| axis(middle, k) - axis(chin, k));
    let forehead =
        FOREHEAD.map(|[x, y]| [0, 1].map(|k| axis(middle, k) + x * axis(across, k) + y * axis(up, k)));
    points.iter().copied().chain(forehead).collect()
}

fn axis(point: [f64; 2], place: usize) -> f64 {
    point.get(place).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forehead_lies_opposite_the_chin() {
        let jaw = (0..JAW).map(|place| {
            let turn = std::f64::consts::PI * place as f64 / (JAW - 1) as f64;
            [100.0 - 50.0 * turn.cos(), 100.0 + 70.0 * turn.sin()]
        });
        let points = with_forehead(&jaw.collect::<Vec<_>>());
        let forehead = &points[JAW..];
        assert_eq!(forehead.len(), FOREHEAD.len());
        assert!(
            forehead.iter().all(|[x, y]| (50.0..150.0).contains(x) && (30.0..90.0).contains(y)),
            "{forehead:?}"
        );
    }
}
