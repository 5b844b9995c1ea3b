//! From pictures to findings.
//!
//! [`ModelSet::load`] checks the files and starts one inference session for each model; the [`FaceEngine`] it
//! gives belongs to one thread. Every picture is looked at on its own: nothing of one traveller stays for the next.

use super::align::{Aligner, Cutter};
use super::detect::{self, Face};
use super::embed::{self, Embedder};
use super::liveness::{Liveness, Network};
use super::manifest::{Manifest, ModelEntry, Role};
use super::models;
use super::quality::{self, Examiner};
use super::runtime::{self, InferenceSettings, Net};
use super::{FaceError, FaceFinding, FrameFindings, Measure, Reference, Template};
use image::RgbImage;
use ort::environment::Environment;
use std::path::Path;

/// Shortest side of a picture that is looked at, pixels.
pub const SIDE_LEAST: u32 = 32;
/// Longest side, pixels.
pub const SIDE_MOST: u32 = 8192;

/// A face lower than this part of the frame's longer side stands too far away to be in the cabin.
const PERSON_HEIGHT_LEAST: f32 = 0.06;

/// A face of at least this part of the largest one's area makes a portrait that of several people.
const RIVAL_AREA: f32 = 0.4;

/// How much smaller a picture is shown to the detector when it found nothing in it: a face that fills its picture
/// is larger than the detector was trained on.
const STEP_BACK: f32 = 0.5;

/// Name under which set-up keeps the inference runtime.
const RUNTIME: &str = "libonnxruntime.so";

/// The models of a folder, as the way to an engine.
pub struct ModelSet;

impl ModelSet {
    /// Checks every file in `models_dir` against the manifest and starts the engine on one thread of the ONNX
    /// Runtime library `runtime_lib`.
    ///
    /// # Errors
    /// When the runtime or a model is missing, too old or not the pinned one.
    pub fn load(models_dir: &Path, runtime_lib: &Path) -> Result<FaceEngine, FaceError> {
        Self::load_with(Manifest::shipped()?, models_dir, runtime_lib, &InferenceSettings::default())
    }

    /// What set-up put under `var`, each inference on that many threads of the processor (at least one).
    ///
    /// # Errors
    /// As [`ModelSet::load`].
    pub fn under(var: &Path, threads: usize) -> Result<FaceEngine, FaceError> {
        Self::set_up(var, &InferenceSettings::threads(threads))
    }

    /// What set-up put under `var`, run as a lane's settings say.
    ///
    /// # Errors
    /// As [`ModelSet::load`], and when the provider is not to be had.
    pub fn set_up(var: &Path, settings: &InferenceSettings) -> Result<FaceEngine, FaceError> {
        Self::set_up_with(Manifest::shipped()?, var, settings)
    }

    /// The same with the models of another manifest, for engineers.
    ///
    /// # Errors
    /// As [`ModelSet::load`].
    pub fn set_up_with(
        manifest: &Manifest,
        var: &Path,
        settings: &InferenceSettings,
    ) -> Result<FaceEngine, FaceError> {
        Self::load_with(manifest, &var.join("models"), &var.join("runtime").join(RUNTIME), settings)
    }

    /// Models of any manifest, for engineers who try others.
    ///
    /// # Errors
    /// As [`ModelSet::load`].
    pub fn load_with(
        manifest: &Manifest,
        models_dir: &Path,
        runtime_lib: &Path,
        settings: &InferenceSettings,
    ) -> Result<FaceEngine, FaceError> {
        let environment = runtime::environment(runtime_lib)?;
        Loader { manifest, folder: models_dir, environment, settings }.engine()
    }

    /// Checks the files alone, without the runtime: the models found, or the first that is not as it must be.
    ///
    /// # Errors
    /// Names the file that is missing or another one.
    pub fn verify(models_dir: &Path) -> Result<Vec<ModelEntry>, FaceError> {
        let mut found = Vec::new();
        for entry in Manifest::shipped()?.models() {
            if Self::is_right(models_dir, entry)? {
                found.push(entry.clone());
            }
        }
        Ok(found)
    }

    /// Whether one model's file is there and the pinned one; `false` for an optional one that is not there.
    ///
    /// # Errors
    /// When it is missing or another one.
    pub fn is_right(models_dir: &Path, entry: &ModelEntry) -> Result<bool, FaceError> {
        Ok(models::verified(models_dir, entry)?.is_some())
    }
}

struct Loader<'a> {
    manifest: &'a Manifest,
    folder: &'a Path,
    environment: Environment,
    settings: &'a InferenceSettings,
}

