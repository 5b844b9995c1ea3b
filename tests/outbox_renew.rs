//! A queue that was put back from a copy: noticed, told, and renewed without losing an outcome or counting one twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/queue.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod queue;

use ed25519_dalek::SigningKey;
use egate::outbox::{CentralHas, Outbox, OutboxError, RenewError, Renewed, StoppedQueue};
use egate::passage::Picture;
use egate::record::{
    CarriedFrom, ChainHead, PassageRecord, Receipt, Received, SealedPicture, Signed, SignedRecord,
    verify_chain,
};
use queue::outcome;
use std::fs;
use std::path::{Path, PathBuf};

const BYTES: u64 = 64 << 20;
/// Tells the test binary, run again, to be the child of a test; its value is the folder.
const CHILD: &str = "EGATE_OUTBOX_RENEW_CHILD";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Central's.
fn answers() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn picture(number: u64) -> SealedPicture {
    let mut sealed = number.to_be_bytes().to_vec();
    sealed.resize(9_000, 0x5a);
    SealedPicture::new(Picture::Portrait, "image/jpeg", sealed)
}

fn open(path: &Path, key: &SigningKey) -> Outbox {
    Outbox::open(path, "lane-1", key.clone(), BYTES).unwrap()
}

fn append(outbox: &mut Outbox, number: u64) -> String {
    outbox.append(&outcome(number), &[picture(number)], "standard").unwrap().sha256
}

fn records(outbox: &Outbox) -> Vec<(SignedRecord, PassageRecord)> {
    let pending = outbox.pending(10_000).unwrap();
    pending
        .into_iter()
        .map(|signed| (signed.clone(), serde_json::from_str(&signed.canonical).unwrap()))
        .collect()
}

fn passages(outbox: &Outbox) -> Vec<String> {
    records(outbox).into_iter().map(|(_, record)| record.passage).collect()
}

/// What central says in a file: it has these hashes, from a sequence on.
fn receipts(epoch: &str, from: u64, hashes: &[String]) -> String {
    let has = (from..).zip(hashes).map(|(sequence, sha256)| Received { sequence, sha256: sha256.clone() });
    let has: Vec<Received> = has.collect();
    let mut pages: Vec<&[Received]> = has.chunks(Receipt::MOST).collect();
    if pages.last().is_none_or(|last| last.len() == Receipt::MOST) {
        pages.push(&[]);
    }
    let (mut text, mut from) = (String::new(), from);
    for page in pages {
        let (lane, epoch) = ("lane-1".to_owned(), epoch.to_owned());
        let receipt = Receipt { lane, epoch, from, issued: 1, records: page.to_vec() };
        from = page.last().map_or(from, |last| last.sequence + 1);
        text += &(serde_json::to_string(&Signed::sign(&receipt, &answers()).unwrap()).unwrap() + "\n");
    }
    text
}

fn central_has(epoch: &str, from: u64, hashes: &[String]) -> CentralHas {
    let text = receipts(epoch, from, hashes);
    CentralHas::parse(&mut text.as_bytes(), &answers().verifying_key(), "lane-1").unwrap()
}

fn copy_queue(from: &Path, to: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let (from, to) = (format!("{}{ending}", from.display()), format!("{}{ending}", to.display()));
        match fs::metadata(&from) {
            Ok(_) => drop(fs::copy(&from, &to).unwrap()),
            Err(_) => drop(fs::remove_file(&to)),
        }
    }
}

/// A queue of which central has 1 to 6, put back as it was when it held 2 and 3, after which 101 and 102 came. Gives
/// the epoch and the hashes of central's 2 to 6.
fn put_back(path: &Path) -> (String, Vec<String>) {
    let copy = path.with_extension("copy");
    let mut outbox = open(path, &key());
    let epoch = outbox.epoch().to_owned();
    (1..=3).for_each(|number| drop(append(&mut outbox, number)));
    outbox.acknowledge(&epoch, 1).unwrap();
    outbox.tell(jiff::Timestamp::UNIX_EPOCH, "amiss", "told").unwrap();
    drop(outbox);
    copy_queue(path, &copy);
    let mut outbox = open(path, &key());
    (4..=6).for_each(|number| drop(append(&mut outbox, number)));
    let theirs = outbox.pending(100).unwrap().into_iter().map(|signed| signed.sha256).collect();
    drop(outbox);
    copy_queue(&copy, path);
    fs::remove_file(&copy).unwrap();
    let mut outbox = open(path, &key());
    append(&mut outbox, 101);
    append(&mut outbox, 102);
    (epoch, theirs)
}

fn renew(path: &Path, has: &CentralHas) -> Result<Renewed, RenewError> {
    StoppedQueue::take(path, "lane-1", key())?.renew(has)
}

