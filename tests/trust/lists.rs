//! Lists of defects and deviations, LDIF, and the operator's rules.

use super::kit::{COUNTRY, NOW, bundle, bundle_with, check, examined_by, issue};
use super::signer::{DEVIATION_LISTS, ListSigner, oid, sequence, set, tlv};
use egate::check::{CheckId, CheckResult, Reason};
use egate::chip::{FileId, Proof, Proofs, SecurityInfos, tlv as chip_tlv};
use egate::lane::trust_store;
use egate::trust::{Finding, SecurityObject, TrustRules, TrustStore};
use egate::workbench::issue::{ChipPlan, Defect, IssuedDocument};
use openssl::x509::X509;

const DEFECT_LIST: &str = "0.4.0.127.0.7.3.1.5";
const DEVIATION_LIST: &str = "2.23.136.1.1.7";

/// IssuerAndSerialNumber of the document's signer, without its tag.
fn signer_of(document: &IssuedDocument) -> Vec<u8> {
    let object = SecurityObject::parse(&document.files[&FileId::Sod]).unwrap();
    let certificate = X509::from_der(object.signed().certificates()[0].der()).unwrap();
    let serial = certificate.serial_number().to_bn().unwrap().to_vec();
    [certificate.issuer_name().to_der().unwrap(), tlv(0x02, &serial)].concat()
}

fn defect_list(document: &IssuedDocument, kind: &str, parameters: &[u8]) -> Vec<u8> {
    let known = sequence(&[oid(kind), parameters.to_vec()]);
    let defect = sequence(&[tlv(0x30, &signer_of(document)), set(&[known])]);
    sequence(&[tlv(0x02, &[0]), oid("2.16.840.1.101.3.4.2.1"), set(&[defect])])
}

fn deviation_list(documents: Vec<u8>, kind: &str, parameters: &[u8]) -> Vec<u8> {
    let description = sequence(&[tlv(0x13, b"as we told"), oid(kind), parameters.to_vec()]);
    let deviation = sequence(&[documents, set(&[description])]);
    sequence(&[tlv(0x02, &[0]), set(&[deviation])])
}

/// The country's bundle, and a list signed under a root that the operator laid in.
fn store_with(signer: &ListSigner, list: Vec<u8>, rules: &str) -> TrustStore {
    let mut files = bundle();
    files.push(("root.cer".into(), signer.root.to_der().unwrap()));
    files.push(("list.bin".into(), list));
    files.push(("rules.toml".into(), rules.as_bytes().to_vec()));
    trust_store(&files, *NOW).unwrap()
}

fn findings(document: &IssuedDocument, store: &TrustStore) -> Vec<(Finding, String)> {
    let all = examined_by(document, Proofs::default(), store).findings.into_iter();
    all.filter(|note| note.finding.is_known_defect()).map(|note| (note.finding, note.about)).collect()
}

#[test]
fn a_withdrawn_signer_fails_or_is_undetermined_by_the_lists_status() {
    let document = issue(ChipPlan::default(), Defect::None);
    let signer = ListSigner::new("DE", Some(DEVIATION_LISTS));
    for (status, result) in
        [(0, CheckResult::Failed), (3, CheckResult::Failed), (1, CheckResult::Undetermined)]
    {
        let content = defect_list(&document, "0.4.0.127.0.7.3.1.5.1.1", &tlv(0x0A, &[status]));
        let store = store_with(&signer, signer.sign(DEFECT_LIST, &content), "");
        let examination = examined_by(&document, Proofs::default(), &store);
        let revocation = check(&examination, CheckId::SignerRevocation);
        assert_eq!(revocation.result, result, "{status}: {:?}", store.refused());
        assert_eq!(findings(&document, &store), [(Finding::SignerWithdrawn, String::new())]);
        let other = issue(ChipPlan::default(), Defect::SignerRevoked);
        assert_eq!(findings(&other, &store), [], "another signer's documents are not concerned");
    }
}

