//! Which pictures are due to be deleted, and the proof that they were. Records stay: their chain verifies
//! without the pictures, whose names they hold.

use super::records::stored;
use super::sql::{values, word};
use super::{AuditEntry, Millis, RecordKey, Store, StoreError, StoredPassage, audit};
use crate::passage::Ending;
use sha2::{Digest, Sha256};

/// That pictures of a passage were deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// How many.
    pub pictures: u64,
    /// SHA-256, hexadecimal, of their names in the record's order, each with a line feed.
    pub names: String,
    /// When.
    pub deleted: Millis,
}

impl Store {
    /// Passages with this ending that arrived before a time and still have pictures, oldest first, at most
    /// so many. A case that nobody decided keeps its pictures.
    pub fn due_pictures(
        &self,
        ending: Ending,
        before: Millis,
        most: usize,
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let ending = word(&ending)?;
        let rest = "JOIN kept_pictures k ON k.lane = r.lane AND k.epoch = r.epoch AND k.sequence = r.sequence
             WHERE k.ending = $1 AND k.received < $2 AND (c.version IS NULL OR c.decision IS NOT NULL)
             ORDER BY k.received LIMIT $3";
        self.read(|sql| stored(sql, rest, values![&ending, before, most]))
    }

    /// The pictures of a passage are deleted: keeps the proof, and a line in the audit trail. Gives whether
    /// nobody had noted it before.
    pub fn note_deletion(&self, key: &RecordKey, names: &[String], now: Millis) -> Result<bool, StoreError> {
        let all: String = names.iter().map(|name| format!("{name}\n")).collect();
        let hash = hex::encode(Sha256::digest(all));
        let (subject, detail) = (key.to_string(), format!("{} pictures, names {hash}", names.len()));
        self.write(|sql| {
            let text = "DELETE FROM kept_pictures WHERE lane = $1 AND epoch = $2 AND sequence = $3";
            if sql.execute(text, values![&key.lane, &key.epoch, key.sequence])? == 0 {
                return Ok(false);
            }
            if names.is_empty() {
                return Ok(true);
            }
            sql.execute(
                "INSERT INTO deletions (lane, epoch, sequence, pictures, names, deleted)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                values![&key.lane, &key.epoch, key.sequence, names.len(), &hash, now],
            )?;
            let act =
                AuditEntry { actor: "central", act: "pictures.delete", subject: &subject, detail: &detail };
            audit::append(sql, act, now)?;
            Ok(true)
        })
    }

    /// The proof that a passage's pictures were deleted.
    pub fn deletion(&self, key: &RecordKey) -> Result<Option<Deletion>, StoreError> {
        let text = "SELECT pictures, names, deleted FROM deletions
             WHERE lane = $1 AND epoch = $2 AND sequence = $3";
        self.read(|sql| {
            let row = sql.first(text, values![&key.lane, &key.epoch, key.sequence])?;
            let Some(mut row) = row else { return Ok(None) };
            Ok(Some(Deletion { pictures: row.count()?, names: row.text()?, deleted: row.number()? }))
        })
    }
}
