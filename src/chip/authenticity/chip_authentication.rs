//! Chip authentication, Doc 9303-11 §6.2: an ephemeral key of ours and the chip's static key make new session
//! keys. A chip that goes on under these has the private key; the agreement itself shows nothing yet.

use crate::chip::apdu::{Command, Status};
use crate::chip::crypto::{CipherSuite, Domain};
use crate::chip::error::ChipError;
use crate::chip::link::Link;
use crate::chip::random::RandomBytes;
use crate::chip::secure_messaging::SecureMessaging;
use crate::chip::security_infos::{
    ChipAuthenticationInfo, ChipAuthenticationPublicKeyInfo, KeyAgreement, SecurityInfos,
};
use crate::chip::tlv;

/// Version that Doc 9303 describes.
const VERSION: u64 = 1;

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::chip) enum ChipAuthentication {
    /// DG14 has no key for it.
    NotOffered,
    /// It has one, with which nothing can be done.
    Impossible(String),
    /// The chip refuses what it offers.
    Refused(Status),
    /// New session keys are in use; the first answer under them shows whether the chip has them too.
    Agreed {
        /// SubjectPublicKeyInfo as in DG14.
        public_key: Vec<u8>,
    },
}

/// A key with the way to use it.
#[derive(Debug, PartialEq)]
struct Choice<'a> {
    key: &'a ChipAuthenticationPublicKeyInfo,
    suite: CipherSuite,
    /// `None`: DG14 names no protocol, which of old means 3DES.
    info: Option<&'a ChipAuthenticationInfo>,
}

/// Runs chip authentication by the strongest cipher that goes with a key of DG14.
pub(in crate::chip) async fn chip_authentication(
    link: &mut Link,
    infos: &SecurityInfos,
    random: &mut RandomBytes,
) -> Result<ChipAuthentication, ChipError> {
    let Some(choice) = choose(infos) else {
        return Ok(match infos.chip_authentication.iter().any(|info| info.version == VERSION) {
            true => ChipAuthentication::Impossible("DG14 has no key for what it offers".to_owned()),
            false => ChipAuthentication::NotOffered,
        });
    };
    let agreed = Domain::of_public_key(&choice.key.public_key).and_then(|(domain, theirs)| {
        let private = domain.private_key(random)?;
        let ours = domain.public_key(&private)?;
        Ok((ours, domain.agree(&private, &theirs)?))
    });
    let (ours, secret) = match agreed {
        Ok(agreed) => agreed,
        // Only the supply of random bytes is our own.
        Err(ChipError::Bound(what)) => return Err(ChipError::Bound(what)),
        Err(error) => return Ok(ChipAuthentication::Impossible(error.to_string())),
    };
    let status = match choice.suite {
        CipherSuite::TripleDes => set_key_agreement_template(link, &choice, &ours).await?,
        _ => authenticate(link, &choice, &ours).await?,
    };
    if status != Status::OK {
        return Ok(ChipAuthentication::Refused(status));
    }
    link.secure_unconfirmed(SecureMessaging::new(choice.suite.session(&secret)?, 0));
    Ok(ChipAuthentication::Agreed { public_key: choice.key.public_key.clone() })
}

fn choose(infos: &SecurityInfos) -> Option<Choice<'_>> {
    let keys = &infos.chip_authentication_keys;
    let offered = infos.chip_authentication.iter().filter(|info| info.version == VERSION);
    let choices = offered.filter_map(|info| {
        let mut fitting = keys.iter().filter(|key| key.agreement == info.agreement);
        let key = match info.key_id {
            Some(_) => {
                let named = fitting.clone().find(|key| key.key_id == info.key_id);
                named.or_else(|| fitting.next().filter(|key| key.key_id.is_none() && keys.len() == 1))?
            }
            None => fitting.next()?,
        };
        Some(Choice { key, suite: info.suite, info: Some(info) })
    });
    let best = choices.max_by_key(|choice| (choice.suite, choice.key.agreement == KeyAgreement::Ecdh));
    let of_old = || keys.first().map(|key| Choice { key, suite: CipherSuite::TripleDes, info: None });
    best.or_else(|| of_old().filter(|_| infos.chip_authentication.is_empty()))
}

