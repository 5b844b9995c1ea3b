//! What sends a traveller to an officer, or lets them go away.

use crate::desk::{Desk, document_checks, examined, frame, looked_up};
use egate::check::{Check, CheckId, CheckResult, Reason};
use egate::passage::{Door, Ending, Event, GateCommand, Picture, Prompt};
use egate::policy::Profile;

fn limits() -> egate::policy::Limits {
    Profile::default().limits
}

/// The document checks with one replaced.
fn with(check: Check) -> Vec<Check> {
    let mut checks = document_checks();
    checks.retain(|c| c.id != check.id);
    checks.push(check);
    checks
}

#[test]
fn a_bad_document_is_referred_at_the_shut_entrance() {
    for (id, reason) in [
        (CheckId::DataGroupIntegrity, Reason::DataGroupHashWrong),
        (CheckId::SignerChain, Reason::SignerUntrusted),
        (CheckId::SignerRevocation, Reason::SignerRevoked),
        (CheckId::DocumentExpiry, Reason::DocumentExpired),
        (CheckId::MrzAgainstChip, Reason::MrzDisagreesWithChip),
    ] {
        let mut desk = Desk::reading();
        desk.hear(examined(with(Check::failed(id, reason))));
        assert_eq!(desk.state(), "referred");
        assert_eq!(desk.last(), (Ending::Referred, &[reason][..]));
        assert_eq!(desk.prompt(), Some(Prompt::SeeOfficer));
        assert_eq!(desk.told(GateCommand::BeaconOn), 1);
        desk.hear(Event::OutcomeStored);
        desk.wait(limits().referral_ms);
        assert!(desk.ended());
        assert_eq!((desk.exits_opened(), desk.told(GateCommand::OpenEntry)), (0, 0));
        assert_eq!(desk.told(GateCommand::BeaconOff), 2, "once when idle, once at the end");
    }
}

#[test]
fn a_portrait_that_cannot_be_compared_is_referred_whatever_its_check_says() {
    let mut desk = Desk::reading();
    let Event::DocumentExamined(mut findings) = examined(document_checks()) else { panic!() };
    findings.reference = Err(Reason::PortraitFaceMissing);
    desk.hear(Event::DocumentExamined(findings));
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::PortraitFaceMissing][..]));
}

#[test]
fn a_chip_that_takes_too_long_is_referred() {
    let mut desk = Desk::reading();
    desk.wait(limits().chip_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::ChipTimeout][..]));
    // What comes after is not heard any more.
    desk.hear(examined(document_checks()));
    assert_eq!(desk.state(), "referred");
}

#[test]
fn lines_that_stay_unreadable_are_referred_and_an_absent_traveller_is_withdrawn() {
    let mut desk = Desk::new();
    for _ in 0..4 {
        desk.hear(Event::LinesRead(vec!["<<<".into()]));
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::MrzUnreadable][..]));

    let mut desk = Desk::new();
    desk.hear(Event::LinesRead(vec!["<<<".into()]));
    desk.wait(limits().chip_ms);
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerTimeout][..]));
    desk.hear(Event::OutcomeStored);
    assert!(desk.ended());
}

#[test]
fn nobody_who_enters_is_withdrawn_and_the_gate_is_ready_again() {
    let mut desk = Desk::entering();
    desk.wait(limits().enter_ms);
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerTimeout][..]));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.hear(Event::OutcomeStored);
    assert!(!desk.ended(), "the entrance is still open");
    desk.gate(|g| g.entry = Door::Locked);
    assert!(desk.ended());
    assert_eq!(desk.told(GateCommand::BeaconOn), 0);
}

#[test]
fn a_traveller_who_walks_out_again_is_withdrawn() {
    let mut desk = Desk::entering();
    desk.gate(|g| (g.cabin, g.entry_zone) = (Some(1), Some(1)));
    desk.gate(|g| (g.cabin, g.entry_zone) = (Some(0), Some(1)));
    assert_eq!(desk.state(), "entering", "still in the doorway");
    desk.gate(|g| g.entry_zone = Some(0));
    assert_eq!(desk.last(), (Ending::Withdrawn, &[Reason::TravellerLeft][..]));
}

#[test]
fn two_people_who_stay_are_referred_and_step_back_out() {
    let mut desk = Desk::entering();
    desk.gate(|g| g.cabin = Some(2));
    desk.wait(limits().several_persons_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::SeveralPersons][..]));
    let check = desk.outcomes()[0].checks.iter().find(|c| c.id == CheckId::SinglePerson).unwrap().clone();
    assert_eq!(check.result, CheckResult::Failed);
    assert_eq!(desk.told(GateCommand::CloseEntry), 0, "not shut on people");
    desk.hear(Event::OutcomeStored);
    desk.wait(limits().referral_ms + 1_000);
    desk.gate(|g| g.cabin = Some(0));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.gate(|g| g.entry = Door::Locked);
    assert!(desk.ended());
}

