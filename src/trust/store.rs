//! What the lane trusts: country signing certificates and revocation lists.

use super::certificate::Certificate;
use super::der::DerError;
use super::master_list::{MasterList, MasterListError};
use super::material::TrustMaterial;
use super::revocation::RevocationList;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet};

/// Certificates with one key or one name that are tried at most, so that a look-up stays bounded.
const MAX_CANDIDATES: usize = 64;
/// Longest row of link certificates from a self-signed one.
const MAX_LINKS: usize = 8;

/// Certificates found by key identifier or by the meaning of their name.
#[derive(Debug, Default, Clone)]
pub(super) struct Directory {
    certificates: Vec<Certificate>,
    by_key_id: HashMap<Vec<u8>, Vec<usize>>,
    by_subject: HashMap<String, Vec<usize>>,
}

impl Directory {
    pub(super) fn insert(&mut self, certificate: Certificate) {
        let place = self.certificates.len();
        if let Some(id) = certificate.subject_key_id() {
            self.by_key_id.entry(id.to_vec()).or_default().push(place);
        }
        self.by_subject.entry(certificate.subject().key().to_owned()).or_default().push(place);
        self.certificates.push(certificate);
    }

    fn at(&self, places: Option<&Vec<usize>>) -> impl Iterator<Item = &Certificate> {
        places.into_iter().flatten().take(MAX_CANDIDATES).filter_map(|place| self.certificates.get(*place))
    }

    pub(super) fn with_key_id(&self, id: Option<&[u8]>) -> impl Iterator<Item = &Certificate> {
        self.at(id.and_then(|id| self.by_key_id.get(id)))
    }

    pub(super) fn with_subject(&self, key: &str) -> impl Iterator<Item = &Certificate> {
        self.at(self.by_subject.get(key))
    }

    /// Whose key may have signed this certificate: by its authority key identifier, then by name.
    pub(super) fn issuers<'a>(
        &'a self,
        certificate: &'a Certificate,
    ) -> impl Iterator<Item = &'a Certificate> {
        self.with_key_id(certificate.authority_key_id()).chain(self.with_subject(certificate.issuer().key()))
    }

    /// Whether a key in here has signed this certificate.
    pub(super) fn vouches_for(&self, certificate: &Certificate) -> bool {
        self.issuers(certificate).any(|issuer| certificate.is_signed_by(issuer).unwrap_or(false))
    }
}

/// What the lane trusts. Built from bytes by [`TrustStore::builder`]; looking a signer up does not depend
/// on its size. It never changes: a newer store replaces it whole.
#[derive(Debug, Default, Clone)]
pub struct TrustStore {
    authorities: Directory,
    /// Document signers that are known but must still chain to an authority.
    signers: Vec<Certificate>,
    signers_by_issuer: HashMap<(String, Vec<u8>), usize>,
    signers_by_key_id: HashMap<Vec<u8>, usize>,
    /// Verified revocation lists by issuer, newest first.
    revocations: HashMap<String, Vec<RevocationList>>,
    as_of: Timestamp,
    refused: Vec<Refusal>,
}

/// Something that was handed to the builder and is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Subject of the certificate or issuer of the revocation list.
    pub what: String,
    /// Why.
    pub why: &'static str,
}

impl TrustStore {
    /// An empty store to fill.
    pub fn builder() -> TrustStoreBuilder {
        TrustStoreBuilder::default()
    }

    /// When its content was current, by whoever built it.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// How old it is.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.as_of)
    }

    /// Number of country certificates that are trusted.
    pub fn authorities(&self) -> usize {
        self.authorities.certificates.len()
    }

    /// Number of revocation lists that verify.
    pub fn revocation_lists(&self) -> usize {
        self.revocations.values().map(Vec::len).sum()
    }

    /// What was handed in and is not trusted.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.authorities
    }

    pub(super) fn signer_of_issuer(&self, issuer: &str, serial: &[u8]) -> Option<&Certificate> {
        let place = self.signers_by_issuer.get(&(issuer.to_owned(), serial.to_vec()))?;
        self.signers.get(*place)
    }

    pub(super) fn signer_with_key_id(&self, id: &[u8]) -> Option<&Certificate> {
        self.signers.get(*self.signers_by_key_id.get(id)?)
    }

    pub(super) fn revocations(&self, certificate: &Certificate) -> &[RevocationList] {
        self.revocations.get(certificate.issuer().key()).map_or(&[], Vec::as_slice)
    }
}