impl Loader<'_> {
    /// Every model of a role that is there; an error where one that must be there is not.
    fn all(&self, role: Role) -> Result<Vec<(&ModelEntry, Net)>, FaceError> {
        let mut found = Vec::new();
        for entry in self.manifest.of(role) {
            if let Some(bytes) = models::verified(self.folder, entry)? {
                found.push((entry, Net::new(&self.environment, entry, &bytes, self.settings)?));
            }
        }
        Ok(found)
    }

    /// The only model of a role, with as many outputs as given.
    fn one(&self, role: Role, lengths: &[usize]) -> Result<Net, FaceError> {
        let (entry, net) = self.all(role)?.into_iter().next().ok_or_else(|| missing(role))?;
        if !lengths.is_empty() && !entry.output.iter().map(|output| &output.length).eq(lengths) {
            return Err(FaceError::Manifest(format!(
                "{}: outputs of {lengths:?} numbers expected",
                entry.name
            )));
        }
        Ok(net)
    }

    fn engine(&self) -> Result<FaceEngine, FaceError> {
        let detector = self.manifest.of(Role::Detector).next().ok_or_else(|| missing(Role::Detector))?;
        if !detect::fits(detector) {
            return Err(FaceError::Manifest(format!("{} is no detector of a known kind", detector.name)));
        }
        let embedders: Vec<Embedder> = self
            .all(Role::Embedder)?
            .into_iter()
            .map(|(entry, net)| Embedder { net, weight: entry.weight.unwrap_or(1.0) })
            .collect();
        if embedders.is_empty() {
            return Err(missing(Role::Embedder));
        }
        Ok(FaceEngine {
            detector: self.one(Role::Detector, &[])?,
            embedders,
            examiner: Examiner {
                pose: self.one(Role::Pose, &[quality::POSE_BINS; 3])?,
                landmarks: self.one(Role::Landmarks, &[quality::POINTS * 2])?,
                eye: self.one(Role::Eye, &[quality::EYE_CLASSES])?,
            },
            liveness: self.liveness()?,
            aligner: Aligner::new(),
            cutter: Cutter::new(),
        })
    }

    /// The largest set of liveness networks that the manifest knows and that is there.
    /// `None` where not even the network that must be there is: faces are then found without an attack score, none
    /// of them serves, and the lane says what is missing.
    fn liveness(&self) -> Result<Option<Liveness>, FaceError> {
        let found = match self.all(Role::Liveness) {
            Err(FaceError::ModelMissing { .. }) => return Ok(None),
            found => found?,
        };
        let there = |name: &String| found.iter().any(|(entry, _)| entry.name == *name);
        let sets = self.manifest.liveness.set.iter().filter(|set| set.models.iter().all(there));
        let set = sets.max_by_key(|set| set.models.len()).ok_or_else(|| missing(Role::Liveness))?.clone();
        let networks = found
            .into_iter()
            .filter(|(entry, _)| set.models.contains(&entry.name))
            .map(|(entry, net)| Network { net, live: entry.live.unwrap_or(0) })
            .collect();
        Ok(Some(Liveness { networks, set }))
    }
}

fn missing(role: Role) -> FaceError {
    FaceError::Manifest(format!("no model for {role:?}"))
}

/// One inference session for each model, with its buffers.
pub struct FaceEngine {
    detector: Net,
    embedders: Vec<Embedder>,
    examiner: Examiner,
    liveness: Option<Liveness>,
    aligner: Aligner,
    cutter: Cutter,
}

impl FaceEngine {
    /// What a camera frame shows. A frame without a face is a finding, not an error.
    ///
    /// # Errors
    /// When the picture's size is out of bounds, or a model fails or gives what is no answer.
    pub fn analyse(&mut self, sequence: u64, frame: &RgbImage) -> Result<FrameFindings, FaceError> {
        let found = self.faces(frame)?;
        let least = PERSON_HEIGHT_LEAST * frame.width().max(frame.height()) as f32;
        let persons: Vec<&Face> = found.iter().filter(|face| face.bounds[3] >= least).collect();
        let traveller = match most_prominent(frame, &persons) {
            Some(face) => self.finding(frame, face)?,
            None => None,
        };
        Ok(FrameFindings { sequence, faces: persons.len(), traveller })
    }

    /// The chip's portrait as reference: exactly one face, of any size.
    ///
    /// # Errors
    /// When there is no single face, and as [`FaceEngine::analyse`].
    pub fn reference(&mut self, portrait: &RgbImage) -> Result<Reference, FaceError> {
        let face = self.only_face(portrait)?;
        let template = self.embed(portrait, &face)?.ok_or(FaceError::NoFace)?;
        Ok(Reference { template, eye_distance: face.eye_distance(), landmarks: face.landmarks })
    }

    /// The template of the most prominent face in a picture, whoever else is in it; for measuring.
    ///
    /// # Errors
    /// As [`FaceEngine::analyse`].
    pub fn template(&mut self, picture: &RgbImage) -> Result<Option<Template>, FaceError> {
        let found = self.faces(picture)?;
        let all: Vec<&Face> = found.iter().collect();
        match most_prominent(picture, &all) {
            Some(face) => self.embed(picture, face),
            None => Ok(None),
        }
    }

    /// Left, top, width, height of the only face in a picture.
    ///
    /// # Errors
    /// As [`FaceEngine::reference`].
    pub fn locate(&mut self, picture: &RgbImage) -> Result<[f32; 4], FaceError> {
        self.only_face(picture).map(|face| face.bounds)
    }

