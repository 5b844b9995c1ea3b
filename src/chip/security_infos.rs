//! SecurityInfos: what the chip can do, as EF.CardAccess, DG14 and EF.CardSecurity list it
//! (Doc 9303-11 §9.2, TR-03110-3 §A.1).
//!
//! ```text
//! SecurityInfos ::= SET OF SEQUENCE { protocol OID, required ANY, optional ANY OPTIONAL }
//! ```
//!
//! A broken set is an error. An entry that is broken in itself, or of a kind unknown here, is kept aside and
//! takes nothing away from the others.

use super::crypto::CipherSuite;
use super::tlv::{self, Tlv, TlvError};
use der::asn1::ObjectIdentifier;
use std::fmt;

/// Most entries that are looked at; chips in the field have up to about twelve.
pub const MAX_SECURITY_INFOS: usize = 64;

const SET: u32 = 0x31;
const SEQUENCE: u32 = 0x30;
const INTEGER: u32 = 0x02;
const OID: u32 = 0x06;
const OCTETS: u32 = 0x04;
const CONTEXT_0: u32 = 0xA0;

/// Arcs of Doc 9303-11 §9.2 below which the protocols lie.
const ID_PK: &str = "0.4.0.127.0.7.2.2.1";
const ID_TA: &str = "0.4.0.127.0.7.2.2.2";
const ID_CA: &str = "0.4.0.127.0.7.2.2.3";
const ID_PACE: &str = "0.4.0.127.0.7.2.2.4";
const ID_AA: &str = "2.23.136.1.1.5";

/// How two sides agree on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyAgreement {
    /// Finite field.
    Dh,
    /// Elliptic curve.
    Ecdh,
}

/// How PACE makes a generator of the nonce, Doc 9303-11 §4.4.3.3, weakest claim first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mapping {
    /// Generic mapping.
    Generic,
    /// Integrated mapping.
    Integrated,
    /// Generic mapping that also proves the chip.
    ChipAuthentication,
}

/// PACEInfo, §9.2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaceInfo {
    /// The identifier that stands for the three following.
    pub oid: ObjectIdentifier,
    /// Key agreement.
    pub agreement: KeyAgreement,
    /// Mapping.
    pub mapping: Mapping,
    /// Cipher of nonce, token and secure messaging.
    pub suite: CipherSuite,
    /// Version, 2 for what Doc 9303 describes.
    pub version: u64,
    /// Which domain parameters: 0–31 standardised (§9.5.1), beyond that the chip's own.
    pub parameter_id: Option<u64>,
}

/// PACEDomainParameterInfo, §9.2.2: parameters that the chip brings itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaceDomainParameterInfo {
    /// Key agreement.
    pub agreement: KeyAgreement,
    /// AlgorithmIdentifier, DER.
    pub parameters: Vec<u8>,
    /// By which [`PaceInfo::parameter_id`] they are meant.
    pub parameter_id: Option<u64>,
}

/// ChipAuthenticationInfo, §9.2.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipAuthenticationInfo {
    /// The identifier that stands for the two following.
    pub oid: ObjectIdentifier,
    /// Key agreement.
    pub agreement: KeyAgreement,
    /// Cipher of secure messaging afterwards.
    pub suite: CipherSuite,
    /// Version: 1 is Doc 9303's, 2 and 3 are those of identity cards.
    pub version: u64,
    /// Which key.
    pub key_id: Option<u64>,
}

/// ChipAuthenticationPublicKeyInfo, §9.2.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipAuthenticationPublicKeyInfo {
    /// Key agreement.
    pub agreement: KeyAgreement,
    /// SubjectPublicKeyInfo, DER, exactly as in the file.
    pub public_key: Vec<u8>,
    /// Its name among several.
    pub key_id: Option<u64>,
}

/// ActiveAuthenticationInfo, §9.2.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveAuthenticationInfo {
    /// Version, 1.
    pub version: u64,
    /// How an elliptic key signs (TR-03111 §5.2.1).
    pub signature_algorithm: ObjectIdentifier,
}

/// An entry that is none of these, or is one and broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherInfo {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// The whole entry, DER.
    pub entry: Vec<u8>,
}

/// All entries of one file, by kind, each kind in the file's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityInfos {
    /// Ways of PACE.
    pub pace: Vec<PaceInfo>,
    /// Explicit domain parameters for PACE.
    pub pace_parameters: Vec<PaceDomainParameterInfo>,
    /// Ways of chip authentication.
    pub chip_authentication: Vec<ChipAuthenticationInfo>,
    /// Keys for chip authentication and for the mapping of PACE that authenticates the chip.
    pub chip_authentication_keys: Vec<ChipAuthenticationPublicKeyInfo>,
    /// Active authentication with an elliptic key.
    pub active_authentication: Vec<ActiveAuthenticationInfo>,
    /// Versions of terminal authentication.
    pub terminal_authentication: Vec<u64>,
    /// Kinds unknown here.
    pub unknown: Vec<OtherInfo>,
    /// Known kinds with content that is not theirs.
    pub malformed: Vec<OtherInfo>,
}

