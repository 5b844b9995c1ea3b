//! What can go wrong in this room, each with its mend.

use crate::check::Reason;
use std::path::PathBuf;

/// Why the face engine cannot start, or cannot tell anything about a picture.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    /// The inference runtime's library cannot be loaded.
    #[error("ONNX Runtime cannot be loaded from {}: {why}. Run `python3 setup/fetch.py`, or name the library in the lane's settings", path.display())]
    RuntimeMissing {
        /// Where it was looked for.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// The library is there, but older than this build needs.
    #[error("ONNX Runtime at {} is too old: {why}. Run `python3 setup/fetch.py` for the version that is pinned", path.display())]
    RuntimeOld {
        /// The library.
        path: PathBuf,
        /// Version found and version needed.
        why: String,
    },
    /// The list of models that this build carries is malformed.
    #[error("models/manifest.toml: {0}")]
    Manifest(String),
    /// A model file cannot be read.
    #[error("model {} cannot be read: {why}. Run `egate models fetch`", path.display())]
    ModelMissing {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A model file is not the one that was pinned and measured.
    #[error("model {} has SHA-256 {found}, expected {expected}. Run `egate models fetch`", path.display())]
    ModelChanged {
        /// The file.
        path: PathBuf,
        /// Pinned hash, hexadecimal.
        expected: String,
        /// Hash found, hexadecimal.
        found: String,
    },
    /// The runtime failed on a model: loading or running it.
    #[error("{model}: {why}")]
    Inference {
        /// Which model.
        model: String,
        /// What the runtime said.
        why: String,
    },
    /// A model answered with numbers that are not finite, or with too few.
    #[error("{model} answered with {what}")]
    Output {
        /// Which model.
        model: String,
        /// What was wrong.
        what: String,
    },
    /// The picture's dimensions are outside what this room works on.
    #[error("picture of {width}×{height} pixels; sides of {least} to {most} pixels are worked on")]
    ImageSize {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Shortest side accepted.
        least: u32,
        /// Longest side accepted.
        most: u32,
    },
    /// A picture that must show one face shows none.
    #[error("no face found in the picture")]
    NoFace,
    /// A picture that must show one face shows several of like size.
    #[error("{0} faces of like size found in a picture that must show one")]
    SeveralFaces(usize),
}

impl FaceError {
    /// The numbered reason for the officer when the chip's portrait could not be made a reference.
    pub fn portrait_reason(&self) -> Reason {
        match self {
            FaceError::ImageSize { .. } | FaceError::NoFace | FaceError::SeveralFaces(_) => {
                Reason::PortraitFaceMissing
            }
            _ => Reason::FaceEngineFailed,
        }
    }
}
