//! Curves and groups for keys, by the names and numbers of Doc 9303-11 §9.5.1 (standardised domain
//! parameters).

use super::der::{bits, oid, sequence, tlv};
use super::seed::Stream;
use anyhow::{Result, bail};
use openssl::bn::BigNumContext;
use openssl::dh::Dh;
use openssl::ec::{Asn1Flag, EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Params, Private};

/// Standardised domain parameters: groups of RFC 5114, curves of NIST and brainpool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are those of the standards")]
pub enum DomainParameters {
    #[serde(rename = "dh-1024-160")]
    Dh1024,
    #[serde(rename = "dh-2048-224")]
    Dh2048Order224,
    #[serde(rename = "dh-2048-256")]
    Dh2048Order256,
    P192,
    BrainpoolP192r1,
    P224,
    BrainpoolP224r1,
    P256,
    BrainpoolP256r1,
    BrainpoolP320r1,
    P384,
    BrainpoolP384r1,
    BrainpoolP512r1,
    P521,
}

impl DomainParameters {
    /// All, with number, name, and the curve where it is one.
    pub const ALL: [(DomainParameters, u32, &'static str, Option<Nid>); 14] = [
        (DomainParameters::Dh1024, 0, "dh-1024-160", None),
        (DomainParameters::Dh2048Order224, 1, "dh-2048-224", None),
        (DomainParameters::Dh2048Order256, 2, "dh-2048-256", None),
        (DomainParameters::P192, 8, "p192", Some(Nid::X9_62_PRIME192V1)),
        (DomainParameters::BrainpoolP192r1, 9, "brainpoolp192r1", Some(Nid::BRAINPOOL_P192R1)),
        (DomainParameters::P224, 10, "p224", Some(Nid::SECP224R1)),
        (DomainParameters::BrainpoolP224r1, 11, "brainpoolp224r1", Some(Nid::BRAINPOOL_P224R1)),
        (DomainParameters::P256, 12, "p256", Some(Nid::X9_62_PRIME256V1)),
        (DomainParameters::BrainpoolP256r1, 13, "brainpoolp256r1", Some(Nid::BRAINPOOL_P256R1)),
        (DomainParameters::BrainpoolP320r1, 14, "brainpoolp320r1", Some(Nid::BRAINPOOL_P320R1)),
        (DomainParameters::P384, 15, "p384", Some(Nid::SECP384R1)),
        (DomainParameters::BrainpoolP384r1, 16, "brainpoolp384r1", Some(Nid::BRAINPOOL_P384R1)),
        (DomainParameters::BrainpoolP512r1, 17, "brainpoolp512r1", Some(Nid::BRAINPOOL_P512R1)),
        (DomainParameters::P521, 18, "p521", Some(Nid::SECP521R1)),
    ];

    fn row(self) -> (u32, &'static str, Option<Nid>) {
        let row = Self::ALL.iter().find(|(parameters, ..)| *parameters == self);
        row.map_or((0, "", None), |(_, number, name, curve)| (*number, name, *curve))
    }

    /// Number in PACEInfo.
    pub fn number(self) -> u32 {
        self.row().0
    }

    /// Name in descriptions.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Whether it is a curve; a group otherwise.
    pub fn is_curve(self) -> bool {
        self.row().2.is_some()
    }

    /// A key from the stream. Curves are written by name, or by explicit parameters as chips have them.
    pub(super) fn key(self, stream: &mut Stream, explicit: bool) -> Result<PKey<Private>> {
        let Some(curve) = self.row().2 else { return Ok(PKey::from_dh(self.group()?.generate(stream)?)?) };
        let mut group = EcGroup::from_curve_name(curve)?;
        group.set_asn1_flag(if explicit { Asn1Flag::EXPLICIT_CURVE } else { Asn1Flag::NAMED_CURVE });
        let (mut order, mut context) = (openssl::bn::BigNum::new()?, BigNumContext::new()?);
        group.order(&mut order, &mut context)?;
        let private = stream.below(&order)?;
        let mut public = EcPoint::new(&group)?;
        public.mul_generator2(&group, &private, &mut context)?;
        Ok(PKey::from_ec_key(EcKey::from_private_components(&group, &private, &public)?)?)
    }

    fn group(self) -> Result<Group> {
        Ok(Group(match self {
            DomainParameters::Dh1024 => Dh::get_1024_160()?,
            DomainParameters::Dh2048Order224 => Dh::get_2048_224()?,
            DomainParameters::Dh2048Order256 => Dh::get_2048_256()?,
            _ => bail!("{} is no group", self.name()),
        }))
    }
}

struct Group(Dh<Params>);

impl Group {
    fn generate(self, stream: &mut Stream) -> Result<Dh<Private>> {
        let Some(order) = self.0.prime_q() else { bail!("a group without the order of its generator") };
        let private = stream.below(order)?;
        Ok(self.0.set_private_key(private)?)
    }
}

/// SubjectPublicKeyInfo of a key. For DH it is PKCS #3's, as in the examples of TR-03110-3.
pub(super) fn public_key_info(key: &PKey<Private>) -> Result<Vec<u8>> {
    let Ok(dh) = key.dh() else { return Ok(key.public_key_to_der()?) };
    let number = |number: &openssl::bn::BigNumRef| {
        let mut digits = number.to_vec();
        if digits.first().is_none_or(|first| first & 0x80 != 0) {
            digits.insert(0, 0);
        }
        tlv(0x02, &digits)
    };
    let parameters = sequence([number(dh.prime_p()), number(dh.generator())]);
    let algorithm = sequence([oid("1.2.840.113549.1.3.1")?, parameters]);
    Ok(sequence([algorithm, bits(&number(dh.public_key()))]))
}

#[cfg(test)]
mod tests {
    use super::super::seed::Seed;
    use super::*;

    #[test]
    fn every_curve_and_group_gives_the_same_good_key_for_the_same_seed() {
        for (parameters, ..) in DomainParameters::ALL {
            let key = || parameters.key(&mut Seed::new(b"s").stream("k"), true).unwrap();
            let public = public_key_info(&key()).unwrap();
            assert_eq!(public, public_key_info(&key()).unwrap(), "{}", parameters.name());
            match parameters.is_curve() {
                true => key().ec_key().unwrap().check_key().unwrap(),
                false => assert!(key().dh().unwrap().private_key().num_bits() > 100),
            }
        }
    }
}
