//! Country certificates, found by key identifier or by name in a time that does not depend on their number.
//!
//! Putting a certificate in costs no cryptography. Whether one is *sound* (signed by its own key, or by that
//! of a sound one, or vouched for by a verified list) is found out when it is first relied on, and
//! remembered. [`Directory::unsound`] asks it of all, for an operator who wants to know.

use super::certificate::Certificate;
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// Certificates with one key or one name that are tried at most, so that a look-up stays bounded.
const MAX_CANDIDATES: usize = 64;
/// Certificates that are visited on the way from a link certificate to a self-signed one at most.
const MAX_VISITED: usize = 64;

/// Why a certificate is trusted, once it is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The operator laid it in.
    Operator,
    /// A verified master list holds it.
    List,
}

/// Certificates found by key identifier or by the meaning of their name.
#[derive(Debug, Default, Clone)]
pub(super) struct Directory {
    entries: Vec<Entry>,
    by_key_id: HashMap<Vec<u8>, Vec<usize>>,
    by_subject: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone)]
struct Entry {
    certificate: Certificate,
    source: Source,
    sound: OnceLock<bool>,
}

impl Directory {
    pub(super) fn insert(&mut self, certificate: Certificate, source: Source) {
        let place = self.entries.len();
        if let Some(id) = certificate.subject_key_id() {
            self.by_key_id.entry(id.to_vec()).or_default().push(place);
        }
        self.by_subject.entry(certificate.subject().key().to_owned()).or_default().push(place);
        self.entries.push(Entry { certificate, source, sound: OnceLock::new() });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sound certificates whose key may have signed this one: by its authority key identifier, then by name.
    pub(super) fn issuers<'a>(&'a self, certificate: &Certificate) -> impl Iterator<Item = &'a Certificate> {
        self.places(certificate)
            .into_iter()
            .filter(|place| self.is_sound(*place))
            .filter_map(|place| self.entries.get(place).map(|entry| &entry.certificate))
    }

    /// Sound certificates of this name.
    pub(super) fn with_subject(&self, key: &str) -> impl Iterator<Item = &Certificate> {
        let places = self.by_subject.get(key).into_iter().flatten().take(MAX_CANDIDATES);
        places
            .filter(|place| self.is_sound(**place))
            .filter_map(|place| self.entries.get(*place).map(|entry| &entry.certificate))
    }

    /// Certificates that are not trusted although they are in here.
    pub(super) fn unsound(&self) -> impl Iterator<Item = &Certificate> {
        let places = (0..self.entries.len()).filter(|place| !self.is_sound(*place));
        places.filter_map(|place| self.entries.get(place).map(|entry| &entry.certificate))
    }

    /// Whether a key in here, sound or not, has signed this certificate.
    pub(super) fn vouches_for(&self, certificate: &Certificate) -> bool {
        let mut issuers = self.places(certificate).into_iter().filter_map(|place| self.entries.get(place));
        issuers.any(|issuer| signed(certificate, &issuer.certificate))
    }

    /// Why no key in here has signed this certificate, in words.
    pub(super) fn doubt(&self, certificate: &Certificate) -> String {
        let places = self.places(certificate);
        let issuers: Vec<_> = places.into_iter().filter_map(|place| self.entries.get(place)).collect();
        let tried: Vec<_> =
            issuers.iter().map(|issuer| certificate.is_signed_by(&issuer.certificate)).collect();
        let refused = tried.iter().all(Result::is_err).then(|| tried.iter().find_map(|t| t.as_ref().err()));
        match (refused.flatten(), issuers.is_empty()) {
            (Some(error), _) => error.to_string(),
            (None, true) => format!("no certificate of {} is in the list", certificate.issuer()),
            (None, false) => "no key of its issuer that is in the list has signed it".to_owned(),
        }
    }

    /// Each place once, those of the key identifier first.
    fn places(&self, certificate: &Certificate) -> Vec<usize> {
        let by_key = certificate.authority_key_id().and_then(|id| self.by_key_id.get(id));
        let by_name = self.by_subject.get(certificate.issuer().key());
        let all = by_key.into_iter().flatten().chain(by_name.into_iter().flatten());
        let mut found = Vec::new();
        for place in all.take(MAX_CANDIDATES) {
            if !found.contains(place) {
                found.push(*place);
            }
        }
        found
    }

    fn is_sound(&self, place: usize) -> bool {
        let Some(entry) = self.entries.get(place) else { return false };
        *entry.sound.get_or_init(|| self.found_sound(place))
    }

    /// Goes up from issuer to issuer, along signatures that verify, to one that stands by itself.
    fn found_sound(&self, start: usize) -> bool {
        let (mut waiting, mut visited) = (vec![start], HashSet::new());
        while let Some(place) = waiting.pop() {
            let Some(entry) = self.entries.get(place) else { continue };
            if !visited.insert(place) || visited.len() > MAX_VISITED {
                continue;
            }
            if entry.stands_by_itself() {
                return true;
            }
            let issuers = self.places(&entry.certificate).into_iter().filter(|issuer| {
                let issuer = self.entries.get(*issuer);
                issuer.is_some_and(|issuer| signed(&entry.certificate, &issuer.certificate))
            });
            waiting.extend(issuers);
        }
        false
    }
}

impl Entry {
    /// Signed by its own key. One of a verified list that does not claim to be is a link certificate, for
    /// which the list itself vouches (TR-03135-1 §5.6.4.3.3).
    fn stands_by_itself(&self) -> bool {
        if self.source == Source::List && !self.certificate.claims_to_be_root() {
            return true;
        }
        self.certificate.is_self_issued() && signed(&self.certificate, &self.certificate)
    }
}

fn signed(certificate: &Certificate, issuer: &Certificate) -> bool {
    certificate.is_signed_by(issuer).unwrap_or(false)
}
