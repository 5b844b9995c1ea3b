//! The machine readable zone's fields.

use super::date::MrzDate;
use super::layout::{DOCUMENT_CODE, Grid, ISSUING_STATE, Layout, Span, at};
use super::repair::repair;
use crate::check::{Check, CheckId, Reason};

/// Form of the zone, Doc 9303-3 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum MrzFormat {
    /// Three lines of 30: identity card.
    Td1,
    /// Two lines of 36.
    Td2,
    /// Two lines of 44: passport.
    Td3,
    /// Visa, two lines of 44.
    MrvA,
    /// Visa, two lines of 36.
    MrvB,
}

/// A parsed zone. Text fields have their fillers stripped; `lines` are exactly those read (after repair).
#[derive(Debug, Clone, PartialEq)]
pub struct Mrz {
    /// Form of the zone.
    pub format: MrzFormat,
    /// One or two letters, `P`, `ID`, `V`.
    pub document_code: String,
    /// Up to three letters as printed, `D` for Germany.
    pub issuing_state: String,
    /// Surname, fillers turned to blanks.
    pub surname: String,
    /// Given names, fillers turned to blanks; may be truncated.
    pub given_names: String,
    /// Document number, without fillers, long TD1/TD2 numbers joined.
    pub document_number: String,
    /// Up to three letters as printed.
    pub nationality: String,
    /// Date of birth.
    pub date_of_birth: MrzDate,
    /// `M`, `F` or `<`.
    pub sex: char,
    /// Date of expiry.
    pub date_of_expiry: MrzDate,
    /// Optional data, fillers around stripped; TD1's two fields joined by `<`.
    pub optional_data: String,
    /// The lines, after repair.
    pub lines: Vec<String>,
    /// Characters changed because a check digit proved the change.
    pub repairs: Vec<Repair>,
    /// [`crate::check::CheckId::MrzConsistency`]: failed with [`Reason::MrzCheckDigit`] or
    /// [`Reason::MrzFormat`], the fields named in its detail.
    pub consistency: Check,
}

/// One character that was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// Line, from 0.
    pub line: usize,
    /// Column, from 0.
    pub column: usize,
    /// What was read.
    pub from: char,
    /// What the check digit proves.
    pub to: char,
}

/// One check digit with what it covers and whether it holds; for engineers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckDigit {
    /// What it covers, in words.
    pub field: &'static str,
    /// As read.
    pub read: char,
    /// As it should be.
    pub computed: char,
    /// Whether it holds, also where `<` stands for an empty field's, and every character covered is of
    /// the kind that may stand there.
    pub holds: bool,
}

