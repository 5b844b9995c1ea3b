//! Documents of a test country, good and with each defect, through every check of the document side.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::check::{Check, CheckId, CheckResult, Reason};
use egate::chip::{ChipError, ChipReading, FileId};
use egate::document::Mrz;
use egate::trust::{Evidence, Examination, TrustMaterial, TrustRules, TrustStore, examine};
use egate::workbench::issue::{
    Defect, DocumentOrder, IssuedDocument, KeyKind, REVOCATION_LIST_DAYS, TestCountry,
};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-01-15T12:00:00Z".parse().unwrap());
static COUNTRY: LazyLock<TestCountry> = LazyLock::new(|| TestCountry::new("UTO", "UT", *NOW).unwrap());
static STORE: LazyLock<TrustStore> = LazyLock::new(|| store_of(&COUNTRY));

fn order(defect: Defect) -> DocumentOrder {
    DocumentOrder {
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        number: "L898902C3".into(),
        nationality: "UTO".into(),
        date_of_birth: date(1974, 8, 12),
        date_of_expiry: date(2031, 4, 15),
        sex: 'F',
        portrait: b"\xFF\xD8\xFF portrait".to_vec(),
        defect,
    }
}

fn store_of(country: &TestCountry) -> TrustStore {
    let mut builder = TrustStore::builder();
    for (_, bytes) in country.trust_bundle().unwrap() {
        builder.add_material(TrustMaterial::parse(&bytes).unwrap(), &[]).unwrap();
    }
    let store = builder.build(*NOW);
    assert!(store.refused().is_empty(), "{:?}", store.refused());
    store
}

fn examined_at(document: &IssuedDocument, store: &TrustStore, now: Timestamp) -> Examination {
    let printed = Mrz::parse(&document.printed).unwrap();
    let reading = ChipReading { files: document.files.clone(), access: "BAC".into(), ..Default::default() };
    examine(&Evidence { printed: &printed, chip: Ok(&reading), store, now })
}

fn examined(document: &IssuedDocument) -> Examination {
    examined_at(document, &STORE, *NOW)
}

fn check(examination: &Examination, id: CheckId) -> &Check {
    examination.checks.iter().find(|check| check.id == id).unwrap()
}

/// All that is not successful, but for the chip's authenticity, which these chips cannot prove.
fn findings(examination: &Examination) -> Vec<(CheckId, CheckResult, Vec<Reason>)> {
    let authenticity = check(examination, CheckId::ChipAuthenticity);
    assert_eq!(authenticity.reasons.len(), 1);
    let others = examination.checks.iter().filter(|c| c.id != CheckId::ChipAuthenticity);
    let bad = others.filter(|c| c.result != CheckResult::Successful);
    bad.map(|c| (c.id, c.result, c.reasons.clone())).collect()
}

fn issue(defect: Defect) -> IssuedDocument {
    COUNTRY.issue(&order(defect)).unwrap()
}

#[test]
fn a_good_document_passes_every_check_and_says_that_its_chip_may_be_a_copy() {
    let examination = examined(&issue(Defect::None));
    assert_eq!(findings(&examination), []);
    let authenticity = check(&examination, CheckId::ChipAuthenticity);
    assert_eq!(authenticity.result, CheckResult::NotSupported);
    assert_eq!(authenticity.reasons, [Reason::ChipAuthenticationNotOffered]);
    let signer = examination.signer.unwrap();
    assert_eq!(signer.country, "UT");
    assert_eq!(signer.subject, "CN=Document Signer 2,O=Test documents,C=UT");
    assert_eq!(signer.algorithm, "ECDSA with SHA-256");
    assert_eq!(examination.chip_mrz.unwrap().surname, "ERIKSSON");
}

#[test]
fn keys_of_every_kind_in_use_verify() {
    for kind in [KeyKind::EcdsaExplicit, KeyKind::Rsa, KeyKind::RsaPss] {
        let country = TestCountry::with_keys("UTO", "UT", *NOW, kind).unwrap();
        let document = country.issue(&order(Defect::None)).unwrap();
        assert_eq!(findings(&examined_at(&document, &store_of(&country), *NOW)), [], "{kind:?}");
    }
}

