//! What is ordered, and what is handed out.

use super::chip::{ChipKeys, ChipPlan};
use super::defect::Defect;
use crate::chip::FileId;
use crate::devices::card::{Personalisation, SoftwarePassport};
use crate::document::{Mrz, MrzError, MrzFormat};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fmt;

/// Whose document it is to be, and what is to be wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentOrder {
    /// Surname, capital letters.
    pub surname: String,
    /// Given names, capital letters.
    pub given_names: String,
    /// Document number, up to nine letters and digits; in TD1 and TD2 more.
    pub number: String,
    /// Nationality, three letters.
    pub nationality: String,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Date of expiry.
    pub date_of_expiry: Date,
    /// `M`, `F` or `<`.
    pub sex: char,
    /// The portrait in the chip: a whole JPEG or JPEG 2000 file.
    pub portrait: Vec<u8>,
    /// What is to be wrong with it.
    pub defect: Defect,
}

/// What kind of document it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentKind {
    /// Size and form of the printed lines.
    pub format: Format,
    /// Optional data of the printed lines.
    pub optional_data: String,
    /// What its chip can do. Visas have no chip.
    pub chip: ChipPlan,
}

impl DocumentKind {
    /// A passport of these years: PACE, chip authentication, active authentication ([`ChipPlan::modern`]).
    pub fn modern() -> DocumentKind {
        DocumentKind { chip: ChipPlan::modern(), ..DocumentKind::default() }
    }
}

/// Size and form of a document, Doc 9303-4 to -7.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Card, three lines of 30
    Td1,
    /// Card, two lines of 36
    Td2,
    /// Passport, two lines of 44
    #[default]
    Td3,
    /// Visa, two lines of 44, no chip
    MrvA,
    /// Visa, two lines of 36, no chip
    MrvB,
}

impl Format {
    /// Format of the lines and document code.
    pub(super) fn zone(self) -> (MrzFormat, &'static str) {
        match self {
            Format::Td1 => (MrzFormat::Td1, "ID"),
            Format::Td2 => (MrzFormat::Td2, "ID"),
            Format::Td3 => (MrzFormat::Td3, "P"),
            Format::MrvA => (MrzFormat::MrvA, "V"),
            Format::MrvB => (MrzFormat::MrvB, "V"),
        }
    }

    /// Whether it has a chip.
    pub fn has_chip(self) -> bool {
        !matches!(self, Format::MrvA | Format::MrvB)
    }
}

/// A document: what is printed, what is in its chip, and what must be trusted for its defect to show.
#[derive(Clone)]
pub struct IssuedDocument {
    /// The printed lines.
    pub printed: Vec<String>,
    /// Files of the chip; none for a visa.
    pub files: BTreeMap<FileId, Vec<u8>>,
    /// Trust material that this document needs beside its country's bundle: file names and contents.
    pub trust: Vec<(String, Vec<u8>)>,
    /// Whether the chip can be opened by BAC.
    pub bac: bool,
    /// Card access number.
    pub can: Option<String>,
    /// Private keys of the chip.
    pub keys: ChipKeys,
}

impl IssuedDocument {
    /// What is written into its chip.
    ///
    /// # Errors
    /// When the printed lines are no zone.
    pub fn personalisation(&self) -> Result<Personalisation, MrzError> {
        Ok(Personalisation {
            files: self.files.clone(),
            key_information: Mrz::parse_exact(&self.printed)?.key_information(),
            can: self.can.clone(),
            bac: self.bac,
            chip_authentication: self.keys.chip_authentication.clone(),
            active_authentication: self.keys.active_authentication.clone(),
        })
    }

    /// Its chip; the seed makes the chip's random numbers.
    ///
    /// # Errors
    /// When the printed lines are no zone.
    pub fn passport(&self, seed: u64) -> Result<SoftwarePassport, MrzError> {
        Ok(SoftwarePassport::personalised(self.personalisation()?, seed))
    }
}

impl fmt::Debug for IssuedDocument {
    /// Without the private keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedDocument")
            .field("printed", &self.printed)
            .field("files", &self.files.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
