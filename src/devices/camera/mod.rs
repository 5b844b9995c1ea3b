//! The camera: recorded frames from a folder, and a stage for demonstrations and tests.
//!
//! Out come [`Frame`](super::Frame)s with sequence and capture time, the newest alone: whoever is slow misses
//! frames and never sees old ones. A camera that gives nothing, or the same picture over and over, is
//! [`CameraFault::Silent`]: a real sensor never gives the same picture twice.
mod recorded;
mod stage;

pub use recorded::{RecordedCamera, RecordedFrame, list_frames};
pub use stage::{Stage, StageCamera, StageFrame};

use super::{Camera, CameraFault};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The same picture for this long means a frozen camera.
pub const FROZEN_AFTER: Duration = Duration::from_secs(1);

/// The camera in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraSettings {
    /// Which driver.
    pub kind: CameraKind,
    /// Folder of the frames; see [`list_frames`] for the names in it.
    pub folder: PathBuf,
    /// Begin again after the last frame.
    #[serde(default)]
    pub repeat: bool,
}

/// The drivers that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraKind {
    /// Frames of a folder, at the times in their names.
    Recorded,
}

impl CameraSettings {
    /// Opens the camera.
    ///
    /// # Errors
    /// When it is missing or cannot work.
    pub fn open(&self) -> Result<Box<dyn Camera>, CameraFault> {
        match self.kind {
            CameraKind::Recorded => Ok(Box::new(RecordedCamera::open(&self.folder, self.repeat)?)),
        }
    }
}

/// Notices that a camera gives the same picture over and over.
#[derive(Debug, Default)]
struct FreezeWatch {
    last: Option<Seen>,
}

/// A picture's print, since when it is the same, and when it was seen last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    print: u64,
    since: Instant,
    latest: Instant,
}

impl FreezeWatch {
    /// Takes the bytes of one more picture; `true` when the camera is frozen.
    fn is_frozen(&mut self, bytes: &[u8], captured: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let print = hasher.finish();
        // A pause in which nobody filmed says nothing about the camera.
        let same = self.last.filter(|seen| {
            seen.print == print && captured.saturating_duration_since(seen.latest) <= FROZEN_AFTER
        });
        let since = same.map_or(captured, |seen| seen.since);
        self.last = Some(Seen { print, since, latest: captured });
        captured.saturating_duration_since(since) > FROZEN_AFTER
    }
}
