//! Group commit: what several callers write at the same time becomes durable by one sync of the disk.
//!
//! Each caller runs its act in a savepoint of the transaction that is open. Whoever finds nobody waiting
//! behind them, or the transaction [`GATHER_MOST`] old, commits for all; the others sleep until then. A
//! lone caller therefore waits for nothing, and a crowd shares the sync. An act that fails takes only
//! itself back; a commit that fails fails for all.

use super::Statements;
use crate::central::store::StoreError;
use crate::central::store::sql::Act;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A transaction takes no further act after this time.
const GATHER_MOST: Duration = Duration::from_millis(10);

/// How the commit of a transaction went.
type Outcome = Arc<OnceLock<Result<(), String>>>;

/// The connection that writes, and the transaction that is open on it.
struct Open {
    connection: Connection,
    /// When the transaction began; none is open without.
    since: Option<Instant>,
    /// Of the transaction that is open, or else of the next.
    outcome: Outcome,
}

pub(super) struct Group {
    /// Callers that are about to join.
    coming: AtomicUsize,
    open: Mutex<Open>,
    committed: Condvar,
}

impl Group {
    pub(super) fn new(connection: Connection) -> Self {
        let open = Open { connection, since: None, outcome: Outcome::default() };
        Group { coming: AtomicUsize::new(0), open: Mutex::new(open), committed: Condvar::new() }
    }

    /// Runs an act; durable when this returns `Ok`, undone when it returns `Err`.
    pub(super) fn write(&self, act: &mut Act<'_>) -> Result<(), StoreError> {
        self.coming.fetch_add(1, Ordering::SeqCst);
        // No thread panics while it holds the lock: acts are caught.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = self.coming.fetch_sub(1, Ordering::SeqCst).saturating_sub(1);
        let since = open.begin()?;
        let done = open.act(act);
        let outcome = Arc::clone(&open.outcome);
        if behind == 0 || since.elapsed() > GATHER_MOST || open.connection.is_autocommit() {
            open.commit();
            self.committed.notify_all();
        } else {
            // Someone behind comes through the lock above after this waits, and commits or passes it on.
            open = self
                .committed
                .wait_while(open, |_| outcome.get().is_none())
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(open);
        match (done, outcome.get()) {
            (Err(panic), _) => resume_unwind(panic),
            (Ok(done), Some(Ok(()))) => done,
            (Ok(_), Some(Err(why))) => Err(StoreError::Commit(why.clone())),
            (Ok(_), None) => Err(StoreError::Commit("nobody committed".to_owned())),
        }
    }
}

impl Open {
    /// When the transaction began, now at the latest.
    fn begin(&mut self) -> Result<Instant, StoreError> {
        if let Some(since) = self.since {
            return Ok(since);
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(*self.since.insert(Instant::now()))
    }

    /// Runs an act in a savepoint, and takes it back when it fails or panics. Some errors (a full disk)
    /// make SQLite roll the whole transaction back; the commit that follows then fails for all.
    fn act(&self, act: &mut Act<'_>) -> std::thread::Result<Result<(), StoreError>> {
        if let Err(error) = self.connection.execute_batch("SAVEPOINT act") {
            return Ok(Err(error.into()));
        }
        let done = catch_unwind(AssertUnwindSafe(|| act(&mut Statements(&self.connection))));
        let kept = matches!(done, Ok(Ok(())));
        let end = if kept { "RELEASE act" } else { "ROLLBACK TO act; RELEASE act" };
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch(end)
        {
            tracing::error!(%error, "an act could not be ended; its whole transaction is taken back");
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    fn commit(&mut self) {
        let rolled_back = self.connection.is_autocommit();
        let done = match self.connection.execute_batch("COMMIT") {
            Ok(()) => Ok(()),
            Err(error) => {
                if !rolled_back {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                Err(error.to_string())
            }
        };
        self.since = None;
        let _ = std::mem::take(&mut self.outcome).set(done);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sql::values;
    use super::*;
    use std::sync::Barrier;

    fn group(path: &std::path::Path) -> Group {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)").unwrap();
        Group::new(connection)
    }

    fn insert(group: &Group, n: i64, end: impl Fn() -> Result<(), StoreError>) -> Result<(), StoreError> {
        group.write(&mut |sql| {
            sql.execute("INSERT INTO t VALUES ($1)", values![n])?;
            end()
        })
    }

    #[test]
    fn in_a_crowd_each_act_that_fails_or_panics_takes_back_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        let (group, start) = (group(&path), Barrier::new(9));
        std::thread::scope(|scope| {
            for lane in 0..9_i64 {
                let (group, start) = (&group, &start);
                scope.spawn(move || {
                    start.wait();
                    for n in (lane * 100)..(lane * 100 + 30) {
                        let done = catch_unwind(AssertUnwindSafe(|| {
                            insert(group, n, || match lane % 3 {
                                0 => Ok(()),
                                1 => Err(StoreError::Damaged("test".to_owned())),
                                _ => panic!("test"),
                            })
                        }));
                        assert_eq!(lane % 3 == 2, done.is_err());
                        assert!(done.map_or(true, |done| done.is_ok() == (lane % 3 == 0)));
                    }
                });
            }
        });
        let other = Connection::open(&path).unwrap();
        let kept: i64 = other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        let stray = "SELECT count(*) FROM t WHERE (n / 100) % 3 <> 0";
        let strays: i64 = other.query_row(stray, [], |row| row.get(0)).unwrap();
        assert_eq!((kept, strays), (90, 0));
    }
}
