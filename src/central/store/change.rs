//! Whether anything changed that a page shows, whichever process changed it and whoever missed its hint.
//!
//! It is seen in what is stored, not in a counter: a row that every change raises would be one that all writers
//! wait for. Each statement asks an index or a table of few rows, so that it can be asked every few seconds.

use super::sql::{Cell, values};
use super::{Store, StoreError};

/// What differs from another when something changed in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<Cell>);

/// What pages show, and how it is told that it changed.
const SHOWN: [&str; 10] = [
    "SELECT max(last) FROM lane_epochs",
    // Each act of an officer raises the version of an open case; escalation marks it.
    "SELECT count(*), CAST(sum(version) AS BIGINT), CAST(sum(opened) AS BIGINT), count(escalated)
     FROM cases WHERE decision IS NULL",
    "SELECT max(decided_at) FROM cases WHERE decision IS NOT NULL",
    "SELECT count(*), CAST(sum(count) AS BIGINT), CAST(sum(last) AS BIGINT) FROM alarms WHERE seen_by IS NULL",
    "SELECT count(*), max(seen_at) FROM alarms WHERE seen_by IS NOT NULL",
    // Lanes, and what they said last that was new.
    "SELECT count(*), CAST(sum(revoked) AS BIGINT),
        (SELECT CAST(sum(changed) AS BIGINT) FROM lane_states) FROM lanes",
    // A command given, and one that is not on its way any more.
    "SELECT max(issued), (SELECT count(*) FROM commands WHERE state = 'given') FROM commands",
    // Of lists and releases there are few.
    "SELECT count(*), CAST(sum(entries) AS BIGINT), CAST(sum(approved_at) AS BIGINT),
        CAST(sum(rejected_at) AS BIGINT), (SELECT CAST(sum(active) AS BIGINT) FROM lists) FROM list_generations",
    "SELECT generation, approved_at, state, stage FROM releases ORDER BY generation DESC LIMIT 100",
    "SELECT count(*), CAST(sum(generation) AS BIGINT), CAST(sum(tried) AS BIGINT), count(failure)
     FROM lane_releases",
];

impl Store {
    /// Another value whenever something changed that a page shows, whichever process changed it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn fingerprint(&self) -> Result<Fingerprint, StoreError> {
        self.read(|sql| {
            let mut cells = Vec::new();
            for text in SHOWN {
                cells.extend(sql.query(text, values![])?.into_iter().flat_map(|row| row.into_cells()));
            }
            Ok(Fingerprint(cells))
        })
    }
}
