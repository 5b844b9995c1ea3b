//! What lanes tell of themselves: bounded for each lane, the oldest go.

use super::sql::{storable, values};
use super::{Millis, Store, StoreError};
use crate::record::wire::{Telemetry, TelemetryBatch};

/// Entries that are kept of each lane.
const KEPT_MOST: usize = 2_000;

/// An entry that a lane sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTelemetry {
    /// Lane's name.
    pub lane: String,
    /// As sent; texts hold no zero characters.
    pub entry: Telemetry,
    /// When it came.
    pub received: Millis,
}

impl Store {
    /// Keeps entries of one lane; those that are there already are left as they are.
    pub fn keep_telemetry(&self, lane: &str, batch: &TelemetryBatch, now: Millis) -> Result<(), StoreError> {
        self.write(|sql| {
            for entry in &batch.entries {
                let (kind, text) = (storable(&entry.kind), storable(&entry.text));
                sql.execute(
                    "INSERT INTO telemetry (lane, epoch, number, at, kind, text, received)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                    values![lane, &batch.epoch, entry.number, entry.at, &kind, &text, now],
                )?;
            }
            // As many as came at once may stay beyond the bound.
            sql.execute(
                "DELETE FROM telemetry WHERE lane = $1 AND received <
                   (SELECT received FROM telemetry WHERE lane = $1 ORDER BY received DESC LIMIT 1 OFFSET $2)",
                values![lane, KEPT_MOST],
            )?;
            Ok(())
        })
    }

    /// What a lane told last, newest first, at most so many.
    pub fn telemetry(&self, lane: &str, most: usize) -> Result<Vec<StoredTelemetry>, StoreError> {
        let text = "SELECT number, at, kind, text, received FROM telemetry WHERE lane = $1
             ORDER BY received DESC, number DESC LIMIT $2";
        self.read(|sql| {
            let rows = sql.query(text, values![lane, most])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(StoredTelemetry {
                        lane: lane.to_owned(),
                        entry: Telemetry {
                            number: row.count()?,
                            at: row.number()?,
                            kind: row.text()?,
                            text: row.text()?,
                        },
                        received: row.number()?,
                    })
                })
                .collect()
        })
    }
}
