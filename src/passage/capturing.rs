//! One person is in the shut cabin; the camera gathers what the verdict needs. One step: while the chip is read.
//!
//! A second face in view is asked to go out of it, and no frame that shows it counts. When it does not in time, or
//! when a second person is counted, an officer comes.

use super::cabin::Cabin;
use super::command;
use super::journey::Journey;
use super::lookup::Lookup;
use super::storing::Storing;
use super::{Effect, Event, Moment, Prompt, State, Step};
use crate::check::{Check, CheckId, Reason};
use crate::document::Mrz;
use crate::face::FrameFindings;

/// Least time between two instructions about the picture, so that each can be read.
const ADVICE_EVERY_MS: u64 = 1_200;

#[derive(Debug)]
pub(super) struct Capturing {
    since: Moment,
    /// Enough frames must be there by then.
    until: Moment,
    document: Document,
    /// When filming ended, once it has.
    filmed: Option<Moment>,
    cabin: Cabin,
    /// What the traveller reads, and since when.
    shown: (Prompt, Moment),
}

/// Where the document is in the one-step passage.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Document {
    /// Before the entrance, examined: nothing that lies on the reader there concerns this passage any more.
    Outside,
    /// On the reader, its chip being read; to be examined by then.
    Reading { since: Moment, until: Moment },
    /// Examined; the traveller is to have it back before the exit opens.
    Examined,
    /// The same, and the traveller is asked to take it; to be taken by then.
    Taking(Moment),
}

impl Capturing {
    /// Two steps: called with one person behind the locked entrance, the document examined.
    pub(super) fn begin(now: Moment, journey: &mut Journey) -> State {
        let until = now.after(journey.profile.limits.capture_ms);
        let cabin = Cabin::new(journey);
        Self::film(Document::Outside, cabin, until, (Prompt::LookAtCamera, now), journey)
    }

    /// One step: called with one person behind the locked entrance, the document on the reader. Filming begins with
    /// the reading of its chip.
    pub(super) fn begin_reading(mrz: Mrz, cabin: Cabin, now: Moment, journey: &mut Journey) -> State {
        let limits = &journey.profile.limits;
        let until = now.after(limits.chip_ms);
        let document = Document::Reading { since: now, until };
        journey.printed = Some(mrz.clone());
        journey.wish(Effect::ReadChip(Box::new(mrz)));
        Self::film(document, cabin, until, (Prompt::LookWhileReading, now), journey)
    }

    fn film(
        document: Document,
        cabin: Cabin,
        until: Moment,
        shown: (Prompt, Moment),
        journey: &mut Journey,
    ) -> State {
        journey.start_filming();
        if !cabin.several() {
            journey.show(shown.0);
        }
        State::Capturing(Capturing { since: shown.1, until, document, filmed: None, cabin, shown })
    }

    pub(super) fn deadline(&self, journey: &Journey) -> Moment {
        let several = self.cabin.deadline();
        let waiting = match (self.document, self.filmed, journey.lookup) {
            (Document::Reading { until, .. }, ..) | (Document::Taking(until), Some(_), _) => Some(until),
            (_, None, _) => Some(self.until),
            (_, Some(_), Lookup::Asked(until)) => Some(until),
            // Only more than one person keeps the verdict waiting now.
            (_, Some(filmed), _) => several.or(Some(filmed)),
        };
        [several, waiting].into_iter().flatten().min().unwrap_or(self.until)
    }

