//! Signature algorithms by name: what Doc 9303-12 §4.4 allows, and what it does not.

use super::der::{context, integer, null, oid, sequence};
use super::parameters::DomainParameters;
use crate::devices::card::Digest;
use anyhow::Result;
use openssl::hash::MessageDigest;
use std::fmt;
use std::str::FromStr;

/// Lengths of RSA keys that are made, bits.
const RSA_BITS: [usize; 4] = [1024, 2048, 3072, 4096];

/// Kind of the keys of a country, the four that most countries have; all of them with SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256, curve by name.
    EcdsaP256,
    /// ECDSA on brainpoolP256r1, curve by explicit parameters as most countries do.
    EcdsaExplicit,
    /// RSA with PKCS#1 v1.5 padding, 2,048 bits.
    Rsa,
    /// RSA-PSS, 2,048 bits.
    RsaPss,
}

/// A key and how it signs. As text: `ecdsa-p256-sha256`, `ecdsa-brainpoolp384r1-explicit-sha384`,
/// `rsa-2048-sha1`, `rsa-pss-3072-sha512`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignatureAlgorithm {
    /// The key.
    pub key: SignatureKey,
    /// What the message is hashed with.
    pub digest: Digest,
}

/// A key that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKey {
    /// RSA of so many bits.
    Rsa {
        /// Length of the modulus.
        bits: usize,
        /// By PSS, or else by PKCS#1 v1.5.
        pss: bool,
    },
    /// ECDSA.
    Ecdsa {
        /// The curve.
        curve: DomainParameters,
        /// Whether its parameters are written out.
        explicit: bool,
    },
}

impl From<KeyKind> for SignatureAlgorithm {
    fn from(kind: KeyKind) -> SignatureAlgorithm {
        let ecdsa = |curve, explicit| SignatureKey::Ecdsa { curve, explicit };
        let key = match kind {
            KeyKind::EcdsaP256 => ecdsa(DomainParameters::P256, false),
            KeyKind::EcdsaExplicit => ecdsa(DomainParameters::BrainpoolP256r1, true),
            KeyKind::Rsa => SignatureKey::Rsa { bits: 2048, pss: false },
            KeyKind::RsaPss => SignatureKey::Rsa { bits: 2048, pss: true },
        };
        SignatureAlgorithm { key, digest: Digest::Sha256 }
    }
}

impl Default for SignatureAlgorithm {
    fn default() -> SignatureAlgorithm {
        KeyKind::EcdsaP256.into()
    }
}

/// A text that names no algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no signature algorithm; write for instance ecdsa-p256-sha256, \
     ecdsa-brainpoolp384r1-explicit-sha384, rsa-2048-sha256 or rsa-pss-3072-sha512"
)]
pub struct UnknownAlgorithm(String);

impl FromStr for SignatureAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<SignatureAlgorithm, UnknownAlgorithm> {
        let unknown = || UnknownAlgorithm(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let (key, digest) = lower.rsplit_once('-').ok_or_else(unknown)?;
        let digest = Digest::ALL.into_iter().find(|known| digest_name(*known) == digest);
        let rsa = |bits: &str, pss| {
            let bits = bits.parse().ok().filter(|bits| RSA_BITS.contains(bits))?;
            Some(SignatureKey::Rsa { bits, pss })
        };
        let ecdsa = |curve: &str| {
            let (name, explicit) =
                curve.strip_suffix("-explicit").map_or((curve, false), |name| (name, true));
            let curves = DomainParameters::ALL.iter().filter(|(parameters, ..)| parameters.is_curve());
            let curve = curves.map(|(curve, ..)| *curve).find(|curve| curve.name() == name)?;
            Some(SignatureKey::Ecdsa { curve, explicit })
        };
        let key = match key.split_once('-') {
            Some(("rsa", rest)) => match rest.strip_prefix("pss-") {
                Some(bits) => rsa(bits, true),
                None => rsa(rest, false),
            },
            Some(("ecdsa", curve)) => ecdsa(curve),
            _ => None,
        };
        let (Some(key), Some(digest)) = (key, digest) else { return Err(unknown()) };
        Ok(SignatureAlgorithm { key, digest })
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = digest_name(self.digest);
        match self.key {
            SignatureKey::Rsa { bits, pss: false } => write!(f, "rsa-{bits}-{digest}"),
            SignatureKey::Rsa { bits, pss: true } => write!(f, "rsa-pss-{bits}-{digest}"),
            SignatureKey::Ecdsa { curve, explicit } => {
                write!(f, "ecdsa-{}{}-{digest}", curve.name(), if explicit { "-explicit" } else { "" })
            }
        }
    }
}

