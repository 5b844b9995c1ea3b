//! One suite, run on every engine of the store: what is kept, what is refused, what happens to two at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod engines;
mod lists;
mod office;

use common::central::{EPOCH, admitted, refer};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::passage::Ending;
use egate::record::{LaneState, PassageRecord, SignedRecord};
use lists::*;
use office::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Opens the same database, as another process would.
type Open<'a> = &'a (dyn Fn() -> Store + Sync);

/// What must hold, under its name.
type Behaviour = (&'static str, fn(Open<'_>));

const BEHAVIOURS: [Behaviour; 22] = [
    ("a_record_is_stored_once", a_record_is_stored_once),
    ("another_record_under_a_taken_key_is_set_aside", another_record_under_a_taken_key_is_set_aside),
    ("gaps_are_alarmed_and_calmed_in_any_order", gaps_are_alarmed_and_calmed_in_any_order),
    ("passages_are_listed_newest_first_by_ending", passages_are_listed_newest_first_by_ending),
    ("lanes_are_kept_and_stay_revoked", lanes_are_kept_and_stay_revoked),
    ("a_case_changes_only_as_it_was_seen", a_case_changes_only_as_it_was_seen),
    ("of_two_officers_one_decides", of_two_officers_one_decides),
    ("a_one_time_token_is_good_once", a_one_time_token_is_good_once),
    ("sessions_end_and_are_forgotten_in_time", sessions_end_and_are_forgotten_in_time),
    ("a_report_is_found_and_replaced", a_report_is_found_and_replaced),
    (
        "a_list_comes_into_force_by_a_second_person_and_goes_back",
        a_list_comes_into_force_by_a_second_person_and_goes_back,
    ),
    ("an_import_that_broke_off_cannot_come_into_force", an_import_that_broke_off_cannot_come_into_force),
    ("many_entries_are_found_by_any_key_up_to_a_bound", many_entries_are_found_by_any_key_up_to_a_bound),
    ("entries_in_force_are_read_in_steps_each_once", entries_in_force_are_read_in_steps_each_once),
    ("texts_of_any_kind_come_back", texts_of_any_kind_come_back),
    ("the_audit_trail_is_one_chain_under_many_writers", the_audit_trail_is_one_chain_under_many_writers),
    ("a_long_trail_is_found_whole", a_long_trail_is_found_whole),
    ("one_lane_sent_by_two_processes_is_stored_once", one_lane_sent_by_two_processes_is_stored_once),
    ("a_gap_that_is_on_its_way_is_said_to_be", a_gap_that_is_on_its_way_is_said_to_be),
    (
        "a_new_queue_and_an_old_one_that_speaks_are_alarmed",
        a_new_queue_and_an_old_one_that_speaks_are_alarmed,
    ),
    ("telemetry_is_bounded_and_clocks_are_kept", telemetry_is_bounded_and_clocks_are_kept),
    ("the_fingerprint_changes_with_every_change", the_fingerprint_changes_with_every_change),
];

