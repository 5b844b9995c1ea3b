//! Cases in officers' hands: who has one, which wait too long, and what became of them.
//!
//! A case is *waiting* until an officer takes it, *in hand* until it is decided. One officer may hold several.
//! A hold lapses when nothing was done for a while, so that a case is never lost with an officer who was
//! called away; then another may take it. What nobody answers in time is escalated, once.

use super::cases::case;
use super::records::stored;
use super::sql::{Row, values};
use super::{
    AlarmKind, AuditEntry, Case, CaseChange, Decision, Judgement, Millis, RecordKey, Store, StoreError,
    StoredPassage, alarms, audit,
};

/// Cases that are escalated in one go.
const ESCALATED_AT_ONCE: usize = 200;

/// Who has a case in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// The officer.
    pub by: String,
    /// Since when.
    pub since: Millis,
}

/// The queue of open cases at a glance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// Cases without decision.
    pub open: u64,
    /// Those that nobody took.
    pub untaken: u64,
    /// Those that waited too long.
    pub escalated: u64,
    /// When the newest came; 0 without any.
    pub newest: Millis,
    /// Alarms that nobody has seen to.
    pub alarms: u64,
}

/// A case that was decided, as counted for officers' workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Who decided.
    pub officer: String,
    /// What.
    pub decision: Decision,
    /// What the officer saw by own eyes.
    pub judgement: Option<Judgement>,
    /// When the case came.
    pub opened: Millis,
    /// When the officer took it, when that is known.
    pub taken: Option<Millis>,
    /// When it was decided.
    pub decided: Millis,
    /// Whether it was escalated before.
    pub escalated: bool,
    /// Whether the decision went against a failed check.
    pub overridden: bool,
}