impl TryFrom<String> for SignatureAlgorithm {
    type Error = UnknownAlgorithm;
    fn try_from(text: String) -> Result<SignatureAlgorithm, UnknownAlgorithm> {
        text.parse()
    }
}

impl From<SignatureAlgorithm> for String {
    fn from(algorithm: SignatureAlgorithm) -> String {
        algorithm.to_string()
    }
}

impl SignatureAlgorithm {
    /// AlgorithmIdentifier of its signatures.
    pub(super) fn identifier(self) -> Result<Vec<u8>> {
        let place = Digest::ALL.iter().position(|digest| *digest == self.digest).unwrap_or_default();
        let of = |identifiers: [&'static str; 5]| identifiers.get(place).copied().unwrap_or_default();
        Ok(match self.key {
            SignatureKey::Ecdsa { .. } => sequence([oid(of([
                "1.2.840.10045.4.1",
                "1.2.840.10045.4.3.1",
                "1.2.840.10045.4.3.2",
                "1.2.840.10045.4.3.3",
                "1.2.840.10045.4.3.4",
            ]))?]),
            SignatureKey::Rsa { pss: false, .. } => sequence([
                oid(of([
                    "1.2.840.113549.1.1.5",
                    "1.2.840.113549.1.1.14",
                    "1.2.840.113549.1.1.11",
                    "1.2.840.113549.1.1.12",
                    "1.2.840.113549.1.1.13",
                ]))?,
                null(),
            ]),
            SignatureKey::Rsa { pss: true, .. } => {
                let hash = digest_identifier(self.digest)?;
                let mask = sequence([oid("1.2.840.113549.1.1.8")?, hash.clone()]);
                let salt = context(2, &integer(message_digest(self.digest).size() as u32));
                let parameters = sequence([context(0, &hash), context(1, &mask), salt]);
                sequence([oid("1.2.840.113549.1.1.10")?, parameters])
            }
        })
    }
}

/// AlgorithmIdentifier of a digest.
pub(super) fn digest_identifier(digest: Digest) -> Result<Vec<u8>> {
    let id = match digest {
        Digest::Sha1 => "1.3.14.3.2.26",
        Digest::Sha224 => "2.16.840.1.101.3.4.2.4",
        Digest::Sha256 => "2.16.840.1.101.3.4.2.1",
        Digest::Sha384 => "2.16.840.1.101.3.4.2.2",
        Digest::Sha512 => "2.16.840.1.101.3.4.2.3",
    };
    Ok(sequence([oid(id)?, null()]))
}

pub(super) fn message_digest(digest: Digest) -> MessageDigest {
    match digest {
        Digest::Sha1 => MessageDigest::sha1(),
        Digest::Sha224 => MessageDigest::sha224(),
        Digest::Sha256 => MessageDigest::sha256(),
        Digest::Sha384 => MessageDigest::sha384(),
        Digest::Sha512 => MessageDigest::sha512(),
    }
}

fn digest_name(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "sha1",
        Digest::Sha224 => "sha224",
        Digest::Sha256 => "sha256",
        Digest::Sha384 => "sha384",
        Digest::Sha512 => "sha512",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_algorithms_and_back() {
        for name in [
            "ecdsa-p256-sha256",
            "ecdsa-brainpoolp384r1-explicit-sha384",
            "ecdsa-p521-sha512",
            "rsa-2048-sha1",
            "rsa-pss-3072-sha512",
        ] {
            assert_eq!(name.parse::<SignatureAlgorithm>().unwrap().to_string(), name);
        }
        for name in ["", "rsa-2047-sha256", "ecdsa-dh-1024-160-sha256", "ecdsa-p256", "rsa-2048-md5"] {
            let error = name.parse::<SignatureAlgorithm>().unwrap_err();
            assert!(error.to_string().contains("ecdsa-p256-sha256"), "{error}");
        }
    }
}
