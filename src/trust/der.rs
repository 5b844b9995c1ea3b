//! Reading BER and DER, X.690.
//!
//! In go bytes from a chip or a list, out come [`Tlv`]s that borrow from them. Definite and indefinite
//! lengths are read alike; `raw` is always exactly what was transmitted, because signatures are over
//! bytes. Nothing here panics, recursion and lengths are bounded, and every error names the field.

use std::borrow::Cow;

/// Nesting of constructed values that an honest file never reaches.
const MAX_DEPTH: usize = 32;
/// Longest length that is read, bytes; the greatest master list in use has below 1 MiB.
const MAX_LENGTH: usize = 32 << 20;

/// Identifier octets that occur in certificates and security objects.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u32 = 0x01;
    pub(crate) const INTEGER: u32 = 0x02;
    pub(crate) const BIT_STRING: u32 = 0x03;
    pub(crate) const OCTET_STRING: u32 = 0x04;
    pub(crate) const OID: u32 = 0x06;
    pub(crate) const UTC_TIME: u32 = 0x17;
    pub(crate) const GENERALIZED_TIME: u32 = 0x18;
    pub(crate) const OCTET_STRING_IN_PARTS: u32 = 0x24;
    pub(crate) const SEQUENCE: u32 = 0x30;
    pub(crate) const SET: u32 = 0x31;
    /// `[n]`, primitive.
    pub(crate) const fn plain(n: u32) -> u32 {
        0x80 | n
    }
    /// `[n]`, constructed.
    pub(crate) const fn context(n: u32) -> u32 {
        0xA0 | n
    }
}

/// Why bytes could not be read, and in which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DerError {
    /// The field by its name in the standard.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end inside the value.
    #[error("ends too early")]
    Truncated,
    /// Another tag than the standard wants.
    #[error("tag {found:X} where {wanted:X} must be")]
    Tag {
        /// The tag that the standard wants.
        wanted: u32,
        /// The tag that was read.
        found: u32,
    },
    /// A length that no such file has, or that cannot be.
    #[error("impossible length")]
    Length,
    /// Nested deeper than any such file is.
    #[error("nested too deeply")]
    Depth,
    /// Bytes after the end of the value.
    #[error("bytes follow its end")]
    Trailing,
    /// The content is not what the type allows.
    #[error("content not allowed")]
    Content,
}

impl Problem {
    pub(super) fn within(self, field: &'static str) -> DerError {
        DerError { field, problem: self }
    }
}

/// One tag, length and value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tlv<'a> {
    /// Identifier octets as one number, `0x77`, `0x5F1F`.
    pub(super) tag: u32,
    /// Content without any end-of-contents octets.
    pub(super) value: &'a [u8],
    /// All bytes as transmitted.
    pub(super) raw: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// What is inside a constructed value.
    pub(super) fn inside(&self) -> Reader<'a> {
        Reader { rest: self.value }
    }

    /// Content of an OCTET STRING, joined where BER sends it in parts.
    pub(super) fn octets(&self, field: &'static str) -> Result<Cow<'a, [u8]>, DerError> {
        match self.tag {
            tag::OCTET_STRING => Ok(Cow::Borrowed(self.value)),
            tag::OCTET_STRING_IN_PARTS => {
                let mut whole = Vec::with_capacity(self.value.len());
                join(*self, 0, &mut whole).map_err(|p| p.within(field))?;
                Ok(Cow::Owned(whole))
            }
            found => Err(Problem::Tag { wanted: tag::OCTET_STRING, found }.within(field)),
        }
    }

    /// Dotted text of an OBJECT IDENTIFIER.
    pub(super) fn oid(&self, field: &'static str) -> Result<String, DerError> {
        oid_text(self.value).ok_or(Problem::Content.within(field))
    }

    /// A small INTEGER that must not be negative.
    pub(super) fn small(&self, field: &'static str) -> Result<u32, DerError> {
        let bad = Problem::Content.within(field);
        let digits = magnitude(self.value);
        if self.value.first().is_none_or(|b| b & 0x80 != 0) || digits.len() > 4 {
            return Err(bad);
        }
        Ok(digits.iter().fold(0u32, |sum, b| sum << 8 | u32::from(*b)))
    }
}

