//! Passive authentication on security objects, master lists and specimens of real documents, which lie
//! beside the checkout in `../shared/vectors` and are no part of it. Without them these tests say so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::check::{CheckResult, Reason};
use egate::trust::{
    Certificate, Finding, GroupState, MasterList, PassiveAuthentication, TrustStore, authenticate,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Moment at which all is looked at, so that the tests do not grow old.
const NOW: &str = "2026-01-15T12:00:00Z";

fn vectors(folder: &str) -> Option<PathBuf> {
    let path = Path::new("../shared/vectors").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

fn roots() -> Vec<Certificate> {
    let mut roots = Vec::new();
    if let Some(folder) = vectors("csca") {
        roots.extend(files(&folder).iter().map(|(_, bytes)| Certificate::parse(bytes).unwrap()));
    }
    roots
}

/// All three lists. The German list of 2024 was signed under an older root, which is in the list itself.
fn store() -> Option<TrustStore> {
    let mut builder = TrustStore::builder();
    for (_, bytes) in files(&vectors("master-lists")?) {
        let list = MasterList::parse(&bytes).unwrap();
        let roots = [roots(), list.certificates().to_vec()].concat();
        builder.add_master_list(&bytes, &roots).unwrap();
    }
    Some(builder.build(NOW.parse().unwrap()))
}

fn authenticated(sod: &[u8], store: &TrustStore) -> PassiveAuthentication {
    authenticate(sod, &BTreeMap::new(), store, NOW.parse::<Timestamp>().unwrap())
}

#[test]
fn genuine_security_objects_verify_and_chain_to_the_master_lists() {
    let (Some(folder), Some(store)) = (vectors("sod"), store()) else { return };
    for (name, sod) in files(&folder).into_iter().filter(|(name, _)| !name.contains("tampered")) {
        let found = authenticated(&sod, &store);
        assert_eq!(found.signature.result, CheckResult::Successful, "{name}: {:?}", found.signature);
        assert_eq!(found.chain.result, CheckResult::Successful, "{name}: {:?}", found.chain);
        let country = found.signer.unwrap().country;
        assert!(name.starts_with(&country), "{name} is signed by {country}");
        assert_eq!(found.revocation.reasons, [Reason::RevocationUnknown], "{name}");
        // The British signer's certificate ended in December 2022.
        let validity = if name == "GB.bin" { CheckResult::Failed } else { CheckResult::Successful };
        assert_eq!(found.validity.result, validity, "{name}: {:?}", found.validity);
    }
}

#[test]
fn what_is_odd_about_a_genuine_security_object_is_told_and_fails_nothing() {
    let (Some(folder), Some(store)) = (vectors("sod"), store()) else { return };
    let found = |name: &str| {
        let found = authenticated(&fs::read(folder.join(name)).unwrap(), &store);
        assert_eq!(found.signature.result, CheckResult::Successful, "{name}");
        found.findings.iter().map(|note| note.finding).collect::<Vec<_>>()
    };
    for (name, _) in files(&folder).into_iter().filter(|(name, _)| !name.contains("tampered")) {
        let name = name.as_str();
        let findings = found(name);
        assert!(!findings.contains(&Finding::NotDistinguished), "{name}: {findings:?}");
        assert!(!findings.iter().any(|finding| finding.is_weakness()), "{name}: {findings:?}");
    }
    let old = found("GB.bin");
    assert!(old.contains(&Finding::DocumentTypesMissing), "{old:?}");
}

#[test]
fn a_security_object_with_indefinite_lengths_is_as_good_and_is_told_to_be_odd() {
    let (Some(folder), Some(store)) = (vectors("sod"), store()) else { return };
    let sod = fs::read(folder.join("NZ-indefinite-length.bin")).unwrap();
    assert_eq!((&sod[..2], &sod[4..6]), (&[0x77, 0x82][..], &[0x30, 0x82][..]));
    let indefinite = [&[0x77, 0x80, 0x30, 0x80][..], &sod[8..], &[0; 4]].concat();
    let found = authenticated(&indefinite, &store);
    assert_eq!(found.signature.result, CheckResult::Successful, "{:?}", found.signature);
    assert_eq!(found.chain.result, CheckResult::Successful, "{:?}", found.chain);
    assert!(found.findings.iter().any(|note| note.finding == Finding::NotDistinguished));
}

#[test]
fn tampered_security_objects_fail_for_what_was_done_to_them() {
    let (Some(folder), Some(store)) = (vectors("sod"), store()) else { return };
    for (name, reason) in [
        ("DE-tampered.bin", Reason::SecurityObjectSignatureWrong),
        // Its content says that it is something else than a security object.
        ("GB-tampered.bin", Reason::SecurityObjectMalformed),
    ] {
        let found = authenticated(&fs::read(folder.join(name)).unwrap(), &store);
        assert_eq!(found.signature.result, CheckResult::Failed, "{name}");
        assert_eq!(found.signature.reasons, [reason], "{name}");
        assert_ne!(found.integrity.result, CheckResult::Successful, "{name}");
    }
}

#[test]
fn a_flipped_byte_of_a_genuine_security_object_is_noticed() {
    let (Some(folder), Some(store)) = (vectors("sod"), store()) else { return };
    let sod = fs::read(folder.join("DE.bin")).unwrap();
    for place in (0..sod.len()).step_by(7) {
        let mut changed = sod.clone();
        changed[place] ^= 0x01;
        let found = authenticated(&changed, &store);
        // Some bytes are not signed: versions, algorithm hints, the certificate's copy of the signer's
        // name. What is signed must then still be exactly what was signed.
        if found.signature.result == CheckResult::Successful && found.chain.result == CheckResult::Successful
        {
            let (whole, changed) = (authenticated(&sod, &store), found.security_object.unwrap());
            assert_eq!(changed.hashes(), whole.security_object.unwrap().hashes(), "byte {place}");
        }
    }
}

#[test]
fn master_lists_verify_under_their_roots_and_every_self_signed_certificate_in_them_does() {
    let Some(folder) = vectors("master-lists") else { return };
    for (name, certificates, self_signed, links, unverified) in [
        ("DE_ML_2024-04-10-10-54-13.ml", 526, 350, 169, 7),
        ("DE_ML_2025-06-25-09-31-57.ml", 559, 362, 185, 12),
        ("NL_ML_2025-12-20.ml", 395, 395, 0, 0),
    ] {
        let list = MasterList::parse(&fs::read(folder.join(name)).unwrap()).unwrap();
        // The root of the list of 2024 is an older one, which only the list itself has.
        assert_eq!(list.verify(&roots()).is_ok(), !name.contains("2024"), "{name}");
        assert!(list.verify(list.certificates()).is_ok(), "{name}");
        assert!(list.verify(&[]).is_err(), "{name}");
        let survey = list.survey();
        assert_eq!((survey.certificates, survey.unreadable), (certificates, 0), "{name}");
        assert_eq!(survey.self_signed_valid, self_signed, "{name}");
        assert_eq!((survey.links_valid, survey.unverified), (links, unverified), "{name}");
        assert_eq!(survey.doubts.len(), unverified, "each doubt is told: {:?}", survey.doubts);
    }
}

#[test]
fn a_changed_master_list_is_refused_whole() {
    let Some(folder) = vectors("master-lists") else { return };
    let mut bytes = fs::read(folder.join("NL_ML_2025-12-20.ml")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mut builder = TrustStore::builder();
    assert!(builder.add_master_list(&bytes, &roots()).is_err());
    assert_eq!(builder.build(Timestamp::UNIX_EPOCH).authorities(), 0);
}

#[test]
fn link_certificates_count_when_their_predecessor_signed_them() {
    let Some(folder) = vectors("csca") else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut builder = TrustStore::builder();
    for name in ["2020-10_CSCA_LINK.cer", "2016-01_CSCA_LINK.cer"] {
        builder.add_certificate_der(&read(name)).unwrap();
    }
    assert_eq!(builder.build(Timestamp::UNIX_EPOCH).refused().len(), 2, "no root, no trust");
    let mut builder = TrustStore::builder();
    for name in ["2020-10_CSCA_LINK.cer", "2016-01_CSCA_LINK.cer", "2010-12_CSCA.cer"] {
        builder.add_certificate_der(&read(name)).unwrap();
    }
    let store = builder.build(Timestamp::UNIX_EPOCH);
    assert_eq!((store.authorities(), store.refused().len()), (3, 0), "{:?}", store.refused());
}

#[test]
fn hashes_of_the_specimen_documents_match_although_nobody_trusts_their_signers() {
    let Some(folder) = vectors("lds") else { return };
    let store = store().unwrap();
    for (document, sod, groups) in [
        (
            "bsi2008_mustermann",
            "EF_SOD.bin",
            &[(1, "Datagroup1.bin"), (2, "Datagroup2.bin"), (3, "Datagroup3.bin"), (14, "Datagroup14.bin")][..],
        ),
        ("loes2006_nl", "ef011D.bin", &[(1, "ef0101.bin"), (2, "ef0102.bin"), (15, "ef010F.bin")][..]),
    ] {
        let read = |name: &str| fs::read(folder.join(document).join(name)).unwrap();
        let contents: BTreeMap<u8, Vec<u8>> = groups.iter().map(|(n, name)| (*n, read(name))).collect();
        let groups = contents.iter().map(|(n, bytes)| (*n, bytes.as_slice())).collect();
        let found = authenticate(&read(sod), &groups, &store, NOW.parse().unwrap());
        assert_eq!(found.signature.result, CheckResult::Successful, "{document}: {:?}", found.signature);
        assert!(found.groups.values().all(|s| *s == GroupState::Identical), "{document}: {:?}", found.groups);
        assert_eq!(found.integrity.result, CheckResult::Successful, "{document}: {:?}", found.integrity);
        assert_eq!(found.chain.result, CheckResult::Undetermined, "{document}");
        assert_eq!(found.chain.reasons, [Reason::SignerUntrusted], "{document}");
    }
}
