//! BER-TLV as chips use it: tags of up to three bytes, definite lengths of up to four.
//!
//! Reading borrows and never allocates; nothing here recurses, so depth is what the caller walks.
//! Lengths are checked against the bytes at hand before anything is sliced.

/// Longest value that is read or written, in bytes.
pub const MAX_VALUE: usize = 1 << 24;

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Tag as its bytes in order: `0x61`, `0x7F61`.
    pub tag: u32,
    /// Content.
    pub value: &'a [u8],
}

/// What stands before a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Tag as its bytes in order.
    pub tag: u32,
    /// Bytes of tag and length.
    pub length: usize,
    /// Bytes of the value that follows.
    pub value_length: usize,
}

/// Why bytes are no element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// The bytes end within the element.
    #[error("element ends before its length")]
    Truncated,
    /// A tag of more than three bytes.
    #[error("tag longer than three bytes")]
    Tag,
    /// An indefinite length, or one that is longer than four bytes or than [`MAX_VALUE`].
    #[error("length indefinite or too long")]
    Length,
    /// An element that must be there is not.
    #[error("element {0:X} is missing")]
    Missing(u32),
}

/// Reads tag and length; the value need not be there yet.
///
/// # Errors
/// [`TlvError`].
pub fn header(bytes: &[u8]) -> Result<Header, TlvError> {
    let mut rest = bytes.iter().copied();
    let mut next = || rest.next().ok_or(TlvError::Truncated);
    let first = next()?;
    let (mut tag, mut length) = (u32::from(first), 1);
    if first & 0x1F == 0x1F {
        loop {
            let more = next()?;
            tag = tag << 8 | u32::from(more);
            length += 1;
            if more & 0x80 == 0 {
                break;
            }
            if length == 3 {
                return Err(TlvError::Tag);
            }
        }
    }
    let short = next()?;
    length += 1;
    let value_length = match short {
        0..=0x7F => usize::from(short),
        0x81..=0x84 => {
            let mut value_length = 0usize;
            for _ in 0..short & 0x0F {
                value_length = value_length << 8 | usize::from(next()?);
                length += 1;
            }
            value_length
        }
        _ => return Err(TlvError::Length),
    };
    if value_length > MAX_VALUE {
        return Err(TlvError::Length);
    }
    Ok(Header { tag, length, value_length })
}

/// Reads the element at the beginning and gives what follows it.
///
/// # Errors
/// [`TlvError`].
pub fn read(bytes: &[u8]) -> Result<(Tlv<'_>, &[u8]), TlvError> {
    let header = header(bytes)?;
    let (_, value_on) = bytes.split_at_checked(header.length).ok_or(TlvError::Truncated)?;
    let (value, rest) = value_on.split_at_checked(header.value_length).ok_or(TlvError::Truncated)?;
    Ok((Tlv { tag: header.tag, value }, rest))
}

/// The elements of a constructed value, one after another; ends after the first that is broken. Each
/// takes at least two bytes, so that there are at most half as many as bytes.
pub fn elements(mut value: &[u8]) -> impl Iterator<Item = Result<Tlv<'_>, TlvError>> {
    std::iter::from_fn(move || {
        if value.is_empty() {
            return None;
        }
        match read(value) {
            Ok((element, rest)) => {
                value = rest;
                Some(Ok(element))
            }
            Err(error) => {
                value = &[];
                Some(Err(error))
            }
        }
    })
}

/// The value of the first element with this tag.
///
/// # Errors
/// [`TlvError::Missing`], or what is broken before it.
pub fn find(value: &[u8], tag: u32) -> Result<&[u8], TlvError> {
    for element in elements(value) {
        let element = element?;
        if element.tag == tag {
            return Ok(element.value);
        }
    }
    Err(TlvError::Missing(tag))
}

/// A number without sign, of at most four bytes after leading zeros.
pub fn unsigned(value: &[u8]) -> Option<usize> {
    let digits = value.iter().skip_while(|byte| **byte == 0);
    if digits.clone().count() > 4 {
        return None;
    }
    digits.fold(0u32, |number, byte| number << 8 | u32::from(*byte)).try_into().ok()
}

/// A number in as few bytes as it takes, at least one.
pub fn shortest(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(bytes.len() - 1).take_while(|byte| **byte == 0).count();
    bytes.into_iter().skip(zeros).collect()
}

/// An element with the shortest length. Values beyond [`MAX_VALUE`] never occur on our side.
pub fn encode(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let length = value.len();
    let long: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        bytes.push(0x80 | long.len() as u8);
        bytes.extend(long);
    }
    bytes.extend_from_slice(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_tags_and_lengths_of_every_size() {
        assert_eq!(header(&[0x61, 0x5B]), Ok(Header { tag: 0x61, length: 2, value_length: 0x5B }));
        assert_eq!(
            header(&[0x7F, 0x61, 0x82, 0x3A, 0xE2]),
            Ok(Header { tag: 0x7F61, length: 5, value_length: 0x3AE2 })
        );
        assert_eq!(header(&[0x75, 0x83, 1, 0, 0]), Ok(Header { tag: 0x75, length: 5, value_length: 65536 }));
    }

    #[test]
    fn refuses_what_is_broken() {
        assert_eq!(header(&[]), Err(TlvError::Truncated));
        assert_eq!(header(&[0x7F]), Err(TlvError::Truncated));
        assert_eq!(header(&[0x7F, 0x81, 0x81, 0x01]), Err(TlvError::Tag));
        assert_eq!(header(&[0x30, 0x80]), Err(TlvError::Length), "indefinite");
        assert_eq!(header(&[0x30, 0x85, 0, 0, 0, 0, 1]), Err(TlvError::Length));
        assert_eq!(header(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]), Err(TlvError::Length));
        assert_eq!(read(&[0x30, 0x02, 0x00]), Err(TlvError::Truncated));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(
            tag in prop_oneof![Just(0x61u32), Just(0x7F61), Just(0x5F2E), 0x80u32..0x9F],
            value in proptest::collection::vec(any::<u8>(), 0..70_000),
            after in proptest::collection::vec(any::<u8>(), 0..5),
        ) {
            let mut bytes = encode(tag, &value);
            bytes.extend(&after);
            let (element, rest) = read(&bytes).unwrap();
            prop_assert_eq!(element, Tlv { tag, value: &value });
            prop_assert_eq!(rest, &after);
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(elements(&bytes).count() <= bytes.len());
        }
    }
}
