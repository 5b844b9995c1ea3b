//! The printed page: the machine readable zone.
//!
//! In go the lines as an optical reader gave them, out comes an [`Mrz`] with every field, what each
//! check digit said, and which characters were repaired (only where a check digit proves the repair).
//! Hostile input gives an [`MrzError`] that says what was wrong and where. Nothing here ever panics or
//! guesses. The other way, [`MrzFields`] gives the lines for a document that is being made.
//! Clauses: ICAO Doc 9303-3, -4 (TD3), -5 (TD1), -6 (TD2), -7 (MRV-A, MRV-B).
mod check_digit;
mod date;
mod fields;
mod layout;
mod mrz;
pub mod names;
mod repair;

pub use check_digit::check_digit;
pub use date::MrzDate;
pub use fields::MrzFields;
pub use mrz::*;
