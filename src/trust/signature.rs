//! Digests and signatures that travel documents use, Doc 9303-12 §4.
//!
//! One function verifies every signature of this room, whether over attributes, a certificate or a
//! revocation list. What is not in these tables is not accepted, and is told apart from a wrong signature.

use super::der::{DerError, Tlv, tag};
use super::public_key::PublicKey;
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};

/// Salt lengths beyond the longest digest are not accepted, bytes.
const MAX_SALT: u32 = 64;

/// A hash function of Doc 9303-12 §4.4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, in documents of the first years.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// An algorithm or key that is not accepted; nothing is said about the signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmError {
    /// Identifier outside the accepted ones.
    #[error("algorithm {0} is not accepted")]
    Unknown(String),
    /// Parameters outside the accepted ones.
    #[error("parameters of algorithm {0} are not accepted")]
    Parameters(String),
    /// The public key cannot be used.
    #[error("the public key cannot be used: {0}")]
    Key(String),
}

impl Digest {
    fn from_oid(oid: &str) -> Result<Digest, AlgorithmError> {
        match oid {
            "1.3.14.3.2.26" => Ok(Digest::Sha1),
            "2.16.840.1.101.3.4.2.4" => Ok(Digest::Sha224),
            "2.16.840.1.101.3.4.2.1" => Ok(Digest::Sha256),
            "2.16.840.1.101.3.4.2.2" => Ok(Digest::Sha384),
            "2.16.840.1.101.3.4.2.3" => Ok(Digest::Sha512),
            _ => Err(AlgorithmError::Unknown(oid.to_owned())),
        }
    }

    fn function(self) -> MessageDigest {
        match self {
            Digest::Sha1 => MessageDigest::sha1(),
            Digest::Sha224 => MessageDigest::sha224(),
            Digest::Sha256 => MessageDigest::sha256(),
            Digest::Sha384 => MessageDigest::sha384(),
            Digest::Sha512 => MessageDigest::sha512(),
        }
    }

    /// Whether `expected` is the digest of `message`.
    pub fn matches(self, message: &[u8], expected: &[u8]) -> bool {
        openssl::hash::hash(self.function(), message).is_ok_and(|digest| digest.as_ref() == expected)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Digest::Sha1 => "SHA-1",
            Digest::Sha224 => "SHA-224",
            Digest::Sha256 => "SHA-256",
            Digest::Sha384 => "SHA-384",
            Digest::Sha512 => "SHA-512",
        })
    }
}

/// AlgorithmIdentifier, RFC 5280 §4.1.1.2, not yet judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AlgorithmIdentifier {
    pub(super) oid: String,
    parameters: Vec<u8>,
}

impl AlgorithmIdentifier {
    /// One without parameters.
    pub(super) fn named(oid: &str) -> Self {
        AlgorithmIdentifier { oid: oid.to_owned(), parameters: Vec::new() }
    }

    pub(super) fn read(tlv: Tlv<'_>, field: &'static str) -> Result<Self, DerError> {
        let mut parts = tlv.inside();
        let oid = parts.expect(tag::OID, field)?.oid(field)?;
        let parameters = if parts.is_empty() { Vec::new() } else { parts.any(field)?.raw.to_vec() };
        Ok(AlgorithmIdentifier { oid, parameters })
    }

    pub(super) fn digest(&self) -> Result<Digest, AlgorithmError> {
        Digest::from_oid(&self.oid)
    }

    /// How to verify. `digest` is that of the signer, for identifiers that name only the kind of key.
    pub(super) fn scheme(&self, digest: Option<Digest>) -> Result<Scheme, AlgorithmError> {
        use Digest::*;
        let unknown = || AlgorithmError::Unknown(self.oid.clone());
        Ok(match self.oid.as_str() {
            "1.2.840.113549.1.1.1" => Scheme::RsaPkcs1(digest.ok_or_else(unknown)?),
            "1.2.840.113549.1.1.5" => Scheme::RsaPkcs1(Sha1),
            "1.2.840.113549.1.1.14" => Scheme::RsaPkcs1(Sha224),
            "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Sha256),
            "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Sha384),
            "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Sha512),
            "1.2.840.113549.1.1.10" => self.pss()?,
            "1.2.840.10045.2.1" => Scheme::Ecdsa(digest.ok_or_else(unknown)?),
            "1.2.840.10045.4.1" => Scheme::Ecdsa(Sha1),
            "1.2.840.10045.4.3.1" => Scheme::Ecdsa(Sha224),
            "1.2.840.10045.4.3.2" => Scheme::Ecdsa(Sha256),
            "1.2.840.10045.4.3.3" => Scheme::Ecdsa(Sha384),
            "1.2.840.10045.4.3.4" => Scheme::Ecdsa(Sha512),
            "1.2.840.10040.4.1" => Scheme::Dsa(digest.ok_or_else(unknown)?),
            "1.2.840.10040.4.3" => Scheme::Dsa(Sha1),
            "2.16.840.1.101.3.4.3.1" => Scheme::Dsa(Sha224),
            "2.16.840.1.101.3.4.3.2" => Scheme::Dsa(Sha256),
            _ => return Err(unknown()),
        })
    }

