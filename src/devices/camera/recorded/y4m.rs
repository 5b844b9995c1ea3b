//! Y4M: uncompressed film in one file, a line of parameters and then frame after frame.
//!
//! Taken: 8 bits in 4:2:0 (any siting), 4:2:2, 4:4:4 and grey, progressive. A frame's own parameters are passed
//! over. Everything is read from bytes in bounds; a frame that the file ends in is left out.

use crate::devices::camera::jpeg::SIDE_MOST;
use crate::devices::camera::yuv::{Range, rgb};
use image::RgbImage;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Bytes of a line of parameters at most.
const LINE_MOST: u64 = 256;
/// Frames a second at most.
const RATE_MOST: u64 = 1_000;

/// What a file says of all its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Y4mHeader {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames in a second, numerator and denominator.
    pub rate: (u64, u64),
    chroma: Chroma,
    range: Range,
}

/// How often colour is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chroma {
    Half,
    HalfInRows,
    Whole,
    None,
}

/// Why a file cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Y4mFault {
    /// The first line is not `YUV4MPEG2 …`.
    #[error("no Y4M file: it does not begin with a line YUV4MPEG2")]
    NotY4m,
    /// A parameter that is missing or cannot be.
    #[error(
        "Y4M: parameter {0} is missing or cannot be: progressive pictures of 8 bits, {SIDE_MOST} pixels a side at most"
    )]
    Parameter(char),
}

impl Y4mHeader {
    /// Reads the first line, without its end.
    ///
    /// # Errors
    /// When it is none of Y4M, or of a kind that is not played.
    pub fn parse(line: &[u8]) -> Result<Self, Y4mFault> {
        let line = std::str::from_utf8(line).map_err(|_| Y4mFault::NotY4m)?;
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("YUV4MPEG2") {
            return Err(Y4mFault::NotY4m);
        }
        let (mut width, mut height, mut rate) = (None, None, None);
        let (mut chroma, mut range) = (Chroma::Half, Range::Limited);
        for word in words {
            let mut rest = word.chars();
            let name = rest.next().unwrap_or_default();
            let value = rest.as_str();
            match name {
                'W' => width = side(value),
                'H' => height = side(value),
                'F' => rate = ratio(value),
                'I' if !["p", "?"].contains(&value) => return Err(Y4mFault::Parameter('I')),
                'C' => chroma = sampling(value).ok_or(Y4mFault::Parameter('C'))?,
                'X' if value == "COLORRANGE=FULL" => range = Range::Full,
                _ => {}
            }
        }
        Ok(Y4mHeader {
            width: width.ok_or(Y4mFault::Parameter('W'))?,
            height: height.ok_or(Y4mFault::Parameter('H'))?,
            rate: rate.ok_or(Y4mFault::Parameter('F'))?,
            chroma,
            range,
        })
    }

    /// Width and height of a plane of colour; `None` for grey.
    fn colour(&self) -> Option<(usize, usize)> {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.chroma {
            Chroma::Half => Some((width.div_ceil(2), height.div_ceil(2))),
            Chroma::HalfInRows => Some((width.div_ceil(2), height)),
            Chroma::Whole => Some((width, height)),
            Chroma::None => None,
        }
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        let colour = self.colour().map_or(0, |(width, height)| width * height);
        self.width as usize * self.height as usize + 2 * colour
    }

    /// Milliseconds from the first frame to this one.
    pub fn at_ms(&self, frame: u64) -> u64 {
        let (numerator, denominator) = self.rate;
        frame.saturating_mul(1_000).saturating_mul(denominator) / numerator.max(1)
    }

    /// The picture of one frame's bytes; `None` when they are not [`Y4mHeader::frame_bytes`].
    pub fn picture(&self, bytes: &[u8]) -> Option<RgbImage> {
        if bytes.len() != self.frame_bytes() {
            return None;
        }
        let width = self.width as usize;
        let (luma, colours) = bytes.split_at_checked(width * self.height as usize)?;
        let (blue, red) = colours.split_at_checked(colours.len() / 2)?;
        let mut pixels = Vec::with_capacity(luma.len() * 3);
        for (y, row) in luma.chunks(width).enumerate() {
            for (x, luma) in row.iter().enumerate() {
                let place = self.colour().map(|(colours, _)| match self.chroma {
                    Chroma::Half => (y / 2) * colours + x / 2,
                    Chroma::HalfInRows => y * colours + x / 2,
                    Chroma::Whole | Chroma::None => y * colours + x,
                });
                let colour = |plane: &[u8]| place.and_then(|at| plane.get(at)).copied().unwrap_or(128);
                pixels.extend(rgb(*luma, colour(blue), colour(red), self.range).0);
            }
        }
        RgbImage::from_raw(self.width, self.height, pixels)
    }
}

fn side(value: &str) -> Option<u32> {
    value.parse().ok().filter(|side| (1..=SIDE_MOST).contains(side))
}

