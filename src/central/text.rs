//! Which texts from outside are taken: the one place that the console's forms and imported lists ask.
//!
//! A control character is nothing that a person typed or a zone holds. The zero byte among them is a text that
//! PostgreSQL cannot hold, others would be unseen on a page or break a line of a log.

/// The first character that no text may hold: a control character other than those that set text apart.
pub(super) fn unfit(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_taken_and_control_characters_are_not() {
        for fine in ["", "he has shaved\r\nsince\t2019", "Ünal 🛂 <script>", "\u{fffd}\u{202e}"] {
            assert_eq!(unfit(fine), None, "{fine:?}");
        }
        for (odd, found) in
            [("a\0b", '\0'), ("\u{1b}[2J", '\u{1b}'), ("x\u{85}", '\u{85}'), ("\u{7f}", '\u{7f}')]
        {
            assert_eq!(unfit(odd), Some(found));
        }
    }
}
