//! The models that were pinned and measured: `models/manifest.toml` as types.
//!
//! Everything that is special about one network is said there and nowhere else: what it wants as input, which of
//! its outputs is read, how long its embedding is and how much it weighs, at which scores a stranger would pass.
//! So a network of another size, layout or normalisation fits in by its entry alone. The shipped manifest is
//! compiled in: a lane cannot be talked into other models by changing a file.

use super::FaceError;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The manifest that ships.
const SHIPPED: &str = include_str!("../../models/manifest.toml");

/// Longest side of a network's input, pixels.
const SIDE_MOST: usize = 2048;
/// Most numbers of one output.
const LENGTH_MOST: usize = 1 << 20;
/// Most networks in one manifest.
const MODELS_MOST: usize = 64;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Finds faces and their five points.
    Detector,
    /// Embeds an aligned face; there may be several, compared together by their weights.
    Embedder,
    /// Presentation attack detection; one at least is always there.
    Liveness,
    /// Yaw, pitch and roll of the head.
    Pose,
    /// Sixty-eight points of a face.
    Landmarks,
    /// Whether an eye is closed.
    Eye,
}

/// Order of the colours in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Colours {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Brightness alone, ITU-R BT.601.
    Grey,
}

/// Order of the dimensions in a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Layout {
    /// Channel after channel.
    #[default]
    Nchw,
    /// Pixel after pixel.
    Nhwc,
}

/// Which part of the picture a network looks at.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cut {
    /// The whole picture, at the top left of a black square.
    Letterbox,
    /// The face turned and scaled so that its five points lie on the input's `points`.
    Aligned,
    /// A square of so many times the longer side of the box, shifted to stay inside the picture.
    Square(f32),
    /// A square of so many times the height of the box, shifted to stay inside the picture.
    SquareOfHeight(f32),
    /// The box's own shape, so many times as large, shrunk as a whole where the picture is too small.
    Box(f32),
}

/// What a network wants to see.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Side of the square, pixels.
    pub(super) side: usize,
    pub(super) colours: Colours,
    #[serde(default)]
    pub(super) layout: Layout,
    /// Taken from each value of red, green, blue (0 to 255).
    #[serde(default)]
    pub(super) mean: [f32; 3],
    /// What is left is divided by this.
    #[serde(default = "ones")]
    pub(super) divisor: [f32; 3],
    pub(super) cut: Cut,
    /// For [`Cut::Aligned`]: where the five points lie, pixels of the input.
    #[serde(default)]
    pub(super) points: Option<[[f32; 2]; 5]>,
    /// Whether the network is also asked about the mirrored face, and the mean of both answers taken.
    #[serde(default)]
    pub(super) flip: bool,
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl Input {
    pub(super) fn channels(&self) -> usize {
        if self.colours == Colours::Grey { 1 } else { 3 }
    }

    /// The input tensor's dimensions.
    pub(super) fn shape(&self) -> [usize; 4] {
        let (side, channels) = (self.side, self.channels());
        match self.layout {
            Layout::Nchw => [1, channels, side, side],
            Layout::Nhwc => [1, side, side, channels],
        }
    }
}

/// One output that is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    /// As the network names it.
    pub(super) name: String,
    /// Numbers in it.
    pub(super) length: usize,
}

/// One model of the manifest.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelEntry {
    /// What it is for.
    pub role: Role,
    /// Name for people.
    pub name: String,
    /// File in the models' folder.
    pub file: String,
    /// SHA-256 of the file as its origin ships it, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the file as it is loaded, hexadecimal.
    pub prepared_sha256: String,
    /// Bytes of the file as it is loaded.
    pub size: u64,
    /// Licence of the weights.
    pub licence: String,
    /// The package that carries it, by its key in the manifest.
    #[serde(default)]
    pub package: Option<String>,
    /// Where it comes from when no package carries it.
    #[serde(default)]
    pub origin: Option<String>,
    /// Public address of an optional file.
    #[serde(default)]
    pub url: Option<String>,
    /// Whether a lane runs without it.
    #[serde(default)]
    pub optional: bool,
    /// What was measured with it, in words.
    pub measured: String,
    pub(super) input: Input,
    pub(super) output: Vec<Output>,
    /// Embedders: how much its cosine weighs beside the others'.
    #[serde(default)]
    pub(super) weight: Option<f32>,
    /// Liveness: which class is "live".
    #[serde(default)]
    pub(super) live: Option<usize>,
}

