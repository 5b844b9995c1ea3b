//! Officers' commands from central to a lane, over real TLS, by the client that lanes have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::World;
use common::postgres::Cluster;
use egate::central::store::{CommandState, PostgresSettings, Role};
use egate::central::{Keeper, NewCommand, Office};
use egate::outbox::CallError;
use egate::passage::LaneCommand;
use egate::record::{CommandError, CommandReport, LaneState};
use jiff::Timestamp;

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn new(lane: &str, command: LaneCommand) -> NewCommand {
    NewCommand {
        lane: lane.to_owned(),
        passage: command.of_passage().then(|| format!("{lane}-7-1")),
        command,
        by: String::new(),
        reason: "cleaning".to_owned(),
    }
}

const PASSWORD: &str = "correct-horse-battery";

/// A user who has set the password by the link.
async fn user(world: &World, name: &str, role: Role) -> Keeper {
    let link = world.central.office.create_user(name, role).await.unwrap();
    // Another test of the same process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let form = format!("password={PASSWORD}&again={PASSWORD}");
    let set = http.build().unwrap().post(link).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(set.body(form).send().await.unwrap().status(), 303);
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

async fn a_command_goes_its_way(database: Option<PostgresSettings>) {
    let world = World::start_on(database).await;
    let anna = user(&world, "anna", Role::Officer).await;
    let (client, other) = (world.client("lane-1"), world.client("lane-2"));
    let office = &world.central.office;
    // The first look makes the lanes known.
    client.health().await.unwrap();
    other.health().await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.next_commands().await }
    });
    let given = office.give_command(anna, new("lane-1", LaneCommand::OutOfService)).await.unwrap();
    let got = waiting.await.unwrap().unwrap();
    assert_eq!(got, std::slice::from_ref(&given.signed));
    let order = got[0].accept(client.central_key(), "lane-1", now()).unwrap();
    assert_eq!((order.id.as_str(), order.by.as_str()), (given.id.as_str(), "anna"));
    assert_eq!(got[0].accept(client.central_key(), "lane-2", now()), Err(CommandError::OtherLane));

    let report = CommandReport { id: given.id.clone(), at: now(), refused: None };
    // Another lane knows nothing of it.
    assert!(matches!(other.report_command(&report).await, Err(CallError::Refused { .. })));
    assert_eq!(office.commands(None, 9).await.unwrap()[0].state, CommandState::Given);
    client.report_command(&report).await.unwrap();
    client.report_command(&report).await.unwrap();
    let known = office.commands(Some("lane-1".to_owned()), 9).await.unwrap();
    assert_eq!((known.len(), known[0].state), (1, CommandState::Obeyed));

    let store = world.central.store();
    tokio::task::spawn_blocking(move || {
        let lines = store.audit_lines(9).unwrap();
        let acts: Vec<_> = lines.iter().map(|l| (l.act.as_str(), l.actor.as_str())).take(2).collect();
        assert_eq!(acts, [("command.obeyed", "lane:lane-1"), ("command.give", "anna")]);
        assert!(lines[1].detail.contains("cleaning"));
        assert_eq!(store.audit_break().unwrap(), None);
    })
    .await
    .unwrap();
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reaches_its_lane_and_what_became_of_it_is_audited() {
    a_command_goes_its_way(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql_given_by_another_process() {
    let Some(mut cluster) = tokio::task::spawn_blocking(Cluster::start).await.unwrap() else { return };
    let database = cluster.database();
    a_command_goes_its_way(Some(database.clone())).await;

    let world = World::start_on(Some(cluster.database())).await;
    let anna = user(&world, "anna", Role::Officer).await;
    let client = world.client("lane-1");
    client.health().await.unwrap();
    let waiting = tokio::spawn(async move { client.next_commands().await });
    let settings = world.settings.clone();
    let beside = tokio::task::spawn_blocking(move || Office::open(&settings)).await.unwrap().unwrap();
    let given = beside.give_command(anna, new("lane-1", LaneCommand::OutOfService)).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), [given.signed]);
    tokio::task::spawn_blocking(move || drop(beside)).await.unwrap();
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_gives_commands_and_only_sensible_ones() {
    let world = World::start().await;
    world.client("lane-1").health().await.unwrap();
    let office = &world.central.office;
    let officer = user(&world, "anna", Role::Officer).await;
    let engineer = user(&world, "emil", Role::Engineer).await;
    let auditor = user(&world, "otto", Role::Auditor).await;
    let out = || new("lane-1", LaneCommand::OutOfService);
    let release = || new("lane-1", LaneCommand::ReleaseToOfficer);
    office.give_command(engineer.clone(), out()).await.unwrap();
    office.give_command(officer.clone(), release()).await.unwrap();
    let wrong = Keeper { password: "wrong".to_owned(), ..officer.clone() };
    for (by, command) in [
        (engineer, release()),
        (auditor, out()),
        (wrong, out()),
        (officer.clone(), NewCommand { passage: None, ..release() }),
        (officer.clone(), NewCommand { passage: Some("x".into()), ..out() }),
        (officer.clone(), NewCommand { reason: "  ".into(), ..out() }),
        (officer.clone(), NewCommand { lane: "lane-9".into(), ..out() }),
    ] {
        office.give_command(by, command.clone()).await.expect_err(&format!("{command:?}"));
    }
    world.central.office.revoke_lane("lane-1").await.unwrap();
    assert!(office.give_command(officer, out()).await.is_err());
    assert_eq!(office.commands(None, 99).await.unwrap().len(), 2);
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_hints_at_a_stranger_raises_an_alarm() {
    let world = World::start().await;
    let anna = user(&world, "anna", Role::Officer).await;
    let client = world.client("lane-1");
    client.health().await.unwrap();
    let office = &world.central.office;
    let given = office.give_command(anna, new("lane-1", LaneCommand::ReleaseToOfficer)).await.unwrap();
    let refused = |id: &str, why| CommandReport { id: id.to_owned(), at: now(), refused: Some(why) };
    client.report_command(&refused(&given.id, CommandError::OtherPassage)).await.unwrap();
    // Never given by central: somebody speaks in its name.
    let strange = refused(&"0".repeat(32), CommandError::Altered);
    assert!(matches!(client.report_command(&strange).await, Err(CallError::Refused { .. })));
    client.report_command(&refused(&given.id, CommandError::Replayed)).await.unwrap();
    let known = office.commands(None, 9).await.unwrap();
    assert_eq!(known[0].state, CommandState::Refused);
    assert!(known[0].detail.as_ref().unwrap().contains("another passage"));
    let store = world.central.store();
    let alarms = tokio::task::spawn_blocking(move || store.alarms(9).unwrap()).await.unwrap();
    let mut subjects: Vec<_> = alarms.iter().map(|alarm| alarm.subject.as_str()).collect();
    subjects.sort_unstable();
    let mut expected = ["0".repeat(32), given.id];
    expected.sort();
    assert_eq!(subjects, expected);
    world.central.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_say_how_they_are() {
    let world = World::start().await;
    let client = world.client("lane-1");
    let state = LaneState {
        state: "capturing".into(),
        passage: "lane-1-7-1".into(),
        began: Some(now()),
        ..LaneState::default()
    };
    client.put_state(&state).await.unwrap();
    let long = LaneState { passage: "x".repeat(300), ..state.clone() };
    assert!(matches!(client.put_state(&long).await, Err(CallError::Refused { .. })));
    let store = world.central.store();
    let known = tokio::task::spawn_blocking(move || store.lane_states().unwrap()).await.unwrap();
    assert_eq!((known.len(), known[0].lane.as_str(), &known[0].state), (1, "lane-1", &state));
    world.central.stop().await.unwrap();
}
