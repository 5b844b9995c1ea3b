//! What the files of the application say, and how such files are made.
//!
//! Reading takes a whole file as the chip gave it, never longer than [`super::MAX_FILE`]; anything broken is a [`FileError`] that names file and
//! fault. Making is for documents that are issued by the workbench. Clauses: Doc 9303-10 §4.6 and §4.7.
mod com;
mod dates;
mod dg1;
mod dg11;
mod dg12;
mod dg16;
mod dg2;
mod dg7;
mod iso19794;
mod iso39794;
mod master_file;

pub use com::{ComFile, encode_com, encode_com_of, parse_com};
pub use dg1::{encode_dg1, parse_dg1};
pub use dg2::{FaceRecord, encode_dg2, encode_dg2_as, parse_dg2, parse_dg2_all};
pub use dg7::{encode_dg7, parse_dg7};
pub use dg11::{PersonalDetails, encode_dg11, parse_dg11};
pub use dg12::{DocumentDetails, encode_dg12, parse_dg12};
pub use dg16::{PersonToNotify, encode_dg13, encode_dg16, parse_dg13, parse_dg16};
pub use master_file::{Application, AtrInfo, encode_atr_info, encode_dir, parse_atr_info, parse_dir};

use super::tlv::{self, TlvError};
use super::{ChipReading, FileId};
use crate::document::{Mrz, MrzError};

/// Why a file cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It was not read.
    #[error("{file} was not read: {why}")]
    Missing {
        /// Which.
        file: FileId,
        /// As the session noted.
        why: String,
    },
    /// Its structure is broken.
    #[error("{file}: {source}")]
    Structure {
        /// Which.
        file: FileId,
        /// What is broken.
        source: TlvError,
    },
    /// Its zone is no machine readable zone.
    #[error("{file}: {source}")]
    Zone {
        /// Which.
        file: FileId,
        /// What is wrong.
        source: MrzError,
    },
    /// Its content is none that can be used.
    #[error("{file}: {what}")]
    Content {
        /// Which.
        file: FileId,
        /// What is wrong.
        what: &'static str,
    },
}

impl ChipReading {
    /// A file's bytes.
    ///
    /// # Errors
    /// [`FileError::Missing`] with what the session noted.
    pub fn file(&self, file: FileId) -> Result<&[u8], FileError> {
        self.files.get(&file).map(Vec::as_slice).ok_or_else(|| FileError::Missing {
            file,
            why: self.missing.get(&file).cloned().unwrap_or_else(|| "not asked for".to_owned()),
        })
    }

    /// EF.COM.
    ///
    /// # Errors
    /// When it was not read or is malformed.
    pub fn com(&self) -> Result<ComFile, FileError> {
        parse_com(self.file(FileId::Com)?)
    }

    /// The zone in DG1, exactly as in the chip.
    ///
    /// # Errors
    /// When it was not read or is malformed.
    pub fn mrz(&self) -> Result<Mrz, FileError> {
        parse_dg1(self.file(FileId::Dg(1))?)
    }

    /// The portrait in DG2, still encoded.
    ///
    /// # Errors
    /// When it was not read, is malformed or holds no usable image.
    pub fn portrait(&self) -> Result<super::Portrait, FileError> {
        parse_dg2(self.file(FileId::Dg(2))?)
    }
}

/// The content of a file, without its tag and length.
fn content(file: FileId, bytes: &[u8]) -> Result<&[u8], FileError> {
    let (element, _) = tlv::read(bytes).map_err(structure(file))?;
    if element.tag != file.tag() {
        return Err(FileError::Content { file, what: "begins with another file's tag" });
    }
    Ok(element.value)
}

/// Most names in one list that are taken.
const MAX_NAMES: usize = 64;

/// The names of this tag in a template that begins with their number.
fn names_in(file: FileId, template: &[u8], tag: u32) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for element in tlv::elements(template) {
        let element = element.map_err(structure(file))?;
        if element.tag == tag && names.len() < MAX_NAMES {
            names.push(dates::text(element.value));
        }
    }
    Ok(names)
}

/// Fields after the list of their tags, as data groups 11 and 12 want it.
fn tag_list(fields: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let tag_bytes = |tag: u32| tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0);
    let tags: Vec<u8> = fields.iter().flat_map(|(tag, _)| tag_bytes(*tag)).collect();
    let values = fields.iter().flat_map(|(tag, value)| tlv::encode(*tag, value));
    tlv::encode(0x5C, &tags).into_iter().chain(values).collect()
}

fn structure(file: FileId) -> impl Fn(TlvError) -> FileError {
    move |source| FileError::Structure { file, source }
}
