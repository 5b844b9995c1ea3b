//! The portrait of DG2, and its decoding under bounds.
//!
//! The bytes are hostile input: sizes are read from the image's own header and checked before a decoder
//! is allowed to allocate, and a decoder that panics is an error like another.

use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest side of a portrait, in pixels. Doc 9303-9 expects about 400–1,200.
pub const MAX_SIDE: u32 = 4_096;
/// Most pixels of a portrait.
pub const MAX_PIXELS: u64 = 8_000_000;
/// Most memory that a decoder may take beside, in bytes.
const MAX_DECODER_MEMORY: u64 = 128 * 1024 * 1024;
/// Most tiles of a JPEG 2000 image; portraits have one.
const MAX_TILES: u64 = 1_024;
/// Most components of a JPEG 2000 image: red, green, blue, alpha.
const MAX_COMPONENTS: u16 = 4;

/// How a portrait is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// ISO/IEC 10918.
    Jpeg,
    /// ISO/IEC 15444, as file (JP2) or bare codestream.
    Jpeg2000,
}

impl Media {
    /// By the first bytes.
    pub fn of(image: &[u8]) -> Option<Media> {
        const JP2: &[u8] = &[0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20];
        match image {
            [0xFF, 0xD8, 0xFF, ..] => Some(Media::Jpeg),
            _ if image.starts_with(JP2) || image.starts_with(&CODESTREAM) => Some(Media::Jpeg2000),
            _ => None,
        }
    }
}

/// A portrait as the chip has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    /// How it is encoded.
    pub media: Media,
    /// The image file.
    pub bytes: Vec<u8>,
}

/// Why a portrait gives no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortraitError {
    /// Larger than any portrait.
    #[error("{width} × {height} pixels are more than a portrait has")]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// More tiles or components than any portrait has.
    #[error("more than {0} in one picture")]
    TooMany(&'static str),
    /// The decoder refused.
    #[error("cannot be decoded: {0}")]
    Decoder(String),
}

impl Portrait {
    /// Width and height in pixels, from the image's header.
    ///
    /// # Errors
    /// When the header is broken or the size beyond [`MAX_SIDE`] or [`MAX_PIXELS`].
    pub fn dimensions(&self) -> Result<(u32, u32), PortraitError> {
        let (width, height) = match self.media {
            Media::Jpeg => reader(&self.bytes).into_dimensions().map_err(refused)?,
            Media::Jpeg2000 => {
                check_codestreams(&self.bytes)?;
                let image = contain(|| jpeg_2000(&self.bytes))?;
                (image.width(), image.height())
            }
        };
        bounded(width, height)?;
        Ok((width, height))
    }

    /// The picture in RGB, one component spread over all three, alpha left out.
    ///
    /// # Errors
    /// When the image is broken or its size beyond the bounds.
    pub fn decode(&self) -> Result<RgbImage, PortraitError> {
        let (width, height) = self.dimensions()?;
        match self.media {
            Media::Jpeg => contain(|| reader(&self.bytes).decode().map_err(refused)).map(|i| i.into_rgb8()),
            Media::Jpeg2000 => contain(|| decode_jpeg_2000(&self.bytes, width, height)),
        }
    }
}

fn bounded(width: u32, height: u32) -> Result<(), PortraitError> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(PortraitError::TooLarge { width, height });
    }
    Ok(())
}

fn reader(bytes: &[u8]) -> ImageReader<Cursor<&[u8]>> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg);
    reader.limits(limits);
    reader
}

fn jpeg_2000(bytes: &[u8]) -> Result<hayro_jpeg2000::Image<'_>, PortraitError> {
    hayro_jpeg2000::Image::new(bytes, &hayro_jpeg2000::DecodeSettings::default()).map_err(refused)
}

fn decode_jpeg_2000(bytes: &[u8], width: u32, height: u32) -> Result<RgbImage, PortraitError> {
    let image = jpeg_2000(bytes)?;
    let mut context = hayro_jpeg2000::DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(refused)?;
    let components = decoded.components().len();
    let samples = decoded.data_u8();
    let wrong = || PortraitError::Decoder(format!("{components} components for {width} × {height} pixels"));
    match components {
        1 => image::GrayImage::from_raw(width, height, samples)
            .map(|i| DynamicImage::ImageLuma8(i).into_rgb8()),
        2 => image::GrayAlphaImage::from_raw(width, height, samples)
            .map(|i| DynamicImage::ImageLumaA8(i).into_rgb8()),
        3 => RgbImage::from_raw(width, height, samples),
        4 if image.has_alpha() => image::RgbaImage::from_raw(width, height, samples)
            .map(|i| DynamicImage::ImageRgba8(i).into_rgb8()),
        _ => None,
    }
    .ok_or_else(wrong)
}

