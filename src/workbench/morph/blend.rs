//! Two faces made one: landmarks averaged, both pictures warped to the average, colours blended.
//!
//! In: two pictures with the same points marked in each. Out: a picture of the first one's size and framing. The
//! second face is brought to the first by the similarity that fits its points best, so that pictures of any size
//! and turn can be mixed. *Spliced*: the blend fills the face alone and the rest is the first picture's, as forgers
//! do to avoid two heads of hair in one picture.

use super::mesh::{self, Triangle};
use image::{Rgb, RgbImage};

/// How far from the face's outline the splice reaches the full blend, as part of the face's height.
const FEATHER: f64 = 0.05;

/// A picture with points marked in it, pixels; the outline's points go round the face.
pub(super) struct Marked<'a> {
    pub(super) picture: &'a RgbImage,
    pub(super) points: Vec<[f64; 2]>,
}

/// How two faces are mixed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    /// Part of the first face in the result, 0 to 1; the second has the rest.
    pub(super) first: f64,
    /// The rest of the picture is the first one's.
    pub(super) spliced: bool,
}

/// The morph; `None` when the points of one face coincide.
pub(super) fn morphed(first: &Marked, second: &Marked, recipe: Recipe) -> Option<RgbImage> {
    let to_first = Similarity::fitting(&second.points, &first.points)?;
    let back = Similarity::fitting(&first.points, &second.points)?;
    let mixed = first.points.iter().zip(&second.points).map(|(a, b)| {
        let b = to_first.apply(*b);
        [0, 1].map(|k| mix(at(a, k), at(&b, k), recipe.first))
    });
    let mixed: Vec<[f64; 2]> = mixed.collect();
    let outline = hull(&mixed);
    let frame = rim(first.picture);
    let of_first: Vec<[f64; 2]> = first.points.iter().chain(&frame).copied().collect();
    let of_second: Vec<[f64; 2]> =
        second.points.iter().copied().chain(frame.iter().map(|point| back.apply(*point))).collect();
    let target: Vec<[f64; 2]> = mixed.into_iter().chain(frame).collect();
    let height = outline.iter().map(|p| p[1]).fold(f64::MIN, f64::max)
        - outline.iter().map(|p| p[1]).fold(f64::MAX, f64::min);
    let mut result = first.picture.clone();
    for triangle in mesh::triangulated(&target) {
        let [to, from_first, from_second] =
            [&target, &of_first, &of_second].map(|list| corners(list, triangle));
        for_each_pixel(first.picture.dimensions(), to, |x, y, parts| {
            let inside = if recipe.spliced {
                (depth(&outline, [f64::from(x), f64::from(y)]) / (FEATHER * height)).clamp(0.0, 1.0)
            } else {
                1.0
            };
            let weight = 1.0 - inside * (1.0 - recipe.first);
            let a = sampled(first.picture, weighed(from_first, parts));
            let b = sampled(second.picture, weighed(from_second, parts));
            let pixel = [0, 1, 2].map(|k| mix(at(&a, k), at(&b, k), weight).round().clamp(0.0, 255.0) as u8);
            result.put_pixel(x, y, Rgb(pixel));
        });
    }
    Some(result)
}

fn at<const N: usize>(values: &[f64; N], place: usize) -> f64 {
    values.get(place).copied().unwrap_or(0.0)
}

fn mix(a: f64, b: f64, first: f64) -> f64 {
    a * first + b * (1.0 - first)
}

/// Corners and middles of the sides: they stay where they are.
fn rim(picture: &RgbImage) -> Vec<[f64; 2]> {
    let (right, bottom) = (f64::from(picture.width()) - 1.0, f64::from(picture.height()) - 1.0);
    let (across, down) = ([0.0, right / 2.0, right], [0.0, bottom / 2.0, bottom]);
    let all = down.into_iter().flat_map(|y| across.map(|x| [x, y]));
    all.filter(|[x, y]| !(*x == across[1] && *y == down[1])).collect()
}

