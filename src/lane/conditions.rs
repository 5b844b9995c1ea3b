//! What of the lane is amiss: noted by whoever notices, heard by the passage's task.
//!
//! Several sources may note the same [`Condition`]; it lasts until each of them has taken its note back. Until
//! the lane has looked at its surroundings, and every source that is [expected](Conditions::expect) has said once how
//! it is, nothing is known, and an unknown lane is closed: that is the self-test before the first green light.

use crate::policy::Condition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;

/// Notes of all sources: what each found, in words for engineers.
pub type Notes = BTreeMap<(Condition, &'static str), String>;

/// What stands on the board.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    notes: Notes,
    /// Sources that have not said yet how they are.
    expected: BTreeSet<&'static str>,
    looked: bool,
}

impl Board {
    /// What is amiss; `None` until the lane has looked at everything once.
    pub fn conditions(&self) -> Option<BTreeSet<Condition>> {
        let known = self.looked && self.expected.is_empty();
        known.then(|| self.notes.keys().map(|(condition, _)| *condition).collect())
    }

    /// Every note.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }
}

/// The way to the board; clones write on the same one. The default is that of a lane that has not looked.
#[derive(Clone, Default)]
pub struct Conditions {
    board: Arc<watch::Sender<Board>>,
}

impl Conditions {
    /// The lane is not known before `source` has said for the first time how it is.
    pub fn expect(&self, source: &'static str) {
        self.board.send_if_modified(|board| {
            let before = board.conditions();
            board.expected.insert(source);
            board.conditions() != before
        });
    }

    /// `source` found this amiss, in words; or found that it is not, any more.
    pub fn note(&self, condition: Condition, source: &'static str, amiss: Option<String>) {
        self.board.send_if_modified(|board| {
            let before = board.conditions();
            board.expected.remove(source);
            let told = match amiss {
                Some(words) => board.notes.insert((condition, source), words).is_some(),
                None => board.notes.remove(&(condition, source)).is_none(),
            };
            if !told {
                let amiss = board.notes.get(&(condition, source));
                tracing::warn!(?condition, source, ?amiss, "changed");
            }
            board.conditions() != before
        });
    }

    /// The lane has looked at everything once: from now on it is known how it stands.
    pub fn looked(&self) {
        self.board.send_if_modified(|board| {
            let before = board.conditions();
            board.looked = true;
            board.conditions() != before
        });
    }

    /// The board, and every change of what is amiss.
    pub fn watch(&self) -> watch::Receiver<Board> {
        self.board.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_lasts_until_every_source_takes_it_back() {
        let board = Conditions::default();
        let seen = board.watch();
        board.note(Condition::ReaderLost, "MRZ reader", Some("unplugged".into()));
        assert_eq!(seen.borrow().conditions(), None, "unknown until looked at");
        board.looked();
        let now = || seen.borrow().conditions().unwrap();
        board.note(Condition::ReaderLost, "chip reader", Some("unplugged".into()));
        board.note(Condition::ReaderLost, "MRZ reader", None);
        assert_eq!(now(), BTreeSet::from([Condition::ReaderLost]));
        board.note(Condition::ReaderLost, "chip reader", None);
        assert!(now().is_empty());
    }

    #[test]
    fn nothing_is_known_before_every_expected_source_has_spoken() {
        let board = Conditions::default();
        let seen = board.watch();
        board.expect("camera");
        board.expect("chip reader");
        board.looked();
        board.note(Condition::CameraLost, "camera", None);
        assert_eq!(seen.borrow().conditions(), None, "the chip reader is silent");
        board.note(Condition::ReaderLost, "chip reader", Some("unplugged".into()));
        assert_eq!(seen.borrow().conditions(), Some(BTreeSet::from([Condition::ReaderLost])));
    }

    #[test]
    fn saying_the_same_again_wakes_nobody() {
        let board = Conditions::default();
        board.looked();
        let mut seen = board.watch();
        seen.mark_unchanged();
        board.note(Condition::CameraLost, "camera", None);
        assert!(!seen.has_changed().unwrap());
        board.note(Condition::CameraLost, "camera", Some("dark".into()));
        assert!(seen.has_changed().unwrap());
        seen.mark_unchanged();
        board.note(Condition::CameraLost, "camera", Some("still dark".into()));
        board.looked();
        assert!(!seen.has_changed().unwrap());
    }
}