fn ratio(value: &str) -> Option<(u64, u64)> {
    let (numerator, denominator) = value.split_once(':')?;
    let (numerator, denominator) = (numerator.parse::<u32>().ok()?, denominator.parse::<u32>().ok()?);
    let (numerator, denominator) = (u64::from(numerator), u64::from(denominator));
    (numerator > 0 && denominator > 0 && numerator <= denominator * RATE_MOST)
        .then_some((numerator, denominator))
}

fn sampling(value: &str) -> Option<Chroma> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some(Chroma::Half),
        "422" => Some(Chroma::HalfInRows),
        "444" => Some(Chroma::Whole),
        "mono" => Some(Chroma::None),
        _ => None,
    }
}

/// The header, and where the bytes of each frame start; at most `most` of them.
///
/// # Errors
/// Of the source, and [`Y4mFault`] as [`io::ErrorKind::InvalidData`].
pub fn index(source: &mut (impl BufRead + Seek), most: usize) -> io::Result<(Y4mHeader, Vec<u64>)> {
    let header = Y4mHeader::parse(&line(source)?).map_err(io::Error::other)?;
    let length = header.frame_bytes() as u64;
    let whole = {
        let here = source.stream_position()?;
        let end = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(here))?;
        end
    };
    let mut places = Vec::new();
    // Ends: every frame takes at least its line.
    while places.len() <= most {
        let head = line(source)?;
        let place = source.stream_position()?;
        if !head.starts_with(b"FRAME") || place.saturating_add(length) > whole {
            break;
        }
        places.push(place);
        source.seek(SeekFrom::Start(place + length))?;
    }
    Ok((header, places))
}

/// One line without its end.
fn line(source: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    source.by_ref().take(LINE_MOST).read_until(b'\n', &mut line)?;
    Ok(line.strip_suffix(b"\n").unwrap_or(&line).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn film(head: &str, frames: &[Vec<u8>]) -> Cursor<Vec<u8>> {
        let mut bytes = format!("{head}\n").into_bytes();
        for frame in frames {
            bytes.extend(b"FRAME Ip\n");
            bytes.extend(frame);
        }
        Cursor::new(bytes)
    }

    #[test]
    fn frames_are_found_with_their_times_and_colours() {
        let red = [vec![81; 6], vec![90; 2], vec![240; 2]].concat();
        let white = [vec![235; 6], vec![128; 2], vec![128; 2]].concat();
        let mut source = film("YUV4MPEG2 W3 H2 F30000:1001 Ip A1:1 C420jpeg", &[red.clone(), white]);
        let (header, places) = index(&mut source, 10).unwrap();
        assert_eq!((header.frame_bytes(), places.len()), (10, 2));
        assert_eq!((header.at_ms(0), header.at_ms(1), header.at_ms(30)), (0, 33, 1_001));
        let picture = header.picture(&red).unwrap();
        assert_eq!(picture.dimensions(), (3, 2));
        assert!(picture.pixels().all(|pixel| pixel.0[0] >= 253 && pixel.0[1] <= 2 && pixel.0[2] <= 2));
    }

    #[test]
    fn every_sampling_has_its_size() {
        for (sampling, bytes) in [("420", 9 + 8), ("422", 9 + 12), ("444", 27), ("mono", 9)] {
            let header = Y4mHeader::parse(format!("YUV4MPEG2 W3 H3 F25:1 C{sampling}").as_bytes()).unwrap();
            assert_eq!(header.frame_bytes(), bytes, "{sampling}");
            assert!(header.picture(&vec![128; bytes]).is_some(), "{sampling}");
        }
    }

    #[test]
    fn what_is_not_played_is_named() {
        let fault = |line: &str| Y4mHeader::parse(line.as_bytes()).unwrap_err();
        assert_eq!(fault("RIFF"), Y4mFault::NotY4m);
        assert_eq!(fault("YUV4MPEG2 H3 F25:1"), Y4mFault::Parameter('W'));
        assert_eq!(fault("YUV4MPEG2 W3 H99999 F25:1"), Y4mFault::Parameter('H'));
        assert_eq!(fault("YUV4MPEG2 W3 H3 F0:1"), Y4mFault::Parameter('F'));
        assert_eq!(fault("YUV4MPEG2 W3 H3 F25:1 C420p10"), Y4mFault::Parameter('C'));
        assert_eq!(fault("YUV4MPEG2 W3 H3 F25:1 It"), Y4mFault::Parameter('I'));
    }

    #[test]
    fn a_frame_that_the_file_ends_in_is_left_out() {
        let mut source = film("YUV4MPEG2 W2 H2 F25:1", &[vec![0; 6], vec![0; 5]]);
        assert_eq!(index(&mut source, 10).unwrap().1.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_indexed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = index(&mut Cursor::new(bytes.clone()), 10);
            let _ = index(&mut Cursor::new([b"YUV4MPEG2 W2 H1 F9:1 C444\n", &bytes[..]].concat()), 10);
        }

        #[test]
        fn any_header_has_a_frame_of_bounded_size(line in "YUV4MPEG2( [WHFCIX][0-9:a-z]{0,6}){0,8}") {
            if let Ok(header) = Y4mHeader::parse(line.as_bytes()) {
                prop_assert!(header.frame_bytes() <= 3 * (SIDE_MOST as usize).pow(2));
            }
        }
    }
}
