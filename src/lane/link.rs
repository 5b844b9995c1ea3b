//! The lane's line to central beside records and look-ups: fetches commands and lists, and tells how the lane is.
//!
//! Central is asked for commands by a call that waits; after a failure the lane waits, longer each time. How the
//! lane is goes to central at each change, and now and then without one.

use super::conditions::Conditions;
use super::orders::CommandBook;
use super::snapshot::{Lists, follow_lists};
use crate::outbox::{BackOff, CallError, CentralClient, Outbox};
use crate::record::{CommandReport, LaneState};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Waits after failed calls.
const BACK_OFF: BackOff = BackOff { first: Duration::from_millis(500), longest: Duration::from_secs(30) };
/// An answer without a command should not come sooner; one that does is followed by a pause.
const EMPTY_LEAST: Duration = Duration::from_secs(1);
/// Least time between two tellings of the lane's state.
const STATE_PAUSE: Duration = Duration::from_millis(300);
/// Longest time between them.
const STATE_EVERY: Duration = Duration::from_secs(15);

/// Where the passage is, as its task says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whereabouts {
    pub(super) state: &'static str,
    pub(super) passage: String,
    /// Milliseconds since 1970 UTC.
    pub(super) began: Option<i64>,
}

/// What the line needs of the lane.
pub(super) struct LinkParts {
    pub(super) central: CentralClient,
    pub(super) orders: CommandBook,
    pub(super) conditions: Conditions,
    pub(super) outbox: Arc<Mutex<Outbox>>,
    pub(super) lists: Lists,
}

/// The running line; it ends with its lane.
pub struct Link {
    /// Ends its tasks when dropped.
    tasks: JoinSet<()>,
    whereabouts: watch::Sender<Whereabouts>,
}

impl Link {
    /// Starts the line's tasks on the runtime that runs this.
    pub(super) fn start(parts: LinkParts) -> Link {
        let (whereabouts, seen) = watch::channel(Whereabouts::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(fetch_commands(parts.central.clone(), parts.orders.clone()));
        tasks.spawn(follow_lists(parts.lists.clone(), parts.central.clone()));
        tasks.spawn(tell_state(parts, seen));
        Link { tasks, whereabouts }
    }

    /// One more task of the line.
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The passage is there now.
    pub(super) fn at(&self, now: Whereabouts) {
        self.whereabouts.send_if_modified(|before| {
            let moved = *before != now;
            if moved {
                *before = now;
            }
            moved
        });
    }
}

async fn fetch_commands(central: CentralClient, orders: CommandBook) {
    let mut failures = 0_u32;
    loop {
        let asked = Instant::now();
        match central.next_commands().await {
            Ok(commands) => {
                failures = 0;
                for signed in &commands {
                    let report = orders.take(signed, Timestamp::now().as_millisecond()).await;
                    report_command(&central, &orders, &report).await;
                }
                if commands.is_empty() && asked.elapsed() < EMPTY_LEAST {
                    tokio::time::sleep(EMPTY_LEAST).await;
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(%error, "commands cannot be fetched");
                }
                tokio::time::sleep(BACK_OFF.wait_with_jitter(failures)).await;
            }
        }
    }
}

async fn report_command(central: &CentralClient, orders: &CommandBook, report: &CommandReport) {
    match central.report_command(report).await {
        Ok(()) => orders.told(&report.id),
        Err(error @ CallError::Refused { .. }) => {
            tracing::error!(%error, "central does not know a command that came in its name");
        }
        // The command comes again, and with it the report.
        Err(error) => tracing::warn!(%error, "what became of a command cannot be told now"),
    }
}

async fn tell_state(parts: LinkParts, mut whereabouts: watch::Receiver<Whereabouts>) {
    let mut board = parts.conditions.watch();
    let mut failures = 0_u32;
    loop {
        let now = whereabouts.borrow_and_update().clone();
        let amiss = board.borrow_and_update().conditions().unwrap_or_default();
        let filling = parts.outbox.lock().unwrap_or_else(PoisonError::into_inner).filling();
        let state = LaneState {
            state: now.state.to_owned(),
            passage: now.passage,
            began: now.began,
            out_of_service: parts.orders.out_of_service(),
            amiss: amiss.into_iter().collect(),
            waiting: filling.map(|filling| filling.records).unwrap_or_default(),
        };
        // Before the first passage there is nothing to tell.
        let told = if state.passage.is_empty() { Ok(()) } else { parts.central.put_state(&state).await };
        if told.is_err() {
            failures = failures.saturating_add(1);
            tokio::time::sleep(BACK_OFF.wait_with_jitter(failures)).await;
            continue;
        }
        failures = 0;
        tokio::time::sleep(STATE_PAUSE).await;
        tokio::select! {
            changed = whereabouts.changed() => if changed.is_err() { return },
            changed = board.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(STATE_EVERY) => {}
        }
    }
}
