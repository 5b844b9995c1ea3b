//! The queue on a disk that fails: killed at every sync, writes lost, torn and reordered, no room, errors.
//!
//! What must hold after each: everything that the queue said is stored is there when it is opened again, the
//! chain is whole, and the queue takes more. A lane opens the exit only after the queue said so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/queue.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod queue;

use ed25519_dalek::SigningKey;
use egate::outbox::Outbox;
use egate::passage::{Outcome, Picture};
use egate::record::{ChainHead, SealedPicture, verify_chain};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const BYTES: u64 = 64 << 20;
/// Tells the test binary, run again, to be the child of a test; its value is the file.
const CHILD: &str = "EGATE_OUTBOX_FAULTS_CHILD";
/// Records that the child appends.
const RECORDS: u64 = 6;

/// The same each time, so that each run of the child writes the same.
fn outcome(number: u64) -> Outcome {
    Outcome { started: "2026-01-05T10:00:05Z".parse().unwrap(), ..queue::outcome(number) }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn picture(number: u64) -> SealedPicture {
    SealedPicture::new(Picture::Portrait, "image/jpeg", vec![number as u8; 9_000])
}

/// The child: not a test of its own. Appends, is acknowledged, tells of itself, opens anew; says what is stored.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    // Written at once and by one call: what is said is said.
    let say = |text: String| std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
    let mut outbox = match Outbox::open(Path::new(&path), "lane-1", key(), BYTES) {
        Ok(outbox) => outbox,
        Err(error) => return say(format!("REFUSED opening: {error}")),
    };
    let epoch = outbox.epoch().to_owned();
    for number in 1..=RECORDS {
        match outbox.append(&outcome(number), &[picture(number)], "standard") {
            Ok(appended) => say(format!("STORED {} {}", appended.sequence, appended.sha256)),
            Err(error) => say(format!("REFUSED {number}: {error}")),
        }
        if number == 3 {
            let _ = outbox.acknowledge(&epoch, 1);
            let _ = outbox.tell(jiff::Timestamp::UNIX_EPOCH, "test", "told");
        }
    }
    say("DONE".to_owned());
}

/// What the child said is stored: sequence and hash.
fn said_stored(output: &str) -> BTreeMap<u64, String> {
    let said = output.lines().filter_map(|line| line.split_once("STORED ")?.1.split_once(' '));
    said.map(|(sequence, sha256)| (sequence.parse().unwrap(), sha256.trim().to_owned())).collect()
}

/// What must hold of a file after a failure.
fn holds(path: &Path, stored: &BTreeMap<u64, String>, at: &str) {
    let mut outbox = match Outbox::open(path, "lane-1", key(), BYTES) {
        Ok(outbox) => outbox,
        Err(error) => panic!("{at}: {error}"),
    };
    let pending = outbox.pending(1000).unwrap();
    let head = outbox.head().unwrap();
    let first = head.sequence + 1 - pending.len() as u64;
    for (sequence, sha256) in stored.range(first..) {
        let found = pending.get((sequence - first) as usize).map(|signed| &signed.sha256);
        assert_eq!(found, Some(sha256), "{at}: record {sequence} was said to be stored");
    }
    assert!(head.sequence >= stored.keys().last().copied().unwrap_or(0), "{at}: {head:?}");
    // The child has the first one acknowledged, and no other.
    assert!(first <= 2, "{at}: record {first} is the first that is left");
    let start = match pending.first() {
        Some(signed) if first > 1 => {
            let record = signed.verify(&key().verifying_key()).unwrap();
            ChainHead { sequence: first - 1, sha256: record.position.previous }
        }
        _ => ChainHead::start(),
    };
    let (records, end) = verify_chain(&start, &pending, &key().verifying_key()).unwrap();
    assert_eq!(end, head, "{at}");
    for name in records.iter().flat_map(|record| &record.pictures) {
        assert!(outbox.sealed_picture(&name.sealed_sha256).unwrap().is_some(), "{at}: a picture is missing");
    }
    let next = outbox.append(&outcome(99), &[picture(99)], "standard").unwrap();
    assert_eq!(next.sequence, head.sequence + 1, "{at}");
}

/// How many of these calls a run of the child makes when nothing fails.
fn count(calls: &str) -> Option<usize> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let path = folder.path().join("outbox.db");
    queue::traced(CHILD, &path, &["-e", &format!("trace={calls}"), "-o", log.to_str().unwrap()])?;
    let names: Vec<&str> = calls.split(',').collect();
    let made = |line: &str| names.iter().any(|name| line.contains(&format!(" {name}(")));
    Some(fs::read_to_string(&log).unwrap().lines().filter(|line| made(line)).count())
}

