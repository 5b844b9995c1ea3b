//! A whole lane and what central sends it: officers' commands, the lists for the time without central, and releases.

use crate::kit::{Kit, LANE, PATIENCE, Plan, quick_profile, result};
use egate::central::store::{CommandState, ReleaseState, Role, Store};
use egate::central::{Keeper, NewCommand, NewRelease};
use egate::check::{CheckId, CheckResult, Reason};
use egate::lane::{Deed, Following};
use egate::passage::{Door, Ending, LaneCommand, Prompt};
use egate::policy::{Condition, Response};
use egate::record::{RELEASE_TEXT_MOST, ReleaseStage, Snapshot};
use egate::workbench::issue::TestCountry;
use egate::workbench::rig::DeskCentral;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct-horse-battery";
/// Asked for and judged quickly; a trial that nothing here waits out.
const FOLLOWING: Following = Following {
    every: Duration::from_millis(200),
    settles: Duration::from_secs(8),
    trial: Duration::from_secs(3_600),
};

/// A user of the console who has set the password by the link.
pub(crate) fn user(central: &DeskCentral, runtime: &Runtime, name: &str, role: Role) -> Keeper {
    let office = &central.running().unwrap().office;
    runtime.block_on(async {
        let link = office.create_user(name, role).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let form = format!("password={PASSWORD}&again={PASSWORD}");
        let set =
            http.build().unwrap().post(link).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(set.body(form).send().await.unwrap().status(), 303);
    });
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

/// Waits until this is so of central's store.
pub(crate) fn until(store: &Store, what: &str, so: impl Fn(&Store) -> bool) {
    let begun = Instant::now();
    while !so(store) {
        assert!(begun.elapsed() < PATIENCE, "{what} never came: {:?}", store.lane_releases());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn store(kit: &Kit) -> Arc<Store> {
    kit.central.running().unwrap().store()
}

/// Gives the lane a command, about the passage under way where it is about one, and waits until it was obeyed.
fn command(kit: &Kit, officer: &Keeper, command: LaneCommand) {
    let store = store(kit);
    if command.of_passage() {
        let begun =
            |store: &Store| store.lane_state(LANE).unwrap().is_some_and(|said| said.state.began.is_some());
        until(&store, "word of the passage under way", begun);
    }
    let passage = store.lane_state(LANE).unwrap().map(|said| said.state.passage);
    let new = NewCommand {
        lane: LANE.to_owned(),
        passage: passage.filter(|_| command.of_passage()),
        command,
        by: officer.name.clone(),
        reason: "as the test wants".to_owned(),
    };
    let office = &kit.central.running().unwrap().office;
    let given = kit.runtime.block_on(office.give_command(officer.clone(), new)).unwrap();
    let state = |store: &Store| {
        let known = store.commands(Some(LANE), 9).unwrap();
        known.into_iter().find(|known| known.id == given.id).unwrap().state
    };
    until(&store, "what became of the command", |store| state(store) != CommandState::Given);
    assert_eq!(state(&store), CommandState::Obeyed, "{command:?}");
}

#[test]
fn an_officer_closes_and_opens_the_lane_and_takes_travellers_over() {
    let mut kit = Kit::start();
    let anna = user(&kit.central, &kit.runtime, "anna", Role::Officer);
    kit.open();
    command(&kit, &anna, LaneCommand::OutOfService);
    kit.lane.wait_amiss(&[Condition::OutOfService], PATIENCE).unwrap();
    kit.closed();
    command(&kit, &anna, LaneCommand::BackInService);
    kit.open();

    // Before the entrance, while the document is read or the door opens: to the officer.
    kit.arrive();
    kit.does(&Deed::ReadChip);
    command(&kit, &anna, LaneCommand::ReleaseToOfficer);
    kit.shows(Prompt::SeeOfficer);
    kit.see("the officer's beacon", |gate| gate.beacon);
    kit.leave();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Referred);
    assert!(outcome.reasons.contains(&Reason::ReleasedToOfficer), "{:?}", outcome.reasons);

    // In the cabin, with nobody to be seen by the camera: the entrance opens again, and never the exit.
    kit.arrive();
    kit.see("the open entrance", |gate| gate.entry == Door::Open);
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.walk_in();
    command(&kit, &anna, LaneCommand::ReopenEntry);
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.leave();
    let outcome = kit.outcome();
    assert_ne!(outcome.ending, Ending::Admitted);
    kit.exit_stayed_shut();
    // The lane goes on, and its next outcome takes along what was obeyed since the one before.
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.arrive();
    goes_through(&kit);
    kit.lane.wait_delivered(PATIENCE).unwrap();
    // What was obeyed stands in the lane's own chain of records, too.
    let filter = egate::central::store::PassageFilter { ending: None, most: 10 };
    let obeyed: usize =
        store(&kit).passages(&filter).unwrap().iter().map(|passage| passage.record.commands.len()).sum();
    assert_eq!(obeyed, 4);
    assert_eq!(store(&kit).audit_break().unwrap(), None);
    kit.stop();
}

/// The second document that the kit issues is reported, and in the snapshot that lanes fetch.
fn second_is_reported(central: &DeskCentral, runtime: &Runtime) {
    let running = central.running().unwrap();
    let number = format!("{}0002", crate::kit::NUMBER);
    runtime.block_on(running.office.report_document("UTO", &number, "stolen")).unwrap();
    until(&running.store(), "a snapshot with the document", |store| {
        let Some(newest) = store.newest_snapshot().unwrap() else { return false };
        let bytes = store.content(&newest.sha256).unwrap().unwrap();
        Snapshot::decode(&bytes).unwrap().counts().0 > 0
    });
}

#[test]
fn without_central_the_lane_answers_by_its_snapshot_as_the_profile_says() {
    let mut profile = quick_profile();
    profile.degraded.insert(Condition::CentralUnreachable, Response::Snapshot);
    let mut kit = Kit::with(Plan { profile, at_central: second_is_reported, ..Plan::default() });
    kit.open();
    let header = kit.plan.outbox.with_file_name("lists").join("header.json");
    until(&store(&kit), "the lane's snapshot", |_| header.exists());
    kit.cable.pull(true);
    kit.lane.wait_amiss(&[Condition::CentralUnreachable], PATIENCE).unwrap();

    // Nothing is known against the first: admitted, with the date of the lists in the record.
    kit.arrive();
    kit.walk_in();
    kit.see("the open exit", |gate| gate.exit == Door::Open);
    kit.floor().leave_by_exit();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Admitted, "{outcome:?}");
    assert_eq!(result(&outcome, CheckId::DocumentLookup), Some(CheckResult::Successful));
    let detail = |outcome: &egate::passage::Outcome| {
        let check = outcome.checks.iter().rev().find(|check| check.id == CheckId::DocumentLookup).unwrap();
        check.detail.clone().unwrap_or_default()
    };
    assert!(detail(&outcome).contains("snapshot of"), "{}", detail(&outcome));

    // The second document was reported: the snapshot knows.
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.arrive();
    // The answer may come before the entrance opens, or while the traveller walks in.
    kit.see("the open entrance or the officer's beacon", |gate| gate.entry == Door::Open || gate.beacon);
    if kit.floor().snapshot().entry == Door::Open {
        kit.walk_in();
        kit.shows(Prompt::SeeOfficer);
        kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    }
    kit.leave();
    let outcome = kit.outcome();
    assert_eq!(outcome.ending, Ending::Referred);
    assert!(outcome.reasons.contains(&Reason::DocumentReported), "{:?}", outcome.reasons);
    assert!(detail(&outcome).contains("snapshot of"), "{}", detail(&outcome));
    assert_eq!(kit.floor().snapshot().exit_openings, 1, "for the first alone");

    kit.cable.pull(false);
    kit.lane.wait_delivered(PATIENCE).unwrap();
    kit.stop();
}

/// Proposes by one person and rolls out by another; gives the generation.
pub(crate) fn release(
    central: &DeskCentral,
    runtime: &Runtime,
    [by, approved_by]: [&Keeper; 2],
    files: &[(&str, Vec<u8>)],
) -> u64 {
    let office = &central.running().unwrap().office;
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
    let new = NewRelease { note: "test".to_owned(), files, models: None };
    runtime.block_on(async {
        let generation = office.propose_release(by.clone(), new).await.unwrap();
        office.roll_release(approved_by.clone(), generation, ReleaseStage::all()).await.unwrap();
        generation
    })
}

pub(crate) fn runs(store: &Store, generation: u64) -> bool {
    store.lane_releases().unwrap().iter().any(|said| said.running.generation == generation)
}

/// The quick profile under another name.
fn profile(name: &str) -> (&'static str, Vec<u8>) {
    let shipped = include_str!("../../config/profile.toml");
    let quick = shipped
        .replace("self-service", name)
        .replace("referral_ms = 15000", "referral_ms = 800")
        .replace("frames_needed = 4", "frames_needed = 2");
    ("profile.toml", quick.into_bytes())
}

/// A traveller from the opened entrance to the other side.
fn goes_through(kit: &Kit) {
    kit.walk_in();
    kit.see("the open exit", |gate| gate.exit == Door::Open);
    kit.floor().leave_by_exit();
    // A passage that ended for another profile before anybody came has no outcome.
    let outcomes = std::iter::repeat_with(|| kit.outcomes()).find(|outcomes| !outcomes.is_empty()).unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome.ending).collect::<Vec<_>>(), [Ending::Admitted]);
    kit.simulators.stage.show(kit.people.nobody.clone());
}

