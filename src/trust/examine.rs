//! From the files of a chip to checks.

use super::TrustStore;
use super::authenticity::authenticity;
use super::card_security::CardSecurity;
use super::combined::{ChipZone, document_expiry, mrz_against_chip};
use super::finding::{Finding, Note};
use super::judgement::resting_on;
use super::passive::{PassiveAuthentication, StoreAge, authenticate};
use super::report::{self, Combined, Electronic};
use super::rules::TrustRules;
use super::state::same_state;
use super::tree::Node;
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::chip::{ChipError, ChipReading, FileError, FileId};
use crate::document::Mrz;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a document once the chip was read, or could not be.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The printed lines.
    pub printed: &'a Mrz,
    /// The chip's files, or why there are none.
    pub chip: Result<&'a ChipReading, &'a ChipError>,
    /// Trusted certificates and revocation lists.
    pub store: &'a TrustStore,
    /// Now, by the lane's clock.
    pub now: Timestamp,
}

/// What the checks of the document found. Every check of the document side is in `checks` exactly once.
#[derive(Debug, Clone)]
pub struct Examination {
    /// [`Examination::CHECKS`], in that order.
    pub checks: Vec<Check>,
    /// DG1, where it could be read. Only as good as its checks say.
    pub chip_mrz: Option<Mrz>,
    /// The signer, where it could be read: country, subject, issuer, algorithm.
    pub signer: Option<SignerInfo>,
    /// What is odd about the document without making it wrong.
    pub findings: Vec<Note>,
    /// How old the trust store was by which all this was found.
    pub store: StoreAge,
    /// All of it as TR-03135-1 §5.2 lists it.
    pub tree: Node,
}

impl Examination {
    /// What every examination holds, whatever the input. The portrait is for the face engine to check.
    pub const CHECKS: [CheckId; 12] = [
        CheckId::MrzConsistency,
        CheckId::ChipAccess,
        CheckId::ChipAuthenticity,
        CheckId::SecurityObjectSignature,
        CheckId::SignerChain,
        CheckId::SignerValidity,
        CheckId::SignerRevocation,
        CheckId::DataGroupIntegrity,
        CheckId::ComAgainstSecurityObject,
        CheckId::IssuingState,
        CheckId::DocumentExpiry,
        CheckId::MrzAgainstChip,
    ];
}

/// The document signer, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SignerInfo {
    /// Country (C) of the signer's issuer, upper case, two letters.
    pub country: String,
    /// Subject, RFC 4514 style.
    pub subject: String,
    /// Issuer, RFC 4514 style.
    pub issuer: String,
    /// Signature algorithm in words.
    pub algorithm: String,
}

/// Makes every check of the document side. Total: it never fails, and nothing unverified is successful.
pub fn examine(evidence: &Evidence<'_>) -> Examination {
    let today = evidence.now.to_zoned(TimeZone::UTC).date();
    let consistency = Check { id: CheckId::MrzConsistency, ..evidence.printed.consistency.clone() };
    let reading = match evidence.chip {
        Ok(reading) => reading,
        Err(error) => return without_chip(evidence, consistency, error, today),
    };
    let passive = authenticate_reading(reading, evidence.store, evidence.now);
    let card_security = reading.files.get(&FileId::CardSecurity);
    let card_security = card_security.map(|file| CardSecurity::judge(file, evidence.store, evidence.now));
    let authenticity = authenticity(reading, &passive, card_security.as_ref());
    let chip_mrz = ChipZone { authentic: passive.group(1), zone: reading.mrz() };
    let access = Check::successful(CheckId::ChipAccess);
    let com = com_against_security_object(reading, &passive);
    let issuing_state = issuing_state(&chip_mrz, &passive, evidence.store.rules());
    let expiry = document_expiry(evidence.printed, chip_mrz.read().ok(), today);
    let (against_chip, elements) = mrz_against_chip(evidence.printed, &chip_mrz);
    let electronic = Electronic {
        access: &access,
        protocol: &reading.access,
        authenticity: &authenticity,
        passive: &passive,
        card_security: card_security.as_ref(),
        com: &com,
        issuing_state: &issuing_state,
    };
    let combined = Combined { expiry: &expiry, against_chip: &against_chip, elements: &elements };
    let tree = report::document(&consistency, Ok(electronic), &combined);
    let checks = vec![
        consistency,
        access,
        authenticity.check,
        passive.signature,
        told_with_age(passive.chain, passive.store),
        passive.validity,
        passive.revocation,
        passive.integrity,
        com,
        issuing_state,
        expiry,
        against_chip,
    ];
    Examination {
        checks,
        chip_mrz: chip_mrz.zone.ok(),
        signer: passive.signer,
        findings: passive.findings,
        store: passive.store,
        tree,
    }
}