/// x ↦ turn·x + shift, as complex numbers.
#[derive(Debug, Clone, Copy)]
struct Similarity {
    turn: [f64; 2],
    shift: [f64; 2],
}

impl Similarity {
    /// The one that takes `from` to `to` with the least sum of squared distances.
    fn fitting(from: &[[f64; 2]], to: &[[f64; 2]]) -> Option<Similarity> {
        let mean = |points: &[[f64; 2]]| {
            let count = points.len() as f64;
            [0, 1].map(|k| points.iter().map(|p| at(p, k)).sum::<f64>() / count)
        };
        let (centre_from, centre_to) = (mean(from), mean(to));
        let (mut turn, mut spread) = ([0.0; 2], 0.0);
        for (p, q) in from.iter().zip(to) {
            let p = [p[0] - centre_from[0], p[1] - centre_from[1]];
            let q = [q[0] - centre_to[0], q[1] - centre_to[1]];
            turn = [turn[0] + p[0] * q[0] + p[1] * q[1], turn[1] + p[0] * q[1] - p[1] * q[0]];
            spread += p[0] * p[0] + p[1] * p[1];
        }
        let turn = turn.map(|v| v / spread);
        let centre = rotated(turn, centre_from);
        let shift = [centre_to[0] - centre[0], centre_to[1] - centre[1]];
        let usable = turn.iter().chain(&shift).all(|v| v.is_finite()) && turn[0].hypot(turn[1]) > 1e-9;
        usable.then_some(Similarity { turn, shift })
    }

    fn apply(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = rotated(self.turn, point);
        [x + self.shift[0], y + self.shift[1]]
    }
}

fn rotated(turn: [f64; 2], [x, y]: [f64; 2]) -> [f64; 2] {
    [turn[0] * x - turn[1] * y, turn[1] * x + turn[0] * y]
}

fn corners(points: &[[f64; 2]], triangle: Triangle) -> [[f64; 2]; 3] {
    triangle.map(|place| points.get(place).copied().unwrap_or_default())
}

/// The pixels of a triangle with their barycentric parts.
fn for_each_pixel(
    (width, height): (u32, u32),
    [a, b, c]: [[f64; 2]; 3],
    mut each: impl FnMut(u32, u32, [f64; 3]),
) {
    let twice = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if twice.abs() < f64::EPSILON {
        return;
    }
    let span = |k: usize, most: u32| {
        let values = [at(&a, k), at(&b, k), at(&c, k)];
        let low = values.iter().copied().fold(f64::MAX, f64::min).floor().max(0.0) as u32;
        let high = values.iter().copied().fold(f64::MIN, f64::max).ceil().max(0.0) as u32;
        low..=high.min(most.saturating_sub(1))
    };
    for y in span(1, height) {
        for x in span(0, width) {
            let (px, py) = (f64::from(x), f64::from(y));
            let v = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / twice;
            let w = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / twice;
            let parts = [1.0 - v - w, v, w];
            if parts.iter().all(|part| *part >= -1e-9) {
                each(x, y, parts);
            }
        }
    }
}

fn weighed([a, b, c]: [[f64; 2]; 3], [u, v, w]: [f64; 3]) -> [f64; 2] {
    [u * a[0] + v * b[0] + w * c[0], u * a[1] + v * b[1] + w * c[1]]
}

/// The colour between four pixels; outside the picture that of its rim.
fn sampled(picture: &RgbImage, [x, y]: [f64; 2]) -> [f64; 3] {
    let (right, bottom) = (f64::from(picture.width()) - 1.0, f64::from(picture.height()) - 1.0);
    let (x, y) = (x.clamp(0.0, right), y.clamp(0.0, bottom));
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let mut sum = [0.0; 3];
    for (dx, dy, weight) in [
        (0.0, 0.0, (1.0 - fx) * (1.0 - fy)),
        (1.0, 0.0, fx * (1.0 - fy)),
        (0.0, 1.0, (1.0 - fx) * fy),
        (1.0, 1.0, fx * fy),
    ] {
        let (px, py) = ((left + dx).min(right) as u32, (top + dy).min(bottom) as u32);
        let Rgb(pixel) = picture.get_pixel_checked(px, py).copied().unwrap_or(Rgb([0; 3]));
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += weight * f64::from(value);
        }
    }
    sum
}

