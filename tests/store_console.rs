//! What the console asks of the store, on both engines: cases in hand, escalation, overrides, alarms seen to, audit
//! search, users and sessions, review of lists, history of documents.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{EPOCH, admitted, refer};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::record::SignedRecord;

/// Runs a test on the embedded store and, where it is installed, on PostgreSQL.
fn on_both(test: impl Fn(&Store)) {
    let folder = tempfile::tempdir().unwrap();
    test(&Store::sqlite(&folder.path().join("c.sqlite")).unwrap());
    if let Some(mut cluster) = Cluster::start() {
        test(&Store::postgres(&cluster.database()).unwrap());
    }
}

fn key(sequence: u64) -> RecordKey {
    RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence }
}

/// So many referred passages of one document, arrived at these moments.
fn cases(store: &Store, arrivals: &[Millis]) {
    store.add_lane("lane-1", "aa", 1).unwrap();
    let mut previous = "0".repeat(64);
    for (place, at) in arrivals.iter().enumerate() {
        let mut record = admitted("lane-1", place as u64 + 1, &previous);
        refer(&mut record, CheckId::FaceMatch, Reason::FaceMismatch);
        let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
        previous = signed.sha256.clone();
        store.append(&[VerifiedRecord { signed, record }], *at).unwrap();
    }
}

fn decided(officer: &str, overridden: Vec<CheckId>) -> Decided {
    Decided {
        decision: Decision::Admit,
        officer: officer.to_owned(),
        at: 900,
        note: "why not".to_owned(),
        reason: Some(DecisionReason::SamePerson),
        overridden,
    }
}

#[test]
fn a_case_is_in_one_officers_hands_until_it_lapses_or_is_taken_over() {
    on_both(|store| {
        cases(store, &[100]);
        let take = |officer: &str, over, idle_since| {
            store.take_case(&key(1), officer, over, idle_since, 200).unwrap()
        };
        let CaseChange::Made(case) = take("a", false, 0) else { panic!() };
        assert_eq!((case.version, case.holder(0).unwrap().by.as_str()), (2, "a"));
        assert!(
            matches!(take("a", false, 0), CaseChange::Made(case) if case.version == 2),
            "nothing changes"
        );
        assert!(matches!(take("b", false, 0), CaseChange::Held(_)));
        assert!(matches!(store.judge(&key(1), 2, "b", Judgement::Same, 210).unwrap(), CaseChange::Held(_)));
        // A hold of which nothing was heard since 201 is nobody's.
        assert!(matches!(take("b", false, 201), CaseChange::Made(case) if case.version == 3));
        let CaseChange::Made(case) = take("a", true, 0) else { panic!() };
        assert_eq!(case.version, 4);
        assert!(matches!(store.put_back(&key(1), "b", 220).unwrap(), CaseChange::Conflict(_)));
        assert!(
            matches!(store.put_back(&key(1), "a", 220).unwrap(), CaseChange::Made(case) if case.in_hand.is_none())
        );
        assert_eq!(take("a", false, 0), take("a", false, 0));
        assert_eq!(store.take_case(&key(9), "a", false, 0, 1).unwrap(), CaseChange::Missing);
        assert_eq!(store.audit_break().unwrap(), None);
    });
}

#[test]
fn what_waits_too_long_is_escalated_once_and_calm_when_decided() {
    on_both(|store| {
        cases(store, &[100, 200, 300]);
        store.take_case(&key(2), "a", false, 0, 210).unwrap();
        assert_eq!(store.escalate_cases(100, 0, 400).unwrap(), []);
        // The first was taken by nobody, the second is in hand, the third is young.
        assert_eq!(store.escalate_cases(250, 150, 400).unwrap(), [key(1)]);
        assert_eq!(store.escalate_cases(250, 150, 410).unwrap(), []);
        assert_eq!(store.escalate_cases(250, 250, 420).unwrap(), [key(2)]);
        let queue = store.queue().unwrap();
        assert_eq!(
            (queue.open, queue.untaken, queue.escalated, queue.newest, queue.alarms),
            (3, 2, 2, 300, 2)
        );
        let about: Vec<_> =
            store.alarms(9).unwrap().into_iter().map(|alarm| (alarm.kind, alarm.text)).collect();
        assert!(about.contains(&(AlarmKind::Unanswered, "a has it".to_owned())), "{about:?}");
        store.judge(&key(2), 2, "a", Judgement::Same, 500).unwrap();
        assert!(matches!(store.decide(&key(2), 3, &decided("a", Vec::new())).unwrap(), CaseChange::Made(_)));
        assert_eq!(store.alarms(9).unwrap().len(), 1);
        assert_eq!(store.audit_break().unwrap(), None);
    });
}

