//! LDIF as the ICAO PKD publishes it, RFC 2849: certificates, revocation lists and master lists in base64.
//!
//! Only the values that a trust store can use are taken; what an entry says beside them is passed over.

/// Longest single value, bytes of base64; the greatest master lists have about 1 MiB.
const MAX_VALUE: usize = 16 << 20;
/// Values that one file may hold at most; the PKD has some 30,000 signers.
const MAX_VALUES: usize = 200_000;

/// Attributes whose values a trust store can use, in lower case.
const ATTRIBUTES: [&str; 6] = [
    "usercertificate",
    "cacertificate",
    "certificaterevocationlist",
    "pkdmasterlistcontent",
    "cscamasterlistdata",
    "pkddeviationlistcontent",
];

/// Why a file is no LDIF that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LdifError {
    /// The text is not what LDIF is made of.
    #[error("line {0} is no LDIF")]
    Line(usize),
    /// Base64 that is none.
    #[error("the value that begins on line {0} is no base64")]
    Base64(usize),
    /// A value longer than any of the PKD's.
    #[error("the value that begins on line {0} is longer than any")]
    Length(usize),
    /// More values than the PKD has.
    #[error("there are more values than the PKD has")]
    Count,
}

/// Whether the bytes begin as LDIF does: with `version:` or `dn:`, after comments and empty lines.
pub(super) fn begins_as_ldif(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').take(64);
    let first = lines.find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    first.is_some_and(|line| line.starts_with(b"version:") || line.starts_with(b"dn:"))
}

/// All values that a trust store can use, decoded, in the order of the file.
pub(super) fn values(bytes: &[u8]) -> Result<Vec<Vec<u8>>, LdifError> {
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(more) = line.strip_prefix(b" ") {
            if let Some(open) = &mut open {
                open.extend(more)?;
            }
            continue;
        }
        found.extend(open.take().map(Open::decoded).transpose()?);
        if found.len() > MAX_VALUES {
            return Err(LdifError::Count);
        }
        if line.is_empty() || line.starts_with(b"#") || line == b"-" {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(LdifError::Line(place + 1))?;
        let (name, value) = line.split_at_checked(colon).ok_or(LdifError::Line(place + 1))?;
        open = match value.strip_prefix(b"::") {
            Some(value) if is_wanted(name) => {
                let mut begun = Open { line: place + 1, base64: Vec::new() };
                begun.extend(value)?;
                Some(begun)
            }
            _ => None,
        };
    }
    found.extend(open.take().map(Open::decoded).transpose()?);
    Ok(found)
}

/// The attribute without its options (`;binary`).
fn is_wanted(name: &[u8]) -> bool {
    let base = name.split(|byte| *byte == b';').next().unwrap_or_default();
    ATTRIBUTES.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(base))
}

/// A value whose lines are still coming.
struct Open {
    line: usize,
    base64: Vec<u8>,
}

impl Open {
    fn extend(&mut self, more: &[u8]) -> Result<(), LdifError> {
        self.base64.extend_from_slice(more.trim_ascii());
        if self.base64.len() > MAX_VALUE { Err(LdifError::Length(self.line)) } else { Ok(()) }
    }

    fn decoded(self) -> Result<Vec<u8>, LdifError> {
        let text = std::str::from_utf8(&self.base64).map_err(|_| LdifError::Base64(self.line))?;
        openssl::base64::decode_block(text).map_err(|_| LdifError::Base64(self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn joins_continued_lines_and_passes_over_what_is_of_no_use() {
        let text = b"# made by hand\r\nversion: 1\r\n\r\ndn: cn=one,o=dsc,c=UT\r\nobjectClass: top\r\n\
            sn:: bm90IHdhbnRlZA==\r\nuserCertificate;binary:: aGVs\r\n bG8=\r\npkdVersion: 7\r\n\r\n\
            dn: o=ml,c=UT\nCERTIFICATEREVOCATIONLIST;BINARY:: d29ybGQ=\n";
        assert!(begins_as_ldif(text));
        assert_eq!(values(text).unwrap(), [b"hello".to_vec(), b"world".to_vec()]);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        assert_eq!(values(b"dn: a\nno colon\n"), Err(LdifError::Line(2)));
        assert_eq!(values(b"dn: a\nuserCertificate:: %%%%\n"), Err(LdifError::Base64(2)));
        assert!(!begins_as_ldif(b"\x30\x82"));
    }

    proptest! {
        #[test]
        fn gives_back_what_was_folded_into_lines(
            all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..5),
            width in 1usize..80,
        ) {
            let mut text = b"version: 1\n".to_vec();
            for value in &all {
                let line = format!("userCertificate;binary:: {}", openssl::base64::encode_block(value));
                for (place, piece) in line.as_bytes().chunks(width + 26).enumerate() {
                    text.extend_from_slice(if place == 0 { b"" } else { b" " });
                    text.extend_from_slice(piece);
                    text.push(b'\n');
                }
            }
            prop_assert_eq!(values(&text).unwrap(), all);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = (begins_as_ldif(&bytes), values(&bytes));
        }
    }
}