/// Why bytes are no SecurityInfos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecurityInfosError {
    /// The structure is broken.
    #[error("security infos: {0}")]
    Structure(#[from] TlvError),
    /// Something else stands where an element should.
    #[error("security infos: {0} expected")]
    Unexpected(&'static str),
    /// More than [`MAX_SECURITY_INFOS`].
    #[error("security infos: more than {MAX_SECURITY_INFOS} entries")]
    TooMany,
}

impl SecurityInfos {
    /// Reads the set as EF.CardAccess holds it. What follows the set is not looked at.
    ///
    /// # Errors
    /// When the set itself is broken.
    pub fn parse(bytes: &[u8]) -> Result<SecurityInfos, SecurityInfosError> {
        let (set, _) = tlv::read(bytes)?;
        if set.tag != SET {
            return Err(SecurityInfosError::Unexpected("a set"));
        }
        let mut infos = SecurityInfos::default();
        for (count, entry) in tlv::elements(set.value).enumerate() {
            if count == MAX_SECURITY_INFOS {
                return Err(SecurityInfosError::TooMany);
            }
            infos.add(entry?)?;
        }
        Ok(infos)
    }

    /// Reads the whole file DG14: the set in tag 6E.
    ///
    /// # Errors
    /// When the file or the set is broken.
    pub fn parse_dg14(file: &[u8]) -> Result<SecurityInfos, SecurityInfosError> {
        let (outer, _) = tlv::read(file)?;
        match outer.tag {
            0x6E => SecurityInfos::parse(outer.value),
            _ => Err(SecurityInfosError::Unexpected("tag 6E")),
        }
    }

    /// Reads the set that EF.CardSecurity signs. Whether the signature holds is not asked here.
    ///
    /// # Errors
    /// When signed data or set are broken.
    pub fn parse_card_security(file: &[u8]) -> Result<SecurityInfos, SecurityInfosError> {
        SecurityInfos::parse(signed_content(file)?)
    }

    fn add(&mut self, entry: Tlv<'_>) -> Result<(), SecurityInfosError> {
        if entry.tag != SEQUENCE {
            return Err(SecurityInfosError::Unexpected("a sequence"));
        }
        let (protocol, rest) = tlv::read(entry.value)?;
        let oid = object_identifier(protocol).ok_or(SecurityInfosError::Unexpected("an identifier"))?;
        let kept = || OtherInfo { oid, entry: tlv::encode(SEQUENCE, entry.value) };
        match self.sort_in(oid, rest) {
            Sorted::Known => {}
            Sorted::Unknown => self.unknown.push(kept()),
            Sorted::Malformed => self.malformed.push(kept()),
        }
        Ok(())
    }

    fn sort_in(&mut self, oid: ObjectIdentifier, content: &[u8]) -> Sorted {
        let fields = Fields(content);
        let text = oid.to_string();
        let below = |arc: &str| -> Option<Vec<u32>> {
            let rest = text.strip_prefix(arc)?;
            let rest = rest.strip_prefix('.').or(rest.is_empty().then_some(rest))?;
            rest.split('.').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
        };
        let sorted = if let Some(arcs) = below(ID_PACE) {
            self.pace_entry(oid, &arcs, fields)
        } else if let Some(arcs) = below(ID_CA) {
            self.chip_authentication_entry(oid, &arcs, fields)
        } else if let Some(arcs) = below(ID_PK) {
            agreement(&arcs).map(|agreement| {
                let (public_key, key_id) = fields.element_and_integer(SEQUENCE)?;
                self.chip_authentication_keys.push(ChipAuthenticationPublicKeyInfo {
                    agreement,
                    public_key,
                    key_id,
                });
                Some(())
            })
        } else if text == ID_TA {
            Some(fields.integers().map(|(version, _)| self.terminal_authentication.push(version)))
        } else if text == ID_AA {
            Some(fields.version_and_identifier().map(|(version, signature_algorithm)| {
                self.active_authentication.push(ActiveAuthenticationInfo { version, signature_algorithm });
            }))
        } else {
            None
        };
        match sorted {
            None => Sorted::Unknown,
            Some(None) => Sorted::Malformed,
            Some(Some(())) => Sorted::Known,
        }
    }

    /// The outer option: whether the kind is known; the inner: whether its content is right.
    fn pace_entry(&mut self, oid: ObjectIdentifier, arcs: &[u32], fields: Fields<'_>) -> Option<Option<()>> {
        use KeyAgreement::{Dh, Ecdh};
        let (agreement, mapping) = match arcs.first()? {
            1 => (Dh, Mapping::Generic),
            2 => (Ecdh, Mapping::Generic),
            3 => (Dh, Mapping::Integrated),
            4 => (Ecdh, Mapping::Integrated),
            6 => (Ecdh, Mapping::ChipAuthentication),
            _ => return None,
        };
        let Some(suite) = arcs.get(1) else {
            return Some(fields.element_and_integer(SEQUENCE).map(|(parameters, parameter_id)| {
                self.pace_parameters.push(PaceDomainParameterInfo { agreement, parameters, parameter_id });
            }));
        };
        let suite = CipherSuite::of_arc(*suite).filter(|suite| {
            arcs.len() == 2 && (mapping != Mapping::ChipAuthentication || *suite != CipherSuite::TripleDes)
        })?;
        Some(fields.integers().map(|(version, parameter_id)| {
            self.pace.push(PaceInfo { oid, agreement, mapping, suite, version, parameter_id });
        }))
    }

    fn chip_authentication_entry(
        &mut self,
        oid: ObjectIdentifier,
        arcs: &[u32],
        fields: Fields<'_>,
    ) -> Option<Option<()>> {
        let agreement = agreement(arcs.get(..1)?)?;
        // Without a cipher it is a domain parameter of version 2, which is not Doc 9303's.
        let suite = CipherSuite::of_arc(*arcs.get(1)?).filter(|_| arcs.len() == 2)?;
        Some(fields.integers().map(|(version, key_id)| {
            self.chip_authentication.push(ChipAuthenticationInfo { oid, agreement, suite, version, key_id });
        }))
    }
}

enum Sorted {
    Known,
    Unknown,
    Malformed,
}

fn agreement(arcs: &[u32]) -> Option<KeyAgreement> {
    match arcs {
        [1] => Some(KeyAgreement::Dh),
        [2] => Some(KeyAgreement::Ecdh),
        _ => None,
    }
}

/// What follows an entry's identifier.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// One integer, and perhaps another.
    fn integers(&self) -> Option<(u64, Option<u64>)> {
        let (first, rest) = tlv::read(self.0).ok()?;
        Some((integer(first)?, optional_integer(rest)?))
    }

    /// An element with this tag, whole, and perhaps an integer.
    fn element_and_integer(&self, tag: u32) -> Option<(Vec<u8>, Option<u64>)> {
        let (first, rest) = tlv::read(self.0).ok()?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        Some(((first.tag == tag).then(|| whole.to_vec())?, optional_integer(rest)?))
    }

    fn version_and_identifier(&self) -> Option<(u64, ObjectIdentifier)> {
        let (version, rest) = tlv::read(self.0).ok()?;
        let (algorithm, _) = tlv::read(rest).ok()?;
        Some((integer(version)?, object_identifier(algorithm)?))
    }
}

