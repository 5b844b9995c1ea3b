//! What the upload needs of a queue, and what it sends next.

use super::{CentralHas, Outbox, OutboxError};
use crate::record::SignedRecord;
use crate::record::wire::Telemetry;
use std::collections::BTreeSet;

/// Records sent in one call. Fewer than central takes, so that a backlog on a slow line is acknowledged
/// in steps.
pub(super) const BATCH: usize = 16;
/// So many records must wait before a new one overtakes them.
const BACKLOG_LEAST: u64 = 4;
/// The newest of what waits are live, too: what happened just before the line came back.
const RECENT: u64 = 4;
/// So many records may be ahead of older ones; then the older ones go first.
const AHEAD_MOST: usize = 4096;

/// Which records central does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Epoch of the queue.
    pub epoch: String,
    /// Sequence of the oldest.
    pub first: u64,
    /// Sequence of the newest; everything between is there.
    pub last: u64,
}

/// What the uploader needs of the queue. Calls may wait for the disk.
pub trait Backlog: Send + 'static {
    /// Why the queue cannot be read or written.
    type Error: std::error::Error + Send + Sync + 'static;
    /// Which records are not acknowledged; `None` when all are.
    fn extent(&mut self) -> Result<Option<Extent>, Self::Error>;
    /// Epoch and sequence of the last record ever appended; `None` when that is not known.
    fn head(&mut self) -> Result<Option<(String, u64)>, Self::Error> {
        Ok(None)
    }
    /// Which of the records that wait central has unchanged, in rising order.
    fn known(&mut self, _has: &CentralHas) -> Result<Vec<u64>, Self::Error> {
        Ok(Vec::new())
    }
    /// The oldest of them whose sequence is beyond `after`, in chain order, at most so many.
    fn pending_after(&mut self, after: u64, most: usize) -> Result<Vec<SignedRecord>, Self::Error>;
    /// The sealed bytes of a picture.
    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, Self::Error>;
    /// Central has every record of this epoch up to this sequence.
    fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), Self::Error>;
    /// The oldest telemetry, at most so many, with the epoch of the queue.
    fn telemetry(&mut self, _most: usize) -> Result<(String, Vec<Telemetry>), Self::Error> {
        Ok((String::new(), Vec::new()))
    }
    /// Central has every entry of telemetry up to this number.
    fn telemetry_arrived(&mut self, _through: u64) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Backlog for Outbox {
    type Error = OutboxError;

    fn extent(&mut self) -> Result<Option<Extent>, OutboxError> {
        Outbox::extent(self)
    }

    fn head(&mut self) -> Result<Option<(String, u64)>, OutboxError> {
        let head = Outbox::head(self)?;
        Ok(Some((self.epoch().to_owned(), head.sequence)))
    }

    fn known(&mut self, has: &CentralHas) -> Result<Vec<u64>, OutboxError> {
        Outbox::known(self, has)
    }

    fn pending_after(&mut self, after: u64, most: usize) -> Result<Vec<SignedRecord>, OutboxError> {
        Outbox::pending_after(self, after, most)
    }

    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        Outbox::sealed_picture(self, sha256)
    }

    fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), OutboxError> {
        Outbox::acknowledge(self, epoch, through)
    }

    fn telemetry(&mut self, most: usize) -> Result<(String, Vec<Telemetry>), OutboxError> {
        Ok((self.epoch().to_owned(), Outbox::telemetry(self, most)?))
    }

    fn telemetry_arrived(&mut self, through: u64) -> Result<(), OutboxError> {
        Outbox::telemetry_arrived(self, through)
    }
}

/// A run of records to send in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Sequence before the first.
    pub(super) after: u64,
    /// How many at most.
    pub(super) most: usize,
    /// The oldest record that is held back, when the run overtakes it.
    pub(super) held_from: Option<u64>,
}

/// Which records go next: those that came since the backlog was noticed before those of the backlog, each in
/// chain order. It only chooses; what it forgets is sent again, which central notices.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// What is beyond this is live; the rest is backlog. `None` until there is something to send.
    live_after: Option<u64>,
    /// Sent and stored, but ahead of older ones that are not.
    ahead: BTreeSet<u64>,
}

