//! Whether this is the holder, and alive.
//!
//! [`FaceEngine`] holds one inference session for each model of the [`Manifest`] and turns pictures into findings:
//! [`FaceEngine::analyse`] for a camera frame, [`FaceEngine::reference`] for the chip's portrait.
//! [`Fusion`] gathers findings over frames into the checks `Liveness`, `FaceMatch` and `SinglePerson`;
//! it is pure, and a replay that feeds it the same findings gets the same checks.
//!
//! Scores: comparison is a similarity, higher is more alike; liveness is an attack score in [0, 1],
//! 0 bona fide, 1 attack (TR-03121-3.1 FM PAD-FI-APP). What error rates go with them is said by the manifest's
//! tables: [`FaceRules`] ask for rates, and officers read [`FalseMatchRate`]. Non-finite model output is an error,
//! never a score.
mod align;
mod calibration;
mod detect;
mod embed;
mod engine;
mod error;
mod findings;
mod fusion;
mod light;
mod liveness;
mod manifest;
mod models;
pub mod morph;
mod picture;
mod quality;
mod rules;
mod runtime;
mod track;

pub use calibration::{FalseMatchRate, attack_at, similarity_at};
pub use embed::{Template, compare};
pub use engine::*;
pub use error::FaceError;
pub use findings::{Cue, FaceFinding, FrameFindings, Reference, Sensor};
pub use fusion::Fusion;
pub use manifest::{Manifest, ModelEntry, Role};
pub use picture::{PictureError, decode};
pub use quality::{Aspect, Measure, QualityFlaw};
pub use rules::FaceRules;
pub use runtime::{InferenceSettings, Provider};
