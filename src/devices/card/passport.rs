//! The chip as a whole: takes commands apart, opens and protects them, and passes them on.

use super::apdu::{CommandIn, take_apart};
use super::attack::Attack;
use super::behaviour::Behaviour;
use super::chip_authentication::{Choice, StaticKey};
use super::files::{Access, Standing};
use super::objects::first;
use super::oddity::{Oddities, Oddity};
use super::pace::Pace;
use super::personalisation::Personalisation;
use super::random::Random;
use super::secure_messaging::CardSession;
use super::status::{self, Status};
use crate::chip::FileId;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most bytes that chained commands may add up to.
const MAX_CHAIN: usize = 4_096;

/// A passport's chip. Deterministic: the same commands after the same seed get the same answers.
pub struct SoftwarePassport {
    pub(super) personalisation: Personalisation,
    pub(super) static_keys: Vec<StaticKey>,
    pub(super) behaviour: Behaviour,
    pub(super) random: Random,
    pub(super) failed_attempts: u32,
    pub(super) state: State,
    /// Exchanges and protected answers so far, which a reset does not forget.
    exchanges: u32,
    protected: u32,
    last_protected: Vec<u8>,
}

/// What a reset forgets.
#[derive(Default)]
pub(super) struct State {
    pub(super) standing: Standing,
    pub(super) challenge: Option<[u8; 8]>,
    pub(super) session: Option<CardSession>,
    /// The session that begins after the present answer.
    pub(super) next_session: Option<CardSession>,
    pub(super) pace: Option<Pace>,
    pub(super) chip_authentication: Option<Choice>,
    /// Instruction and data of commands that are to be continued.
    chain: Option<(u8, Vec<u8>)>,
}

/// Data and status word of an answer, or the status word of a refusal.
pub(super) type Answer = Result<(Vec<u8>, Status), Status>;

/// One exchange as the reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The answer with its status word; `None` when the chip has left the field.
    pub answer: Option<Vec<u8>>,
    /// How long it takes by the chip's [`Timing`](super::Timing); the card itself does not wait.
    pub took: Duration,
}

impl SoftwarePassport {
    /// A passport with these files, opened by the document number, birth and expiry of its printed
    /// lines ([`crate::document::Mrz::key_information`]). The seed makes its random numbers.
    pub fn new(files: BTreeMap<FileId, Vec<u8>>, key_information: &str, seed: u64) -> SoftwarePassport {
        SoftwarePassport::personalised(Personalisation::of_files(files, key_information), seed)
    }

    /// A passport as its issuer personalised it. The seed makes its random numbers.
    pub fn personalised(personalisation: Personalisation, seed: u64) -> SoftwarePassport {
        let static_keys = personalisation.chip_authentication.iter().filter_map(StaticKey::new).collect();
        SoftwarePassport {
            personalisation,
            static_keys,
            behaviour: Behaviour { seed, ..Behaviour::default() },
            random: Random::new(seed),
            failed_attempts: 0,
            state: State::default(),
            exchanges: 0,
            protected: 0,
            last_protected: Vec::new(),
        }
    }

    /// The same passport with this behaviour, its seed included.
    #[must_use]
    pub fn behaving(mut self, behaviour: Behaviour) -> SoftwarePassport {
        self.random = Random::new(behaviour.seed);
        behaviour.attacks.iter().for_each(|attack| attack.spoil(&mut self.personalisation.files));
        self.behaviour = behaviour;
        self
    }

    /// The same passport with one more oddity.
    #[must_use]
    pub fn with_oddity(mut self, oddity: Oddity) -> SoftwarePassport {
        self.behaviour.oddities.push(oddity);
        self
    }

    /// The same passport with one more attack.
    #[must_use]
    pub fn with_attack(mut self, attack: Attack) -> SoftwarePassport {
        attack.spoil(&mut self.personalisation.files);
        self.behaviour.attacks.push(attack);
        self
    }