/// The renewed queue holds 101 and 102 as its first records, marked, with their pictures; the old file is whole.
fn is_renewed(path: &Path, epoch: &str, at: &str) {
    let mut outbox = open(path, &key());
    assert_ne!(outbox.epoch(), epoch, "{at}");
    let found = records(&outbox);
    let signed: Vec<SignedRecord> = found.iter().map(|(signed, _)| signed.clone()).collect();
    let (_, head) = verify_chain(&ChainHead::start(), &signed, &key().verifying_key()).unwrap();
    assert_eq!(outbox.head().unwrap(), head, "{at}");
    assert_eq!(passages(&outbox), ["lane-1/e/101", "lane-1/e/102"], "{at}");
    let aside = PathBuf::from(format!("{}.{epoch}", path.display()));
    let before = records(&open(&aside, &key()));
    for ((_, record), (old, sequence)) in found.iter().zip([(&before[2], 4), (&before[3], 5)]) {
        let (epoch, sha256) = (epoch.to_owned(), old.0.sha256.clone());
        assert_eq!(record.carried_from, Some(CarriedFrom { epoch, sequence, sha256 }), "{at}");
        let name = &record.pictures[0].sealed_sha256;
        let sealed = outbox.sealed_picture(name).unwrap();
        assert_eq!(sealed.map(|sealed| egate::record::sealed_name(&sealed)).as_ref(), Some(name), "{at}");
    }
    assert_eq!(outbox.telemetry(10).unwrap().len(), 1, "{at}");
    append(&mut outbox, 103);
}

#[test]
fn what_central_has_not_is_carried_into_a_new_epoch_and_the_rest_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (epoch, theirs) = put_back(&path);
    let done = renew(&path, &central_has(&epoch, 2, &theirs)).unwrap();
    assert_eq!((done.carried, done.known, done.pictures), (2, 2, 2));
    assert_eq!(done.epoch_before, epoch);
    is_renewed(&path, &epoch, "renewed");
    let names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains("renewing")), "{names:?}");
}

#[test]
fn a_queue_of_which_nothing_waits_is_renewed_when_central_has_more_than_it_knows_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let mut outbox = open(&path, &key());
    let epoch = outbox.epoch().to_owned();
    append(&mut outbox, 1);
    outbox.acknowledge(&epoch, 1).unwrap();
    drop(outbox);
    assert!(matches!(renew(&path, &central_has(&epoch, 2, &[])), Err(RenewError::Agrees)));
    let done = renew(&path, &central_has(&epoch, 2, &["b".repeat(64)])).unwrap();
    assert_eq!((done.carried, done.known), (0, 0));
    let outbox = open(&path, &key());
    assert_eq!((outbox.epoch(), outbox.len().unwrap()), (done.epoch.as_str(), 0));
}

#[test]
fn a_queue_that_need_not_or_must_not_be_renewed_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (epoch, theirs) = put_back(&path);
    let outbox = open(&path, &key());
    let before = passages(&outbox);
    let has = central_has(&epoch, 2, &theirs);
    assert!(matches!(renew(&path, &has), Err(RenewError::InUse(_))), "the lane runs");
    drop(outbox);
    let agreeing = central_has(&epoch, 2, &theirs[..2]);
    assert!(matches!(renew(&path, &agreeing), Err(RenewError::Agrees)));
    let late = central_has(&epoch, 3, &theirs[1..]);
    assert!(matches!(renew(&path, &late), Err(RenewError::Unknown(..))), "record 2 is not told of");
    let other = central_has(&"f".repeat(32), 2, &theirs);
    assert!(matches!(renew(&path, &other), Err(RenewError::Unknown(..))));
    let taken = StoppedQueue::take(&path, "lane-1", key()).unwrap();
    assert!(
        matches!(Outbox::open(&path, "lane-1", key(), BYTES), Err(OutboxError::Database { .. })),
        "the lane cannot start meanwhile"
    );
    drop(taken);
    let missing = StoppedQueue::take(&folder.path().join("none.db"), "lane-1", key());
    assert!(matches!(missing, Err(RenewError::Missing(_))));
    let outbox = open(&path, &key());
    assert_eq!((outbox.epoch(), passages(&outbox)), (epoch.as_str(), before));
}

#[test]
fn a_copy_that_is_put_back_once_more_is_renewed_with_the_same_marks_and_replaces_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("outbox.db"), folder.path().join("copy.db"));
    let (epoch, theirs) = put_back(&path);
    copy_queue(&path, &copy);
    let has = central_has(&epoch, 2, &theirs);
    let once = renew(&path, &has).unwrap();
    let marks = || -> Vec<CarriedFrom> {
        records(&open(&path, &key())).into_iter().map(|(_, record)| record.carried_from.unwrap()).collect()
    };
    let first = marks();
    copy_queue(&copy, &path);
    let again = renew(&path, &has).unwrap();
    assert_eq!(marks(), first, "by which central knows them");
    assert_ne!((&once.epoch, &once.set_aside), (&again.epoch, &again.set_aside));
    assert!(once.set_aside.is_file() && again.set_aside.is_file());
}

