//! What the store may rely on where a database is distributed: nothing but transactions, which may be given
//! up at any statement and at the commit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::admitted;
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::record::SignedRecord;

/// Words of SQL that distributed engines do not have, or that need one place for all.
const NOT_FOR_ALL: [&str; 12] = [
    " SERIAL",
    "NEXTVAL",
    "GENERATED",
    "SEQUENCE ",
    "ADVISORY",
    "LOCK TABLE",
    "SKIP LOCKED",
    "TRIGGER",
    "PARTITION",
    "TEMP TABLE",
    "CURSOR",
    "XMIN",
];

#[test]
fn no_statement_needs_serial_numbers_advisory_locks_or_one_machine() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from("src/central/store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let of_code =
                |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("--");
            for line in text.lines().filter(of_code) {
                // Statements are written in capitals: a name such as `sequence` is none of these.
                // Partitions are made where they can be: without them all days lie in one table.
                let parts = path.components().any(|folder| folder.as_os_str() == "postgres");
                let barred = NOT_FOR_ALL.iter().filter(|word| !parts || **word != "PARTITION");
                found.extend(barred.filter(|word| line.contains(**word)).map(|word| (path.clone(), *word)));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

/// Two of three attempts to store a record, to append to the audit trail and to count are given up, at the
/// statement or only at the commit, as a distributed database does. Sequences remember what was rolled back.
const GIVES_UP: &str = "
CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE who text := to_jsonb(NEW) ->> (CASE TG_TABLE_NAME WHEN 'audit' THEN 'actor' ELSE 'lane' END);
BEGIN
    IF nextval(format('%I', TG_TABLE_NAME || who)) % 3 <> 0 THEN
        RAISE EXCEPTION 'restart transaction' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE SEQUENCE \"recordslane-0\"; CREATE SEQUENCE \"recordslane-1\";
CREATE SEQUENCE \"auditlane-0\"; CREATE SEQUENCE \"auditlane-1\"; CREATE SEQUENCE \"lane_totalslane-0\";
CREATE TRIGGER at_statement BEFORE INSERT ON records FOR EACH ROW WHEN (NEW.sequence % 2 = 0)
    EXECUTE FUNCTION give_up();
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON records DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.sequence % 2 = 1) EXECUTE FUNCTION give_up();
CREATE CONSTRAINT TRIGGER audit_at_commit AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION give_up();
CREATE CONSTRAINT TRIGGER counted_at_commit AFTER INSERT OR UPDATE ON lane_totals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.measure = 'passages' AND NEW.lane = 'lane-0') EXECUTE FUNCTION give_up();
";

#[test]
fn transactions_that_are_given_up_are_run_again_and_nothing_happens_twice() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let stores = [Store::postgres(&settings).unwrap(), Store::postgres(&settings).unwrap()];
    cluster.run(&cluster.last(), GIVES_UP).unwrap();
    std::thread::scope(|scope| {
        for (number, store) in stores.iter().enumerate() {
            scope.spawn(move || {
                let lane = format!("lane-{number}");
                store.add_lane(&lane, "aa", 1).unwrap();
                let mut previous = "0".repeat(64);
                for sequence in 1..=30 {
                    let record = admitted(&lane, sequence, &previous);
                    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
                    previous.clone_from(&signed.sha256);
                    let stored = store.append(&[VerifiedRecord { signed, record }], 9).unwrap();
                    assert_eq!(stored.new.len(), 1);
                    let entry = AuditEntry { actor: &lane, act: "test", subject: "", detail: "" };
                    store.audit(entry, 9).unwrap();
                    store.settle(5).unwrap();
                }
            });
        }
    });
    let store = &stores[0];
    while store.settle(100).unwrap() == 100 {}
    assert_eq!(store.lanes().unwrap().iter().map(|lane| lane.records).collect::<Vec<_>>(), [30, 30]);
    assert!(store.alarms(9).unwrap().is_empty() && store.audit_break().unwrap().is_none());
    assert_eq!(store.audit_lines(100).unwrap().len(), 60);
    let placed: Vec<u64> = store.lane_totals().unwrap().iter().map(|total| total.stages[0].1).collect();
    assert_eq!(placed, [30, 30], "each counted once");
    for sequence in ["recordslane-0", "recordslane-1", "auditlane-0", "auditlane-1"] {
        let attempts =
            cluster.run(&cluster.last(), &format!("SELECT last_value FROM \"{sequence}\"")).unwrap();
        assert_eq!(attempts, "90", "{sequence}");
    }
}
