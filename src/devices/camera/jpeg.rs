//! JPEG as cameras send it: where a picture ends, the tables that it leaves out, and its decoding in bounds.
//!
//! Clauses: ITU-T T.81 annex B (markers, segments) and annex K.3 (the typical Huffman tables, which motion
//! JPEG takes for granted and most USB cameras therefore do not send).

use image::{ImageReader, Limits, RgbImage};
use std::borrow::Cow;
use std::io::Cursor;

/// Bytes of one picture at most.
pub const PICTURE_MOST: usize = 16 << 20;
/// Pixels in each direction at most.
pub const SIDE_MOST: u32 = 8_192;
/// Bytes that a decoder may ask for at most.
const DECODER_MOST: u64 = 512 << 20;

/// Where the picture that starts at the first byte ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many bytes are a whole picture.
    Whole(usize),
    /// Its end is still to come.
    Incomplete,
    /// No picture starts here.
    None,
}

/// What stands at a place in the bytes.
enum Part {
    /// A segment with this marker, and where the next part starts.
    Segment(u8, usize),
    /// The picture's end, behind which it is over.
    End(usize),
}

/// Walks the markers, so that a thumbnail's end inside a segment is not taken for the picture's.
pub fn extent(bytes: &[u8]) -> Extent {
    if !bytes.starts_with(&START) {
        return if START.starts_with(bytes) { Extent::Incomplete } else { Extent::None };
    }
    let mut place = START.len();
    // Ends: every part is at least two bytes long.
    loop {
        match part(bytes, place) {
            Some(Ok(Part::End(end))) => return Extent::Whole(end),
            Some(Ok(Part::Segment(_, next))) => place = next,
            Some(Err(())) => return Extent::None,
            None => return Extent::Incomplete,
        }
    }
}

const START: [u8; 2] = [0xFF, 0xD8];
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;
const HUFFMAN: u8 = 0xC4;

/// `None` when more bytes are needed; `Err` when there is no marker where one must be.
fn part(bytes: &[u8], place: usize) -> Option<Result<Part, ()>> {
    if *bytes.get(place)? != 0xFF {
        return Some(Err(()));
    }
    let marker = *bytes.get(place + 1)?;
    match marker {
        // A fill byte, a restart, or the marker for private use: nothing follows.
        0xFF => Some(Ok(Part::Segment(marker, place + 1))),
        0x01 | 0xD0..=0xD7 => Some(Ok(Part::Segment(marker, place + 2))),
        END => Some(Ok(Part::End(place + 2))),
        0x00 | 0xD8 => Some(Err(())),
        _ => {
            let length = u16::from_be_bytes([*bytes.get(place + 2)?, *bytes.get(place + 3)?]);
            if length < 2 {
                return Some(Err(()));
            }
            let next = place + 2 + usize::from(length);
            let next = if marker == SCAN { scan_end(bytes, next)? } else { next };
            Some(Ok(Part::Segment(marker, next)))
        }
    }
}

/// Where a scan's coded data is over: at the next marker that is neither stuffing nor a restart.
fn scan_end(bytes: &[u8], from: usize) -> Option<usize> {
    let coded = bytes.get(from..)?;
    let end = coded.windows(2).position(|pair| match pair {
        [0xFF, next] => !matches!(next, 0x00 | 0xFF | 0xD0..=0xD7),
        _ => false,
    })?;
    Some(from + end)
}

/// The picture with the typical Huffman tables put in before its first scan, where it has none: without them no
/// decoder but a camera's own software shows it.
pub fn with_tables(jpeg: &[u8]) -> Cow<'_, [u8]> {
    let mut place = START.len();
    while let Some(Ok(Part::Segment(marker, next))) = part(jpeg, place) {
        match marker {
            HUFFMAN => return Cow::Borrowed(jpeg),
            SCAN => break,
            _ => place = next,
        }
    }
    match jpeg.split_at_checked(place) {
        Some((before, scan)) if scan.starts_with(&[0xFF, SCAN]) => {
            Cow::Owned([before, &typical_tables(), scan].concat())
        }
        _ => Cow::Borrowed(jpeg),
    }
}