    fn pss(&self) -> Result<Scheme, AlgorithmError> {
        let bad = || AlgorithmError::Parameters(self.oid.clone());
        let (digest, mask, salt) = pss_parameters(&self.parameters).map_err(|_| bad())?;
        let or_sha1 = |oid: Option<String>| oid.map_or(Ok(Digest::Sha1), |oid| Digest::from_oid(&oid));
        if salt > MAX_SALT {
            return Err(bad());
        }
        Ok(Scheme::RsaPss { digest: or_sha1(digest)?, mask: or_sha1(mask)?, salt })
    }
}

/// RSASSA-PSS-params of RFC 4055 §3.1: digest and mask digest where given, salt length.
fn pss_parameters(bytes: &[u8]) -> Result<(Option<String>, Option<String>, u32), DerError> {
    const FIELD: &str = "RSASSA-PSS-params";
    if bytes.is_empty() {
        return Ok((None, None, 20));
    }
    let mut parts = super::der::only(bytes, tag::SEQUENCE, FIELD)?.inside();
    let mut algorithm = |n: u32| -> Result<Option<(String, Vec<u8>)>, DerError> {
        let Some(outer) = parts.optional(tag::context(n), FIELD)? else { return Ok(None) };
        let inner = outer.inside().expect(tag::SEQUENCE, FIELD)?;
        let read = AlgorithmIdentifier::read(inner, FIELD)?;
        Ok(Some((read.oid, read.parameters)))
    };
    let digest = algorithm(0)?.map(|(oid, _)| oid);
    let mask = match algorithm(1)? {
        None => None,
        Some((_, inner)) => {
            let inner = super::der::only(&inner, tag::SEQUENCE, FIELD)?;
            Some(AlgorithmIdentifier::read(inner, FIELD)?.oid)
        }
    };
    let salt = match parts.optional(tag::context(2), FIELD)? {
        None => 20,
        Some(outer) => outer.inside().expect(tag::INTEGER, FIELD)?.small(FIELD)?,
    };
    Ok((digest, mask, salt))
}

/// A signature scheme that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    RsaPkcs1(Digest),
    RsaPss { digest: Digest, mask: Digest, salt: u32 },
    Ecdsa(Digest),
    Dsa(Digest),
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scheme::RsaPkcs1(digest) => write!(f, "RSA PKCS#1 v1.5 with {digest}"),
            Scheme::RsaPss { digest, .. } => write!(f, "RSA-PSS with {digest}"),
            Scheme::Ecdsa(digest) => write!(f, "ECDSA with {digest}"),
            Scheme::Dsa(digest) => write!(f, "DSA with {digest}"),
        }
    }
}

impl Scheme {
    /// Whether `signature` over `message` verifies with this key, whose curve may be named or given by
    /// explicit parameters.
    pub(super) fn verifies(
        self,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, AlgorithmError> {
        let unusable = |e: openssl::error::ErrorStack| AlgorithmError::Key(e.to_string());
        let key = key.parsed()?;
        let fits = match self {
            Scheme::Ecdsa(_) => key.id() == Id::EC,
            Scheme::Dsa(_) => key.id() == Id::DSA,
            Scheme::RsaPkcs1(_) => key.id() == Id::RSA,
            Scheme::RsaPss { .. } => matches!(key.id(), Id::RSA | Id::RSA_PSS),
        };
        if !fits {
            return Err(AlgorithmError::Key(format!("it does not fit {self}")));
        }
        let mut verifier = Verifier::new(self.digest().function(), key).map_err(unusable)?;
        if let Scheme::RsaPss { mask, salt, .. } = self {
            let salt = RsaPssSaltlen::custom(i32::try_from(salt).unwrap_or(0));
            verifier.set_rsa_padding(Padding::PKCS1_PSS).map_err(unusable)?;
            verifier.set_rsa_mgf1_md(mask.function()).map_err(unusable)?;
            verifier.set_rsa_pss_saltlen(salt).map_err(unusable)?;
        }
        // A signature that cannot even be decoded is a wrong one.
        Ok(verifier.verify_oneshot(signature, message).unwrap_or(false))
    }

    pub(super) fn digest(self) -> Digest {
        match self {
            Scheme::RsaPkcs1(digest)
            | Scheme::Ecdsa(digest)
            | Scheme::Dsa(digest)
            | Scheme::RsaPss { digest, .. } => digest,
        }
    }
}
