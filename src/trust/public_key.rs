//! Public keys of signers, Doc 9303-12 §4.1.6: parsed once, when first used.
//!
//! A trust store holds hundreds of keys of which one passage needs two. Parsing a key on a curve given by
//! explicit parameters costs more than the rest of its certificate, so it waits until it is asked for.

use super::der::{Reader, only, tag};
use super::finding::Finding;
use super::signature::{AlgorithmError, Digest, Scheme};
use openssl::pkey::{Id, PKey, Public};
use std::sync::OnceLock;

/// Keys for RSA and DSA below this many bits are weak.
const RSA_BITS_LEAST: u32 = 2048;
/// Curves below this many bits are weak.
const CURVE_BITS_LEAST: u32 = 224;

/// SubjectPublicKeyInfo, RFC 5280 §4.1.2.7.
#[derive(Clone)]
pub(super) struct PublicKey {
    der: Vec<u8>,
    parsed: OnceLock<Result<PKey<Public>, AlgorithmError>>,
}

impl PublicKey {
    /// A key that nobody has looked at yet.
    pub(super) fn new(der: &[u8]) -> PublicKey {
        PublicKey { der: der.to_vec(), parsed: OnceLock::new() }
    }

    /// The key as the crypto library has it.
    pub(super) fn parsed(&self) -> Result<&PKey<Public>, AlgorithmError> {
        let parse =
            || PKey::public_key_from_der(&self.der).map_err(|error| AlgorithmError::Key(error.to_string()));
        self.parsed.get_or_init(parse).as_ref().map_err(Clone::clone)
    }

    /// The scheme that this kind of key signs by, where one that does not fit it is named.
    pub(super) fn natural_scheme(&self, digest: Digest) -> Option<Scheme> {
        match self.parsed().ok()?.id() {
            Id::EC => Some(Scheme::Ecdsa(digest)),
            Id::RSA => Some(Scheme::RsaPkcs1(digest)),
            Id::DSA => Some(Scheme::Dsa(digest)),
            _ => None,
        }
    }

    /// What is weak or unusual about it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let Ok(key) = self.parsed() else { return Vec::new() };
        let bits = key.bits();
        match key.id() {
            Id::EC => [
                (bits < CURVE_BITS_LEAST).then_some(Finding::WeakCurve),
                self.has_named_curve().then_some(Finding::NamedCurve),
            ]
            .into_iter()
            .flatten()
            .collect(),
            _ if bits < RSA_BITS_LEAST => vec![Finding::WeakRsa],
            _ => Vec::new(),
        }
    }

    /// Whether the curve is given by an object identifier and not by its parameters.
    fn has_named_curve(&self) -> bool {
        let parameters = || {
            let mut parts = only(&self.der, tag::SEQUENCE, "key").ok()?.inside();
            let mut algorithm: Reader<'_> = parts.expect(tag::SEQUENCE, "algorithm").ok()?.inside();
            algorithm.expect(tag::OID, "algorithm").ok()?;
            algorithm.peek()
        };
        parameters() == Some(tag::OID)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PublicKey").field(&hex::encode(&self.der)).finish()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.der == other.der
    }
}

impl Eq for PublicKey {}
