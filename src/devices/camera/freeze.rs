//! Notices that a camera gives the same picture over and over. A real sensor never does: its noise alone
//! makes each picture another.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// The same picture for this long means a frozen camera.
pub const FROZEN_AFTER: Duration = Duration::from_secs(1);

/// What is remembered of the pictures so far: one print, no picture.
#[derive(Debug, Default)]
pub(super) struct FreezeWatch {
    last: Option<Seen>,
}

/// A picture's print, since when it is the same, and when it was seen last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    print: u64,
    since: Instant,
    latest: Instant,
}

impl FreezeWatch {
    /// Takes the bytes of one more picture; `true` when the camera is frozen.
    pub(super) fn is_frozen(&mut self, bytes: &[u8], captured: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let print = hasher.finish();
        // A pause in which nobody filmed says nothing about the camera.
        let same = self.last.filter(|seen| {
            seen.print == print && captured.saturating_duration_since(seen.latest) <= FROZEN_AFTER
        });
        let since = same.map_or(captured, |seen| seen.since);
        self.last = Some(Seen { print, since, latest: captured });
        captured.saturating_duration_since(since) > FROZEN_AFTER
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
        assert!(!(0..=10).any(|frame| watch.is_frozen(b"same", at(frame * 100))));
        assert!(watch.is_frozen(b"same", at(1_100)));
        assert!(!watch.is_frozen(b"other", at(1_200)));
    }

    #[test]
    fn a_pause_in_which_nobody_filmed_is_no_freeze() {
        let mut watch = FreezeWatch::default();
        let start = Instant::now();
        assert!(!watch.is_frozen(b"same", start));
        assert!(!watch.is_frozen(b"same", start + Duration::from_secs(60)));
    }
}
