//! Records by the day of their arrival: room for the days to come, and days that are erased when their time is
//! over. Of an erased record its key, hash, signature, times, ending, and the hash of the record before stay, so
//! that the chain is still followed, no key is taken again, and who has the record elsewhere can show that it was
//! here; whom it was about is gone.

use super::records::{day_of, span_of};
use super::sql::{Sql, values};
use super::{AuditEntry, Millis, RecordKey, Store, StoreError, StoredPassage, audit, history};
use sha2::{Digest, Sha256};

/// Days for which there is room, from today on: the job that makes it may be late.
const AHEAD: i64 = 3;
/// Records that are worked on at once.
const AT_ONCE: usize = 500;

/// That the records of a day were erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedDay {
    /// Days since 1970 UTC.
    pub day: i64,
    /// How many records.
    pub records: u64,
    /// SHA-256, hexadecimal, of their hashes in the order of arrival and key, each with a line feed.
    pub names: String,
}

impl Store {
    /// Makes room for the records of today and the next days, where the database keeps days apart. What fails is
    /// logged: records of a day without room of its own are stored all the same.
    pub fn lay_days(&self, now: Millis) {
        for day in (0..AHEAD).map(|ahead| day_of(now).saturating_add(ahead)) {
            if let Err(error) = self.write(|sql| sql.lay_day(day)) {
                tracing::warn!(day, %error, "no partition for the records of a day");
            }
        }
    }

    /// Erases the records of the oldest day that ended before `before` and that nothing needs any more: no case
    /// of it is open, no picture of it kept, nothing of it unsettled. With a line in the audit trail.
    ///
    /// # Errors
    /// When the database fails; then the next call goes on.
    pub fn erase_day(&self, before: Millis, now: Millis) -> Result<Option<ErasedDay>, StoreError> {
        let until = span_of(day_of(before)).0;
        let mut from = Millis::MIN;
        let day = loop {
            let text = "SELECT min(received) FROM bodies WHERE received >= $1 AND received < $2";
            let found = self.read(|sql| match sql.first(text, values![from, until])? {
                Some(mut row) => row.optional_number(),
                None => Ok(None),
            })?;
            let Some(day) = found.map(day_of) else { return Ok(None) };
            if !self.read(|sql| needed(sql, day))? {
                break day;
            }
            from = span_of(day).1;
        };
        // The proof first: what is left of a day after a crash goes without another.
        let erased = self.of_day(day)?;
        self.write(|sql| note_erased(sql, &erased, now))?;
        self.forget_documents(day)?;
        while self.write(|sql| {
            sql.drop_day(day)?;
            delete_some(sql, day)
        })? > 0
        {}
        Ok(Some(erased))
    }

    /// Forgets where the documents of a day were seen.
    fn forget_documents(&self, day: i64) -> Result<(), StoreError> {
        let mut after: Option<(Millis, RecordKey)> = None;
        loop {
            let passages = self.arrived(span_of(day), after.as_ref(), AT_ONCE)?;
            self.write(|sql| history::forget(sql, &passages))?;
            match passages.last() {
                Some(StoredPassage { key, received, .. }) if passages.len() == AT_ONCE => {
                    after = Some((*received, key.clone()));
                }
                _ => return Ok(()),
            }
        }
    }

    /// What came on a day, of which the keys stay.
    fn of_day(&self, day: i64) -> Result<ErasedDay, StoreError> {
        let (from, to) = span_of(day);
        let (mut records, mut names) = (0, Sha256::new());
        let mut after = (from, String::new(), String::new(), 0);
        loop {
            let text = "SELECT b.received, b.lane, b.epoch, b.sequence, r.sha256 FROM bodies b
                 JOIN records r ON r.lane = b.lane AND r.epoch = b.epoch AND r.sequence = b.sequence
                 WHERE b.received >= $1 AND b.received < $2
                    AND (b.received, b.lane, b.epoch, b.sequence) > ($1, $3, $4, $5)
                 ORDER BY b.received, b.lane, b.epoch, b.sequence LIMIT $6";
            let (received, lane, epoch, sequence) = &after;
            let rows =
                self.read(|sql| sql.query(text, values![*received, to, lane, epoch, *sequence, AT_ONCE]))?;
            let found = rows.len();
            for mut row in rows {
                after = (row.number()?, row.text()?, row.text()?, row.count()?);
                names.update(format!("{}\n", row.text()?));
                records += 1;
            }
            if found < AT_ONCE {
                return Ok(ErasedDay { day, records, names: hex::encode(names.finalize()) });
            }
        }
    }

    /// The days whose records were erased, latest first, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub fn erased_days(&self, most: usize) -> Result<Vec<ErasedDay>, StoreError> {
        let text = "SELECT day, records, names FROM erased_days ORDER BY day DESC LIMIT $1";
        self.read(|sql| {
            let rows = sql.query(text, values![most])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(ErasedDay { day: row.number()?, records: row.count()?, names: row.text()? })
                })
                .collect()
        })
    }
}

/// Notes what is to be erased of a day, once, with a line in the audit trail.
fn note_erased(sql: &mut dyn Sql, erased: &ErasedDay, now: Millis) -> Result<(), StoreError> {
    let ErasedDay { day, records, names } = erased;
    let text = "INSERT INTO erased_days (day, records, names, erased) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING";
    if sql.execute(text, values![*day, *records, names, now])? == 1 {
        let (subject, detail) = (day.to_string(), format!("{records} records, hashes {names}, by retention"));
        let act = AuditEntry { actor: "central", act: "records.erase", subject: &subject, detail: &detail };
        audit::append(sql, act, now)?;
    }
    Ok(())
}

/// Whether a day's records are still needed.
fn needed(sql: &mut dyn Sql, day: i64) -> Result<bool, StoreError> {
    let (from, to) = span_of(day);
    for text in [
        "SELECT count(*) FROM (SELECT 1 FROM unsettled WHERE at >= $1 AND at < $2 LIMIT 1) s",
        "SELECT count(*) FROM (SELECT 1 FROM kept_kinds WHERE ending IN ('admitted', 'referred', 'withdrawn')
            AND kind IN ('portrait', 'frame') AND received >= $1 AND received < $2 LIMIT 1) s",
        "SELECT count(*) FROM cases c
            JOIN records r ON r.lane = c.lane AND r.epoch = c.epoch AND r.sequence = c.sequence
         WHERE c.decision IS NULL AND r.received >= $1 AND r.received < $2",
    ] {
        if sql.counted(text, values![from, to])? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes some records of a day; gives how many.
fn delete_some(sql: &mut dyn Sql, day: i64) -> Result<u64, StoreError> {
    let (from, to) = span_of(day);
    sql.execute("DELETE FROM quarantine WHERE received >= $1 AND received < $2", values![from, to])?;
    let text = "DELETE FROM bodies WHERE (received, lane, epoch, sequence) IN
         (SELECT received, lane, epoch, sequence FROM bodies WHERE received >= $1 AND received < $2
            ORDER BY received, lane, epoch, sequence LIMIT $3)";
    sql.execute(text, values![from, to, AT_ONCE])
}
