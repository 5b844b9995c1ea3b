//! Selecting and reading files, ISO/IEC 7816-4 §11.2 and §11.3 as Doc 9303-10 §3.6 profiles them.

use super::apdu::CommandIn;
use super::behaviour::LARGEST_ANSWER;
use super::objects::{object, value};
use super::oddity::Oddities;
use super::status::{self, Status};
use crate::chip::FileId;
use std::collections::BTreeMap;

/// Name of the eMRTD application.
const APPLICATION: [u8; 7] = [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];
const MASTER_FILE: &[u8] = &[0x3F, 0x00];

/// Where in the chip a terminal stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    /// In the eMRTD application, or else in the master file.
    pub(super) application: bool,
    pub(super) current: Option<FileId>,
}

/// What a terminal may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Neither BAC nor PACE was done.
    Shut,
    /// One of them was.
    Open,
}

/// Identifier and short identifier of a file.
fn identifiers(file: FileId) -> (u16, u8) {
    match file {
        FileId::Com => (0x011E, 0x1E),
        FileId::Sod => (0x011D, 0x1D),
        FileId::Dg(number) => (0x0100 | u16::from(number), number),
        FileId::CardAccess => (0x011C, 0x1C),
        FileId::CardSecurity => (0x011D, 0x1D),
        FileId::AtrInfo => (0x2F01, 0x01),
        FileId::Dir => (0x2F00, 0x1E),
    }
}

impl Standing {
    fn find(self, files: &BTreeMap<FileId, Vec<u8>>, wanted: impl Fn((u16, u8)) -> bool) -> Option<FileId> {
        let here = |file: &&FileId| file.in_master_file() != self.application;
        files.keys().filter(here).find(|file| wanted(identifiers(**file))).copied()
    }

    /// SELECT, whose parameters say what is given: nothing or 3F00 for the master file, a name for the
    /// application, an identifier for a file.
    pub(super) fn select(
        &mut self,
        command: &CommandIn,
        files: &BTreeMap<FileId, Vec<u8>>,
        access: Access,
        oddities: &Oddities,
    ) -> Status {
        match (command.p1, command.data.as_slice()) {
            (0x00, [] | MASTER_FILE) => match oddities.master_file_refusal() {
                Some(refusal) => refusal,
                None => {
                    *self = Standing::default();
                    status::OK
                }
            },
            (0x04, name) if name == APPLICATION => {
                *self = Standing { application: true, current: None };
                status::OK
            }
            (0x04, _) => status::NOT_FOUND,
            (0x00 | 0x02, &[high, low]) => {
                let identifier = u16::from_be_bytes([high, low]);
                self.current = self.find(files, |(long, _)| long == identifier);
                match self.current {
                    Some(file) => may_read(file, access).err().unwrap_or(status::OK),
                    None if self.application && access == Access::Shut => status::ACCESS_DENIED,
                    None => status::NOT_FOUND,
                }
            }
            (0x02, _) => status::WRONG_DATA,
            _ => status::WRONG_PARAMETERS,
        }
    }

    /// READ BINARY with the offset in the parameters, with a short file identifier, or with the offset in a data
    /// object. An endless file gives bytes wherever it is read.
    pub(super) fn read(
        &mut self,
        command: &CommandIn,
        files: &BTreeMap<FileId, Vec<u8>>,
        access: Access,
        endless: Option<FileId>,
        oddities: &Oddities,
    ) -> Result<(Vec<u8>, Status), Status> {
        let odd = command.ins == 0xB1;
        let offset = match (odd, command.p1 & 0x80 != 0) {
            (true, _) => {
                if let short @ 1..=0x1E = command.p2 {
                    self.select_short(short, files, access)?;
                }
                value(&command.data, 0x54)
                    .and_then(super::security_infos::number)
                    .ok_or(status::WRONG_DATA)?
            }
            (false, true) => {
                self.select_short(command.p1 & 0x1F, files, access)?;
                u64::from(command.p2)
            }
            (false, false) => u64::from(u16::from_be_bytes([command.p1, command.p2])),
        };
        let Some(file) = self.current else {
            let shut = self.application && access == Access::Shut;
            return Err(if shut { status::ACCESS_DENIED } else { status::NO_CURRENT_FILE });
        };
        may_read(file, access)?;
        let content = files.get(&file).ok_or(status::NOT_FOUND)?;
        if command.wanted == 0 {
            return Err(status::WRONG_LENGTH);
        }
        if let Some(refusal) = oddities.read_refusal(command.wanted) {
            return Err(refusal);
        }
        // The data object around the bytes counts as wanted too.
        let room = command.wanted.min(LARGEST_ANSWER) - if odd { wrapping(command.wanted) } else { 0 };
        let offset = usize::try_from(offset).map_err(|_| status::WRONG_OFFSET)?;
        let mut piece: Vec<u8> = content.iter().skip(offset).take(room).copied().collect();
        if endless == Some(file) {
            piece.resize(room, 0);
        } else if piece.is_empty() {
            return Err(status::WRONG_OFFSET);
        }
        let at_end = oddities.has(super::Oddity::WarnsAtEndOfFile) && offset + piece.len() >= content.len();
        let status = if piece.len() < room || at_end { status::END_OF_FILE } else { status::OK };
        Ok((if odd { object(0x53, &piece) } else { piece }, status))
    }

    fn select_short(
        &mut self,
        short: u8,
        files: &BTreeMap<FileId, Vec<u8>>,
        access: Access,
    ) -> Result<(), Status> {
        match self.find(files, |(_, identifier)| identifier == short) {
            Some(file) => {
                may_read(file, access)?;
                self.current = Some(file);
                Ok(())
            }
            None if self.application && access == Access::Shut => Err(status::ACCESS_DENIED),
            None => Err(status::NOT_FOUND),
        }
    }
}

/// Doc 9303-11 §4: what stands in the master file for anybody, the rest after access control, fingerprints and
/// irises for nobody, as this chip knows no terminal authentication.
fn may_read(file: FileId, access: Access) -> Result<(), Status> {
    match file {
        FileId::CardAccess | FileId::AtrInfo | FileId::Dir => Ok(()),
        FileId::Dg(3 | 4) => Err(status::ACCESS_DENIED),
        _ if access == Access::Open => Ok(()),
        _ => Err(status::ACCESS_DENIED),
    }
}

/// Bytes of tag and length of data object 53 within an answer of so many bytes.
fn wrapping(answer: usize) -> usize {
    match answer {
        0..=1 => answer,
        2..=0x81 => 2,
        0x82..=0x102 => 3,
        _ => 4,
    }
}