    pub(super) fn on_event(mut self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = Journey::interruption(&event) {
            return self.break_off(reason, now, journey);
        }
        if command::releases(&event) {
            let referred = self.break_off(Reason::ReleasedToOfficer, now, journey);
            return command::let_out(referred, now, journey);
        }
        match event {
            Event::Gate(gate) => {
                if let Some(referred) = self.cabin.look(gate, now, journey) {
                    return referred;
                }
                if self.cabin.several() {
                    self.shown = (Prompt::OnePersonOnly, now);
                } else if let Document::Taking(_) = self.document {
                    journey.show(Prompt::TakeDocument);
                }
            }
            Event::Frame(findings) if self.filmed.is_none() => self.frame(*findings, now, journey),
            Event::CaptureFailed(reason) if self.filmed.is_none() => {
                return self.break_off(reason, now, journey);
            }
            Event::DocumentNamed(lines) => journey.named(&lines, now),
            Event::DocumentExamined(findings) => {
                if let Document::Reading { since, .. } = self.document {
                    journey.examined(*findings);
                    journey.step(Step::Document, since, now);
                    let objections = journey.entrance();
                    if !objections.is_empty() {
                        return journey.refuse(objections, now);
                    }
                    journey.ask_central(now);
                    self.document = Document::Examined;
                    self.until = now.after(journey.profile.limits.capture_ms);
                }
            }
            Event::LinesRead(lines) if self.document != Document::Outside && journey.swapped(&lines) => {
                return self.break_off(Reason::DocumentSwapped, now, journey);
            }
            _ => {}
        }
        self.advance(now, journey)
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        if let Some(reason) = self.cabin.overdue(now) {
            return journey.refer_several(reason, now);
        }
        match self.document {
            Document::Reading { until, .. } if until <= now => {
                self.break_off(Reason::ChipTimeout, now, journey)
            }
            Document::Taking(until) if until <= now => journey.refer(Reason::DocumentLeft, now),
            _ => self.advance(now, journey),
        }
    }

    fn break_off(&self, reason: Reason, now: Moment, journey: &mut Journey) -> State {
        if let Document::Reading { .. } = self.document {
            journey.chip_broke_off(reason);
        }
        journey.refer(reason, now)
    }

    /// Goes on as far as what is there allows.
    fn advance(mut self, now: Moment, journey: &mut Journey) -> State {
        if let Document::Reading { .. } = self.document {
            return State::Capturing(self);
        }
        if self.filmed.is_none() && (journey.fusion.decided() || self.until <= now) {
            journey.stop_filming();
            journey.step(Step::Capture, self.since, now);
            journey.show(Prompt::Wait);
            self.cabin.filmed(now);
            self.filmed = Some(now);
        }
        let Some(filmed) = self.filmed else {
            return State::Capturing(self);
        };
        if self.awaits_taking(now, journey) {
            return State::Capturing(self);
        }
        if let Lookup::Asked(until) = journey.lookup {
            if now < until {
                return State::Capturing(self);
            }
            journey.lookup_late();
        }
        if self.cabin.several() {
            return State::Capturing(self);
        }
        if filmed < now {
            journey.step(Step::Lookup, filmed, now);
        }
        Self::decide(now, journey)
    }

    /// One step: no verdict before the traveller has the document back, so that it is not left behind.
    fn awaits_taking(&mut self, now: Moment, journey: &mut Journey) -> bool {
        match (self.document, journey.document_on_reader) {
            (Document::Outside, _) => false,
            (Document::Taking(_), Some(true)) => true,
            (_, Some(true)) => {
                journey.show(Prompt::TakeDocument);
                self.document = Document::Taking(now.after(journey.profile.limits.take_document_ms));
                true
            }
            (Document::Taking(_), _) => {
                journey.show(Prompt::Wait);
                self.document = Document::Examined;
                false
            }
            _ => false,
        }
    }

    fn decide(now: Moment, journey: &mut Journey) -> State {
        journey.add_check(match journey.against_leaving() {
            None => Check::successful(CheckId::SinglePerson),
            Some(reason) => Check::undetermined(CheckId::SinglePerson, reason),
        });
        match journey.decide() {
            Ok(token) => Storing::begin(token, now, journey),
            Err(reasons) => journey.refer_for(reasons, now),
        }
    }

    fn frame(&mut self, findings: FrameFindings, now: Moment, journey: &mut Journey) {
        self.cabin.faces(findings.faces, now);
        let flaw = findings.traveller.as_ref().and_then(|face| face.quality.first().copied());
        journey.add_frame(findings);
        let advice = match (flaw, self.document) {
            _ if self.cabin.several() => Prompt::OnePersonOnly,
            (Some(flaw), _) => Prompt::Adjust(flaw),
            // While the chip is read nobody is asked twice to look up: the document must stay where it is.
            (None, Document::Reading { .. }) => Prompt::LookWhileReading,
            (None, _) => Prompt::LookAtCamera,
        };
        let (shown, since) = self.shown;
        if advice != shown && now >= since.after(ADVICE_EVERY_MS) {
            journey.show(advice);
            self.shown = (advice, now);
        }
    }
}
