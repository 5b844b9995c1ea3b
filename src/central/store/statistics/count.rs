//! Counting: each record once, each decision once, whoever runs the job and however often.
//!
//! What is not counted yet has a row in `uncounted`, written in the transaction of the record or decision.
//! The job takes the row away in the transaction in which it counts: of two jobs one finds it.

use super::super::records::{passage, stored};
use super::super::sql::{Sql, Value, values};
use super::super::{Millis, RecordKey, Store, StoreError, StoredPassage};
use super::measure::{self, Measure};
use std::collections::BTreeMap;

/// An hour, milliseconds.
pub(super) const HOUR: Millis = 60 * 60 * 1000;
/// Rows that are written by one statement.
const ROWS_AT_ONCE: usize = 100;
/// The port of a lane of which none is known, and state and kind of a document that was not read.
const UNKNOWN: &str = "-";
/// Letters of a document's code and of an issuing state at most.
const DOCUMENT_MOST: usize = 2;
const STATE_MOST: usize = 3;

/// Place of a cell: hour, lane, port, document, state.
type Place = (Millis, String, String, String, String);
/// What is added, by cell and measure.
type Sums = BTreeMap<(Place, String), u64>;

/// To be counted later: a new record. In the transaction that stores it.
pub(in super::super) fn record_to_count(sql: &mut dyn Sql, key: &RecordKey) -> Result<(), StoreError> {
    to_count(sql, key, "record")
}

/// To be counted later: the decision on a case. In the transaction that stores it.
pub(in super::super) fn decision_to_count(sql: &mut dyn Sql, key: &RecordKey) -> Result<(), StoreError> {
    to_count(sql, key, "decision")
}

fn to_count(sql: &mut dyn Sql, key: &RecordKey, what: &str) -> Result<(), StoreError> {
    let text = "INSERT INTO uncounted (lane, epoch, sequence, what) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING";
    sql.execute(text, values![&key.lane, &key.epoch, key.sequence, what])?;
    Ok(())
}

impl Store {
    /// Counts what is not counted yet, at most so many records and decisions; gives how many it found. To be
    /// called again while it finds as many as it may.
    ///
    /// # Errors
    /// When the database fails; then nothing of this call was counted.
    pub fn count_statistics(&self, most: usize) -> Result<usize, StoreError> {
        self.write(|sql| {
            let text = "SELECT lane, epoch, sequence, what FROM uncounted
                 ORDER BY lane, epoch, sequence, what LIMIT $1";
            let waiting = sql.query(text, values![most])?;
            let (found, ports) = (waiting.len(), ports(sql)?);
            let (mut sums, mut before) = (Sums::new(), None);
            for mut row in waiting {
                let key = RecordKey { lane: row.text()?, epoch: row.text()?, sequence: row.count()? };
                let what = row.text()?;
                let text = "DELETE FROM uncounted
                     WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND what = $4";
                if sql.execute(text, values![&key.lane, &key.epoch, key.sequence, &what])? == 0 {
                    continue;
                }
                let Some(this) = passage(sql, &key)? else { continue };
                let counts = if what == "decision" {
                    this.case.as_ref().map_or(Ok(Vec::new()), measure::of_decision)?
                } else {
                    measure::of_record(&this.record, is_again(sql, &this, before.as_ref())?)?
                };
                add(&mut sums, &place(&this, &ports), counts)?;
                before = Some(this);
            }
            write(sql, &sums)?;
            Ok(found)
        })
    }

    /// Says at which port a lane stands; what is counted from now on is counted there. Gives whether there
    /// is such a lane.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_port(&self, lane: &str, port: &str) -> Result<bool, StoreError> {
        self.write(|sql| {
            Ok(sql.execute("UPDATE lanes SET port = $2 WHERE name = $1", values![lane, port])? == 1)
        })
    }

    /// At which port each lane stands, where that is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn ports(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(ports)
    }
}

fn ports(sql: &mut dyn Sql) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = sql.query("SELECT name, port FROM lanes WHERE port IS NOT NULL", values![])?;
    rows.into_iter().map(|mut row| Ok((row.text()?, row.text()?))).collect()
}

