//! DG1: the machine readable zone in one piece (Doc 9303-10 §4.7.1).

use super::{FileError, content, structure};
use crate::chip::FileId;
use crate::chip::tlv;
use crate::document::Mrz;

const ZONE: u32 = 0x5F1F;
const FILE: FileId = FileId::Dg(1);

/// Reads DG1. The zone is taken exactly: what is in the chip was not misread, and nothing is repaired.
///
/// # Errors
/// When its structure is broken or its content is no zone.
pub fn parse_dg1(bytes: &[u8]) -> Result<Mrz, FileError> {
    let zone = tlv::find(content(FILE, bytes)?, ZONE).map_err(structure(FILE))?;
    let text: String = zone.iter().map(|byte| char::from(*byte)).collect();
    Mrz::parse_exact(&[text]).map_err(|source| FileError::Zone { file: FILE, source })
}

/// Makes a DG1 of the lines of a zone.
pub fn encode_dg1<S: AsRef<str>>(lines: &[S]) -> Vec<u8> {
    let zone: String = lines.iter().map(AsRef::as_ref).collect();
    tlv::encode(FILE.tag(), &tlv::encode(ZONE, zone.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 2] =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

    #[test]
    fn what_is_made_is_read_back() {
        let bytes = encode_dg1(&LINES);
        assert_eq!(bytes[..5], [0x61, 0x5B, 0x5F, 0x1F, 0x58]);
        assert_eq!(parse_dg1(&bytes).unwrap().lines, LINES);
    }

    #[test]
    fn nothing_in_the_chip_is_repaired() {
        let misread = LINES[1].replace("7408122", "74O8122");
        let zone = parse_dg1(&encode_dg1(&[LINES[0], &misread])).unwrap();
        assert_eq!(zone.lines[1], misread);
        assert!(zone.repairs.is_empty());
    }

    #[test]
    fn says_what_is_wrong_with_a_zone() {
        let error = parse_dg1(&encode_dg1(&[LINES[0]])).unwrap_err();
        assert!(error.to_string().starts_with("DG1: 1 line(s) of 44"), "{error}");
        assert!(parse_dg1(&[0x61, 0x02, 0x5F, 0x1F]).is_err());
    }
}
