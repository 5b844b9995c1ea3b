//! Secure messaging, Doc 9303-11 §9.8: each command and each answer encrypted, counted, authenticated.
//!
//! A protected command goes in as [`Command`] and comes out as one; an answer's bytes come in and go out
//! as [`Answer`]. The send sequence counter advances once for a command and once for its answer. An
//! answer of a bare error status is one that the chip gave before it unwrapped the command: the counter
//! then goes back to before the command, so that the session goes on (a chip that refuses a length in
//! the clear has not counted, and a counter that ran ahead would end the session). Bare data, or a bare
//! "done", are never taken.
//!
//! Whoever sits between and forges a bare error could so have the answer to one read taken for that to
//! the next. Secure messaging is not what makes a file genuine: that is the signed hash over the whole.

use super::apdu::{Command, Status, split_answer};
use super::crypto::{SessionCipher, pad, unpad};
use super::tlv::{self, TlvError};
use openssl::error::ErrorStack;

const DO_CRYPTOGRAM_PLAIN: u32 = 0x85;
const DO_CRYPTOGRAM: u32 = 0x87;
const DO_EXPECTED: u32 = 0x97;
const DO_STATUS: u32 = 0x99;
const DO_MAC: u32 = 0x8E;
/// Bytes of a MAC.
const MAC: usize = 8;
/// Class bits of secure messaging with authenticated header.
const PROTECTED_CLASS: u8 = 0x0C;
/// Padding indicator of ISO/IEC 7816-4: method 2.
const PADDED: u8 = 0x01;

/// What a chip answered, unwrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Data, decrypted.
    pub data: Vec<u8>,
    /// Status word; authenticated unless it is a bare error.
    pub status: Status,
}

/// Why an answer is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecureMessagingError {
    /// The answer is no sequence of data objects.
    #[error("answer malformed: {0}")]
    Malformed(#[from] TlvError),
    /// Data or "done" without protection.
    #[error("answer without protection")]
    Unprotected,
    /// The MAC is wrong.
    #[error("authentication wrong")]
    Mac,
    /// The status inside is not that outside.
    #[error("protected status is not the answer's")]
    Status,
    /// The decrypted data are not padded.
    #[error("padding wrong")]
    Padding,
    /// OpenSSL refused.
    #[error("cryptographic library: {0}")]
    Library(String),
}

impl From<ErrorStack> for SecureMessagingError {
    fn from(error: ErrorStack) -> Self {
        SecureMessagingError::Library(error.to_string())
    }
}

/// One secure messaging session.
pub struct SecureMessaging {
    cipher: Box<dyn SessionCipher>,
    /// As many of its last bytes as a block has are sent into the MAC.
    counter: u128,
}

impl SecureMessaging {
    /// A session that begins with this counter: for BAC the last four bytes of each side's random
    /// number, for PACE and chip authentication zero.
    pub fn new(cipher: Box<dyn SessionCipher>, counter: u128) -> SecureMessaging {
        SecureMessaging { cipher, counter }
    }

    /// Most bytes of data that fit a protected answer of short length, and likewise a protected command.
    pub fn largest_short(&self) -> usize {
        self.largest_answer(256 + 2)
    }

    /// Most bytes of data that fit a protected answer of so many bytes: less status, status object, MAC object,
    /// and the cryptogram's tag, length and padding indicator, in whole blocks less padding.
    pub fn largest_answer(&self, bytes: usize) -> usize {
        const OVERHEAD: usize = 2 + (2 + 2) + (2 + MAC);
        let cryptogram = if bytes <= 256 + 2 { 3 + 1 } else { 4 + 1 };
        let block = self.cipher.block();
        (bytes.saturating_sub(OVERHEAD + cryptogram) / block * block).saturating_sub(1)
    }

