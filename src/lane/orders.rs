//! Officers' commands at the lane: verified, obeyed once, remembered.
//!
//! [`CommandBook`] is the lane's book of commands, one small file beside the outbox. It knows which commands came (so
//! that none counts twice, over a restart, too), whether an officer took the lane out of service (so that a restart
//! does not bring it back), and which commands are not yet in the lane's chain of records: the next outcome takes
//! them along. A book that does not read leaves the lane out of service until an officer says otherwise.
//!
//! Commands about the traveller go to the task that owns the passage, as an [`Errand`]; commands about the lane become the
//! condition [`Condition::OutOfService`].

use super::conditions::Conditions;
use super::durable::{read_file, replace_file};
use crate::passage::{LaneCommand, ObeyedCommand};
use crate::policy::Condition;
use crate::record::{CLOCKS_APART_MOST, CommandError, CommandOrder, CommandReport, Signed};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands that are remembered at once; more are refused until some have expired.
const SEEN_MOST: usize = 256;
/// Commands that wait for the next outcome; of more the oldest are known to central alone.
const UNRECORDED_MOST: usize = 64;
/// Longest book, bytes.
const BOOK_MOST: u64 = 1 << 20;
/// Errands that may wait for the passage's task.
pub(super) const ERRANDS_WAITING: usize = 4;
/// How long the passage's task may take for an errand.
const ERRAND_MOST: Duration = Duration::from_secs(2);
/// Who notes the condition.
const SOURCE: &str = "officer";

/// A command for the task that owns the passage.
pub(super) struct Errand {
    pub(super) command: LaneCommand,
    pub(super) passage: String,
    /// Whether the passage obeyed, and why not.
    pub(super) answer: oneshot::Sender<Result<(), CommandError>>,
}

/// A command that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    expires: i64,
    report: CommandReport,
    /// Whether central has taken the report: from then on the command does not come again.
    told: bool,
}

/// What the book holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pages {
    /// Who took the lane out of service, in words.
    out_of_service: Option<String>,
    seen: Vec<Seen>,
    unrecorded: Vec<ObeyedCommand>,
}

/// The lane's book of commands. Clones are the same one.
#[derive(Clone)]
pub struct CommandBook {
    lane: Arc<str>,
    key: VerifyingKey,
    path: Arc<PathBuf>,
    book: Arc<Mutex<Pages>>,
    conditions: Conditions,
    errands: mpsc::Sender<Errand>,
}

