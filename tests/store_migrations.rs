//! A database of every earlier version is brought to the newest one, and nothing in it is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{EPOCH, admitted, refer};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::record::SignedRecord;
use sha2::{Digest, Sha256};

const SQLITE: [&str; 11] = [
    include_str!("../src/central/store/sqlite/001-first.sql"),
    include_str!("../src/central/store/sqlite/002-audit-head.sql"),
    include_str!("../src/central/store/sqlite/003-lists.sql"),
    include_str!("../src/central/store/sqlite/004-retention.sql"),
    include_str!("../src/central/store/sqlite/005-link.sql"),
    include_str!("../src/central/store/sqlite/006-statistics.sql"),
    include_str!("../src/central/store/sqlite/007-console.sql"),
    include_str!("../src/central/store/sqlite/008-ingest.sql"),
    include_str!("../src/central/store/sqlite/009-days.sql"),
    include_str!("../src/central/store/sqlite/010-carried.sql"),
    include_str!("../src/central/store/sqlite/011-change.sql"),
];
const POSTGRES: [&str; 11] = [
    include_str!("../src/central/store/postgres/001-first.sql"),
    include_str!("../src/central/store/postgres/002-audit-head.sql"),
    include_str!("../src/central/store/postgres/003-lists.sql"),
    include_str!("../src/central/store/postgres/004-retention.sql"),
    include_str!("../src/central/store/postgres/005-link.sql"),
    include_str!("../src/central/store/postgres/006-statistics.sql"),
    include_str!("../src/central/store/postgres/007-console.sql"),
    include_str!("../src/central/store/postgres/008-ingest.sql"),
    include_str!("../src/central/store/postgres/009-days.sql"),
    include_str!("../src/central/store/postgres/010-carried.sql"),
    include_str!("../src/central/store/postgres/011-change.sql"),
];

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Two lines of the audit trail, chained.
fn trail() -> (Vec<String>, String) {
    let mut previous = "0".repeat(64);
    let mut rows = Vec::new();
    for number in 1..=2 {
        let mut line = AuditLine {
            number,
            at: 5,
            actor: "anna".to_owned(),
            act: "test".to_owned(),
            subject: String::new(),
            detail: "it's kept".to_owned(),
            previous,
            sha256: String::new(),
        };
        line.sha256 = hex::encode(Sha256::digest(serde_json_canonicalizer::to_vec(&line).unwrap()));
        let texts = [&line.actor, &line.act, &line.subject, &line.detail, &line.previous, &line.sha256];
        let texts: Vec<String> = texts.into_iter().map(|text| quoted(text)).collect();
        rows.push(format!("INSERT INTO audit VALUES ({number}, 5, {});", texts.join(", ")));
        previous = line.sha256;
    }
    (rows, previous)
}

/// What stands before the ninth step on PostgreSQL.
const BODIES: &str = "CREATE TABLE bodies (received BIGINT NOT NULL, lane TEXT NOT NULL, epoch TEXT NOT NULL,
    sequence BIGINT NOT NULL, canonical TEXT NOT NULL, PRIMARY KEY (received, lane, epoch, sequence));";

/// What a database of a version holds, as that version wrote it.
fn content(version: usize) -> String {
    let mut record = admitted("lane-1", 1, &"0".repeat(64));
    refer(&mut record, CheckId::FaceMatch, Reason::FaceMismatch);
    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    let [canonical, sha256, signature] =
        [&signed.canonical, &signed.sha256, &signed.signature].map(|t| quoted(t));
    let (mut rows, head) = trail();
    rows.extend([
        "INSERT INTO lanes (name, record_key, enrolled) VALUES ('lane-1', 'aa', 1);".to_owned(),
        if version < 9 {
            format!(
                "INSERT INTO records VALUES ('lane-1', '{EPOCH}', 1, {sha256}, {signature}, {canonical}, 'referred', 3, 4);"
            )
        } else {
            format!(
                "INSERT INTO records VALUES ('lane-1', '{EPOCH}', 1, {sha256}, {signature}, 'referred', 3, 4, 'x');
                 INSERT INTO bodies VALUES (4, 'lane-1', '{EPOCH}', 1, {canonical});"
            )
        },
        format!("INSERT INTO cases (lane, epoch, sequence, version, opened) VALUES ('lane-1', '{EPOCH}', 1, 1, 4);"),
        "INSERT INTO alarms (lane, kind, subject, text, first, last, count)
            VALUES ('lane-1', 'gap', 'x', 'y', 1, 2, 3);"
            .to_owned(),
        "INSERT INTO reported_documents VALUES ('UTO', 'L898902C3', 'lost', 1);".to_owned(),
        "INSERT INTO users (name, role, password, failures, locked_until, created)
            VALUES ('anna', 'officer', 'hash', 0, 0, 1);"
            .to_owned(),
    ]);
    if version >= 2 {
        rows.push(format!("UPDATE audit_head SET number = 2, sha256 = '{head}';"));
    }
    if version == 8 {
        rows.push(format!("INSERT INTO lane_epochs (lane, epoch, begun) VALUES ('lane-1', '{EPOCH}', 4);"));
    }
    if version >= 9 {
        rows.push(format!(
            "INSERT INTO lane_epochs (lane, epoch, begun, head, head_sha256, records, last)
                VALUES ('lane-1', '{EPOCH}', 4, 1, {sha256}, 1, 4);"
        ));
    }
    rows.join("\n")
}