/// Whether the record is the second outcome of the passage of the record before it in its chain: an
/// admitted traveller who did not get through is referred after all.
fn is_again(
    sql: &mut dyn Sql,
    this: &StoredPassage,
    before: Option<&StoredPassage>,
) -> Result<bool, StoreError> {
    let Some(sequence) = this.key.sequence.checked_sub(1).filter(|sequence| *sequence > 0) else {
        return Ok(false);
    };
    let key = RecordKey { sequence, ..this.key.clone() };
    if let Some(before) = before.filter(|before| before.key == key) {
        return Ok(before.record.passage == this.record.passage);
    }
    let at = values![&key.lane, &key.epoch, key.sequence];
    let found = stored(sql, "WHERE r.lane = $1 AND r.epoch = $2 AND r.sequence = $3", at)?.pop();
    Ok(found.is_some_and(|found| found.record.passage == this.record.passage))
}

/// The cell of a passage. Its hour is that of its begin by the lane's clock, unless that is ahead of ours.
fn place(passage: &StoredPassage, ports: &BTreeMap<String, String>) -> Place {
    let started = passage.record.started.parse::<jiff::Timestamp>();
    let started = started.map_or(passage.received, jiff::Timestamp::as_millisecond);
    let at = if (0..=passage.received).contains(&started) { started } else { passage.received };
    let document = passage.record.document.as_ref();
    (
        at.saturating_sub(at.rem_euclid(HOUR)),
        passage.key.lane.clone(),
        ports.get(&passage.key.lane).map_or(UNKNOWN, String::as_str).to_owned(),
        letters(document.map_or("", |document| &document.document_code), DOCUMENT_MOST),
        letters(document.map_or("", |document| &document.issuing_state), STATE_MOST),
    )
}

/// The capital letters of a zone's field. A chip can fill any text there; only these few make cells.
fn letters(field: &str, most: usize) -> String {
    let found: String = field.chars().filter(char::is_ascii_uppercase).take(most).collect();
    if found.is_empty() { UNKNOWN.to_owned() } else { found }
}

fn add(sums: &mut Sums, place: &Place, counts: Vec<(Measure, u64)>) -> Result<(), StoreError> {
    for (measure, count) in counts {
        let sum = sums.entry((place.clone(), measure.text()?)).or_default();
        *sum = sum.saturating_add(count);
    }
    Ok(())
}

/// Adds the sums to what is stored, in the order of their keys, so that two jobs cannot block each other.
fn write(sql: &mut dyn Sql, sums: &Sums) -> Result<(), StoreError> {
    let rows: Vec<[Value<'_>; 7]> = sums
        .iter()
        .map(|(((hour, lane, port, document, state), measure), count)| {
            let [lane, port, document, state] = [lane, port, document, state].map(Value::from);
            [(*hour).into(), lane, port, document, state, measure.into(), (*count).into()]
        })
        .collect();
    let into = "statistics (hour, lane, port, document, state, measure, count)";
    upsert(sql, into, "hour, lane, port, document, state, measure", "statistics", &rows)?;

    let mut totals: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (((_, lane, ..), measure), count) in sums {
        let sum = totals.entry((lane, measure)).or_default();
        *sum = sum.saturating_add(*count);
    }
    let rows: Vec<[Value<'_>; 3]> = totals
        .iter()
        .map(|((lane, measure), count)| [(*lane).into(), (*measure).into(), (*count).into()])
        .collect();
    upsert(sql, "lane_totals (lane, measure, count)", "lane, measure", "lane_totals", &rows)
}

fn upsert<const N: usize>(
    sql: &mut dyn Sql,
    into: &str,
    key: &str,
    table: &str,
    rows: &[[Value<'_>; N]],
) -> Result<(), StoreError> {
    for some in rows.chunks(ROWS_AT_ONCE) {
        let row = |n: usize| {
            let of: Vec<String> = (1..=N).map(|column| format!("${}", n * N + column)).collect();
            format!("({})", of.join(", "))
        };
        let places: Vec<String> = (0..some.len()).map(row).collect();
        let text = format!(
            "INSERT INTO {into} VALUES {} ON CONFLICT ({key}) DO UPDATE SET count = {table}.count + excluded.count",
            places.join(", ")
        );
        sql.execute(&text, some.concat().as_slice())?;
    }
    Ok(())
}
