//! Cases, users, and that every change that a page shows is seen.

use super::*;

pub(super) fn a_case_changes_only_as_it_was_seen(open: Open<'_>) {
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

pub(super) fn of_two_officers_one_decides(open: Open<'_>) {
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

pub(super) fn a_one_time_token_is_good_once(open: Open<'_>) {
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

pub(super) fn sessions_end_and_are_forgotten_in_time(open: Open<'_>) {
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

pub(super) fn the_fingerprint_changes_with_every_change(open: Open<'_>) {
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
    other.take_case(&case.key(), "b", false, 0, 12).unwrap();
    changed("taking a case");
    other.put_back(&case.key(), "b", 12).unwrap();
    changed("putting it back");
    other.escalate_cases(12, 12, 13).unwrap();
    changed("an escalation");
    other.judge(&case.key(), 3, "a", Judgement::Same, 14).unwrap();
    changed("a judgement");
    other.decide(&case.key(), 4, &admit("a")).unwrap();
    changed("a decision");
    other.alarm("lane-1", AlarmKind::Gap, "x", "", 15).unwrap();
    changed("an alarm");
    other.alarm("lane-1", AlarmKind::Gap, "x", "", 15).unwrap();
    changed("an alarm raised again");
    other.see_alarm("lane-1", AlarmKind::Gap, "x", "a", 15).unwrap();
    changed("an alarm seen to");
    other.add_lane("lane-3", "00", 16).unwrap();
    changed("a lane");
    let ready = LaneState { state: "ready".to_owned(), ..LaneState::default() };
    assert!(other.lane_is("lane-3", &ready, 17).unwrap());
    changed("a lane's word");
    let before = store.fingerprint().unwrap();
    assert!(!other.lane_is("lane-3", &ready, 18).unwrap());
    assert_eq!(store.fingerprint().unwrap(), before, "a lane that says the same again changes nothing");
    let used = LaneState { state: "reading".to_owned(), began: Some(18), ..LaneState::default() };
    other.lane_is("lane-3", &used, 19).unwrap();
    changed("another word of the lane");
    other.revoke_lane("lane-3", 20).unwrap();
    changed("a revocation");
    let generation = other.begin_list("l", ListKind::Rules, "00", "a", 21).unwrap().unwrap();
    changed("an import that began");
    other.end_list("l", generation, 0, "a", 21).unwrap();
    changed("an import that ended");
    other.approve_list("l", generation, "b", 22).unwrap();
    changed("an approval");
}
