//! The exit is open for the one traveller, then shuts. It never stays open without bound. Who leaves something behind
//! in the cabin is asked to fetch it, within a bound, too.

use super::journey::Journey;
use super::{Door, Effect, Event, GateCommand, GateState, Moment, Prompt, State};
use crate::check::Reason;
use crate::policy::ExitToken;

#[derive(Debug)]
pub(super) struct Leaving {
    /// The cabin must be empty by then.
    until: Moment,
    /// Told to shut; must report so by then.
    closing: Option<Moment>,
    /// The exit was seen unlocked: only then can the traveller have left.
    opened: bool,
    /// Until when the traveller may fetch what lies in the cabin, while something does.
    object: Option<Moment>,
}

impl Leaving {
    /// The one place where the exit is opened.
    pub(super) fn begin(token: ExitToken, now: Moment, journey: &mut Journey) -> State {
        journey.wish(Effect::OpenExit(token));
        journey.show(Prompt::GoThrough);
        let until = now.after(journey.profile.limits.leave_ms);
        State::Leaving(Leaving { until, closing: None, opened: false, object: None })
    }

    pub(super) fn deadline(&self) -> Moment {
        let until = self.closing.unwrap_or(self.until);
        self.object.map_or(until, |object| object.min(until))
    }

    pub(super) fn on_event(self, event: Event, now: Moment, journey: &mut Journey) -> State {
        match event {
            Event::Gate(gate) => self.look(gate, now, journey),
            Event::GateLost => Self::went_wrong(Reason::GateLost, now, journey),
            Event::OfficerWanted => {
                journey.gate(GateCommand::BeaconOn);
                State::Leaving(self)
            }
            // `Stop` waits for the traveller to be through.
            _ => State::Leaving(self),
        }
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        if self.object.is_some() {
            return Self::went_wrong(Reason::ObjectLeft, now, journey);
        }
        if self.closing.is_some() {
            return Self::went_wrong(Reason::GateFault, now, journey);
        }
        match journey.gate.and_then(|gate| gate.cabin) {
            Some(0) if self.opened => self.close(now, journey),
            Some(1..) => Self::went_wrong(Reason::TravellerTimeout, now, journey),
            Some(0) | None => Self::went_wrong(Reason::CabinUnobserved, now, journey),
        }
    }

    fn look(mut self, gate: GateState, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = gate.hazard() {
            return Self::went_wrong(reason, now, journey);
        }
        if gate.entry != Door::Locked {
            return Self::went_wrong(Reason::GateFault, now, journey);
        }
        self.opened |= gate.exit != Door::Locked;
        let lies_there = gate.object_left && gate.cabin.is_none();
        match (lies_there, self.object) {
            (true, None) => {
                journey.show(Prompt::TakeBelongings);
                self.object = Some(now.after(journey.profile.limits.object_ms));
            }
            (false, Some(_)) => {
                journey.show(Prompt::GoThrough);
                self.object = None;
            }
            _ => {}
        }
        match (gate.cabin, self.closing) {
            // Nobody leaves through a locked exit: the sensors have lost sight of the traveller.
            (Some(0), _) if !self.opened => Self::went_wrong(Reason::CabinUnobserved, now, journey),
            // More than the one who was admitted: somebody came in by the exit.
            (Some(2..), _) | (Some(1), Some(_)) => Self::went_wrong(Reason::WrongWay, now, journey),
            (Some(0), None) if gate.exit_zone == Some(0) => self.close(now, journey),
            (Some(0), Some(_)) if gate.exit == Door::Locked => {
                journey.wish(Effect::Ended);
                State::Ended
            }
            _ => State::Leaving(self),
        }
    }

    fn close(mut self, now: Moment, journey: &mut Journey) -> State {
        journey.gate(GateCommand::CloseExit);
        self.closing = Some(now.after(journey.profile.limits.door_ms));
        State::Leaving(self)
    }

    /// Shuts the exit and calls the officer. The admission is on record; what came after becomes a second
    /// outcome of the same passage, *referred*.
    fn went_wrong(reason: Reason, now: Moment, journey: &mut Journey) -> State {
        // Emergency stop and fire release have the doors: they are not told anything.
        if !journey.gate.is_some_and(|gate| gate.emergency()) {
            journey.gate(GateCommand::CloseExit);
        }
        journey.refer(reason, now)
    }
}
