//! Officers' commands to lanes: given by a person who may, signed for one lane and passage, fetched by the lane over
//! a call that waits.
//!
//! One [`dispatch`] task in each central process knows which commands are on their way to any lane: it looks when
//! this process or another gave one, and now and then. The waiting calls of lanes listen to it, so that thousands
//! of them ask the database nothing.
//!
//! What can never happen: a command opens an exit (there is none that does); a command counts for another lane or
//! passage, twice, or after its time; a command or what became of it is missing in the audit trail.

use super::console::user_by_password;
use super::list_keeping::Keeper;
use super::serve::{Office, Shared};
use super::store::{CommandState, GivenCommand, Millis, Role};
use crate::passage::LaneCommand;
use crate::record::{COMMANDS_MOST, CommandOrder, Signed};
use anyhow::{Context, ensure};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A command about a traveller counts so long: they wait at the gate.
const PASSAGE_LASTS: Millis = 60_000;
/// A command about a lane counts so long: it may be without connection.
const LANE_LASTS: Millis = 60 * 60_000;
/// Longest reason, characters.
const REASON_MOST: usize = 200;
/// Longest name of a passage, bytes.
const PASSAGE_MOST: usize = 128;
/// How often it is looked for commands that another process gave, without a hint from it.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Least time between two looks, however many changes there are.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Commands on their way, to whichever lane.
pub(super) type Dispatched = Arc<Vec<GivenCommand>>;

/// A command to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// The lane.
    pub lane: String,
    /// The passage, exactly for commands about a traveller.
    pub passage: Option<String>,
    /// What to do.
    pub command: LaneCommand,
    /// Who gives it, the console's name.
    pub by: String,
    /// Why, in their words; must not be empty.
    pub reason: String,
}

/// Whether a role may give a command: those who decide cases may give all, engineers those about the lane itself.
pub fn may_command(role: Role, command: LaneCommand) -> bool {
    role.decides() || (role == Role::Engineer && !command.of_passage())
}

/// Signs a command and puts it on its way. Who calls has made sure that the person [`may_command`].
///
/// # Errors
/// When central does not know the lane, a passage is missing or given in vain, there is no reason, or the store
/// fails; then nothing was given.
pub(super) fn give(shared: &Shared, new: NewCommand) -> anyhow::Result<GivenCommand> {
    let NewCommand { lane, passage, command, by, reason } = new;
    let known = shared.store.lane(&lane)?.with_context(|| format!("central knows no lane {lane}"))?;
    ensure!(!known.revoked, "lane {lane} was revoked");
    ensure!(
        command.of_passage() == passage.is_some(),
        "{}: {}",
        command.title(),
        if command.of_passage() { "say about which passage" } else { "concerns no passage" }
    );
    ensure!(passage.iter().all(|id| id.len() <= PASSAGE_MOST), "{passage:?} is no passage");
    let reason = reason.trim().to_owned();
    ensure!(!reason.is_empty(), "say why");
    ensure!(reason.chars().count() <= REASON_MOST, "the reason has at most {REASON_MOST} characters");
    let issued = shared.now();
    let expires = issued + if command.of_passage() { PASSAGE_LASTS } else { LANE_LASTS };
    let id = random_id()?;
    let order = CommandOrder { id, lane, passage, command, by, issued, expires };
    let signed = Signed::sign(&order, &shared.answers)?;
    let CommandOrder { id, lane, passage, command, by, issued, expires } = order;
    let given = GivenCommand {
        id,
        lane,
        passage,
        command,
        by,
        reason,
        issued,
        expires,
        state: CommandState::Given,
        detail: None,
        ended: None,
        signed,
    };
    shared.store.give_command(&given)?;
    shared.tell_consoles();
    Ok(given)
}

fn random_id() -> anyhow::Result<String> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    Ok(hex::encode(id))
}

impl Office {
    /// Gives a command in the name of a person who proves by the console's password to be that person.
    ///
    /// # Errors
    /// When the person may not, or as giving it fails.
    pub async fn give_command(&self, by: Keeper, new: NewCommand) -> anyhow::Result<GivenCommand> {
        let work = move |shared: &Shared| {
            let user = user_by_password(shared, &by.name, &by.password)?;
            let user = user.context("name or password is wrong, or there were too many attempts")?;
            ensure!(
                may_command(user.role, new.command),
                "{} may not: {}",
                user.role.title(),
                new.command.title()
            );
            give(shared, NewCommand { by: user.name, ..new })
        };
        self.shared().blocking(work).await
    }

    /// The newest commands, of one lane or of all, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn commands(&self, lane: Option<String>, most: usize) -> anyhow::Result<Vec<GivenCommand>> {
        self.shared().blocking(move |shared| Ok(shared.store.commands(lane.as_deref(), most)?)).await
    }
}

/// Keeps `dispatched` at what is on its way, until the service stops.
pub(super) async fn dispatch(shared: Arc<Shared>) {
    let mut changes = shared.changes.subscribe();
    let mut stopping = shared.stopping.subscribe();
    loop {
        match shared.blocking(|shared| Ok(shared.store.given_commands(shared.now())?)).await {
            Ok(given) => {
                shared.dispatched.send_if_modified(|before| {
                    let new = **before != given;
                    if new {
                        *before = Arc::new(given);
                    }
                    new
                });
            }
            Err(error) => tracing::warn!("looking for commands: {error:#}"),
        }
        let stopped = async { stopping.wait_for(|stop| *stop).await.is_ok() };
        tokio::select! {
            _ = stopped => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = changes.changed() => {}
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The commands of a lane, as soon as there are some, at the latest after `patience`: then none.
pub(super) async fn wait_for_commands(
    shared: &Shared,
    lane: &str,
    patience: Duration,
) -> Vec<Signed<CommandOrder>> {
    let mut dispatched = shared.dispatched.subscribe();
    let mut stopping = shared.stopping.subscribe();
    let of_lane = |all: &Dispatched| -> Vec<Signed<CommandOrder>> {
        let own = all.iter().filter(|command| command.lane == lane);
        own.take(COMMANDS_MOST).map(|command| command.signed.clone()).collect()
    };
    let found = async {
        let all = dispatched.wait_for(|all| !of_lane(all).is_empty()).await;
        all.map(|all| of_lane(&all)).unwrap_or_default()
    };
    let stopped = async { stopping.wait_for(|stop| *stop).await.is_ok() };
    tokio::select! {
        found = tokio::time::timeout(patience, found) => found.unwrap_or_default(),
        _ = stopped => Vec::new(),
    }
}

/// What a new service begins with: nothing on its way.
pub(super) fn nothing_dispatched() -> watch::Sender<Dispatched> {
    watch::Sender::new(Arc::default())
}
