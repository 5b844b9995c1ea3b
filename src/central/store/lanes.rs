//! Lanes that may report.

use super::sql::{Row, values};
use super::{Millis, Store, StoreError};

/// A lane that may report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name, as in its certificate.
    pub name: String,
    /// Ed25519 public key of its records, hexadecimal.
    pub record_key: String,
    /// Whether it may not report any more.
    pub revoked: bool,
}

/// A lane with what was heard from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneOverview {
    /// The lane.
    pub lane: Lane,
    /// Records stored.
    pub records: u64,
    /// When the last record arrived.
    pub last_record: Option<Millis>,
    /// Open cases.
    pub open_cases: u64,
}

impl Store {
    /// A lane by name.
    pub fn lane(&self, name: &str) -> Result<Option<Lane>, StoreError> {
        self.read(|sql| {
            let row =
                sql.first("SELECT name, record_key, revoked FROM lanes WHERE name = $1", values![name])?;
            row.map(|mut row| lane_of(&mut row)).transpose()
        })
    }

    /// Adds a lane; one that is there is left as it is.
    pub fn add_lane(&self, name: &str, record_key: &str, now: Millis) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO lanes (name, record_key, enrolled) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                values![name, record_key, now],
            )?;
            Ok(())
        })
    }

    /// From now on nothing of this lane is accepted. Gives whether there was such a lane.
    pub fn revoke_lane(&self, name: &str, now: Millis) -> Result<bool, StoreError> {
        self.write(|sql| {
            let text = "UPDATE lanes SET revoked = coalesce(revoked, $2) WHERE name = $1";
            Ok(sql.execute(text, values![name, now])? == 1)
        })
    }

    /// All lanes.
    pub fn lanes(&self) -> Result<Vec<LaneOverview>, StoreError> {
        let text = "SELECT name, record_key, revoked,
                (SELECT CAST(coalesce(sum(records), 0) AS BIGINT) FROM lane_epochs e WHERE e.lane = l.name),
                (SELECT max(last) FROM lane_epochs e WHERE e.lane = l.name),
                (SELECT count(*) FROM cases c WHERE c.lane = l.name AND c.decision IS NULL)
             FROM lanes l ORDER BY name";
        self.read(|sql| {
            let rows = sql.query(text, values![])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(LaneOverview {
                        lane: lane_of(&mut row)?,
                        records: row.count()?,
                        last_record: row.optional_number()?,
                        open_cases: row.count()?,
                    })
                })
                .collect()
        })
    }
}

fn lane_of(row: &mut Row) -> Result<Lane, StoreError> {
    Ok(Lane { name: row.text()?, record_key: row.text()?, revoked: row.optional_number()?.is_some() })
}
