//! Records as lanes sent them: each key is taken once, and for ever.
//!
//! A key with its hash and signature stays in `records`; the record itself lies among those that came at
//! the same time in `bodies`, until its day is erased ([`super::days`]).

use super::cases::case_of;
use super::sql::{Sql, Value, values, word};
use super::{Case, Millis, Store, StoreError};
use crate::passage::Ending;
use crate::record::{PassageRecord, SignedRecord};
use std::cmp::Reverse;

/// Place of a record at central: lane, epoch of its outbox, sequence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// Lane's name.
    pub lane: String,
    /// Epoch of the lane's outbox.
    pub epoch: String,
    /// From 1.
    pub sequence: u64,
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.lane, self.epoch, self.sequence)
    }
}

/// A record whose signature was verified, ready to be stored.
#[derive(Debug, Clone)]
pub struct VerifiedRecord {
    /// As sent.
    pub signed: SignedRecord,
    /// What its canonical form says.
    pub record: PassageRecord,
}

impl VerifiedRecord {
    /// Its key.
    pub fn key(&self) -> RecordKey {
        let at = &self.record.position;
        RecordKey { lane: at.lane.clone(), epoch: at.epoch.clone(), sequence: at.sequence }
    }
}

/// Milliseconds of a day.
const DAY: Millis = 86_400_000;

/// The day of a time, since 1970 UTC.
pub(super) fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

/// From the first millisecond of a day to the first of the next.
pub(super) fn span_of(day: i64) -> (Millis, Millis) {
    (day.saturating_mul(DAY), day.saturating_add(1).saturating_mul(DAY))
}

/// What became of the records of one call to [`Store::append`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Sequence of the last record that is stored, new or from before; `None` when none is.
    pub stored_through: Option<u64>,
    /// Keys of records that were not there before.
    pub new: Vec<RecordKey>,
    /// The record at which storing ended: another record is stored under its key. It is quarantined.
    pub conflict: Option<RecordKey>,
}

/// A stored passage.
#[derive(Debug, Clone)]
pub struct StoredPassage {
    /// Its key.
    pub key: RecordKey,
    /// Its record.
    pub record: PassageRecord,
    /// When it began, by the lane's clock.
    pub started: Millis,
    /// When it arrived.
    pub received: Millis,
    /// The case, when it was referred.
    pub case: Option<Case>,
}

/// Which passages to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct PassageFilter {
    /// Only with this ending.
    pub ending: Option<Ending>,
    /// At most so many.
    pub most: usize,
}

impl Store {
    /// Passages, newest first.
    pub fn passages(&self, filter: &PassageFilter) -> Result<Vec<StoredPassage>, StoreError> {
        let endings = match filter.ending {
            Some(ending) => vec![ending],
            None => vec![Ending::Admitted, Ending::Referred, Ending::Withdrawn],
        };
        // The newest of each ending, by its index; the newest of all are among these.
        let rest = "WHERE r.ending = $2 ORDER BY r.started DESC LIMIT $1";
        let mut found = self.read(|sql| {
            let of = endings.iter().map(|ending| stored(sql, rest, values![filter.most, &word(ending)?]));
            Ok(of.collect::<Result<Vec<_>, _>>()?.concat())
        })?;
        found.sort_by_key(|passage| Reverse(passage.started));
        found.truncate(filter.most);
        Ok(found)
    }

    /// One passage.
    pub fn passage(&self, key: &RecordKey) -> Result<Option<StoredPassage>, StoreError> {
        self.read(|sql| passage(sql, key))
    }

    /// Counts of passages by ending: admitted, referred, withdrawn.
    pub fn endings(&self) -> Result<[u64; 3], StoreError> {
        self.read(|sql| {
            let mut of = |ending: Ending| -> Result<u64, StoreError> {
                sql.counted("SELECT count(*) FROM records WHERE ending = $1", values![&word(&ending)?])
            };
            Ok([of(Ending::Admitted)?, of(Ending::Referred)?, of(Ending::Withdrawn)?])
        })
    }
}

/// Records that are not erased, with their case, where there is one.
const WITH_CASE: &str = "SELECT r.lane, r.epoch, r.sequence, b.canonical, r.started, r.received,
        c.version, c.opened, c.judgement, c.judged_by, c.judged_at,
        c.decision, c.decided_by, c.decided_at, c.note,
        c.reason, c.overridden, c.taken_by, c.taken_at, c.escalated
    FROM records r
    JOIN bodies b ON b.received = r.received
        AND b.lane = r.lane AND b.epoch = r.epoch AND b.sequence = r.sequence
    LEFT JOIN cases c ON c.lane = r.lane AND c.epoch = r.epoch AND c.sequence = r.sequence";

/// One passage, in a transaction.
pub(super) fn passage(sql: &mut dyn Sql, key: &RecordKey) -> Result<Option<StoredPassage>, StoreError> {
    let at = values![&key.lane, &key.epoch, key.sequence];
    Ok(stored(sql, "WHERE r.lane = $1 AND r.epoch = $2 AND r.sequence = $3", at)?.pop())
}

/// Runs [`WITH_CASE`] with a rest of the sentence.
pub(super) fn stored(
    sql: &mut dyn Sql,
    rest: &str,
    values: &[Value<'_>],
) -> Result<Vec<StoredPassage>, StoreError> {
    let rows = sql.query(&format!("{WITH_CASE} {rest}"), values)?;
    rows.into_iter()
        .map(|mut row| {
            Ok(StoredPassage {
                key: RecordKey { lane: row.text()?, epoch: row.text()?, sequence: row.count()? },
                record: parse(&row.text()?)?,
                started: row.number()?,
                received: row.number()?,
                case: case_of(&mut row)?,
            })
        })
        .collect()
}

fn parse(canonical: &str) -> Result<PassageRecord, StoreError> {
    serde_json::from_str(canonical).map_err(|e| StoreError::Damaged(format!("record: {e}")))
}
