//! Test PKI of one country, Doc 9303-12 §7: country signing CA, document signers, revocation list.

use super::der::{bits, context, integer, null, octets, oid, sequence, set, time, tlv};
use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};

/// Length of a year in certificates, days.
const YEAR: i64 = 365;
/// How long a revocation list counts, days. Doc 9303-12 §7.3 wants a new one at least every 90.
pub const REVOCATION_LIST_DAYS: i64 = 90;

/// Kind of the keys of a country.
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

/// A key with the algorithm that it signs by. Always with SHA-256.
pub(super) struct SigningKey {
    kind: KeyKind,
    key: PKey<Private>,
}

impl SigningKey {
    /// A fresh random key.
    pub(super) fn generate(kind: KeyKind) -> Result<SigningKey> {
        let key = match kind {
            KeyKind::EcdsaP256 => curve_key(Nid::X9_62_PRIME256V1, Asn1Flag::NAMED_CURVE)?,
            KeyKind::EcdsaExplicit => curve_key(Nid::BRAINPOOL_P256R1, Asn1Flag::EXPLICIT_CURVE)?,
            KeyKind::Rsa | KeyKind::RsaPss => PKey::from_rsa(Rsa::generate(2048)?)?,
        };
        Ok(SigningKey { kind, key })
    }

    /// AlgorithmIdentifier of its signatures.
    pub(super) fn algorithm(&self) -> Result<Vec<u8>> {
        let sha256 = sequence([oid("2.16.840.1.101.3.4.2.1")?, null()]);
        Ok(match self.kind {
            KeyKind::EcdsaP256 | KeyKind::EcdsaExplicit => sequence([oid("1.2.840.10045.4.3.2")?]),
            KeyKind::Rsa => sequence([oid("1.2.840.113549.1.1.11")?, null()]),
            KeyKind::RsaPss => {
                let mask = sequence([oid("1.2.840.113549.1.1.8")?, sha256.clone()]);
                let salt = context(2, &integer(32));
                let parameters = sequence([context(0, &sha256), context(1, &mask), salt]);
                sequence([oid("1.2.840.113549.1.1.10")?, parameters])
            }
        })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        if self.kind == KeyKind::RsaPss {
            signer.set_rsa_padding(Padding::PKCS1_PSS)?;
            signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        }
        Ok(signer.sign_oneshot_to_vec(message)?)
    }

    /// SubjectPublicKeyInfo.
    fn public(&self) -> Result<Vec<u8>> {
        Ok(self.key.public_key_to_der()?)
    }

    /// Key identifier: SHA-1 of the public key (RFC 5280 §4.2.1.2).
    fn id(&self) -> Result<Vec<u8>> {
        Ok(hash(MessageDigest::sha1(), &self.public()?)?.to_vec())
    }
}

