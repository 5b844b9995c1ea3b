//! Batches of records that come at the same time are stored together: by one transaction, one sync of the disk, and
//! statements for many rows.
//!
//! Whoever comes while no transaction is written leads the next: takes what waits, one batch of each lane, and stores
//! all of it; the others sleep until theirs is done. The longer a transaction takes, the more it finds waiting. A
//! leader after a crowd waits a moment for the crowd to come again, never longer than a part of what the last transaction took; a
//! lone caller waits for nothing.
//!
//! When storing together fails for something that may lie in one batch, each is stored by itself, so that none fails
//! for another's sake.

use super::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records that are stored together at most; the leader's own batch is taken whatever its size.
const RECORDS_MOST: usize = 256;
/// Part of the last transaction's time that a leader waits for a crowd: a quarter.
const PATIENCE: u32 = 4;
/// What a leader waits for a crowd at most.
const PATIENCE_MOST: Duration = Duration::from_millis(2);

/// Records of one lane.
pub(super) trait OfLane {
    /// The lane's name.
    fn lane(&self) -> &str;
    /// How many records.
    fn records(&self) -> usize;
}

struct State<B, T> {
    waiting: Vec<(u64, B)>,
    done: BTreeMap<u64, Result<T, StoreError>>,
    next: u64,
    leading: bool,
    /// Batches of the last transaction, and what it took.
    last: (usize, Duration),
}

/// See the head of the module. Of batches `B`; storing one gives a `T`.
pub(super) struct Gather<B, T> {
    state: Mutex<State<B, T>>,
    came: Condvar,
    done: Condvar,
}

impl<B, T> Default for Gather<B, T> {
    fn default() -> Self {
        let state = State {
            waiting: Vec::new(),
            done: BTreeMap::new(),
            next: 0,
            leading: false,
            last: (0, Duration::ZERO),
        };
        Gather { state: Mutex::new(state), came: Condvar::new(), done: Condvar::new() }
    }
}