/// Runs the suite, each behaviour on a database of its own; says which do not hold.
fn conforms(mut fresh: impl FnMut() -> Box<dyn Fn() -> Store + Sync>) {
    let mut broken = Vec::new();
    for (name, behaviour) in BEHAVIOURS {
        let open = fresh();
        if catch_unwind(AssertUnwindSafe(|| behaviour(&*open))).is_err() {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    conforms(|| {
        made += 1;
        let path = folder.path().join(format!("{made}.sqlite"));
        Box::new(move || Store::sqlite(&path).unwrap())
    });
}

#[test]
fn postgres_conforms() {
    let Some(mut cluster) = Cluster::start() else { return };
    conforms(|| {
        let settings = cluster.database();
        Box::new(move || Store::postgres(&settings).unwrap())
    });
}

fn verified(record: PassageRecord) -> VerifiedRecord {
    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    VerifiedRecord { signed, record }
}

fn next(
    before: Option<&VerifiedRecord>,
    lane: &str,
    change: impl FnOnce(&mut PassageRecord),
) -> VerifiedRecord {
    let previous = before.map_or_else(|| "0".repeat(64), |before| before.signed.sha256.clone());
    let mut record =
        admitted(lane, before.map_or(1, |before| before.record.position.sequence + 1), &previous);
    change(&mut record);
    verified(record)
}

fn chain(lane: &str, length: usize) -> Vec<VerifiedRecord> {
    let mut records: Vec<VerifiedRecord> = Vec::new();
    for _ in 0..length {
        records.push(next(records.last(), lane, |_| {}));
    }
    records
}

fn all(store: &Store) -> Vec<StoredPassage> {
    store.passages(&PassageFilter { ending: None, most: 1000 }).unwrap()
}

/// A store with one open case.
fn with_case(open: Open<'_>) -> (Store, RecordKey) {
    let store = open();
    store.add_lane("lane-1", "00", 1).unwrap();
    let record = next(None, "lane-1", |record| refer(record, CheckId::FaceMatch, Reason::FaceMismatch));
    store.append(std::slice::from_ref(&record), 5).unwrap();
    (store, record.key())
}

fn admit(officer: &str) -> Decided {
    let note = "seen by own eyes".to_owned();
    let (officer, overridden) = (officer.to_owned(), Vec::new());
    Decided { decision: Decision::Admit, officer, at: 9, note, reason: None, overridden }
}

fn a_record_is_stored_once(open: Open<'_>) {
    let store = open();
    let records = chain("lane-1", 3);
    let first = store.append(&records[..2], 5).unwrap();
    assert_eq!((first.stored_through, first.new.len(), first.conflict), (Some(2), 2, None));
    let again = store.append(&records, 6).unwrap();
    assert_eq!((again.stored_through, again.new), (Some(3), vec![records[2].key()]));
    drop(store);
    let store = open();
    let found = store.passage(&records[1].key()).unwrap().unwrap();
    assert_eq!((found.record, found.received), (records[1].record.clone(), 5));
    assert!(found.case.is_none());
    assert_eq!(all(&store).len(), 3);
    assert!(store.passage(&RecordKey { sequence: 4, ..records[1].key() }).unwrap().is_none());
}

fn another_record_under_a_taken_key_is_set_aside(open: Open<'_>) {
    let store = open();
    let first = next(None, "lane-1", |_| {});
    let other = next(None, "lane-1", |record| record.lasted_ms = 1);
    let after = next(Some(&other), "lane-1", |_| {});
    store.append(std::slice::from_ref(&first), 5).unwrap();
    for _ in 0..2 {
        let done = store.append(&[other.clone(), after.clone()], 6).unwrap();
        assert_eq!((done.stored_through, done.conflict), (None, Some(first.key())));
    }
    let kept = all(&store);
    assert_eq!((kept.len(), kept[0].record.lasted_ms), (1, first.record.lasted_ms));
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind, alarms[0].count), (1, AlarmKind::Conflict, 2));
}

fn gaps_are_alarmed_and_calmed_in_any_order(open: Open<'_>) {
    let store = open();
    let records = chain("lane-1", 5);
    for place in [4, 0, 2] {
        store.append(&records[place..=place], 5).unwrap();
    }
    let alarms = store.alarms(10).unwrap();
    let mut subjects: Vec<&str> = alarms.iter().map(|alarm| alarm.subject.as_str()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, [format!("lane-1/{EPOCH}/3"), format!("lane-1/{EPOCH}/5")]);
    store.append(&records[3..4], 5).unwrap();
    store.append(&records[1..2], 5).unwrap();
    assert!(store.alarms(10).unwrap().is_empty());

    let stray = next(Some(&records[4]), "lane-1", |record| record.position.previous = "ab".repeat(32));
    store.append(&[stray], 7).unwrap();
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::ChainBreak));
}

