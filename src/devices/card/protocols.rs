//! What the chip does when it is asked to open or to prove itself: the commands that lead to BAC, PACE, chip and
//! active authentication.

use super::attack::Attack;
use super::chip_authentication::choose;
use super::digest::Digest;
use super::files::Access;
use super::objects::{object, value};
use super::oddity::Oddity;
use super::pace::Pace;
use super::passport::{Answer, SoftwarePassport};
use super::security_infos::{PaceOffer, chip_authentication_offers, number, pace_offers};
use super::status::{self, Status};
use super::{active_authentication, bac};
use crate::chip::FileId;

/// Dynamic authentication data.
const DYNAMIC: u16 = 0x7C;
/// Bytes of a challenge, either side's.
const CHALLENGE: usize = 8;

/// References to passwords, TR-03110-3 table 7.
const MRZ: u64 = 1;
const CAN: u64 = 2;

const DONE: (Vec<u8>, Status) = (Vec::new(), status::OK);

impl SoftwarePassport {
    /// GET CHALLENGE, with which BAC begins.
    pub(super) fn challenge(&mut self, wanted: usize) -> Answer {
        if self.oddities().has(Oddity::NoReferenceForBac) {
            return Err(status::NO_REFERENCE);
        }
        if !self.personalisation.bac || self.oddities().has(Oddity::NoAccessControl) {
            return Err(status::NO_INSTRUCTION);
        }
        if !self.state.standing.application {
            return Err(status::CONDITIONS);
        }
        if wanted != CHALLENGE {
            return Err(status::WRONG_LENGTH);
        }
        let nonce = self.random.block();
        self.state.challenge = Some(nonce);
        Ok((nonce.to_vec(), status::OK))
    }

    /// EXTERNAL AUTHENTICATE, with which BAC ends.
    pub(super) fn basic_access(&mut self, token: &[u8]) -> Answer {
        let nonce = self.state.challenge.take().ok_or(status::CONDITIONS)?;
        let key_information = &self.personalisation.key_information;
        match bac::authenticate(key_information, nonce, token, &mut self.random) {
            Ok(_) if self.attacked(&Attack::RefusedPassword) => Err(status::NOT_AUTHENTICATED),
            Ok((answer, session)) => {
                self.state.next_session = Some(session);
                Ok((answer, status::OK))
            }
            Err(refusal) => {
                self.failed_attempts += u32::from(refusal == status::NOT_AUTHENTICATED);
                Err(refusal)
            }
        }
    }

    /// MSE:Set AT for PACE, Doc 9303-11 §4.4.4.1.
    pub(super) fn choose_pace(&mut self, data: &[u8]) -> Answer {
        self.state.chip_authentication = None;
        if let Some(refusal) = self.oddities().pace_refusal() {
            return Err(refusal);
        }
        let protocol = value(data, 0x80).ok_or(status::WRONG_DATA)?;
        let parameters =
            value(data, 0x84).map(|value| number(value).ok_or(status::WRONG_DATA)).transpose()?;
        let offer = self.offered(protocol, parameters)?;
        let password = match value(data, 0x83).and_then(number) {
            Some(MRZ) => Digest::Sha1.of(self.personalisation.key_information.as_bytes()),
            Some(CAN) => {
                let can = self.personalisation.can.as_ref();
                can.ok_or(status::NO_REFERENCE)?.as_bytes().to_vec()
            }
            _ => return Err(status::NO_REFERENCE),
        };
        // The key of chip authentication mapping is the one that EF.CardSecurity shows.
        let honest = !self.attacked(&Attack::CloneWithoutMapping);
        let security = self.file(FileId::CardSecurity);
        let shown = self.static_keys.iter().filter(|key| key.stands_in(security));
        let chip_key = shown.filter_map(|key| key.on_curve(offer.parameters, honest)).next();
        let pace = Pace::new(offer, password, chip_key, &self.behaviour.attacks);
        self.state.pace = Some(pace.ok_or(status::NO_REFERENCE)?);
        Ok(DONE)
    }

    /// The offer of EF.CardAccess that a terminal means.
    fn offered(&self, protocol: &[u8], parameters: Option<u64>) -> Result<PaceOffer, Status> {
        let offers = pace_offers(self.file(FileId::CardAccess));
        let mut same = offers.into_iter().filter(|offer| offer.protocol == protocol).peekable();
        same.peek().ok_or(status::WRONG_DATA)?;
        let mut meant =
            same.filter(|offer| parameters.is_none_or(|number| number == u64::from(offer.parameters)));
        match (meant.next(), meant.next()) {
            (Some(offer), None) => Ok(offer),
            _ => Err(status::NO_REFERENCE),
        }
    }