impl Order {
    /// The next run of what is not acknowledged; `None` when all of it was sent ahead.
    pub(super) fn next(&mut self, extent: &Extent) -> Option<Run> {
        self.ahead.retain(|sequence| (extent.first..=extent.last).contains(sequence));
        let live_after = *self.live_after.get_or_insert(extent.last.saturating_sub(RECENT));
        let backlog = self.first_unsent(extent.first, extent.last)?;
        let waits = live_after.saturating_add(1).saturating_sub(backlog);
        let live = self.first_unsent(live_after.saturating_add(1).max(extent.first), extent.last);
        let (first, held_from) = match live {
            Some(live) if waits > BACKLOG_LEAST && self.ahead.len() < AHEAD_MOST => (live, Some(backlog)),
            _ => (backlog, None),
        };
        // Up to what was sent ahead already, and never across the boundary of backlog and live.
        let sent = self.ahead.range(first..).next().copied().unwrap_or(u64::MAX);
        let border = if first <= live_after { live_after.saturating_add(1) } else { u64::MAX };
        let most = usize::try_from(sent.min(border).saturating_sub(first)).unwrap_or(BATCH);
        Some(Run { after: first.saturating_sub(1), most: most.min(BATCH), held_from })
    }

    /// Central has these, the last included. Gives up to where it has everything, when that moved.
    pub(super) fn stored(&mut self, extent: &Extent, first: u64, last: u64) -> Option<u64> {
        self.ahead.extend(first..=last);
        self.through(extent)
    }

    /// Central has these, by whatever way they came.
    pub(super) fn known(&mut self, sequences: impl IntoIterator<Item = u64>) {
        self.ahead.extend(sequences);
    }

    /// Up to where central has everything.
    pub(super) fn through(&self, extent: &Extent) -> Option<u64> {
        let whole = (extent.first..).take_while(|sequence| self.ahead.contains(sequence));
        whole.last()
    }

    /// After a failure, or when everything is sent: what waits then is backlog, what comes is live.
    pub(super) fn pause(&mut self) {
        self.live_after = None;
    }

    fn first_unsent(&self, from: u64, last: u64) -> Option<u64> {
        (from..=last).find(|sequence| !self.ahead.contains(sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(first: u64, last: u64) -> Extent {
        Extent { epoch: "e".to_owned(), first, last }
    }

    /// First and last of the next run.
    fn next(order: &mut Order, extent: &Extent) -> Option<(u64, u64, Option<u64>)> {
        let run = order.next(extent)?;
        let last = (run.after + run.most as u64).min(extent.last);
        Some((run.after + 1, last, run.held_from))
    }

    #[test]
    fn what_comes_while_a_backlog_is_sent_goes_before_the_rest_of_it() {
        let mut order = Order::default();
        let mut queue = extent(1, 44);
        assert_eq!(next(&mut order, &queue), Some((41, 44, Some(1))), "the newest of what waits");
        assert_eq!(order.stored(&queue, 41, 44), None, "older ones are still missing");
        assert_eq!(next(&mut order, &queue), Some((1, 16, None)));
        assert_eq!(order.stored(&queue, 1, 16), Some(16));
        queue = extent(17, 46);
        assert_eq!(next(&mut order, &queue), Some((45, 46, Some(17))));
        assert_eq!(order.stored(&queue, 45, 46), None);
        queue.last = 47;
        assert_eq!(next(&mut order, &queue), Some((47, 47, Some(17))));
        assert_eq!(order.stored(&queue, 47, 47), None);
        assert_eq!(next(&mut order, &queue), Some((17, 32, None)));
        assert_eq!(order.stored(&queue, 17, 32), Some(32));
        queue.first = 33;
        assert_eq!(next(&mut order, &queue), Some((33, 40, None)));
        assert_eq!(order.stored(&queue, 33, 40), Some(47), "what went ahead is acknowledged with it");
    }

    #[test]
    fn few_that_wait_are_not_overtaken() {
        let mut order = Order::default();
        assert_eq!(next(&mut order, &extent(1, 8)), Some((1, 4, None)));
        assert_eq!(next(&mut order, &extent(1, 9)), Some((1, 4, None)));
        let mut order = Order::default();
        assert_eq!(next(&mut order, &extent(7, 7)), Some((7, 7, None)));
    }

    #[test]
    fn after_a_pause_all_but_the_newest_is_backlog() {
        let mut order = Order::default();
        next(&mut order, &extent(1, 10));
        order.pause();
        assert_eq!(next(&mut order, &extent(1, 500)), Some((497, 500, Some(1))));
        order.stored(&extent(1, 500), 497, 500);
        assert_eq!(next(&mut order, &extent(1, 500)), Some((1, 16, None)));
        assert_eq!(next(&mut order, &extent(1, 501)), Some((501, 501, Some(1))));
    }

    #[test]
    fn what_was_sent_ahead_and_only_not_acknowledged_is_not_sent_again() {
        let mut order = Order::default();
        let queue = extent(1, 3);
        assert_eq!(order.stored(&queue, 1, 3), Some(3));
        assert_eq!(next(&mut order, &queue), None);
        assert_eq!(order.through(&queue), Some(3));
    }
}
