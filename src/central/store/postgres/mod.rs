//! The engine for many lanes and several central processes: PostgreSQL, or a distributed database that
//! speaks its protocol.
//!
//! Transactions are *read committed*; what must not change under them is held by `FOR UPDATE`, or
//! guarded by a key or a version. A transaction that the database gives up (serialisation failure,
//! deadlock, a key that another took first), or whose connection breaks before the commit, is run again,
//! [`TRIES_MOST`] times with a growing wait. `LISTEN`/`NOTIFY` are hints alone: an engine without them
//! works as well, only the other processes' consoles hear of changes some seconds later.
//!
//! The driver is asynchronous and runs on threads of its own; callers wait.

mod listen;
mod migrations;
mod settings;

use super::StoreError;
use super::records::span_of;
use super::sql::{Act, Cell, Engine, Row, Sql, Statement, Value};
use bytes::BytesMut;
use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod,
    Runtime as PoolRuntime, Transaction,
};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{IsolationLevel, NoTls};

pub use settings::PostgresSettings;

/// Connections at most, for each central process.
const CONNECTIONS_MOST: usize = 16;
/// How long a call waits for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How often a transaction is run at most.
const TRIES_MOST: u32 = 8;
/// Longest wait before the second try, milliseconds; doubled for each further one.
const WAIT_FIRST_MS: u64 = 4;
/// What each connection is told first: what is acknowledged is on disk, and nothing waits for ever.
const GREETING: &str = "SET synchronous_commit = on; SET statement_timeout = '20s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '30s'";

/// The engine. Dropped, it lets its threads end by themselves.
pub(super) struct Postgres {
    pool: Pool,
    settings: PostgresSettings,
    /// Tells this process's hints from those of others.
    mark: String,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Postgres {
    /// Connects and brings the database to the newest version.
    pub(super) fn open(settings: &PostgresSettings) -> Result<Self, StoreError> {
        let (config, tls) = settings.resolve()?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match tls {
            Some(tls) => Manager::from_config(config, tls, recycling),
            None => Manager::from_config(config, NoTls, recycling),
        };
        let greet = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(GREETING).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MOST)
            .wait_timeout(Some(CONNECTION_WAIT))
            .create_timeout(Some(CONNECTION_WAIT))
            .recycle_timeout(Some(CONNECTION_WAIT))
            .runtime(PoolRuntime::Tokio1)
            .post_create(greet)
            .build()
            .map_err(|error| StoreError::Settings(error.to_string()))?;
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("egate-db").enable_all().build()?;
        let mut mark = [0; 8];
        // Without random bytes a process hears its own hints as others', which only costs a look.
        let _ = getrandom::fill(&mut mark);
        let mark = hex::encode(mark);
        let engine = Postgres { pool, settings: settings.clone(), mark, runtime: Some(runtime) };
        migrations::migrate(&engine)?;
        Ok(engine)
    }

    fn runtime(&self) -> Result<&Runtime, StoreError> {
        self.runtime.as_ref().ok_or_else(|| StoreError::Unreachable("the store is closed".to_owned()))
    }

    fn client(&self) -> Result<Client, Failure> {
        let runtime = self.runtime().map_err(Failure::Final)?;
        runtime.block_on(self.pool.get()).map_err(|error| match error {
            PoolError::Backend(error) => Failure::from(StoreError::from(error)),
            other => Failure::Final(StoreError::Unreachable(other.to_string())),
        })
    }

