//! Records as lanes sent them: each key is taken once, and for ever.

use super::cases::case_of;
use super::sql::{Sql, Value, values, word};
use super::{AlarmKind, Case, Millis, Store, StoreError, alarms, history, retention, statistics};
use crate::passage::Ending;
use crate::record::{PassageRecord, SignedRecord};
use std::cmp::Ordering;

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
    /// Stores records of one lane and one epoch in order, opens cases, raises alarms for gaps and
    /// breaks, all in one transaction. Ends at the first record whose key holds another hash.
    pub fn append(&self, records: &[VerifiedRecord], now: Millis) -> Result<Appended, StoreError> {
        self.append_held(records, None, now)
    }

    /// The same; what is missing from the sequence `held_from` on is on its way, as the lane says.
    pub fn append_held(
        &self,
        records: &[VerifiedRecord],
        held_from: Option<u64>,
        now: Millis,
    ) -> Result<Appended, StoreError> {
        self.write(|sql| {
            let mut done = Appended::default();
            // A lane's records are stored one call after the other: each looks at its neighbours.
            let hold = sql.hold();
            if let (Some(first), false) = (records.first(), hold.is_empty()) {
                let text = format!("SELECT name FROM lanes WHERE name = $1{hold}");
                sql.query(&text, values![&first.record.position.lane])?;
            }
            for verified in records {
                let key = verified.key();
                let place = place(sql, &key)?;
                match &place.here {
                    Some((_, hash)) if *hash == verified.signed.sha256 => {}
                    Some(_) => {
                        quarantine(sql, &key, &verified.signed, now)?;
                        done.conflict = Some(key);
                        break;
                    }
                    None => {
                        watch_chain(sql, verified, &key, place, held_from, now)?;
                        insert(sql, verified, &key, now)?;
                        done.new.push(key.clone());
                    }
                }
                done.stored_through = Some(key.sequence);
            }
            if let Some(key) = done.new.last() {
                watch_queues(sql, key, now)?;
            }
            Ok(done)
        })
    }

    /// Passages, newest first.
    pub fn passages(&self, filter: &PassageFilter) -> Result<Vec<StoredPassage>, StoreError> {
        let most = filter.most;
        match filter.ending {
            None => self.read(|sql| stored(sql, "ORDER BY r.started DESC LIMIT $1", values![most])),
            Some(ending) => {
                let (ending, rest) = (word(&ending)?, "WHERE r.ending = $2 ORDER BY r.started DESC LIMIT $1");
                self.read(|sql| stored(sql, rest, values![most, &ending]))
            }
        }
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

    /// Another value whenever records came or cases changed, whichever process stored them.
    pub fn fingerprint(&self) -> Result<[u64; 3], StoreError> {
        self.read(|sql| {
            let mut of = |text: &str| sql.counted(text, values![]);
            Ok([
                of("SELECT coalesce(max(received), 0) FROM records")?,
                of("SELECT count(*) FROM cases WHERE decision IS NULL")?,
                of("SELECT coalesce(max(version), 0) FROM cases WHERE decision IS NULL")?,
            ])
        })
    }
}

fn insert(
    sql: &mut dyn Sql,
    verified: &VerifiedRecord,
    key: &RecordKey,
    now: Millis,
) -> Result<(), StoreError> {
    let VerifiedRecord { signed, record } = verified;
    let started = record.started.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
    sql.execute(
        "INSERT INTO records (lane, epoch, sequence, sha256, signature, canonical, ending, started, received)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        values![
            &key.lane,
            &key.epoch,
            key.sequence,
            &signed.sha256,
            &signed.signature,
            &signed.canonical,
            &word(&record.ending)?,
            started,
            now
        ],
    )?;
    history::note(sql, record, key, started)?;
    statistics::record_to_count(sql, key)?;
    retention::keep(sql, key, record, now)?;
    if record.ending == Ending::Referred {
        sql.execute(
            "INSERT INTO cases (lane, epoch, sequence, version, opened) VALUES ($1, $2, $3, 1, $4)",
            values![&key.lane, &key.epoch, key.sequence, now],
        )?;
    }
    Ok(())
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
    let text = "SELECT canonical FROM records WHERE lane = $1 AND epoch = $2 AND sequence = $3";
    let row = sql.first(text, values![&key.lane, &key.epoch, key.sequence])?;
    row.map(|mut row| Ok(parse(&row.text()?)?.position.previous)).transpose()
}

/// Alarms when the new record leaves a gap behind it or does not continue the record before or the one
/// after; calms the alarm of a gap that this record closes. The record is stored in any case: it is
/// signed, and evidence.
fn watch_chain(
    sql: &mut dyn Sql,
    verified: &VerifiedRecord,
    key: &RecordKey,
    Place { before, after, .. }: Place,
    held_from: Option<u64>,
    now: Millis,
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
fn watch_queues(sql: &mut dyn Sql, key: &RecordKey, now: Millis) -> Result<(), StoreError> {
    let text = "SELECT epoch FROM lane_epochs WHERE lane = $1 ORDER BY begun DESC, epoch LIMIT 1";
    let latest = sql.first(text, values![&key.lane])?.map(|mut row| row.text()).transpose()?;
    if latest.as_ref() == Some(&key.epoch) {
        return Ok(());
    }
    let text = "INSERT INTO lane_epochs (lane, epoch, begun) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let new = sql.execute(text, values![&key.lane, &key.epoch, now])? == 1;
    let Some(latest) = latest else { return Ok(()) };
    let (kind, text) = if new {
        (AlarmKind::NewQueue, format!("after the queue {latest}"))
    } else {
        (AlarmKind::TwoQueues, format!("beside the queue {latest}"))
    };
    alarms::raise(sql, &key.lane, kind, &key.epoch, &text, now)
}

/// Records with their case, where there is one.
const WITH_CASE: &str = "SELECT r.lane, r.epoch, r.sequence, r.canonical, r.received,
        c.version, c.opened, c.judgement, c.judged_by, c.judged_at,
        c.decision, c.decided_by, c.decided_at, c.note,
        c.reason, c.overridden, c.taken_by, c.taken_at, c.escalated
    FROM records r LEFT JOIN cases c ON c.lane = r.lane AND c.epoch = r.epoch AND c.sequence = r.sequence";

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
                received: row.number()?,
                case: case_of(&mut row)?,
            })
        })
        .collect()
}

fn parse(canonical: &str) -> Result<PassageRecord, StoreError> {
    serde_json::from_str(canonical).map_err(|e| StoreError::Damaged(format!("record: {e}")))
}
