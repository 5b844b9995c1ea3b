//! What is kept for how long, and what comes back from a backup.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, sha256};
use common::postgres::Cluster;
use egate::central::store::*;
use egate::central::{Central, CentralSettings, backup, restore};
use egate::record::{ChainHead, SignedRecord, verify_chain};
use std::path::PathBuf;
use std::sync::Arc;

/// Runs what waits for the database where waiting is allowed.
async fn on_store<T: Send + 'static>(world: &World, act: impl FnOnce(Arc<Store>) -> T + Send + 'static) -> T {
    let store = world.central.store();
    tokio::task::spawn_blocking(move || act(store)).await.unwrap()
}

fn key(sequence: u64) -> RecordKey {
    RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence }
}

fn files(world: &World) -> usize {
    let shelves = std::fs::read_dir(world.settings.data.join("pictures")).unwrap();
    shelves.map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum()
}

/// Restarts with no day of keeping: everything that may go is due at once.
async fn with_nothing_kept(mut world: World) -> World {
    let retention = &mut world.settings.retention;
    (retention.admitted_days, retention.referred_days, retention.withdrawn_days) = (0, 0, 0);
    world.restart().await
}

async fn pictures_go_in_their_time(world: World) {
    let mut chain = Chain::new(&world, "lane-1");
    let records: [SignedRecord; 2] =
        [chain.send_case(&world, |_| {}).await, chain.send_case(&world, |_| {}).await];
    assert_eq!(world.central.office.delete_due_pictures().await.unwrap(), 0, "thirty days are not over");
    let kept = files(&world);
    let decided = Decided { decision: Decision::Refuse, officer: "a".to_owned(), at: 9, note: String::new() };
    on_store(&world, move |store| {
        store.judge(&key(1), 1, "a", Judgement::Different, 8).unwrap();
        assert!(matches!(store.decide(&key(1), 2, &decided).unwrap(), CaseChange::Made(_)));
    })
    .await;
    let world = with_nothing_kept(world).await;
    // The service itself may have been first.
    world.central.office.delete_due_pictures().await.unwrap();
    assert_eq!(world.central.office.delete_due_pictures().await.unwrap(), 0, "nothing goes twice");
    assert_eq!(files(&world), kept / 2, "the case that nobody decided keeps its pictures");
    let deletion = on_store(&world, |store| {
        assert_eq!(store.deletion(&key(2)).unwrap(), None);
        let passage = store.passage(&key(1)).unwrap().unwrap();
        let names: String =
            passage.record.pictures.iter().map(|p| format!("{}\n", p.sealed_sha256)).collect();
        let deletion = store.deletion(&key(1)).unwrap().unwrap();
        assert_eq!((deletion.pictures, &deletion.names), (4, &sha256(names.as_bytes())));
        let line =
            store.audit_lines(50).unwrap().into_iter().find(|line| line.act == "pictures.delete").unwrap();
        assert!(line.detail.contains(&deletion.names) && store.audit_break().unwrap().is_none());
        deletion
    })
    .await;
    assert!(deletion.deleted > 0);
    let key = chain.kit.record_key.verifying_key();
    assert!(verify_chain(&ChainHead::start(), &records, &key).is_ok(), "the records verify without pictures");
}

#[tokio::test]
async fn pictures_go_in_their_time_with_a_proof_on_sqlite() {
    pictures_go_in_their_time(World::start().await).await;
}

#[tokio::test]
async fn pictures_go_in_their_time_with_a_proof_on_postgres() {
    let Some(mut cluster) = Cluster::start() else { return };
    pictures_go_in_their_time(World::start_on(Some(cluster.database())).await).await;
}

/// A restored service's settings.
fn elsewhere(world: &World) -> CentralSettings {
    let mut settings = world.settings.clone();
    settings.data = world.folder.path().join("restored");
    settings
}

fn folder(world: &World) -> PathBuf {
    world.folder.path().join("backup")
}

#[tokio::test]
async fn a_backup_under_load_comes_back_whole() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    let records: Vec<SignedRecord> = (0..200).map(|_| chain.next(|_| {})).collect();
    let (client, settings, to) = (world.client("lane-1"), world.settings.clone(), folder(&world));
    let (sender, mut begun) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let load = tokio::spawn(async move {
        for some in records.chunks(4) {
            client.post_records(&batch(&some.iter().collect::<Vec<_>>())).await.unwrap();
            if let Some(sender) = sender.take() {
                sender.send(()).unwrap();
            }
        }
    });
    (&mut begun).await.unwrap();
    tokio::task::spawn_blocking(move || backup(&settings, &to)).await.unwrap().unwrap();
    load.await.unwrap();

    let (settings, from) = (elsewhere(&world), folder(&world));
    let restored = settings.clone();
    tokio::task::spawn_blocking(move || restore(&restored, &from)).await.unwrap().unwrap();
    world.central.stop().await.unwrap();
    let central = Central::start(settings.clone()).await.unwrap();
    let store = central.store();
    let lanes = store.lanes().unwrap();
    assert!((5..=201).contains(&lanes[0].records), "{lanes:?}");
    assert!(store.alarms(9).unwrap().is_empty() && store.audit_break().unwrap().is_none());
    let case = store.passage(&key(1)).unwrap().unwrap();
    for picture in case.record.pictures {
        let (shelf, name) = (&picture.sealed_sha256[..2], &picture.sealed_sha256);
        let sealed = std::fs::read(settings.data.join("pictures").join(shelf).join(name)).unwrap();
        assert_eq!(sha256(&sealed), *name);
    }
    central.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_that_is_not_whole_or_a_place_that_is_taken_is_refused() {
    let world = World::start().await;
    let (to, settings) = (folder(&world), elsewhere(&world));
    backup(&world.settings, &to).unwrap();
    assert!(backup(&world.settings, &to).is_err(), "a backup is never overwritten");
    let why = |settings: &CentralSettings| restore(settings, &to).unwrap_err().to_string();
    assert!(why(&world.settings).contains("never overwrites"));
    let manifest = to.join("backup.json");
    let kept = std::fs::read(&manifest).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    assert!(why(&settings).contains("no whole backup"));
    std::fs::write(&manifest, kept).unwrap();
    let mut database = std::fs::read(to.join("central.sqlite")).unwrap();
    database[100] ^= 1;
    std::fs::write(to.join("central.sqlite"), database).unwrap();
    assert!(why(&settings).contains("not the one"));
    assert!(!settings.data.join("central.sqlite").exists());
}
