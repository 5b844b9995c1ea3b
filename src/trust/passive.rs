//! Passive authentication: security object, signer, data groups. TR-03135-1 §5.6.4.2 to §5.6.4.4.2.
//!
//! In go EF.SOD, the data groups that were read, the [`TrustStore`] and the time; out comes one check for
//! each clause, whatever the input. A check that rests on an unverified thing is never successful: it
//! says by the reason of that thing why not.

use super::certificate::Certificate;
use super::cms::{SignedData, SignerId};
use super::examine::SignerInfo;
use super::security_object::SecurityObject;
use super::store::TrustStore;
use crate::check::{Check, CheckId, CheckResult, Reason};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Data groups that must have been read, TR-03135-1 §5.6.4.4.2.
const REQUIRED_GROUPS: [u8; 2] = [1, 2];

/// What passive authentication found.
#[derive(Debug, Clone)]
pub struct PassiveAuthentication {
    /// [`CheckId::SecurityObjectSignature`], §5.6.4.2.2.
    pub signature: Check,
    /// [`CheckId::SignerChain`], §5.6.4.3.3.
    pub chain: Check,
    /// [`CheckId::SignerValidity`], §5.6.4.3.4.
    pub validity: Check,
    /// [`CheckId::SignerRevocation`], §5.6.4.3.5.
    pub revocation: Check,
    /// [`CheckId::DataGroupIntegrity`], §5.6.4.4.2.
    pub integrity: Check,
    /// Each data group that was read or is listed.
    pub groups: BTreeMap<u8, GroupState>,
    /// Who signed, where that could be read.
    pub signer: Option<SignerInfo>,
    /// EF.SOD, where it could be read. Only as good as `signature` says.
    pub security_object: Option<SecurityObject>,
}

/// State of one data group, TR-03135-1 table 5.42.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// Read, and its hash is the listed one.
    Identical,
    /// Read, and its hash is another.
    NotIdentical,
    /// Listed and not read.
    Present,
    /// Read, but its hash cannot be computed.
    NonConformance,
    /// Read, but not listed in the security object.
    NotSigned,
}

impl GroupState {
    /// Why this data group is not to be relied on.
    pub fn reason(self) -> Option<Reason> {
        match self {
            GroupState::Identical => None,
            GroupState::NotIdentical => Some(Reason::DataGroupHashWrong),
            GroupState::Present => Some(Reason::ChipFileMissing),
            GroupState::NonConformance => Some(Reason::SecurityObjectAlgorithm),
            GroupState::NotSigned => Some(Reason::DataGroupNotSigned),
        }
    }

    /// As a check by itself.
    pub fn result(self) -> CheckResult {
        match self {
            GroupState::Identical => CheckResult::Successful,
            GroupState::NotIdentical | GroupState::NotSigned => CheckResult::Failed,
            GroupState::Present | GroupState::NonConformance => CheckResult::Undetermined,
        }
    }
}

/// Success only if what it rests on is successful too, otherwise undetermined for the same reasons.
pub(super) fn resting_on(check: Check, ground: &Check) -> Check {
    if check.result != CheckResult::Successful || ground.result == CheckResult::Successful {
        return check;
    }
    let (reasons, detail) = (ground.reasons.clone(), ground.detail.clone());
    Check { id: check.id, result: CheckResult::Undetermined, reasons, detail }
}

