//! Every way to open a chip with every way in which it proves itself, as far as Doc 9303-11 allows them
//! together: both sides, written apart, must understand each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::*;
use egate::chip::{AccessKey, ChipRandom, ChipReading, ChipSession, FileId, Proof, Proofs, ReadingPlan};
use egate::devices::card::{Digest, Personalisation, SoftwarePassport};
use egate::devices::{ChipReader, InProcessReader, read_chip};
use openssl::pkey::{PKey, Private};
use std::sync::LazyLock;
use std::time::Duration;

/// Bytes of the portrait: short, as there are many readings.
const PORTRAIT: usize = 40;

static RSA: LazyLock<PKey<Private>> = LazyLock::new(|| rsa(1024));

/// How a chip of the matrix proves itself beside its access.
#[derive(Debug, Clone, Copy)]
enum Proving {
    Nothing,
    /// With a key on these parameters and this cipher.
    Chip(u8, u8),
    ActiveRsa,
    /// With a key on this curve.
    ActiveEc(u8, Digest),
}

/// Every kind of proof, each on one group.
fn provings() -> Vec<Proving> {
    let chip =
        [12, 0].into_iter().flat_map(|parameters| CIPHERS.map(|cipher| Proving::Chip(parameters, cipher)));
    let others = [Proving::Nothing, Proving::ActiveRsa, Proving::ActiveEc(13, Digest::Sha256)];
    others.into_iter().chain(chip).collect()
}

impl Proving {
    fn of(self, offers: Offers) -> Offers {
        match self {
            Proving::Nothing => offers,
            Proving::Chip(parameters, cipher) => {
                offers.and_chip_authentication(StaticKey::new(parameters), cipher)
            }
            Proving::ActiveRsa => offers.and_active_authentication(RSA.clone(), Digest::Sha1),
            Proving::ActiveEc(curve, digest) => {
                offers.and_active_authentication(key_on(curve, 0xAC71), digest)
            }
        }
    }
}