#[test]
fn a_record_that_is_carried_twice_keeps_the_mark_of_its_first_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let (epoch, theirs) = put_back(&path);
    let once = renew(&path, &central_has(&epoch, 2, &theirs)).unwrap();
    let twice = renew(&path, &central_has(&once.epoch, 1, &["c".repeat(64)])).unwrap();
    assert_eq!(twice.carried, 2);
    let marks = records(&open(&path, &key())).into_iter().map(|(_, r)| r.carried_from.unwrap());
    assert_eq!(
        marks.map(|mark| (mark.epoch, mark.sequence)).collect::<Vec<_>>(),
        [(epoch.clone(), 4), (epoch, 5)]
    );
}

#[test]
fn a_file_of_receipts_counts_whole_or_not_at_all() {
    let hashes: Vec<String> = (0..2500).map(|number| format!("{number:064x}")).collect();
    let text = receipts(&"e".repeat(32), 5, &hashes);
    let (ours, other) = (answers().verifying_key(), key().verifying_key());
    let parse = |text: &str, key, lane| CentralHas::parse(&mut text.as_bytes(), key, lane);
    let has = parse(&text, &ours, "lane-1").unwrap();
    assert!((has.from, has.last()) == (5, Some(2504)) && has.holds(5, &hashes[0]));
    assert!(has.differs(5, &hashes[1]) && !has.differs(4, &hashes[1]) && !has.holds(4, &hashes[0]));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3);
    for (what, text) in [
        ("cut in a line", text[..text.len() - 10].to_owned()),
        ("the last is missing", lines[..2].concat()),
        ("one between is missing", [lines[0], lines[2]].concat()),
        ("another order", [lines[1], lines[0], lines[2]].concat()),
        ("one twice", [lines[0], lines[0]].concat()),
        ("more than all", [&text, lines[2]].concat()),
        ("changed", text.replacen("\\\"sequence\\\":5,", "\\\"sequence\\\":4,", 1)),
        ("another queue's", [lines[0], &receipts(&"d".repeat(32), 1029, &hashes[..3])].concat()),
        ("empty", String::new()),
        ("no receipt", "{}\n".to_owned()),
        ("long", "x".repeat(1 << 20)),
    ] {
        assert!(parse(&text, &ours, "lane-1").is_err(), "{what}");
    }
    assert!(parse(&text, &other, "lane-1").is_err() && parse(&text, &ours, "lane-2").is_err());
}

/// The child of the test below: not a test of its own.
#[test]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let folder = Path::new(&folder);
    let file = fs::File::open(folder.join("receipts")).unwrap();
    let mut file = std::io::BufReader::new(file);
    let has = CentralHas::parse(&mut file, &answers().verifying_key(), "lane-1").unwrap();
    renew(&folder.join("outbox.db"), &has).unwrap();
}

/// A folder with a queue that was put back, and what central says of it.
fn case() -> (tempfile::TempDir, String, CentralHas) {
    let folder = tempfile::tempdir().unwrap();
    let (epoch, theirs) = put_back(&folder.path().join("outbox.db"));
    fs::write(folder.path().join("receipts"), receipts(&epoch, 2, &theirs)).unwrap();
    let has = central_has(&epoch, 2, &theirs);
    (folder, epoch, has)
}

#[test]
fn killed_at_any_write_sync_or_renaming_the_queue_is_the_old_one_or_the_new_one() {
    let calls = "pwrite64,fsync,fdatasync,ftruncate,unlink,link,linkat,rename,renameat,renameat2";
    let (folder, ..) = case();
    let log = folder.path().join("log");
    let Some(run) =
        queue::traced(CHILD, folder.path(), &["-e", &format!("trace={calls}"), "-o", log.to_str().unwrap()])
    else {
        return;
    };
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let log = fs::read_to_string(&log).unwrap();
    let names: Vec<&str> = calls.split(',').collect();
    let (mut old, mut new) = (0, 0);
    for name in names {
        let points = log.lines().filter(|line| line.contains(&format!(" {name}("))).count();
        // Of the many writes every fifth.
        for point in (1..=points).step_by(if name == "pwrite64" { 5 } else { 1 }) {
            let (folder, epoch, has) = case();
            let path = folder.path().join("outbox.db");
            let inject = format!("inject={name}:signal=SIGKILL:when={point}");
            let options = ["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject];
            queue::traced(CHILD, folder.path(), &options).unwrap();
            let at = format!("{name} {point} of {points}");
            let outbox = open(&path, &key());
            if outbox.epoch() == epoch {
                let all = [2, 3, 101, 102].map(|number| format!("lane-1/e/{number}"));
                assert_eq!(passages(&outbox), all, "{at}");
                drop(outbox);
                renew(&path, &has).unwrap_or_else(|error| panic!("{at}: {error}"));
                old += 1;
            } else {
                drop(outbox);
                assert!(matches!(renew(&path, &has), Err(RenewError::Unknown(..))), "{at}");
                new += 1;
            }
            is_renewed(&path, &epoch, &at);
        }
    }
    eprintln!("killed {} times: {old} times the old queue was left, {new} times the new one", old + new);
    assert!(old > 20 && new >= 1, "{old} {new}");
}