/// Authenticates the data groups that were read, by their numbers.
pub fn authenticate(
    sod: &[u8],
    groups: &BTreeMap<u8, &[u8]>,
    store: &TrustStore,
    now: Timestamp,
) -> PassiveAuthentication {
    let object = match SecurityObject::parse(sod) {
        Ok(object) => object,
        Err(error) => {
            let unread = PassiveAuthentication::undetermined(Reason::SecurityObjectMalformed);
            let signature = Check::failed(CheckId::SecurityObjectSignature, Reason::SecurityObjectMalformed);
            return PassiveAuthentication { signature: signature.with_detail(error.to_string()), ..unread };
        }
    };
    let (signature, signer) = signature(&object.signed, store);
    let (chain, authority) = chain(signer, store, now);
    let validity = validity(signer, authority, object.signed.signing_time(), &chain, now);
    let revocation = revocation(signer, &chain, store, now);
    let states = group_states(&object, groups);
    let integrity = resting_on(integrity(&states), &signature);
    let signer = signer.map(|certificate| SignerInfo {
        country: certificate.issuer().country().unwrap_or_default(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        algorithm: object.signed.algorithm(),
    });
    let security_object = Some(object);
    PassiveAuthentication {
        signature,
        chain,
        validity,
        revocation,
        integrity,
        groups: states,
        signer,
        security_object,
    }
}

impl PassiveAuthentication {
    /// Nothing could be found out, for this reason.
    pub(super) fn undetermined(reason: Reason) -> PassiveAuthentication {
        PassiveAuthentication {
            signature: Check::undetermined(CheckId::SecurityObjectSignature, reason),
            chain: Check::undetermined(CheckId::SignerChain, reason),
            validity: Check::undetermined(CheckId::SignerValidity, reason),
            revocation: Check::undetermined(CheckId::SignerRevocation, reason),
            integrity: Check::undetermined(CheckId::DataGroupIntegrity, reason),
            groups: BTreeMap::new(),
            signer: None,
            security_object: None,
        }
    }

    /// Whether this one data group is the one that was signed.
    pub fn group(&self, number: u8) -> Check {
        let id = CheckId::DataGroupIntegrity;
        let state = self.groups.get(&number).copied().unwrap_or(GroupState::Present);
        resting_on(group_check(id, state, number), &self.signature)
    }
}

fn group_check(id: CheckId, state: GroupState, number: u8) -> Check {
    let reasons: Vec<Reason> = state.reason().into_iter().collect();
    let detail = state.reason().map(|_| format!("DG{number}"));
    Check { id, result: state.result(), reasons, detail }
}

/// §5.6.4.2.2: digest and signature; beside the check, the signer's certificate as far as one is known.
fn signature<'a>(signed: &'a SignedData, store: &'a TrustStore) -> (Check, Option<&'a Certificate>) {
    let id = CheckId::SecurityObjectSignature;
    let named = named_certificates(signed, store);
    // A signer that misnames its own certificate is found by the key (DESIGN §5, oddity 8).
    let others = signed.certificates.iter().filter(|c| !signed.names(c));
    let mut refused = None;
    let mut signer = None;
    for certificate in named.iter().copied().chain(others) {
        match signed.is_signed_by(certificate) {
            Ok(true) => {
                signer = Some(certificate);
                break;
            }
            Ok(false) => {}
            Err(error) => refused = Some(error),
        }
    }
    let digest = match signed.digest_is_right() {
        Ok(right) => right,
        Err(error) => {
            let check = Check::undetermined(id, Reason::SecurityObjectAlgorithm);
            return (check.with_detail(error.to_string()), signer.or(named.first().copied()));
        }
    };
    let mut reasons = Vec::new();
    if !digest {
        reasons.push(Reason::SecurityObjectDigestWrong);
    }
    if signer.is_none() && !named.is_empty() && refused.is_none() {
        reasons.push(Reason::SecurityObjectSignatureWrong);
    }
    let check = match (reasons.is_empty(), signer, refused) {
        (false, ..) => Check { id, result: CheckResult::Failed, reasons, detail: None },
        (true, Some(_), _) => Check::successful(id),
        (true, None, Some(error)) => {
            Check::undetermined(id, Reason::SecurityObjectAlgorithm).with_detail(error.to_string())
        }
        (true, None, None) => Check::undetermined(id, Reason::SignerCertificateMissing),
    };
    (check, signer.or(named.first().copied()))
}

/// Certificates that the signer names, from the envelope and from the store.
fn named_certificates<'a>(signed: &'a SignedData, store: &'a TrustStore) -> Vec<&'a Certificate> {
    let known = match signed.signer_id() {
        SignerId::Issuer { name, serial } => store.signer_of_issuer(name.key(), serial),
        SignerId::KeyId(id) => store.signer_with_key_id(id),
    };
    signed.certificates.iter().filter(|c| signed.names(c)).chain(known).collect()
}

/// §5.6.4.3.3: by the authority key identifier, else by name; the countries must agree. Beside the check,
/// the country's certificate, a valid one where there are several with the key.
fn chain<'a>(
    signer: Option<&'a Certificate>,
    store: &'a TrustStore,
    now: Timestamp,
) -> (Check, Option<&'a Certificate>) {
    let id = CheckId::SignerChain;
    let Some(signer) = signer else {
        return (Check::undetermined(id, Reason::SignerCertificateMissing), None);
    };
    if !signer.is_document_signer() {
        let check = Check::failed(id, Reason::SignerUntrusted);
        return (
            check.with_detail("the certificate is kept for another purpose than signing documents"),
            None,
        );
    }
    let country = signer.issuer().country();
    let (mut refused, mut authority): (_, Option<&Certificate>) = (None, None);
    let mut key_id_fits = false;
    for candidate in store.directory().issuers(signer) {
        let foreign = candidate.subject().country().zip(country.clone()).is_some_and(|(a, b)| a != b);
        if foreign {
            continue;
        }
        match signer.is_signed_by(candidate) {
            Ok(true) => {
                if authority.is_none_or(|found| candidate.not_after() > found.not_after()) {
                    authority = Some(candidate);
                }
                if is_valid(candidate, now) {
                    authority = Some(candidate);
                    break;
                }
            }
            Ok(false) => key_id_fits |= candidate.subject_key_id() == signer.authority_key_id(),
            Err(error) => refused = Some(error),
        }
    }
    let check = match (authority, refused) {
        (Some(_), _) => Check::successful(id),
        (None, Some(error)) => {
            Check::undetermined(id, Reason::SecurityObjectAlgorithm).with_detail(error.to_string())
        }
        (None, None) if key_id_fits && signer.authority_key_id().is_some() => {
            Check::failed(id, Reason::SignerSignatureWrong)
        }
        // Found by name only, or not at all: the right key may simply not be at hand.
        (None, None) => {
            Check::undetermined(id, Reason::SignerUntrusted).with_detail(signer.issuer().to_string())
        }
    };
    (check, authority)
}

