//! Who watches a lane: the recorder of fixtures, the demonstration's table, tests.

use super::Input;
use crate::passage::{Effect, GateCommand, Moment, Outcome, Prompt};
use crate::policy::PassageId;
use jiff::Timestamp;

/// What the lane did because the passage wished it, at the moment of the event that made it wish so.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Showed this.
    Showed(Prompt),
    /// Told the gate.
    Told(GateCommand),
    /// Opened the exit.
    OpenedExit,
    /// Began to read the chip.
    ReadChip,
    /// Asked central.
    LookedUp,
    /// Began to film.
    BeganFilming,
    /// Filmed no more.
    EndedFilming,
    /// Began to store the outcome.
    Stored,
}

impl Deed {
    /// What carrying out an effect is; the end of a passage is no deed.
    pub fn of(effect: &Effect) -> Option<Deed> {
        Some(match effect {
            Effect::Show(prompt) => Deed::Showed(*prompt),
            Effect::Gate(command) => Deed::Told(*command),
            Effect::OpenExit(_) => Deed::OpenedExit,
            Effect::ReadChip(_) => Deed::ReadChip,
            Effect::LookUp(_) => Deed::LookedUp,
            Effect::StartCapture => Deed::BeganFilming,
            Effect::StopCapture => Deed::EndedFilming,
            Effect::Store(_) => Deed::Stored,
            Effect::Ended => return None,
        })
    }
}

/// Watches passages. Called on the lane's task: must be quick, must not fail the lane.
pub trait Observer: Send {
    /// The gate waits for a new passage.
    fn begun(&mut self, _passage: &PassageId, _started: Timestamp, _at: Moment) {}
    /// This input reached the passage at this moment.
    fn heard(&mut self, _at: Moment, _input: &Input) {}
    /// The passage was told that this moment has come.
    fn time(&mut self, _at: Moment) {}
    /// The lane did this.
    fn did(&mut self, _at: Moment, _deed: &Deed) {}
    /// The passage's outcome, before it is stored.
    fn outcome(&mut self, _at: Moment, _outcome: &Outcome) {}
    /// The passage is over.
    fn ended(&mut self, _at: Moment) {}
}

/// Watches nothing.
pub struct Nobody;

impl Observer for Nobody {}

/// Several at once, in order.
impl Observer for Vec<Box<dyn Observer>> {
    fn begun(&mut self, passage: &PassageId, started: Timestamp, at: Moment) {
        self.iter_mut().for_each(|each| each.begun(passage, started, at));
    }

    fn heard(&mut self, at: Moment, input: &Input) {
        self.iter_mut().for_each(|each| each.heard(at, input));
    }

    fn time(&mut self, at: Moment) {
        self.iter_mut().for_each(|each| each.time(at));
    }

    fn did(&mut self, at: Moment, deed: &Deed) {
        self.iter_mut().for_each(|each| each.did(at, deed));
    }

    fn outcome(&mut self, at: Moment, outcome: &Outcome) {
        self.iter_mut().for_each(|each| each.outcome(at, outcome));
    }

    fn ended(&mut self, at: Moment) {
        self.iter_mut().for_each(|each| each.ended(at));
    }
}
