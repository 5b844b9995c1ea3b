//! The travel document application of a software passport.

use super::apdu::{CommandIn, take_apart};
use super::crypto::Keys;
use super::digest::Digest;
use super::personalisation::Personalisation;
use super::secure_messaging::CardSession;
use crate::chip::FileId;
use openssl::sha::sha256;
use std::collections::BTreeMap;

const APPLICATION: [u8; 7] = [0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01];

const OK: u16 = 0x9000;
const END_OF_FILE: u16 = 0x6282;
const NOT_AUTHENTICATED: u16 = 0x6300;
const WRONG_LENGTH: u16 = 0x6700;
const ACCESS_DENIED: u16 = 0x6982;
const CONDITIONS: u16 = 0x6985;
const NO_CURRENT_FILE: u16 = 0x6986;
const SECURE_MESSAGING_WRONG: u16 = 0x6988;
const WRONG_DATA: u16 = 0x6A80;
const NOT_FOUND: u16 = 0x6A82;
const WRONG_OFFSET: u16 = 0x6B00;
const NO_INSTRUCTION: u16 = 0x6D00;

/// Most data in one answer: what with its protection fits a frame of 65,535 bytes.
const LARGEST_ANSWER: usize = 65_000;

/// How a chip in the field departs from the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Refuses to read more than so many bytes at once, properly protected.
    LargestRead(usize),
    /// Refuses to read more than so many bytes at once by a bare status, before it has counted the
    /// command.
    BareRefusalBeyond(usize),
    /// Has no access control.
    NoAccessControl,
    /// Does not know commands of extended length.
    ShortLengthOnly,
    /// Answers `6Cxx` with the length that it would give when asked for more.
    OffersLength(u8),
}

/// A passport's chip. Deterministic: the same commands after the same seed get the same answers.
pub struct SoftwarePassport {
    personalisation: Personalisation,
    key_seed: Vec<u8>,
    seed: u64,
    drawn: u64,
    oddities: Vec<Oddity>,
    failed_attempts: u32,
    state: State,
}

/// What a reset forgets.
#[derive(Default)]
struct State {
    application: bool,
    challenge: Option<[u8; 8]>,
    session: Option<CardSession>,
    current: Option<FileId>,
}

/// Data and status word of an answer.
type Plain = (Vec<u8>, u16);

impl SoftwarePassport {
    /// A passport with these files, opened by the document number, birth and expiry of its printed
    /// lines ([`crate::document::Mrz::key_information`]). The seed makes its random numbers.
    pub fn new(files: BTreeMap<FileId, Vec<u8>>, key_information: &str, seed: u64) -> SoftwarePassport {
        SoftwarePassport::personalised(Personalisation::of_files(files, key_information), seed)
    }

    /// A passport as its issuer personalised it. The seed makes its random numbers.
    pub fn personalised(personalisation: Personalisation, seed: u64) -> SoftwarePassport {
        let mut key_seed = Digest::Sha1.of(personalisation.key_information.as_bytes());
        key_seed.truncate(16);
        SoftwarePassport {
            personalisation,
            key_seed,
            seed,
            drawn: 0,
            oddities: Vec::new(),
            failed_attempts: 0,
            state: State::default(),
        }
    }

    /// The same passport with one more oddity.
    #[must_use]
    pub fn with_oddity(mut self, oddity: Oddity) -> SoftwarePassport {
        self.oddities.push(oddity);
        self
    }