/// Fills a [`TrustStore`], in any order; what verifies is found out at the end.
#[derive(Debug, Default)]
pub struct TrustStoreBuilder {
    certificates: Vec<Certificate>,
    seen: HashSet<Vec<u8>>,
    revocations: Vec<RevocationList>,
}

impl TrustStoreBuilder {
    /// Adds a certificate that the operator trusts. A country signing certificate becomes an authority,
    /// a link certificate too if an authority has signed it; any other is kept as a document signer that
    /// must still chain to an authority.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_certificate_der(&mut self, bytes: &[u8]) -> Result<(), DerError> {
        self.add(Certificate::parse(bytes)?);
        Ok(())
    }

    /// Adds all certificates of a master list that one of `roots` vouches for.
    ///
    /// # Errors
    /// When the list cannot be read or does not verify; then nothing of it is added.
    pub fn add_master_list(&mut self, bytes: &[u8], roots: &[Certificate]) -> Result<(), MasterListError> {
        self.add_list(&MasterList::parse(bytes)?, roots)
    }

    /// Adds a revocation list; it counts if an authority of that name has signed it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn add_crl_der(&mut self, bytes: &[u8]) -> Result<(), DerError> {
        self.revocations.push(RevocationList::parse(bytes)?);
        Ok(())
    }

    /// Adds whatever a file held, as the three others do.
    ///
    /// # Errors
    /// When it is a master list that does not verify.
    pub fn add_material(
        &mut self,
        material: TrustMaterial,
        roots: &[Certificate],
    ) -> Result<(), MasterListError> {
        match material {
            TrustMaterial::Certificates(all) => all.into_iter().for_each(|certificate| self.add(certificate)),
            TrustMaterial::RevocationList(list) => self.revocations.push(*list),
            TrustMaterial::MasterList(list) => self.add_list(&list, roots)?,
        }
        Ok(())
    }

    fn add_list(&mut self, list: &MasterList, roots: &[Certificate]) -> Result<(), MasterListError> {
        list.verify(roots)?;
        list.certificates().iter().for_each(|certificate| self.add(certificate.clone()));
        Ok(())
    }

    fn add(&mut self, certificate: Certificate) {
        if self.seen.insert(certificate.der().to_vec()) {
            self.certificates.push(certificate);
        }
    }

    /// Verifies everything against each other. `as_of` is when the content was current.
    pub fn build(self, as_of: Timestamp) -> TrustStore {
        let mut store = TrustStore { as_of, ..TrustStore::default() };
        let (authorities, signers): (Vec<_>, Vec<_>) =
            self.certificates.into_iter().partition(Certificate::is_authority);
        let (roots, mut links): (Vec<_>, Vec<_>) =
            authorities.into_iter().partition(|c| c.is_signed_by(c).unwrap_or(false));
        roots.into_iter().for_each(|root| store.authorities.insert(root));
        for _ in 0..MAX_LINKS {
            let (good, rest): (Vec<_>, Vec<_>) =
                links.into_iter().partition(|link| store.authorities.vouches_for(link));
            links = rest;
            if good.is_empty() {
                break;
            }
            good.into_iter().for_each(|link| store.authorities.insert(link));
        }
        store.refused.extend(links.iter().map(|link| Refusal {
            what: link.subject().to_string(),
            why: "neither its own key nor that of a trusted country certificate has signed it",
        }));
        signers.into_iter().for_each(|signer| store.insert_signer(signer));
        self.revocations.into_iter().for_each(|list| store.insert_revocations(list));
        store
            .revocations
            .values_mut()
            .for_each(|lists| lists.sort_by_key(|l| std::cmp::Reverse(l.this_update())));
        store
    }
}

impl TrustStore {
    fn insert_signer(&mut self, signer: Certificate) {
        let place = self.signers.len();
        let name = (signer.issuer().key().to_owned(), signer.serial().to_vec());
        self.signers_by_issuer.insert(name, place);
        if let Some(id) = signer.subject_key_id() {
            self.signers_by_key_id.insert(id.to_vec(), place);
        }
        self.signers.push(signer);
    }

    fn insert_revocations(&mut self, list: RevocationList) {
        let issuer = list.issuer().key().to_owned();
        let verified = self.authorities.with_subject(&issuer).any(|a| list.is_signed_by(a).unwrap_or(false));
        if verified {
            self.revocations.entry(issuer).or_default().push(list);
        } else {
            let what = format!("revocation list of {}", list.issuer());
            self.refused.push(Refusal { what, why: "no trusted country certificate has signed it" });
        }
    }
}