#[test]
fn keys_of_a_compromised_series_prove_nothing() {
    let document = issue(ChipPlan::modern(), Defect::None);
    let infos = SecurityInfos::parse_dg14(&document.files[&FileId::Dg(14)]).unwrap();
    let chip = infos.chip_authentication_keys[0].public_key.clone();
    let active = chip_tlv::read(&document.files[&FileId::Dg(15)]).unwrap().0.value.to_vec();
    let shown = |public_key: &[u8]| Some(Proof::Shown { public_key: public_key.to_vec() });
    let by_chip = Proofs { chip_authentication: shown(&chip), ..Proofs::default() };
    let by_active = Proofs { active_authentication: shown(&active), ..Proofs::default() };
    let signer = ListSigner::new("DE", Some(DEVIATION_LISTS));
    for (kind, spoiled, good) in
        [("0.4.0.127.0.7.3.1.5.1.3", &by_chip, &by_active), ("0.4.0.127.0.7.3.1.5.1.4", &by_active, &by_chip)]
    {
        let store = store_with(&signer, signer.sign(DEFECT_LIST, &defect_list(&document, kind, &[])), "");
        let ended = |proofs: &Proofs| {
            let examination = examined_by(&document, proofs.clone(), &store);
            let check = check(&examination, CheckId::ChipAuthenticity).clone();
            (check.result, check.reasons.contains(&Reason::ChipKeyCompromised))
        };
        assert_eq!(ended(spoiled), (CheckResult::Failed, true), "{kind}");
        assert_eq!(ended(good), (CheckResult::Successful, false), "{kind}");
    }
}

#[test]
fn a_list_of_defects_counts_only_from_whom_it_may_come() {
    let document = issue(ChipPlan::default(), Defect::None);
    let content = defect_list(&document, "0.4.0.127.0.7.3.1.5.1.1", &tlv(0x0A, &[3]));
    // A certificate of no stated purpose is one for documents.
    let for_documents = ListSigner::new("DE", None);
    let store = store_with(&for_documents, for_documents.sign(DEFECT_LIST, &content), "");
    assert_eq!((store.known_defects(), store.refused().len()), (0, 1));
    // Nobody laid the root in.
    let signer = ListSigner::new("DE", Some(DEVIATION_LISTS));
    let mut files = bundle();
    files.push(("list.bin".into(), signer.sign(DEFECT_LIST, &content)));
    let store = trust_store(&files, *NOW).unwrap();
    assert_eq!((store.known_defects(), store.refused().len()), (0, 1));
    // A changed list is broken, not only unknown.
    let mut list = signer.sign(DEFECT_LIST, &content);
    *list.last_mut().unwrap() ^= 1;
    let store = store_with(&signer, list, "");
    assert!(store.known_defects() == 0 && store.refused()[0].broken, "{:?}", store.refused());
}

#[test]
fn a_deviation_list_speaks_only_of_its_own_countrys_documents() {
    let document = issue(ChipPlan::default(), Defect::None);
    let all = sequence(&[]);
    let content = deviation_list(all, "2.23.136.1.1.7.2.2", &tlv(0xA0, &tlv(0x02, &[12])));
    let told = (Finding::DeviationDataGroupHash, "DG12: as we told".to_owned());
    for (country, expected) in [("UT", vec![told]), ("DE", vec![])] {
        let signer = ListSigner::new(country, Some(DEVIATION_LISTS));
        let store = store_with(&signer, signer.sign(DEVIATION_LIST, &content), "");
        assert_eq!(store.known_defects(), 1, "{:?}", store.refused());
        assert_eq!(findings(&document, &store), expected, "{country}");
    }
}

