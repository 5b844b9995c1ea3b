//! Each attack of a forged or hostile chip, and how our terminal sees through it: by an error with the right
//! reason, a refuted proof, or a file that is noted as missing. None of them is ever taken for a good document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::*;
use egate::check::{CheckResult, Reason};
use egate::chip::{
    AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, FileId, MAX_EXCHANGES, Next, Proof,
    ReadingPlan,
};
use egate::devices::card::{Attack, Digest, Personalisation, SoftwarePassport};
use egate::trust::{GroupState, TrustStore, authenticate};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const PORTRAIT: usize = 2_000;

struct Outcome {
    result: Result<ChipReading, ChipError>,
    exchanges: u32,
    bytes: usize,
    /// Whether our side took the chip for one with which it shares session keys.
    spoke_protected: bool,
    failed_attempts: u32,
    password_attempts: u32,
}

fn play(mut passport: SoftwarePassport, every_proof: bool) -> Outcome {
    let plan = ReadingPlan { every_proof, time_limit: Duration::from_secs(600), ..ReadingPlan::default() };
    let random = (0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect();
    let mut session = ChipSession::new(AccessKey::Mrz(KEY.to_owned()), plan, ChipRandom(random));
    let (mut bytes, mut spoke_protected) = (0, false);
    // Ends: the session bounds its exchanges and restarts.
    let result = loop {
        match session.next() {
            Next::Done(result) => break result,
            Next::Reconnect => {
                passport.reset();
                session.answer(Ok(&[]), Duration::ZERO);
            }
            Next::Transmit(command) => {
                spoke_protected |= command[0] & 0x0C == 0x0C;
                let answer = passport.exchange(&command).answer;
                bytes += answer.as_ref().map_or(0, Vec::len);
                let answer = answer.as_deref().ok_or_else(|| "the tag was lost".to_owned());
                session.answer(answer, Duration::ZERO);
            }
        }
    };
    assert!(session.exchanges() <= MAX_EXCHANGES);
    Outcome {
        result,
        exchanges: session.exchanges(),
        bytes,
        spoke_protected,
        failed_attempts: passport.failed_attempts(),
        password_attempts: session.password_attempts(),
    }
}

fn attacked(personalisation: Personalisation, attack: Attack) -> Outcome {
    play(SoftwarePassport::personalised(personalisation, 7).with_attack(attack), true)
}

/// Chips of each kind of secure messaging, with chip authentication, so that keys change on the way.
fn chips() -> [Personalisation; 3] {
    let key = || StaticKey::new(12);
    [
        Offers::bac().and_chip_authentication(key(), TRIPLE_DES),
        Offers::bac().and_chip_authentication(key(), AES_256),
        Offers { bac: true, ..Offers::pace(ECDH_GENERIC, AES_128, 13) }
            .and_chip_authentication(key(), AES_128),
    ]
    .map(|offers| offers.personalise(PORTRAIT))
}

fn whole(reading: &ChipReading, personalisation: &Personalisation) {
    for file in [FileId::Sod, FileId::Dg(1), FileId::Dg(2)] {
        assert!(reading.files.get(&file) == personalisation.files.get(&file), "{file}");
    }
}

#[test]
fn a_copy_without_the_active_authentication_key_is_refuted() {
    for (key, digest) in [(rsa(1_024), Digest::Sha1), (key_on(13, 1), Digest::Sha256)] {
        let personalisation = Offers::bac().and_active_authentication(key, digest).personalise(PORTRAIT);
        let outcome = attacked(personalisation.clone(), Attack::CloneWithoutActiveAuthentication);
        let reading = outcome.result.unwrap();
        whole(&reading, &personalisation);
        let proof = &reading.proofs.active_authentication;
        assert!(matches!(proof, Some(Proof::Refuted(_))), "{proof:?}");
    }
}

#[test]
fn a_copy_without_the_chip_authentication_key_is_refuted_and_shown_to_the_officer() {
    for personalisation in chips() {
        let outcome = attacked(personalisation.clone(), Attack::CloneWithoutChipAuthentication);
        let reading = outcome.result.unwrap();
        let proof = &reading.proofs.chip_authentication;
        assert!(matches!(proof, Some(Proof::Refuted(_))), "{proof:?}");
        whole(&reading, &personalisation);
        assert_eq!(outcome.failed_attempts, 0);
    }
}

#[test]
fn a_copy_without_the_mapping_key_is_refuted() {
    for cipher in [AES_128, AES_256] {
        let personalisation = Offers::pace(ECDH_CHIP_AUTHENTICATION, cipher, 13).personalise(PORTRAIT);
        let reading = attacked(personalisation.clone(), Attack::CloneWithoutMapping).result.unwrap();
        whole(&reading, &personalisation);
        assert!(matches!(reading.proofs.mapping, Some(Proof::Refuted(_))), "{:?}", reading.proofs);
    }
}

#[test]
fn another_persons_portrait_is_not_the_one_that_was_signed() {
    let folder = Path::new("../shared/vectors/lds/bsi2008_mustermann");
    let Ok(sod) = std::fs::read(folder.join("EF_SOD.bin")) else {
        assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "{} is not there", folder.display());
        eprintln!("SKIPPED: {} is not there", folder.display());
        return;
    };
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let files = BTreeMap::from([
        (FileId::Sod, sod),
        (FileId::Dg(1), file("Datagroup1.bin")),
        (FileId::Dg(2), file("Datagroup2.bin")),
    ]);
    let personalisation = Personalisation::of_files(files, KEY);
    let state = |attack: Option<Attack>| {
        let passport = SoftwarePassport::personalised(personalisation.clone(), 7);
        let passport = attack.into_iter().fold(passport, SoftwarePassport::with_attack);
        let reading = play(passport, true).result.unwrap();
        let groups = [1, 2].map(|number| (number, reading.files[&FileId::Dg(number)].as_slice()));
        let now = "2026-01-15T12:00:00Z".parse().unwrap();
        let store = TrustStore::builder().build(now);
        let found = authenticate(&reading.files[&FileId::Sod], &groups.into(), &store, now);
        (found.groups[&1], found.groups[&2], found.group(2))
    };
    let (first, second, _) = state(None);
    assert_eq!((first, second), (GroupState::Identical, GroupState::Identical));
    let (first, second, check) = state(Some(Attack::SwappedPortrait(portrait(3_000))));
    assert_eq!((first, second), (GroupState::Identical, GroupState::NotIdentical));
    assert_eq!((check.result, check.reasons), (CheckResult::Failed, vec![Reason::DataGroupHashWrong]));
}

