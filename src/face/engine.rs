//! From pictures to findings.
//!
//! [`ModelSet::load`] checks the files and starts one inference session for each model; the [`FaceEngine`] it
//! gives belongs to one thread. Every picture is looked at on its own: nothing of one traveller stays for the next.

use super::align::{self, Cutter};
use super::detect::{self, Face};
use super::liveness::{self, Crop, Detector};
use super::models::{self, Net, Role};
use super::quality::{self, QualityNumbers};
use super::{FaceError, QualityFlaw, Template, embed};
use image::RgbImage;
use std::path::Path;

/// Shortest side of a picture that is looked at, pixels.
pub const SIDE_LEAST: u32 = 32;
/// Longest side, pixels.
pub const SIDE_MOST: u32 = 8192;

/// A face lower than this part of the frame's longer side stands too far away to be in the cabin.
const PERSON_HEIGHT_LEAST: f32 = 0.06;

/// A face of at least this part of the largest one's area makes a portrait that of several people.
const RIVAL_AREA: f32 = 0.4;

/// The chip's portrait, ready for comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What frames are compared with.
    pub template: Template,
    /// Distance between the eyes in the portrait, pixels.
    pub eye_distance: f32,
}

/// What one camera frame showed. Coordinates are pixels of the frame.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FrameFindings {
    /// Number of the frame, rising.
    pub sequence: u64,
    /// Faces in view that are large enough to be persons in the cabin.
    pub faces: usize,
    /// The largest central face.
    pub traveller: Option<FaceFinding>,
}

/// The traveller's face in one frame.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FaceFinding {
    /// Left, top, width, height.
    pub bounds: [f32; 4],
    /// Right eye, left eye, nose, right and left corner of the mouth (the person's right).
    pub landmarks: [[f32; 2]; 5],
    /// Detector's score in [0, 1].
    pub score: f32,
    /// What of the quality demands is not met; empty when the frame serves.
    pub quality: Vec<QualityFlaw>,
    /// Attack score in [0, 1], 0 bona fide; `None` when it was not computed.
    pub attack: Option<f32>,
    /// For comparison.
    pub template: Template,
}

/// Name under which set-up keeps the inference runtime.
const RUNTIME: &str = "libonnxruntime.so";

/// The models of a folder, as the way to an engine.
pub struct ModelSet;

impl ModelSet {
    /// Checks every file in `models_dir` against the manifest and starts the engine on one thread of the ONNX
    /// Runtime library `runtime_lib`.
    pub fn load(models_dir: &Path, runtime_lib: &Path) -> Result<FaceEngine, FaceError> {
        Self::load_with_threads(models_dir, runtime_lib, 1)
    }

    /// What set-up put under `var`, each inference on that many threads (at least one).
    pub fn under(var: &Path, threads: usize) -> Result<FaceEngine, FaceError> {
        Self::load_with_threads(&var.join("models"), &var.join("runtime").join(RUNTIME), threads)
    }

    /// The same, each inference on that many threads (at least one).
    pub fn load_with_threads(
        models_dir: &Path,
        runtime_lib: &Path,
        threads: usize,
    ) -> Result<FaceEngine, FaceError> {
        FaceEngine::start(models_dir, runtime_lib, threads.max(1))
    }

    /// Checks the files alone, without the runtime: the models found, or the first that is not as it must be.
    pub fn verify(models_dir: &Path) -> Result<Vec<models::ModelEntry>, FaceError> {
        let mut found = Vec::new();
        for entry in models::manifest()? {
            if models::verified(models_dir, &entry)?.is_some() {
                found.push(entry);
            }
        }
        Ok(found)
    }
}

/// One inference session for each model, with its buffers.
pub struct FaceEngine {
    detector: Net,
    sface: Net,
    second: Net,
    pose: Net,
    liveness: Vec<Detector>,
    cutter: Cutter,
}

