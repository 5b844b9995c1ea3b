//! Referred cases: changed by compare-and-set on their version, each change with its audit line.

use super::records::{passage, stored};
use super::sql::{Row, Sql, storable, unword, values, word};
use super::{AuditEntry, Millis, RecordKey, Store, StoreError, StoredPassage, audit};
use serde::{Deserialize, Serialize};

/// What an officer saw with their own eyes, before any score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Portrait and frame show the same person.
    Same,
    /// They show different persons.
    Different,
    /// Cannot tell.
    CannotTell,
}

/// What an officer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The traveller may cross.
    Admit,
    /// The traveller may not cross.
    Refuse,
    /// Examined further, at the second line.
    SecondLine,
}

/// A referred passage in officers' hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Raised by each change; a change names the version that it saw.
    pub version: u64,
    /// When the case was opened.
    pub opened: Millis,
    /// Who judged by own eyes last, what, when.
    pub judged: Option<(String, Judgement, Millis)>,
    /// The decision; a case with a decision is closed.
    pub decided: Option<Decided>,
}

/// A decision on a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// By whom.
    pub officer: String,
    /// When.
    pub at: Millis,
    /// The officer's note.
    pub note: String,
}

/// Whether a change of a case was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseChange {
    /// Made; the case as it is now.
    Made(Case),
    /// Not made, since the case is not as the officer saw it; the case as it is.
    Conflict(Case),
    /// Not made: this officer has not judged by own eyes yet.
    NotJudged(Case),
    /// There is no such case.
    Missing,
}

impl Store {
    /// Cases without decision, oldest first, at most so many, and how many there are.
    pub fn open_cases(&self, most: usize) -> Result<(Vec<StoredPassage>, u64), StoreError> {
        self.read(|sql| {
            let rest = "WHERE c.version IS NOT NULL AND c.decision IS NULL ORDER BY c.opened LIMIT $1";
            let found = if most == 0 { Vec::new() } else { stored(sql, rest, values![most])? };
            Ok((found, sql.counted("SELECT count(*) FROM cases WHERE decision IS NULL", values![])?))
        })
    }

    /// An officer's own judgement, if the case still has this version and no decision.
    pub fn judge(
        &self,
        key: &RecordKey,
        version: u64,
        officer: &str,
        judgement: Judgement,
        now: Millis,
    ) -> Result<CaseChange, StoreError> {
        let word = word(&judgement)?;
        self.write(|sql| {
            let Some(case) = case(sql, key)? else { return Ok(CaseChange::Missing) };
            if case.version != version || case.decided.is_some() {
                return Ok(CaseChange::Conflict(case));
            }
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, judgement = $5, judged_by = $6, judged_at = $7
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![&key.lane, &key.epoch, key.sequence, version, &word, officer, now],
            )?;
            let subject = key.to_string();
            let act = AuditEntry { actor: officer, act: "case.judge", subject: &subject, detail: &word };
            made(sql, key, changed, act, now)
        })
    }

    /// An officer's decision, if the case still has this version, no decision, and this officer's judgement.
    pub fn decide(&self, key: &RecordKey, version: u64, decided: &Decided) -> Result<CaseChange, StoreError> {
        let (word, note) = (word(&decided.decision)?, storable(&decided.note));
        let detail = if note.is_empty() { word.clone() } else { format!("{word}: {note}") };
        self.write(|sql| {
            let Some(case) = case(sql, key)? else { return Ok(CaseChange::Missing) };
            if case.version != version || case.decided.is_some() {
                return Ok(CaseChange::Conflict(case));
            }
            if case.judged.as_ref().is_none_or(|(by, ..)| *by != decided.officer) {
                return Ok(CaseChange::NotJudged(case));
            }
            let (officer, at) = (&decided.officer, decided.at);
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, decision = $5, decided_by = $6, decided_at = $7,
                    note = $8
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![&key.lane, &key.epoch, key.sequence, version, &word, officer, at, &note],
            )?;
            let subject = key.to_string();
            let act = AuditEntry { actor: officer, act: "case.decide", subject: &subject, detail: &detail };
            made(sql, key, changed, act, at)
        })
    }
}

/// The change with its audit line, or the conflict when another was first.
fn made(
    sql: &mut dyn Sql,
    key: &RecordKey,
    changed: u64,
    act: AuditEntry<'_>,
    now: Millis,
) -> Result<CaseChange, StoreError> {
    let Some(case) = case(sql, key)? else { return Ok(CaseChange::Missing) };
    if changed != 1 {
        return Ok(CaseChange::Conflict(case));
    }
    audit::append(sql, act, now)?;
    Ok(CaseChange::Made(case))
}

fn case(sql: &mut dyn Sql, key: &RecordKey) -> Result<Option<Case>, StoreError> {
    Ok(passage(sql, key)?.and_then(|passage| passage.case))
}

/// The case in the last columns of the joined row of [`super::records`].
pub(super) fn case_of(row: &mut Row) -> Result<Option<Case>, StoreError> {
    let Some(version) = row.optional_number()? else { return Ok(None) };
    let version = u64::try_from(version).map_err(|_| StoreError::Damaged("a case's version".to_owned()))?;
    let opened = row.number()?;
    let judged = (row.optional_text()?, row.optional_text()?, row.optional_number()?);
    let judged = match judged {
        (Some(word), Some(by), Some(at)) => Some((by, unword(&word)?, at)),
        _ => None,
    };
    let decided = (row.optional_text()?, row.optional_text()?, row.optional_number()?, row.optional_text()?);
    let decided = match decided {
        (Some(word), Some(officer), Some(at), note) => {
            Some(Decided { decision: unword(&word)?, officer, at, note: note.unwrap_or_default() })
        }
        _ => None,
    };
    Ok(Some(Case { version, opened, judged, decided }))
}
