//! EF.COM: versions and a list of data groups (Doc 9303-10 §4.6.1). Unsigned: good for comparison only.

use super::{FileError, content, structure};
use crate::chip::FileId;
use crate::chip::tlv;

const LDS_VERSION: u32 = 0x5F01;
const UNICODE_VERSION: u32 = 0x5F36;
const TAG_LIST: u32 = 0x5C;

/// EF.COM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComFile {
    /// Version of the logical data structure, four digits: `0107`.
    pub lds_version: String,
    /// Version of Unicode, six digits: `040000`.
    pub unicode_version: String,
    /// Data groups listed, by number, in the order of the list.
    pub data_groups: Vec<u8>,
    /// Tags in the list that are no data group's.
    pub unknown_tags: Vec<u8>,
}

/// Reads EF.COM.
///
/// # Errors
/// When its structure is broken or it has no list.
pub fn parse_com(bytes: &[u8]) -> Result<ComFile, FileError> {
    let content = content(FileId::Com, bytes)?;
    let field = |tag| tlv::find(content, tag).map_err(structure(FileId::Com));
    let digits = |tag| field(tag).map(|value| String::from_utf8_lossy(value).into_owned());
    let mut com = ComFile {
        lds_version: digits(LDS_VERSION)?,
        unicode_version: digits(UNICODE_VERSION)?,
        data_groups: Vec::new(),
        unknown_tags: Vec::new(),
    };
    for tag in field(TAG_LIST)? {
        match FileId::of_tag(u32::from(*tag)) {
            Some(FileId::Dg(number)) => com.data_groups.push(number),
            _ => com.unknown_tags.push(*tag),
        }
    }
    Ok(com)
}

/// Makes an EF.COM of LDS 1.7 that lists these data groups; numbers that no data group has are left out.
pub fn encode_com(data_groups: &[u8]) -> Vec<u8> {
    encode_com_of("0107", data_groups)
}

/// The same of another version of the LDS, `0108` for 1.8.
pub fn encode_com_of(lds_version: &str, data_groups: &[u8]) -> Vec<u8> {
    let tags: Vec<u8> =
        data_groups.iter().map(|number| FileId::Dg(*number).tag() as u8).filter(|t| *t != 0).collect();
    let fields = [
        tlv::encode(LDS_VERSION, lds_version.as_bytes()),
        tlv::encode(UNICODE_VERSION, b"040000"),
        tlv::encode(TAG_LIST, &tags),
    ];
    tlv::encode(FileId::Com.tag(), &fields.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_example_of_doc_9303_part_11_appendix_d4() {
        let com = parse_com(&hex::decode("60145F0104303130365F36063034303030305C026175").unwrap()).unwrap();
        assert_eq!((com.lds_version.as_str(), com.unicode_version.as_str()), ("0106", "040000"));
        assert_eq!((com.data_groups, com.unknown_tags), (vec![1, 2], vec![]));
    }

    #[test]
    fn what_is_made_is_read_back() {
        let com = parse_com(&encode_com(&[1, 2, 14, 15])).unwrap();
        assert_eq!(com.data_groups, [1, 2, 14, 15]);
    }

    #[test]
    fn both_versions_in_use_are_told_apart() {
        assert_eq!(parse_com(&encode_com(&[1])).unwrap().lds_version, "0107");
        assert_eq!(parse_com(&encode_com_of("0108", &[1])).unwrap().lds_version, "0108");
    }

    #[test]
    fn says_what_is_missing() {
        let bytes = tlv::encode(0x60, &tlv::encode(LDS_VERSION, b"0107"));
        assert_eq!(parse_com(&bytes).unwrap_err().to_string(), "EF.COM: element 5F36 is missing");
        assert!(parse_com(&[0x61, 0]).unwrap_err().to_string().contains("another file's tag"));
        assert!(parse_com(&[]).is_err());
    }
}
