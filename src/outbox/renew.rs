//! A queue that was put back from a copy gets a new epoch, by an engineer's command and never by itself.
//!
//! Central has other records under the keys that such a queue uses again, or more records than the queue knows of. Both
//! are outcomes, and none may be lost: what the queue holds and central has not is carried into a new queue, chained
//! and signed anew, each record with a mark of where it was ([`CarriedFrom`]), its pictures with it. What central
//! has stays behind. So nothing is sent twice; and should a record come under its first key after all, central
//! knows it by the mark.
//!
//! # Steps, and what a crash leaves
//!
//! 1. The old file is taken for this process alone; its log is put into it. A crash leaves the old queue.
//! 2. The new queue is made beside it, in one transaction. A crash leaves the old queue, and a file that the
//!    next try makes anew.
//! 3. The old file gets a second name, `NAME.EPOCH`. A crash leaves the old queue under both names.
//! 4. The new file takes the place of the old one by one rename. From here on the queue is the new one.
//!
//! Tried again after a crash, the command does all of it, or finds that queue and central agree.

use super::tables::{self, Head};
use super::{CentralHas, Extent, Outbox, OutboxError};
use crate::record::wire::RECORD_BYTES_MOST;
use crate::record::{CarriedFrom, ChainHead, PassageRecord, Position, SignedRecord, sealed_name};
use ed25519_dalek::SigningKey;
use rusqlite::{ErrorCode, Transaction, TransactionBehavior};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes that a queue has while it is renewed; the lane's own bound counts again when the lane opens it.
const BYTES_MOST: u64 = 1 << 40;
/// Old files of one epoch that can lie aside.
const ASIDE_MOST: u32 = 99;

/// Why a queue was not renewed. It is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The queue cannot be read, or the new one not be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// There is no queue to renew.
    #[error("{0} is no file")]
    Missing(PathBuf),
    /// Somebody has the file open.
    #[error("{0} is in use: stop the lane first")]
    InUse(PathBuf),
    /// What central has is of another queue, or does not say enough.
    #[error("what central has is known of queue {0:?} from record {1} on; that is not all of this queue")]
    Unknown(String, u64),
    /// Nothing in the queue collides with what central has.
    #[error("the queue and central agree: nothing is to be renewed")]
    Agrees,
    /// A file cannot be made, named or synced.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// All names for old files are taken.
    #[error("{0} and {ASIDE_MOST} more like it are there: look at them and move them away")]
    Aside(PathBuf),
}

/// What a renewal did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Renewed {
    /// The epoch that ended.
    pub epoch_before: String,
    /// The epoch that began.
    pub epoch: String,
    /// Records that were carried over.
    pub carried: u64,
    /// Records that were left behind, since central has them.
    pub known: u64,
    /// Sealed pictures that were carried over.
    pub pictures: u64,
    /// Where the old file is. It holds what travellers' records hold: to be deleted when central has all.
    pub set_aside: PathBuf,
}

/// A queue that nobody else has open.
pub struct StoppedQueue {
    outbox: Outbox,
    head: Head,
}

