//! The frames that the officer may want to see of the passage under way, as they are stored: without the pictures that
//! were analysed, which take some thirty times the room.

use crate::lane::Film;
use crate::passage::Picture;
use std::collections::VecDeque;

/// Frames kept of one passage; the oldest go first, but for those that its outcome would show.
const FRAMES_KEPT: usize = 64;

/// Sequence and JPEG of frames, oldest first.
#[derive(Default)]
pub(super) struct KeptFrames(VecDeque<(u64, Vec<u8>)>);

impl KeptFrames {
    /// One more; `shown` are the pictures that the outcome would keep now.
    pub(super) fn keep(&mut self, film: &Film, shown: &[Picture]) {
        self.0.push_back((film.sequence, film.jpeg.clone()));
        if self.0.len() > FRAMES_KEPT {
            let dispensable = |&(sequence, _): &(u64, _)| !shown.contains(&Picture::Frame(sequence));
            if let Some(oldest) = self.0.iter().position(dispensable) {
                self.0.remove(oldest);
            }
        }
    }

    /// The JPEG of a frame.
    pub(super) fn jpeg(&self, sequence: u64) -> Option<Vec<u8>> {
        self.0.iter().find(|(kept, _)| *kept == sequence).map(|(_, jpeg)| jpeg.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn the_oldest_frames_go_first_but_for_those_that_the_outcome_shows() {
        let mut frames = KeptFrames::default();
        for sequence in 0..200 {
            let film = Film { sequence, jpeg: vec![sequence as u8], picture: RgbImage::new(1, 1) };
            frames.keep(&film, &[Picture::Portrait, Picture::Frame(3)]);
        }
        assert_eq!(frames.0.len(), FRAMES_KEPT);
        assert_eq!(frames.jpeg(3), Some(vec![3]));
        assert_eq!((frames.jpeg(4), frames.jpeg(199)), (None, Some(vec![199])));
    }
}
