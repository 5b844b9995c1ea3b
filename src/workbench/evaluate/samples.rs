//! Lists of samples: CSV files that say what is true about pictures.
//!
//! In: a CSV (RFC 4180, one record a line: a quoted field holds commas and doubled quotes, no line breaks) whose
//! first line names the columns. Out: rows with their line numbers, so that every later complaint names its line.
//! Paths in a list are relative to the list.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// More lines than this are no sample list.
const ROWS_MOST: usize = 1_000_000;
/// Nor are more bytes.
const BYTES_MOST: u64 = 512 << 20;
/// Missing pictures that are named before the rest is counted.
const MISSING_NAMED: usize = 5;

/// A sample list in memory.
#[derive(Debug)]
pub(in crate::workbench) struct Samples {
    path: PathBuf,
    columns: Vec<String>,
    /// In the order of the file.
    pub(in crate::workbench) rows: Vec<Row>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::workbench) struct Row {
    /// Line in the file, from 1.
    pub(in crate::workbench) line: usize,
    fields: Vec<String>,
}

/// A column that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::workbench) struct Column(usize);

impl Row {
    /// The field of a column.
    pub(in crate::workbench) fn get(&self, column: Column) -> &str {
        self.fields.get(column.0).map_or("", String::as_str)
    }
}

impl Samples {
    /// Reads a list; every line must have as many fields as the first.
    pub(in crate::workbench) fn read(path: &Path) -> Result<Samples> {
        let shown = path.display();
        let size = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?.len();
        ensure!(size <= BYTES_MOST, "{shown} has {size} bytes, at most {BYTES_MOST} are read");
        let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
        let mut lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().zip(1..);
        let (header, _) =
            lines.next().with_context(|| format!("{shown} is empty; its first line names the columns"))?;
        let columns = fields(header).with_context(|| format!("{shown}:1"))?;
        let different: BTreeSet<&String> = columns.iter().collect();
        ensure!(different.len() == columns.len(), "{shown}:1: a column is named twice: {header}");
        let mut rows = Vec::new();
        for (text, line) in lines.filter(|(text, _)| !text.trim().is_empty()) {
            ensure!(rows.len() < ROWS_MOST, "{shown}: more than {ROWS_MOST} samples");
            let fields = fields(text).with_context(|| format!("{shown}:{line}"))?;
            let (found, expected) = (fields.len(), columns.len());
            ensure!(found == expected, "{shown}:{line}: {found} fields, expected {expected}");
            rows.push(Row { line, fields });
        }
        ensure!(!rows.is_empty(), "{shown} names columns and no sample");
        Ok(Samples { path: path.to_path_buf(), columns, rows })
    }

    /// The column of that name.
    pub(in crate::workbench) fn column(&self, name: &str) -> Result<Column> {
        self.optional(name).with_context(|| {
            format!(
                "{}:1: no column {name}; the columns are {}",
                self.path.display(),
                self.columns.join(", ")
            )
        })
    }

    /// The same where it may be missing.
    pub(in crate::workbench) fn optional(&self, name: &str) -> Option<Column> {
        self.columns.iter().position(|column| column == name).map(Column)
    }

    /// The picture that a row names.
    pub(in crate::workbench) fn picture(&self, row: &Row, column: Column) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(row.get(column))
    }

    /// "samples.csv:7" for a complaint about a row.
    pub(in crate::workbench) fn place(&self, row: &Row) -> String {
        format!("{}:{}", self.path.display(), row.line)
    }

    /// Fails when a named picture is not there: found out before hours of work, not in the middle of them.
    pub(in crate::workbench) fn all_there(&self, column: Column) -> Result<()> {
        let missing: Vec<&Row> =
            self.rows.iter().filter(|row| !self.picture(row, column).is_file()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let named: Vec<String> = missing
            .iter()
            .take(MISSING_NAMED)
            .map(|row| format!("{}: no file {}", self.place(row), self.picture(row, column).display()))
            .collect();
        let rest = missing.len().saturating_sub(MISSING_NAMED);
        let more = if rest > 0 { format!("\nand {rest} more") } else { String::new() };
        bail!("pictures are missing; paths are relative to the list\n{}{more}", named.join("\n"))
    }
}

/// The fields of one line.
fn fields(line: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.trim().to_owned(), Some(after)),
                None => (rest.trim().to_owned(), None),
            },
        };
        found.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(found),
        }
    }
}

/// A field after its opening quote, and what follows the comma behind it.
fn quoted_field(text: &str) -> Result<(String, Option<&str>)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').context("a quoted field does not end on its line")?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => {
                let after = after.trim_start();
                if after.is_empty() {
                    return Ok((field, None));
                }
                let next = after.strip_prefix(',').context("text follows the closing quote of a field")?;
                return Ok((field, Some(next)));
            }
        }
    }
}

/// A field as it must be written so that it is read back as it was.
pub(in crate::workbench) fn escaped(field: &str) -> String {
    let plain = field.trim() == field && !field.contains([',', '"']);
    if plain { field.to_owned() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Samples> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.csv");
        std::fs::write(&file, text).unwrap();
        Samples::read(&file)
    }

    fn complaint(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn a_wrong_column_or_line_is_named() {
        let samples = read("path,kind\na.jpg,print\n").unwrap();
        let error = samples.column("label").unwrap_err().to_string();
        assert!(error.contains("no column label") && error.contains("path, kind"), "{error}");
        assert!(
            complaint("path,label\na.jpg,print\n\nb.jpg\n").contains("samples.csv:4: 1 fields, expected 2")
        );
        assert!(
            complaint("path,label\n\"a.jpg,print\n").contains("samples.csv:2: a quoted field does not end")
        );
        assert!(complaint("path,label\n\"a\"b,print\n").contains("text follows the closing quote"));
        assert!(complaint("path,path\na,b\n").contains("named twice"));
        assert!(complaint("").contains("is empty"));
        assert!(complaint("path,label\n").contains("no sample"));
    }

    #[test]
    fn windows_line_ends_byte_order_marks_and_blank_lines_do_not_matter() {
        let samples = read("\u{feff}label,path\r\nprint, a.jpg\r\n\r\n").unwrap();
        let (label, path) = (samples.column("label").unwrap(), samples.column("path").unwrap());
        let [row] = samples.rows.as_slice() else { panic!("{:?}", samples.rows) };
        assert_eq!((row.line, row.get(label), row.get(path)), (2, "print", "a.jpg"));
    }

    #[test]
    fn missing_pictures_are_named_with_their_lines_before_the_work_begins() {
        let samples = read("path\nno/such.jpg\n").unwrap();
        let error = samples.all_there(samples.column("path").unwrap()).unwrap_err().to_string();
        assert!(error.contains("samples.csv:2: no file") && error.contains("no/such.jpg"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(record in proptest::collection::vec("[^\r\n]{0,12}", 1..6)) {
            let line = record.iter().map(|field| escaped(field)).collect::<Vec<_>>().join(",");
            prop_assert_eq!(fields(&line).unwrap(), record);
        }

        #[test]
        fn any_line_is_read_or_refused(line in ".{0,60}") {
            let _ = fields(&line);
        }
    }
}
