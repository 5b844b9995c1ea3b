//! Arbitrary events at arbitrary times, mixed with an honest world: what may never happen never does.

use crate::desk::{Desk, document_checks, examined, idle, lines, looked_up};
use egate::check::{Check, Reason};
use egate::passage::{Door, Effect, Ending, Event, GateState, LaneCommand, LookupFindings, Moment, Prompt};
use egate::policy::{Condition, Profile, Topology};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Act {
    /// The world does what helps the passage on.
    Help,
    /// The gate reports something.
    Gate(GateState),
    /// Something else is heard: see `event`.
    Other(u8),
    /// Nothing but time passes.
    Wait,
}

fn any_door() -> impl Strategy<Value = Door> {
    prop_oneof![6 => Just(Door::Locked), 2 => Just(Door::Open), 1 => Just(Door::Unknown)]
}

fn any_count() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![3 => Just(Some(0)), 3 => Just(Some(1)), 1 => Just(Some(2)), 1 => Just(None)]
}

fn any_gate() -> impl Strategy<Value = GateState> {
    let rare = || prop::bool::weighted(0.05);
    ((any_door(), any_door()), (any_count(), any_count(), any_count()), (rare(), rare(), rare(), rare()))
        .prop_map(
            |((entry, exit), (entry_zone, cabin, exit_zone), (emergency_stop, fire, wrong_way, fault))| {
                GateState {
                    entry,
                    exit,
                    entry_zone,
                    cabin,
                    exit_zone,
                    emergency_stop,
                    fire,
                    wrong_way,
                    fault,
                    object_left: cabin.is_none(),
                }
            },
        )
}

fn any_act() -> impl Strategy<Value = (Act, u64)> {
    let act = prop_oneof![
        40 => Just(Act::Help),
        2 => any_gate().prop_map(Act::Gate),
        2 => (0u8..24).prop_map(Act::Other),
        1 => Just(Act::Wait),
    ];
    let pause = prop_oneof![12 => 0u64..400, 1 => 0u64..30_000];
    (act, pause)
}

fn event(number: u8) -> Event {
    match number {
        0 => lines(),
        1 => Event::LinesRead(vec!["<<<".into()]),
        2 => examined(document_checks()),
        3 => examined(vec![Check::failed(egate::check::CheckId::Portrait, Reason::PortraitMissing)]),
        4 => Event::GateLost,
        5 => Event::Frame(Box::new(crate::desk::frame(7, 0.9, 0.9))),
        6 => Event::CaptureFailed(Reason::CameraLost),
        7 => looked_up(),
        8 => Event::LookedUp(LookupFindings { checks: vec![] }),
        9 | 10 => Event::OutcomeStored,
        11 => Event::OutcomeNotStored,
        12 => Event::OfficerWanted,
        13 => Event::Conditions(BTreeSet::from([Condition::CentralUnreachable])),
        14 => Event::Conditions(BTreeSet::new()),
        15 => Event::DocumentNamed(crate::desk::LINES.map(String::from).to_vec()),
        16 => Event::DocumentOnReader(true),
        17 => Event::DocumentOnReader(false),
        18 => Event::LinesRead(vec![
            crate::desk::LINES[0].into(),
            "L898902D28UTO7408122F1204159ZE184226B<<<<<16".into(),
        ]),
        19 => {
            let mut two = crate::desk::frame(8, 0.9, 0.01);
            two.faces = 2;
            Event::Frame(Box::new(two))
        }
        20 => Event::Command(LaneCommand::ReleaseToOfficer),
        21 => Event::Command(LaneCommand::ReopenEntry),
        22 => Event::Conditions(BTreeSet::from([Condition::OutOfService])),
        _ => Event::Stop,
    }
}

/// What an honest world would say next, by the state of the passage.
fn help(desk: &Desk, frame: u64) -> Vec<Event> {
    let mut gate = desk.gate;
    match desk.state() {
        "ready" if desk.prompt() == Some(Prompt::WalkIn) => gate.entry_zone = Some(1),
        "ready" => return vec![Event::Conditions(BTreeSet::new()), Event::Gate(idle()), lines()],
        "reading" => return vec![examined(document_checks())],
        "presenting" | "capturing" if gate.cabin != Some(1) => gate.cabin = Some(1),
        "presenting" => return vec![lines()],
        "capturing" => {
            let face = || Event::Frame(Box::new(crate::desk::frame(frame, 0.8, 0.02)));
            let away = Event::DocumentOnReader(false);
            return vec![face(), examined(document_checks()), away, looked_up(), face()];
        }
        "entering" => match (gate.entry, gate.cabin, gate.entry_zone) {
            (Door::Open, Some(1), Some(0)) => gate.entry = Door::Locked,
            (Door::Open, ..) => (gate.cabin, gate.entry_zone) = (Some(1), Some(0)),
            _ => gate.entry = Door::Open,
        },
        "leaving" => match (gate.exit, gate.cabin) {
            (Door::Open, Some(1)) => (gate.cabin, gate.exit_zone) = (Some(0), Some(0)),
            (Door::Open, _) => gate.exit = Door::Locked,
            _ => gate.exit = Door::Open,
        },
        _ => return vec![Event::OutcomeStored],
    }
    vec![Event::Gate(gate)]
}

