//! From the files of a chip to checks.

use super::TrustStore;
use super::passive::{PassiveAuthentication, authenticate, resting_on};
use super::state::same_state;
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
        Err(error) => return without_chip(consistency, error, evidence.printed, today),
    };
    let passive = authenticate_reading(reading, evidence.store, evidence.now);
    let chip_mrz = ChipZone { authentic: passive.group(1), zone: reading.mrz() };
    let checks = vec![
        consistency,
        Check::successful(CheckId::ChipAccess),
        chip_authenticity(&passive),
        passive.signature.clone(),
        passive.chain.clone(),
        passive.validity.clone(),
        passive.revocation.clone(),
        passive.integrity.clone(),
        com_against_security_object(reading, &passive),
        issuing_state(&chip_mrz, &passive),
        document_expiry(evidence.printed, chip_mrz.read().ok(), today),
        mrz_against_chip(evidence.printed, &chip_mrz),
    ];
    Examination { checks, chip_mrz: chip_mrz.zone.ok(), signer: passive.signer }
}

/// The chip could not be read: what rests on it was never begun.
fn without_chip(consistency: Check, error: &ChipError, printed: &Mrz, today: Date) -> Examination {
    let (access, reason) = chip_access(error);
    let checks = Examination::CHECKS
        .into_iter()
        .map(|id| match id {
            CheckId::MrzConsistency => consistency.clone(),
            CheckId::ChipAccess => access.clone(),
            CheckId::DocumentExpiry => document_expiry(printed, None, today),
            other => Check::aborted(other, reason),
        })
        .collect();
    Examination { checks, chip_mrz: None, signer: None }
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
        None => PassiveAuthentication::undetermined(Reason::ChipFileMissing),
    }
}

/// §5.6.4.1. Only a signed list of data groups can say that the chip has no key to prove itself with.
fn chip_authenticity(passive: &PassiveAuthentication) -> Check {
    let id = CheckId::ChipAuthenticity;
    let offers_none = passive.signature.result == CheckResult::Successful
        && [14, 15].iter().all(|group| !passive.groups.contains_key(group));
    match offers_none {
        true => Check::not_supported(id, Reason::ChipAuthenticationNotOffered),
        false => Check::undetermined(id, Reason::ChipAuthenticationNotChecked),
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
        false => Check::failed(id, Reason::ComDisagrees).with_detail(odd.join(", ")),
    }
}

/// DG1 with what is known of its authenticity.
struct ChipZone {
    /// Whether DG1 is the one that was signed.
    authentic: Check,
    zone: Result<Mrz, FileError>,
}

impl ChipZone {
    fn read(&self) -> Result<&Mrz, Reason> {
        match &self.zone {
            Ok(zone) => Ok(zone),
            Err(FileError::Missing { .. }) => Err(Reason::ChipFileMissing),
            Err(_) => Err(Reason::ChipFileMalformed),
        }
    }
}

/// §5.6.4.5: issuing state of DG1 against the country of the signer's issuer.
fn issuing_state(chip: &ChipZone, passive: &PassiveAuthentication) -> Check {
    let id = CheckId::IssuingState;
    let state = match chip.read() {
        Ok(zone) => &zone.issuing_state,
        Err(reason) => return Check::aborted(id, reason).with_detail("DG1"),
    };
    let Some(signer) = &passive.signer else { return resting_on(Check::successful(id), &passive.chain) };
    let detail = format!("{state} and {}", signer.country);
    match same_state(state, &signer.country) {
        Some(true) => {
            let by_signer = resting_on(Check::successful(id), &passive.chain);
            resting_on(resting_on(by_signer, &passive.signature), &chip.authentic)
        }
        Some(false) => Check::failed(id, Reason::IssuingStateDisagrees).with_detail(detail),
        None => Check::undetermined(id, Reason::IssuingStateDisagrees)
            .with_detail(format!("no assignment is known for {detail}")),
    }
}

/// §5.7.1, by the printed lines and by DG1: the earlier date counts. A document is good on its last day;
/// days are those of UTC.
fn document_expiry(printed: &Mrz, chip: Option<&Mrz>, today: Date) -> Check {
    let id = CheckId::DocumentExpiry;
    let mut earliest: Option<Date> = None;
    for zone in [Some(printed), chip].into_iter().flatten() {
        let Some(date) = zone.date_of_expiry.expiry(today) else {
            return Check::undetermined(id, Reason::ExpiryUnreadable);
        };
        earliest = Some(earliest.map_or(date, |other| other.min(date)));
    }
    match earliest {
        Some(date) if date >= today => Check::successful(id),
        Some(date) => Check::failed(id, Reason::DocumentExpired).with_detail(date.to_string()),
        None => Check::undetermined(id, Reason::ExpiryUnreadable),
    }
}

/// §5.7.2: element by element.
fn mrz_against_chip(printed: &Mrz, chip: &ChipZone) -> Check {
    let id = CheckId::MrzAgainstChip;
    let zone = match chip.read() {
        Ok(zone) => zone,
        Err(reason) => return Check::aborted(id, reason).with_detail("DG1"),
    };
    let elements = [
        ("document code", printed.document_code == zone.document_code),
        ("issuing state", printed.issuing_state == zone.issuing_state),
        ("surname", printed.surname == zone.surname),
        ("given names", printed.given_names == zone.given_names),
        ("document number", printed.document_number == zone.document_number),
        ("nationality", printed.nationality == zone.nationality),
        ("date of birth", same_birth(printed.date_of_birth.0, zone.date_of_birth.0)),
        ("sex", printed.sex == zone.sex),
        ("date of expiry", printed.date_of_expiry == zone.date_of_expiry),
    ];
    let odd: Vec<&str> = elements.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    if !odd.is_empty() {
        Check::failed(id, Reason::MrzDisagreesWithChip).with_detail(odd.join(", "))
    } else if printed.optional_data != zone.optional_data {
        Check::undetermined(id, Reason::OptionalDataDisagrees)
    } else {
        resting_on(Check::successful(id), &chip.authentic)
    }
}

/// Fillers in a date of birth are exempt, and only they (§5.7.2, first exception).
fn same_birth(printed: [u8; 6], chip: [u8; 6]) -> bool {
    printed.iter().zip(chip).all(|(a, b)| *a == b || *a == b'<' || b == b'<')
}