/// Lets the n-th of these calls fail, for every `step`-th n. Gives how many of the runs noticed.
fn at_every(calls: &str, fault: &str, step: usize) -> Option<usize> {
    let (points, mut noticed) = (count(calls)?, 0);
    for point in (1..=points).step_by(step) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let inject = format!("inject={calls}:{}", fault.replace('N', &point.to_string()));
        let output = queue::traced(
            CHILD,
            &path,
            &["-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &inject],
        )?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        holds(&path, &said_stored(&told), &format!("{calls} {point} of {points}"));
        noticed += usize::from(!told.contains("DONE") || told.contains("REFUSED"));
    }
    eprintln!("{noticed} of {} runs with {fault} at {points} {calls} noticed", points.div_ceil(step));
    Some(noticed)
}

#[test]
fn killed_at_every_sync_nothing_is_lost_that_was_said_to_be_stored() {
    if let Some(noticed) = at_every("fsync,fdatasync", "signal=SIGKILL:when=N", 1) {
        assert!(noticed >= RECORDS as usize, "only {noticed} of the kills hit");
    }
}

#[test]
fn a_sync_that_fails_is_never_said_to_be_stored() {
    if let Some(noticed) = at_every("fsync,fdatasync", "error=EIO:when=N", 1) {
        assert!(noticed >= RECORDS as usize, "only {noticed} of the errors were noticed");
    }
}

#[test]
fn a_disk_that_is_full_from_any_write_on_costs_nothing_that_is_stored() {
    if let Some(noticed) = at_every("pwrite64", "error=ENOSPC:when=N+", 5) {
        assert!(noticed >= RECORDS as usize, "only {noticed} of the errors were noticed");
    }
}

/// One thing that the child did to a file, or said.
#[derive(Debug)]
enum Deed {
    Write { file: String, at: usize, bytes: Vec<u8> },
    Cut { file: String, length: usize },
    Sync { file: String },
    Remove { file: String },
    Said { text: String },
}

