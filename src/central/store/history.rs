//! Where a document was seen before, and what passed one lane.

use super::records::stored;
use super::sql::{Sql, Value, storable, values};
use super::{Store, StoreError, StoredPassage};
use crate::record::DocumentRecord;

/// Queues of a lane that are looked through for its passages, the newest ones.
const QUEUES_MOST: usize = 16;

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
        self.read(|sql| {
            let queues = "SELECT epoch FROM lane_epochs WHERE lane = $1 ORDER BY begun DESC, epoch LIMIT $2";
            let mut found = Vec::new();
            for mut row in sql.query(queues, values![lane, QUEUES_MOST])? {
                let rest = "WHERE r.lane = $1 AND r.epoch = $2 ORDER BY r.sequence DESC LIMIT $3";
                found.extend(stored(
                    sql,
                    rest,
                    values![lane, &row.text()?, most.saturating_sub(found.len())],
                )?);
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })
    }
}

/// Notes the documents of new passages.
pub(super) fn note(sql: &mut dyn Sql, passages: &[&StoredPassage]) -> Result<(), StoreError> {
    let read = |passage: &&StoredPassage| passage.record.document.as_ref().map(name);
    let names: Vec<Option<String>> = passages.iter().map(read).collect();
    let rows = passages.iter().zip(&names).filter_map(|(passage, name)| {
        let key = &passage.key;
        let place = [name.as_ref()?, &key.lane, &key.epoch].map(Value::from);
        let [document, lane, epoch] = place;
        Some([document, lane, epoch, key.sequence.into(), passage.started.into()])
    });
    let rows: Vec<_> = rows.collect();
    let into = "seen_documents (document, lane, epoch, sequence, started)";
    sql.insert(into, &rows, "ON CONFLICT DO NOTHING")
}

/// Forgets the documents of passages.
pub(super) fn forget(sql: &mut dyn Sql, passages: &[StoredPassage]) -> Result<(), StoreError> {
    let text =
        "DELETE FROM seen_documents WHERE document = $1 AND lane = $2 AND epoch = $3 AND sequence = $4";
    for StoredPassage { key, record, .. } in passages {
        if let Some(document) = &record.document {
            sql.execute(text, values![&name(document), &key.lane, &key.epoch, key.sequence])?;
        }
    }
    Ok(())
}

/// Numbers are unique within their issuing state alone.
fn name(document: &DocumentRecord) -> String {
    storable(&format!("{} {}", document.issuing_state, document.document_number))
}
