//! Passive authentication: security object, signer, data groups. TR-03135-1 §5.6.4.2 to §5.6.4.4.2.
//!
//! In go EF.SOD, the data groups that were read, the [`TrustStore`] and the time; out comes one check for
//! each clause, whatever the input. A check that rests on an unverified thing is never successful: it
//! says by the reason of that thing why not.

use super::examine::SignerInfo;
use super::finding::{Finding, Note};
use super::judgement::{Judgement, judge, resting_on};
use super::profile;
use super::security_object::SecurityObject;
use super::store::TrustStore;
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::chip::files::parse_dg1;
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
    /// What is odd about the security object and its certificates without making them wrong.
    pub findings: Vec<Note>,
    /// EF.SOD, where it could be read. Only as good as `signature` says.
    pub security_object: Option<SecurityObject>,
    /// How old the store was by which all this was found, and since when.
    pub store: StoreAge,
    pub(super) judgement: Judgement,
}

/// The age of the trust store that a result rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct StoreAge {
    /// When its content was current.
    pub as_of: Timestamp,
    /// Whole days since then.
    pub days: i64,
    /// Older than its rules allow.
    pub too_old: bool,
}

impl StoreAge {
    pub(super) fn of(store: &TrustStore, now: Timestamp) -> StoreAge {
        StoreAge {
            as_of: store.as_of(),
            days: store.age(now).as_hours() / 24,
            too_old: store.is_too_old(now),
        }
    }
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

/// Authenticates the data groups that were read, by their numbers.
pub fn authenticate(
    sod: &[u8],
    groups: &BTreeMap<u8, &[u8]>,
    store: &TrustStore,
    now: Timestamp,
) -> PassiveAuthentication {
    let age = StoreAge::of(store, now);
    let object = match SecurityObject::parse(sod) {
        Ok(object) => object,
        Err(error) => {
            let mut unread = PassiveAuthentication::undetermined(Reason::SecurityObjectMalformed, age);
            let signature = Check::failed(CheckId::SecurityObjectSignature, Reason::SecurityObjectMalformed);
            unread.signature = signature.with_detail(error.to_string());
            return unread;
        }
    };
    let zone = groups.get(&1).and_then(|dg1| parse_dg1(dg1).ok());
    let zone = zone.as_ref().map(|zone| (zone.document_code.as_str(), zone.document_number.as_str()));
    let judgement = judge(&object.signed, store, zone, now);
    let states = group_states(&object, groups);
    let mut findings = judgement.findings.clone();
    findings.extend(object_findings(&object));
    let signer = judgement.signer.as_ref().map(|certificate| SignerInfo {
        country: certificate.issuer().country().unwrap_or_default(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        algorithm: judgement.algorithm.clone(),
    });
    PassiveAuthentication {
        signature: judgement.signature.clone(),
        chain: judgement.chain.clone(),
        validity: judgement.validity.clone(),
        revocation: judgement.revocation.clone(),
        integrity: resting_on(integrity(&states), &judgement.signature),
        groups: states,
        signer,
        findings,
        security_object: Some(object),
        store: age,
        judgement,
    }
}

impl PassiveAuthentication {
    /// Nothing could be found out, for this reason.
    pub(super) fn undetermined(reason: Reason, store: StoreAge) -> PassiveAuthentication {
        let judgement = Judgement::undetermined(reason);
        PassiveAuthentication {
            signature: judgement.signature.clone(),
            chain: judgement.chain.clone(),
            validity: judgement.validity.clone(),
            revocation: judgement.revocation.clone(),
            integrity: Check::undetermined(CheckId::DataGroupIntegrity, reason),
            groups: BTreeMap::new(),
            signer: None,
            findings: Vec::new(),
            security_object: None,
            store,
            judgement,
        }
    }

    /// Whether this one data group is the one that was signed.
    pub fn group(&self, number: u8) -> Check {
        let id = CheckId::DataGroupIntegrity;
        let state = self.groups.get(&number).copied().unwrap_or(GroupState::Present);
        resting_on(group_check(id, state, number), &self.signature)
    }

    /// Whether a list of data groups that is signed says that the document has this one. `None` when
    /// nothing signed says anything.
    pub(super) fn lists(&self, number: u8) -> Option<bool> {
        (self.signature.result == CheckResult::Successful).then(|| {
            let object = self.security_object.as_ref();
            object.is_some_and(|object| object.hashes().contains_key(&number))
        })
    }
}

/// What is odd about the content, beside the envelope.
fn object_findings(object: &SecurityObject) -> Vec<Note> {
    let weak = object.digest().ok().and_then(profile::weak_digest);
    let odd: [Option<Finding>; 3] = [
        object.has_other_type().then_some(Finding::ContentTypeOther),
        (object.has_version_info() != (object.version() == 1)).then_some(Finding::VersionInfo),
        weak,
    ];
    odd.into_iter().flatten().map(|finding| Note::new(finding, "hashes of data groups")).collect()
}

fn group_check(id: CheckId, state: GroupState, number: u8) -> Check {
    let reasons: Vec<Reason> = state.reason().into_iter().collect();
    let detail = state.reason().map(|_| format!("DG{number}"));
    Check { id, result: state.result(), reasons, detail }
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
        let new: Vec<Reason> =
            check.reasons.into_iter().filter(|reason| !whole.reasons.contains(reason)).collect();
        whole.reasons.extend(new);
        details.extend(check.detail);
    }
    match details.is_empty() {
        true => whole,
        false => whole.with_detail(details.join(", ")),
    }
}
