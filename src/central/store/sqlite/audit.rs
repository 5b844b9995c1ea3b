//! The audit trail: lines chained by SHA-256, only ever appended.

use super::*;
use sha2::{Digest, Sha256};

/// The `previous` of the first line.
const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest detail that is kept, bytes.
const DETAIL_MOST: usize = 2048;

/// Appends a line in the transaction of what it tells.
pub(super) fn append(tx: &Transaction<'_>, entry: AuditEntry<'_>, now: Millis) -> Result<(), StoreError> {
    let last: Option<(i64, String)> = tx
        .query_row("SELECT number, sha256 FROM audit ORDER BY number DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (number, previous) = last.unwrap_or((0, BEGIN.to_owned()));
    let detail = entry.detail.get(..entry.detail.floor_char_boundary(DETAIL_MOST)).unwrap_or_default();
    let mut line = AuditLine {
        number: count(number).saturating_add(1),
        at: now,
        actor: entry.actor.to_owned(),
        act: entry.act.to_owned(),
        subject: entry.subject.to_owned(),
        detail: detail.to_owned(),
        previous,
        sha256: String::new(),
    };
    line.sha256 = hash(&line)?;
    tx.execute(
        "INSERT INTO audit (number, at, actor, act, subject, detail, previous, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            whole(line.number),
            line.at,
            line.actor,
            line.act,
            line.subject,
            line.detail,
            line.previous,
            line.sha256
        ],
    )?;
    Ok(())
}

pub(super) fn lines(connection: &Connection, most: usize) -> Result<Vec<AuditLine>, StoreError> {
    let mut query = connection.prepare_cached("SELECT * FROM audit ORDER BY number DESC LIMIT ?1")?;
    let rows = query.query_map([whole(most)], line)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Walks the whole chain.
pub(super) fn first_break(connection: &Connection) -> Result<Option<u64>, StoreError> {
    let mut query = connection.prepare("SELECT * FROM audit ORDER BY number")?;
    let mut previous = BEGIN.to_owned();
    for (expected, found) in (1_u64..).zip(query.query_map([], line)?) {
        let found = found?;
        if found.number != expected || found.previous != previous || found.sha256 != hash(&found)? {
            return Ok(Some(expected));
        }
        previous = found.sha256;
    }
    Ok(None)
}

/// SHA-256 over the canonical JSON (RFC 8785) of the line with an empty hash.
fn hash(line: &AuditLine) -> Result<String, StoreError> {
    let open = AuditLine { sha256: String::new(), ..line.clone() };
    let canonical = serde_json_canonicalizer::to_vec(&open)
        .map_err(|e| StoreError::Damaged(format!("audit line: {e}")))?;
    Ok(hex::encode(Sha256::digest(canonical)))
}

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditLine> {
    Ok(AuditLine {
        number: count(row.get("number")?),
        at: row.get("at")?,
        actor: row.get("actor")?,
        act: row.get("act")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
        previous: row.get("previous")?,
        sha256: row.get("sha256")?,
    })
}
