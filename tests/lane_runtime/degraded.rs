//! Each row of the profile's table `[degraded]`, at a running lane: what is still checked, what screen and outcome say,
//! when the lane closes. In none of them does the exit open because something is missing.

use crate::kit::{Kit, PATIENCE, Plan, document_was_checked, quick_profile, result};
use egate::check::{CheckId, CheckResult, Reason};
use egate::lane::Deed;
use egate::passage::{Door, Ending, Outcome, Prompt};
use egate::policy::{Condition, Response};
use std::path::Path;

/// A traveller whose document is checked whole, and who goes to an officer before the shut entrance.
fn is_referred_at_the_entrance(kit: &mut Kit) -> Outcome {
    kit.arrive();
    kit.shows(Prompt::SeeOfficer);
    kit.see("the officer's beacon", |gate| gate.beacon && !gate.green);
    kit.leave();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Referred);
    assert_eq!(kit.floor().snapshot().entry_openings, 0, "nobody was let in to be filmed in vain");
    kit.exit_stayed_shut();
    outcome
}

#[test]
fn without_central_documents_are_checked_and_everybody_goes_to_an_officer() {
    let mut kit = Kit::start();
    kit.open();
    kit.cable.pull(true);
    kit.lane.wait_amiss(&[Condition::CentralUnreachable], PATIENCE).unwrap();
    let outcome = is_referred_at_the_entrance(&mut kit);
    document_was_checked(&outcome);
    assert_eq!(outcome.reasons, [Reason::LookupUnavailable]);
    assert_eq!(kit.lane.waiting().unwrap(), 1, "the outcome is kept");
    kit.cable.pull(false);
    kit.lane.wait_delivered(PATIENCE).unwrap();
    kit.lane.wait_amiss(&[], PATIENCE).unwrap();
    kit.open();
    kit.stop();
}

#[test]
fn a_look_up_that_is_late_refers() {
    let mut profile = quick_profile();
    profile.limits.lookup_ms = 700;
    let mut kit = Kit::with(Plan { profile, ..Plan::default() });
    kit.arrive();
    kit.does(&Deed::ReadChip);
    kit.cable.hold(true);
    // Central may yet answer while the traveller walks in; the verdict waits for it, and no longer than its time.
    kit.walk_in();
    kit.shows(Prompt::SeeOfficer);
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.leave();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Referred);
    assert!(outcome.reasons.contains(&Reason::LookupLate), "{:?}", outcome.reasons);
    assert_eq!(result(&outcome, CheckId::DocumentLookup), Some(CheckResult::Undetermined));
    document_was_checked(&outcome);
    kit.exit_stayed_shut();
    kit.cable.hold(false);
    kit.lane.wait_delivered(PATIENCE).unwrap();
    kit.stop();
}

#[test]
fn with_old_trust_documents_are_checked_and_everybody_goes_to_an_officer() {
    let mut kit = Kit::with(Plan { trust_days: 300, ..Plan::default() });
    kit.lane.wait_amiss(&[Condition::TrustStoreOld], PATIENCE).unwrap();
    let outcome = is_referred_at_the_entrance(&mut kit);
    assert_eq!(outcome.reasons, [Reason::TrustStoreOld]);
    let results = [CheckId::ChipAccess, CheckId::DataGroupIntegrity, CheckId::SignerChain]
        .map(|id| result(&outcome, id));
    let [whole, unsure] = [Some(CheckResult::Successful), Some(CheckResult::Undetermined)];
    assert_eq!(results, [whole, whole, unsure], "what needs no fresh trust is checked");
    kit.stop();
}

