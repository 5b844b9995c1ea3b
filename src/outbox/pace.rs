//! The share of the line that the upload takes.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How far the line may be booked ahead: what is sent counts for so long at most, however large.
const BOOKED_MOST: Duration = Duration::from_secs(600);

/// How many bytes a second the upload may take; can be changed while it runs. Clones are the same bound.
#[derive(Debug, Clone, Default)]
pub struct UploadRate(Arc<AtomicU64>);

impl UploadRate {
    /// At most so many on average from the next call on; `None` for what the line gives.
    pub fn set(&self, bytes_per_second: Option<NonZeroU64>) {
        self.0.store(bytes_per_second.map_or(0, NonZeroU64::get), Ordering::Relaxed);
    }

    /// The bound as it is now.
    pub fn get(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0.load(Ordering::Relaxed))
    }
}

/// Spreads bytes over time, one call after the other.
#[derive(Debug)]
pub(super) struct Pace {
    rate: UploadRate,
    /// When the line is free again.
    free: Instant,
}

impl Pace {
    /// As quick as this rate is at each moment.
    pub(super) fn new(rate: UploadRate) -> Pace {
        Pace { rate, free: Instant::now() }
    }

    /// So many bytes are sent now.
    pub(super) fn took(&mut self, bytes: usize, now: Instant) {
        let Some(rate) = self.rate.get() else { return };
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
        let rate = UploadRate::default();
        rate.set(NonZeroU64::new(1_000));
        let mut pace = Pace::new(rate.clone());
        let start = Instant::now() + Duration::from_secs(60);
        pace.took(2_000, start);
        assert_eq!(pace.free(), start + Duration::from_secs(2));
        pace.took(2_000, start + Duration::from_secs(1));
        assert_eq!(pace.free(), start + Duration::from_secs(4));
        rate.set(NonZeroU64::new(2_000));
        pace.took(2_000, start + Duration::from_secs(4));
        assert_eq!(pace.free(), start + Duration::from_secs(5), "changed while it runs");
        let mut free = Pace::new(UploadRate::default());
        free.took(usize::MAX, start);
        assert!(free.free() < start);
    }
}
