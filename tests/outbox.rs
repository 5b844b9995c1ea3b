//! The queue: nothing that was appended is lost, whatever happens to the process or the disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/queue.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod queue;

use ed25519_dalek::SigningKey;
use egate::outbox::{Appended, OUTBOX_BYTES_LEAST, Outbox, OutboxError, PICTURES_MOST};
use egate::passage::{Ending, Outcome, Picture};
use egate::policy::PassageId;
use egate::record::wire::{PICTURE_BYTES_MOST, RECORD_BYTES_MOST};
use egate::record::{ChainHead, SealedPicture, verify_chain};
use proptest::prelude::*;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const BYTES: u64 = 64 << 20;
/// Tells the test binary, run again, to be the child of a test; its value is the file.
const CHILD: &str = "EGATE_OUTBOX_CHILD";

fn outcome(number: u64) -> Outcome {
    let reasons = vec![egate::check::Reason::TravellerLeft];
    let started = "2026-01-05T10:00:05Z".parse().unwrap();
    Outcome { started, ending: Ending::Withdrawn, reasons, ..queue::outcome(number) }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn open(path: &Path) -> Result<Outbox, OutboxError> {
    Outbox::open(path, "lane-1", key(), BYTES)
}

fn pictures(number: u64, count: usize, bytes: usize) -> Vec<SealedPicture> {
    (0..count)
        .map(|at| {
            let mut sealed = vec![at as u8; bytes];
            sealed[..8].copy_from_slice(&number.to_be_bytes());
            SealedPicture::new(Picture::Frame(at as u64), "image/jpeg", sealed)
        })
        .collect()
}

fn append(outbox: &mut Outbox, number: u64) -> Appended {
    outbox.append(&outcome(number), &pictures(number, 2, 500), "self-service").unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    (folder, path)
}

#[test]
fn records_come_back_in_order_as_a_chain_that_verifies() {
    let (_folder, path) = folder();
    let mut outbox = open(&path).unwrap();
    let appended: Vec<Appended> = (1..=5).map(|number| append(&mut outbox, number)).collect();
    let pending = outbox.pending(100).unwrap();
    let (records, head) = verify_chain(&ChainHead::start(), &pending, &key().verifying_key()).unwrap();
    assert_eq!(appended.iter().map(|a| a.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(appended.last().map(|a| a.sha256.clone()), Some(head.sha256.clone()));
    assert_eq!(outbox.head().unwrap(), head);
    assert!(records.iter().all(|record| record.position.epoch == outbox.epoch()));
    assert_eq!(records[4].passage, "lane-1/e/5");
    for picture in records.iter().flat_map(|record| &record.pictures) {
        let sealed = outbox.sealed_picture(&picture.sealed_sha256).unwrap().unwrap();
        assert_eq!(egate::record::sealed_name(&sealed), picture.sealed_sha256);
    }
    assert_eq!(outbox.pending(2).unwrap(), pending[..2]);
}

#[test]
fn the_chain_goes_on_after_a_new_start_and_after_everything_was_acknowledged() {
    let (_folder, path) = folder();
    let mut outbox = open(&path).unwrap();
    let epoch = outbox.epoch().to_owned();
    append(&mut outbox, 1);
    let second = append(&mut outbox, 2);
    outbox.acknowledge(&epoch, 2).unwrap();
    assert!(outbox.is_empty().unwrap());
    drop(outbox);
    let mut outbox = open(&path).unwrap();
    assert_eq!(outbox.epoch(), epoch);
    assert_eq!(append(&mut outbox, 3).sequence, 3);
    let head = ChainHead { sequence: 2, sha256: second.sha256 };
    verify_chain(&head, &outbox.pending(10).unwrap(), &key().verifying_key()).unwrap();
}

#[test]
fn acknowledged_records_leave_with_their_pictures_and_no_others() {
    let (_folder, path) = folder();
    let mut outbox = open(&path).unwrap();
    let epoch = outbox.epoch().to_owned();
    (1..=3).for_each(|number| drop(append(&mut outbox, number)));
    outbox.acknowledge(&epoch, 2).unwrap();
    assert_eq!(outbox.len().unwrap(), 1);
    let there = |outbox: &Outbox, number| {
        pictures(number, 2, 500).iter().all(|p| outbox.sealed_picture(&p.sha256).unwrap().is_some())
    };
    assert!(!there(&outbox, 1) && !there(&outbox, 2) && there(&outbox, 3));
    outbox.acknowledge(&epoch, 1).unwrap();
    assert_eq!(outbox.len().unwrap(), 1, "an old acknowledgement changes nothing");
}

#[test]
fn an_acknowledgement_that_does_not_fit_removes_nothing() {
    let (_folder, path) = folder();
    let mut outbox = open(&path).unwrap();
    let epoch = outbox.epoch().to_owned();
    append(&mut outbox, 1);
    for (epoch, through) in [(epoch.as_str(), 2), (epoch.as_str(), u64::MAX), ("f", 1), ("", 1)] {
        let refused = outbox.acknowledge(epoch, through);
        assert!(matches!(refused, Err(OutboxError::Acknowledgement { .. })), "{refused:?}");
    }
    assert_eq!(outbox.len().unwrap(), 1);
}

#[test]
fn two_queues_have_two_epochs() {
    let (_one, first) = folder();
    let (_two, second) = folder();
    assert_ne!(open(&first).unwrap().epoch(), open(&second).unwrap().epoch());
}

#[test]
fn a_second_value_on_the_same_file_does_not_fork_the_chain() {
    let (_folder, path) = folder();
    let (mut one, mut two) = (open(&path).unwrap(), open(&path).unwrap());
    for number in 0..10 {
        append(if number % 2 == 0 { &mut one } else { &mut two }, number);
    }
    verify_chain(&ChainHead::start(), &one.pending(100).unwrap(), &key().verifying_key()).unwrap();
}

#[test]
fn a_full_queue_says_so_loses_nothing_and_takes_more_once_there_is_room() {
    let (_folder, path) = folder();
    let mut outbox = Outbox::open(&path, "lane-1", key(), OUTBOX_BYTES_LEAST).unwrap();
    let epoch = outbox.epoch().to_owned();
    let mut stored = 0;
    let full = loop {
        match outbox.append(&outcome(stored + 1), &pictures(stored + 1, 1, 60_000), "p") {
            Ok(appended) => stored = appended.sequence,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert!(matches!(full, OutboxError::Full { most: OUTBOX_BYTES_LEAST, .. }), "{full}");
    assert!(stored >= 10, "only {stored} records of 60 kB in 1 MiB");
    let filling = outbox.filling().unwrap();
    assert!(filling.used <= filling.most && filling.records == stored);
    assert!(std::fs::metadata(&path).unwrap().len() <= OUTBOX_BYTES_LEAST);
    let pending = outbox.pending(100).unwrap();
    verify_chain(&ChainHead::start(), &pending, &key().verifying_key()).unwrap();
    outbox.acknowledge(&epoch, 2).unwrap();
    assert_eq!(append(&mut outbox, 99).sequence, stored + 1);
}

#[test]
fn what_central_would_not_take_is_refused_with_its_size() {
    let (_folder, path) = folder();
    let mut outbox = open(&path).unwrap();
    let mut long = outcome(1);
    long.passage = PassageId("x".repeat(RECORD_BYTES_MOST));
    for refused in [
        outbox.append(&outcome(1), &pictures(1, 1, PICTURE_BYTES_MOST + 1), "p"),
        outbox.append(&outcome(1), &pictures(1, PICTURES_MOST + 1, 8), "p"),
        outbox.append(&long, &[], "p"),
    ] {
        assert!(matches!(refused, Err(OutboxError::TooLarge { .. })), "{refused:?}");
    }
    assert!(outbox.is_empty().unwrap());
    assert_eq!(append(&mut outbox, 1).sequence, 1);
}

#[test]
fn a_file_that_is_no_outbox_of_this_lane_is_refused_and_left_alone() {
    let (folder, path) = folder();
    drop(open(&path).unwrap());
    let other = Outbox::open(&path, "lane-2", key(), BYTES);
    assert!(matches!(other, Err(OutboxError::OtherLane { .. })), "{other:?}");
    let small = Outbox::open(&path, "lane-1", key(), OUTBOX_BYTES_LEAST - 1);
    assert!(matches!(small, Err(OutboxError::Limit(_))));

    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x); ").unwrap();
    assert!(matches!(open(&foreign), Err(OutboxError::Format { .. })));

    let noise = folder.path().join("noise.db");
    std::fs::write(&noise, vec![0x5a; 10_000]).unwrap();
    assert!(matches!(open(&noise), Err(OutboxError::Database { .. })));
    assert_eq!(std::fs::read(&noise).unwrap(), vec![0x5a; 10_000]);
    assert!(matches!(open(folder.path()), Err(OutboxError::Database { .. })));
    assert!(matches!(open(&folder.path().join("no/such/folder")), Err(OutboxError::Database { .. })));
}

/// Ways in which the content can be spoilt behind the queue's back.
#[test]
fn spoilt_content_is_noticed_at_the_opening() {
    for spoil in [
        "DELETE FROM records WHERE sequence = 2",
        "DELETE FROM records WHERE sequence = 3",
        "UPDATE records SET canonical = replace(canonical, 'withdrawn', 'admitted') WHERE sequence = 2",
        "UPDATE records SET sequence = 9 WHERE sequence = 3",
        "UPDATE head SET sha256 = 'x'",
        "UPDATE head SET sequence = 2",
        "UPDATE head SET acknowledged = 1",
        "UPDATE head SET epoch = 'other'",
        "UPDATE records SET (canonical, sha256, signature) =
             (SELECT canonical, sha256, signature FROM records WHERE sequence = 1) WHERE sequence = 2",
    ] {
        let (_folder, path) = folder();
        let mut outbox = open(&path).unwrap();
        (1..=3).for_each(|number| drop(append(&mut outbox, number)));
        drop(outbox);
        rusqlite::Connection::open(&path).unwrap().execute_batch(spoil).unwrap();
        let opened = open(&path);
        assert!(matches!(opened, Err(OutboxError::Damaged(_))), "{spoil}: {opened:?}");
    }
}

#[test]
fn a_key_that_did_not_sign_the_queue_is_refused() {
    let (_folder, path) = folder();
    append(&mut open(&path).unwrap(), 1);
    let other = Outbox::open(&path, "lane-1", SigningKey::from_bytes(&[8; 32]), BYTES);
    assert!(matches!(other, Err(OutboxError::Damaged(_))), "{other:?}");
}

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Act {
    Append { pictures: usize, bytes: usize },
    Acknowledge(u64),
    Reopen,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0usize..4, 8usize..20_000).prop_map(|(pictures, bytes)| Act::Append { pictures, bytes }),
        2 => (0u64..30).prop_map(Act::Acknowledge),
        1 => Just(Act::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_like_a_list(acts in prop::collection::vec(any_act(), 1..40)) {
        let (_folder, path) = folder();
        let mut outbox = open(&path).unwrap();
        let epoch = outbox.epoch().to_owned();
        // Hash of each record ever appended, with the names of its pictures.
        let mut model: Vec<(String, Vec<String>)> = Vec::new();
        let mut acknowledged = 0usize;
        for act in acts {
            match act {
                Act::Append { pictures: count, bytes } => {
                    let number = model.len() as u64 + 1;
                    let pictures = pictures(number, count, bytes);
                    let appended = outbox.append(&outcome(number), &pictures, "p").unwrap();
                    prop_assert_eq!(appended.sequence, number);
                    model.push((appended.sha256, pictures.into_iter().map(|p| p.sha256).collect()));
                }
                Act::Acknowledge(through) => {
                    let fits = through <= model.len() as u64;
                    prop_assert_eq!(outbox.acknowledge(&epoch, through).is_ok(), fits);
                    if fits {
                        acknowledged = acknowledged.max(through as usize);
                    }
                }
                Act::Reopen => {
                    drop(outbox);
                    outbox = open(&path).unwrap();
                }
            }
            let pending: Vec<String> =
                outbox.pending(1_000).unwrap().into_iter().map(|signed| signed.sha256).collect();
            let expected: Vec<String> = model[acknowledged..].iter().map(|(hash, _)| hash.clone()).collect();
            prop_assert_eq!(pending, expected);
            prop_assert_eq!(outbox.len().unwrap(), (model.len() - acknowledged) as u64);
        }
        for (at, (_, pictures)) in model.iter().enumerate() {
            for name in pictures {
                prop_assert_eq!(outbox.sealed_picture(name).unwrap().is_some(), at >= acknowledged);
            }
        }
    }
}

/// The child of the tests below: not a test of its own.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let mut outbox = match open(Path::new(&path)) {
        Ok(outbox) => outbox,
        Err(error) => {
            println!("refused {error}");
            return;
        }
    };
    let epoch = outbox.epoch().to_owned();
    for number in 1.. {
        match outbox.append(&outcome(number), &pictures(number, 3, 30_000), "p") {
            Ok(appended) => println!("stored {} {}", appended.sequence, appended.sha256),
            Err(error) => {
                println!("refused {error}");
                return;
            }
        }
        std::io::stdout().flush().unwrap();
        if number % 7 == 0 {
            outbox.acknowledge(&epoch, number / 2).unwrap_or_default();
        }
    }
}

fn child_on(path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, path).stdout(Stdio::piped());
    command
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged_to_it() {
    let (_folder, path) = folder();
    let mut known: Vec<(u64, String)> = Vec::new();
    for round in 0..12u64 {
        let mut child = child_on(&path).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed between two lines or in the middle of an append, differently in each round.
        let mut told = Vec::new();
        for line in lines.by_ref() {
            told.push(line.unwrap());
            if told.iter().filter(|line| line.contains("stored ")).count() as u64 > 3 + round {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.map_while(Result::ok));
        for line in told.iter().filter_map(|line| line.split_once("stored ").map(|(_, rest)| rest)) {
            if let Some((sequence, sha256)) = line.split_once(' ').filter(|(_, hash)| hash.len() == 64) {
                known.push((sequence.parse().unwrap(), sha256.to_owned()));
            }
        }
        let outbox = open(&path).unwrap();
        let pending = outbox.pending(100_000).unwrap();
        let first = outbox.head().unwrap().sequence + 1 - pending.len() as u64;
        for (sequence, sha256) in known.iter().filter(|(sequence, _)| *sequence >= first) {
            assert_eq!(&pending[(sequence - first) as usize].sha256, sha256, "record {sequence}");
        }
        for signed in &pending {
            let record = signed.verify(&key().verifying_key()).unwrap();
            assert_eq!(record.pictures.len(), 3);
            for picture in record.pictures {
                assert!(outbox.sealed_picture(&picture.sealed_sha256).unwrap().is_some());
            }
        }
    }
    assert!(known.len() > 100, "only {} records in 12 rounds", known.len());
}

#[test]
fn a_file_that_may_only_be_read_is_refused() {
    let (folder, path) = folder();
    drop(open(&path).unwrap());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut child = child_on(&path);
    if std::fs::metadata(&path).unwrap().uid() == 0 {
        // Root may write everything; an unprivileged user may not.
        child.uid(65_534).gid(65_534);
    }
    match child.output() {
        Ok(done) => {
            let told = String::from_utf8_lossy(&done.stdout);
            assert!(told.contains("readonly database") && !told.contains("stored "), "{told}");
        }
        Err(error) => println!("skipped: the child cannot run without privileges here: {error}"),
    }
}
