//! What a person must look into.

use super::sql::{Sql, values, word};
use super::{Millis, Store, StoreError};
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
            AlarmKind::Conflict => "Two different records under one number",
            AlarmKind::BadRecord => "A record's hash or signature is wrong",
            AlarmKind::CommandRefused => "A command was not taken or not believed",
            AlarmKind::ReleaseFailed => "A release failed",
        }
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

    /// Alarms, latest first, at most so many.
    pub fn alarms(&self, most: usize) -> Result<Vec<Alarm>, StoreError> {
        let text = "SELECT lane, kind, subject, text, first, last, count FROM alarms
             ORDER BY last DESC, lane, kind, subject LIMIT $1";
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
         ON CONFLICT (lane, kind, subject) DO UPDATE SET last = $5, count = alarms.count + 1, text = $4",
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
