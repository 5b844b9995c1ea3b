//! A camera before which a demonstration puts what it likes.

use super::freeze::{FROZEN_AFTER, FreezeWatch, Sight};
use crate::devices::{Camera, CameraFault, Frame};
use image::RgbImage;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Frames per second that a stage camera can be asked for.
const FPS_BOUNDS: (f64, f64) = (0.1, 120.0);

/// One picture as the camera gives it, compressed and not.
#[derive(Debug, Clone)]
pub struct StageFrame {
    /// JPEG of the picture.
    pub jpeg: Vec<u8>,
    /// The picture.
    pub picture: RgbImage,
}

/// A camera that films a [`Stage`].
pub struct StageCamera {
    stage: Stage,
    period: Duration,
    begun: Instant,
    given: u64,
    watch: FreezeWatch,
}

/// What is before a [`StageCamera`]. Clones are the same stage.
#[derive(Clone)]
pub struct Stage {
    shared: Arc<(Mutex<Scene>, Condvar)>,
}

struct Scene {
    frames: Arc<Vec<StageFrame>>,
    since: Instant,
    /// Frozen: the place of the frame that comes again and again.
    frozen: Option<usize>,
    period: Duration,
}

impl Scene {
    fn place(&self, now: Instant) -> usize {
        let ticks = now.saturating_duration_since(self.since).as_nanos() / self.period.as_nanos().max(1);
        let count = self.frames.len().max(1) as u128;
        self.frozen.unwrap_or((ticks % count) as usize)
    }
}

impl StageCamera {
    /// A camera of so many frames a second, and its stage, dark at first.
    pub fn new(frames_per_second: f64) -> (StageCamera, Stage) {
        let (least, most) = FPS_BOUNDS;
        let rate = if frames_per_second.is_finite() { frames_per_second.clamp(least, most) } else { least };
        let period = Duration::from_secs_f64(1.0 / rate);
        let now = Instant::now();
        let scene = Scene { frames: Arc::default(), since: now, frozen: None, period };
        let stage = Stage { shared: Arc::new((Mutex::new(scene), Condvar::new())) };
        let watch = FreezeWatch::default();
        (StageCamera { stage: stage.clone(), period, begun: now, given: 0, watch }, stage)
    }
}

impl Stage {
    /// Puts these frames before the camera, one after another, over and over. Two frames at least must
    /// differ: a camera that gives the same picture for long counts as frozen. No frames are darkness.
    pub fn show(&self, frames: Arc<Vec<StageFrame>>) {
        self.change(|scene| {
            scene.frames = frames;
            scene.frozen = None;
            scene.since = Instant::now();
        });
    }

    /// The camera gives nothing.
    pub fn dark(&self) {
        self.show(Arc::default());
    }

    /// The camera gives the present picture again and again.
    pub fn frozen(&self) {
        self.change(|scene| scene.frozen = Some(scene.place(Instant::now())));
    }

    fn change(&self, change: impl FnOnce(&mut Scene)) {
        change(&mut self.lock());
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Scene> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StageCamera {
    /// Waits for the next frame on the stage, at most `patience`: its sequence and the frame, frozen or not;
    /// `None` while the stage is dark.
    pub(super) fn film(&mut self, patience: Duration) -> Option<(u64, StageFrame)> {
        let deadline = Instant::now() + patience;
        let stage = self.stage.clone();
        let mut scene = stage.lock();
        loop {
            let now = Instant::now();
            let tick = (now.duration_since(self.begun).as_nanos() / self.period.as_nanos().max(1)) as u64;
            let shown = scene.frames.get(scene.place(now));
            if let Some(frame) = shown.filter(|_| tick > self.given) {
                self.given = tick;
                return Some((tick, frame.clone()));
            }
            if now >= deadline {
                return None;
            }
            let mut wait = deadline - now;
            if shown.is_some() {
                let due = self.begun + self.period.mul_f64((self.given + 1) as f64);
                wait = wait.min(due.saturating_duration_since(now).max(Duration::from_micros(200)));
            }
            scene = stage.shared.1.wait_timeout(scene, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Camera for StageCamera {
    fn next_frame(&mut self, patience: Duration) -> Result<Frame, CameraFault> {
        let deadline = Instant::now() + patience;
        // Ends: the stage is filmed until the deadline at most.
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (sequence, frame) = self.film(left).ok_or(CameraFault::Silent(patience))?;
            let captured = Instant::now();
            match self.watch.see(&frame.jpeg, captured) {
                Sight::New => {
                    return Ok(Frame { sequence, captured, picture: frame.picture, jpeg: Some(frame.jpeg) });
                }
                Sight::Again => {}
                Sight::Frozen => return Err(CameraFault::Frozen(FROZEN_AFTER)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: u8) -> Arc<Vec<StageFrame>> {
        let frame =
            |n| StageFrame { jpeg: vec![n], picture: RgbImage::from_pixel(2, 2, image::Rgb([n, n, n])) };
        Arc::new((0..count).map(frame).collect())
    }

    #[test]
    fn frames_come_with_rising_sequence_and_time() {
        let (mut camera, stage) = StageCamera::new(100.0);
        stage.show(frames(3));
        let mut last: Option<Frame> = None;
        for _ in 0..10 {
            let frame = camera.next_frame(Duration::from_secs(10)).unwrap();
            if let Some(last) = last {
                assert!(frame.sequence > last.sequence && frame.captured > last.captured);
            }
            last = Some(frame);
        }
    }

    #[test]
    fn a_slow_reader_gets_the_newest_frame_and_not_the_missed_ones() {
        let (mut camera, stage) = StageCamera::new(100.0);
        stage.show(frames(3));
        let first = camera.next_frame(Duration::from_secs(10)).unwrap().sequence;
        std::thread::sleep(Duration::from_millis(100));
        assert!(camera.next_frame(Duration::from_secs(10)).unwrap().sequence >= first + 10);
    }

    #[test]
    fn a_dark_camera_is_silent_and_gives_again_when_there_is_something() {
        let (mut camera, stage) = StageCamera::new(50.0);
        let patience = Duration::from_millis(30);
        assert_eq!(camera.next_frame(patience).unwrap_err(), CameraFault::Silent(patience));
        stage.show(frames(2));
        assert!(camera.next_frame(Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn a_frozen_camera_is_noticed() {
        let (mut camera, stage) = StageCamera::new(50.0);
        stage.show(frames(5));
        camera.next_frame(Duration::from_secs(10)).unwrap();
        stage.frozen();
        let begun = Instant::now();
        let fault = loop {
            match camera.next_frame(Duration::from_secs(10)) {
                Ok(_) => assert!(begun.elapsed() < Duration::from_secs(30), "never noticed"),
                Err(fault) => break fault,
            }
        };
        assert_eq!(fault, CameraFault::Frozen(FROZEN_AFTER));
        stage.show(frames(5));
        let again = (0..10).any(|_| camera.next_frame(Duration::from_secs(10)).is_ok());
        assert!(again);
    }
}
