//! Storing what lanes send. Whether a record may be stored is looked at record by record, in order; what is new of
//! many lanes is written together ([`super::gather`]).
//!
//! How far each queue is stored, its head, stands in `lane_epochs`: a record that comes next after the head has
//! nothing at its place or behind it, and is looked at without a search. History, retention and statistics hear
//! of records later ([`super::settle`]): a traveller's record waits for none of them.

use super::gather::OfLane;
use super::sql::{Row, Sql, Statement, Value, insertions, places, values, word};
use super::{
    AlarmKind, Appended, Millis, RecordKey, Store, StoreError, VerifiedRecord, alarms, carried, unsettled,
};
use crate::passage::Ending;
use crate::record::SignedRecord;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Records of one lane that are stored by one call.
pub(super) struct Batch {
    records: Vec<VerifiedRecord>,
    held_from: Option<u64>,
    now: Millis,
}

impl OfLane for Batch {
    fn lane(&self) -> &str {
        self.records.first().map_or("", |first| &first.record.position.lane)
    }

    fn records(&self) -> usize {
        self.records.len()
    }
}

impl Store {
    /// Stores records of one lane and one epoch in order, opens cases, raises alarms for gaps and
    /// breaks, all in one transaction. Ends at the first record whose key holds another hash.
    pub fn append(&self, records: &[VerifiedRecord], now: Millis) -> Result<Appended, StoreError> {
        self.append_held(records, None, now)
    }

    /// The same; what is missing from the sequence `held_from` on is on its way, as the lane says.
    pub fn append_held(
        &self,
        records: impl Into<Vec<VerifiedRecord>>,
        held_from: Option<u64>,
        now: Millis,
    ) -> Result<Appended, StoreError> {
        let batch = Batch { records: records.into(), held_from, now };
        self.gather.append(batch, |batches| self.write(|sql| append(sql, batches)))
    }
}

/// How far a queue is stored: its last record. Sequence 0 when there is none.
struct Head {
    epoch: String,
    sequence: u64,
    sha256: String,
}

/// Stores batches, each of another lane.
fn append(sql: &mut dyn Sql, batches: &[&Batch]) -> Result<Vec<Appended>, StoreError> {
    let mut latest = latest_queues(sql, batches)?;
    let (mut new, mut heads, mut appended) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches {
        let latest = latest.remove(batch.lane());
        let Some(first) = batch.records.first().map(VerifiedRecord::key) else {
            appended.push(Appended::default());
            continue;
        };
        let mut head = head_of(sql, &first, latest.as_ref())?;
        let replaced = latest.as_ref().is_some_and(|latest| latest.epoch != first.epoch);
        let done = examine(sql, batch, &mut head, replaced, &mut new)?;
        if !done.new.is_empty() {
            watch_queues(sql, &first, latest.as_ref(), batch.now)?;
            heads.push((*batch, head, done.new.len()));
        }
        appended.push(done);
    }
    write(sql, &mut new, &heads)?;
    Ok(appended)
}

/// The queue that each lane began last. From here on nobody else stores records of these lanes.
fn latest_queues(sql: &mut dyn Sql, batches: &[&Batch]) -> Result<BTreeMap<String, Head>, StoreError> {
    let lanes: Vec<Value<'_>> = batches.iter().map(|batch| batch.lane().into()).collect();
    let names = places(1, lanes.len());
    let hold = sql.hold();
    if !hold.is_empty() {
        sql.query(&format!("SELECT name FROM lanes WHERE name IN ({names}) ORDER BY name{hold}"), &lanes)?;
    }
    let text = format!(
        "SELECT lane, epoch, head, head_sha256 FROM lane_epochs e WHERE lane IN ({names})
            AND begun = (SELECT max(begun) FROM lane_epochs o WHERE o.lane = e.lane)
         ORDER BY lane, epoch DESC"
    );
    let read = |mut row: Row| {
        let (lane, epoch) = (row.text()?, row.text()?);
        Ok((lane, Head { epoch, sequence: row.count()?, sha256: row.text()? }))
    };
    sql.query(&text, &lanes)?.into_iter().map(read).collect()
}

/// The head of the queue of a key.
fn head_of(sql: &mut dyn Sql, key: &RecordKey, latest: Option<&Head>) -> Result<Head, StoreError> {
    let epoch = key.epoch.clone();
    if let Some(Head { sequence, sha256, .. }) = latest.filter(|latest| latest.epoch == epoch) {
        return Ok(Head { epoch, sequence: *sequence, sha256: sha256.clone() });
    }
    let text = "SELECT head, head_sha256 FROM lane_epochs WHERE lane = $1 AND epoch = $2";
    match sql.first(text, values![&key.lane, &epoch])? {
        Some(mut row) => Ok(Head { epoch, sequence: row.count()?, sha256: row.text()? }),
        None => Ok(Head { epoch, sequence: 0, sha256: String::new() }),
    }
}

