//! Commands to lanes, and how lanes say that they are.

use super::alarms::{self, AlarmKind};
use super::sql::{Row, Sql, storable, values, word};
use super::{AuditEntry, Millis, Store, StoreError, audit};
use crate::passage::LaneCommand;
use crate::record::{CommandOrder, CommandReport, LaneState, Signed};
use serde::{Deserialize, Serialize};

/// Commands that wait for lanes at once, at most.
const GIVEN_MOST: usize = 1_000;

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// On its way to the lane.
    Given,
    /// The lane obeyed it.
    Obeyed,
    /// The lane did not obey it; the detail says why.
    Refused,
    /// The lane did not take it in time.
    Expired,
}

impl CommandState {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            CommandState::Given => "on its way",
            CommandState::Obeyed => "obeyed",
            CommandState::Refused => "refused",
            CommandState::Expired => "not taken in time",
        }
    }
}

/// A command with what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenCommand {
    /// Its unique id.
    pub id: String,
    /// The lane.
    pub lane: String,
    /// The passage that it is about, for those about a traveller.
    pub passage: Option<String>,
    /// What was ordered.
    pub command: LaneCommand,
    /// Who gave it.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub issued: Millis,
    /// Until when it counts.
    pub expires: Millis,
    /// Where it stands.
    pub state: CommandState,
    /// Why the lane refused it.
    pub detail: Option<String>,
    /// When it was obeyed, refused or expired, by central's clock.
    pub ended: Option<Millis>,
    /// As it travels.
    pub signed: Signed<CommandOrder>,
}

/// How a lane said that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneReport {
    /// The lane.
    pub lane: String,
    /// What it said.
    pub state: LaneState,
    /// When central heard it.
    pub at: Millis,
}

const COMMANDS: &str = "SELECT id, lane, passage, command, given_by, reason, issued, expires, state, detail,
     ended, canonical, signature FROM commands";