#[test]
fn a_replaced_portrait_fails_the_integrity_of_data_groups_and_nothing_else() {
    let examination = examined(&issue(Defect::PortraitReplaced));
    let integrity = (CheckId::DataGroupIntegrity, CheckResult::Failed, vec![Reason::DataGroupHashWrong]);
    assert_eq!(findings(&examination), [integrity]);
    assert_eq!(check(&examination, CheckId::DataGroupIntegrity).detail.as_deref(), Some("DG2"));
}

#[test]
fn an_unknown_country_leaves_all_that_rests_on_it_undetermined() {
    let untrusted = |id| (id, CheckResult::Undetermined, vec![Reason::SignerUntrusted]);
    assert_eq!(
        findings(&examined(&issue(Defect::UnknownCountry))),
        [
            untrusted(CheckId::SignerChain),
            untrusted(CheckId::SignerValidity),
            untrusted(CheckId::SignerRevocation),
            untrusted(CheckId::IssuingState),
        ]
    );
    let nobody = TrustStore::default();
    let examination = examined_at(&issue(Defect::None), &nobody, *NOW);
    assert_eq!(findings(&examination).len(), 4);
}

#[test]
fn a_revoked_signer_fails() {
    let revoked = (CheckId::SignerRevocation, CheckResult::Failed, vec![Reason::SignerRevoked]);
    assert_eq!(findings(&examined(&issue(Defect::SignerRevoked))), [revoked]);
}

#[test]
fn an_expired_document_fails() {
    let expired = (CheckId::DocumentExpiry, CheckResult::Failed, vec![Reason::DocumentExpired]);
    assert_eq!(findings(&examined(&issue(Defect::Expired))), [expired]);
}

#[test]
fn a_document_is_good_on_its_last_day_and_not_on_the_next() {
    let last_day = DocumentOrder { date_of_expiry: date(2026, 1, 15), ..order(Defect::None) };
    let document = COUNTRY.issue(&last_day).unwrap();
    assert_eq!(findings(&examined(&document)), []);
    let tomorrow = *NOW + SignedDuration::from_hours(24);
    assert_eq!(findings(&examined_at(&document, &STORE, tomorrow))[0].2, [Reason::DocumentExpired]);
}

#[test]
fn printed_lines_that_differ_from_the_chip_fail_by_the_name_of_the_field() {
    let examination = examined(&issue(Defect::PrintedLinesDiffer));
    let differ = (CheckId::MrzAgainstChip, CheckResult::Failed, vec![Reason::MrzDisagreesWithChip]);
    assert_eq!(findings(&examination), [differ]);
    assert_eq!(check(&examination, CheckId::MrzAgainstChip).detail.as_deref(), Some("given names"));
}

#[test]
fn a_revocation_list_out_of_date_leaves_the_signer_undetermined_but_a_revoked_one_revoked() {
    let later = *NOW + SignedDuration::from_hours(24 * REVOCATION_LIST_DAYS);
    let mut builder = TrustStore::builder().rules(TrustRules::ageless());
    for (_, bytes) in COUNTRY.trust_bundle().unwrap() {
        builder.add_material(TrustMaterial::parse(&bytes).unwrap(), &[]).unwrap();
    }
    let store = builder.build(*NOW);
    let unknown = (CheckId::SignerRevocation, CheckResult::Undetermined, vec![Reason::RevocationUnknown]);
    assert_eq!(findings(&examined_at(&issue(Defect::None), &store, later)), [unknown]);
    let revoked = (CheckId::SignerRevocation, CheckResult::Failed, vec![Reason::SignerRevoked]);
    assert_eq!(findings(&examined_at(&issue(Defect::SignerRevoked), &store, later)), [revoked]);
}

#[test]
fn a_revocation_list_that_nobody_trusted_has_signed_counts_for_nothing() {
    let other = TestCountry::new("UTO", "UT", *NOW).unwrap();
    let mut builder = TrustStore::builder();
    builder.add_certificate_der(&COUNTRY.trust_bundle().unwrap()[0].1).unwrap();
    builder.add_crl_der(&other.trust_bundle().unwrap()[1].1).unwrap();
    let store = builder.build(*NOW);
    assert_eq!((store.refused().len(), store.revocation_lists()), (1, 0));
    let unknown = (CheckId::SignerRevocation, CheckResult::Undetermined, vec![Reason::RevocationUnknown]);
    assert_eq!(findings(&examined_at(&issue(Defect::None), &store, *NOW)), std::slice::from_ref(&unknown));
    // Not even to revoke: anybody could take a country's signers out of service.
    assert_eq!(findings(&examined_at(&issue(Defect::SignerRevoked), &store, *NOW)), [unknown]);
}