    /// MSE:Set AT for chip authentication, §6.2.4.2.
    pub(super) fn choose_chip_authentication(&mut self, data: &[u8]) -> Answer {
        let protocol = value(data, 0x80).ok_or(status::WRONG_DATA)?;
        self.choose_key(Some(protocol), data)?;
        Ok(DONE)
    }

    /// MSE:Set KAT, which is all of chip authentication with 3DES, §6.2.4.1.
    pub(super) fn transform_keys(&mut self, data: &[u8]) -> Answer {
        self.choose_key(None, data)?;
        self.agree(value(data, 0x91).ok_or(status::WRONG_DATA)?)?;
        Ok(DONE)
    }

    fn choose_key(&mut self, protocol: Option<&[u8]>, data: &[u8]) -> Result<(), Status> {
        self.state.pace = None;
        self.state.chip_authentication = None;
        // Secure messaging is what it restarts.
        if self.state.session.is_none() || !self.state.standing.application {
            return Err(status::ACCESS_DENIED);
        }
        let reference = value(data, 0x84).map(|value| number(value).ok_or(status::WRONG_DATA)).transpose()?;
        if reference.is_none() && self.oddities().has(Oddity::WantsKeyReference) {
            return Err(status::NO_REFERENCE);
        }
        let data_group = self.file(FileId::Dg(14));
        let offers = chip_authentication_offers(data_group);
        let choice = choose(&self.static_keys, data_group, &offers, protocol, reference)?;
        self.state.chip_authentication = Some(choice);
        Ok(())
    }

    /// The new session, which begins after the answer (§6.2.3).
    fn agree(&mut self, public_key: &[u8]) -> Result<(), Status> {
        let choice = self.state.chip_authentication.take().ok_or(status::CONDITIONS)?;
        let honest = !self.attacked(&Attack::CloneWithoutChipAuthentication);
        let key = self.static_keys.get(choice.key).ok_or(status::CONDITIONS)?;
        self.state.next_session = Some(key.agree(choice.suite, public_key, honest)?);
        Ok(())
    }

    /// GENERAL AUTHENTICATE: a step of PACE, or the key agreement of chip authentication.
    pub(super) fn general_authenticate(&mut self, data: &[u8]) -> Answer {
        let data = value(data, DYNAMIC).ok_or(status::WRONG_DATA)?;
        if self.state.chip_authentication.is_some() {
            self.agree(value(data, 0x80).ok_or(status::WRONG_DATA)?)?;
            return Ok((object(DYNAMIC, &[]), status::OK));
        }
        let mut pace = self.state.pace.take().ok_or(status::CONDITIONS)?;
        let random = &mut self.random;
        match pace.answer(data, &mut |length| random.bytes(length)) {
            Ok((_, Some(_))) if self.attacked(&Attack::RefusedPassword) => Err(status::NOT_AUTHENTICATED),
            Ok((answer, session)) => {
                self.state.next_session = session;
                if self.state.next_session.is_none() {
                    self.state.pace = Some(pace);
                }
                Ok((object(DYNAMIC, &answer), status::OK))
            }
            Err(status::NOT_AUTHENTICATED) => {
                self.failed_attempts += 1;
                Err(self.oddities().wrong_password())
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// INTERNAL AUTHENTICATE, §6.1.
    pub(super) fn sign(&mut self, challenge: &[u8], wanted: usize) -> Answer {
        if self.access() == Access::Shut || !self.state.standing.application {
            return Err(status::ACCESS_DENIED);
        }
        let key = self.personalisation.active_authentication.as_ref().ok_or(status::NO_INSTRUCTION)?;
        if challenge.len() != CHALLENGE {
            return Err(status::WRONG_LENGTH);
        }
        let forged = self.attacked(&Attack::CloneWithoutActiveAuthentication);
        let random = &mut self.random;
        let draw = &mut |length| random.bytes(length);
        let signature = match forged {
            true => active_authentication::forge(key, challenge, draw),
            false => active_authentication::sign(key, challenge, draw),
        };
        Ok(self.oddities().signature(signature.ok_or(status::FAILED)?, wanted))
    }
}
