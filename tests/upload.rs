//! The lane's upload against a real central: nothing dropped, nothing twice, whatever breaks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, World, picture_ref, sha256};
use egate::central::store::PassageFilter;
use egate::outbox::{BackOff, Backlog, UploadState, Uploader};
use egate::record::{PassageRecord, SignedRecord};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

    fn pending(&mut self, most: usize) -> Result<Vec<SignedRecord>, Infallible> {
        Ok(self.records.iter().take(most).cloned().collect())
    }

    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, Infallible> {
        self.picture_reads += 1;
        Ok(self.pictures.get(sha256).cloned())
    }

    fn acknowledge(&mut self, _epoch: &str, through: u64) -> Result<(), Infallible> {
        let sequence =
            |r: &SignedRecord| serde_json::from_str::<PassageRecord>(&r.canonical).unwrap().position.sequence;
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
