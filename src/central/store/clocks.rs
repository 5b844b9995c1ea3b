//! How far the lanes' clocks are off.

use super::sql::values;
use super::{AlarmKind, Millis, Store, StoreError, alarms};

/// A lane's clock, as central measured it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneClock {
    /// Lane's name.
    pub lane: String,
    /// How far it is ahead of central's, milliseconds; below zero behind. The way of the call is in it.
    pub ahead: Millis,
    /// When it was measured.
    pub measured: Millis,
}

impl Store {
    /// Keeps what was measured; raises the alarm that `amiss` says, or calms it.
    pub fn clock_measured(
        &self,
        lane: &str,
        ahead: Millis,
        amiss: Option<&str>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO lane_clocks (lane, ahead, measured) VALUES ($1, $2, $3)
                 ON CONFLICT (lane) DO UPDATE SET ahead = $2, measured = $3",
                values![lane, ahead, now],
            )?;
            match amiss {
                Some(text) => alarms::raise(sql, lane, AlarmKind::Clock, "clock", text, now),
                None => alarms::calm(sql, lane, AlarmKind::Clock, "clock"),
            }
        })
    }

    /// All lanes' clocks that were measured.
    pub fn clocks(&self) -> Result<Vec<LaneClock>, StoreError> {
        self.read(|sql| {
            let rows = sql.query("SELECT lane, ahead, measured FROM lane_clocks ORDER BY lane", values![])?;
            rows.into_iter()
                .map(|mut row| {
                    Ok(LaneClock { lane: row.text()?, ahead: row.number()?, measured: row.number()? })
                })
                .collect()
        })
    }
}
