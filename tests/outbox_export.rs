//! Records carried by hand and verified by anybody: by the command, and by the tools of the documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{World, admitted, face};
use common::queue::outcome;
use ed25519_dalek::SigningKey;
use egate::central::store::PassageFilter;
use egate::outbox::{Backlog, CentralHas, Extent, Outbox, OutboxError, Uploader, export, verify_file};
use egate::passage::{Outcome, Picture};
use egate::record::{PictureLabel, SealedPicture, SignedRecord};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// A queue with so many records, one sealed picture each; the file and the lane's public key beside it.
fn queue(folder: &Path, key: &SigningKey, seal: impl Fn(&str) -> Vec<u8>, records: u64) -> PathBuf {
    let path = folder.join("outbox.db");
    let mut outbox = Outbox::open(&path, "lane-1", key.clone(), 64 << 20).unwrap();
    for number in 1..=records {
        let outcome = Outcome { pictures: vec![Picture::Portrait], similarity: Some(0.7), ..outcome(number) };
        let sealed = SealedPicture::new(Picture::Portrait, "image/jpeg", seal(&outcome.passage.0));
        outbox.append(&outcome, &[sealed], "standard").unwrap();
    }
    fs::write(folder.join("lane.record.pub"), hex::encode(key.verifying_key().as_bytes())).unwrap();
    path
}

fn exported(folder: &Path) -> PathBuf {
    let key = SigningKey::from_bytes(&[7; 32]);
    let path = queue(folder, &key, |passage| passage.as_bytes().to_vec(), 5);
    export(&path, &folder.join("out")).unwrap();
    fs::copy(folder.join("lane.record.pub"), folder.join("out/lane.record.pub")).unwrap();
    folder.join("out")
}

fn egate(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).current_dir(folder).output().unwrap()
}

/// The commands of the documentation, run where the records are.
fn by_the_book(folder: &Path) -> Output {
    let book = fs::read_to_string("docs/verify-a-chain.md").unwrap();
    let scripts: Vec<&str> =
        book.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(scripts.len(), 2);
    Command::new("bash").args(["-eu", "-c", &scripts.concat()]).current_dir(folder).output().unwrap()
}

/// What both ways of verifying say.
fn both(folder: &Path) -> (bool, bool) {
    let arguments = ["outbox", "verify", "records.jsonl", "--key", "lane.record.pub", "--json"];
    let command = egate(&arguments, folder);
    let book = by_the_book(folder);
    eprintln!("{}{}", String::from_utf8_lossy(&command.stdout), String::from_utf8_lossy(&book.stderr));
    (command.status.success(), book.status.success())
}