impl CommandBook {
    /// Opens the book, or begins one. What it says about being out of service counts at once.
    ///
    /// # Errors
    /// When the file cannot be read or written at all. One that does not read as a book is set aside.
    pub(super) fn open(
        path: &Path,
        lane: &str,
        key: VerifyingKey,
        conditions: Conditions,
    ) -> io::Result<(CommandBook, mpsc::Receiver<Errand>)> {
        let book = match read_file(path, BOOK_MOST)? {
            None => Pages::default(),
            Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "the book of commands does not read: out of service until told otherwise");
                let words = "the lane's book of commands was damaged".to_owned();
                Pages { out_of_service: Some(words), ..Pages::default() }
            }),
        };
        let (errands, taken) = mpsc::channel(ERRANDS_WAITING);
        conditions.note(Condition::OutOfService, SOURCE, book.out_of_service.clone());
        let orders = CommandBook {
            lane: lane.into(),
            key,
            path: Arc::new(path.to_owned()),
            book: Arc::new(Mutex::new(book)),
            conditions,
            errands,
        };
        Ok((orders, taken))
    }

    fn book(&self) -> MutexGuard<'_, Pages> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an officer took the lane out of service.
    pub fn out_of_service(&self) -> bool {
        self.book().out_of_service.is_some()
    }

    /// Obeys a command, or not; what central is to be told. `now` in milliseconds since 1970 UTC.
    pub(super) async fn take(&self, signed: &Signed<CommandOrder>, now: i64) -> CommandReport {
        let order = match signed.accept(&self.key, &self.lane, now) {
            Ok(order) => order,
            Err(why) => {
                tracing::warn!(%why, "a command is refused");
                return CommandReport { id: claimed_id(signed), at: now, refused: Some(why) };
            }
        };
        let report = |refused| CommandReport { id: order.id.clone(), at: now, refused };
        if let Some(seen) = self.book().seen.iter().find(|seen| seen.report.id == order.id) {
            // Central did not hear the report: it is told again, nothing is done again.
            return if seen.told { report(Some(CommandError::Replayed)) } else { seen.report.clone() };
        }
        let done = match &order.passage {
            Some(passage) => self.run_errand(order.command, passage).await,
            None => Ok(()),
        };
        let report = report(done.err());
        match self.enter(&order, &report, now) {
            Ok(()) => report,
            Err(why) => CommandReport { refused: Some(why), ..report },
        }
    }

    async fn run_errand(&self, command: LaneCommand, passage: &str) -> Result<(), CommandError> {
        let busy = || CommandError::NotNow("the lane does not take commands now".to_owned());
        let (answer, answered) = oneshot::channel();
        let errand = Errand { command, passage: passage.to_owned(), answer };
        self.errands.try_send(errand).map_err(|_| busy())?;
        match tokio::time::timeout(ERRAND_MOST, answered).await {
            Ok(Ok(done)) => done,
            _ => Err(busy()),
        }
    }

    /// Writes down what became of a command, and lets one about the lane count.
    fn enter(&self, order: &CommandOrder, report: &CommandReport, now: i64) -> Result<(), CommandError> {
        let mut book = self.book();
        let mut next = book.clone();
        next.seen.retain(|seen| seen.expires.saturating_add(2 * CLOCKS_APART_MOST) > now);
        if next.seen.len() >= SEEN_MOST {
            return Err(CommandError::NotNow("too many commands at once".to_owned()));
        }
        next.seen.push(Seen { expires: order.expires, report: report.clone(), told: false });
        if report.refused.is_none() {
            match order.command {
                LaneCommand::OutOfService => next.out_of_service = Some(format!("by {}", order.by)),
                LaneCommand::BackInService => next.out_of_service = None,
                LaneCommand::ReleaseToOfficer | LaneCommand::ReopenEntry => {}
            }
            let (id, by) = (order.id.clone(), order.by.clone());
            next.unrecorded.push(ObeyedCommand { id, command: order.command, by, at: now });
            let surplus = next.unrecorded.len().saturating_sub(UNRECORDED_MOST);
            next.unrecorded.drain(..surplus);
        }
        self.write(&next).map_err(|error| {
            tracing::error!(%error, "the book of commands cannot be written");
            CommandError::NotNow("the lane's disk does not take it".to_owned())
        })?;
        tracing::info!(command = ?order.command, id = order.id, refused = ?report.refused, "command");
        self.conditions.note(Condition::OutOfService, SOURCE, next.out_of_service.clone());
        *book = next;
        Ok(())
    }

    /// Central has taken a report.
    pub(super) fn told(&self, id: &str) {
        self.change(|book| {
            for seen in book.seen.iter_mut().filter(|seen| seen.report.id == id) {
                seen.told = true;
            }
        });
    }

    /// Commands that are in no record yet.
    pub(super) fn unrecorded(&self) -> Vec<ObeyedCommand> {
        self.book().unrecorded.clone()
    }

    /// These are in the lane's chain of records now.
    pub(super) fn recorded(&self, commands: &[ObeyedCommand]) {
        if !commands.is_empty() {
            self.change(|book| book.unrecorded.retain(|command| !commands.contains(command)));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Pages)) {
        let mut book = self.book();
        change(&mut book);
        // What was not written is at worst told or recorded a second time.
        if let Err(error) = self.write(&book) {
            tracing::warn!(%error, "the book of commands cannot be written");
        }
    }

    fn write(&self, book: &Pages) -> io::Result<()> {
        replace_file(&self.path, &serde_json::to_vec(book)?)
    }
}

/// The id that an unbelieved command claims to have, when it looks like one.
fn claimed_id(signed: &Signed<CommandOrder>) -> String {
    let claimed = serde_json::from_str::<CommandOrder>(&signed.canonical).map(|order| order.id);
    let plain = |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    claimed.ok().filter(plain).unwrap_or_else(|| "0".repeat(32))
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
