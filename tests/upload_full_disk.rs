//! Disks that are really full: a small file system of its own in a mount namespace, under the lane's queue and under
//! central. Nothing is lost, it is said, and it goes on by itself when there is room. Where no namespace is to be had, it
//! says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, World, batch, sha256};
use common::queue::outcome;
use ed25519_dalek::SigningKey;
use egate::central::store::PassageFilter;
use egate::outbox::{BackOff, CallError, Outbox, OutboxError, UploadState, Uploader};
use egate::passage::Picture;
use egate::record::wire::RefusalCode;
use egate::record::{ChainHead, SealedPicture, verify_chain};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the file system is mounted, told to the process inside.
const MOUNTED: &str = "EGATE_TEST_FULL_DISK";
const PATIENCE: Duration = Duration::from_secs(120);
const QUICK: BackOff = BackOff { first: Duration::from_millis(20), longest: Duration::from_millis(200) };

/// Runs the test of this name once more with a file system of this size of its own.
fn on_a_disk_of(size: &str, name: &str, inside: impl FnOnce(&Path)) {
    if let Some(disk) = std::env::var_os(MOUNTED) {
        return inside(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let inside = |then: &str| {
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size={size} none {} && {then}", disk.path().display());
        command.args(["--map-root-user", "--mount", "sh", "-c"]).arg(script);
        command
    };
    if !inside("true").status().is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "no mount namespace is to be had");
        eprintln!("skipped: no mount namespace is to be had");
        return;
    }
    let status = inside("exec \"$@\"")
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MOUNTED, disk.path())
        .status()
        .unwrap();
    assert!(status.success(), "in its own namespace the test ended with {status}");
}

/// Takes all the room that is left.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("filler");
    let mut file = File::options().create(true).append(true).open(&path).unwrap();
    for bytes in [64 << 10, 4 << 10, 1] {
        while file.write_all(&vec![0x5a; bytes]).is_ok() {}
    }
    path
}

fn append(outbox: &mut Outbox, number: u64, bytes: usize) -> Result<String, OutboxError> {
    let mut sealed = number.to_be_bytes().to_vec();
    sealed.resize(bytes, 0x5a);
    let picture = SealedPicture::new(Picture::Portrait, "image/jpeg", sealed);
    outbox.append(&outcome(number), &[picture], "standard").map(|appended| appended.sha256)
}

#[test]
fn a_queue_on_a_full_disk_says_so_keeps_all_it_has_and_goes_on_with_room() {
    let name = "a_queue_on_a_full_disk_says_so_keeps_all_it_has_and_goes_on_with_room";
    on_a_disk_of("3m", name, |disk| {
        let (path, key) = (disk.join("outbox.db"), SigningKey::from_bytes(&[7; 32]));
        let open = || Outbox::open(&path, "lane-1", key.clone(), 64 << 20);
        let mut outbox = open().unwrap();
        let epoch = outbox.epoch().to_owned();
        // Others have most of it: the queue's own room is bounded by its settings.
        fs::write(disk.join("filler"), vec![0; 1_500_000]).unwrap();
        let mut stored = Vec::new();
        let full = loop {
            match append(&mut outbox, stored.len() as u64 + 1, 30_000) {
                Ok(sha256) => stored.push(sha256),
                Err(error) => break error,
            }
            assert!(stored.len() < 200, "the disk is never full");
        };
        assert!(matches!(full, OutboxError::Full { .. }), "{full}");
        assert!(stored.len() >= 10, "{}", stored.len());
        let filler = fill(disk);
        for number in 500..505 {
            assert!(append(&mut outbox, number, 30_000).is_err());
        }
        let whole = |outbox: &Outbox, stored: &[String]| {
            let pending = outbox.pending(1000).unwrap();
            assert_eq!(
                pending.iter().map(|signed| &signed.sha256).collect::<Vec<_>>(),
                stored.iter().collect::<Vec<_>>()
            );
            let first = stored.len() as u64 + 1 - pending.len() as u64;
            assert_eq!(first, 1);
            let (_, head) = verify_chain(&ChainHead::start(), &pending, &key.verifying_key()).unwrap();
            assert_eq!(outbox.head().unwrap(), head);
        };
        whole(&outbox, &stored);
        // What central acknowledges now may find no room to be forgotten; then it is acknowledged again.
        let acknowledged = outbox.acknowledge(&epoch, 2).is_ok();
        drop(outbox);
        // A start on the full disk either has everything, or refuses.
        if let Ok(outbox) = open() {
            assert_eq!(outbox.len().unwrap(), stored.len() as u64 - if acknowledged { 2 } else { 0 });
        }
        fs::remove_file(&filler).unwrap();
        let mut outbox = open().unwrap();
        if !acknowledged {
            whole(&outbox, &stored);
        }
        outbox.acknowledge(&epoch, 5).unwrap();
        let next = outbox.append(&outcome(99), &[], "standard").unwrap();
        assert_eq!(next.sequence, stored.len() as u64 + 1);
        assert_eq!(outbox.len().unwrap(), stored.len() as u64 - 4);
    });
}

