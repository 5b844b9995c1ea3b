//! What travellers do amiss: each is told, has its time to mend it, and then its outcome. In both topologies.

use crate::desk::{Desk, LINES, document_checks, examined, frame, idle, lines, looked_up};
use egate::check::Reason;
use egate::passage::{Door, Ending, Event, GateCommand, Prompt};
use egate::policy::Profile;

/// Lines of another document than [`LINES`], well read.
const OTHER: [&str; 2] = [LINES[0], "L898902D28UTO7408122F1204159ZE184226B<<<<<16"];

fn limits() -> egate::policy::Limits {
    Profile::default().limits
}

/// One frame with this many faces.
fn see(desk: &mut Desk, faces: usize) {
    desk.now += 100;
    let mut findings = frame(desk.now, 0.8, 0.02);
    findings.faces = faces;
    desk.hear(Event::Frame(Box::new(findings)));
}

// Somebody follows closely.

#[test]
fn whoever_follows_closely_is_asked_to_step_back_and_forgiven_in_time() {
    for mut desk in [Desk::entering(), Desk::capturing(), Desk::presenting(), Desk::reading_and_filming()] {
        desk.gate(|g| g.cabin = Some(2));
        assert_eq!(desk.prompt(), Some(Prompt::OnePersonOnly), "{}", desk.state());
        desk.wait(limits().several_persons_ms - 1);
        desk.gate(|g| g.cabin = Some(1));
        assert!(desk.outcomes().is_empty());
        assert_ne!(desk.state(), "referred");
    }
}

#[test]
fn whoever_follows_closely_and_stays_brings_the_officer() {
    for mut desk in [Desk::entering(), Desk::capturing(), Desk::presenting(), Desk::reading_and_filming()] {
        desk.gate(|g| g.cabin = Some(2));
        desk.wait(limits().several_persons_ms);
        assert_eq!(desk.last(), (Ending::Referred, &[Reason::SeveralPersons][..]));
        assert_eq!(desk.prompt(), Some(Prompt::SeeOfficer));
    }
}

#[test]
fn who_is_asked_for_the_document_again_after_a_companion_stepped_back() {
    let mut desk = Desk::presenting();
    desk.gate(|g| g.cabin = Some(2));
    desk.gate(|g| g.cabin = Some(1));
    assert_eq!(desk.prompt(), Some(Prompt::PlaceDocument));
}

// A second face in view.

#[test]
fn a_second_face_is_asked_to_go_and_forgiven_when_it_does() {
    let mut desk = Desk::capturing();
    desk.wait(2_000);
    see(&mut desk, 2);
    assert_eq!(desk.prompt(), Some(Prompt::OnePersonOnly));
    see(&mut desk, 2);
    desk.wait(limits().several_persons_ms / 2);
    desk.film();
    assert_eq!(desk.last().0, Ending::Admitted);
}

#[test]
fn a_second_face_that_stays_brings_the_officer_however_good_the_first_is() {
    let mut desk = Desk::capturing();
    while desk.state() == "capturing" {
        see(&mut desk, 2);
        assert!(desk.now < 60_000);
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::SeveralFaces][..]));
    assert!(!desk.filming());
}

#[test]
fn a_second_face_that_comes_and_goes_adds_up() {
    let mut desk = Desk::capturing();
    for _ in 0..=limits().several_persons_ms / 400 {
        see(&mut desk, 2);
        if desk.state() == "capturing" {
            // Alone for a moment, and looking away.
            desk.wait(400);
            let mut away = frame(desk.now, 0.8, 0.02);
            away.traveller = None;
            desk.hear(Event::Frame(Box::new(away)));
        }
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::SeveralFaces][..]));
}

#[test]
fn another_face_after_the_second_one_went_is_a_change_of_person() {
    let mut desk = Desk::capturing();
    desk.frame(-0.6, 0.02);
    see(&mut desk, 2);
    desk.film();
    let (ending, reasons) = desk.last();
    assert_eq!(ending, Ending::Referred);
    assert!(reasons.contains(&Reason::PersonChanged), "{reasons:?}");
}

// The document is left on the reader.

