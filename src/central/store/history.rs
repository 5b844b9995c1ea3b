//! Where a document was seen before, and what passed one lane.

use super::records::stored;
use super::sql::{Sql, storable, values};
use super::{Millis, RecordKey, Store, StoreError, StoredPassage};
use crate::record::{DocumentRecord, PassageRecord};

impl Store {
    /// Passages with this document, newest first, at most so many.
    pub fn history(&self, document: &DocumentRecord, most: usize) -> Result<Vec<StoredPassage>, StoreError> {
        let name = name(document);
        let rest =
            "JOIN seen_documents s ON s.lane = r.lane AND s.epoch = r.epoch AND s.sequence = r.sequence
             WHERE s.document = $1 ORDER BY s.started DESC LIMIT $2";
        self.read(|sql| stored(sql, rest, values![&name, most]))
    }

    /// Passages of one lane, newest first.
    pub fn passages_of_lane(&self, lane: &str, most: usize) -> Result<Vec<StoredPassage>, StoreError> {
        let rest = "WHERE r.lane = $1 ORDER BY r.started DESC LIMIT $2";
        self.read(|sql| stored(sql, rest, values![lane, most]))
    }
}

/// Notes the document of a new record, in the transaction that stores it.
pub(super) fn note(
    sql: &mut dyn Sql,
    record: &PassageRecord,
    key: &RecordKey,
    started: Millis,
) -> Result<(), StoreError> {
    let Some(document) = &record.document else { return Ok(()) };
    sql.execute(
        "INSERT INTO seen_documents (document, lane, epoch, sequence, started) VALUES ($1, $2, $3, $4, $5)",
        values![&name(document), &key.lane, &key.epoch, key.sequence, started],
    )?;
    Ok(())
}

/// Numbers are unique within their issuing state alone.
fn name(document: &DocumentRecord) -> String {
    storable(&format!("{} {}", document.issuing_state, document.document_number))
}
