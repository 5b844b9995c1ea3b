//! Watches the demonstration's lane: records each passage and hands it over when it has ended.

use crate::lane::{Deed, Input, Observer};
use crate::passage::{Moment, Outcome, Prompt, Step, StepTime};
use crate::policy::{PassageId, Profile};
use crate::workbench::fixture::Fixture;
use crate::workbench::record::Recorder;
use jiff::Timestamp;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Passages that may wait to be looked at.
const WAITING_MOST: usize = 16;

/// A passage that is over.
pub struct Passed {
    /// What came out.
    pub outcome: Outcome,
    /// Everything that reached it.
    pub fixture: Fixture,
}

/// The observer.
pub(super) struct Watch {
    recorder: Recorder<Box<dyn FnMut(Fixture) + Send>>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    handed_out: Moment,
    asked: Moment,
    /// From the question to central's answer, milliseconds.
    answered: Option<u64>,
    shown: watch::Sender<Option<Prompt>>,
}

/// What comes out of a [`Watch`]: passages that are over, and what the screen says.
pub(super) type Seen = (Watch, Receiver<Passed>, watch::Receiver<Option<Prompt>>);

impl Watch {
    /// Hands every passage that had an outcome to the receiver.
    pub(super) fn new(profile: Arc<Profile>, trust: Vec<(String, Vec<u8>)>) -> Seen {
        let (shown, prompts) = watch::channel(None);
        let (give, take): (SyncSender<Passed>, _) = sync_channel(WAITING_MOST);
        let outcome: Arc<Mutex<Option<Outcome>>> = Arc::default();
        let kept = outcome.clone();
        let finished: Box<dyn FnMut(Fixture) + Send> = Box::new(move |fixture| {
            if let Some(outcome) = kept.lock().unwrap_or_else(PoisonError::into_inner).take() {
                // Nobody looks any more when the demonstration ends.
                let _ = give.try_send(Passed { outcome, fixture });
            }
        });
        let recorder = Recorder::new(profile, trust, finished);
        let (handed_out, asked, answered) = (Moment(0), Moment(0), None);
        (Watch { recorder, outcome, handed_out, asked, answered, shown }, take, prompts)
    }
}

impl Observer for Watch {
    fn begun(&mut self, passage: &PassageId, started: Timestamp, at: Moment) {
        self.answered = None;
        self.recorder.begun(passage, started, at);
    }

    /// The outcome is handed out before it is durable, so only an onlooker can time its storage.
    fn heard(&mut self, at: Moment, input: &Input) {
        if let Input::Central(_) = input {
            self.answered = Some(at.since(self.asked));
        }
        if let Input::Stored(true) = input
            && let Some(outcome) = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            outcome.steps.push(StepTime { step: Step::Store, ms: at.since(self.handed_out) });
        }
        self.recorder.heard(at, input);
    }

    fn time(&mut self, at: Moment) {
        self.recorder.time(at);
    }

    fn did(&mut self, at: Moment, deed: &Deed) {
        match deed {
            Deed::LookedUp => self.asked = at,
            Deed::Showed(prompt) => drop(self.shown.send_replace(Some(*prompt))),
            _ => {}
        }
        self.recorder.did(at, deed);
    }

    fn outcome(&mut self, at: Moment, outcome: &Outcome) {
        self.handed_out = at;
        let mut timed = outcome.clone();
        timed.steps.retain(|time| time.step != Step::Lookup);
        timed.steps.extend(self.answered.map(|ms| StepTime { step: Step::Lookup, ms }));
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(timed);
        self.recorder.outcome(at, outcome);
    }

    fn ended(&mut self, at: Moment) {
        self.recorder.ended(at);
    }
}
