//! Frames of a folder, one file each, with sequence and time in their names.

use super::{FRAMES_MOST, read_file};
use crate::devices::CameraFault;
use crate::devices::camera::jpeg::limits;
use image::{ImageReader, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};

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
    let fault = |what: String| CameraFault::Gone(format!("{}: {what}", folder.display()));
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
    /// Reads the frame: its picture, and its bytes where they are JPEG.
    ///
    /// # Errors
    /// When the file is missing, too large, or no picture.
    pub fn load(&self) -> Result<(RgbImage, Option<Vec<u8>>), CameraFault> {
        let fault = |what: String| CameraFault::Picture(format!("{}: {what}", self.path.display()));
        let bytes = read_file(&self.path).map_err(|error| fault(error.to_string()))?;
        let mut reader = ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| fault(error.to_string()))?;
        let is_jpeg = reader.format() == Some(image::ImageFormat::Jpeg);
        reader.limits(limits());
        let picture = reader.decode().map_err(|error| fault(error.to_string()))?.into_rgb8();
        Ok((picture, is_jpeg.then_some(bytes)))
    }
}
