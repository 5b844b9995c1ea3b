//! What lengths a chip takes and gives, as it says in EF.ATR/INFO (ISO/IEC 7816-4 §12.1.1 and §12.7.1).
//!
//! Doc 9303-11 §9.3.1.2: without stated buffer sizes, extended length is used for key agreement only. The answer to
//! reset states none, so that it is not asked.

use super::tlv;

/// Card capabilities.
const CAPABILITIES: u32 = 0x47;
/// Extended length information: two integers.
const EXTENDED_LENGTH: u32 = 0x7F66;
const INTEGER: u32 = 0x02;
/// In the third byte of the capabilities.
const CHAINING: u8 = 0x80;
/// Sizes below that of a short answer are no extended length.
const SMALLEST: usize = 256 + 2;
/// The largest answer there is.
const LARGEST: usize = 65_536 + 2;

/// What the chip says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CardLimits {
    /// Bytes of its longest answer with status, where it knows extended length.
    pub answer: Option<usize>,
    /// It takes long commands in a chain.
    pub chaining: bool,
}

impl CardLimits {
    /// Reads EF.ATR/INFO. What is broken or absent promises nothing.
    pub(super) fn parse(file: &[u8]) -> CardLimits {
        let mut limits = CardLimits::default();
        for element in tlv::elements(file).map_while(Result::ok) {
            match element.tag {
                CAPABILITIES => {
                    limits.chaining = element.value.get(2).is_some_and(|byte| byte & CHAINING != 0)
                }
                EXTENDED_LENGTH => {
                    let sizes = tlv::elements(element.value).map_while(Result::ok);
                    let answer = sizes.filter(|size| size.tag == INTEGER).nth(1);
                    limits.answer = answer
                        .and_then(|size| tlv::unsigned(size.value))
                        .map(|size| size.min(LARGEST))
                        .filter(|size| *size >= SMALLEST);
                }
                _ => {}
            }
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stated_buffer_sizes_and_chaining() {
        let file = hex::decode("4703941180 7F6608020204000202 0800".replace(' ', "")).unwrap();
        assert_eq!(CardLimits::parse(&file), CardLimits { answer: Some(2_048), chaining: true });
        let file = hex::decode("47039411407F66080202FFFF0202FFFF").unwrap();
        assert_eq!(CardLimits::parse(&file), CardLimits { answer: Some(65_535), chaining: false });
    }

    #[test]
    fn what_is_broken_or_too_small_promises_nothing() {
        for file in [
            "",
            "FF",
            "7F6604020204",
            "7F66080202010002020100",
            "7F66040202FFFF",
            "7F660A02020100020400FFFFFF",
        ] {
            let limits = CardLimits::parse(&hex::decode(file).unwrap());
            assert!(limits.answer.is_none() || limits.answer <= Some(LARGEST), "{file}");
            assert!(!limits.chaining);
        }
    }
}