    /// Wraps a command and advances the counter.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub fn protect(&mut self, command: &Command) -> Result<Command, SecureMessagingError> {
        self.counter = self.counter.wrapping_add(1);
        let block = self.cipher.block();
        let mut objects = Vec::new();
        if !command.data.is_empty() {
            let mut padded = command.data.clone();
            pad(&mut padded, block);
            let cryptogram = self.cipher.encrypt(&self.counter_bytes(), &padded)?;
            // Data of odd instructions are themselves data objects and carry no padding indicator.
            objects = match command.ins & 1 {
                1 => tlv::encode(DO_CRYPTOGRAM_PLAIN, &cryptogram),
                _ => tlv::encode(DO_CRYPTOGRAM, &[&[PADDED], cryptogram.as_slice()].concat()),
            };
        }
        if let Some(expected) = command.expected {
            // 256 is written 00, more in two bytes, 65,536 as 00 00.
            let le = match expected {
                0..=256 => vec![expected as u8],
                _ => (expected as u16).to_be_bytes().to_vec(),
            };
            objects.extend(tlv::encode(DO_EXPECTED, &le));
        }
        let header = [command.cla | PROTECTED_CLASS, command.ins, command.p1, command.p2];
        let mut input = self.counter_bytes();
        input.extend(header);
        pad(&mut input, block);
        input.extend(&objects);
        if !objects.is_empty() {
            pad(&mut input, block);
        }
        objects.extend(tlv::encode(DO_MAC, &self.cipher.mac(&input)?));
        let short = objects.len() <= 0xFF && command.expected.is_none_or(|n| n <= 256);
        let [cla, ins, p1, p2] = header;
        let expected = Some(if short { 256 } else { 65_536 });
        Ok(Command { cla, ins, p1, p2, data: objects, expected })
    }

    /// Unwraps an answer and advances the counter. A bare error status takes the counter back to before
    /// the command.
    ///
    /// # Errors
    /// When the answer does not verify; nothing of it is given then.
    pub fn unprotect(&mut self, answer: &[u8]) -> Result<Answer, SecureMessagingError> {
        let (body, status) = split_answer(answer).ok_or(SecureMessagingError::Unprotected)?;
        if body.is_empty() {
            if status == Status::OK {
                return Err(SecureMessagingError::Unprotected);
            }
            self.counter = self.counter.wrapping_sub(1);
            return Ok(Answer { data: Vec::new(), status });
        }
        self.counter = self.counter.wrapping_add(1);
        let objects = Objects::read(body)?;
        let mut input = self.counter_bytes();
        input.extend(objects.authenticated);
        pad(&mut input, self.cipher.block());
        let mac = self.cipher.mac(&input)?;
        if objects.mac.len() != MAC || !openssl::memcmp::eq(objects.mac, &mac) {
            return Err(SecureMessagingError::Mac);
        }
        if objects.status != status.0.to_be_bytes() {
            return Err(SecureMessagingError::Status);
        }
        let data = match objects.cryptogram {
            Some(cryptogram) => self.open(cryptogram)?,
            None => Vec::new(),
        };
        Ok(Answer { data, status })
    }

    fn open(&mut self, cryptogram: &[u8]) -> Result<Vec<u8>, SecureMessagingError> {
        if cryptogram.is_empty() || !cryptogram.len().is_multiple_of(self.cipher.block()) {
            return Err(SecureMessagingError::Padding);
        }
        let padded = self.cipher.decrypt(&self.counter_bytes(), cryptogram)?;
        unpad(&padded).map(<[u8]>::to_vec).ok_or(SecureMessagingError::Padding)
    }

    fn counter_bytes(&self) -> Vec<u8> {
        let bytes = self.counter.to_be_bytes();
        bytes.iter().skip(bytes.len().saturating_sub(self.cipher.block())).copied().collect()
    }
}

/// The data objects of a protected answer.
struct Objects<'a> {
    /// Everything before the MAC object.
    authenticated: &'a [u8],
    cryptogram: Option<&'a [u8]>,
    status: &'a [u8],
    mac: &'a [u8],
}

