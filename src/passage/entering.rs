//! The entrance is open until one person is inside, then shuts. Two steps: it does not shut behind a traveller whose
//! document still lies on the reader outside; who goes back to fetch it has not left.

use super::capturing::Capturing;
use super::command::{self, LaneCommand};
use super::journey::Journey;
use super::presenting::Presenting;
use super::several::Several;
use super::{Door, Event, GateCommand, GateState, Moment, Prompt, State, Step};
use crate::check::{Check, CheckId, Reason};

#[derive(Debug)]
pub(super) struct Entering {
    since: Moment,
    /// One person must be inside by then.
    until: Moment,
    door: Doorway,
    /// Somebody was seen at the entrance or inside already.
    came: bool,
    /// Somebody was inside already.
    entered: bool,
    several: Several,
    /// Time limit of `several`.
    several_ms: u64,
    /// Until when the document is to be taken from the reader outside, once the traveller was told so.
    taking: Option<Moment>,
    /// One step: lines of a document that was laid on the reader before the entrance was seen shut.
    lines: Option<Vec<String>>,
    /// Whether the traveller was told to fetch what lies in the cabin.
    object_told: bool,
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
            came: false,
            entered: false,
            several: Several::default(),
            several_ms: limits.several_persons_ms,
            taking: None,
            lines: None,
            object_told: false,
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
        let several = self.several.deadline(self.several_ms);
        [several, self.taking].into_iter().flatten().fold(door, Moment::min)
    }

    pub(super) fn on_event(self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            return journey.refer(reason, now);
        }
        match event {
            Event::Gate(gate) => self.look(gate, now, journey),
            Event::Command(LaneCommand::ReopenEntry) => self.reopen(now, journey),
            Event::LinesRead(lines) if journey.one_step() && self.entered => {
                State::Entering(Entering { lines: Some(lines), ..self })
            }
            Event::DocumentOnReader(false) => self.document_taken(now, journey),
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
        if self.taking.is_some_and(|until| until <= now) {
            return journey.refer(Reason::DocumentLeft, now);
        }
        match self.door {
            Doorway::Opening(until) | Doorway::Closing(until) if until <= now => {
                journey.refer(Reason::GateFault, now)
            }
            _ => match journey.gate.and_then(|gate| gate.cabin) {
                None if journey.gate.is_some_and(|gate| gate.object_left) => {
                    journey.refer(Reason::ObjectLeft, now)
                }
                None => journey.refer(Reason::CabinUnobserved, now),
                Some(0) => self.left(Reason::TravellerTimeout, now, journey),
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
        self.came |= gate.entry_zone.is_some_and(|persons| persons > 0);
        match gate.cabin {
            Some(0) if self.came && self.taking.is_none() && gate.entry_zone == Some(0) => {
                return self.left(Reason::TravellerLeft, now, journey);
            }
            Some(1) => return self.one_inside(gate, was_several, now, journey),
            Some(0) => {}
            Some(_) => (self.came, self.entered) = (true, true),
            None if gate.object_left && !self.object_told => {
                self.object_told = true;
                journey.show(Prompt::TakeBelongings);
            }
            None => {}
        }
        State::Entering(self)
    }

    fn one_inside(mut self, gate: GateState, was_several: bool, now: Moment, journey: &mut Journey) -> State {
        (self.came, self.entered) = (true, true);
        if matches!(self.door, Doorway::Closing(_)) && gate.shut() {
            journey.step(Step::Enter, self.since, now);
            return if journey.one_step() {
                Presenting::begin(self.lines, now, journey)
            } else {
                Capturing::begin(now, journey)
            };
        }
        if was_several {
            journey.show(Prompt::WalkIn);
        }
        // Only a door that was seen open can have let the person in.
        if self.door == Doorway::Open && gate.entry_zone == Some(0) {
            if !journey.one_step() && journey.document_on_reader == Some(true) {
                if self.taking.is_none() {
                    journey.show(Prompt::TakeDocument);
                    self.taking = Some(now.after(journey.profile.limits.take_document_ms));
                }
            } else {
                journey.gate(GateCommand::CloseEntry);
                journey.show(Prompt::Wait);
                self.door = Doorway::Closing(now.after(journey.profile.limits.door_ms));
            }
        }
        State::Entering(self)
    }

    /// Nobody is there any more. One step: of whoever only passed by the entrance nothing is remembered.
    fn left(self, reason: Reason, now: Moment, journey: &mut Journey) -> State {
        if journey.one_step() && !self.entered { journey.forget(now) } else { journey.withdraw(reason, now) }
    }

    /// The document that was left outside was fetched: whoever is not inside comes in again.
    fn document_taken(mut self, now: Moment, journey: &mut Journey) -> State {
        if self.taking.take().is_none() {
            return State::Entering(self);
        }
        match journey.gate {
            Some(gate) if gate.cabin != Some(0) => self.look(gate, now, journey),
            _ => {
                (self.came, self.entered) = (false, false);
                journey.show(Prompt::WalkIn);
                State::Entering(self)
            }
        }
    }
}