#[test]
fn trust_material_is_known_by_its_content_in_der_and_pem() {
    let bundle = COUNTRY.trust_bundle().unwrap();
    let certificate = openssl::x509::X509::from_der(&bundle[0].1).unwrap().to_pem().unwrap();
    let list = openssl::x509::X509Crl::from_der(&bundle[1].1).unwrap().to_pem().unwrap();
    let mut builder = TrustStore::builder();
    for bytes in [[b"a comment\n", certificate.as_slice()].concat(), list] {
        builder.add_material(TrustMaterial::parse(&bytes).unwrap(), &[]).unwrap();
    }
    assert_eq!(findings(&examined_at(&issue(Defect::None), &builder.build(*NOW), *NOW)), []);
    for junk in [&b""[..], b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(TrustMaterial::parse(junk).is_err());
    }
}

#[test]
fn certificates_out_of_date_fail() {
    let later = *NOW + SignedDuration::from_hours(24 * 365 * 11);
    let examination = examined_at(&issue(Defect::None), &STORE, later);
    assert_eq!(check(&examination, CheckId::SignerValidity).reasons, [Reason::SignerExpired]);
    let earlier = *NOW - SignedDuration::from_hours(24 * 365 * 2);
    let examination = examined_at(&issue(Defect::None), &STORE, earlier);
    assert_eq!(check(&examination, CheckId::SignerValidity).reasons, [Reason::SignerNotYetValid]);
}

#[test]
fn a_flipped_bit_of_the_signature_fails_it_and_leaves_what_it_vouched_for_undetermined() {
    let mut document = issue(Defect::None);
    *document.files.get_mut(&FileId::Sod).unwrap().last_mut().unwrap() ^= 1;
    let examination = examined(&document);
    let wrong = |id, result| (id, result, vec![Reason::SecurityObjectSignatureWrong]);
    assert_eq!(
        findings(&examination),
        [
            wrong(CheckId::SecurityObjectSignature, CheckResult::Failed),
            wrong(CheckId::DataGroupIntegrity, CheckResult::Undetermined),
            wrong(CheckId::ComAgainstSecurityObject, CheckResult::Undetermined),
            wrong(CheckId::IssuingState, CheckResult::Undetermined),
            wrong(CheckId::MrzAgainstChip, CheckResult::Undetermined),
        ]
    );
    let authenticity = check(&examination, CheckId::ChipAuthenticity);
    assert_eq!(authenticity.result, CheckResult::Undetermined, "an unsigned list proves no absence");
}

#[test]
fn a_changed_hash_in_the_security_object_fails_the_signed_digest() {
    let mut document = issue(Defect::None);
    let sod = document.files.get_mut(&FileId::Sod).unwrap();
    // The first data group's hash begins after SEQUENCE, INTEGER 1, OCTET STRING of 32.
    let place = sod.windows(7).position(|w| w == [0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20]).unwrap();
    sod[place + 7] ^= 1;
    let signature = check(&examined(&document), CheckId::SecurityObjectSignature).clone();
    assert_eq!(signature.result, CheckResult::Failed);
    assert_eq!(signature.reasons, [Reason::SecurityObjectDigestWrong]);
}

#[test]
fn a_changed_zone_in_the_chip_fails_its_hash_and_is_not_compared_as_if_genuine() {
    let mut document = issue(Defect::None);
    // Chip and page changed alike: only the hash can tell.
    let changed = issue(Defect::PrintedLinesDiffer);
    let dg1 = document.files.get_mut(&FileId::Dg(1)).unwrap();
    let start = dg1.len() - 88;
    dg1[start..].copy_from_slice(changed.printed.concat().as_bytes());
    document.printed = changed.printed;
    let examination = examined(&document);
    let wrong = |id, result| (id, result, vec![Reason::DataGroupHashWrong]);
    assert_eq!(
        findings(&examination),
        [
            wrong(CheckId::DataGroupIntegrity, CheckResult::Failed),
            wrong(CheckId::IssuingState, CheckResult::Undetermined),
            wrong(CheckId::MrzAgainstChip, CheckResult::Undetermined),
        ]
    );
}

#[test]
fn a_data_group_that_nobody_signed_fails() {
    let mut document = issue(Defect::None);
    document.files.insert(FileId::Dg(11), vec![0x6B, 0x00]);
    let unsigned = (CheckId::DataGroupIntegrity, CheckResult::Failed, vec![Reason::DataGroupNotSigned]);
    assert_eq!(findings(&examined(&document)), [unsigned]);
}

