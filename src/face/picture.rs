//! From the bytes of an image file to an upright RGB picture, under bounds.
//!
//! The bytes are outside data. Sizes are read from the header and checked before a decoder may allocate; 16-bit
//! samples, grey, palettes, alpha and four-colour JPEGs all end as eight bits of red, green, blue; the orientation
//! that a camera wrote down is carried out. Broken or truncated files are a typed error.

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::SIDE_MOST;

/// Most pixels of a picture: more than any camera of a gate has.
const PIXELS_MOST: u64 = 40_000_000;
/// Most memory that a decoder may take, bytes.
const DECODER_BYTES_MOST: u64 = 256 << 20;

/// Why a file gives no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Neither JPEG nor PNG.
    #[error("neither a JPEG nor a PNG picture")]
    Format,
    /// Larger than any picture of a gate.
    #[error(
        "{width}×{height} pixels are more than a picture may have ({SIDE_MOST} a side, {PIXELS_MOST} in all)"
    )]
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The decoder refused.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
}

/// The picture in a JPEG or PNG file, upright, RGB. Alpha is left out.
///
/// # Errors
/// When the file is of another kind, too large, or broken.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    catch_unwind(AssertUnwindSafe(|| decode_bounded(bytes)))
        .unwrap_or_else(|_| Err(PictureError::Broken("the decoder gave up".into())))
}

fn decode_bounded(bytes: &[u8]) -> Result<RgbImage, PictureError> {
    let broken = |e: image::ImageError| PictureError::Broken(e.to_string());
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err(PictureError::Format),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MOST);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > SIDE_MOST || u64::from(width) * u64::from(height) > PIXELS_MOST {
        return Err(PictureError::TooLarge { width, height });
    }
    // The decoder's own limit counts what it works with, not what it gives.
    if decoder.total_bytes() > DECODER_BYTES_MOST {
        return Err(PictureError::Broken(format!("it takes {} bytes", decoder.total_bytes())));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}
