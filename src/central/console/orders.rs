//! Orders to lanes by a person at the console: out of service, reopen the entrance, release to an officer. Each asks
//! for a reason and a confirmation, and none of them opens the exit.

use super::board::lane_page;
use super::error::Page;
use super::session::Signed;
use super::words::When;
use crate::central::commands::{NewCommand, give as give_command, may_command};
use crate::central::serve::Shared;
use crate::central::store::{CommandState, GivenCommand, LaneReport, Role};
use crate::passage::LaneCommand;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Commands on the page of a lane.
const COMMANDS_MOST: usize = 10;

/// Something that can be ordered now.
pub(super) struct Order {
    /// The command's value in the form.
    pub(super) value: String,
    pub(super) title: String,
    /// The passage under way, for orders about a traveller.
    pub(super) passage: Option<String>,
}

/// What this role may order a lane to do as it is now. A lane that never told how it is can only be taken out of
/// service and back.
pub(super) fn orders(report: Option<&LaneReport>, role: Role) -> Vec<Order> {
    let state = report.map(|report| &report.state);
    let under_way = state.filter(|state| state.began.is_some()).map(|state| state.passage.clone());
    let out = state.map(|state| state.out_of_service);
    let fits = |command: &LaneCommand| match command {
        LaneCommand::OutOfService => out != Some(true),
        LaneCommand::BackInService => out != Some(false),
        LaneCommand::ReleaseToOfficer | LaneCommand::ReopenEntry => under_way.is_some(),
    };
    let possible = LaneCommand::ALL.into_iter().filter(|command| may_command(role, *command)).filter(fits);
    possible
        .map(|command| Order {
            value: value_of(command),
            title: sentence(command.title()),
            passage: under_way.clone().filter(|_| command.of_passage()),
        })
        .collect()
}

/// The passage that orders about a traveller are about.
pub(super) fn under_way(orders: &[Order]) -> Option<&str> {
    orders.iter().find_map(|order| order.passage.as_deref())
}

fn value_of(command: LaneCommand) -> String {
    let value = serde_json::to_value(command).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// With a great letter at its beginning.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A command that was given, as shown.
pub(super) struct CommandRow {
    pub(super) issued: When,
    pub(super) title: String,
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) state: &'static str,
    pub(super) light: &'static str,
    pub(super) detail: Option<String>,
}

impl CommandRow {
    /// The newest commands to a lane.
    pub(super) fn newest(shared: &Shared, lane: &str) -> anyhow::Result<Vec<CommandRow>> {
        let found = shared.store.commands(Some(lane), COMMANDS_MOST)?;
        Ok(found.into_iter().map(CommandRow::new).collect())
    }

    fn new(given: GivenCommand) -> CommandRow {
        CommandRow {
            issued: When::at(given.issued),
            title: sentence(given.command.title()),
            by: given.by,
            reason: given.reason,
            state: given.state.title(),
            light: match given.state {
                CommandState::Given => "yellow",
                CommandState::Obeyed => "green",
                CommandState::Refused | CommandState::Expired => "red",
            },
            detail: given.detail,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct CommandForm {
    csrf: String,
    command: LaneCommand,
    passage: Option<String>,
    reason: String,
}

/// Gives an order to a lane.
pub(super) async fn give(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(lane): Path<String>,
    Form(form): Form<CommandForm>,
) -> Page {
    signed.may(|role| may_command(role, form.command))?;
    signed.csrf(&form.csrf)?;
    // One form carries the passage under way for whichever order needs it.
    let passage = form.passage.filter(|passage| !passage.is_empty() && form.command.of_passage());
    let (command, by, reason) = (form.command, signed.user().to_owned(), form.reason);
    let new = NewCommand { lane: lane.clone(), passage, command, by, reason };
    match shared.blocking(move |shared| Ok(give_command(shared, new))).await? {
        Ok(_) => Ok(Redirect::to(&format!("/lanes/{lane}")).into_response()),
        Err(error) => {
            let problem = format!("The order was not given: {error}.");
            let page = lane_page(&shared, signed, lane, Some(problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LaneState;

    fn titles(state: LaneState, role: Role) -> Vec<String> {
        let report = LaneReport { lane: "lane-1".into(), state, at: 0 };
        orders(Some(&report), role).into_iter().map(|order| order.title).collect()
    }

    #[test]
    fn only_what_fits_the_lane_and_the_role_can_be_ordered() {
        let idle = || LaneState { passage: "p".into(), ..LaneState::default() };
        let used = || LaneState { began: Some(1), ..idle() };
        let out = || LaneState { out_of_service: true, ..idle() };
        assert_eq!(titles(idle(), Role::Officer), ["Out of service"]);
        assert_eq!(titles(out(), Role::Engineer), ["Back in service"]);
        assert_eq!(titles(used(), Role::Engineer), ["Out of service"]);
        assert_eq!(titles(used(), Role::Supervisor).len(), 3);
        assert!(titles(used(), Role::Auditor).is_empty());
        let report = LaneReport { lane: "lane-1".into(), state: used(), at: 0 };
        for order in orders(Some(&report), Role::Officer) {
            assert_eq!(order.passage.is_some(), order.value != "out_of_service", "{}", order.value);
        }
    }
}
