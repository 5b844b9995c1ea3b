//! DG7: the holder's displayed signature or usual mark, as images (Doc 9303-10 §4.7.7).

use super::{FileError, content, structure};
use crate::chip::tlv;
use crate::chip::{FileId, Media, Portrait};

const FILE: FileId = FileId::Dg(7);
const COUNT: u32 = 0x02;
const IMAGE: u32 = 0x5F43;
/// Most images that are taken.
const MAX_IMAGES: usize = 8;

/// Reads DG7: all images of a known kind. JPEG is in use with JFIF and with Exif headers.
///
/// # Errors
/// When its structure is broken or there is no such image.
pub fn parse_dg7(bytes: &[u8]) -> Result<Vec<Portrait>, FileError> {
    let mut images = Vec::new();
    for element in tlv::elements(content(FILE, bytes)?) {
        let element = element.map_err(structure(FILE))?;
        let media = (element.tag == IMAGE).then(|| Media::of(element.value)).flatten();
        if let (Some(media), true) = (media, images.len() < MAX_IMAGES) {
            images.push(Portrait { media, bytes: element.value.to_vec() });
        }
    }
    if images.is_empty() {
        return Err(FileError::Content { file: FILE, what: "no image of a known kind" });
    }
    Ok(images)
}

/// Makes a DG7 of these images.
pub fn encode_dg7(images: &[Portrait]) -> Vec<u8> {
    let mut fields = tlv::encode(COUNT, &[images.len().min(9) as u8]);
    for image in images {
        fields.extend(tlv::encode(IMAGE, &image.bytes));
    }
    tlv::encode(FILE.tag(), &fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use std::io::Cursor;

    #[test]
    fn a_signature_with_an_exif_header_and_no_jfif_is_read_and_decoded() {
        let mut jpeg = Vec::new();
        RgbImage::from_pixel(40, 16, Rgb([10, 10, 60]))
            .write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg)
            .unwrap();
        // SOI, then APP0 with its length: an Exif APP1 goes into its place.
        let app0 = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]])) - 2 + 2;
        let exif = b"\xFF\xE1\x00\x10Exif\0\0II*\0\x08\0\0\0";
        let jpeg = [&jpeg[..2], exif, &jpeg[app0..]].concat();
        let read = parse_dg7(&encode_dg7(&[Portrait { media: Media::Jpeg, bytes: jpeg.clone() }])).unwrap();
        assert_eq!(read, [Portrait { media: Media::Jpeg, bytes: jpeg }]);
        assert_eq!(read[0].decode().unwrap().dimensions(), (40, 16));
    }

    #[test]
    fn a_group_without_an_image_says_so() {
        let error = parse_dg7(&encode_dg7(&[])).unwrap_err();
        assert_eq!(error.to_string(), "DG7: no image of a known kind");
    }
}
