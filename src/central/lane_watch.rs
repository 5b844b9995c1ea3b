//! What central watches of each lane's calls: how many they are, and how far the lane's clock is off.

use super::serve::Shared;
use super::store::Millis;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calls that a lane may make a second, over time. A gate makes some; one that drains a backlog, many.
const CALLS_PER_SECOND: f64 = 200.0;
/// Calls that it may make at once.
const CALLS_AT_ONCE: f64 = 400.0;
/// How far a lane's clock may be off, milliseconds: look-ups are good for half a minute.
pub(super) const CLOCK_OFF_MOST: Millis = 5_000;
/// How often the same is written down again.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// One entry for each enrolled lane that called.
#[derive(Default)]
pub(super) struct LaneWatch(Mutex<HashMap<String, Seen>>);

struct Seen {
    /// Calls that may be made at once now, as of `counted`.
    calls: f64,
    counted: Instant,
    /// When the clock was written down, and whether it was amiss.
    clock: Option<(Instant, bool)>,
}

impl LaneWatch {
    /// Whether this lane may make another call now.
    pub(super) fn may_call(&self, lane: &str, now: Instant) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = entry(&mut seen, lane, now);
        let passed = now.saturating_duration_since(seen.counted).as_secs_f64();
        seen.calls = (seen.calls + passed * CALLS_PER_SECOND).min(CALLS_AT_ONCE);
        seen.counted = now;
        let may = seen.calls >= 1.0;
        if may {
            seen.calls -= 1.0;
        }
        may
    }

    /// Whether what was measured of a clock is to be written down: it changed between right and wrong, or
    /// the last writing is long past.
    fn to_write(&self, lane: &str, amiss: bool, now: Instant) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = &mut entry(&mut seen, lane, now).clock;
        let known =
            |(at, was): (Instant, bool)| was == amiss && now.saturating_duration_since(at) < WRITE_EVERY;
        let write = !clock.is_some_and(known);
        if write {
            *clock = Some((now, amiss));
        }
        write
    }
}

fn entry<'s>(seen: &'s mut HashMap<String, Seen>, lane: &str, now: Instant) -> &'s mut Seen {
    if !seen.contains_key(lane) {
        seen.insert(lane.to_owned(), Seen { calls: CALLS_AT_ONCE, counted: now, clock: None });
    }
    // It was put in just now, where it was not there.
    seen.entry(lane.to_owned()).or_insert(Seen { calls: 0.0, counted: now, clock: None })
}

/// Measures a lane's clock by what it said when it made a call; writes it down when that is due.
pub(super) async fn measure(shared: &Arc<Shared>, lane: &str, lane_time: Millis) -> anyhow::Result<()> {
    let now = shared.now();
    let ahead = lane_time.saturating_sub(now);
    let amiss = ahead.saturating_abs() > CLOCK_OFF_MOST;
    if !shared.watch.to_write(lane, amiss, Instant::now()) {
        return Ok(());
    }
    let way = if ahead > 0 { "ahead" } else { "behind" };
    let text = amiss.then(|| format!("{:.1} s {way}", ahead.unsigned_abs() as f64 / 1000.0));
    let lane = lane.to_owned();
    shared.blocking(move |shared| Ok(shared.store.clock_measured(&lane, ahead, text.as_deref(), now)?)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_calls_too_often_waits_and_others_do_not() {
        let (watch, start) = (LaneWatch::default(), Instant::now());
        let allowed = |lane, at: Duration| (0..1000).filter(|_| watch.may_call(lane, start + at)).count();
        assert_eq!(allowed("lane-1", Duration::ZERO), 400);
        assert_eq!(allowed("lane-1", Duration::ZERO), 0);
        assert_eq!(allowed("lane-2", Duration::ZERO), 400);
        assert_eq!(allowed("lane-1", Duration::from_secs(1)), 200);
    }

    #[test]
    fn a_clock_is_written_down_when_it_goes_wrong_and_now_and_then() {
        let (watch, start) = (LaneWatch::default(), Instant::now());
        let write = |amiss, s| watch.to_write("lane-1", amiss, start + Duration::from_secs(s));
        assert!(write(false, 0) && !write(false, 59) && write(true, 59) && !write(true, 60));
        assert!(write(false, 61) && write(false, 121));
    }
}
