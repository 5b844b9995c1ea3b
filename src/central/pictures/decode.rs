//! Pictures of chips and cameras are decoded here, so that no byte of theirs reaches a browser.

use hayro_jpeg2000::{DecodeSettings, DecoderContext};
use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};
use std::io::Cursor;

/// Largest side of a picture that is shown, pixels.
const SIDE_MOST: u32 = 4096;

/// JPEG, PNG or JPEG 2000, by content and not by what it is said to be.
pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<DynamicImage> {
    const JP2: &[u8] = &[0, 0, 0, 12, b'j', b'P', b' ', b' '];
    const CODESTREAM: &[u8] = &[0xff, 0x4f, 0xff, 0x51];
    if bytes.starts_with(JP2) || bytes.starts_with(CODESTREAM) {
        return decode_jpeg2000(bytes);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let format = reader.format();
    anyhow::ensure!(
        matches!(format, Some(ImageFormat::Jpeg | ImageFormat::Png)),
        "not a JPEG, PNG or JPEG 2000 picture"
    );
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MOST);
    limits.max_image_height = Some(SIDE_MOST);
    reader.limits(limits);
    Ok(DynamicImage::ImageRgb8(reader.decode()?.into_rgb8()))
}

fn decode_jpeg2000(bytes: &[u8]) -> anyhow::Result<DynamicImage> {
    let settings = DecodeSettings::default();
    let picture =
        hayro_jpeg2000::Image::new(bytes, &settings).map_err(|e| anyhow::anyhow!("JPEG 2000: {e:?}"))?;
    let (width, height) = (picture.width(), picture.height());
    anyhow::ensure!(width <= SIDE_MOST && height <= SIDE_MOST, "picture of {width}×{height} is too large");
    let mut context = DecoderContext::default();
    let decoded = picture.decode(&mut context).map_err(|e| anyhow::anyhow!("JPEG 2000: {e:?}"))?;
    let channels = decoded.components().len();
    let samples = decoded.data_u8();
    let shown = match (channels, picture.has_alpha()) {
        (1, _) => GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8),
        (3, _) => RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
        (4, true) => RgbaImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba8),
        _ => anyhow::bail!("JPEG 2000 with {channels} channels"),
    };
    let shown = shown.ok_or_else(|| anyhow::anyhow!("JPEG 2000: components of unequal size"))?;
    Ok(DynamicImage::ImageRgb8(shown.into_rgb8()))
}