#[test]
fn a_camera_that_is_dark_before_anybody_comes_closes_the_lane_until_there_is_light() {
    let kit = Kit::start();
    kit.open();
    kit.simulators.stage.dark();
    kit.lane.wait_amiss(&[Condition::CameraLost], PATIENCE).unwrap();
    kit.closed();
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.open();
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn a_camera_that_freezes_before_the_traveller_refers_and_closes_the_lane() {
    let mut kit = Kit::start();
    kit.arrive();
    // The holder's own face, and it does not move any more.
    kit.simulators.stage.frozen();
    kit.walk_in();
    kit.shows(Prompt::SeeOfficer);
    kit.lane.wait_amiss(&[Condition::CameraLost], PATIENCE).unwrap();
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.floor().leave_by_entry();
    let outcome = kit.outcome();
    assert_eq!((outcome.ending, &outcome.reasons[..]), (Ending::Referred, &[Reason::CameraLost][..]));
    document_was_checked(&outcome);
    kit.closed();
    kit.exit_stayed_shut();
    kit.leave();
    kit.open();
    kit.stop();
}

#[test]
fn a_chip_reader_that_is_unplugged_closes_the_lane_until_it_is_back() {
    let kit = Kit::start();
    kit.open();
    kit.simulators.slot.unplug(true);
    kit.lane.wait_amiss(&[Condition::ReaderLost], PATIENCE).unwrap();
    kit.closed();
    kit.simulators.slot.unplug(false);
    kit.open();
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn a_chip_reader_that_is_unplugged_while_it_reads_refers() {
    let mut kit = Kit::start();
    kit.arrive();
    kit.does(&Deed::ReadChip);
    kit.simulators.slot.unplug(true);
    kit.shows(Prompt::SeeOfficer);
    kit.leave();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Referred);
    assert_ne!(result(&outcome, CheckId::DataGroupIntegrity), Some(CheckResult::Successful));
    kit.closed();
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn a_gate_that_is_not_heard_closes_the_lane_and_shuts_itself() {
    let kit = Kit::start();
    kit.open();
    kit.floor().cut_bus(true);
    kit.shows(Prompt::Closed);
    kit.see("the watchdog", |gate| gate.watchdog_trips > 0 && !gate.in_service);
    kit.floor().cut_bus(false);
    kit.open();
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn a_gate_that_is_lost_with_a_traveller_inside_opens_nothing_and_lets_them_back_when_it_is_heard_again() {
    let mut kit = Kit::start();
    kit.arrive();
    // The traveller looks away, so that nothing is decided meanwhile.
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.walk_in();
    kit.floor().cut_bus(true);
    kit.shows(Prompt::SeeOfficer);
    kit.see("the watchdog", |gate| gate.watchdog_trips > 0);
    kit.exit_stayed_shut();
    kit.floor().cut_bus(false);
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.floor().leave_by_entry();
    let outcome = kit.outcome();
    assert_eq!((outcome.ending, &outcome.reasons[..]), (Ending::Referred, &[Reason::GateLost][..]));
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn an_outcome_that_cannot_be_written_keeps_the_exit_shut() {
    let mut profile = quick_profile();
    profile.limits.durable_ms = 600;
    let mut kit = Kit::with(Plan { profile, ..Plan::default() });
    kit.arrive();
    kit.walk_in();
    // Nothing else may write from here on, as on a disk that hangs.
    let other = rusqlite::Connection::open(&kit.plan.outbox).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    kit.shows(Prompt::SeeOfficer);
    kit.exit_stayed_shut();
    other.execute_batch("ROLLBACK").unwrap();
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.floor().leave_by_entry();
    let outcomes = kit.outcomes();
    let last = outcomes.last().unwrap();
    assert_eq!((last.ending, &last.reasons[..]), (Ending::Referred, &[Reason::OutcomeNotDurable][..]));
    assert_eq!(outcomes[0].ending, Ending::Admitted, "all else was good");
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn a_clock_that_jumped_closes_the_lane() {
    let kit = Kit::start();
    kit.open();
    // What the monitor says of such a clock is tested there; no test may set the machine's.
    kit.lane.conditions.note(Condition::ClockWrong, "test", Some("jumped by an hour".to_owned()));
    kit.closed();
    kit.lane.conditions.note(Condition::ClockWrong, "test", None);
    kit.open();
    kit.exit_stayed_shut();
    kit.stop();
}

#[test]
fn without_liveness_and_where_the_profile_says_so_documents_are_checked_and_everybody_goes_to_an_officer() {
    let mut profile = quick_profile();
    profile.degraded.insert(Condition::LivenessMissing, Response::Refer);
    let mut kit = Kit::with(Plan { profile, ..Plan::default() });
    kit.lane.conditions.note(Condition::LivenessMissing, "test", Some("no network".to_owned()));
    let outcome = is_referred_at_the_entrance(&mut kit);
    document_was_checked(&outcome);
    assert_eq!(outcome.reasons, [Reason::LivenessModelMissing]);
    kit.stop();
}

#[test]
fn a_certificate_that_ends_soon_is_told_and_the_holder_passes() {
    let mut kit = Kit::with(Plan { change_keys: certificate_of_a_week, ..Plan::default() });
    kit.lane.wait_amiss(&[Condition::CertificateExpiring], PATIENCE).unwrap();
    kit.arrive();
    kit.walk_in();
    kit.see("the open exit", |gate| gate.exit == Door::Open);
    kit.floor().leave_by_exit();
    let outcome = kit.outcome();
    assert_eq!((outcome.ending, &outcome.reasons[..]), (Ending::Admitted, &[][..]));
    document_was_checked(&outcome);
    kit.lane.wait_delivered(PATIENCE).unwrap();
    assert_eq!(kit.floor().snapshot().exit_openings, 1);
    kit.stop();
}

/// Puts in place of the lane's certificate one that ends in a week, by the same authority on the same key.
fn certificate_of_a_week(folder: &Path) {
    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::PKey;
    use openssl::x509::{X509, X509Builder};
    let read = |name: &str| std::fs::read(folder.join("identity").join(name)).unwrap();
    let old = X509::from_pem(&read("lanes/lane-1/lane.pem")).unwrap();
    let key = PKey::private_key_from_pem(&read("authority.key.pem")).unwrap();
    let mut new = X509Builder::new().unwrap();
    new.set_version(2).unwrap();
    new.set_serial_number(old.serial_number()).unwrap();
    new.set_subject_name(old.subject_name()).unwrap();
    new.set_issuer_name(old.issuer_name()).unwrap();
    new.set_pubkey(&old.public_key().unwrap()).unwrap();
    new.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    new.set_not_after(&Asn1Time::days_from_now(7).unwrap()).unwrap();
    let client = openssl::x509::extension::ExtendedKeyUsage::new().client_auth().build().unwrap();
    new.append_extension(client).unwrap();
    new.sign(&key, MessageDigest::sha256()).unwrap();
    std::fs::write(folder.join("identity/lanes/lane-1/lane.pem"), new.build().to_pem().unwrap()).unwrap();
}