/// Follows every effect and asserts what must hold at it.
#[derive(Default)]
struct Watch {
    seen: usize,
    gate: Option<GateState>,
    admission_handed_out: bool,
    admission_stored: bool,
    exit_opened: bool,
    exit_shut_since: bool,
    emergency_since: bool,
    /// Whether the lane was known to be sound at the last event.
    sound: bool,
}

impl Watch {
    /// Called before each event is told.
    fn before(&mut self, event: &Event) {
        match event {
            Event::Gate(state) => {
                self.gate = Some(*state);
                self.emergency_since |= self.exit_opened && state.emergency();
            }
            Event::GateLost => self.gate = None,
            Event::Conditions(conditions) => {
                // Out of service is no fault: who has begun goes on.
                self.sound = conditions.iter().all(|condition| *condition == Condition::OutOfService);
            }
            Event::OutcomeStored if self.admission_handed_out => self.admission_stored = true,
            _ => {}
        }
    }

    fn after(&mut self, desk: &Desk) {
        for effect in &desk.effects[self.seen..] {
            match effect {
                Effect::Store(outcome) if outcome.ending == Ending::Admitted => {
                    assert!(!self.admission_handed_out, "admitted twice");
                    assert!(self.sound, "admitted while the lane was amiss");
                    self.admission_handed_out = true;
                }
                Effect::Store(outcome) => assert!(!outcome.reasons.is_empty(), "refused without a reason"),
                Effect::OpenExit(token) => {
                    assert!(self.admission_stored, "opened before the admission was stored");
                    assert!(!self.exit_opened, "opened twice");
                    let gate = self.gate.expect("opened without knowing the gate");
                    assert_eq!(gate.cabin, Some(1));
                    assert_eq!((gate.entry, gate.exit), (Door::Locked, Door::Locked));
                    assert_eq!(gate.hazard(), None);
                    assert_eq!(token.passage().0, crate::desk::ID);
                    self.exit_opened = true;
                }
                Effect::Gate(egate::passage::GateCommand::CloseExit) => {
                    self.exit_shut_since |= self.exit_opened;
                }
                _ => {}
            }
        }
        self.seen = desk.effects.len();
    }
}

fn play(topology: Topology, acts: &[(Act, u64)]) -> (Desk, Watch) {
    let mut desk = Desk::at(topology);
    let mut watch = Watch::default();
    for (number, (act, pause)) in acts.iter().enumerate() {
        desk.wait(*pause);
        watch.after(&desk);
        let events = match act {
            Act::Wait => vec![],
            Act::Gate(state) => vec![Event::Gate(*state)],
            Act::Other(number) => vec![event(*number)],
            Act::Help => help(&desk, number as u64),
        };
        for event in events {
            watch.before(&event);
            desk.hear(event);
            watch.after(&desk);
        }
    }
    (desk, watch)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_exit_opens_once_and_only_for_a_stored_admission_of_one_person(
        topology in prop_oneof![Just(Topology::TwoStep), Just(Topology::OneStep)],
        acts in prop::collection::vec(any_act(), 0..60)
    ) {
        let (mut desk, mut watch) = play(topology, &acts);
        // From here on nothing happens any more but time.
        let begun = !matches!(desk.state(), "ready") || desk.passage.deadline().is_some();
        let limits = Profile::default().limits;
        let all = limits.chip_ms + limits.enter_ms + limits.capture_ms + limits.lookup_ms
            + limits.document_ms + limits.take_document_ms + limits.object_ms
            + 2 * limits.several_persons_ms + limits.leave_ms + 4 * limits.door_ms + 2 * limits.durable_ms
            + limits.referral_ms + limits.enter_ms;
        desk.wait(all);
        watch.after(&desk);
        if begun {
            prop_assert!(desk.ended(), "{} after {all} ms", desk.state());
            if watch.exit_opened {
                prop_assert!(watch.exit_shut_since || watch.emergency_since, "the exit was left open");
            }
        }
        prop_assert!(desk.outcomes().len() <= 2);
        prop_assert!(!desk.filming());
        prop_assert!(desk.passage.deadline().is_none());
        // Nothing is heard after the end.
        if desk.ended() {
            let before = desk.effects.len();
            desk.hear(lines());
            desk.hear(Event::OutcomeStored);
            desk.passage.on_time(Moment(u64::MAX));
            prop_assert_eq!(desk.effects.len(), before);
        }
    }
}

/// The generator above must reach what it is to test.
#[test]
fn the_helping_world_leads_to_an_open_exit_and_a_shut_one() {
    let acts: Vec<(Act, u64)> = std::iter::repeat_n((Act::Help, 50), 40).collect();
    for topology in [Topology::TwoStep, Topology::OneStep] {
        let (desk, watch) = play(topology, &acts);
        assert!(watch.exit_opened && watch.exit_shut_since, "{topology:?}: {}", desk.state());
        assert!(desk.ended());
    }
}
