//! The card's side of secure messaging, Doc 9303-11 §9.8, with 3DES and with AES: opens commands, protects
//! answers.

use super::apdu::CommandIn;
use super::keys::{AUTHENTICATION, ENCRYPTION, Key, Suite, unpad};
use super::objects::{object, row};

/// Session keys with the send sequence counter.
pub(super) struct CardSession {
    suite: Suite,
    encryption: Key,
    authentication: Key,
    counter: u128,
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
    /// After PACE or chip authentication: keys from the shared secret, the counter at zero (§9.8.7).
    pub(super) fn new(suite: Suite, secret: &[u8]) -> CardSession {
        CardSession {
            suite,
            encryption: suite.derive(secret, ENCRYPTION),
            authentication: suite.derive(secret, AUTHENTICATION),
            counter: 0,
        }
    }

    /// After BAC: from the seed that both sides contributed to, the counter from their random numbers.
    pub(super) fn of_basic_access(seed: &[u8], card_nonce: [u8; 8], terminal_nonce: [u8; 8]) -> CardSession {
        let [card, terminal] = [card_nonce, terminal_nonce].map(u64::from_be_bytes);
        let counter = u128::from((card << 32) | (terminal & 0xFFFF_FFFF));
        CardSession { counter, ..CardSession::new(Suite::TripleDes, seed) }
    }

    /// Takes back the counting of a command that the card refuses without looking into it.
    pub(super) fn uncount(&mut self) {
        self.counter = self.counter.wrapping_sub(1);
    }

    /// Most data bytes of an answer of 256 bytes: beside status, MAC, and the cryptogram in whole blocks with
    /// its tag, length and padding indicator.
    pub(super) fn short_room(&self) -> usize {
        let cryptogram = 256 - 4 - 10 - 4;
        cryptogram / self.suite.block() * self.suite.block() - 1
    }

    /// Opens a command; `None` when it does not verify.
    pub(super) fn open(&mut self, command: &CommandIn) -> Option<CommandIn> {
        self.counter = self.counter.wrapping_add(1);
        let received = receive(&command.data)?;
        let mut message = self.suite.pad(&[command.cla, command.ins, command.p1, command.p2]);
        if !received.objects.is_empty() {
            message.extend(self.suite.pad(&received.objects));
        }
        if received.mac? != self.mac(&message) {
            return None;
        }
        let data = match received.cryptogram {
            None => Vec::new(),
            Some(blocks) if !blocks.is_empty() && blocks.len().is_multiple_of(self.suite.block()) => {
                let vector = self.vector();
                unpad(self.encryption.decrypt_from(&vector, &blocks))?
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
            let vector = self.vector();
            let cryptogram = self.encryption.encrypt_from(&vector, &self.suite.pad(data));
            objects = match ins.is_multiple_of(2) {
                true => object(0x87, &[&[0x01], cryptogram.as_slice()].concat()),
                false => object(0x85, &cryptogram),
            };
        }
        objects.extend(object(0x99, &status.to_be_bytes()));
        let mac = self.mac(&self.suite.pad(&objects));
        objects.extend(object(0x8E, &mac));
        objects.extend(status.to_be_bytes());
        objects
    }

    /// The send sequence counter in one block.
    fn counter(&self) -> Vec<u8> {
        let bytes = self.counter.to_be_bytes();
        bytes.into_iter().skip(bytes.len() - self.suite.block()).collect()
    }

    /// With what the first block is mixed: nothing with 3DES, the encrypted counter with AES (§9.8.6).
    fn vector(&mut self) -> Vec<u8> {
        match self.suite {
            Suite::TripleDes => Vec::new(),
            _ => self.encryption.encrypt(&self.counter()),
        }
    }

    fn mac(&mut self, padded: &[u8]) -> [u8; 8] {
        self.authentication.mac(&[self.counter().as_slice(), padded].concat())
    }
}

fn receive(data: &[u8]) -> Option<Received> {
    let mut received = Received::default();
    for object in row(data)? {
        match (object.tag, object.value) {
            (0x87, value) => received.cryptogram = Some(value.strip_prefix(&[0x01])?.to_vec()),
            (0x85, value) => received.cryptogram = Some(value.to_vec()),
            (0x97, [0]) => received.wanted = 256,
            (0x97, [le]) => received.wanted = usize::from(*le),
            (0x97, [0, 0]) => received.wanted = 65_536,
            (0x97, [high, low]) => received.wanted = usize::from(u16::from_be_bytes([*high, *low])),
            (0x8E, value) => received.mac = Some(value.to_vec()),
            _ => return None,
        }
        if object.tag != 0x8E {
            received.objects.extend(object.whole);
        }
    }
    Some(received)
}

#[cfg(test)]
mod tests {
    use super::super::apdu::take_apart;
    use super::*;

