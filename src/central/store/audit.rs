//! The audit trail: lines chained by SHA-256, only ever appended.
//!
//! The head, one row beside the lines, says which line is the last. It is held while a line is appended,
//! so that two processes write one line after the other, and lines cut off at the end are missed.

use super::sql::{Row, Sql, storable, values};
use super::{Millis, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The `previous` of the first line.
const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest detail that is kept, bytes.
const DETAIL_MOST: usize = 2048;
/// Lines that are read at once when the whole chain is walked.
const WALK: usize = 1000;

/// One line of the audit trail; each is chained to the one before by SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// From 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// Who: an officer's name or `lane:NAME`.
    pub actor: String,
    /// What was done, from a fixed list of words.
    pub act: String,
    /// On what.
    pub subject: String,
    /// More about it.
    pub detail: String,
    /// Hash of the line before, hexadecimal.
    pub previous: String,
    /// Hash of this line, hexadecimal.
    pub sha256: String,
}

/// What to write into the audit trail.
#[derive(Debug, Clone, Copy)]
pub struct AuditEntry<'a> {
    /// See [`AuditLine::actor`].
    pub actor: &'a str,
    /// See [`AuditLine::act`].
    pub act: &'a str,
    /// See [`AuditLine::subject`].
    pub subject: &'a str,
    /// See [`AuditLine::detail`].
    pub detail: &'a str,
}

/// What is looked for in the audit trail. Empty texts fit every line.
#[derive(Debug, Clone, Default)]
pub struct AuditSearch {
    /// Who, whole.
    pub actor: String,
    /// What was done, or how its word begins.
    pub act: String,
    /// On what, any part of it.
    pub subject: String,
    /// Not before.
    pub from: Option<Millis>,
    /// Before.
    pub to: Option<Millis>,
    /// Only lines with a smaller number: the next page.
    pub before: Option<u64>,
    /// At most so many.
    pub most: usize,
}

/// A text that `LIKE` takes for itself, in lower case, escaped by `!`.
fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for letter in storable(text).to_lowercase().chars() {
        if matches!(letter, '!' | '%' | '_') {
            escaped.push('!');
        }
        escaped.push(letter);
    }
    escaped
}

impl Store {
    /// Writes a line into the audit trail.
    pub fn audit(&self, entry: AuditEntry<'_>, now: Millis) -> Result<(), StoreError> {
        self.write(|sql| append(sql, entry, now))
    }

    /// The newest lines, newest first, at most so many.
    pub fn audit_lines(&self, most: usize) -> Result<Vec<AuditLine>, StoreError> {
        let text = format!("{LINES} ORDER BY number DESC LIMIT $1");
        self.read(|sql| sql.query(&text, values![most])?.into_iter().map(line).collect())
    }

    /// Lines that fit a search, newest first.
    pub fn search_audit(&self, search: &AuditSearch) -> Result<Vec<AuditLine>, StoreError> {
        let text = format!(
            "{LINES} WHERE ($1 = '' OR lower(actor) = lower($1)) AND lower(act) LIKE $2 ESCAPE '!'
               AND lower(subject) LIKE $3 ESCAPE '!' AND at >= $4 AND at < $5 AND number < $6
             ORDER BY number DESC LIMIT $7"
        );
        let actor = storable(&search.actor);
        let act = format!("{}%", literal(&search.act));
        let subject = format!("%{}%", literal(&search.subject));
        let (from, to) = (search.from.unwrap_or(Millis::MIN), search.to.unwrap_or(Millis::MAX));
        let before = search.before.map_or(Millis::MAX, |number| i64::try_from(number).unwrap_or(Millis::MAX));
        let values = values![&actor, &act, &subject, from, to, before, search.most];
        self.read(|sql| sql.query(&text, values)?.into_iter().map(line).collect())
    }

    /// Number of the first line whose chain is broken, if any: altered, missing, or cut off at the end.
    pub fn audit_break(&self) -> Result<Option<u64>, StoreError> {
        let text = format!("{LINES} WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3");
        self.read(|sql| {
            // Lines that come while the walk goes on are beyond this head.
            let (last, head) = head(sql, "")?;
            let (mut number, mut previous) = (0, BEGIN.to_owned());
            loop {
                let found = sql.query(&text, values![number, last, WALK])?;
                let whole = found.len() == WALK;
                for row in found {
                    let line = line(row)?;
                    number += 1;
                    if line.number != number || line.previous != previous || line.sha256 != hash(&line)? {
                        return Ok(Some(number));
                    }
                    previous = line.sha256;
                }
                if !whole {
                    break;
                }
            }
            let missing = (number < last).then_some(number + 1);
            Ok(missing.or_else(|| (previous != head).then_some(last)))
        })
    }
}

/// Columns in the order of [`line`].
const LINES: &str = "SELECT number, at, actor, act, subject, detail, previous, sha256 FROM audit";

/// Appends a line in the transaction of what it tells. To be the last statement of its transaction:
/// until that ends, nobody else can append.
pub(super) fn append(sql: &mut dyn Sql, entry: AuditEntry<'_>, now: Millis) -> Result<(), StoreError> {
    let hold = sql.hold();
    let (number, previous) = head(sql, hold)?;
    let detail = entry.detail.get(..entry.detail.floor_char_boundary(DETAIL_MOST)).unwrap_or_default();
    let mut line = AuditLine {
        number: number.saturating_add(1),
        at: now,
        actor: storable(entry.actor),
        act: storable(entry.act),
        subject: storable(entry.subject),
        detail: storable(detail),
        previous,
        sha256: String::new(),
    };
    line.sha256 = hash(&line)?;
    sql.execute(
        "INSERT INTO audit (number, at, actor, act, subject, detail, previous, sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![
            line.number,
            line.at,
            &line.actor,
            &line.act,
            &line.subject,
            &line.detail,
            &line.previous,
            &line.sha256
        ],
    )?;
    let text = "UPDATE audit_head SET number = $1, sha256 = $2 WHERE one = 1";
    sql.execute(text, values![line.number, &line.sha256])?;
    Ok(())
}

/// Number and hash of the last line.
fn head(sql: &mut dyn Sql, hold: &str) -> Result<(u64, String), StoreError> {
    let row = sql.first(&format!("SELECT number, sha256 FROM audit_head WHERE one = 1{hold}"), values![])?;
    let mut row = row.ok_or_else(|| StoreError::Damaged("the audit trail has no head".to_owned()))?;
    Ok((row.count()?, row.text()?))
}

/// SHA-256 over the canonical JSON (RFC 8785) of the line with an empty hash.
fn hash(line: &AuditLine) -> Result<String, StoreError> {
    let open = AuditLine { sha256: String::new(), ..line.clone() };
    let canonical = serde_json_canonicalizer::to_vec(&open)
        .map_err(|e| StoreError::Damaged(format!("audit line: {e}")))?;
    Ok(hex::encode(Sha256::digest(canonical)))
}

fn line(mut row: Row) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        number: row.count()?,
        at: row.number()?,
        actor: row.text()?,
        act: row.text()?,
        subject: row.text()?,
        detail: row.text()?,
        previous: row.text()?,
        sha256: row.text()?,
    })
}
