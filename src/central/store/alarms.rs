//! What a person must look into.

use super::sql::{Sql, values, word};
use super::{AuditEntry, Millis, Store, StoreError, audit};
use serde::{Deserialize, Serialize};

/// Something that a person must look into. Repeated alarms are counted, not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Which lane.
    pub lane: String,
    /// What kind.
    pub kind: AlarmKind,
    /// About what: a record's key.
    pub subject: String,
    /// More about it.
    pub text: String,
    /// When first and last.
    pub first: Millis,
    /// See `first`.
    pub last: Millis,
    /// How often.
    pub count: u64,
    /// Who has seen to it, when; raised again, it stands again.
    pub seen: Option<(String, Millis)>,
}

/// Kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Records are missing between two that are stored.
    Gap,
    /// A record does not continue the one before.
    ChainBreak,
    /// Another record came under a key that is taken.
    Conflict,
    /// A record's hash or signature is wrong.
    BadRecord,
    /// Newer records came before older ones that the lane says it still holds.
    Backlog,
    /// A lane began a new queue: its disk was replaced or cleared.
    NewQueue,
    /// A queue of a lane speaks that another had replaced: two machines may use one identity.
    TwoQueues,
    /// A lane's clock is too far off.
    Clock,
    /// A case waits too long for an officer.
    Unanswered,
    /// An officer admitted a traveller against a failed check or a hit.
    Override,
    /// A session's cookie came from another browser than the one it was given to.
    SessionTheft,
    /// A lane did not take or believe a command.
    CommandRefused,
    /// A lane could not run a release.
    ReleaseFailed,
}

impl AlarmKind {
    /// Sentence for officers and engineers.
    pub fn title(self) -> &'static str {
        match self {
            AlarmKind::Gap => "Records are missing",
            AlarmKind::ChainBreak => "A record does not continue the one before",
            AlarmKind::Conflict => {
                "Two different records under one number: was a lane's disk put back from a copy?"
            }
            AlarmKind::BadRecord => "A record's hash or signature is wrong",
            AlarmKind::Backlog => "A lane still sends what it kept while central was away",
            AlarmKind::NewQueue => "A lane began a new queue: was its disk replaced?",
            AlarmKind::TwoQueues => "Two queues of one lane speak: do two machines use one identity?",
            AlarmKind::Clock => "A lane's clock is wrong",
            AlarmKind::Unanswered => "A case waits too long for an officer",
            AlarmKind::Override => "Admitted against a failed check",
            AlarmKind::SessionTheft => "A session was used from another browser",
            AlarmKind::CommandRefused => "A command was not taken or not believed",
            AlarmKind::ReleaseFailed => "A release failed",
        }
    }

    /// Whether this is for supervisors alone, being about officers and not about the lane.
    pub fn about_officers(self) -> bool {
        matches!(self, AlarmKind::Unanswered | AlarmKind::Override | AlarmKind::SessionTheft)
    }
}

impl Store {
    /// Raises an alarm, or counts it when it is there.
    pub fn alarm(
        &self,
        lane: &str,
        kind: AlarmKind,
        subject: &str,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|sql| raise(sql, lane, kind, subject, text, now))
    }

    /// A person has seen to an alarm. Gives whether it stood.
    pub fn see_alarm(
        &self,
        lane: &str,
        kind: AlarmKind,
        subject: &str,
        by: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let word = word(&kind)?;
        let about = format!("{lane} {subject}");
        self.write(|sql| {
            let text = "UPDATE alarms SET seen_by = $4, seen_at = $5
                 WHERE lane = $1 AND kind = $2 AND subject = $3 AND seen_by IS NULL";
            if sql.execute(text, values![lane, &word, subject, by, now])? == 0 {
                return Ok(false);
            }
            let act = AuditEntry { actor: by, act: "alarm.see", subject: &about, detail: &word };
            audit::append(sql, act, now)?;
            Ok(true)
        })
    }

    /// Alarms, those that stand before those that were seen to, latest first, at most so many.
    pub fn alarms(&self, most: usize) -> Result<Vec<Alarm>, StoreError> {
        let text = "SELECT lane, kind, subject, text, first, last, count, seen_by, seen_at FROM alarms
             ORDER BY CASE WHEN seen_by IS NULL THEN 0 ELSE 1 END, last DESC, lane, kind, subject LIMIT $1";
        self.read(|sql| {
            let rows = sql.query(text, values![most])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(Alarm {
                        lane: row.text()?,
                        kind: row.word()?,
                        subject: row.text()?,
                        text: row.text()?,
                        first: row.number()?,
                        last: row.number()?,
                        count: row.count()?,
                        seen: row.optional_text()?.zip(row.optional_number()?),
                    })
                })
                .collect()
        })
    }
}

/// Raises an alarm in the transaction of what it tells.
pub(super) fn raise(
    sql: &mut dyn Sql,
    lane: &str,
    kind: AlarmKind,
    subject: &str,
    text: &str,
    now: Millis,
) -> Result<(), StoreError> {
    sql.execute(
        "INSERT INTO alarms (lane, kind, subject, text, first, last, count) VALUES ($1, $2, $3, $4, $5, $5, 1)
         ON CONFLICT (lane, kind, subject) DO UPDATE
            SET last = $5, count = alarms.count + 1, text = $4, seen_by = NULL, seen_at = NULL",
        values![lane, &word(&kind)?, subject, text, now],
    )?;
    Ok(())
}

/// Takes an alarm back that proved to be none.
pub(super) fn calm(sql: &mut dyn Sql, lane: &str, kind: AlarmKind, subject: &str) -> Result<(), StoreError> {
    let text = "DELETE FROM alarms WHERE lane = $1 AND kind = $2 AND subject = $3";
    sql.execute(text, values![lane, &word(&kind)?, subject])?;
    Ok(())
}
