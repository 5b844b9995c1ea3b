//! Certificate revocation lists of country signing CAs, Doc 9303-12 §7.3, RFC 5280 §5.

use super::certificate::{Certificate, Extensions, Signed, time};
use super::der::{DerError, Problem, magnitude, tag};
use super::name::Name;
use super::signature::{AlgorithmError, AlgorithmIdentifier};
use jiff::Timestamp;
use std::collections::HashSet;

/// Entries that one list may have at most.
const MAX_ENTRIES: usize = 1_000_000;

/// A parsed list.
#[derive(Debug, Clone)]
pub struct RevocationList {
    signed: Signed,
    issuer: Name,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    revoked: HashSet<Vec<u8>>,
    extensions: Extensions,
}

impl RevocationList {
    /// Parses one list in DER.
    ///
    /// # Errors
    /// When a field that every list has cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<RevocationList, DerError> {
        let (signed, content) = Signed::read(bytes, "CertificateList")?;
        let mut parts = content.inside();
        parts.optional(tag::INTEGER, "version")?;
        let inner = AlgorithmIdentifier::read(parts.expect(tag::SEQUENCE, "signature")?, "signature")?;
        if inner.oid != signed.algorithm.oid {
            return Err(Problem::Content.within("signatureAlgorithm"));
        }
        let issuer = Name::read(parts.expect(tag::SEQUENCE, "issuer")?, "issuer")?;
        let this_update = time(parts.any("thisUpdate")?, "thisUpdate")?;
        let next_update = match parts.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => {
                Some(time(parts.any("nextUpdate")?, "nextUpdate")?)
            }
            _ => None,
        };
        let mut revoked = HashSet::new();
        if let Some(list) = parts.optional(tag::SEQUENCE, "revokedCertificates")? {
            let mut list = list.inside();
            while !list.is_empty() {
                let mut entry = list.expect(tag::SEQUENCE, "revokedCertificate")?.inside();
                revoked.insert(magnitude(entry.expect(tag::INTEGER, "userCertificate")?.value).to_vec());
                if revoked.len() > MAX_ENTRIES {
                    return Err(Problem::Length.within("revokedCertificates"));
                }
            }
        }
        let extensions = match parts.optional(tag::context(0), "crlExtensions")? {
            Some(list) => Extensions::read(list.inside().expect(tag::SEQUENCE, "crlExtensions")?)?,
            None => Extensions::default(),
        };
        Ok(RevocationList { signed, issuer, this_update, next_update, revoked, extensions })
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// When it was issued.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// Covers all certificates of its issuer: has no critical extension that narrows it (partial, delta
    /// or indirect lists). Only then does absence from it say anything.
    pub fn is_complete(&self) -> bool {
        !self.extensions.unknown_critical
    }

    /// Issued before `now` and not yet due for replacement.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.this_update <= now && self.next_update.is_some_and(|next| now <= next)
    }

    /// When it is due for replacement.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// Whether it lists this certificate, which must be of the same issuer.
    pub fn lists(&self, certificate: &Certificate) -> bool {
        self.issuer.key() == certificate.issuer().key() && self.revoked.contains(certificate.serial())
    }

    /// Whether it is signed by this key.
    ///
    /// # Errors
    /// When the algorithm or key is not accepted.
    pub fn is_signed_by(&self, issuer: &Certificate) -> Result<bool, AlgorithmError> {
        self.signed.verifies(issuer)
    }
}
