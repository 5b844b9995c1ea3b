//! SecurityInfos of many cards, and the worked examples of extended access control, beside the checkout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::chip::{KeyAgreement, SecurityInfos};
use std::fs;
use std::path::PathBuf;

/// A folder of the vectors, or a word that it is not there.
fn vectors(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from("../shared/vectors").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "{} is not there", path.display());
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

fn read(path: &std::path::Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    match path.extension().is_some_and(|extension| extension == "hex") {
        true => {
            hex::decode(String::from_utf8(bytes).unwrap().split_whitespace().collect::<String>()).unwrap()
        }
        false => bytes,
    }
}

#[test]
fn security_infos_of_every_card_are_read_and_broken_entries_kept_aside() {
    let Some(folder) = vectors("card-access") else { return };
    // Entries cut short, or with a number below zero.
    let broken = ["3d65f9abf084", "47960aaaa804", "d656a1c4ab51", "91bf318ad118"];
    // The dump of one EF.CardSecurity has lost the bytes that are no text.
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = names.filter(|path| !path.ends_with("efcardsecurity.dump")).collect();
    assert!(files.len() >= 25, "{files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let infos = match name == "efCardSecurity.hex" {
            true => SecurityInfos::parse_card_security(&read(&path)),
            false => SecurityInfos::parse(&read(&path)),
        };
        let infos = infos.unwrap_or_else(|error| panic!("{name}: {error}"));
        let known = infos.pace.len() + infos.chip_authentication.len() + infos.chip_authentication_keys.len();
        let kept = infos.unknown.len() + infos.malformed.len() + infos.active_authentication.len();
        assert!(known + kept > 0, "{name}");
        let whole = !broken.iter().any(|broken| name.contains(broken));
        assert_eq!(infos.malformed.is_empty(), whole, "{name}: {infos:?}");
    }
}

#[test]
fn the_identity_cards_files_say_what_they_offer() {
    let Some(folder) = vectors("card-access") else { return };
    let infos = SecurityInfos::parse(&read(&folder.join("gmrtd_06ab0a0c4d6c.bin"))).unwrap();
    let names: Vec<String> = infos.pace.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["ECDH-GM AES-128", "ECDH-CAM AES-128"]);
    let ids: Vec<_> = infos.chip_authentication_keys.iter().map(|key| key.key_id).collect();
    assert_eq!(ids, [Some(13), Some(0x48)]);
    assert_eq!(infos.terminal_authentication, [2]);
    let infos = SecurityInfos::parse_card_security(&read(&folder.join("efCardSecurity.hex"))).unwrap();
    assert!(!infos.chip_authentication_keys.is_empty() && !infos.unknown.is_empty());
}

#[test]
fn dg14_of_the_specimens_has_its_key_and_its_protocol() {
    for (file, agreement) in [
        ("lds/spec_sample_encoded_dg14.bin", KeyAgreement::Dh),
        ("lds/bsi2008_mustermann/Datagroup14.bin", KeyAgreement::Ecdh),
    ] {
        let Some(path) = vectors(file) else { return };
        let infos = SecurityInfos::parse_dg14(&read(&path)).unwrap();
        let [key] = infos.chip_authentication_keys.as_slice() else { panic!("{infos:?}") };
        let [info] = infos.chip_authentication.as_slice() else { panic!("{infos:?}") };
        assert_eq!((key.agreement, info.agreement, info.version), (agreement, agreement, 1));
        assert_eq!(info.suite.to_string(), "3DES");
        assert_eq!(infos.terminal_authentication, [1]);
        assert!(infos.unknown.is_empty() && infos.malformed.is_empty());
    }
}
