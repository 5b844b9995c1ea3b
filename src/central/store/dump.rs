//! The whole database as text, the same for every engine, and back: for backups, and to move from one
//! engine to another.
//!
//! One JSON value a line: `{"table": …, "columns": […]}`, then its rows as arrays in the order of the
//! primary key; at last `{"rows": n}`, without which a dump is not whole. The dump is the database as it
//! was at one moment, while writes go on. Sessions are left out: none comes back to life.

use super::sql::{Cell, Row, Sql, Value, places, rows_of_places};
use super::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Rows that are written by one statement.
const ROWS_AT_ONCE: usize = 50;
/// Longest line that is read, bytes: a record with its signature fits many times.
const LINE_MOST: u64 = 8 << 20;
/// Tables that are not dumped: what is about sessions, and what an engine needs for itself.
const LEFT_OUT: [&str; 2] = ["sessions", "schema_version"];

/// A table as its engine describes it.
#[derive(Debug, Default)]
struct Table {
    /// Names, and whether it holds numbers.
    columns: Vec<(String, bool)>,
    /// Names in the order of the primary key.
    key: Vec<(u64, String)>,
}

impl Table {
    /// The column's places in the primary key's order.
    fn key_places(&self) -> Vec<usize> {
        let place = |name: &String| self.columns.iter().position(|(column, _)| column == name);
        self.key.iter().filter_map(|(_, name)| place(name)).collect()
    }
}

/// What a line says that is no row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Mark {
    Table { table: String, columns: Vec<String> },
    End { rows: u64 },
}

/// A row's cell as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Field {
    Number(i64),
    Text(String),
    Absent(()),
}

impl<'a> From<&'a Field> for Value<'a> {
    fn from(field: &'a Field) -> Self {
        match field {
            Field::Number(number) => Value::Number(*number),
            Field::Text(text) => Value::Text(text),
            Field::Absent(()) => Value::Absent,
        }
    }
}

impl Store {
    /// Writes the database as it is at one moment into `open`'s file, which is opened anew when the
    /// database asks for another try. Gives how many rows.
    ///
    /// # Errors
    /// When the database or the file fails.
    pub fn dump<W: Write>(&self, mut open: impl FnMut() -> std::io::Result<W>) -> Result<u64, StoreError> {
        self.read(|sql| {
            sql.freeze()?;
            let (mut into, mut rows) = (open()?, 0);
            for (name, table) in tables(sql)? {
                rows += dump_table(sql, &name, &table, &mut into)?;
            }
            line(&mut into, &Mark::End { rows })?;
            into.flush()?;
            Ok(rows)
        })
    }

    /// Fills an empty database from a dump, all of it or nothing.
    ///
    /// # Errors
    /// When there is data already, the dump is not whole or not of this version, or the database fails.
    pub fn load<R: BufRead>(&self, mut open: impl FnMut() -> std::io::Result<R>) -> Result<u64, StoreError> {
        self.write(|sql| {
            let tables = tables(sql)?;
            for name in ["records", "users", "audit", "lanes", "lists"] {
                if sql.counted(&format!("SELECT count(*) FROM {name}"), &[])? > 0 {
                    return Err(StoreError::NotEmpty);
                }
            }
            load(sql, &tables, &mut open()?)
        })
    }
}

fn tables(sql: &mut dyn Sql) -> Result<BTreeMap<String, Table>, StoreError> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let text = sql.shape();
    for mut row in sql.query(text, &[])? {
        let (name, column, kind) = (row.text()?, row.text()?, row.text()?);
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let place = row.count()?;
        let table = tables.entry(name).or_default();
        if place > 0 {
            table.key.push((place, column.clone()));
        }
        table.columns.push((column, !kind.eq_ignore_ascii_case("text")));
    }
    tables.values_mut().for_each(|table| table.key.sort());
    Ok(tables)
}

/// Names as statements take them: some are words of the language.
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("\"{name}\"")).collect();
    names.join(", ")
}

fn dump_table(sql: &mut dyn Sql, name: &str, table: &Table, into: &mut dyn Write) -> Result<u64, StoreError> {
    let columns: Vec<String> = table.columns.iter().map(|(column, _)| column.clone()).collect();
    line(into, &Mark::Table { table: name.to_owned(), columns })?;
    let key = quoted(table.key.iter().map(|(_, column)| column.as_str()));
    let columns = quoted(table.columns.iter().map(|(column, _)| column.as_str()));
    let (of_key, mut rows) = (table.key_places(), 0);
    let mut last: Option<Vec<Field>> = None;
    loop {
        let page = match &last {
            None => sql.query(&format!("SELECT {columns} FROM {name} ORDER BY {key} LIMIT {PAGE}"), &[])?,
            Some(last) => {
                let after = places(1, of_key.len());
                let text = format!(
                    "SELECT {columns} FROM {name} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT {PAGE}"
                );
                let values: Vec<Value<'_>> =
                    of_key.iter().filter_map(|place| last.get(*place)).map(Value::from).collect();
                sql.query(&text, &values)?
            }
        };
        let whole = page.len() == PAGE;
        for row in page {
            let fields: Vec<Field> = Row::into_cells(row).map(field).collect();
            line(into, &fields)?;
            rows += 1;
            last = Some(fields);
        }
        if !whole {
            return Ok(rows);
        }
    }
}

