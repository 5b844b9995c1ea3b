//! Pictures whose record never came: deleted after a named time with proof, in files and in an object store; and never
//! one that a record names, or may still name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, picture_ref, sha256};
use common::s3::S3;
use egate::central::store::RecordKey;
use egate::outbox::{BackOff, Backlog, CallError, Extent, UploadState, Uploader};
use egate::record::SignedRecord;
use egate::record::wire::RefusalCode;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PATIENCE: Duration = Duration::from_secs(60);
const QUICK: BackOff = BackOff { first: Duration::from_millis(20), longest: Duration::from_millis(200) };

/// Where the pictures of a world are.
enum Place {
    Files(PathBuf),
    Objects(S3),
}

fn key(name: &str) -> String {
    format!("{}/{name}", &name[..2])
}

impl Place {
    /// Makes a picture as old as if it had been put so long ago.
    fn age(&self, name: &str, by: Duration) {
        let put = SystemTime::now() - by;
        match self {
            Place::Files(folder) => {
                std::fs::File::open(folder.join(key(name))).unwrap().set_modified(put).unwrap();
            }
            Place::Objects(s3) => drop(s3.bucket.put.lock().unwrap().insert(key(name), put)),
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Place::Files(folder) => folder.join(key(name)).exists(),
            Place::Objects(s3) => s3.keys().contains(&key(name)),
        }
    }
}

async fn worlds() -> [(World, Place); 2] {
    let files = World::start().await;
    let folder = files.settings.data.join("pictures");
    let s3 = S3::start().await;
    let objects = World::start_with(|settings| settings.pictures.s3 = Some(s3.settings.clone())).await;
    [(files, Place::Files(folder)), (objects, Place::Objects(s3))]
}

/// Lines of the audit trail about swept pictures.
async fn proofs(world: &World) -> Vec<String> {
    let store = world.central.store();
    let search = move || {
        let all = store.audit_lines(1000).unwrap();
        let sweeps = all.into_iter().filter(|line| line.act == "pictures.sweep");
        sweeps.map(|line| line.detail).collect()
    };
    tokio::task::spawn_blocking(search).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_goes_when_no_record_named_it_in_time_and_no_other() {
    for (world, place) in worlds().await {
        let (client, mut chain) = (world.client("lane-1"), Chain::new(&world, "lane-1"));
        let [named, fresh, loose, other] =
            [b"named", b"fresh", b"loose", b"other"].map(|bytes| bytes.to_vec());
        for sealed in [&named, &fresh, &loose, &other] {
            client.put_picture(&sha256(sealed), sealed.clone()).await.unwrap();
        }
        let record = chain.next(|record| record.pictures = vec![picture_ref("frame", &named)]);
        client.post_records(&batch(&[&record])).await.unwrap();
        place.age(&sha256(&named), 400 * DAY);
        place.age(&sha256(&fresh), 29 * DAY);
        // What another process knows: none remembers what it put.
        let world = world.restart().await;
        assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 0);
        assert_eq!(proofs(&world).await, Vec::<String>::new(), "nothing was due");

        for sealed in [&loose, &other] {
            place.age(&sha256(sealed), 31 * DAY);
        }
        assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 2);
        let there = [&named, &fresh, &loose, &other].map(|sealed| place.has(&sha256(sealed)));
        assert_eq!(there, [true, true, false, false]);
        let mut names = [sha256(&loose), sha256(&other)];
        names.sort();
        let hash = hex::encode(Sha256::digest(format!("{}\n{}\n", names[0], names[1])));
        assert_eq!(
            proofs(&world).await,
            [format!("2 pictures that no record named for 30 days, names {hash}")]
        );
        assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 0, "nothing goes twice");
        world.central.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_comes_late_has_its_pictures_sent_again_before_they_can_be_swept() {
    for (world, place) in worlds().await {
        let (mut chain, sealed) = (Chain::new(&world, "lane-1"), b"sealed".to_vec());
        let name = sha256(&sealed);
        world.client("lane-1").put_picture(&name, sealed.clone()).await.unwrap();
        place.age(&name, 29 * DAY + DAY / 2);
        let world = world.restart().await;
        let client = world.client("lane-1");
        let record = chain.next(|record| record.pictures = vec![picture_ref("frame", &sealed)]);
        let refused = client.post_records(&batch(&[&record])).await.unwrap_err();
        let CallError::Refused { refusal, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(
            (refusal.code, refusal.picture.as_deref()),
            (RefusalCode::PictureMissing, Some(name.as_str()))
        );
        client.put_picture(&name, sealed).await.unwrap();
        client.post_records(&batch(&[&record])).await.unwrap();
        assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 0);
        assert!(place.has(&name), "put again it is new");
        world.central.stop().await.unwrap();
    }
}

