//! Records by the day of their arrival, on both engines: a day goes as a whole, its keys stay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{EPOCH, admitted, picture_ref, refer, specimen};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::record::{PassageRecord, SignedRecord};
use sha2::{Digest, Sha256};

const DAY: Millis = 24 * 60 * 60 * 1000;

fn key(sequence: u64) -> RecordKey {
    RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence }
}

/// The next record of lane-1.
fn next(before: Option<&VerifiedRecord>, change: impl FnOnce(&mut PassageRecord)) -> VerifiedRecord {
    let sequence = before.map_or(1, |before| before.record.position.sequence + 1);
    let previous = before.map_or_else(|| "0".repeat(64), |before| before.signed.sha256.clone());
    let mut record = admitted("lane-1", sequence, &previous);
    record.pictures.clear();
    change(&mut record);
    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    VerifiedRecord { signed, record }
}

fn settle(store: &Store) {
    while store.settle(2).unwrap() == 2 {}
}

fn refuse(store: &Store, key: &RecordKey) {
    store.judge(key, 1, "a", Judgement::Different, 8).unwrap();
    let decided = Decided {
        decision: Decision::Refuse,
        officer: "a".to_owned(),
        at: 9,
        note: String::new(),
        reason: None,
        overridden: Vec::new(),
    };
    assert!(matches!(store.decide(key, 2, &decided).unwrap(), CaseChange::Made(_)));
}

/// Three days of records: the first day's go when nothing needs them, and nothing of the chain is lost.
fn days_are_erased_when_nothing_needs_them(store: &Store) {
    store.add_lane("lane-1", "aa", 1).unwrap();
    store.lay_days(DAY);
    let one = next(None, |_| {});
    let case = next(Some(&one), |record| refer(record, CheckId::FaceMatch, Reason::FaceMismatch));
    let pictured = next(Some(&case), |record| record.pictures.push(picture_ref("portrait", b"sealed")));
    let later = next(Some(&pictured), |_| {});
    store.append(&[one.clone(), case.clone()], DAY + 5).unwrap();
    store.append(std::slice::from_ref(&pictured), 2 * DAY - 1).unwrap();
    store.append(std::slice::from_ref(&later), 2 * DAY).unwrap();

    let erase = || store.erase_day(3 * DAY - 1, 4 * DAY).unwrap();
    assert_eq!(store.erase_day(2 * DAY - 1, 4 * DAY).unwrap(), None, "the day was not over then");
    assert_eq!(erase(), None, "history and statistics have not heard of it");
    settle(store);
    assert_eq!(erase(), None, "a case is open");
    refuse(store, &case.key());
    settle(store);
    assert_eq!(erase(), None, "a picture is kept");
    assert!(store.note_deletion(&pictured.key(), PictureKind::Portrait, &[], "test", 9).unwrap());
    assert_eq!(store.history(&specimen(), 9).unwrap().len(), 4);

    let hashes: String =
        [&one, &case, &pictured].iter().map(|of| format!("{}\n", of.signed.sha256)).collect();
    let names = hex::encode(Sha256::digest(hashes));
    let erased = ErasedDay { day: 1, records: 3, names: names.clone() };
    assert_eq!(erase(), Some(erased.clone()));
    assert_eq!(erase(), None, "no other day is due");
    assert_eq!(store.erased_days(9).unwrap(), [erased]);

    assert!(store.passage(&key(1)).unwrap().is_none() && store.passage(&key(4)).unwrap().is_some());
    let seen = store.history(&specimen(), 9).unwrap();
    assert_eq!(seen.iter().map(|passage| passage.key.sequence).collect::<Vec<_>>(), [4]);
    let trail = store.audit_lines(1).unwrap().remove(0);
    assert_eq!((trail.act.as_str(), trail.subject.as_str()), ("records.erase", "1"));
    assert!(trail.detail.contains(&names) && trail.detail.starts_with("3 records"), "{}", trail.detail);

    // The keys are taken for ever, and the chain is followed over the erased day.
    assert_eq!(store.append(std::slice::from_ref(&one), 9).unwrap().new, []);
    let other = next(Some(&one), |record| record.lasted_ms += 1);
    assert_eq!(store.append(&[other], 9).unwrap().conflict, Some(key(2)));
    assert_eq!(store.lanes().unwrap()[0].records, 4);
    let after = next(Some(&later), |_| {});
    store.append(std::slice::from_ref(&after), 5 * DAY).unwrap();
    let kinds: Vec<_> = store.alarms(9).unwrap().iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [AlarmKind::Conflict]);
    assert_eq!(store.lane_totals().unwrap()[0].stages[0].1, 4, "what was counted stays counted");
}