/// Names of the profiles by which travellers passed, oldest first.
fn profiles(kit: &Kit) -> Vec<String> {
    kit.lane.wait_delivered(PATIENCE).unwrap();
    let filter = egate::central::store::PassageFilter { ending: None, most: 10 };
    store(kit).passages(&filter).unwrap().into_iter().rev().map(|passage| passage.record.profile).collect()
}

#[test]
fn a_release_is_taken_up_between_passages_and_one_that_makes_the_lane_unfit_is_left_and_reported() {
    let mut kit = Kit::with(Plan { following: Some(FOLLOWING), ..Plan::default() });
    let anna = user(&kit.central, &kit.runtime, "anna", Role::Engineer);
    let ben = user(&kit.central, &kit.runtime, "ben", Role::Supervisor);
    let store = store(&kit);
    let roll =
        |kit: &Kit, files: &[(&str, Vec<u8>)]| release(&kit.central, &kit.runtime, [&anna, &ben], files);
    kit.open();

    // Nobody is there: the next traveller passes by it. One is under way: the traveller after that.
    let first =
        roll(&kit, &[profile("first"), ("settings.toml", b"upload_bytes_per_second = 50_000_000".to_vec())]);
    until(&store, "the first release", |store| runs(store, first));
    kit.arrive();
    kit.see("the open entrance", |gate| gate.entry == Door::Open);
    let second = roll(&kit, &[profile("second")]);
    until(&store, "the second release", |store| runs(store, second));
    goes_through(&kit);
    kit.arrive();
    goes_through(&kit);
    assert_eq!(profiles(&kit), ["first", "second"]);

    // Trust that verifies and is too old: the lane finds itself unfit, goes back, and says so.
    let old = TestCountry::new("UTO", "UT", Timestamp::now() - SignedDuration::from_hours(24 * 300)).unwrap();
    let files: Vec<_> =
        old.trust_bundle().unwrap().into_iter().map(|(n, b)| (format!("trust/{n}"), b)).collect();
    let named: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let third = roll(&kit, &named);
    until(&store, "the unfit release", |store| runs(store, third));
    kit.lane.wait_amiss(&[Condition::TrustStoreOld], PATIENCE).unwrap();
    until(&store, "the way back", |store| runs(store, second));
    let halted = store.releases().unwrap().into_iter().find(|known| known.generation == third).unwrap();
    assert_eq!(halted.state, ReleaseState::Halted);
    let why = halted.why.unwrap();
    assert!(why.contains("trust store is older") && why.len() <= RELEASE_TEXT_MOST + 20, "{why}");
    kit.lane.wait_amiss(&[], PATIENCE).unwrap();
    kit.arrive();
    goes_through(&kit);
    assert_eq!(profiles(&kit), ["first", "second", "second"]);
    kit.stop();
}

