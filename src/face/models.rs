//! The models that were pinned and measured, the runtime that runs them, and nothing else.
//!
//! In: a folder of model files and the path of ONNX Runtime's library. Out: one inference session for each
//! model. A file whose SHA-256 is not the one in `models/manifest.toml` never becomes a session, and what a
//! model answers is checked for length and finiteness before anybody reads it.

use super::FaceError;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The manifest is part of the program: a lane cannot be talked into other models by changing a file.
const MANIFEST: &str = include_str!("../../models/manifest.toml");

/// No model file is read that is larger.
const MODEL_BYTES_MOST: u64 = 256 << 20;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Finds faces and their five points.
    Detector,
    /// First embedder.
    Sface,
    /// Second embedder.
    Second,
    /// Presentation attack detection, always there.
    Liveness,
    /// Presentation attack detection, optional.
    LivenessV2,
    /// Presentation attack detection, optional.
    LivenessV1se,
    /// Yaw, pitch and roll of the head.
    Pose,
}

/// One model of the manifest.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct ModelEntry {
    /// What it is for.
    pub role: Role,
    /// Name for people.
    pub name: String,
    /// File in the models' folder.
    pub file: String,
    /// SHA-256 of that file, hexadecimal.
    pub prepared_sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Whether a lane runs without it.
    #[serde(default)]
    pub optional: bool,
}

#[derive(serde::Deserialize)]
struct Manifest {
    model: Vec<ModelEntry>,
}

/// Every model that this build knows.
pub(super) fn manifest() -> Result<Vec<ModelEntry>, FaceError> {
    let read: Manifest = toml::from_str(MANIFEST).map_err(|e| FaceError::Manifest(e.to_string()))?;
    Ok(read.model)
}

/// A model's file, read once and found to be the pinned one. `None` for an optional one that is not there.
pub(super) fn verified(folder: &Path, entry: &ModelEntry) -> Result<Option<Vec<u8>>, FaceError> {
    let path = folder.join(&entry.file);
    let missing = |why: String| FaceError::ModelMissing { path: path.clone(), why };
    let size = match std::fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(e) if entry.optional && e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(missing(e.to_string())),
    };
    if size > MODEL_BYTES_MOST {
        return Err(missing(format!("{size} bytes are more than the {MODEL_BYTES_MOST} accepted")));
    }
    let bytes = std::fs::read(&path).map_err(|e| missing(e.to_string()))?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found != entry.prepared_sha256 {
        return Err(FaceError::ModelChanged { path, expected: entry.prepared_sha256.clone(), found });
    }
    Ok(Some(bytes))
}

/// The runtime allows one environment in a process; whoever loads first names the library.
static ENVIRONMENT: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The process's environment, started from `library` if it is not yet running.
pub(super) fn environment(library: &Path) -> Result<Environment, FaceError> {
    let missing = |why: String| FaceError::RuntimeMissing { path: library.to_path_buf(), why };
    // An absolute path: the loader would look for a relative one beside the program first.
    let path: PathBuf = library.canonicalize().map_err(|e| missing(e.to_string()))?;
    let mut running = ENVIRONMENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some((from, environment)) = running.as_ref() {
        if *from != path {
            return Err(missing(format!("this process already runs {}", from.display())));
        }
        return Ok(environment.clone());
    }
    let builder = ort::init_from(&path).map_err(|e| match e {
        ort::LoadDynamicError::BadVersion { .. } => {
            FaceError::RuntimeOld { path: path.clone(), why: e.to_string() }
        }
        other => missing(other.to_string()),
    })?;
    let environment =
        builder.with_name("egate").with_telemetry(false).build().map_err(|e| missing(e.to_string()))?;
    *running = Some((path.clone(), environment.clone()));
    Ok(environment)
}

/// One model ready to run, with its input buffer and its last answer.
pub(super) struct Net {
    name: String,
    session: Session,
    input: Tensor<f32>,
    outputs: Vec<Output>,
}

/// Name, length and last content of one output.
struct Output {
    name: &'static str,
    length: usize,
    values: Vec<f32>,
}