    /// A protected command, its instruction, data and Le, and the answer's data and protected form.
    type Exchange<'a> = (&'a str, (u8, &'a str, usize), &'a str, &'a str);

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    fn session(suite: Suite, encryption: &str, authentication: &str, counter: u128) -> CardSession {
        CardSession {
            suite,
            encryption: suite.key(&bytes(encryption)),
            authentication: suite.key(&bytes(authentication)),
            counter,
        }
    }

    fn holds(mut session: CardSession, exchanges: &[Exchange]) {
        for (protected, (ins, plain, wanted), data, answer) in exchanges {
            let opened = session.open(&take_apart(&bytes(protected)).unwrap()).unwrap();
            assert_eq!((opened.ins, opened.data, opened.wanted), (*ins, bytes(plain), *wanted));
            assert_eq!(hex::encode_upper(session.protect(*ins, &bytes(data), 0x9000)), *answer);
        }
    }

    #[test]
    fn opens_and_answers_the_commands_of_appendix_d4_bit_for_bit() {
        // Doc 9303-11 appendix D.3 and D.4.
        let session = CardSession::of_basic_access(
            &bytes("0036D272F5C350ACAC50C3F572D23600"),
            bytes("4608F91988702212").try_into().unwrap(),
            bytes("781723860C06C226").try_into().unwrap(),
        );
        assert_eq!(session.counter, 0x8870_2212_0C06_C226);
        let exchanges = [
            (
                "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
                (0xA4, "011E", 0),
                "",
                "990290008E08FA855A5D4C50A8ED9000",
            ),
            (
                "0CB000000D9701048E08ED6705417E96BA5500",
                (0xB0, "", 4),
                "60145F01",
                "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
            ),
            (
                "0CB000040D9701128E082EA28A70F3C7B53500",
                (0xB0, "", 18),
                "04303130365F36063034303030305C026175",
                "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
            ),
        ];
        holds(session, &exchanges);
    }

    #[test]
    fn opens_and_answers_commands_under_aes_256_bit_for_bit() {
        // Reading EF.COM of 26 bytes, a published trace.
        let session = session(
            Suite::Aes256,
            "74B94F408BBB2CD92571FD5B6370A94CCE7A2FA42AE3EB4DA47B97CE6EAA24C6",
            "9E28D5D9FF1D979BE752E8926BF0E1D35A440FC0AEFC4AA3BC5610055AC8B113",
            0x20,
        );
        let exchanges = [
            (
                "0CA4020C1D8711011D35E7EB510E21A0DD12380D9AD2B92D8E0828CB68B81D3FAFC000",
                (0xA4, "011E", 0),
                "",
                "990290008E08E083EAA61ADABFCE9000",
            ),
            (
                "0CB000000D9701048E084AFC933E0CDBE5F000",
                (0xB0, "", 4),
                "60185F01",
                "871101D8059A9CF835105082CA2B1837E4AEC0990290008E08B36DB56761D706BB9000",
            ),
            (
                "0CB000040D9701168E0811F7EFC907D1F27400",
                (0xB0, "", 22),
                "04303130385F36063034303030305C06617563766D6E",
                "87210142E919C115FAF69350B01813D77A9E8D91912A7F717AFD073F199070E61B79C6990290008E083382E3D983F441369000",
            ),
        ];
        holds(session, &exchanges);
    }

    #[test]
    fn opens_the_select_of_card_security_under_the_keys_of_appendix_i() {
        let session =
            session(Suite::Aes128, "0A9DA4DB03BDDE39FC5202BC44B2E89E", "4B1C06491ED5140CA2B537D344C6C0B1", 0);
        let exchanges = [(
            "0CA4020C1D8711013824F3CB16CAA40DDFF8459C215CC4988E08158449671FCC718300",
            (0xA4, "011D", 0),
            "",
            "990290008E085E007CA87260A77F9000",
        )];
        holds(session, &exchanges);
    }

    #[test]
    fn opens_no_command_of_which_one_bit_is_changed() {
        let good = bytes("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800");
        // The last byte is Le, which is not protected.
        for bit in 0..(good.len() - 1) * 8 {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut session = CardSession::new(Suite::TripleDes, &bytes("0036D272F5C350ACAC50C3F572D23600"));
            session.counter = 0x8870_2212_0C06_C226;
            let opened = take_apart(&changed).and_then(|command| session.open(&command));
            assert!(opened.is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_short_answer_has_room_for_whole_blocks() {
        let room = |suite| CardSession::new(suite, &[]).short_room();
        assert_eq!((room(Suite::TripleDes), room(Suite::Aes256)), (231, 223));
        let answer =
            |suite, length| CardSession::new(suite, &[]).protect(0xB0, &vec![0; length], 0x9000).len();
        assert_eq!((answer(Suite::TripleDes, 231), answer(Suite::Aes128, 223)), (252, 244));
    }
}
