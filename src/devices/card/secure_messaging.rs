//! The card's side of secure messaging, Doc 9303-11 §9.8: opens commands, protects answers.

use super::apdu::CommandIn;
use super::crypto::{Keys, padded, unpadded};

/// Session keys with the send sequence counter.
pub(super) struct CardSession {
    encryption: Keys,
    mac: Keys,
    counter: u64,
}

/// Data objects of a command.
#[derive(Default)]
struct Received {
    /// All but the MAC object, as sent.
    objects: Vec<u8>,
    cryptogram: Option<Vec<u8>>,
    wanted: usize,
    mac: Option<Vec<u8>>,
}

impl CardSession {
    /// From the seed that both sides contributed to, and their random numbers.
    pub(super) fn new(seed: &[u8], card_nonce: [u8; 8], terminal_nonce: [u8; 8]) -> CardSession {
        let counter =
            (u64::from_be_bytes(card_nonce) << 32) | (u64::from_be_bytes(terminal_nonce) & 0xFFFF_FFFF);
        CardSession { encryption: Keys::derive(seed, 1), mac: Keys::derive(seed, 2), counter }
    }

    /// Takes back the counting of a command that the card refuses without looking into it.
    pub(super) fn uncount(&mut self) {
        self.counter = self.counter.wrapping_sub(1);
    }

    /// Opens a command; `None` when it does not verify.
    pub(super) fn open(&mut self, command: &CommandIn) -> Option<CommandIn> {
        self.counter = self.counter.wrapping_add(1);
        let received = receive(&command.data)?;
        let mut message = self.counter.to_be_bytes().to_vec();
        message.extend(padded(&[command.cla, command.ins, command.p1, command.p2]));
        message.extend(&received.objects);
        // Without data objects the padded header ends the message; the MAC would pad it once more.
        let expected = match received.objects.is_empty() {
            true => {
                message.truncate(12);
                self.mac.mac(&message)
            }
            false => self.mac.mac(&message),
        };
        if received.mac.as_deref() != Some(&expected) {
            return None;
        }
        let data = match received.cryptogram {
            None => Vec::new(),
            Some(blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(8) => {
                unpadded(self.encryption.decrypt(&blocks))?
            }
            Some(_) => return None,
        };
        Some(CommandIn { cla: command.cla & !0x0C, data, wanted: received.wanted, ..command.clone() })
    }

    /// Protects an answer to an instruction; an odd one's data go without padding indicator.
    pub(super) fn protect(&mut self, ins: u8, data: &[u8], status: u16) -> Vec<u8> {
        self.counter = self.counter.wrapping_add(1);
        let mut objects = Vec::new();
        if !data.is_empty() {
            let cryptogram = self.encryption.encrypt(&padded(data));
            if ins.is_multiple_of(2) {
                objects.push(0x87);
                put_length(&mut objects, cryptogram.len() + 1);
                objects.push(0x01);
            } else {
                objects.push(0x85);
                put_length(&mut objects, cryptogram.len());
            }
            objects.extend(cryptogram);
        }
        objects.extend([0x99, 0x02]);
        objects.extend(status.to_be_bytes());
        let mut message = self.counter.to_be_bytes().to_vec();
        message.extend(&objects);
        let mac = self.mac.mac(&message);
        objects.extend([0x8E, 0x08]);
        objects.extend(mac);
        objects.extend(status.to_be_bytes());
        objects
    }
}

fn receive(mut data: &[u8]) -> Option<Received> {
    let mut received = Received::default();
    while let Some((&tag, after_tag)) = data.split_first() {
        let (length, after_length) = take_length(after_tag)?;
        let (value, rest) = after_length.split_at_checked(length)?;
        let whole = data.get(..data.len() - rest.len())?;
        match tag {
            0x87 => received.cryptogram = Some(value.strip_prefix(&[0x01])?.to_vec()),
            0x85 => received.cryptogram = Some(value.to_vec()),
            0x97 => {
                received.wanted = match value {
                    [0] => 256,
                    [le] => usize::from(*le),
                    [0, 0] => 65_536,
                    [high, low] => usize::from(u16::from_be_bytes([*high, *low])),
                    _ => return None,
                }
            }
            0x8E => received.mac = Some(value.to_vec()),
            _ => return None,
        }
        if tag != 0x8E {
            received.objects.extend(whole);
        }
        data = rest;
    }
    Some(received)
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [length @ 0..=0x7F, rest @ ..] => Some((usize::from(*length), rest)),
        [0x81, length, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high, low, rest @ ..] => Some((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        _ => None,
    }
}

/// Writes a length as DER does; beyond 65,535 no answer goes.
fn put_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0x7F => out.push(length as u8),
        0x80..=0xFF => out.extend([0x81, length as u8]),
        _ => {
            out.push(0x82);
            out.extend((length as u16).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::apdu::take_apart;
    use super::*;

    #[test]
    fn opens_and_answers_the_commands_of_appendix_d4_bit_for_bit() {
        // Doc 9303-11 appendix D.3 and D.4.
        let bytes = |text: &str| hex::decode(text).unwrap();
        let mut session = CardSession::new(
            &bytes("0036D272F5C350ACAC50C3F572D23600"),
            bytes("4608F91988702212").try_into().unwrap(),
            bytes("781723860C06C226").try_into().unwrap(),
        );
        assert_eq!(session.counter, 0x8870_2212_0C06_C226);
        for (protected, plain, data, answer) in [
            (
                "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
                (0xA4, vec![0x01, 0x1E], 0),
                "",
                "990290008E08FA855A5D4C50A8ED9000",
            ),
            (
                "0CB000000D9701048E08ED6705417E96BA5500",
                (0xB0, vec![], 4),
                "60145F01",
                "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
            ),
            (
                "0CB000040D9701128E082EA28A70F3C7B53500",
                (0xB0, vec![], 18),
                "04303130365F36063034303030305C026175",
                "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
            ),
        ] {
            let opened = session.open(&take_apart(&bytes(protected)).unwrap()).unwrap();
            assert_eq!((opened.ins, opened.data, opened.wanted), plain);
            assert_eq!(hex::encode_upper(session.protect(plain.0, &bytes(data), 0x9000)), answer);
        }
    }

    #[test]
    fn opens_no_command_of_which_one_bit_is_changed() {
        let good = hex::decode("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800").unwrap();
        let seed = hex::decode("0036D272F5C350ACAC50C3F572D23600").unwrap();
        // The last byte is Le, which is not protected.
        for bit in 0..(good.len() - 1) * 8 {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut session = CardSession::new(&seed, [0; 8], [0; 8]);
            session.counter = 0x8870_2212_0C06_C226;
            let opened = take_apart(&changed).and_then(|command| session.open(&command));
            assert!(opened.is_none(), "bit {bit}");
        }
    }
}
