//! From one snapshot to the next by what left and what came.
//!
//! ```text
//! "EGSD1" | from 32 | to 32 | documents that leave, that come | persons that leave, that come
//! ```
//! The four lists have the form that they have in a snapshot. Key and kinds in force are those of the older one: a
//! snapshot with others is taken whole.

use super::snapshot::{Reader, Snapshot, SnapshotError, content_hash, put_documents, put_persons};
use std::cmp::Ordering;

const MAGIC: &[u8; 5] = b"EGSD1";

/// Makes and applies the way between two snapshots.
pub struct Delta;

impl Delta {
    /// The way from one snapshot's bytes to another's; `None` when only the whole will do.
    ///
    /// # Errors
    /// When one of them is no snapshot.
    pub fn between(from: &[u8], to: &[u8]) -> Result<Option<Vec<u8>>, SnapshotError> {
        let (old, new) = (Snapshot::decode(from)?, Snapshot::decode(to)?);
        if from.get(..HEAD) != to.get(..HEAD) {
            return Ok(None);
        }
        let mut bytes = MAGIC.to_vec();
        for hash in [content_hash(from), content_hash(to)] {
            bytes.extend(hex::decode(hash).map_err(|_| SnapshotError::Hash)?);
        }
        let (leave, come) = differences(&old.documents, &new.documents);
        put_documents(&mut bytes, &leave);
        put_documents(&mut bytes, &come);
        let (leave, come) = differences(&old.persons, &new.persons);
        put_persons(&mut bytes, &leave);
        put_persons(&mut bytes, &come);
        Ok(Some(bytes))
    }

    /// The newer snapshot's bytes; their hash is `to`.
    ///
    /// # Errors
    /// When the delta is not from `from` to `to`, or something in it is malformed.
    pub fn apply(from: &[u8], delta: &[u8], to: &str) -> Result<Vec<u8>, SnapshotError> {
        let mut reader = Reader(delta);
        if reader.array::<5>()? != *MAGIC {
            return Err(SnapshotError::Form);
        }
        let (begins, ends) = (reader.array::<32>()?, reader.array::<32>()?);
        if hex::encode(begins) != content_hash(from) || hex::encode(ends) != to {
            return Err(SnapshotError::Delta);
        }
        let old = Snapshot::decode(from)?;
        let (documents_leave, documents_come) = (reader.documents()?, reader.documents()?);
        let (persons_leave, persons_come) = (reader.persons()?, reader.persons()?);
        if !reader.0.is_empty() {
            return Err(SnapshotError::Form);
        }
        let documents = changed(old.documents, &documents_leave, documents_come);
        let persons = changed(old.persons, &persons_leave, persons_come);
        let new = Snapshot { key: old.key, in_force: old.in_force, documents, persons }.encode();
        if content_hash(&new) == to { Ok(new) } else { Err(SnapshotError::Delta) }
    }
}

/// Bytes of magic, key and kinds in force.
const HEAD: usize = 22;

/// What is only in the one and only in the other of two rising lists.
fn differences<T: Ord + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let (mut leave, mut come) = (Vec::new(), Vec::new());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (leave, come),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        if order != Ordering::Less {
            let came = new.next().filter(|_| order == Ordering::Greater);
            come.extend(came.cloned());
        }
        if order != Ordering::Greater {
            let left = old.next().filter(|_| order == Ordering::Less);
            leave.extend(left.cloned());
        }
    }
}

/// A rising list without what leaves, with what comes. Whether it is right, the hash of the whole tells.
fn changed<T: Ord>(mut list: Vec<T>, leave: &[T], come: Vec<T>) -> Vec<T> {
    list.retain(|entry| leave.binary_search(entry).is_err());
    list.extend(come);
    list.sort_unstable();
    list
}

#[cfg(test)]
mod tests {
    use crate::record::wire::PersonStatus;
    use crate::record::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key() -> SnapshotKey {
        SnapshotKey::new([7; KEY_LENGTH]).unwrap()
    }

    fn of(documents: &BTreeMap<u16, u8>, people: &[(String, String, Born)]) -> Snapshot {
        let kind =
            |kind: &u8| [ReportKind::Lost, ReportKind::Revoked, ReportKind::Stolen][usize::from(kind % 3)];
        let documents = documents.iter().map(|(n, k)| key().document(&format!("UTO L{n}"), kind(k)).unwrap());
        let people = people.iter().enumerate().map(|(at, (surname, given, born))| {
            key().person(surname, given, *born, "watch", &at.to_string()).unwrap()
        });
        let in_force = InForce { persons: true, rules: false };
        Snapshot::new(key(), in_force, documents.collect(), people.collect())
    }

