//! DG2: portraits, each in a biometric information template (Doc 9303-10 §4.7.2, ISO/IEC 7816-11).
//!
//! ```text
//! 75 ─ 7F61 ─┬ 02     number of templates
//!            └ 7F60 ─┬ A1    header: whose format
//!                    ├ 5F2E  record of ISO/IEC 19794-5: FAC, then for each image its description and bytes
//!                    └ 7F2E  the same, or A1 with a block of ISO/IEC 39794-5
//! ```
//!
//! Stated kinds and lengths are often wrong in the field: an image is known by its own first bytes.
//! Images are slices of the file that do not overlap, so that all together are no longer than it.

use super::{FileError, content, iso19794, iso39794, structure};
use crate::chip::tlv;
use crate::chip::{FileId, Media, Portrait};

const FILE: FileId = FileId::Dg(2);
const GROUP: u32 = 0x7F61;
const COUNT: u32 = 0x02;
const TEMPLATE: u32 = 0x7F60;
const TEMPLATE_HEADER: u32 = 0xA1;
const RECORD: u32 = 0x5F2E;
const RECORD_CONSTRUCTED: u32 = 0x7F2E;

/// Most templates, and most elements in a template, that are looked at.
const MAX_TEMPLATES: usize = 16;

/// How the portraits of a DG2 are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum FaceRecord {
    /// ISO/IEC 19794-5:2005, a row of fixed fields: what nearly all documents have.
    #[default]
    #[serde(rename = "iso19794")]
    Iso19794,
    /// ISO/IEC 39794-5:2019, in DER: what documents from 2026 on have.
    #[serde(rename = "iso39794")]
    Iso39794,
}

/// Reads DG2 and gives the first image whose bytes are of a known kind.
///
/// # Errors
/// When its structure is broken or there is no such image.
pub fn parse_dg2(bytes: &[u8]) -> Result<Portrait, FileError> {
    let mut first = None;
    let why = walk(bytes, |portrait| {
        first = Some(portrait);
        false
    })?;
    first.ok_or(why)
}

/// Reads DG2 and gives all images of a known kind, in the order of the file; what is broken does not take
/// those before it away.
///
/// # Errors
/// When there is no such image.
pub fn parse_dg2_all(bytes: &[u8]) -> Result<Vec<Portrait>, FileError> {
    let mut all = Vec::new();
    let ended = walk(bytes, |portrait| {
        all.push(portrait);
        true
    });
    match (all.is_empty(), ended) {
        (false, _) => Ok(all),
        (true, Ok(why) | Err(why)) => Err(why),
    }
}

/// Hands on images until `more` says no; gives why the last record without one had none.
fn walk(bytes: &[u8], mut more: impl FnMut(Portrait) -> bool) -> Result<FileError, FileError> {
    let group = tlv::find(content(FILE, bytes)?, GROUP).map_err(structure(FILE))?;
    let mut why = FileError::Content { file: FILE, what: "no template with a record" };
    for template in tlv::elements(group).take(MAX_TEMPLATES) {
        let template = template.map_err(structure(FILE))?;
        if template.tag != TEMPLATE {
            continue;
        }
        for element in tlv::elements(template.value).take(MAX_TEMPLATES) {
            let element = element.map_err(structure(FILE))?;
            if !matches!(element.tag, RECORD | RECORD_CONSTRUCTED) {
                continue;
            }
            let images = match iso39794::is_block(element.value) {
                true => iso39794::images(element.value),
                false => iso19794::images(element.value),
            };
            match images {
                Ok(images) => {
                    for image in images {
                        // The kind that the record states is often wrong; the bytes tell.
                        let Some(media) = Media::of(image) else {
                            let what = "facial record without an image of a known kind";
                            why = FileError::Content { file: FILE, what };
                            continue;
                        };
                        if !more(Portrait { media, bytes: image.to_vec() }) {
                            return Ok(why);
                        }
                    }
                }
                Err(what) => why = FileError::Content { file: FILE, what },
            }
        }
    }
    Ok(why)
}

/// Makes a DG2 of one image in the older record format.
pub fn encode_dg2(image: &[u8], media: Media) -> Vec<u8> {
    encode_dg2_as(FaceRecord::Iso19794, &[Portrait { media, bytes: image.to_vec() }])
}

