//! Records in the order of their arrival, read page by page.

use super::records::stored;
use super::sql::values;
use super::{Millis, RecordKey, Store, StoreError, StoredPassage};
use crate::record::SignedRecord;

impl Store {
    /// The records of one queue of a lane as they were signed, in order, after a sequence, at most so many:
    /// what [`crate::record::verify_chain`] takes.
    pub fn signed_records(
        &self,
        (lane, epoch): (&str, &str),
        after: u64,
        most: usize,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        let text = "SELECT b.canonical, r.sha256, r.signature FROM records r
             JOIN bodies b ON b.received = r.received
                AND b.lane = r.lane AND b.epoch = r.epoch AND b.sequence = r.sequence
             WHERE r.lane = $1 AND r.epoch = $2 AND r.sequence > $3 ORDER BY r.sequence LIMIT $4";
        self.read(|sql| {
            let rows = sql.query(text, values![lane, epoch, after, most])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(SignedRecord { canonical: row.text()?, sha256: row.text()?, signature: row.text()? })
                })
                .collect()
        })
    }

    /// Passages that arrived in a time, oldest first, after the one that was read last, at most so many.
    pub fn arrived(
        &self,
        (from, to): (Millis, Millis),
        after: Option<&(Millis, RecordKey)>,
        most: usize,
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let order = "ORDER BY b.received, b.lane, b.epoch, b.sequence LIMIT $1";
        let Some((received, key)) = after else {
            let rest = format!("WHERE b.received >= $2 AND b.received < $3 {order}");
            return self.read(|sql| stored(sql, &rest, values![most, from, to]));
        };
        let rest = format!(
            "WHERE b.received >= $2 AND b.received < $3
                AND (b.received, b.lane, b.epoch, b.sequence) > ($2, $4, $5, $6) {order}"
        );
        let at = values![most, *received, to, &key.lane, &key.epoch, key.sequence];
        self.read(|sql| stored(sql, &rest, at))
    }
}
