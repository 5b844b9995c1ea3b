//! Known defects of documents that are genuine all the same, TR-03135-1 §5.8.2.
//!
//! Two kinds of signed list tell of them: the defect lists of BSI TR-03129-2 §7, in which one country tells
//! its inspection systems about the signers of all countries, and the deviation lists of Doc 9303-12 §10, in
//! which an issuing state tells of its own documents. Both become [`KnownDefect`]s: which documents are
//! concerned, and the [`Finding`] that they then have. What a finding changes is decided where it is used.

use super::certificate::Certificate;
use super::cms::{SignedData, SignedDataError};
use super::der::{DerError, Problem, Tlv, only, tag};
use super::finding::{Finding, Note};
use super::signature::{AlgorithmIdentifier, Digest};
use super::signer::SignerId;
use super::{defect_list, deviation_list};
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;

/// Entries of one list at most.
const MAX_ENTRIES: usize = 1_000_000;

/// A parsed list of defects or deviations. Nothing in it is verified by parsing.
#[derive(Debug, Clone)]
pub struct DefectList {
    kind: Kind,
    signed: SignedData,
    defects: Vec<KnownDefect>,
}

/// Whose words a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One country's on the documents of all: BSI TR-03129-2.
    Defects,
    /// An issuing state's on its own documents: Doc 9303-12 §10.
    Deviations,
}

/// One defect of a series of documents.
#[derive(Debug, Clone)]
pub(super) struct KnownDefect {
    pub(super) documents: Documents,
    pub(super) finding: Finding,
    /// A data group, a field, the list's own words.
    pub(super) about: String,
    /// Status code with which a signer is withdrawn, TR-03135-1 table 5.54.
    pub(super) status: Option<u32>,
}

/// Which documents are concerned: all that is stated must fit.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    pub(super) signer: Option<SignerId>,
    pub(super) signer_digest: Option<(AlgorithmIdentifier, Vec<u8>)>,
    /// As in the zone, without fillers.
    pub(super) kind: Option<String>,
    pub(super) issued: Option<(Timestamp, Timestamp)>,
    /// As in the zone, without fillers.
    pub(super) numbers: Option<Arc<HashSet<String>>>,
}

/// A document of which it is asked whether it is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inquiry<'a> {
    pub(super) signer: &'a Certificate,
    /// Document code and number of DG1, where it was read.
    pub(super) zone: Option<(&'a str, &'a str)>,
    pub(super) signed_at: Option<Timestamp>,
}

/// Why a list of defects is none, or is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefectListError {
    /// A field cannot be read.
    #[error("the list of defects cannot be read: {0}")]
    Field(#[from] DerError),
    /// Some other signed content.
    #[error("content of type {0} is no list of defects or deviations")]
    ContentType(String),
    /// The envelope does not hold.
    #[error("the list of defects: {0}")]
    Envelope(#[from] SignedDataError),
    /// The signer's key is for something else.
    #[error("the certificate of the list's signer is not for signing such lists")]
    SignerPurpose,
    /// Nobody trusted vouches for the signer.
    #[error("no trusted country certificate has signed the certificate of the list's signer")]
    SignerUntrusted,
}

impl DefectList {
    /// Parses a defect list or a deviation list: CMS SignedData in DER or BER.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(bytes: &[u8]) -> Result<DefectList, DefectListError> {
        let signed = SignedData::parse(bytes)?;
        let content = only(&signed.content, tag::SEQUENCE, "list of defects");
        let (kind, defects) = match signed.content_type.as_str() {
            defect_list::CONTENT_TYPE => (Kind::Defects, defect_list::read(content?)?),
            deviation_list::CONTENT_TYPE => (Kind::Deviations, deviation_list::read(content?)?),
            other => return Err(DefectListError::ContentType(other.to_owned())),
        };
        Ok(DefectList { kind, signed, defects })
    }

    /// Defects in it.
    pub fn entries(&self) -> usize {
        self.defects.len()
    }

    /// Country of its signer, where it names one.
    pub fn country(&self) -> Option<String> {
        self.signed.certificates.first().and_then(|certificate| certificate.issuer().country())
    }

    /// When it was issued, where it says so.
    pub fn issued(&self) -> Option<Timestamp> {
        self.signed.signing_time()
    }

    /// The defects, and the country whose documents they may speak of: its own, or all.
    ///
    /// A defect list may speak of everybody, so only a root that the operator laid in can vouch for its
    /// signer; a deviation list may be vouched for by any trusted certificate of the signer's country.
    pub(super) fn verified<'a>(
        self,
        roots: impl Iterator<Item = &'a Certificate>,
        issuers: impl Fn(&Certificate) -> Vec<&'a Certificate>,
    ) -> Result<(Option<String>, Vec<KnownDefect>), DefectListError> {
        let signer = self.signed.signed_by([])?;
        let by = |issuer: &Certificate| signer.is_signed_by(issuer).unwrap_or(false);
        let (fit, vouched) = match self.kind {
            // A certificate without a stated purpose is one for documents.
            Kind::Defects => (!signer.is_document_signer(), roots.into_iter().any(by)),
            Kind::Deviations => (signer.is_deviation_list_signer(), issuers(signer).into_iter().any(by)),
        };
        if !fit {
            return Err(DefectListError::SignerPurpose);
        }
        if !vouched {
            return Err(DefectListError::SignerUntrusted);
        }
        let country = match self.kind {
            Kind::Defects => None,
            Kind::Deviations => Some(signer.issuer().country().unwrap_or_default()),
        };
        Ok((country, self.defects))
    }
}

impl Documents {
    /// Whether this document is among them. What is asked for and not known of the document excludes it,
    /// but for the day of issue, which few documents tell.
    pub(super) fn include(&self, document: &Inquiry<'_>) -> bool {
        let signer = self.signer.as_ref().is_none_or(|id| id.is_of(document.signer));
        let digest = self.signer_digest.as_ref().is_none_or(|(algorithm, expected)| {
            algorithm.digest().is_ok_and(|digest: Digest| digest.matches(document.signer.der(), expected))
        });
        let kind = self.kind.as_ref().is_none_or(|kind| document.zone.is_some_and(|(code, _)| code == kind));
        let number =
            self.numbers.as_ref().is_none_or(|all| document.zone.is_some_and(|(_, n)| all.contains(n)));
        let issued = self
            .issued
            .is_none_or(|(first, last)| document.signed_at.is_none_or(|at| first <= at && at <= last));
        signer && digest && kind && number && issued
    }
}

impl KnownDefect {
    pub(super) fn note(&self) -> Note {
        Note::new(self.finding, self.about.clone())
    }
}

/// Each value of a SET OF, at most [`MAX_ENTRIES`].
pub(super) fn each<'a>(
    set: Tlv<'a>,
    field: &'static str,
    mut read: impl FnMut(Tlv<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    let mut values = set.inside();
    for _ in 0..MAX_ENTRIES {
        if values.is_empty() {
            return Ok(());
        }
        read(values.any(field)?)?;
    }
    if values.is_empty() { Ok(()) } else { Err(Problem::Length.within(field)) }
}

/// Text of a list in its own words, cut to what an officer can read.
pub(super) fn words(bytes: &[u8]) -> String {
    const MOST: usize = 200;
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MOST).collect()
}
