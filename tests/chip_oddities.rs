//! Each departure of chips in the field from the standard, and what our terminal makes of it: honest documents are
//! read whole, within few exchanges more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::*;
use egate::check::Reason;
use egate::chip::{
    AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, FileId, Next, Proof, ReadingPlan,
};
use egate::devices::card::{Digest, Oddity, Personalisation, SoftwarePassport};
use std::time::Duration;

const PORTRAIT: usize = 8_000;

/// A session with what its chip was like at the end.
struct Outcome {
    result: Result<ChipReading, ChipError>,
    exchanges: u32,
    /// Status words of refusals, as they came, outside secure messaging or on the surface of it.
    refusals: Vec<u16>,
    failed_attempts: u32,
    password_attempts: u32,
}

fn play(mut passport: SoftwarePassport, key: AccessKey) -> Outcome {
    let plan =
        ReadingPlan { every_proof: true, time_limit: Duration::from_secs(600), ..ReadingPlan::default() };
    let random = (0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect();
    let mut session = ChipSession::new(key, plan, ChipRandom(random));
    let mut refusals = Vec::new();
    // Ends: the session bounds its exchanges and restarts.
    let result = loop {
        match session.next() {
            Next::Done(result) => break result,
            Next::Reconnect => {
                passport.reset();
                session.answer(Ok(&[]), Duration::ZERO);
            }
            Next::Transmit(command) => match passport.exchange(&command).answer {
                Some(answer) => {
                    let status = u16::from_be_bytes(*answer.last_chunk().unwrap());
                    refusals.extend((status != 0x9000 && status != 0x6282).then_some(status));
                    session.answer(Ok(&answer), Duration::ZERO);
                }
                None => session.answer(Err("the tag was lost".to_owned()), Duration::ZERO),
            },
        }
    };
    Outcome {
        result,
        exchanges: session.exchanges(),
        refusals,
        failed_attempts: passport.failed_attempts(),
        password_attempts: session.password_attempts(),
    }
}

fn mrz() -> AccessKey {
    AccessKey::Mrz(KEY.to_owned())
}

/// What chips of this file can do where nothing else is said.
fn offers() -> Offers {
    let offers = Offers::pace(ECDH_GENERIC, AES_128, 13).and_chip_authentication(StaticKey::new(12), AES_128);
    Offers { bac: true, ..offers }
}

fn odd(personalisation: Personalisation, oddities: &[Oddity]) -> SoftwarePassport {
    let passport = SoftwarePassport::personalised(personalisation, 7);
    oddities.iter().fold(passport, |passport, oddity| passport.with_oddity(*oddity))
}

/// Reads a chip with oddities as well as the same chip without: all files, all proofs. Gives how many exchanges
/// more it took.
fn read_all_the_same(personalisation: &Personalisation, oddities: &[Oddity]) -> (Outcome, i64) {
    let usual = play(odd(personalisation.clone(), &[]), mrz());
    let outcome = play(odd(personalisation.clone(), oddities), mrz());
    let (expected, reading) = (usual.result.unwrap(), outcome.result.as_ref().unwrap());
    for (file, content) in &expected.files {
        assert!(reading.files.get(file) == Some(content), "{oddities:?}: {file}");
    }
    assert_eq!(reading.proofs, expected.proofs, "{oddities:?}");
    let proofs = [&reading.proofs.chip_authentication, &reading.proofs.active_authentication];
    let shown = |proof: &Option<Proof>| matches!(proof, None | Some(Proof::Shown { .. }));
    assert!(proofs.into_iter().all(shown), "{oddities:?}: {proofs:?}");
    assert_eq!((outcome.failed_attempts, outcome.password_attempts), (0, 1), "{oddities:?}");
    let more = i64::from(outcome.exchanges) - i64::from(usual.exchanges);
    (outcome, more)
}

#[test]
fn an_unprotected_refusal_of_extended_reads_does_not_end_secure_messaging() {
    let mut personalisation = offers().personalise(PORTRAIT);
    personalisation.files.insert(FileId::AtrInfo, atr_info(4_096, 4_096));
    let (outcome, _) = read_all_the_same(&personalisation, &[Oddity::BareRefusalOfExtendedReads]);
    let refusals = outcome.refusals.iter().filter(|status| **status == 0x6700).count();
    assert!((1..=3).contains(&refusals), "learned at once and remembered: {refusals} times refused");
}

#[test]
fn a_chip_that_gives_192_bytes_at_once_is_asked_for_no_more() {
    let personalisation = offers().personalise(PORTRAIT);
    for most in [192, 128] {
        let (outcome, _) = read_all_the_same(&personalisation, &[Oddity::LargestRead(most)]);
        let refusals = outcome.refusals.iter().filter(|status| **status == 0x6700).count();
        assert!((1..=4).contains(&refusals), "remembered: {refusals} times refused");
        // The portrait alone would be refused twice as often if nothing were remembered.
        assert!(outcome.exchanges < 2 * (PORTRAIT as u32).div_ceil(most as u32));
    }
}

#[test]
fn a_bare_refusal_of_long_reads_is_lived_with() {
    for most in [200, 100] {
        read_all_the_same(&offers().personalise(PORTRAIT), &[Oddity::BareRefusalBeyond(most)]);
    }
}

#[test]
fn an_offered_length_is_taken_and_remembered() {
    for offered in [0x80, 0xC0] {
        let personalisation = offers().personalise(PORTRAIT);
        let (outcome, _) = read_all_the_same(&personalisation, &[Oddity::OffersLength(offered)]);
        let refusals = outcome.refusals.iter().filter(|status| **status >> 8 == 0x6C).count();
        assert!((1..=3).contains(&refusals), "{refusals} times refused");
    }
}

#[test]
fn a_refused_master_file_is_no_obstacle() {
    for refusal in [0x6982, 0x6A81, 0x6A86, 0x6A87] {
        let oddity = Oddity::MasterFileRefused(refusal);
        read_all_the_same(&offers().personalise(PORTRAIT), &[oddity]);
        // A chip of BAC alone has nothing there.
        read_all_the_same(&Offers::bac().personalise(PORTRAIT), &[oddity]);
    }
}

#[test]
fn select_and_mse_come_without_an_expected_length() {
    let (_, more) = read_all_the_same(&offers().personalise(PORTRAIT), &[Oddity::RefusesLengthOnSelect]);
    assert_eq!(more, 0);
    read_all_the_same(&Offers::bac().personalise(PORTRAIT), &[Oddity::RefusesLengthOnSelect]);
}

#[test]
fn a_chip_without_access_control_is_read_in_the_clear_whatever_it_says_of_bac() {
    let personalisation = Offers::default().personalise(PORTRAIT);
    for oddities in [&[Oddity::NoAccessControl][..], &[Oddity::NoAccessControl, Oddity::NoReferenceForBac]] {
        let outcome = play(odd(personalisation.clone(), oddities), mrz());
        let reading = outcome.result.unwrap();
        assert_eq!((reading.access.as_str(), outcome.password_attempts), ("none", 0));
        assert!(reading.files[&FileId::Dg(2)] == personalisation.files[&FileId::Dg(2)]);
    }
}

#[test]
fn a_chip_of_pace_alone_needs_no_bac() {
    let personalisation = Offers { bac: false, ..offers() }.personalise(PORTRAIT);
    read_all_the_same(&personalisation, &[Oddity::NoReferenceForBac]);
}

#[test]
fn a_chip_that_lets_nobody_in_gives_nothing() {
    let personalisation = Offers::default().personalise(PORTRAIT);
    let reading = play(odd(personalisation, &[Oddity::NoReferenceForBac]), mrz()).result.unwrap();
    assert!(reading.files.is_empty() && reading.missing.contains_key(&FileId::Sod), "{reading:?}");
}

#[test]
fn a_warning_at_the_end_of_a_file_comes_with_good_data() {
    let (_, more) = read_all_the_same(&offers().personalise(PORTRAIT), &[Oddity::WarnsAtEndOfFile]);
    assert_eq!(more, 0);
}

#[test]
fn a_chip_of_short_length_takes_long_commands_in_a_chain() {
    let offers = Offers::bac().and_chip_authentication(StaticKey::new(2), AES_128);
    let mut personalisation = offers.personalise(PORTRAIT);
    personalisation.files.insert(FileId::AtrInfo, atr_info_short());
    read_all_the_same(&personalisation, &[Oddity::ShortLengthOnly]);
}

#[test]
fn a_signature_is_asked_for_again_with_the_length_that_the_chip_offers() {
    let offers = Offers::bac().and_active_authentication(rsa(1_024), Digest::Sha1);
    read_all_the_same(&offers.personalise(50), &[Oddity::OffersSignatureLength(0x80)]);
}

#[test]
fn a_signature_cut_at_256_bytes_is_asked_for_in_full() {
    let mut personalisation =
        Offers::bac().and_active_authentication(rsa(3_072), Digest::Sha256).personalise(50);
    personalisation.files.insert(FileId::AtrInfo, atr_info(1_024, 1_024));
    read_all_the_same(&personalisation, &[Oddity::CutsSignature(256)]);
}

#[test]
fn a_chip_that_answers_nothing_to_65536_bytes_is_asked_for_less() {
    let mut personalisation =
        Offers::bac().and_active_authentication(rsa(2_048), Digest::Sha256).personalise(50);
    personalisation.files.insert(FileId::AtrInfo, atr_info(65_535, 65_535));
    read_all_the_same(&personalisation, &[Oddity::SilentSignature]);
}

#[test]
fn pace_that_does_not_begin_is_followed_by_bac_once() {
    for refusal in [0x6A80, 0x6A88, 0x6985] {
        let outcome = play(odd(offers().personalise(50), &[Oddity::PaceRefused(refusal)]), mrz());
        assert_eq!(outcome.result.unwrap().access, "BAC");
        assert_eq!((outcome.failed_attempts, outcome.password_attempts), (0, 1));
    }
}

#[test]
fn a_wrong_password_is_counted_and_never_tried_again() {
    let wrong = AccessKey::Mrz("L898902C3674081221204160".to_owned());
    for (oddities, refusal) in [
        (&[][..], 0x6300),
        (&[Oddity::WrongPasswordAnswer(0x63C2)], 0x63C2),
        (&[Oddity::WrongPasswordAnswer(0x6982)], 0x6982),
    ] {
        let outcome = play(odd(offers().personalise(50), oddities), wrong.clone());
        let error = outcome.result.unwrap_err();
        assert_eq!(error, ChipError::AccessDenied(refusal));
        assert_eq!(error.reason(), Reason::ChipAccessDenied);
        assert_eq!((outcome.failed_attempts, outcome.password_attempts), (1, 1));
    }
    let can = AccessKey::Can("000000".to_owned());
    let outcome = play(odd(offers().personalise(50), &[]), can);
    assert_eq!((outcome.result, outcome.failed_attempts), (Err(ChipError::AccessDenied(0x6300)), 1));
}

#[test]
fn a_key_that_must_be_named_is_named() {
    for cipher in [TRIPLE_DES, AES_256] {
        let key = StaticKey::new(13).with_id(5);
        let personalisation = Offers::bac().and_chip_authentication(key, cipher).personalise(50);
        let (outcome, _) = read_all_the_same(&personalisation, &[Oddity::WantsKeyReference]);
        let proof = outcome.result.unwrap().proofs.chip_authentication;
        assert!(matches!(proof, Some(Proof::Shown { .. })), "{proof:?}");
    }
}
