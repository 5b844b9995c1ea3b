//! Snapshots of the lists for lanes, and what they are made of.

use super::sql::{Row, values, word};
use super::{ListKind, Millis, Store, StoreError};
use crate::record::{Signed, SnapshotHeader};

/// Snapshots that are kept: a lane with one of them needs only what changed since.
const KEPT: u64 = 32;

/// A snapshot as it stands in the store; its bytes are a content.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSnapshot {
    /// Rising.
    pub generation: u64,
    /// When the lists stood so.
    pub issued: Millis,
    /// The content.
    pub sha256: String,
    /// [`Store::lists_basis`] at that time.
    pub basis: String,
    /// As it travels.
    pub signed: Signed<SnapshotHeader>,
}

/// An entry of a list in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInForce {
    /// Its list.
    pub list: String,
    /// Its reference.
    pub reference: String,
    /// What it says.
    pub body: String,
    /// The first key that leads to it.
    pub key: String,
}

impl Store {
    /// What the lists in force and the documents that officers reported come to: changes whenever one of them does.
    pub fn lists_basis(&self) -> Result<String, StoreError> {
        self.read(|sql| {
            let mut basis = String::new();
            let text = "SELECT name, active FROM lists WHERE active IS NOT NULL ORDER BY name";
            for mut row in sql.query(text, values![])? {
                basis.push_str(&format!("{} {};", row.text()?, row.number()?));
            }
            let text = "SELECT count(*), coalesce(max(reported), 0) FROM reported_documents";
            if let Some(mut row) = sql.first(text, values![])? {
                basis.push_str(&format!("{} {}", row.number()?, row.number()?));
            }
            Ok(basis)
        })
    }

    /// Kinds of which at least one list is in force.
    pub fn kinds_in_force(&self) -> Result<Vec<ListKind>, StoreError> {
        let text = "SELECT DISTINCT kind FROM lists WHERE active IS NOT NULL";
        self.read(|sql| sql.query(text, values![])?.into_iter().map(|mut row| row.word()).collect())
    }

    /// Entries of a kind in force, by list and reference from behind `after`, at most so many.
    pub fn entries_in_force(
        &self,
        kind: ListKind,
        after: (&str, &str),
        most: usize,
    ) -> Result<Vec<EntryInForce>, StoreError> {
        let kind = word(&kind)?;
        self.read(|sql| {
            let text = "SELECT name, active FROM lists
                 WHERE kind = $1 AND active IS NOT NULL AND name >= $2 ORDER BY name";
            let mut found: Vec<EntryInForce> = Vec::new();
            for mut row in sql.query(text, values![&kind, after.0])? {
                let (list, generation) = (row.text()?, row.count()?);
                // List by list, so that each step begins in the index where the one before it ended.
                let behind = if list == after.0 { after.1 } else { "" };
                let text = "SELECT e.reference, e.body, coalesce((SELECT min(k.lookup) FROM list_keys k
                         WHERE k.kind = $1 AND k.list = $2 AND k.generation = $3
                         AND k.reference = e.reference), '')
                     FROM list_entries e WHERE e.list = $2 AND e.generation = $3 AND e.reference > $4
                     ORDER BY e.reference LIMIT $5";
                let values = values![&kind, &list, generation, behind, most.saturating_sub(found.len())];
                for mut row in sql.query(text, values)? {
                    let (reference, body, key) = (row.text()?, row.text()?, row.text()?);
                    found.push(EntryInForce { list: list.clone(), reference, body, key });
                }
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// Documents that officers reported (issuing state, number, kind), from behind `after`, at most so many.
    pub fn reported_documents(
        &self,
        after: (&str, &str),
        most: usize,
    ) -> Result<Vec<(String, String, String)>, StoreError> {
        let text = "SELECT issuing_state, number, kind FROM reported_documents
             WHERE (issuing_state, number) > ($1, $2) ORDER BY issuing_state, number LIMIT $3";
        self.read(|sql| {
            let rows = sql.query(text, values![after.0, after.1, most])?;
            rows.into_iter().map(|mut row| Ok((row.text()?, row.text()?, row.text()?))).collect()
        })
    }

    /// The newest snapshot.
    pub fn newest_snapshot(&self) -> Result<Option<StoredSnapshot>, StoreError> {
        let text = "SELECT generation, issued, sha256, basis, canonical, signature FROM snapshots
             ORDER BY generation DESC LIMIT 1";
        self.read(|sql| sql.first(text, values![])?.map(snapshot_of).transpose())
    }

    /// Keeps a snapshot whose content is stored, and drops the oldest. `false` when another process was quicker.
    pub fn add_snapshot(&self, new: &StoredSnapshot) -> Result<bool, StoreError> {
        let (added, dropped) = self.write(|sql| {
            let added = sql.execute(
                "INSERT INTO snapshots (generation, issued, sha256, basis, canonical, signature)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                values![
                    new.generation,
                    new.issued,
                    &new.sha256,
                    &new.basis,
                    &new.signed.canonical,
                    &new.signed.signature
                ],
            )?;
            let first_kept = new.generation.saturating_sub(KEPT);
            let text = "SELECT DISTINCT sha256 FROM snapshots o WHERE generation < $1
                 AND NOT EXISTS (SELECT 1 FROM snapshots n WHERE n.sha256 = o.sha256 AND n.generation >= $1)";
            let dropped = sql.query(text, values![first_kept])?;
            let dropped = dropped.into_iter().map(|mut row| row.text()).collect::<Result<Vec<_>, _>>()?;
            sql.execute("DELETE FROM snapshots WHERE generation < $1", values![first_kept])?;
            Ok((added == 1, dropped))
        })?;
        for sha256 in dropped {
            self.drop_content(&sha256)?;
        }
        Ok(added)
    }
}

fn snapshot_of(mut row: Row) -> Result<StoredSnapshot, StoreError> {
    Ok(StoredSnapshot {
        generation: row.count()?,
        issued: row.number()?,
        sha256: row.text()?,
        basis: row.text()?,
        signed: Signed::from_parts(row.text()?, row.text()?),
    })
}
