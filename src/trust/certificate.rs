//! Certificates of country signing CAs and of the signers under them, Doc 9303-12 §7.
//!
//! Parsed leniently, because certificates in the field are; verified strictly, one link at a time.

use super::der::{DerError, Problem, Reader, Tlv, magnitude, only, tag};
use super::name::Name;
use super::public_key::PublicKey;
use super::signature::{AlgorithmError, AlgorithmIdentifier, Digest, Scheme};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Extensions that one certificate or revocation list may have at most.
const MAX_EXTENSIONS: usize = 64;

/// ExtKeyUsage of master list signers.
const MASTER_LIST_SIGNING: &str = "2.23.136.1.1.3";
/// ExtKeyUsage of deviation list signers.
const DEVIATION_LIST_SIGNING: &str = "2.23.136.1.1.8";

/// A parsed certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Signed,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    key: PublicKey,
    extensions: Extensions,
}

impl std::fmt::Debug for Certificate {
    /// Whose it is, not its bytes: a store holds hundreds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut told = f.debug_struct("Certificate");
        told.field("subject", &self.subject.to_string()).field("issuer", &self.issuer.to_string());
        told.field("serial", &hex::encode(&self.serial)).finish_non_exhaustive()
    }
}

/// What is signed, how, and the signature: certificates and revocation lists alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    content: Vec<u8>,
    pub(super) algorithm: AlgorithmIdentifier,
    signature: Vec<u8>,
}

impl Signed {
    /// `SEQUENCE { content, algorithm, signature }`; gives the content to parse as well.
    pub(super) fn read<'a>(bytes: &'a [u8], field: &'static str) -> Result<(Signed, Tlv<'a>), DerError> {
        let mut parts = only(bytes, tag::SEQUENCE, field)?.inside();
        let content = parts.expect(tag::SEQUENCE, field)?;
        let algorithm = AlgorithmIdentifier::read(parts.expect(tag::SEQUENCE, "signatureAlgorithm")?, field)?;
        let bits = parts.expect(tag::BIT_STRING, "signatureValue")?;
        let (unused, signature) =
            bits.value.split_first().ok_or(Problem::Truncated.within("signatureValue"))?;
        if *unused != 0 {
            return Err(Problem::Content.within("signatureValue"));
        }
        let signed = Signed { content: content.raw.to_vec(), algorithm, signature: signature.to_vec() };
        Ok((signed, content))
    }

    pub(super) fn verifies(&self, issuer: &Certificate) -> Result<bool, AlgorithmError> {
        self.algorithm.scheme(None)?.verifies(&issuer.key, &self.content, &self.signature)
    }
}

