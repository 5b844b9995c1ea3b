//! Counting: what [`super::super::settle`] finds is counted in the transaction that takes it from what is to be
//! settled, so each record once and each decision once.

use super::super::sql::{Sql, Value, values};
use super::super::{Millis, Store, StoreError, StoredPassage};
use super::measure::{self, Measure};
use std::collections::BTreeMap;

/// An hour, milliseconds.
pub(super) const HOUR: Millis = 60 * 60 * 1000;
/// The port of a lane of which none is known, and state and kind of a document that was not read.
const UNKNOWN: &str = "-";
/// Letters of a document's code and of an issuing state at most.
const DOCUMENT_MOST: usize = 2;
const STATE_MOST: usize = 3;

/// Place of a cell: hour, lane, port, document, state.
type Place = (Millis, String, String, String, String);
/// What is added, by cell and measure.
type Sums = BTreeMap<(Place, String), u64>;

/// What is to be counted of a passage.
pub(in super::super) enum Counted<'p> {
    /// Its record; `true` when it is the second outcome of a passage that was counted: an admitted traveller who did
    /// not get through is referred after all.
    Record(&'p StoredPassage, bool),
    /// The decision on its case.
    Decision(&'p StoredPassage),
}

/// Counts, in the transaction that notes that it was counted.
pub(in super::super) fn count(sql: &mut dyn Sql, what: &[Counted<'_>]) -> Result<(), StoreError> {
    let (ports, mut sums) = (ports(sql)?, Sums::new());
    for counted in what {
        let (passage, counts) = match counted {
            Counted::Record(passage, again) => (passage, measure::of_record(&passage.record, *again)?),
            Counted::Decision(passage) => {
                (passage, passage.case.as_ref().map_or(Ok(Vec::new()), measure::of_decision)?)
            }
        };
        add(&mut sums, &place(passage, &ports), counts)?;
    }
    write(sql, &sums)
}

impl Store {
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
    let key = "hour, lane, port, document, state, measure";
    sql.insert(
        into,
        &rows,
        &format!("ON CONFLICT ({key}) DO UPDATE SET count = statistics.count + excluded.count"),
    )?;

    let mut totals: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (((_, lane, ..), measure), count) in sums {
        let sum = totals.entry((lane, measure)).or_default();
        *sum = sum.saturating_add(*count);
    }
    let rows: Vec<[Value<'_>; 3]> = totals
        .iter()
        .map(|((lane, measure), count)| [(*lane).into(), (*measure).into(), (*count).into()])
        .collect();
    let end = "ON CONFLICT (lane, measure) DO UPDATE SET count = lane_totals.count + excluded.count";
    sql.insert("lane_totals (lane, measure, count)", &rows, end)
}
