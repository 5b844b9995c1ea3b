//! Referred cases: changed by compare-and-set on their version, each change with its audit line.

use super::records::stored;
use super::*;

pub(super) fn open_cases(
    connection: &Connection,
    most: usize,
) -> Result<(Vec<StoredPassage>, u64), StoreError> {
    let sql = "WHERE c.version IS NOT NULL AND c.decision IS NULL ORDER BY c.opened LIMIT ?1";
    let found = stored(connection, sql, [whole(most)])?;
    let sql = "SELECT count(*) FROM cases WHERE decision IS NULL";
    Ok((found, count(connection.query_row(sql, [], |row| row.get(0))?)))
}

pub(super) fn judge(
    tx: &Transaction<'_>,
    key: &RecordKey,
    version: u64,
    officer: &str,
    judgement: Judgement,
    now: Millis,
) -> Result<CaseChange, StoreError> {
    let Some(case) = case(tx, key)? else { return Ok(CaseChange::Missing) };
    if case.version != version || case.decided.is_some() {
        return Ok(CaseChange::Conflict(case));
    }
    let word = word(&judgement)?;
    let changed = tx.execute(
        "UPDATE cases SET version = version + 1, judgement = ?5, judged_by = ?6, judged_at = ?7
         WHERE lane = ?1 AND epoch = ?2 AND sequence = ?3 AND version = ?4 AND decision IS NULL",
        params![key.lane, key.epoch, whole(key.sequence), whole(version), word, officer, now],
    )?;
    let act = AuditEntry { actor: officer, act: "case.judge", subject: &key.to_string(), detail: &word };
    made(tx, key, changed, act, now)
}

pub(super) fn decide(
    tx: &Transaction<'_>,
    key: &RecordKey,
    version: u64,
    decided: &Decided,
) -> Result<CaseChange, StoreError> {
    let Some(case) = case(tx, key)? else { return Ok(CaseChange::Missing) };
    if case.version != version || case.decided.is_some() {
        return Ok(CaseChange::Conflict(case));
    }
    if case.judged.as_ref().is_none_or(|(by, ..)| *by != decided.officer) {
        return Ok(CaseChange::NotJudged(case));
    }
    let word = word(&decided.decision)?;
    let changed = tx.execute(
        "UPDATE cases SET version = version + 1, decision = ?5, decided_by = ?6, decided_at = ?7, note = ?8
         WHERE lane = ?1 AND epoch = ?2 AND sequence = ?3 AND version = ?4 AND decision IS NULL",
        params![
            key.lane,
            key.epoch,
            whole(key.sequence),
            whole(version),
            word,
            decided.officer,
            decided.at,
            decided.note
        ],
    )?;
    let detail = if decided.note.is_empty() { word.clone() } else { format!("{word}: {}", decided.note) };
    let act = AuditEntry {
        actor: &decided.officer,
        act: "case.decide",
        subject: &key.to_string(),
        detail: &detail,
    };
    made(tx, key, changed, act, decided.at)
}

/// The change with its audit line, or the conflict when another was first.
fn made(
    tx: &Transaction<'_>,
    key: &RecordKey,
    changed: usize,
    act: AuditEntry<'_>,
    now: Millis,
) -> Result<CaseChange, StoreError> {
    if changed == 1 {
        audit::append(tx, act, now)?;
    }
    match case(tx, key)? {
        None => Ok(CaseChange::Missing),
        Some(case) if changed == 1 => Ok(CaseChange::Made(case)),
        Some(case) => Ok(CaseChange::Conflict(case)),
    }
}

fn case(connection: &Connection, key: &RecordKey) -> Result<Option<Case>, StoreError> {
    Ok(records::passage(connection, key)?.and_then(|passage| passage.case))
}

/// The case in a row of [`records::WITH_CASE`].
pub(super) fn case_of(row: &rusqlite::Row<'_>) -> Result<Option<Case>, StoreError> {
    let Some(version) = row.get::<_, Option<i64>>("version")? else { return Ok(None) };
    let judged = match row.get::<_, Option<String>>("judgement")? {
        None => None,
        Some(word) => Some((row.get("judged_by")?, unword(&word)?, row.get("judged_at")?)),
    };
    let decided = match row.get::<_, Option<String>>("decision")? {
        None => None,
        Some(word) => Some(Decided {
            decision: unword(&word)?,
            officer: row.get("decided_by")?,
            at: row.get("decided_at")?,
            note: row.get("note")?,
        }),
    };
    Ok(Some(Case { version: count(version), opened: row.get("opened")?, judged, decided }))
}
