//! One traveller's way through the gate, as a state machine.
//!
//! [`Passage`] knows no clock, device or thread. The lane tells it what happened ([`Event`]) and when
//! ([`Moment`]), then takes what it wishes ([`Effect`]) until there is no more, and calls
//! [`Passage::on_time`] when [`Passage::deadline`] has come. The exit opens only by
//! [`Effect::OpenExit`], which carries policy's token, and only after [`Event::OutcomeStored`].
//!
//! Two-step mantrap ([`Topology::TwoStep`](crate::policy::Topology)): the document is checked at the shut entrance,
//! the face in the shut cabin.
//!
//! ```text
//! Ready ─► Reading ─► Entering ─► Capturing ─► Storing ─► Leaving ─► (ended: admitted)
//!    │        │           │            │          │          │
//!    └────────┴───────────┴────────────┴──────────┴──────────┴──► Referred / Withdrawn ─► (ended)
//! ```
//!
//! One step: reader, display and camera stand in the cabin. An open lane shows "walk in"; whoever comes to the
//! entrance is let in, alone, and behind the shut entrance asked for the document. The face is filmed while the chip
//! is read, and compared when the portrait is there; one verdict over both, then the exit opens or an officer comes.
//! A person who only passed by the entrance leaves no record.
//!
//! ```text
//! Ready ─► Entering ─► Presenting ─► Capturing ─► Storing ─► Leaving ─► (ended: admitted)
//! ```
//!
//! Misbehaviour is asked to be mended, within a time limit of the profile, before an officer is called: a second
//! person ([`Prompt::OnePersonOnly`], `several_persons_ms`) or face (the same), a document left on the reader
//! ([`Prompt::TakeDocument`], `take_document_ms`), something left in the cabin ([`Prompt::TakeBelongings`],
//! `object_ms`), a traveller who does not go on (`enter_ms`, `document_ms`, `capture_ms`, `leave_ms`). Who turns back
//! may go; who lays another document on the reader meanwhile meets an officer.
//!
//! What can never happen, whatever is heard and in whatever order (`tests/passage.rs` shows it with
//! arbitrary events at arbitrary times): the exit is told to open without a stored admission, twice, or
//! while the cabin does not hold exactly one person behind a locked entrance; a passage that has begun
//! does not end.
//!
//! What the lane owes: one [`Event::Gate`] or [`Event::GateLost`] at the start and at every change;
//! [`Event::DocumentOnReader`] likewise, where the reader tells; all effects taken after each call, in order; a new passage after [`Effect::Ended`].
mod aftermath;
mod cabin;
mod capturing;
mod command;
mod entering;
mod gate;
mod journey;
mod leaving;
mod lines;
mod lookup;
mod presenting;
mod reading;
mod ready;
mod several;
mod storing;
mod words;

pub use command::*;
pub use gate::*;
pub use words::*;

use crate::policy::{PassageId, Profile};
use aftermath::Aftermath;
use capturing::Capturing;
use entering::Entering;
use jiff::Timestamp;
use journey::Journey;
use leaving::Leaving;
use presenting::Presenting;
use reading::Reading;
use ready::Ready;
use std::sync::Arc;
use storing::Storing;

/// One passage, from an idle gate to an idle gate.
#[derive(Debug)]
pub struct Passage {
    journey: Journey,
    state: State,
    /// Latest moment heard of; time does not run backwards.
    latest: Moment,
}

/// Where the passage is. Each state owns what only it needs.
#[derive(Debug)]
enum State {
    Ready(Ready),
    Reading(Reading),
    Entering(Entering),
    Presenting(Presenting),
    Capturing(Capturing),
    Storing(Storing),
    Leaving(Leaving),
    Aftermath(Aftermath),
    Ended,
}

impl Passage {
    /// Most effects that one call adds.
    pub const EFFECTS_MOST: usize = 32;
    /// Most deadlines that one call meets, when the lane was late.
    const DEADLINES_MOST: usize = 16;

