//! What the files of the application say, and how such files are made.
//!
//! Reading takes a whole file as the chip gave it; anything broken is a [`FileError`] that names file and
//! fault. Making is for documents that are issued by the workbench. Clauses: Doc 9303-10 §4.6 and §4.7.
mod com;
mod dg1;
mod dg2;

pub use com::{ComFile, encode_com, parse_com};
pub use dg1::{encode_dg1, parse_dg1};
pub use dg2::{encode_dg2, parse_dg2};

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

fn structure(file: FileId) -> impl Fn(TlvError) -> FileError {
    move |source| FileError::Structure { file, source }
}
