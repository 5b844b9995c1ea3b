//! PACE, Doc 9303-11 §4.4: both sides agree on strong keys, which they only share when they know the same
//! password. An eavesdropper learns nothing of it; a wrong password costs one attempt.
//!
//! ```text
//! MSE:Set AT              protocol, which password, which parameters
//! GENERAL AUTHENTICATE 1  ◄── nonce, encrypted by the password's key
//!                      2  ◄─► mapping: keys (generic) or our nonce (integrated) ─► another generator
//!                      3  ◄─► keys on the mapped parameters ─► shared secret ─► session keys
//!                      4  ◄─► tokens: each side authenticates the other's key
//! ```

use super::offer::Offer;
use super::{AccessKey, mapping};
use crate::chip::apdu::{Command, Status};
use crate::chip::crypto::{Domain, KeyUse, SessionCipher, unpad};
use crate::chip::error::ChipError;
use crate::chip::link::Link;
use crate::chip::random::RandomBytes;
use crate::chip::secure_messaging::SecureMessaging;
use crate::chip::security_infos::Mapping;
use crate::chip::tlv;
use openssl::sha::sha1;

const DYNAMIC_DATA: u32 = 0x7C;
const NONCE: u32 = 0x80;
const OUR_MAPPING: u32 = 0x81;
const THEIR_MAPPING: u32 = 0x82;
const OUR_KEY: u32 = 0x83;
const THEIR_KEY: u32 = 0x84;
const OUR_TOKEN: u32 = 0x85;
const THEIR_TOKEN: u32 = 0x86;
const CHIP_AUTHENTICATION_DATA: u32 = 0x8A;
const PUBLIC_KEY: u32 = 0x7F49;

/// Longest nonce that is mapped, in bytes; honest ones have 16 or 32.
const MAX_NONCE: usize = 64;

/// What the chip gave to prove itself by the mapping (§4.4.3.5): to be compared with its static key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chip) struct MappingData {
    /// The chip's key of the mapping.
    pub(in crate::chip) mapping_key: Vec<u8>,
    /// By what its static key must be multiplied to give that.
    pub(in crate::chip) factor: Vec<u8>,
    /// The parameters' number, which is the static key's name as well.
    pub(in crate::chip) parameter_id: Option<u64>,
    /// Number of the standardised parameters.
    pub(in crate::chip) standard: u64,
}

/// A step's result, or the status by which the chip refused it before it has judged the password.
type Step<T> = Result<Result<T, Status>, ChipError>;

/// Runs PACE; the link is protected afterwards. A wrong password is [`ChipError::AccessDenied`].
pub(super) async fn establish(
    link: &mut Link,
    offer: &Offer,
    key: &AccessKey,
    random: &mut RandomBytes,
) -> Step<Option<MappingData>> {
    let status = set_authentication_template(link, offer, key).await?;
    if status != Status::OK {
        return Ok(Err(status));
    }
    let domain = Domain::standard(offer.standard).ok_or(ChipError::Protocol("no such parameters"))??;
    let nonce = match encrypted_nonce(link).await? {
        Ok(nonce) => decrypt(offer, key, &nonce)?,
        Err(status) => return Ok(Err(status)),
    };
    let (mapped, mapping_key) = match map(link, offer, &domain, &nonce, random).await? {
        Ok(mapped) => mapped,
        Err(status) => return Ok(Err(status)),
    };
    let private = mapped.private_key(random)?;
    let ours = mapped.public_key(&private)?;
    let theirs = match exchange(link, OUR_KEY, &ours, THEIR_KEY).await? {
        Ok(theirs) => theirs,
        Err(status) => return Ok(Err(status)),
    };
    if ours == theirs {
        return Err(ChipError::Protocol("our own key given back"));
    }
    let secret = mapped.agree(&private, &theirs)?;
    let mut cipher = offer.info.suite.session(&secret)?;
    let tokens = Tokens {
        ours: cipher.token(&public_key_object(offer, &mapped, &theirs))?,
        theirs: cipher.token(&public_key_object(offer, &mapped, &ours))?,
    };
    let answer = authenticate(link, &tokens).await?;
    let data = chip_authentication_data(offer, cipher.as_mut(), &answer, mapping_key)?;
    link.secure(SecureMessaging::new(cipher, 0));
    Ok(Ok(data))
}

/// MSE:Set AT, §4.4.4.1.
async fn set_authentication_template(
    link: &mut Link,
    offer: &Offer,
    key: &AccessKey,
) -> Result<Status, ChipError> {
    let password = match key {
        AccessKey::Mrz(_) => 1,
        AccessKey::Can(_) => 2,
    };
    let mut data = tlv::encode(0x80, offer.info.oid.as_bytes());
    data.extend(tlv::encode(0x83, &[password]));
    if let Some(id) = offer.info.parameter_id.filter(|_| offer.ambiguous) {
        data.extend(tlv::encode(0x84, &tlv::shortest(id)));
    }
    Ok(link.transmit(&Command::new(0, 0x22, 0xC1, 0xA4).with_data(data)).await?.status)
}

/// One command of the chain, §4.4.4.2: what was answered within the dynamic authentication data.
async fn general_authenticate(link: &mut Link, last: bool, data: &[u8]) -> Step<Vec<u8>> {
    let class = if last { 0x00 } else { 0x10 };
    let data = tlv::encode(DYNAMIC_DATA, data);
    let expected = if data.len() > 0xFF { 65_536 } else { 256 };
    let command = Command::new(class, 0x86, 0, 0).with_data(data).expecting(expected);
    let answer = link.transmit(&command).await?;
    if answer.status != Status::OK {
        return Ok(Err(answer.status));
    }
    // A chip may leave out even the empty frame where it has nothing to say.
    let content = tlv::find(&answer.data, DYNAMIC_DATA).unwrap_or_default();
    Ok(Ok(content.to_vec()))
}

