//! Commands as a card takes them apart, ISO/IEC 7816-4 §5.

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandIn {
    pub(super) cla: u8,
    pub(super) ins: u8,
    pub(super) p1: u8,
    pub(super) p2: u8,
    pub(super) data: Vec<u8>,
    /// Most bytes wanted; 0 when none are.
    pub(super) wanted: usize,
    /// Whether its lengths are of the extended kind.
    pub(super) extended: bool,
}

/// Takes a command apart; `None` when its lengths do not add up.
pub(super) fn take_apart(bytes: &[u8]) -> Option<CommandIn> {
    let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk::<4>()?;
    let command = |data: &[u8], wanted, extended| {
        Some(CommandIn { cla, ins, p1, p2, data: data.to_vec(), wanted, extended })
    };
    let short_le = |le: u8| if le == 0 { 256 } else { usize::from(le) };
    let long_le = |le: [u8; 2]| match u16::from_be_bytes(le) {
        0 => 65_536,
        le => usize::from(le),
    };
    match body {
        [] => command(&[], 0, false),
        [le] => command(&[], short_le(*le), false),
        [0, high, low] => command(&[], long_le([*high, *low]), true),
        [0, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match rest.split_at_checked(length)? {
                (data, []) if length > 0 => command(data, 0, true),
                (data, [high, low]) if length > 0 => command(data, long_le([*high, *low]), true),
                _ => None,
            }
        }
        [length, rest @ ..] => match rest.split_at_checked(usize::from(*length))? {
            (data, []) => command(data, 0, false),
            (data, [le]) => command(data, short_le(*le), false),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::Command;
    use proptest::prelude::*;

    proptest! {
        /// The terminal's encoder and the card's decoder were written apart.
        #[test]
        fn what_the_terminal_encodes_the_card_takes_apart(
            header in any::<[u8; 4]>(),
            data in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                proptest::collection::vec(any::<u8>(), 65_500..65_535),
            ],
            wanted in prop_oneof![0usize..300, 65_500usize..=65_536],
        ) {
            let [cla, ins, p1, p2] = header;
            let expected = (wanted > 0).then_some(wanted);
            let encoded = Command { cla, ins, p1, p2, data: data.clone(), expected }.encode();
            let extended = data.len() > 255 || wanted > 256;
            let taken = take_apart(&encoded).unwrap();
            prop_assert_eq!(taken, CommandIn { cla, ins, p1, p2, data, wanted, extended });
        }

        #[test]
        fn any_bytes_give_a_command_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = take_apart(&bytes);
        }
    }
}
