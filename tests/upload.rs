//! The lane's upload against a real central: nothing dropped, nothing twice, whatever breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, picture_ref, sha256};
use egate::central::store::{AlarmKind, PassageFilter};
use egate::outbox::{BackOff, Backlog, Extent, UploadState, Uploader};
use egate::record::{PassageRecord, SignedRecord};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn sequence(signed: &SignedRecord) -> u64 {
    serde_json::from_str::<PassageRecord>(&signed.canonical).unwrap().position.sequence
}

/// A queue in memory that counts what is asked of it.
#[derive(Default)]
struct Memory {
    records: Vec<SignedRecord>,
    pictures: HashMap<String, Vec<u8>>,
    picture_reads: usize,
    acknowledged: Vec<u64>,
}

impl Backlog for Memory {
    type Error = Infallible;

    fn extent(&mut self) -> Result<Option<Extent>, Infallible> {
        let ends = self.records.first().zip(self.records.last());
        Ok(ends.map(|(first, last)| Extent {
            epoch: EPOCH.to_owned(),
            first: sequence(first),
            last: sequence(last),
        }))
    }

    fn pending_after(&mut self, after: u64, most: usize) -> Result<Vec<SignedRecord>, Infallible> {
        Ok(self.records.iter().filter(|record| sequence(record) > after).take(most).cloned().collect())
    }

    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, Infallible> {
        self.picture_reads += 1;
        Ok(self.pictures.get(sha256).cloned())
    }

    fn acknowledge(&mut self, _epoch: &str, through: u64) -> Result<(), Infallible> {
        self.records.retain(|record| sequence(record) > through);
        self.acknowledged.push(through);
        Ok(())
    }
}

const QUICK: BackOff = BackOff { first: Duration::from_millis(20), longest: Duration::from_millis(200) };
const PATIENCE: Duration = Duration::from_secs(60);

fn all() -> PassageFilter {
    PassageFilter { ending: None, most: 1000 }
}

#[tokio::test]
async fn pictures_go_first_and_everything_is_acknowledged() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let mut memory = Memory::default();
    for n in 0..40_u8 {
        let sealed = vec![n; 1000];
        memory.records.push(chain.next(|record| record.pictures = vec![picture_ref("frame", &sealed)]));
        memory.pictures.insert(sha256(&sealed), sealed);
    }
    let queue = Arc::new(Mutex::new(memory));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    let mut state = uploader.state();
    tokio::time::timeout(PATIENCE, async {
        while !queue.lock().unwrap().records.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        state.wait_for(|state| *state == UploadState::Idle).await.unwrap();
    })
    .await
    .unwrap();
    assert_eq!(queue.lock().unwrap().acknowledged, [16, 32, 40]);
    assert_eq!(queue.lock().unwrap().picture_reads, 40);
    assert_eq!(world.central.store().passages(&all()).unwrap().len(), 40);

    // A record that comes later goes when the uploader is woken.
    queue.lock().unwrap().records.push(chain.next(|_| {}));
    uploader.wake().notify_one();
    tokio::time::timeout(PATIENCE, async {
        while !queue.lock().unwrap().records.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    uploader.stop().await;
}

#[tokio::test]
async fn what_was_decided_while_central_was_away_arrives_when_it_is_back() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let client = world.client("lane-1");
    let World { folder, settings, central } = world;
    central.stop().await.unwrap();

    let memory = Memory { records: (0..3).map(|_| chain.next(|_| {})).collect(), ..Memory::default() };
    let queue = Arc::new(Mutex::new(memory));
    let uploader = Uploader::start(client, Arc::clone(&queue), QUICK);
    let mut state = uploader.state();
    let waiting =
        |state: &UploadState| matches!(state, UploadState::Waiting { failures, .. } if *failures >= 3);
    tokio::time::timeout(PATIENCE, state.wait_for(waiting)).await.unwrap().unwrap();
    assert_eq!(queue.lock().unwrap().records.len(), 3);

    let central = egate::central::Central::start(settings.clone()).await.unwrap();
    tokio::time::timeout(PATIENCE, state.wait_for(|state| *state == UploadState::Idle))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(central.store().passages(&all()).unwrap().len(), 3);
    assert!(queue.lock().unwrap().records.is_empty());
    uploader.stop().await;
    drop(folder);
}

