//! Cameras that film whether or not somebody looks: a thread takes every picture from the source, the newest one
//! waits in a place for one, and whoever asks gets it once.
//!
//! The thread connects, notices a picture that stands still, and connects anew with growing pauses when the
//! source is gone. Pictures are decoded where they are asked for, so that those that nobody asks for cost nothing.
//! What cannot happen: a queue of old pictures; a picture older than [`STALE_AFTER`] given as the present; a
//! camera that is dead and looks alive.

use super::freeze::{FROZEN_AFTER, FreezeWatch, Sight};
use super::jpeg;
use super::yuv;
use crate::devices::{Camera, CameraFault, Frame};
use image::RgbImage;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A picture that waited for longer than this is not the present any more.
pub const STALE_AFTER: Duration = Duration::from_millis(500);
/// How long the thread waits for one picture before the source counts as gone; also how long it takes at most
/// to notice that the camera was closed.
const GRAB_PATIENCE: Duration = Duration::from_secs(2);
/// First pause before a lost source is tried again; doubled with each failure.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause.
const PAUSE_MOST: Duration = Duration::from_secs(5);

/// Where pictures come from. One at a time, in order, from one thread.
pub trait FrameSource: Send + 'static {
    /// Connects, also again after a fault.
    ///
    /// # Errors
    /// When there is nothing to connect to, or it cannot do what the settings want.
    fn connect(&mut self) -> Result<(), CameraFault>;
    /// Waits for the next picture, at most `patience`.
    ///
    /// # Errors
    /// When none came or the connection is gone; it is then made anew.
    fn grab(&mut self, patience: Duration) -> Result<Grabbed, CameraFault>;
}

/// One picture as it came.
#[derive(Debug, Clone)]
pub struct Grabbed {
    /// When it was taken.
    pub captured: Instant,
    /// Its bytes.
    pub picture: RawPicture,
}

/// A picture not decoded yet.
#[derive(Debug, Clone)]
pub enum RawPicture {
    /// JPEG.
    Jpeg(Vec<u8>),
    /// 4:2:2, bytes Y0 U Y1 V.
    Yuyv {
        /// Rows.
        bytes: Vec<u8>,
        /// Pixels in a row.
        width: u32,
        /// Rows of pixels.
        height: u32,
        /// Bytes in a row.
        stride: usize,
    },
}

impl RawPicture {
    fn bytes(&self) -> &[u8] {
        match self {
            RawPicture::Jpeg(bytes) | RawPicture::Yuyv { bytes, .. } => bytes,
        }
    }

    fn decode(self) -> Result<(RgbImage, Option<Vec<u8>>), CameraFault> {
        match self {
            RawPicture::Jpeg(bytes) => {
                let bytes = jpeg::with_tables(&bytes).into_owned();
                let picture =
                    jpeg::decode(&bytes).map_err(|error| CameraFault::Picture(error.to_string()))?;
                Ok((picture, Some(bytes)))
            }
            RawPicture::Yuyv { bytes, width, height, stride } => {
                yuv::from_yuyv(&bytes, width, height, stride).map(|picture| (picture, None)).ok_or_else(
                    || CameraFault::Picture(format!("{} bytes for {width}×{height}", bytes.len())),
                )
            }
        }
    }
}

/// A camera on any [`FrameSource`].
pub struct LiveCamera {
    shared: Arc<Shared>,
}

struct Shared {
    place: Mutex<Place>,
    changed: Condvar,
}

/// The place for one picture.
#[derive(Default)]
struct Place {
    newest: Option<(u64, Grabbed)>,
    fault: Option<CameraFault>,
    closed: bool,
}

impl LiveCamera {
    /// Starts filming. A source that is not there yet is no error here: [`Camera::next_frame`] tells of it
    /// until it comes.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(source: impl FrameSource) -> Result<Self, CameraFault> {
        let shared = Arc::new(Shared { place: Mutex::default(), changed: Condvar::new() });
        let grabber = Grabber { shared: Arc::clone(&shared), watch: FreezeWatch::default(), sequence: 0 };
        thread::Builder::new()
            .name("camera source".to_owned())
            .spawn(move || grabber.run(source))
            .map_err(|error| CameraFault::Gone(error.to_string()))?;
        Ok(LiveCamera { shared })
    }

    /// Takes the newest picture, waiting for one that is newer than any given before.
    fn take(&self, deadline: Instant, patience: Duration) -> Result<(u64, Grabbed), CameraFault> {
        let mut place = self.shared.lock();
        loop {
            let newest = place.newest.take();
            if let Some((sequence, grabbed)) = newest.filter(|(_, it)| it.captured.elapsed() < STALE_AFTER) {
                return Ok((sequence, grabbed));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(place.fault.clone().unwrap_or(CameraFault::Silent(patience)));
            }
            let waited = self.shared.changed.wait_timeout(place, left);
            place = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Camera for LiveCamera {
    fn next_frame(&mut self, patience: Duration) -> Result<Frame, CameraFault> {
        let deadline = Instant::now() + patience;
        loop {
            let (sequence, grabbed) = self.take(deadline, patience)?;
            let captured = grabbed.captured;
            match grabbed.picture.decode() {
                Ok((picture, jpeg)) => return Ok(Frame { sequence, captured, picture, jpeg }),
                // A picture that was damaged on its way; the next one is whole.
                Err(_) if Instant::now() < deadline => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

impl Drop for LiveCamera {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Grabber {
    shared: Arc<Shared>,
    watch: FreezeWatch,
    sequence: u64,
}

impl Grabber {
    fn run(mut self, mut source: impl FrameSource) {
        let _farewell = Farewell(Arc::clone(&self.shared));
        let mut pause = PAUSE_FIRST / 2;
        while !self.shared.lock().closed {
            let before = self.sequence;
            let fault = self.film(&mut source);
            let Some(fault) = fault else { break };
            tracing::warn!(%fault, "camera");
            pause = if self.sequence > before { PAUSE_FIRST } else { (pause * 2).min(PAUSE_MOST) };
            if self.rest(fault, pause) {
                break;
            }
        }
    }

    /// Films until the source fails; `None` when the camera was closed.
    fn film(&mut self, source: &mut impl FrameSource) -> Option<CameraFault> {
        if let Err(fault) = source.connect() {
            return Some(fault);
        }
        loop {
            let grabbed = match source.grab(GRAB_PATIENCE) {
                Ok(grabbed) => grabbed,
                Err(fault) => return Some(fault),
            };
            let sight = self.watch.see(grabbed.picture.bytes(), grabbed.captured);
            let mut place = self.shared.lock();
            if place.closed {
                return None;
            }
            match sight {
                Sight::New => {
                    self.sequence += 1;
                    place.fault = None;
                    place.newest = Some((self.sequence, grabbed));
                }
                Sight::Again => {}
                Sight::Frozen => {
                    place.newest = None;
                    place.fault = Some(CameraFault::Frozen(FROZEN_AFTER));
                }
            }
            drop(place);
            self.shared.changed.notify_all();
        }
    }

    /// Tells of the fault and waits; `true` when the camera was closed meanwhile.
    fn rest(&self, fault: CameraFault, pause: Duration) -> bool {
        let mut place = self.shared.lock();
        place.fault = Some(fault);
        place.newest = None;
        let waited = self.shared.changed.wait_timeout_while(place, pause, |place| !place.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

/// Says that nothing comes any more when the thread ends, however it ends.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let mut place = self.0.lock();
        place.newest = None;
        place.fault = Some(CameraFault::Gone("its driver ended".to_owned()));
    }
}
