//! A desk to play a passage on: time is a number, the gate and all answers are made by hand.

use egate::check::{Check, Reason};
use egate::document::Mrz;
use egate::face::{FaceFinding, FrameFindings, Reference, Template};
use egate::passage::{
    DocumentFindings, Door, Effect, Ending, Event, GateCommand, GateState, LookupFindings, Moment, Outcome,
    Passage, Prompt,
};
use egate::policy::{ENTRANCE, PassageId, Profile, Topology};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The specimen of Doc 9303-4, appendix A.
pub(crate) const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

pub(crate) const ID: &str = "lane-1/test/1";

/// Five points of a face.
const LANDMARKS: [[f32; 2]; 5] =
    [[260.0, 190.0], [340.0, 190.0], [300.0, 240.0], [270.0, 290.0], [330.0, 290.0]];

/// An idle gate.
pub(crate) fn idle() -> GateState {
    GateState {
        entry: Door::Locked,
        exit: Door::Locked,
        entry_zone: Some(0),
        cabin: Some(0),
        exit_zone: Some(0),
        ..GateState::default()
    }
}

pub(crate) fn lines() -> Event {
    Event::LinesRead(LINES.map(String::from).to_vec())
}

pub(crate) fn document_checks() -> Vec<Check> {
    ENTRANCE.into_iter().map(Check::successful).collect()
}

pub(crate) fn examined(checks: Vec<Check>) -> Event {
    Event::DocumentExamined(Box::new(DocumentFindings {
        checks,
        chip_mrz: Some(Mrz::parse(&LINES).unwrap()),
        portrait: true,
        reference: Ok(Reference { template: template(1.0), eye_distance: 90.0, landmarks: LANDMARKS }),
    }))
}

pub(crate) fn looked_up() -> Event {
    Event::LookedUp(LookupFindings {
        checks: LookupFindings::CHECKS.into_iter().map(Check::successful).collect(),
    })
}

/// A template whose similarity to `template(1.0)` is `cosine`.
pub(crate) fn template(cosine: f32) -> Template {
    // As both embedders of the manifest would have it, 128 and 512 numbers.
    let mut values = vec![0.0; 640];
    for start in [0, 128] {
        values[start] = cosine;
        values[start + 1] = (1.0 - cosine * cosine).max(0.0).sqrt();
    }
    Template { values }
}

/// A frame of the traveller with this similarity and attack score.
pub(crate) fn frame(sequence: u64, similarity: f32, attack: f32) -> FrameFindings {
    FrameFindings {
        sequence,
        faces: 1,
        traveller: Some(FaceFinding {
            bounds: [200.0, 100.0, 200.0, 240.0],
            landmarks: LANDMARKS,
            score: 0.95,
            quality: Vec::new(),
            measures: Vec::new(),
            attack: Some(attack),
            cues: Vec::new(),
            template: template(similarity),
        }),
    }
}

pub(crate) struct Desk {
    pub(crate) passage: Passage,
    pub(crate) now: u64,
    pub(crate) gate: GateState,
    pub(crate) effects: Vec<Effect>,
    frames: u64,
}

impl Desk {
    /// A passage that was told of an idle gate.
    pub(crate) fn new() -> Desk {
        let mut desk = Desk::silent();
        desk.hear(Event::Gate(idle()));
        desk
    }

    /// A passage that was told that nothing is amiss, and nothing of the gate yet.
    pub(crate) fn silent() -> Desk {
        let mut desk = Desk::unaware();
        desk.hear(Event::Conditions(BTreeSet::new()));
        desk
    }

    /// A passage that was told nothing yet.
    pub(crate) fn unaware() -> Desk {
        Desk::at(Topology::TwoStep)
    }

    /// A passage of this topology that was told nothing yet.
    pub(crate) fn at(topology: Topology) -> Desk {
        let started = "2026-01-05T10:00:00Z".parse().unwrap();
        let profile = Profile { topology, ..Profile::default() };
        let passage = Passage::new(PassageId(ID.into()), Arc::new(profile), started, Moment(1_000));
        Desk { passage, now: 1_000, gate: idle(), effects: Vec::new(), frames: 0 }
    }

    pub(crate) fn hear(&mut self, event: Event) {
        if let Event::Gate(state) = &event {
            self.gate = *state;
        }
        self.passage.on_event(event, Moment(self.now));
        self.take();
    }

    /// Changes the gate's state and tells of it.
    pub(crate) fn gate(&mut self, change: impl FnOnce(&mut GateState)) {
        let mut state = self.gate;
        change(&mut state);
        self.hear(Event::Gate(state));
    }