/// A step in which one object goes and one comes.
async fn exchange(link: &mut Link, our_tag: u32, ours: &[u8], their_tag: u32) -> Step<Vec<u8>> {
    let answer = general_authenticate(link, false, &tlv::encode(our_tag, ours)).await?;
    answer
        .map(|content| found(&content, their_tag))
        .map_or_else(|status| Ok(Err(status)), |object| object.map(Ok))
}

fn found(content: &[u8], tag: u32) -> Result<Vec<u8>, ChipError> {
    let object = tlv::find(content, tag);
    object.map(<[u8]>::to_vec).map_err(|_| ChipError::Protocol("a step of PACE without its data"))
}

async fn encrypted_nonce(link: &mut Link) -> Step<Vec<u8>> {
    let answer = general_authenticate(link, false, &[]).await?;
    answer
        .map(|content| found(&content, NONCE))
        .map_or_else(|status| Ok(Err(status)), |object| object.map(Ok))
}

/// The nonce, by the password's key (§9.7.3).
fn decrypt(offer: &Offer, key: &AccessKey, nonce: &[u8]) -> Result<Vec<u8>, ChipError> {
    let suite = offer.info.suite;
    let integrated = offer.info.mapping == Mapping::Integrated;
    // For the integrated mapping the standard fixes the length: the shortest blocks that hold a key.
    let exact = suite.key_length().next_multiple_of(suite.block());
    let right = nonce.len().is_multiple_of(suite.block()) && (1..=MAX_NONCE).contains(&nonce.len());
    if !right || (integrated && nonce.len() != exact) {
        return Err(ChipError::Protocol("a nonce of a wrong length"));
    }
    let password = match key {
        AccessKey::Mrz(key_information) => sha1(key_information.as_bytes()).to_vec(),
        AccessKey::Can(digits) => digits.as_bytes().to_vec(),
    };
    Ok(suite.decrypt(&suite.derive(&password, KeyUse::Password), nonce)?)
}

/// The mapped parameters, and the chip's key of the mapping where it has one.
async fn map(
    link: &mut Link,
    offer: &Offer,
    domain: &Domain,
    nonce: &[u8],
    random: &mut RandomBytes,
) -> Step<(Domain, Vec<u8>)> {
    if offer.info.mapping == Mapping::Integrated {
        let ours = random.take_vec(offer.info.suite.key_length())?;
        let answer = general_authenticate(link, false, &tlv::encode(OUR_MAPPING, &ours)).await?;
        return match answer {
            Ok(_) => {
                let mapped = mapping::integrated(domain, offer.info.suite, nonce, &ours)?;
                Ok(Ok((mapped, Vec::new())))
            }
            Err(status) => Ok(Err(status)),
        };
    }
    let private = domain.private_key(random)?;
    let ours = domain.public_key(&private)?;
    match exchange(link, OUR_MAPPING, &ours, THEIR_MAPPING).await? {
        Ok(theirs) if theirs == ours => Err(ChipError::Protocol("our own key given back")),
        Ok(theirs) => Ok(Ok((mapping::generic(domain, nonce, &private, &theirs)?, theirs))),
        Err(status) => Ok(Err(status)),
    }
}

/// What is authenticated of a side's key: the data object of §9.4 without parameters.
fn public_key_object(offer: &Offer, domain: &Domain, key: &[u8]) -> Vec<u8> {
    let oid = tlv::encode(0x06, offer.info.oid.as_bytes());
    tlv::encode(PUBLIC_KEY, &[oid, tlv::encode(domain.public_value_tag(), key)].concat())
}

struct Tokens {
    ours: [u8; 8],
    theirs: [u8; 8],
}

/// The last step, by which the chip judges the password.
async fn authenticate(link: &mut Link, tokens: &Tokens) -> Result<Vec<u8>, ChipError> {
    let answer = general_authenticate(link, true, &tlv::encode(OUR_TOKEN, &tokens.ours)).await?;
    let content = answer.map_err(|status| ChipError::AccessDenied(status.0))?;
    let token = found(&content, THEIR_TOKEN)?;
    if token.len() != tokens.theirs.len() || !openssl::memcmp::eq(&token, &tokens.theirs) {
        return Err(ChipError::Protocol("a token of PACE that does not verify"));
    }
    Ok(content)
}

/// Decrypts what the chip proves itself with, §4.4.3.5: under the counter of all ones.
fn chip_authentication_data(
    offer: &Offer,
    cipher: &mut dyn SessionCipher,
    answer: &[u8],
    mapping_key: Vec<u8>,
) -> Result<Option<MappingData>, ChipError> {
    if offer.info.mapping != Mapping::ChipAuthentication {
        return Ok(None);
    }
    // Without it, or with something else in it, the chip has proved nothing; the session is good.
    let encrypted = tlv::find(answer, CHIP_AUTHENTICATION_DATA).unwrap_or_default();
    let whole = !encrypted.is_empty() && encrypted.len().is_multiple_of(cipher.block());
    let padded = if whole { cipher.decrypt(&[0xFF; 16], encrypted)? } else { Vec::new() };
    Ok(Some(MappingData {
        mapping_key,
        factor: unpad(&padded).unwrap_or_default().to_vec(),
        parameter_id: offer.info.parameter_id,
        standard: offer.standard,
    }))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