/// The convex hull, going round (Andrew 1979).
fn hull(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = &[f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for point in points {
            while let [.., a, b] = chain.as_slice() {
                if (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]) > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(*point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut sorted.iter());
    hull.extend(half(&mut sorted.iter().rev()));
    hull
}

/// How far inside a convex outline a point lies, pixels; zero or less outside.
fn depth(outline: &[[f64; 2]], point: [f64; 2]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    outline
        .iter()
        .zip(next)
        .map(|(a, b)| {
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            (dx * (point[1] - a[1]) - dy * (point[0] - a[0])) / dx.hypot(dy).max(f64::EPSILON)
        })
        .fold(f64::MAX, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(shift: f64) -> Vec<[f64; 2]> {
        [[20.0, 20.0], [44.0, 20.0], [32.0, 32.0], [24.0, 46.0], [40.0, 46.0]]
            .map(|[x, y]| [x + shift, y])
            .to_vec()
    }

    fn flat(value: u8) -> RgbImage {
        RgbImage::from_pixel(64, 64, Rgb([value; 3]))
    }

    #[test]
    fn a_face_mixed_with_itself_is_itself() {
        let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 3) as u8, (y * 3) as u8, (x + y) as u8]));
        let marked = || Marked { picture: &picture, points: points(0.0) };
        for spliced in [false, true] {
            let result = morphed(&marked(), &marked(), Recipe { first: 0.5, spliced }).unwrap();
            let most = result.as_raw().iter().zip(picture.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most.is_some_and(|most| most <= 1), "{most:?}");
        }
    }

    #[test]
    fn colours_are_mixed_by_the_recipe_and_a_splice_keeps_the_rest() {
        let (dark, bright) = (flat(40), flat(200));
        let (a, b) = (
            Marked { picture: &dark, points: points(0.0) },
            Marked { picture: &bright, points: points(4.0) },
        );
        let whole = morphed(&a, &b, Recipe { first: 0.25, spliced: false }).unwrap();
        assert_eq!((whole.get_pixel(32, 32).0[0], whole.get_pixel(1, 1).0[0]), (160, 160));
        let spliced = morphed(&a, &b, Recipe { first: 0.25, spliced: true }).unwrap();
        assert_eq!((spliced.get_pixel(32, 32).0[0], spliced.get_pixel(1, 1).0[0]), (160, 40));
    }

    #[test]
    fn points_in_one_place_make_no_morph() {
        let picture = flat(0);
        let marked = |points| Marked { picture: &picture, points };
        let recipe = Recipe { first: 0.5, spliced: false };
        assert!(morphed(&marked(vec![[3.0, 3.0]; 5]), &marked(points(0.0)), recipe).is_none());
    }

    proptest! {
        #[test]
        fn the_similarity_that_made_the_points_is_found(
            a in 0.2f64..3.0, b in -2.0f64..2.0, x in -99.0f64..99.0, y in -99.0f64..99.0
        ) {
            let made = Similarity { turn: [a, b], shift: [x, y] };
            let to: Vec<[f64; 2]> = points(0.0).into_iter().map(|p| made.apply(p)).collect();
            let found = Similarity::fitting(&points(0.0), &to).unwrap();
            for (p, q) in points(0.0).into_iter().zip(to) {
                let p = found.apply(p);
                prop_assert!((p[0] - q[0]).abs() < 1e-6 && (p[1] - q[1]).abs() < 1e-6);
            }
        }

        #[test]
        fn any_points_are_survived(
            points in proptest::collection::vec(proptest::array::uniform2(-200.0f64..200.0), 5),
            first in 0.0f64..=1.0, spliced: bool
        ) {
            let picture = flat(9);
            let marked = |points: Vec<[f64; 2]>| Marked { picture: &picture, points };
            let _ = morphed(&marked(points), &marked(self::points(0.0)), Recipe { first, spliced });
        }
    }
}