fn edit(folder: &Path, change: impl FnOnce(&mut Vec<SignedRecord>)) {
    let path = folder.join("records.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let mut records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut records);
    let lines: Vec<String> = records.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    fs::write(&path, lines.concat()).unwrap();
}

#[test]
fn a_whole_chain_verifies_by_command_and_by_common_tools() {
    let folder = tempfile::tempdir().unwrap();
    let out = exported(folder.path());
    assert_eq!(both(&out), (true, true));
    let book = String::from_utf8(by_the_book(&out).stdout).unwrap();
    let run =
        verify_file(&out.join("records.jsonl"), &SigningKey::from_bytes(&[7; 32]).verifying_key()).unwrap();
    assert!(book.starts_with("whole: 5 records of lane-1 ") && book.contains(&run.head.sha256), "{book}");
    assert_eq!((run.first, run.head.sequence, run.pictures_named, run.pictures_good), (1, 5, 5, 5));
    // From the middle on it is whole as well, and the pictures may be gone.
    edit(&out, |records| drop(records.drain(..2)));
    fs::remove_dir_all(out.join("pictures")).unwrap();
    fs::create_dir(out.join("pictures")).unwrap();
    assert_eq!(both(&out), (true, true));
}

#[test]
fn every_kind_of_tampering_is_noticed_by_both() {
    let other = SigningKey::from_bytes(&[8; 32]);
    type Change = fn(&mut Vec<SignedRecord>, &SigningKey);
    let changes: [(&str, Change); 6] = [
        ("left out", |records, _| drop(records.remove(2))),
        ("swapped", |records, _| records.swap(1, 2)),
        ("edited", |records, _| records[3].canonical = records[3].canonical.replace("admitted", "referred")),
        ("signed by another", |records, other| {
            let record = admitted("lane-1", 3, &records[1].sha256);
            records[2] = SignedRecord::sign(&record, other).unwrap();
        }),
        ("another's signature", |records, _| records[4].signature = records[3].signature.clone()),
        ("emptied", |records, _| records.clear()),
    ];
    for (what, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let out = exported(folder.path());
        edit(&out, |records| change(records, &other));
        assert_eq!(both(&out), (false, false), "{what}");
    }
    let folder = tempfile::tempdir().unwrap();
    let out = exported(folder.path());
    let picture = fs::read_dir(out.join("pictures")).unwrap().next().unwrap().unwrap().path();
    fs::write(picture, b"another face").unwrap();
    assert_eq!(both(&out), (false, false), "a picture that was changed");
}

#[test]
fn what_is_no_file_of_records_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let path = folder.path().join("records.jsonl");
    for (text, said) in [
        ("{}\n".to_owned(), "line 1"),
        ("no json\n".to_owned(), "line 1"),
        ("\"cut".to_owned(), "too long, or cut off"),
        ("x".repeat(200_000), "too long, or cut off"),
        (String::new(), "no record"),
    ] {
        fs::write(&path, text).unwrap();
        let error = verify_file(&path, &key).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_carried_by_hand_are_stored_once_and_acknowledged_when_the_line_is_back() {
    let world = World::start().await;
    let kit = world.kit("lane-1");
    let label = |passage: &str| PictureLabel {
        passage: Box::leak(passage.to_owned().into_boxed_str()),
        role: "portrait",
    };
    let jpeg = face("obama.jpg");
    let seal = |passage: &str| kit.pictures.seal(label(passage), &jpeg, [3; 32]).unwrap();
    let path = queue(world.folder.path(), &kit.record_key, seal, 70);
    let out = world.folder.path().join("stick");
    // The lane's process has the queue open all the while.
    let outbox = Outbox::open(&path, "lane-1", kit.record_key.clone(), 64 << 20).unwrap();
    let done = egate(
        &["outbox", "export", "--outbox", "outbox.db", "--out", "stick", "--json"],
        world.folder.path(),
    );
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), r#"{"records":70,"pictures":70}"#);

    let done = world.central.office.import_records(&out, "supervisor").await.unwrap();
    assert_eq!((done.records, done.new, done.pictures), (70, 70, 70));
    let again = world.central.office.import_records(&out, "supervisor").await.unwrap();
    assert_eq!((again.records, again.new), (70, 0));
    let store = world.central.store();
    let all = PassageFilter { ending: None, most: 1000 };
    assert_eq!(store.passages(&all).unwrap().len(), 70);
    assert!(store.alarms(10).unwrap().is_empty());
    let audit = &store.audit_lines(1).unwrap()[0];
    assert_eq!((audit.actor.as_str(), audit.act.as_str()), ("supervisor", "records.import"));

    // The line is back: central is asked what it has, and nothing of it is sent again.
    let queue = Arc::new(Mutex::new(Counting { outbox, records: 0, pictures: 0 }));
    let later = outcome(71);
    let sealed = SealedPicture::new(Picture::Portrait, "image/jpeg", seal(&later.passage.0));
    queue.lock().unwrap().outbox.append(&later, &[sealed], "standard").unwrap();
    let uploader = Uploader::start(world.client("lane-1"), queue.clone(), Default::default());
    let wait = async {
        while !queue.lock().unwrap().outbox.is_empty().unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap();
    uploader.stop().await;
    assert_eq!(store.passages(&all).unwrap().len(), 71);
    let queue = queue.lock().unwrap();
    // Once to see its pictures, once to send it.
    assert!(queue.records <= 2 && queue.pictures == 1, "{} {}", queue.records, queue.pictures);
}

/// A queue that counts what is read of it to be sent.
struct Counting {
    outbox: Outbox,
    records: usize,
    pictures: usize,
}

impl Backlog for Counting {
    type Error = OutboxError;

    fn extent(&mut self) -> Result<Option<Extent>, OutboxError> {
        Backlog::extent(&mut self.outbox)
    }

    fn head(&mut self) -> Result<Option<(String, u64)>, OutboxError> {
        Backlog::head(&mut self.outbox)
    }

    fn known(&mut self, has: &CentralHas) -> Result<Vec<u64>, OutboxError> {
        Backlog::known(&mut self.outbox, has)
    }

    fn pending_after(&mut self, after: u64, most: usize) -> Result<Vec<SignedRecord>, OutboxError> {
        let pending = Backlog::pending_after(&mut self.outbox, after, most)?;
        self.records += pending.len();
        Ok(pending)
    }

    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, OutboxError> {
        self.pictures += 1;
        Backlog::sealed_picture(&mut self.outbox, sha256)
    }

    fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), OutboxError> {
        Backlog::acknowledge(&mut self.outbox, epoch, through)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_without_a_line_forgets_by_a_receipt_what_was_carried_to_central() {
    let world = World::start().await;
    let kit = world.kit("lane-1");
    // More records than one receipt holds would take long: three, and two that come after the export.
    let path = queue(world.folder.path(), &kit.record_key, |passage| passage.as_bytes().to_vec(), 3);
    let out = world.folder.path().join("stick");
    export(&path, &out).unwrap();
    let mut outbox = Outbox::open(&path, "lane-1", kit.record_key.clone(), 64 << 20).unwrap();
    for number in 4..=5 {
        outbox.append(&outcome(number), &[], "standard").unwrap();
    }
    let office = &world.central.office;
    let lane_kit = world.settings.identity.join("lanes/lane-1");
    let forget = |file: &str| {
        let kit = lane_kit.to_str().unwrap();
        egate(
            &["outbox", "receipt", file, "--outbox", "outbox.db", "--kit", kit, "--json"],
            world.folder.path(),
        )
    };
    let file = |name: &str| world.folder.path().join(name);
    let early = office.write_receipts(&out, &file("early"), "supervisor").await.unwrap();
    assert_eq!((early.from, early.records), (1, 0));
    let done = forget("early");
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        r#"{"forgotten":0,"waiting":5,"collides":null}"#
    );

    office.import_records(&out, "supervisor").await.unwrap();
    let written = office.write_receipts(&out, &file("late"), "supervisor").await.unwrap();
    assert_eq!((written.lane.as_str(), written.records), ("lane-1", 3));
    assert!(office.write_receipts(&out, &file("late"), "supervisor").await.is_err(), "never over a file");
    let audit = &world.central.store().audit_lines(1).unwrap()[0];
    assert_eq!((audit.actor.as_str(), audit.act.as_str()), ("supervisor", "records.receipt"));
    for _ in 0..2 {
        let done = forget("late");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.contains(r#""waiting":2,"#), "{said}");
    }
    // The lane had its queue open all the while, and goes on.
    assert_eq!(outbox.append(&outcome(6), &[], "standard").unwrap().sequence, 6);
    assert_eq!(outbox.len().unwrap(), 3);
    let first = SealedPicture::new(Picture::Portrait, "image/jpeg", outcome(1).passage.0.into_bytes());
    assert_eq!(outbox.sealed_picture(&first.sha256).unwrap(), None, "its pictures are gone with it");

    let text = fs::read_to_string(file("late")).unwrap();
    fs::write(file("changed"), text.replacen("lane-1", "lane-2", 1)).unwrap();
    assert!(!forget("changed").status.success());
    assert_eq!(outbox.len().unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_verified_like_an_upload() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    // Signed by a key that is not the lane's.
    let out = exported(folder.path());
    let refused = world.central.office.import_records(&out, "supervisor").await.unwrap_err();
    assert!(format!("{refused:#}").contains("BadRecord"), "{refused:#}");

    let kit = world.kit("lane-1");
    let path = queue(world.folder.path(), &kit.record_key, |passage| passage.as_bytes().to_vec(), 3);
    let out = world.folder.path().join("stick");
    export(&path, &out).unwrap();
    world.central.office.revoke_lane("lane-1").await.unwrap();
    let refused = world.central.office.import_records(&out, "supervisor").await.unwrap_err();
    assert!(format!("{refused:#}").contains("revoked"), "{refused:#}");
    let all = PassageFilter { ending: None, most: 10 };
    assert!(world.central.store().passages(&all).unwrap().is_empty());
}
