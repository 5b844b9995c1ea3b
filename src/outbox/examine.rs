//! Whether the queue's file keeps what always holds; looked at once, when it is opened.

use super::tables::{self, Head};
use super::{Outbox, OutboxError};
use crate::record::SignedRecord;

impl Outbox {
    /// Looks whether what always holds does; gives the epoch.
    pub(super) fn examine(&self) -> Result<String, OutboxError> {
        let damaged = |what: String| Err(OutboxError::Damaged(what));
        let sound: String = self
            .db
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| self.fault(error))?;
        if sound != "ok" {
            return damaged(sound);
        }
        let head = tables::head(&self.db).map_err(|error| self.fault(error))?;
        if head.lane != self.lane {
            return Err(OutboxError::OtherLane { found: head.lane, wanted: self.lane.clone() });
        }
        let (count, first, last): (u64, Option<u64>, Option<u64>) = self
            .db
            .query_row("SELECT count(*), min(sequence), max(sequence) FROM records", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .map_err(|error| self.fault(error))?;
        if head.chain.sequence.checked_sub(head.acknowledged) != Some(count) {
            return damaged(format!(
                "{count} records between {} and {}",
                head.acknowledged, head.chain.sequence
            ));
        }
        if count > 0 && (first, last) != (head.acknowledged.checked_add(1), Some(head.chain.sequence)) {
            return damaged(format!("records from {first:?} to {last:?}"));
        }
        self.examine_chain(&head)?;
        Ok(head.epoch)
    }

    /// Every pending record is this lane's, follows the one before, and the last one is the head.
    fn examine_chain(&self, head: &Head) -> Result<(), OutboxError> {
        let mut rows = self
            .db
            .prepare("SELECT sequence, canonical, sha256, signature FROM records ORDER BY sequence")
            .map_err(|error| self.fault(error))?;
        let mut rows = rows.query([]).map_err(|error| self.fault(error))?;
        let mut previous: Option<String> = None;
        while let Some(row) = rows.next().map_err(|error| self.fault(error))? {
            let read = || {
                let signed =
                    SignedRecord { canonical: row.get(1)?, sha256: row.get(2)?, signature: row.get(3)? };
                Ok::<(u64, SignedRecord), rusqlite::Error>((row.get(0)?, signed))
            };
            let (sequence, signed) = read().map_err(|error| self.fault(error))?;
            let record = signed
                .verify(&self.key.verifying_key())
                .map_err(|error| OutboxError::Damaged(format!("record {sequence}: {error}")))?;
            let position = record.position;
            let follows = previous.is_none_or(|previous| previous == position.previous);
            let here =
                position.sequence == sequence && position.epoch == head.epoch && position.lane == head.lane;
            if !(follows && here) {
                return Err(OutboxError::Damaged(format!("record {sequence} is out of its place")));
            }
            previous = Some(signed.sha256);
        }
        if previous.is_some_and(|last| last != head.chain.sha256) {
            return Err(OutboxError::Damaged("the last record is not the head of the chain".into()));
        }
        // Files of version 1 kept no signature of a head whose record had left.
        let unsigned = head.chain.sequence > 0 && head.signature.is_empty();
        let proven = unsigned || head.chain.verify(&head.signature, &self.key.verifying_key()).is_ok();
        if proven { Ok(()) } else { Err(OutboxError::Damaged("the lane did not sign the head".into())) }
    }
}
