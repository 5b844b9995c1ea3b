//! One person is in the shut cabin; the camera gathers what the verdict needs.

use super::command;
use super::journey::{Journey, Lookup};
use super::several::Several;
use super::storing::Storing;
use super::{Event, GateState, Moment, Prompt, State, Step};
use crate::check::{Check, CheckId, Reason};
use crate::face::FrameFindings;

/// Least time between two instructions about the picture, so that each can be read.
const ADVICE_EVERY_MS: u64 = 1_200;

#[derive(Debug)]
pub(super) struct Capturing {
    since: Moment,
    /// Enough frames must be there by then.
    until: Moment,
    /// When filming ended, once it has.
    filmed: Option<Moment>,
    several: Several,
    /// Time limit of `several`.
    several_ms: u64,
    /// What the traveller reads, and since when.
    shown: (Prompt, Moment),
}

impl Capturing {
    /// Called with one person behind the locked entrance.
    pub(super) fn begin(now: Moment, journey: &mut Journey) -> State {
        journey.start_filming();
        journey.show(Prompt::LookAtCamera);
        let limits = &journey.profile.limits;
        State::Capturing(Capturing {
            since: now,
            until: now.after(limits.capture_ms),
            filmed: None,
            several: Several::default(),
            several_ms: limits.several_persons_ms,
            shown: (Prompt::LookAtCamera, now),
        })
    }

    pub(super) fn deadline(&self, journey: &Journey) -> Moment {
        let several = self.several.deadline(self.several_ms);
        let waiting = match (self.filmed, journey.lookup) {
            (None, _) => Some(self.until),
            (Some(_), Lookup::Asked(until)) => Some(until),
            // Only more than one person keeps the verdict waiting now.
            (Some(filmed), _) => several.or(Some(filmed)),
        };
        [several, waiting].into_iter().flatten().min().unwrap_or(self.until)
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
                if let Some(referred) = self.look(gate, now, journey) {
                    return referred;
                }
            }
            Event::Frame(findings) if self.filmed.is_none() => self.frame(*findings, now, journey),
            Event::CaptureFailed(reason) if self.filmed.is_none() => return journey.refer(reason, now),
            _ => {}
        }
        self.advance(now, journey)
    }

    pub(super) fn on_deadline(self, now: Moment, journey: &mut Journey) -> State {
        if self.several.deadline(self.several_ms).is_some_and(|deadline| deadline <= now) {
            journey.add_check(Check::failed(CheckId::SinglePerson, Reason::SeveralPersons));
            return journey.refer(Reason::SeveralPersons, now);
        }
        self.advance(now, journey)
    }

    /// Goes on as far as what is there allows.
    fn advance(mut self, now: Moment, journey: &mut Journey) -> State {
        if self.filmed.is_none() && (journey.fusion.decided() || self.until <= now) {
            journey.stop_filming();
            journey.step(Step::Capture, self.since, now);
            journey.show(Prompt::Wait);
            self.filmed = Some(now);
        }
        let Some(filmed) = self.filmed else {
            return State::Capturing(self);
        };
        if let Lookup::Asked(until) = journey.lookup {
            if now < until {
                return State::Capturing(self);
            }
            journey.lookup_late();
        }
        if self.several.now() {
            return State::Capturing(self);
        }
        if filmed < now {
            journey.step(Step::Lookup, filmed, now);
        }
        Self::decide(now, journey)
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

    /// Sees to it that one person stays alone behind shut doors; `Some` when that is over.
    fn look(&mut self, gate: GateState, now: Moment, journey: &mut Journey) -> Option<State> {
        if self.several.count(gate.cabin, now) {
            self.say(Prompt::OnePersonOnly, now, journey);
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

    fn frame(&mut self, findings: FrameFindings, now: Moment, journey: &mut Journey) {
        let flaw = findings.traveller.as_ref().and_then(|face| face.quality.first().copied());
        journey.add_frame(findings);
        let advice = match flaw {
            _ if self.several.now() => Prompt::OnePersonOnly,
            Some(flaw) => Prompt::Adjust(flaw),
            None => Prompt::LookAtCamera,
        };
        let (shown, since) = self.shown;
        if advice != shown && now >= since.after(ADVICE_EVERY_MS) {
            self.say(advice, now, journey);
        }
    }

    fn say(&mut self, prompt: Prompt, now: Moment, journey: &mut Journey) {
        journey.show(prompt);
        self.shown = (prompt, now);
    }
}
