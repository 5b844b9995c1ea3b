//! The table of the lane's own faults: each row, before, while and after a traveller comes.

use crate::desk::{Desk, document_checks, examined, idle, lines, looked_up};
use egate::check::Reason;
use egate::passage::{Ending, Event, GateCommand, Prompt};
use egate::policy::{Condition, Profile, Response};
use std::collections::BTreeSet;

fn only(condition: Condition) -> Event {
    Event::Conditions(BTreeSet::from([condition]))
}

fn nothing() -> Event {
    Event::Conditions(BTreeSet::new())
}

fn rows(response: Response) -> Vec<Condition> {
    let profile = Profile::default();
    Condition::ALL.into_iter().filter(|condition| profile.response(*condition) == response).collect()
}

#[test]
fn the_table_that_ships_has_rows_of_each_kind() {
    assert_eq!(rows(Response::Warn), [Condition::CertificateExpiring, Condition::QueueStuck]);
    assert_eq!(rows(Response::Refer), [Condition::CentralUnreachable, Condition::TrustStoreOld]);
    assert_eq!(rows(Response::Close).len(), 6);
}

/// One row as it ships: what follows, and what the outcome of who had begun says.
const ROWS: [(Condition, Response, Reason); 9] = [
    (Condition::CentralUnreachable, Response::Refer, Reason::LookupUnavailable),
    (Condition::TrustStoreOld, Response::Refer, Reason::TrustStoreOld),
    (Condition::CameraLost, Response::Close, Reason::CameraLost),
    (Condition::LivenessMissing, Response::Close, Reason::LivenessModelMissing),
    (Condition::ReaderLost, Response::Close, Reason::ReaderLost),
    (Condition::DiskNearlyFull, Response::Close, Reason::DiskNearlyFull),
    (Condition::ClockWrong, Response::Close, Reason::ClockWrong),
    (Condition::CertificateExpiring, Response::Warn, Reason::CertificateExpiring),
    (Condition::QueueStuck, Response::Warn, Reason::QueueStuck),
];

#[test]
fn every_row_before_while_and_after_a_traveller_comes_in_both_topologies() {
    // An officer's order to close is no fault: see `commands`.
    let faults = Condition::ALL.into_iter().filter(|condition| *condition != Condition::OutOfService);
    assert!(ROWS.iter().map(|(condition, ..)| *condition).eq(faults));
    for (condition, response, reason) in ROWS {
        assert_eq!(Profile::default().response(condition), response, "{condition:?}");
        for (open, begun, invitation) in [
            (Desk::new as fn() -> Desk, Desk::reading as fn() -> Desk, Prompt::PlaceDocument),
            (Desk::inviting, Desk::reading_and_filming, Prompt::WalkIn),
        ] {
            // Before: only a row that closes shows so outside, and nobody begins.
            let mut desk = open();
            desk.hear(only(condition));
            let closed = response == Response::Close;
            assert_eq!(
                desk.prompt(),
                Some(if closed { Prompt::Closed } else { invitation }),
                "{condition:?}"
            );
            assert_eq!(desk.told(GateCommand::LampRed) > 0, closed);
            // While: everything of the document is checked and on record, whatever the row.
            let mut desk = begun();
            desk.hear(only(condition));
            desk.hear(examined(document_checks()));
            if response == Response::Warn {
                assert_ne!(desk.state(), "referred", "{condition:?}");
            } else {
                assert_eq!(desk.last(), (Ending::Referred, &[reason][..]), "{condition:?}");
                let checks = &desk.outcomes()[0].checks;
                assert!(document_checks().iter().all(|check| checks.contains(check)), "{condition:?}");
                assert_eq!(desk.prompt(), Some(Prompt::SeeOfficer));
            }
            assert_eq!(desk.exits_opened(), 0);
            // After: what is mended opens the lane again.
            let mut desk = open();
            desk.hear(only(condition));
            desk.hear(nothing());
            assert_eq!(desk.prompt(), Some(invitation), "{condition:?}");
        }
    }
}

#[test]
fn a_lane_that_has_not_looked_at_itself_is_closed() {
    let mut desk = Desk::unaware();
    desk.hear(Event::Gate(idle()));
    assert_eq!(desk.prompt(), Some(Prompt::Closed));
    desk.hear(lines());
    assert_eq!(desk.state(), "ready");
    assert!(desk.outcomes().is_empty());
    desk.hear(nothing());
    assert_eq!(desk.prompt(), Some(Prompt::PlaceDocument));
}

#[test]
fn a_row_that_closes_lets_nobody_begin_until_it_is_mended() {
    for condition in rows(Response::Close) {
        let mut desk = Desk::new();
        desk.hear(only(condition));
        assert_eq!(desk.prompt(), Some(Prompt::Closed), "{condition:?}");
        desk.hear(lines());
        assert_eq!(desk.state(), "ready");
        desk.hear(nothing());
        assert_eq!(desk.prompt(), Some(Prompt::PlaceDocument));
        assert_eq!(desk.told(GateCommand::LampGreen), 2);
        desk.hear(lines());
        assert_eq!(desk.state(), "reading");
    }
}

#[test]
fn a_row_that_refers_checks_the_document_and_sends_its_holder_to_an_officer() {
    for condition in rows(Response::Refer) {
        let mut desk = Desk::new();
        desk.hear(only(condition));
        desk.hear(lines());
        assert_eq!(desk.state(), "reading", "{condition:?}");
        desk.hear(examined(document_checks()));
        assert_eq!(desk.last(), (Ending::Referred, &[condition.reason()][..]));
        assert_eq!(desk.outcomes()[0].checks.len(), document_checks().len(), "what was checked is kept");
        assert_eq!(desk.prompt(), Some(Prompt::SeeOfficer));
        assert_eq!(desk.told(GateCommand::OpenEntry), 0);
    }
}

#[test]
fn a_row_that_warns_lets_travellers_pass() {
    for condition in rows(Response::Warn) {
        let mut desk = Desk::capturing();
        desk.hear(only(condition));
        desk.film();
        assert_eq!(desk.last(), (Ending::Admitted, &[][..]), "{condition:?}");
    }
}

#[test]
fn what_becomes_amiss_while_a_traveller_is_inside_admits_nobody() {
    let grave = [rows(Response::Refer), rows(Response::Close)].concat();
    // An officer's order to close is no fault: see `commands`.
    for condition in grave.into_iter().filter(|condition| *condition != Condition::OutOfService) {
        let mut desk = Desk::capturing();
        desk.hear(only(condition));
        assert_eq!(desk.state(), "capturing", "the passage goes on to its end");
        desk.film();
        assert_eq!(desk.last(), (Ending::Referred, &[condition.reason()][..]), "{condition:?}");
        assert_eq!(desk.exits_opened(), 0);
    }
}

#[test]
fn what_was_mended_in_time_stands_in_nobodys_way() {
    let mut desk = Desk::reading();
    desk.hear(only(Condition::TrustStoreOld));
    desk.hear(nothing());
    desk.hear(examined(document_checks()));
    desk.hear(looked_up());
    assert_eq!(desk.state(), "entering");
}

#[test]
fn an_exit_that_was_granted_is_not_taken_back() {
    let mut desk = Desk::leaving();
    desk.hear(only(Condition::CentralUnreachable));
    assert_eq!((desk.state(), desk.exits_opened()), ("leaving", 1));
}
