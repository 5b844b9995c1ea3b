//! Cameras of this machine, by Video4Linux2: USB cameras, built-in ones, frame grabbers.
//!
//! The wish of the settings is negotiated with what the camera offers ([`choose`]); what the driver then really set
//! is what counts. Pictures come as motion JPEG or YUYV. A camera that is pulled out is found again by its path, so
//! give it one that stays (`hardware/60-egate.rules`).
//!
//! Everything but the system calls works on a [`CaptureDevice`] and is tested on scripted ones. The system calls
//! are in `kernel.rs`; they were **not yet run on a camera**.
//!
//! Clauses: Linux media userspace API, "Video Capture Interface", "Streaming I/O (Memory Mapping)".
mod hints;
#[cfg(feature = "v4l2")]
mod kernel;
mod modes;

pub use hints::{Control, Exposure, ImagingHints, Mains, WhiteBalance};
pub use modes::{Mode, PixelFormat, Wish, choose};

use super::live::{FrameSource, Grabbed, LiveCamera, RawPicture};
use crate::devices::CameraFault;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{Duration, Instant};

/// A buffer that lay in the driver for longer than this has no time that can be believed.
const AGE_MOST: Duration = Duration::from_secs(1);

/// A camera of this machine in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V4l2CameraSettings {
    /// Path of the camera; on a real lane a stable name given by udev ("/dev/egate/camera").
    pub device: String,
    /// Pixels in a row, at least; what comes nearest is taken.
    #[serde(default = "default_width")]
    pub width: u32,
    /// Rows, at least.
    #[serde(default = "default_height")]
    pub height: u32,
    /// Frames in a second, at least.
    #[serde(default = "default_rate")]
    pub frames_per_second: u32,
    /// How the camera shall expose and see white.
    #[serde(default)]
    pub hints: ImagingHints,
}

fn default_width() -> u32 {
    1_280
}

fn default_height() -> u32 {
    720
}

fn default_rate() -> u32 {
    25
}

impl V4l2CameraSettings {
    /// The defaults on this path: 1280×720 at 25 frames a second or more, exposure and white as the camera has them.
    pub fn new(device: impl Into<String>) -> Self {
        V4l2CameraSettings {
            device: device.into(),
            width: default_width(),
            height: default_height(),
            frames_per_second: default_rate(),
            hints: ImagingHints::default(),
        }
    }

    /// Starts the camera.
    ///
    /// # Errors
    /// When this program was built without the feature `v4l2`, or the system has no thread left.
    #[cfg(feature = "v4l2")]
    pub fn open(&self) -> Result<LiveCamera, CameraFault> {
        LiveCamera::start(V4l2Source::new(self.clone(), kernel::KernelDevice::open))
    }

    /// Starts the camera.
    ///
    /// # Errors
    /// Always: this program was built without the feature `v4l2`.
    #[cfg(not(feature = "v4l2"))]
    pub fn open(&self) -> Result<LiveCamera, CameraFault> {
        Err(CameraFault::Settings(
            "camera.v4l2: this program was built without the feature `v4l2`".to_owned(),
        ))
    }

    fn wish(&self) -> Wish {
        let Self { width, height, frames_per_second, .. } = *self;
        Wish { width, height, frames_per_second: frames_per_second.into() }
    }
}

/// What is needed of a camera's system calls.
pub trait CaptureDevice: Send {
    /// Everything that it offers in formats that are decoded here.
    ///
    /// # Errors
    /// The system's.
    fn modes(&mut self) -> io::Result<Vec<Mode>>;
    /// Sets a mode; gives what the driver really set, with the bytes in a row.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::Unsupported`] when the driver went to a format that is not decoded here.
    fn set_mode(&mut self, mode: Mode) -> io::Result<(Mode, usize)>;
    /// Sets a control.
    ///
    /// # Errors
    /// The system's, also when the camera has no such control.
    fn set_control(&mut self, id: u32, value: i64) -> io::Result<()>;
    /// Waits for the next buffer, at most `patience`; `None` when none came or the driver marked it as damaged.
    /// The first call starts filming.
    ///
    /// # Errors
    /// The system's; the camera is then gone.
    fn dequeue(&mut self, patience: Duration) -> io::Result<Option<Buffer>>;
}

