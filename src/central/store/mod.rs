//! What central keeps.
//!
//! [`Store`] says what can be stored and found, in as many files as there are concerns. It is written
//! once, in SQL that every engine understands; an engine (`sqlite`, `postgres`) gives transactions
//! and nothing else. Which engine is behind it is nobody's concern but that of who opens it.
//!
//! * Every method is one transaction: it is durable when it returns, or nothing of it happened. After
//!   [`StoreError::Uncertain`] alone nobody knows; asking again is safe for [`Store::append`], which
//!   stores nothing twice, and for changes of cases, which name the version that they saw.
//! * Calls wait for disk and network: they are made from threads that may wait.
//! * Time enters as an argument, in milliseconds since 1970 UTC.
//! * Nothing needs serial numbers, locks over several calls, or one process alone: any number of central
//!   processes may run on one PostgreSQL database, or on one of the distributed engines that speak its
//!   protocol.
//!
//! Records lie in the order of their arrival (`bodies`), on PostgreSQL in partitions, one for each day, so that
//! a day is erased at one stroke ([`Store::erase_day`]). That a record's key is taken once must hold over all days, which no
//! partitioned table can promise: keys, hashes and signatures stand apart in `records`, and stay. Everything else that
//! grows has a key or an index that begins with its time.

mod alarms;
mod append;
mod arrivals;
mod audit;
mod carried;
mod cases;
mod change;
mod clocks;
mod commands;
mod contents;
mod days;
mod dump;
mod gather;
mod handling;
mod history;
mod lanes;
mod list_review;
mod lists;
mod loose_pictures;
mod postgres;
mod receipts;
mod records;
mod releases;
mod reported;
mod retention;
mod settle;
mod snapshots;
mod sql;
mod sqlite;
mod statistics;
mod telemetry;
mod unsettled;
mod users;

pub use alarms::{Alarm, AlarmKind};
pub use audit::{AuditEntry, AuditLine, AuditSearch};
pub use cases::{Case, CaseChange, Decided, Decision, DecisionReason, Judgement};
pub use change::Fingerprint;
pub use clocks::LaneClock;
pub use commands::{CommandState, GivenCommand, LaneReport};
pub use days::ErasedDay;
pub use handling::{Handled, InHand, Queue};
pub use lanes::{Lane, LaneOverview};
pub use list_review::{ListChange, ListDiff};
pub use lists::{Approval, ENTRIES_AT_ONCE, Generation, ListKind, Listed, ListedEntry, NewEntry};
pub use postgres::PostgresSettings;
pub use records::{Appended, PassageFilter, RecordKey, StoredPassage, VerifiedRecord};
pub use releases::{LaneAim, LaneRelease, Release, ReleaseState};
pub use retention::{Deletion, Due, PictureKind};
pub use snapshots::{EntryInForce, StoredSnapshot};
pub use statistics::{
    Count, Dimension, LaneTotal, SMALL, Stage, StatisticsQuery, StatisticsRow, StatisticsTable, Timing,
};
pub use telemetry::StoredTelemetry;
pub use users::{Role, Session, User, UserOverview};

pub(in crate::central) use sql::word_of as storable_word;

use sql::{Engine, Sql};
use std::path::Path;

/// Milliseconds since 1970 UTC.
pub type Millis = i64;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL said no.
    #[error("database: {}", postgres::whole_story(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// There is no connection to the database.
    #[error("no connection to the database: {0}")]
    Unreachable(String),
    /// The connection broke while the database was to make changes durable.
    #[error("the connection broke at the commit, whether the changes were made is not known: {0}")]
    Uncertain(String),
    /// Changes of several callers could not be made durable together; nothing of them happened.
    #[error("the changes could not be made durable: {0}")]
    Commit(String),
    /// The settings of the database cannot be used.
    #[error("settings of the database: {0}")]
    Settings(String),
    /// A dump is loaded into an empty database only.
    #[error("the database holds data: a dump is loaded into an empty one only")]
    NotEmpty,
    /// The question asks for more than is answered at once.
    #[error("this asks for more than is answered at once: ask for {0}")]
    TooMuch(&'static str),
    /// The file system said no.
    #[error("files of the store: {0}")]
    Files(#[from] std::io::Error),
    /// What is stored does not read as what was stored.
    #[error("stored content is damaged: {0}")]
    Damaged(String),
    /// The database was written by a newer version of this software.
    #[error("the database has version {found}, this software knows versions up to {known}")]
    Newer {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
}

impl StoreError {
    /// Whether this may lie in what one of several callers wanted to store, and not in the database for all.
    fn may_be_of_one(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
        match self {
            StoreError::Damaged(_) => true,
            StoreError::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ConstraintViolation | TooBig | TypeMismatch))
            }
            // The database itself said no to a statement.
            StoreError::Postgres(error) => error.code().is_some(),
            _ => false,
        }
    }
}

/// What central keeps. See the head of the module.
pub struct Store {
    engine: Box<dyn Engine>,
    gather: gather::Gather<append::Batch, Appended>,
}

impl Store {
    /// Opens or makes the embedded database in a file and brings it to the newest version.
    ///
    /// # Errors
    /// When the file cannot be opened or was written by newer software.
    pub fn sqlite(path: &Path) -> Result<Store, StoreError> {
        Ok(Store { engine: Box::new(sqlite::Sqlite::open(path)?), gather: Default::default() })
    }

    /// Connects to a PostgreSQL database and brings it to the newest version. Not to be called from an
    /// asynchronous task, nor any method of the store that it gives.
    ///
    /// # Errors
    /// When the settings are wrong, the database cannot be reached or was written by newer software.
    pub fn postgres(settings: &PostgresSettings) -> Result<Store, StoreError> {
        Ok(Store { engine: Box::new(postgres::Postgres::open(settings)?), gather: Default::default() })
    }

    /// Version of the schema; the same numbers in every engine.
    ///
    /// # Errors
    /// When the database fails.
    pub fn version(&self) -> Result<u64, StoreError> {
        self.read(|sql| sql.version())
    }

    /// Tells other processes on the same database that something changed. A hint, which may be lost.
    pub fn tell_others(&self) {
        self.engine.tell_others();
    }

    /// From now on calls `heard` when another process told of a change. Hints may be lost:
    /// [`Store::fingerprint`] is to be looked at now and then, too.
    pub fn on_change(&self, heard: Box<dyn Fn() + Send + Sync>) {
        self.engine.on_change(heard);
    }

    /// One write transaction. The act may be run again from its start.
    fn write<T>(&self, mut act: impl FnMut(&mut dyn Sql) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut done = None;
        self.engine.write(&mut |sql| {
            done = Some(act(sql)?);
            Ok(())
        })?;
        done.ok_or_else(|| StoreError::Damaged("a transaction ended without a result".to_owned()))
    }

    /// Reads what is committed. The act may be run again from its start.
    fn read<T>(&self, mut act: impl FnMut(&mut dyn Sql) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut done = None;
        self.engine.read(&mut |sql| {
            done = Some(act(sql)?);
            Ok(())
        })?;
        done.ok_or_else(|| StoreError::Damaged("a transaction ended without a result".to_owned()))
    }
}
