//! Frames of a folder, given at the times at which they were recorded.

use super::FreezeWatch;
use crate::devices::{Camera, CameraFault, Frame};
use image::{ImageReader, Limits};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Frames of one recording at most.
const FRAMES_MOST: usize = 10_000;
/// Bytes of one picture's file at most.
const FILE_MOST: u64 = 16 * 1024 * 1024;
/// Pixels in each direction at most.
const SIDE_MOST: u32 = 8_192;

/// One frame of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFrame {
    /// Its sequence.
    pub sequence: u64,
    /// Milliseconds from the recording's start to its capture.
    pub at_ms: u64,
    /// Its file.
    pub path: PathBuf,
}

/// The frames of a folder in order of sequence. Names are `SEQUENCE-MILLISECONDS.jpg` (or `.jpeg`, `.png`),
/// both decimal: `000007-000233.jpg` is frame 7, taken 233 ms after the recording's start. Other files are
/// passed over.
///
/// # Errors
/// When the folder cannot be read, holds no frame or too many, or times go backwards.
pub fn list_frames(folder: &Path) -> Result<Vec<RecordedFrame>, CameraFault> {
    let fault = |what: String| CameraFault::Failed(format!("{}: {what}", folder.display()));
    let mut frames = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| fault(error.to_string()))? {
        let path = entry.map_err(|error| fault(error.to_string()))?.path();
        if let Some((sequence, at_ms)) = times_of(&path) {
            frames.push(RecordedFrame { sequence, at_ms, path });
        }
        if frames.len() > FRAMES_MOST {
            return Err(fault(format!("more than {FRAMES_MOST} frames")));
        }
    }
    frames.sort_by_key(|frame| frame.sequence);
    if frames.is_empty() {
        return Err(fault("no frames named SEQUENCE-MILLISECONDS.jpg".to_owned()));
    }
    let ordered = frames.is_sorted_by(|a, b| a.sequence < b.sequence && a.at_ms <= b.at_ms);
    if !ordered {
        return Err(fault("sequence or capture time goes backwards".to_owned()));
    }
    Ok(frames)
}

fn times_of(path: &Path) -> Option<(u64, u64)> {
    let kind = path.extension()?.to_str()?.to_ascii_lowercase();
    if !["jpg", "jpeg", "png"].contains(&kind.as_str()) {
        return None;
    }
    let (sequence, at_ms) = path.file_stem()?.to_str()?.split_once('-')?;
    Some((sequence.parse().ok()?, at_ms.parse().ok()?))
}

impl RecordedFrame {
    /// Reads the frame; `captured` is what it shall say of its time.
    ///
    /// # Errors
    /// When the file is missing, too large, or no picture.
    pub fn load(&self, captured: Instant) -> Result<Frame, CameraFault> {
        let fault = |what: String| CameraFault::Failed(format!("{}: {what}", self.path.display()));
        let size = std::fs::metadata(&self.path).map_err(|error| fault(error.to_string()))?.len();
        if size > FILE_MOST {
            return Err(fault(format!("{size} bytes, {FILE_MOST} at most")));
        }
        let bytes = std::fs::read(&self.path).map_err(|error| fault(error.to_string()))?;
        let mut reader = ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| fault(error.to_string()))?;
        let is_jpeg = reader.format() == Some(image::ImageFormat::Jpeg);
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE_MOST);
        limits.max_image_height = Some(SIDE_MOST);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| fault(error.to_string()))?.into_rgb8();
        let jpeg = is_jpeg.then_some(bytes);
        Ok(Frame { sequence: self.sequence, captured, picture, jpeg })
    }
}

/// A camera that plays a recording. It begins at the first call for a frame.
pub struct RecordedCamera {
    frames: Vec<RecordedFrame>,
    repeat: bool,
    begun: Option<Instant>,
    rounds: u64,
    next: usize,
    watch: FreezeWatch,
}