/// `None` is broken, `Some(None)` absent.
fn optional_integer(bytes: &[u8]) -> Option<Option<u64>> {
    if bytes.is_empty() {
        return Some(None);
    }
    let (element, _) = tlv::read(bytes).ok()?;
    integer(element).map(Some)
}

/// An integer that is not negative.
fn integer(element: Tlv<'_>) -> Option<u64> {
    let first = element.value.first()?;
    if element.tag != INTEGER || first & 0x80 != 0 || element.value.len() > 8 {
        return None;
    }
    Some(element.value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn object_identifier(element: Tlv<'_>) -> Option<ObjectIdentifier> {
    ObjectIdentifier::from_bytes(element.value).ok().filter(|_| element.tag == OID)
}

/// The content that CMS signed data carries (RFC 5652 §5), in DER. Not verified.
pub(super) fn signed_content(cms: &[u8]) -> Result<&[u8], SecurityInfosError> {
    let (content_info, _) = tlv::read(cms)?;
    let signed_data = tlv::find(tlv::find(content_info.value, CONTEXT_0)?, SEQUENCE)?;
    let encapsulated = tlv::find(signed_data, SEQUENCE)?;
    Ok(tlv::find(tlv::find(encapsulated, CONTEXT_0)?, OCTETS)?)
}

impl fmt::Display for PaceInfo {
    /// `ECDH-GM AES-128`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agreement = match self.agreement {
            KeyAgreement::Dh => "DH",
            KeyAgreement::Ecdh => "ECDH",
        };
        let mapping = match self.mapping {
            Mapping::Generic => "GM",
            Mapping::Integrated => "IM",
            Mapping::ChipAuthentication => "CAM",
        };
        write!(f, "{agreement}-{mapping} {}", self.suite)
    }
}

#[cfg(test)]
#[path = "security_infos_tests.rs"]
mod tests;
