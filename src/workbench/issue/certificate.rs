//! Certificates after the profiles of Doc 9303-12 §7.1, and revocation lists after §7.2.

use super::der::{bits, context, generalized_time, integer, octets, oid, sequence, set, time, tlv};
use super::signing::SigningKey;
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

/// Distribution point that certificates name; nothing is there.
const REVOCATION_LISTS_AT: &str = "http://pki.example/crl";

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Country signing CA.
    Authority,
    /// Signer of documents of types `P`, `ID` and the like.
    Documents,
    /// Signer of master lists, Doc 9303-12 §7.1.1.
    MasterLists,
    /// Signer of deviation lists.
    DeviationLists,
}

/// What stands in a certificate beside its keys.
pub(super) struct Content<'a> {
    pub(super) serial: u32,
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// Three letters, for the alternative names.
    pub(super) state: &'a str,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) purpose: Purpose,
}

/// A certificate for `subject`'s key, signed by `issuer`'s; the two are the same for a root.
pub(super) fn certificate(
    content: &Content<'_>,
    subject: &SigningKey,
    issuer: &SigningKey,
) -> Result<Vec<u8>> {
    let validity = sequence([time(content.not_before), time(content.not_after)]);
    let body = sequence([
        context(0, &integer(2)),
        integer(content.serial),
        issuer.algorithm.identifier()?,
        content.issuer.to_vec(),
        validity,
        content.subject.to_vec(),
        subject.public()?,
        context(3, &tlv(0x30, &extensions(content, subject, issuer)?)),
    ]);
    signed(issuer, body)
}

fn extensions(content: &Content<'_>, subject: &SigningKey, issuer: &SigningKey) -> Result<Vec<u8>> {
    let usage = [(0x80, content.not_before), (0x81, content.not_after)];
    let usage: Vec<u8> = usage.iter().flat_map(|(tag, at)| generalized_time(*tag, *at)).collect();
    // directoryName with the state's three letters as its locality, and where to write to.
    let locality = sequence([set([sequence([oid("2.5.4.7")?, tlv(0x13, content.state.as_bytes())])])]);
    let alternative = sequence([tlv(0x81, b"pki@example.org"), context(4, &locality)]);
    let point = context(0, &context(0, &tlv(0x86, REVOCATION_LISTS_AT.as_bytes())));
    let mut all = vec![
        extension("2.5.29.35", false, sequence([tlv(0x80, &issuer.id()?)]))?,
        extension("2.5.29.14", false, octets(&subject.id()?))?,
        extension("2.5.29.16", false, tlv(0x30, &usage))?,
        extension("2.5.29.17", false, alternative.clone())?,
        extension("2.5.29.18", false, alternative)?,
        extension("2.5.29.31", false, sequence([sequence([point])]))?,
    ];
    // digitalSignature; for an authority keyCertSign and cRLSign.
    let (unused, usage) = if content.purpose == Purpose::Authority { (1, 0x06) } else { (7, 0x80) };
    all.push(extension("2.5.29.15", true, tlv(0x03, &[unused, usage]))?);
    all.push(match content.purpose {
        Purpose::Authority => extension("2.5.29.19", true, sequence([tlv(0x01, &[0xFF]), integer(0)]))?,
        Purpose::Documents => {
            let types = set([tlv(0x13, b"P"), tlv(0x13, b"ID")]);
            extension("2.23.136.1.1.6.2", false, sequence([integer(0), types]))?
        }
        Purpose::MasterLists => extension("2.5.29.37", true, sequence([oid("2.23.136.1.1.3")?]))?,
        Purpose::DeviationLists => extension("2.5.29.37", true, sequence([oid("2.23.136.1.1.8")?]))?,
    });
    Ok(all.concat())
}

/// A revocation list of these serial numbers, all revoked when it was issued.
pub(super) fn revocation_list(
    issuer: &SigningKey,
    name: &[u8],
    revoked: &[u32],
    [this, next]: [Timestamp; 2],
) -> Result<Vec<u8>> {
    let entries: Vec<u8> =
        revoked.iter().flat_map(|serial| sequence([integer(*serial), time(this)])).collect();
    let extensions = [
        extension("2.5.29.35", false, sequence([tlv(0x80, &issuer.id()?)]))?,
        extension("2.5.29.20", false, integer(1))?,
    ];
    let head = [integer(1), issuer.algorithm.identifier()?, name.to_vec(), time(this), time(next)];
    let entries = if entries.is_empty() { Vec::new() } else { tlv(0x30, &entries) };
    let extensions = context(0, &tlv(0x30, &extensions.concat()));
    signed(issuer, sequence([head.concat(), entries, extensions]))
}

fn signed(key: &SigningKey, content: Vec<u8>) -> Result<Vec<u8>> {
    let signature = bits(&key.sign(&content)?);
    Ok(sequence([content, key.algorithm.identifier()?, signature]))
}

fn extension(id: &str, critical: bool, value: Vec<u8>) -> Result<Vec<u8>> {
    let critical = if critical { tlv(0x01, &[0xFF]) } else { Vec::new() };
    Ok(sequence([oid(id)?, critical, octets(&value)]))
}

/// So many days after `now`, or before it.
pub(super) fn in_days(now: Timestamp, days: i64) -> Result<Timestamp> {
    Ok(now.checked_add(SignedDuration::from_hours(24 * days))?)
}

/// Name of a member of the PKI.
pub(super) fn name(country: &str, common: &str) -> Result<Vec<u8>> {
    let part = |id: &str, tag: u8, text: &str| -> Result<Vec<u8>> {
        Ok(set([sequence([oid(id)?, tlv(tag, text.as_bytes())])]))
    };
    let organisation = part("2.5.4.10", 0x0C, "Test documents")?;
    Ok(sequence([part("2.5.4.6", 0x13, country)?, organisation, part("2.5.4.3", 0x0C, common)?]))
}