impl<'a> Objects<'a> {
    fn read(body: &'a [u8]) -> Result<Objects<'a>, SecureMessagingError> {
        let (mut cryptogram, mut status, mut rest) = (None, None, body);
        loop {
            let authenticated_length = body.len() - rest.len();
            let (element, after) = tlv::read(rest)?;
            match element.tag {
                DO_CRYPTOGRAM if cryptogram.is_none() => {
                    let (indicator, blocks) =
                        element.value.split_first().ok_or(SecureMessagingError::Padding)?;
                    if *indicator != PADDED {
                        return Err(SecureMessagingError::Padding);
                    }
                    cryptogram = Some(blocks);
                }
                DO_CRYPTOGRAM_PLAIN if cryptogram.is_none() => cryptogram = Some(element.value),
                DO_STATUS if status.is_none() => status = Some(element.value),
                DO_MAC if after.is_empty() => {
                    let (authenticated, _) =
                        body.split_at_checked(authenticated_length).ok_or(TlvError::Truncated)?;
                    let status = status.ok_or(TlvError::Missing(DO_STATUS))?;
                    return Ok(Objects { authenticated, cryptogram, status, mac: element.value });
                }
                _ => return Err(SecureMessagingError::Malformed(TlvError::Tag)),
            }
            if after.is_empty() {
                return Err(SecureMessagingError::Malformed(TlvError::Missing(DO_MAC)));
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::crypto::{Aes, TripleDes};
    use super::*;

    // Doc 9303-11 appendix D.4.
    const KS_ENC: &str = "979EC13B1CBFE9DCD01AB0FED307EAE5";
    const KS_MAC: &str = "F1CB1F1FB5ADF208806B89DC579DC1F8";
    const COUNTER: u128 = 0x8870_2212_0C06_C226;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    fn session() -> SecureMessaging {
        let key = |text| bytes(text).try_into().unwrap();
        SecureMessaging::new(Box::new(TripleDes::new(&key(KS_ENC), &key(KS_MAC)).unwrap()), COUNTER)
    }

    /// Command, as protected, the chip's answer, the data in it.
    fn appendix_d4() -> [(Command, &'static str, &'static str, &'static str); 3] {
        [
            (
                Command::new(0, 0xA4, 2, 0x0C).with_data([1, 0x1E]),
                "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800",
                "990290008E08FA855A5D4C50A8ED9000",
                "",
            ),
            (
                Command::new(0, 0xB0, 0, 0).expecting(4),
                "0CB000000D9701048E08ED6705417E96BA5500",
                "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000",
                "60145F01",
            ),
            (
                Command::new(0, 0xB0, 0, 4).expecting(18),
                "0CB000040D9701128E082EA28A70F3C7B53500",
                "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D749000",
                "04303130365F36063034303030305C026175",
            ),
        ]
    }

    #[test]
    fn protects_and_opens_the_exchanges_of_appendix_d4_bit_for_bit() {
        let mut session = session();
        for (command, protected, answer, data) in appendix_d4() {
            assert_eq!(hex::encode_upper(session.protect(&command).unwrap().encode()), protected);
            let opened = session.unprotect(&bytes(answer)).unwrap();
            assert_eq!(hex::encode_upper(opened.data), data);
            assert_eq!(opened.status, Status::OK);
        }
        assert_eq!(session.counter, 0x8870_2212_0C06_C22C);
    }

    /// A session of AES with these keys and this counter.
    fn aes(encryption: &str, mac: &str, counter: u128) -> SecureMessaging {
        SecureMessaging::new(Box::new(Aes::new(&bytes(encryption), &bytes(mac)).unwrap()), counter)
    }

    #[test]
    fn protects_and_opens_exchanges_under_aes_256_bit_for_bit() {
        let mut session = aes(
            "74B94F408BBB2CD92571FD5B6370A94CCE7A2FA42AE3EB4DA47B97CE6EAA24C6",
            "9E28D5D9FF1D979BE752E8926BF0E1D35A440FC0AEFC4AA3BC5610055AC8B113",
            0x20,
        );
        for (command, protected, answer, data) in [
            (
                Command::new(0, 0xA4, 2, 0x0C).with_data([1, 0x1E]),
                "0CA4020C1D8711011D35E7EB510E21A0DD12380D9AD2B92D8E0828CB68B81D3FAFC000",
                "990290008E08E083EAA61ADABFCE9000",
                "",
            ),
            (
                Command::new(0, 0xB0, 0, 0).expecting(4),
                "0CB000000D9701048E084AFC933E0CDBE5F000",
                "871101D8059A9CF835105082CA2B1837E4AEC0990290008E08B36DB56761D706BB9000",
                "60185F01",
            ),
            (
                Command::new(0, 0xB0, 0, 4).expecting(22),
                "0CB000040D9701168E0811F7EFC907D1F27400",
                "87210142E919C115FAF69350B01813D77A9E8D91912A7F717AFD073F199070E61B79C6990290008E083382E3D983F441369000",
                "04303130385F36063034303030305C06617563766D6E",
            ),
        ] {
            assert_eq!(hex::encode_upper(session.protect(&command).unwrap().encode()), protected);
            assert_eq!(hex::encode_upper(session.unprotect(&bytes(answer)).unwrap().data), data);
        }
        assert_eq!(session.counter, 0x26);
        assert_eq!(session.largest_short(), 223);
    }

    #[test]
    fn protects_under_aes_128_and_the_keys_of_appendix_i() {
        let mut session = aes("CC86415F2ED7E8FD663B754265695AE1", "581E84B8EE06C4D3EEE30461498D7FB3", 0xBA);
        let command = Command::new(0, 0x22, 0x41, 0xA4).with_data(bytes("800A04007F000702020302028401C3"));
        assert_eq!(
            hex::encode_upper(session.protect(&command).unwrap().encode()),
            "0C2241A41D871101980953D37F67558690045D78A853B18A8E08929767A2CEF172E200"
        );
        let mut session = aes("0A9DA4DB03BDDE39FC5202BC44B2E89E", "4B1C06491ED5140CA2B537D344C6C0B1", 0);
        let command = Command::new(0, 0xA4, 2, 0x0C).with_data([1, 0x1D]);
        assert_eq!(
            hex::encode_upper(session.protect(&command).unwrap().encode()),
            "0CA4020C1D8711013824F3CB16CAA40DDFF8459C215CC4988E08158449671FCC718300"
        );
        assert!(session.unprotect(&bytes("990290008E085E007CA87260A77F9000")).is_ok());
    }

    #[test]
    fn protects_the_second_sample_of_3des() {
        let key = |text| bytes(text).try_into().unwrap();
        let (encryption, mac) =
            (key("3DE649F8AEA41C04FB6D4CD9043757AD"), key("8C34AD61974F68CEBA3E0EAEA1456476"));
        let mut session =
            SecureMessaging::new(Box::new(TripleDes::new(&encryption, &mac).unwrap()), 0xAB1D_2F33_7FD9_97D6);
        for (command, protected) in [
            (
                Command::new(0, 0xA4, 2, 0x0C).with_data([1, 0x1E]),
                "0CA4020C15870901FF0E241E2F94B5088E0822FF803EC310433600",
            ),
            (Command::new(0, 0xB0, 0, 0).expecting(4), "0CB000000D9701048E0868DD9FD88472834A00"),
        ] {
            assert_eq!(hex::encode_upper(session.protect(&command).unwrap().encode()), protected);
        }
    }

    #[test]
    fn believes_no_answer_of_which_one_bit_is_changed() {
        let [_, (command, _, answer, _), _] = appendix_d4();
        let answer = bytes(answer);
        for bit in 0..answer.len() * 8 {
            let mut session = session();
            session.counter += 2;
            session.protect(&command).unwrap();
            let mut changed = answer.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(session.unprotect(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn believes_no_answer_twice_and_none_without_protection() {
        let [(command, _, answer, _), ..] = appendix_d4();
        let mut session = session();
        session.protect(&command).unwrap();
        session.unprotect(&bytes(answer)).unwrap();
        session.protect(&command).unwrap();
        assert_eq!(session.unprotect(&bytes(answer)), Err(SecureMessagingError::Mac));
        for bare in ["9000", "01029000", "90", ""] {
            assert!(session.unprotect(&bytes(bare)).is_err(), "{bare}");
        }
    }

    #[test]
    fn goes_on_after_a_bare_error_as_if_the_command_had_not_been() {
        let [(command, protected, answer, _), ..] = appendix_d4();
        let mut session = session();
        session.protect(&Command::new(0, 0xB0, 0, 0).expecting(65_536)).unwrap();
        let refused = session.unprotect(&bytes("6700")).unwrap();
        assert_eq!(refused, Answer { data: Vec::new(), status: Status::WRONG_LENGTH });
        assert_eq!(hex::encode_upper(session.protect(&command).unwrap().encode()), protected);
        assert!(session.unprotect(&bytes(answer)).is_ok());
    }

    #[test]
    fn knows_how_much_fits_a_short_answer() {
        assert_eq!(session().largest_short(), 231);
        assert_eq!(session().largest_answer(65_538), 65_511);
    }
}