/// Content octets of an INTEGER without leading zeros, so that serial numbers compare by value.
pub(super) fn magnitude(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|b| *b != 0).unwrap_or(value.len());
    value.get(start..).unwrap_or_default()
}

/// Reads one value after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, whatever its tag.
    pub(super) fn any(&mut self, field: &'static str) -> Result<Tlv<'a>, DerError> {
        let (tlv, rest) = read(self.rest, 0).map_err(|p| p.within(field))?;
        self.rest = rest;
        Ok(tlv)
    }

    /// The next value, which must have this tag.
    pub(super) fn expect(&mut self, wanted: u32, field: &'static str) -> Result<Tlv<'a>, DerError> {
        let tlv = self.any(field)?;
        if tlv.tag == wanted { Ok(tlv) } else { Err(Problem::Tag { wanted, found: tlv.tag }.within(field)) }
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, wanted: u32, field: &'static str) -> Result<Option<Tlv<'a>>, DerError> {
        match read_tag(self.rest) {
            Ok((found, _)) if found == wanted => self.any(field).map(Some),
            _ => Ok(None),
        }
    }

    /// The next value's tag, without reading it.
    pub(super) fn peek(&self) -> Option<u32> {
        read_tag(self.rest).ok().map(|(tag, _)| tag)
    }

    /// Nothing may follow.
    pub(super) fn end(&self, field: &'static str) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Problem::Trailing.within(field)) }
    }
}

/// The only value in these bytes.
pub(super) fn only<'a>(bytes: &'a [u8], wanted: u32, field: &'static str) -> Result<Tlv<'a>, DerError> {
    let mut reader = Reader::new(bytes);
    let tlv = reader.expect(wanted, field)?;
    reader.end(field)?;
    Ok(tlv)
}

/// The value in DER, with another tag: what a signature over implicitly tagged attributes covers.
pub(super) fn distinguished(tlv: Tlv<'_>, tag: u8, field: &'static str) -> Result<Vec<u8>, DerError> {
    let mut content = Vec::with_capacity(tlv.value.len());
    encode_inside(tlv, 0, &mut content).map_err(|p| p.within(field))?;
    let mut out = vec![tag];
    put_length(content.len(), &mut out);
    out.append(&mut content);
    Ok(out)
}

fn encode_inside(tlv: Tlv<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::Depth);
    }
    let mut rest = tlv.value;
    while !rest.is_empty() {
        let (child, after) = read(rest, depth)?;
        rest = after;
        let mut content = Vec::new();
        let mut child_tag = child.tag;
        if child.tag == tag::OCTET_STRING_IN_PARTS {
            join(child, depth, &mut content)?;
            child_tag = tag::OCTET_STRING;
        } else if constructed(child.raw) {
            encode_inside(child, depth + 1, &mut content)?;
        } else {
            content.extend_from_slice(child.value);
        }
        out.extend(child_tag.to_be_bytes().into_iter().skip_while(|b| *b == 0));
        put_length(content.len(), out);
        out.append(&mut content);
    }
    Ok(())
}

fn join(parts: Tlv<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::Depth);
    }
    let mut rest = parts.value;
    while !rest.is_empty() {
        let (part, after) = read(rest, depth)?;
        rest = after;
        match part.tag {
            tag::OCTET_STRING => out.extend_from_slice(part.value),
            tag::OCTET_STRING_IN_PARTS => join(part, depth + 1, out)?,
            found => return Err(Problem::Tag { wanted: tag::OCTET_STRING, found }),
        }
    }
    Ok(())
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
    out.push(0x80 | digits.len() as u8);
    out.extend(digits);
}

fn constructed(raw: &[u8]) -> bool {
    raw.first().is_some_and(|b| b & 0x20 != 0)
}

fn read(input: &[u8], depth: usize) -> Result<(Tlv<'_>, &[u8]), Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::Depth);
    }
    let (tag, after_tag) = read_tag(input)?;
    let (&first, body) = after_tag.split_first().ok_or(Problem::Truncated)?;
    let (value, rest) = if first == 0x80 {
        if !constructed(input) {
            return Err(Problem::Length);
        }
        until_end_of_contents(body, depth)?
    } else {
        let (length, body) = read_length(first, body)?;
        body.split_at_checked(length).ok_or(Problem::Truncated)?
    };
    let raw = input.get(..input.len().saturating_sub(rest.len())).unwrap_or_default();
    Ok((Tlv { tag, value, raw }, rest))
}

