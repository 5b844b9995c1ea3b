//! The entrance is open until one person is inside, then shuts.

use super::capturing::Capturing;
use super::command::{self, LaneCommand};
use super::journey::Journey;
use super::several::Several;
use super::{Door, Event, GateCommand, GateState, Moment, Prompt, State, Step};
use crate::check::{Check, CheckId, Reason};

#[derive(Debug)]
pub(super) struct Entering {
    since: Moment,
    /// One person must be inside by then.
    until: Moment,
    door: Doorway,
    /// Somebody was inside already.
    entered: bool,
    several: Several,
    /// Time limit of `several`.
    several_ms: u64,
}

/// What the entrance door is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Doorway {
    /// Told to open; must report so by then.
    Opening(Moment),
    Open,
    /// Told to shut behind one person; must report so by then.
    Closing(Moment),
}

impl Entering {
    pub(super) fn begin(now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = journey.gate.map_or(Some(Reason::GateLost), |gate| gate.against_entering()) {
            return journey.refer(reason, now);
        }
        let limits = &journey.profile.limits;
        let state = Entering {
            since: now,
            until: now.after(limits.enter_ms),
            door: Doorway::Opening(now.after(limits.door_ms)),
            entered: false,
            several: Several::default(),
            several_ms: limits.several_persons_ms,
        };
        journey.gate(GateCommand::OpenEntry);
        journey.show(Prompt::WalkIn);
        State::Entering(state)
    }

    pub(super) fn deadline(&self) -> Moment {
        let door = match self.door {
            Doorway::Opening(until) => until.min(self.until),
            Doorway::Open => self.until,
            Doorway::Closing(until) => until,
        };
        self.several.deadline(self.several_ms).map_or(door, |several| several.min(door))
    }

    pub(super) fn on_event(self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            return journey.refer(reason, now);
        }
        match event {
            Event::Gate(gate) => self.look(gate, now, journey),
            Event::Command(LaneCommand::ReopenEntry) => self.reopen(now, journey),
            other => match command::released(&other, now, journey) {
                Some(released) => released,
                None => State::Entering(self),
            },
        }
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        if self.several.deadline(self.several_ms).is_some_and(|deadline| deadline <= now) {
            journey.add_check(Check::failed(CheckId::SinglePerson, Reason::SeveralPersons));
            return journey.refer(Reason::SeveralPersons, now);
        }
        match self.door {
            Doorway::Opening(until) | Doorway::Closing(until) if until <= now => {
                journey.refer(Reason::GateFault, now)
            }
            _ => match journey.gate.and_then(|gate| gate.cabin) {
                None => journey.refer(Reason::CabinUnobserved, now),
                Some(0) => journey.withdraw(Reason::TravellerTimeout, now),
                Some(_) => journey.refer(Reason::TravellerTimeout, now),
            },
        }
    }

    /// Somebody is to step back, or has left something outside: they have the whole time again.
    fn reopen(mut self, now: Moment, journey: &mut Journey) -> State {
        let limits = &journey.profile.limits;
        self.until = now.after(limits.enter_ms);
        self.door = Doorway::Opening(now.after(limits.door_ms));
        command::open_entry(journey);
        journey.show(Prompt::WalkIn);
        State::Entering(self)
    }

    fn look(mut self, gate: GateState, now: Moment, journey: &mut Journey) -> State {
        if gate.exit != Door::Locked {
            return journey.refer(Reason::GateFault, now);
        }
        if let (Doorway::Opening(_), Door::Open) = (self.door, gate.entry) {
            self.door = Doorway::Open;
        }
        let was_several = self.several.now();
        if self.several.count(gate.cabin, now) {
            journey.show(Prompt::OnePersonOnly);
            // Open again if it was shutting: one of them has to step back out.
            if let Doorway::Closing(_) = self.door {
                journey.gate(GateCommand::OpenEntry);
                self.door = Doorway::Opening(now.after(journey.profile.limits.door_ms));
            }
        }
        let closing = matches!(self.door, Doorway::Closing(_));
        match gate.cabin {
            Some(0) if self.entered && gate.entry_zone == Some(0) => {
                return journey.withdraw(Reason::TravellerLeft, now);
            }
            Some(1) => {
                self.entered = true;
                if closing && gate.shut() {
                    journey.step(Step::Enter, self.since, now);
                    return Capturing::begin(now, journey);
                }
                if was_several {
                    journey.show(Prompt::WalkIn);
                }
                // Only a door that was seen open can have let the person in.
                if self.door == Doorway::Open && gate.entry_zone == Some(0) {
                    journey.gate(GateCommand::CloseEntry);
                    journey.show(Prompt::Wait);
                    self.door = Doorway::Closing(now.after(journey.profile.limits.door_ms));
                }
            }
            Some(_) => self.entered = true,
            None => {}
        }
        State::Entering(self)
    }
}