#[test]
fn people_who_take_turns_at_being_counted_gain_nothing() {
    let mut desk = Desk::capturing();
    for _ in 0..5 {
        desk.gate(|g| g.cabin = Some(2));
        desk.wait(1_000);
        desk.gate(|g| g.cabin = Some(1));
        desk.wait(10);
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::SeveralPersons][..]));
}

#[test]
fn no_verdict_is_taken_while_two_are_counted() {
    let mut desk = Desk::capturing();
    desk.gate(|g| g.cabin = Some(2));
    for _ in 0..12 {
        desk.frame(0.8, 0.02);
    }
    assert_eq!((desk.state(), desk.outcomes().len()), ("capturing", 0));
    desk.gate(|g| g.cabin = Some(1));
    assert_eq!(desk.last().0, Ending::Admitted);
}

#[test]
fn another_person_with_the_passport_is_referred() {
    let mut desk = Desk::capturing();
    while desk.filming() {
        desk.frame(0.1, 0.02);
    }
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::FaceMismatch][..]));
    assert_eq!(desk.exits_opened(), 0);
}

#[test]
fn a_printed_photograph_is_referred_with_the_frames_that_show_it() {
    let mut desk = Desk::capturing();
    while desk.filming() {
        desk.frame(0.8, 0.97);
    }
    let (ending, reasons) = desk.last();
    assert_eq!((ending, reasons[0]), (Ending::Referred, Reason::PresentationAttack));
    let frames = desk.outcomes()[0].pictures.iter().filter(|p| matches!(p, Picture::Frame(_))).count();
    assert!((2..=4).contains(&frames), "{frames}");
}

#[test]
fn a_referred_traveller_waits_and_is_let_back_by_the_entrance() {
    let mut desk = Desk::capturing();
    while desk.filming() {
        desk.frame(0.1, 0.02);
    }
    desk.forget();
    desk.hear(Event::OutcomeStored);
    desk.wait(limits().referral_ms - 1);
    assert_eq!(desk.told(GateCommand::OpenEntry), 0);
    desk.wait(1);
    assert_eq!(desk.told(GateCommand::OpenEntry), 1);
    desk.gate(|g| g.entry = Door::Open);
    desk.wait(2_000);
    desk.gate(|g| g.cabin = Some(0));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.gate(|g| g.entry = Door::Locked);
    assert!(desk.ended());
    assert_eq!((desk.told(GateCommand::BeaconOff), desk.exits_opened()), (1, 0));
}

#[test]
fn one_who_stays_inside_is_handed_to_the_officer_with_the_beacon_on() {
    let mut desk = Desk::capturing();
    desk.hear(Event::OfficerWanted);
    desk.hear(Event::OutcomeStored);
    desk.forget();
    desk.wait(limits().referral_ms + limits().enter_ms);
    assert!(desk.ended());
    assert_eq!((desk.told(GateCommand::BeaconOff), desk.told(GateCommand::BeaconOn)), (0, 1));
}

#[test]
fn too_few_pictures_in_time_are_referred() {
    let mut desk = Desk::capturing();
    desk.wait(limits().capture_ms);
    let (ending, reasons) = desk.last();
    assert_eq!(ending, Ending::Referred);
    assert!(!reasons.is_empty());
    assert!(!desk.filming());
}

/// Central's answer with one check replaced.
fn answered(check: Check) -> Event {
    let Event::LookedUp(mut findings) = looked_up() else { panic!() };
    findings.checks.retain(|c| c.id != check.id);
    findings.checks.push(check);
    Event::LookedUp(findings)
}

#[test]
fn a_document_reported_stolen_is_referred_after_the_face_was_seen() {
    let mut desk = Desk::entering();
    desk.hear(answered(Check::failed(CheckId::DocumentLookup, Reason::DocumentReported)));
    // A second answer does not make good the first.
    desk.hear(looked_up());
    desk.walk_in();
    desk.film();
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::DocumentReported][..]));
    assert!(desk.outcomes()[0].pictures.len() > 1);
}

#[test]
fn central_that_cannot_be_asked_is_referred() {
    let mut desk = Desk::entering();
    desk.hear(answered(Check::undetermined(CheckId::DocumentLookup, Reason::LookupUnavailable)));
    desk.walk_in();
    desk.film();
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::LookupUnavailable][..]));
}

#[test]
fn central_that_does_not_answer_in_time_is_referred() {
    let mut desk = Desk::entering_quickly();
    desk.film();
    assert_eq!(desk.state(), "capturing");
    desk.wait(limits().lookup_ms);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::LookupLate][..]));
}

#[test]
fn two_faces_in_view_are_referred() {
    let mut desk = Desk::capturing();
    let mut sequence = 0;
    while desk.filming() {
        sequence += 1;
        desk.now += 100;
        let mut findings = frame(sequence, 0.8, 0.02);
        findings.faces = 2;
        desk.hear(Event::Frame(Box::new(findings)));
        assert!(sequence < 1_000);
        desk.wait(100);
    }
    assert_eq!(desk.last().0, Ending::Referred);
    assert!(desk.last().1.contains(&Reason::SeveralFaces), "{:?}", desk.last());
}
