//! Whatever comes from outside: no panic, and nothing believed that was not signed.

use super::kit::{NOW, STORE, bundle_with, examined, issue};
use egate::check::CheckResult;
use egate::chip::{FileId, Proof, Proofs};
use egate::trust::{
    Certificate, DefectList, MasterList, RevocationList, SecurityObject, TrustMaterial, authenticate,
};
use egate::workbench::issue::{ChipPlan, Defect, IssuedDocument};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<IssuedDocument> = LazyLock::new(|| issue(ChipPlan::modern(), Defect::None));
static MAPPING: LazyLock<IssuedDocument> =
    LazyLock::new(|| issue(ChipPlan::chip_authentication_mapping(), Defect::None));
static FILES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| bundle_with(&[".ml", ".dvl", ".defects"]).into_iter().map(|(_, bytes)| bytes).collect());

/// Bytes with a few of them replaced, and cut somewhere.
fn damaged(bytes: &[u8], damage: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, byte) in damage {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

fn read_all(bytes: &[u8]) {
    let _ = (Certificate::parse(bytes), RevocationList::parse(bytes), SecurityObject::parse(bytes));
    let _ = (MasterList::parse(bytes), DefectList::parse(bytes), TrustMaterial::parse(bytes));
    let _ = authenticate(bytes, &BTreeMap::from([(1, bytes)]), &STORE, *NOW).tree();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_parser_panics_on_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn no_parser_panics_on_damaged_files(
        which in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let file = &FILES[which.index(FILES.len())];
        let bytes = damaged(file, &damage, cut);
        read_all(&bytes);
        if let Ok(material) = TrustMaterial::parse(&bytes) {
            let mut builder = egate::trust::TrustStore::builder();
            builder.add_files(vec![("damaged".into(), material)]);
            let _ = builder.build(*NOW).refused();
        }
    }

    #[test]
    fn damaged_key_files_never_make_a_chip_genuine(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
        key in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let shown = || Some(Proof::Shown { public_key: key.clone() });
        let proofs = Proofs { active_authentication: shown(), chip_authentication: shown(), mapping: shown() };
        for (document, file) in [
            (&*DOCUMENT, FileId::Dg(14)),
            (&*DOCUMENT, FileId::Dg(15)),
            (&*MAPPING, FileId::CardSecurity),
        ] {
            let mut document = document.clone();
            let bytes = damaged(&document.files[&file], &damage, cut);
            document.files.insert(file, bytes);
            let examination = examined(&document, proofs.clone());
            let authenticity = &examination.checks[2];
            prop_assert_ne!(authenticity.result, CheckResult::Successful);
        }
    }
}
