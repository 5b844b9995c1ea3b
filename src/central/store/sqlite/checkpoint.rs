//! Brings what is in the log into the database's file, on a thread and a connection of its own: else whoever commits
//! when the log has become long does it, an officer's act for an import's thousands of pages.
//!
//! A passive checkpoint makes nobody wait. Where it cannot keep up, the writer helps from [`WRITER_HELPS`] on.

use super::super::StoreError;
use super::BUSY;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A log up to this length is left to grow, bytes: the shorter, the more often the same pages are written; and one that is not needed any more is cut to it.
pub(super) const LOG_KEPT: u64 = 16 << 20;
/// From so many pages in the log on a commit helps to bring them into the file.
pub(super) const WRITER_HELPS: u32 = 16 << 10;
/// Between two checkpoints, so that others have the disk.
const PAUSE: Duration = Duration::from_millis(20);

/// The thread. It ends when this is dropped.
pub(super) struct Checkpoints {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the file cannot be opened once more, or there is no thread to be had.
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        let ended = Arc::new(AtomicBool::new(false));
        let (until, log) = (Arc::clone(&ended), log_of(path));
        let work = move || {
            while !until.load(Ordering::SeqCst) {
                std::thread::park();
                let long = std::fs::metadata(&log).is_ok_and(|log| log.len() > LOG_KEPT);
                if long && !until.load(Ordering::SeqCst) {
                    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                    {
                        tracing::warn!(%error, "the database's log stays long");
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        };
        let thread = std::thread::Builder::new().name("egate-log".to_owned()).spawn(work)?;
        Ok(Checkpoints { ended, thread: Some(thread) })
    }

    /// Something was committed.
    pub(super) fn committed(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.committed();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The log beside the file, as SQLite names it.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

#[cfg(test)]
mod tests {
    use super::super::super::Store;
    use super::*;
    use crate::central::store::{ListKind, NewEntry};
    use std::time::Instant;

    #[test]
    fn a_long_log_is_brought_into_the_file_without_a_further_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.sqlite");
        let store = Store::sqlite(&path).unwrap();
        let generation = store.begin_list("l", ListKind::Persons, "00", "anna", 1).unwrap().unwrap();
        for part in 0..160 {
            let entry = |number: usize| NewEntry {
                reference: format!("{part}-{number}"),
                body: "x".repeat(1_500),
                keys: vec![format!("{number}/{part}")],
            };
            let entries: Vec<NewEntry> = (0..100).map(entry).collect();
            store.add_entries("l", ListKind::Persons, generation, &entries).unwrap();
        }
        // The file alone, without its log, holds it before long.
        let begun = Instant::now();
        while std::fs::metadata(&path).unwrap().len() < 20_000_000 {
            assert!(begun.elapsed() < Duration::from_secs(60), "the log was never brought into the file");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
