//! What a lane writes into its log of each passage: moments, steps and reasons by number, and nothing of the traveller.
//!
//! Every line has the fields `lane` and `passage`. A deed has `deed` and `ms` from the passage's begin, an outcome
//! `ending`, `reasons` (numbers, gravest first), `lasted_ms`, and each of its steps `step` and `ms`. Pictures, printed
//! lines, exchanges with the chip and central's words are told as having come, never by content.

use super::{Deed, Input, Observer};
use crate::passage::{Moment, Outcome};
use crate::policy::PassageId;
use jiff::Timestamp;

/// Writes into the log.
pub struct PassageLog {
    lane: String,
    passage: String,
    began: Moment,
}

impl PassageLog {
    /// For the lane of this name.
    pub fn new(lane: &str) -> PassageLog {
        PassageLog { lane: lane.to_owned(), passage: String::new(), began: Moment(0) }
    }
}

/// What came, without what is in it.
fn kind(input: &Input) -> &'static str {
    match input {
        Input::Lines(_) => "printed lines",
        Input::Chip(_) => "chip",
        Input::Frame(_) => "frame",
        Input::CaptureFailed(_) => "no frame",
        Input::Gate(_) => "gate",
        Input::GateLost => "gate lost",
        Input::Central(Ok(_)) => "central's word",
        Input::Central(Err(_)) => "no word from central",
        Input::Stored(true) => "stored",
        Input::Stored(false) => "not stored",
        Input::Conditions(_) => "conditions",
        Input::OfficerWanted => "officer wanted",
        Input::Stop => "stop",
        Input::Command(_) => "officer's command",
        Input::Snapshot(_) => "word of the lane's snapshot",
        Input::OnReader(true) => "document on the reader",
        Input::OnReader(false) => "document off the reader",
        Input::Named(_) => "document named",
    }
}

impl Observer for PassageLog {
    fn begun(&mut self, passage: &PassageId, _started: Timestamp, at: Moment) {
        (self.passage, self.began) = (passage.0.clone(), at);
    }

    fn heard(&mut self, at: Moment, input: &Input) {
        let ms = at.since(self.began);
        tracing::debug!(lane = self.lane, passage = self.passage, heard = kind(input), ms);
    }

    fn did(&mut self, at: Moment, deed: &Deed) {
        let ms = at.since(self.began);
        tracing::info!(lane = self.lane, passage = self.passage, ?deed, ms);
    }

    fn outcome(&mut self, _at: Moment, outcome: &Outcome) {
        let (lane, passage) = (&self.lane, &self.passage);
        let ending = format!("{:?}", outcome.ending).to_lowercase();
        let reasons: Vec<u32> = outcome.reasons.iter().map(|reason| reason.code()).collect();
        tracing::info!(lane, passage, ending, ?reasons, lasted_ms = outcome.lasted_ms, "outcome");
        for time in &outcome.steps {
            tracing::info!(lane, passage, step = ?time.step, ms = time.ms);
        }
    }

    fn ended(&mut self, at: Moment) {
        tracing::info!(lane = self.lane, passage = self.passage, ms = at.since(self.began), "ended");
    }
}
