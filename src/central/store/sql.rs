//! What the store asks of a database: statements inside a transaction. All of the store's own sense is
//! written once on top of this, in SQL that both engines understand.
//!
//! Statements name their values `$1`, `$2`, …; values and columns are texts and 64-bit numbers, or absent.

use super::{Millis, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that goes into a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Absent,
    Number(i64),
    Text(&'a str),
}

/// A column's value that came out of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Absent,
    Number(i64),
    Text(String),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(text)
    }
}

impl From<Millis> for Value<'_> {
    fn from(number: Millis) -> Self {
        Value::Number(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Absent, Into::into)
    }
}

/// The values of a statement, each of any type that a [`Value`] can be made from.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::central::store::sql::Value::from($value)),*] };
}
pub(super) use values;

/// A row, read column by column from the first.
#[derive(Debug)]
pub(super) struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        Row(cells.into_iter())
    }

    /// All columns that were not read yet.
    pub(super) fn into_cells(self) -> impl Iterator<Item = Cell> {
        self.0
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| StoreError::Damaged("a text is missing".to_owned()))
    }

    pub(super) fn number(&mut self) -> Result<i64, StoreError> {
        self.optional_number()?.ok_or_else(|| StoreError::Damaged("a number is missing".to_owned()))
    }

    /// A number that counts: none below zero is stored.
    pub(super) fn count(&mut self) -> Result<u64, StoreError> {
        let number = self.number()?;
        u64::try_from(number).map_err(|_| StoreError::Damaged(format!("{number} is no count")))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Absent) => Ok(None),
            other => Err(StoreError::Damaged(format!("{other:?} is no text"))),
        }
    }

    pub(super) fn optional_number(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Cell::Number(number)) => Ok(Some(number)),
            Some(Cell::Absent) => Ok(None),
            other => Err(StoreError::Damaged(format!("{other:?} is no number"))),
        }
    }

    /// A stored word.
    pub(super) fn word<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        unword(&self.text()?)
    }
}

/// A transaction, or for reading a connection, of one of the engines.
pub(super) trait Sql {
    /// Runs a statement; gives how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Runs statements of which none needs what another did, one after the other, without waiting in between where
    /// the database is far.
    fn execute_all(&mut self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        statements.iter().try_for_each(|(sql, values)| self.execute(sql, values).map(drop))
    }
    /// Runs a statement and gives its rows, all of them: statements bound their number.
    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;
    /// Runs statements without values, as migrations have them.
    fn batch(&mut self, sql: &str) -> Result<(), StoreError>;
    /// What is put at the end of a `SELECT` so that its rows stay as they are until the transaction
    /// ends. Empty where a transaction is alone anyway.
    fn hold(&self) -> &'static str;
    /// A statement that gives each column of each table: table, column, type, and its place in the primary
    /// key from 1, or 0.
    fn shape(&self) -> &'static str;
    /// From here to the end of the transaction reads see one state. To be the first of its transaction.
    fn freeze(&mut self) -> Result<(), StoreError>;
    /// Makes room for the records of a day, where the database keeps days apart.
    fn lay_day(&mut self, _day: i64) -> Result<(), StoreError> {
        Ok(())
    }
    /// Takes the records of a day away at one stroke, where the database keeps days apart and has this one;
    /// what is left of the day is to be deleted row by row.
    fn drop_day(&mut self, _day: i64) -> Result<(), StoreError> {
        Ok(())
    }
    /// The version of the schema.
    fn version(&mut self) -> Result<u64, StoreError>;
}

impl dyn Sql + '_ {
    /// The first row, if any.
    pub(super) fn first(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Inserts rows, several by each statement: `INSERT INTO {into} VALUES (…), (…) {end}`.
    pub(super) fn insert<const N: usize>(
        &mut self,
        into: &str,
        rows: &[[Value<'_>; N]],
        end: &str,
    ) -> Result<(), StoreError> {
        self.execute_all(&insertions(into, rows, end))
    }

    /// The one number that a statement always gives.
    pub(super) fn counted(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let row = self.first(sql, values)?;
        row.ok_or_else(|| StoreError::Damaged("a count has no row".to_owned()))?.count()
    }
}

/// A statement and its values.
pub(super) type Statement<'v> = (String, Vec<Value<'v>>);

/// The statements that insert rows: `INSERT INTO {into} VALUES (…), (…) {end}`.
pub(super) fn insertions<'v, const N: usize>(
    into: &str,
    rows: &[[Value<'v>; N]],
    end: &str,
) -> Vec<Statement<'v>> {
    let insertion = |some: &[[Value<'v>; N]]| {
        let places = rows_of_places(N, some.len());
        (format!("INSERT INTO {into} VALUES {places} {end}"), some.concat())
    };
    rows.chunks(ROWS_AT_ONCE).map(insertion).collect()
}

/// Rows that one statement inserts: few enough that a statement of each length is kept prepared.
const ROWS_AT_ONCE: usize = 16;

/// The places of `rows` rows of `columns` values each: `($1, $2), ($3, $4)`.
pub(super) fn rows_of_places(columns: usize, rows: usize) -> String {
    let row = |n: usize| format!("({})", places(1 + n * columns, columns));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// So many places from one on: `$3, $4`.
pub(super) fn places(from: usize, count: usize) -> String {
    let places: Vec<String> = (from..from + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// What is done inside one transaction. It may be run again from the start when the database asks for
/// that, so it changes nothing but the database and its own result.
pub(super) type Act<'a> = dyn FnMut(&mut dyn Sql) -> Result<(), StoreError> + 'a;

/// A database. [`Engine::write`] is durable when it returns `Ok`; nothing of it happened when it returns
/// `Err`, save for [`StoreError::Uncertain`].
pub(super) trait Engine: Send + Sync {
    fn write(&self, act: &mut Act<'_>) -> Result<(), StoreError>;
    fn read(&self, act: &mut Act<'_>) -> Result<(), StoreError>;
    /// Tells other processes on the same database that something changed. A hint: it may be lost.
    fn tell_others(&self) {}
    /// From now on calls `heard` when another process told of a change.
    fn on_change(&self, _heard: Box<dyn Fn() + Send + Sync>) {}
}

/// The word under which an enum's value is stored: its serde name.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        other => Err(StoreError::Damaged(format!("no word for {other:?}"))),
    }
}

/// The same, for showing.
pub(in crate::central) fn word_of<T: Serialize>(value: &T) -> String {
    word(value).unwrap_or_default()
}

/// The value of a stored word.
pub(super) fn unword<T: DeserializeOwned>(word: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|_| StoreError::Damaged(format!("unknown word {word:?}")))
}

/// A text without the one character that not every database can hold.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
