//! Motion JPEG in one file: JPEG after JPEG with nothing between them, as `ffmpeg -f mjpeg` writes it.

use crate::devices::camera::jpeg::{Extent, PICTURE_MOST, extent};
use std::io::{self, Read};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// Where each picture starts and how long it is, at most `most` of them. Bytes that are no picture are passed over,
/// also a picture that the file ends in.
///
/// # Errors
/// Of the source, and when a picture is longer than [`PICTURE_MOST`].
pub fn index(source: &mut impl Read, most: usize) -> io::Result<Vec<(u64, usize)>> {
    let (mut places, mut held, mut gone, mut from) = (Vec::new(), Vec::new(), 0u64, 0usize);
    let mut ended = false;
    // Ends: every round reads a piece or goes on in what is held.
    while places.len() <= most {
        let rest = held.get(from..).unwrap_or_default();
        match extent(rest) {
            Extent::Whole(length) => {
                places.push((gone + from as u64, length));
                from += length;
            }
            Extent::None => {
                from += rest.iter().skip(1).position(|byte| *byte == 0xFF).map_or(rest.len(), |at| at + 1);
            }
            Extent::Incomplete if ended => break,
            Extent::Incomplete if rest.len() > PICTURE_MOST => {
                return Err(io::Error::other(format!("a picture of more than {PICTURE_MOST} bytes")));
            }
            Extent::Incomplete => {
                held.drain(..from);
                gone += from as u64;
                from = 0;
                ended = source.by_ref().take(PIECE as u64).read_to_end(&mut held)? == 0;
            }
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The least that has the form of a picture.
    const LEAST: &[u8] = &[0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 2, 0xFF, 0, 3, 0xFF, 0xD9];

    #[test]
    fn pictures_are_found_amid_what_is_none() {
        let file = [LEAST, b"noise\xFF", LEAST, LEAST, &LEAST[..7]].concat();
        let length = LEAST.len();
        let places = index(&mut &file[..], 10).unwrap();
        let second = length as u64 + 6;
        assert_eq!(places, [(0, length), (second, length), (second + length as u64, length)]);
    }

    #[test]
    fn no_more_pictures_are_listed_than_wanted_and_one() {
        assert_eq!(index(&mut &LEAST.repeat(9)[..], 3).unwrap().len(), 4);
    }

    proptest! {
        #[test]
        fn places_lie_in_the_file_and_do_not_overlap(
            bytes in proptest::collection::vec(prop_oneof![Just(0xFFu8), Just(0xD8), Just(0xD9), any::<u8>()], 0..500),
        ) {
            let mut end = 0;
            for (start, length) in index(&mut &bytes[..], 100).unwrap() {
                prop_assert!(start >= end && length > 0);
                end = start + length as u64;
            }
            prop_assert!(end <= bytes.len() as u64);
        }
    }
}