/// A record that is to be written.
struct New<'b> {
    verified: &'b VerifiedRecord,
    received: Millis,
    /// Whether its outcome was not stored under another key before ([`super::carried`]).
    first: bool,
}

/// Decides for each record of a batch. What is new is added to `new`, to be written, and moves the head. `replaced`
/// when the lane began another queue after this one: then its records may have come with that one.
fn examine<'b>(
    sql: &mut dyn Sql,
    batch: &'b Batch,
    head: &mut Head,
    replaced: bool,
    new: &mut Vec<New<'b>>,
) -> Result<Appended, StoreError> {
    let mut done = Appended::default();
    let renewed = replaced && carried::was_renewed(sql, batch.lane(), &head.epoch)?;
    for verified in &batch.records {
        let key = verified.key();
        let place = if head.sequence.checked_add(1) == Some(key.sequence) {
            let before = (head.sequence > 0).then(|| (head.sequence, head.sha256.clone()));
            Place { before, ..Place::default() }
        } else {
            // The search is to find what waits, too.
            write(sql, new, &[])?;
            place(sql, &key)?
        };
        match &place.here {
            Some((_, hash)) if *hash == verified.signed.sha256 => {}
            Some(_) => {
                quarantine(sql, &key, &verified.signed, batch.now)?;
                done.conflict = Some(key);
                break;
            }
            None => {
                watch_chain(sql, verified, &key, place, batch)?;
                let first = carried::is_first(sql, verified, &key, renewed)?;
                new.push(New { verified, received: batch.now, first });
                if key.sequence > head.sequence {
                    head.sequence = key.sequence;
                    head.sha256.clone_from(&verified.signed.sha256);
                }
                done.new.push(key.clone());
            }
        }
        done.stored_through = Some(key.sequence);
    }
    Ok(done)
}

/// Writes records, and moves the heads of queues, each with so many new records. Of records whose outcome is new,
/// opens cases for the referred, and notes that all are to be settled.
fn write(
    sql: &mut dyn Sql,
    new: &mut Vec<New<'_>>,
    heads: &[(&Batch, Head, usize)],
) -> Result<(), StoreError> {
    let (mut records, mut bodies, mut cases, mut to_settle) = (vec![], vec![], vec![], vec![]);
    let endings = new.iter().map(|new| word(&new.verified.record.ending));
    let endings: Vec<String> = endings.collect::<Result<_, _>>()?;
    for (New { verified: VerifiedRecord { signed, record }, received: now, first }, ending) in
        new.iter().zip(&endings)
    {
        let (at, received) = (&record.position, Value::from(*now));
        let (lane, epoch, sequence) = ((&at.lane).into(), (&at.epoch).into(), at.sequence.into());
        let started = record.started.parse::<jiff::Timestamp>();
        let started = started.map_or(*now, jiff::Timestamp::as_millisecond).into();
        let [sha256, signature, previous, ending] =
            [&signed.sha256, &signed.signature, &at.previous, ending].map(Value::from);
        records.push([lane, epoch, sequence, sha256, signature, previous, ending, started, received]);
        bodies.push([received, lane, epoch, sequence, (&signed.canonical).into()]);
        if *first {
            to_settle.push([received, lane, epoch, sequence]);
        }
        if *first && record.ending == Ending::Referred {
            cases.push([lane, epoch, sequence, Value::Number(1), received]);
        }
    }
    let into = "records (lane, epoch, sequence, sha256, signature, previous, ending, started, received)";
    let mut statements = insertions(into, &records, "");
    statements.extend(insertions("bodies (received, lane, epoch, sequence, canonical)", &bodies, ""));
    statements.extend(unsettled::records(&to_settle));
    statements.extend(insertions("cases (lane, epoch, sequence, version, opened)", &cases, ""));
    statements.extend(move_heads(heads));
    sql.execute_all(&statements)?;
    new.clear();
    Ok(())
}

fn move_heads<'h>(heads: &'h [(&Batch, Head, usize)]) -> Vec<Statement<'h>> {
    let mut rows: Vec<[Value<'h>; 7]> = Vec::with_capacity(heads.len());
    for (batch, Head { epoch, sequence, sha256 }, new) in heads {
        let [lane, epoch, sha256] = [batch.lane(), epoch, sha256].map(Value::from);
        let now = batch.now.into();
        rows.push([lane, epoch, now, (*sequence).into(), sha256, (*new).into(), now]);
    }
    insertions(
        "lane_epochs (lane, epoch, begun, head, head_sha256, records, last)",
        &rows,
        "ON CONFLICT (lane, epoch) DO UPDATE SET head = excluded.head, head_sha256 = excluded.head_sha256,
            records = lane_epochs.records + excluded.records, last = excluded.last",
    )
}

