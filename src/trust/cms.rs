//! CMS SignedData, RFC 5652 §5: the envelope of security objects and master lists.
//!
//! Parsed here rather than by the crypto library because the reasons must be exact: a wrong digest, a
//! wrong signature, a missing certificate and an unknown algorithm are four different findings.

use super::certificate::{Certificate, time};
use super::der::{DerError, Problem, Reader, Tlv, distinguished, magnitude, only, tag};
use super::name::Name;
use super::signature::{AlgorithmError, AlgorithmIdentifier, Scheme};
use jiff::Timestamp;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";

/// Certificates that one envelope may carry at most.
const MAX_CERTIFICATES: usize = 32;
/// Attributes that one signer may sign at most.
const MAX_ATTRIBUTES: usize = 64;

/// A parsed envelope. Nothing in it is verified by parsing.
#[derive(Debug, Clone)]
pub struct SignedData {
    pub(super) content_type: String,
    pub(super) content: Vec<u8>,
    /// Certificates that came along and can be read.
    pub(super) certificates: Vec<Certificate>,
    signer: Signer,
}

/// The first signer; Doc 9303-10 §4.6.2.2 recommends that there is no other.
#[derive(Debug, Clone)]
struct Signer {
    id: SignerId,
    digest: AlgorithmIdentifier,
    /// What may have been signed: the attributes in the order of transmission, and in that of DER where
    /// it is another.
    attributes: Vec<Vec<u8>>,
    message_digest: Vec<u8>,
    signing_time: Option<Timestamp>,
    algorithm: AlgorithmIdentifier,
    signature: Vec<u8>,
}

/// Who signed, in the signer's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SignerId {
    Issuer { name: Box<Name>, serial: Vec<u8> },
    KeyId(Vec<u8>),
}

impl SignedData {
    /// Parses a ContentInfo in DER or BER.
    pub(super) fn parse(bytes: &[u8]) -> Result<SignedData, DerError> {
        let mut info = only(bytes, tag::SEQUENCE, "ContentInfo")?.inside();
        if info.expect(tag::OID, "contentType")?.oid("contentType")? != SIGNED_DATA {
            return Err(Problem::Content.within("contentType"));
        }
        let wrapped = info.expect(tag::context(0), "content")?;
        let mut parts = wrapped.inside().expect(tag::SEQUENCE, "SignedData")?.inside();
        parts.expect(tag::INTEGER, "version")?;
        parts.expect(tag::SET, "digestAlgorithms")?;
        let mut encapsulated = parts.expect(tag::SEQUENCE, "encapContentInfo")?.inside();
        let content_type = encapsulated.expect(tag::OID, "eContentType")?.oid("eContentType")?;
        let content = encapsulated.expect(tag::context(0), "eContent")?;
        let content = content.inside().any("eContent")?.octets("eContent")?.into_owned();
        let certificates = match parts.optional(tag::context(0), "certificates")? {
            Some(set) => read_certificates(set)?,
            None => Vec::new(),
        };
        parts.optional(tag::context(1), "crls")?;
        let signer = parts.expect(tag::SET, "signerInfos")?.inside().expect(tag::SEQUENCE, "SignerInfo")?;
        let signer = Signer::read(signer, &content_type)?;
        Ok(SignedData { content_type, content, certificates, signer })
    }

    /// When it was signed, by the signer's own clock, where the signer says so.
    pub fn signing_time(&self) -> Option<Timestamp> {
        self.signer.signing_time
    }

    /// Algorithm of the signature in words, or its identifier when it is not accepted.
    pub fn algorithm(&self) -> String {
        match self.scheme() {
            Ok(scheme) => scheme.to_string(),
            Err(_) => self.signer.algorithm.oid.clone(),
        }
    }

