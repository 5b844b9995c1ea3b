//! Whether the chip is no copy, TR-03135-1 §5.6.4.1: the best of active authentication, chip
//! authentication and PACE with chip authentication mapping.
//!
//! A [`Proof`] says only that the chip knows the private key to a public one. It counts when that public
//! key lies in a file that the issuing state has signed. A copy can leave out files and announcements, but
//! not change the signed list of data groups: what that list has and nobody asked for stays undetermined.

use super::card_security::{CardSecurity, holds};
use super::finding::Finding;
use super::judgement::resting_on;
use super::passive::PassiveAuthentication;
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::chip::{ChipReading, FileId, Mapping, Proof, SecurityInfos, tlv};

const ID: CheckId = CheckId::ChipAuthenticity;

/// The three proofs, each by itself and together.
#[derive(Debug, Clone)]
pub(super) struct Authenticity {
    /// Table 5.23.
    pub(super) check: Check,
    /// §5.6.4.1.1.
    pub(super) active_authentication: Check,
    /// §5.6.4.1.2.
    pub(super) chip_authentication: Check,
    /// §5.6.4.1.3.
    pub(super) mapping: Check,
}

pub(super) fn authenticity(
    reading: &ChipReading,
    passive: &PassiveAuthentication,
    card_security: Option<&CardSecurity>,
) -> Authenticity {
    let known = |finding| passive.findings.iter().any(|note| note.finding == finding);
    let active = active_authentication(reading, passive);
    let chip = chip_authentication(reading, passive);
    let mapping = mapping(reading, passive, card_security);
    // §5.8.2.1.3 and .4: of a compromised series the proof is worth nothing.
    let chip_keys = known(Finding::ChipAuthenticationKeys);
    let active = compromised(active, known(Finding::ActiveAuthenticationKeys));
    let (chip, mapping) = (compromised(chip, chip_keys), compromised(mapping, chip_keys));
    Authenticity {
        check: best([&chip, &mapping, &active]),
        active_authentication: active,
        chip_authentication: chip,
        mapping,
    }
}

/// Table 5.23: one success suffices; without any, the worst of the others, and not supported only when
/// none is.
fn best(all: [&Check; 3]) -> Check {
    use CheckResult::{Aborted, Failed, NotSupported, Successful, Undetermined};
    let order = [Successful, Failed, Aborted, Undetermined, NotSupported];
    let result = order.into_iter().find(|result| all.iter().any(|check| check.result == *result));
    let result = result.unwrap_or(Undetermined);
    let mut whole = Check { id: ID, result, reasons: Vec::new(), detail: None };
    if result == Successful {
        return whole;
    }
    for check in all.into_iter().filter(|check| check.result == result) {
        for reason in &check.reasons {
            if !whole.reasons.contains(reason) {
                whole.reasons.push(*reason);
            }
        }
        whole.detail = whole.detail.or_else(|| check.detail.clone());
    }
    whole
}

fn compromised(check: Check, known: bool) -> Check {
    match known && check.result == CheckResult::Successful {
        true => Check::failed(ID, Reason::ChipKeyCompromised),
        false => check,
    }
}

/// With the key of DG15, which holds nothing else.
fn active_authentication(reading: &ChipReading, passive: &PassiveAuthentication) -> Check {
    let offered = || offered_by_group(15, reading, passive);
    judged(reading.proofs.active_authentication.as_ref(), "active authentication", offered, |key| {
        let file = reading.files.get(&FileId::Dg(15)).and_then(|file| tlv::read(file).ok());
        let held = file.is_some_and(|(file, _)| file.tag == FileId::Dg(15).tag() && file.value == key);
        bound(held, &passive.group(15))
    })
}

/// With a key of DG14. A DG14 without one, read and signed, offers no chip authentication.
fn chip_authentication(reading: &ChipReading, passive: &PassiveAuthentication) -> Check {
    let infos = group_14(reading);
    let offered = || {
        let without = infos
            .as_ref()
            .is_some_and(|infos| infos.chip_authentication_keys.is_empty() && infos.malformed.is_empty());
        match without && passive.group(14).result == CheckResult::Successful {
            true => Check::not_supported(ID, Reason::ChipAuthenticationNotOffered),
            false => offered_by_group(14, reading, passive),
        }
    };
    judged(reading.proofs.chip_authentication.as_ref(), "chip authentication", offered, |key| {
        bound(infos.as_ref().is_some_and(|infos| holds(infos, key)), &passive.group(14))
    })
}

/// With a key of EF.CardSecurity, or the same key in DG14.
fn mapping(
    reading: &ChipReading,
    passive: &PassiveAuthentication,
    card_security: Option<&CardSecurity>,
) -> Check {
    let access = reading.files.get(&FileId::CardAccess).and_then(|file| SecurityInfos::parse(file).ok());
    let group = group_14(reading);
    let ways = access.iter().chain(&group).flat_map(|infos| &infos.pace);
    let announced = ways.into_iter().any(|way| way.mapping == Mapping::ChipAuthentication);
    let offered = || match announced {
        true => Check::undetermined(ID, Reason::ChipAuthenticationNotChecked),
        false => Check::not_supported(ID, Reason::ChipAuthenticationNotOffered),
    };
    judged(reading.proofs.mapping.as_ref(), "chip authentication mapping", offered, |key| {
        if group.as_ref().is_some_and(|infos| holds(infos, key)) {
            let check = bound(true, &passive.group(14));
            if check.result == CheckResult::Successful {
                return check;
            }
        }
        match card_security {
            Some(file) => bound(file.holds(key), &file.trust()),
            None => Check::undetermined(ID, Reason::ChipFileMissing).with_detail("EF.CardSecurity"),
        }
    })
}

fn group_14(reading: &ChipReading) -> Option<SecurityInfos> {
    SecurityInfos::parse_dg14(reading.files.get(&FileId::Dg(14))?).ok()
}

/// What a proof is worth; `offered` where none was asked for, `counts` whether a key is signed.
fn judged(
    proof: Option<&Proof>,
    name: &str,
    offered: impl FnOnce() -> Check,
    counts: impl FnOnce(&[u8]) -> Check,
) -> Check {
    match proof {
        None => offered(),
        Some(Proof::Shown { public_key }) => counts(public_key),
        Some(Proof::Refuted(why)) => {
            Check::failed(ID, Reason::ChipAuthenticationFailed).with_detail(format!("{name}: {why}"))
        }
        Some(Proof::Impossible(why)) => Check::undetermined(ID, Reason::ChipAuthenticationImpossible)
            .with_detail(format!("{name}: {why}")),
    }
}

/// A key counts as far as the file that holds it is authentic.
fn bound(held: bool, file: &Check) -> Check {
    match (held, file.result) {
        (false, _) => Check::failed(ID, Reason::ChipKeyNotSigned),
        (true, CheckResult::Failed) => Check { id: ID, ..file.clone() },
        (true, _) => resting_on(Check::successful(ID), file),
    }
}

/// Only a signed list of data groups can say that the chip has no key to prove itself with.
fn offered_by_group(number: u8, reading: &ChipReading, passive: &PassiveAuthentication) -> Check {
    match passive.lists(number) {
        Some(false) => Check::not_supported(ID, Reason::ChipAuthenticationNotOffered),
        Some(true) if !reading.files.contains_key(&FileId::Dg(number)) => {
            let check = Check::undetermined(ID, Reason::ChipAuthenticationNotChecked);
            check.with_detail(format!("DG{number} is signed and was not read"))
        }
        _ => Check::undetermined(ID, Reason::ChipAuthenticationNotChecked),
    }
}
