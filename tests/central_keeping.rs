//! What is kept for how long, what of it is logged, and the proof of what was deleted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, admitted, refer, sha256};
use common::postgres::Cluster;
use egate::central::LoggingProfile;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::passage::Ending;
use egate::record::{ChainHead, PassageRecord, SignedRecord, verify_chain};
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
    let decided = Decided {
        decision: Decision::Refuse,
        officer: "a".to_owned(),
        at: 9,
        note: String::new(),
        reason: None,
        overridden: Vec::new(),
    };
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
    on_store(&world, |store| {
        assert!(store.deletions(&key(2)).unwrap().is_empty());
        let passage = store.passage(&key(1)).unwrap().unwrap();
        let deletions = store.deletions(&key(1)).unwrap();
        assert_eq!(deletions.iter().map(|deletion| deletion.pictures).collect::<Vec<_>>(), [3, 1]);
        for deletion in &deletions {
            let names: Vec<String> = passage
                .record
                .pictures
                .iter()
                .filter(|picture| deletion.kind.holds(picture))
                .map(|picture| format!("{}\n", picture.sealed_sha256))
                .collect();
            assert_eq!(deletion.names, sha256(names.concat().as_bytes()));
            assert_eq!(deletion.rule, "retention: referred after 0 days");
            let lines = store.audit_lines(50).unwrap();
            let line = lines.iter().find(|line| line.detail.contains(&deletion.names)).unwrap();
            assert_eq!(line.act, "pictures.delete");
            assert!(line.detail.contains(&deletion.rule), "{}", line.detail);
            assert!(deletion.deleted > 0);
        }
        assert!(store.audit_break().unwrap().is_none());
    })
    .await;
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

#[tokio::test]
async fn kinds_of_pictures_have_days_of_their_own() {
    let mut world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |record| record.ending = Ending::Admitted).await;
    world.settings.retention.frames.admitted_days = Some(0);
    let world = world.restart().await;
    world.central.office.delete_due_pictures().await.unwrap();
    assert_eq!(files(&world), 1, "the portrait has two days");
    let kinds = on_store(&world, |store| store.deletions(&key(1)).unwrap()).await;
    assert_eq!(kinds.iter().map(|deletion| deletion.kind).collect::<Vec<_>>(), [PictureKind::Frame]);
}

#[tokio::test]
async fn the_logging_profile_decides_which_pictures_stay_and_what_the_log_holds() {
    let mut world = World::start_with(|settings| settings.logging = LoggingProfile::Basic).await;
    let mut chain = Chain::new(&world, "lane-1");
    // One whose face failed and one whose chip failed, both over; one that an officer has not decided.
    chain.send_case(&world, |record| record.ending = Ending::Withdrawn).await;
    let chip = |record: &mut PassageRecord| {
        *record = PassageRecord { pictures: record.pictures.clone(), ..clean(record) };
        refer(record, CheckId::DataGroupIntegrity, Reason::DataGroupHashWrong);
        record.ending = Ending::Withdrawn;
    };
    chain.send_case(&world, chip).await;
    chain.send_case(&world, |_| {}).await;
    assert_eq!(log(&world, LoggingProfile::Basic).await, [(false, false); 3]);
    let standard = [(false, true), (true, false), (false, true)];
    assert_eq!(log(&world, LoggingProfile::Standard).await, standard);
    let optical = [(true, true), (true, false), (true, true)];
    assert_eq!(log(&world, LoggingProfile::StandardOptical).await, optical);
    assert_eq!(log(&world, LoggingProfile::Full).await, [(true, true); 3]);
    let before = files(&world);
    world.settings.logging = LoggingProfile::Standard;
    let world = world.restart().await;
    world.central.office.delete_due_pictures().await.unwrap();
    let rules = on_store(&world, |store| {
        assert!(store.deletions(&key(3)).unwrap().is_empty(), "an officer needs them");
        let rules = |sequence| store.deletions(&key(sequence)).unwrap().into_iter().map(|d| d.rule);
        [rules(1).collect::<Vec<_>>(), rules(2).collect()]
    })
    .await;
    // The service that ran before with the basic profile may have been first with some of them.
    assert!(
        rules[1].iter().all(|rule| rule.starts_with("logging profile")) && rules[1].len() == 2,
        "{rules:?}"
    );
    assert!(files(&world) < before);
}

/// Of each passage in a log, whether it holds the document and the pictures.
async fn log(world: &World, profile: LoggingProfile) -> Vec<(bool, bool)> {
    let into = Shared::default();
    let written = world.central.office.log(Some(profile), (0, Millis::MAX), "test", into.clone()).await;
    assert_eq!(written.unwrap(), 3);
    let text = String::from_utf8(into.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let has = |line: serde_json::Value| {
        assert_eq!(line["checks"].as_array().unwrap().len(), CheckId::ALL.len());
        assert_eq!(line.to_string().contains("ERIKSSON"), line.get("document").is_some());
        (line.get("document").is_some(), line.get("pictures").is_some())
    };
    lines.map(has).collect()
}

/// A record without its referral.
fn clean(record: &PassageRecord) -> PassageRecord {
    let mut clean = admitted("lane-1", record.position.sequence, &record.position.previous);
    clean.started.clone_from(&record.started);
    clean
}

/// What is written can be read when it was written.
#[derive(Clone, Default)]
struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