    /// Whether the signer named this certificate. Names are compared by meaning.
    pub(super) fn names(&self, certificate: &Certificate) -> bool {
        match &self.signer.id {
            SignerId::Issuer { name, serial } => {
                certificate.serial() == serial && certificate.issuer().key() == name.key()
            }
            SignerId::KeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }

    /// The signer's own words for who signed.
    pub(super) fn signer_id(&self) -> &SignerId {
        &self.signer.id
    }

    /// Whether the signed digest is that of the content.
    pub(super) fn digest_is_right(&self) -> Result<bool, AlgorithmError> {
        Ok(self.signer.digest.digest()?.matches(&self.content, &self.signer.message_digest))
    }

    /// Whether the signature is by this certificate's key. Some signers sign the attributes in the order
    /// of transmission, as others demand the order of DER; both are their own words, so both are good.
    pub(super) fn is_signed_by(&self, certificate: &Certificate) -> Result<bool, AlgorithmError> {
        let scheme = self.scheme()?;
        for attributes in &self.signer.attributes {
            if scheme.verifies(certificate.key(), attributes, &self.signer.signature)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn scheme(&self) -> Result<Scheme, AlgorithmError> {
        self.signer.algorithm.scheme(self.signer.digest.digest().ok())
    }
}

fn read_certificates(set: Tlv<'_>) -> Result<Vec<Certificate>, DerError> {
    let mut found = Vec::new();
    let mut set = set.inside();
    for _ in 0..MAX_CERTIFICATES {
        if set.is_empty() {
            return Ok(found);
        }
        // One that cannot be read is as good as absent: whether another one fits is for the key to say.
        found.extend(Certificate::parse(set.any("certificate")?.raw).ok());
    }
    Err(Problem::Length.within("certificates"))
}

impl Signer {
    fn read(info: Tlv<'_>, content_type: &str) -> Result<Signer, DerError> {
        let mut parts = info.inside();
        parts.expect(tag::INTEGER, "version")?;
        let id = SignerId::read(&mut parts)?;
        let digest = parts.expect(tag::SEQUENCE, "digestAlgorithm")?;
        let digest = AlgorithmIdentifier::read(digest, "digestAlgorithm")?;
        let signed = parts.expect(tag::context(0), "signedAttrs")?;
        let algorithm = parts.expect(tag::SEQUENCE, "signatureAlgorithm")?;
        let algorithm = AlgorithmIdentifier::read(algorithm, "signatureAlgorithm")?;
        let signature = parts.any("signature")?.octets("signature")?.into_owned();
        let attributes = Attributes::read(signed)?;
        if attributes.content_type.as_deref() != Some(content_type) {
            return Err(Problem::Content.within("contentType attribute"));
        }
        let message_digest =
            attributes.message_digest.ok_or(Problem::Truncated.within("messageDigest attribute"))?;
        let mut signed = vec![distinguished(signed, 0x31, "signedAttrs")?, attributes.sorted];
        signed.dedup();
        Ok(Signer {
            id,
            digest,
            attributes: signed,
            message_digest,
            signing_time: attributes.signing_time,
            algorithm,
            signature,
        })
    }
}

impl SignerId {
    fn read(parts: &mut Reader<'_>) -> Result<SignerId, DerError> {
        if let Some(id) = parts.optional(tag::plain(0), "subjectKeyIdentifier")? {
            return Ok(SignerId::KeyId(id.value.to_vec()));
        }
        let mut pair = parts.expect(tag::SEQUENCE, "issuerAndSerialNumber")?.inside();
        let name = Name::read(pair.expect(tag::SEQUENCE, "signer's issuer")?, "signer's issuer")?;
        let serial = magnitude(pair.expect(tag::INTEGER, "signer's serial number")?.value).to_vec();
        Ok(SignerId::Issuer { name: Box::new(name), serial })
    }
}

/// The signed attributes that matter here.
#[derive(Default)]
struct Attributes {
    content_type: Option<String>,
    message_digest: Option<Vec<u8>>,
    signing_time: Option<Timestamp>,
    /// All attributes as SET OF in the order of DER.
    sorted: Vec<u8>,
}

impl Attributes {
    fn read(set: Tlv<'_>) -> Result<Attributes, DerError> {
        const FIELD: &str = "signedAttrs";
        let mut found = Attributes::default();
        let mut encoded = Vec::new();
        let mut set = set.inside();
        while !set.is_empty() {
            let attribute = set.expect(tag::SEQUENCE, FIELD)?;
            encoded.push(distinguished(attribute, 0x30, FIELD)?);
            if encoded.len() > MAX_ATTRIBUTES {
                return Err(Problem::Length.within(FIELD));
            }
            found.take(attribute)?;
        }
        encoded.sort();
        let joined = encoded.concat();
        let whole = Tlv { tag: tag::SET, value: &joined, raw: &joined };
        found.sorted = distinguished(whole, 0x31, FIELD)?;
        Ok(found)
    }

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