#[test]
fn a_deviation_concerns_the_documents_that_fit_all_that_it_states() {
    let document = issue(ChipPlan::default(), Defect::None);
    let signer = ListSigner::new("UT", Some(DEVIATION_LISTS));
    let digest = |bytes: &[u8]| tlv(0x83, bytes);
    let numbers = |number: &[u8]| tlv(0xA5, &tlv(0x13, number));
    let period = |first: &[u8], last: &[u8]| tlv(0xA4, &[tlv(0x18, first), tlv(0x18, last)].concat());
    for (parts, concerned) in [
        (vec![tlv(0x80, b"P")], true),
        (vec![tlv(0x80, b"P<")], true),
        (vec![tlv(0x80, b"ID")], false),
        (vec![tlv(0xA1, &signer_of(&document))], true),
        (vec![numbers(b"L898902C3")], true),
        (vec![numbers(b"L898902C4")], false),
        (vec![period(b"20260101000000Z", b"20260201000000Z")], true),
        (vec![period(b"20250101000000Z", b"20250201000000Z")], false),
        (vec![tlv(0x80, b"P"), numbers(b"L898902C4")], false),
        // Without an algorithm nobody can say whose digest it is.
        (vec![digest(&[0; 32])], false),
    ] {
        let content = deviation_list(sequence(&parts), "2.23.136.1.1.7.4", &[]);
        let store = store_with(&signer, signer.sign(DEVIATION_LIST, &content), "");
        assert_eq!(store.known_defects(), 1, "{:?}", store.refused());
        assert_eq!(!findings(&document, &store).is_empty(), concerned, "{parts:02X?}");
    }
}

#[test]
fn the_issuers_own_lists_are_taken_and_told_without_failing_a_check() {
    let files = bundle_with(&[".ml", ".dvl", ".defects"]);
    let store = trust_store(&files, *NOW).unwrap();
    assert_eq!((store.known_defects(), store.refused()), (2, vec![]));
    let document = issue(ChipPlan::default(), Defect::None);
    let told: Vec<Finding> = findings(&document, &store).into_iter().map(|(finding, _)| finding).collect();
    assert_eq!(told, [Finding::DeviationComList]);
    let examination = examined_by(&document, Proofs::default(), &store);
    assert_eq!(check(&examination, CheckId::SignerRevocation).result, CheckResult::Successful);
}

#[test]
fn a_rule_makes_a_known_defect_and_a_weak_algorithm_fail() {
    let document = issue(ChipPlan::default(), Defect::None);
    let signer = ListSigner::new("UT", Some(DEVIATION_LISTS));
    let list = signer.sign(DEVIATION_LIST, &deviation_list(sequence(&[]), "2.23.136.1.1.7.4", &[]));
    for (rule, result) in [("undetermined", CheckResult::Undetermined), ("failed", CheckResult::Failed)] {
        let store = store_with(&signer, list.clone(), &format!("[country.UT]\nknown_defects = \"{rule}\"\n"));
        let examination = examined_by(&document, Proofs::default(), &store);
        let revocation = check(&examination, CheckId::SignerRevocation);
        assert_eq!((revocation.result, &revocation.reasons[..]), (result, &[Reason::KnownDefect][..]));
    }
    let weak = issue(ChipPlan::default(), Defect::WeakAlgorithm);
    for (rule, result) in [("finding", CheckResult::Successful), ("failed", CheckResult::Failed)] {
        let store = store_with(&signer, list.clone(), &format!("[every]\nweak_algorithms = \"{rule}\"\n"));
        let examination = examined_by(&weak, Proofs::default(), &store);
        assert_eq!(check(&examination, CheckId::SecurityObjectSignature).result, result, "{rule}");
        let weaknesses: Vec<_> =
            examination.findings.iter().map(|note| note.finding).filter(|f| f.is_weakness()).collect();
        assert!(weaknesses.contains(&Finding::WeakDigest) && weaknesses.contains(&Finding::WeakRsa));
    }
}