impl<B: OfLane, T> Gather<B, T> {
    /// Stores a batch, with others that come at the same time. `store` gives one result for each batch that it is
    /// given, or fails for all.
    pub(super) fn append(
        &self,
        batch: B,
        store: impl Fn(&[&B]) -> Result<Vec<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        let mine = state.next;
        state.next = state.next.wrapping_add(1);
        state.waiting.push((mine, batch));
        self.came.notify_one();
        loop {
            if let Some(outcome) = state.done.remove(&mine) {
                return outcome;
            }
            if !state.leading
                && let Some(place) = state.waiting.iter().position(|(number, _)| *number == mine)
            {
                let (_, own) = state.waiting.remove(place);
                return self.lead(state, own, store);
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Stores the leader's own batch and what waits beside it.
    fn lead(
        &self,
        mut state: MutexGuard<'_, State<B, T>>,
        own: B,
        store: impl Fn(&[&B]) -> Result<Vec<T>, StoreError>,
    ) -> Result<T, StoreError> {
        state.leading = true;
        let mut state = self.await_crowd(state);
        let taken = take(&mut state.waiting, &own);
        drop(state);

        let began = Instant::now();
        let batches: Vec<&B> = [&own].into_iter().chain(taken.iter().map(|(_, batch)| batch)).collect();
        // After a panic nothing was stored, and nobody is left waiting.
        let outcomes = catch_unwind(AssertUnwindSafe(|| store_all(&batches, &store)));
        let mut outcomes = outcomes.unwrap_or_default().into_iter();
        let mut outcome = || {
            let broke_off = || Err(StoreError::Commit("storing broke off".to_owned()));
            outcomes.next().unwrap_or_else(broke_off)
        };
        // The leader's own is the first.
        let own = outcome();
        let mut state = self.lock();
        state.leading = false;
        state.last = (batches.len(), began.elapsed());
        for (number, _) in &taken {
            state.done.insert(*number, outcome());
        }
        drop(state);
        self.done.notify_all();
        own
    }

    /// No thread panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State<B, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until as many are here as were stored together last, or patience is at its end.
    fn await_crowd<'s>(&'s self, mut state: MutexGuard<'s, State<B, T>>) -> MutexGuard<'s, State<B, T>> {
        let (crowd, took) = state.last;
        let until = Instant::now() + (took / PATIENCE).min(PATIENCE_MOST);
        while state.waiting.len().saturating_add(1) < crowd {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.came.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

/// Takes what came first, one batch of each other lane than the leader's.
fn take<B: OfLane>(waiting: &mut Vec<(u64, B)>, own: &B) -> Vec<(u64, B)> {
    let (mut lanes, mut records) = (BTreeSet::from([own.lane().to_owned()]), own.records());
    let (taken, left) = std::mem::take(waiting).into_iter().partition(|(_, batch)| {
        records = records.saturating_add(batch.records());
        records <= RECORDS_MOST && lanes.insert(batch.lane().to_owned())
    });
    *waiting = left;
    taken
}

fn store_all<B, T>(
    batches: &[&B],
    store: &impl Fn(&[&B]) -> Result<Vec<T>, StoreError>,
) -> Vec<Result<T, StoreError>> {
    match store(batches) {
        Ok(done) => done.into_iter().map(Ok).collect(),
        Err(error) if batches.len() < 2 => vec![Err(error)],
        Err(error) if error.may_be_of_one() => {
            tracing::debug!(%error, "records could not be stored together: each batch by itself");
            let alone = |batch: &&B| {
                store(&[batch]).and_then(|mut done| {
                    done.pop().ok_or_else(|| StoreError::Damaged("a batch without a result".to_owned()))
                })
            };
            batches.iter().map(alone).collect()
        }
        // Of all: each by itself would only wait once more for what is not there. What may be stored is for those
        // to send again who know that it was not acknowledged.
        Err(error) => {
            let uncertain = matches!(error, StoreError::Uncertain(_));
            let kind = if uncertain { StoreError::Uncertain } else { StoreError::Commit };
            let why = error.to_string();
            batches.iter().map(|_| Err(kind(why.clone()))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Barrier;

    impl OfLane for (String, u64) {
        fn lane(&self) -> &str {
            &self.0
        }

        fn records(&self) -> usize {
            1
        }
    }

    /// Stores unless there is a bad lane among them, and panics at a worse one.
    fn store(batches: &[&(String, u64)]) -> Result<Vec<u64>, StoreError> {
        assert!(batches.iter().all(|batch| batch.lane() != "worse"), "test");
        if batches.iter().any(|batch| batch.lane() == "bad") {
            return Err(StoreError::Damaged("test".to_owned()));
        }
        let lanes: BTreeSet<&str> = batches.iter().map(|batch| batch.lane()).collect();
        assert_eq!(lanes.len(), batches.len(), "one batch of each lane");
        Ok(batches.iter().map(|batch| batch.1).collect())
    }

    #[test]
    fn each_caller_gets_its_own_outcome_and_none_fails_for_another() {
        let (gather, start) = (Gather::default(), Barrier::new(12));
        std::thread::scope(|scope| {
            for caller in 0..12_u64 {
                let (gather, start) = (&gather, &start);
                scope.spawn(move || {
                    start.wait();
                    for number in 1..60 {
                        let lane = match caller {
                            0 => "bad".to_owned(),
                            // Two callers of one lane.
                            1 | 2 => "lane-1".to_owned(),
                            _ => format!("lane-{caller}"),
                        };
                        let done = gather.append((lane.clone(), number), store);
                        match done {
                            Ok(done) => assert_eq!(done, number),
                            Err(StoreError::Damaged(_)) => assert_eq!(lane, "bad"),
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
        let state = gather.lock();
        assert!(state.waiting.is_empty() && state.done.is_empty() && !state.leading);
    }

    #[test]
    fn a_database_that_is_gone_is_asked_once_for_all_and_one_bad_batch_is_found() {
        use std::cell::Cell;
        let asked = Cell::new(0);
        let count = || asked.set(asked.get() + 1);
        let batches = [("a".to_owned(), 1), ("b".to_owned(), 2), ("bad".to_owned(), 3)];
        let batches: Vec<&(String, u64)> = batches.iter().collect();
        for gone in [StoreError::Unreachable, StoreError::Uncertain, StoreError::Commit] {
            let outcomes = store_all(&batches, &|_: &[&(String, u64)]| -> Result<Vec<u64>, _> {
                count();
                Err(gone("gone".to_owned()))
            });
            let uncertain = matches!(gone(String::new()), StoreError::Uncertain(_));
            let told = |outcome: &Result<u64, StoreError>| match outcome {
                Err(StoreError::Uncertain(_)) => uncertain,
                Err(StoreError::Commit(_)) => !uncertain,
                _ => false,
            };
            assert!(outcomes.len() == 3 && outcomes.iter().all(told), "{outcomes:?}");
        }
        assert_eq!(asked.get(), 3);
        let outcomes = store_all(&batches, &store);
        assert!(matches!(outcomes[..], [Ok(1), Ok(2), Err(StoreError::Damaged(_))]), "{outcomes:?}");
    }

    #[test]
    fn a_leader_that_panics_leaves_nobody_waiting() {
        let (gather, start) = (Gather::default(), Barrier::new(6));
        std::thread::scope(|scope| {
            for caller in 0..6 {
                let (gather, start) = (&gather, &start);
                scope.spawn(move || {
                    start.wait();
                    for number in 1..20 {
                        let lane = if caller == 0 { "worse".to_owned() } else { format!("lane-{caller}") };
                        // Whoever is stored together with the worse one hears that it broke off.
                        match gather.append((lane.clone(), number), store) {
                            Ok(done) => assert!(done == number && lane != "worse"),
                            Err(error) => assert!(matches!(error, StoreError::Commit(_)), "{error}"),
                        }
                    }
                });
            }
        });
        assert_eq!(gather.append(("lane-1".to_owned(), 7), store).unwrap(), 7);
    }
}