fn passages_are_listed_newest_first_by_ending(open: Open<'_>) {
    let store = open();
    let mut records: Vec<VerifiedRecord> = Vec::new();
    for n in 0..6 {
        records.push(next(records.last(), "lane-1", |record| {
            record.started = format!("2026-07-01T10:00:0{n}Z");
            if n % 3 == 0 {
                refer(record, CheckId::Liveness, Reason::PresentationAttack);
            }
        }));
    }
    store.append(&records, 5).unwrap();
    let sequences = |ending, most| -> Vec<u64> {
        let found = store.passages(&PassageFilter { ending, most }).unwrap();
        found.iter().map(|passage| passage.key.sequence).collect()
    };
    assert_eq!(sequences(None, 4), [6, 5, 4, 3]);
    assert_eq!(sequences(Some(Ending::Referred), 10), [4, 1]);
    assert_eq!(sequences(Some(Ending::Withdrawn), 10), [0; 0]);
    assert_eq!(store.endings().unwrap(), [4, 2, 0]);
    let (cases, count) = store.open_cases(1).unwrap();
    assert_eq!((cases.len(), count), (1, 2));
}

fn lanes_are_kept_and_stay_revoked(open: Open<'_>) {
    let store = open();
    store.add_lane("lane-2", "aa", 1).unwrap();
    store.add_lane("lane-1", "bb", 1).unwrap();
    store.add_lane("lane-1", "cc", 2).unwrap();
    assert_eq!(store.lane("lane-1").unwrap().unwrap().record_key, "bb");
    assert!(store.revoke_lane("lane-1", 3).unwrap() && store.revoke_lane("lane-1", 4).unwrap());
    assert!(!store.revoke_lane("lane-3", 3).unwrap());
    store.add_lane("lane-1", "bb", 5).unwrap();
    assert!(store.lane("lane-1").unwrap().unwrap().revoked);
    store.append(&chain("lane-2", 2), 7).unwrap();
    let lanes = store.lanes().unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.lane.name.as_str()).collect::<Vec<_>>(), ["lane-1", "lane-2"]);
    assert_eq!((lanes[1].records, lanes[1].last_record, lanes[0].last_record), (2, Some(7), None));
}

fn texts_of_any_kind_come_back(open: Open<'_>) {
    let (store, key) = with_case(open);
    let odd = "<script>'; DROP TABLE users; --\u{0}\u{1f6c2} \\ % _ $1";
    let kept = odd.replace('\u{0}', "\u{fffd}");
    let CaseChange::Made(_) = store.judge(&key, 1, odd, Judgement::CannotTell, 6).unwrap_or_else(|_| {
        // A name with a zero byte cannot be held by every engine; nothing then happened.
        store.judge(&key, 1, &kept, Judgement::CannotTell, 6).unwrap()
    }) else {
        panic!()
    };
    let officer = store.passage(&key).unwrap().unwrap().case.unwrap().judged.unwrap().0;
    let decided = Decided { officer: officer.clone(), note: odd.to_owned(), ..admit("") };
    let CaseChange::Made(case) = store.decide(&key, 2, &decided).unwrap() else { panic!() };
    assert_eq!(case.decided.unwrap().note, kept);
    store.audit(AuditEntry { actor: odd, act: odd, subject: odd, detail: odd }, 7).unwrap();
    assert_eq!(store.audit_lines(1).unwrap()[0].detail, kept);
    assert_eq!(store.audit_break().unwrap(), None);
}

fn the_audit_trail_is_one_chain_under_many_writers(open: Open<'_>) {
    let stores = [open(), open()];
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let store = &stores[writer % 2];
            scope.spawn(move || {
                for n in 0..20 {
                    let (actor, subject) = (format!("writer-{writer}"), n.to_string());
                    let entry = AuditEntry { actor: &actor, act: "test", subject: &subject, detail: "" };
                    store.audit(entry, n).unwrap();
                }
            });
        }
    });
    assert_eq!(stores[0].audit_break().unwrap(), None);
    let lines = stores[0].audit_lines(1000).unwrap();
    assert_eq!((lines.len(), lines[0].number), (120, 120));
}

fn a_long_trail_is_found_whole(open: Open<'_>) {
    // Longer than one step of the walk.
    let store = open();
    for n in 0..1100 {
        store.audit(AuditEntry { actor: "a", act: "test", subject: "", detail: "" }, n).unwrap();
    }
    assert_eq!(store.audit_break().unwrap(), None);
    assert_eq!(store.audit_lines(2).unwrap().iter().map(|l| l.number).collect::<Vec<_>>(), [1100, 1099]);
}

