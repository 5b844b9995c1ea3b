//! The proof that pictures were deleted which no record names.

use super::{AuditEntry, Millis, Store, StoreError};
use sha2::{Digest, Sha256};

impl Store {
    /// Notes in the audit trail that these pictures are deleted, since no record that keeps pictures named them for so
    /// many days: how many, and the SHA-256 of their names in rising order, each with a line feed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_loose_pictures(&self, names: &[String], days: u16, now: Millis) -> Result<(), StoreError> {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let all: String = names.iter().map(|name| format!("{name}\n")).collect();
        let hash = hex::encode(Sha256::digest(all));
        let detail = format!("{} pictures that no record named for {days} days, names {hash}", names.len());
        let entry = AuditEntry { actor: "central", act: "pictures.sweep", subject: "", detail: &detail };
        self.audit(entry, now)
    }
}
