//! DG16: persons to notify (Doc 9303-10 §4.7.16), and DG13, whose content is the issuer's own (§4.7.13).

use super::dates::{digits, text};
use super::{FileError, content, structure};
use crate::chip::FileId;
use crate::chip::tlv;

const FILE: FileId = FileId::Dg(16);
const COUNT: u32 = 0x02;
/// Templates are numbered from A1 on.
const FIRST_PERSON: u32 = 0xA1;
/// Most persons that are taken; the tags end there.
const MAX_PERSONS: usize = 14;
const RECORDED: u32 = 0x5F50;
const NAME: u32 = 0x5F51;
const TELEPHONE: u32 = 0x5F52;
const ADDRESS: u32 = 0x5F53;

/// A person to notify. Texts are as written, words parted by `<`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonToNotify {
    /// When this was recorded, `YYYYMMDD`.
    pub recorded: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Telephone number.
    pub telephone: Option<String>,
    /// Address.
    pub address: Option<String>,
}

/// Reads DG16.
///
/// # Errors
/// When its structure is broken or a date is none.
pub fn parse_dg16(bytes: &[u8]) -> Result<Vec<PersonToNotify>, FileError> {
    let mut persons = Vec::new();
    for element in tlv::elements(content(FILE, bytes)?) {
        let element = element.map_err(structure(FILE))?;
        let place = element.tag.wrapping_sub(FIRST_PERSON) as usize;
        if place < MAX_PERSONS && persons.len() < MAX_PERSONS {
            persons.push(person(element.value)?);
        }
    }
    Ok(persons)
}

fn person(template: &[u8]) -> Result<PersonToNotify, FileError> {
    let mut person = PersonToNotify::default();
    for element in tlv::elements(template) {
        let element = element.map_err(structure(FILE))?;
        let value = Some(text(element.value));
        match element.tag {
            RECORDED => {
                let what = "the date of record is no date";
                person.recorded =
                    Some(digits(element.value, 8).ok_or(FileError::Content { file: FILE, what })?);
            }
            NAME => person.name = value,
            TELEPHONE => person.telephone = value,
            ADDRESS => person.address = value,
            _ => {}
        }
    }
    Ok(person)
}

/// Makes a DG16 of at most fourteen persons.
pub fn encode_dg16(persons: &[PersonToNotify]) -> Vec<u8> {
    let persons = persons.get(..MAX_PERSONS).unwrap_or(persons);
    let mut fields = tlv::encode(COUNT, &[persons.len() as u8]);
    for (tag, person) in (FIRST_PERSON..).zip(persons) {
        let texts = [
            (RECORDED, &person.recorded),
            (NAME, &person.name),
            (TELEPHONE, &person.telephone),
            (ADDRESS, &person.address),
        ];
        let texts = texts.iter().filter_map(|(tag, text)| Some(tlv::encode(*tag, text.as_ref()?.as_bytes())));
        fields.extend(tlv::encode(tag, &texts.collect::<Vec<_>>().concat()));
    }
    tlv::encode(FILE.tag(), &fields)
}

/// The content of DG13, of which the standard says nothing.
///
/// # Errors
/// When it does not begin with its tag or ends too early.
pub fn parse_dg13(bytes: &[u8]) -> Result<&[u8], FileError> {
    content(FileId::Dg(13), bytes)
}

/// Makes a DG13 of any content.
pub fn encode_dg13(content: &[u8]) -> Vec<u8> {
    tlv::encode(FileId::Dg(13).tag(), content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back() {
        let leo = PersonToNotify {
            recorded: Some("20240101".into()),
            name: Some("SMITH<<CHARLES".into()),
            telephone: Some("+1 555 0100".into()),
            address: None,
        };
        let persons = [leo, PersonToNotify::default()];
        assert_eq!(parse_dg16(&encode_dg16(&persons)).unwrap(), persons);
        assert_eq!(parse_dg13(&encode_dg13(b"anything")).unwrap(), b"anything");
    }

    #[test]
    fn more_persons_than_there_are_tags_for_are_not_taken() {
        let many = vec![PersonToNotify::default(); 40];
        assert_eq!(parse_dg16(&encode_dg16(&many)).unwrap().len(), MAX_PERSONS);
    }
}
