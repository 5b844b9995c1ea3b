//! What a session is to do, and what it gives.

use super::proof::Proofs;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What opens the chip.
#[derive(Clone, PartialEq, Eq)]
pub enum AccessKey {
    /// Document number, birth, expiry with check digits, from [`crate::document::Mrz::key_information`]:
    /// the password of BAC and of PACE.
    Mrz(String),
    /// The card access number printed on some documents, digits: a password of PACE only.
    Can(String),
}

impl fmt::Debug for AccessKey {
    /// Without the key, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessKey::Mrz(_) => f.write_str("Mrz(..)"),
            AccessKey::Can(_) => f.write_str("Can(..)"),
        }
    }
}

/// A file of the chip: those of the eMRTD application, and those of the master file beside it
/// (Doc 9303-10 §3.11 and §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum FileId {
    /// EF.COM, 1E.
    Com,
    /// EF.SOD, 1D.
    Sod,
    /// EF.DG1 to EF.DG16.
    Dg(u8),
    /// EF.CardAccess of the master file, 1C: what PACE the chip offers.
    CardAccess,
    /// EF.CardSecurity of the master file, 1D: the signed keys of PACE with chip authentication mapping.
    CardSecurity,
    /// EF.ATR/INFO of the master file: what lengths the chip takes and gives.
    AtrInfo,
    /// EF.DIR of the master file: which applications there are.
    Dir,
}

impl FileId {
    /// Tags of data groups 1 to 16, Doc 9303-10 §4.6.
    const DATA_GROUP_TAGS: [u8; 16] =
        [0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70];

    /// File identifier for SELECT, Doc 9303-10 §4.
    pub fn identifier(self) -> u16 {
        match self {
            FileId::Com => 0x011E,
            FileId::Sod => 0x011D,
            FileId::Dg(number) => 0x0100 | u16::from(number),
            FileId::CardAccess => 0x011C,
            FileId::CardSecurity => 0x011D,
            FileId::AtrInfo => 0x2F01,
            FileId::Dir => 0x2F00,
        }
    }

    /// Short file identifier for READ BINARY, five bits, Doc 9303-10 §3.11 and §4.
    pub fn short_identifier(self) -> u8 {
        match self {
            FileId::Dir => 0x1E,
            // Of all others the last five bits of the identifier.
            other => (other.identifier() & 0x1F) as u8,
        }
    }

    /// Whether the file lies in the master file and not in the eMRTD application.
    pub fn in_master_file(self) -> bool {
        matches!(self, FileId::CardAccess | FileId::CardSecurity | FileId::AtrInfo | FileId::Dir)
    }

    /// Tag with which the file's content begins; 0 for a data group that does not exist and for files that
    /// are a row of data objects.
    pub fn tag(self) -> u32 {
        match self {
            FileId::Com => 0x60,
            FileId::Sod => 0x77,
            FileId::Dg(number) => {
                let place = usize::from(number).wrapping_sub(1);
                Self::DATA_GROUP_TAGS.get(place).copied().map_or(0, u32::from)
            }
            FileId::CardAccess => 0x31,
            FileId::CardSecurity => 0x30,
            FileId::AtrInfo | FileId::Dir => 0,
        }
    }

    /// The file whose content begins with this tag.
    pub fn of_tag(tag: u32) -> Option<FileId> {
        let data_groups = (1..=16).map(FileId::Dg);
        [FileId::Com, FileId::Sod].into_iter().chain(data_groups).find(|file| file.tag() == tag)
    }

    /// The file of the eMRTD application with this identifier.
    pub fn of_identifier(identifier: u16) -> Option<FileId> {
        let data_groups = (1..=16).map(FileId::Dg);
        let mut all = [FileId::Com, FileId::Sod].into_iter().chain(data_groups);
        all.find(|file| file.identifier() == identifier)
    }
}

impl fmt::Display for FileId {
    /// `EF.COM`, `EF.SOD`, `DG2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileId::Com => f.write_str("EF.COM"),
            FileId::Sod => f.write_str("EF.SOD"),
            FileId::Dg(number) => write!(f, "DG{number}"),
            FileId::CardAccess => f.write_str("EF.CardAccess"),
            FileId::CardSecurity => f.write_str("EF.CardSecurity"),
            FileId::AtrInfo => f.write_str("EF.ATR/INFO"),
            FileId::Dir => f.write_str("EF.DIR"),
        }
    }
}

/// What to read, in which order, within which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingPlan {
    /// Files of the eMRTD application in the order of reading. DG3 and DG4 are never asked for, whatever
    /// stands here: a gate has no right to them. Data groups that EF.SOD does not list are left out once
    /// that was read. EF.CardAccess and EF.ATR/INFO are read in any case where they are there, and
    /// EF.CardSecurity where the mapping of PACE needs it; EF.DIR only when it stands here.
    ///
    /// Chip authentication follows DG14 as soon as neither DG1 nor EF.COM comes next, active
    /// authentication follows DG15.
    pub files: Vec<FileId>,
    /// Whether the chip is to give every proof that it offers. A gate needs one: without this, chip
    /// authentication is left out where the mapping of PACE has proved the chip, and DG15 with active
    /// authentication where either has.
    pub every_proof: bool,
    /// Most time that all exchanges together may take.
    pub time_limit: Duration,
}

impl ReadingPlan {
    /// The gate's plan with optional data groups (7, 11, 12, 13, 16) between portrait and DG15.
    #[must_use]
    pub fn with_groups(mut self, groups: &[u8]) -> ReadingPlan {
        let place = self.files.iter().position(|file| *file == FileId::Dg(15)).unwrap_or(self.files.len());
        self.files.splice(place..place, groups.iter().copied().map(FileId::Dg));
        self
    }
}

impl Default for ReadingPlan {
    /// What a gate needs, in the order that has the most decided while the rest still comes: security
    /// object, DG14, DG1, chip authentication, portrait, EF.COM, DG15 and active authentication; within
    /// twenty seconds.
    fn default() -> Self {
        let groups = [14, 1, 2].map(FileId::Dg);
        let files = [FileId::Sod].into_iter().chain(groups).chain([FileId::Com, FileId::Dg(15)]).collect();
        ReadingPlan { files, every_proof: false, time_limit: Duration::from_secs(20) }
    }
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChipReading {
    /// Whole files, as read.
    pub files: BTreeMap<FileId, Vec<u8>>,
    /// How the chip was opened: `BAC`; `none` for a chip that is open to everybody; for PACE agreement,
    /// mapping, cipher, parameters and password: `PACE ECDH-GM AES-128 brainpoolP256r1 MRZ`.
    pub access: String,
    /// Files that were wanted and are not there or not readable, with the status word or error text.
    pub missing: BTreeMap<FileId, String>,
    /// How the chip proved that it is no copy, as far as it was asked.
    pub proofs: Proofs,
}
