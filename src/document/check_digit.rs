//! The check digit of Doc 9303-3 §4.9: weights 7, 3, 1 from the left, sum modulo 10.

/// Check digit of characters of a zone, 0–9. `<` counts 0, digits count themselves, `A`–`Z` 10–35; any
/// other byte counts 0, which cannot happen to characters that [`crate::document::Mrz::parse`] let pass.
pub fn check_digit(characters: impl IntoIterator<Item = u8>) -> u8 {
    const WEIGHTS: [u32; 3] = [7, 3, 1];
    let sum = characters
        .into_iter()
        .zip(WEIGHTS.into_iter().cycle())
        .fold(0u32, |sum, (character, weight)| (sum + value(character) * weight) % 10);
    // The fold keeps the sum below 10.
    sum as u8
}

fn value(character: u8) -> u32 {
    match character {
        b'0'..=b'9' => u32::from(character - b'0'),
        b'A'..=b'Z' => u32::from(character - b'A') + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_figures_of_doc_9303_part_3_appendix_a() {
        for (text, digit) in [
            ("520727", 3),
            ("AB2134<<<", 5),
            ("HA672242<658022549601086<<<<<<<<<<<<<<0", 8),
            ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", 2),
            ("HA672242<658022549601086<<<<<<<0", 8),
        ] {
            assert_eq!(check_digit(text.bytes()), digit, "{text}");
        }
    }
}
