//! What the service manager hears (systemd's notification socket): ready after the first look at everything,
//! alive as long as the task that owns the passage turns, stopping. Without a service manager nobody hears it.

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Beats within the time after which the service manager takes the lane for dead.
const BEATS: u32 = 3;

/// The lane as a service.
pub(super) struct Service {
    beat: Option<Interval>,
    ready: bool,
}

impl Service {
    /// Asks the environment whether somebody watches.
    pub(super) fn new() -> Service {
        let beat = watchdog_enabled().filter(|within| !within.is_zero()).map(|within| {
            let mut beat = interval(within / BEATS);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat
        });
        Service { beat, ready: false }
    }

    /// Waits for the next beat; for ever, when nobody watches.
    pub(super) async fn beat(&mut self) {
        match &mut self.beat {
            Some(beat) => drop(beat.tick().await),
            None => std::future::pending().await,
        }
    }

    /// The lane has looked at everything and serves.
    pub(super) fn ready(&mut self) {
        if !std::mem::replace(&mut self.ready, true) {
            say(NotifyState::Ready);
        }
    }

    /// The passage's task turns.
    pub(super) fn alive(&self) {
        say(NotifyState::Watchdog);
    }

    /// The lane stops in order.
    pub(super) fn stopping(&self) {
        say(NotifyState::Stopping);
    }
}

fn say(state: NotifyState<'_>) {
    if let Err(error) = notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