fn curve_key(curve: Nid, flag: Asn1Flag) -> Result<PKey<Private>> {
    let mut group = EcGroup::from_curve_name(curve)?;
    group.set_asn1_flag(flag);
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

/// A country signing CA.
pub(super) struct Authority {
    key: SigningKey,
    pub(super) name: Vec<u8>,
    pub(super) certificate: Vec<u8>,
}

/// A document signer.
pub(super) struct DocumentSigner {
    pub(super) key: SigningKey,
    pub(super) serial: u32,
    pub(super) certificate: Vec<u8>,
}

impl Authority {
    /// Self-signed, valid from five years before `now` for fifteen years.
    pub(super) fn new(country: &str, kind: KeyKind, now: Timestamp) -> Result<Authority> {
        let key = SigningKey::generate(kind)?;
        let name = name(country, &format!("CSCA {country}"))?;
        let id = key.id()?;
        let extensions = [
            extension("2.5.29.14", false, octets(&id))?,
            extension("2.5.29.35", false, sequence([tlv(0x80, &id)]))?,
            extension("2.5.29.19", true, sequence([tlv(0x01, &[0xFF]), integer(0)]))?,
            // keyCertSign, cRLSign
            extension("2.5.29.15", true, tlv(0x03, &[1, 0x06]))?,
        ];
        let validity = validity(now, -5 * YEAR, 10 * YEAR)?;
        let content = [name.clone(), validity, name.clone(), key.public()?, extensions.concat()];
        let certificate = certificate(&key, 1, content)?;
        Ok(Authority { key, name, certificate })
    }

    /// A document signer of its own key, valid from a year before `now` for eleven years.
    pub(super) fn signer(&self, country: &str, serial: u32, now: Timestamp) -> Result<DocumentSigner> {
        let key = SigningKey::generate(self.key.kind)?;
        let subject = name(country, &format!("Document Signer {serial}"))?;
        let extensions = [
            extension("2.5.29.14", false, octets(&key.id()?))?,
            extension("2.5.29.35", false, sequence([tlv(0x80, &self.key.id()?)]))?,
            // digitalSignature
            extension("2.5.29.15", true, tlv(0x03, &[7, 0x80]))?,
        ];
        let validity = validity(now, -YEAR, 10 * YEAR)?;
        let content = [self.name.clone(), validity, subject, key.public()?, extensions.concat()];
        let certificate = certificate(&self.key, serial, content)?;
        Ok(DocumentSigner { key, serial, certificate })
    }

    /// The list of revoked serial numbers, issued a day before `now`.
    pub(super) fn revocation_list(&self, revoked: &[u32], now: Timestamp) -> Result<Vec<u8>> {
        let yesterday = now.checked_sub(SignedDuration::from_hours(24))?;
        let next = yesterday.checked_add(SignedDuration::from_hours(24 * REVOCATION_LIST_DAYS))?;
        let entries: Vec<u8> =
            revoked.iter().flat_map(|serial| sequence([integer(*serial), time(yesterday)])).collect();
        let extensions = [
            extension("2.5.29.35", false, sequence([tlv(0x80, &self.key.id()?)]))?,
            extension("2.5.29.20", false, integer(1))?,
        ];
        let algorithm = self.key.algorithm()?;
        let head = [integer(1), algorithm.clone(), self.name.clone(), time(yesterday), time(next)];
        let entries = if entries.is_empty() { Vec::new() } else { tlv(0x30, &entries) };
        let extensions = context(0, &tlv(0x30, &extensions.concat()));
        signed(&self.key, sequence([head.concat(), entries, extensions]))
    }
}

/// `content`: issuer, validity, subject, public key, extensions.
fn certificate(issuer: &SigningKey, serial: u32, content: [Vec<u8>; 5]) -> Result<Vec<u8>> {
    let [name, validity, subject, key, extensions] = content;
    let version = context(0, &integer(2));
    let extensions = context(3, &tlv(0x30, &extensions));
    let algorithm = issuer.algorithm()?;
    signed(issuer, sequence([version, integer(serial), algorithm, name, validity, subject, key, extensions]))
}

fn signed(key: &SigningKey, content: Vec<u8>) -> Result<Vec<u8>> {
    let signature = bits(&key.sign(&content)?);
    Ok(sequence([content, key.algorithm()?, signature]))
}

fn extension(id: &str, critical: bool, value: Vec<u8>) -> Result<Vec<u8>> {
    let critical = if critical { tlv(0x01, &[0xFF]) } else { Vec::new() };
    Ok(sequence([oid(id)?, critical, octets(&value)]))
}

fn validity(now: Timestamp, from_days: i64, to_days: i64) -> Result<Vec<u8>> {
    let at = |days: i64| now.checked_add(SignedDuration::from_hours(24 * days)).map(time);
    Ok(sequence([at(from_days)?, at(to_days)?]))
}

fn name(country: &str, common: &str) -> Result<Vec<u8>> {
    let part = |id: &str, tag: u8, text: &str| -> Result<Vec<u8>> {
        Ok(set([sequence([oid(id)?, tlv(tag, text.as_bytes())])]))
    };
    let organisation = part("2.5.4.10", 0x0C, "Test documents")?;
    Ok(sequence([part("2.5.4.6", 0x13, country)?, organisation, part("2.5.4.3", 0x0C, common)?]))
}
