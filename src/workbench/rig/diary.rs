//! What a lane did and what came out, for whoever plays traveller or asks afterwards.

use crate::lane::{Deed, Input, Observer};
use crate::passage::{Moment, Outcome};
use crate::policy::PassageId;
use jiff::Timestamp;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries kept; the oldest go first.
const ENTRIES_MOST: usize = 20_000;

/// One thing that a lane did.
#[derive(Debug, Clone)]
pub enum Entry {
    /// The gate waits for a traveller.
    Begun,
    /// Carried out a wish of the passage.
    Did(Deed),
    /// The passage's outcome, before it is stored.
    Came(Box<Outcome>),
    /// Whether the outcome was stored.
    Stored(bool),
    /// The passage is over.
    Ended,
}

/// Writes; an [`Observer`].
pub struct Diary(Pages);

/// Reads. Clones read the same diary.
#[derive(Clone, Default)]
pub struct Pages {
    shared: Arc<(Mutex<Vec<Entry>>, Condvar)>,
}

impl Diary {
    /// An empty diary and its pages.
    pub fn new() -> (Diary, Pages) {
        let pages = Pages::default();
        (Diary(pages.clone()), pages)
    }

    fn write(&self, entry: Entry) {
        let mut entries = self.0.lock();
        if entries.len() >= ENTRIES_MOST {
            entries.drain(..ENTRIES_MOST / 2);
        }
        entries.push(entry);
        drop(entries);
        self.0.shared.1.notify_all();
    }
}

impl Pages {
    /// Everything since the last time.
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.lock())
    }

    /// Everything since the last time, up to the end of the first passage that is over.
    pub fn take_passage(&self) -> Vec<Entry> {
        let mut entries = self.lock();
        let end = entries.iter().position(|entry| matches!(entry, Entry::Ended));
        let rest = entries.split_off(end.map_or(0, |end| end + 1));
        std::mem::replace(&mut *entries, rest)
    }

    /// Waits until this is so of what was written since the last [`Pages::take`], at most `patience`; whether it is.
    pub fn wait_until(&self, written: impl Fn(&[Entry]) -> bool, patience: Duration) -> bool {
        let entries = self.lock();
        let waited =
            self.shared.1.wait_timeout_while(entries, patience, |entries| !written(entries.as_slice()));
        let (entries, _) = waited.unwrap_or_else(PoisonError::into_inner);
        written(&entries)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Diary {
    fn begun(&mut self, _passage: &PassageId, _started: Timestamp, _at: Moment) {
        self.write(Entry::Begun);
    }

    fn heard(&mut self, _at: Moment, input: &Input) {
        if let Input::Stored(durable) = input {
            self.write(Entry::Stored(*durable));
        }
    }

    fn did(&mut self, _at: Moment, deed: &Deed) {
        self.write(Entry::Did(deed.clone()));
    }

    fn outcome(&mut self, _at: Moment, outcome: &Outcome) {
        self.write(Entry::Came(Box::new(outcome.clone())));
    }

    fn ended(&mut self, _at: Moment) {
        self.write(Entry::Ended);
    }
}