/// A file on a disk with a cache: what is durable, and what was done since.
#[derive(Debug, Default, Clone)]
struct Cached {
    durable: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Cut(length) => file.resize(*length, 0),
            Change::Write(at, bytes) => {
                if file.len() < at + bytes.len() {
                    file.resize(at + bytes.len(), 0);
                }
                file[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

/// What the power's loss may leave of what was not synced.
#[derive(Debug, Clone, Copy)]
enum Loss {
    All,
    Nothing,
    /// The last change is torn in the middle of a sector's row; those before it are there.
    TornTail,
    /// Each change is there or not, by the bits of a number: later ones may be there without earlier ones.
    Some(u64),
}

impl Cached {
    fn after(&self, loss: Loss) -> Vec<u8> {
        let mut file = self.durable.clone();
        let last = self.since.len().saturating_sub(1);
        for (number, change) in self.since.iter().enumerate() {
            match loss {
                Loss::All => {}
                Loss::Nothing => change.apply(&mut file),
                Loss::Some(bits) if bits >> (number % 64) & 1 == 1 => change.apply(&mut file),
                Loss::Some(_) => {}
                Loss::TornTail => match change {
                    Change::Write(at, bytes) if number == last => {
                        Change::Write(*at, bytes[..bytes.len() / 2].to_vec()).apply(&mut file);
                    }
                    change => change.apply(&mut file),
                },
            }
        }
        file
    }
}

/// The child's deeds, from strace's lines with strings in hexadecimal.
fn deeds(log: &str) -> Vec<Deed> {
    log.lines().filter_map(deed).collect()
}

fn deed(line: &str) -> Option<Deed> {
    let call = line.split_once(' ')?.1.trim_start();
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    if result.starts_with('-') {
        return None;
    }
    let path = |text: &str| String::from_utf8(unhex(text)).unwrap();
    if matches!(name, "unlink" | "unlinkat") {
        return Some(Deed::Remove { file: path(arguments.split('"').nth(1)?) });
    }
    let (descriptor, rest) = arguments.split_once('<')?;
    let (file, rest) = rest.split_once('>')?;
    let file = path(file);
    match name {
        "write" if descriptor == "1" => Some(Deed::Said { text: path(rest.split('"').nth(1)?) }),
        "pwrite64" => {
            let bytes = unhex(rest.split('"').nth(1)?);
            let at = rest.rsplit(", ").next()?.parse().unwrap();
            Some(Deed::Write { file, at, bytes })
        }
        "ftruncate" => Some(Deed::Cut { file, length: rest.rsplit(", ").next()?.parse().unwrap() }),
        "fsync" | "fdatasync" => Some(Deed::Sync { file }),
        _ => None,
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}

/// The state of the disk's files at a moment, under their names.
type Disk = BTreeMap<String, Cached>;

fn perform(disk: &mut Disk, said: &mut String, deed: &Deed) {
    match deed {
        Deed::Write { file, at, bytes } => {
            disk.entry(file.clone()).or_default().since.push(Change::Write(*at, bytes.clone()));
        }
        Deed::Cut { file, length } => {
            disk.entry(file.clone()).or_default().since.push(Change::Cut(*length));
        }
        Deed::Sync { file } => {
            if let Some(cached) = disk.get_mut(file) {
                cached.durable = cached.after(Loss::Nothing);
                cached.since.clear();
            }
        }
        // The name goes at once here; a removal that is lost is the state before it.
        Deed::Remove { file } => drop(disk.remove(file)),
        Deed::Said { text } => said.push_str(text),
    }
}

#[test]
fn writes_that_were_not_synced_may_be_lost_torn_or_reordered_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let log = folder.path().join("log");
    let calls = "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink,unlinkat";
    let options = ["-y", "-xx", "-s", "10000000", "-e", calls, "-o", log.to_str().unwrap()];
    let Some(output) = queue::traced(CHILD, &path, &options) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let deeds = deeds(&fs::read_to_string(&log).unwrap());
    let database = path.to_str().unwrap();

    let (mut disk, mut said, mut states, mut number) = (Disk::new(), String::new(), 0_u32, 0_u64);
    for (moment, deed) in deeds.iter().enumerate() {
        perform(&mut disk, &mut said, deed);
        if matches!(deed, Deed::Said { .. }) {
            continue;
        }
        let mut losses = vec![Loss::All, Loss::Nothing, Loss::TornTail];
        losses.extend((0..3).map(|_| {
            number += 1;
            // Bits without an order (a multiplication by the golden ratio).
            Loss::Some(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
        }));
        for loss in losses {
            let crashed = tempfile::tempdir().unwrap();
            let here = crashed.path().join("outbox.db");
            let mut there = false;
            for (file, cached) in &disk {
                let Some(suffix) = file.strip_prefix(database).filter(|suffix| *suffix != "-shm") else {
                    continue;
                };
                fs::write(format!("{}{suffix}", here.display()), cached.after(loss)).unwrap();
                there = true;
            }
            if there {
                holds(&here, &said_stored(&said), &format!("moment {moment} of {}, {loss:?}", deeds.len()));
                states += 1;
            }
        }
    }
    // The proof that this would be noticed: a disk that takes syncs for nothing loses what was said to be stored.
    let mut lying = Disk::new();
    deeds
        .iter()
        .filter(|deed| !matches!(deed, Deed::Sync { .. }))
        .for_each(|deed| perform(&mut lying, &mut String::new(), deed));
    let here = folder.path().join("lying.db");
    fs::write(&here, lying.get(database).map(|file| file.after(Loss::All)).unwrap_or_default()).unwrap();
    let noticed = std::panic::catch_unwind(|| holds(&here, &said_stored(&said), "a disk that lies"));
    assert!(noticed.is_err());

    let stored = said_stored(&said).len() as u64;
    eprintln!("{states} states of the disk after {} deeds", deeds.len());
    assert!(stored == RECORDS && states > 300, "{stored} records, {states} states");
}

#[test]
fn a_log_that_was_tampered_with_or_cut_never_gives_a_chain_with_a_hole() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("outbox.db");
    let mut outbox = Outbox::open(&path, "lane-1", key(), BYTES).unwrap();
    (1..=4).for_each(|number| drop(outbox.append(&outcome(number), &[picture(number)], "p").unwrap()));
    let wal = format!("{}-wal", path.display());
    let (database, log) = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());
    drop(outbox);
    for cut in (0..log.len()).step_by(log.len() / 40) {
        let crashed = tempfile::tempdir().unwrap();
        let here = crashed.path().join("outbox.db");
        fs::write(&here, &database).unwrap();
        let mut log = log.clone();
        log[cut] ^= 0x40;
        fs::write(format!("{}-wal", here.display()), &log).unwrap();
        // A change in the log ends it there: earlier records are whole, or the file is refused.
        if let Ok(outbox) = Outbox::open(&here, "lane-1", key(), BYTES) {
            let pending = outbox.pending(100).unwrap();
            verify_chain(&ChainHead::start(), &pending, &key().verifying_key()).unwrap();
        }
    }
}
