//! Lists that are imported whole: generations, approval by a second person, and what is found by key.
//!
//! A generation is written in steps while nothing of it is in force, so that an import of millions of
//! entries never holds up a look-up. It comes into force by [`Store::approve_list`], at once and whole.
//! What an entry says is not the store's concern: it keeps a text, and the keys that lead to it.

use super::sql::{Sql, Value, values, word};
use super::{AuditEntry, Millis, Store, StoreError, audit};
use serde::{Deserialize, Serialize};

/// Entries that are written in one transaction: others that write wait for no more of an import than these.
pub const ENTRIES_AT_ONCE: usize = 100;
/// Rows that are written by one statement.
const ROWS_AT_ONCE: usize = 100;
/// Keys that one statement asks for.
const KEYS_AT_ONCE: usize = 64;

/// What the entries of a list are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// Documents reported lost, stolen or revoked.
    Documents,
    /// Persons on a watch list.
    Persons,
    /// Visas and travel authorisations.
    Permits,
    /// Travellers whom carriers announced.
    Arrivals,
    /// What nationalities need to travel.
    Rules,
}

/// An entry to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The source's name for it, once in a list.
    pub reference: String,
    /// What it says.
    pub body: String,
    /// What leads to it.
    pub keys: Vec<String>,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// Kind of its list.
    pub kind: ListKind,
    /// Its list.
    pub list: String,
    /// See [`NewEntry::reference`].
    pub reference: String,
    /// See [`NewEntry::body`].
    pub body: String,
}

/// What was found by keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Kinds of which at least one list is in force.
    pub in_force: Vec<ListKind>,
    /// Entries of lists in force, each once.
    pub entries: Vec<ListedEntry>,
    /// Kinds of which there are more entries than were wanted.
    pub cut: Vec<ListKind>,
}

/// A generation of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The list.
    pub list: String,
    /// Kind of the list.
    pub kind: ListKind,
    /// From 1.
    pub number: u64,
    /// SHA-256 of the file, hexadecimal.
    pub source: String,
    /// Entries; `None` while they are being written, or when that broke off.
    pub entries: Option<u64>,
    /// Who proposed it, when.
    pub proposed: (String, Millis),
    /// Who approved it, when.
    pub approved: Option<(String, Millis)>,
    /// Who rejected it, when.
    pub rejected: Option<(String, Millis)>,
    /// Whether it is in force.
    pub active: bool,
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The generation is in force.
    Done,
    /// Not approved: by the very person who proposed it.
    SamePerson,
    /// Not approved: its entries are not all written.
    Incomplete,
    /// Not approved: somebody rejected it.
    Rejected,
    /// There is no such generation.
    Missing,
}

impl Store {
    /// Begins a new generation of a list; gives its number. `None` when the list is of another kind.
    pub fn begin_list(
        &self,
        list: &str,
        kind: ListKind,
        source: &str,
        by: &str,
        now: Millis,
    ) -> Result<Option<u64>, StoreError> {
        let kind = word(&kind)?;
        self.write(|sql| {
            let text = "INSERT INTO lists (name, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            sql.execute(text, values![list, &kind])?;
            let text = format!("SELECT kind FROM lists WHERE name = $1{}", sql.hold());
            let known = sql.first(&text, values![list])?.map(|mut row| row.text()).transpose()?;
            if known.as_deref() != Some(kind.as_str()) {
                return Ok(None);
            }
            let text = "SELECT coalesce(max(generation), 0) FROM list_generations WHERE list = $1";
            let number = sql.counted(text, values![list])?.saturating_add(1);
            sql.execute(
                "INSERT INTO list_generations (list, generation, source, proposed_by, proposed_at)
                 VALUES ($1, $2, $3, $4, $5)",
                values![list, number, source, by, now],
            )?;
            Ok(Some(number))
        })
    }