/// Why lines are no machine readable zone, or why fields cannot be made into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MrzError {
    /// Number or length of lines fits no format.
    #[error("{lines} line(s) of {length} character(s) fit no travel document (3×30, 2×36 or 2×44)")]
    Size {
        /// Lines given.
        lines: usize,
        /// Characters in the longest.
        length: usize,
    },
    /// A character that no zone has.
    #[error("line {line}, column {column}: {character:?} is not one of A–Z, 0–9, <")]
    Character {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What stood there.
        character: char,
    },
    /// The first characters name no known document.
    #[error("the document code {code:?} is not that of a {lines}-line document of this width")]
    DocumentCode {
        /// As read.
        code: String,
        /// Number of lines.
        lines: usize,
    },
    /// A field that no zone of the format can hold ([`super::MrzFields`]).
    #[error("the {field} {value:?} does not fit: {what}")]
    Field {
        /// Which.
        field: &'static str,
        /// As given.
        value: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Rows that are looked at; more are no zone, and nothing of them is kept.
const MAX_ROWS: usize = 8;

impl Mrz {
    /// Parses lines as read, repairs what a check digit proves. Wrong check digits are no error: they
    /// are in `consistency`. Blanks around a line and empty lines are skipped; a zone in one piece of
    /// 88, 72 or 90 characters is taken apart.
    ///
    /// # Errors
    /// When the lines are no zone at all.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Mrz, MrzError> {
        let (format, read) = grid(lines)?;
        let (mended, repairs) = repair(format.layout(), read);
        Ok(Mrz { repairs, ..fields(format, &mended) })
    }

    /// Parses lines that cannot have been misread, such as those of the chip: nothing is repaired.
    ///
    /// # Errors
    /// When the lines are no zone at all.
    pub fn parse_exact<S: AsRef<str>>(lines: &[S]) -> Result<Mrz, MrzError> {
        let (format, read) = grid(lines)?;
        Ok(fields(format, &read))
    }

    /// Document number, date of birth and date of expiry each with its check digit: the input to BAC
    /// and PACE keys, Doc 9303-11 §4.3.2. Check digits are those printed.
    pub fn key_information(&self) -> String {
        let layout = self.format.layout();
        let grid: Grid = self.lines.iter().map(|line| line.bytes().collect()).collect();
        let (number, digit) = layout.number_with_digit(&grid);
        let dated = |field: Span| field.positions().chain([(field.line, field.end)]);
        number
            .into_iter()
            .chain([digit])
            .chain(dated(layout.birth))
            .chain(dated(layout.expiry))
            .map(|position| char::from(at(&grid, position)))
            .collect()
    }

    /// Every check digit of the zone as it stands after repair.
    pub fn check_digits(&self) -> Vec<CheckDigit> {
        let grid: Grid = self.lines.iter().map(|line| line.bytes().collect()).collect();
        let all = self.format.layout().guarded(&grid);
        all.iter()
            .map(|guarded| CheckDigit {
                field: guarded.name,
                read: char::from(at(&grid, guarded.digit)),
                computed: char::from(
                    b'0' + super::check_digit(guarded.over.iter().map(|position| at(&grid, *position))),
                ),
                holds: guarded.holds(&grid),
            })
            .collect()
    }
}

/// The characters in rows of their format's width, all of them allowed ones.
fn grid<S: AsRef<str>>(lines: &[S]) -> Result<(MrzFormat, Grid), MrzError> {
    let rows: Vec<&str> = lines
        .iter()
        .map(|line| line.as_ref().trim())
        .filter(|line| !line.is_empty())
        .take(MAX_ROWS)
        .collect();
    let length = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let size = MrzError::Size { lines: rows.len(), length };
    let (count, width) = match (rows.len(), length) {
        (3, 30) | (1, 90) => (3, 30),
        (2, 36) | (1, 72) => (2, 36),
        (2, 44) | (1, 88) => (2, 44),
        _ => return Err(size),
    };
    let mut grid = Grid::new();
    for (line, row) in rows.iter().enumerate() {
        let mut bytes = Vec::with_capacity(length);
        for (column, character) in row.chars().enumerate() {
            match u8::try_from(character) {
                Ok(byte @ (b'A'..=b'Z' | b'0'..=b'9' | b'<')) => bytes.push(byte),
                _ => return Err(MrzError::Character { line: line + 1, column: column + 1, character }),
            }
        }
        grid.extend(bytes.chunks(width).map(<[u8]>::to_vec));
    }
    if grid.len() != count || grid.iter().any(|row| row.len() != width) {
        return Err(size);
    }
    let format = format(count, width, at(&grid, (0, 0)))
        .ok_or_else(|| MrzError::DocumentCode { code: text(&DOCUMENT_CODE.read(&grid)), lines: count })?;
    Ok((format, grid))
}

/// Format by size and first letter: `V` is a visa, two wide lines otherwise a passport, which begins
/// with `P` (Doc 9303-4 §4.2.2.1); the first letter of cards is left to issuers.
fn format(lines: usize, width: usize, first: u8) -> Option<MrzFormat> {
    match (lines, width, first) {
        (2, 44, b'P') => Some(MrzFormat::Td3),
        (2, 44, b'V') => Some(MrzFormat::MrvA),
        (2, 36, b'V') => Some(MrzFormat::MrvB),
        (2, 36, b'A'..=b'Z') => Some(MrzFormat::Td2),
        (3, 30, b'A'..=b'U' | b'W'..=b'Z') => Some(MrzFormat::Td1),
        _ => None,
    }
}

