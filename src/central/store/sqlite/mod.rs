//! The embedded store: SQLite in WAL mode, `synchronous=FULL`, so that a commit survives a loss of
//! power. One connection writes, another reads without waiting for it.

mod audit;
mod cases;
mod migrations;
mod records;
mod users;

use super::*;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call waits for another process on the same file.
const BUSY: Duration = Duration::from_secs(5);

/// The embedded store.
pub struct SqliteStore {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl SqliteStore {
    /// Opens or makes the database file and brings it to the newest version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        migrations::migrate(&mut writer)?;
        let reader = Connection::open(path)?;
        reader.busy_timeout(BUSY)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(SqliteStore { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// One write transaction; durable when this returns `Ok`, undone when it returns `Err`.
    fn write<T>(&self, act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A thread that panicked in here left no transaction open: rusqlite rolls back on drop.
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = act(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn read(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn lane(&self, name: &str) -> Result<Option<Lane>, StoreError> {
        records::lane(&self.read(), name)
    }

    fn add_lane(&self, name: &str, record_key: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO lanes (name, record_key, enrolled) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, record_key, now],
            )?;
            Ok(())
        })
    }

    fn revoke_lane(&self, name: &str, now: Millis) -> Result<bool, StoreError> {
        self.write(|tx| {
            let sql = "UPDATE lanes SET revoked = coalesce(revoked, ?2) WHERE name = ?1";
            Ok(tx.execute(sql, params![name, now])? == 1)
        })
    }

    fn lanes(&self) -> Result<Vec<LaneOverview>, StoreError> {
        records::lanes(&self.read())
    }

    fn append(&self, records: &[VerifiedRecord], now: Millis) -> Result<Appended, StoreError> {
        self.write(|tx| records::append(tx, records, now))
    }

    fn passages(&self, filter: &PassageFilter) -> Result<Vec<StoredPassage>, StoreError> {
        records::passages(&self.read(), filter)
    }

    fn passage(&self, key: &RecordKey) -> Result<Option<StoredPassage>, StoreError> {
        records::passage(&self.read(), key)
    }

    fn endings(&self) -> Result<[u64; 3], StoreError> {
        records::endings(&self.read())
    }

    fn open_cases(&self, most: usize) -> Result<(Vec<StoredPassage>, u64), StoreError> {
        cases::open_cases(&self.read(), most)
    }

    fn judge(
        &self,
        key: &RecordKey,
        version: u64,
        officer: &str,
        judgement: Judgement,
        now: Millis,
    ) -> Result<CaseChange, StoreError> {
        self.write(|tx| cases::judge(tx, key, version, officer, judgement, now))
    }

    fn decide(&self, key: &RecordKey, version: u64, decided: &Decided) -> Result<CaseChange, StoreError> {
        self.write(|tx| cases::decide(tx, key, version, decided))
    }

    fn alarm(
        &self,
        lane: &str,
        kind: AlarmKind,
        subject: &str,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|tx| records::alarm(tx, lane, kind, subject, text, now))
    }

    fn alarms(&self, most: usize) -> Result<Vec<Alarm>, StoreError> {
        records::alarms(&self.read(), most)
    }

    fn report_document(
        &self,
        issuing_state: &str,
        number: &str,
        kind: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO reported_documents (issuing_state, number, kind, reported) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (issuing_state, number) DO UPDATE SET kind = ?3, reported = ?4",
                params![issuing_state, number, kind, now],
            )?;
            Ok(())
        })
    }

    fn look_up(
        &self,
        issuing_state: &str,
        number: &str,
        audit: AuditEntry<'_>,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        self.write(|tx| {
            let sql = "SELECT kind FROM reported_documents WHERE issuing_state = ?1 AND number = ?2";
            let hit: Option<String> =
                tx.query_row(sql, params![issuing_state, number], |row| row.get(0)).optional()?;
            let detail = hit.as_ref().map_or_else(|| "clear".to_owned(), |kind| format!("reported: {kind}"));
            audit::append(tx, AuditEntry { detail: &detail, ..audit }, now)?;
            Ok(hit)
        })
    }

    fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        users::user(&self.read(), name)
    }

    fn has_users(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE password IS NOT NULL)";
        Ok(self.read().query_row(sql, [], |row| row.get(0))?)
    }

    fn invite(
        &self,
        name: &str,
        role: Role,
        token_sha256: &str,
        until: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|tx| users::invite(tx, name, role, token_sha256, until, now))
    }

    fn invited(&self, token_sha256: &str, now: Millis) -> Result<Option<String>, StoreError> {
        users::invited(&self.read(), token_sha256, now)
    }

    fn set_password(
        &self,
        token_sha256: &str,
        password: &str,
        now: Millis,
    ) -> Result<Option<String>, StoreError> {
        self.write(|tx| users::set_password(tx, token_sha256, password, now))
    }

    fn count_sign_in(
        &self,
        name: &str,
        failures: u32,
        locked_until: Millis,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|tx| users::count_sign_in(tx, name, failures, locked_until, now))
    }

    fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        self.write(|tx| users::begin_session(tx, session))
    }

    fn session(
        &self,
        token_sha256: &str,
        begun_after: Millis,
        seen_after: Millis,
    ) -> Result<Option<Session>, StoreError> {
        users::session(&self.read(), token_sha256, begun_after, seen_after)
    }

    fn see_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute("UPDATE sessions SET seen = ?2 WHERE token_sha256 = ?1", params![token_sha256, now])?;
            Ok(())
        })
    }

    fn end_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|tx| users::end_session(tx, token_sha256, now))
    }

    fn audit(&self, entry: AuditEntry<'_>, now: Millis) -> Result<(), StoreError> {
        self.write(|tx| audit::append(tx, entry, now))
    }

    fn audit_lines(&self, most: usize) -> Result<Vec<AuditLine>, StoreError> {
        audit::lines(&self.read(), most)
    }

    fn audit_break(&self) -> Result<Option<u64>, StoreError> {
        audit::first_break(&self.read())
    }
}

/// The word under which an enum's value is stored: its serde name.
fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(StoreError::Damaged(format!("no word for {other:?}"))),
    }
}

/// The value of a stored word.
fn unword<T: DeserializeOwned>(word: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|_| StoreError::Damaged(format!("unknown word {word:?}")))
}

/// A limit or count as SQLite takes it.
fn whole(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// A count as SQLite gives it.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
