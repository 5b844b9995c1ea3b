//! What an issuer writes into a chip: files and private keys.

use super::digest::Digest;
use crate::chip::FileId;
use openssl::pkey::{PKey, Private};
use std::collections::BTreeMap;

/// The content of one chip.
///
/// What PACE it offers follows from its EF.CardAccess, what chip authentication from its DG14: a chip does
/// what its files say. A protocol that they announce and for which no key is given is refused.
#[derive(Clone)]
pub struct Personalisation {
    /// Files of the eMRTD application and of the master file, each with its outermost tag.
    pub files: BTreeMap<FileId, Vec<u8>>,
    /// Document number, birth and expiry with check digits of the printed lines
    /// ([`crate::document::Mrz::key_information`]): the password of BAC and of PACE.
    pub key_information: String,
    /// The card access number printed on the page, 6 digits: the other password of PACE.
    pub can: Option<String>,
    /// Whether the chip can be opened by BAC (Doc 9303-11 §4.3).
    pub bac: bool,
    /// Keys of chip authentication (§6.2), and of PACE with chip authentication mapping: there the chip
    /// takes the one on PACE's curve whose public key stands in EF.CardSecurity.
    pub chip_authentication: Vec<ChipAuthenticationKey>,
    /// Key of active authentication (§6.1).
    pub active_authentication: Option<ActiveAuthenticationKey>,
}

impl Personalisation {
    /// A chip with these files that is opened by BAC alone and proves nothing.
    pub fn of_files(files: BTreeMap<FileId, Vec<u8>>, key_information: &str) -> Personalisation {
        Personalisation {
            files,
            key_information: key_information.to_owned(),
            can: None,
            bac: true,
            chip_authentication: Vec::new(),
            active_authentication: None,
        }
    }
}

/// A static key pair of the chip for key agreement: ECDH on any curve or DH.
#[derive(Clone)]
pub struct ChipAuthenticationKey {
    /// Its identifier, by which DG14 or EF.CardSecurity names it; `None` when it is the only one.
    pub id: Option<u64>,
    /// EC or DH key.
    pub key: PKey<Private>,
}

/// The key pair that signs challenges.
#[derive(Clone)]
pub struct ActiveAuthenticationKey {
    /// RSA or EC key; its public half stands in DG15.
    pub key: PKey<Private>,
    /// What it signs with. RSA with SHA-1 ends its message by trailer `BC`, other digests by `xxCC`
    /// (ISO/IEC 9796-2); for EC keys ActiveAuthenticationInfo in DG14 names it.
    pub digest: Digest,
}
