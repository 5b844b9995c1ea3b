//! When the newest record of each lane came, found without counting or scanning any.

use super::sql::values;
use super::{Millis, Store, StoreError};

impl Store {
    /// Arrival of the newest record of each lane; lanes without a record are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub fn newest_arrivals(&self) -> Result<Vec<(String, Millis)>, StoreError> {
        let text = "SELECT name, (SELECT max(last) FROM lane_epochs e WHERE e.lane = l.name)
             FROM lanes l ORDER BY name";
        let mut found = Vec::new();
        for mut row in self.read(|sql| sql.query(text, values![]))? {
            let lane = row.text()?;
            found.extend(row.optional_number()?.map(|at| (lane, at)));
        }
        Ok(found)
    }
}
