//! One outcome under two keys: what a queue held when it was renewed comes again in the new queue, each record with
//! a mark of where it was before ([`CarriedFrom`]).
//!
//! Both records are stored, for each belongs to a chain. Which of them comes first counts, makes the case, and keeps
//! the pictures; the other does none of it. Usually the first key never comes: what central had under it was not
//! carried, and what collided with another record was set aside. It comes when the queue that was set aside
//! is imported by hand, or put back once more.

use super::sql::{Sql, storable, values};
use super::{RecordKey, StoreError, VerifiedRecord};
use crate::record::CarriedFrom;

/// Whether records of this queue came as those of another one. Asked once for a call: hardly any queue was renewed.
pub(super) fn was_renewed(sql: &mut dyn Sql, lane: &str, epoch: &str) -> Result<bool, StoreError> {
    let text = "SELECT sequence FROM carried WHERE lane = $1 AND epoch = $2 LIMIT 1";
    Ok(sql.first(text, values![lane, epoch])?.is_some())
}

/// Whether the outcome of a new record was not stored before under another key; remembers where a carried one was.
/// `renewed` as [`was_renewed`] says of its queue. In the transaction that stores the record.
pub(super) fn is_first(
    sql: &mut dyn Sql,
    verified: &VerifiedRecord,
    key: &RecordKey,
    renewed: bool,
) -> Result<bool, StoreError> {
    let Some(from) = &verified.record.carried_from else {
        let text =
            "SELECT sequence FROM carried WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND sha256 = $4";
        let here = values![&key.lane, &key.epoch, key.sequence, &verified.signed.sha256];
        return Ok(!renewed || sql.first(text, here)?.is_none());
    };
    let CarriedFrom { epoch, sequence, sha256 } = from;
    let (epoch, sha256) = (storable(epoch), storable(sha256));
    let new = sql.execute(
        "INSERT INTO carried (lane, epoch, sequence, sha256, now_epoch, now_sequence)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        values![&key.lane, &epoch, *sequence, &sha256, &key.epoch, key.sequence],
    )? == 1;
    let text =
        "SELECT sequence FROM records WHERE lane = $1 AND epoch = $2 AND sequence = $3 AND sha256 = $4";
    Ok(new && sql.first(text, values![&key.lane, &epoch, *sequence, &sha256])?.is_none())
}

/// The key under which the record before this one was stored, when this one was carried and that one was not,
/// because central had it.
pub(super) fn before(key: &RecordKey, from: &CarriedFrom) -> Option<RecordKey> {
    let sequence = from.sequence.checked_sub(1).filter(|sequence| *sequence > 0)?;
    Some(RecordKey { lane: key.lane.clone(), epoch: storable(&from.epoch), sequence })
}
