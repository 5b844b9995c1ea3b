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
//! Records are not partitioned by day: that a record's key is taken once must hold over all days, and a
//! partitioned table cannot promise it. Retention finds its days by an index instead.

mod alarms;
mod audit;
mod cases;
mod commands;
mod contents;
mod lanes;
mod lists;
mod postgres;
mod records;
mod releases;
mod reported;
mod retention;
mod snapshots;
mod sql;
mod sqlite;
mod users;

pub use alarms::{Alarm, AlarmKind};
pub use audit::{AuditEntry, AuditLine};
pub use cases::{Case, CaseChange, Decided, Decision, Judgement};
pub use commands::{CommandState, GivenCommand, LaneReport};
pub use lanes::{Lane, LaneOverview};
pub use lists::{Approval, ENTRIES_AT_ONCE, Generation, ListKind, Listed, ListedEntry, NewEntry};
pub use postgres::PostgresSettings;
pub use records::{Appended, PassageFilter, RecordKey, StoredPassage, VerifiedRecord};
pub use releases::{LaneRelease, Release, ReleaseState};
pub use retention::Deletion;
pub use snapshots::{EntryInForce, StoredSnapshot};
pub use users::{Role, Session, User};

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

/// What central keeps. See the head of the module.
pub struct Store {
    engine: Box<dyn Engine>,
}

impl Store {
    /// Opens or makes the embedded database in a file and brings it to the newest version.
    ///
    /// # Errors
    /// When the file cannot be opened or was written by newer software.
    pub fn sqlite(path: &Path) -> Result<Store, StoreError> {
        Ok(Store { engine: Box::new(sqlite::Sqlite::open(path)?) })
    }

    /// Connects to a PostgreSQL database and brings it to the newest version. Not to be called from an
    /// asynchronous task, nor any method of the store that it gives.
    ///
    /// # Errors
    /// When the settings are wrong, the database cannot be reached or was written by newer software.
    pub fn postgres(settings: &PostgresSettings) -> Result<Store, StoreError> {
        Ok(Store { engine: Box::new(postgres::Postgres::open(settings)?) })
    }

    /// Writes a copy of the embedded database, as it is at one moment, into a new file.
    ///
    /// # Errors
    /// When the file is there, cannot be written, or the database is not the embedded one.
    pub fn snapshot(&self, into: &Path) -> Result<(), StoreError> {
        self.engine.snapshot(into)
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