/// Decodes a JPEG within [`SIDE_MOST`].
///
/// # Errors
/// When the bytes are no picture or a larger one.
pub fn decode(jpeg: &[u8]) -> image::ImageResult<RgbImage> {
    let mut reader = ImageReader::with_format(Cursor::new(jpeg), image::ImageFormat::Jpeg);
    reader.limits(limits());
    Ok(reader.decode()?.into_rgb8())
}

/// Bounds for decoding any picture from outside.
pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MOST);
    limits.max_image_height = Some(SIDE_MOST);
    limits.max_alloc = Some(DECODER_MOST);
    limits
}

/// One segment with the four tables of annex K.3: class and number, counts of codes by length, values.
fn typical_tables() -> Vec<u8> {
    let tables: [(u8, &[u8; 16], &[u8]); 4] = [
        (0x00, &DC_LUMINANCE_COUNTS, &DC_VALUES),
        (0x01, &DC_CHROMINANCE_COUNTS, &DC_VALUES),
        (0x10, &AC_LUMINANCE_COUNTS, &AC_LUMINANCE_VALUES),
        (0x11, &AC_CHROMINANCE_COUNTS, &AC_CHROMINANCE_VALUES),
    ];
    let mut body = Vec::new();
    for (class, counts, values) in tables {
        body.push(class);
        body.extend(counts);
        body.extend(values);
    }
    let length = (body.len() + 2) as u16;
    [&[0xFF, HUFFMAN], &length.to_be_bytes()[..], &body].concat()
}

/// Tables K.3 and K.4.
const DC_LUMINANCE_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const DC_CHROMINANCE_COUNTS: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
const DC_VALUES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/// Table K.5.
const AC_LUMINANCE_COUNTS: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125];
const AC_LUMINANCE_VALUES: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
    0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34,
    0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55,
    0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76,
    0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5,
    0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4,
    0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];
/// Table K.6.
const AC_CHROMINANCE_COUNTS: [u8; 16] = [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119];
const AC_CHROMINANCE_VALUES: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
    0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62,
    0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29,
    0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54,
    0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75,
    0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3,
    0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2,
    0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use image::codecs::jpeg::JpegEncoder;
    use proptest::prelude::*;

    fn jpeg(side: u32) -> Vec<u8> {
        let picture =
            RgbImage::from_fn(side, side, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, (x ^ y) as u8]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture).unwrap();
        bytes
    }

    /// As most USB cameras send it: without Huffman tables.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let (mut kept, mut place) = (START.to_vec(), START.len());
        while let Some(Ok(Part::Segment(marker, next))) = part(jpeg, place) {
            if marker != HUFFMAN {
                kept.extend(&jpeg[place..next]);
            }
            place = next;
        }
        kept.extend(&jpeg[place..]);
        kept
    }

    #[test]
    fn a_picture_ends_at_its_own_end_and_not_at_its_thumbnails() {
        let (outer, thumbnail) = (jpeg(40), jpeg(8));
        let mut bytes = START.to_vec();
        bytes.extend([0xFF, 0xE1]);
        bytes.extend((thumbnail.len() as u16 + 2).to_be_bytes());
        bytes.extend(&thumbnail);
        bytes.extend(&outer[2..]);
        let length = bytes.len();
        bytes.extend(b"what follows");
        assert_eq!(extent(&bytes), Extent::Whole(length));
        for cut in 0..length {
            assert_eq!(extent(&bytes[..cut]), Extent::Incomplete, "cut at {cut}");
        }
        assert_eq!(extent(b"no picture"), Extent::None);
    }

    #[test]
    fn a_picture_without_tables_is_the_same_picture_with_the_typical_ones() {
        let whole = jpeg(64);
        let bare = without_tables(&whole);
        assert!(bare.len() < whole.len() - 400, "the tables are gone");
        assert_eq!(decode(&with_tables(&bare)).unwrap(), decode(&whole).unwrap());
        assert!(matches!(with_tables(&whole), Cow::Borrowed(_)), "a picture with tables stays as it is");
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_extent_within_them(
            bytes in proptest::collection::vec(prop_oneof![Just(0xFFu8), 0xC0u8..0xE0, any::<u8>()], 0..600),
        ) {
            let bytes = [&START[..], &bytes].concat();
            if let Extent::Whole(end) = extent(&bytes) {
                prop_assert!(end <= bytes.len());
            }
            prop_assert!(with_tables(&bytes).len() >= bytes.len());
        }
    }
}
