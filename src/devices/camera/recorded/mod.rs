//! Recorded frames, given at the times at which they were taken: a folder, a motion JPEG file, or a Y4M file.
mod folder;
pub mod mjpeg;
pub mod y4m;

pub use folder::{RecordedFrame, list_frames};

use super::freeze::{FROZEN_AFTER, FreezeWatch, Sight};
use super::jpeg::{self, PICTURE_MOST};
use crate::devices::{Camera, CameraFault, Frame};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use y4m::Y4mHeader;

/// Frames of one recording at most.
const FRAMES_MOST: usize = 10_000;

/// A recording in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCameraSettings {
    /// A folder (for the names in it see [`list_frames`]), a motion JPEG file (`.mjpeg`, `.mjpg`) or a `.y4m` file.
    pub path: PathBuf,
    /// Begin again after the last frame.
    #[serde(default)]
    pub repeat: bool,
    /// Frames in a second of a motion JPEG file, 1 to 120; folders and Y4M files say their own times.
    #[serde(default = "default_rate")]
    pub frames_per_second: u32,
}

fn default_rate() -> u32 {
    25
}

impl RecordedCameraSettings {
    /// Opens the recording; it begins at the first call for a frame.
    ///
    /// # Errors
    /// When it is missing, holds no frame or too many, or is of no known kind.
    pub fn open(&self) -> Result<RecordedCamera, CameraFault> {
        let recording = Recording::open(&self.path, self.frames_per_second)?;
        Ok(RecordedCamera {
            recording,
            repeat: self.repeat,
            begun: None,
            rounds: 0,
            next: 0,
            watch: FreezeWatch::default(),
        })
    }
}

/// Where frames are and when they were taken.
struct Recording {
    store: Store,
    /// Sequence, and milliseconds from the first frame.
    times: Vec<(u64, u64)>,
}

enum Store {
    Folder(Vec<RecordedFrame>),
    Mjpeg(File, Vec<(u64, usize)>),
    Y4m(File, Y4mHeader, Vec<u64>),
}

impl Recording {
    fn open(path: &Path, frames_per_second: u32) -> Result<Self, CameraFault> {
        let fault = |what: String| CameraFault::Gone(format!("{}: {what}", path.display()));
        let gone = |error: io::Error| fault(error.to_string());
        if path.is_dir() {
            let frames = list_frames(path)?;
            let times = frames.iter().map(|frame| (frame.sequence, frame.at_ms)).collect();
            return Ok(Recording { store: Store::Folder(frames), times });
        }
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_ascii_lowercase();
        let mut file = File::open(path).map_err(gone)?;
        let (store, count, at_ms): (_, _, Box<dyn Fn(u64) -> u64>) = match kind.as_str() {
            "mjpeg" | "mjpg" => {
                let rate = u64::from(frames_per_second.clamp(1, 120));
                let places = mjpeg::index(&mut file, FRAMES_MOST).map_err(gone)?;
                let count = places.len();
                (Store::Mjpeg(file, places), count, Box::new(move |frame| frame * 1_000 / rate))
            }
            "y4m" => {
                let (header, places) = y4m::index(&mut BufReader::new(&file), FRAMES_MOST).map_err(gone)?;
                let count = places.len();
                (Store::Y4m(file, header, places), count, Box::new(move |frame| header.at_ms(frame)))
            }
            _ => return Err(fault("neither a folder nor a file .mjpeg, .mjpg or .y4m".to_owned())),
        };
        match count {
            0 => Err(fault("no frame in it".to_owned())),
            count if count > FRAMES_MOST => Err(fault(format!("more than {FRAMES_MOST} frames"))),
            count => {
                let times = (0..count as u64).map(|frame| (frame, at_ms(frame))).collect();
                Ok(Recording { store, times })
            }
        }
    }

    fn load(&mut self, place: usize) -> Result<(RgbImage, Option<Vec<u8>>), CameraFault> {
        let broken = |what: String| CameraFault::Picture(format!("frame {place} of the recording: {what}"));
        let missing = || broken("there is none".to_owned());
        match &mut self.store {
            Store::Folder(frames) => frames.get(place).ok_or_else(missing)?.load(),
            Store::Mjpeg(file, places) => {
                let (start, length) = *places.get(place).ok_or_else(missing)?;
                let bytes = read_at(file, start, length).map_err(|error| broken(error.to_string()))?;
                let bytes = jpeg::with_tables(&bytes).into_owned();
                let picture = jpeg::decode(&bytes).map_err(|error| broken(error.to_string()))?;
                Ok((picture, Some(bytes)))
            }
            Store::Y4m(file, header, places) => {
                let start = *places.get(place).ok_or_else(missing)?;
                let bytes = read_at(file, start, header.frame_bytes());
                let bytes = bytes.map_err(|error| broken(error.to_string()))?;
                Ok((header.picture(&bytes).ok_or_else(missing)?, None))
            }
        }
    }
}