fn fields(format: MrzFormat, grid: &Grid) -> Mrz {
    let layout = format.layout();
    let (surname, given_names) = names(&layout.names.read(grid));
    let (number, number_digit) = layout.number_with_digit(grid);
    let number: Vec<u8> = number.into_iter().map(|position| at(grid, position)).collect();
    Mrz {
        format,
        document_code: stripped(&DOCUMENT_CODE.read(grid)),
        issuing_state: stripped(&ISSUING_STATE.read(grid)),
        surname,
        given_names,
        document_number: stripped(&number),
        nationality: stripped(&layout.nationality.read(grid)),
        date_of_birth: date(layout.birth, grid),
        sex: char::from(at(grid, (layout.sex.line, layout.sex.start))),
        date_of_expiry: date(layout.expiry, grid),
        optional_data: optional(layout, grid, number_digit),
        lines: grid.iter().map(|row| text(row)).collect(),
        repairs: Vec::new(),
        consistency: consistency(layout, grid),
    }
}

/// Surname and given names, parted by two fillers (Doc 9303-3 §4.6).
fn names(field: &[u8]) -> (String, String) {
    let field = text(field);
    let (surname, given) = field.split_once("<<").unwrap_or((&field, ""));
    let spoken = |part: &str| part.split('<').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    (spoken(surname), spoken(given))
}

/// Optional data behind a long number's check digit, the parts of several fields joined.
fn optional(layout: &Layout, grid: &Grid, number_digit: (usize, usize)) -> String {
    let parts = layout.optional.iter().map(|field| {
        let own = field.positions().filter(|p| field.line != number_digit.0 || *p > number_digit);
        let read: Vec<u8> = own.map(|position| at(grid, position)).collect();
        stripped(&read)
    });
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("<")
}

fn date(field: Span, grid: &Grid) -> MrzDate {
    let mut six = [b'<'; 6];
    for (to, from) in six.iter_mut().zip(field.read(grid)) {
        *to = from;
    }
    MrzDate(six)
}

/// Check digits and the kinds of characters, TR-03135-1 §5.5.4.1.1.
fn consistency(layout: &Layout, grid: &Grid) -> Check {
    let guarded = layout.guarded(grid);
    let wrong_digits: Vec<&str> = guarded.iter().filter(|g| !g.holds(grid)).map(|g| g.name).collect();
    let letters = |field: Span| field.read(grid).iter().all(|c| c.is_ascii_uppercase() || *c == b'<');
    let mut wrong_form: Vec<&str> =
        [("issuing state", ISSUING_STATE), ("names", layout.names), ("nationality", layout.nationality)]
            .into_iter()
            .filter(|(_, field)| !letters(*field))
            .map(|(name, _)| name)
            .collect();
    // X is not in the standard's zone, but some issuers print it there.
    if !layout.sex.read(grid).iter().all(|c| b"MF<X".contains(c)) {
        wrong_form.push("sex");
    }
    if wrong_digits.is_empty() && wrong_form.is_empty() {
        return Check::successful(CheckId::MrzConsistency);
    }
    let reason = if wrong_digits.is_empty() { Reason::MrzFormat } else { Reason::MrzCheckDigit };
    let mut check = Check::failed(CheckId::MrzConsistency, reason);
    if reason == Reason::MrzCheckDigit && !wrong_form.is_empty() {
        check.reasons.push(Reason::MrzFormat);
    }
    check.with_detail([wrong_digits, wrong_form].concat().join(", "))
}

/// Fillers around taken away.
fn stripped(field: &[u8]) -> String {
    text(field).trim_matches('<').to_owned()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests;
