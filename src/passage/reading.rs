//! The chip is read and the document examined; the entrance stays shut.

use super::command;
use super::entering::Entering;
use super::journey::Journey;
use super::{Effect, Event, GateCommand, Moment, Prompt, State, Step};
use crate::check::{Check, CheckId, Reason};
use crate::document::Mrz;

#[derive(Debug)]
pub(super) struct Reading {
    until: Moment,
}

impl Reading {
    pub(super) fn begin(mrz: Mrz, now: Moment, journey: &mut Journey) -> State {
        journey.show(Prompt::ReadingDocument);
        journey.gate(GateCommand::LampRed);
        journey.printed = Some(mrz.clone());
        journey.wish(Effect::ReadChip(Box::new(mrz)));
        State::Reading(Reading { until: now.after(journey.profile.limits.chip_ms) })
    }

    pub(super) fn deadline(&self) -> Moment {
        self.until
    }

    pub(super) fn on_event(self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            Self::broke_off(reason, journey);
            return journey.refer(reason, now);
        }
        if let Event::Command(_) = event {
            Self::broke_off(Reason::ReleasedToOfficer, journey);
        }
        if let Some(released) = command::released(&event, now, journey) {
            return released;
        }
        let Event::DocumentExamined(findings) = event else {
            return State::Reading(self);
        };
        journey.examined(*findings);
        journey.step(Step::Document, journey.began(), now);
        let objections = journey.entrance();
        if !objections.is_empty() {
            return journey.refer_for(objections, now);
        }
        journey.ask_central(now);
        Entering::begin(now, journey)
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        Self::broke_off(Reason::ChipTimeout, journey);
        journey.refer(Reason::ChipTimeout, now)
    }

    /// What is known when the chip's findings never came.
    fn broke_off(reason: Reason, journey: &mut Journey) {
        if let Some(printed) = &journey.printed {
            let consistency = printed.consistency.clone();
            journey.add_check(consistency);
        }
        journey.add_check(Check::aborted(CheckId::ChipAccess, reason));
    }
}