    /// Answer to reset of a contactless chip behind a PC/SC reader (PC/SC part 3 §3.1.3.2.3). Its historical bytes
    /// say that files are selected by identifier and short identifier, and whether the chip knows command
    /// chaining, extended length and EF.ATR/INFO (ISO/IEC 7816-4 §12.1.1).
    pub fn atr(&self) -> Vec<u8> {
        let info = self.personalisation.files.contains_key(&FileId::AtrInfo);
        let extended = !self.oddities().has(Oddity::ShortLengthOnly);
        let lengths = 0x80 | u8::from(extended) << 6 | u8::from(info) << 5;
        let mut atr = vec![0x3B, 0x85, 0x80, 0x01, 0x80, 0x73, 0x94, 0x21, lengths];
        atr.push(atr.iter().skip(1).fold(0, |sum, byte| sum ^ byte));
        atr
    }

    /// As if newly put into the field: application, session and current file are forgotten.
    pub fn reset(&mut self) {
        self.state = State::default();
    }

    /// How often a terminal came with a wrong key; a reset does not forget it.
    pub fn failed_attempts(&self) -> u32 {
        self.failed_attempts
    }

    /// Answers one command APDU. No bytes are the answer of a chip that has left the field.
    pub fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        self.exchange(command).answer.unwrap_or_default()
    }

    /// Answers one command APDU and says how long that takes.
    pub fn exchange(&mut self, command: &[u8]) -> Exchange {
        self.exchanges = self.exchanges.saturating_add(1);
        if self.attacked(&Attack::TagLost(self.exchanges)) {
            self.reset();
            return Exchange { answer: None, took: Duration::ZERO };
        }
        let answer = self.respond(command);
        let bytes = command.len() + answer.len();
        let took = self.behaviour.timing.map_or(Duration::ZERO, |timing| timing.of_exchange(bytes));
        Exchange { answer: Some(answer), took }
    }

    fn respond(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.len() > self.behaviour.limits.largest_command {
            return bare(status::WRONG_LENGTH);
        }
        let Some(command) = take_apart(bytes) else { return bare(status::WRONG_LENGTH) };
        if command.extended && self.oddities().has(Oddity::ShortLengthOnly) {
            return bare(status::WRONG_LENGTH);
        }
        let answer = if command.cla & 0x0C == 0x0C {
            self.answer_protected(&command)
        } else {
            // A command in the clear ends secure messaging (Doc 9303-11 §9.8.1).
            self.state.session = None;
            let (data, status) = self.carry_out(command);
            [data.as_slice(), &status.to_be_bytes()].concat()
        };
        if let Some(next) = self.state.next_session.take() {
            self.state.session = Some(next);
        }
        answer
    }

    fn answer_protected(&mut self, command: &CommandIn) -> Vec<u8> {
        let wrong = bare(status::SECURE_MESSAGING_WRONG);
        let Some(mut session) = self.state.session.take() else { return wrong };
        let Some(opened) = session.open(command) else { return wrong };
        if self.oddities().refuses_barely(command, &opened) {
            session.uncount();
            self.state.session = Some(session);
            return bare(status::WRONG_LENGTH);
        }
        self.state.session = Some(session);
        let ins = opened.ins;
        let (data, status) = self.carry_out(opened);
        let Some(session) = self.state.session.as_mut() else { return wrong };
        let short = !command.extended && data.len() > session.short_room();
        let answer = match short {
            true => session.protect(ins, &[], status::WRONG_LENGTH),
            false => session.protect(ins, &data, status),
        };
        self.spoil(answer, &data, status)
    }

    /// What attacks make of a protected answer.
    fn spoil(&mut self, answer: Vec<u8>, data: &[u8], status: Status) -> Vec<u8> {
        self.protected = self.protected.saturating_add(1);
        let last = std::mem::replace(&mut self.last_protected, answer.clone());
        for attack in &self.behaviour.attacks {
            match *attack {
                Attack::WrongMac(from) if self.protected >= from => {
                    let mut answer = answer;
                    // The last byte before the status word is the MAC's.
                    let place = answer.len().checked_sub(3);
                    if let Some(byte) = place.and_then(|place| answer.get_mut(place)) {
                        *byte ^= 0x01;
                    }
                    return answer;
                }
                Attack::ReplayedAnswer(from) if self.protected >= from => {
                    self.last_protected.clone_from(&last);
                    return last;
                }
                Attack::UnprotectedAnswer(from) if self.protected >= from => {
                    return [data, &status.to_be_bytes()].concat();
                }
                _ => {}
            }
        }
        answer
    }

    fn carry_out(&mut self, command: CommandIn) -> (Vec<u8>, Status) {
        let answer = match self.assemble(command) {
            Ok(Some(command)) => self.perform(&command),
            Ok(None) => Ok((Vec::new(), status::OK)),
            Err(refusal) => Err(refusal),
        };
        match answer {
            Ok((data, _)) if data.len() > self.behaviour.limits.largest_answer => {
                (Vec::new(), status::WRONG_LENGTH)
            }
            Ok(answer) => answer,
            Err(refusal) => (Vec::new(), refusal),
        }
    }

    /// Puts chained commands together (ISO/IEC 7816-4 §5.3.3); `None` while more must come. The chain of GENERAL
    /// AUTHENTICATE commands is the protocol's own: each is answered as soon as its data object is whole.
    fn assemble(&mut self, mut command: CommandIn) -> Result<Option<CommandIn>, Status> {
        if let Some((ins, mut data)) = self.state.chain.take()
            && ins == command.ins
        {
            if data.len() + command.data.len() > MAX_CHAIN {
                return Err(status::WRONG_LENGTH);
            }
            data.append(&mut command.data);
            command.data = data;
        }
        let last = command.cla & 0x10 == 0 || command.ins == 0x86 && first(&command.data).is_some();
        if last {
            return Ok(Some(command));
        }
        self.state.chain = Some((command.ins, command.data));
        Ok(None)
    }

    fn perform(&mut self, command: &CommandIn) -> Answer {
        let with_length = matches!(command.ins, 0xA4 | 0x22) && command.wanted > 0;
        if with_length && self.oddities().has(Oddity::RefusesLengthOnSelect) {
            return Err(status::WRONG_LENGTH);
        }
        let access = self.access();
        let oddities = Oddities(&self.behaviour.oddities);
        let files = &self.personalisation.files;
        match (command.ins, command.p1, command.p2) {
            (0xA4, ..) => match self.state.standing.select(command, files, access, &oddities) {
                status::OK => Ok((Vec::new(), status::OK)),
                refusal => Err(refusal),
            },
            (0xB0 | 0xB1, ..) => {
                let endless = |attack: &Attack| matches!(attack, Attack::EndlessFile(_));
                let endless = self.behaviour.attacks.iter().any(endless).then_some(FileId::Dg(2));
                self.state.standing.read(command, files, access, endless, &oddities)
            }
            (0x84, ..) => self.challenge(command.wanted),
            (0x82, ..) => self.basic_access(&command.data),
            (0x22, 0xC1, 0xA4) => self.choose_pace(&command.data),
            (0x22, 0x41, 0xA4) => self.choose_chip_authentication(&command.data),
            (0x22, 0x41, 0xA6) => self.transform_keys(&command.data),
            (0x22, ..) => Err(status::WRONG_PARAMETERS),
            (0x86, ..) => self.general_authenticate(&command.data),
            (0x88, ..) => self.sign(&command.data, command.wanted),
            _ => Err(status::NO_INSTRUCTION),
        }
    }

    pub(super) fn access(&self) -> Access {
        let free = self.oddities().has(Oddity::NoAccessControl);
        if self.state.session.is_some() || free { Access::Open } else { Access::Shut }
    }

    pub(super) fn oddities(&self) -> Oddities<'_> {
        Oddities(&self.behaviour.oddities)
    }

    pub(super) fn attacked(&self, attack: &Attack) -> bool {
        self.behaviour.attacks.contains(attack)
    }

    pub(super) fn file(&self, file: FileId) -> &[u8] {
        self.personalisation.files.get(&file).map(Vec::as_slice).unwrap_or_default()
    }
}

fn bare(status: Status) -> Vec<u8> {
    status.to_be_bytes().to_vec()
}
