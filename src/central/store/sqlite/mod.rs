//! The embedded engine: SQLite in WAL mode, `synchronous=FULL`, so that a commit survives a loss of
//! power. One connection writes ([`group`]), another reads without waiting for it.

mod group;
mod migrations;

use super::StoreError;
use super::sql::{Act, Cell, Engine, Row, Sql, Value};
use group::Group;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a call waits for another process on the same file.
const BUSY: Duration = Duration::from_secs(5);
/// Statements that are kept prepared on each connection.
const PREPARED_MOST: usize = 256;
/// Pages of the write-ahead log after which a commit brings them into the database file, 32 MiB: at fewer, the
/// same pages are written again and again.
const LOG_PAGES: u32 = 8_192;
/// Memory for pages on each connection, KiB.
const CACHE_KIB: i32 = 32 << 10;

/// The embedded engine.
pub(super) struct Sqlite {
    writer: Group,
    reader: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or makes the database file and brings it to the newest version.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        writer.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        migrations::migrate(&mut writer)?;
        let reader = Connection::open(path)?;
        reader.busy_timeout(BUSY)?;
        reader.pragma_update(None, "query_only", true)?;
        for connection in [&writer, &reader] {
            connection.set_prepared_statement_cache_capacity(PREPARED_MOST);
            // Negative: KiB, not pages.
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        }
        Ok(Sqlite { writer: Group::new(writer), reader: Mutex::new(reader) })
    }
}

impl Engine for Sqlite {
    fn write(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        self.writer.write(act)
    }

    fn read(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        // One transaction, so that several statements see one state; rolled back on drop.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
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