    /// Answer to reset: of a contactless chip behind a PC/SC reader (PC/SC part 3 §3.1.3.2.3), with no
    /// historical bytes.
    pub fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }

    /// As if newly put into the field: application, session and current file are forgotten.
    pub fn reset(&mut self) {
        self.state = State::default();
    }

    /// How often a terminal came with a wrong key; a reset does not forget it.
    pub fn failed_attempts(&self) -> u32 {
        self.failed_attempts
    }

    /// Answers one command APDU.
    pub fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        let Some(command) = take_apart(command) else { return bare(WRONG_LENGTH) };
        if command.extended && self.has(Oddity::ShortLengthOnly) {
            return bare(WRONG_LENGTH);
        }
        if command.cla & 0x0C == 0x0C {
            return self.answer_protected(&command);
        }
        // A command in the clear ends secure messaging (Doc 9303-11 §9.8.1).
        self.state.session = None;
        let (data, status) = self.carry_out(&command);
        [data.as_slice(), &status.to_be_bytes()].concat()
    }

    fn answer_protected(&mut self, command: &CommandIn) -> Vec<u8> {
        let Some(mut session) = self.state.session.take() else { return bare(SECURE_MESSAGING_WRONG) };
        let Some(opened) = session.open(command) else { return bare(SECURE_MESSAGING_WRONG) };
        let bare_beyond = self.oddities.iter().find_map(|oddity| match oddity {
            Oddity::BareRefusalBeyond(most) => Some(*most),
            _ => None,
        });
        if bare_beyond.is_some_and(|most| opened.wanted > most) {
            session.uncount();
            self.state.session = Some(session);
            return bare(WRONG_LENGTH);
        }
        self.state.session = Some(session);
        let (data, status) = self.carry_out(&opened);
        let Some(session) = self.state.session.as_mut() else { return bare(SECURE_MESSAGING_WRONG) };
        // A short command has room for 256 bytes of answer: status, MAC, and the cryptogram in whole
        // blocks with its tag, length and padding indicator.
        let room = if command.extended { LARGEST_ANSWER } else { 231 };
        match data.len() > room {
            true => session.protect(opened.ins, &[], WRONG_LENGTH),
            false => session.protect(opened.ins, &data, status),
        }
    }

    fn carry_out(&mut self, command: &CommandIn) -> Plain {
        let done = match (command.ins, command.p1) {
            (0xA4, 0x04) => self.select_application(&command.data),
            (0xA4, 0x02) => self.select_file(&command.data),
            (0x84, _) => return self.challenge(command.wanted),
            (0x82, _) => return self.authenticate(&command.data),
            (0xB0 | 0xB1, _) => return self.read(command),
            _ => NO_INSTRUCTION,
        };
        (Vec::new(), done)
    }

    fn select_application(&mut self, name: &[u8]) -> u16 {
        if name != APPLICATION {
            return NOT_FOUND;
        }
        self.state = State { application: true, ..State::default() };
        OK
    }

    fn select_file(&mut self, identifier: &[u8]) -> u16 {
        let Ok(identifier) = <[u8; 2]>::try_from(identifier) else { return WRONG_DATA };
        if !self.may_read() {
            return ACCESS_DENIED;
        }
        let file = FileId::of_identifier(u16::from_be_bytes(identifier));
        self.state.current = file.filter(|file| self.personalisation.files.contains_key(file));
        if self.state.current.is_some() { OK } else { NOT_FOUND }
    }

    fn challenge(&mut self, wanted: usize) -> Plain {
        if self.has(Oddity::NoAccessControl) {
            return (Vec::new(), NO_INSTRUCTION);
        }
        if !self.state.application {
            return (Vec::new(), CONDITIONS);
        }
        if wanted != 8 {
            return (Vec::new(), WRONG_LENGTH);
        }
        let nonce = self.draw();
        self.state.challenge = Some(nonce);
        (nonce.to_vec(), OK)
    }

    /// Mutual authentication, Doc 9303-11 §4.3.2.
    fn authenticate(&mut self, token: &[u8]) -> Plain {
        let Some(own_nonce) = self.state.challenge.take() else { return (Vec::new(), CONDITIONS) };
        let Some((cryptogram, mac)) = token.split_at_checked(32).filter(|(_, mac)| mac.len() == 8) else {
            return (Vec::new(), WRONG_LENGTH);
        };
        let mut encryption = Keys::derive(&self.key_seed, 1);
        let mut authentication = Keys::derive(&self.key_seed, 2);
        let plain = encryption.decrypt(cryptogram);
        let terminal_nonce: Option<[u8; 8]> = plain.first_chunk().copied();
        let (Some(terminal_nonce), Some(echo), Some(terminal_seed)) =
            (terminal_nonce, plain.get(8..16), plain.get(16..32))
        else {
            return (Vec::new(), WRONG_LENGTH);
        };
        if authentication.mac(cryptogram) != mac || echo != own_nonce {
            self.failed_attempts += 1;
            return (Vec::new(), NOT_AUTHENTICATED);
        }
        let own_seed = [self.draw(), self.draw()].concat();
        let seed: Vec<u8> = own_seed.iter().zip(terminal_seed).map(|(own, other)| own ^ other).collect();
        let plain = [own_nonce.as_slice(), &terminal_nonce, &own_seed].concat();
        let mut answer = encryption.encrypt(&plain);
        answer.extend(authentication.mac(&answer));
        self.state.session = Some(CardSession::new(&seed, own_nonce, terminal_nonce));
        (answer, OK)
    }

    /// READ BINARY with the offset in the parameters, with a short file identifier, or with the offset
    /// in a data object.
    fn read(&mut self, command: &CommandIn) -> Plain {
        let refuse = |status| (Vec::new(), status);
        if !self.may_read() {
            return refuse(ACCESS_DENIED);
        }
        let odd = command.ins == 0xB1;
        let offset = match (odd, command.p1 & 0x80 != 0) {
            (true, _) => match offset_object(&command.data) {
                Some(offset) => offset,
                None => return refuse(WRONG_DATA),
            },
            (false, true) => {
                let file = FileId::of_identifier(0x0100 | u16::from(command.p1 & 0x1F));
                match file.filter(|file| self.personalisation.files.contains_key(file)) {
                    Some(file) => self.state.current = Some(file),
                    None => return refuse(NOT_FOUND),
                }
                usize::from(command.p2)
            }
            (false, false) => usize::from(u16::from_be_bytes([command.p1, command.p2])),
        };
        let Some(content) = self.state.current.and_then(|file| self.personalisation.files.get(&file)) else {
            return refuse(NO_CURRENT_FILE);
        };
        if let Some(refusal) = self.length_refused(command.wanted) {
            return refuse(refusal);
        }
        let Some(rest) = content.get(offset..).filter(|rest| !rest.is_empty()) else {
            return refuse(WRONG_OFFSET);
        };
        // The data object around the bytes counts as wanted too.
        let room = command.wanted.min(LARGEST_ANSWER) - if odd { wrapping(command.wanted) } else { 0 };
        let piece: Vec<u8> = rest.iter().take(room).copied().collect();
        let status = if piece.len() < room { END_OF_FILE } else { OK };
        (if odd { wrapped(&piece) } else { piece }, status)
    }

    fn length_refused(&self, wanted: usize) -> Option<u16> {
        if wanted == 0 {
            return Some(WRONG_LENGTH);
        }
        self.oddities.iter().find_map(|oddity| match oddity {
            Oddity::LargestRead(most) if wanted > *most => Some(WRONG_LENGTH),
            Oddity::OffersLength(most) if wanted > usize::from(*most) => Some(0x6C00 | u16::from(*most)),
            _ => None,
        })
    }

    fn may_read(&self) -> bool {
        self.state.application && (self.state.session.is_some() || self.has(Oddity::NoAccessControl))
    }

    fn has(&self, oddity: Oddity) -> bool {
        self.oddities.contains(&oddity)
    }

    /// The next random number of this card.
    fn draw(&mut self) -> [u8; 8] {
        let input = [self.seed.to_be_bytes(), self.drawn.to_be_bytes()].concat();
        self.drawn += 1;
        let [a, b, c, d, e, f, g, h, ..] = sha256(&input);
        [a, b, c, d, e, f, g, h]
    }
}

fn bare(status: u16) -> Vec<u8> {
    status.to_be_bytes().to_vec()
}

/// The offset in data object 54.
fn offset_object(data: &[u8]) -> Option<usize> {
    let (&[tag, length], offset) = data.split_first_chunk::<2>()?;
    let whole = tag == 0x54 && usize::from(length) == offset.len() && (1..=4).contains(&length);
    whole.then(|| offset.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)))
}

/// Bytes of tag and length of data object 53 within an answer of so many bytes.
fn wrapping(answer: usize) -> usize {
    match answer {
        0..=1 => answer,
        2..=0x81 => 2,
        0x82..=0x102 => 3,
        _ => 4,
    }
}

fn wrapped(piece: &[u8]) -> Vec<u8> {
    let length = piece.len() as u16;
    let header = match length {
        0..=0x7F => vec![0x53, length as u8],
        0x80..=0xFF => vec![0x53, 0x81, length as u8],
        _ => [&[0x53, 0x82], length.to_be_bytes().as_slice()].concat(),
    };
    [header.as_slice(), piece].concat()
}