impl FaceEngine {
    fn start(folder: &Path, library: &Path, threads: usize) -> Result<FaceEngine, FaceError> {
        let entries = models::manifest()?;
        let environment = models::environment(library)?;
        let open = |role: Role, shape: [usize; 4], outputs: &[(&'static str, usize)]| {
            let entry = entries
                .iter()
                .find(|entry| entry.role == role)
                .ok_or_else(|| FaceError::Manifest(format!("no model for {role:?}")))?;
            match models::verified(folder, entry)? {
                Some(bytes) => Net::new(&environment, entry, &bytes, threads, shape, outputs).map(Some),
                None => Ok(None),
            }
        };
        let must = |role, shape, outputs: &[(&'static str, usize)]| {
            open(role, shape, outputs)?.ok_or_else(|| FaceError::Manifest(format!("{role:?} is optional")))
        };
        let face = [1, 3, align::ALIGNED, align::ALIGNED];
        let square = |side: u32| [1, 3, side as usize, side as usize];
        let bins = quality::POSE_BINS;
        let mut liveness = vec![Detector {
            net: must(Role::Liveness, square(128), &[("output", 3)])?,
            crop: Crop::Square(2.7),
            side: 128,
            live: 0,
        }];
        for (role, times) in [(Role::LivenessV2, 2.7), (Role::LivenessV1se, 4.0)] {
            if let Some(net) = open(role, square(80), &[("output", 3)])? {
                liveness.push(Detector { net, crop: Crop::Box(times), side: 80, live: 1 });
            }
        }
        Ok(FaceEngine {
            detector: must(Role::Detector, square(detect::SIDE as u32), &detect::OUTPUTS)?,
            sface: must(Role::Sface, face, &[("fc1", embed::SFACE_LENGTH)])?,
            second: must(Role::Second, face, &[("output", embed::SECOND_LENGTH)])?,
            pose: must(
                Role::Pose,
                square(quality::POSE_SIDE),
                &[("output", bins), ("617", bins), ("618", bins)],
            )?,
            liveness,
            cutter: Cutter::new(),
        })
    }

    /// What a camera frame shows. A frame without a face is a finding, not an error.
    pub fn analyse(&mut self, sequence: u64, frame: &RgbImage) -> Result<FrameFindings, FaceError> {
        bounded(frame)?;
        let found = detect::detect(&mut self.detector, &mut self.cutter, frame, 1.0)?;
        let least = PERSON_HEIGHT_LEAST * frame.width().max(frame.height()) as f32;
        let persons: Vec<&Face> = found.iter().filter(|face| face.bounds[3] >= least).collect();
        let faces = persons.len();
        let traveller = match most_prominent(frame, &persons) {
            Some(face) => self.finding(frame, face)?,
            None => None,
        };
        Ok(FrameFindings { sequence, faces, traveller })
    }

    /// The chip's portrait as reference: exactly one face, of any size.
    pub fn reference(&mut self, portrait: &RgbImage) -> Result<Reference, FaceError> {
        let face = self.only_face(portrait)?;
        let aligned = align::aligned(portrait, &face.landmarks).ok_or(FaceError::NoFace)?;
        let template = embed::template(&mut self.sface, &mut self.second, &aligned)?;
        Ok(Reference { template, eye_distance: face.eye_distance() })
    }

    /// The template of the most prominent face in a picture, whoever else is in it; for measuring.
    pub fn template(&mut self, picture: &RgbImage) -> Result<Option<Template>, FaceError> {
        bounded(picture)?;
        let found = detect::detect(&mut self.detector, &mut self.cutter, picture, 1.0)?;
        let all: Vec<&Face> = found.iter().collect();
        let Some(face) = most_prominent(picture, &all) else { return Ok(None) };
        let Some(aligned) = align::aligned(picture, &face.landmarks) else { return Ok(None) };
        embed::template(&mut self.sface, &mut self.second, &aligned).map(Some)
    }

    /// Left, top, width, height of the only face in a picture.
    pub fn locate(&mut self, picture: &RgbImage) -> Result<[f32; 4], FaceError> {
        self.only_face(picture).map(|face| face.bounds)
    }

    /// The numbers behind the quality flaws of the most prominent face.
    pub fn quality(&mut self, picture: &RgbImage) -> Result<QualityNumbers, FaceError> {
        let face = self.only_face(picture)?;
        let aligned = align::aligned(picture, &face.landmarks).ok_or(FaceError::NoFace)?;
        let pose = quality::pose(&mut self.pose, &mut self.cutter, picture, &face)?;
        Ok(quality::numbers(&face, &aligned, pose))
    }

    /// How many networks the attack score is the mean of.
    pub fn liveness_networks(&self) -> usize {
        self.liveness.len()
    }

    /// Runs every network that a frame needs once, on whatever lies in its input: the floor under
    /// [`FaceEngine::analyse`], for benchmarks.
    pub fn raw_inference(&mut self) -> Result<(), FaceError> {
        for net in [&mut self.detector, &mut self.sface, &mut self.second, &mut self.pose] {
            net.run()?;
        }
        self.liveness.iter_mut().try_for_each(|detector| detector.net.run())
    }

    fn finding(&mut self, frame: &RgbImage, face: &Face) -> Result<Option<FaceFinding>, FaceError> {
        // Five points in one place are no face.
        let Some(aligned) = align::aligned(frame, &face.landmarks) else { return Ok(None) };
        let template = embed::template(&mut self.sface, &mut self.second, &aligned)?;
        let attack = liveness::attack(&mut self.liveness, &mut self.cutter, frame, face)?;
        let pose = quality::pose(&mut self.pose, &mut self.cutter, frame, face)?;
        let numbers = quality::numbers(face, &aligned, pose);
        Ok(Some(FaceFinding {
            bounds: face.bounds,
            landmarks: face.landmarks,
            score: face.score,
            quality: quality::flaws(frame, face, &numbers),
            attack: Some(attack),
            template,
        }))
    }

    fn only_face(&mut self, picture: &RgbImage) -> Result<Face, FaceError> {
        bounded(picture)?;
        let mut found = detect::detect(&mut self.detector, &mut self.cutter, picture, 1.0)?;
        if found.is_empty() {
            // A face that fills its picture is larger than the detector was trained on: step back.
            found = detect::detect(&mut self.detector, &mut self.cutter, picture, 0.5)?;
        }
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
