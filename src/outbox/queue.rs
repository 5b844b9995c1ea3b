//! The durable queue itself; its format and what always holds are said at the head of the module above.

use super::tables::{self, APPLICATION_ID, VERSION, VERSION_BEFORE};
use super::{Extent, OutboxError};
use crate::passage::Outcome;
use crate::record::wire::{PICTURE_BYTES_MOST, RECORD_BYTES_MOST};
use crate::record::{ChainHead, PassageRecord, Position, SOFTWARE, SealedPicture, SignedRecord};
use ed25519_dalek::SigningKey;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another connection to the same file is waited for.
const BUSY_MOST: Duration = Duration::from_secs(2);
/// Most pictures of one record.
pub const PICTURES_MOST: usize = 16;
/// Longest canonical form of a record: what central takes, less the mark that it gets when the queue is renewed.
const CANONICAL_MOST: usize = RECORD_BYTES_MOST - 256;
/// Bytes that a record with its indexes takes beside its own, at most.
const RECORD_OVERHEAD: u64 = 16 << 10;
/// Least size that a queue can have, bytes.
pub const OUTBOX_BYTES_LEAST: u64 = 1 << 20;

/// Where an outcome was put in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its sequence.
    pub sequence: u64,
    /// Hash of its record, hexadecimal.
    pub sha256: String,
}

/// How full the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    /// Records that central does not have.
    pub records: u64,
    /// Bytes in use.
    pub used: u64,
    /// The limit.
    pub most: u64,
}

/// A lane's queue. One value per file; a second one would wait for the first, not fork the chain.
#[derive(Debug)]
pub struct Outbox {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) lane: String,
    epoch: String,
    pub(super) key: SigningKey,
    pub(super) bytes_most: u64,
}

