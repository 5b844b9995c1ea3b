//! Writing DER, X.690: just what certificates, revocation lists and security objects need.

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Tag, length and content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(content.len() as u8);
    } else {
        let digits: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
        out.push(0x80 | digits.len() as u8);
        out.extend(digits);
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence<const N: usize>(parts: [Vec<u8>; N]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// SET OF, its members in the order of DER.
pub(super) fn set<const N: usize>(mut parts: [Vec<u8>; N]) -> Vec<u8> {
    parts.sort();
    tlv(0x31, &parts.concat())
}

/// SET OF with any number of members, in the order of DER.
pub(super) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(0x31, &parts.concat())
}

/// `[n]`, constructed.
pub(super) fn context(n: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xA0 | n, content)
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], content].concat())
}

pub(super) fn integer(value: u32) -> Vec<u8> {
    let mut digits: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    if digits.first().is_none_or(|b| b & 0x80 != 0) {
        digits.insert(0, 0);
    }
    tlv(0x02, &digits)
}

pub(super) fn null() -> Vec<u8> {
    vec![0x05, 0x00]
}

/// OBJECT IDENTIFIER from its dotted text.
pub(super) fn oid(text: &str) -> Result<Vec<u8>> {
    let object = openssl::asn1::Asn1Object::from_str(text).with_context(|| format!("identifier {text}"))?;
    Ok(tlv(0x06, object.as_slice()))
}

/// UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
pub(super) fn time(at: Timestamp) -> Vec<u8> {
    let at = at.to_zoned(TimeZone::UTC);
    match at.year() {
        ..2050 => tlv(0x17, at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes()),
        _ => generalized_time(0x18, at.timestamp()),
    }
}

/// GeneralizedTime under this tag.
pub(super) fn generalized_time(tag: u8, at: Timestamp) -> Vec<u8> {
    tlv(tag, at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
}