impl Store {
    /// Puts a signed command on its way; the audit trail says who gave it and why.
    pub fn give_command(&self, given: &GivenCommand) -> Result<(), StoreError> {
        let command = word(&given.command)?;
        let subject = subject(given);
        let detail = format!("{}: {}", given.id, given.reason);
        self.write(|sql| {
            sql.execute(
                "INSERT INTO commands (id, lane, passage, command, given_by, reason, issued, expires, canonical,
                     signature, state)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'given')",
                values![
                    &given.id,
                    &given.lane,
                    given.passage.as_ref(),
                    &command,
                    &given.by,
                    &storable(&given.reason),
                    given.issued,
                    given.expires,
                    &given.signed.canonical,
                    &given.signed.signature
                ],
            )?;
            let act = AuditEntry { actor: &given.by, act: "command.give", subject: &subject, detail: &detail };
            audit::append(sql, act, given.issued)
        })
    }

    /// Commands on their way to any lane, oldest first. Those whose time is over are ended by the way.
    pub fn given_commands(&self, now: Millis) -> Result<Vec<GivenCommand>, StoreError> {
        let given = self.read(|sql| {
            let text = format!("{COMMANDS} WHERE state = 'given' ORDER BY issued, id LIMIT $1");
            sql.query(&text, values![GIVEN_MOST])?.into_iter().map(command_of).collect::<Result<Vec<_>, _>>()
        })?;
        let (live, over): (Vec<_>, Vec<_>) = given.into_iter().partition(|command| command.expires > now);
        for command in over {
            self.end_command(&command, CommandState::Expired, None, "central", now)?;
        }
        Ok(live)
    }

    /// A lane says what became of a command. What it obeyed or refused is in the audit trail; a refusal that hints
    /// at a stranger on the way raises an alarm. Gives whether there was such a command of this lane.
    pub fn command_reported(
        &self,
        lane: &str,
        report: &CommandReport,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let known = self.read(|sql| {
            let text = format!("{COMMANDS} WHERE id = $1 AND lane = $2");
            sql.first(&text, values![&report.id, lane])?.map(command_of).transpose()
        })?;
        if let Some(refused) = report.refused.as_ref().filter(|why| known.is_none() || why.suspicious()) {
            let text = format!("{}: {refused}", storable(&report.id));
            self.alarm(lane, AlarmKind::CommandRefused, &storable(&report.id), &text, now)?;
        }
        let Some(command) = known else { return Ok(false) };
        let (state, detail) = match &report.refused {
            None => (CommandState::Obeyed, None),
            Some(why) => (CommandState::Refused, Some(why.to_string())),
        };
        self.end_command(&command, state, detail.as_deref(), &format!("lane:{lane}"), now)?;
        Ok(true)
    }

    /// Ends a command that is on its way; one that has ended stays as it is.
    fn end_command(
        &self,
        command: &GivenCommand,
        state: CommandState,
        detail: Option<&str>,
        actor: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let (to, subject) = (word(&state)?, subject(command));
        let told = format!("{}{}", command.id, detail.map(|why| format!(": {why}")).unwrap_or_default());
        let act = format!("command.{to}");
        self.write(|sql| {
            let changed = sql.execute(
                "UPDATE commands SET state = $2, detail = $3, ended = $4 WHERE id = $1 AND state = 'given'",
                values![&command.id, &to, detail, now],
            )?;
            if changed == 0 {
                return Ok(());
            }
            if state == CommandState::Expired {
                let text = format!("{subject}: not taken in time");
                alarms::raise(sql, &command.lane, AlarmKind::CommandRefused, &command.id, &text, now)?;
            }
            audit::append(sql, AuditEntry { actor, act: &act, subject: &subject, detail: &told }, now)
        })
    }

    /// The newest commands, of one lane or of all, newest first.
    pub fn commands(&self, lane: Option<&str>, most: usize) -> Result<Vec<GivenCommand>, StoreError> {
        self.read(|sql| {
            let rows = match lane {
                Some(lane) => {
                    let text = format!("{COMMANDS} WHERE lane = $2 ORDER BY issued DESC, id LIMIT $1");
                    sql.query(&text, values![most, lane])?
                }
                None => sql.query(&format!("{COMMANDS} ORDER BY issued DESC, id LIMIT $1"), values![most])?,
            };
            rows.into_iter().map(command_of).collect()
        })
    }

    /// Keeps how a lane says that it is; gives whether that is anything new.
    pub fn lane_is(&self, lane: &str, state: &LaneState, now: Millis) -> Result<bool, StoreError> {
        let body = json(state)?;
        self.write(|sql| {
            let before = state_body(sql, lane)?;
            sql.execute(
                "INSERT INTO lane_states (lane, body, at, changed) VALUES ($1, $2, $3, $3)
                 ON CONFLICT (lane) DO UPDATE SET body = $2, at = $3,
                    changed = CASE WHEN lane_states.body = $2 THEN lane_states.changed ELSE $3 END",
                values![lane, &body, now],
            )?;
            Ok(before.as_deref() != Some(body.as_str()))
        })
    }

    /// How all lanes said last that they are, by name.
    pub fn lane_states(&self) -> Result<Vec<LaneReport>, StoreError> {
        self.read(|sql| {
            let rows = sql.query("SELECT lane, body, at FROM lane_states ORDER BY lane", values![])?;
            rows.into_iter().map(report_of).collect()
        })
    }

    /// How one lane said last that it is.
    pub fn lane_state(&self, lane: &str) -> Result<Option<LaneReport>, StoreError> {
        self.read(|sql| {
            let row = sql.first("SELECT lane, body, at FROM lane_states WHERE lane = $1", values![lane])?;
            row.map(report_of).transpose()
        })
    }
}

fn subject(command: &GivenCommand) -> String {
    let about = command.passage.as_ref().map(|passage| format!(" for {passage}")).unwrap_or_default();
    format!("{}: {}{about}", command.lane, command.command.title())
}

fn state_body(sql: &mut dyn Sql, lane: &str) -> Result<Option<String>, StoreError> {
    let text = format!("SELECT body FROM lane_states WHERE lane = $1{}", sql.hold());
    sql.first(&text, values![lane])?.map(|mut row| row.text()).transpose()
}

fn report_of(mut row: Row) -> Result<LaneReport, StoreError> {
    let (lane, body, at) = (row.text()?, row.text()?, row.number()?);
    let state =
        serde_json::from_str(&body).map_err(|e| StoreError::Damaged(format!("state of {lane}: {e}")))?;
    Ok(LaneReport { lane, state, at })
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(storable(&text))
}

fn command_of(mut row: Row) -> Result<GivenCommand, StoreError> {
    Ok(GivenCommand {
        id: row.text()?,
        lane: row.text()?,
        passage: row.optional_text()?,
        command: row.word()?,
        by: row.text()?,
        reason: row.text()?,
        issued: row.number()?,
        expires: row.number()?,
        state: row.word()?,
        detail: row.optional_text()?,
        ended: row.optional_number()?,
        signed: Signed::from_parts(row.text()?, row.text()?),
    })
}