impl Certificate {
    /// Parses one certificate in DER.
    ///
    /// # Errors
    /// When a field that every certificate has cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Certificate, DerError> {
        let (signed, content) = Signed::read(bytes, "Certificate")?;
        let mut parts = content.inside();
        parts.optional(tag::context(0), "version")?;
        let serial = magnitude(parts.expect(tag::INTEGER, "serialNumber")?.value).to_vec();
        let inner = AlgorithmIdentifier::read(parts.expect(tag::SEQUENCE, "signature")?, "signature")?;
        if inner.oid != signed.algorithm.oid {
            return Err(Problem::Content.within("signatureAlgorithm"));
        }
        let issuer = Name::read(parts.expect(tag::SEQUENCE, "issuer")?, "issuer")?;
        let mut validity = parts.expect(tag::SEQUENCE, "validity")?.inside();
        let not_before = time(validity.any("notBefore")?, "notBefore")?;
        let not_after = time(validity.any("notAfter")?, "notAfter")?;
        let subject = Name::read(parts.expect(tag::SEQUENCE, "subject")?, "subject")?;
        let key = parts.expect(tag::SEQUENCE, "subjectPublicKeyInfo")?.raw;
        let key = PublicKey::new(key);
        parts.optional(tag::plain(1), "issuerUniqueID")?;
        parts.optional(tag::plain(2), "subjectUniqueID")?;
        let extensions = match parts.optional(tag::context(3), "extensions")? {
            Some(list) => Extensions::read(list.inside().expect(tag::SEQUENCE, "extensions")?)?,
            None => Extensions::default(),
        };
        let der = bytes.to_vec();
        Ok(Certificate { der, signed, serial, issuer, subject, not_before, not_after, key, extensions })
    }

    /// As parsed.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Serial number without leading zeros.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whose it is.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// First moment of validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// SubjectKeyIdentifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_id.as_deref()
    }

    /// AuthorityKeyIdentifier.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_id.as_deref()
    }

    /// Subject and issuer are the same name.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject.key() == self.issuer.key()
    }

    /// May sign certificates: says so, or is of the kind from before anybody said so.
    pub fn is_authority(&self) -> bool {
        self.extensions.authority.unwrap_or_else(|| {
            self.extensions.key_usage.map_or(self.is_self_issued(), |usage| usage.certificate_sign)
        })
    }

    /// Of the profile of a document signer (Doc 9303-12 table 6): may sign data and is not kept for
    /// another purpose, such as signing master lists.
    pub fn is_document_signer(&self) -> bool {
        let may_sign = self.extensions.key_usage.is_none_or(|usage| usage.digital_signature);
        may_sign && self.extensions.purposes.is_empty()
    }

    /// May sign master lists (Doc 9303-12 table 6): a key for documents may not, or it could make any
    /// country trusted.
    pub fn is_master_list_signer(&self) -> bool {
        self.has_purpose(MASTER_LIST_SIGNING)
    }

    /// May sign deviation lists (Doc 9303-12 table 6).
    pub fn is_deviation_list_signer(&self) -> bool {
        self.has_purpose(DEVIATION_LIST_SIGNING)
    }

    fn has_purpose(&self, wanted: &str) -> bool {
        self.extensions.purposes.iter().any(|purpose| purpose == wanted)
    }

    /// Whether the signature on this certificate is by `issuer`'s key. Names and dates are not looked at.
    ///
    /// # Errors
    /// When the algorithm or key is not accepted, so that nothing can be said.
    pub fn is_signed_by(&self, issuer: &Certificate) -> Result<bool, AlgorithmError> {
        self.signed.verifies(issuer)
    }

    /// Algorithm by which its issuer signed it, in words; its identifier when it is not accepted.
    pub(super) fn algorithm(&self) -> String {
        let scheme = self.signed.algorithm.scheme(None);
        scheme.map_or_else(|_| self.signed.algorithm.oid.clone(), |scheme| scheme.to_string())
    }

    /// Digest of its issuer's signature.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.signed.algorithm.scheme(None).ok().map(Scheme::digest)
    }

    /// Names itself as its issuer, by name and by key.
    pub(super) fn claims_to_be_root(&self) -> bool {
        let key = self.authority_key_id().is_some() && self.authority_key_id() == self.subject_key_id();
        self.is_self_issued() && key
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// The extensions that matter here, RFC 5280 §4.2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    /// BasicConstraints cA.
    authority: Option<bool>,
    key_usage: Option<KeyUsage>,
    /// ExtKeyUsage.
    purposes: Vec<String>,
    /// A critical extension that is not understood here.
    pub(super) unknown_critical: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyUsage {
    digital_signature: bool,
    certificate_sign: bool,
}

impl Extensions {
    pub(super) fn read(list: Tlv<'_>) -> Result<Extensions, DerError> {
        let mut found = Extensions::default();
        let mut list = list.inside();
        for _ in 0..MAX_EXTENSIONS {
            if list.is_empty() {
                return Ok(found);
            }
            let mut parts = list.expect(tag::SEQUENCE, "extension")?.inside();
            let oid = parts.expect(tag::OID, "extnID")?.oid("extnID")?;
            let critical = parts.optional(tag::BOOLEAN, "critical")?.is_some_and(|b| b.value != [0]);
            let value = parts.any("extnValue")?.octets("extnValue")?;
            found.take(&oid, critical, &value)?;
        }
        Err(Problem::Length.within("extensions"))
    }

    fn take(&mut self, oid: &str, critical: bool, value: &[u8]) -> Result<(), DerError> {
        match oid {
            // Identifiers only help to find a certificate: a malformed one is as good as none.
            "2.5.29.14" => self.subject_key_id = subject_key_id(value).ok(),
            "2.5.29.35" => self.authority_key_id = authority_key_id(value).ok().flatten(),
            "2.5.29.19" => {
                let mut parts = Reader::new(value).expect(tag::SEQUENCE, "basicConstraints")?.inside();
                let authority = parts.optional(tag::BOOLEAN, "cA")?;
                self.authority = Some(authority.is_some_and(|b| b.value != [0]));
            }
            "2.5.29.15" => {
                let bits = Reader::new(value).expect(tag::BIT_STRING, "keyUsage")?.value;
                let first = bits.get(1).copied().unwrap_or(0);
                self.key_usage = Some(KeyUsage {
                    digital_signature: first & 0x80 != 0,
                    certificate_sign: first & 0x04 != 0,
                });
            }
            "2.5.29.37" => {
                let mut list = Reader::new(value).expect(tag::SEQUENCE, "extKeyUsage")?.inside();
                while !list.is_empty() {
                    self.purposes.push(list.expect(tag::OID, "extKeyUsage")?.oid("extKeyUsage")?);
                }
            }
            _ => self.unknown_critical |= critical,
        }
        Ok(())
    }
}

fn subject_key_id(value: &[u8]) -> Result<Vec<u8>, DerError> {
    const FIELD: &str = "subjectKeyIdentifier";
    Ok(Reader::new(value).any(FIELD)?.octets(FIELD)?.into_owned())
}

fn authority_key_id(value: &[u8]) -> Result<Option<Vec<u8>>, DerError> {
    const FIELD: &str = "authorityKeyIdentifier";
    let mut parts = Reader::new(value).expect(tag::SEQUENCE, FIELD)?.inside();
    Ok(parts.optional(tag::plain(0), FIELD)?.map(|id| id.value.to_vec()))
}

/// UTCTime or GeneralizedTime, RFC 5280 §4.1.2.5; seconds may be missing, the zone is Z.
pub(super) fn time(tlv: Tlv<'_>, field: &'static str) -> Result<Timestamp, DerError> {
    parse_time(tlv).ok_or(Problem::Content.within(field))
}

fn parse_time(tlv: Tlv<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(tlv.value).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tlv.tag {
        tag::UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { year + 2000 } else { year + 1900 }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if ![8, 10].contains(&rest.len()) {
        return None;
    }
    let two = |at: usize| -> Option<i8> { rest.get(at..at + 2)?.parse().ok() };
    let second = if rest.len() == 10 { two(8)? } else { 0 };
    let civil = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_time(bytes: &[u8]) -> Option<String> {
        parse_time(Reader::new(bytes).any("time").unwrap()).map(|t| t.to_string())
    }

    #[test]
    fn reads_both_forms_of_time() {
        assert_eq!(read_time(b"\x17\x0d230131080402Z").unwrap(), "2023-01-31T08:04:02Z");
        assert_eq!(read_time(b"\x17\x0d991231235959Z").unwrap(), "1999-12-31T23:59:59Z");
        assert_eq!(read_time(b"\x17\x0b0609250000Z").unwrap(), "2006-09-25T00:00:00Z");
        assert_eq!(read_time(b"\x18\x0f20180428235959Z").unwrap(), "2018-04-28T23:59:59Z");
        assert_eq!(read_time(b"\x17\x0d231331080402Z"), None);
        assert_eq!(read_time(b"\x17\x0d2301310804+2Z"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Certificate::parse(&bytes).is_err());
        }
    }
}
