//! EF.SOD, the document security object, Doc 9303-10 §4.6.2.

use super::cms::SignedData;
use super::der::{DerError, Problem, Tlv, only, tag};
use super::signature::{AlgorithmError, AlgorithmIdentifier, Digest};
use std::collections::BTreeMap;

/// eContentType: id-icao-mrtd-security-ldsSecurityObject, and the number that early French and Belgian
/// documents have in its place.
const CONTENT_TYPES: [&str; 2] = ["2.23.136.1.1.1", "1.3.27.1.1.1"];

/// Greatest EF.SOD that is read, bytes.
const MAX_LENGTH: usize = 1 << 20;

/// A parsed security object. Nothing in it is verified by parsing.
#[derive(Debug, Clone)]
pub struct SecurityObject {
    version: u32,
    digest: AlgorithmIdentifier,
    hashes: BTreeMap<u8, Vec<u8>>,
    version_info: bool,
    pub(super) signed: SignedData,
}

/// Why a file is no security object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecurityObjectError {
    /// A field cannot be read.
    #[error("EF.SOD cannot be read: {0}")]
    Field(#[from] DerError),
    /// Some other signed content.
    #[error("EF.SOD holds content of type {0}, which is no LDS security object")]
    ContentType(String),
    /// Longer than any.
    #[error("EF.SOD of {0} bytes is longer than any document's")]
    Length(usize),
    /// The table of hashes does not make sense.
    #[error("data group {0} is listed twice, or is none")]
    DataGroup(u32),
}

impl SecurityObject {
    /// Parses a whole EF.SOD: tag 77 around CMS SignedData in DER or BER.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> Result<SecurityObject, SecurityObjectError> {
        if bytes.len() > MAX_LENGTH {
            return Err(SecurityObjectError::Length(bytes.len()));
        }
        let file = only(bytes, 0x77, "EF.SOD")?;
        let signed = SignedData::parse(file.value)?;
        if !CONTENT_TYPES.contains(&signed.content_type.as_str()) {
            return Err(SecurityObjectError::ContentType(signed.content_type));
        }
        let mut parts = only(&signed.content, tag::SEQUENCE, "LDSSecurityObject")?.inside();
        let version = parts.expect(tag::INTEGER, "LDS version")?.small("LDS version")?;
        if version > 1 {
            return Err(Problem::Content.within("LDS version").into());
        }
        let digest =
            AlgorithmIdentifier::read(parts.expect(tag::SEQUENCE, "hashAlgorithm")?, "hashAlgorithm")?;
        let hashes = read_hashes(parts.expect(tag::SEQUENCE, "dataGroupHashValues")?)?;
        let version_info = !parts.is_empty();
        Ok(SecurityObject { version, digest, hashes, version_info, signed })
    }

    /// Version of the structure, 0 or 1.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether LDS and Unicode versions are told, as version 1 has them.
    pub(super) fn has_version_info(&self) -> bool {
        self.version_info
    }

    /// Whether the content's type has the number of early French and Belgian documents.
    pub(super) fn has_other_type(&self) -> bool {
        CONTENT_TYPES.first().is_none_or(|usual| *usual != self.signed.content_type)
    }

    /// Hash function of the data groups.
    ///
    /// # Errors
    /// When it is not accepted.
    pub fn digest(&self) -> Result<Digest, AlgorithmError> {
        self.digest.digest()
    }

    /// Hash of each data group that is listed, by its number.
    pub fn hashes(&self) -> &BTreeMap<u8, Vec<u8>> {
        &self.hashes
    }

    /// The envelope.
    pub fn signed(&self) -> &SignedData {
        &self.signed
    }
}

fn read_hashes(list: Tlv<'_>) -> Result<BTreeMap<u8, Vec<u8>>, SecurityObjectError> {
    let mut hashes = BTreeMap::new();
    let mut list = list.inside();
    while !list.is_empty() {
        let mut pair = list.expect(tag::SEQUENCE, "DataGroupHash")?.inside();
        let number = pair.expect(tag::INTEGER, "dataGroupNumber")?.small("dataGroupNumber")?;
        let hash = pair.any("dataGroupHashValue")?.octets("dataGroupHashValue")?.into_owned();
        let group = u8::try_from(number).ok().filter(|n| (1..=16).contains(n));
        let group = group.ok_or(SecurityObjectError::DataGroup(number))?;
        if hashes.insert(group, hash).is_some() {
            return Err(SecurityObjectError::DataGroup(number));
        }
    }
    Ok(hashes)
}
