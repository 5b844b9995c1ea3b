//! Lanes, records and alarms.

use super::*;
use crate::passage::Ending;

pub(super) fn lane(connection: &Connection, name: &str) -> Result<Option<Lane>, StoreError> {
    let sql = "SELECT name, record_key, revoked IS NOT NULL FROM lanes WHERE name = ?1";
    Ok(connection.query_row(sql, [name], lane_of).optional()?)
}

pub(super) fn lanes(connection: &Connection) -> Result<Vec<LaneOverview>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT name, record_key, revoked IS NOT NULL,
            (SELECT count(*) FROM records r WHERE r.lane = l.name),
            (SELECT max(received) FROM records r WHERE r.lane = l.name),
            (SELECT count(*) FROM cases c WHERE c.lane = l.name AND c.decision IS NULL)
         FROM lanes l ORDER BY name",
    )?;
    let rows = query.query_map([], |row| {
        Ok(LaneOverview {
            lane: lane_of(row)?,
            records: count(row.get(3)?),
            last_record: row.get(4)?,
            open_cases: count(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn lane_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Lane> {
    Ok(Lane { name: row.get(0)?, record_key: row.get(1)?, revoked: row.get(2)? })
}

pub(super) fn append(
    tx: &Transaction<'_>,
    records: &[VerifiedRecord],
    now: Millis,
) -> Result<Appended, StoreError> {
    let mut done = Appended::default();
    for verified in records {
        let key = verified.key();
        match stored_hash(tx, &key)? {
            Some(hash) if hash == verified.signed.sha256 => {}
            Some(_) => {
                quarantine(tx, &key, &verified.signed, now)?;
                done.conflict = Some(key);
                break;
            }
            None => {
                watch_chain(tx, verified, &key, now)?;
                insert(tx, verified, &key, now)?;
                done.new.push(key.clone());
            }
        }
        done.stored_through = Some(key.sequence);
    }
    Ok(done)
}

fn stored_hash(tx: &Transaction<'_>, key: &RecordKey) -> Result<Option<String>, StoreError> {
    let sql = "SELECT sha256 FROM records WHERE lane = ?1 AND epoch = ?2 AND sequence = ?3";
    let at = params![key.lane, key.epoch, whole(key.sequence)];
    Ok(tx.query_row(sql, at, |row| row.get(0)).optional()?)
}

fn insert(
    tx: &Transaction<'_>,
    verified: &VerifiedRecord,
    key: &RecordKey,
    now: Millis,
) -> Result<(), StoreError> {
    let VerifiedRecord { signed, record } = verified;
    let started = record.started.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
    tx.execute(
        "INSERT INTO records (lane, epoch, sequence, sha256, signature, canonical, ending, started, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            key.lane,
            key.epoch,
            whole(key.sequence),
            signed.sha256,
            signed.signature,
            signed.canonical,
            word(&record.ending)?,
            started,
            now
        ],
    )?;
    if record.ending == Ending::Referred {
        tx.execute(
            "INSERT INTO cases (lane, epoch, sequence, version, opened) VALUES (?1, ?2, ?3, 1, ?4)",
            params![key.lane, key.epoch, whole(key.sequence), now],
        )?;
    }
    Ok(())
}

fn quarantine(
    tx: &Transaction<'_>,
    key: &RecordKey,
    signed: &SignedRecord,
    now: Millis,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO quarantine (lane, epoch, sequence, sha256, signature, canonical, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        params![
            key.lane,
            key.epoch,
            whole(key.sequence),
            signed.sha256,
            signed.signature,
            signed.canonical,
            now
        ],
    )?;
    alarm(tx, &key.lane, AlarmKind::Conflict, &key.to_string(), &signed.sha256, now)
}

/// Alarms when the new record leaves a gap behind it or does not continue the record before or the one
/// after; calms the alarm of a gap that this record closes. The record is stored in any case: it is
/// signed, and evidence.
fn watch_chain(
    tx: &Transaction<'_>,
    verified: &VerifiedRecord,
    key: &RecordKey,
    now: Millis,
) -> Result<(), StoreError> {
    let mut neighbours = tx.prepare_cached(
        "SELECT sequence, sha256, canonical FROM records WHERE lane = ?1 AND epoch = ?2 AND sequence IN
           ((SELECT max(sequence) FROM records WHERE lane = ?1 AND epoch = ?2 AND sequence < ?3),
            (SELECT min(sequence) FROM records WHERE lane = ?1 AND epoch = ?2 AND sequence > ?3))
         ORDER BY sequence",
    )?;
    let rows: Vec<(i64, String, String)> = neighbours
        .query_map(params![key.lane, key.epoch, whole(key.sequence)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let before = rows.iter().find(|(sequence, ..)| count(*sequence) < key.sequence);
    let after = rows.iter().find(|(sequence, ..)| count(*sequence) > key.sequence);

    let before_sequence = before.map_or(0, |(sequence, ..)| count(*sequence));
    let missing = key.sequence.saturating_sub(before_sequence).saturating_sub(1);
    if missing > 0 {
        let text = format!("{missing} missing before this one");
        alarm(tx, &key.lane, AlarmKind::Gap, &key.to_string(), &text, now)?;
    } else {
        let expected = before.map_or_else(|| "0".repeat(64), |(_, sha256, _)| sha256.clone());
        if verified.record.position.previous != expected {
            alarm(tx, &key.lane, AlarmKind::ChainBreak, &key.to_string(), "", now)?;
        }
    }
    let Some((sequence, _, canonical)) = after else { return Ok(()) };
    let later = RecordKey { sequence: count(*sequence), ..key.clone() };
    if later.sequence == key.sequence.saturating_add(1) {
        tx.execute(
            "DELETE FROM alarms WHERE lane = ?1 AND kind = ?2 AND subject = ?3",
            params![key.lane, word(&AlarmKind::Gap)?, later.to_string()],
        )?;
        if parse(canonical)?.position.previous != verified.signed.sha256 {
            alarm(tx, &key.lane, AlarmKind::ChainBreak, &later.to_string(), "", now)?;
        }
    }
    Ok(())
}

pub(super) fn alarm(
    tx: &Transaction<'_>,
    lane: &str,
    kind: AlarmKind,
    subject: &str,
    text: &str,
    now: Millis,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO alarms (lane, kind, subject, text, first, last, count) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1)
         ON CONFLICT (lane, kind, subject) DO UPDATE SET last = ?5, count = count + 1, text = ?4",
        params![lane, word(&kind)?, subject, text, now],
    )?;
    Ok(())
}

pub(super) fn alarms(connection: &Connection, most: usize) -> Result<Vec<Alarm>, StoreError> {
    let mut query = connection.prepare_cached("SELECT * FROM alarms ORDER BY last DESC LIMIT ?1")?;
    let mut rows = query.query([whole(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Alarm {
            lane: row.get("lane")?,
            kind: unword(&row.get::<_, String>("kind")?)?,
            subject: row.get("subject")?,
            text: row.get("text")?,
            first: row.get("first")?,
            last: row.get("last")?,
            count: count(row.get("count")?),
        });
    }
    Ok(found)
}

/// Records with their case, where there is one.
pub(super) const WITH_CASE: &str = "SELECT r.lane, r.epoch, r.sequence, r.canonical, r.received,
        c.version, c.opened, c.judgement, c.judged_by, c.judged_at,
        c.decision, c.decided_by, c.decided_at, c.note
    FROM records r LEFT JOIN cases c USING (lane, epoch, sequence)";

pub(super) fn passages(
    connection: &Connection,
    filter: &PassageFilter,
) -> Result<Vec<StoredPassage>, StoreError> {
    let most = whole(filter.most);
    match filter.ending {
        None => stored(connection, "ORDER BY r.started DESC LIMIT ?1", params![most]),
        Some(ending) => stored(
            connection,
            "WHERE r.ending = ?2 ORDER BY r.started DESC LIMIT ?1",
            params![most, word(&ending)?],
        ),
    }
}

pub(super) fn passage(connection: &Connection, key: &RecordKey) -> Result<Option<StoredPassage>, StoreError> {
    let at = params![key.lane, key.epoch, whole(key.sequence)];
    Ok(stored(connection, "WHERE r.lane = ?1 AND r.epoch = ?2 AND r.sequence = ?3", at)?.pop())
}

pub(super) fn endings(connection: &Connection) -> Result<[u64; 3], StoreError> {
    let mut query = connection.prepare_cached("SELECT count(*) FROM records WHERE ending = ?1")?;
    let mut of = |ending: Ending| -> Result<u64, StoreError> {
        Ok(count(query.query_row([word(&ending)?], |row| row.get(0))?))
    };
    Ok([of(Ending::Admitted)?, of(Ending::Referred)?, of(Ending::Withdrawn)?])
}

/// Runs [`WITH_CASE`] with a rest of the sentence.
pub(super) fn stored(
    connection: &Connection,
    rest: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<StoredPassage>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{WITH_CASE} {rest}"))?;
    let mut rows = query.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(StoredPassage {
            key: RecordKey { lane: row.get(0)?, epoch: row.get(1)?, sequence: count(row.get(2)?) },
            record: parse(&row.get::<_, String>(3)?)?,
            received: row.get(4)?,
            case: cases::case_of(row)?,
        });
    }
    Ok(found)
}

fn parse(canonical: &str) -> Result<PassageRecord, StoreError> {
    serde_json::from_str(canonical).map_err(|e| StoreError::Damaged(format!("record: {e}")))
}
