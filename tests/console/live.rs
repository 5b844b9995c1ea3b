//! What another process changed without a word is told to open pages all the same.

use super::common::central::World;
use super::common::postgres::Cluster;
use super::kit::PATIENCE;
use super::security::Http;
use egate::central::store::{AlarmKind, Role, Store};
use egate::record::LaneState;
use reqwest::header;
use std::time::Duration;

/// Longer than a page is left alone when something changes.
const QUIET: Duration = Duration::from_secs(7);

/// Whether the page is told of a change; that the connection lives is no change.
async fn told(events: &mut reqwest::Response, patience: Duration) -> bool {
    let told =
        async { while !events.chunk().await.unwrap().expect("the events go on").starts_with(b"data:") {} };
    tokio::time::timeout(patience, told).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_changed_is_told_though_its_hint_was_lost() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let world = World::start_on(Some(settings.clone())).await;
    let http = Http::new(&world);
    let (cookie, _) = http.session(&world, "officer-a", Role::Officer).await;
    let events = http.http.get(format!("{}/events", http.base)).header(header::COOKIE, cookie);
    let mut events = events.send().await.unwrap();
    // Opened by the side, as another process has it, and without a service that tells of what it does.
    let other = tokio::task::spawn_blocking(move || Store::postgres(&settings).unwrap()).await.unwrap();
    let other = std::sync::Arc::new(other);
    type Change = fn(&Store);
    let changes: [(&str, Change); 3] = [
        ("an alarm", |store| store.alarm("lane-1", AlarmKind::Gap, "x", "", 5).unwrap()),
        ("an alarm seen to", |store| {
            assert!(store.see_alarm("lane-1", AlarmKind::Gap, "x", "anna", 6).unwrap());
        }),
        ("a lane's word", |store| {
            store.lane_is("lane-1", &LaneState { out_of_service: true, ..LaneState::default() }, 7).unwrap();
        }),
    ];
    for (what, change) in changes {
        while told(&mut events, QUIET).await {}
        let store = std::sync::Arc::clone(&other);
        tokio::task::spawn_blocking(move || change(&store)).await.unwrap();
        assert!(told(&mut events, PATIENCE).await, "{what} was not told");
    }
    tokio::task::spawn_blocking(move || drop(other)).await.unwrap();
    world.central.stop().await.unwrap();
}
