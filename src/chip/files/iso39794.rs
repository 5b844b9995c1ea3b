//! Facial image blocks of ISO/IEC 39794-5:2019 in DER, in the application profile of ICAO.
//!
//! ```text
//! A1 ─ 65 ─┬ A0  version: generation 3, year 2019
//!          └ A1 ─ 30 ─┬ 80  number of the representation
//!                     └ A1 ─ A0 ─ A0 ─┬ 80  the image
//!                                     └ A1 ─ A0 ─ 80  its format
//! ```

use crate::chip::tlv;
use crate::chip::{Media, Portrait};

const BLOCK: u32 = 0xA1;
const FACE_IMAGE: u32 = 0x65;
const VERSION: u32 = 0xA0;
const REPRESENTATIONS: u32 = 0xA1;
const REPRESENTATION: u32 = 0x30;
/// From a representation to its two-dimensional block: representation, base, block.
const TO_IMAGE: [u32; 3] = [0xA1, 0xA0, 0xA0];
const IMAGE: u32 = 0x80;

/// Most representations that are looked at; the profile has one.
const MAX_REPRESENTATIONS: usize = 16;

/// Whether a record begins like such a block and not like one of ISO/IEC 19794-5.
pub(super) fn is_block(record: &[u8]) -> bool {
    matches!(record.first().map(|first| u32::from(*first)), Some(BLOCK | FACE_IMAGE))
}

/// The bytes of each image in the block.
pub(super) fn images(record: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    const INCOMPLETE: &str = "facial image block of ISO/IEC 39794-5 is incomplete";
    // The wrapping is left out by some.
    let record = tlv::find(record, BLOCK).unwrap_or(record);
    let face = tlv::find(record, FACE_IMAGE).map_err(|_| INCOMPLETE)?;
    let representations = tlv::find(face, REPRESENTATIONS).map_err(|_| INCOMPLETE)?;
    let mut images = Vec::new();
    for representation in tlv::elements(representations).take(MAX_REPRESENTATIONS) {
        let Ok(representation) = representation else { break };
        if representation.tag != REPRESENTATION {
            continue;
        }
        let block = TO_IMAGE.iter().try_fold(representation.value, |value, tag| tlv::find(value, *tag));
        if let Ok(image) = block.and_then(|block| tlv::find(block, IMAGE)) {
            images.push(image);
        }
    }
    if images.is_empty() { Err(INCOMPLETE) } else { Ok(images) }
}

/// A block with this image and the mandatory fields.
pub(super) fn block(portrait: &Portrait) -> Vec<u8> {
    let format = match portrait.media {
        Media::Jpeg => 2,
        // Lossy; nobody reads which.
        Media::Jpeg2000 => 3,
    };
    let version = [tlv::encode(0x80, &[3]), tlv::encode(0x81, &2019u16.to_be_bytes())];
    let information = tlv::encode(0xA1, &tlv::encode(0xA0, &tlv::encode(0x80, &[format])));
    let two_dimensional = [tlv::encode(IMAGE, &portrait.bytes), information].concat();
    let image = TO_IMAGE.iter().rev().fold(two_dimensional, |value, tag| tlv::encode(*tag, &value));
    let representation = [tlv::encode(0x80, &[0]), image].concat();
    let representations = tlv::encode(REPRESENTATIONS, &tlv::encode(REPRESENTATION, &representation));
    let face = [tlv::encode(VERSION, &version.concat()), representations].concat();
    tlv::encode(BLOCK, &tlv::encode(FACE_IMAGE, &face))
}