/// A day that is needed for one thing alone, and goes when that is over.
fn each_need_alone_keeps_a_day(store: &Store) {
    store.add_lane("lane-1", "aa", 1).unwrap();
    let erased = || store.erase_day(9 * DAY, 9 * DAY).unwrap().map(|erased| erased.day);
    let plain = next(None, |_| {});
    store.append(std::slice::from_ref(&plain), DAY).unwrap();
    assert_eq!(erased(), None, "unsettled");
    settle(store);
    assert_eq!(erased(), Some(1));
    let case = next(Some(&plain), |record| refer(record, CheckId::FaceMatch, Reason::FaceMismatch));
    store.append(std::slice::from_ref(&case), 2 * DAY).unwrap();
    settle(store);
    assert_eq!(erased(), None, "an open case");
    refuse(store, &case.key());
    settle(store);
    assert_eq!(erased(), Some(2));
}

#[test]
fn sqlite_erases_days() {
    let folder = tempfile::tempdir().unwrap();
    each_need_alone_keeps_a_day(&Store::sqlite(&folder.path().join("n.sqlite")).unwrap());
    days_are_erased_when_nothing_needs_them(&Store::sqlite(&folder.path().join("c.sqlite")).unwrap());
}

/// Partitions of the records' table.
const PARTS: &str =
    "SELECT coalesce(string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text), '')
    FROM pg_inherits WHERE inhparent = 'bodies'::regclass";

#[test]
fn postgres_erases_days_with_and_without_partitions_of_their_own() {
    let Some(mut cluster) = Cluster::start() else { return };
    each_need_alone_keeps_a_day(&Store::postgres(&cluster.database()).unwrap());
    let store = Store::postgres(&cluster.database()).unwrap();
    let days = "bodies_1 bodies_2 bodies_3 bodies_other";
    store.lay_days(DAY);
    store.lay_days(DAY);
    assert_eq!(cluster.run(&cluster.last(), PARTS).unwrap().trim(), days);
    days_are_erased_when_nothing_needs_them(&store);
    assert_eq!(cluster.run(&cluster.last(), PARTS).unwrap().trim(), "bodies_2 bodies_3 bodies_other");
    // The fifth day had no room of its own, and gets none while records of it lie elsewhere.
    store.lay_days(5 * DAY);
    let days = "bodies_2 bodies_3 bodies_6 bodies_7 bodies_other";
    assert_eq!(cluster.run(&cluster.last(), PARTS).unwrap().trim(), days);
    settle(&store);
    assert_eq!(store.erase_day(3 * DAY, 9 * DAY).unwrap().unwrap().day, 2);
    assert_eq!(store.erase_day(9 * DAY, 9 * DAY).unwrap().unwrap().day, 5);
}

/// A database that speaks the protocol and does not part tables.
const NO_PARTS: &str = "CREATE FUNCTION whole() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_class WHERE relkind = 'p') THEN
        RAISE EXCEPTION 'PARTITION BY is not supported' USING ERRCODE = 'feature_not_supported';
    END IF;
END $$;
CREATE EVENT TRIGGER whole ON ddl_command_end EXECUTE FUNCTION whole();";

#[test]
fn a_database_that_does_not_part_tables_keeps_all_days_in_one() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    cluster.run(&cluster.last(), NO_PARTS).unwrap();
    let store = Store::postgres(&settings).unwrap();
    assert_eq!(cluster.run(&cluster.last(), PARTS).unwrap().trim(), "");
    days_are_erased_when_nothing_needs_them(&store);
}

#[test]
fn lanes_that_send_at_once_are_stored_together_and_each_by_its_own_chain() {
    let stored = |store: &Store| {
        std::thread::scope(|scope| {
            for lane in 0..12 {
                scope.spawn(move || {
                    let name = format!("lane-{lane}");
                    store.add_lane(&name, "aa", 1).unwrap();
                    let mut before: Option<VerifiedRecord> = None;
                    for number in 0..20 {
                        let record = next(before.as_ref(), |record| record.position.lane.clone_from(&name));
                        // Every third is sent twice, as after an acknowledgement that was lost.
                        for _ in 0..=usize::from(number % 3 == 0) {
                            let done = store.append(std::slice::from_ref(&record), 5).unwrap();
                            assert_eq!(done.stored_through, Some(number + 1));
                        }
                        before = Some(record);
                    }
                });
            }
        });
        let lanes = store.lanes().unwrap();
        assert!(lanes.len() == 12 && lanes.iter().all(|lane| lane.records == 20));
        assert!(store.alarms(9).unwrap().is_empty());
        assert_eq!(store.endings().unwrap(), [240, 0, 0]);
    };
    let folder = tempfile::tempdir().unwrap();
    stored(&Store::sqlite(&folder.path().join("c.sqlite")).unwrap());
    if let Some(mut cluster) = Cluster::start() {
        stored(&Store::postgres(&cluster.database()).unwrap());
    }
}
