//! DG12: additional document details (Doc 9303-10 §4.7.12). All fields are optional.

use super::dates::{digits, text};
use super::{FileError, content, names_in, structure, tag_list};
use crate::chip::FileId;
use crate::chip::tlv;

const FILE: FileId = FileId::Dg(12);
const DATE_OF_ISSUE: u32 = 0x5F26;
const OTHER_PERSONS: u32 = 0xA0;
const OTHER_PERSON: u32 = 0x5F1A;
const FRONT: u32 = 0x5F1D;
const REAR: u32 = 0x5F1E;
const PERSONALISED: u32 = 0x5F55;

/// Additional document details. Texts are as written, words parted by `<`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentDetails {
    /// Issuing authority.
    pub authority: Option<String>,
    /// Date of issue, `YYYYMMDD`.
    pub date_of_issue: Option<String>,
    /// Other persons in the document.
    pub other_persons: Vec<String>,
    /// Endorsements and observations.
    pub endorsements: Option<String>,
    /// Tax and exit requirements.
    pub tax: Option<String>,
    /// Date and time of personalisation, `YYYYMMDDhhmmss`.
    pub personalised: Option<String>,
    /// Serial number of the personalisation system.
    pub personalisation_system: Option<String>,
    /// Bytes of the images of front and rear, 0 where there is none; the images themselves are not kept.
    #[serde(skip)]
    pub image_bytes: [usize; 2],
}

impl DocumentDetails {
    /// Plain text fields with their tags.
    fn texts(&mut self) -> [(u32, &mut Option<String>); 4] {
        [
            (0x5F19, &mut self.authority),
            (0x5F1B, &mut self.endorsements),
            (0x5F1C, &mut self.tax),
            (0x5F56, &mut self.personalisation_system),
        ]
    }
}

/// Reads DG12. The tag list is not needed: fields are taken as they come.
///
/// # Errors
/// When its structure is broken or a date is none.
pub fn parse_dg12(bytes: &[u8]) -> Result<DocumentDetails, FileError> {
    let date = |value: &[u8], count, what| {
        digits(value, count).map(Some).ok_or(FileError::Content { file: FILE, what })
    };
    let mut details = DocumentDetails::default();
    let [mut front, mut rear] = [0; 2];
    for element in tlv::elements(content(FILE, bytes)?) {
        let element = element.map_err(structure(FILE))?;
        match element.tag {
            DATE_OF_ISSUE => {
                details.date_of_issue = date(element.value, 8, "the date of issue is no date")?;
            }
            PERSONALISED => {
                details.personalised = date(element.value, 14, "the time of personalisation is no time")?;
            }
            OTHER_PERSONS => details.other_persons = names_in(FILE, element.value, OTHER_PERSON)?,
            OTHER_PERSON => details.other_persons.push(text(element.value)),
            FRONT => front = element.value.len(),
            REAR => rear = element.value.len(),
            tag => {
                if let Some((_, field)) = details.texts().into_iter().find(|(known, _)| *known == tag) {
                    *field = Some(text(element.value));
                }
            }
        }
    }
    details.image_bytes = [front, rear];
    Ok(details)
}

/// Makes a DG12, its dates in ASCII.
pub fn encode_dg12(details: &DocumentDetails) -> Vec<u8> {
    let mut details = details.clone();
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    let dates = [(DATE_OF_ISSUE, details.date_of_issue.take()), (PERSONALISED, details.personalised.take())];
    let persons = std::mem::take(&mut details.other_persons);
    for (tag, field) in details.texts() {
        fields.extend(field.take().map(|value| (tag, value.into_bytes())));
    }
    if !persons.is_empty() {
        let count = tlv::encode(0x02, &[persons.len().min(255) as u8]);
        let all = persons.iter().flat_map(|name| tlv::encode(OTHER_PERSON, name.as_bytes()));
        fields.push((OTHER_PERSONS, count.into_iter().chain(all).collect()));
    }
    fields.extend(dates.into_iter().filter_map(|(tag, date)| Some((tag, date?.into_bytes()))));
    tlv::encode(FILE.tag(), &tag_list(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_back() {
        let details = DocumentDetails {
            authority: Some("UTOPIA".into()),
            date_of_issue: Some("20240101".into()),
            other_persons: vec!["ERIKSSON<<LEO".into()],
            personalised: Some("20240101123059".into()),
            ..DocumentDetails::default()
        };
        assert_eq!(parse_dg12(&encode_dg12(&details)).unwrap(), details);
    }

    #[test]
    fn dates_in_packed_digits_are_read() {
        let fields = [
            tlv::encode(DATE_OF_ISSUE, &[0x20, 0x24, 0x01, 0x01]),
            tlv::encode(PERSONALISED, &[0x20, 0x24, 0x01, 0x01, 0x12, 0x30, 0x59]),
            tlv::encode(FRONT, &[0; 12]),
        ];
        let details = parse_dg12(&tlv::encode(FILE.tag(), &fields.concat())).unwrap();
        assert_eq!(details.date_of_issue.as_deref(), Some("20240101"));
        assert_eq!(details.personalised.as_deref(), Some("20240101123059"));
        assert_eq!(details.image_bytes, [12, 0]);
    }
}
