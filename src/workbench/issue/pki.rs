//! Test PKI of one country, Doc 9303-12 §7: country signing CA with its successor, signers, revocation list.

use super::algorithm::SignatureAlgorithm;
use super::certificate::{Content, Purpose, certificate, in_days, name, revocation_list};
use super::seed::Seed;
use super::signing::SigningKey;
use anyhow::Result;
use jiff::Timestamp;

/// Length of a year in certificates, days.
const YEAR: i64 = 365;
/// How long a revocation list counts, days. Doc 9303-12 §7.3 wants a new one at least every 90.
pub const REVOCATION_LIST_DAYS: i64 = 90;

/// Of whom the PKI is, and when.
#[derive(Clone)]
pub(super) struct State {
    /// Three letters as in the machine readable zone.
    pub(super) alpha3: String,
    /// Two letters as in certificates.
    pub(super) alpha2: String,
    pub(super) now: Timestamp,
    pub(super) seed: Seed,
}

/// Days from now, from and to which something is valid.
pub(super) type Days = [i64; 2];

/// A country signing CA.
#[derive(Clone)]
pub(super) struct Authority {
    state: State,
    key: SigningKey,
    pub(super) name: Vec<u8>,
    pub(super) certificate: Vec<u8>,
}

/// A signer of documents or lists, with the name of who issued its certificate.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) key: SigningKey,
    pub(super) serial: u32,
    pub(super) issuer: Vec<u8>,
    pub(super) certificate: Vec<u8>,
}

impl Authority {
    /// How long an authority is valid that was not asked for otherwise.
    pub(super) const VALID: Days = [-5 * YEAR, 10 * YEAR];

    /// Self-signed. Its key follows from seed and label.
    pub(super) fn new(
        state: &State,
        algorithm: SignatureAlgorithm,
        label: &str,
        [from, to]: Days,
    ) -> Result<Authority> {
        let key = SigningKey::generate(algorithm, state.seed.stream(label))?;
        let name = name(&state.alpha2, &format!("CSCA {}", state.alpha2))?;
        let content = Content {
            serial: 1,
            issuer: &name,
            subject: &name,
            state: &state.alpha3,
            not_before: in_days(state.now, from)?,
            not_after: in_days(state.now, to)?,
            purpose: Purpose::Authority,
        };
        let certificate = certificate(&content, &key, &key)?;
        Ok(Authority { state: state.clone(), key, name, certificate })
    }

    /// The certificate by which this authority vouches for its successor's key (Doc 9303-12 §4.2.1).
    pub(super) fn link_to(&self, successor: &Authority, serial: u32) -> Result<Vec<u8>> {
        let content = Content {
            serial,
            issuer: &self.name,
            subject: &successor.name,
            state: &self.state.alpha3,
            not_before: in_days(self.state.now, -YEAR)?,
            not_after: in_days(self.state.now, Self::VALID[1])?,
            purpose: Purpose::Authority,
        };
        certificate(&content, &successor.key, &self.key)
    }

    /// A signer of its own key.
    pub(super) fn signer(
        &self,
        algorithm: SignatureAlgorithm,
        purpose: Purpose,
        serial: u32,
        [from, to]: Days,
    ) -> Result<Signer> {
        let common = match purpose {
            Purpose::MasterLists => "Master List Signer",
            Purpose::DeviationLists => "Deviation List Signer",
            Purpose::Documents | Purpose::Authority => "Document Signer",
        };
        let subject = name(&self.state.alpha2, &format!("{common} {serial}"))?;
        let key = SigningKey::generate(algorithm, self.state.seed.stream(&format!("signer {serial}")))?;
        let content = Content {
            serial,
            issuer: &self.name,
            subject: &subject,
            state: &self.state.alpha3,
            not_before: in_days(self.state.now, from)?,
            not_after: in_days(self.state.now, to)?,
            purpose,
        };
        let certificate = certificate(&content, &key, &self.key)?;
        Ok(Signer { key, serial, issuer: self.name.clone(), certificate })
    }

    /// The list of revoked serial numbers, issued a day before now.
    pub(super) fn revocation_list(&self, revoked: &[u32]) -> Result<Vec<u8>> {
        let yesterday = in_days(self.state.now, -1)?;
        let next = in_days(yesterday, REVOCATION_LIST_DAYS)?;
        revocation_list(&self.key, &self.name, revoked, [yesterday, next])
    }
}

impl Signer {
    /// How long a signer is valid that was not asked for otherwise: a passport's ten years, and the one
    /// before in which it signs.
    pub(super) const VALID: Days = [-YEAR, 10 * YEAR];
}