#[test]
fn an_override_is_remembered_alarms_and_stands_until_somebody_saw_to_it() {
    on_both(|store| {
        cases(store, &[100, 200]);
        for sequence in [1, 2] {
            store.judge(&key(sequence), 1, "a", Judgement::Same, 300).unwrap();
            let against =
                if sequence == 1 { vec![CheckId::FaceMatch, CheckId::PersonLookup] } else { Vec::new() };
            let change = store.decide(&key(sequence), 2, &decided("a", against.clone())).unwrap();
            let CaseChange::Made(case) = change else { panic!("{change:?}") };
            let kept = case.decided.unwrap();
            assert_eq!((kept.overridden, kept.reason), (against, Some(DecisionReason::SamePerson)));
        }
        let alarms = store.alarms(9).unwrap();
        assert_eq!(
            (alarms.len(), alarms[0].kind, alarms[0].subject.clone()),
            (1, AlarmKind::Override, key(1).to_string())
        );
        assert_eq!(
            store.overridden_cases(0, 9).unwrap().iter().map(|p| p.key.sequence).collect::<Vec<_>>(),
            [1]
        );
        let handled = store.handled_cases(0, 9).unwrap();
        assert_eq!(handled.iter().filter(|case| case.overridden).count(), 1);
        assert!(handled.iter().all(|case| case.taken == Some(300) && case.officer == "a"));
        let see =
            |by: &str| store.see_alarm("lane-1", AlarmKind::Override, &key(1).to_string(), by, 950).unwrap();
        assert!(see("anna") && !see("berta"));
        assert_eq!(store.alarms(9).unwrap()[0].seen, Some(("anna".to_owned(), 950)));
        // Raised again, it stands again.
        store.alarm("lane-1", AlarmKind::Override, &key(1).to_string(), "again", 960).unwrap();
        assert_eq!((store.queue().unwrap().alarms, store.alarms(9).unwrap()[0].seen.clone()), (1, None));
    });
}

#[test]
fn the_trail_is_searched_by_who_what_on_and_when() {
    on_both(|store| {
        for (actor, act, subject, at) in [
            ("anna", "case.take", "lane-1/x/1", 10),
            ("Anna", "case.decide", "100%_sure", 20),
            ("b", "user.bar", "anna", 30),
        ] {
            store.audit(AuditEntry { actor, act, subject, detail: "" }, at).unwrap();
        }
        let all = AuditSearch { most: 9, ..AuditSearch::default() };
        let found = |search: AuditSearch| -> Vec<u64> {
            store.search_audit(&search).unwrap().iter().map(|line| line.number).collect()
        };
        assert_eq!(found(all.clone()), [3, 2, 1]);
        assert_eq!(found(AuditSearch { actor: "anna".into(), ..all.clone() }), [2, 1]);
        assert_eq!(found(AuditSearch { act: "case.".into(), ..all.clone() }), [2, 1]);
        assert_eq!(found(AuditSearch { subject: "LANE-1/".into(), ..all.clone() }), [1]);
        assert_eq!(
            found(AuditSearch { subject: "%_".into(), ..all.clone() }),
            [2],
            "signs of patterns are letters"
        );
        assert_eq!(found(AuditSearch { from: Some(20), to: Some(30), ..all.clone() }), [2]);
        assert_eq!(found(AuditSearch { before: Some(3), most: 1, ..all.clone() }), [2]);
        assert_eq!(found(AuditSearch { actor: "' OR 1=1 --\0".into(), ..all }), [0; 0]);
    });
}