/// From the n-th protected answer on, for n through the whole session: never believed. A chip whose answers fail
/// right after chip authentication has failed that; any other ends the session.
fn never_believed(attack: impl Fn(u32) -> Attack) {
    for personalisation in chips() {
        let honest = play(SoftwarePassport::personalised(personalisation.clone(), 7), true);
        let most = honest.exchanges;
        let mut noticed = 0;
        for n in 1..=most {
            let outcome = attacked(personalisation.clone(), attack(n));
            match outcome.result {
                Err(error) => {
                    assert_eq!(error.reason(), Reason::ChipProtocol, "answer {n}: {error}");
                    noticed += 1;
                }
                Ok(reading) if matches!(reading.proofs.chip_authentication, Some(Proof::Refuted(_))) => {
                    noticed += 1;
                }
                // So many protected answers there were not.
                Ok(reading) => assert!(n + 12 > most, "answer {n} of {most}: {:?}", reading.proofs),
            }
            assert_eq!(outcome.failed_attempts, 0);
            assert!(outcome.password_attempts <= 3);
        }
        assert!(noticed + 12 > most, "{noticed} of {most}");
    }
}

#[test]
fn a_wrong_mac_is_never_believed() {
    never_believed(Attack::WrongMac);
}

#[test]
fn a_replayed_answer_is_never_believed() {
    // Before the first protected answer there is none to repeat: the chip then gives nothing at all.
    never_believed(|n| Attack::ReplayedAnswer(n + 1));
}

#[test]
fn unprotected_data_under_secure_messaging_are_never_believed() {
    never_believed(Attack::UnprotectedAnswer);
}

