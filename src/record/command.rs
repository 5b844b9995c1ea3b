//! Officers' commands as they travel to a lane, and what lane and central tell each other about them.
//!
//! A [`CommandOrder`] is signed by central, for one lane and (where it is about a traveller) one passage, with a
//! unique id and an expiry. What the lane made of it comes back as a [`CommandReport`]; how the lane is right now
//! as a [`LaneState`]. None of the commands opens the exit.

use super::{CLOCKS_APART_MOST, Signed, Statement, StatementError};
use crate::passage::LaneCommand;
use crate::policy::Condition;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

/// Commands that a lane takes in one answer at most.
pub const COMMANDS_MOST: usize = 16;
/// Longest time that a lane may ask central to wait for a command, milliseconds.
pub const POLL_MOST_MS: u64 = 20_000;
/// Longest text that a lane tells about a command or its state, bytes.
pub const LANE_TEXT_MOST: usize = 256;

/// A command to a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandOrder {
    /// Random, 32 hexadecimal digits.
    pub id: String,
    /// The lane that it is for.
    pub lane: String,
    /// The passage that it is about; exactly for those of [`LaneCommand::of_passage`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<String>,
    /// What to do.
    #[schema(value_type = String)]
    pub command: LaneCommand,
    /// Who gave it, the console's name.
    pub by: String,
    /// When it was given, milliseconds since 1970 UTC.
    pub issued: i64,
    /// From then on it counts for nothing, milliseconds since 1970 UTC.
    pub expires: i64,
}

impl Statement for CommandOrder {
    const CONTEXT: &'static [u8] = b"egate lane command 1\0";
}

/// Why a lane does not obey a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandError {
    /// Not signed by central, or altered.
    #[error("it is not signed by central, or was altered")]
    Altered,
    /// Given to another lane.
    #[error("it is for another lane")]
    OtherLane,
    /// About another passage than the one under way, or about none where it must be about one.
    #[error("it is about another passage than the one under way")]
    OtherPassage,
    /// Its time is over, or has not come: late, or a clock that is wrong.
    #[error("its time is not now; lane's and central's clocks may differ by a minute at most")]
    Expired,
    /// It came before, and central knows what became of it.
    #[error("it was obeyed before: a replay")]
    Replayed,
    /// It cannot be done now; why.
    #[error("it cannot be done now: {0}")]
    NotNow(String),
}

impl CommandError {
    /// Whether it hints at somebody on the way between central and lane.
    pub fn suspicious(&self) -> bool {
        matches!(self, CommandError::Altered | CommandError::OtherLane | CommandError::Replayed)
    }
}

impl From<StatementError> for CommandError {
    fn from(_: StatementError) -> CommandError {
        CommandError::Altered
    }
}

impl Signed<CommandOrder> {
    /// The command, when central gave it to this lane and its time is not over; `now` in milliseconds since 1970
    /// UTC by the lane's clock. Whether it came before and whether its passage is under way, the lane knows.
    ///
    /// # Errors
    /// With the first of these that does not hold.
    pub fn accept(&self, key: &VerifyingKey, lane: &str, now: i64) -> Result<CommandOrder, CommandError> {
        let order = self.verify(key)?;
        if order.lane != lane {
            return Err(CommandError::OtherLane);
        }
        if order.command.of_passage() != order.passage.is_some() {
            return Err(CommandError::OtherPassage);
        }
        let begins = order.issued.saturating_sub(CLOCKS_APART_MOST);
        let ends = order.expires.saturating_add(CLOCKS_APART_MOST);
        if (begins..ends).contains(&now) { Ok(order) } else { Err(CommandError::Expired) }
    }
}

/// What became of a command at the lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandReport {
    /// The command's id, as far as it could be read.
    pub id: String,
    /// When, milliseconds since 1970 UTC by the lane's clock.
    pub at: i64,
    /// Absent when it was obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CommandError>,
}

/// How a lane is right now, for the officers' board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LaneState {
    /// As [`crate::passage::Passage::state_name`] has it: `ready` while nobody has begun.
    pub state: String,
    /// The passage under way, or the idle one that waits for a traveller.
    pub passage: String,
    /// When the traveller began, milliseconds since 1970 UTC; absent while nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<i64>,
    /// Whether an officer took the lane out of service.
    pub out_of_service: bool,
    /// What is amiss with the lane itself.
    #[schema(value_type = Vec<String>)]
    pub amiss: Vec<Condition>,
    /// Outcomes that wait for central.
    pub waiting: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    const NOW: i64 = 1_800_000_000_000;

    fn order() -> CommandOrder {
        CommandOrder {
            id: "0f".repeat(16),
            lane: "lane-1".into(),
            passage: Some("lane-1-7-1".into()),
            command: LaneCommand::ReleaseToOfficer,
            by: "anna".into(),
            issued: NOW,
            expires: NOW + 60_000,
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn accept(order: &CommandOrder, lane: &str, now: i64) -> Result<CommandOrder, CommandError> {
        Signed::sign(order, &key()).unwrap().accept(&key().verifying_key(), lane, now)
    }

    #[test]
    fn a_command_is_accepted_by_its_lane_in_its_time() {
        assert_eq!(accept(&order(), "lane-1", NOW), Ok(order()));
        assert_eq!(accept(&order(), "lane-2", NOW), Err(CommandError::OtherLane));
        for now in [NOW + 120_000, NOW - 60_001, i64::MAX, i64::MIN] {
            assert_eq!(accept(&order(), "lane-1", now), Err(CommandError::Expired), "{now}");
        }
    }

    #[test]
    fn a_command_about_a_traveller_names_a_passage_and_one_about_the_lane_none() {
        let nameless = CommandOrder { passage: None, ..order() };
        assert_eq!(accept(&nameless, "lane-1", NOW), Err(CommandError::OtherPassage));
        let named = CommandOrder { command: LaneCommand::OutOfService, ..order() };
        assert_eq!(accept(&named, "lane-1", NOW), Err(CommandError::OtherPassage));
    }

    #[test]
    fn an_altered_command_or_one_of_another_key_or_kind_is_refused() {
        let signed = Signed::sign(&order(), &key()).unwrap();
        let believed = |signed: &Signed<CommandOrder>| signed.accept(&key().verifying_key(), "lane-1", NOW);
        let altered = signed.canonical.replace("release_to_officer", "reopen_entry");
        assert_ne!(altered, signed.canonical);
        let altered = Signed::from_parts(altered, signed.signature.clone());
        assert_eq!(believed(&altered), Err(CommandError::Altered));
        let foreign = Signed::sign(&order(), &SigningKey::from_bytes(&[6; 32])).unwrap();
        assert_eq!(believed(&foreign), Err(CommandError::Altered));
        // Signed by central's key for another purpose: without the context of commands.
        use ed25519_dalek::Signer;
        let bare = hex::encode(key().sign(signed.canonical.as_bytes()).to_bytes());
        let bare = Signed::from_parts(signed.canonical.clone(), bare);
        assert_eq!(believed(&bare), Err(CommandError::Altered));
        assert_eq!(believed(&signed), Ok(order()));
    }
}
