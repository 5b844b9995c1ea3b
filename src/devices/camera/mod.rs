//! The camera: USB and built-in cameras by V4L2, IP cameras by motion JPEG over HTTP, recorded frames, and a
//! stage for demonstrations and tests.
//!
//! Out come [`Frame`](super::Frame)s with sequence and capture time, the newest alone: whoever is slow misses
//! frames and never sees old ones. A camera that gives nothing, or the same picture over and over, is a
//! [`CameraFault`]: a real sensor never gives the same picture twice.
//!
//! | driver | speaks | simulator |
//! |---|---|---|
//! | [`HttpCameraSettings::open`] | `multipart/x-mixed-replace` over HTTP | [`MjpegServer`] on loopback |
//! | [`v4l2::V4l2CameraSettings::open`] (feature `v4l2`) | V4L2, motion JPEG or YUYV | a scripted [`v4l2::CaptureDevice`] in tests |
//! | [`RecordedCameraSettings::open`] | folder, motion JPEG file, Y4M file | is one itself |
//! | [`StageCamera`] | nothing, in process | is one itself |
mod freeze;
mod http;
pub mod jpeg;
mod live;
pub mod multipart;
pub mod recorded;
mod server;
mod stage;
pub mod v4l2;
mod yuv;

pub use freeze::FROZEN_AFTER;
pub use http::{HttpCameraSettings, HttpSource};
pub use live::{FrameSource, Grabbed, LiveCamera, RawPicture, STALE_AFTER};
pub use recorded::{RecordedCamera, RecordedCameraSettings};
pub use server::MjpegServer;
pub use stage::{Stage, StageCamera, StageFrame};
pub use v4l2::V4l2CameraSettings;
pub use yuv::from_yuyv;

use super::{Camera, CameraFault};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The camera in the lane's settings: one of the tables `[camera.v4l2]`, `[camera.http]`, `[camera.recorded]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraSettings {
    /// A camera of this machine.
    V4l2(V4l2CameraSettings),
    /// A camera on the network.
    Http(HttpCameraSettings),
    /// A recording, for benches.
    Recorded(RecordedCameraSettings),
}

impl CameraSettings {
    /// Opens the camera. One that may come back by itself (USB, network) is opened also when it is not there now:
    /// its first frame, or fault, shows.
    ///
    /// # Errors
    /// When the settings cannot be, or a recording is missing.
    pub fn open(&self) -> Result<Box<dyn Camera>, CameraFault> {
        match self {
            CameraSettings::V4l2(settings) => Ok(Box::new(settings.open()?)),
            CameraSettings::Http(settings) => Ok(Box::new(settings.open()?)),
            CameraSettings::Recorded(settings) => Ok(Box::new(settings.open()?)),
        }
    }

    /// The same with the paths in it taken from `folder`.
    pub fn relative_to(&mut self, folder: &Path) {
        if let CameraSettings::Recorded(settings) = self {
            settings.path = folder.join(&settings.path);
        }
    }
}