fn until_end_of_contents(body: &[u8], depth: usize) -> Result<(&[u8], &[u8]), Problem> {
    let mut rest = body;
    loop {
        if let Some(after) = rest.strip_prefix(&[0, 0]) {
            let length = body.len().saturating_sub(rest.len());
            return Ok((body.get(..length).unwrap_or_default(), after));
        }
        rest = read(rest, depth + 1)?.1;
    }
}

fn read_tag(input: &[u8]) -> Result<(u32, &[u8]), Problem> {
    let (&first, mut rest) = input.split_first().ok_or(Problem::Truncated)?;
    let mut tag = u32::from(first);
    if first & 0x1F == 0x1F {
        // At most two more octets: the longest tags of Doc 9303-10 are 7F2E and 5F1F.
        for place in 0..2 {
            let (&next, after) = rest.split_first().ok_or(Problem::Truncated)?;
            rest = after;
            tag = tag << 8 | u32::from(next);
            if next & 0x80 == 0 {
                break;
            }
            if place == 1 {
                return Err(Problem::Length);
            }
        }
    }
    Ok((tag, rest))
}

fn read_length(first: u8, body: &[u8]) -> Result<(usize, &[u8]), Problem> {
    if first < 0x80 {
        return Ok((usize::from(first), body));
    }
    let (digits, rest) = body.split_at_checked(usize::from(first & 0x7F)).ok_or(Problem::Truncated)?;
    let mut length = 0usize;
    for digit in digits {
        length = length << 8 | usize::from(*digit);
        if length > MAX_LENGTH {
            return Err(Problem::Length);
        }
    }
    Ok((length, rest))
}

fn oid_text(value: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut arc = 0u128;
    let mut open = true;
    for byte in value {
        arc = arc.checked_mul(128)?.checked_add(u128::from(byte & 0x7F))?;
        open = byte & 0x80 != 0;
        if open {
            continue;
        }
        if text.is_empty() {
            let root = (arc / 40).min(2);
            text = format!("{root}.{}", arc.saturating_sub(root * 40));
        } else {
            text.push('.');
            text.push_str(&arc.to_string());
        }
        arc = 0;
    }
    if open { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_definite_and_indefinite_lengths_alike() {
        let definite = [0x30, 0x05, 0x24, 0x03, 0x04, 0x01, 0xAA];
        let indefinite = [0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0xAA, 0, 0, 0, 0];
        for bytes in [&definite[..], &indefinite[..]] {
            let outer = only(bytes, tag::SEQUENCE, "outer").unwrap();
            let inner = outer.inside().any("inner").unwrap();
            assert_eq!(inner.octets("inner").unwrap().as_ref(), [0xAA]);
            assert_eq!(distinguished(outer, 0x31, "outer").unwrap(), [0x31, 0x03, 0x04, 0x01, 0xAA]);
        }
    }

    #[test]
    fn refuses_endless_nesting() {
        let bytes = [0x30, 0x80].repeat(10_000);
        assert_eq!(Reader::new(&bytes).any("bomb").unwrap_err(), Problem::Depth.within("bomb"));
    }

    #[test]
    fn refuses_lengths_beyond_the_bytes_and_beyond_the_bound() {
        assert_eq!(Reader::new(&[0x04, 0x02, 0x00]).any("x").unwrap_err().problem, Problem::Truncated);
        let huge = [0x04, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(Reader::new(&huge).any("x").unwrap_err().problem, Problem::Length);
    }

    #[test]
    fn writes_object_identifiers_in_dots() {
        assert_eq!(oid_text(&[0x67, 0x81, 0x08, 0x01, 0x01, 0x01]).unwrap(), "2.23.136.1.1.1");
        assert_eq!(oid_text(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]).unwrap(), "1.2.840.10045.2.1");
        assert_eq!(oid_text(&[0x2A, 0x86]), None);
        assert_eq!(oid_text(&[]), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_gives_back_what_it_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let mut read_back = Vec::new();
            while let Ok(tlv) = reader.any("any") {
                let _ = (tlv.octets("o"), tlv.oid("o"), tlv.small("o"), distinguished(tlv, 0x31, "o"));
                read_back.extend_from_slice(tlv.raw);
            }
            prop_assert!(bytes.starts_with(&read_back));
        }
    }
}
