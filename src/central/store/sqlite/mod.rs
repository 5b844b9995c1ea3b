//! The embedded engine: SQLite in WAL mode, `synchronous=FULL`, so that a commit survives a loss of
//! power. One connection writes ([`group`]), some others read without waiting for it or for each other: a look-up
//! stands behind no table of statistics and no snapshot.

mod checkpoint;
mod group;
mod migrations;

use super::StoreError;
use super::sql::{Act, Cell, Engine, Row, Sql, Value};
use checkpoint::{Checkpoints, LOG_KEPT, WRITER_HELPS};
use group::Group;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// How long a call waits for another process on the same file.
const BUSY: Duration = Duration::from_secs(5);
/// Connections that read. More would only wait for processors.
const READERS: usize = 4;
/// Memory for pages of the file, KiB: for writing, since the keys of a list are written all over its index; and for
/// each connection that reads.
const WRITER_CACHE_KIB: i64 = 64 << 10;
const READER_CACHE_KIB: i64 = 16 << 10;
/// Statements that are kept prepared on each connection.
const PREPARED_MOST: usize = 256;

/// The embedded engine.
pub(super) struct Sqlite {
    writer: Group,
    readers: [Mutex<Connection>; READERS],
    /// Whose turn it is to be waited for when all are at work.
    turn: AtomicUsize,
    checkpoints: Checkpoints,
}

impl Sqlite {
    /// Opens or makes the database file and brings it to the newest version.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        writer.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        writer.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
        writer.pragma_update(None, "wal_autocheckpoint", WRITER_HELPS)?;
        writer.set_prepared_statement_cache_capacity(PREPARED_MOST);
        migrations::migrate(&mut writer)?;
        let readers = [reader(path)?, reader(path)?, reader(path)?, reader(path)?];
        Ok(Sqlite {
            writer: Group::new(writer),
            readers: readers.map(Mutex::new),
            turn: AtomicUsize::new(0),
            checkpoints: Checkpoints::start(path)?,
        })
    }

    /// A connection that nobody uses now, or the next one's turn.
    fn reader(&self) -> Option<MutexGuard<'_, Connection>> {
        let free = self.readers.iter().find_map(|reader| match reader.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.or_else(|| {
            let next = self.readers.get(self.turn.fetch_add(1, Ordering::Relaxed) % READERS)?;
            Some(next.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

/// A connection that reads.
fn reader(path: &Path) -> Result<Connection, StoreError> {
    let reader = Connection::open(path)?;
    reader.busy_timeout(BUSY)?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    reader.set_prepared_statement_cache_capacity(PREPARED_MOST);
    Ok(reader)
}

impl Engine for Sqlite {
    fn write(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        let done = self.writer.write(act);
        self.checkpoints.committed();
        done
    }

    fn read(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        // One transaction, so that several statements see one state; rolled back on drop.
        let mut reader = self.reader().ok_or_else(|| StoreError::Unreachable("no reader".to_owned()))?;
        let transaction = reader.transaction()?;
        act(&mut Statements(&transaction))
    }
}

/// Statements on a connection, in whatever transaction it is.
struct Statements<'c>(&'c Connection);

impl Statements<'_> {
    fn prepared(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        Ok(self.0.prepare_cached(&sql.replace('$', "?"))?)
    }
}

impl Sql for Statements<'_> {
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let changed = self.prepared(sql)?.execute(params_from_iter(values))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.prepared(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let cells: Result<_, StoreError> =
                (0..columns).map(|column| cell(row.get_ref(column)?)).collect();
            found.push(Row::new(cells?));
        }
        Ok(found)
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn hold(&self) -> &'static str {
        ""
    }

    fn shape(&self) -> &'static str {
        "SELECT t.name, c.name, c.type, c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid"
    }

    fn freeze(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn version(&mut self) -> Result<u64, StoreError> {
        (self as &mut dyn Sql).counted("SELECT user_version FROM pragma_user_version", &[])
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    match value {
        ValueRef::Null => Ok(Cell::Absent),
        ValueRef::Integer(number) => Ok(Cell::Number(number)),
        ValueRef::Text(text) => Ok(Cell::Text(String::from_utf8_lossy(text).into_owned())),
        other => Err(StoreError::Damaged(format!("a column of type {:?}", other.data_type()))),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Absent => ValueRef::Null,
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