impl Outbox {
    /// Opens the queue, or makes it (with a new epoch) where there is none. `bytes_most` bounds the file.
    ///
    /// # Errors
    /// When the file cannot be written, is another lane's or no outbox, or breaks what always holds.
    pub fn open(path: &Path, lane: &str, key: SigningKey, bytes_most: u64) -> Result<Outbox, OutboxError> {
        if bytes_most < OUTBOX_BYTES_LEAST {
            return Err(OutboxError::Limit(bytes_most));
        }
        let fault = |error| OutboxError::Database { path: path.to_owned(), error };
        let mut db = Connection::open(path).map_err(fault)?;
        db.busy_timeout(BUSY_MOST).map_err(fault)?;
        let known: i64 = db.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(fault)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fault)?;
        let fresh = tables == 0 && known == 0 && version == 0;
        let readable = known == APPLICATION_ID && (VERSION_BEFORE..=VERSION).contains(&version);
        if !fresh && !readable {
            return Err(OutboxError::Format { path: path.to_owned() });
        }
        tables::configure(&db, bytes_most).map_err(fault)?;
        if fresh {
            tables::create(&mut db, lane, path)?;
        } else if version == VERSION_BEFORE {
            tables::renew(&mut db).map_err(fault)?;
        }
        let mut outbox = Outbox {
            db,
            path: path.to_owned(),
            lane: lane.to_owned(),
            epoch: String::new(),
            key,
            bytes_most,
        };
        outbox.epoch = outbox.examine()?;
        Ok(outbox)
    }

    /// Appends the record of an outcome with its sealed pictures; durable when this returns. `profile` is
    /// the profile's name.
    ///
    /// # Errors
    /// When there is no room or something is too large or the disk fails; nothing was appended then, or,
    /// when the disk failed in the very act, it may turn out appended at the next opening.
    pub fn append(
        &mut self,
        outcome: &Outcome,
        pictures: &[SealedPicture],
        profile: &str,
    ) -> Result<Appended, OutboxError> {
        bound("the record's number of pictures", pictures.len(), PICTURES_MOST)?;
        for picture in pictures {
            bound("a sealed picture in bytes", picture.sealed.len(), PICTURE_BYTES_MOST)?;
        }
        let path = self.path.clone();
        let fault = |error| OutboxError::Database { path: path.clone(), error };
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let head = tables::head(&transaction).map_err(fault)?;
        let sequence = head.chain.sequence.saturating_add(1);
        let position = Position { lane: head.lane, epoch: head.epoch, sequence, previous: head.chain.sha256 };
        let record = PassageRecord::from_outcome(outcome, position, pictures, profile, SOFTWARE);
        let signed = SignedRecord::sign(&record, &self.key)?;
        bound("the record's canonical form in bytes", signed.canonical.len(), CANONICAL_MOST)?;

        let bytes: usize = pictures.iter().map(|picture| picture.sealed.len()).sum();
        let needed = (bytes.saturating_add(signed.canonical.len()) as u64).saturating_add(RECORD_OVERHEAD);
        let used = tables::used(&transaction).map_err(fault)?;
        let full = OutboxError::Full { used, most: self.bytes_most, needed };
        if used.saturating_add(needed) > self.bytes_most {
            return Err(full);
        }
        let named = pictures.iter().map(|picture| (picture.sha256.as_str(), picture.sealed.as_slice()));
        let written =
            tables::insert(&transaction, sequence, &signed, named).and_then(|()| transaction.commit());
        match written {
            Ok(()) => Ok(Appended { sequence, sha256: signed.sha256 }),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Err(full),
            Err(error) => Err(fault(error)),
        }
    }

    /// The oldest records that central does not have, in chain order, at most so many.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pending(&self, most: usize) -> Result<Vec<SignedRecord>, OutboxError> {
        self.pending_after(0, most)
    }

    /// The same, of those alone whose sequence is beyond `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pending_after(&self, after: u64, most: usize) -> Result<Vec<SignedRecord>, OutboxError> {
        let read = || -> rusqlite::Result<Vec<SignedRecord>> {
            let mut rows = self.db.prepare_cached(
                "SELECT canonical, sha256, signature FROM records WHERE sequence > ?1
                 ORDER BY sequence LIMIT ?2",
            )?;
            let (after, most) = (i64::try_from(after), i64::try_from(most));
            rows.query_map([after.unwrap_or(i64::MAX), most.unwrap_or(i64::MAX)], |row| {
                Ok(SignedRecord { canonical: row.get(0)?, sha256: row.get(1)?, signature: row.get(2)? })
            })?
            .collect()
        };
        read().map_err(|error| self.fault(error))
    }

    /// The sealed bytes of a picture that a pending record names.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sealed_picture(&self, sha256: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        self.db
            .query_row("SELECT sealed FROM pictures WHERE sha256 = ?1 LIMIT 1", [sha256], |row| row.get(0))
            .optional()
            .map_err(|error| self.fault(error))
    }

    /// Central has every record of this epoch up to this sequence: they and their pictures leave. An
    /// acknowledgement that is older than the last changes nothing.
    ///
    /// # Errors
    /// When it is of another epoch or of records that were never appended, or the file cannot be written.
    pub fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), OutboxError> {
        let path = self.path.clone();
        let fault = |error| OutboxError::Database { path: path.clone(), error };
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let head = tables::head(&transaction).map_err(fault)?;
        if epoch != head.epoch || through > head.chain.sequence {
            return Err(OutboxError::Acknowledgement { epoch: epoch.to_owned(), through });
        }
        if through <= head.acknowledged {
            return Ok(());
        }
        let prune = move || {
            transaction.execute("DELETE FROM pictures WHERE sequence <= ?1", [through])?;
            transaction.execute("DELETE FROM records WHERE sequence <= ?1", [through])?;
            transaction.execute("UPDATE head SET acknowledged = ?1", [through])?;
            transaction.commit()
        };
        prune().map_err(&fault)?;
        // The log holds what was deleted until it is cut.
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(fault)
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn filling(&self) -> Result<Filling, OutboxError> {
        let read = || {
            let head = tables::head(&self.db)?;
            let records = head.chain.sequence.saturating_sub(head.acknowledged);
            Ok(Filling { records, used: tables::used(&self.db)?, most: self.bytes_most })
        };
        read().map_err(|error| self.fault(error))
    }

    /// Which records central does not have; `None` when it has everything.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn extent(&self) -> Result<Option<Extent>, OutboxError> {
        let head = tables::head(&self.db).map_err(|error| self.fault(error))?;
        let first = head.acknowledged.saturating_add(1);
        let last = head.chain.sequence;
        Ok((first <= last).then_some(Extent { epoch: head.epoch, first, last }))
    }

    /// Records that central does not have.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn len(&self) -> Result<u64, OutboxError> {
        self.filling().map(|filling| filling.records)
    }

    /// Whether central has everything.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_empty(&self) -> Result<bool, OutboxError> {
        self.len().map(|records| records == 0)
    }

    /// End of the chain: what the next record will follow.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self) -> Result<ChainHead, OutboxError> {
        tables::head(&self.db).map(|head| head.chain).map_err(|error| self.fault(error))
    }

    /// The epoch of this queue, 32 hexadecimal digits.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    pub(super) fn fault(&self, error: rusqlite::Error) -> OutboxError {
        OutboxError::Database { path: self.path.clone(), error }
    }
}

pub(super) fn bound(what: &'static str, size: usize, most: usize) -> Result<(), OutboxError> {
    if size > most { Err(OutboxError::TooLarge { what, size, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passage::{Ending, Picture};
    use crate::policy::PassageId;

    fn outcome() -> Outcome {
        Outcome {
            passage: PassageId("lane-1/e/1".into()),
            started: jiff::Timestamp::UNIX_EPOCH,
            lasted_ms: 1,
            ending: Ending::Withdrawn,
            reasons: vec![],
            checks: vec![],
            document: None,
            steps: vec![],
            pictures: vec![],
            similarity: None,
            attack: None,
            commands: Vec::new(),
        }
    }

    #[test]
    fn a_disk_that_fills_up_in_the_very_act_is_said_as_full_and_leaves_the_chain_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut outbox = Outbox::open(&path, "lane-1", key, 64 << 20).unwrap();
        outbox.append(&outcome(), &[], "p").unwrap();
        let before = outbox.head().unwrap();
        let pages: u64 = outbox.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        outbox.db.pragma_update(None, "max_page_count", pages as i64 + 2).unwrap();

        let picture = SealedPicture::new(Picture::Portrait, "image/jpeg", vec![1; 100_000]);
        let full = outbox.append(&outcome(), &[picture], "p");
        assert!(matches!(full, Err(OutboxError::Full { .. })), "{full:?}");
        assert_eq!((outbox.head().unwrap(), outbox.len().unwrap()), (before, 1));
        assert_eq!(outbox.append(&outcome(), &[], "p").unwrap().sequence, 2);
    }
}