fn quarantine(
    sql: &mut dyn Sql,
    key: &RecordKey,
    signed: &SignedRecord,
    now: Millis,
) -> Result<(), StoreError> {
    sql.execute(
        "INSERT INTO quarantine (lane, epoch, sequence, sha256, signature, canonical, received)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        values![
            &key.lane,
            &key.epoch,
            key.sequence,
            &signed.sha256,
            &signed.signature,
            &signed.canonical,
            now
        ],
    )?;
    alarms::raise(sql, &key.lane, AlarmKind::Conflict, &key.to_string(), &signed.sha256, now)
}

/// What is stored at and around the place of a record: sequence and hash.
#[derive(Default)]
struct Place {
    before: Option<(u64, String)>,
    here: Option<(u64, String)>,
    after: Option<(u64, String)>,
}

/// Looks at the place of a record, and at the stored records of its lane and epoch that come just before and
/// just after.
fn place(sql: &mut dyn Sql, key: &RecordKey) -> Result<Place, StoreError> {
    let text = "SELECT sequence, sha256 FROM records WHERE lane = $1 AND epoch = $2 AND sequence IN
           ($3, (SELECT max(sequence) FROM records WHERE lane = $1 AND epoch = $2 AND sequence < $3),
            (SELECT min(sequence) FROM records WHERE lane = $1 AND epoch = $2 AND sequence > $3))";
    let mut place = Place::default();
    for mut row in sql.query(text, values![&key.lane, &key.epoch, key.sequence])? {
        let found = (row.count()?, row.text()?);
        let side = match found.0.cmp(&key.sequence) {
            Ordering::Less => &mut place.before,
            Ordering::Equal => &mut place.here,
            Ordering::Greater => &mut place.after,
        };
        *side = Some(found);
    }
    Ok(place)
}

/// What the record under a key names as the one before it.
fn previous_of(sql: &mut dyn Sql, key: &RecordKey) -> Result<Option<String>, StoreError> {
    let text = "SELECT previous FROM records WHERE lane = $1 AND epoch = $2 AND sequence = $3";
    let row = sql.first(text, values![&key.lane, &key.epoch, key.sequence])?;
    row.map(|mut row| row.text()).transpose()
}

/// Alarms when the new record leaves a gap behind it or does not continue the record before or the one
/// after; calms the alarm of a gap that this record closes. The record is stored in any case: it is
/// signed, and evidence.
fn watch_chain(
    sql: &mut dyn Sql,
    verified: &VerifiedRecord,
    key: &RecordKey,
    Place { before, after, .. }: Place,
    &Batch { held_from, now, .. }: &Batch,
) -> Result<(), StoreError> {
    let before_sequence = before.as_ref().map_or(0, |(sequence, _)| *sequence);
    let missing = key.sequence.saturating_sub(before_sequence).saturating_sub(1);
    if missing > 0 {
        let text = format!("{missing} missing before this one");
        let held = held_from.is_some_and(|from| from <= before_sequence.saturating_add(1));
        let kind = if held { AlarmKind::Backlog } else { AlarmKind::Gap };
        alarms::raise(sql, &key.lane, kind, &key.to_string(), &text, now)?;
    } else {
        let expected = before.map_or_else(|| "0".repeat(64), |(_, sha256)| sha256);
        if verified.record.position.previous != expected {
            alarms::raise(sql, &key.lane, AlarmKind::ChainBreak, &key.to_string(), "", now)?;
        }
    }
    let Some((sequence, _)) = after else { return Ok(()) };
    let later = RecordKey { sequence, ..key.clone() };
    if later.sequence == key.sequence.saturating_add(1) {
        for kind in [AlarmKind::Gap, AlarmKind::Backlog] {
            alarms::calm(sql, &key.lane, kind, &later.to_string())?;
        }
        if previous_of(sql, &later)?.is_some_and(|previous| previous != verified.signed.sha256) {
            alarms::raise(sql, &key.lane, AlarmKind::ChainBreak, &later.to_string(), "", now)?;
        }
    }
    Ok(())
}

/// Alarms when a lane begins another queue than it had, and when one speaks that another had replaced.
fn watch_queues(
    sql: &mut dyn Sql,
    key: &RecordKey,
    latest: Option<&Head>,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(latest) = latest.filter(|latest| latest.epoch != key.epoch) else { return Ok(()) };
    let text = "SELECT count(*) FROM lane_epochs WHERE lane = $1 AND epoch = $2";
    let new = sql.counted(text, values![&key.lane, &key.epoch])? == 0;
    let (kind, text) = if new {
        (AlarmKind::NewQueue, format!("after the queue {}", latest.epoch))
    } else {
        (AlarmKind::TwoQueues, format!("beside the queue {}", latest.epoch))
    };
    alarms::raise(sql, &key.lane, kind, &key.epoch, &text, now)
}
