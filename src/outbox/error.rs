//! Why the queue did not do what it was asked.

use super::queue::OUTBOX_BYTES_LEAST;
use super::tables::VERSION;
use crate::record::RecordError;
use std::path::PathBuf;

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
