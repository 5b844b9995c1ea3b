//! The inference runtime, and one model ready to run in it.
//!
//! In: the path of ONNX Runtime's library, and a model's verified bytes. Out: a [`Net`], which keeps its session,
//! its input buffer and its last answer for the life of the lane. What a model answers is checked for length and
//! finiteness before anybody reads it.

use super::FaceError;
use super::manifest::{Input, ModelEntry};
use ort::environment::Environment;
use ort::ep::ExecutionProviderDispatch;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::Tensor;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What computes the inferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The processor; what everything was measured with.
    #[default]
    Cpu,
    /// An NVIDIA card; needs a runtime library built for it.
    Cuda,
    /// Intel's processors and graphics; needs a runtime library built for them.
    Openvino,
}

/// How inferences are run; part of a lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InferenceSettings {
    /// What computes.
    pub provider: Provider,
    /// Threads of one inference. One keeps the others free for the devices: frames come one at a time.
    pub threads: usize,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        InferenceSettings { provider: Provider::Cpu, threads: 1 }
    }
}

impl InferenceSettings {
    /// Most threads of one inference.
    pub const THREADS_MOST: usize = 64;

    /// The processor, on that many threads.
    pub fn threads(threads: usize) -> Self {
        InferenceSettings { threads, ..Self::default() }
    }
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
    input: Input,
    session: Session,
    buffer: Tensor<f32>,
    answers: Vec<Answer>,
}

/// Name, length and last content of one output.
struct Answer {
    name: String,
    length: usize,
    values: Vec<f32>,
}

impl Net {
    /// Starts a session on a model's verified bytes.
    pub(super) fn new(
        environment: &Environment,
        entry: &ModelEntry,
        bytes: &[u8],
        settings: &InferenceSettings,
    ) -> Result<Net, FaceError> {
        let fail = |why: String| FaceError::Inference { model: entry.name.clone(), why };
        let session = builder(environment, settings)
            .map_err(&fail)?
            .commit_from_memory(bytes)
            .map_err(|e| fail(e.to_string()))?;
        let shape = entry.input.shape();
        let zeros = vec![0f32; shape.iter().product()];
        let buffer = Tensor::from_array((shape, zeros)).map_err(|e| fail(e.to_string()))?;
        let answers = entry.output.iter().map(|output| Answer {
            name: output.name.clone(),
            length: output.length,
            values: Vec::with_capacity(output.length),
        });
        let mut net = Net {
            name: entry.name.clone(),
            input: entry.input.clone(),
            session,
            buffer,
            answers: answers.collect(),
        };
        // A model whose layout or outputs are not what its entry says shows it here and not before a traveller;
        // and the first inference, which is the slowest, is over.
        net.run()?;
        Ok(net)
    }

    /// As the manifest calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it wants to see, and the buffer for it.
    pub(super) fn feed(&mut self) -> (&Input, &mut [f32]) {
        (&self.input, self.buffer.extract_tensor_mut().1)
    }

    /// Runs the model on its present input.
    pub(super) fn run(&mut self) -> Result<(), FaceError> {
        let name = &self.name;
        let fail = |why: String| FaceError::Inference { model: name.clone(), why };
        let found = self.session.run(ort::inputs![&self.buffer]).map_err(|e| fail(e.to_string()))?;
        for answer in &mut self.answers {
            let wrong = |what: String| FaceError::Output { model: name.clone(), what };
            let value = found.get(&answer.name).ok_or_else(|| wrong(format!("no output {}", answer.name)))?;
            let (_, values) = value.try_extract_tensor::<f32>().map_err(|e| fail(e.to_string()))?;
            if values.len() != answer.length {
                return Err(wrong(format!(
                    "{} numbers in {}, expected {}",
                    values.len(),
                    answer.name,
                    answer.length
                )));
            }
            if !values.iter().all(|v| v.is_finite()) {
                return Err(wrong(format!("numbers in {} that are not finite", answer.name)));
            }
            answer.values.clear();
            answer.values.extend_from_slice(values);
        }
        Ok(())
    }

    /// What the last run put into an output, by its place in the manifest's list: finite, and as long as said
    /// there.
    pub(super) fn output(&self, place: usize) -> &[f32] {
        self.answers.get(place).map_or(&[], |answer| &answer.values)
    }
}

fn builder(environment: &Environment, settings: &InferenceSettings) -> Result<SessionBuilder, String> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let built = Session::builder(environment)
        .map_err(|e| words(&e))?
        .with_intra_threads(settings.threads.clamp(1, InferenceSettings::THREADS_MOST))
        .map_err(|e| words(&e))?
        .with_inter_threads(1)
        .map_err(|e| words(&e))?
        // Threads that spin between frames would take the core from the next model.
        .with_intra_op_spinning(false)
        .map_err(|e| words(&e))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| words(&e))?;
    // A lane that asks for a card and would get the processor must hear of it.
    let provider: ExecutionProviderDispatch = match settings.provider {
        Provider::Cpu => return Ok(built),
        Provider::Cuda => ort::ep::CUDA::default().build().error_on_failure(),
        Provider::Openvino => ort::ep::OpenVINO::default().build().error_on_failure(),
    };
    built.with_execution_providers([provider]).map_err(|e| {
        format!(
            "{:?} is not to be had: {e}. Set provider = \"cpu\", or use a runtime library built for it",
            settings.provider
        )
    })
}