#[test]
fn a_list_of_files_that_differs_from_the_signed_one_fails() {
    let mut document = issue(Defect::None);
    // DG2's tag in the list becomes DG14's.
    *document.files.get_mut(&FileId::Com).unwrap().last_mut().unwrap() = 0x6E;
    let examination = examined(&document);
    let differs = (CheckId::ComAgainstSecurityObject, CheckResult::Failed, vec![Reason::ComDisagrees]);
    assert_eq!(findings(&examination), [differs]);
    let com = check(&examination, CheckId::ComAgainstSecurityObject);
    assert_eq!(com.detail.as_deref(), Some("DG2, DG14"));
}

#[test]
fn files_that_are_missing_are_told_by_name() {
    let missing = |file| {
        let mut document = issue(Defect::None);
        document.files.remove(&file);
        findings(&examined(&document))
    };
    let reason = vec![Reason::ChipFileMissing];
    assert_eq!(
        missing(FileId::Com),
        [(CheckId::ComAgainstSecurityObject, CheckResult::NotSupported, reason.clone())]
    );
    assert_eq!(
        missing(FileId::Dg(2)),
        [(CheckId::DataGroupIntegrity, CheckResult::Undetermined, reason.clone())]
    );
    assert_eq!(missing(FileId::Dg(1)).len(), 3);
    let without_sod = missing(FileId::Sod);
    assert!(
        without_sod.iter().all(|(_, result, reasons)| *result != CheckResult::Failed && *reasons == reason)
    );
    assert_eq!(without_sod.len(), 8);
}

#[test]
fn another_state_than_the_signers_fails() {
    let impostor = TestCountry::new("NLD", "UT", *NOW).unwrap();
    let document = impostor.issue(&order(Defect::None)).unwrap();
    let examination = examined_at(&document, &store_of(&impostor), *NOW);
    let state = (CheckId::IssuingState, CheckResult::Failed, vec![Reason::IssuingStateDisagrees]);
    assert_eq!(findings(&examination), [state]);
}

#[test]
fn a_security_object_in_ber_with_indefinite_lengths_is_as_good_as_in_der() {
    let mut document = issue(Defect::None);
    let sod = document.files.get_mut(&FileId::Sod).unwrap();
    let in_ber = indefinite(sod, 0, &|certificates| certificates.to_vec());
    assert_ne!(*sod, in_ber);
    *sod = in_ber;
    assert_eq!(findings(&examined(&document)), []);
}

#[test]
fn a_signer_whose_certificate_is_not_in_the_chip_is_found_in_the_store() {
    let mut document = issue(Defect::None);
    let sod = document.files.get_mut(&FileId::Sod).unwrap();
    let certificate = std::cell::RefCell::new(Vec::new());
    *sod = indefinite(sod, 0, &|element| {
        // Tag [0] and a length of two octets stand before the one certificate.
        certificate.replace(element[4..].to_vec());
        Vec::new()
    });
    let signature = check(&examined(&document), CheckId::SecurityObjectSignature).clone();
    assert_eq!(signature.result, CheckResult::Undetermined);
    assert_eq!(signature.reasons, [Reason::SignerCertificateMissing]);

    let mut builder = TrustStore::builder();
    let bundle = COUNTRY.trust_bundle().unwrap();
    builder.add_certificate_der(&bundle[0].1).unwrap();
    builder.add_crl_der(&bundle[1].1).unwrap();
    builder.add_certificate_der(&certificate.into_inner()).unwrap();
    let store = builder.build(*NOW);
    assert_eq!(store.authorities(), 1, "a document signer is no authority");
    assert_eq!(findings(&examined_at(&document, &store, *NOW)), []);
}

#[test]
fn a_signer_that_misnames_its_certificate_is_found_by_the_key() {
    let mut document = issue(Defect::None);
    let sod = document.files.get_mut(&FileId::Sod).unwrap();
    // Serial number 2 before the digest algorithm, in the signer's own words.
    let named = [0x02, 0x01, 0x02, 0x30, 0x0D, 0x06, 0x09, 0x60];
    let place = sod.windows(named.len()).rposition(|w| w == named).unwrap();
    sod[place + 2] = 9;
    assert_eq!(findings(&examined(&document)), []);
}