    /// Runs an act in a transaction once.
    fn once(&self, act: &mut Act<'_>) -> Result<(), Failure> {
        let runtime = self.runtime().map_err(Failure::Final)?;
        let mut client = self.client()?;
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start();
        let transaction = runtime.block_on(begin).map_err(|error| Failure::from(StoreError::from(error)))?;
        match act(&mut Statements { runtime, transaction: &transaction }) {
            Ok(()) => runtime.block_on(transaction.commit()).map_err(Failure::at_commit),
            Err(error) => {
                // Where the connection is gone, so is the transaction.
                let _ = runtime.block_on(transaction.rollback());
                Err(Failure::from(error))
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine for Postgres {
    fn write(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            match self.once(act) {
                Ok(()) => return Ok(()),
                Err(Failure::Again(error)) if tries + 1 < TRIES_MOST => {
                    tracing::debug!(%error, tries, "a transaction is run again");
                    std::thread::sleep(wait(tries));
                    tries += 1;
                }
                Err(Failure::Again(error) | Failure::Final(error)) => return Err(error),
            }
        }
    }

    fn read(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        self.write(act)
    }

    fn tell_others(&self) {
        if let Ok(runtime) = self.runtime() {
            runtime.spawn(listen::tell(self.pool.clone(), self.mark.clone()));
        }
    }

    fn on_change(&self, heard: Box<dyn Fn() + Send + Sync>) {
        if let Ok(runtime) = self.runtime() {
            runtime.spawn(listen::listen(self.settings.clone(), self.mark.clone(), heard));
        }
    }
}

/// The wait before the next try: up to the first, doubled each time, of which a random part is taken
/// away, so that two that collided do not do so again.
fn wait(tries: u32) -> Duration {
    let whole = WAIT_FIRST_MS.saturating_mul(1_u64.checked_shl(tries).unwrap_or(u64::MAX));
    let mut random = [0; 1];
    // Without random bytes there is still a wait.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    Duration::from_millis(whole).mul_f64(0.25 + 0.75 * f64::from(random) / 256.0)
}

/// Why a transaction did not come to its end.
enum Failure {
    /// Nothing of it happened, and it may be run again.
    Again(StoreError),
    Final(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Postgres(cause) if passes(cause) => Failure::Again(error),
            _ => Failure::Final(error),
        }
    }
}

impl Failure {
    /// When the connection breaks here, the database may or may not have committed.
    fn at_commit(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(_) => Failure::from(StoreError::from(error)),
            None => Failure::Final(StoreError::Uncertain(whole_story(&error))),
        }
    }
}

/// Whether another try can go better: the database gave the transaction up in favour of another, or the
/// connection is gone.
fn passes(error: &tokio_postgres::Error) -> bool {
    const GIVEN_UP: [SqlState; 9] = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
        // Two processes that lay the same table at the same moment: "if not exists" does not save them.
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    match error.code() {
        Some(code) => GIVEN_UP.contains(code),
        None => {
            error.is_closed()
                || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
        }
    }
}

/// The driver's error with what the database said.
pub(super) fn whole_story(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}

/// Statements of one transaction.
struct Statements<'t, 'c> {
    runtime: &'t Runtime,
    transaction: &'t Transaction<'c>,
}

impl Sql for Statements<'_, '_> {
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(sql).await?;
            Ok(self.transaction.execute(&statement, &parameters(values)).await?)
        })
    }

    fn execute_all(&mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let execute = async |(sql, values): &Statement<'_>| {
            let statement = self.transaction.prepare_cached(sql).await?;
            self.transaction.execute(&statement, &parameters(values)).await.map(drop)
        };
        // Sent one behind the other, each as soon as it is prepared.
        let done = self.runtime.block_on(join_all(statements.iter().map(execute)));
        let faults = done.into_iter().filter_map(Result::err);
        // After one fault the database refuses whatever follows in the transaction: the cause is told, not these.
        let follows =
            |error: &tokio_postgres::Error| error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION);
        faults.min_by_key(follows).map_or(Ok(()), |error| Err(error.into()))
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let rows = self.runtime.block_on(async {
            let statement = self.transaction.prepare_cached(sql).await?;
            self.transaction.query(&statement, &parameters(values)).await
        })?;
        rows.iter()
            .map(|row| {
                let cells = (0..row.len()).map(|column| row.try_get::<_, Option<Cell>>(column));
                let cells: Result<Vec<Cell>, tokio_postgres::Error> =
                    cells.map(|cell| Ok(cell?.unwrap_or(Cell::Absent))).collect();
                Ok(Row::new(cells?))
            })
            .collect()
    }

    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.runtime.block_on(self.transaction.batch_execute(sql))?)
    }

    fn hold(&self) -> &'static str {
        " FOR UPDATE"
    }

    fn shape(&self) -> &'static str {
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text,
            coalesce((SELECT k.ordinal_position FROM information_schema.table_constraints t
                JOIN information_schema.key_column_usage k ON k.constraint_schema = t.constraint_schema
                    AND k.constraint_name = t.constraint_name AND k.table_name = t.table_name
                WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema = c.table_schema
                    AND t.table_name = c.table_name AND k.column_name = c.column_name), 0)::bigint
         FROM information_schema.columns c JOIN information_schema.tables b
            ON b.table_schema = c.table_schema AND b.table_name = c.table_name
         WHERE c.table_schema = current_schema() AND b.table_type = 'BASE TABLE'
            AND c.table_name NOT IN (SELECT k.relname FROM pg_catalog.pg_inherits i
                JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid)
         ORDER BY c.table_name, c.ordinal_position"
    }

    fn freeze(&mut self) -> Result<(), StoreError> {
        self.batch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn lay_day(&mut self, day: i64) -> Result<(), StoreError> {
        let parted = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'bodies' AND relkind = 'p'";
        if (self as &mut dyn Sql).counted(parted, &[])? == 0 || self.has_day(day)? {
            return Ok(());
        }
        let (from, to) = span_of(day);
        self.batch(&format!(
            "CREATE TABLE bodies_{day} PARTITION OF bodies FOR VALUES FROM ({from}) TO ({to})"
        ))
    }

    fn drop_day(&mut self, day: i64) -> Result<(), StoreError> {
        if self.has_day(day)? { self.batch(&format!("DROP TABLE bodies_{day}")) } else { Ok(()) }
    }

    fn version(&mut self) -> Result<u64, StoreError> {
        (self as &mut dyn Sql).counted("SELECT version FROM schema_version WHERE one = 1", &[])
    }
}

impl Statements<'_, '_> {
    /// Whether a day's records have a partition of their own.
    fn has_day(&mut self, day: i64) -> Result<bool, StoreError> {
        let name = format!("bodies_{day}");
        let text = "SELECT count(*) FROM pg_catalog.pg_inherits i
             JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relname::text = $1";
        Ok((self as &mut dyn Sql).counted(text, &[Value::Text(&name)])? > 0)
    }
}

fn parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Absent => Ok(IsNull::Yes),
            Value::Number(number) => number.to_sql_checked(kind, out),
            Value::Text(text) => text.to_sql_checked(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INT8 || *kind == Type::TEXT
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match *kind {
            Type::INT8 => i64::from_sql(kind, raw).map(Cell::Number),
            _ => String::from_sql(kind, raw).map(Cell::Text),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::INT8 || *kind == Type::TEXT
    }
}
