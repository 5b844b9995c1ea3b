//! The durable queue towards central.
//!
//! # Format
//!
//! One SQLite file in WAL mode with `synchronous = FULL`: when [`Outbox::append`] returns, the record
//! survives the loss of power. Three tables:
//!
//! * `head`, one row: the lane, the epoch (random at creation), sequence and hash of the last record
//!   ever appended, and the sequence up to which central has everything;
//! * `records`: what central does not have yet, by sequence: canonical form, hash, signature;
//! * `pictures`: the sealed pictures of those records, under the hash that names them.
//!
//! # What always holds, after every commit
//!
//! 1. `records` holds exactly the sequences from `acknowledged + 1` to `sequence`, without gaps.
//! 2. Each record's `previous` is the hash of the one before; the last one's hash is the head's. The head
//!    outlives its record, so the chain goes on after everything was acknowledged and pruned.
//! 3. Every picture that a record in `records` names is in `pictures`; no other is. A picture leaves
//!    with its record and not when it was uploaded, for central may lose it before it has the record.
//! 4. A record, its pictures and the new head come in one transaction, or not at all.
//!
//! # What can never happen
//!
//! A record is never dropped for want of room: a full queue refuses the append ([`OutboxError::Full`]),
//! and without a stored outcome the exit stays shut. An acknowledgement of something that was never
//! appended, or of another epoch, removes nothing. Deleted content is overwritten (`secure_delete`).

use super::Backlog;
use super::tables::{self, APPLICATION_ID, VERSION};
use crate::passage::Outcome;
use crate::record::wire::{PICTURE_BYTES_MOST, RECORD_BYTES_MOST};
use crate::record::{ChainHead, PassageRecord, Position, RecordError, SOFTWARE, SealedPicture, SignedRecord};
use ed25519_dalek::SigningKey;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another connection to the same file is waited for.
const BUSY_MOST: Duration = Duration::from_secs(2);
/// Most pictures of one record.
pub const PICTURES_MOST: usize = 16;
/// Bytes that a record with its indexes takes beside its own, at most.
const RECORD_OVERHEAD: u64 = 16 << 10;
/// Least size that a queue can have, bytes.
pub const OUTBOX_BYTES_LEAST: u64 = 1 << 20;

/// Why the queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file cannot be opened, read or written.
    #[error("outbox {path}: {error}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
    /// No room for another record; what is there stays there.
    #[error("outbox is full: {used} of {most} bytes are used and {needed} more are needed")]
    Full {
        /// Bytes in use.
        used: u64,
        /// The limit.
        most: u64,
        /// Bytes that the record needs.
        needed: u64,
    },
    /// A record or picture is larger than central takes.
    #[error("{what} has {size}, at most {most} are allowed")]
    TooLarge {
        /// Which: "the record's canonical form in bytes".
        what: &'static str,
        /// Its size.
        size: usize,
        /// The bound.
        most: usize,
    },
    /// The file is another lane's.
    #[error("the outbox belongs to lane {found:?}, not to {wanted:?}")]
    OtherLane {
        /// Lane in the file.
        found: String,
        /// Lane that opens it.
        wanted: String,
    },
    /// The file was written by another version, or is no outbox.
    #[error("{path} is no outbox of version {VERSION}")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The content breaks what always holds.
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
    /// The limit is below [`OUTBOX_BYTES_LEAST`].
    #[error("an outbox of {0} bytes is too small, at least {OUTBOX_BYTES_LEAST} are needed")]
    Limit(u64),
    /// An acknowledgement for what was never appended here.
    #[error("an acknowledgement of {epoch}/{through} does not fit this outbox")]
    Acknowledgement {
        /// Epoch acknowledged.
        epoch: String,
        /// Sequence acknowledged.
        through: u64,
    },
    /// The record cannot be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The system gives no random bytes for the epoch.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

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
    path: PathBuf,
    pub(super) lane: String,
    epoch: String,
    pub(super) key: SigningKey,
    bytes_most: u64,
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
        if !fresh && (known, version) != (APPLICATION_ID, VERSION) {
            return Err(OutboxError::Format { path: path.to_owned() });
        }
        tables::configure(&db, bytes_most).map_err(fault)?;
        if fresh {
            tables::create(&mut db, lane, path)?;
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
        bound("the record's canonical form in bytes", signed.canonical.len(), RECORD_BYTES_MOST)?;

        let bytes: usize = pictures.iter().map(|picture| picture.sealed.len()).sum();
        let needed = (bytes.saturating_add(signed.canonical.len()) as u64).saturating_add(RECORD_OVERHEAD);
        let used = tables::used(&transaction).map_err(fault)?;
        let full = OutboxError::Full { used, most: self.bytes_most, needed };
        if used.saturating_add(needed) > self.bytes_most {
            return Err(full);
        }
        let written =
            tables::insert(&transaction, sequence, &signed, pictures).and_then(|()| transaction.commit());
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
        let read = || -> rusqlite::Result<Vec<SignedRecord>> {
            let mut rows = self.db.prepare_cached(
                "SELECT canonical, sha256, signature FROM records ORDER BY sequence LIMIT ?1",
            )?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            rows.query_map([most], |row| {
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

impl Backlog for Outbox {
    type Error = OutboxError;

    fn pending(&mut self, most: usize) -> Result<Vec<SignedRecord>, OutboxError> {
        Outbox::pending(self, most)
    }

    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        Outbox::sealed_picture(self, sha256)
    }

    fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), OutboxError> {
        Outbox::acknowledge(self, epoch, through)
    }
}

fn bound(what: &'static str, size: usize, most: usize) -> Result<(), OutboxError> {
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
