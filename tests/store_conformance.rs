//! One suite, run on every engine of the store: what is kept, what is refused, what happens to two at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{EPOCH, admitted, refer};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::passage::Ending;
use egate::record::{PassageRecord, SignedRecord};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Opens the same database, as another process would.
type Open<'a> = &'a (dyn Fn() -> Store + Sync);

/// What must hold, under its name.
type Behaviour = (&'static str, fn(Open<'_>));

const BEHAVIOURS: [Behaviour; 21] = [
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

#[test]
fn killed_connections_lose_nothing_that_was_acknowledged_and_double_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let stores = [Store::postgres(&settings).unwrap(), Store::postgres(&settings).unwrap()];
    let uncertain = AtomicUsize::new(0);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut killed = 0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(lane, store)| {
                let uncertain = &uncertain;
                scope.spawn(move || send_all(store, &chain(&format!("lane-{lane}"), 120), uncertain))
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            killed += cluster.run(&cluster.last(), kill).unwrap().parse::<usize>().unwrap();
        }
    });
    eprintln!("{killed} connections killed, {} commits uncertain", uncertain.load(Ordering::SeqCst));
    assert!(killed > 0);
    let lanes = stores[0].lanes().unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.records).collect::<Vec<_>>(), [120, 120]);
    assert!(stores[0].alarms(10).unwrap().is_empty());
    assert_eq!(stores[0].audit_break().unwrap(), None);
    assert_eq!(stores[0].audit_lines(1000).unwrap().len(), 240);
}

/// As a lane does: what was not acknowledged is sent again. Each record is followed by an audit line, which
/// unlike a record may not be written again when nobody knows whether it was.
fn send_all(store: &Store, records: &[VerifiedRecord], uncertain: &AtomicUsize) {
    let lane = &records[0].record.position.lane;
    persist(|| store.add_lane(lane, "00", 1), uncertain);
    for record in records {
        persist(|| store.append(std::slice::from_ref(record), 5).map(drop), uncertain);
        let subject = record.key().to_string();
        let known = || store.audit_lines(1000).unwrap_or_default().iter().any(|line| line.subject == subject);
        let entry = AuditEntry { actor: lane, act: "test", subject: &subject, detail: "" };
        persist(
            || match store.audit(entry, 5) {
                Err(StoreError::Uncertain(_)) if known() => Ok(()),
                other => other,
            },
            uncertain,
        );
    }
}

