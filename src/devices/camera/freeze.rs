//! Notices that a camera gives the same picture over and over. A real sensor never does: its noise alone
//! makes each picture another. A repeated picture is no new sight of anybody and is never given out; when nothing
//! but it comes, the camera is frozen.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The same picture for this long means a frozen camera.
pub const FROZEN_AFTER: Duration = Duration::from_secs(1);

/// What one more picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Another one than the last.
    New,
    /// The last one once more.
    Again,
    /// The last one for longer than [`FROZEN_AFTER`].
    Frozen,
}

/// What is remembered of the pictures so far: one print, no picture.
#[derive(Debug, Default)]
pub(super) struct FreezeWatch {
    last: Option<Print>,
}

/// A picture's print, since when it is the same, and when it was seen last.
#[derive(Debug, Clone, Copy)]
struct Print {
    print: u64,
    since: Instant,
    latest: Instant,
}

impl FreezeWatch {
    /// Takes the bytes of one more picture.
    pub(super) fn see(&mut self, bytes: &[u8], captured: Instant) -> Sight {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let print = hasher.finish();
        // A pause in which nobody filmed says nothing about the camera.
        let same = self.last.filter(|last| {
            last.print == print && captured.saturating_duration_since(last.latest) <= FROZEN_AFTER
        });
        let since = same.map_or(captured, |last| last.since);
        self.last = Some(Print { print, since, latest: captured });
        match same {
            None => Sight::New,
            Some(_) if captured.saturating_duration_since(since) > FROZEN_AFTER => Sight::Frozen,
            Some(_) => Sight::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_picture_for_longer_than_the_bound_is_frozen_and_another_one_ends_it() {
        let mut watch = FreezeWatch::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(watch.see(b"same", at(0)), Sight::New);
        assert!((1..=10).all(|frame| watch.see(b"same", at(frame * 100)) == Sight::Again));
        assert_eq!(watch.see(b"same", at(1_100)), Sight::Frozen);
        assert_eq!(watch.see(b"other", at(1_200)), Sight::New);
    }

    #[test]
    fn a_pause_in_which_nobody_filmed_is_no_freeze() {
        let mut watch = FreezeWatch::default();
        let start = Instant::now();
        assert_eq!(watch.see(b"same", start), Sight::New);
        assert_eq!(watch.see(b"same", start + Duration::from_secs(60)), Sight::New);
    }
}
