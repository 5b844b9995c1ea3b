//! Which records of a lane's queue are stored, as receipts say it.

use super::sql::values;
use super::{Store, StoreError};
use crate::record::Received;

impl Store {
    /// The records of a lane's queue from a sequence on, in rising order, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub fn received(
        &self,
        lane: &str,
        epoch: &str,
        from: u64,
        most: usize,
    ) -> Result<Vec<Received>, StoreError> {
        let text = "SELECT sequence, sha256 FROM records
             WHERE lane = $1 AND epoch = $2 AND sequence >= $3 ORDER BY sequence LIMIT $4";
        let rows = self.read(|sql| sql.query(text, values![lane, epoch, from, most]))?;
        rows.into_iter().map(|mut row| Ok(Received { sequence: row.count()?, sha256: row.text()? })).collect()
    }
}
