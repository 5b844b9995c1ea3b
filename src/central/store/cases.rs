//! Referred cases: changed by compare-and-set on their version, each change with its audit line.

use super::records::{passage, stored};
use super::sql::{Row, Sql, storable, unword, values, word};
use super::{
    AlarmKind, AuditEntry, InHand, Millis, RecordKey, Store, StoreError, StoredPassage, alarms, audit,
    unsettled,
};
use crate::check::CheckId;
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

/// Why an officer decided so: the officer's own finding, in a word that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionReason {
    /// Face and portrait show the same person.
    SamePerson,
    /// Face and portrait show different persons.
    OtherPerson,
    /// The document was examined by hand and is genuine and valid.
    DocumentGood,
    /// The document is false, altered, or not valid.
    DocumentBad,
    /// The hit is not this document or person.
    NotTheOneListed,
    /// The hit is this document or person.
    TheOneListed,
    /// The traveller has leave to enter.
    PermissionShown,
    /// The traveller has no leave to enter.
    PermissionMissing,
    /// The gate was at fault, and nothing speaks against the traveller.
    GateAtFault,
    /// It cannot be told here.
    Unclear,
    /// Said in the note.
    Other,
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
    /// Who took it last; see [`Case::holder`].
    pub in_hand: Option<InHand>,
    /// When it was escalated, having waited too long.
    pub escalated: Option<Millis>,
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
    /// The officer's finding.
    pub reason: Option<DecisionReason>,
    /// Failed checks that the decision goes against; a supervisor is alarmed when there are any.
    pub overridden: Vec<CheckId>,
}

/// Whether a change of a case was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseChange {
    /// Made; the case as it is now.
    Made(Case),
    /// Not made, since the case is not as the officer saw it; the case as it is.
    Conflict(Case),
    /// Not made: another officer has the case in hand.
    Held(Case),
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

    /// An officer's own judgement, if the case still has this version and no decision, and no other officer has
    /// it in hand. Who judges a case that nobody has takes it.
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
            if case.held_by_other(officer) {
                return Ok(CaseChange::Held(case));
            }
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, judgement = $5, judged_by = $6, judged_at = $7,
                    taken_by = $6, taken_at = coalesce(taken_at, $7)
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![&key.lane, &key.epoch, key.sequence, version, &word, officer, now],
            )?;
            let subject = key.to_string();
            let act = AuditEntry { actor: officer, act: "case.judge", subject: &subject, detail: &word };
            made(sql, key, changed, act, now)
        })
    }

    /// An officer's decision, if the case still has this version, no decision, this officer's judgement, and no
    /// other officer has it in hand. Calms the alarm of a case that waited; raises one for an override.
    pub fn decide(&self, key: &RecordKey, version: u64, decided: &Decided) -> Result<CaseChange, StoreError> {
        let (decision, note) = (word(&decided.decision)?, storable(&decided.note));
        let reason = decided.reason.as_ref().map(word).transpose()?;
        let overridden: Vec<String> = decided.overridden.iter().map(word).collect::<Result<_, _>>()?;
        let overridden = Some(overridden.join(" ")).filter(|checks| !checks.is_empty());
        let parts = [reason.as_deref(), overridden.as_deref().map(|_| "override"), Some(&*note)];
        let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
        let detail = std::iter::once(&*decision).chain(parts).collect::<Vec<_>>().join(": ");
        self.write(|sql| {
            let Some(case) = case(sql, key)? else { return Ok(CaseChange::Missing) };
            if case.version != version || case.decided.is_some() {
                return Ok(CaseChange::Conflict(case));
            }
            if case.judged.as_ref().is_none_or(|(by, ..)| *by != decided.officer) {
                return Ok(CaseChange::NotJudged(case));
            }
            if case.held_by_other(&decided.officer) {
                return Ok(CaseChange::Held(case));
            }
            let (officer, at) = (&decided.officer, decided.at);
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, decision = $5, decided_by = $6, decided_at = $7,
                    note = $8, reason = $9, overridden = $10
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![
                    &key.lane,
                    &key.epoch,
                    key.sequence,
                    version,
                    &decision,
                    officer,
                    at,
                    &note,
                    reason.as_deref(),
                    overridden.as_deref()
                ],
            )?;
            let subject = key.to_string();
            if changed == 1 {
                alarms::calm(sql, &key.lane, AlarmKind::Unanswered, &subject)?;
                if let Some(checks) = &overridden {
                    let text = format!("{officer} against {checks}: {note}");
                    alarms::raise(sql, &key.lane, AlarmKind::Override, &subject, &text, at)?;
                }
                unsettled::decision(sql, key, at)?;
            }
            let act = AuditEntry { actor: officer, act: "case.decide", subject: &subject, detail: &detail };
            made(sql, key, changed, act, at)
        })
    }
}

/// The change with its audit line, or the conflict when another was first.
pub(super) fn made(
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

pub(super) fn case(sql: &mut dyn Sql, key: &RecordKey) -> Result<Option<Case>, StoreError> {
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
    let reason = row.optional_text()?.map(|word| unword(&word)).transpose()?;
    let overridden = row.optional_text()?.unwrap_or_default();
    let decided = match decided {
        (Some(word), Some(officer), Some(at), note) => Some(Decided {
            decision: unword(&word)?,
            officer,
            at,
            note: note.unwrap_or_default(),
            reason,
            overridden: overridden.split_whitespace().map(unword).collect::<Result<_, _>>()?,
        }),
        _ => None,
    };
    let in_hand = row.optional_text()?.zip(row.optional_number()?).map(|(by, since)| InHand { by, since });
    Ok(Some(Case { version, opened, judged, decided, in_hand, escalated: row.optional_number()? }))
}

impl Case {
    /// Whoever took the case last has it, until another takes it over.
    fn held_by_other(&self, officer: &str) -> bool {
        self.in_hand.as_ref().is_some_and(|held| held.by != officer)
    }
}