/// Reads a chip as the gate does, but with every proof that it offers.
fn read(personalisation: Personalisation, key: AccessKey) -> ChipReading {
    let (mut reader, slot) = InProcessReader::new();
    slot.insert(SoftwarePassport::personalised(personalisation, 7));
    let plan =
        ReadingPlan { every_proof: true, time_limit: Duration::from_secs(600), ..ReadingPlan::default() };
    let random = (0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect();
    let mut session = ChipSession::new(key, plan, ChipRandom(random));
    let mut card = reader.wait_for_card(Duration::ZERO).unwrap().unwrap();
    let reading = read_chip(card.as_mut(), &mut session);
    assert_eq!(slot.remove().unwrap().failed_attempts(), 0);
    reading.unwrap()
}

fn mrz() -> AccessKey {
    AccessKey::Mrz(KEY.to_owned())
}

fn can() -> AccessKey {
    AccessKey::Can(CAN.to_owned())
}

/// Whether all that was offered was read and proved, by keys that stand in the chip's files.
fn check(offers: &Offers, key: AccessKey, what: &str) -> ChipReading {
    let personalisation = offers.personalise(PORTRAIT);
    let files = personalisation.files.clone();
    let reading = read(personalisation, key);
    let optional = [FileId::Dg(14), FileId::Dg(15)];
    assert!(reading.missing.keys().all(|file| optional.contains(file)), "{what}: {:?}", reading.missing);
    for (file, content) in &files {
        assert!(reading.files.get(file) == Some(content), "{what}: {file}");
    }
    let Proofs { active_authentication, chip_authentication, mapping } = &reading.proofs;
    let shown = |proof: &Option<Proof>, offered: bool, file: FileId| match proof {
        Some(Proof::Shown { public_key }) => {
            offered && files[&file].windows(public_key.len()).any(|window| window == public_key)
        }
        None => !offered,
        _ => false,
    };
    let active = shown(active_authentication, offers.active.is_some(), FileId::Dg(15));
    let chip = shown(chip_authentication, !offers.chip_keys.is_empty(), FileId::Dg(14));
    let mapped = shown(mapping, !offers.mapping_keys.is_empty(), FileId::CardSecurity);
    assert!(active && chip && mapped, "{what}: {:?}", reading.proofs);
    reading
}

/// One mapping on all these groups with all these ciphers, with every kind of proof.
fn pace(mapping: u8, name: &str, groups: &[u8], ciphers: &[u8]) {
    for parameters in groups {
        for cipher in ciphers {
            for proving in provings() {
                let what = format!("{name}, parameters {parameters}, cipher {cipher}, {proving:?}");
                let offers = proving.of(Offers::pace(mapping, *cipher, *parameters));
                let reading = check(&offers, mrz(), &what);
                let cipher = ["3DES", "AES-128", "AES-192", "AES-256"][usize::from(cipher - 1)];
                let access = format!("PACE {name} {cipher}");
                assert!(reading.access.starts_with(&access), "{what}: {}", reading.access);
                assert!(reading.access.ends_with("MRZ"), "{what}: {}", reading.access);
            }
            let offers = Offers::pace(mapping, *cipher, *parameters);
            let reading = check(&offers, can(), &format!("{name} {parameters} {cipher} CAN"));
            assert!(reading.access.ends_with("CAN"), "{}", reading.access);
        }
    }
}

#[test]
fn bac_with_every_kind_of_proof() {
    for proving in provings() {
        assert_eq!(check(&proving.of(Offers::bac()), mrz(), &format!("BAC, {proving:?}")).access, "BAC");
    }
}

#[test]
fn pace_by_generic_mapping_on_nist_curves() {
    pace(ECDH_GENERIC, "ECDH-GM", &[8, 10, 12, 15, 18], &CIPHERS);
}

#[test]
fn pace_by_generic_mapping_on_brainpool_curves() {
    pace(ECDH_GENERIC, "ECDH-GM", &[9, 11, 13, 14, 16, 17], &CIPHERS);
}

#[test]
fn pace_by_generic_mapping_in_prime_fields() {
    pace(DH_GENERIC, "DH-GM", &FIELDS, &CIPHERS);
}

#[test]
fn pace_by_integrated_mapping_on_nist_curves() {
    let able: Vec<u8> = [8, NIST_P224, 12, 15, 18].into_iter().filter(|curve| *curve != NIST_P224).collect();
    pace(ECDH_INTEGRATED, "ECDH-IM", &able, &CIPHERS);
}

#[test]
fn pace_by_integrated_mapping_on_brainpool_curves() {
    pace(ECDH_INTEGRATED, "ECDH-IM", &[9, 11, 13, 14, 16, 17], &CIPHERS);
}

#[test]
fn pace_by_integrated_mapping_in_prime_fields() {
    pace(DH_INTEGRATED, "DH-IM", &FIELDS, &CIPHERS);
}

#[test]
fn pace_by_chip_authentication_mapping_on_nist_curves() {
    pace(ECDH_CHIP_AUTHENTICATION, "ECDH-CAM", &[8, 10, 12, 15, 18], &CIPHERS[1..]);
}

#[test]
fn pace_by_chip_authentication_mapping_on_brainpool_curves() {
    pace(ECDH_CHIP_AUTHENTICATION, "ECDH-CAM", &[9, 11, 13, 14, 16, 17], &CIPHERS[1..]);
}

/// Chip authentication on every group with every cipher, its key named or alone, written in every form.
fn chip_authentication(groups: &[u8]) {
    for parameters in groups {
        for cipher in CIPHERS {
            for form in [Form::Named, Form::Explicit, Form::Standardised] {
                for id in [None, Some(0), Some(300)] {
                    let key = StaticKey { id, ..StaticKey::new(*parameters) }.written(form);
                    let what = format!("chip authentication {parameters} {cipher} {form:?} {id:?}");
                    check(&Offers::bac().and_chip_authentication(key, cipher), mrz(), &what);
                }
            }
        }
    }
}

#[test]
fn chip_authentication_on_every_curve() {
    chip_authentication(&CURVES);
}

#[test]
fn chip_authentication_in_every_prime_field() {
    chip_authentication(&FIELDS);
}

#[test]
fn of_several_keys_the_named_one_is_used() {
    let keys =
        vec![StaticKey::new(12).with_id(1), StaticKey::new(13).with_id(2), StaticKey::new(1).with_id(3)];
    let offers = Offers { chip_keys: keys, chip_ciphers: vec![AES_128, TRIPLE_DES], ..Offers::bac() };
    check(&offers, mrz(), "three keys");
    // Two mapping keys, of which PACE's parameters name one.
    let mut offers = Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 13);
    offers.pace.push(pace_info(ECDH_CHIP_AUTHENTICATION, AES_256, 12));
    offers.mapping_keys = [13, 12]
        .map(|curve| StaticKey::new(curve).with_id(curve.into()).written(Form::Standardised))
        .to_vec();
    let reading = check(&offers, mrz(), "two mapping keys");
    assert!(reading.access.starts_with("PACE ECDH-CAM AES-256"), "{}", reading.access);
}