fn field(cell: Cell) -> Field {
    match cell {
        Cell::Absent => Field::Absent(()),
        Cell::Number(number) => Field::Number(number),
        Cell::Text(text) => Field::Text(text),
    }
}

fn line(into: &mut dyn Write, value: &impl Serialize) -> Result<(), StoreError> {
    let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
    Ok(writeln!(into, "{text}")?)
}

/// A table that is being filled: its insertion up to the values, and rows that wait.
struct Filling<'t> {
    table: &'t Table,
    into: String,
    columns: Vec<bool>,
    waiting: Vec<Vec<Field>>,
}

impl Filling<'_> {
    /// Writes the rows that wait.
    fn write(&mut self, sql: &mut dyn Sql) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = rows_of_places(self.columns.len(), self.waiting.len());
        let values: Vec<Value<'_>> = self.waiting.iter().flatten().map(Value::from).collect();
        sql.execute(&format!("{} VALUES {rows}", self.into), &values)?;
        self.waiting.clear();
        Ok(())
    }

    /// Takes a row in, of the kinds that its columns have.
    fn take(&mut self, row: Vec<Field>) -> Result<(), StoreError> {
        let fits = |(field, number): (&Field, &bool)| match field {
            Field::Absent(()) => true,
            Field::Number(_) => *number,
            Field::Text(_) => !*number,
        };
        if row.len() != self.columns.len() || !row.iter().zip(&self.columns).all(fits) {
            let columns = self.table.columns.len();
            return Err(StoreError::Damaged(format!("a row of the dump does not fit its {columns} columns")));
        }
        self.waiting.push(row);
        Ok(())
    }
}

fn load(
    sql: &mut dyn Sql,
    tables: &BTreeMap<String, Table>,
    from: &mut dyn BufRead,
) -> Result<u64, StoreError> {
    let (mut rows, mut filling): (u64, Option<Filling<'_>>) = (0, None);
    loop {
        let mut text = Vec::new();
        let read = Read::take(&mut *from, LINE_MOST).read_until(b'\n', &mut text)?;
        if read == 0 || text.last() != Some(&b'\n') {
            return Err(StoreError::Damaged("the dump ends amid, or a line is too long".to_owned()));
        }
        let wrong = |error: serde_json::Error| StoreError::Damaged(format!("line of the dump: {error}"));
        if text.first() == Some(&b'[') {
            let of =
                filling.as_mut().ok_or_else(|| StoreError::Damaged("a row before a table".to_owned()))?;
            of.take(serde_json::from_slice(&text).map_err(wrong)?)?;
            rows += 1;
            if of.waiting.len() == ROWS_AT_ONCE {
                of.write(sql)?;
            }
            continue;
        }
        if let Some(before) = &mut filling {
            before.write(sql)?;
        }
        match serde_json::from_slice(&text).map_err(wrong)? {
            Mark::End { rows: said } if said == rows => return Ok(rows),
            Mark::End { rows: said } => {
                return Err(StoreError::Damaged(format!("the dump says {said} rows and has {rows}")));
            }
            Mark::Table { table, columns } => filling = Some(fill(sql, tables, &table, &columns)?),
        }
    }
}

/// Begins to fill a table; only tables and columns that there are.
fn fill<'t>(
    sql: &mut dyn Sql,
    tables: &'t BTreeMap<String, Table>,
    name: &str,
    columns: &[String],
) -> Result<Filling<'t>, StoreError> {
    let unknown = |what: &str| StoreError::Damaged(format!("the dump has {what}, which there is not"));
    let (name, table) = tables.get_key_value(name).ok_or_else(|| unknown("a table"))?;
    let kind = |column: &String| {
        let known = table.columns.iter().find(|(known, _)| known == column);
        known.map(|(_, number)| *number).ok_or_else(|| unknown("a column"))
    };
    let kinds = columns.iter().map(kind).collect::<Result<_, _>>()?;
    // What the schema itself has put there comes with the dump.
    sql.execute(&format!("DELETE FROM {name}"), &[])?;
    let into = format!("INSERT INTO {name} ({})", quoted(columns.iter().map(String::as_str)));
    Ok(Filling { table, into, columns: kinds, waiting: Vec::new() })
}
