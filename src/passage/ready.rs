//! The gate is idle: shut, empty, and waiting for a document; or closed, until it is.

use super::command::{self, LaneCommand};
use super::journey::Journey;
use super::reading::Reading;
use super::{Effect, Event, GateCommand, GateState, Moment, Prompt, State};
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::document::Mrz;

/// Times that the printed lines are read before an officer is called.
const TRIES_MOST: u8 = 4;

#[derive(Debug)]
pub(super) struct Ready {
    /// Whether the traveller was told that the gate may be used; `None` before anything was said.
    open: Option<bool>,
    /// Whether doors that stand open were told to shut since they were last seen shut.
    tidied: bool,
    /// Lines that were read in vain.
    tries: u8,
    /// Until when the next try is awaited, once there was one.
    until: Option<Moment>,
}

impl Ready {
    pub(super) fn new() -> Ready {
        Ready { open: None, tidied: false, tries: 0, until: None }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.until
    }

    pub(super) fn on_event(mut self, event: Event, now: Moment, journey: &mut Journey) -> State {
        match event {
            Event::LinesRead(lines) if self.open == Some(true) => {
                return self.lines_read(&lines, now, journey);
            }
            Event::OfficerWanted => return journey.refer(Reason::OfficerCalled, now),
            Event::Stop if journey.has_begun() => return journey.refer(Reason::LaneStopping, now),
            Event::Stop => {
                self.close(journey);
                journey.wish(Effect::Ended);
                return State::Ended;
            }
            Event::Conditions(_) if journey.has_begun() => {}
            // A traveller who has begun is not left standing before a gate that went out of service.
            Event::Gate(_) | Event::GateLost if journey.has_begun() => {
                let reason = journey.gate.map_or(Some(Reason::GateLost), |gate| gate.against_entering());
                if let Some(reason) = reason {
                    return journey.refer(reason, now);
                }
            }
            Event::Gate(_) | Event::Conditions(_) => {
                // A gate that was not heard yet is told of by itself.
                if let Some(gate) = journey.gate {
                    self.look(gate, journey);
                }
            }
            Event::GateLost => self.close(journey),
            Event::Command(_) if journey.has_begun() => {
                if let Some(released) = command::released(&event, now, journey) {
                    return released;
                }
            }
            // For who stayed behind when the passage before ended.
            Event::Command(LaneCommand::ReopenEntry) if command::somebody_inside(journey) => {
                self.tidied = false;
                command::open_entry(journey);
            }
            _ => {}
        }
        State::Ready(self)
    }

    /// The traveller did not try again.
    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        journey.withdraw(Reason::TravellerTimeout, now)
    }

    fn lines_read(mut self, lines: &[String], now: Moment, journey: &mut Journey) -> State {
        journey.begin(now);
        self.tries = self.tries.saturating_add(1);
        let last = self.tries >= TRIES_MOST;
        match Mrz::parse(lines) {
            Ok(mrz) if last || mrz.consistency.result == CheckResult::Successful => {
                Reading::begin(mrz, now, journey)
            }
            Err(error) if last => {
                let check = Check::undetermined(CheckId::MrzConsistency, Reason::MrzUnreadable);
                journey.add_check(check.with_detail(error.to_string()));
                journey.refer(Reason::MrzUnreadable, now)
            }
            // Not readable, or a check digit is wrong: far more often a bad reading than a bad document.
            Ok(_) | Err(_) => {
                journey.show(Prompt::PlaceDocumentAgain);
                self.until = Some(now.after(journey.profile.limits.chip_ms));
                State::Ready(self)
            }
        }
    }

    fn look(&mut self, gate: GateState, journey: &mut Journey) {
        if gate.against_entering().is_none() && !journey.lane_closed() {
            self.tidied = false;
            if self.open != Some(true) {
                self.open = Some(true);
                journey.show(Prompt::PlaceDocument);
                journey.gate(GateCommand::LampGreen);
                journey.gate(GateCommand::BeaconOff);
            }
            return;
        }
        self.close(journey);
        if gate.cabin.is_some_and(|persons| persons > 0) || gate.wrong_way {
            journey.gate(GateCommand::BeaconOn);
        }
        // Doors that were left open (by a power cut, or for an officer) shut once the cabin is empty.
        if gate.empty() && gate.exit_zone == Some(0) && !gate.shut() && !gate.emergency() && !self.tidied {
            self.tidied = true;
            journey.gate(GateCommand::CloseEntry);
            journey.gate(GateCommand::CloseExit);
        }
    }

    fn close(&mut self, journey: &mut Journey) {
        if self.open != Some(false) {
            self.open = Some(false);
            journey.show(Prompt::Closed);
            journey.gate(GateCommand::LampRed);
        }
    }
}
