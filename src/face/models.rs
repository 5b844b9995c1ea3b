//! Files of models: read once, and never used when they are not the pinned ones.

use super::FaceError;
use super::manifest::ModelEntry;
use sha2::{Digest, Sha256};
use std::path::Path;

/// No model file is read that is larger.
const MODEL_BYTES_MOST: u64 = 256 << 20;

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
