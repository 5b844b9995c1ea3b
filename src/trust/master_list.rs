//! Master lists: country certificates that one authority vouches for, Doc 9303-12 §9.

use super::certificate::Certificate;
use super::cms::{SignedData, SignedDataError};
use super::der::{DerError, Problem, only, tag};
use super::directory::{Directory, Source};
use super::signature::AlgorithmError;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// eContentType: id-icao-cscaMasterList.
const CONTENT_TYPE: &str = "2.23.136.1.1.2";
/// Certificates that one list may hold at most.
const MAX_CERTIFICATES: usize = 20_000;

/// A parsed list. Nothing in it is verified by parsing.
#[derive(Debug, Clone)]
pub struct MasterList {
    certificates: Vec<Certificate>,
    /// Place in the list, from 1, and why.
    unreadable: Vec<(usize, DerError)>,
    signed: SignedData,
}

/// Why a file is no master list, or one that is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterListError {
    /// A field cannot be read.
    #[error("the master list cannot be read: {0}")]
    Field(#[from] DerError),
    /// Some other signed content.
    #[error("content of type {0} is no master list")]
    ContentType(String),
    /// The list was changed after signing.
    #[error("the signed digest is not that of the list")]
    Digest,
    /// The list's signer cannot be found.
    #[error("the certificate of the list's signer is not there")]
    SignerMissing,
    /// The signature is wrong.
    #[error("the signature of the list is wrong")]
    Signature,
    /// The signer's key is for something else.
    #[error("the certificate of the list's signer is not for signing master lists")]
    SignerPurpose,
    /// Nobody trusted vouches for the signer.
    #[error("no trusted root has signed the certificate of the list's signer")]
    SignerUntrusted,
    /// Algorithm outside the accepted ones.
    #[error("the list's signature: {0}")]
    Algorithm(#[from] AlgorithmError),
}

impl MasterListError {
    /// Whether the list may be whole and genuine all the same: only whom to believe is not known.
    pub fn is_lack_of_trust(&self) -> bool {
        matches!(self, MasterListError::SignerUntrusted | MasterListError::SignerMissing)
    }
}

/// What the certificates of a list are, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// All certificates in the list, readable or not.
    pub certificates: usize,
    /// Self-issued, and their signature verifies with their own key.
    pub self_signed_valid: usize,
    /// Issued by another certificate of the list, and verify with its key.
    pub links_valid: usize,
    /// Verify with no key of the list.
    pub unverified: usize,
    /// Cannot be parsed.
    pub unreadable: usize,
    /// Countries, two letters each.
    pub countries: BTreeSet<String>,
    /// What does not verify or cannot be read, and why.
    pub doubts: Vec<Doubt>,
}

/// One certificate of a list that does not verify by it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Doubt {
    /// Subject; its place in the list where that cannot be read.
    pub what: String,
    /// Why.
    pub why: String,
}

impl MasterList {
    /// Parses a list: CMS SignedData in DER or BER.
    ///
    /// # Errors
    /// When it is none. Single certificates that cannot be read are counted, not refused.
    pub fn parse(bytes: &[u8]) -> Result<MasterList, MasterListError> {
        let signed = SignedData::parse(bytes)?;
        if signed.content_type != CONTENT_TYPE {
            return Err(MasterListError::ContentType(signed.content_type));
        }
        let mut parts = only(&signed.content, tag::SEQUENCE, "CscaMasterList")?.inside();
        parts.expect(tag::INTEGER, "version")?;
        let mut set = parts.expect(tag::SET, "certList")?.inside();
        let (mut certificates, mut unreadable) = (Vec::new(), Vec::new());
        while !set.is_empty() {
            match Certificate::parse(set.any("certificate")?.raw) {
                Ok(certificate) => certificates.push(certificate),
                Err(error) => unreadable.push((certificates.len() + unreadable.len() + 1, error)),
            }
            if certificates.len() + unreadable.len() > MAX_CERTIFICATES {
                return Err(Problem::Length.within("certList").into());
            }
        }
        Ok(MasterList { certificates, unreadable, signed })
    }

    /// The country certificates in it, none verified.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The country certificates in it, none verified.
    pub(super) fn into_certificates(self) -> Vec<Certificate> {
        self.certificates
    }

    /// When it was issued, where it says so. As good as its signature.
    pub fn issued(&self) -> Option<Timestamp> {
        self.signed.signing_time()
    }

    /// Certificates that came along to verify the list itself, none verified.
    pub fn envelope_certificates(&self) -> &[Certificate] {
        &self.signed.certificates
    }

    /// The signature of the list, and that its signer's certificate is for that and is a root or signed
    /// by one.
    /// Gives the signer's certificate.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn verify<'a>(&'a self, roots: &'a [Certificate]) -> Result<&'a Certificate, MasterListError> {
        let signer = self.signed.signed_by(roots).map_err(|error| match error {
            SignedDataError::Digest => MasterListError::Digest,
            SignedDataError::SignerMissing => MasterListError::SignerMissing,
            SignedDataError::Signature => MasterListError::Signature,
            SignedDataError::Algorithm(error) => MasterListError::Algorithm(error),
        })?;
        if !signer.is_master_list_signer() {
            return Err(MasterListError::SignerPurpose);
        }
        let vouched = roots.iter().any(|root| {
            root.der() == signer.der()
                || (root.subject().key() == signer.issuer().key()
                    && signer.is_signed_by(root).unwrap_or(false))
        });
        if vouched { Ok(signer) } else { Err(MasterListError::SignerUntrusted) }
    }

    /// Verifies every certificate of the list against its own key or another of the list.
    pub fn survey(&self) -> Survey {
        let mut survey = Survey {
            certificates: self.certificates.len() + self.unreadable.len(),
            unreadable: self.unreadable.len(),
            ..Survey::default()
        };
        survey.doubts.extend(
            self.unreadable
                .iter()
                .map(|(place, error)| Doubt { what: format!("certificate {place}"), why: error.to_string() }),
        );
        let mut directory = Directory::default();
        self.certificates
            .iter()
            .for_each(|certificate| directory.insert(certificate.clone(), Source::Operator));
        for certificate in &self.certificates {
            survey.countries.extend(certificate.subject().country());
            if certificate.is_signed_by(certificate).unwrap_or(false) {
                survey.self_signed_valid += 1;
            } else if directory.vouches_for(certificate) {
                survey.links_valid += 1;
            } else {
                survey.unverified += 1;
                let (what, why) = (certificate.subject().to_string(), directory.doubt(certificate));
                survey.doubts.push(Doubt { what, why });
            }
        }
        survey
    }
}
