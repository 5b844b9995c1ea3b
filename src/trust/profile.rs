//! Certificates against their profile, Doc 9303-12 §7.1, tables 5 and 6.
//!
//! Looked at only for the two certificates that a document rests on, and never to refuse one: states
//! break the profile in every way that there is.

use super::certificate::Certificate;
use super::der::{DerError, Reader, Tlv, only, tag};
use super::finding::{Finding, Note};
use super::signature::Digest;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

/// Extensions that are looked at, at most.
const MAX_EXTENSIONS: usize = 64;
/// Longest serial number, bytes (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

const KEY_USAGE: &str = "2.5.29.15";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const USAGE_PERIOD: &str = "2.5.29.16";
const SUBJECT_ALTERNATIVE: &str = "2.5.29.17";
const ISSUER_ALTERNATIVE: &str = "2.5.29.18";
const REVOCATION_PLACES: &str = "2.5.29.31";
const PURPOSES: &str = "2.5.29.37";
const DOCUMENT_TYPES: &str = "2.23.136.1.1.6.2";

/// Uses that the profile gives to signers and to authorities: the first byte of KeyUsage.
const SIGNER_USES: u8 = 0x80;
const AUTHORITY_USES: u8 = 0x06;

/// By which profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Signer,
    Authority,
}

/// An extension as it stands in a certificate.
struct Extension<'a> {
    oid: String,
    critical: bool,
    value: &'a [u8],
}

/// The fields that the certificate itself does not keep.
struct Fields<'a> {
    version: u32,
    serial: &'a [u8],
    not_before: Tlv<'a>,
    not_after: Tlv<'a>,
    extensions: Vec<Extension<'a>>,
}

/// All that is odd about this certificate. `signed_at` and the zone of the document where they are known.
pub(super) fn findings(
    certificate: &Certificate,
    kind: Kind,
    signed_at: Option<Timestamp>,
    zone: Option<(&str, &str)>,
) -> Vec<Note> {
    let mut found = certificate.key().findings();
    found.extend(certificate.digest().and_then(weak_digest));
    found.extend(names(certificate));
    found.extend(key_ids(certificate, kind));
    match Fields::read(certificate.der()) {
        Ok(fields) => {
            found.extend(fields.body());
            found.extend(fields.extensions(kind));
            if kind == Kind::Signer {
                found.extend(fields.use_of_signer(signed_at, zone.map(|(code, _)| code)));
            }
        }
        Err(_) => found.push(Finding::ExtensionMalformed),
    }
    let subject = certificate.subject().to_string();
    found.into_iter().map(|finding| Note::new(finding, subject.clone())).collect()
}

/// SHA-1 is weak, whatever it is used for.
pub(super) fn weak_digest(digest: Digest) -> Option<Finding> {
    (digest == Digest::Sha1).then_some(Finding::WeakDigest)
}

fn odd<const N: usize>(all: [(bool, Finding); N]) -> impl Iterator<Item = Finding> {
    all.into_iter().filter_map(|(odd, finding)| odd.then_some(finding))
}

fn names(certificate: &Certificate) -> impl Iterator<Item = Finding> {
    let countries = [certificate.subject(), certificate.issuer()].map(|name| name.country_as_written());
    let lower = countries.iter().flatten().any(|country| country.chars().any(char::is_lowercase));
    let [subject, issuer] = countries.map(|country| country.map(str::to_uppercase));
    odd([
        (subject.is_none() || issuer.is_none(), Finding::CountryMissing),
        (lower, Finding::CountryCase),
        (subject.is_some() && issuer.is_some() && subject != issuer, Finding::CountriesDiffer),
    ])
}

