//! EF.ATR/INFO and EF.DIR of the master file (Doc 9303-10 §3.11, ISO/IEC 7816-4 §12.1 and §12.2.1).
//!
//! Both are rows of data objects without a tag around them, padded by some chips with zeros.

use super::{FileError, structure};
use crate::chip::FileId;
use crate::chip::tlv::{self, Tlv};

/// Most applications of EF.DIR that are taken.
const MAX_APPLICATIONS: usize = 32;

/// What the chip says about lengths, EF.ATR/INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtrInfo {
    /// Whether commands of extended length are announced (card capabilities, third byte).
    pub extended_length: bool,
    /// Whether command chaining is announced.
    pub command_chaining: bool,
    /// Most bytes of a whole command APDU, where told.
    pub command_bytes_most: Option<u32>,
    /// Most bytes of a whole answer APDU, where told.
    pub answer_bytes_most: Option<u32>,
}

impl AtrInfo {
    /// Sizes below that of a short answer with its status are no extended length.
    const SMALLEST: usize = 256 + 2;
    /// The largest answer that there is, with its status.
    const LARGEST: usize = 65_536 + 2;

    /// Bytes of the chip's longest answer with status, where it knows extended length. Without stated sizes
    /// extended length is for key agreement only (Doc 9303-11 §9.3.1.2).
    pub fn largest_answer(&self) -> Option<usize> {
        let stated = usize::try_from(self.answer_bytes_most?).unwrap_or(usize::MAX);
        Some(stated.min(Self::LARGEST)).filter(|size| *size >= Self::SMALLEST)
    }
}

/// Reads EF.ATR/INFO; what is missing is not announced.
///
/// # Errors
/// When a data object is broken.
pub fn parse_atr_info(bytes: &[u8]) -> Result<AtrInfo, FileError> {
    const CAPABILITIES: u32 = 0x47;
    const LENGTH_INFORMATION: u32 = 0x7F66;
    let file = FileId::AtrInfo;
    let mut info = AtrInfo::default();
    for element in objects(bytes) {
        let Tlv { tag, value } = element.map_err(structure(file))?;
        match (tag, value) {
            (CAPABILITIES, [_, _, third, ..]) => {
                info.command_chaining = third & 0x80 != 0;
                info.extended_length = third & 0x40 != 0;
            }
            (LENGTH_INFORMATION, value) => {
                let mut numbers = tlv::elements(value).filter_map(|number| match number.ok()? {
                    Tlv { tag: 0x02, value } => small(value),
                    _ => None,
                });
                info.command_bytes_most = numbers.next();
                info.answer_bytes_most = numbers.next();
            }
            _ => {}
        }
    }
    Ok(info)
}

/// Makes an EF.ATR/INFO that says the same.
pub fn encode_atr_info(info: &AtrInfo) -> Vec<u8> {
    let third = u8::from(info.command_chaining) << 7 | u8::from(info.extended_length) << 6;
    let mut file = tlv::encode(0x47, &[0, 0, third]);
    if let (Some(command), Some(answer)) = (info.command_bytes_most, info.answer_bytes_most) {
        let number = |number: u32| tlv::encode(0x02, &number.to_be_bytes());
        file.extend(tlv::encode(0x7F66, &[number(command), number(answer)].concat()));
    }
    file
}

/// An application of EF.DIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its name, 5 to 16 bytes: `A0000002471001` for the travel document.
    pub name: Vec<u8>,
    /// Its label, where there is one.
    pub label: Option<String>,
}

/// Reads EF.DIR.
///
/// # Errors
/// When a data object is broken.
pub fn parse_dir(bytes: &[u8]) -> Result<Vec<Application>, FileError> {
    let file = FileId::Dir;
    let mut applications = Vec::new();
    for element in objects(bytes) {
        let element = element.map_err(structure(file))?;
        if element.tag != 0x61 || applications.len() == MAX_APPLICATIONS {
            continue;
        }
        let name = tlv::find(element.value, 0x4F).map_err(structure(file))?;
        let label = tlv::find(element.value, 0x50).ok().map(super::dates::text);
        applications.push(Application { name: name.to_vec(), label });
    }
    Ok(applications)
}

/// Makes an EF.DIR of these applications.
pub fn encode_dir(applications: &[Application]) -> Vec<u8> {
    let template = |application: &Application| {
        let mut fields = tlv::encode(0x4F, &application.name);
        if let Some(label) = &application.label {
            fields.extend(tlv::encode(0x50, label.as_bytes()));
        }
        tlv::encode(0x61, &fields)
    };
    applications.iter().flat_map(template).collect()
}

/// Data objects up to the padding: no tag begins with zero.
fn objects(mut bytes: &[u8]) -> impl Iterator<Item = Result<Tlv<'_>, tlv::TlvError>> {
    std::iter::from_fn(move || {
        if matches!(bytes.first(), None | Some(0)) {
            return None;
        }
        let read = tlv::read(bytes);
        bytes = read.as_ref().map_or(&[], |(_, rest)| *rest);
        Some(read.map(|(element, _)| element))
    })
}

fn small(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_back() {
        let info = AtrInfo {
            extended_length: true,
            command_chaining: false,
            command_bytes_most: Some(1_024),
            answer_bytes_most: Some(65_536),
        };
        assert_eq!(parse_atr_info(&encode_atr_info(&info)).unwrap(), info);
        let padded = [encode_atr_info(&info), vec![0; 20]].concat();
        assert_eq!(parse_atr_info(&padded).unwrap(), info, "with padding");
        assert_eq!(parse_atr_info(&[]).unwrap(), AtrInfo::default());
    }

    #[test]
    fn stated_sizes_that_are_broken_or_too_small_promise_no_extended_length() {
        let largest =
            |file: &str| parse_atr_info(&hex::decode(file).unwrap()).unwrap_or_default().largest_answer();
        assert_eq!(largest("47039411807F66080202040002020800"), Some(2_048));
        assert_eq!(largest("47039411407F66080202FFFF0202FFFF"), Some(65_535));
        assert_eq!(largest("7F660A02020100020400FFFFFF"), Some(65_538), "bounded");
        for nothing in ["", "FF", "7F6604020204", "7F66080202010002020100", "7F66040202FFFF"] {
            assert_eq!(largest(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_object_that_ends_with_zeros_keeps_them() {
        let info = AtrInfo::default();
        assert_eq!(encode_atr_info(&info), [0x47, 3, 0, 0, 0]);
        assert_eq!(parse_atr_info(&encode_atr_info(&info)).unwrap(), info);
    }

    #[test]
    fn applications_are_read_back() {
        let travel = Application { name: vec![0xA0, 0, 0, 2, 0x47, 0x10, 1], label: Some("eMRTD".into()) };
        let other = Application { name: vec![0xE8, 7, 4, 0, 0x7F], label: None };
        let all = [travel, other];
        assert_eq!(parse_dir(&encode_dir(&all)).unwrap(), all);
        assert!(parse_dir(&[0x61, 0x05, 0x4F]).is_err());
    }
}