fn is_valid(certificate: &Certificate, at: Timestamp) -> bool {
    certificate.not_before() <= at && at <= certificate.not_after()
}

/// §5.6.4.3.4: both certificates at the time of checking; the signer's also at signing, where that is known.
fn validity(
    signer: Option<&Certificate>,
    authority: Option<&Certificate>,
    signed_at: Option<Timestamp>,
    chain: &Check,
    now: Timestamp,
) -> Check {
    let id = CheckId::SignerValidity;
    let Some(signer) = signer else { return resting_on(Check::successful(id), chain) };
    let times = [Some(now), signed_at];
    let mut times = times.iter().flatten();
    if times.clone().any(|at| *at < signer.not_before()) {
        return Check::failed(id, Reason::SignerNotYetValid).with_detail(signer.not_before().to_string());
    }
    if times.any(|at| *at > signer.not_after()) {
        return Check::failed(id, Reason::SignerExpired).with_detail(signer.not_after().to_string());
    }
    if let Some(authority) = authority
        && !is_valid(authority, now)
    {
        let check = Check::failed(id, Reason::CountryCertificateExpired);
        return check.with_detail(authority.not_after().to_string());
    }
    resting_on(Check::successful(id), chain)
}

/// §5.6.4.3.5: by the revocation lists of the signer's issuer. A signer once listed stays revoked, even by
/// a list that is out of date; not to be listed counts only in a complete and current one.
fn revocation(signer: Option<&Certificate>, chain: &Check, store: &TrustStore, now: Timestamp) -> Check {
    let id = CheckId::SignerRevocation;
    let Some(signer) = signer else { return resting_on(Check::successful(id), chain) };
    let lists = store.revocations(signer);
    if lists.iter().any(|list| list.lists(signer)) {
        return Check::failed(id, Reason::SignerRevoked);
    }
    if chain.result != CheckResult::Successful {
        return resting_on(Check::successful(id), chain);
    }
    if lists.iter().any(|list| list.is_complete() && list.is_current(now)) {
        return Check::successful(id);
    }
    let detail = if lists.is_empty() { "there is no list" } else { "the list is out of date or partial" };
    Check::undetermined(id, Reason::RevocationUnknown).with_detail(detail)
}

/// State of each data group that was read or is listed.
fn group_states(object: &SecurityObject, groups: &BTreeMap<u8, &[u8]>) -> BTreeMap<u8, GroupState> {
    let listed = object.hashes().keys().map(|number| (*number, GroupState::Present));
    let read = groups.iter().map(|(number, content)| {
        let state = match (object.hashes().get(number), object.digest()) {
            (None, _) => GroupState::NotSigned,
            (Some(_), Err(_)) => GroupState::NonConformance,
            (Some(hash), Ok(digest)) if digest.matches(content, hash) => GroupState::Identical,
            (Some(_), Ok(_)) => GroupState::NotIdentical,
        };
        (*number, state)
    });
    listed.chain(read).collect()
}

/// §5.6.4.4.2: all that were read, and at least those that must be.
fn integrity(states: &BTreeMap<u8, GroupState>) -> Check {
    let id = CheckId::DataGroupIntegrity;
    let missing = |number: &u8| !states.contains_key(number);
    let bad = states
        .iter()
        .filter(|(number, state)| **state != GroupState::Present || REQUIRED_GROUPS.contains(number))
        .map(|(number, state)| group_check(id, *state, *number))
        .chain(
            REQUIRED_GROUPS.iter().filter(|n| missing(n)).map(|n| group_check(id, GroupState::Present, *n)),
        )
        .filter(|check| check.result != CheckResult::Successful);
    let mut whole = Check::successful(id);
    let mut details = Vec::new();
    for check in bad {
        if whole.result != CheckResult::Failed {
            whole.result = check.result;
        }
        whole
            .reasons
            .extend(check.reasons.iter().filter(|r| !whole.reasons.contains(r)).copied().collect::<Vec<_>>());
        details.extend(check.detail);
    }
    if !details.is_empty() {
        whole.detail = Some(details.join(", "));
    }
    whole
}