#[test]
fn a_country_without_revocation_lists_is_so_only_by_the_operators_rule() {
    let document = issue(ChipPlan::default(), Defect::None);
    let certificate = bundle().remove(0);
    for (rules, result) in [
        ("", CheckResult::Undetermined),
        ("[country.UT]\npublishes_revocations = false\n", CheckResult::NotSupported),
    ] {
        let files = vec![certificate.clone(), ("rules.toml".into(), rules.as_bytes().to_vec())];
        let store = trust_store(&files, *NOW).unwrap();
        let examination = examined_by(&document, Proofs::default(), &store);
        assert_eq!(check(&examination, CheckId::SignerRevocation).result, result, "{rules}");
    }
}

#[test]
fn a_store_that_is_too_old_leaves_all_that_rests_on_it_undetermined() {
    let document = issue(ChipPlan::default(), Defect::None);
    let certificate = bundle().remove(0);
    let files = vec![certificate, ("rules.toml".into(), b"oldest_days = 10\n".to_vec())];
    let days = |days: i64| *NOW - jiff::SignedDuration::from_hours(24 * days);
    for (imported, result) in [(days(10), CheckResult::Successful), (days(11), CheckResult::Undetermined)] {
        let store = trust_store(&files, imported).unwrap();
        let examination = examined_by(&document, Proofs::default(), &store);
        let chain = check(&examination, CheckId::SignerChain);
        assert_eq!(chain.result, result);
        assert_eq!(chain.reasons.contains(&Reason::TrustStoreOld), result == CheckResult::Undetermined);
        assert_eq!(examination.store.days, NOW.duration_since(imported).as_hours() / 24);
        let validity = check(&examination, CheckId::SignerValidity);
        assert_eq!(validity.result, result, "{validity:?}");
    }
    let good = examined_by(&document, Proofs::default(), &super::kit::STORE);
    assert!(check(&good, CheckId::SignerChain).detail.as_ref().unwrap().contains("1 days old"));
}

#[test]
fn ldif_of_the_pkd_gives_revocations_and_signers_but_roots_only_by_a_list_that_is_vouched_for() {
    let lists = COUNTRY.lists().unwrap();
    let list = &lists.iter().find(|(name, _)| name.ends_with(".ml")).unwrap().1;
    let bundle = bundle();
    let (root, revocations) = (&bundle[0].1, &bundle[1].1);
    let entry = |attribute: &str, value: &[u8]| {
        let base64 = openssl::base64::encode_block(value);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
        format!("dn: c=UT\n{attribute};binary:: {}\n\n", lines.join("\n "))
    };
    let ldif = [
        "version: 1\n\n".to_owned(),
        entry("certificateRevocationList", revocations),
        entry("pkdMasterListContent", list),
        entry("cACertificate", root),
        entry("userCertificate", b"rubbish"),
    ]
    .concat();
    let pkd = ("pkd.ldif".to_owned(), ldif.into_bytes());
    let alone = trust_store(std::slice::from_ref(&pkd), *NOW).unwrap();
    assert_eq!((alone.authorities(), alone.revocation_lists()), (0, 0), "anybody can write LDIF");
    let store = trust_store(&[pkd, ("root.cer".into(), root.clone())], *NOW).unwrap();
    assert_eq!((store.authorities(), store.revocation_lists()), (1, 1));
    let told = store.refused();
    assert!(told.len() == 1 && told[0].why.contains("1 values"), "{told:?}");
}

#[test]
fn the_example_of_the_rules_says_what_counts_without_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/rules.toml");
    let rules: TrustRules = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let default = TrustRules::default();
    assert_eq!(rules.oldest_days, default.oldest_days);
    for country in ["DE", "GB"] {
        assert_eq!(rules.weak_algorithms(country), default.weak_algorithms(country));
        assert_eq!(rules.known_defects(country), default.known_defects(country));
        assert_eq!(rules.publishes_revocations(country), default.publishes_revocations(country));
    }
}
