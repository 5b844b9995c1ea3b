//! Reports and lists.

use super::*;

pub(super) fn a_report_is_found_and_replaced(open: Open<'_>) {
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

pub(super) fn a_list_comes_into_force_by_a_second_person_and_goes_back(open: Open<'_>) {
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

pub(super) fn an_import_that_broke_off_cannot_come_into_force(open: Open<'_>) {
    let store = open();
    let number = store.begin_list("national", DOCUMENTS, "00", "anna", 1).unwrap().unwrap();
    store.add_entries("national", DOCUMENTS, number, &entries(0..9, "half")).unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.approve_list("national", number, "ben", 3).unwrap(), Approval::Incomplete);
    assert_eq!(store.begin_list("national", DOCUMENTS, "00", "anna", 4).unwrap(), Some(number + 1));
    assert_eq!(store.begin_list("national", ListKind::Persons, "00", "anna", 4).unwrap(), None);
}

pub(super) fn many_entries_are_found_by_any_key_up_to_a_bound(open: Open<'_>) {
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

pub(super) fn entries_in_force_are_read_in_steps_each_once(open: Open<'_>) {
    let store = open();
    for (list, count) in [("a", 5), ("b", 7), ("c", 3)] {
        let generation = propose(&store, list, &entries(0..count, list), "anna");
        assert_eq!(store.approve_list(list, generation, "ben", 2).unwrap(), Approval::Done);
    }
    // A generation that is not in force, in the middle of them.
    propose(&store, "b", &entries(0..9, "later"), "anna");
    for step in 1..=16 {
        let (mut read, mut after) = (Vec::new(), (String::new(), String::new()));
        loop {
            let some = store.entries_in_force(DOCUMENTS, (&after.0, &after.1), step).unwrap();
            assert!(some.len() <= step);
            let Some(last) = some.last() else { break };
            after = (last.list.clone(), last.reference.clone());
            assert!(some.iter().all(|entry| entry.body.contains(&entry.list) && !entry.key.is_empty()));
            read.extend(some.into_iter().map(|entry| (entry.list, entry.reference)));
        }
        assert_eq!(read.len(), 15, "in steps of {step}");
        assert!(read.is_sorted_by(|one, next| one < next), "in steps of {step}: {read:?}");
    }
    assert!(store.entries_in_force(ListKind::Persons, ("", ""), 9).unwrap().is_empty());
}