#[test]
fn the_entrance_does_not_shut_behind_a_traveller_whose_document_lies_outside() {
    let mut desk = Desk::entering();
    desk.hear(looked_up());
    desk.hear(Event::DocumentOnReader(true));
    desk.gate(|g| g.cabin = Some(1));
    assert_eq!((desk.prompt(), desk.told(GateCommand::CloseEntry)), (Some(Prompt::TakeDocument), 0));
    // Back to the reader, and in again.
    desk.wait(1_000);
    desk.gate(|g| g.cabin = Some(0));
    assert_eq!(desk.state(), "entering", "who fetches the document has not left");
    desk.hear(Event::DocumentOnReader(false));
    assert_eq!(desk.prompt(), Some(Prompt::WalkIn));
    desk.gate(|g| g.cabin = Some(1));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.gate(|g| g.entry = Door::Locked);
    desk.film();
    assert_eq!(desk.last().0, Ending::Admitted);
}

#[test]
fn a_companion_who_takes_the_document_lets_the_entrance_shut() {
    let mut desk = Desk::entering();
    desk.hear(Event::DocumentOnReader(true));
    desk.gate(|g| g.cabin = Some(1));
    desk.hear(Event::DocumentOnReader(false));
    assert_eq!((desk.prompt(), desk.told(GateCommand::CloseEntry)), (Some(Prompt::Wait), 1));
}

#[test]
fn a_document_that_stays_on_the_reader_brings_the_officer() {
    let mut desk = Desk::entering();
    desk.hear(Event::DocumentOnReader(true));
    desk.gate(|g| g.cabin = Some(1));
    desk.wait(limits().take_document_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::DocumentLeft][..]));
}

#[test]
fn in_one_step_the_exit_waits_until_the_document_was_taken() {
    let mut desk = Desk::reading_and_filming();
    for _ in 0..6 {
        desk.frame(0.8, 0.02);
    }
    desk.hear(looked_up());
    desk.hear(examined(document_checks()));
    desk.hear(looked_up());
    assert_eq!((desk.state(), desk.prompt()), ("capturing", Some(Prompt::TakeDocument)));
    desk.wait(limits().take_document_ms - 1);
    assert!(desk.outcomes().is_empty());
    desk.hear(Event::DocumentOnReader(false));
    assert_eq!(desk.last().0, Ending::Admitted);

    let mut desk = Desk::reading_and_filming();
    desk.hear(examined(document_checks()));
    desk.hear(looked_up());
    desk.film();
    desk.wait(limits().take_document_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::DocumentLeft][..]));
}

#[test]
fn central_that_answers_while_the_document_is_taken_is_in_time() {
    let mut desk = Desk::reading_and_filming();
    desk.hear(examined(document_checks()));
    desk.film();
    desk.wait(limits().lookup_ms / 2);
    desk.hear(Event::DocumentOnReader(false));
    assert_eq!((desk.state(), desk.prompt()), ("capturing", Some(Prompt::Wait)));
    desk.hear(looked_up());
    assert_eq!(desk.last().0, Ending::Admitted);
}

#[test]
fn a_document_that_was_left_behind_keeps_the_next_traveller_from_beginning() {
    let mut desk = Desk::silent();
    desk.hear(Event::DocumentOnReader(true));
    desk.hear(Event::Gate(idle()));
    assert_eq!((desk.prompt(), desk.told(GateCommand::BeaconOn)), (Some(Prompt::TakeDocument), 1));
    desk.hear(lines());
    assert_eq!(desk.state(), "ready");
    desk.hear(Event::DocumentOnReader(false));
    assert_eq!((desk.prompt(), desk.told(GateCommand::LampGreen)), (Some(Prompt::PlaceDocument), 1));
}

// Another document in the middle of the passage.

#[test]
fn another_document_on_the_reader_brings_the_officer() {
    for mut desk in [Desk::reading(), Desk::reading_and_filming()] {
        desk.hear(lines());
        assert!(desk.outcomes().is_empty(), "the same once more is nothing");
        desk.hear(Event::LinesRead(OTHER.map(String::from).to_vec()));
        assert_eq!(desk.last(), (Ending::Referred, &[Reason::DocumentSwapped][..]));
    }
    let mut desk = Desk::reading_and_filming();
    desk.hear(examined(document_checks()));
    desk.hear(Event::DocumentOnReader(false));
    desk.hear(Event::LinesRead(OTHER.map(String::from).to_vec()));
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::DocumentSwapped][..]));
}

#[test]
fn the_next_travellers_document_on_the_reader_outside_is_nobodys_swap() {
    for mut desk in [Desk::entering(), Desk::capturing()] {
        desk.hear(Event::LinesRead(OTHER.map(String::from).to_vec()));
        assert!(desk.outcomes().is_empty());
    }
}

// Something is left in the cabin.

