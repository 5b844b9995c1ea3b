//! What the service manager hears (systemd's notification socket): ready after the first look at everything,
//! alive as long as the task that owns the passage turns, stopping. Without a service manager nobody hears it.
//!
//! A manager that does not listen makes a sender wait. So a thread of its own speaks, and the passage's task never
//! waits for it: what finds no room is not said, and the manager takes the silence for what it is.

use sd_notify::{NotifyState, notify, watchdog_enabled};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Beats within the time after which the service manager takes the lane for dead.
const BEATS: u32 = 3;
/// Words that may wait for a manager that does not listen.
const WORDS_WAITING: usize = 64;

/// The lane as a service.
pub(super) struct Service {
    beat: Option<Interval>,
    ready: bool,
    /// `None` when nobody can be told.
    words: Option<SyncSender<NotifyState<'static>>>,
}

impl Service {
    /// Asks the environment whether somebody watches.
    pub(super) fn new() -> Service {
        let beat = watchdog_enabled().filter(|within| !within.is_zero()).map(|within| {
            let mut beat = interval(within / BEATS);
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            beat
        });
        let (words, said) = sync_channel(WORDS_WAITING);
        let speaker = thread::Builder::new().name("service".to_owned()).spawn(move || speak(&said));
        if let Err(error) = &speaker {
            tracing::warn!(%error, "the service manager cannot be told");
        }
        Service { beat, ready: false, words: speaker.is_ok().then_some(words) }
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
            self.say(NotifyState::Ready);
        }
    }

    /// The passage's task turns.
    pub(super) fn alive(&self) {
        self.say(NotifyState::Watchdog);
    }

    /// The lane stops in order.
    pub(super) fn stopping(&self) {
        self.say(NotifyState::Stopping);
    }

    fn say(&self, word: NotifyState<'static>) {
        if let Some(words) = &self.words {
            // No room: see the module's head.
            let _ = words.try_send(word);
        }
    }
}

/// Ends with the lane.
fn speak(words: &Receiver<NotifyState<'static>>) {
    while let Ok(word) = words.recv() {
        if let Err(error) = notify(&[word]) {
            tracing::warn!(%error, "the service manager cannot be told");
        }
    }
}
