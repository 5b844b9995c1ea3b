//! Which of the offered ways of PACE is taken.
//!
//! Ways with parameters that are not standardised are left out (Doc 9303-11 §9.2.2: others may be insecure and
//! give the password away), and the generic and integrated mappings where the curve does not allow them. Of the
//! rest the best is, in this order: the stronger, where more than 128 bits count no more; the mapping that proves
//! the chip before the integrated before the generic one; curves before fields; the longer cipher key; the
//! smaller group, which is quicker.

use crate::chip::crypto::{CipherSuite, Domain};
use crate::chip::security_infos::{KeyAgreement, Mapping, PaceInfo, SecurityInfos};
use std::cmp::Reverse;
use std::fmt;

/// Strength beyond which more is not preferred, in bits.
const ENOUGH: u32 = 128;
/// secp224r1, whose prime the integrated mapping cannot use (§9.5.1).
const NOT_INTEGRATED: u64 = 10;

/// One way of PACE, with its standardised parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chip) struct Offer {
    pub(super) info: PaceInfo,
    /// Number of the standardised parameters.
    pub(super) standard: u64,
    /// The chip has several sets of parameters: it must be told which.
    pub(super) ambiguous: bool,
}

impl Offer {
    /// The best way that the chip offers, if any can be taken.
    pub(in crate::chip) fn best(infos: &SecurityInfos) -> Option<Offer> {
        let first = infos.pace.first()?.parameter_id;
        let ambiguous = infos.pace.iter().any(|info| info.parameter_id != first);
        let offers = infos.pace.iter().filter_map(|info| {
            let standard = standard_parameters(info, infos)?;
            Some(Offer { info: info.clone(), standard, ambiguous })
        });
        offers.max_by_key(Offer::rank)
    }

    fn rank(&self) -> (u32, Mapping, KeyAgreement, CipherSuite, Reverse<u32>) {
        let info = &self.info;
        let group = group_strength(self.standard);
        let cipher = match info.suite {
            CipherSuite::TripleDes => 112,
            CipherSuite::Aes128 => 128,
            CipherSuite::Aes192 => 192,
            CipherSuite::Aes256 => 256,
        };
        (group.min(cipher).min(ENOUGH), info.mapping, info.agreement, info.suite, Reverse(group))
    }
}

/// The number of the standardised parameters that an entry means, by number or in full.
fn standard_parameters(info: &PaceInfo, infos: &SecurityInfos) -> Option<u64> {
    const VERSION: u64 = 2;
    // Numbers below are kept for the standard's parameters.
    const FIRST_OWN: u64 = 32;
    let standard = match info.parameter_id {
        Some(id) if id < FIRST_OWN => id,
        id => {
            let mut explicit = infos.pace_parameters.iter();
            let own = explicit.find(|own| own.agreement == info.agreement && own.parameter_id == id)?;
            Domain::standard_of(&own.parameters)?
        }
    };
    let known = match info.agreement {
        KeyAgreement::Dh => standard <= 2,
        KeyAgreement::Ecdh => (8..=18).contains(&standard),
    };
    let mappable = info.mapping != Mapping::Integrated || standard != NOT_INTEGRATED;
    (info.version == VERSION && known && mappable).then_some(standard)
}

/// Bits of security, NIST SP 800-57.
fn group_strength(standard: u64) -> u32 {
    match standard {
        0 => 80,
        1 | 2 | 10 | 11 => 112,
        8 | 9 => 96,
        12 | 13 => 128,
        14 => 160,
        15 | 16 => 192,
        _ => 256,
    }
}

impl fmt::Display for Offer {
    /// `ECDH-GM AES-128 brainpoolP256r1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.info, Domain::standard_name(self.standard).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::tlv;

    /// A set of PACEInfos with these last arcs, version 2 and these parameters.
    fn offered(entries: &[(u8, u8, u8)]) -> Option<String> {
        let entry = |(kind, suite, parameter): &(u8, u8, u8)| {
            let oid = [4, 0, 127, 0, 7, 2, 2, 4, *kind, *suite];
            let fields = [tlv::encode(6, &oid), tlv::encode(2, &[2]), tlv::encode(2, &[*parameter])];
            tlv::encode(0x30, &fields.concat())
        };
        let set = tlv::encode(0x31, &entries.iter().flat_map(entry).collect::<Vec<_>>());
        Offer::best(&SecurityInfos::parse(&set).unwrap()).map(|offer| offer.to_string())
    }

    #[test]
    fn takes_the_strongest_and_of_equals_the_one_that_proves_the_chip() {
        let best = |entries: &[_]| offered(entries).unwrap();
        assert_eq!(best(&[(2, 2, 13), (6, 2, 13), (4, 2, 13)]), "ECDH-CAM AES-128 brainpoolP256r1");
        assert_eq!(best(&[(2, 2, 12), (4, 2, 12)]), "ECDH-IM AES-128 secp256r1");
        assert_eq!(best(&[(6, 2, 9), (2, 4, 17)]), "ECDH-GM AES-256 brainpoolP512r1");
        assert_eq!(best(&[(1, 2, 2), (2, 1, 13)]), "ECDH-GM 3DES brainpoolP256r1");
        assert_eq!(best(&[(2, 4, 18), (2, 4, 12)]), "ECDH-GM AES-256 secp256r1");
        assert_eq!(best(&[(1, 2, 0)]), "DH-GM AES-128 MODP 1024/160");
    }

    #[test]
    fn leaves_out_what_does_not_go_together_and_what_is_not_standardised() {
        for entry in [(4, 2, 10), (1, 2, 13), (2, 2, 0), (2, 2, 3), (2, 2, 19), (2, 2, 40), (5, 2, 13)] {
            assert_eq!(offered(&[entry]), None, "{entry:?}");
        }
        assert_eq!(offered(&[]), None);
    }

    #[test]
    fn takes_explicit_parameters_only_when_they_are_standardised_ones() {
        let domain = |id: u8| -> Vec<u8> {
            use openssl::ec::{Asn1Flag, EcGroup, EcKey};
            use openssl::nid::Nid;
            let nid = if id == 13 { Nid::BRAINPOOL_P256R1 } else { Nid::SECP256K1 };
            let mut group = EcGroup::from_curve_name(nid).unwrap();
            group.set_asn1_flag(Asn1Flag::EXPLICIT_CURVE);
            let key = EcKey::generate(&group).unwrap();
            let spki = openssl::pkey::PKey::from_ec_key(key).unwrap().public_key_to_der().unwrap();
            let (outer, _) = tlv::read(&spki).unwrap();
            let (algorithm, _) = tlv::read(outer.value).unwrap();
            tlv::encode(0x30, algorithm.value)
        };
        let set = |id| {
            let info = [
                tlv::encode(6, &[4, 0, 127, 0, 7, 2, 2, 4, 2, 2]),
                tlv::encode(2, &[2]),
                tlv::encode(2, &[0x40]),
            ];
            let own = [tlv::encode(6, &[4, 0, 127, 0, 7, 2, 2, 4, 2]), domain(id), tlv::encode(2, &[0x40])];
            let entries = [tlv::encode(0x30, &info.concat()), tlv::encode(0x30, &own.concat())];
            SecurityInfos::parse(&tlv::encode(0x31, &entries.concat())).unwrap()
        };
        assert_eq!(Offer::best(&set(13)).unwrap().standard, 13);
        assert_eq!(Offer::best(&set(0)), None, "secp256k1 is not in the standard's table");
    }
}