#[test]
fn a_file_without_end_is_read_to_the_bound_and_no_further() {
    let personalisation = Offers::bac().personalise(PORTRAIT);
    for stated in [u32::MAX, 0x00FF_FFFF, 300_000] {
        let outcome = attacked(personalisation.clone(), Attack::EndlessFile(stated));
        let reading = outcome.result.unwrap();
        assert!(reading.missing.contains_key(&FileId::Dg(2)), "{stated}: {:?}", reading.missing);
        assert!(reading.files.contains_key(&FileId::Dg(1)));
        assert!(outcome.exchanges < 40 && outcome.bytes < 8_000, "nothing is read of it");
    }
    let reading = attacked(personalisation, Attack::EndlessFile(100_000)).result.unwrap();
    assert_eq!(reading.files[&FileId::Dg(2)].len(), 100_000 + 6, "what it states and no more");
}

#[test]
fn objects_in_objects_and_objects_too_long_are_refused_when_the_portrait_is_looked_at() {
    for attack in [Attack::NestedObjects, Attack::OverlongObject] {
        let reading = attacked(Offers::bac().personalise(PORTRAIT), attack.clone()).result.unwrap();
        assert!(reading.files.contains_key(&FileId::Dg(2)));
        assert!(reading.portrait().is_err(), "{attack:?}");
    }
}

#[test]
fn a_tag_lost_at_any_exchange_is_read_after_all_or_given_up() {
    for personalisation in chips() {
        let honest = play(SoftwarePassport::personalised(personalisation.clone(), 7), true);
        for n in 1..=honest.exchanges {
            let outcome = attacked(personalisation.clone(), Attack::TagLost(n));
            let reading = outcome.result.unwrap_or_else(|error| panic!("lost at {n}: {error}"));
            whole(&reading, &personalisation);
            let proof = &reading.proofs.chip_authentication;
            assert!(matches!(proof, Some(Proof::Shown { .. })), "lost at {n}: {proof:?}");
            assert_eq!(outcome.failed_attempts, 0);
            assert!(outcome.password_attempts <= 2);
        }
        // One that is lost again and again is given up.
        let attacks = (1..=honest.exchanges * 3).map(Attack::TagLost);
        let passport = SoftwarePassport::personalised(personalisation, 7);
        let outcome = play(attacks.fold(passport, SoftwarePassport::with_attack), true);
        assert_eq!(outcome.result.unwrap_err().reason(), Reason::ChipLost);
    }
}

#[test]
fn pace_with_a_chip_that_does_not_know_the_password_or_mirrors_ends_the_session() {
    for (mapping, parameters, attacks) in [
        (
            ECDH_GENERIC,
            13,
            &[Attack::WrongNonce, Attack::MirroredMapping, Attack::MirroredKey, Attack::WrongToken][..],
        ),
        (
            DH_GENERIC,
            0,
            &[Attack::WrongNonce, Attack::MirroredMapping, Attack::MirroredKey, Attack::WrongToken],
        ),
        (ECDH_INTEGRATED, 12, &[Attack::WrongNonce, Attack::MirroredKey, Attack::WrongToken]),
        (ECDH_CHIP_AUTHENTICATION, 16, &[Attack::WrongNonce, Attack::MirroredMapping, Attack::WrongToken]),
    ] {
        for attack in attacks {
            let offers = Offers { bac: true, ..Offers::pace(mapping, AES_128, parameters) };
            let outcome = attacked(offers.personalise(PORTRAIT), attack.clone());
            let error = outcome.result.unwrap_err();
            assert_eq!(error.reason(), Reason::ChipProtocol, "{attack:?}: {error}");
            assert!(outcome.password_attempts <= 1 && !outcome.spoke_protected, "{attack:?}");
        }
    }
}

#[test]
fn a_chip_that_calls_the_right_password_wrong_is_asked_once() {
    for offers in [Offers::bac(), Offers { bac: true, ..Offers::pace(ECDH_GENERIC, AES_128, 13) }] {
        let outcome = attacked(offers.personalise(PORTRAIT), Attack::RefusedPassword);
        assert_eq!(outcome.result, Err(ChipError::AccessDenied(0x6300)));
        assert_eq!(outcome.password_attempts, 1);
    }
}