fn holds_everything(store: &Store) {
    let key = RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence: 1 };
    let passage = store.passage(&key).unwrap().unwrap();
    assert_eq!((passage.received, passage.case.unwrap().version), (4, 1));
    assert_eq!(store.lane("lane-1").unwrap().unwrap().record_key, "aa");
    assert_eq!(store.alarms(9).unwrap()[0].count, 3);
    assert_eq!(store.reported_document("UTO", "L898902C3").unwrap().as_deref(), Some("lost"));
    assert_eq!(store.user("anna").unwrap().unwrap().password.as_deref(), Some("hash"));
    assert_eq!(store.audit_break().unwrap(), None);
    store.audit(AuditEntry { actor: "anna", act: "test", subject: "", detail: "" }, 9).unwrap();
    assert_eq!(store.audit_break().unwrap(), None);
    assert_eq!(store.audit_lines(9).unwrap().len(), 3);
    assert!(store.list_generations().unwrap().is_empty());
    goes_on(store);
}

/// The queue that was stored by an earlier version goes on without an alarm.
fn goes_on(store: &Store) {
    let before = store.signed_records(("lane-1", EPOCH), 0, 9).unwrap().remove(0).sha256;
    let record = admitted("lane-1", 2, &before);
    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    let next = VerifiedRecord { signed, record };
    assert_eq!(store.append(&[next], 9).unwrap().stored_through, Some(2));
    let alarms = store.alarms(9).unwrap();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(store.lanes().unwrap()[0].records, 2);
    assert_eq!(store.passages_of_lane("lane-1", 9).unwrap().len(), 2);
}

#[test]
fn sqlite_databases_of_every_version_are_brought_to_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    for version in 1..=SQLITE.len() {
        let path = folder.path().join(format!("{version}.sqlite"));
        let raw = rusqlite::Connection::open(&path).unwrap();
        for step in &SQLITE[..version] {
            raw.execute_batch(step).unwrap();
        }
        raw.execute_batch(&content(version)).unwrap();
        raw.pragma_update(None, "user_version", version).unwrap();
        drop(raw);
        holds_everything(&Store::sqlite(&path).unwrap());
        drop(Store::sqlite(&path).unwrap());
    }
}

#[test]
fn postgres_databases_of_every_version_are_brought_to_the_newest() {
    let Some(mut cluster) = Cluster::start() else { return };
    for version in 1..=POSTGRES.len() {
        let settings = cluster.database();
        let database = cluster.last();
        let mut made =
            vec!["CREATE TABLE schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);".to_owned()];
        made.extend(POSTGRES[..version.min(8)].iter().map(|step| (*step).to_owned()));
        if version >= 9 {
            made.push(BODIES.to_owned());
            made.extend(POSTGRES[8..version].iter().map(|step| (*step).to_owned()));
        }
        made.push(content(version));
        made.push(format!("INSERT INTO schema_version VALUES (1, {version});"));
        cluster.run(&database, &made.join("\n")).unwrap();
        holds_everything(&Store::postgres(&settings).unwrap());
    }
    let settings = cluster.database();
    drop(Store::postgres(&settings).unwrap());
    cluster.run(&cluster.last(), "UPDATE schema_version SET version = 99").unwrap();
    let Err(error) = Store::postgres(&settings) else { panic!("it opened") };
    assert!(error.to_string().starts_with("the database has version 99"), "{error}");
}

#[test]
fn several_processes_may_bring_one_database_up_at_once() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| Store::postgres(&settings).unwrap().add_lane("lane-1", "aa", 1).unwrap());
        }
    });
    assert_eq!(Store::postgres(&settings).unwrap().lanes().unwrap().len(), 1);
}

#[test]
fn a_trail_that_was_edited_or_cut_is_noticed_on_either_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.sqlite");
    let fill = |store: &Store| {
        for n in 0..4 {
            store.audit(AuditEntry { actor: "a", act: "test", subject: "", detail: "" }, n).unwrap();
        }
    };
    let sqlite = Store::sqlite(&path).unwrap();
    fill(&sqlite);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("DELETE FROM audit WHERE number = 4", []).unwrap();
    assert_eq!(sqlite.audit_break().unwrap(), Some(4));
    raw.execute("DELETE FROM audit WHERE number = 2", []).unwrap();
    assert_eq!(sqlite.audit_break().unwrap(), Some(2));

    let Some(mut cluster) = Cluster::start() else { return };
    let postgres = Store::postgres(&cluster.database()).unwrap();
    fill(&postgres);
    cluster.run(&cluster.last(), "DELETE FROM audit WHERE number = 4").unwrap();
    assert_eq!(postgres.audit_break().unwrap(), Some(4));
    cluster.run(&cluster.last(), "UPDATE audit SET actor = 'b' WHERE number = 3").unwrap();
    assert_eq!(postgres.audit_break().unwrap(), Some(3));
}
