//! From an aligned face to a template, and from two templates to a similarity.
//!
//! Every embedder of the manifest sees the face. Each embedding is brought to length one and weighed by the square
//! root of its embedder's weight; put behind each other and brought to length one again, the cosine of two such
//! templates is the weighted mean of the embedders' cosines, however many there are and however long they are.

use super::FaceError;
use super::align::{Aligner, planes};
use super::manifest::{Manifest, Role};
use super::runtime::Net;
use image::RgbImage;

/// The similarity of what cannot be compared.
const LEAST_ALIKE: f32 = -1.0;

/// What faces are compared by: one vector of length one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Template {
    /// Weighed embeddings of all embedders, one after the other.
    pub values: Vec<f32>,
}

impl Template {
    /// Each embedder's own part, in the manifest's order; `None` when the template is not of these embedders. The
    /// parts are of different lengths in either sense: compare them by their cosine.
    pub fn parts(&self, manifest: &Manifest) -> Option<Vec<&[f32]>> {
        let mut rest = self.values.as_slice();
        let mut parts = Vec::new();
        for entry in manifest.of(Role::Embedder) {
            let (part, after) = rest.split_at_checked(entry.output.first()?.length)?;
            parts.push(part);
            rest = after;
        }
        rest.is_empty().then_some(parts)
    }
}

/// Similarity of two templates in [-1, 1], higher is more alike. Templates of unequal length or with numbers that
/// are not finite are as unlike as can be: -1.
pub fn compare(a: &Template, b: &Template) -> f32 {
    cosine(&a.values, &b.values).unwrap_or(LEAST_ALIKE)
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

/// One network with its part in the comparison.
pub(super) struct Embedder {
    pub(super) net: Net,
    pub(super) weight: f32,
}

/// The template of the face at these five points; `None` when the points lie in one place.
pub(super) fn template(
    embedders: &mut [Embedder],
    aligner: &mut Aligner,
    picture: &RgbImage,
    landmarks: &[[f32; 2]; 5],
) -> Result<Option<Template>, FaceError> {
    let mut values = Vec::new();
    let mut aligned_as = None;
    for Embedder { net, weight } in embedders {
        let input = net.feed().0;
        let (wanted, flip) = (Some((input.points, input.side)), input.flip);
        // Embedders that want the same alignment share it.
        if aligned_as != wanted && !aligner.align(picture, landmarks, input) {
            return Ok(None);
        }
        aligned_as = wanted;
        let mut embedding = embedding(net, aligner, false)?;
        if flip {
            let mirrored = self::embedding(net, aligner, true)?;
            embedding.iter_mut().zip(mirrored).for_each(|(value, other)| *value += other);
            embedding = unit(&embedding, net.name())?;
        }
        values.extend(embedding.iter().map(|value| value * weight.sqrt()));
    }
    Ok(Some(Template { values: unit(&values, "the embedders together")? }))
}

fn embedding(net: &mut Net, aligner: &Aligner, mirrored: bool) -> Result<Vec<f32>, FaceError> {
    let (input, buffer) = net.feed();
    planes(aligner.face(), input, mirrored, buffer)?;
    net.run()?;
    unit(net.output(0), net.name())
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

    fn template(values: &[f32]) -> Template {
        Template { values: values.to_vec() }
    }

    proptest! {
        #[test]
        fn similarity_is_always_a_number_and_the_same_both_ways(
            a in proptest::array::uniform4(proptest::num::f32::ANY),
            b in proptest::array::uniform4(proptest::num::f32::ANY),
        ) {
            let (a, b) = (template(&a), template(&b));
            prop_assert!((-1.0..=1.0).contains(&compare(&a, &b)));
            prop_assert_eq!(compare(&a, &b), compare(&b, &a));
        }

        #[test]
        fn the_cosine_of_templates_is_the_weighted_mean_of_the_embedders_cosines(
            a in proptest::array::uniform4(-1.0f32..1.0), b in proptest::array::uniform4(-1.0f32..1.0),
            weight in 0.1f32..3.0
        ) {
            let fused = |v: [f32; 4]| {
                let (first, second) = (unit(&v[..2], "").ok()?, unit(&v[2..], "").ok()?);
                let weighed: Vec<f32> = first.into_iter().chain(second.iter().map(|x| x * weight.sqrt())).collect();
                Some(template(&unit(&weighed, "").ok()?))
            };
            let (Some(x), Some(y)) = (fused(a), fused(b)) else { return Ok(()) };
            let (Some(first), Some(second)) = (cosine(&a[..2], &b[..2]), cosine(&a[2..], &b[2..])) else {
                return Ok(());
            };
            prop_assert!((compare(&x, &y) - (first + weight * second) / (1.0 + weight)).abs() < 1e-4);
        }
    }

    #[test]
    fn what_cannot_be_compared_is_least_alike() {
        let good = template(&[0.5, 0.5]);
        assert!((compare(&good, &good) - 1.0).abs() < 1e-6);
        for bad in [&[f32::NAN, 0.5][..], &[1.0], &[0.0, 0.0], &[]] {
            assert_eq!(compare(&good, &template(bad)), LEAST_ALIKE);
        }
        assert_eq!(compare(&template(&[]), &template(&[])), LEAST_ALIKE);
    }

    #[test]
    fn an_embedding_without_length_is_an_error() {
        assert!(unit(&[0.0; 4], "x").is_err());
        assert!(unit(&[f32::INFINITY; 4], "x").is_err());
    }
}
