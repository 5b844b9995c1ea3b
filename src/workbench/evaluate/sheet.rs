//! Contact sheets: the pictures behind the worst scores side by side, as one JPEG to look at.
//!
//! Each cell shows a pair of pictures (or one), its number in the list and its score. The frame is green where the
//! pictures are alike by the truth (one person; bona fide) and red where not. A picture that cannot be read is grey.

use super::acquire;
use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use std::path::{Path, PathBuf};

/// Side of a picture on the sheet, pixels.
const SIDE: u32 = 160;
/// Height of the line with number and score.
const CAPTION: u32 = 20;
/// Between cells, and the width of a cell's frame.
const GAP: u32 = 6;
/// Pictures in a row.
const ACROSS: u32 = 8;
/// Cells on a sheet.
const CELLS_MOST: usize = 64;
/// Of the JPEG.
const QUALITY: u8 = 88;
/// Sides of a glyph's dots, pixels.
const DOT: u32 = 2;
/// Six glyphs, as the longest score has.
const SCORE_WIDTH: u32 = 6 * 4 * DOT;

/// What a cell shows.
pub(super) struct Pair {
    pub(super) left: PathBuf,
    /// The same path as `left` for a single picture.
    pub(super) right: PathBuf,
    pub(super) score: f32,
    /// One person, or bona fide.
    pub(super) alike: bool,
}

/// The sheet, encoded.
pub(super) fn jpeg(pairs: &[Pair]) -> Result<Vec<u8>> {
    let sheet = drawn(pairs.get(..CELLS_MOST).unwrap_or(pairs));
    let mut bytes = Vec::new();
    sheet
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        .context("the sheet cannot be encoded")?;
    Ok(bytes)
}

fn drawn(pairs: &[Pair]) -> RgbImage {
    let each = if pairs.iter().all(|pair| pair.left == pair.right) { 1 } else { 2 };
    let across = ACROSS / each;
    let (cell_width, cell_height) = (each * (SIDE + GAP) + GAP, SIDE + CAPTION + 2 * GAP);
    let rows = (pairs.len() as u32).div_ceil(across).max(1);
    let size = (across * (cell_width + GAP) + GAP, rows * (cell_height + GAP) + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([250, 250, 250]));
    for (place, pair) in (0u32..).zip(pairs) {
        let left = GAP + place % across * (cell_width + GAP);
        let top = GAP + place / across * (cell_height + GAP);
        let frame = if pair.alike { Rgb([0, 130, 90]) } else { Rgb([190, 60, 30]) };
        fill(&mut sheet, [left, top, cell_width, cell_height], frame);
        put(&mut sheet, &pair.left, left + GAP, top + GAP);
        if pair.left != pair.right {
            put(&mut sheet, &pair.right, left + 2 * GAP + SIDE, top + GAP);
        }
        let caption = top + GAP + SIDE + 4;
        write(&mut sheet, &(place + 1).to_string(), left + GAP, caption);
        write(&mut sheet, &format!("{:.3}", pair.score), left + cell_width - SCORE_WIDTH - GAP, caption);
    }
    sheet
}

/// The picture with its longer side on the cell's.
fn put(sheet: &mut RgbImage, path: &Path, left: u32, top: u32) {
    fill(sheet, [left, top, SIDE, SIDE], Rgb([120, 120, 120]));
    let Ok(picture) = acquire::open(path) else { return };
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |side: u32| (side * SIDE / longest).clamp(1, SIDE);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = imageops::resize(&picture, width, height, FilterType::Triangle);
    let (x, y) = (left + (SIDE - width) / 2, top + (SIDE - height) / 2);
    imageops::replace(sheet, &small, i64::from(x), i64::from(y));
}

fn fill(sheet: &mut RgbImage, [left, top, width, height]: [u32; 4], colour: Rgb<u8>) {
    for y in top..(top + height).min(sheet.height()) {
        for x in left..(left + width).min(sheet.width()) {
            sheet.put_pixel(x, y, colour);
        }
    }
}

/// Writes digits, point and minus in dots of three by five: the sheet needs no font.
fn write(sheet: &mut RgbImage, text: &str, left: u32, top: u32) {
    for (place, character) in (0u32..).zip(text.chars()) {
        let rows: [u8; 5] = match character {
            '0' => [7, 5, 5, 5, 7],
            '1' => [2, 6, 2, 2, 7],
            '2' => [7, 1, 7, 4, 7],
            '3' => [7, 1, 7, 1, 7],
            '4' => [5, 5, 7, 1, 1],
            '5' => [7, 4, 7, 1, 7],
            '6' => [7, 4, 7, 5, 7],
            '7' => [7, 1, 1, 1, 1],
            '8' => [7, 5, 7, 5, 7],
            '9' => [7, 5, 7, 1, 7],
            '.' => [0, 0, 0, 0, 2],
            '-' => [0, 0, 7, 0, 0],
            _ => [0; 5],
        };
        for (y, row) in (0u32..).zip(rows) {
            for x in (0..3u32).filter(|x| row >> (2 - x) & 1 == 1) {
                let at = [left + (place * 4 + x) * DOT, top + y * DOT, DOT, DOT];
                fill(sheet, at, Rgb([255, 255, 255]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_a_cell_for_each_pair_and_bad_pictures_are_grey() {
        let pair =
            |alike| Pair { left: "no/such.jpg".into(), right: "nor/this.jpg".into(), score: -0.125, alike };
        let bytes = jpeg(&[pair(true), pair(false), pair(true), pair(true), pair(true)]).unwrap();
        let sheet = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(sheet.height(), 2 * (SIDE + CAPTION + 3 * GAP) + GAP);
        let middle = sheet.get_pixel(GAP * 2 + SIDE / 2, GAP * 2 + SIDE / 2);
        assert!(middle.0.iter().all(|v| v.abs_diff(120) < 6), "{middle:?}");
        assert!(jpeg(&[]).is_ok());
        let single = Pair { left: "no".into(), right: "no".into(), score: 0.5, alike: true };
        let narrow = image::load_from_memory(&jpeg(&[single]).unwrap()).unwrap();
        assert_eq!(narrow.width(), ACROSS * (SIDE + 3 * GAP) + GAP);
    }
}
