//! How much slower the queue's append is than raw SQLite commits of the same bytes with the same settings.
//!
//! Both run in the same process on the same disk, in turns, so that neither has the quieter disk. The
//! difference is what the queue adds: canonical form, hash, signature, the look at the room, the chain.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use ed25519_dalek::SigningKey;
use egate::check::{Check, CheckId};
use egate::outbox::Outbox;
use egate::passage::{Ending, Outcome, Picture, Step, StepTime};
use egate::policy::PassageId;
use egate::record::{SealedPicture, SignedRecord};
use rusqlite::{Connection, params};
use std::time::{Duration, Instant};

const ROUNDS: usize = 20;
const APPENDS: usize = 25;
/// Two pictures of 50 kB: an admitted passage.
const PICTURE: usize = 50_000;

fn outcome(number: usize) -> Outcome {
    Outcome {
        passage: PassageId(format!("lane-1/7f3a/{number}")),
        started: jiff::Timestamp::UNIX_EPOCH,
        lasted_ms: 12_000,
        ending: Ending::Admitted,
        reasons: vec![],
        checks: CheckId::ALL.into_iter().map(|id| Check::successful(id).with_detail("as expected")).collect(),
        document: None,
        steps: vec![StepTime { step: Step::Document, ms: 3_000 }],
        pictures: vec![Picture::Portrait, Picture::Frame(4)],
        similarity: Some(0.7),
        attack: Some(0.02),
        commands: Vec::new(),
    }
}

fn pictures(number: usize) -> Vec<SealedPicture> {
    [Picture::Portrait, Picture::Frame(4)]
        .into_iter()
        .map(|picture| {
            let mut sealed = vec![0x5a; PICTURE];
            sealed[..8].copy_from_slice(&(number as u64).to_be_bytes());
            sealed[8] = u8::from(picture == Picture::Portrait);
            SealedPicture::new(picture, "image/jpeg", sealed)
        })
        .collect()
}

fn raw(path: &std::path::Path) -> Connection {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "FULL").unwrap();
    db.pragma_update(None, "secure_delete", true).unwrap();
    db.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)").unwrap();
    db
}

fn commit(db: &mut Connection, signed: &SignedRecord, pictures: &[SealedPicture]) {
    let transaction = db.transaction().unwrap();
    {
        let mut insert = transaction.prepare_cached("INSERT INTO rows (bytes) VALUES (?1)").unwrap();
        let record = [&signed.canonical, &signed.sha256, &signed.signature].map(|text| text.as_bytes());
        insert.execute(params![record.concat()]).unwrap();
        for picture in pictures {
            insert.execute(params![picture.sealed]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn main() {
    // On the disk of the working folder: a temporary folder may be memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = SigningKey::from_bytes(&[7; 32]);
    let mut outbox = Outbox::open(&folder.path().join("outbox.db"), "lane-1", key, 4 << 30).unwrap();
    let mut raw = raw(&folder.path().join("raw.db"));
    let (mut queue_time, mut raw_time) = (Duration::ZERO, Duration::ZERO);
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let numbers = round * APPENDS..(round + 1) * APPENDS;
        let work: Vec<_> = numbers.map(|number| (outcome(number), pictures(number))).collect();

        let start = Instant::now();
        for (outcome, pictures) in &work {
            outbox.append(outcome, pictures, "self-service").unwrap();
        }
        let queue = start.elapsed();

        let records = outbox.pending(usize::MAX).unwrap();
        let records = &records[records.len() - APPENDS..];
        let start = Instant::now();
        for (signed, (_, pictures)) in records.iter().zip(&work) {
            commit(&mut raw, signed, pictures);
        }
        let bare = start.elapsed();
        // The first round warms up.
        if round > 0 {
            queue_time += queue;
            raw_time += bare;
            ratios.push(queue.as_secs_f64() / bare.as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    let per_second = |time: Duration| (ROUNDS * APPENDS) as f64 / time.as_secs_f64();
    println!("outbox append          {:8.1} per second", per_second(queue_time));
    println!("raw SQLite commit      {:8.1} per second", per_second(raw_time));
    println!("append / raw commit    {:8.2} (median of {ROUNDS} rounds)", ratios[ROUNDS / 2]);
}
