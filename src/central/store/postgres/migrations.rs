//! The schema, as steps that only go forwards, each in a transaction of its own. A step that was ever
//! released is never edited. Numbers and contents go with those of the embedded engine.

use crate::central::store::StoreError;
use crate::central::store::sql::{Engine, Sql, values};

/// Each step raises the version by one.
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

/// The step before which [`lay_bodies`] is done.
const DAYS: i64 = 9;
/// The table of the records themselves, by their arrival.
const BODIES: &str = "CREATE TABLE bodies (received BIGINT NOT NULL, lane TEXT NOT NULL, epoch TEXT NOT NULL,
    sequence BIGINT NOT NULL, canonical TEXT NOT NULL, PRIMARY KEY (received, lane, epoch, sequence))";
/// The partition of days that have none of their own.
const OTHER_DAYS: &str = "CREATE TABLE bodies_other PARTITION OF bodies DEFAULT";

/// Where the version stands.
const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL)";

/// Brings the database to the newest version; refuses one that is newer than this software. Several
/// processes may do this at once: each step holds the version's row.
pub(super) fn migrate(engine: &dyn Engine) -> Result<(), StoreError> {
    engine.write(&mut |sql| sql.batch(VERSION_TABLE))?;
    engine.write(&mut |sql| {
        sql.execute("INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING", values![])?;
        Ok(())
    })?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    for (number, step) in (1_i64..).zip(STEPS) {
        engine.write(&mut |sql| {
            let found = version(sql)?;
            if found > known {
                return Err(StoreError::Newer { found, known });
            }
            if found >= number {
                return Ok(());
            }
            if number == DAYS {
                lay_bodies(sql)?;
            }
            sql.batch(step)?;
            sql.execute("UPDATE schema_version SET version = $1 WHERE one = 1", values![number])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// Makes the table of the records in partitions by day; in one piece where the database speaks PostgreSQL's
/// protocol and yet has no such partitions.
fn lay_bodies(sql: &mut dyn Sql) -> Result<(), StoreError> {
    sql.batch("SAVEPOINT days")?;
    let parted = sql.batch(&format!("{BODIES} PARTITION BY RANGE (received); {OTHER_DAYS}"));
    let Err(error) = parted else { return sql.batch("RELEASE SAVEPOINT days") };
    tracing::info!(%error, "this database does not part tables by day: records are kept in one");
    sql.batch("ROLLBACK TO SAVEPOINT days")?;
    sql.batch(BODIES)
}

fn version(sql: &mut dyn Sql) -> Result<i64, StoreError> {
    let text = format!("SELECT version FROM schema_version WHERE one = 1{}", sql.hold());
    let row = sql.first(&text, values![])?;
    row.ok_or_else(|| StoreError::Damaged("the schema has no version".to_owned()))?.number()
}