/// A chain that is good says by how old a store.
fn told_with_age(chain: Check, store: StoreAge) -> Check {
    match chain.result {
        CheckResult::Successful => chain.with_detail(format!(
            "trust store of {}, {} days old",
            store.as_of.strftime("%F"),
            store.days
        )),
        _ => chain,
    }
}

/// The chip could not be read: what rests on it was never begun.
fn without_chip(evidence: &Evidence<'_>, consistency: Check, error: &ChipError, today: Date) -> Examination {
    let (access, reason) = chip_access(error);
    let expiry = document_expiry(evidence.printed, None, today);
    let against_chip = Check::aborted(CheckId::MrzAgainstChip, reason);
    let combined = Combined { expiry: &expiry, against_chip: &against_chip, elements: &[] };
    let tree = report::document(&consistency, Err(&access), &combined);
    let checks = Examination::CHECKS
        .into_iter()
        .map(|id| match id {
            CheckId::MrzConsistency => consistency.clone(),
            CheckId::ChipAccess => access.clone(),
            CheckId::DocumentExpiry => expiry.clone(),
            other => Check::aborted(other, reason),
        })
        .collect();
    let store = StoreAge::of(evidence.store, evidence.now);
    Examination { checks, chip_mrz: None, signer: None, findings: Vec::new(), store, tree }
}

/// TR-03135-1 §5.6.3.1.
fn chip_access(error: &ChipError) -> (Check, Reason) {
    let id = CheckId::ChipAccess;
    let reason = error.reason();
    let check = match error {
        ChipError::NoApplication(_) | ChipError::AccessDenied(_) => Check::failed(id, reason),
        _ => Check::aborted(id, reason),
    };
    (check.with_detail(error.to_string()), reason)
}

fn authenticate_reading(reading: &ChipReading, store: &TrustStore, now: Timestamp) -> PassiveAuthentication {
    let groups: BTreeMap<u8, &[u8]> = reading
        .files
        .iter()
        .filter_map(|(id, content)| match id {
            FileId::Dg(number) => Some((*number, content.as_slice())),
            _ => None,
        })
        .collect();
    match reading.files.get(&FileId::Sod) {
        Some(sod) => authenticate(sod, &groups, store, now),
        None => PassiveAuthentication::undetermined(Reason::ChipFileMissing, StoreAge::of(store, now)),
    }
}

/// §5.6.4.4.1.
fn com_against_security_object(reading: &ChipReading, passive: &PassiveAuthentication) -> Check {
    let id = CheckId::ComAgainstSecurityObject;
    let com = match reading.com() {
        Ok(com) => com,
        Err(FileError::Missing { .. }) => return Check::not_supported(id, Reason::ChipFileMissing),
        Err(error) => return Check::aborted(id, Reason::ChipFileMalformed).with_detail(error.to_string()),
    };
    let Some(object) = &passive.security_object else {
        let reason = passive.signature.reasons.first().copied().unwrap_or(Reason::SecurityObjectMalformed);
        return Check::aborted(id, reason);
    };
    let signed: BTreeSet<u8> = object.hashes().keys().copied().collect();
    let listed: BTreeSet<u8> = com.data_groups.iter().copied().collect();
    let unknown = com.unknown_tags.iter().map(|tag| format!("tag {tag:02X}"));
    let odd = signed.symmetric_difference(&listed).map(|n| format!("DG{n}"));
    let odd: Vec<String> = odd.chain(unknown).collect();
    match odd.is_empty() {
        true => resting_on(Check::successful(id), &passive.signature),
        false if passive.findings.iter().any(|note| note.finding == Finding::DeviationComList) => {
            // §5.8.2.2.3: known of this series, and still no reason to believe EF.COM.
            Check::undetermined(id, Reason::ComDisagrees).with_detail(odd.join(", "))
        }
        false => Check::failed(id, Reason::ComDisagrees).with_detail(odd.join(", ")),
    }
}

/// §5.6.4.5: issuing state of DG1 against the country of the signer's issuer.
fn issuing_state(chip: &ChipZone, passive: &PassiveAuthentication, rules: &TrustRules) -> Check {
    let id = CheckId::IssuingState;
    let state = match chip.read() {
        Ok(zone) => &zone.issuing_state,
        Err(reason) => return Check::aborted(id, reason).with_detail("DG1"),
    };
    let Some(signer) = &passive.signer else { return resting_on(Check::successful(id), &passive.chain) };
    let detail = format!("{state} and {}", signer.country);
    let same = match rules.signs_for(&signer.country, state) {
        true => Some(true),
        false => same_state(state, &signer.country),
    };
    match same {
        Some(true) => {
            let by_signer = resting_on(Check::successful(id), &passive.chain);
            resting_on(resting_on(by_signer, &passive.signature), &chip.authentic)
        }
        Some(false) => Check::failed(id, Reason::IssuingStateDisagrees).with_detail(detail),
        None => Check::undetermined(id, Reason::IssuingStateDisagrees)
            .with_detail(format!("no assignment is known for {detail}")),
    }
}