impl Store {
    /// Puts an open case into an officer's hands, when nobody has it, who had it did nothing since
    /// `idle_since`, or the officer takes it over with intent. Taking what one has already changes nothing.
    pub fn take_case(
        &self,
        key: &RecordKey,
        officer: &str,
        take_over: bool,
        idle_since: Millis,
        now: Millis,
    ) -> Result<CaseChange, StoreError> {
        self.write(|sql| {
            let Some(found) = case(sql, key)? else { return Ok(CaseChange::Missing) };
            let holder = found.holder(idle_since).map(|held| held.by.clone());
            if found.decided.is_some() {
                return Ok(CaseChange::Conflict(found));
            }
            if holder.as_deref() == Some(officer) {
                return Ok(CaseChange::Made(found));
            }
            if holder.is_some() && !take_over {
                return Ok(CaseChange::Held(found));
            }
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, taken_by = $5, taken_at = $6
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![&key.lane, &key.epoch, key.sequence, found.version, officer, now],
            )?;
            let (subject, detail) =
                (key.to_string(), holder.map_or_else(String::new, |by| format!("from {by}")));
            let act = AuditEntry { actor: officer, act: "case.take", subject: &subject, detail: &detail };
            super::cases::made(sql, key, changed, act, now)
        })
    }

    /// Puts a case that the officer has in hand back into the queue.
    pub fn put_back(&self, key: &RecordKey, officer: &str, now: Millis) -> Result<CaseChange, StoreError> {
        self.write(|sql| {
            let Some(found) = case(sql, key)? else { return Ok(CaseChange::Missing) };
            let own = found.in_hand.as_ref().is_some_and(|held| held.by == officer);
            if found.decided.is_some() || !own {
                return Ok(CaseChange::Conflict(found));
            }
            let changed = sql.execute(
                "UPDATE cases SET version = version + 1, taken_by = NULL, taken_at = NULL
                 WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND version = $4 AND decision IS NULL",
                values![&key.lane, &key.epoch, key.sequence, found.version],
            )?;
            let subject = key.to_string();
            let act = AuditEntry { actor: officer, act: "case.put_back", subject: &subject, detail: "" };
            super::cases::made(sql, key, changed, act, now)
        })
    }

    /// Escalates open cases that nobody took though they came before `untaken_since`, and such as nobody
    /// decided though they came before `undecided_since`: raises an alarm and tells the audit trail, once for
    /// each. Gives which.
    pub fn escalate_cases(
        &self,
        untaken_since: Millis,
        undecided_since: Millis,
        now: Millis,
    ) -> Result<Vec<RecordKey>, StoreError> {
        let due = "WHERE c.decision IS NULL AND c.escalated IS NULL
               AND (c.opened < $2 OR (c.opened < $1 AND c.taken_by IS NULL)) ORDER BY c.opened LIMIT $3";
        let values = values![untaken_since, undecided_since, ESCALATED_AT_ONCE];
        // Most often there is none: no write transaction is begun then.
        if self.read(|sql| stored(sql, due, values))?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|sql| {
            let mut escalated = Vec::new();
            for StoredPassage { key, case, .. } in stored(sql, due, values)? {
                let changed = sql.execute(
                    "UPDATE cases SET escalated = $4 WHERE lane = $1 AND epoch = $2 AND sequence = $3
                       AND escalated IS NULL AND decision IS NULL",
                    values![&key.lane, &key.epoch, key.sequence, now],
                )?;
                if changed == 0 {
                    continue;
                }
                let holder = case.and_then(|case| case.in_hand);
                let text =
                    holder.map_or_else(|| "nobody took it".to_owned(), |held| format!("{} has it", held.by));
                let subject = key.to_string();
                alarms::raise(sql, &key.lane, AlarmKind::Unanswered, &subject, &text, now)?;
                escalated.push((key, text));
            }
            for (key, detail) in &escalated {
                let subject = key.to_string();
                let act = AuditEntry { actor: "central", act: "case.escalate", subject: &subject, detail };
                audit::append(sql, act, now)?;
            }
            Ok(escalated.into_iter().map(|(key, _)| key).collect())
        })
    }

    /// The queue at a glance.
    pub fn queue(&self) -> Result<Queue, StoreError> {
        self.read(|sql| {
            let mut of = |text: &str| sql.counted(text, values![]);
            let newest = of("SELECT coalesce(max(opened), 0) FROM cases WHERE decision IS NULL")?;
            Ok(Queue {
                open: of("SELECT count(*) FROM cases WHERE decision IS NULL")?,
                untaken: of("SELECT count(*) FROM cases WHERE decision IS NULL AND taken_by IS NULL")?,
                escalated: of("SELECT count(*) FROM cases WHERE decision IS NULL AND escalated IS NOT NULL")?,
                newest: Millis::try_from(newest).unwrap_or(Millis::MAX),
                alarms: of("SELECT count(*) FROM alarms WHERE seen_by IS NULL")?,
            })
        })
    }

    /// Cases decided since a time, latest first, at most so many.
    pub fn handled_cases(&self, since: Millis, most: usize) -> Result<Vec<Handled>, StoreError> {
        let text =
            "SELECT decided_by, decision, judgement, opened, taken_at, decided_at, escalated, overridden
             FROM cases WHERE decision IS NOT NULL AND decided_at >= $1 ORDER BY decided_at DESC LIMIT $2";
        self.read(|sql| sql.query(text, values![since, most])?.iter_mut().map(handled).collect())
    }

    /// Passages whose decision went against a failed check or a hit, latest first, at most so many.
    pub fn overridden_cases(&self, since: Millis, most: usize) -> Result<Vec<StoredPassage>, StoreError> {
        let rest = "WHERE c.overridden IS NOT NULL AND c.decision IS NOT NULL AND c.decided_at >= $1
             ORDER BY c.decided_at DESC LIMIT $2";
        self.read(|sql| stored(sql, rest, values![since, most]))
    }
}

fn handled(row: &mut Row) -> Result<Handled, StoreError> {
    Ok(Handled {
        officer: row.text()?,
        decision: row.word()?,
        judgement: row.optional_text()?.map(|word| super::sql::unword(&word)).transpose()?,
        opened: row.number()?,
        taken: row.optional_number()?,
        decided: row.number()?,
        escalated: row.optional_number()?.is_some(),
        overridden: row.optional_text()?.is_some(),
    })
}

impl Case {
    /// Who has the case in hand and did something since a time.
    pub fn holder(&self, idle_since: Millis) -> Option<&InHand> {
        let judged_at = self.judged.as_ref().map_or(Millis::MIN, |(_, _, at)| *at);
        self.in_hand.as_ref().filter(|held| held.since.max(judged_at) >= idle_since)
    }
}