fn key_ids(certificate: &Certificate, kind: Kind) -> impl Iterator<Item = Finding> {
    let authority = certificate.authority_key_id().is_none();
    odd([
        (authority && !certificate.is_self_issued(), Finding::AuthorityKeyIdMissing),
        (kind == Kind::Authority && certificate.subject_key_id().is_none(), Finding::SubjectKeyIdMissing),
    ])
}

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Result<Fields<'a>, DerError> {
        const FIELD: &str = "certificate";
        let mut parts = only(der, tag::SEQUENCE, FIELD)?.inside().expect(tag::SEQUENCE, FIELD)?.inside();
        // Versions count from 0, which is left out.
        let version = match parts.optional(tag::context(0), FIELD)? {
            Some(version) => version.inside().expect(tag::INTEGER, FIELD)?.small(FIELD)? + 1,
            None => 1,
        };
        let serial = parts.expect(tag::INTEGER, FIELD)?.value;
        parts.expect(tag::SEQUENCE, FIELD)?;
        parts.expect(tag::SEQUENCE, FIELD)?;
        let mut validity = parts.expect(tag::SEQUENCE, FIELD)?.inside();
        let (not_before, not_after) = (validity.any(FIELD)?, validity.any(FIELD)?);
        let mut extensions = Vec::new();
        while !parts.is_empty() {
            let part = parts.any(FIELD)?;
            if part.tag == tag::context(3) {
                extensions = read_extensions(part)?;
            }
        }
        Ok(Fields { version, serial, not_before, not_after, extensions })
    }

    fn get(&self, oid: &str) -> Option<&Extension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    fn body(&self) -> impl Iterator<Item = Finding> {
        let negative = self.serial.first().is_none_or(|byte| byte & 0x80 != 0);
        let encoded = encoded_as_wanted(self.not_before) && encoded_as_wanted(self.not_after);
        odd([
            (self.version != 3, Finding::CertificateVersion),
            (negative || self.serial.len() > MAX_SERIAL, Finding::SerialNumber),
            (!encoded, Finding::ValidityEncoding),
        ])
    }

    /// Table 6: what must be there, what may not, what must be critical.
    fn extensions(&self, kind: Kind) -> impl Iterator<Item = Finding> {
        let absent = |oid| self.get(oid).is_none();
        let uncritical = |oid| self.get(oid).is_some_and(|extension: &Extension<'_>| !extension.critical);
        let signer = kind == Kind::Signer;
        let uses = self.get(KEY_USAGE).map(|usage| first_bits(usage.value));
        let right = if signer { SIGNER_USES } else { AUTHORITY_USES };
        let known = [KEY_USAGE, BASIC_CONSTRAINTS, USAGE_PERIOD, SUBJECT_ALTERNATIVE, ISSUER_ALTERNATIVE];
        let others = [REVOCATION_PLACES, PURPOSES, DOCUMENT_TYPES, "2.5.29.14", "2.5.29.35", "2.5.29.32"];
        let unknown = |extension: &Extension<'_>| {
            extension.critical && !known.iter().chain(&others).any(|oid| *oid == extension.oid)
        };
        odd([
            (uses.is_none(), Finding::KeyUsageMissing),
            (uses.is_some_and(|uses| uses != Some(right)), Finding::KeyUsageOther),
            (uncritical(KEY_USAGE) || (!signer && uncritical(BASIC_CONSTRAINTS)), Finding::NotCritical),
            (!self.constraints_are_right(kind), Finding::BasicConstraints),
            (absent(USAGE_PERIOD), Finding::UsagePeriodMissing),
            (signer && absent(DOCUMENT_TYPES), Finding::DocumentTypesMissing),
            (absent(SUBJECT_ALTERNATIVE) || absent(ISSUER_ALTERNATIVE), Finding::AlternativeNameMissing),
            (absent(REVOCATION_PLACES), Finding::RevocationPlaceMissing),
            (signer && !absent(PURPOSES), Finding::PurposeInSigner),
            (self.extensions.iter().any(unknown), Finding::UnknownCritical),
        ])
    }

    /// An authority with a path length of 0; none for a signer.
    fn constraints_are_right(&self, kind: Kind) -> bool {
        let constraints = self.get(BASIC_CONSTRAINTS).map(|extension| path_length(extension.value));
        match kind {
            Kind::Signer => constraints.is_none(),
            Kind::Authority => constraints == Some(Some((true, Some(0)))),
        }
    }

    /// Whether the signer was used for what, and when, its certificate says.
    fn use_of_signer(
        &self,
        signed_at: Option<Timestamp>,
        code: Option<&str>,
    ) -> impl Iterator<Item = Finding> {
        let period = self.get(USAGE_PERIOD).and_then(|extension| usage_period(extension.value));
        let outside = period.zip(signed_at).is_some_and(|((first, last), at)| {
            first.is_some_and(|first| at < first) || last.is_some_and(|last| at > last)
        });
        let listed = self.get(DOCUMENT_TYPES).and_then(|extension| document_types(extension.value));
        let other = listed.zip(code).is_some_and(|(listed, code)| {
            // A type of one letter stands for all that begin with it.
            !listed.iter().any(|kind| kind == code || (kind.len() == 1 && code.starts_with(kind.as_str())))
        });
        odd([(outside, Finding::SignedOutsideUsage), (other, Finding::DocumentTypeOther)])
    }
}