/// Start of a JPEG 2000 codestream: SOC and SIZ.
const CODESTREAM: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

/// Checks the size marker of every codestream in the file, whichever the decoder will take: it allocates
/// by the number of tiles, which a few bytes can put into the millions.
fn check_codestreams(bytes: &[u8]) -> Result<(), PortraitError> {
    let starts = bytes.windows(CODESTREAM.len()).enumerate().filter(|(_, window)| *window == CODESTREAM);
    for (start, _) in starts {
        // Length and capabilities, then width, height, their offsets, tile width and height, their
        // offsets, and the number of components (ISO/IEC 15444-1 A.5.1).
        let siz = bytes.get(start + CODESTREAM.len() + 4..).unwrap_or_default();
        let mut numbers = siz.chunks_exact(4).map(|n| n.first_chunk().map_or(0, |n| u32::from_be_bytes(*n)));
        let mut next = || numbers.next().unwrap_or(0);
        let [width, height, _, _, tile_width, tile_height] = [(); 6].map(|()| next());
        let components = siz.get(32..34).and_then(|n| n.first_chunk()).map_or(0, |n| u16::from_be_bytes(*n));
        bounded(width, height)?;
        let tiles =
            u64::from(width.div_ceil(tile_width.max(1))) * u64::from(height.div_ceil(tile_height.max(1)));
        if tiles > MAX_TILES {
            return Err(PortraitError::TooMany("1,024 tiles"));
        }
        if components > MAX_COMPONENTS {
            return Err(PortraitError::TooMany("four components"));
        }
    }
    Ok(())
}

/// Turns a decoder's panic into an error.
fn contain<T>(decode: impl FnOnce() -> Result<T, PortraitError>) -> Result<T, PortraitError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(PortraitError::Decoder("the decoder gave up".to_owned())))
}

