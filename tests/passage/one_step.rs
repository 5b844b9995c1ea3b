//! Everything in one place: the traveller walks in, document and face are read together, one verdict.

use crate::desk::{Desk, LINES, document_checks, examined, frame, idle, lines, looked_up};
use egate::check::{Check, CheckId, Reason};
use egate::passage::{Door, Effect, Ending, Event, GateCommand, Prompt, Step};
use egate::policy::{Condition, Profile, Topology};
use std::collections::BTreeSet;

fn limits() -> egate::policy::Limits {
    Profile::default().limits
}

/// The chip is read, the traveller has the document back, central has answered.
fn document_done(desk: &mut Desk) {
    desk.hear(examined(document_checks()));
    desk.hear(looked_up());
    desk.hear(Event::DocumentOnReader(false));
}

#[test]
fn the_holder_walks_in_and_is_admitted() {
    let mut desk = Desk::reading_and_filming();
    desk.wait(2_000);
    desk.hear(Event::DocumentNamed(LINES.map(String::from).to_vec()));
    desk.wait(2_000);
    document_done(&mut desk);
    desk.film();
    assert_eq!(desk.state(), "storing");
    desk.hear(Event::OutcomeStored);
    assert_eq!((desk.state(), desk.exits_opened()), ("leaving", 1));
    desk.gate(|g| g.exit = Door::Open);
    desk.gate(|g| g.cabin = Some(0));
    desk.gate(|g| g.exit = Door::Locked);
    assert!(desk.ended());
    assert_eq!(
        desk.prompts(),
        [
            Prompt::WalkIn,
            Prompt::WalkIn,
            Prompt::Wait,
            Prompt::PlaceDocument,
            Prompt::LookWhileReading,
            Prompt::LookAtCamera,
            Prompt::Wait,
            Prompt::GoThrough
        ]
    );
    let outcome = desk.outcomes()[0];
    assert_eq!(
        outcome.started.to_string(),
        "2026-01-05T10:00:05Z",
        "dated at the opening for this traveller"
    );
    let steps: Vec<Step> = outcome.steps.iter().map(|step| step.step).collect();
    assert_eq!(steps, [Step::Enter, Step::Document, Step::Capture]);
    assert_eq!(outcome.steps[1].ms, 4_000);
}

#[test]
fn faces_filmed_while_the_chip_is_read_are_compared_when_the_portrait_is_there() {
    let mut desk = Desk::reading_and_filming();
    for _ in 0..6 {
        desk.frame(0.8, 0.02);
    }
    assert!(desk.filming(), "nothing to compare with yet");
    document_done(&mut desk);
    assert_eq!(desk.state(), "storing", "no further frame was needed");
    assert_eq!(desk.outcomes()[0].steps.iter().find(|s| s.step == Step::Capture).unwrap().ms, 600);
}

#[test]
fn faces_of_somebody_else_filmed_before_the_portrait_is_there_admit_nobody() {
    let mut desk = Desk::reading_and_filming();
    for _ in 0..6 {
        desk.frame(0.1, 0.02);
    }
    document_done(&mut desk);
    while desk.filming() {
        desk.frame(0.1, 0.02);
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::FaceMismatch][..]));
}

#[test]
fn a_long_reading_leaves_the_traveller_time_to_look_up() {
    let mut desk = Desk::reading_and_filming();
    let most = Profile::default().face.frames_most as u64;
    for sequence in 1..=2 * most {
        desk.now += 50;
        let mut down = frame(sequence, 0.8, 0.02);
        down.traveller = None;
        desk.hear(Event::Frame(Box::new(down)));
    }
    document_done(&mut desk);
    assert_eq!(desk.state(), "capturing", "nobody has had a chance to be seen");
    desk.film();
    assert_eq!(desk.last().0, Ending::Admitted);
}

#[test]
fn a_bad_document_is_referred_in_the_cabin_with_the_pictures_taken() {
    let mut desk = Desk::reading_and_filming();
    desk.frame(0.8, 0.02);
    let mut checks = document_checks();
    checks.retain(|check| check.id != CheckId::SignerChain);
    checks.push(Check::failed(CheckId::SignerChain, Reason::SignerUntrusted));
    desk.hear(examined(checks));
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::SignerUntrusted][..]));
    assert!(!desk.filming());
    assert_eq!(desk.outcomes()[0].pictures.len(), 2);
    desk.hear(Event::OutcomeStored);
    desk.wait(limits().referral_ms);
    assert_eq!(desk.told(GateCommand::OpenEntry), 2, "let back by the entrance");
    assert_eq!(desk.exits_opened(), 0);
}

#[test]
fn a_chip_that_takes_too_long_is_referred_in_the_cabin() {
    let mut desk = Desk::reading_and_filming();
    desk.wait(limits().chip_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::ChipTimeout][..]));
    assert!(!desk.filming());
}