/// How similarity and the false match rate go together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Comparison {
    /// The data on which it was measured.
    #[serde(rename = "set_on")]
    pub(super) _set_on: String,
    /// Pairs of false match rate and the similarity that so many strangers reach; rates falling, similarity rising.
    pub(super) false_match: Vec<[f64; 2]>,
}

/// How attack scores are made and read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Liveness {
    #[serde(rename = "set_on")]
    pub(super) _set_on: String,
    /// Pairs of bona fide error rate and the attack score that so many living faces reach at most; rates falling,
    /// scores rising.
    pub(super) bona_fide_error: Vec<[f64; 2]>,
    /// Sets of networks; the largest one whose networks are all there is used.
    pub(super) set: Vec<LivenessSet>,
}

/// Networks whose answers are fused, and how their mean becomes a score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LivenessSet {
    /// Names of the models.
    pub(super) models: Vec<String>,
    /// Mean log odds of "live" that become score one half.
    pub(super) middle: f32,
    /// Log odds between score 0 and score 1.
    pub(super) spread: f32,
}

/// A manifest that was read and found to hang together.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    #[serde(rename = "model")]
    models: Vec<ModelEntry>,
    pub(super) comparison: Comparison,
    pub(super) liveness: Liveness,
    #[serde(skip)]
    digest: String,
}

static PARSED: LazyLock<Result<Manifest, String>> = LazyLock::new(|| Manifest::read(SHIPPED));

impl Manifest {
    /// The one that ships.
    ///
    /// # Errors
    /// When this build carries one that does not hang together; a test reads it.
    pub fn shipped() -> Result<&'static Manifest, FaceError> {
        PARSED.as_ref().map_err(|why| FaceError::Manifest(why.clone()))
    }

    /// Another one, for engineers who try other networks; lanes take [`Manifest::shipped`].
    ///
    /// # Errors
    /// Names what is wrong with it.
    pub fn parse(text: &str) -> Result<Manifest, FaceError> {
        Self::read(text).map_err(FaceError::Manifest)
    }

    fn read(text: &str) -> Result<Manifest, String> {
        let mut read: Manifest = toml::from_str(text).map_err(|e| e.to_string())?;
        read.digest = hex::encode(Sha256::digest(text));
        match read.fault() {
            Some(fault) => Err(fault),
            None => Ok(read),
        }
    }

    /// Every model, in the manifest's order.
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// The same without optional models: what every lane has.
    #[must_use]
    pub fn packaged(&self) -> Manifest {
        let mut manifest = self.clone();
        manifest.models.retain(|entry| !entry.optional);
        let there = |name: &String| manifest.models.iter().any(|entry| entry.name == *name);
        manifest.liveness.set.retain(|set| set.models.iter().all(there));
        manifest.digest = hex::encode(Sha256::digest(format!("packaged models of {}", self.digest)));
        manifest
    }

    /// SHA-256 of the manifest's text: scores of equal digests may be compared, and cached together.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = &ModelEntry> {
        self.models.iter().filter(move |entry| entry.role == role)
    }

    /// The first thing that does not fit.
    fn fault(&self) -> Option<String> {
        if self.models.len() > MODELS_MOST {
            return Some(format!("more than {MODELS_MOST} models"));
        }
        let wrong = self.models.iter().find_map(|m| Some(format!("model {}: {}", m.name, m.fault()?)));
        wrong
            .or_else(|| {
                let mut falling = [&self.comparison.false_match, &self.liveness.bona_fide_error].into_iter();
                let broken = falling.any(|table| !is_calibration(table));
                broken.then(|| "a calibration must have falling rates and rising scores".to_owned())
            })
            .or_else(|| {
                let known = |name: &String| self.of(Role::Liveness).any(|entry| entry.name == *name);
                let good = |set: &LivenessSet| {
                    !set.models.is_empty() && set.models.iter().all(known) && set.spread > 0.0
                };
                (!self.liveness.set.iter().all(good))
                    .then(|| "a liveness set names no such models".to_owned())
            })
    }
}

