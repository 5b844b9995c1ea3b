//! Data objects as a card reads and writes them: BER-TLV of ISO/IEC 7816-4 §6.3, written in the shortest form.

/// One data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub(super) tag: u16,
    pub(super) value: &'a [u8],
    /// Tag, length and value as they came.
    pub(super) whole: &'a [u8],
}

/// The first object of some bytes and what follows it; `None` when it is not whole or its tag has more
/// than two bytes.
pub(super) fn first(bytes: &[u8]) -> Option<(Object<'_>, &[u8])> {
    let (tag, after_tag) = match bytes {
        [high, low @ 0..=0x7F, rest @ ..] if high & 0x1F == 0x1F => (u16::from_be_bytes([*high, *low]), rest),
        [high, ..] if high & 0x1F == 0x1F => return None,
        [tag, rest @ ..] => (u16::from(*tag), rest),
        [] => return None,
    };
    let (length, after_length) = match after_tag {
        [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    let (value, rest) = after_length.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - rest.len())?;
    Some((Object { tag, value, whole }, rest))
}

/// All objects of a row; `None` when one is not whole.
pub(super) fn row(mut bytes: &[u8]) -> Option<Vec<Object<'_>>> {
    let mut objects = Vec::new();
    while !bytes.is_empty() {
        let (object, rest) = first(bytes)?;
        objects.push(object);
        bytes = rest;
    }
    Some(objects)
}

/// The value of the first object with this tag in a row.
pub(super) fn value(bytes: &[u8], tag: u16) -> Option<&[u8]> {
    row(bytes)?.into_iter().find(|object| object.tag == tag).map(|object| object.value)
}

/// One object; longer than 65,535 bytes nothing of a card is.
pub(super) fn object(tag: u16, value: &[u8]) -> Vec<u8> {
    let [high, low] = tag.to_be_bytes();
    let mut out = if high == 0 { vec![low] } else { vec![high, low] };
    match u16::try_from(value.len()).unwrap_or(u16::MAX) {
        length @ 0..=0x7F => out.push(length as u8),
        length @ 0x80..=0xFF => out.extend([0x81, length as u8]),
        length => {
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            tag in prop_oneof![0x04u16..0x1E, Just(0x7F49)],
            value in proptest::collection::vec(any::<u8>(), 0..700),
        ) {
            let written = object(tag, &value);
            let (read, rest) = first(&written).unwrap();
            prop_assert_eq!((read.tag, read.value, read.whole), (tag, value.as_slice(), written.as_slice()));
            prop_assert!(rest.is_empty());
            prop_assert!(first(&written[..written.len() - 1]).is_none());
        }
    }

    #[test]
    fn a_row_is_read_whole_or_not_at_all() {
        assert_eq!(value(&[0x80, 1, 7, 0x81, 0], 0x81), Some(&[][..]));
        assert_eq!(value(&[0x80, 1, 7, 0x81, 1], 0x80), None);
        assert_eq!(value(&[0x80, 0x84, 0, 0, 0, 0], 0x80), None);
    }
}
