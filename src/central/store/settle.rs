//! What follows a record after it was stored, some seconds later: its document is noted in the history, its pictures
//! among what is kept, its outcome in the statistics; and the decision on its case in the statistics, too. Each
//! once, whoever runs the job and however often.
//!
//! The job takes rows out of [`unsettled`](super::unsettled), oldest first, in the transaction in which it settles
//! them: of two jobs one finds a row.

use super::records::stored;
use super::sql::{Sql, values};
use super::statistics::{Counted, count};
use super::unsettled::DECISION;
use super::{Store, StoreError, StoredPassage, carried, history, retention};
use std::collections::{BTreeMap, BTreeSet};

/// Place of a record: lane, epoch, sequence.
type Place = (String, String, u64);

impl Store {
    /// Settles what is not settled yet, at most so many records and decisions; gives how many it found. To be
    /// called again while it finds as many as it may.
    ///
    /// # Errors
    /// When the database fails; then nothing of this call was settled.
    pub fn settle(&self, most: usize) -> Result<usize, StoreError> {
        let some = "SELECT count(*) FROM (SELECT 1 FROM unsettled LIMIT 1) s";
        // Most often there is nothing: no write transaction is begun then.
        if self.read(|sql| sql.counted(some, values![]))? == 0 {
            return Ok(0);
        }
        self.write(|sql| {
            let text = "DELETE FROM unsettled WHERE (at, lane, epoch, sequence, what) IN
                 (SELECT at, lane, epoch, sequence, what FROM unsettled
                    ORDER BY at, lane, epoch, sequence, what LIMIT $1)
                 RETURNING lane, epoch, sequence, what";
            let rows = sql.query(text, values![most])?;
            let found = rows.len();
            let (mut records, mut decisions) = (BTreeSet::new(), BTreeSet::new());
            for mut row in rows {
                let place: Place = (row.text()?, row.text()?, row.count()?);
                let of = if row.text()? == DECISION { &mut decisions } else { &mut records };
                of.insert(place);
            }
            settle(sql, &records, &decisions)?;
            Ok(found)
        })
    }
}

fn settle(
    sql: &mut dyn Sql,
    records: &BTreeSet<Place>,
    decisions: &BTreeSet<Place>,
) -> Result<(), StoreError> {
    // Beside each record the one before it, which may be of the same passage.
    let neighbours = records.iter().filter_map(chained);
    let mut passages = read(sql, &records.iter().chain(decisions).cloned().chain(neighbours).collect())?;
    let others: BTreeSet<Place> = passages.values().filter_map(carried_from).collect();
    passages.extend(read(sql, &others)?);

    let new: Vec<&StoredPassage> = records.iter().filter_map(|place| passages.get(place)).collect();
    history::note(sql, &new)?;
    retention::keep(sql, &new)?;
    let counted = records.iter().filter_map(|place| {
        let this = passages.get(place)?;
        let mut before = chained(place).into_iter().chain(carried_from(this));
        let same = |place: Place| {
            passages.get(&place).is_some_and(|before| before.record.passage == this.record.passage)
        };
        Some(Counted::Record(this, before.any(same)))
    });
    let decided = decisions.iter().filter_map(|place| passages.get(place)).map(Counted::Decision);
    count(sql, &counted.chain(decided).collect::<Vec<_>>())
}

/// The place before one in its chain.
fn chained((lane, epoch, sequence): &Place) -> Option<Place> {
    let before = sequence.checked_sub(1).filter(|before| *before > 0)?;
    Some((lane.clone(), epoch.clone(), before))
}

/// The place before that from which a passage was carried.
fn carried_from(passage: &StoredPassage) -> Option<Place> {
    let before = carried::before(&passage.key, passage.record.carried_from.as_ref()?)?;
    Some((before.lane, before.epoch, before.sequence))
}

/// Reads passages, those that follow each other in a chain at once.
fn read(sql: &mut dyn Sql, places: &BTreeSet<Place>) -> Result<BTreeMap<Place, StoredPassage>, StoreError> {
    let mut runs: Vec<(&str, &str, u64, u64)> = Vec::new();
    for (lane, epoch, sequence) in places {
        match runs.last_mut() {
            Some((of, queue, _, last))
                if *of == lane && *queue == epoch && last.checked_add(1) == Some(*sequence) =>
            {
                *last = *sequence;
            }
            _ => runs.push((lane, epoch, *sequence, *sequence)),
        }
    }
    let mut found = BTreeMap::new();
    for (lane, epoch, first, last) in runs {
        let rest = "WHERE r.lane = $1 AND r.epoch = $2 AND r.sequence BETWEEN $3 AND $4";
        for passage in stored(sql, rest, values![lane, epoch, first, last])? {
            let key = &passage.key;
            found.insert((key.lane.clone(), key.epoch.clone(), key.sequence), passage);
        }
    }
    Ok(found)
}
