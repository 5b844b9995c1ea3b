//! Admitted, but not yet on record: the exit stays shut until the outcome is durable.

use super::command;
use super::journey::Journey;
use super::leaving::Leaving;
use super::{Ending, Event, Moment, State};
use crate::check::Reason;
use crate::policy::ExitToken;

/// Owns the token; whoever drops this state drops the admission.
#[derive(Debug)]
pub(super) struct Storing {
    token: ExitToken,
    until: Moment,
}

impl Storing {
    pub(super) fn begin(token: ExitToken, now: Moment, journey: &mut Journey) -> State {
        journey.store(Ending::Admitted, Vec::new(), now);
        State::Storing(Storing { token, until: now.after(journey.profile.limits.durable_ms) })
    }

    pub(super) fn deadline(&self) -> Moment {
        self.until
    }

    /// Whatever breaks off here gives a second outcome of the same passage, *referred*: the admission
    /// may be on record already, and a chain only grows.
    pub(super) fn on_event(self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            return journey.refer(reason, now);
        }
        if let Some(released) = command::released(&event, now, journey) {
            return released;
        }
        match event {
            Event::OutcomeNotStored => journey.refer(Reason::OutcomeNotDurable, now),
            Event::Gate(_) | Event::OutcomeStored => match journey.against_leaving() {
                Some(reason) => journey.refer(reason, now),
                None if matches!(event, Event::OutcomeStored) => Leaving::begin(self.token, now, journey),
                None => State::Storing(self),
            },
            _ => State::Storing(self),
        }
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        journey.refer(Reason::OutcomeNotDurable, now)
    }
}
