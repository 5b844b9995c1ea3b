//! How chips in the field depart from the standard without ill will. Each was seen by an open reader of travel
//! documents and reported in public.

use super::apdu::CommandIn;
use super::status::{self, Status};

/// A departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Refuses to read more than so many bytes at once, properly protected (UA: 192).
    LargestRead(usize),
    /// Refuses to read more than so many bytes at once by a bare status, before it has counted the
    /// command.
    BareRefusalBeyond(usize),
    /// Refuses reads of extended length by a bare 6700, before it has counted the command (CN).
    BareRefusalOfExtendedReads,
    /// Answers `6Cxx` with the length that it would give when asked for more.
    OffersLength(u8),
    /// Answers the read that reaches the end of a file with all of it and the warning 6282.
    WarnsAtEndOfFile,
    /// Does not know commands of extended length.
    ShortLengthOnly,
    /// Has no access control.
    NoAccessControl,
    /// Has no BAC and says so by 6A88, as if a key were missing (DE).
    NoReferenceForBac,
    /// Refuses SELECT of the master file by this status: 6982, 6A81, 6A86 or 6A87 (NZ, CN, AU, UA).
    MasterFileRefused(Status),
    /// Refuses an expected length on SELECT and MANAGE SECURITY ENVIRONMENT (DE).
    RefusesLengthOnSelect,
    /// Answers active authentication with `6Cxx` unless asked for just so many bytes (NO: 128).
    OffersSignatureLength(u8),
    /// Cuts a signature to so many bytes, and calls that a success, unless asked for more (AU: 256).
    CutsSignature(usize),
    /// Answers active authentication with success and nothing when asked for 65,536 bytes (CN).
    SilentSignature,
    /// Announces PACE and refuses to begin it by this status.
    PaceRefused(Status),
    /// Says by this status, and not by 6300, that the password of PACE was wrong.
    WrongPasswordAnswer(Status),
    /// Wants its key of chip authentication named, though it has but one.
    WantsKeyReference,
}

/// All oddities of one chip.
pub(super) struct Oddities<'a>(pub(super) &'a [Oddity]);

impl Oddities<'_> {
    pub(super) fn has(&self, oddity: Oddity) -> bool {
        self.0.contains(&oddity)
    }

    /// Whether a read is refused before it is counted.
    pub(super) fn refuses_barely(&self, outer: &CommandIn, opened: &CommandIn) -> bool {
        matches!(opened.ins, 0xB0 | 0xB1)
            && self.0.iter().any(|oddity| match oddity {
                Oddity::BareRefusalBeyond(most) => opened.wanted > *most,
                Oddity::BareRefusalOfExtendedReads => outer.extended,
                _ => false,
            })
    }

    /// With what a read of so many bytes is refused.
    pub(super) fn read_refusal(&self, wanted: usize) -> Option<Status> {
        self.0.iter().find_map(|oddity| match oddity {
            Oddity::LargestRead(most) if wanted > *most => Some(status::WRONG_LENGTH),
            Oddity::OffersLength(most) if wanted > usize::from(*most) => Some(0x6C00 | u16::from(*most)),
            _ => None,
        })
    }

    /// With what SELECT of the master file is refused.
    pub(super) fn master_file_refusal(&self) -> Option<Status> {
        self.0.iter().find_map(|oddity| match oddity {
            Oddity::MasterFileRefused(status) => Some(*status),
            _ => None,
        })
    }

    /// With what PACE is refused.
    pub(super) fn pace_refusal(&self) -> Option<Status> {
        self.0.iter().find_map(|oddity| match oddity {
            Oddity::PaceRefused(status) => Some(*status),
            _ => None,
        })
    }

    /// With what a wrong password of PACE is answered.
    pub(super) fn wrong_password(&self) -> Status {
        let other = self.0.iter().find_map(|oddity| match oddity {
            Oddity::WrongPasswordAnswer(status) => Some(*status),
            _ => None,
        });
        other.unwrap_or(status::NOT_AUTHENTICATED)
    }

    /// The signature as it is given when so many bytes are asked for.
    pub(super) fn signature(&self, signature: Vec<u8>, wanted: usize) -> (Vec<u8>, Status) {
        for oddity in self.0 {
            match oddity {
                Oddity::OffersSignatureLength(right) if wanted != usize::from(*right) => {
                    return (Vec::new(), 0x6C00 | u16::from(*right));
                }
                Oddity::SilentSignature if wanted == 65_536 => return (Vec::new(), status::OK),
                Oddity::CutsSignature(most) if wanted <= *most => {
                    return (signature.into_iter().take(*most).collect(), status::OK);
                }
                _ => {}
            }
        }
        (signature, status::OK)
    }
}
