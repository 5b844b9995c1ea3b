//! How long more than one person was in the cabin.

use super::Moment;

/// A stopwatch that adds up, so that people who take turns at being counted gain nothing.
#[derive(Debug, Default)]
pub(super) struct Several {
    spent_ms: u64,
    since: Option<Moment>,
}

impl Several {
    /// Hears a count; `true` when it has just become more than one.
    pub(super) fn count(&mut self, persons: Option<u8>, now: Moment) -> bool {
        match (persons.is_some_and(|n| n > 1), self.since) {
            (true, None) => {
                self.since = Some(now);
                true
            }
            (false, Some(since)) => {
                self.spent_ms = self.spent_ms.saturating_add(now.since(since));
                self.since = None;
                false
            }
            _ => false,
        }
    }

    /// Whether more than one person is inside now.
    pub(super) fn now(&self) -> bool {
        self.since.is_some()
    }

    /// When the time is used up, while it runs.
    pub(super) fn deadline(&self, limit_ms: u64) -> Option<Moment> {
        self.since.map(|since| since.after(limit_ms.saturating_sub(self.spent_ms)))
    }
}
