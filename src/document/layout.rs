//! Where each field of each format stands, and which characters each check digit covers.
//!
//! Positions count from 0 here; the standard counts from 1.

use super::MrzFormat;
use super::check_digit::check_digit;

/// A zone's characters, one row a line. Every row is as wide as its format says.
pub(super) type Grid = Vec<Vec<u8>>;

/// Line and column of one character.
pub(super) type Position = (usize, usize);

/// A run of characters in one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) line: usize,
    pub(super) start: usize,
    /// First column after the run.
    pub(super) end: usize,
}

const fn span(line: usize, start: usize, end: usize) -> Span {
    Span { line, start, end }
}

impl Span {
    pub(super) fn positions(self) -> impl Iterator<Item = Position> {
        (self.start..self.end).map(move |column| (self.line, column))
    }

    pub(super) fn read(self, grid: &Grid) -> Vec<u8> {
        self.positions().map(|position| at(grid, position)).collect()
    }
}

/// The character at a position; `<` outside the zone, which no layout names.
pub(super) fn at(grid: &Grid, (line, column): Position) -> u8 {
    grid.get(line).and_then(|row| row.get(column)).copied().unwrap_or(b'<')
}

/// Fields of one format. The check digits of number, birth and expiry follow their field.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) lines: usize,
    pub(super) width: usize,
    pub(super) names: Span,
    pub(super) number: Span,
    pub(super) nationality: Span,
    pub(super) birth: Span,
    pub(super) sex: Span,
    pub(super) expiry: Span,
    pub(super) optional: &'static [Span],
    /// Whether optional data have their own check digit, following them (TD3 only).
    optional_has_digit: bool,
    /// What the composite check digit covers, and where it stands. Visas have none.
    composite: Option<(&'static [Span], Position)>,
    /// Whether a number longer than nine goes on in the optional data (Doc 9303-5, -6 §4.2.2).
    pub(super) long_numbers: bool,
}

pub(super) const DOCUMENT_CODE: Span = span(0, 0, 2);
pub(super) const ISSUING_STATE: Span = span(0, 2, 5);

const TD1: Layout = Layout {
    lines: 3,
    width: 30,
    names: span(2, 0, 30),
    number: span(0, 5, 14),
    nationality: span(1, 15, 18),
    birth: span(1, 0, 6),
    sex: span(1, 7, 8),
    expiry: span(1, 8, 14),
    optional: &[span(0, 15, 30), span(1, 18, 29)],
    optional_has_digit: false,
    composite: Some((&[span(0, 5, 30), span(1, 0, 7), span(1, 8, 15), span(1, 18, 29)], (1, 29))),
    long_numbers: true,
};

/// Lower line that TD2, TD3 and visas share up to the optional data.
const TWO_LINES: Layout = Layout {
    lines: 2,
    width: 44,
    names: span(0, 5, 44),
    number: span(1, 0, 9),
    nationality: span(1, 10, 13),
    birth: span(1, 13, 19),
    sex: span(1, 20, 21),
    expiry: span(1, 21, 27),
    optional: &[span(1, 28, 42)],
    optional_has_digit: true,
    composite: Some((&[span(1, 0, 10), span(1, 13, 20), span(1, 21, 43)], (1, 43))),
    long_numbers: false,
};

const TD2: Layout = Layout {
    width: 36,
    names: span(0, 5, 36),
    optional: &[span(1, 28, 35)],
    optional_has_digit: false,
    composite: Some((&[span(1, 0, 10), span(1, 13, 20), span(1, 21, 35)], (1, 35))),
    long_numbers: true,
    ..TWO_LINES
};

const MRV_A: Layout =
    Layout { optional: &[span(1, 28, 44)], optional_has_digit: false, composite: None, ..TWO_LINES };

const MRV_B: Layout = Layout {
    width: 36,
    names: span(0, 5, 36),
    optional: &[span(1, 28, 36)],
    optional_has_digit: false,
    composite: None,
    ..TWO_LINES
};

