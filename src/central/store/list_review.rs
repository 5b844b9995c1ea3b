//! What a second person looks at before a list comes into force: how a generation differs from the one that
//! is; and the rejection of one.

use super::sql::{Row, Sql, Value, values};
use super::{Approval, AuditEntry, ListKind, Millis, Store, StoreError, audit};

/// How a generation of a list differs from the one in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListDiff {
    /// The generation in force, when there is one.
    pub against: Option<u64>,
    /// Entries that come.
    pub added: u64,
    /// Entries that go.
    pub removed: u64,
    /// Entries that say something else.
    pub changed: u64,
    /// The first of them, by reference.
    pub shown: Vec<ListChange>,
}

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListChange {
    /// The source's name for it.
    pub reference: String,
    /// What it says now, behind the document that it is about; none when it comes.
    pub before: Option<String>,
    /// What it will say; none when it goes.
    pub after: Option<String>,
}

/// Entries of the new generation beside those in force.
const COMING: &str = "FROM list_entries n LEFT JOIN list_entries o
       ON o.list = n.list AND o.generation = $2 AND o.reference = n.reference
     WHERE n.list = $1 AND n.generation = $3";
/// Entries in force that the new generation lacks.
const GOING: &str = "FROM list_entries o LEFT JOIN list_entries n
       ON n.list = o.list AND n.generation = $3 AND n.reference = o.reference
     WHERE o.list = $1 AND o.generation = $2 AND n.reference IS NULL";

/// Beside [`COMING`]: entries that are in force and will say something else, or the same of something else.
const CHANGING: &str = "AND o.reference IS NOT NULL AND (o.body <> n.body OR EXISTS (
       SELECT 1 FROM list_keys k WHERE k.list = n.list AND k.generation = n.generation
         AND k.reference = n.reference AND NOT EXISTS (
           SELECT 1 FROM list_keys p WHERE p.kind = k.kind AND p.lookup = k.lookup AND p.list = k.list
             AND p.generation = $2 AND p.reference = k.reference)))";

impl Store {
    /// How a generation differs from the one in force; at most so many entries of each kind are shown.
    /// `None` when there is no such list.
    pub fn list_diff(
        &self,
        list: &str,
        generation: u64,
        most: usize,
    ) -> Result<Option<ListDiff>, StoreError> {
        self.read(|sql| {
            let text = "SELECT l.active, l.kind FROM lists l JOIN list_generations g ON g.list = l.name
                 WHERE l.name = $1 AND g.generation = $2";
            let Some(mut row) = sql.first(text, values![list, generation])? else { return Ok(None) };
            let active = row.optional_number()?.and_then(|active| u64::try_from(active).ok());
            let kind: ListKind = row.word()?;
            // No generation has the number 0: against none, everything comes.
            let both: &[Value<'_>] = values![list, active.unwrap_or(0), generation];
            let mut count =
                |rest: &str, and: &str| sql.counted(&format!("SELECT count(*) {rest} {and}"), both);
            let mut diff = ListDiff {
                against: active,
                added: count(COMING, "AND o.reference IS NULL")?,
                removed: count(GOING, "")?,
                changed: count(COMING, CHANGING)?,
                shown: Vec::new(),
            };
            for (rest, and) in [(COMING, "AND o.reference IS NULL"), (GOING, ""), (COMING, CHANGING)] {
                diff.shown.extend(changes(sql, kind, both, rest, and, most)?);
            }
            diff.shown.sort_by(|a, b| a.reference.cmp(&b.reference));
            Ok(Some(diff))
        })
    }

    /// Rejects a generation that is not in force: it never can be approved. Whoever proposed it may do so, too.
    pub fn reject_list(
        &self,
        list: &str,
        generation: u64,
        by: &str,
        now: Millis,
    ) -> Result<Approval, StoreError> {
        let subject = format!("{list} {generation}");
        self.write(|sql| {
            let rejected = sql.execute(
                "UPDATE list_generations SET rejected_by = $3, rejected_at = $4
                 WHERE list = $1 AND generation = $2 AND approved_by IS NULL AND rejected_by IS NULL",
                values![list, generation, by, now],
            )?;
            if rejected == 0 {
                return Ok(Approval::Missing);
            }
            let act = AuditEntry { actor: by, act: "list.reject", subject: &subject, detail: "" };
            audit::append(sql, act, now)?;
            Ok(Approval::Done)
        })
    }
}

fn changes(
    sql: &mut dyn Sql,
    kind: ListKind,
    both: &[Value<'_>],
    rest: &str,
    and: &str,
    most: usize,
) -> Result<Vec<ListChange>, StoreError> {
    // What an entry is about is said by its key, save for persons, whose keys are for finding alone.
    let key = |of: &str| match kind {
        ListKind::Persons => "NULL".to_owned(),
        _ => format!(
            "(SELECT min(k.lookup) FROM list_keys k
               WHERE k.list = {of}.list AND k.generation = {of}.generation AND k.reference = {of}.reference)"
        ),
    };
    let text = format!(
        "SELECT coalesce(n.reference, o.reference), CAST({} AS TEXT), o.body, CAST({} AS TEXT), n.body
         {rest} {and} ORDER BY 1 LIMIT $4",
        key("o"),
        key("n")
    );
    let mut values = both.to_vec();
    values.push(Value::from(most));
    let rows = sql.query(&text, &values)?;
    rows.into_iter()
        .map(|mut row| {
            Ok(ListChange { reference: row.text()?, before: said(&mut row)?, after: said(&mut row)? })
        })
        .collect()
}

/// Key and body, next in the row.
fn said(row: &mut Row) -> Result<Option<String>, StoreError> {
    Ok(match (row.optional_text()?, row.optional_text()?) {
        (Some(key), Some(body)) => Some(format!("{key} {body}")),
        (_, body) => body,
    })
}
