//! SecurityInfos of the standard's examples, broken ones, and any bytes.
use super::*;
use proptest::prelude::*;

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

#[test]
fn reads_the_pace_info_of_appendix_g1() {
    let infos = SecurityInfos::parse(&bytes("31143012060A04007F0007020204020202010202010D")).unwrap();
    let [info] = infos.pace.as_slice() else { panic!("{infos:?}") };
    assert_eq!((info.version, info.parameter_id), (2, Some(13)));
    assert_eq!(info.to_string(), "ECDH-GM AES-128");
    assert!(infos.unknown.is_empty() && infos.malformed.is_empty());
}

#[test]
fn reads_the_key_of_appendix_i() {
    let entry = "3062060904007F0007020201023052300C060704007F0007010202010D034200041872709494399E7470A6431BE25E83EEE24FEA568C2ED28DB48E05DB3A610DC884D256A40E35EFCB59BF6753D3A489D28C7A4D973C2DA138A6E7A4A08F68E16F02010D";
    let infos = SecurityInfos::parse(&tlv::encode(SET, &bytes(entry))).unwrap();
    let [key] = infos.chip_authentication_keys.as_slice() else { panic!("{infos:?}") };
    assert_eq!((key.agreement, key.key_id), (KeyAgreement::Ecdh, Some(13)));
    assert_eq!(hex::encode_upper(&key.public_key), entry[26..entry.len() - 6]);
}

#[test]
fn keeps_what_it_does_not_know_and_what_is_broken_and_reads_the_rest() {
    let entries = [
        // A cipher that does not exist, PACE by 3DES with chip authentication mapping, a service link.
        "3012060A04007F0007020204027F02010202010D",
        "3012060A04007F0007020204060102010202010D",
        "300E060804007F00070202061602616263",
        // A negative parameter, a version that is none.
        "3012060A04007F000702020402020201020201FF",
        "300D060804007F0007020202040101",
        "300D060804007F0007020202020101",
    ];
    let set = tlv::encode(
        SET,
        &bytes(
            &entries.concat().replace("300E060804007F00070202061602616263", "300D060804007F0007020206160161"),
        ),
    );
    let infos = SecurityInfos::parse(&set).unwrap();
    assert_eq!((infos.unknown.len(), infos.malformed.len()), (3, 2));
    assert_eq!(infos.unknown[2].oid.to_string(), "0.4.0.127.0.7.2.2.6");
    assert_eq!(infos.terminal_authentication, [1]);
    assert!(infos.pace.is_empty());
}

#[test]
fn refuses_a_set_that_is_broken_or_too_long() {
    assert!(SecurityInfos::parse(&[]).is_err());
    assert_eq!(SecurityInfos::parse(&[0x30, 0]), Err(SecurityInfosError::Unexpected("a set")));
    assert!(SecurityInfos::parse(&bytes("31143012060A04007F0007020204020202010202")).is_err());
    assert!(SecurityInfos::parse(&bytes("3102020100")).is_err());
    let many = bytes("300D060804007F0007020202020101").repeat(MAX_SECURITY_INFOS + 1);
    assert_eq!(SecurityInfos::parse(&tlv::encode(SET, &many)), Err(SecurityInfosError::TooMany));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = SecurityInfos::parse(&bytes);
        let _ = SecurityInfos::parse_dg14(&bytes);
        let _ = SecurityInfos::parse_card_security(&bytes);
        let _ = SecurityInfos::parse(&tlv::encode(SET, &tlv::encode(SEQUENCE, &bytes)));
    }
}
