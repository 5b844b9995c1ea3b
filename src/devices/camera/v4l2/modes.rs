//! What a camera offers and which of it is taken.

use crate::devices::camera::jpeg::SIDE_MOST;

/// Frames per second under which a face that moves is lost between two pictures.
const RATE_LEAST: f64 = 10.0;

/// How pixels come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelFormat {
    /// One JPEG each: less to carry over USB, and kept as evidence as it came.
    Mjpeg,
    /// 4:2:2, two bytes a pixel.
    Yuyv,
}

impl PixelFormat {
    /// The four characters by which V4L2 knows it.
    pub fn four_characters(self) -> [u8; 4] {
        match self {
            PixelFormat::Mjpeg => *b"MJPG",
            PixelFormat::Yuyv => *b"YUYV",
        }
    }

    /// The format of these four characters, if it is one that is decoded here.
    pub fn from_four_characters(characters: [u8; 4]) -> Option<Self> {
        match &characters {
            b"MJPG" | b"JPEG" => Some(PixelFormat::Mjpeg),
            b"YUYV" => Some(PixelFormat::Yuyv),
            _ => None,
        }
    }
}

/// One way in which a camera can film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// How pixels come.
    pub format: PixelFormat,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames in a second.
    pub frames_per_second: f64,
}

/// What the lane would like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// Pixels in a row, at least.
    pub width: u32,
    /// Rows, at least.
    pub height: u32,
    /// Frames in a second, at least.
    pub frames_per_second: f64,
}

/// The mode nearest to the wish: a rate at which faces are not lost comes first, then a size that is not smaller
/// than wished, then the rate that is wished, then the least excess; of equals, motion JPEG.
pub fn choose(offered: &[Mode], wish: Wish) -> Option<Mode> {
    let possible = offered.iter().filter(|mode| {
        let sides = 1..=SIDE_MOST;
        sides.contains(&mode.width) && sides.contains(&mode.height) && mode.frames_per_second > 0.0
    });
    possible
        .min_by(|a, b| rank(a, wish).partial_cmp(&rank(b, wish)).unwrap_or(std::cmp::Ordering::Equal))
        .copied()
}

/// Less is better, the first difference decides.
fn rank(mode: &Mode, wish: Wish) -> [f64; 6] {
    let short = |has: f64, wants: f64| (wants - has).max(0.0) / wants.max(1.0);
    // Cameras say 29.97 or 30.
    let rate = mode.frames_per_second + 0.1;
    let pixels = f64::from(mode.width) * f64::from(mode.height);
    [
        short(rate, RATE_LEAST.min(wish.frames_per_second)),
        short(f64::from(mode.width), wish.width.into()) + short(f64::from(mode.height), wish.height.into()),
        short(rate, wish.frames_per_second),
        pixels,
        mode.frames_per_second,
        if mode.format == PixelFormat::Mjpeg { 0.0 } else { 1.0 },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelFormat::{Mjpeg, Yuyv};
    use proptest::prelude::*;

    const WISH: Wish = Wish { width: 1280, height: 720, frames_per_second: 25.0 };

    fn mode(format: PixelFormat, width: u32, height: u32, frames_per_second: f64) -> Mode {
        Mode { format, width, height, frames_per_second }
    }

    #[test]
    fn a_common_web_camera_films_in_motion_jpeg_at_the_wished_size() {
        let offered = [
            mode(Yuyv, 640, 480, 30.0),
            mode(Yuyv, 1280, 720, 10.0),
            mode(Mjpeg, 640, 480, 30.0),
            mode(Mjpeg, 1280, 720, 30.0),
            mode(Mjpeg, 1920, 1080, 30.0),
        ];
        assert_eq!(choose(&offered, WISH), Some(mode(Mjpeg, 1280, 720, 30.0)));
    }

    #[test]
    fn a_size_at_which_faces_are_lost_between_pictures_is_not_taken() {
        let offered = [mode(Yuyv, 1280, 720, 5.0), mode(Yuyv, 640, 480, 30.0)];
        assert_eq!(choose(&offered, WISH), Some(mode(Yuyv, 640, 480, 30.0)));
    }

    #[test]
    fn of_equal_modes_motion_jpeg_is_taken_and_29_97_is_30() {
        let wish = Wish { frames_per_second: 30.0, ..WISH };
        let offered = [mode(Yuyv, 1280, 720, 30.0), mode(Mjpeg, 1280, 720, 30.0)];
        assert_eq!(choose(&offered, wish).unwrap().format, Mjpeg);
        let offered = [mode(Mjpeg, 1280, 720, 29.97), mode(Mjpeg, 1920, 1080, 60.0)];
        assert_eq!(choose(&offered, wish).unwrap().width, 1280);
    }

    #[test]
    fn nothing_that_can_be_decoded_is_nothing() {
        assert_eq!(choose(&[], WISH), None);
        assert_eq!(choose(&[mode(Yuyv, 0, 480, 30.0), mode(Mjpeg, 640, 99_999, 30.0)], WISH), None);
        assert_eq!(PixelFormat::from_four_characters(*b"H264"), None);
    }

    proptest! {
        #[test]
        fn what_is_chosen_was_offered(
            offered in proptest::collection::vec((any::<bool>(), 0u32..9_000, 0u32..9_000, 0.0..200.0f64), 0..30),
        ) {
            let offered: Vec<Mode> = offered
                .into_iter()
                .map(|(jpeg, width, height, rate)| mode(if jpeg { Mjpeg } else { Yuyv }, width, height, rate))
                .collect();
            if let Some(chosen) = choose(&offered, WISH) {
                prop_assert!(offered.contains(&chosen));
            }
        }
    }
}
