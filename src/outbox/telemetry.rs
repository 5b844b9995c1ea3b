//! What the lane tells of itself beside its outcomes: a class of its own in the queue, which gives way.
//!
//! At most [`TELEMETRY_MOST`] entries are kept; the oldest is dropped for the newest. Their numbers are never
//! used again, so that central sees how many were dropped. No entry ever costs an outcome its room: what a
//! full class takes is less than half of the least queue.

use super::tables;
use super::{Outbox, OutboxError};
use crate::record::wire::Telemetry;

/// Entries that are kept at most.
pub const TELEMETRY_MOST: u64 = 512;
/// Bytes that stay free for outcomes when telemetry is taken.
const RESERVE: u64 = 256 << 10;

impl Outbox {
    /// Keeps an entry until central has it, or until newer ones push it out. Texts that are too long are cut.
    /// A queue without room drops it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn tell(&mut self, at: jiff::Timestamp, kind: &str, text: &str) -> Result<(), OutboxError> {
        let used = tables::used(&self.db).map_err(|error| self.fault(error))?;
        if used.saturating_add(RESERVE) > self.bytes_most {
            return Ok(());
        }
        let (kind, text) = (cut(kind, Telemetry::KIND_MOST), cut(text, Telemetry::TEXT_MOST));
        let path = self.path.clone();
        let fault = |error| OutboxError::Database { path: path.clone(), error };
        let keep = |transaction: &rusqlite::Transaction<'_>| {
            tables::tell(transaction, at.as_millisecond(), kind, text)?;
            transaction
                .prepare_cached(
                    "DELETE FROM telemetry WHERE number <= (SELECT max(number) FROM telemetry) - ?1",
                )?
                .execute([TELEMETRY_MOST])
        };
        let transaction = self.db.transaction().map_err(fault)?;
        keep(&transaction).map_err(fault)?;
        transaction.commit().map_err(fault)
    }

    /// The oldest entries that central does not have, at most so many.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn telemetry(&self, most: usize) -> Result<Vec<Telemetry>, OutboxError> {
        let read = || -> rusqlite::Result<Vec<Telemetry>> {
            let text = "SELECT number, at, kind, text FROM telemetry ORDER BY number LIMIT ?1";
            let mut rows = self.db.prepare_cached(text)?;
            rows.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
                Ok(Telemetry { number: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, text: row.get(3)? })
            })?
            .collect()
        };
        read().map_err(|error| self.fault(error))
    }

    /// Central has every entry up to this number.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn telemetry_arrived(&mut self, through: u64) -> Result<(), OutboxError> {
        let done = self.db.execute("DELETE FROM telemetry WHERE number <= ?1", [through]);
        done.map(drop).map_err(|error| self.fault(error))
    }
}

/// The text's beginning, at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::OUTBOX_BYTES_LEAST;
    use ed25519_dalek::SigningKey;

    #[test]
    fn the_oldest_entries_give_way_and_are_missed_by_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut outbox =
            Outbox::open(&folder.path().join("outbox.db"), "lane-1", key, OUTBOX_BYTES_LEAST).unwrap();
        // One commit for many, lest the test wait for the disk a thousand times.
        outbox.db.pragma_update(None, "synchronous", "OFF").unwrap();
        let long = "ä".repeat(Telemetry::TEXT_MOST);
        for _ in 0..TELEMETRY_MOST + 10 {
            outbox.tell(jiff::Timestamp::UNIX_EPOCH, "device_lost", &long).unwrap();
        }
        let kept = outbox.telemetry(usize::MAX).unwrap();
        assert_eq!((kept.len() as u64, kept[0].number), (TELEMETRY_MOST, 11));
        assert_eq!(kept[0].text.len(), Telemetry::TEXT_MOST);
        let filling = outbox.filling().unwrap();
        assert!(filling.used < OUTBOX_BYTES_LEAST / 2 && filling.records == 0, "{filling:?}");
        outbox.telemetry_arrived(u64::MAX >> 1).unwrap();
        outbox.tell(jiff::Timestamp::UNIX_EPOCH, "device_back", "").unwrap();
        assert_eq!(outbox.telemetry(9).unwrap()[0].number, TELEMETRY_MOST + 11, "no number comes again");
    }
}
