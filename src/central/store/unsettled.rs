//! What is not settled yet ([`super::settle`]): a row for each new record and each decision on a case, written in the
//! transaction that stores it, in the order of arrival.

use super::sql::{Sql, Statement, Value, insertions, values};
use super::{Millis, RecordKey, StoreError};

/// Of a row about a new record.
const RECORD: &str = "record";
/// Of a row about a decision.
pub(super) const DECISION: &str = "decision";

/// Notes new records: arrival, lane, epoch, sequence of each.
pub(super) fn records<'v>(new: &[[Value<'v>; 4]]) -> Vec<Statement<'v>> {
    let rows = new.iter().map(|[at, lane, epoch, sequence]| [*at, *lane, *epoch, *sequence, RECORD.into()]);
    insertions("unsettled (at, lane, epoch, sequence, what)", &rows.collect::<Vec<_>>(), "")
}

/// Notes the decision on a case.
pub(super) fn decision(sql: &mut dyn Sql, key: &RecordKey, at: Millis) -> Result<(), StoreError> {
    let text = "INSERT INTO unsettled (at, lane, epoch, sequence, what) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING";
    sql.execute(text, values![at, &key.lane, &key.epoch, key.sequence, DECISION])?;
    Ok(())
}