fn persist(mut act: impl FnMut() -> Result<(), StoreError>, uncertain: &AtomicUsize) {
    for _ in 0..1000 {
        match act() {
            Ok(()) => return,
            Err(StoreError::Uncertain(_)) => drop(uncertain.fetch_add(1, Ordering::SeqCst)),
            Err(StoreError::Postgres(_) | StoreError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("never done");
}

#[test]
fn a_hint_reaches_the_other_process() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    let (one, two) = (Store::postgres(&settings).unwrap(), Store::postgres(&settings).unwrap());
    let (heard, hints) = std::sync::mpsc::channel();
    two.on_change(Box::new(move || {
        let _ = heard.send(());
    }));
    // Whether the other listens already is not known: it is told until it hears.
    let reached = (0..600).any(|_| {
        one.tell_others();
        hints.recv_timeout(std::time::Duration::from_millis(50)).is_ok()
    });
    assert!(reached);
}

#[test]
fn a_database_over_tls_is_used_only_when_its_certificate_is_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    for path in [folder.path(), &certificate, &key] {
        common::postgres::give_to_server(path);
    }
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
    std::fs::set_permissions(&key, mode).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let ssl = [
        "ssl=on".to_owned(),
        said("ssl_cert_file", &certificate),
        said("ssl_key_file", &key),
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
    ];
    let ssl: Vec<&str> = ssl.iter().map(String::as_str).collect();
    let Some(cluster) = Cluster::start_with(&ssl) else { return };
    let postgres = format!("host=127.0.0.1 port={port} user=egate dbname=postgres");
    let mut settings = PostgresSettings { postgres, password_file: None, authority: Some(certificate) };
    let store = Store::postgres(&settings).unwrap();
    store.add_lane("lane-1", "00", 1).unwrap();
    let encrypted = cluster.run("postgres", "SELECT count(*) FROM pg_stat_ssl WHERE ssl").unwrap();
    assert_eq!(encrypted, "1");

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let authority = folder.path().join("other.pem");
    std::fs::write(&authority, other.cert.pem()).unwrap();
    settings.authority = Some(authority);
    assert!(Store::postgres(&settings).is_err());
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

fn a_case_changes_only_as_it_was_seen(open: Open<'_>) {
    let (store, key) = with_case(open);
    let missing = RecordKey { sequence: 2, ..key.clone() };
    assert_eq!(store.judge(&missing, 1, "a", Judgement::Same, 6).unwrap(), CaseChange::Missing);
    assert!(matches!(store.decide(&key, 1, &admit("a")).unwrap(), CaseChange::NotJudged(_)));
    let CaseChange::Made(case) = store.judge(&key, 1, "a", Judgement::Same, 6).unwrap() else { panic!() };
    assert_eq!((case.version, case.judged), (2, Some(("a".to_owned(), Judgement::Same, 6))));
    assert!(matches!(store.judge(&key, 1, "b", Judgement::Same, 6).unwrap(), CaseChange::Conflict(_)));
    assert!(matches!(store.decide(&key, 2, &admit("b")).unwrap(), CaseChange::NotJudged(_)));
    let CaseChange::Made(case) = store.decide(&key, 2, &admit("a")).unwrap() else { panic!() };
    assert_eq!((case.version, case.decided), (3, Some(admit("a"))));
    assert!(matches!(store.decide(&key, 3, &admit("a")).unwrap(), CaseChange::Conflict(_)));
    assert_eq!(store.open_cases(10).unwrap().1, 0);
    let acts: Vec<String> = store.audit_lines(10).unwrap().into_iter().map(|line| line.act).collect();
    assert_eq!(acts, ["case.decide", "case.judge"]);
    assert_eq!(store.passage(&key).unwrap().unwrap().case.unwrap().decided, Some(admit("a")));
}

fn of_two_officers_one_decides(open: Open<'_>) {
    let (store, key) = with_case(open);
    let stores = [open(), open(), open(), open()];
    let start = Barrier::new(stores.len());
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (n, store) in stores.iter().enumerate() {
            let (key, start, made) = (&key, &start, &made);
            scope.spawn(move || {
                let officer = format!("officer-{n}");
                start.wait();
                if let CaseChange::Made(case) = store.judge(key, 1, &officer, Judgement::Same, 6).unwrap()
                    && let CaseChange::Made(_) = store.decide(key, case.version, &admit(&officer)).unwrap()
                {
                    made.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(store.audit_lines(10).unwrap().len(), 2, "who was not first left no line");
}

fn a_one_time_token_is_good_once(open: Open<'_>) {
    let store = open();
    assert!(!store.has_users().unwrap());
    store.invite("anna", Role::Supervisor, "t1", 100, 1).unwrap();
    assert_eq!(store.invited("t1", 99).unwrap().as_deref(), Some("anna"));
    assert_eq!(store.invited("t1", 100).unwrap(), None);
    assert_eq!(store.set_password("t1", "late", 100).unwrap(), None);
    let stores = [open(), open(), open()];
    let start = Barrier::new(stores.len());
    let used = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                start.wait();
                let name = store.set_password("t1", "hash", 50).unwrap();
                used.fetch_add(usize::from(name.is_some()), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(used.load(Ordering::SeqCst), 1);
    let user = store.user("anna").unwrap().unwrap();
    assert_eq!((user.role, user.password.as_deref(), user.failures), (Role::Supervisor, Some("hash"), 0));
    store.count_sign_in("anna", 3, 777, 60).unwrap();
    let user = store.user("anna").unwrap().unwrap();
    assert_eq!((user.failures, user.locked_until), (3, 777));
    assert!(store.user("Anna").unwrap().is_none() && store.has_users().unwrap());
}

fn sessions_end_and_are_forgotten_in_time(open: Open<'_>) {
    let store = open();
    store.invite("anna", Role::Officer, "t1", 100, 1).unwrap();
    let session = |token: &str| Session {
        token_sha256: token.to_owned(),
        user: "anna".to_owned(),
        role: Role::Officer,
        csrf: "c".to_owned(),
        created: 1000,
        seen: 1000,
        agent: String::new(),
    };
    for token in ["s1", "s2"] {
        store.begin_session(&session(token)).unwrap();
    }
    let open_at = |token: &str, begun, seen| store.session(token, begun, seen).unwrap().is_some();
    assert!(open_at("s1", 999, 999) && !open_at("s1", 1000, 999) && !open_at("s1", 999, 1000));
    store.see_session("s1", 1500).unwrap();
    assert!(open_at("s1", 999, 1499) && !open_at("s2", 999, 1499));
    store.end_session("s1", 1600).unwrap();
    store.end_session("s1", 1700).unwrap();
    assert!(!open_at("s1", 0, 0) && open_at("s2", 0, 0));
    // Who is invited again is signed out everywhere, and comes back in the new role.
    store.invite("anna", Role::Auditor, "t2", 3000, 2000).unwrap();
    assert!(!open_at("s2", 0, 0));
    store.begin_session(&session("s3")).unwrap();
    assert_eq!(store.session("s3", 0, 0).unwrap().unwrap().role, Role::Auditor);
    let ends = store.audit_lines(100).unwrap().iter().filter(|line| line.act == "session.end").count();
    assert_eq!(ends, 1);
}

fn a_report_is_found_and_replaced(open: Open<'_>) {
    let store = open();
    store.report_document("UTO", "L898902C3", "lost", 1).unwrap();
    store.report_document("UTO", "L898902C3", "stolen", 2).unwrap();
    assert_eq!(store.reported_document("UTO", "L898902C3").unwrap().as_deref(), Some("stolen"));
    assert_eq!(store.reported_document("UTO", "L898902C4").unwrap(), None);
    assert_eq!(store.reported_document("D", "L898902C3").unwrap(), None);
}

const DOCUMENTS: ListKind = ListKind::Documents;

/// Entries `REFERENCE` with the body and keys that belong to it.
fn entries(references: std::ops::Range<usize>, body: &str) -> Vec<NewEntry> {
    let entry = |n: usize| NewEntry {
        reference: n.to_string(),
        body: body.to_owned(),
        keys: vec![format!("key {n}"), format!("tens {}", n / 10), format!("key {n}")],
    };
    references.map(entry).collect()
}

fn propose(store: &Store, list: &str, entries: &[NewEntry], by: &str) -> u64 {
    let number = store.begin_list(list, DOCUMENTS, "00", by, 1).unwrap().unwrap();
    for some in entries.chunks(ENTRIES_AT_ONCE) {
        store.add_entries(list, DOCUMENTS, number, some).unwrap();
    }
    store.end_list(list, number, entries.len() as u64, by, 2).unwrap();
    number
}

fn found(store: &Store, key: &str, most: usize) -> Vec<(String, String, String)> {
    let listed = store.listed(&[(DOCUMENTS, vec![key.to_owned()])], most).unwrap();
    listed.entries.into_iter().map(|entry| (entry.list, entry.reference, entry.body)).collect()
}

fn a_list_comes_into_force_by_a_second_person_and_goes_back(open: Open<'_>) {
    let store = open();
    let one = propose(&store, "national", &entries(0..3, "one"), "anna");
    assert!(found(&store, "key 1", 9).is_empty(), "nobody approved it");
    assert_eq!(store.approve_list("national", one, "anna", 3).unwrap(), Approval::SamePerson);
    assert_eq!(store.approve_list("national", 9, "ben", 3).unwrap(), Approval::Missing);
    assert!(found(&store, "key 1", 9).is_empty());
    assert_eq!(store.approve_list("national", one, "ben", 4).unwrap(), Approval::Done);
    let hit = |body: &str| vec![("national".to_owned(), "1".to_owned(), body.to_owned())];
    assert_eq!(found(&store, "key 1", 9), hit("one"));

    let two = propose(&open(), "national", &entries(1..2, "two"), "ben");
    assert_eq!((two, found(&store, "key 2", 9).len()), (2, 1), "the first is still in force");
    assert_eq!(store.approve_list("national", two, "anna", 5).unwrap(), Approval::Done);
    assert_eq!((found(&store, "key 1", 9), found(&store, "key 2", 9).len()), (hit("two"), 0));
    assert_eq!(store.approve_list("national", one, "ben", 6).unwrap(), Approval::Done);
    assert_eq!(found(&store, "key 1", 9), hit("one"));

    let generations = store.list_generations().unwrap();
    let seen: Vec<(u64, bool, Option<u64>)> =
        generations.iter().map(|g| (g.number, g.active, g.entries)).collect();
    assert_eq!(seen, [(2, false, Some(1)), (1, true, Some(3))]);
    assert_eq!(generations[1].approved, Some(("ben".to_owned(), 6)));
    let acts: Vec<String> = store.audit_lines(9).unwrap().into_iter().map(|line| line.act).collect();
    let propose_approve = ["list.approve", "list.approve", "list.propose", "list.approve", "list.propose"];
    assert_eq!(acts, propose_approve);
}

fn an_import_that_broke_off_cannot_come_into_force(open: Open<'_>) {
    let store = open();
    let number = store.begin_list("national", DOCUMENTS, "00", "anna", 1).unwrap().unwrap();
    store.add_entries("national", DOCUMENTS, number, &entries(0..9, "half")).unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.approve_list("national", number, "ben", 3).unwrap(), Approval::Incomplete);
    assert_eq!(store.begin_list("national", DOCUMENTS, "00", "anna", 4).unwrap(), Some(number + 1));
    assert_eq!(store.begin_list("national", ListKind::Persons, "00", "anna", 4).unwrap(), None);
}

fn many_entries_are_found_by_any_key_up_to_a_bound(open: Open<'_>) {
    let store = open();
    for list in ["national", "common"] {
        let number = propose(&store, list, &entries(0..1200, list), "anna");
        assert_eq!(store.approve_list(list, number, "ben", 4).unwrap(), Approval::Done);
    }
    assert_eq!(found(&store, "key 1199", 9).len(), 2, "one in each list");
    assert_eq!(found(&store, "tens 7", 100).len(), 20);
    let keys: Vec<String> = (0..100).map(|n| format!("tens {n}")).collect();
    let all = store.listed(&[(DOCUMENTS, keys.clone())], 5000).unwrap();
    assert_eq!((all.entries.len(), all.cut, all.in_force), (2000, vec![], vec![DOCUMENTS]));
    let some = store.listed(&[(DOCUMENTS, keys), (ListKind::Persons, vec!["x".into()])], 50).unwrap();
    assert_eq!((some.entries.len(), some.cut), (50, vec![DOCUMENTS]));
    assert!(store.listed(&[(DOCUMENTS, vec![])], 50).unwrap().entries.is_empty());
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

fn the_fingerprint_changes_with_every_change(open: Open<'_>) {
    let (store, other) = (open(), open());
    let mut seen = vec![store.fingerprint().unwrap()];
    let mut changed = |what: &str| {
        let now = store.fingerprint().unwrap();
        assert!(!seen.contains(&now), "{what}");
        seen.push(now);
    };
    other.append(&chain("lane-1", 1), 10).unwrap();
    changed("a record");
    let case = next(None, "lane-2", |record| refer(record, CheckId::FaceMatch, Reason::FaceMismatch));
    other.append(std::slice::from_ref(&case), 11).unwrap();
    changed("a case");
    other.judge(&case.key(), 1, "a", Judgement::Same, 12).unwrap();
    changed("a judgement");
    other.decide(&case.key(), 2, &admit("a")).unwrap();
    changed("a decision");
}
