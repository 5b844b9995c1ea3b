//! CMS SignedData, RFC 5652 §5: the envelope of security objects, master lists and defect lists.
//!
//! Parsed here rather than by the crypto library because the reasons must be exact: a wrong digest, a
//! wrong signature, a missing certificate and an unknown algorithm are four different findings.

use super::certificate::Certificate;
use super::der::{DerError, Problem, Tlv, distinguished, only, tag};
use super::finding::Finding;
use super::signature::{AlgorithmError, AlgorithmIdentifier};
use super::signer::Signer;
use jiff::Timestamp;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// Version of SignedData in Doc 9303-10 §4.6.2.2.
const VERSION: u32 = 3;
/// Certificates that one envelope may carry at most.
const MAX_CERTIFICATES: usize = 32;
/// Signers that one envelope may have at most; Doc 9303-10 §4.6.2.2 recommends that there is one.
const MAX_SIGNERS: usize = 8;
/// Digest algorithms that one envelope may announce at most.
const MAX_DIGESTS: usize = 16;
/// Longest envelope whose encoding is looked at for more than reading it, bytes.
const MAX_REENCODED: usize = 1 << 20;

/// A parsed envelope. Nothing in it is verified by parsing.
#[derive(Debug, Clone)]
pub struct SignedData {
    pub(super) content_type: String,
    pub(super) content: Vec<u8>,
    /// Certificates that came along and can be read.
    pub(super) certificates: Vec<Certificate>,
    /// At least one.
    pub(super) signers: Vec<Signer>,
    /// What is odd about the envelope itself.
    pub(super) oddities: Vec<Finding>,
}

impl SignedData {
    /// Parses a ContentInfo in DER or BER.
    pub(super) fn parse(bytes: &[u8]) -> Result<SignedData, DerError> {
        let whole = only(bytes, tag::SEQUENCE, "ContentInfo")?;
        let mut info = whole.inside();
        if info.expect(tag::OID, "contentType")?.oid("contentType")? != SIGNED_DATA {
            return Err(Problem::Content.within("contentType"));
        }
        let wrapped = info.expect(tag::context(0), "content")?;
        let mut parts = wrapped.inside().expect(tag::SEQUENCE, "SignedData")?.inside();
        let version = parts.expect(tag::INTEGER, "version")?.small("version")?;
        let digests = read_digests(parts.expect(tag::SET, "digestAlgorithms")?)?;
        let mut encapsulated = parts.expect(tag::SEQUENCE, "encapContentInfo")?.inside();
        let content_type = encapsulated.expect(tag::OID, "eContentType")?.oid("eContentType")?;
        let content = encapsulated.expect(tag::context(0), "eContent")?;
        let content = content.inside().any("eContent")?.octets("eContent")?.into_owned();
        let (certificates, unreadable) = match parts.optional(tag::context(0), "certificates")? {
            Some(set) => read_certificates(set)?,
            None => (Vec::new(), 0),
        };
        let revocations = parts.optional(tag::context(1), "crls")?.is_some();
        let signers = read_signers(parts.expect(tag::SET, "signerInfos")?, &content_type)?;
        let announced = signers.iter().all(|signer| digests.contains(&signer.digest.oid));
        let oddities = [
            (version != VERSION, Finding::EnvelopeVersion),
            (signers.len() > 1, Finding::SeveralSigners),
            (!is_distinguished(whole), Finding::NotDistinguished),
            (!announced, Finding::DigestNotAnnounced),
            (revocations, Finding::RevocationsEnclosed),
            (unreadable > 0, Finding::CertificateUnreadable),
        ];
        let oddities = oddities.into_iter().filter_map(|(odd, finding)| odd.then_some(finding)).collect();
        Ok(SignedData { content_type, content, certificates, signers, oddities })
    }

    /// Certificates that came along and can be read. None is verified.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// When it was signed, by the first signer's own clock, where the signer says so.
    pub fn signing_time(&self) -> Option<Timestamp> {
        self.signers.iter().find_map(Signer::signing_time)
    }