#[test]
fn whoever_only_passes_by_the_entrance_leaves_no_record() {
    let mut desk = Desk::inviting();
    desk.gate(|g| g.entry_zone = Some(1));
    assert_eq!(desk.told(GateCommand::OpenEntry), 1);
    desk.gate(|g| g.entry = Door::Open);
    desk.gate(|g| g.entry_zone = Some(0));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1, "at once");
    desk.gate(|g| g.entry = Door::Locked);
    assert!(desk.ended());
    assert!(desk.outcomes().is_empty());
}

#[test]
fn whoever_stays_at_the_open_entrance_leaves_no_record_either() {
    let mut desk = Desk::inviting();
    desk.gate(|g| g.entry_zone = Some(1));
    desk.gate(|g| g.entry = Door::Open);
    desk.wait(limits().enter_ms);
    desk.gate(|g| (g.entry, g.entry_zone) = (Door::Locked, Some(0)));
    desk.wait(limits().enter_ms + 2 * limits().door_ms);
    assert!(desk.ended());
    assert!(desk.outcomes().is_empty());
}

#[test]
fn whoever_was_inside_and_turns_back_is_on_record() {
    let mut desk = Desk::inviting();
    desk.gate(|g| g.entry_zone = Some(1));
    desk.gate(|g| g.entry = Door::Open);
    desk.gate(|g| (g.entry_zone, g.cabin) = (Some(1), Some(1)));
    desk.gate(|g| (g.entry_zone, g.cabin) = (Some(0), Some(0)));
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerLeft][..]));
}

#[test]
fn a_lane_that_is_closed_lets_nobody_in() {
    let mut desk = Desk::at(Topology::OneStep);
    desk.hear(Event::Gate(idle()));
    desk.gate(|g| g.entry_zone = Some(1));
    assert_eq!((desk.state(), desk.prompt()), ("ready", Some(Prompt::Closed)), "it has not looked at itself");
    desk.hear(Event::Conditions(BTreeSet::from([Condition::CameraLost])));
    assert_eq!(desk.told(GateCommand::OpenEntry), 0);
    desk.hear(Event::Conditions(BTreeSet::new()));
    assert_eq!(
        (desk.state(), desk.told(GateCommand::OpenEntry)),
        ("entering", 1),
        "who waits is let in at once"
    );
}

#[test]
fn a_lane_that_refers_reads_the_document_in_the_cabin_and_calls_the_officer() {
    let mut desk = Desk::reading_and_filming();
    desk.hear(Event::Conditions(BTreeSet::from([Condition::CentralUnreachable])));
    desk.hear(examined(document_checks()));
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::LookupUnavailable][..]));
}

#[test]
fn lines_are_asked_for_again_a_few_times() {
    let mut desk = Desk::presenting();
    for _ in 0..3 {
        desk.hear(Event::LinesRead(vec!["<<<".into()]));
        assert_eq!(desk.prompt(), Some(Prompt::PlaceDocumentAgain));
    }
    desk.hear(Event::LinesRead(vec!["<<<".into()]));
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::MrzUnreadable][..]));
}

#[test]
fn a_document_laid_on_the_reader_before_the_entrance_was_seen_shut_is_not_asked_for_again() {
    let mut desk = Desk::inviting();
    desk.gate(|g| g.entry_zone = Some(1));
    desk.gate(|g| g.entry = Door::Open);
    desk.gate(|g| (g.entry_zone, g.cabin) = (Some(0), Some(1)));
    desk.hear(lines());
    assert_eq!(desk.state(), "entering", "not before the entrance is shut");
    desk.gate(|g| g.entry = Door::Locked);
    assert_eq!((desk.state(), desk.prompt()), ("capturing", Some(Prompt::LookWhileReading)));
}

#[test]
fn lines_read_while_nobody_is_inside_begin_nothing() {
    let mut desk = Desk::inviting();
    desk.hear(lines());
    assert_eq!(desk.state(), "ready");
    assert!(!desk.effects.iter().any(|effect| matches!(effect, Effect::ReadChip(_))));
}

#[test]
fn faults_and_wishes_refer_at_every_stage() {
    for stage in [Desk::presenting, Desk::reading_and_filming] {
        for (event, reason) in [
            (Event::GateLost, Reason::GateLost),
            (Event::OfficerWanted, Reason::OfficerCalled),
            (Event::Stop, Reason::LaneStopping),
        ] {
            let mut desk = stage();
            desk.hear(event);
            assert_eq!(desk.last(), (Ending::Referred, &[reason][..]));
            assert!(!desk.filming());
        }
        let mut desk = stage();
        desk.gate(|g| g.entry = Door::Open);
        assert_eq!(desk.last(), (Ending::Referred, &[Reason::GateFault][..]));
    }
}