#[test]
fn central_on_a_full_disk_refuses_for_a_while_loses_nothing_and_goes_on_with_room() {
    let name = "central_on_a_full_disk_refuses_for_a_while_loses_nothing_and_goes_on_with_room";
    on_a_disk_of("8m", name, |disk| {
        tokio::runtime::Runtime::new().unwrap().block_on(central_fills_up(disk));
    });
}

/// Refused for now, and told when to come again.
fn busy(refused: &CallError) -> bool {
    let CallError::Refused { refusal, retry_after } = refused else { return false };
    refusal.code == RefusalCode::Busy && retry_after.is_some_and(|wait| !wait.is_zero())
}

async fn central_fills_up(disk: &Path) {
    let world = World::start_with(|settings| settings.data = disk.join("data")).await;
    let (client, mut chain) = (world.client("lane-2"), Chain::new(&world, "lane-2"));
    let first = chain.next(|_| {});
    client.post_records(&batch(&[&first])).await.unwrap();

    let filler = fill(disk);
    let picture = vec![7; 50_000];
    let refused = client.put_picture(&sha256(&picture), picture.clone()).await.unwrap_err();
    assert!(busy(&refused), "{refused:?}");
    // Room that the log has left takes some records; then there is none.
    let mut taken = vec![first];
    let refused = loop {
        let next = chain.next(|record| record.software = "x".repeat(30_000));
        match client.post_records(&batch(&[&next])).await {
            Ok(_) => taken.push(next),
            Err(refused) => break (refused, next),
        }
        assert!(taken.len() < 500, "the disk is never full");
    };
    assert!(busy(&refused.0), "{:?}", refused.0);
    client.health().await.unwrap();

    // A lane that comes with its queue is told to wait, and keeps everything.
    let kit = world.kit("lane-1");
    let folder = world.folder.path().join("outbox.db");
    let mut outbox = Outbox::open(&folder, "lane-1", kit.record_key.clone(), 64 << 20).unwrap();
    (1..=20).for_each(|number| drop(append(&mut outbox, number, 20_000).unwrap()));
    let queue = Arc::new(Mutex::new(outbox));
    let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
    let mut state = uploader.state();
    let waits = |state: &UploadState| matches!(state, UploadState::Waiting { failures, why } if *failures >= 2 && why.contains("Busy"));
    tokio::time::timeout(PATIENCE, state.wait_for(waits)).await.unwrap().unwrap();
    assert_eq!(queue.lock().unwrap().len().unwrap(), 20);
    let parts = |folder: &Path| -> usize {
        let shelves = fs::read_dir(folder.join("data/pictures")).unwrap();
        let files = shelves.flat_map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap());
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part")).count()
    };
    assert_eq!(parts(disk), 0, "what was half written takes no room");

    fs::remove_file(&filler).unwrap();
    let wait = async {
        while !queue.lock().unwrap().is_empty().unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    uploader.stop().await;
    client.put_picture(&sha256(&picture), picture).await.unwrap();
    client.post_records(&batch(&[&refused.1])).await.unwrap();
    taken.push(refused.1);
    let store = world.central.store();
    let expected = taken.len() + 20;
    let found = tokio::task::spawn_blocking(move || {
        let found = store.passages(&PassageFilter { ending: None, most: 10_000 }).unwrap();
        assert_eq!(store.alarms(10).unwrap(), []);
        found
    })
    .await
    .unwrap();
    assert_eq!(found.len(), expected, "every record once");
    world.central.stop().await.unwrap();
}
