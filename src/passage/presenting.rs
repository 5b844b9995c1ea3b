//! One step: one person is in the shut cabin and is asked for the document.

use super::cabin::Cabin;
use super::capturing::Capturing;
use super::command;
use super::journey::Journey;
use super::lines::{Lines, Tries};
use super::{Event, Moment, Prompt, State};
use crate::check::{Check, CheckId, Reason};

#[derive(Debug)]
pub(super) struct Presenting {
    /// Readable lines must be there by then.
    until: Moment,
    tries: Tries,
    cabin: Cabin,
    /// What to do, when nothing else is to be said.
    prompt: Prompt,
}

impl Presenting {
    /// Called with one person behind the locked entrance, who may have laid the document on the reader already.
    pub(super) fn begin(lines: Option<Vec<String>>, now: Moment, journey: &mut Journey) -> State {
        let presenting = Presenting {
            until: now.after(journey.profile.limits.document_ms),
            tries: Tries::default(),
            cabin: Cabin::new(journey),
            prompt: Prompt::PlaceDocument,
        };
        match lines {
            Some(lines) => presenting.on_event(Event::LinesRead(lines), now, journey),
            None => {
                journey.show(Prompt::PlaceDocument);
                State::Presenting(presenting)
            }
        }
    }

    pub(super) fn deadline(&self) -> Moment {
        self.cabin.deadline().map_or(self.until, |several| several.min(self.until))
    }

    pub(super) fn on_event(mut self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            return journey.refer(reason, now);
        }
        if let Some(released) = command::released(&event, now, journey) {
            return released;
        }
        match event {
            Event::Gate(gate) => {
                let several = self.cabin.several();
                if let Some(referred) = self.cabin.look(gate, now, journey) {
                    return referred;
                }
                if several && !self.cabin.several() {
                    journey.show(self.prompt);
                }
            }
            Event::LinesRead(lines) => match self.tries.read(&lines) {
                Lines::Read(mrz) => return Capturing::begin_reading(*mrz, self.cabin, now, journey),
                Lines::Again => {
                    self.prompt = Prompt::PlaceDocumentAgain;
                    journey.show(self.prompt);
                }
                Lines::Unreadable(error) => {
                    let check = Check::undetermined(CheckId::MrzConsistency, Reason::MrzUnreadable);
                    journey.add_check(check.with_detail(error.to_string()));
                    return journey.refer(Reason::MrzUnreadable, now);
                }
            },
            _ => {}
        }
        State::Presenting(self)
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        match self.cabin.overdue(now) {
            Some(reason) => journey.refer_several(reason, now),
            None => journey.refer(Reason::TravellerTimeout, now),
        }
    }
}
