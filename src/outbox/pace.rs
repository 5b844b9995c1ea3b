//! The share of the line that the upload takes.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// How far the line may be booked ahead: what is sent counts for so long at most, however large.
const BOOKED_MOST: Duration = Duration::from_secs(600);

/// Spreads bytes over time, one call after the other.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: Option<NonZeroU64>,
    /// When the line is free again.
    free: Instant,
}

impl Pace {
    /// At most so many bytes a second; `None` for no bound.
    pub(super) fn new(bytes_per_second: Option<NonZeroU64>) -> Pace {
        Pace { bytes_per_second, free: Instant::now() }
    }

    /// So many bytes are sent now.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) {
        let Some(rate) = self.bytes_per_second else { return };
        let takes = Duration::from_secs_f64(bytes as f64 / rate.get() as f64).min(BOOKED_MOST);
        self.free = self.free.max(now) + takes;
    }

    /// When the next call may be made.
    pub(super) fn free(&self) -> Instant {
        self.free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spread_over_time_and_idle_time_is_not_saved_up() {
        let mut pace = Pace::new(NonZeroU64::new(1_000));
        let start = Instant::now() + Duration::from_secs(60);
        pace.took(2_000, start);
        assert_eq!(pace.free(), start + Duration::from_secs(2));
        pace.took(2_000, start + Duration::from_secs(1));
        assert_eq!(pace.free(), start + Duration::from_secs(4));
        let mut free = Pace::new(None);
        free.took(usize::MAX, start);
        assert!(free.free() < start);
    }
}