#[test]
fn one_key_may_serve_mapping_and_chip_authentication() {
    let key = StaticKey::new(12);
    let offers =
        Offers { mapping_keys: vec![key.clone()], ..Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 12) };
    check(&offers.and_chip_authentication(key, AES_256), mrz(), "the same key");
}

#[test]
fn active_authentication_with_every_curve_and_digest() {
    for curve in CURVES {
        for digest in Digest::ALL {
            let offers = Proving::ActiveEc(curve, digest).of(Offers::bac());
            check(&offers, mrz(), &format!("active authentication {curve} {digest:?}"));
        }
    }
}

#[test]
fn active_authentication_with_every_rsa_trailer_and_length() {
    for bits in [1024, 1280, 1536, 1792] {
        let key = rsa(bits);
        for digest in Digest::ALL {
            let offers = Offers::bac().and_active_authentication(key.clone(), digest);
            check(&offers, mrz(), &format!("active authentication RSA-{bits} {digest:?}"));
        }
    }
    // Longer signatures come in extended length only, which EF.ATR/INFO announces.
    for bits in [2048, 3072] {
        let offers = Offers::bac().and_active_authentication(rsa(bits), Digest::Sha256);
        let mut personalisation = offers.personalise(PORTRAIT);
        personalisation.files.insert(FileId::AtrInfo, atr_info(1_024, 1_024));
        let reading = read(personalisation, mrz());
        assert!(
            matches!(reading.proofs.active_authentication, Some(Proof::Shown { .. })),
            "{:?}",
            reading.proofs
        );
    }
}

#[test]
fn lengths_as_announced_short_extended_and_chained() {
    for (info, portrait) in [
        (None, 3_000),
        (Some(atr_info(261, 256)), 3_000),
        (Some(atr_info(1_024, 1_024)), 40_000),
        (Some(atr_info(65_535, 65_535)), 40_000),
    ] {
        for offers in [
            Offers::bac().and_chip_authentication(StaticKey::new(2), AES_256),
            Offers::pace(DH_GENERIC, AES_128, 2).and_chip_authentication(StaticKey::new(1), TRIPLE_DES),
            Offers::pace(ECDH_INTEGRATED, AES_256, 16).and_chip_authentication(StaticKey::new(18), AES_128),
        ] {
            let mut personalisation = offers.personalise(portrait);
            personalisation.files.extend(info.clone().map(|info| (FileId::AtrInfo, info)));
            let portrait = personalisation.files[&FileId::Dg(2)].clone();
            let reading = read(personalisation, mrz());
            assert_eq!(reading.files[&FileId::Dg(2)], portrait);
            let proof = reading.proofs.chip_authentication;
            assert!(matches!(proof, Some(Proof::Shown { .. })), "{proof:?} {info:02X?}");
        }
    }
}
