//! Texts and dates of data groups 11, 12 and 16.
//!
//! The standard wants dates as ASCII digits (Doc 9303-10 §4.7.11 to §4.7.16); documents in the field also
//! hold them in packed BCD, two digits to a byte. Both are read; what is neither is refused.

/// Digits of a date (8, `YYYYMMDD`) or of date and time (14, `YYYYMMDDhhmmss`), unknown parts 0; `None`
/// when the bytes are neither ASCII nor packed digits of that number.
pub(super) fn digits(value: &[u8], count: usize) -> Option<String> {
    if value.len() == count && value.iter().all(u8::is_ascii_digit) {
        return Some(value.iter().map(|byte| char::from(*byte)).collect());
    }
    if value.len() * 2 != count {
        return None;
    }
    let halves = value.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    halves.map(|half| char::from_digit(half.into(), 10)).collect()
}

/// Text in UTF-8, or where it is none, byte by byte as in Latin-1: some issuers wrote that.
pub(super) fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_ascii_and_in_packed_digits() {
        assert_eq!(digits(b"19700401", 8).as_deref(), Some("19700401"));
        assert_eq!(digits(&[0x19, 0x70, 0x04, 0x01], 8).as_deref(), Some("19700401"));
        assert_eq!(digits(&[0x20, 0x24, 1, 1, 0x12, 0x30, 0x59], 14).as_deref(), Some("20240101123059"));
        for broken in [&b"1970040"[..], b"1970x401", &[0x19, 0x7A, 4, 1], &[]] {
            assert_eq!(digits(broken, 8), None);
        }
    }

    #[test]
    fn text_that_is_no_utf_8_is_read_byte_by_byte() {
        assert_eq!(text("Müller".as_bytes()), "Müller");
        assert_eq!(text(b"M\xFCller"), "Müller");
    }
}
