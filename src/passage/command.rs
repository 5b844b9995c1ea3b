//! What an officer at central can order a lane to do. Nothing here opens the exit: the only way to do so is
//! policy's token.
//!
//! Two are about the traveller under way and reach the passage ([`super::Event::Command`]); two are about the lane
//! and reach the passage as the condition [`crate::policy::Condition::OutOfService`], so that a lane closes after
//! the passage under way.

use super::State;
use super::journey::Journey;
use super::{Door, Event, GateCommand, Moment, Passage};
use crate::check::Reason;

/// An officer's order to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneCommand {
    /// The officer takes the traveller over: the passage is referred, and the entrance opens at once.
    ReleaseToOfficer,
    /// Open the entrance for who is inside: once more while they walk in, else as the end of their passage.
    ReopenEntry,
    /// Nobody begins any more; who has begun goes on.
    OutOfService,
    /// Travellers may begin again.
    BackInService,
}

impl LaneCommand {
    /// All commands.
    pub const ALL: [LaneCommand; 4] = [
        LaneCommand::ReleaseToOfficer,
        LaneCommand::ReopenEntry,
        LaneCommand::OutOfService,
        LaneCommand::BackInService,
    ];

    /// Whether it is about one passage, which it must name.
    pub fn of_passage(self) -> bool {
        matches!(self, LaneCommand::ReleaseToOfficer | LaneCommand::ReopenEntry)
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            LaneCommand::ReleaseToOfficer => "release the traveller to the officer",
            LaneCommand::ReopenEntry => "reopen the entrance",
            LaneCommand::OutOfService => "out of service",
            LaneCommand::BackInService => "back in service",
        }
    }
}

/// A command that the lane obeyed, as it is remembered with the next outcome.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObeyedCommand {
    /// The command's unique id at central.
    pub id: String,
    /// What was done.
    pub command: LaneCommand,
    /// Who ordered it, the console's name.
    pub by: String,
    /// When it was obeyed, milliseconds since 1970 UTC by the lane's clock.
    pub at: i64,
}

impl Passage {
    /// Why a command cannot be obeyed where the passage is now; to be asked before [`Event::Command`] is told.
    ///
    /// # Errors
    /// In words, for the officer who gave it.
    pub fn obeys(&self, command: LaneCommand) -> Result<(), &'static str> {
        let gate = self.journey.gate;
        if gate.is_some_and(|gate| gate.emergency()) {
            return Err("emergency stop or fire release hold the doors");
        }
        match (&self.state, command) {
            (_, LaneCommand::OutOfService | LaneCommand::BackInService) => Err("it concerns no passage"),
            (State::Leaving(_), _) => Err("the exit is open for the admitted traveller"),
            (State::Ended, _) => Err("the passage is over"),
            (State::Reading(_), LaneCommand::ReopenEntry) => Err("nobody is inside yet"),
            (State::Ready(_), LaneCommand::ReopenEntry) => {
                // Somebody stayed behind when the passage before ended.
                if somebody_inside(&self.journey) { Ok(()) } else { Err("nobody is seen inside") }
            }
            (State::Ready(_), LaneCommand::ReleaseToOfficer) if !self.journey.has_begun() => {
                Err("nobody has begun")
            }
            _ => Ok(()),
        }
    }
}

/// Whether the sensors see somebody in the cabin.
pub(super) fn somebody_inside(journey: &Journey) -> bool {
    journey.gate.is_some_and(|gate| gate.cabin.is_some_and(|persons| persons > 0))
}

/// Opens the entrance for who is inside, never beside an exit that is not locked.
pub(super) fn open_entry(journey: &mut Journey) {
    let exit_locked = journey.gate.is_some_and(|gate| gate.exit == Door::Locked && !gate.emergency());
    if exit_locked {
        journey.gate(GateCommand::OpenEntry);
    }
}

/// What a command makes of a passage whose traveller is not yet admitted: referred, and let out by the entrance
/// at once. `None` when the event is no such command.
pub(super) fn released(event: &Event, now: Moment, journey: &mut Journey) -> Option<State> {
    releases(event).then(|| {
        let referred = journey.refer(Reason::ReleasedToOfficer, now);
        let_out(referred, now, journey)
    })
}

/// Whether an event takes the traveller out of the passage.
pub(super) fn releases(event: &Event) -> bool {
    matches!(event, Event::Command(LaneCommand::ReleaseToOfficer | LaneCommand::ReopenEntry))
}

/// Lets who was just referred out by the entrance at once.
pub(super) fn let_out(referred: State, now: Moment, journey: &mut Journey) -> State {
    match referred {
        State::Aftermath(aftermath) => aftermath.released(now, journey),
        other => other,
    }
}
