//! The gate is idle: shut, empty, and waiting; or closed, until it is. Two steps: it waits for a document on the
//! reader before the entrance. One step: for a traveller at the entrance.
//!
//! A document that was left on the reader keeps the next traveller from beginning, until somebody takes it.

use super::command::{self, LaneCommand};
use super::entering::Entering;
use super::journey::Journey;
use super::lines::{Lines, Tries};
use super::reading::Reading;
use super::{Effect, Event, GateCommand, GateState, Moment, Prompt, State};
use crate::check::{Check, CheckId, Reason};

#[derive(Debug)]
pub(super) struct Ready {
    /// What the traveller reads; `None` before anything was said.
    shown: Option<Prompt>,
    /// Whether doors that stand open were told to shut since they were last seen shut.
    tidied: bool,
    /// Lines that were read.
    tries: Tries,
    /// Until when the next try is awaited, once there was one.
    until: Option<Moment>,
}

impl Ready {
    pub(super) fn new() -> Ready {
        Ready { shown: None, tidied: false, tries: Tries::default(), until: None }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.until
    }

    pub(super) fn on_event(mut self, event: Event, now: Moment, journey: &mut Journey) -> State {
        match event {
            Event::LinesRead(lines) if self.shown == Some(Prompt::PlaceDocument) => {
                return self.lines_read(&lines, now, journey);
            }
            Event::OfficerWanted => return journey.refer(Reason::OfficerCalled, now),
            Event::Stop if journey.has_begun() => return journey.refer(Reason::LaneStopping, now),
            Event::Stop => {
                self.close(journey, Prompt::Closed);
                journey.wish(Effect::Ended);
                return State::Ended;
            }
            Event::Conditions(_) | Event::DocumentOnReader(_) if journey.has_begun() => {}
            // A traveller who has begun is not left standing before a gate that went out of service.
            Event::Gate(_) | Event::GateLost if journey.has_begun() => {
                let reason = journey.gate.map_or(Some(Reason::GateLost), |gate| gate.against_entering());
                if let Some(reason) = reason {
                    return journey.refer(reason, now);
                }
            }
            Event::Gate(_) | Event::Conditions(_) | Event::DocumentOnReader(_) => {
                // A gate that was not heard yet is told of by itself.
                if let Some(gate) = journey.gate {
                    self.look(gate, journey);
                    // One step: whoever stands at the entrance of an open lane is let in.
                    if self.shown == Some(Prompt::WalkIn)
                        && gate.entry_zone.is_some_and(|persons| persons > 0)
                    {
                        journey.begin(now);
                        journey.gate(GateCommand::LampRed);
                        return Entering::begin(now, journey);
                    }
                }
            }
            Event::GateLost => self.close(journey, Prompt::Closed),
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
        match self.tries.read(lines) {
            Lines::Read(mrz) => Reading::begin(*mrz, now, journey),
            Lines::Unreadable(error) => {
                let check = Check::undetermined(CheckId::MrzConsistency, Reason::MrzUnreadable);
                journey.add_check(check.with_detail(error.to_string()));
                journey.refer(Reason::MrzUnreadable, now)
            }
            Lines::Again => {
                journey.show(Prompt::PlaceDocumentAgain);
                self.until = Some(now.after(journey.profile.limits.chip_ms));
                State::Ready(self)
            }
        }
    }

    fn look(&mut self, gate: GateState, journey: &mut Journey) {
        let left_behind = journey.document_on_reader == Some(true);
        if gate.against_entering().is_none() && !journey.lane_closed() && !left_behind {
            self.tidied = false;
            let open = if journey.one_step() { Prompt::WalkIn } else { Prompt::PlaceDocument };
            if self.shown != Some(open) {
                self.shown = Some(open);
                journey.show(open);
                journey.gate(GateCommand::LampGreen);
                journey.gate(GateCommand::BeaconOff);
            }
            return;
        }
        // Of a closed lane nobody can say what lies on its reader now: that may be what is amiss.
        let take = left_behind && !journey.lane_closed();
        self.close(journey, if take { Prompt::TakeDocument } else { Prompt::Closed });
        let somebody = gate.cabin.is_some_and(|persons| persons > 0);
        if somebody || gate.wrong_way || gate.object_left || left_behind {
            journey.gate(GateCommand::BeaconOn);
        }
        // Doors that were left open (by a power cut, or for an officer) shut once the cabin is empty.
        if gate.empty() && gate.exit_zone == Some(0) && !gate.shut() && !gate.emergency() && !self.tidied {
            self.tidied = true;
            journey.gate(GateCommand::CloseEntry);
            journey.gate(GateCommand::CloseExit);
        }
    }

    fn close(&mut self, journey: &mut Journey, prompt: Prompt) {
        if self.shown != Some(prompt) {
            self.shown = Some(prompt);
            journey.show(prompt);
            journey.gate(GateCommand::LampRed);
        }
    }
}