impl StoppedQueue {
    /// Takes the queue for this process alone, until this is dropped.
    ///
    /// # Errors
    /// When there is none, it is in use, or breaks what always holds.
    pub fn take(path: &Path, lane: &str, key: SigningKey) -> Result<StoppedQueue, RenewError> {
        if !path.is_file() {
            return Err(RenewError::Missing(path.to_owned()));
        }
        let outbox = Outbox::open(path, lane, key, BYTES_MOST)?;
        // Leaving the log's mode needs the file alone, and puts the log into it.
        let alone = || -> rusqlite::Result<String> {
            outbox.db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
            outbox.db.execute_batch("BEGIN EXCLUSIVE")?;
            // Nobody came in between.
            outbox.db.query_row("PRAGMA journal_mode", [], |row| row.get(0))
        };
        let in_use = || RenewError::InUse(path.to_owned());
        match alone() {
            Ok(mode) if mode == "delete" => {}
            Ok(_) => return Err(in_use()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => return Err(in_use()),
            Err(error) => return Err(outbox.fault(error).into()),
        }
        if beside(path).iter().any(|file| file.exists()) {
            return Err(in_use());
        }
        let head = tables::head(&outbox.db).map_err(|error| outbox.fault(error))?;
        Ok(StoppedQueue { outbox, head })
    }

    /// What must be known of central: the records that wait, from the first to the last. Where none waits, `first`
    /// is the sequence after the last.
    pub fn extent(&self) -> Extent {
        let first = self.head.acknowledged.saturating_add(1);
        Extent { epoch: self.head.epoch.clone(), first, last: self.head.chain.sequence }
    }

    /// Begins a new epoch with what central has not.
    ///
    /// # Errors
    /// When what central has is not known well enough, nothing collides, or a file cannot be written. The queue
    /// is as it was then.
    pub fn renew(self, has: &CentralHas) -> Result<Renewed, RenewError> {
        let Extent { epoch, first, last } = self.extent();
        if has.epoch != epoch || has.from > first {
            return Err(RenewError::Unknown(has.epoch.clone(), has.from));
        }
        let mut collides = has.last().is_some_and(|theirs| theirs > last);
        self.outbox.each_waiting(|sequence, sha256| collides |= has.differs(sequence, sha256))?;
        if !collides {
            return Err(RenewError::Agrees);
        }
        let path = self.outbox.path.clone();
        let part = with_ending(&path, ".renewing");
        for left in beside(&part).into_iter().chain([part.clone()]) {
            remove(&left)?;
        }
        let mut renewed = self.carry_into(&part, has)?;
        sync(&part)?;
        renewed.set_aside = set_aside(&path, &epoch)?;
        sync_folder(&path)?;
        fs::rename(&part, &path).map_err(|error| RenewError::File(part, error))?;
        sync_folder(&path)?;
        Ok(renewed)
    }

    /// Makes the new queue: one file, closed.
    fn carry_into(&self, part: &Path, has: &CentralHas) -> Result<Renewed, RenewError> {
        let key = self.outbox.key.clone();
        let mut new = Outbox::open(part, &self.head.lane, key, BYTES_MOST)?;
        let mut renewed = Renewed {
            epoch_before: self.head.epoch.clone(),
            epoch: new.epoch().to_owned(),
            carried: 0,
            known: 0,
            pictures: 0,
            set_aside: PathBuf::new(),
        };
        let fault = |error| OutboxError::Database { path: part.to_owned(), error };
        let into = new.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let mut chain = ChainHead::start();
        for sequence in self.head.acknowledged.saturating_add(1)..=self.head.chain.sequence {
            let signed = self.record(sequence)?;
            if has.holds(sequence, &signed.sha256) {
                renewed.known += 1;
                continue;
            }
            let (lane, epoch) = (self.head.lane.clone(), renewed.epoch.clone());
            let position =
                Position { lane, epoch, sequence: chain.sequence.saturating_add(1), previous: chain.sha256 };
            let signed = self.again(&signed, position)?;
            chain = ChainHead { sequence: chain.sequence.saturating_add(1), sha256: signed.sha256.clone() };
            renewed.carried += 1;
            renewed.pictures += self.carry(&into, sequence, chain.sequence, &signed).map_err(fault)??;
        }
        for told in self.outbox.telemetry(usize::MAX)? {
            tables::tell(&into, told.at, &told.kind, &told.text).map_err(fault)?;
        }
        into.commit().map_err(fault)?;
        let one_file = new.db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()));
        one_file.map_err(fault)?;
        Ok(renewed)
    }

    /// A record of the old queue.
    fn record(&self, sequence: u64) -> Result<SignedRecord, OutboxError> {
        let found = self.outbox.pending_after(sequence.saturating_sub(1), 1)?.pop();
        found.ok_or_else(|| OutboxError::Damaged(format!("record {sequence} is missing")))
    }

    /// The same outcome in its new place, with the mark of where it was first.
    fn again(&self, signed: &SignedRecord, position: Position) -> Result<SignedRecord, OutboxError> {
        let mut record: PassageRecord = signed.verify(&self.outbox.key.verifying_key())?;
        let before = std::mem::replace(&mut record.position, position);
        record.carried_from.get_or_insert(CarriedFrom {
            epoch: before.epoch,
            sequence: before.sequence,
            sha256: signed.sha256.clone(),
        });
        let signed = SignedRecord::sign(&record, &self.outbox.key)?;
        super::queue::bound(
            "a carried record's canonical form in bytes",
            signed.canonical.len(),
            RECORD_BYTES_MOST,
        )?;
        Ok(signed)
    }

    /// Writes a record with the pictures that it had under its old sequence; gives how many.
    fn carry(
        &self,
        into: &Transaction<'_>,
        before: u64,
        now: u64,
        signed: &SignedRecord,
    ) -> rusqlite::Result<Result<u64, OutboxError>> {
        let text = "SELECT sha256, sealed FROM pictures WHERE sequence = ?1 ORDER BY id";
        let mut rows = self.outbox.db.prepare_cached(text)?;
        let read = rows.query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let pictures: Vec<(String, Vec<u8>)> = read.collect::<rusqlite::Result<_>>()?;
        if let Some((name, _)) = pictures.iter().find(|(name, sealed)| sealed_name(sealed) != *name) {
            let text = format!("picture {name} of record {before} is not what its name says");
            return Ok(Err(OutboxError::Damaged(text)));
        }
        let named = pictures.iter().map(|(name, sealed)| (name.as_str(), sealed.as_slice()));
        tables::insert(into, now, signed, named)?;
        Ok(Ok(pictures.len() as u64))
    }
}

/// Gives the old file a second name, which no other has.
fn set_aside(path: &Path, epoch: &str) -> Result<PathBuf, RenewError> {
    let failed = |error| RenewError::File(path.to_owned(), error);
    let this = fs::metadata(path).map_err(failed)?;
    for number in 1..=ASIDE_MOST {
        let ending = if number == 1 { format!(".{epoch}") } else { format!(".{epoch}.{number}") };
        let aside = with_ending(path, &ending);
        match fs::hard_link(path, &aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // The name that a try before this one gave, or an older file of this epoch.
                let there = fs::metadata(&aside).map_err(failed)?;
                if (there.dev(), there.ino()) == (this.dev(), this.ino()) {
                    return Ok(aside);
                }
            }
            Err(error) => return Err(RenewError::File(aside, error)),
        }
    }
    Err(RenewError::Aside(with_ending(path, &format!(".{epoch}"))))
}

/// Files that the database keeps beside its own while it is at work.
fn beside(path: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|ending| with_ending(path, ending))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), RenewError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RenewError::File(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), RenewError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| RenewError::File(path.to_owned(), error))
}

fn sync_folder(path: &Path) -> Result<(), RenewError> {
    sync(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}
