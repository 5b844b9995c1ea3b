//! Documents that an officer reported one by one, beside the lists that are imported whole.

use super::sql::values;
use super::{Millis, Store, StoreError};

impl Store {
    /// Lists a document as reported; a new kind replaces the one before.
    pub fn report_document(
        &self,
        issuing_state: &str,
        number: &str,
        kind: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO reported_documents (issuing_state, number, kind, reported) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (issuing_state, number) DO UPDATE SET kind = $3, reported = $4",
                values![issuing_state, number, kind, now],
            )?;
            Ok(())
        })
    }

    /// What is reported of a document.
    pub fn reported_document(&self, issuing_state: &str, number: &str) -> Result<Option<String>, StoreError> {
        let text = "SELECT kind FROM reported_documents WHERE issuing_state = $1 AND number = $2";
        self.read(|sql| {
            sql.first(text, values![issuing_state, number])?.map(|mut row| row.text()).transpose()
        })
    }
}
