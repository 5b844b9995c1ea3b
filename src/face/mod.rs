//! Whether this is the holder, and alive.
//!
//! [`FaceEngine`] holds one inference session for each model and turns pictures into findings:
//! [`FaceEngine::analyse`] for a camera frame, [`FaceEngine::reference`] for the chip's portrait.
//! [`Fusion`] gathers findings over frames into the checks `Liveness`, `FaceMatch` and `SinglePerson`;
//! it is pure, and a replay that feeds it the same findings gets the same checks.
//!
//! Scores: comparison is a similarity, higher is more alike; liveness is an attack score in [0, 1],
//! 0 bona fide, 1 attack (TR-03121-3.1 FM PAD-FI-APP). Non-finite model output is an error, never a score.
mod align;
mod detect;
mod embed;
mod engine;
mod error;
mod fusion;
mod liveness;
mod models;
mod quality;

pub use embed::{Template, compare};
pub use engine::*;
pub use error::FaceError;
pub use fusion::*;
pub use models::{ModelEntry, Role};
pub use quality::{Pose, QualityFlaw, QualityNumbers};
