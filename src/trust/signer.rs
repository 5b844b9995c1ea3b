//! SignerInfo, RFC 5652 §5.3: who signed an envelope, by what, and what exactly.

use super::certificate::{Certificate, time};
use super::der::{DerError, Problem, Reader, Tlv, distinguished, magnitude, tag};
use super::finding::Finding;
use super::name::Name;
use super::signature::{AlgorithmError, AlgorithmIdentifier, Scheme};
use jiff::Timestamp;

const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";

/// Attributes that one signer may sign at most.
const MAX_ATTRIBUTES: usize = 64;

/// One signer of an envelope. Nothing is verified by parsing.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    version: u32,
    id: SignerId,
    pub(super) digest: AlgorithmIdentifier,
    attributes: Attributes,
    algorithm: AlgorithmIdentifier,
    signature: Vec<u8>,
}

/// Who signed, in the signer's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SignerId {
    Issuer { name: Box<Name>, serial: Vec<u8> },
    KeyId(Vec<u8>),
}

/// How a signature was found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verified {
    /// What really signed it.
    pub(super) scheme: Scheme,
    /// The attributes are signed as sent, which is not the order of DER.
    pub(super) unsorted: bool,
}

impl Signer {
    pub(super) fn read(info: Tlv<'_>, content_type: &str) -> Result<Signer, DerError> {
        let mut parts = info.inside();
        let version = parts.expect(tag::INTEGER, "signer's version")?.small("signer's version")?;
        let id = SignerId::read(&mut parts)?;
        let digest = parts.expect(tag::SEQUENCE, "digestAlgorithm")?;
        let digest = AlgorithmIdentifier::read(digest, "digestAlgorithm")?;
        let signed = parts.expect(tag::context(0), "signedAttrs")?;
        let algorithm = parts.expect(tag::SEQUENCE, "signatureAlgorithm")?;
        let algorithm = AlgorithmIdentifier::read(algorithm, "signatureAlgorithm")?;
        let signature = parts.any("signature")?.octets("signature")?.into_owned();
        let attributes = Attributes::read(signed, content_type)?;
        Ok(Signer { version, id, digest, attributes, algorithm, signature })
    }

    pub(super) fn signing_time(&self) -> Option<Timestamp> {
        self.attributes.signing_time
    }

    /// The signer's own words for who signed.
    pub(super) fn id(&self) -> &SignerId {
        &self.id
    }

