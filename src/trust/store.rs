//! What the lane trusts: country certificates, revocation lists, known defects, and the operator's rules.
//!
//! It never changes: a newer store replaces it whole. Looking anything up does not depend on its size. What
//! costs cryptography and is not needed to start (whether a country certificate is sound, whether a
//! revocation list is its country's) is found out when it is first relied on, and remembered.

use super::certificate::Certificate;
use super::directory::Directory;
use super::finding::{Finding, Note};
use super::known_defects::{Inquiry, KnownDefect};
use super::revocation::RevocationList;
use super::rules::TrustRules;
use super::store_builder::TrustStoreBuilder;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::OnceLock;

/// What the lane trusts. Built from bytes by [`TrustStore::builder`].
#[derive(Debug, Default, Clone)]
pub struct TrustStore {
    pub(super) authorities: Directory,
    /// Document signers that are known but must still chain to an authority.
    pub(super) signers: Signers,
    pub(super) revocations: HashMap<String, Vec<Revocations>>,
    /// By the country whose documents are concerned; those of every country under the empty name.
    pub(super) defects: HashMap<String, Vec<KnownDefect>>,
    pub(super) rules: TrustRules,
    pub(super) as_of: Timestamp,
    pub(super) refused: Vec<Refusal>,
}

/// Something that was handed to the builder and is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Subject of the certificate, issuer of the list, or name of the file.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether it was changed or is malformed: an update that holds it is bad as a whole. Otherwise only
    /// nobody vouches for it.
    pub broken: bool,
}

/// A revocation list, and whether its country has signed it.
#[derive(Debug, Clone)]
pub(super) struct Revocations {
    list: RevocationList,
    verified: OnceLock<bool>,
}

impl Revocations {
    pub(super) fn new(list: RevocationList) -> Revocations {
        Revocations { list, verified: OnceLock::new() }
    }
}

/// Document signers by issuer and serial number, and by key identifier.
#[derive(Debug, Default, Clone)]
pub(super) struct Signers {
    all: Vec<Certificate>,
    by_issuer: HashMap<(String, Vec<u8>), usize>,
    by_key_id: HashMap<Vec<u8>, usize>,
}

impl Signers {
    pub(super) fn insert(&mut self, signer: Certificate) {
        let place = self.all.len();
        self.by_issuer.insert((signer.issuer().key().to_owned(), signer.serial().to_vec()), place);
        if let Some(id) = signer.subject_key_id() {
            self.by_key_id.insert(id.to_vec(), place);
        }
        self.all.push(signer);
    }

    pub(super) fn of_issuer(&self, issuer: &str, serial: &[u8]) -> Option<&Certificate> {
        self.all.get(*self.by_issuer.get(&(issuer.to_owned(), serial.to_vec()))?)
    }

    pub(super) fn with_key_id(&self, id: &[u8]) -> Option<&Certificate> {
        self.all.get(*self.by_key_id.get(id)?)
    }
}

impl TrustStore {
    /// An empty store to fill.
    pub fn builder() -> TrustStoreBuilder {
        TrustStoreBuilder::default()
    }

    /// When its content was current: the day of issue of its youngest verified list, or when it was
    /// brought in where no list in it tells.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// How old it is.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.as_of)
    }

    /// Whether it is older than its rules allow: then what rests on it is undetermined.
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        self.age(now) > SignedDuration::from_hours(24 * i64::from(self.rules.oldest_days))
    }

    /// The operator's rules.
    pub fn rules(&self) -> &TrustRules {
        &self.rules
    }

    /// Number of country certificates in it.
    pub fn authorities(&self) -> usize {
        self.authorities.len()
    }

    /// Number of document signers in it. None is trusted for being in it.
    pub fn signers(&self) -> usize {
        self.signers.all.len()
    }

    /// Number of revocation lists that verify.
    pub fn revocation_lists(&self) -> usize {
        self.revocations.values().flatten().filter(|revocations| self.verified(revocations)).count()
    }

    /// Number of known defects and deviations.
    pub fn known_defects(&self) -> usize {
        self.defects.values().map(Vec::len).sum()
    }

    /// What was handed in and is not trusted. Verifies everything that was not verified so far.
    pub fn refused(&self) -> Vec<Refusal> {
        let unsound = self.authorities.unsound().map(|certificate| Refusal {
            what: certificate.subject().to_string(),
            why: "neither its own key nor that of a trusted country certificate has signed it".into(),
            broken: certificate.claims_to_be_root(),
        });
        let foreign = self.revocations.values().flatten().filter(|revocations| !self.verified(revocations));
        let foreign = foreign.map(|revocations| Refusal {
            what: format!("revocation list of {}", revocations.list.issuer()),
            why: "no trusted country certificate has signed it".into(),
            broken: false,
        });
        self.refused.iter().cloned().chain(unsound).chain(foreign).collect()
    }

    /// Verified revocation lists of the certificate's issuer, newest first.
    pub(super) fn revocations(&self, certificate: &Certificate) -> Vec<&RevocationList> {
        let lists = self.revocations.get(certificate.issuer().key()).map_or(&[][..], Vec::as_slice);
        lists.iter().filter(|list| self.verified(list)).map(|revocations| &revocations.list).collect()
    }

    fn verified(&self, revocations: &Revocations) -> bool {
        let list = &revocations.list;
        *revocations.verified.get_or_init(|| {
            let mut issuers = self.authorities.with_subject(list.issuer().key());
            issuers.any(|issuer| list.is_signed_by(issuer).unwrap_or(false))
        })
    }

    /// When the youngest list that verifies was issued, of those before `now`.
    pub(super) fn youngest_revocations(&self, now: Timestamp) -> Option<Timestamp> {
        let mut all: Vec<&Revocations> = self.revocations.values().flatten().collect();
        all.retain(|revocations| revocations.list.this_update() <= now);
        all.sort_by_key(|revocations| std::cmp::Reverse(revocations.list.this_update()));
        all.into_iter().find(|list| self.verified(list)).map(|revocations| revocations.list.this_update())
    }

    /// What is known of documents like this one; and with which status a defect list withdraws its signer.
    pub(super) fn defects_of(&self, document: &Inquiry<'_>) -> (Vec<Note>, Option<u32>) {
        let country = document.signer.issuer().country().unwrap_or_default();
        let own = self.defects.get(&country).filter(|_| !country.is_empty());
        let everybodys = self.defects.get("");
        let known = everybodys.into_iter().chain(own).flatten();
        let (mut notes, mut withdrawn) = (Vec::new(), None);
        for defect in known.filter(|defect| defect.documents.include(document)) {
            if defect.finding == Finding::SignerWithdrawn {
                withdrawn = withdrawn.or(Some(defect.status.unwrap_or(0)));
            }
            notes.push(defect.note());
        }
        (notes, withdrawn)
    }
}
