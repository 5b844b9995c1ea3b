//! DG11: additional personal details (Doc 9303-10 §4.7.11). All fields are optional.

use super::dates::{digits, text};
use super::{FileError, content, names_in, structure, tag_list};
use crate::chip::FileId;
use crate::chip::tlv;

const FILE: FileId = FileId::Dg(11);
const DATE_OF_BIRTH: u32 = 0x5F2B;
const OTHER_NAMES: u32 = 0xA0;
const OTHER_NAME: u32 = 0x5F0F;
const PROOF_OF_CITIZENSHIP: u32 = 0x5F16;

/// Additional personal details. Texts are as written, words parted by `<`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonalDetails {
    /// Full name in national characters.
    pub full_name: Option<String>,
    /// Other names.
    pub other_names: Vec<String>,
    /// Personal number.
    pub personal_number: Option<String>,
    /// Date of birth, `YYYYMMDD`, unknown parts 0.
    pub date_of_birth: Option<String>,
    /// Place of birth.
    pub place_of_birth: Option<String>,
    /// Permanent address.
    pub address: Option<String>,
    /// Telephone number.
    pub telephone: Option<String>,
    /// Profession.
    pub profession: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Personal summary.
    pub summary: Option<String>,
    /// Numbers of other valid travel documents.
    pub other_documents: Option<String>,
    /// Custody information.
    pub custody: Option<String>,
    /// Bytes of the image that proves citizenship, 0 when there is none; the image itself is not kept.
    #[serde(skip)]
    pub proof_of_citizenship_bytes: usize,
}

impl PersonalDetails {
    /// Plain text fields with their tags.
    fn texts(&mut self) -> [(u32, &mut Option<String>); 10] {
        [
            (0x5F0E, &mut self.full_name),
            (0x5F10, &mut self.personal_number),
            (0x5F11, &mut self.place_of_birth),
            (0x5F42, &mut self.address),
            (0x5F12, &mut self.telephone),
            (0x5F13, &mut self.profession),
            (0x5F14, &mut self.title),
            (0x5F15, &mut self.summary),
            (0x5F17, &mut self.other_documents),
            (0x5F18, &mut self.custody),
        ]
    }
}

/// Reads DG11. The tag list is not needed: fields are taken as they come.
///
/// # Errors
/// When its structure is broken or a date is none.
pub fn parse_dg11(bytes: &[u8]) -> Result<PersonalDetails, FileError> {
    let mut details = PersonalDetails::default();
    for element in tlv::elements(content(FILE, bytes)?) {
        let element = element.map_err(structure(FILE))?;
        match element.tag {
            DATE_OF_BIRTH => {
                let what = "the date of birth is no date";
                let date = digits(element.value, 8).ok_or(FileError::Content { file: FILE, what })?;
                details.date_of_birth = Some(date);
            }
            OTHER_NAMES => details.other_names = names_in(FILE, element.value, OTHER_NAME)?,
            OTHER_NAME => details.other_names.push(text(element.value)),
            PROOF_OF_CITIZENSHIP => details.proof_of_citizenship_bytes = element.value.len(),
            tag => {
                if let Some((_, field)) = details.texts().into_iter().find(|(known, _)| *known == tag) {
                    *field = Some(text(element.value));
                }
            }
        }
    }
    Ok(details)
}

/// Makes a DG11, its date in ASCII.
pub fn encode_dg11(details: &PersonalDetails) -> Vec<u8> {
    let mut details = details.clone();
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    let date = details.date_of_birth.take();
    let names = std::mem::take(&mut details.other_names);
    for (tag, field) in details.texts() {
        fields.extend(field.take().map(|value| (tag, value.into_bytes())));
    }
    if !names.is_empty() {
        let count = tlv::encode(0x02, &[names.len().min(255) as u8]);
        let all = names.iter().flat_map(|name| tlv::encode(OTHER_NAME, name.as_bytes()));
        fields.push((OTHER_NAMES, count.into_iter().chain(all).collect()));
    }
    fields.extend(date.map(|date| (DATE_OF_BIRTH, date.into_bytes())));
    tlv::encode(FILE.tag(), &tag_list(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back() {
        let details = PersonalDetails {
            full_name: Some("Müller<<Anna".into()),
            other_names: vec!["Meier".into(), "Mueller".into()],
            date_of_birth: Some("19700401".into()),
            place_of_birth: Some("Zenith".into()),
            ..PersonalDetails::default()
        };
        assert_eq!(parse_dg11(&encode_dg11(&details)).unwrap(), details);
        assert_eq!(
            parse_dg11(&encode_dg11(&PersonalDetails::default())).unwrap(),
            PersonalDetails::default()
        );
    }

    #[test]
    fn a_date_of_birth_in_packed_digits_is_read() {
        let bytes = tlv::encode(FILE.tag(), &tlv::encode(DATE_OF_BIRTH, &[0x19, 0x70, 0x04, 0x01]));
        assert_eq!(parse_dg11(&bytes).unwrap().date_of_birth.as_deref(), Some("19700401"));
        let broken = tlv::encode(FILE.tag(), &tlv::encode(DATE_OF_BIRTH, b"april"));
        assert_eq!(parse_dg11(&broken).unwrap_err().to_string(), "DG11: the date of birth is no date");
    }
}
