//! The card's static keys and its side of chip authentication version 1, Doc 9303-11 §6.2.

use super::domain::{Domain, copy};
use super::keys::Suite;
use super::personalisation::ChipAuthenticationKey;
use super::secure_messaging::CardSession;
use super::security_infos::{ChipAuthenticationOffer, is_for_curves};
use super::status::{self, Status};
use openssl::bn::BigNum;

/// A static key with what is computed from it once.
pub(super) struct StaticKey {
    id: Option<u64>,
    domain: Domain,
    private: BigNum,
    /// Encoded as it stands in files.
    public: Vec<u8>,
}

impl StaticKey {
    /// From the issuer's key; `None` when it is neither EC nor DH.
    pub(super) fn new(key: &ChipAuthenticationKey) -> Option<StaticKey> {
        let (domain, private) = Domain::of_key(&key.key)?;
        let public = domain.encode(&domain.times(&domain.generator()?, &private)?)?;
        Some(StaticKey { id: key.id, domain, private, public })
    }

    /// Whether the public key stands in a file.
    pub(super) fn stands_in(&self, file: &[u8]) -> bool {
        // A number is written without leading zeros.
        let zeros = self.public.iter().take_while(|byte| **byte == 0).count();
        let written = self.public.get(zeros..).unwrap_or_default();
        !written.is_empty() && file.windows(written.len()).any(|window| window == written)
    }

    /// The private key, when it is one of the curve with this number.
    pub(super) fn on_curve(&self, parameters: u8, honest: bool) -> Option<BigNum> {
        let curve = Domain::standardised(parameters)?;
        let same = curve.components()? == self.domain.components()?;
        if same { self.private(honest) } else { None }
    }

    /// Key agreement with the terminal's ephemeral public key; the session that it restarts.
    pub(super) fn agree(&self, suite: Suite, public_key: &[u8], honest: bool) -> Result<CardSession, Status> {
        let theirs = self.domain.decode(public_key).ok_or(status::WRONG_DATA)?;
        let private = self.private(honest).ok_or(status::FAILED)?;
        let shared = self.domain.times(&theirs, &private);
        let secret = shared.and_then(|shared| self.domain.secret(&shared)).ok_or(status::FAILED)?;
        Ok(CardSession::new(suite, &secret))
    }

    /// The private key, or what a copy of the chip has in its place.
    fn private(&self, honest: bool) -> Option<BigNum> {
        let mut private = copy(&self.private)?;
        if !honest {
            private.add_word(1).ok()?;
        }
        Some(private)
    }
}

/// Which key and cipher MSE chose.
pub(super) struct Choice {
    /// Place of the key among the chip's.
    pub(super) key: usize,
    pub(super) suite: Suite,
}

/// Chooses by protocol (none given: 3DES, as MSE:Set KAT means) and key reference.
///
/// # Errors
/// 6A80 when the protocol is not offered, 6A88 when the reference is unknown or one was needed.
pub(super) fn choose(
    keys: &[StaticKey],
    data_group: &[u8],
    offers: &[ChipAuthenticationOffer],
    protocol: Option<&[u8]>,
    reference: Option<u64>,
) -> Result<Choice, Status> {
    let fits = |key: &StaticKey, offer: &ChipAuthenticationOffer| {
        key.domain.is_curve() == is_for_curves(&offer.protocol)
            && (offer.key.is_none() || offer.key == key.id)
            && protocol.map_or(offer.suite == Suite::TripleDes, |protocol| offer.protocol == protocol)
    };
    let offered = |protocol: &[u8]| offers.iter().any(|offer| offer.protocol == protocol);
    if protocol.is_some_and(|protocol| !offered(protocol)) {
        return Err(status::WRONG_DATA);
    }
    let mut candidates = keys.iter().enumerate().filter(|(_, key)| {
        let named = reference.is_none() || reference == key.id;
        // Without ChipAuthenticationInfo it is the first version's, which knew 3DES only.
        let fitting = offers.is_empty() && protocol.is_none() || offers.iter().any(|offer| fits(key, offer));
        named && fitting && key.stands_in(data_group)
    });
    let first = candidates.next();
    // The same key under another identifier is no other key.
    let second = candidates.find(|(_, key)| first.is_some_and(|(_, first)| first.public != key.public));
    match (first, second) {
        (Some((key, _)), None) => {
            let suite = protocol.and_then(|protocol| protocol.last());
            let suite = suite.map_or(Some(Suite::TripleDes), |number| Suite::of_number(*number));
            Ok(Choice { key, suite: suite.ok_or(status::WRONG_DATA)? })
        }
        _ => Err(status::NO_REFERENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key agreement of the EAC worked examples of TR-03110 (ECDH on parameters 13, DH on 0): the chip's private
    /// key, the terminal's public key, the shared secret. What follows is version 2 there; keys of version 1 are
    /// derived as PACE's, whose examples fix them.
    #[test]
    fn agrees_as_the_chip_of_the_eac_worked_examples() {
        let bytes = |text: &str| hex::decode(text).unwrap();
        for (parameters, private, public, secret) in [
            (
                13,
                "7984674CF3B3A524BF929CE8A67FCF22173DA0BAD595EED6DEB72D22C542FA9D",
                "045A7A377FC9CAFC03AC7FF45441A8B2909D88EAB8E6B0173847AB49B949DF3799A34EE57EC55268CF8B1C3EC489F8BF4CF4C68D3FD9670E89C0D5D3FFF1AAF89F",
                "791DA04273CCFE862E52DF60347E2557192E1F8D7517822CE3D306056C1CDEB4",
            ),
            (
                0,
                "D0E5A95ECA541DEF4FE92B9FF9920D49A454C297",
                "A2830947A6FCAACDE2FCB88B29AB38E07C3453ABC4BCB466087E11C79F32A19E6EF22BE108F8DD18FE8249C960951511200DC985AA3EC0CCAD59A5F9BBCC33EE5F1577E20330B4DD10EB06B740277C97A189180EDE52BEE9D429F10FB77F180F05D6A99C499CB5E1ECEEB8E92284F66EA98479674CE73F53C567A03B0D297833",
                "2A4FC2D11490DF4773DDFA6FF705557C51F4AD4533E8D8A66A3001BFDD271DB87BE3C1CAC22A05E8AF1A066DD0298E75DB928AAFDF00EB4BFB1BD12F372313C1CA649056517305638515D5A4FBE0AC59BDC80E8C5A5F46254D231916EA77F80AC58E6B63A26198EE4387F10981E8E46FFBA23790C81E679363C589587D30BBB3",
            ),
        ] {
            let domain = Domain::standardised(parameters).unwrap();
            let theirs = domain.decode(&bytes(public)).unwrap();
            let shared = domain.times(&theirs, &BigNum::from_slice(&bytes(private)).unwrap()).unwrap();
            assert_eq!(hex::encode_upper(domain.secret(&shared).unwrap()), secret);
        }
    }
}