#[test]
fn a_reviewer_sees_every_entry_that_differs_and_a_rejected_list_stays_out() {
    on_both(|store| {
        let entry = |reference: &str, body: &str, document: &str| NewEntry {
            reference: reference.to_owned(),
            body: body.to_owned(),
            keys: vec![document.to_owned()],
        };
        let kind = ListKind::Documents;
        let propose = |entries: &[NewEntry]| {
            let number = store.begin_list("stolen", kind, "f", "anna", 1).unwrap().unwrap();
            store.add_entries("stolen", kind, number, entries).unwrap();
            store.end_list("stolen", number, entries.len() as u64, "anna", 2).unwrap();
            number
        };
        let first = propose(&[
            entry("1", "lost", "UTO A"),
            entry("2", "lost", "UTO B"),
            entry("3", "lost", "UTO C"),
            entry("4", "lost", "UTO D"),
        ]);
        let diff = store.list_diff("stolen", first, 9).unwrap().unwrap();
        assert_eq!((diff.against, diff.added, diff.removed, diff.changed), (None, 4, 0, 0));
        assert_eq!(store.approve_list("stolen", first, "berta", 3).unwrap(), Approval::Done);
        // One goes, one says something else, one says the same of another document, one comes.
        let second = propose(&[
            entry("2", "stolen", "UTO B"),
            entry("3", "lost", "UTO X"),
            entry("4", "lost", "UTO D"),
            entry("5", "lost", "UTO E"),
        ]);
        let diff = store.list_diff("stolen", second, 9).unwrap().unwrap();
        assert_eq!((diff.against, diff.added, diff.removed, diff.changed), (Some(first), 1, 1, 2));
        let shown: Vec<_> = diff
            .shown
            .iter()
            .map(|c| (c.reference.as_str(), c.before.as_deref(), c.after.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("1", Some("UTO A lost"), None),
                ("2", Some("UTO B lost"), Some("UTO B stolen")),
                ("3", Some("UTO C lost"), Some("UTO X lost")),
                ("5", None, Some("UTO E lost")),
            ]
        );
        assert_eq!(
            store.reject_list("stolen", first, "berta", 4).unwrap(),
            Approval::Missing,
            "it is in force"
        );
        assert_eq!(store.reject_list("stolen", second, "berta", 4).unwrap(), Approval::Done);
        assert_eq!(store.reject_list("stolen", second, "berta", 4).unwrap(), Approval::Missing);
        assert_eq!(store.approve_list("stolen", second, "clara", 5).unwrap(), Approval::Rejected);
        let active: Vec<_> =
            store.list_generations().unwrap().into_iter().filter(|g| g.active).map(|g| g.number).collect();
        assert_eq!(active, [first]);
        assert_eq!(store.list_diff("none", 1, 9).unwrap(), None);
    });
}

#[test]
fn sessions_are_listed_and_revoked_and_a_barred_user_is_out() {
    on_both(|store| {
        for (name, token) in [("anna", "t1"), ("berta", "t2")] {
            store.invite(name, Role::Officer, token, 100, 1).unwrap();
            store.set_password(token, "hash", 2).unwrap().unwrap();
        }
        let begin = |token: &str, user: &str| {
            let (token_sha256, user) = (token.to_owned(), user.to_owned());
            let (csrf, agent) = ("c".to_owned(), "a\0b".to_owned());
            let session =
                Session { token_sha256, user, role: Role::Officer, csrf, created: 10, seen: 10, agent };
            store.begin_session(&session).unwrap();
        };
        begin("s1", "anna");
        begin("s2", "anna");
        begin("s3", "berta");
        let open = |user| -> Vec<String> {
            store.sessions(user, 0, 0, 9).unwrap().into_iter().map(|session| session.token_sha256).collect()
        };
        assert_eq!((open(None).len(), open(Some("anna"))), (3, vec!["s1".to_owned(), "s2".to_owned()]));
        assert_eq!(store.revoke_session("s1", "clara", "", 20).unwrap().as_deref(), Some("anna"));
        assert_eq!(store.revoke_session("s1", "clara", "", 20).unwrap(), None);
        assert!(store.session("s1", 0, 0).unwrap().is_none() && store.session("s2", 0, 0).unwrap().is_some());
        let users = store.users(0, 0).unwrap();
        assert_eq!(
            users.iter().map(|u| (u.name.as_str(), u.sessions)).collect::<Vec<_>>(),
            [("anna", 1), ("berta", 1)]
        );
        assert!(
            store.bar_user("berta", "clara", 30).unwrap() && !store.bar_user("nobody", "clara", 30).unwrap()
        );
        assert!(open(Some("berta")).is_empty() && store.user("berta").unwrap().unwrap().password.is_none());
        assert_eq!(store.audit_break().unwrap(), None);
    });
}

#[test]
fn a_document_is_found_again_where_it_was_seen() {
    on_both(|store| {
        cases(store, &[100, 200]);
        assert_eq!(store.settle(9).unwrap(), 2);
        let document = common::central::specimen();
        let seen = store.history(&document, 9).unwrap();
        assert_eq!(seen.iter().map(|passage| passage.key.sequence).collect::<Vec<_>>(), [2, 1]);
        let other = egate::record::DocumentRecord { issuing_state: "D".to_owned(), ..document };
        assert!(store.history(&other, 9).unwrap().is_empty());
        assert_eq!(store.passages_of_lane("lane-1", 1).unwrap().len(), 1);
        assert!(store.passages_of_lane("lane-2", 1).unwrap().is_empty());
    });
}