fn read_at(file: &mut File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A picture's file, of [`PICTURE_MOST`] bytes at most.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PICTURE_MOST as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > PICTURE_MOST {
        return Err(io::Error::other(format!("more than {PICTURE_MOST} bytes")));
    }
    Ok(bytes)
}

/// A camera that plays a recording. It begins at the first call for a frame.
pub struct RecordedCamera {
    recording: Recording,
    repeat: bool,
    begun: Option<Instant>,
    rounds: u64,
    next: usize,
    watch: FreezeWatch,
}

impl RecordedCamera {
    fn due(&self, begun: Instant, place: usize) -> Option<Instant> {
        Some(begun + Duration::from_millis(self.recording.times.get(place)?.1))
    }

    /// After the last frame begins anew, one mean period later.
    fn wrap(&mut self, begun: Instant) -> Instant {
        let last = self.recording.times.last().map_or(0, |(_, at_ms)| *at_ms);
        let period = (last / self.recording.times.len().max(1) as u64).max(1);
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
        let deadline = Instant::now() + patience;
        // Ends: every turn takes the recording's next frame, none of them after the deadline.
        loop {
            let frame = self.due_frame(deadline, patience)?;
            let bytes = frame.jpeg.as_deref().unwrap_or(frame.picture.as_raw());
            match self.watch.see(bytes, frame.captured) {
                Sight::New => return Ok(frame),
                Sight::Again => {}
                Sight::Frozen => return Err(CameraFault::Frozen(FROZEN_AFTER)),
            }
        }
    }
}

impl RecordedCamera {
    /// The frame that is next in time, waited for.
    fn due_frame(&mut self, deadline: Instant, patience: Duration) -> Result<Frame, CameraFault> {
        let now = Instant::now();
        let mut begun = *self.begun.get_or_insert(now);
        if self.next >= self.recording.times.len() && self.repeat {
            begun = self.wrap(begun);
        }
        while self.due(begun, self.next + 1).is_some_and(|due| due <= now) {
            self.next += 1;
        }
        let due = self.due(begun, self.next).filter(|due| *due <= deadline);
        let (Some(captured), Some((sequence, _))) = (due, self.recording.times.get(self.next)) else {
            std::thread::sleep(deadline.saturating_duration_since(now));
            return Err(CameraFault::Silent(patience));
        };
        let sequence = sequence + self.rounds * FRAMES_MOST as u64;
        std::thread::sleep(captured.saturating_duration_since(now));
        let (picture, jpeg) = self.recording.load(self.next)?;
        self.next += 1;
        Ok(Frame { sequence, captured, picture, jpeg })
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

    fn open(path: &Path, repeat: bool) -> Result<RecordedCamera, CameraFault> {
        RecordedCameraSettings { path: path.to_owned(), repeat, frames_per_second: 25 }.open()
    }

    #[test]
    fn frames_of_a_folder_come_in_order_with_their_sequence() {
        let folder = folder(&["7-40.png", "000005-000000.jpg", "6-20.jpeg", "cover.png"]);
        let mut camera = open(folder.path(), false).unwrap();
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
        let mut camera = open(folder.path(), true).unwrap();
        let sequences: Vec<u64> =
            (0..5).map(|_| camera.next_frame(Duration::from_secs(10)).unwrap().sequence).collect();
        assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    }

    #[test]
    fn a_folder_without_frames_or_with_a_broken_one_says_so() {
        let empty = folder(&["cover.png"]);
        let fault = open(empty.path(), false).err().unwrap();
        assert!(matches!(&fault, CameraFault::Gone(what) if what.contains("SEQUENCE-MILLISECONDS")));
        std::fs::write(empty.path().join("1-0.jpg"), b"no picture").unwrap();
        let mut camera = open(empty.path(), false).unwrap();
        assert!(matches!(camera.next_frame(Duration::from_secs(1)), Err(CameraFault::Picture(_))));
    }
}