    /// An idle gate that waits for a traveller. `started` is the wall clock at `now`; the passage begins,
    /// and its outcome is dated, at the first printed lines.
    pub fn new(id: PassageId, profile: Arc<Profile>, started: Timestamp, now: Moment) -> Passage {
        Passage {
            journey: Journey::new(id, profile, started, now),
            state: State::Ready(Ready::new()),
            latest: now,
        }
    }

    /// Hears what happened. Deadlines that have passed by then are met first.
    pub fn on_event(&mut self, event: Event, now: Moment) {
        self.on_time(now);
        let now = self.latest;
        self.journey.hear(&event);
        self.step(|state, journey| match state {
            State::Ready(ready) => ready.on_event(event, now, journey),
            State::Reading(reading) => reading.on_event(event, now, journey),
            State::Entering(entering) => entering.on_event(event, now, journey),
            State::Presenting(presenting) => presenting.on_event(event, now, journey),
            State::Capturing(capturing) => capturing.on_event(event, now, journey),
            State::Storing(storing) => storing.on_event(event, now, journey),
            State::Leaving(leaving) => leaving.on_event(event, now, journey),
            State::Aftermath(aftermath) => aftermath.on_event(event, now, journey),
            State::Ended => State::Ended,
        });
    }

    /// Meets the deadlines that have passed.
    pub fn on_time(&mut self, now: Moment) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        for _ in 0..Self::DEADLINES_MOST {
            if self.deadline().is_none_or(|deadline| now < deadline) {
                return;
            }
            self.step(|state, journey| match state {
                State::Ready(ready) => ready.on_deadline(now, journey),
                State::Reading(reading) => reading.on_deadline(now, journey),
                State::Entering(entering) => entering.on_deadline(now, journey),
                State::Presenting(presenting) => presenting.on_deadline(now, journey),
                State::Capturing(capturing) => capturing.on_deadline(now, journey),
                State::Storing(storing) => storing.on_deadline(now, journey),
                State::Leaving(leaving) => leaving.on_deadline(now, journey),
                State::Aftermath(aftermath) => aftermath.on_deadline(now, journey),
                State::Ended => State::Ended,
            });
        }
    }

    /// When to call [`Passage::on_time`] at the latest; ask again after every call. `None` only while
    /// nobody has begun, and when it is over.
    pub fn deadline(&self) -> Option<Moment> {
        match &self.state {
            State::Ready(ready) => ready.deadline(),
            State::Reading(reading) => Some(reading.deadline()),
            State::Entering(entering) => Some(entering.deadline()),
            State::Presenting(presenting) => Some(presenting.deadline()),
            State::Capturing(capturing) => Some(capturing.deadline(&self.journey)),
            State::Storing(storing) => Some(storing.deadline()),
            State::Leaving(leaving) => Some(leaving.deadline()),
            State::Aftermath(aftermath) => Some(aftermath.deadline()),
            State::Ended => None,
        }
    }

    /// The next wish; `None` when there is no more for now.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.journey.next_effect()
    }

    /// The pictures that an outcome would keep now: their bytes are to be at hand.
    pub fn pictures(&self) -> Vec<Picture> {
        self.journey.pictures()
    }

    /// Which passage this is.
    pub fn id(&self) -> &PassageId {
        self.journey.id()
    }

    /// When the traveller began; `None` while nobody has.
    pub fn began(&self) -> Option<Timestamp> {
        self.journey.began_at()
    }

    /// Name of the state for logs and pages: `ready`, `reading`, `entering`, `presenting`, `capturing`, `storing`,
    /// `leaving`, `referred`, `withdrawn`, `ended`.
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            State::Ready(_) => "ready",
            State::Reading(_) => "reading",
            State::Entering(_) => "entering",
            State::Presenting(_) => "presenting",
            State::Capturing(_) => "capturing",
            State::Storing(_) => "storing",
            State::Leaving(_) => "leaving",
            State::Aftermath(aftermath) => aftermath.name(),
            State::Ended => "ended",
        }
    }

    fn step(&mut self, next: impl FnOnce(State, &mut Journey) -> State) {
        let state = std::mem::replace(&mut self.state, State::Ended);
        self.state = next(state, &mut self.journey);
    }
}