    /// Every quality measure of the only face in a picture.
    ///
    /// # Errors
    /// As [`FaceEngine::reference`].
    pub fn quality(&mut self, picture: &RgbImage) -> Result<Vec<Measure>, FaceError> {
        let face = self.only_face(picture)?;
        self.examiner.measures(&mut self.cutter, picture, &face)
    }

    /// Sixty-eight points of the most prominent face, pixels of the picture, in the order of the 300-W data set:
    /// jaw from ear to ear, brows, nose, eyes, mouth; for laying a mesh over it.
    ///
    /// # Errors
    /// As [`FaceEngine::analyse`].
    pub fn points(&mut self, picture: &RgbImage) -> Result<Option<[[f32; 2]; quality::POINTS]>, FaceError> {
        let found = self.faces(picture)?;
        let all: Vec<&Face> = found.iter().collect();
        let Some(face) = most_prominent(picture, &all) else { return Ok(None) };
        self.examiner.points(&mut self.cutter, picture, face).map(Some)
    }

    /// How many networks the attack score is told from; 0 when there is no attack score.
    pub fn liveness_networks(&self) -> usize {
        self.liveness.as_ref().map_or(0, |liveness| liveness.networks.len())
    }

    /// Runs every network as often as a frame needs it, on whatever lies in its input: the floor under
    /// [`FaceEngine::analyse`], for benchmarks. Says how many inferences that were.
    ///
    /// # Errors
    /// When a model fails.
    pub fn raw_inference(&mut self) -> Result<usize, FaceError> {
        let mut runs = 0;
        let mut run = |net: &mut Net, times: usize| {
            runs += times;
            (0..times).try_for_each(|_| net.run())
        };
        let twice_when_mirrored = |net: &mut Net| if net.feed().0.flip { 2 } else { 1 };
        run(&mut self.detector, 1)?;
        for (net, times) in self.examiner.nets() {
            run(net, times)?;
        }
        let embedders = self.embedders.iter_mut().map(|embedder| &mut embedder.net);
        let liveness = self.liveness.iter_mut().flat_map(|liveness| &mut liveness.networks);
        for net in embedders.chain(liveness.map(|network| &mut network.net)) {
            let times = twice_when_mirrored(net);
            run(net, times)?;
        }
        Ok(runs)
    }

    fn finding(&mut self, frame: &RgbImage, face: &Face) -> Result<Option<FaceFinding>, FaceError> {
        // Five points in one place are no face.
        let Some(template) = self.embed(frame, face)? else { return Ok(None) };
        let attack = match &mut self.liveness {
            Some(liveness) => Some(liveness.attack(&mut self.cutter, frame, face)?),
            None => None,
        };
        let measures = self.examiner.measures(&mut self.cutter, frame, face)?;
        Ok(Some(FaceFinding {
            bounds: face.bounds,
            landmarks: face.landmarks,
            score: face.score,
            quality: quality::flaws(&measures),
            measures,
            attack,
            cues: Vec::new(),
            template,
        }))
    }

    fn embed(&mut self, picture: &RgbImage, face: &Face) -> Result<Option<Template>, FaceError> {
        embed::template(&mut self.embedders, &mut self.aligner, picture, &face.landmarks)
    }

    /// All faces in a picture, looked at from farther away when there seem to be none.
    fn faces(&mut self, picture: &RgbImage) -> Result<Vec<Face>, FaceError> {
        bounded(picture)?;
        let found = detect::detect(&mut self.detector, &mut self.cutter, picture, 1.0)?;
        if found.is_empty() {
            return detect::detect(&mut self.detector, &mut self.cutter, picture, STEP_BACK);
        }
        Ok(found)
    }

    fn only_face(&mut self, picture: &RgbImage) -> Result<Face, FaceError> {
        let found = self.faces(picture)?;
        let area = |face: &Face| face.bounds[2] * face.bounds[3];
        let all: Vec<&Face> = found.iter().collect();
        let best = most_prominent(picture, &all).ok_or(FaceError::NoFace)?;
        let rivals = found.iter().filter(|face| area(face) >= RIVAL_AREA * area(best)).count();
        if rivals > 1 { Err(FaceError::SeveralFaces(rivals)) } else { Ok(best.clone()) }
    }
}

/// The largest face, where one at the side of the picture counts less than one in its middle.
fn most_prominent<'a>(picture: &RgbImage, faces: &[&'a Face]) -> Option<&'a Face> {
    let half = (picture.width() as f32 / 2.0).max(1.0);
    let weight = |face: &Face| {
        let away = ((face.centre()[0] - half) / half).abs().min(1.0);
        face.bounds[2] * face.bounds[3] * (1.0 - 0.7 * away)
    };
    faces.iter().copied().max_by(|a, b| weight(a).total_cmp(&weight(b)))
}

fn bounded(picture: &RgbImage) -> Result<(), FaceError> {
    let (width, height) = picture.dimensions();
    if width.min(height) < SIDE_LEAST || width.max(height) > SIDE_MOST {
        return Err(FaceError::ImageSize { width, height, least: SIDE_LEAST, most: SIDE_MOST });
    }
    Ok(())
}