fn refused(error: impl std::fmt::Display) -> PortraitError {
    PortraitError::Decoder(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::files::{encode_dg2, parse_dg2};
    use crate::chip::tlv;
    use image::Rgb;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 3) as u8, (y * 3) as u8, 90]));
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        bytes
    }

    #[test]
    fn a_jpeg_goes_through_dg2_into_a_picture() {
        let dg2 = encode_dg2(&jpeg(60, 80), Media::Jpeg);
        let portrait = parse_dg2(&dg2).unwrap();
        assert_eq!(portrait.dimensions(), Ok((60, 80)));
        let picture = portrait.decode().unwrap();
        assert_eq!(picture.dimensions(), (60, 80));
        assert!(picture.get_pixel(50, 40).0[0].abs_diff(150) < 12);
    }

    #[test]
    fn a_grey_jpeg_gives_three_equal_components() {
        let grey = image::GrayImage::from_fn(20, 20, |x, _| image::Luma([(x * 10) as u8]));
        let mut bytes = Vec::new();
        grey.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        let picture = Portrait { media: Media::Jpeg, bytes }.decode().unwrap();
        assert!(picture.pixels().all(|Rgb([r, g, b])| r == g && g == b));
    }

    #[test]
    fn a_picture_beyond_the_bounds_is_refused_by_its_header() {
        let mut bytes = jpeg(60, 80);
        let sof = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        bytes[sof + 5..sof + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
        assert!(Portrait { media: Media::Jpeg, bytes }.decode().is_err());
        let siz = |width: u32, tile: u32, components: u16| {
            let mut bytes = CODESTREAM.to_vec();
            bytes.extend([0, 41, 0, 0]);
            bytes.extend([width, width, 0, 0, tile, tile, 0, 0].iter().flat_map(|n| n.to_be_bytes()));
            bytes.extend(components.to_be_bytes());
            Portrait { media: Media::Jpeg2000, bytes }.decode().unwrap_err()
        };
        assert_eq!(siz(1 << 20, 1 << 20, 3), PortraitError::TooLarge { width: 1 << 20, height: 1 << 20 });
        assert_eq!(siz(2000, 1, 3), PortraitError::TooMany("1,024 tiles"));
        assert_eq!(siz(400, 400, 5), PortraitError::TooMany("four components"));
        assert!(matches!(siz(400, 400, 3), PortraitError::Decoder(_)));
    }

    #[test]
    fn broken_bytes_are_an_error() {
        let whole = jpeg(60, 80);
        for bytes in [Vec::new(), vec![0xFF, 0xD8, 0xFF], whole[..whole.len() / 4].to_vec()] {
            assert!(Portrait { media: Media::Jpeg, bytes }.decode().is_err());
        }
    }

    /// Lossless gradients of 48×64 pixels, made for this test.
    #[test]
    fn decodes_jpeg_2000_of_three_and_of_one_component_to_the_last_bit() {
        let decode = |bytes: &[u8]| {
            let portrait = Portrait { media: Media::of(bytes).unwrap(), bytes: bytes.to_vec() };
            assert_eq!((portrait.media, portrait.dimensions()), (Media::Jpeg2000, Ok((48, 64))));
            portrait.decode().unwrap()
        };
        let coloured = decode(include_bytes!("../../tests/data/gradient.jp2"));
        let grey = decode(include_bytes!("../../tests/data/gradient-grey.jp2"));
        for (x, y, pixel) in coloured.enumerate_pixels() {
            let (across, down) = (x as u8 * 5, y as u8 * 4);
            assert_eq!(pixel, &Rgb([across, down, 128]), "{x}, {y}");
            assert_eq!(grey.get_pixel(x, y), &Rgb([down; 3]), "{x}, {y}");
        }
    }

    /// Independent data beside the checkout; `None`, said plainly, where it is not.
    fn vector(path: &str) -> Option<Vec<u8>> {
        let bytes =
            std::fs::read(format!("{}/../shared/vectors/lds/{path}", env!("CARGO_MANIFEST_DIR"))).ok();
        if bytes.is_none() {
            eprintln!("SKIPPED: ../shared/vectors/lds/{path} is not there");
        }
        bytes
    }

    #[test]
    fn decodes_the_portraits_of_specimen_documents() {
        for (path, size) in
            [("bsi2008_mustermann/Datagroup2.bin", (413, 531)), ("loes2006_nl/ef0102.bin", (449, 598))]
        {
            let Some(bytes) = vector(path) else { continue };
            let portrait = parse_dg2(&bytes).unwrap();
            assert_eq!(portrait.media, Media::Jpeg2000);
            let picture = portrait.decode().unwrap();
            assert_eq!(picture.dimensions(), size, "{path}");
            let bright = |Rgb([r, g, b]): &Rgb<u8>| u64::from(*r) + u64::from(*g) + u64::from(*b);
            let mean =
                picture.pixels().map(bright).sum::<u64>() / (3 * u64::from(size.0) * u64::from(size.1));
            assert!((40..230).contains(&mean), "{path}: {mean}");
        }
    }

    #[test]
    fn decodes_bare_jpeg_2000_files_of_one_and_of_three_components() {
        for path in ["jp2/silver.jp2", "jp2/signature.jp2"] {
            let Some(bytes) = vector(path) else { continue };
            let portrait = Portrait { media: Media::of(&bytes).unwrap(), bytes };
            let picture = portrait.decode().unwrap();
            assert_eq!(Ok(picture.dimensions()), portrait.dimensions());
        }
    }

    #[test]
    fn reads_a_bare_record_and_refuses_its_broken_image() {
        let (Some(good), Some(broken), Some(face)) = (
            vector("iso19794/ISO19794_Test1_Data.bin"),
            vector("iso19794/ISO19794_Test2_Data_InvalidImage.bin"),
            vector("iso19794/ISO19794_Test1_Face.jpg"),
        ) else {
            return;
        };
        let dg2 = |record: &[u8]| {
            let template = tlv::encode(0x7F60, &tlv::encode(0x5F2E, record));
            tlv::encode(0x75, &tlv::encode(0x7F61, &template))
        };
        let portrait = parse_dg2(&dg2(&good)).unwrap();
        assert_eq!((portrait.media, &portrait.bytes), (Media::Jpeg, &face));
        assert!(portrait.decode().is_ok());
        assert!(parse_dg2(&dg2(&broken)).is_err());
    }

    #[test]
    fn no_change_to_a_jpeg_2000_file_gets_beyond_an_error() {
        let Some(whole) = vector("jp2/silver.jp2") else { return };
        let mut state = 1u32;
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let place = (state >> 8) as usize % 250;
                bytes[place] = (state >> 24) as u8;
            }
            let _ = Portrait { media: Media::Jpeg2000, bytes }.decode();
        }
    }
}
