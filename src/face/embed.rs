//! From an aligned face to a template, and from two templates to a similarity.
//!
//! Both embedders see the same aligned face. Each embedding has length one; a network that answers with a vector
//! that cannot be brought to length one is an error, never a template.

use super::FaceError;
use super::align::{Order, face_planes};
use super::models::Net;

/// Numbers in SFace's embedding.
pub(super) const SFACE_LENGTH: usize = 128;
/// Numbers in the second embedder's.
pub(super) const SECOND_LENGTH: usize = 512;

/// Weight of the second embedder beside SFace's one. With .319 the false non-match rate on LFW was lowest.
const SECOND_WEIGHT: f32 = 0.319;

/// The similarity of what cannot be compared.
const LEAST_ALIKE: f32 = -1.0;

/// An embedding of unit length for each matcher of the fused comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Template {
    /// SFace, 128 numbers, L2-normalised.
    pub sface: Vec<f32>,
    /// The second embedder, L2-normalised.
    pub second: Vec<f32>,
}

/// Similarity of two templates in [-1, 1]: (cos SFace + 0.319·cos second)/1.319. Templates of unequal length or
/// with numbers that are not finite are as unlike as can be: -1.
pub fn compare(a: &Template, b: &Template) -> f32 {
    match (cosine(&a.sface, &b.sface), cosine(&a.second, &b.second)) {
        (Some(first), Some(second)) => (first + SECOND_WEIGHT * second) / (1.0 + SECOND_WEIGHT),
        _ => LEAST_ALIKE,
    }
}

/// Cosine of two vectors; `None` where there is none. Divides by the lengths although the engine's templates
/// have length one: templates also come back from recorded fixtures.
fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let (mut dot, mut aa, mut bb) = (0f64, 0f64, 0f64);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x), f64::from(y));
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    let cosine = (dot / (aa * bb).sqrt()) as f32;
    cosine.is_finite().then(|| cosine.clamp(-1.0, 1.0))
}

/// The template of an aligned face.
pub(super) fn template(sface: &mut Net, second: &mut Net, face: &[[f32; 3]]) -> Result<Template, FaceError> {
    face_planes(face, sface.input(), Order::Rgb, |value| value)?;
    sface.run()?;
    face_planes(face, second.input(), Order::Bgr, |value| (value - 127.0) / 128.0)?;
    second.run()?;
    Ok(Template { sface: unit(sface.output(0), "SFace")?, second: unit(second.output(0), "fr_feature")? })
}

fn unit(values: &[f32], model: &str) -> Result<Vec<f32>, FaceError> {
    let length = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
    if !length.is_normal() {
        return Err(FaceError::Output { model: model.into(), what: "an embedding without length".into() });
    }
    Ok(values.iter().map(|v| v / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(first: f32, second: f32) -> Template {
        Template { sface: vec![first, 1.0], second: vec![second, 2.0] }
    }

    proptest! {
        #[test]
        fn similarity_is_always_a_number_between_minus_one_and_one(
            a in proptest::num::f32::ANY, b in proptest::num::f32::ANY,
            c in proptest::num::f32::ANY, d in proptest::num::f32::ANY
        ) {
            let similarity = compare(&template(a, b), &template(c, d));
            prop_assert!((-1.0..=1.0).contains(&similarity));
        }
    }

    #[test]
    fn what_cannot_be_compared_is_least_alike() {
        let good = template(0.5, 0.5);
        assert!((compare(&good, &good) - 1.0).abs() < 1e-6);
        assert_eq!(compare(&good, &template(f32::NAN, 0.5)), LEAST_ALIKE);
        assert_eq!(compare(&good, &Template { sface: vec![1.0], second: vec![1.0, 2.0] }), LEAST_ALIKE);
        assert_eq!(compare(&good, &Template { sface: vec![0.0; 2], second: vec![1.0, 2.0] }), LEAST_ALIKE);
        assert_eq!(compare(&Template { sface: vec![], second: vec![] }, &good), LEAST_ALIKE);
    }

    #[test]
    fn an_embedding_without_length_is_an_error() {
        assert!(unit(&[0.0; 4], "x").is_err());
        assert!(unit(&[f32::INFINITY; 4], "x").is_err());
    }
}
