//! The schema, as steps that only go forwards. A step that was ever released is never edited.

use crate::central::store::StoreError;
use rusqlite::Connection;

/// Each step raises `user_version` by one.
const STEPS: [&str; 11] = [
    include_str!("001-first.sql"),
    include_str!("002-audit-head.sql"),
    include_str!("003-lists.sql"),
    include_str!("004-retention.sql"),
    include_str!("005-link.sql"),
    include_str!("006-statistics.sql"),
    include_str!("007-console.sql"),
    include_str!("008-ingest.sql"),
    include_str!("009-days.sql"),
    include_str!("010-carried.sql"),
    include_str!("011-change.sql"),
];

/// Brings the database to the newest version; refuses one that is newer than this software.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, step) in (1_i64..).zip(STEPS).filter(|(number, _)| *number > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
