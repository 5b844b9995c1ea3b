//! From luma and chroma to RGB, for pictures that come uncompressed.
//!
//! ITU-R BT.601 with luma 16–235 and chroma 16–240, as USB cameras and Y4M files have it (V4L2's default for
//! SDTV-like webcams, `V4L2_YCBCR_ENC_601`, limited range).

use image::{Rgb, RgbImage};

/// Which numbers mean black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Range {
    /// Luma 16 to 235, chroma 16 to 240.
    #[default]
    Limited,
    /// 0 to 255, as JPEG has it.
    Full,
}

/// One pixel. Integer arithmetic with 8 fractional bits, exact to one step.
pub(super) fn rgb(luma: u8, blue: u8, red: u8, range: Range) -> Rgb<u8> {
    let (y, u, v) = (i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128);
    let step = |sum: i32| ((sum + 128) >> 8).clamp(0, 255) as u8;
    match range {
        Range::Limited => {
            let y = 298 * (y - 16);
            Rgb([step(y + 409 * v), step(y - 100 * u - 208 * v), step(y + 516 * u)])
        }
        Range::Full => {
            let y = 256 * y;
            Rgb([step(y + 359 * v), step(y - 88 * u - 183 * v), step(y + 454 * u)])
        }
    }
}

/// A YUYV picture (4:2:2, bytes Y0 U Y1 V): `stride` bytes a row, of which `2 · width` are picture.
/// `None` when there are fewer bytes than rows need, or the width is odd.
pub fn from_yuyv(bytes: &[u8], width: u32, height: u32, stride: usize) -> Option<RgbImage> {
    let row = usize::try_from(width).ok()?.checked_mul(2)?;
    if row == 0 || width % 2 == 1 || stride < row {
        return None;
    }
    let mut pixels = Vec::with_capacity(bytes.len().checked_mul(3)? / 2);
    let rows = bytes.chunks(stride).take(usize::try_from(height).ok()?);
    for line in rows {
        for pair in line.get(..row)?.as_chunks::<4>().0 {
            let [first, blue, second, red] = *pair;
            pixels.extend(rgb(first, blue, red, Range::Limited).0);
            pixels.extend(rgb(second, blue, red, Range::Limited).0);
        }
    }
    RgbImage::from_raw(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 100 % colour bars in BT.601, limited range.
    const BARS: [([u8; 3], [u8; 3]); 8] = [
        ([235, 128, 128], [255, 255, 255]),
        ([210, 16, 146], [255, 255, 0]),
        ([170, 166, 16], [0, 255, 255]),
        ([145, 54, 34], [0, 255, 0]),
        ([106, 202, 222], [255, 0, 255]),
        ([81, 90, 240], [255, 0, 0]),
        ([41, 240, 110], [0, 0, 255]),
        ([16, 128, 128], [0, 0, 0]),
    ];

    #[test]
    fn the_colour_bars_come_out_as_their_colours() {
        for ([y, u, v], wanted) in BARS {
            let got = rgb(y, u, v, Range::Limited).0;
            let near = got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 2);
            assert!(near, "{got:?} in place of {wanted:?}");
        }
    }

    #[test]
    fn the_full_range_has_black_at_0_and_white_at_255() {
        assert_eq!(rgb(0, 128, 128, Range::Full).0, [0, 0, 0]);
        assert_eq!(rgb(255, 128, 128, Range::Full).0, [255, 255, 255]);
        assert_eq!(rgb(76, 85, 255, Range::Full).0, [254, 0, 0]);
    }

    #[test]
    fn rows_are_found_by_their_stride() {
        let row = |y: u8| [y, 128, y, 128, 0xEE, 0xEE];
        let picture = from_yuyv(&[row(235), row(16)].concat(), 2, 2, 6).unwrap();
        assert_eq!(picture.as_raw(), &[255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_picture_with_too_few_bytes_is_none() {
        assert_eq!(from_yuyv(&[0; 15], 4, 2, 8), None);
        assert_eq!(from_yuyv(&[0; 64], 3, 2, 8), None);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_picture_of_the_size_or_none(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            width in 0u32..40, height in 0u32..20, stride in 0usize..90,
        ) {
            if let Some(picture) = from_yuyv(&bytes, width, height, stride) {
                prop_assert_eq!(picture.dimensions(), (width, height));
            }
        }
    }
}
