//! Lists from files: CSV with a line of names first, or a JSON array of objects. Every entry is checked by
//! itself, so that one reading says everything that is wrong, each with its line.

use super::entry::{Fields, entry};
use crate::central::store::{ListKind, NewEntry};
use serde_json::Value;
use std::collections::HashMap;

/// Largest file, bytes.
const FILE_MOST: usize = 1 << 30;
/// Entries of one list.
const ENTRIES_MOST: usize = 5_000_000;
/// Lines that are told as wrong; after these the reading ends.
const WRONG_MOST: usize = 100;

/// Form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// Comma separated, in UTF-8, names of the fields in the first line (RFC 4180).
    Csv,
    /// An array of objects.
    Json,
}

/// What is wrong with one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Line in a CSV file, from 1; number of the object in a JSON file, from 1.
    pub line: u64,
    /// Everything that is wrong with it.
    pub wrong: Vec<String>,
}

/// Why nothing of a file is taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not of its form.
    #[error("the file does not read: {0}")]
    Form(String),
    /// Entries are wrong.
    #[error("{} line(s) are wrong", .0.len())]
    Lines(Vec<LineError>),
}

/// Reads a list of a kind. All entries are good, or none is given.
///
/// # Errors
/// When the file is not of its form, or with the lines that are wrong.
pub fn read_list(kind: ListKind, form: FileForm, bytes: &[u8]) -> Result<Vec<NewEntry>, ImportError> {
    if bytes.len() > FILE_MOST {
        return Err(ImportError::Form(format!("larger than {FILE_MOST} bytes")));
    }
    let mut list = List { kind, good: Vec::new(), wrong: Vec::new(), lines: HashMap::new() };
    match form {
        FileForm::Csv => list.read_csv(bytes)?,
        FileForm::Json => list.read_json(bytes)?,
    }
    if list.wrong.is_empty() { Ok(list.good) } else { Err(ImportError::Lines(list.wrong)) }
}

/// A list while it is read.
struct List {
    kind: ListKind,
    good: Vec<NewEntry>,
    wrong: Vec<LineError>,
    /// Line of each reference.
    lines: HashMap<String, u64>,
}

impl List {
    fn read_csv(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let form = |error: csv::Error| ImportError::Form(error.to_string());
        // A mark at the beginning, as some spreadsheets write it, is no part of the first name.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let names: Vec<String> = reader.headers().map_err(form)?.iter().map(str::to_owned).collect();
        for record in reader.records() {
            let record = record.map_err(form)?;
            let line = record.position().map_or(0, csv::Position::line);
            let fields = names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
            if !self.take(line, &fields)? {
                break;
            }
        }
        Ok(())
    }

    fn read_json(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let objects: Vec<serde_json::Map<String, Value>> =
            serde_json::from_slice(bytes).map_err(|e| ImportError::Form(e.to_string()))?;
        for (line, object) in (1..).zip(objects) {
            let plain = |(name, value): (String, Value)| match value {
                Value::String(text) => Ok((name, text)),
                Value::Number(number) => Ok((name, number.to_string())),
                Value::Null => Ok((name, String::new())),
                _ => Err(vec![format!("{name}: is neither a text nor a number")]),
            };
            let more = match object.into_iter().map(plain).collect::<Result<Fields, _>>() {
                Ok(fields) => self.take(line, &fields)?,
                Err(wrong) => self.complain(line, wrong),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Takes one entry; gives whether to go on.
    fn take(&mut self, line: u64, fields: &Fields) -> Result<bool, ImportError> {
        if self.good.len() >= ENTRIES_MOST {
            return Err(ImportError::Form(format!("more than {ENTRIES_MOST} entries")));
        }
        let new = match entry(self.kind, fields) {
            Ok(new) => new,
            Err(wrong) => return Ok(self.complain(line, wrong)),
        };
        if let Some(first) = self.lines.insert(new.reference.clone(), line) {
            let wrong = format!("reference: {:?} is that of line {first} already", new.reference);
            return Ok(self.complain(line, vec![wrong]));
        }
        self.good.push(new);
        Ok(true)
    }

    fn complain(&mut self, line: u64, wrong: Vec<String>) -> bool {
        self.wrong.push(LineError { line, wrong });
        self.wrong.len() < WRONG_MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(kind: ListKind, form: FileForm, text: &str) -> Vec<LineError> {
        match read_list(kind, form, text.as_bytes()) {
            Err(ImportError::Lines(lines)) => lines,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_forms_of_a_file_give_the_same_entries() {
        let csv = "\u{feff}reference, issuing_state,number,kind\n1,UTO,\"L898-902 c3\",stolen\n2,d,C01X00T47,lost\n";
        let json = r#"[{"reference": 1, "issuing_state": "UTO", "number": "L898902C3", "kind": "stolen"},
                       {"reference": "2", "issuing_state": "D", "number": "c01x00t47", "kind": "lost"}]"#;
        let csv = read_list(ListKind::Documents, FileForm::Csv, csv.as_bytes()).unwrap();
        assert_eq!(csv, read_list(ListKind::Documents, FileForm::Json, json.as_bytes()).unwrap());
        assert_eq!((csv[0].keys[0].as_str(), csv[1].keys[0].as_str()), ("UTO L898902C3", "D C01X00T47"));
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_line() {
        let text = "reference,surname,born,sex,naem\n1,Müller,1974-08-12,F,\n2,,1974-13,X,\n3,Иванов,74,,\n1,Ny,,,\n";
        let lines = wrong(ListKind::Persons, FileForm::Csv, text);
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(lines[0].wrong, ["naem: not known here; did you mean sex?"]);
        let text = text.replace(",naem", "").replace(",\n", "\n");
        let lines = wrong(ListKind::Persons, FileForm::Csv, &text);
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [3, 4, 5]);
        let said = |at: usize| lines[at].wrong.join("|");
        for (at, words) in [(0, "surname: is missing"), (0, "born: \"1974-13\""), (0, "sex: \"X\"")] {
            assert!(said(at).contains(words), "{}", said(at));
        }
        assert!(said(1).contains("transliterated") && said(1).contains("born"), "{}", said(1));
        assert!(said(2).contains("line 2 already"), "{}", said(2));
    }

    #[test]
    fn a_file_of_another_form_is_refused_whole() {
        for (form, text) in
            [(FileForm::Json, "reference,kind"), (FileForm::Csv, "a,b\n1\n"), (FileForm::Csv, "a\n\u{0}\"")]
        {
            let read = read_list(ListKind::Documents, form, text.as_bytes());
            assert!(read.is_err(), "{text:?}");
        }
        let lines = wrong(ListKind::Rules, FileForm::Json, r#"[{"reference": {"a": 1}}]"#);
        assert_eq!(lines[0].wrong, ["reference: is neither a text nor a number"]);
    }

    #[test]
    fn rules_and_permits_are_checked() {
        let rules = "reference,nationality,needs,age_least,age_most\n1,*,visa,,\n2,UTO,none,,11\n";
        assert_eq!(read_list(ListKind::Rules, FileForm::Csv, rules.as_bytes()).unwrap().len(), 2);
        let permits =
            "reference,issuing_state,number,permit,from,until\n1,UTO,L1,visa,2026-02-01,2026-01-01\n";
        assert_eq!(wrong(ListKind::Permits, FileForm::Csv, permits)[0].wrong, ["until: is before from"]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_entries_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for form in [FileForm::Csv, FileForm::Json] {
                let _ = read_list(ListKind::Persons, form, &bytes);
            }
        }
    }
}
