//! The tables of the queue's file; what they hold is said at the head of the module above.

use super::OutboxError;
use crate::record::{ChainHead, SignedRecord};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::path::Path;

/// Marks the file as an outbox (SQLite's `application_id`): "egob".
pub(super) const APPLICATION_ID: i64 = 0x6567_6f62;
/// Version of the tables.
pub(super) const VERSION: i64 = 2;
/// The version before: without the head's signature and without telemetry.
pub(super) const VERSION_BEFORE: i64 = 1;
/// The table that version 2 brought. Numbers are never used again, so that what was dropped is missed.
const TELEMETRY: &str = "CREATE TABLE telemetry (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL
) STRICT;";

/// The one row of `head`.
pub(super) struct Head {
    pub(super) lane: String,
    pub(super) epoch: String,
    pub(super) chain: ChainHead,
    /// Of the head's record; empty at the start, and in files of version 1 whose last record had left.
    pub(super) signature: String,
    pub(super) acknowledged: u64,
}

/// What every connection to the file is set to.
pub(super) fn configure(db: &Connection, bytes_most: u64) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", true)?;
    let page_size: u64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    // Behind the look at the room that every append takes: the file itself cannot grow beyond.
    let pages = bytes_most.div_ceil(page_size.max(1));
    db.pragma_update(None, "max_page_count", i64::try_from(pages).unwrap_or(i64::MAX))
}

/// Makes the tables of an empty file, with a new epoch.
pub(super) fn create(db: &mut Connection, lane: &str, path: &Path) -> Result<(), OutboxError> {
    let mut epoch = [0; 16];
    getrandom::fill(&mut epoch).map_err(OutboxError::Random)?;
    let mut make = || {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(
            "CREATE TABLE head (
                 lane TEXT NOT NULL, epoch TEXT NOT NULL,
                 sequence INTEGER NOT NULL, sha256 TEXT NOT NULL, acknowledged INTEGER NOT NULL,
                 signature TEXT NOT NULL
             ) STRICT;
             CREATE TABLE records (
                 sequence INTEGER PRIMARY KEY,
                 canonical TEXT NOT NULL, sha256 TEXT NOT NULL, signature TEXT NOT NULL
             ) STRICT;
             CREATE TABLE pictures (
                 id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, sha256 TEXT NOT NULL, sealed BLOB NOT NULL
             ) STRICT;
             CREATE INDEX pictures_by_name ON pictures (sha256);
             CREATE INDEX pictures_by_record ON pictures (sequence);",
        )?;
        transaction.execute_batch(TELEMETRY)?;
        let start = ChainHead::start();
        transaction.execute(
            "INSERT INTO head VALUES (?1, ?2, ?3, ?4, 0, '')",
            params![lane, hex::encode(epoch), start.sequence, start.sha256],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    make().map_err(|error| OutboxError::Database { path: path.to_owned(), error })
}

/// Brings a file of the version before to this one, or leaves it as it is.
pub(super) fn renew(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "ALTER TABLE head ADD COLUMN signature TEXT NOT NULL DEFAULT '';
         UPDATE head SET signature =
             coalesce((SELECT r.signature FROM records r WHERE r.sequence = head.sequence), '');",
    )?;
    transaction.execute_batch(TELEMETRY)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Writes a record, its pictures (name and sealed bytes of each) and the new head.
pub(super) fn insert<'p>(
    transaction: &Transaction<'_>,
    sequence: u64,
    signed: &SignedRecord,
    pictures: impl Iterator<Item = (&'p str, &'p [u8])>,
) -> rusqlite::Result<()> {
    transaction.prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        sequence,
        signed.canonical,
        signed.sha256,
        signed.signature
    ])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO pictures (sequence, sha256, sealed) VALUES (?1, ?2, ?3)")?;
    for (sha256, sealed) in pictures {
        insert.execute(params![sequence, sha256, sealed])?;
    }
    transaction
        .prepare_cached("UPDATE head SET sequence = ?1, sha256 = ?2, signature = ?3")?
        .execute(params![sequence, signed.sha256, signed.signature])?;
    Ok(())
}

/// Writes an entry of telemetry.
pub(super) fn tell(transaction: &Transaction<'_>, at: i64, kind: &str, text: &str) -> rusqlite::Result<()> {
    let insert = "INSERT INTO telemetry (at, kind, text) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(insert)?.execute(params![at, kind, text]).map(drop)
}

/// Reads the row of `head`.
pub(super) fn head(db: &Connection) -> rusqlite::Result<Head> {
    let text = "SELECT lane, epoch, sequence, sha256, acknowledged, signature FROM head";
    db.prepare_cached(text)?.query_row([], |row| {
        Ok(Head {
            lane: row.get(0)?,
            epoch: row.get(1)?,
            chain: ChainHead { sequence: row.get(2)?, sha256: row.get(3)? },
            acknowledged: row.get(4)?,
            signature: row.get(5)?,
        })
    })
}

/// Bytes of the pages that hold something.
pub(super) fn used(db: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, u64>(0));
    let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
    Ok(pages.saturating_mul(number("PRAGMA page_size")?))
}