    /// The certificate among these, and then among those in the envelope, with which the first signer that
    /// fits signed this very content. For lists, of which all or nothing is believed.
    pub(super) fn signed_by<'a>(
        &'a self,
        known: impl IntoIterator<Item = &'a Certificate>,
    ) -> Result<&'a Certificate, SignedDataError> {
        let known: Vec<&Certificate> = known.into_iter().collect();
        let mut first = Err(SignedDataError::SignerMissing);
        for signer in &self.signers {
            let found = self.signed_by_one(signer, &known);
            if found.is_ok() || first == Err(SignedDataError::SignerMissing) {
                first = found;
            }
            if first.is_ok() {
                break;
            }
        }
        first
    }

    fn signed_by_one<'a>(
        &'a self,
        signer: &Signer,
        known: &[&'a Certificate],
    ) -> Result<&'a Certificate, SignedDataError> {
        if !signer.digest_is_right(&self.content)? {
            return Err(SignedDataError::Digest);
        }
        let all = self.certificates.iter().chain(known.iter().copied());
        let mut named = all.filter(|certificate| signer.names(certificate)).peekable();
        if named.peek().is_none() {
            return Err(SignedDataError::SignerMissing);
        }
        for certificate in named {
            if signer.is_signed_by(certificate)?.is_some() {
                return Ok(certificate);
            }
        }
        Err(SignedDataError::Signature)
    }
}

/// Why an envelope is not signed by any certificate at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedDataError {
    /// The content was changed after signing.
    #[error("the signed digest is not that of the content")]
    Digest,
    /// The signer's certificate cannot be found.
    #[error("the signer's certificate is not there")]
    SignerMissing,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// Algorithm outside the accepted ones.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
}

/// Whether lengths are definite and as short as can be, as DER wants. Long lists are not looked at.
fn is_distinguished(whole: Tlv<'_>) -> bool {
    let tag = whole.raw.first().copied().unwrap_or_default();
    whole.raw.len() > MAX_REENCODED
        || distinguished(whole, tag, "envelope").is_ok_and(|encoded| encoded == whole.raw)
}

fn read_digests(set: Tlv<'_>) -> Result<Vec<String>, DerError> {
    const FIELD: &str = "digestAlgorithms";
    let mut found = Vec::new();
    let mut set = set.inside();
    while !set.is_empty() {
        found.push(AlgorithmIdentifier::read(set.expect(tag::SEQUENCE, FIELD)?, FIELD)?.oid);
        if found.len() > MAX_DIGESTS {
            return Err(Problem::Length.within(FIELD));
        }
    }
    Ok(found)
}

/// The certificates, and how many cannot be read. One that cannot is as good as absent: whether another
/// one fits is for the key to say.
fn read_certificates(set: Tlv<'_>) -> Result<(Vec<Certificate>, usize), DerError> {
    let (mut found, mut unreadable) = (Vec::new(), 0);
    let mut set = set.inside();
    for _ in 0..MAX_CERTIFICATES {
        if set.is_empty() {
            return Ok((found, unreadable));
        }
        match Certificate::parse(set.any("certificate")?.raw) {
            Ok(certificate) => found.push(certificate),
            Err(_) => unreadable += 1,
        }
    }
    Err(Problem::Length.within("certificates"))
}

fn read_signers(set: Tlv<'_>, content_type: &str) -> Result<Vec<Signer>, DerError> {
    let mut set = set.inside();
    let mut found = vec![Signer::read(set.expect(tag::SEQUENCE, "SignerInfo")?, content_type)?];
    while !set.is_empty() {
        found.push(Signer::read(set.expect(tag::SEQUENCE, "SignerInfo")?, content_type)?);
        if found.len() > MAX_SIGNERS {
            return Err(Problem::Length.within("signerInfos"));
        }
    }
    Ok(found)
}
