//! One person alone behind shut doors: counted by the gate's sensors, and by the camera.

use super::journey::Journey;
use super::several::Several;
use super::{GateState, Moment, Prompt, State};
use crate::check::{Check, CheckId, Reason};

/// Watches over a shut cabin with one person in it.
#[derive(Debug)]
pub(super) struct Cabin {
    persons: Several,
    faces: Several,
    /// Time limit of each.
    several_ms: u64,
}

impl Cabin {
    pub(super) fn new(journey: &Journey) -> Cabin {
        let several_ms = journey.profile.limits.several_persons_ms;
        Cabin { persons: Several::default(), faces: Several::default(), several_ms }
    }

    /// Hears the gate, asks a second person to step back; `Some` when the passage goes to an officer.
    pub(super) fn look(&mut self, gate: GateState, now: Moment, journey: &mut Journey) -> Option<State> {
        if self.persons.count(gate.cabin, now) {
            journey.show(Prompt::OnePersonOnly);
        }
        match gate.against_leaving() {
            None | Some(Reason::SeveralPersons) => None,
            Some(reason) => {
                if reason == Reason::CabinUnobserved {
                    journey.add_check(Check::undetermined(CheckId::SinglePerson, reason));
                }
                Some(journey.refer(reason, now))
            }
        }
    }

    /// Hears how many faces the camera sees.
    pub(super) fn faces(&mut self, faces: usize, now: Moment) {
        self.faces.count(Some(u8::try_from(faces).unwrap_or(u8::MAX)), now);
    }

    /// Nobody is filmed any more: what the camera saw last lasts no longer.
    pub(super) fn filmed(&mut self, now: Moment) {
        self.faces.count(None, now);
    }

    /// Whether more than one person is inside, or more than one face in view, now.
    pub(super) fn several(&self) -> bool {
        self.persons.now() || self.faces.now()
    }

    /// When one of them must be out of it.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let limit = |several: &Several| several.deadline(self.several_ms);
        limit(&self.persons).into_iter().chain(limit(&self.faces)).min()
    }

    /// Why the passage goes to an officer now, when one of them still is not.
    pub(super) fn overdue(&self, now: Moment) -> Option<Reason> {
        let over = |several: &Several| several.deadline(self.several_ms).is_some_and(|until| until <= now);
        if over(&self.persons) {
            Some(Reason::SeveralPersons)
        } else {
            over(&self.faces).then_some(Reason::SeveralFaces)
        }
    }
}

impl Journey {
    /// More than one person for too long.
    pub(super) fn refer_several(&mut self, reason: Reason, now: Moment) -> State {
        self.add_check(Check::failed(CheckId::SinglePerson, reason));
        self.refer(reason, now)
    }
}