fn read_extensions(list: Tlv<'_>) -> Result<Vec<Extension<'_>>, DerError> {
    const FIELD: &str = "extensions";
    let mut list = list.inside().expect(tag::SEQUENCE, FIELD)?.inside();
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < MAX_EXTENSIONS {
        let mut parts = list.expect(tag::SEQUENCE, FIELD)?.inside();
        let oid = parts.expect(tag::OID, FIELD)?.oid(FIELD)?;
        let critical = parts.optional(tag::BOOLEAN, FIELD)?.is_some_and(|b| b.value != [0]);
        found.push(Extension { oid, critical, value: parts.expect(tag::OCTET_STRING, FIELD)?.value });
    }
    Ok(found)
}

/// RFC 5280 §4.1.2.5: UTCTime through 2049 and GeneralizedTime after, with seconds.
fn encoded_as_wanted(time: Tlv<'_>) -> bool {
    const FIELD: &str = "validity";
    let at = super::certificate::time(time, FIELD);
    let late = at.is_ok_and(|at| at.to_zoned(TimeZone::UTC).date() >= date(2050, 1, 1));
    match time.tag {
        tag::UTC_TIME => time.value.len() == 13,
        _ => late && time.value.len() == 15,
    }
}

/// The first byte of a BIT STRING; `None` where bits follow in a second one that are not zero.
fn first_bits(value: &[u8]) -> Option<u8> {
    let bits = Reader::new(value).expect(tag::BIT_STRING, "keyUsage").ok()?.value;
    match bits {
        [_, first, rest @ ..] if rest.iter().all(|byte| *byte == 0) => Some(*first),
        _ => None,
    }
}

/// cA and pathLenConstraint.
fn path_length(value: &[u8]) -> Option<(bool, Option<u32>)> {
    const FIELD: &str = "basicConstraints";
    let mut parts = Reader::new(value).expect(tag::SEQUENCE, FIELD).ok()?.inside();
    let authority = parts.optional(tag::BOOLEAN, FIELD).ok()?.is_some_and(|b| b.value != [0]);
    let length = parts.optional(tag::INTEGER, FIELD).ok()?;
    Some((authority, length.and_then(|length| length.small(FIELD).ok())))
}

/// PrivateKeyUsagePeriod: `[0]` and `[1]` GeneralizedTime, each optional.
fn usage_period(value: &[u8]) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
    const FIELD: &str = "privateKeyUsagePeriod";
    let mut parts = Reader::new(value).expect(tag::SEQUENCE, FIELD).ok()?.inside();
    let mut bound = |n| {
        let time = parts.optional(tag::plain(n), FIELD).ok()??;
        super::certificate::time(Tlv { tag: tag::GENERALIZED_TIME, ..time }, FIELD).ok()
    };
    Some((bound(0), bound(1)))
}

/// DocumentTypeList ::= SEQUENCE { version, docTypeList SET OF DocumentType }.
fn document_types(value: &[u8]) -> Option<Vec<String>> {
    const FIELD: &str = "documentTypeList";
    let mut parts = Reader::new(value).expect(tag::SEQUENCE, FIELD).ok()?.inside();
    parts.expect(tag::INTEGER, FIELD).ok()?;
    let mut list = parts.expect(tag::SET, FIELD).ok()?.inside();
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < MAX_EXTENSIONS {
        let kind = String::from_utf8_lossy(list.any(FIELD).ok()?.value).into_owned();
        found.push(kind.trim_end_matches('<').to_owned());
    }
    Some(found)
}