/// Makes a DG2 of these images: one template with all of them in the older record format, one template
/// for each in the newer, which holds one image only.
pub fn encode_dg2_as(record: FaceRecord, portraits: &[Portrait]) -> Vec<u8> {
    let templates: Vec<Vec<u8>> = match record {
        // Facial image: format 8 of owner 0101 (ISO/IEC JTC 1/SC 37).
        FaceRecord::Iso19794 => {
            vec![template([0, 8], &tlv::encode(RECORD, &iso19794::record(portraits)))]
        }
        // Format 002A of the same owner, Doc 9303-10 §4.7.2.
        FaceRecord::Iso39794 => portraits
            .iter()
            .map(|portrait| template([0, 0x2A], &tlv::encode(RECORD_CONSTRUCTED, &iso39794::block(portrait))))
            .collect(),
    };
    let mut group = tlv::encode(COUNT, &[templates.len().min(9) as u8]);
    group.extend(templates.concat());
    tlv::encode(FILE.tag(), &tlv::encode(GROUP, &group))
}

fn template(format: [u8; 2], record: &[u8]) -> Vec<u8> {
    let header = [
        // Facial features, no subtype.
        tlv::encode(0x81, &[2]),
        tlv::encode(0x82, &[0]),
        tlv::encode(0x87, &[1, 1]),
        tlv::encode(0x88, &format),
    ];
    let content = [tlv::encode(TEMPLATE_HEADER, &header.concat()), record.to_vec()];
    tlv::encode(TEMPLATE, &content.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JPEG: [u8; 4] = [0xFF, 0xD8, 0xFF, 1];

    fn group(templates: &[Vec<u8>]) -> Vec<u8> {
        let wrapped: Vec<u8> =
            templates.iter().flat_map(|record| tlv::encode(TEMPLATE, &tlv::encode(RECORD, record))).collect();
        tlv::encode(0x75, &tlv::encode(GROUP, &wrapped))
    }

    fn jpeg(last: u8) -> Portrait {
        Portrait { media: Media::Jpeg, bytes: [&JPEG[..], &[last; 300]].concat() }
    }

    #[test]
    fn what_is_made_is_read_back() {
        for (media, begin) in
            [(Media::Jpeg, &[0xFF, 0xD8, 0xFF][..]), (Media::Jpeg2000, &[0xFF, 0x4F, 0xFF, 0x51])]
        {
            let image = [begin, &[7; 300]].concat();
            let portrait = parse_dg2(&encode_dg2(&image, media)).unwrap();
            assert_eq!(portrait, Portrait { media, bytes: image });
        }
    }

    #[test]
    fn several_images_are_read_back_from_both_record_formats() {
        let all = [jpeg(1), jpeg(2), jpeg(3)];
        for record in [FaceRecord::Iso19794, FaceRecord::Iso39794] {
            let dg2 = encode_dg2_as(record, &all);
            assert_eq!(parse_dg2_all(&dg2).unwrap(), all, "{record:?}");
            assert_eq!(parse_dg2(&dg2).unwrap(), all[0], "{record:?}");
        }
    }

    #[test]
    fn takes_the_first_image_that_can_be_used() {
        let unknown = Portrait { media: Media::Jpeg, bytes: b"GIF89a".to_vec() };
        let record = |portrait: &Portrait| iso19794::record(std::slice::from_ref(portrait));
        let portrait = parse_dg2(&group(&[record(&unknown), record(&jpeg(5))])).unwrap();
        assert_eq!(portrait, jpeg(5));
        let error = parse_dg2(&group(&[record(&unknown)])).unwrap_err();
        assert_eq!(error.to_string(), "DG2: facial record without an image of a known kind");
    }

    #[test]
    fn an_image_before_a_broken_template_is_read_by_both_readers() {
        let whole = group(&[iso19794::record(&[jpeg(4)]), vec![0; 4]]);
        // The last record states more bytes than its template has.
        let length = whole.len() - 5;
        let mut broken = whole;
        broken[length] = 0x7F;
        assert_eq!(parse_dg2(&broken).unwrap(), jpeg(4));
        assert_eq!(parse_dg2_all(&broken).unwrap(), [jpeg(4)]);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parse_dg2(&[]).is_err());
        assert_eq!(parse_dg2(&group(&[])).unwrap_err().to_string(), "DG2: no template with a record");
        let other = group(&[vec![0xB1, 0x00]]);
        assert!(parse_dg2(&other).unwrap_err().to_string().ends_with("ISO/IEC 19794-5"));
        let no_block = group(&[vec![0xA1, 0x00]]);
        assert!(parse_dg2(&no_block).unwrap_err().to_string().ends_with("ISO/IEC 39794-5 is incomplete"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_portrait_or_an_error(
            newer in any::<bool>(),
            mut cut in proptest::collection::vec((0usize..400, any::<u8>()), 0..6), end in 0usize..400,
        ) {
            let record = if newer { FaceRecord::Iso39794 } else { FaceRecord::Iso19794 };
            let mut bytes = encode_dg2_as(record, &[jpeg(0)]);
            for (place, byte) in cut.drain(..) {
                if let Some(at) = bytes.get_mut(place) {
                    *at = byte;
                }
            }
            bytes.truncate(end);
            let _ = parse_dg2_all(&bytes);
        }
    }
}