    fn names() -> impl Strategy<Value = (String, String, Born)> {
        let born = prop::option::of(0u8..100)
            .prop_flat_map(|year| (Just(year), prop::option::of(1u8..=12), prop::option::of(1u8..=28)));
        ("[A-Z]{2,9}( [A-Z]{2,9})?", "[A-Z]{2,9}( [A-Z]{1,9})?", born)
            .prop_map(|(surname, given, (y, m, d))| (surname, given, [y, m, d]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_delta_leads_from_the_older_to_the_newer_snapshot(
            old in prop::collection::btree_map(0u16..200, 0u8..3, 0..80),
            new in prop::collection::btree_map(0u16..200, 0u8..3, 0..80),
            people in prop::collection::vec(names(), 0..12),
            (from, to) in (0usize..12, 0usize..12),
        ) {
            let cut = |at: usize| &people[at.min(people.len())..];
            let (old, new) = (of(&old, cut(from)).encode(), of(&new, cut(to)).encode());
            let delta = Delta::between(&old, &new).unwrap().unwrap();
            let whole = content_hash(&new);
            prop_assert_eq!(&Delta::apply(&old, &delta, &whole).unwrap(), &new);
            prop_assert_eq!(Snapshot::decode(&new).unwrap().encode(), new.clone());
            // Cut off or altered anywhere, it leads nowhere, and never panics.
            for at in (0..delta.len()).step_by(7) {
                let mut altered = delta.clone();
                altered[at] ^= 1;
                prop_assert!(Delta::apply(&old, &altered, &whole).is_err());
                prop_assert!(Delta::apply(&old, &delta[..at], &whole).is_err());
            }
            if old != new {
                prop_assert_eq!(Delta::apply(&new, &delta, &whole), Err(SnapshotError::Delta));
            }
        }

        #[test]
        fn what_is_listed_is_always_found(
            documents in prop::collection::btree_map(any::<u16>(), 0u8..3, 1..60),
            people in prop::collection::vec(names(), 1..12),
        ) {
            let snapshot = Snapshot::decode(&of(&documents, &people).encode()).unwrap();
            for number in documents.keys() {
                let printed = format!("L{number}<");
                prop_assert!(snapshot.reported("uto", &printed).unwrap().is_some());
            }
            prop_assert_eq!(snapshot.reported("UTO", "X1").unwrap(), None);
            for (at, (surname, given, born)) in people.iter().enumerate() {
                // Others may be alike, and the same person listed several times.
                let alone = of(&documents, std::slice::from_ref(&people[at]));
                for (surname, given) in [(surname, given), (given, surname)] {
                    let found = alone.person(surname, given, *born).unwrap();
                    prop_assert!(matches!(found, PersonStatus::Candidates(_)), "{} {}", surname, given);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_snapshot_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), magic: bool) {
            let bytes = if magic { [&b"EGSN1"[..], &bytes].concat() } else { bytes };
            if let Ok(snapshot) = Snapshot::decode(&bytes) {
                prop_assert_eq!(snapshot.encode(), bytes);
                let _ = snapshot.person("ERIKSSON", "ANNA", [None; 3]);
            }
        }
    }

    #[test]
    fn the_gravest_of_several_reports_counts() {
        let document = |kind| key().document("UTO L1", kind).unwrap();
        let all = [ReportKind::Stolen, ReportKind::Lost, ReportKind::Revoked].map(document).to_vec();
        let snapshot = Snapshot::new(key(), InForce::default(), all, Vec::new());
        assert_eq!(snapshot.reported("UTO", "L1").unwrap(), Some(ReportKind::Stolen));
        assert_eq!(snapshot.counts(), (1, 0));
    }

    #[test]
    fn names_are_found_however_they_are_written_and_nobody_else() {
        let born = [Some(74), Some(8), Some(12)];
        let people = [("MUELLER", "MOHAMMED ALI"), ("ERIKSSON", "ANNA MARIA")];
        let people = people.map(|(surname, given)| (surname.to_owned(), given.to_owned(), born));
        let snapshot = of(&BTreeMap::new(), &people);
        let found = |surname: &str, given: &str, born| match snapshot.person(surname, given, born).unwrap() {
            PersonStatus::Candidates(found) => found.iter().map(|c| c.entry.clone()).collect(),
            PersonStatus::Clear => Vec::new(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found("MULLER", "MUHAMAD ALI", born), ["0"], "another transliteration");
        assert_eq!(found("ERIKSSON", "ANNA", born), ["1"], "a name left out");
        assert_eq!(found("ERIKSON", "A MARIA", [Some(74), None, None]), ["1"], "an initial, a partial date");
        assert!(found("ERIKSSON", "ANNA MARIA", [Some(80), Some(8), Some(12)]).is_empty(), "another birth");
        assert!(found("SVENSSON", "ULLA", born).is_empty());
        assert!(matches!(snapshot.person(" ", "", born), Ok(PersonStatus::Undetermined)));
    }

    #[test]
    fn a_snapshot_without_a_watch_list_in_force_says_so() {
        let snapshot = Snapshot::new(key(), InForce::default(), Vec::new(), Vec::new());
        assert_eq!(snapshot.person("ERIKSSON", "ANNA", [None; 3]), Ok(PersonStatus::NotChecked));
    }
}