/// The same values with indefinite lengths, octet strings in two parts. Certificates, whose bytes are
/// signed, become what `certificates` makes of them.
fn indefinite(der: &[u8], depth: usize, certificates: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    let mut place = 0;
    while !rest.is_empty() {
        let (header, length) = match rest[1] {
            short @ ..=0x7F => (2, usize::from(short)),
            0x81 => (3, usize::from(rest[2])),
            _ => (4, usize::from(rest[2]) << 8 | usize::from(rest[3])),
        };
        let (element, after) = rest.split_at(header + length);
        let value = &element[header..];
        if depth == 4 && place == 3 && element[0] == 0xA0 {
            out.extend(certificates(element));
        } else if depth == 6 && element[0] == 0x04 {
            let (one, two) = value.split_at(value.len() / 2);
            out.extend([0x24, 0x80, 0x04, u8::try_from(one.len()).unwrap()]);
            out.extend_from_slice(one);
            out.extend([0x04, u8::try_from(two.len()).unwrap()]);
            out.extend_from_slice(two);
            out.extend([0, 0]);
        } else if element[0] & 0x20 != 0 {
            out.extend([element[0], 0x80]);
            out.extend(indefinite(value, depth + 1, certificates));
            out.extend([0, 0]);
        } else {
            out.extend_from_slice(element);
        }
        rest = after;
        place += 1;
    }
    out
}

#[test]
fn a_chip_that_was_not_read_aborts_what_rests_on_it() {
    let document = issue(Defect::None);
    let printed = Mrz::parse(&document.printed).unwrap();
    for (error, result, reason) in [
        (ChipError::NoApplication(0x6A82), CheckResult::Failed, Reason::ChipFileMissing),
        (ChipError::AccessDenied(0x6300), CheckResult::Failed, Reason::ChipAccessDenied),
        (ChipError::Lost("removed".into()), CheckResult::Aborted, Reason::ChipLost),
        (ChipError::Timeout(Duration::from_secs(20)), CheckResult::Aborted, Reason::ChipTimeout),
        (ChipError::SecureMessaging, CheckResult::Aborted, Reason::ChipProtocol),
    ] {
        let examination =
            examine(&Evidence { printed: &printed, chip: Err(&error), store: &STORE, now: *NOW });
        complete(&examination);
        let access = check(&examination, CheckId::ChipAccess);
        assert_eq!((access.result, access.reasons.as_slice()), (result, &[reason][..]));
        for check in &examination.checks {
            match check.id {
                CheckId::MrzConsistency | CheckId::DocumentExpiry => {
                    assert_eq!(check.result, CheckResult::Successful)
                }
                CheckId::ChipAccess => {}
                _ => assert_eq!(
                    (check.result, check.reasons.as_slice()),
                    (CheckResult::Aborted, &[reason][..])
                ),
            }
        }
    }
}

/// Every check once, and a reason with each that is not successful.
fn complete(examination: &Examination) {
    let ids: Vec<CheckId> = examination.checks.iter().map(|check| check.id).collect();
    assert_eq!(ids, Examination::CHECKS);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    for check in &examination.checks {
        assert_eq!(check.result == CheckResult::Successful, check.reasons.is_empty(), "{check:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_files_give_every_check_and_no_good_signature(
        sod in proptest::collection::vec(any::<u8>(), 0..400),
        dg1 in proptest::collection::vec(any::<u8>(), 0..120),
        com in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut document = issue(Defect::None);
        document.files.insert(FileId::Sod, sod);
        document.files.insert(FileId::Dg(1), dg1);
        document.files.insert(FileId::Com, com);
        let examination = examined(&document);
        complete(&examination);
        for id in [CheckId::SecurityObjectSignature, CheckId::SignerChain, CheckId::DataGroupIntegrity] {
            prop_assert_ne!(check(&examination, id).result, CheckResult::Successful);
        }
    }

    #[test]
    fn a_damaged_security_object_never_vouches_for_other_hashes(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut document = issue(Defect::PortraitReplaced);
        let sod = document.files.get_mut(&FileId::Sod).unwrap();
        for (place, byte) in damage {
            let place = place.index(sod.len());
            sod[place] = byte;
        }
        if let Some(cut) = cut {
            sod.truncate(cut.index(sod.len()));
        }
        let examination = examined(&document);
        complete(&examination);
        prop_assert_ne!(check(&examination, CheckId::DataGroupIntegrity).result, CheckResult::Successful);
    }
}