/// A queue of one record with one picture; the picture is taken from central between its upload and the record's.
struct Swept {
    record: Option<SignedRecord>,
    sealed: Vec<u8>,
    sweep: Box<dyn Fn() + Send>,
    sent: usize,
    looks: usize,
}

impl Backlog for Swept {
    type Error = Infallible;

    fn extent(&mut self) -> Result<Option<Extent>, Infallible> {
        Ok(self.record.as_ref().map(|_| Extent { epoch: EPOCH.to_owned(), first: 1, last: 1 }))
    }

    fn pending_after(&mut self, _: u64, _: usize) -> Result<Vec<SignedRecord>, Infallible> {
        self.looks += 1;
        if self.looks == 2 {
            (self.sweep)();
        }
        Ok(self.record.iter().cloned().collect())
    }

    fn sealed_picture(&mut self, _: &str) -> Result<Option<Vec<u8>>, Infallible> {
        self.sent += 1;
        Ok(Some(self.sealed.clone()))
    }

    fn acknowledge(&mut self, _: &str, _: u64) -> Result<(), Infallible> {
        self.record = None;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_told_that_a_picture_is_missing_sends_it_again() {
    let world = World::start().await;
    let (mut chain, sealed) = (Chain::new(&world, "lane-1"), b"sealed".to_vec());
    let name = sha256(&sealed);
    let file = world.settings.data.join("pictures").join(key(&name));
    let record = chain.next(|record| record.pictures = vec![picture_ref("frame", &sealed)]);
    let gone = file.clone();
    let sweep = Box::new(move || std::fs::remove_file(&gone).unwrap());
    let queue = Arc::new(Mutex::new(Swept { record: Some(record), sealed, sweep, sent: 0, looks: 0 }));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    let mut state = uploader.state();
    let told = |state: &UploadState| matches!(state, UploadState::Waiting { why, .. } if why.contains("PictureMissing"));
    tokio::time::timeout(PATIENCE, state.wait_for(told)).await.unwrap().unwrap();
    let idle = state.wait_for(|state| *state == UploadState::Idle);
    tokio::time::timeout(PATIENCE, idle).await.unwrap().unwrap();
    uploader.stop().await;
    assert_eq!(queue.lock().unwrap().sent, 2);
    assert!(file.exists());
    let key = RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence: 1 };
    assert!(world.central.store().passage(&key).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upload_left_half_written_goes_too() {
    let world = World::start().await;
    let sealed = b"sealed".to_vec();
    world.client("lane-1").put_picture(&sha256(&sealed), sealed.clone()).await.unwrap();
    let part = world.settings.data.join("pictures").join(format!("{}.0011.part", key(&sha256(&sealed))));
    std::fs::write(&part, b"sea").unwrap();
    assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 0);
    assert!(part.exists());
    std::fs::File::open(&part).unwrap().set_modified(SystemTime::now() - 31 * DAY).unwrap();
    assert_eq!(world.central.office.sweep_loose_pictures().await.unwrap(), 0);
    assert!(!part.exists());
}