impl Net {
    /// Starts a session. `shape` is that of the only input, `outputs` names and lengths of what is read.
    pub(super) fn new(
        environment: &Environment,
        entry: &ModelEntry,
        bytes: &[u8],
        threads: usize,
        shape: [usize; 4],
        outputs: &[(&'static str, usize)],
    ) -> Result<Net, FaceError> {
        let fail = |why: String| FaceError::Inference { model: entry.name.clone(), why };
        let session = Session::builder(environment)
            .map_err(|e| fail(e.to_string()))?
            .with_intra_threads(threads)
            .map_err(|e| fail(e.to_string()))?
            .with_inter_threads(1)
            .map_err(|e| fail(e.to_string()))?
            // Threads that spin between frames would take the core from the next model.
            .with_intra_op_spinning(false)
            .map_err(|e| fail(e.to_string()))?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|e| fail(e.to_string()))?
            .commit_from_memory(bytes)
            .map_err(|e| fail(e.to_string()))?;
        let zeros = vec![0f32; shape.iter().product()];
        let input = Tensor::from_array((shape, zeros)).map_err(|e| fail(e.to_string()))?;
        let outputs = outputs
            .iter()
            .map(|&(name, length)| Output { name, length, values: Vec::with_capacity(length) })
            .collect();
        Ok(Net { name: entry.name.clone(), session, input, outputs })
    }

    /// The input, channel after channel, row after row.
    pub(super) fn input(&mut self) -> &mut [f32] {
        self.input.extract_tensor_mut().1
    }

    /// Runs the model on its present input.
    pub(super) fn run(&mut self) -> Result<(), FaceError> {
        let name = &self.name;
        let fail = |why: String| FaceError::Inference { model: name.clone(), why };
        let answer = self.session.run(ort::inputs![&self.input]).map_err(|e| fail(e.to_string()))?;
        for output in &mut self.outputs {
            let wrong = |what: String| FaceError::Output { model: name.clone(), what };
            let value = answer.get(output.name).ok_or_else(|| wrong(format!("no output {}", output.name)))?;
            let (_, values) = value.try_extract_tensor::<f32>().map_err(|e| fail(e.to_string()))?;
            if values.len() != output.length {
                return Err(wrong(format!(
                    "{} numbers in {}, expected {}",
                    values.len(),
                    output.name,
                    output.length
                )));
            }
            if !values.iter().all(|v| v.is_finite()) {
                return Err(wrong(format!("numbers in {} that are not finite", output.name)));
            }
            output.values.clear();
            output.values.extend_from_slice(values);
        }
        Ok(())
    }

    /// What the last run put into an output, by its place in the list given at the start. Finite, and as long
    /// as said there; empty before the first run.
    pub(super) fn output(&self, place: usize) -> &[f32] {
        self.outputs.get(place).map_or(&[], |output| &output.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::FaceRules;

    #[test]
    fn every_role_is_in_the_manifest_once_with_a_whole_hash() {
        let entries = manifest().unwrap();
        for role in [
            Role::Detector,
            Role::Sface,
            Role::Second,
            Role::Liveness,
            Role::LivenessV2,
            Role::LivenessV1se,
            Role::Pose,
        ] {
            assert_eq!(entries.iter().filter(|entry| entry.role == role).count(), 1, "{role:?}");
        }
        assert!(entries.iter().all(|entry| hex::decode(&entry.prepared_sha256).unwrap().len() == 32));
    }

    #[test]
    fn the_default_rules_are_the_thresholds_of_the_manifest() {
        #[derive(serde::Deserialize)]
        struct Stated {
            thresholds: Thresholds,
        }
        #[derive(serde::Deserialize)]
        struct Thresholds {
            similarity: f32,
            attack: f32,
        }
        let stated: Stated = toml::from_str(MANIFEST).unwrap();
        let rules = FaceRules::default();
        assert_eq!(rules.match_threshold, stated.thresholds.similarity);
        assert_eq!(rules.attack_threshold, stated.thresholds.attack);
    }
}