impl ModelEntry {
    fn fault(&self) -> Option<&'static str> {
        let input = &self.input;
        if !(1..=SIDE_MOST).contains(&input.side) || input.divisor.iter().any(|d| !d.is_normal()) {
            return Some("an input of that side or divisor cannot be made");
        }
        if self.output.is_empty() || self.output.iter().any(|o| !(1..=LENGTH_MOST).contains(&o.length)) {
            return Some("outputs with a name and a length are needed");
        }
        if (input.cut == Cut::Aligned) != input.points.is_some() {
            return Some("`points` belong to an aligned input, and to no other");
        }
        let weighted = self.weight.is_some_and(|w| w.is_finite() && w > 0.0);
        match self.role {
            Role::Embedder if !weighted => Some("an embedder has a weight above zero"),
            Role::Embedder if input.cut != Cut::Aligned => Some("an embedder takes an aligned face"),
            Role::Liveness if self.live.is_none() => Some("`live` names the class of living faces"),
            _ => None,
        }
    }
}

/// Rates in (0, 1] falling, scores rising, at least two of them.
fn is_calibration(table: &[[f64; 2]]) -> bool {
    let ordered = |pair: &[[f64; 2]]| match pair {
        [[rate, score], [next_rate, next_score]] => next_rate < rate && next_score > score,
        _ => false,
    };
    table.len() >= 2
        && table.windows(2).all(ordered)
        && table.iter().all(|[rate, score]| (f64::MIN_POSITIVE..=1.0).contains(rate) && score.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_optional_models_the_manifest_still_hangs_together_and_has_another_digest() {
        let shipped = Manifest::shipped().unwrap();
        let packaged = shipped.packaged();
        assert!(packaged.models().iter().all(|entry| !entry.optional) && packaged.fault().is_none());
        assert_eq!(packaged.liveness.set.len(), 1);
        assert_ne!(packaged.digest(), shipped.digest());
    }

    #[test]
    fn the_shipped_manifest_has_every_role_and_whole_hashes() {
        let manifest = Manifest::shipped().unwrap();
        for role in [Role::Detector, Role::Embedder, Role::Liveness, Role::Pose, Role::Landmarks, Role::Eye] {
            assert!(manifest.of(role).any(|entry| !entry.optional), "{role:?}");
        }
        for entry in manifest.models() {
            assert!(hex::decode(&entry.prepared_sha256).unwrap().len() == 32, "{}", entry.name);
            assert!(entry.package.is_some() || entry.origin.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn a_manifest_that_does_not_hang_together_is_refused_by_name() {
        for (from, to, word) in [
            ("weight = 0.319", "", "fr_feature: an embedder has a weight"),
            ("weight = 0.319", "weight = -1.0", "fr_feature: an embedder has a weight"),
            ("live = 0", "", "fr_liveness: `live`"),
            ("side = 640", "side = 0", "YuNet"),
            ("[1e-4, 0.399]", "[1e-4, 0.1]", "calibration"),
            ("models = [\"fr_liveness\"]", "models = [\"fr_livenes\"]", "liveness set"),
        ] {
            assert!(SHIPPED.contains(from), "{from}");
            let error = Manifest::parse(&SHIPPED.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
