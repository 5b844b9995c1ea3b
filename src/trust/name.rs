//! Distinguished names, compared by meaning.
//!
//! Signers and their certificates often write one name in two ways: RDNs in another order, another
//! string type, another case (DESIGN §5, oddity 8). Names only find a certificate; the key decides.

use super::der::{DerError, Problem, Tlv, tag};

/// Attributes that one name may have at most.
const MAX_ATTRIBUTES: usize = 32;

/// A distinguished name, RFC 5280 §4.1.2.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Type (dotted) and value in the order of the encoding.
    attributes: Vec<(String, String)>,
    key: String,
}

impl Name {
    pub(super) fn read(tlv: Tlv<'_>, field: &'static str) -> Result<Name, DerError> {
        let mut attributes = Vec::new();
        let mut rdns = tlv.inside();
        while !rdns.is_empty() {
            let mut rdn = rdns.expect(tag::SET, field)?.inside();
            while !rdn.is_empty() {
                let mut pair = rdn.expect(tag::SEQUENCE, field)?.inside();
                let kind = pair.expect(tag::OID, field)?.oid(field)?;
                attributes.push((kind, text(pair.any(field)?)));
                if attributes.len() > MAX_ATTRIBUTES {
                    return Err(Problem::Length.within(field));
                }
            }
        }
        let mut parts: Vec<String> = attributes.iter().map(|(k, v)| format!("{k}={}", folded(v))).collect();
        parts.sort();
        Ok(Name { attributes, key: parts.join("\u{1f}") })
    }

    /// Equal for names that mean the same: without order, case, string type or surplus blanks.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Country (C), upper case.
    pub fn country(&self) -> Option<String> {
        self.country_as_written().map(|country| country.trim().to_uppercase())
    }

    pub(super) fn country_as_written(&self) -> Option<&str> {
        self.attributes.iter().find(|(kind, _)| kind == "2.5.4.6").map(|(_, value)| value.as_str())
    }
}

/// RFC 4514: most specific first.
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, (kind, value)) in self.attributes.iter().rev().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}={}", short(kind), escaped(value))?;
        }
        Ok(())
    }
}

fn short(kind: &str) -> &str {
    match kind {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for (place, c) in value.char_indices() {
        let outer_blank = c == ' ' && (place == 0 || place + 1 == value.len());
        if "\",+;<>\\".contains(c) || outer_blank || (c == '#' && place == 0) {
            out.push('\\');
        }
        // A name is shown to officers: it may not move their cursor.
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out
}

fn folded(value: &str) -> String {
    value.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The text of a DirectoryString; hexadecimal where the type is none.
fn text(tlv: Tlv<'_>) -> String {
    match tlv.tag {
        0x0C | 0x12 | 0x13 | 0x16 | 0x1A => String::from_utf8_lossy(tlv.value).into_owned(),
        0x14 => tlv.value.iter().map(|b| char::from(*b)).collect(),
        0x1E => {
            let units: Vec<u16> =
                tlv.value.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        }
        _ => hex::encode(tlv.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::der::only;

    fn name(parts: &[(&[u8], u8, &[u8])]) -> Name {
        let mut content = Vec::new();
        for (oid, string, value) in parts {
            let length = |n: usize| u8::try_from(n).unwrap();
            let mut pair = vec![0x06, length(oid.len())];
            pair.extend_from_slice(oid);
            pair.extend_from_slice(&[*string, length(value.len())]);
            pair.extend_from_slice(value);
            content.extend_from_slice(&[0x31, length(pair.len() + 2), 0x30, length(pair.len())]);
            content.extend(pair);
        }
        let mut bytes = vec![0x30, u8::try_from(content.len()).unwrap()];
        bytes.extend(content);
        Name::read(only(&bytes, tag::SEQUENCE, "name").unwrap(), "name").unwrap()
    }

    const C: &[u8] = &[0x55, 0x04, 0x06];
    const CN: &[u8] = &[0x55, 0x04, 0x03];

    #[test]
    fn names_in_other_order_case_and_string_type_are_the_same() {
        let one = name(&[(C, 0x13, b"UT"), (CN, 0x0C, b"Country  Signing")]);
        let other = name(&[(CN, 0x1E, b"\0C\0o\0u\0n\0t\0r\0y\0 \0s\0i\0g\0n\0i\0n\0g"), (C, 0x0C, b"ut")]);
        assert_eq!(one.key(), other.key());
        assert_eq!(other.country().as_deref(), Some("UT"));
        assert_ne!(one.key(), name(&[(C, 0x13, b"UT"), (CN, 0x0C, b"Country Signer")]).key());
    }

    #[test]
    fn is_written_most_specific_first_and_escaped() {
        let name = name(&[(C, 0x13, b"UT"), (CN, 0x0C, b"A, B\x1b[2J")]);
        assert_eq!(name.to_string(), "CN=A\\, B\u{fffd}[2J,C=UT");
    }
}
