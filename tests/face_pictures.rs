//! Image files of every odd kind end as an upright picture or as a typed error, in bounded memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::face::{PictureError, decode};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use std::io::Cursor;

fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn gradient() -> RgbImage {
    RgbImage::from_fn(48, 36, |x, y| Rgb([x as u8 * 5, y as u8 * 7, 90]))
}

fn near(found: Rgb<u8>, wanted: [u8; 3]) -> bool {
    found.0.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24)
}

#[test]
fn sixteen_bits_grey_and_alpha_end_as_eight_bits_of_three_colours() {
    let deep: DynamicImage = DynamicImage::ImageRgb8(gradient()).into_rgb16().into();
    let clear: DynamicImage = DynamicImage::ImageRgb8(gradient()).into_rgba8().into();
    for picture in [deep, clear] {
        assert_eq!(decode(&written(picture, ImageFormat::Png)).unwrap(), gradient());
    }
    let grey = DynamicImage::ImageRgb8(gradient()).into_luma16();
    let found = decode(&written(DynamicImage::from(grey), ImageFormat::Png)).unwrap();
    assert!(found.pixels().all(|Rgb([r, g, b])| r == g && g == b));
}

#[test]
fn progressive_and_four_colour_jpegs_are_read() {
    for file in ["progressive", "cmyk"] {
        let found = decode(&std::fs::read(format!("tests/pictures/{file}.jpg")).unwrap()).unwrap();
        assert_eq!(found.dimensions(), (48, 36), "{file}");
        assert!(near(*found.get_pixel(40, 30), [200, 210, 90]), "{file}: {:?}", found.get_pixel(40, 30));
        assert!(near(*found.get_pixel(5, 5), [25, 35, 90]), "{file}: {:?}", found.get_pixel(5, 5));
    }
}

#[test]
fn the_orientation_that_a_camera_wrote_down_is_carried_out() {
    let found = decode(&std::fs::read("tests/pictures/sideways.jpg").unwrap()).unwrap();
    assert_eq!(found.dimensions(), (36, 48));
    // Turned by a quarter clockwise: what was at the bottom left is at the top left.
    assert!(near(*found.get_pixel(4, 4), [20, 217, 90]), "{:?}", found.get_pixel(4, 4));
}

#[test]
fn a_picture_that_would_fill_the_memory_is_refused_by_its_header() {
    let mut png = written(gradient(), ImageFormat::Png);
    // Width and height of the IHDR chunk, and its checksum.
    png[16..24].copy_from_slice(&[0, 0, 0x7F, 0xFF, 0, 0, 0x7F, 0xFF]);
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decode(&png).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge { .. } | PictureError::Broken(_)), "{error}");
    // 36 million pixels of one colour in a few kilobytes, 16 bits deep with alpha: more than the decoder may take.
    let bomb = DynamicImage::ImageRgba16(image::ImageBuffer::from_pixel(6000, 6000, image::Rgba([7; 4])));
    let bytes = written(bomb, ImageFormat::Png);
    assert!(bytes.len() < 4 << 20);
    assert!(matches!(decode(&bytes), Err(PictureError::Broken(_))));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

#[test]
fn what_is_no_picture_is_said_to_be_none() {
    for bytes in [&b""[..], b"plain text", b"GIF89a\x01\x00\x01\x00", b"BM"] {
        assert_eq!(decode(bytes), Err(PictureError::Format));
    }
    assert!(matches!(decode(b"\xFF\xD8\xFF\xE0\x00\x10JFIF"), Err(PictureError::Broken(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broken_and_cut_off_files_end_in_an_error_or_a_picture(
        place in 0usize..4000, value: u8, length in 0usize..4000, png: bool
    ) {
        let mut bytes = written(gradient(), if png { ImageFormat::Png } else { ImageFormat::Jpeg });
        let place = place % bytes.len();
        bytes[place] = value;
        bytes.truncate(length.max(3));
        if let Ok(picture) = decode(&bytes) {
            prop_assert!(u64::from(picture.width()) * u64::from(picture.height()) <= 40_000_000);
        }
    }
}