#[test]
fn what_is_left_in_the_cabin_can_be_fetched_while_the_exit_is_open() {
    let mut desk = Desk::leaving();
    desk.gate(|g| (g.cabin, g.object_left, g.exit_zone) = (None, true, Some(1)));
    assert_eq!((desk.prompt(), desk.told(GateCommand::CloseExit)), (Some(Prompt::TakeBelongings), 0));
    desk.wait(limits().object_ms - 1);
    desk.gate(|g| (g.cabin, g.object_left) = (Some(0), false));
    assert_eq!(desk.prompt(), Some(Prompt::GoThrough));
    desk.gate(|g| g.exit_zone = Some(0));
    desk.gate(|g| g.exit = Door::Locked);
    assert!(desk.ended());
    assert_eq!(desk.outcomes().len(), 1);
}

#[test]
fn what_stays_in_the_cabin_shuts_the_exit_and_brings_the_officer() {
    let mut desk = Desk::leaving();
    desk.gate(|g| (g.cabin, g.object_left) = (None, true));
    desk.wait(limits().object_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::ObjectLeft][..]));
    assert!(desk.told(GateCommand::CloseExit) > 0);
    assert_eq!(desk.told(GateCommand::BeaconOn), 1);
}

#[test]
fn what_lies_in_the_cabin_keeps_the_lane_closed_and_the_beacon_on() {
    let mut desk = Desk::silent();
    let mut gate = idle();
    (gate.cabin, gate.object_left) = (None, true);
    desk.hear(Event::Gate(gate));
    assert_eq!((desk.prompt(), desk.told(GateCommand::BeaconOn)), (Some(Prompt::Closed), 1));
    desk.hear(Event::Gate(idle()));
    assert_eq!(desk.prompt(), Some(Prompt::PlaceDocument));
}

#[test]
fn a_bag_put_down_by_one_who_turns_back_is_to_be_fetched() {
    let mut desk = Desk::entering();
    desk.gate(|g| g.cabin = Some(1));
    desk.gate(|g| (g.cabin, g.object_left) = (None, true));
    assert_eq!(desk.prompt(), Some(Prompt::TakeBelongings));
    desk.gate(|g| g.entry = Door::Open);
    desk.wait(limits().enter_ms);
    let (ending, reasons) = desk.last();
    assert_eq!(ending, Ending::Referred);
    assert!(reasons.contains(&Reason::ObjectLeft) || reasons.contains(&Reason::GateFault), "{reasons:?}");
}

// The traveller turns back, or stands still.

#[test]
fn who_turns_back_at_the_open_entrance_may_go() {
    let mut desk = Desk::entering();
    desk.gate(|g| (g.cabin, g.entry_zone) = (Some(1), Some(1)));
    desk.gate(|g| (g.cabin, g.entry_zone) = (Some(0), Some(0)));
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerLeft][..]));
    assert_eq!(desk.prompt(), Some(Prompt::TakeDocument));
    assert_eq!(desk.told(GateCommand::BeaconOn), 0, "nobody is called");
}

#[test]
fn who_goes_away_from_the_open_entrance_is_not_waited_for() {
    let mut desk = Desk::entering();
    desk.gate(|g| g.entry_zone = Some(1));
    desk.gate(|g| g.entry_zone = Some(0));
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerLeft][..]));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
}

#[test]
fn who_stands_still_is_told_what_to_do_and_time_runs_out() {
    type Case = (fn() -> Desk, Prompt, u64, Ending, Reason);
    let cases: [Case; 4] = [
        (Desk::entering, Prompt::WalkIn, limits().enter_ms, Ending::Withdrawn, Reason::TravellerTimeout),
        (
            Desk::presenting,
            Prompt::PlaceDocument,
            limits().document_ms,
            Ending::Referred,
            Reason::TravellerTimeout,
        ),
        (Desk::capturing, Prompt::LookAtCamera, limits().capture_ms, Ending::Referred, Reason::FaceNotFound),
        (Desk::leaving, Prompt::GoThrough, limits().leave_ms, Ending::Referred, Reason::TravellerTimeout),
    ];
    for (stage, prompt, limit_ms, ending, reason) in cases {
        let mut desk = stage();
        assert_eq!(desk.prompt(), Some(prompt));
        let before = desk.outcomes().len();
        desk.wait(limit_ms);
        assert_eq!(desk.outcomes().len(), before + 1, "{prompt:?}");
        assert_eq!(desk.last().0, ending, "{prompt:?}");
        assert!(desk.last().1.contains(&reason), "{prompt:?}: {:?}", desk.last());
    }
}