#[tokio::test]
async fn a_record_that_central_refuses_stays_in_the_queue_and_is_told() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, mut two, three) = (chain.next(|_| {}), chain.next(|_| {}), chain.next(|_| {}));
    two.signature = three.signature.clone();
    let queue = Arc::new(Mutex::new(Memory { records: vec![one, two, three], ..Memory::default() }));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    let mut state = uploader.state();
    let stuck =
        |state: &UploadState| matches!(state, UploadState::Stuck { why } if why.contains("BadRecord"));
    tokio::time::timeout(PATIENCE, state.wait_for(stuck)).await.unwrap().unwrap();
    assert_eq!(queue.lock().unwrap().acknowledged, [1]);
    assert_eq!(queue.lock().unwrap().records.len(), 2);
    uploader.stop().await;
}

#[tokio::test]
async fn the_durable_queue_is_emptied_and_its_referral_becomes_a_case() {
    let world = World::start().await;
    let kit = world.kit("lane-1");
    let path = world.folder.path().join("outbox.db");
    let mut outbox = egate::outbox::Outbox::open(&path, "lane-1", kit.record_key.clone(), 64 << 20).unwrap();
    let passage = egate::policy::PassageId("lane-1/e/1".to_owned());
    let label = egate::record::PictureLabel { passage: &passage.0, role: "portrait" };
    let sealed = kit.pictures.seal(label, &common::central::face("obama.jpg"), [1; 32]).unwrap();
    let picture = egate::passage::Picture::Portrait;
    let sealed = egate::record::SealedPicture::new(picture, "image/jpeg", sealed);
    let outcome = egate::passage::Outcome {
        passage: passage.clone(),
        started: "2026-01-05T10:00:05Z".parse().unwrap(),
        lasted_ms: 7_400,
        ending: egate::passage::Ending::Referred,
        reasons: vec![egate::check::Reason::FaceMismatch],
        checks: vec![],
        document: None,
        steps: vec![],
        pictures: vec![picture],
        similarity: None,
        attack: None,
        commands: Vec::new(),
    };
    outbox.append(&outcome, &[sealed], "self-service").unwrap();
    let queue = Arc::new(Mutex::new(outbox));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    tokio::time::timeout(PATIENCE, async {
        while !queue.lock().unwrap().is_empty().unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    uploader.stop().await;
    assert_eq!(world.central.store().open_cases(10).unwrap().1, 1);
}

/// Waits until something holds; what it looks at changes by the work of others.
async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn what_comes_while_a_backlog_is_sent_arrives_before_the_rest_of_it() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let mut memory = Memory::default();
    for n in 0..200_u8 {
        let sealed = vec![n; 1000];
        memory.records.push(chain.next(|record| record.pictures = vec![picture_ref("frame", &sealed)]));
        memory.pictures.insert(sha256(&sealed), sealed);
    }
    let queue = Arc::new(Mutex::new(memory));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    until(|| !queue.lock().unwrap().acknowledged.is_empty()).await;
    queue.lock().unwrap().records.push(chain.next(|_| {}));
    let store = world.central.store();
    let live = egate::central::store::RecordKey {
        lane: "lane-1".to_owned(),
        epoch: EPOCH.to_owned(),
        sequence: 201,
    };
    until(|| store.passage(&live).unwrap().is_some()).await;
    let waiting = queue.lock().unwrap().records.len();
    assert!(waiting > 100, "only {waiting} of the backlog were left when the live record arrived");
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::Backlog), "said to be on its way: {alarms:?}");

    until(|| queue.lock().unwrap().records.is_empty()).await;
    uploader.stop().await;
    assert_eq!(store.passages(&all()).unwrap().len(), 201);
    assert!(store.alarms(10).unwrap().is_empty(), "the backlog came");
    assert_eq!(queue.lock().unwrap().picture_reads, 200, "no picture was sent twice");
}

#[tokio::test]
async fn telemetry_follows_the_outcomes_and_leaves_the_queue() {
    let world = World::start().await;
    let kit = world.kit("lane-1");
    let path = world.folder.path().join("outbox.db");
    let mut outbox = egate::outbox::Outbox::open(&path, "lane-1", kit.record_key.clone(), 64 << 20).unwrap();
    outbox.tell("2026-01-05T10:00:05Z".parse().unwrap(), "camera_lost", "no frame for \0 2 s").unwrap();
    outbox.tell("2026-01-05T10:00:09Z".parse().unwrap(), "camera_back", "").unwrap();
    let queue = Arc::new(Mutex::new(outbox));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    until(|| queue.lock().unwrap().telemetry(9).unwrap().is_empty()).await;
    uploader.stop().await;
    let told = world.central.store().telemetry("lane-1", 10).unwrap();
    let kinds: Vec<_> = told.iter().map(|told| (told.entry.number, told.entry.kind.as_str())).collect();
    assert_eq!(kinds, [(2, "camera_back"), (1, "camera_lost")]);
}
