//! DG2: portraits in ISO/IEC 19794-5 records, each in a biometric information template (Doc 9303-10
//! §4.7.2, ISO/IEC 7816-11).
//!
//! ```text
//! 75 ─ 7F61 ─┬ 02     number of templates
//!            └ 7F60 ─┬ A1           header: whose format
//!                    └ 5F2E / 7F2E  record: FAC, then for each image its description and bytes
//! ```

use super::{FileError, content, structure};
use crate::chip::tlv;
use crate::chip::{FileId, Media, Portrait};

const FILE: FileId = FileId::Dg(2);
const GROUP: u32 = 0x7F61;
const COUNT: u32 = 0x02;
const TEMPLATE: u32 = 0x7F60;
const TEMPLATE_HEADER: u32 = 0xA1;
const RECORD: u32 = 0x5F2E;
const RECORD_CONSTRUCTED: u32 = 0x7F2E;

/// Most templates and most images in a record that are looked at.
const MAX_IMAGES: usize = 16;
/// `FAC`, `010`, length, number of faces.
const RECORD_HEADER: usize = 14;
/// Length, feature points, gender, eyes, hair, properties, expression, pose and its uncertainty.
const FACE_INFORMATION: usize = 20;
const FEATURE_POINT: usize = 8;
/// Kind, media, width, height, colour space, source, device, quality.
const IMAGE_INFORMATION: usize = 12;

/// Reads DG2 and gives the first image whose bytes are of a known kind.
///
/// # Errors
/// When its structure is broken or there is no such image.
pub fn parse_dg2(bytes: &[u8]) -> Result<Portrait, FileError> {
    let group = tlv::find(content(FILE, bytes)?, GROUP).map_err(structure(FILE))?;
    let mut why = FileError::Content { file: FILE, what: "no template with a record" };
    for template in tlv::elements(group).take(MAX_IMAGES) {
        let template = template.map_err(structure(FILE))?;
        if template.tag != TEMPLATE {
            continue;
        }
        for element in tlv::elements(template.value).take(MAX_IMAGES) {
            let element = element.map_err(structure(FILE))?;
            if matches!(element.tag, RECORD | RECORD_CONSTRUCTED) {
                match first_image(element.value) {
                    Ok(portrait) => return Ok(portrait),
                    Err(what) => why = FileError::Content { file: FILE, what },
                }
            }
        }
    }
    Err(why)
}

/// The first usable image of a record, ISO/IEC 19794-5:2005 §5.
fn first_image(record: &[u8]) -> Result<Portrait, &'static str> {
    const SHORT: &str = "facial record ends too early";
    if !record.starts_with(b"FAC\0") {
        return Err("facial record not in the format of ISO/IEC 19794-5");
    }
    let (header, mut rest) = record.split_at_checked(RECORD_HEADER).ok_or(SHORT)?;
    let faces = header.last_chunk().map_or(0, |count| u16::from_be_bytes(*count));
    for _ in 0..usize::from(faces).min(MAX_IMAGES) {
        let length = rest.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
        // Some issuers state a length that is a little off; the last image then goes to the end.
        let (face, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let points = face.get(4..6).and_then(|two| two.first_chunk()).map_or(0, |n| u16::from_be_bytes(*n));
        let before = FACE_INFORMATION + usize::from(points) * FEATURE_POINT + IMAGE_INFORMATION;
        let image = face.get(before..).ok_or(SHORT)?;
        // The kind that the record states is often wrong; the bytes tell.
        if let Some(media) = Media::of(image) {
            return Ok(Portrait { media, bytes: image.to_vec() });
        }
        rest = after;
    }
    Err("facial record without an image of a known kind")
}

/// Makes a DG2 of one image.
pub fn encode_dg2(image: &[u8], media: Media) -> Vec<u8> {
    let portrait = Portrait { media, bytes: image.to_vec() };
    // 0 means that the record does not say.
    let (width, height) = portrait.dimensions().unwrap_or((0, 0));
    let length = |bytes: usize| (bytes as u32).to_be_bytes();
    let face_length = FACE_INFORMATION + IMAGE_INFORMATION + image.len();
    let mut record = Vec::with_capacity(RECORD_HEADER + face_length);
    record.extend(b"FAC\x00010\0");
    record.extend(length(RECORD_HEADER + face_length));
    record.extend([0, 1]);
    record.extend(length(face_length));
    record.extend([0; FACE_INFORMATION - 4]);
    // Full frontal.
    record.push(1);
    record.push(match media {
        Media::Jpeg => 0,
        Media::Jpeg2000 => 1,
    });
    record.extend((width as u16).to_be_bytes());
    record.extend((height as u16).to_be_bytes());
    // sRGB, from an unspecified device, of unspecified quality.
    record.extend([1, 0, 0, 0, 0, 0]);
    record.extend(image);
    let header = [
        // Facial features; no subtype; format 8 (facial image) of owner 0101 (ISO/IEC JTC 1/SC 37).
        tlv::encode(0x81, &[2]),
        tlv::encode(0x82, &[0]),
        tlv::encode(0x87, &[1, 1]),
        tlv::encode(0x88, &[0, 8]),
    ];
    let template = [tlv::encode(TEMPLATE_HEADER, &header.concat()), tlv::encode(RECORD, &record)];
    let group = [tlv::encode(COUNT, &[1]), tlv::encode(TEMPLATE, &template.concat())];
    tlv::encode(FILE.tag(), &tlv::encode(GROUP, &group.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(templates: &[Vec<u8>]) -> Vec<u8> {
        let wrapped: Vec<u8> =
            templates.iter().flat_map(|record| tlv::encode(TEMPLATE, &tlv::encode(RECORD, record))).collect();
        tlv::encode(0x75, &tlv::encode(GROUP, &wrapped))
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
    fn takes_the_first_image_that_can_be_used() {
        let good = encode_dg2(&[0xFF, 0xD8, 0xFF, 1], Media::Jpeg);
        let record = |dg2: &[u8]| {
            let template =
                tlv::find(tlv::find(tlv::read(dg2).unwrap().0.value, GROUP).unwrap(), TEMPLATE).unwrap();
            tlv::find(template, RECORD).unwrap().to_vec()
        };
        let unknown = record(&encode_dg2(b"GIF89a", Media::Jpeg));
        let portrait = parse_dg2(&group(&[unknown.clone(), record(&good)])).unwrap();
        assert_eq!(portrait.bytes, [0xFF, 0xD8, 0xFF, 1]);
        let error = parse_dg2(&group(&[unknown])).unwrap_err();
        assert_eq!(error.to_string(), "DG2: facial record without an image of a known kind");
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parse_dg2(&[]).is_err());
        assert_eq!(parse_dg2(&group(&[])).unwrap_err().to_string(), "DG2: no template with a record");
        let other = group(&[vec![0xA1, 0x00]]);
        assert!(parse_dg2(&other).unwrap_err().to_string().ends_with("ISO/IEC 19794-5"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_portrait_or_an_error(
            mut cut in proptest::collection::vec((0usize..400, any::<u8>()), 0..6), end in 0usize..400,
        ) {
            let mut bytes = encode_dg2(&[0xFF, 0xD8, 0xFF, 0, 0, 0, 1, 2, 3], Media::Jpeg);
            for (place, byte) in cut.drain(..) {
                if let Some(at) = bytes.get_mut(place) {
                    *at = byte;
                }
            }
            bytes.truncate(end);
            let _ = parse_dg2(&bytes);
        }
    }
}