impl MrzFormat {
    pub(super) fn layout(self) -> &'static Layout {
        match self {
            MrzFormat::Td1 => &TD1,
            MrzFormat::Td2 => &TD2,
            MrzFormat::Td3 => &TWO_LINES,
            MrzFormat::MrvA => &MRV_A,
            MrzFormat::MrvB => &MRV_B,
        }
    }
}

/// What may stand in the characters that a check digit covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Digits, or `<` for unknown parts of a date.
    Digits,
    /// Letters, digits and `<`.
    Any,
}

/// Characters with the check digit that covers them.
#[derive(Debug)]
pub(super) struct Guarded {
    /// Name for officers.
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// What is covered, in the order of the weights.
    pub(super) over: Vec<Position>,
    /// Those of `over` that no other check digit covers.
    pub(super) own: Vec<Position>,
    pub(super) digit: Position,
    /// Whether `<` may stand for the digit of an empty field (Doc 9303-4 §4.2.2.2).
    empty_allowed: bool,
}

impl Guarded {
    /// Whether the check digit is right, and every character of the kind that belongs there.
    pub(super) fn holds(&self, grid: &Grid) -> bool {
        let covered: Vec<u8> = self.over.iter().map(|position| at(grid, *position)).collect();
        let kind = self.class == Class::Any || covered.iter().all(|c| c.is_ascii_digit() || *c == b'<');
        let digit = at(grid, self.digit);
        let empty = self.empty_allowed && digit == b'<' && covered.iter().all(|c| *c == b'<');
        kind && (empty || digit == b'0' + check_digit(covered))
    }
}

impl Layout {
    /// Where the document number stands and where its check digit: in a long number the nine characters,
    /// then those in the optional data up to the filler, the last of which is the check digit.
    pub(super) fn number_with_digit(&self, grid: &Grid) -> (Vec<Position>, Position) {
        let mut number: Vec<Position> = self.number.positions().collect();
        let usual = (self.number.line, self.number.end);
        let last = number.last().map(|position| at(grid, *position));
        let long = self.long_numbers && at(grid, usual) == b'<' && last != Some(b'<');
        let Some(rest) = self.optional.first().filter(|_| long) else {
            return (number, usual);
        };
        let mut more: Vec<Position> =
            rest.positions().take_while(|position| at(grid, *position) != b'<').collect();
        match more.pop() {
            Some(digit) if !more.is_empty() => {
                number.extend(more);
                (number, digit)
            }
            _ => (number, usual),
        }
    }

    /// Every check digit of the format with what it covers; the composite last.
    pub(super) fn guarded(&self, grid: &Grid) -> Vec<Guarded> {
        let simple = |name, class, over: Vec<Position>, digit, empty_allowed| Guarded {
            name,
            class,
            own: over.clone(),
            over,
            digit,
            empty_allowed,
        };
        let date = |name, field: Span| {
            simple(name, Class::Digits, field.positions().collect(), (field.line, field.end), false)
        };
        let (number, digit) = self.number_with_digit(grid);
        let mut all = vec![
            simple("document number", Class::Any, number, digit, false),
            date("date of birth", self.birth),
            date("date of expiry", self.expiry),
        ];
        if let Some(optional) = self.optional.first().filter(|_| self.optional_has_digit) {
            let digit = (optional.line, optional.end);
            all.push(simple("optional data", Class::Any, optional.positions().collect(), digit, true));
        }
        if let Some((spans, digit)) = self.composite {
            let over: Vec<Position> = spans.iter().flat_map(|span| span.positions()).collect();
            let covered_otherwise =
                |p: &Position| all.iter().any(|guarded| guarded.over.contains(p) || guarded.digit == *p);
            let own = over.iter().filter(|p| !covered_otherwise(p)).copied().collect();
            let name = "composite check digit";
            all.push(Guarded { name, class: Class::Any, over, own, digit, empty_allowed: false });
        }
        all
    }
}