    /// Whether the signer named this certificate.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        self.id.is_of(certificate)
    }

    /// Whether the signed digest is that of the content.
    pub(super) fn digest_is_right(&self, content: &[u8]) -> Result<bool, AlgorithmError> {
        Ok(self.digest.digest()?.matches(content, &self.attributes.message_digest))
    }

    /// Whether the signature is by this certificate's key.
    ///
    /// Some signers sign the attributes in the order of transmission, as others demand the order of DER;
    /// some name another algorithm than they use (DESIGN §5, oddity 7). All are the signer's own words
    /// under the signer's own key, so all are good.
    pub(super) fn is_signed_by(&self, certificate: &Certificate) -> Result<Option<Verified>, AlgorithmError> {
        let announced = self.scheme();
        let mut refused = announced.as_ref().err().cloned();
        for scheme in announced.into_iter().chain(self.other_schemes(certificate)) {
            for (place, attributes) in self.attributes.encoded.iter().enumerate() {
                match scheme.verifies(certificate.key(), attributes, &self.signature) {
                    Ok(true) => return Ok(Some(Verified { scheme, unsorted: place > 0 })),
                    Ok(false) => {}
                    Err(error) => refused = Some(error),
                }
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// What the key can sign by, with the digests that the signer names.
    fn other_schemes(&self, certificate: &Certificate) -> Vec<Scheme> {
        let announced = self.scheme();
        let digests = [announced.as_ref().ok().map(|scheme| scheme.digest()), self.digest.digest().ok()];
        let natural = digests.into_iter().flatten().filter_map(|d| certificate.key().natural_scheme(d));
        let mut others: Vec<Scheme> = natural.filter(|scheme| announced.as_ref() != Ok(scheme)).collect();
        others.dedup();
        others
    }

    pub(super) fn scheme(&self) -> Result<Scheme, AlgorithmError> {
        self.algorithm.scheme(self.digest.digest().ok())
    }

    /// Algorithm of the signature in words, or its identifier when it is not accepted.
    pub(super) fn algorithm(&self) -> String {
        self.scheme().map_or_else(|_| self.algorithm.oid.clone(), |scheme| scheme.to_string())
    }

    /// What is odd about how it names its certificate and algorithm, once they are found.
    pub(super) fn oddities(&self, certificate: &Certificate, verified: Verified) -> Vec<Finding> {
        let spelling = match &self.id {
            SignerId::Issuer { name, .. } => self.names(certificate) && **name != *certificate.issuer(),
            SignerId::KeyId(_) => false,
        };
        let version = match &self.id {
            SignerId::Issuer { .. } => 1,
            SignerId::KeyId(_) => 3,
        };
        [
            (self.version != version, Finding::SignerVersion),
            (spelling, Finding::SignerNameSpelling),
            (!self.names(certificate), Finding::SignerMisnamed),
            (verified.unsorted, Finding::AttributesUnsorted),
            (self.scheme() != Ok(verified.scheme), Finding::AlgorithmMisnamed),
        ]
        .into_iter()
        .filter_map(|(odd, finding)| odd.then_some(finding))
        .collect()
    }
}

impl SignerId {
    /// Whether it means this certificate. Names are compared by meaning.
    pub(super) fn is_of(&self, certificate: &Certificate) -> bool {
        match self {
            SignerId::Issuer { name, serial } => {
                certificate.serial() == serial && certificate.issuer().key() == name.key()
            }
            SignerId::KeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }

    pub(super) fn read(parts: &mut Reader<'_>) -> Result<SignerId, DerError> {
        if let Some(id) = parts.optional(tag::plain(0), "subjectKeyIdentifier")? {
            return Ok(SignerId::KeyId(id.value.to_vec()));
        }
        let pair = parts.expect(tag::SEQUENCE, "issuerAndSerialNumber")?;
        SignerId::of_issuer(pair)
    }

    /// IssuerAndSerialNumber, whatever its tag.
    pub(super) fn of_issuer(pair: Tlv<'_>) -> Result<SignerId, DerError> {
        let mut pair = pair.inside();
        let name = Name::read(pair.expect(tag::SEQUENCE, "signer's issuer")?, "signer's issuer")?;
        let serial = magnitude(pair.expect(tag::INTEGER, "signer's serial number")?.value).to_vec();
        Ok(SignerId::Issuer { name: Box::new(name), serial })
    }
}

/// The signed attributes that matter here.
#[derive(Debug, Clone)]
struct Attributes {
    message_digest: Vec<u8>,
    signing_time: Option<Timestamp>,
    /// All attributes as SET OF: in the order of DER, and as sent where that is another.
    encoded: Vec<Vec<u8>>,
}

/// Attributes while they are read.
#[derive(Default)]
struct Found {
    content_type: Option<String>,
    message_digest: Option<Vec<u8>>,
    signing_time: Option<Timestamp>,
}

impl Attributes {
    fn read(set: Tlv<'_>, content_type: &str) -> Result<Attributes, DerError> {
        const FIELD: &str = "signedAttrs";
        let mut found = Found::default();
        let mut each = Vec::new();
        let mut parts = set.inside();
        while !parts.is_empty() {
            let attribute = parts.expect(tag::SEQUENCE, FIELD)?;
            each.push(distinguished(attribute, 0x30, FIELD)?);
            if each.len() > MAX_ATTRIBUTES {
                return Err(Problem::Length.within(FIELD));
            }
            found.take(attribute)?;
        }
        if found.content_type.as_deref() != Some(content_type) {
            return Err(Problem::Content.within("contentType attribute"));
        }
        let message_digest =
            found.message_digest.ok_or(Problem::Truncated.within("messageDigest attribute"))?;
        each.sort();
        let joined = each.concat();
        let sorted = distinguished(Tlv { tag: tag::SET, value: &joined, raw: &joined }, 0x31, FIELD)?;
        let mut encoded = vec![sorted, distinguished(set, 0x31, FIELD)?];
        encoded.dedup();
        Ok(Attributes { message_digest, signing_time: found.signing_time, encoded })
    }
}

impl Found {
    /// An attribute that occurs twice or has several values is refused: which one counts is not said.
    fn take(&mut self, attribute: Tlv<'_>) -> Result<(), DerError> {
        let mut parts = attribute.inside();
        let kind = parts.expect(tag::OID, "attrType")?.oid("attrType")?;
        let mut values = parts.expect(tag::SET, "attrValues")?.inside();
        let twice = match kind.as_str() {
            CONTENT_TYPE => {
                let value = values.expect(tag::OID, "contentType attribute")?;
                self.content_type.replace(value.oid("contentType attribute")?).is_some()
            }
            MESSAGE_DIGEST => {
                let value = values.any("messageDigest attribute")?.octets("messageDigest attribute")?;
                self.message_digest.replace(value.into_owned()).is_some()
            }
            SIGNING_TIME => {
                let value = values.any("signingTime attribute")?;
                self.signing_time.replace(time(value, "signingTime attribute")?).is_some()
            }
            _ => return Ok(()),
        };
        if twice || !values.is_empty() { Err(Problem::Trailing.within("attribute")) } else { Ok(()) }
    }
}
