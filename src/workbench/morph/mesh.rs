//! Delaunay triangulation of a few points (Bowyer 1981, Watson 1981): the mesh that a morph is warped by.
//!
//! In: at most [`POINTS_MOST`] points. Out: triangles as places in the list, which cover the points' convex hull.
//! Points that coincide with earlier ones are in no triangle.

/// More points than this are no face; the work grows with their square.
pub(super) const POINTS_MOST: usize = 256;

/// Points nearer than this are one, pixels.
const SAME: f64 = 1e-6;

/// Places of three points.
pub(super) type Triangle = [usize; 3];

/// The triangles; none for fewer than three points, or when all lie on one line.
pub(super) fn triangulated(points: &[[f64; 2]]) -> Vec<Triangle> {
    let points = points.get(..POINTS_MOST).unwrap_or(points);
    if points.iter().flatten().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    let count = points.len();
    let mut all = points.to_vec();
    all.extend(around(points));
    let mut triangles: Vec<Triangle> = vec![[count, count + 1, count + 2]];
    for (place, point) in points.iter().enumerate() {
        let earlier = points.get(..place).unwrap_or_default();
        if earlier.iter().any(|other| distance(*other, *point) < SAME) {
            continue;
        }
        // Triangles whose circle holds the point give way; the rim of the hole is joined to the point.
        let (broken, kept): (Vec<Triangle>, Vec<Triangle>) =
            triangles.into_iter().partition(|triangle| in_circle(corners(&all, *triangle), *point));
        triangles = kept;
        for [a, b] in rim(&broken) {
            triangles.push([a, b, place]);
        }
    }
    triangles.retain(|triangle| triangle.iter().all(|&place| place < count));
    triangles.retain(|triangle| area(corners(&all, *triangle)).abs() > SAME);
    triangles
}

/// Three points so far away that their triangle holds all others.
fn around(points: &[[f64; 2]]) -> [[f64; 2]; 3] {
    let most = points.iter().flatten().fold(1.0f64, |most, v| most.max(v.abs()));
    let far = most * 1e4;
    [[-far, -far], [far, -far], [0.0, far]]
}

/// Edges that belong to one triangle alone.
fn rim(triangles: &[Triangle]) -> Vec<[usize; 2]> {
    let edges: Vec<[usize; 2]> = triangles.iter().flat_map(|&[a, b, c]| [[a, b], [b, c], [c, a]]).collect();
    let alone = |edge: &[usize; 2]| {
        let [a, b] = *edge;
        edges.iter().filter(|other| **other == [a, b] || **other == [b, a]).count() == 1
    };
    edges.iter().filter(|edge| alone(edge)).copied().collect()
}

fn corners(points: &[[f64; 2]], triangle: Triangle) -> [[f64; 2]; 3] {
    triangle.map(|place| points.get(place).copied().unwrap_or_default())
}

/// Twice the area, above zero when the corners go round counter-clockwise.
fn area([a, b, c]: [[f64; 2]; 3]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Whether the circle through the corners holds the point.
fn in_circle(triangle: [[f64; 2]; 3], point: [f64; 2]) -> bool {
    let rows = triangle.map(|[x, y]| {
        let (x, y) = (x - point[0], y - point[1]);
        [x, y, x * x + y * y]
    });
    let [a, b, c] = rows;
    let determinant = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0]);
    determinant * area(triangle).signum() > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_square_with_its_middle_is_four_triangles() {
        let points = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]];
        assert_eq!(triangulated(&points).len(), 4);
    }

    #[test]
    fn too_few_points_points_on_a_line_and_what_is_no_number_give_no_triangle() {
        assert!(triangulated(&[[0.0, 0.0], [1.0, 0.0]]).is_empty());
        assert!(triangulated(&[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]).is_empty());
        assert!(triangulated(&[[0.0, 0.0], [1.0, 0.0], [f64::NAN, 3.0]]).is_empty());
        assert!(triangulated(&[[1.0, 1.0]; 9]).is_empty());
    }

    proptest! {
        /// Points inside a square whose corners are points, too: as in a picture.
        #[test]
        fn triangles_cover_the_square_once_and_no_circle_holds_a_point(
            inner in proptest::collection::vec(proptest::array::uniform2(1.0f64..99.0), 0..40)
        ) {
            let mut points = vec![[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]];
            points.extend(inner);
            let triangles = triangulated(&points);
            let covered: f64 = triangles.iter().map(|t| area(corners(&points, *t)).abs() / 2.0).sum();
            prop_assert!((covered - 10_000.0).abs() < 1.0, "{}", covered);
            for triangle in &triangles {
                let shrunk = |place: usize| !triangle.contains(&place);
                for place in (0..points.len()).filter(|place| shrunk(*place)) {
                    let corners = corners(&points, *triangle);
                    // A point on the circle itself may fall to either side in the last bit.
                    let [x, y] = points[place];
                    let middle = [0, 1].map(|k| corners.iter().map(|c| c[k]).sum::<f64>() / 3.0);
                    let nudged = [x + (x - middle[0]) * 1e-6, y + (y - middle[1]) * 1e-6];
                    prop_assert!(!in_circle(corners, nudged));
                }
            }
        }
    }
}