#[test]
fn settings_that_need_a_restart_wait_for_the_traveller_under_way() {
    let mut kit = Kit::with(Plan { following: Some(FOLLOWING), ..Plan::default() });
    let anna = user(&kit.central, &kit.runtime, "anna", Role::Engineer);
    let ben = user(&kit.central, &kit.runtime, "ben", Role::Supervisor);
    kit.arrive();
    kit.see("the open entrance", |gate| gate.entry == Door::Open);
    let text = b"gate.buzzer_ms = 100\n".to_vec();
    let files = [("settings.toml", text), profile("first")];
    let generation = release(&kit.central, &kit.runtime, [&anna, &ben], &files);
    let state = kit.plan.outbox.with_file_name("releases").join("state.json");
    let taken = format!("\"running\":{generation}");
    until(&store(&kit), "the release on the lane's disk", |_| {
        std::fs::read_to_string(&state).is_ok_and(|text| text.contains(&taken))
    });
    kit.walk_in();
    kit.see("the open exit", |gate| gate.exit == Door::Open);
    kit.floor().leave_by_exit();
    assert_eq!(kit.outcome().ending, Ending::Admitted);
    kit.lane.wait_ended(PATIENCE).unwrap();
    kit.see("no green lamp", |gate| !gate.green);
    assert!(!runs(&store(&kit), generation), "not before it has started by it");
    kit.stop();
}
