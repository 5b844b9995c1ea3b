//! A proof counts only for a key that the issuing state has signed.

use super::kit::{check, examined, issue};
use egate::check::{CheckId, CheckResult, Reason};
use egate::chip::{FileId, Proof, Proofs, SecurityInfos, tlv};
use egate::workbench::issue::{ChipPlan, Defect, IssuedDocument};

fn modern() -> IssuedDocument {
    issue(ChipPlan::modern(), Defect::None)
}

/// The key for chip authentication of DG14.
fn chip_key(document: &IssuedDocument) -> Vec<u8> {
    let infos = SecurityInfos::parse_dg14(&document.files[&FileId::Dg(14)]).unwrap();
    infos.chip_authentication_keys[0].public_key.clone()
}

/// The key of DG15.
fn active_key(document: &IssuedDocument) -> Vec<u8> {
    tlv::read(&document.files[&FileId::Dg(15)]).unwrap().0.value.to_vec()
}

/// The key for the mapping, of EF.CardSecurity.
fn mapping_key(document: &IssuedDocument) -> Vec<u8> {
    let infos = SecurityInfos::parse_card_security(&document.files[&FileId::CardSecurity]).unwrap();
    infos.chip_authentication_keys[0].public_key.clone()
}

fn shown(public_key: Vec<u8>) -> Option<Proof> {
    Some(Proof::Shown { public_key })
}

fn refuted() -> Option<Proof> {
    Some(Proof::Refuted("the signature is wrong".into()))
}

fn ended(document: &IssuedDocument, proofs: Proofs) -> (CheckResult, Vec<Reason>) {
    let examination = examined(document, proofs);
    let check = check(&examination, CheckId::ChipAuthenticity);
    (check.result, check.reasons.clone())
}

#[test]
fn one_proof_with_a_signed_key_suffices() {
    let document = modern();
    let chip = shown(chip_key(&document));
    let active = shown(active_key(&document));
    let good = (CheckResult::Successful, vec![]);
    for proofs in [
        Proofs { chip_authentication: chip.clone(), ..Proofs::default() },
        Proofs { active_authentication: active.clone(), ..Proofs::default() },
        Proofs { chip_authentication: chip.clone(), active_authentication: refuted(), mapping: None },
        // The key of the mapping may be that of DG14.
        Proofs { mapping: chip, ..Proofs::default() },
    ] {
        assert_eq!(ended(&document, proofs.clone()), good, "{proofs:?}");
    }
}

#[test]
fn a_key_that_nobody_signed_fails_whatever_it_proves() {
    let document = modern();
    let unsigned = (CheckResult::Failed, vec![Reason::ChipKeyNotSigned]);
    let mut foreign = chip_key(&document);
    *foreign.last_mut().unwrap() ^= 1;
    for proofs in [
        Proofs { chip_authentication: shown(foreign), ..Proofs::default() },
        Proofs { active_authentication: shown(chip_key(&document)), ..Proofs::default() },
        Proofs { chip_authentication: shown(active_key(&document)), ..Proofs::default() },
    ] {
        assert_eq!(ended(&document, proofs.clone()), unsigned, "{proofs:?}");
    }
}

#[test]
fn a_refuted_proof_fails_and_an_impossible_one_is_undetermined() {
    let document = modern();
    let failed = (CheckResult::Failed, vec![Reason::ChipAuthenticationFailed]);
    assert_eq!(ended(&document, Proofs { active_authentication: refuted(), ..Proofs::default() }), failed);
    let impossible = Some(Proof::Impossible("a curve that nobody knows".into()));
    let proofs = Proofs { chip_authentication: impossible, ..Proofs::default() };
    let (result, reasons) = ended(&document, proofs);
    assert_eq!(result, CheckResult::Undetermined);
    assert!(reasons.contains(&Reason::ChipAuthenticationImpossible), "{reasons:?}");
}

#[test]
fn what_the_signed_list_offers_and_nobody_asked_for_is_undetermined() {
    let unasked = (CheckResult::Undetermined, vec![Reason::ChipAuthenticationNotChecked]);
    assert_eq!(ended(&modern(), Proofs::default()), unasked);
    let without = issue(ChipPlan::default(), Defect::None);
    let none = (CheckResult::NotSupported, vec![Reason::ChipAuthenticationNotOffered]);
    assert_eq!(ended(&without, Proofs::default()), none);
}

#[test]
fn a_copy_that_strips_its_key_files_is_never_taken_for_a_chip_without_keys() {
    for stripped in [&[14][..], &[15], &[14, 15]] {
        let mut document = modern();
        for number in stripped {
            document.files.remove(&FileId::Dg(*number));
        }
        document.files.remove(&FileId::CardAccess);
        let (result, reasons) = ended(&document, Proofs::default());
        assert_eq!(result, CheckResult::Undetermined, "{stripped:?}");
        assert_eq!(reasons, [Reason::ChipAuthenticationNotChecked], "{stripped:?}");
    }
}

#[test]
fn a_key_in_a_replaced_file_fails_by_the_files_hash() {
    let document = issue(ChipPlan::modern(), Defect::ChipKeysReplaced);
    let proofs = Proofs { chip_authentication: shown(chip_key(&document)), ..Proofs::default() };
    assert_eq!(ended(&document, proofs), (CheckResult::Failed, vec![Reason::DataGroupHashWrong]));
}

#[test]
fn the_mappings_key_counts_when_card_security_is_signed_by_a_trusted_signer() {
    let plan = ChipPlan::chip_authentication_mapping;
    let proofs =
        |document: &IssuedDocument| Proofs { mapping: shown(mapping_key(document)), ..Proofs::default() };
    let good = issue(plan(), Defect::None);
    assert_eq!(ended(&good, proofs(&good)), (CheckResult::Successful, vec![]));
    let tampered = issue(plan(), Defect::CardSecuritySignatureWrong);
    let wrong = (CheckResult::Failed, vec![Reason::SecurityObjectSignatureWrong]);
    assert_eq!(ended(&tampered, proofs(&tampered)), wrong);
    let unknown = issue(plan(), Defect::UnknownCountry);
    assert_eq!(ended(&unknown, proofs(&unknown)), (CheckResult::Undetermined, vec![Reason::SignerUntrusted]));
    let mut without = issue(plan(), Defect::None);
    let shown = proofs(&without);
    without.files.remove(&FileId::CardSecurity);
    let (result, reasons) = ended(&without, shown);
    assert_ne!(result, CheckResult::Successful, "{reasons:?}");
}