    /// Writes entries of a generation that is not complete; at most [`ENTRIES_AT_ONCE`] at a time.
    pub fn add_entries(
        &self,
        list: &str,
        kind: ListKind,
        generation: u64,
        entries: &[NewEntry],
    ) -> Result<(), StoreError> {
        let kind = word(&kind)?;
        let entry_rows: Vec<[Value<'_>; 4]> = entries
            .iter()
            .map(|e| [list.into(), generation.into(), (&e.reference).into(), (&e.body).into()])
            .collect();
        let with_key = entries.iter().flat_map(|entry| entry.keys.iter().map(move |key| (entry, key)));
        let key_rows: Vec<[Value<'_>; 5]> = with_key
            .map(|(e, key)| {
                [(&kind).into(), key.into(), list.into(), generation.into(), (&e.reference).into()]
            })
            .collect();
        self.write(|sql| {
            insert_rows(sql, "list_entries (list, generation, reference, body)", &entry_rows)?;
            insert_rows(sql, "list_keys (kind, lookup, list, generation, reference)", &key_rows)
        })
    }

    /// All entries of a generation are written: it may be approved.
    pub fn end_list(
        &self,
        list: &str,
        generation: u64,
        entries: u64,
        by: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let (subject, detail) = (format!("{list} {generation}"), format!("{entries} entries"));
        self.write(|sql| {
            let text = "UPDATE list_generations SET entries = $3 WHERE list = $1 AND generation = $2";
            sql.execute(text, values![list, generation, entries])?;
            let act = AuditEntry { actor: by, act: "list.propose", subject: &subject, detail: &detail };
            audit::append(sql, act, now)
        })
    }

    /// Brings a generation into force, in place of the one before. Needs a second person. An earlier
    /// generation can be approved again: so a list goes back.
    pub fn approve_list(
        &self,
        list: &str,
        generation: u64,
        by: &str,
        now: Millis,
    ) -> Result<Approval, StoreError> {
        let subject = format!("{list} {generation}");
        self.write(|sql| {
            let text = format!(
                "SELECT proposed_by, entries, rejected_by FROM list_generations WHERE list = $1 AND generation = $2{}",
                sql.hold()
            );
            let found = sql.first(&text, values![list, generation])?;
            let Some(mut row) = found else { return Ok(Approval::Missing) };
            let (proposed_by, entries) = (row.text()?, row.optional_number()?);
            if row.optional_text()?.is_some() {
                return Ok(Approval::Rejected);
            }
            if entries.is_none() {
                return Ok(Approval::Incomplete);
            }
            if proposed_by == by {
                return Ok(Approval::SamePerson);
            }
            let text = "UPDATE list_generations SET approved_by = $3, approved_at = $4
                 WHERE list = $1 AND generation = $2";
            sql.execute(text, values![list, generation, by, now])?;
            sql.execute("UPDATE lists SET active = $2 WHERE name = $1", values![list, generation])?;
            let act = AuditEntry { actor: by, act: "list.approve", subject: &subject, detail: &proposed_by };
            audit::append(sql, act, now)?;
            Ok(Approval::Done)
        })
    }

    /// All generations, by list, newest first.
    pub fn list_generations(&self) -> Result<Vec<Generation>, StoreError> {
        let text = "SELECT g.list, l.kind, g.generation, g.source, g.entries, g.proposed_by, g.proposed_at,
                g.approved_by, g.approved_at, g.rejected_by, g.rejected_at, l.active
             FROM list_generations g JOIN lists l ON l.name = g.list ORDER BY g.list, g.generation DESC";
        self.read(|sql| {
            let rows = sql.query(text, values![])?;
            rows.into_iter()
                .map(|mut row| {
                    let (list, kind, number, source) = (row.text()?, row.word()?, row.count()?, row.text()?);
                    let entries = row.optional_number()?.and_then(|entries| u64::try_from(entries).ok());
                    let proposed = (row.text()?, row.number()?);
                    let approved = row.optional_text()?.zip(row.optional_number()?);
                    let rejected = row.optional_text()?.zip(row.optional_number()?);
                    let active = row.optional_number()?.and_then(|a| u64::try_from(a).ok()) == Some(number);
                    Ok(Generation {
                        list,
                        kind,
                        number,
                        source,
                        entries,
                        proposed,
                        approved,
                        rejected,
                        active,
                    })
                })
                .collect()
        })
    }

    /// Entries of lists in force that any of the keys leads to, at most so many of each kind.
    pub fn listed(&self, keys: &[(ListKind, Vec<String>)], most: usize) -> Result<Listed, StoreError> {
        self.read(|sql| {
            let mut listed = Listed::default();
            for mut row in sql.query("SELECT DISTINCT kind FROM lists WHERE active IS NOT NULL", values![])? {
                listed.in_force.push(row.word()?);
            }
            for (kind, keys) in keys.iter().filter(|(kind, _)| listed.in_force.contains(kind)) {
                let mut found = Vec::new();
                for some in keys.chunks(KEYS_AT_ONCE) {
                    found.extend(by_keys(sql, *kind, some, most + 1)?);
                    if found.len() > most {
                        break;
                    }
                }
                if found.len() > most {
                    listed.cut.push(*kind);
                }
                found.sort_by(|a, b| (&a.list, &a.reference).cmp(&(&b.list, &b.reference)));
                found.dedup();
                found.truncate(most);
                listed.entries.extend(found);
            }
            Ok(listed)
        })
    }
}

fn by_keys(
    sql: &mut dyn Sql,
    kind: ListKind,
    keys: &[String],
    most: usize,
) -> Result<Vec<ListedEntry>, StoreError> {
    // One form of the statement for every power of two, the rest filled up with the last key.
    let (kind_word, size) = (word(&kind)?, keys.len().next_power_of_two());
    let places: Vec<String> = (0..size).map(|at| format!("${}", at + 3)).collect();
    let text = format!(
        "SELECT DISTINCT e.list, e.reference, e.body
         FROM list_keys k JOIN lists l ON l.name = k.list AND l.active = k.generation
         JOIN list_entries e ON e.list = k.list AND e.generation = k.generation AND e.reference = k.reference
         WHERE k.kind = $1 AND k.lookup IN ({}) LIMIT $2",
        places.join(", ")
    );
    let Some(last) = keys.last() else { return Ok(Vec::new()) };
    let mut values = vec![Value::from(&kind_word), Value::from(most)];
    values.extend(keys.iter().map(Value::from));
    values.resize(size + 2, Value::from(last));
    let rows = sql.query(&text, &values)?;
    rows.into_iter()
        .map(|mut row| Ok(ListedEntry { kind, list: row.text()?, reference: row.text()?, body: row.text()? }))
        .collect()
}

/// Inserts rows, some at once. `into` is the table with its columns.
fn insert_rows<const COLUMNS: usize>(
    sql: &mut dyn Sql,
    into: &str,
    rows: &[[Value<'_>; COLUMNS]],
) -> Result<(), StoreError> {
    for some in rows.chunks(ROWS_AT_ONCE) {
        let row = |at: usize| -> String {
            let places: Vec<String> =
                (1..=COLUMNS).map(|place| format!("${}", at * COLUMNS + place)).collect();
            format!("({})", places.join(", "))
        };
        let all: Vec<String> = (0..some.len()).map(row).collect();
        // Two words of one name may sound alike: a key that is there already leads to the entry as well.
        let text = format!("INSERT INTO {into} VALUES {} ON CONFLICT DO NOTHING", all.join(", "));
        sql.execute(&text, some.as_flattened())?;
    }
    Ok(())
}