    /// Lets time pass, as a lane does: every deadline is met when it comes.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        let mut deadlines = 0;
        while let Some(deadline) = self.passage.deadline().filter(|deadline| deadline.0 <= until) {
            self.now = self.now.max(deadline.0);
            self.passage.on_time(Moment(self.now));
            self.take();
            deadlines += 1;
            assert!(deadlines < 1_000, "a deadline that is met must not come again");
        }
        self.now = until;
    }

    pub(crate) fn frame(&mut self, similarity: f32, attack: f32) {
        self.frames += 1;
        self.now += 100;
        self.hear(Event::Frame(Box::new(frame(self.frames, similarity, attack))));
    }

    fn take(&mut self) {
        let before = self.effects.len();
        while let Some(effect) = self.passage.next_effect() {
            self.effects.push(effect);
        }
        assert!(self.effects.len() - before <= Passage::EFFECTS_MOST);
    }

    // The honest way, stage by stage.

    pub(crate) fn reading() -> Desk {
        let mut desk = Desk::new();
        desk.wait(5_000);
        desk.hear(lines());
        assert_eq!(desk.state(), "reading");
        desk
    }

    pub(crate) fn entering() -> Desk {
        let mut desk = Desk::reading();
        desk.wait(3_000);
        desk.hear(examined(document_checks()));
        assert_eq!(desk.state(), "entering");
        desk.wait(1_000);
        desk.gate(|g| g.entry = Door::Open);
        desk
    }

    pub(crate) fn capturing() -> Desk {
        let mut desk = Desk::entering();
        desk.hear(looked_up());
        desk.walk_in();
        desk
    }

    pub(crate) fn walk_in(&mut self) {
        self.wait(1_000);
        self.gate(|g| g.entry_zone = Some(1));
        self.wait(500);
        self.gate(|g| g.cabin = Some(1));
        self.wait(500);
        self.gate(|g| g.entry_zone = Some(0));
        self.gate(|g| g.entry = Door::Unknown);
        self.wait(1_000);
        self.gate(|g| g.entry = Door::Locked);
        assert_eq!(self.state(), "capturing");
    }

    /// Frames of the holder until filming ends.
    pub(crate) fn film(&mut self) {
        for _ in 0..Profile::default().face.frames_most {
            if self.filming() {
                self.frame(0.8, 0.02);
            }
        }
        assert!(!self.filming(), "enough frames must end the filming");
    }

    pub(crate) fn storing() -> Desk {
        let mut desk = Desk::capturing();
        desk.film();
        assert_eq!(desk.state(), "storing");
        desk
    }

    pub(crate) fn leaving() -> Desk {
        let mut desk = Desk::storing();
        desk.wait(10);
        desk.hear(Event::OutcomeStored);
        assert_eq!(desk.state(), "leaving");
        desk.wait(1_000);
        desk.gate(|g| g.exit = Door::Open);
        desk
    }

    // The same in one step.

    /// An open lane with nobody there.
    pub(crate) fn inviting() -> Desk {
        let mut desk = Desk::at(Topology::OneStep);
        desk.hear(Event::Conditions(BTreeSet::new()));
        desk.hear(Event::Gate(idle()));
        assert_eq!((desk.state(), desk.prompt()), ("ready", Some(Prompt::WalkIn)));
        desk
    }

    /// Alone in the shut cabin, asked for the document.
    pub(crate) fn presenting() -> Desk {
        let mut desk = Desk::inviting();
        desk.wait(5_000);
        desk.gate(|g| g.entry_zone = Some(1));
        assert_eq!(desk.state(), "entering");
        desk.gate(|g| g.entry = Door::Open);
        desk.wait(500);
        desk.gate(|g| (g.entry_zone, g.cabin) = (Some(0), Some(1)));
        desk.gate(|g| g.entry = Door::Unknown);
        desk.wait(1_000);
        desk.gate(|g| g.entry = Door::Locked);
        assert_eq!((desk.state(), desk.prompt()), ("presenting", Some(Prompt::PlaceDocument)));
        desk
    }

    /// The document lies on the reader, its chip is read and the face filmed.
    pub(crate) fn reading_and_filming() -> Desk {
        let mut desk = Desk::presenting();
        desk.wait(2_000);
        desk.hear(lines());
        desk.hear(Event::DocumentOnReader(true));
        assert_eq!((desk.state(), desk.filming()), ("capturing", true));
        desk
    }

    // What was wished.

    pub(crate) fn state(&self) -> &'static str {
        self.passage.state_name()
    }

    pub(crate) fn outcomes(&self) -> Vec<&Outcome> {
        fn stored(effect: &Effect) -> Option<&Outcome> {
            match effect {
                Effect::Store(outcome) => Some(&**outcome),
                _ => None,
            }
        }
        self.effects.iter().filter_map(stored).collect()
    }

    /// Ending and reasons of the last outcome.
    pub(crate) fn last(&self) -> (Ending, &[Reason]) {
        let outcome = *self.outcomes().last().expect("an outcome");
        (outcome.ending, &outcome.reasons)
    }

    pub(crate) fn prompts(&self) -> Vec<Prompt> {
        let shown = |effect: &Effect| match effect {
            Effect::Show(prompt) => Some(*prompt),
            _ => None,
        };
        self.effects.iter().filter_map(shown).collect()
    }

    pub(crate) fn prompt(&self) -> Option<Prompt> {
        self.prompts().last().copied()
    }

    pub(crate) fn told(&self, command: GateCommand) -> usize {
        let same = |effect: &&Effect| matches!(effect, Effect::Gate(told) if *told == command);
        self.effects.iter().filter(same).count()
    }

    pub(crate) fn exits_opened(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::OpenExit(_))).count()
    }

    pub(crate) fn filming(&self) -> bool {
        let count = |what: fn(&Effect) -> bool| self.effects.iter().filter(|e| what(e)).count();
        count(|e| matches!(e, Effect::StartCapture)) > count(|e| matches!(e, Effect::StopCapture))
    }

    pub(crate) fn ended(&self) -> bool {
        let ended = matches!(self.effects.last(), Some(Effect::Ended));
        assert_eq!(ended, self.state() == "ended");
        ended
    }

    pub(crate) fn forget(&mut self) {
        self.effects.clear();
    }
}

impl Desk {
    /// In the cabin so quickly that central's time is not over yet.
    pub(crate) fn entering_quickly() -> Desk {
        let mut desk = Desk::reading();
        desk.hear(examined(document_checks()));
        desk.gate(|g| g.entry = Door::Open);
        desk.gate(|g| g.cabin = Some(1));
        desk.gate(|g| g.entry = Door::Locked);
        assert_eq!(desk.state(), "capturing");
        desk
    }
}