fn one_lane_sent_by_two_processes_is_stored_once(open: Open<'_>) {
    let stores = [open(), open(), open()];
    stores[0].add_lane("lane-1", "00", 1).unwrap();
    let records = chain("lane-1", 40);
    let new = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                for batch in records.chunks(4) {
                    let done = store.append(batch, 5).unwrap();
                    assert_eq!(done.stored_through, batch.last().map(|last| last.record.position.sequence));
                    new.fetch_add(done.new.len(), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!((new.load(Ordering::SeqCst), all(&stores[0]).len()), (40, 40));
    assert!(stores[0].alarms(10).unwrap().is_empty());
}

fn a_gap_that_is_on_its_way_is_said_to_be(open: Open<'_>) {
    let store = open();
    let records = chain("lane-1", 6);
    let kinds = || store.alarms(10).unwrap().iter().map(|alarm| alarm.kind).collect::<Vec<_>>();
    store.append(&records[..1], 5).unwrap();
    store.append_held(&records[4..5], Some(2), 5).unwrap();
    assert_eq!(kinds(), [AlarmKind::Backlog]);
    // A lane that holds only what is later cannot mean the gap.
    let others = chain("lane-2", 6);
    store.append_held(&others[4..5], Some(3), 5).unwrap();
    assert!(kinds().contains(&AlarmKind::Gap));
    store.append(&others[..4], 6).unwrap();
    store.append_held(&records[1..4], None, 6).unwrap();
    assert_eq!(kinds(), []);
}

fn a_new_queue_and_an_old_one_that_speaks_are_alarmed(open: Open<'_>) {
    let store = open();
    let of = |epoch: char, before: Option<&VerifiedRecord>| {
        next(before, "lane-1", |record| record.position.epoch = epoch.to_string().repeat(32))
    };
    let (one, other) = (of('a', None), of('b', None));
    let later = of('a', Some(&one));
    let alarms = |at: Millis| {
        let mut kinds: Vec<_> = store.alarms(10).unwrap().iter().map(|alarm| alarm.kind as u8).collect();
        kinds.sort_unstable();
        (at, kinds)
    };
    store.append(std::slice::from_ref(&one), 5).unwrap();
    assert_eq!(alarms(5), (5, vec![]));
    store.append(std::slice::from_ref(&other), 6).unwrap();
    assert_eq!(alarms(6), (6, vec![AlarmKind::NewQueue as u8]));
    store.append(&[one, later], 7).unwrap();
    assert_eq!(alarms(7), (7, vec![AlarmKind::NewQueue as u8, AlarmKind::TwoQueues as u8]));
    assert_eq!(all(&store).len(), 3);
}

fn telemetry_is_bounded_and_clocks_are_kept(open: Open<'_>) {
    use egate::record::wire::{Telemetry, TelemetryBatch};
    let store = open();
    let batch = |from: u64| TelemetryBatch {
        epoch: EPOCH.to_owned(),
        entries: (from..from + 64)
            .map(|number| Telemetry { number, at: 1, kind: "test".to_owned(), text: "a\0b".to_owned() })
            .collect(),
    };
    for number in 0..40 {
        store.keep_telemetry("lane-1", &batch(1 + number * 64), Millis::try_from(number).unwrap()).unwrap();
    }
    store.keep_telemetry("lane-1", &batch(1 + 39 * 64), 99).unwrap();
    let kept = store.telemetry("lane-1", 10_000).unwrap();
    assert!((2_000..2_064).contains(&kept.len()), "{}", kept.len());
    assert_eq!((kept[0].entry.number, kept[0].received), (2_560, 39), "what is there is left as it is");
    assert!(!kept[0].entry.text.contains('\0') && store.telemetry("lane-2", 10).unwrap().is_empty());

    store.clock_measured("lane-1", -9_000, Some("9.0 s behind"), 5).unwrap();
    assert_eq!(store.alarms(10).unwrap().len(), 1);
    store.clock_measured("lane-1", 3, None, 6).unwrap();
    let clocks = store.clocks().unwrap();
    assert_eq!((clocks.len(), clocks[0].ahead, clocks[0].measured), (1, 3, 6));
    assert!(store.alarms(10).unwrap().is_empty());
}