impl RecordedCamera {
    /// Takes the frames of a folder, see [`list_frames`].
    ///
    /// # Errors
    /// As [`list_frames`].
    pub fn open(folder: &Path, repeat: bool) -> Result<Self, CameraFault> {
        let frames = list_frames(folder)?;
        Ok(RecordedCamera { frames, repeat, begun: None, rounds: 0, next: 0, watch: FreezeWatch::default() })
    }

    fn due(&self, begun: Instant, place: usize) -> Option<Instant> {
        Some(begun + Duration::from_millis(self.frames.get(place)?.at_ms))
    }

    /// After the last frame begins anew, one mean period later.
    fn wrap(&mut self, begun: Instant) -> Instant {
        let last = self.frames.last().map_or(0, |frame| frame.at_ms);
        let period = (last / self.frames.len().max(1) as u64).max(1);
        // Rounds in which nobody filmed are over.
        let round = last.saturating_add(period);
        let late = (begun.elapsed().as_millis() / u128::from(round)).clamp(1, u128::from(u32::MAX)) as u64;
        self.rounds += late;
        self.next = 0;
        let again = begun + Duration::from_millis(round.saturating_mul(late));
        self.begun = Some(again);
        again
    }
}

impl Camera for RecordedCamera {
    fn next_frame(&mut self, patience: Duration) -> Result<Frame, CameraFault> {
        let now = Instant::now();
        let deadline = now + patience;
        let mut begun = *self.begun.get_or_insert(now);
        if self.next >= self.frames.len() && self.repeat {
            begun = self.wrap(begun);
        }
        while self.due(begun, self.next + 1).is_some_and(|due| due <= now) {
            self.next += 1;
        }
        let due = self.due(begun, self.next).filter(|due| *due <= deadline);
        let (Some(due), Some(frame)) = (due, self.frames.get(self.next)) else {
            std::thread::sleep(patience);
            return Err(CameraFault::Silent(patience));
        };
        std::thread::sleep(due.saturating_duration_since(now));
        let mut frame = frame.load(due)?;
        self.next += 1;
        frame.sequence += self.rounds * FRAMES_MOST as u64;
        let bytes = frame.jpeg.as_deref().unwrap_or(frame.picture.as_raw());
        if self.watch.is_frozen(bytes, due) {
            return Err(CameraFault::Silent(super::FROZEN_AFTER));
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (place, name) in names.iter().enumerate() {
            let shade = place as u8 * 20;
            RgbImage::from_pixel(8, 6, Rgb([shade; 3])).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    #[test]
    fn frames_of_a_folder_come_in_order_with_their_sequence() {
        let folder = folder(&["7-40.png", "000005-000000.jpg", "6-20.jpeg", "cover.png"]);
        let mut camera = RecordedCamera::open(folder.path(), false).unwrap();
        let first = camera.next_frame(Duration::from_secs(10)).unwrap();
        assert_eq!((first.sequence, first.picture.dimensions()), (5, (8, 6)));
        assert!(first.jpeg.is_some());
        while camera.next_frame(Duration::from_secs(10)).unwrap().sequence < 7 {}
        let patience = Duration::from_millis(5);
        assert_eq!(camera.next_frame(patience).unwrap_err(), CameraFault::Silent(patience));
    }

    #[test]
    fn a_repeated_recording_keeps_the_sequence_rising() {
        let folder = folder(&["1-0.png", "2-10.png"]);
        let mut camera = RecordedCamera::open(folder.path(), true).unwrap();
        let sequences: Vec<u64> =
            (0..5).map(|_| camera.next_frame(Duration::from_secs(10)).unwrap().sequence).collect();
        assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    }

    #[test]
    fn a_folder_without_frames_or_with_a_broken_one_says_so() {
        let empty = folder(&["cover.png"]);
        let fault = RecordedCamera::open(empty.path(), false).err().unwrap();
        assert!(matches!(&fault, CameraFault::Failed(what) if what.contains("SEQUENCE-MILLISECONDS")));
        std::fs::write(empty.path().join("1-0.jpg"), b"no picture").unwrap();
        let mut camera = RecordedCamera::open(empty.path(), false).unwrap();
        assert!(matches!(camera.next_frame(Duration::from_secs(1)), Err(CameraFault::Failed(_))));
    }
}
