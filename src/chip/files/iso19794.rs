//! Facial records of ISO/IEC 19794-5:2005 §5: a header, then for each image what describes it and its bytes.

use crate::chip::{Media, Portrait};

/// Most images in a record that are looked at.
const MAX_IMAGES: usize = 16;
/// `FAC`, `010`, length, number of faces.
const RECORD_HEADER: usize = 14;
/// Length, feature points, gender, eyes, hair, properties, expression, pose and its uncertainty.
const FACE_INFORMATION: usize = 20;
const FEATURE_POINT: usize = 8;
/// Kind, media, width, height, colour space, source, device, quality.
const IMAGE_INFORMATION: usize = 12;

/// The bytes of each image in the record, feature points skipped.
pub(super) fn images(record: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    const SHORT: &str = "facial record ends too early";
    if !record.starts_with(b"FAC\0") {
        return Err("facial record not in the format of ISO/IEC 19794-5");
    }
    let (header, mut rest) = record.split_at_checked(RECORD_HEADER).ok_or(SHORT)?;
    let faces = header.last_chunk().map_or(0, |count| u16::from_be_bytes(*count));
    let mut images = Vec::new();
    for _ in 0..usize::from(faces).min(MAX_IMAGES) {
        let length = rest.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
        // Some issuers state a length that is a little off; the last image then goes to the end.
        let (face, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let points = face.get(4..6).and_then(|two| two.first_chunk()).map_or(0, |n| u16::from_be_bytes(*n));
        let before = FACE_INFORMATION + usize::from(points) * FEATURE_POINT + IMAGE_INFORMATION;
        match face.get(before..) {
            Some(image) => images.push(image),
            // One that is broken does not take those before it away.
            None if images.is_empty() => return Err(SHORT),
            None => break,
        }
        rest = after;
    }
    if images.is_empty() { Err("facial record without an image") } else { Ok(images) }
}

/// A record of these images, full frontal, without feature points.
pub(super) fn record(portraits: &[Portrait]) -> Vec<u8> {
    let length = |bytes: usize| (bytes as u32).to_be_bytes();
    let faces: Vec<u8> = portraits.iter().flat_map(face).collect();
    let mut record = Vec::with_capacity(RECORD_HEADER + faces.len());
    record.extend(b"FAC\x00010\0");
    record.extend(length(RECORD_HEADER + faces.len()));
    record.extend((portraits.len() as u16).to_be_bytes());
    record.extend(faces);
    record
}

fn face(portrait: &Portrait) -> Vec<u8> {
    // 0 means that the record does not say.
    let (width, height) = portrait.dimensions().unwrap_or((0, 0));
    let face_length = FACE_INFORMATION + IMAGE_INFORMATION + portrait.bytes.len();
    let mut face = Vec::with_capacity(face_length);
    face.extend((face_length as u32).to_be_bytes());
    face.extend([0; FACE_INFORMATION - 4]);
    // Full frontal.
    face.push(1);
    face.push(match portrait.media {
        Media::Jpeg => 0,
        Media::Jpeg2000 => 1,
    });
    face.extend((width as u16).to_be_bytes());
    face.extend((height as u16).to_be_bytes());
    // sRGB, from an unspecified device, of unspecified quality.
    face.extend([1, 0, 0, 0, 0, 0]);
    face.extend(&portrait.bytes);
    face
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_points_are_skipped() {
        let portrait = Portrait { media: Media::Jpeg, bytes: vec![0xFF, 0xD8, 0xFF, 9] };
        let mut record = record(std::slice::from_ref(&portrait));
        record[RECORD_HEADER + 5] = 2;
        let face = RECORD_HEADER + FACE_INFORMATION;
        record.splice(face..face, [0xAA; 2 * FEATURE_POINT]);
        record[RECORD_HEADER + 3] += 2 * FEATURE_POINT as u8;
        assert_eq!(images(&record).unwrap(), [&portrait.bytes[..]]);
    }

    #[test]
    fn a_stated_length_that_is_off_leaves_the_image_whole() {
        let portrait = Portrait { media: Media::Jpeg, bytes: vec![0xFF, 0xD8, 0xFF, 9] };
        let mut record = record(std::slice::from_ref(&portrait));
        record[RECORD_HEADER + 3] += 1;
        assert_eq!(images(&record).unwrap(), [&portrait.bytes[..]]);
    }
}