/// One buffer as the driver filled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// The filled part.
    pub bytes: Vec<u8>,
    /// How long ago it was filled.
    pub age: Duration,
}

/// A source of pictures on any [`CaptureDevice`]; `open` makes a device for a path, anew for each connection.
pub struct V4l2Source<D, O> {
    settings: V4l2CameraSettings,
    open: O,
    filming: Option<Filming<D>>,
}

struct Filming<D> {
    device: D,
    mode: Mode,
    stride: usize,
}

impl<D: CaptureDevice, O: Fn(&str) -> io::Result<D>> V4l2Source<D, O> {
    /// Does not open yet.
    pub fn new(settings: V4l2CameraSettings, open: O) -> Self {
        V4l2Source { settings, open, filming: None }
    }

    fn gone(&self, error: &io::Error) -> CameraFault {
        CameraFault::Gone(format!("{}: {error}", self.settings.device))
    }

    fn negotiate(&self, device: &mut D) -> Result<(Mode, usize), CameraFault> {
        let offered = device.modes().map_err(|error| self.gone(&error))?;
        let chosen = choose(&offered, self.settings.wish()).ok_or_else(|| {
            CameraFault::Settings(format!("{}: offers neither motion JPEG nor YUYV", self.settings.device))
        })?;
        let (mode, stride) = device.set_mode(chosen).map_err(|error| self.gone(&error))?;
        tracing::info!(device = %self.settings.device, ?mode, wished = ?self.settings.wish(), "camera negotiated");
        Ok((mode, stride))
    }

    fn hint(&self, device: &mut D) {
        for control in self.settings.hints.controls() {
            let taken = control.values.iter().any(|value| device.set_control(control.id, *value).is_ok());
            if !taken {
                tracing::warn!(device = %self.settings.device, ?control, "the camera does not take this hint");
            }
        }
    }
}

impl<D, O> FrameSource for V4l2Source<D, O>
where
    D: CaptureDevice + 'static,
    O: Fn(&str) -> io::Result<D> + Send + 'static,
{
    fn connect(&mut self) -> Result<(), CameraFault> {
        // The device is closed before it is opened again: it is for one program alone.
        self.filming = None;
        let mut device = (self.open)(&self.settings.device).map_err(|error| self.gone(&error))?;
        let (mode, stride) = self.negotiate(&mut device)?;
        self.hint(&mut device);
        self.filming = Some(Filming { device, mode, stride });
        Ok(())
    }

    fn grab(&mut self, patience: Duration) -> Result<Grabbed, CameraFault> {
        let begun = Instant::now();
        loop {
            let left = patience.saturating_sub(begun.elapsed());
            let Some(filming) = self.filming.as_mut().filter(|_| !left.is_zero()) else {
                return Err(CameraFault::Silent(patience));
            };
            let Filming { mode, stride, .. } = *filming;
            let buffer = filming.device.dequeue(left).map_err(|error| self.gone(&error))?;
            let Some(Buffer { bytes, age }) = buffer.filter(|buffer| !buffer.bytes.is_empty()) else {
                continue;
            };
            let age = if age <= AGE_MOST { age } else { Duration::ZERO };
            let now = Instant::now();
            let captured = now.checked_sub(age).unwrap_or(now);
            let picture = match mode.format {
                PixelFormat::Mjpeg => RawPicture::Jpeg(bytes),
                PixelFormat::Yuyv => {
                    RawPicture::Yuyv { bytes, width: mode.width, height: mode.height, stride }
                }
            };
            return Ok(Grabbed { captured, picture });
        }
    }
}
