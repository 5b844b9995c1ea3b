//! Which pictures are due to be deleted, and the proof that they were. Records stay: their chain verifies
//! without the pictures, whose names they hold.

use super::records::stored;
use super::sql::{Sql, Value, values, word};
use super::{AuditEntry, Millis, RecordKey, Store, StoreError, StoredPassage, audit};
use crate::passage::Ending;
use crate::record::PictureRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    /// The portrait out of the chip.
    Portrait,
    /// What the lane's camera took.
    Frame,
    /// Either: a deletion before kinds were told apart.
    All,
}

impl PictureKind {
    /// The kinds of which there are pictures.
    pub const BOTH: [PictureKind; 2] = [PictureKind::Portrait, PictureKind::Frame];

    /// Whether a picture is of this kind. A role that is not known counts as a frame's.
    pub fn holds(self, picture: &PictureRef) -> bool {
        match self {
            PictureKind::Portrait => picture.role == "portrait",
            PictureKind::Frame => picture.role != "portrait",
            PictureKind::All => true,
        }
    }
}

/// That pictures of a passage were deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Which of its pictures.
    pub kind: PictureKind,
    /// How many.
    pub pictures: u64,
    /// SHA-256, hexadecimal, of their names in the record's order, each with a line feed.
    pub names: String,
    /// By which rule.
    pub rule: String,
    /// When.
    pub deleted: Millis,
}

/// Why pictures are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// They arrived before this time, with a passage that ended so.
    Age(Ending, Millis),
    /// The logging profile does not keep them.
    NotLogged,
}

/// Notes which kinds of pictures new passages have.
pub(super) fn keep(sql: &mut dyn Sql, passages: &[&StoredPassage]) -> Result<(), StoreError> {
    let mut kinds = Vec::new();
    for StoredPassage { record, .. } in passages {
        for kind in PictureKind::BOTH {
            let has = record.pictures.iter().any(|picture| kind.holds(picture));
            kinds.push(if has { Some((word(&kind)?, word(&record.ending)?)) } else { None });
        }
    }
    let places = passages.iter().flat_map(|passage| [passage, passage]);
    let rows = places.zip(&kinds).filter_map(|(StoredPassage { key, received, .. }, kind)| {
        let (kind, ending) = kind.as_ref()?;
        let [lane, epoch, kind, ending] = [&key.lane, &key.epoch, kind, ending].map(Value::from);
        Some([lane, epoch, key.sequence.into(), kind, ending, (*received).into()])
    });
    let rows: Vec<_> = rows.collect();
    let into = "kept_kinds (lane, epoch, sequence, kind, ending, received)";
    sql.insert(into, &rows, "ON CONFLICT DO NOTHING")
}

/// Where kept pictures stand beside the records of [`stored`].
const KEPT: &str =
    "JOIN kept_kinds k ON k.lane = r.lane AND k.epoch = r.epoch AND k.sequence = r.sequence AND k.kind = $1
     WHERE ";

impl Store {
    /// Passages of which pictures of a kind are due, oldest first, at most so many. A case that nobody
    /// decided keeps its pictures.
    pub fn due_pictures(
        &self,
        kind: PictureKind,
        due: Due,
        most: usize,
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let closed = "(c.version IS NULL OR c.decision IS NOT NULL) ORDER BY k.received LIMIT $2";
        let kind = word(&kind)?;
        match due {
            Due::Age(ending, before) => {
                let rest = format!("{KEPT} k.ending = $3 AND k.received < $4 AND {closed}");
                let ending = word(&ending)?;
                self.read(|sql| stored(sql, &rest, values![&kind, most, &ending, before]))
            }
            Due::NotLogged => {
                let rest = format!("{KEPT} k.logged = 0 AND {closed}");
                self.read(|sql| stored(sql, &rest, values![&kind, most]))
            }
        }
    }

    /// Passages with pictures of a kind of which nobody has looked whether the logging profile keeps them.
    pub fn unexamined_pictures(
        &self,
        kind: PictureKind,
        most: usize,
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let rest = format!("{KEPT} k.logged IS NULL ORDER BY k.received LIMIT $2");
        let kind = word(&kind)?;
        self.read(|sql| stored(sql, &rest, values![&kind, most]))
    }

    /// Passages of which pictures are kept, by their keys, after one, at most so many.
    pub fn passages_with_pictures(
        &self,
        after: Option<&RecordKey>,
        most: usize,
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let kept = "EXISTS (SELECT 1 FROM kept_kinds k
            WHERE k.lane = r.lane AND k.epoch = r.epoch AND k.sequence = r.sequence)";
        let order = "ORDER BY r.lane, r.epoch, r.sequence LIMIT $1";
        let Some(key) = after else {
            let rest = format!("WHERE {kept} {order}");
            return self.read(|sql| stored(sql, &rest, values![most]));
        };
        let rest = format!("WHERE (r.lane, r.epoch, r.sequence) > ($2, $3, $4) AND {kept} {order}");
        self.read(|sql| stored(sql, &rest, values![most, &key.lane, &key.epoch, key.sequence]))
    }

    /// Notes whether the logging profile keeps pictures of passages.
    pub fn note_logged(&self, kind: PictureKind, of: &[(RecordKey, bool)]) -> Result<(), StoreError> {
        let kind = word(&kind)?;
        let text = "UPDATE kept_kinds SET logged = $5
             WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND kind = $4";
        self.write(|sql| {
            for (key, logged) in of {
                let logged = i64::from(*logged);
                sql.execute(text, values![&key.lane, &key.epoch, key.sequence, &kind, logged])?;
            }
            Ok(())
        })
    }

    /// The pictures of a kind of a passage are deleted: keeps the proof, and a line in the audit trail. Gives
    /// whether nobody had noted it before.
    pub fn note_deletion(
        &self,
        key: &RecordKey,
        kind: PictureKind,
        names: &[String],
        rule: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let all: String = names.iter().map(|name| format!("{name}\n")).collect();
        let (kind, hash) = (word(&kind)?, hex::encode(Sha256::digest(all)));
        let detail = format!("{} pictures ({kind}), names {hash}, by {rule}", names.len());
        let subject = key.to_string();
        self.write(|sql| {
            let text =
                "DELETE FROM kept_kinds WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND kind = $4";
            if sql.execute(text, values![&key.lane, &key.epoch, key.sequence, &kind])? == 0 {
                return Ok(false);
            }
            if names.is_empty() {
                return Ok(true);
            }
            sql.execute(
                "INSERT INTO deleted_kinds (lane, epoch, sequence, kind, pictures, names, rule, deleted)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                values![&key.lane, &key.epoch, key.sequence, &kind, names.len(), &hash, rule, now],
            )?;
            let act =
                AuditEntry { actor: "central", act: "pictures.delete", subject: &subject, detail: &detail };
            audit::append(sql, act, now)?;
            Ok(true)
        })
    }

    /// The proofs that pictures of a passage were deleted.
    pub fn deletions(&self, key: &RecordKey) -> Result<Vec<Deletion>, StoreError> {
        let text = "SELECT kind, pictures, names, rule, deleted FROM deleted_kinds
             WHERE lane = $1 AND epoch = $2 AND sequence = $3 ORDER BY kind";
        self.read(|sql| {
            let rows = sql.query(text, values![&key.lane, &key.epoch, key.sequence])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(Deletion {
                        kind: row.word()?,
                        pictures: row.count()?,
                        names: row.text()?,
                        rule: row.text()?,
                        deleted: row.number()?,
                    })
                })
                .collect()
        })
    }
}