/// The key's name, where it has one.
fn key_reference(choice: &Choice<'_>) -> Vec<u8> {
    let id = choice.info.and_then(|info| info.key_id).or(choice.key.key_id);
    id.map(|id| tlv::encode(0x84, &tlv::shortest(id))).unwrap_or_default()
}

/// MSE:Set KAT, §6.2.4.1: 3DES only.
async fn set_key_agreement_template(
    link: &mut Link,
    choice: &Choice<'_>,
    ours: &[u8],
) -> Result<Status, ChipError> {
    let data = [tlv::encode(0x91, ours), key_reference(choice)].concat();
    Ok(link.transmit(&Command::new(0, 0x22, 0x41, 0xA6).with_data(data)).await?.status)
}

/// MSE:Set AT and GENERAL AUTHENTICATE, §6.2.4.2.
async fn authenticate(link: &mut Link, choice: &Choice<'_>, ours: &[u8]) -> Result<Status, ChipError> {
    let protocol = choice.info.map(|info| tlv::encode(0x80, info.oid.as_bytes())).unwrap_or_default();
    let data = [protocol, key_reference(choice)].concat();
    let selected = link.transmit(&Command::new(0, 0x22, 0x41, 0xA4).with_data(data)).await?;
    if selected.status != Status::OK {
        return Ok(selected.status);
    }
    let data = tlv::encode(0x7C, &tlv::encode(0x80, ours));
    let command = Command::new(0, 0x86, 0, 0).with_data(data).expecting(256);
    Ok(link.transmit(&command).await?.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(agreement: KeyAgreement, key_id: Option<u64>) -> ChipAuthenticationPublicKeyInfo {
        ChipAuthenticationPublicKeyInfo { agreement, public_key: vec![], key_id }
    }

    fn info(agreement: KeyAgreement, arc: u32, version: u64, key_id: Option<u64>) -> ChipAuthenticationInfo {
        let kind = if agreement == KeyAgreement::Dh { 1 } else { 2 };
        ChipAuthenticationInfo {
            oid: format!("0.4.0.127.0.7.2.2.3.{kind}.{arc}").parse().unwrap(),
            agreement,
            suite: CipherSuite::of_arc(arc).unwrap(),
            version,
            key_id,
        }
    }

    fn infos(
        offered: Vec<ChipAuthenticationInfo>,
        keys: Vec<ChipAuthenticationPublicKeyInfo>,
    ) -> SecurityInfos {
        SecurityInfos { chip_authentication: offered, chip_authentication_keys: keys, ..Default::default() }
    }

    #[test]
    fn the_key_is_chosen_by_its_name_and_the_strongest_cipher_wins() {
        use KeyAgreement::{Dh, Ecdh};
        let keys = vec![key(Dh, Some(1)), key(Ecdh, Some(2)), key(Ecdh, Some(3))];
        let all =
            infos(vec![info(Ecdh, 1, 1, Some(2)), info(Ecdh, 4, 1, Some(3)), info(Dh, 2, 1, Some(1))], keys);
        let choice = choose(&all).unwrap();
        assert_eq!((choice.suite, choice.key.key_id), (CipherSuite::Aes256, Some(3)));
        assert_eq!(key_reference(&choice), [0x84, 1, 3]);
    }

    #[test]
    fn a_key_of_another_name_kind_or_version_is_not_taken() {
        use KeyAgreement::{Dh, Ecdh};
        let none = [
            infos(vec![info(Ecdh, 2, 1, Some(2))], vec![key(Ecdh, Some(3))]),
            infos(vec![info(Ecdh, 2, 1, None)], vec![key(Dh, None)]),
            infos(vec![info(Ecdh, 2, 2, None)], vec![key(Ecdh, None)]),
            infos(vec![], vec![]),
        ];
        assert!(none.iter().all(|infos| choose(infos).is_none()));
    }

    #[test]
    fn a_key_alone_means_3des() {
        let alone = infos(vec![], vec![key(KeyAgreement::Dh, None)]);
        let choice = choose(&alone).unwrap();
        assert_eq!((choice.suite, choice.info), (CipherSuite::TripleDes, None));
        assert!(key_reference(&choice).is_empty());
    }
}
