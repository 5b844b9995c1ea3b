//! Officers' commands about the traveller under way. None of them opens the exit.

use crate::desk::{Desk, idle, lines};
use egate::check::Reason;
use egate::passage::{Door, Ending, Event, GateCommand, LaneCommand};
use egate::policy::{Condition, Profile};
use std::collections::BTreeSet;

fn order(desk: &mut Desk, command: LaneCommand) {
    assert_eq!(desk.passage.obeys(command), Ok(()));
    desk.hear(Event::Command(command));
}

#[test]
fn a_released_traveller_is_referred_and_let_out_by_the_entrance_at_once() {
    for command in [LaneCommand::ReleaseToOfficer, LaneCommand::ReopenEntry] {
        for mut desk in [Desk::capturing(), Desk::storing()] {
            desk.forget();
            order(&mut desk, command);
            assert_eq!(desk.last(), (Ending::Referred, &[Reason::ReleasedToOfficer][..]));
            assert_eq!((desk.told(GateCommand::OpenEntry), desk.exits_opened()), (1, 0));
            // The admission that was on its way, if any, and the referral.
            desk.hear(Event::OutcomeStored);
            desk.hear(Event::OutcomeStored);
            desk.gate(|g| g.entry = Door::Open);
            desk.gate(|g| g.cabin = Some(0));
            desk.gate(|g| g.entry = Door::Locked);
            assert!(desk.ended());
            assert_eq!((desk.told(GateCommand::BeaconOff), desk.exits_opened()), (1, 0));
        }
    }
}

#[test]
fn a_referred_traveller_does_not_wait_once_the_officer_is_there() {
    let mut desk = Desk::capturing();
    desk.hear(Event::OfficerWanted);
    desk.hear(Event::OutcomeStored);
    desk.forget();
    desk.wait(Profile::default().limits.referral_ms / 2);
    assert_eq!(desk.told(GateCommand::OpenEntry), 0);
    order(&mut desk, LaneCommand::ReleaseToOfficer);
    assert_eq!(desk.told(GateCommand::OpenEntry), 1);
    assert!(desk.outcomes().is_empty(), "the passage had its outcome");
}

#[test]
fn a_traveller_released_at_the_reader_stays_with_the_officer() {
    let mut desk = Desk::reading();
    assert!(desk.passage.obeys(LaneCommand::ReopenEntry).is_err());
    order(&mut desk, LaneCommand::ReleaseToOfficer);
    desk.hear(Event::OutcomeStored);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::ReleasedToOfficer][..]));
    assert_eq!((desk.state(), desk.told(GateCommand::OpenEntry)), ("referred", 0));
    desk.wait(Profile::default().limits.referral_ms);
    assert!(desk.ended());
}

#[test]
fn an_entrance_that_shuts_behind_the_traveller_opens_again_and_the_passage_goes_on() {
    let mut desk = Desk::entering();
    desk.gate(|g| g.cabin = Some(1));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.forget();
    order(&mut desk, LaneCommand::ReopenEntry);
    assert_eq!((desk.told(GateCommand::OpenEntry), desk.state()), (1, "entering"));
    desk.gate(|g| g.entry = Door::Unknown);
    desk.gate(|g| g.entry = Door::Open);
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.gate(|g| g.entry = Door::Locked);
    assert_eq!(desk.state(), "capturing");
}

#[test]
fn who_stayed_behind_when_the_passage_ended_is_let_out() {
    let mut desk = Desk::silent();
    let mut stayed = idle();
    stayed.cabin = Some(1);
    desk.hear(Event::Gate(stayed));
    desk.forget();
    order(&mut desk, LaneCommand::ReopenEntry);
    assert_eq!(desk.told(GateCommand::OpenEntry), 1);
    desk.gate(|g| g.entry = Door::Open);
    desk.gate(|g| g.cabin = Some(0));
    assert_eq!(desk.told(GateCommand::CloseEntry), 1);
    desk.gate(|g| g.entry = Door::Locked);
    assert_eq!(desk.told(GateCommand::LampGreen), 1);
    assert!(desk.passage.obeys(LaneCommand::ReopenEntry).is_err(), "nobody is inside any more");
}

#[test]
fn no_command_disturbs_an_admitted_traveller_an_idle_gate_or_the_emergency_stop() {
    for mut desk in [Desk::leaving(), Desk::new()] {
        let state = desk.state();
        desk.forget();
        for command in LaneCommand::ALL {
            assert!(desk.passage.obeys(command).is_err(), "{state} {command:?}");
            // Even if it were told.
            desk.hear(Event::Command(command));
            assert_eq!((desk.state(), desk.told(GateCommand::OpenEntry), desk.exits_opened()), (state, 0, 0));
        }
    }
    let mut desk = Desk::capturing();
    desk.gate(|g| g.emergency_stop = true);
    desk.forget();
    for command in LaneCommand::ALL {
        assert!(desk.passage.obeys(command).is_err());
        desk.hear(Event::Command(command));
    }
    assert_eq!(desk.told(GateCommand::OpenEntry), 0);
}

#[test]
fn the_entrance_does_not_open_beside_an_exit_that_is_not_locked() {
    let mut desk = Desk::silent();
    let mut odd = idle();
    (odd.cabin, odd.exit) = (Some(1), Door::Unknown);
    desk.hear(Event::Gate(odd));
    desk.forget();
    desk.hear(Event::Command(LaneCommand::ReopenEntry));
    assert_eq!(desk.told(GateCommand::OpenEntry), 0);
}

#[test]
fn out_of_service_closes_after_the_passage_under_way() {
    let out = || Event::Conditions(BTreeSet::from([Condition::OutOfService]));
    let mut desk = Desk::capturing();
    desk.hear(out());
    desk.film();
    desk.hear(Event::OutcomeStored);
    assert_eq!((desk.last().0, desk.exits_opened()), (Ending::Admitted, 1));

    let mut desk = Desk::new();
    desk.hear(out());
    assert_eq!(desk.told(GateCommand::LampRed), 1);
    desk.hear(lines());
    assert_eq!(desk.state(), "ready", "nobody begins");
    desk.forget();
    desk.hear(Event::Conditions(BTreeSet::new()));
    assert_eq!(desk.told(GateCommand::LampGreen), 1);
}
