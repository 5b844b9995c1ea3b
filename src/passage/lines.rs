//! Printed lines, read as often as it takes within a bound.

use super::journey::Journey;
use crate::check::CheckResult;
use crate::document::{Mrz, MrzError};

/// Times that the printed lines are read before an officer is called.
const TRIES_MOST: u8 = 4;

/// What came of one reading.
pub(super) enum Lines {
    /// Lines to open the chip with; the last try is taken even if a check digit is wrong.
    Read(Box<Mrz>),
    /// Not readable, or a check digit is wrong: far more often a bad reading than a bad document.
    Again,
    /// Not readable in the last try either.
    Unreadable(MrzError),
}

/// Counts the readings of one document.
#[derive(Debug, Default)]
pub(super) struct Tries(u8);

impl Tries {
    /// One more reading.
    pub(super) fn read(&mut self, lines: &[String]) -> Lines {
        self.0 = self.0.saturating_add(1);
        let last = self.0 >= TRIES_MOST;
        match Mrz::parse(lines) {
            Ok(mrz) if last || mrz.consistency.result == CheckResult::Successful => {
                Lines::Read(Box::new(mrz))
            }
            Err(error) if last => Lines::Unreadable(error),
            Ok(_) | Err(_) => Lines::Again,
        }
    }
}

impl Journey {
    /// Whether these lines, read well, are another document's than those that the passage began with, read well, too.
    pub(super) fn swapped(&self, lines: &[String]) -> bool {
        let well = |mrz: &Mrz| mrz.consistency.result == CheckResult::Successful;
        let Some(before) = self.printed.as_ref().filter(|before| well(before)) else { return false };
        let same = |mrz: &Mrz| {
            (&mrz.issuing_state, &mrz.document_number) == (&before.issuing_state, &before.document_number)
        };
        Mrz::parse(lines).is_ok_and(|mrz| well(&mrz) && !same(&mrz))
    }
}
