//! What a session does with chips that are odd, lost or forged, and with those that offer several ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::*;
use egate::chip::{
    AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, FileId, MAX_EXCHANGES, Next, Proof,
    ReadingPlan,
};
use egate::devices::card::{Attack, Digest, Oddity, SoftwarePassport};
use egate::devices::{Exchange, RecordedCard, read_chip};
use proptest::prelude::*;
use std::time::Duration;

const PORTRAIT: usize = 3_000;

fn mrz() -> AccessKey {
    AccessKey::Mrz(KEY.to_owned())
}

fn every_proof() -> ReadingPlan {
    ReadingPlan { every_proof: true, ..ReadingPlan::default() }
}

fn random() -> ChipRandom {
    ChipRandom((0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect())
}

/// What came of a session with a software passport, and all that was said.
struct Told {
    result: Result<ChipReading, ChipError>,
    exchanges: Vec<Exchange>,
    password_attempts: u32,
    failed_attempts: u32,
}

impl Told {
    fn reading(&self) -> &ChipReading {
        self.result.as_ref().unwrap()
    }

    fn resets(&self) -> usize {
        self.exchanges.iter().filter(|exchange| exchange.command.is_empty()).count()
    }
}

fn tell(mut passport: SoftwarePassport, key: AccessKey, plan: ReadingPlan) -> Told {
    let mut session = ChipSession::new(key, plan, random());
    let mut exchanges = Vec::new();
    let result = loop {
        let command = match session.next() {
            Next::Done(result) => break result,
            Next::Transmit(command) => command,
            Next::Reconnect => Vec::new(),
        };
        assert!(exchanges.len() <= MAX_EXCHANGES as usize + 3, "the session went beyond its bound");
        let answer = if command.is_empty() {
            passport.reset();
            Ok(Vec::new())
        } else {
            passport.exchange(&command).answer.ok_or_else(|| "the chip left the field".to_owned())
        };
        exchanges.push(Exchange::new(&command, &answer, Duration::from_millis(1)));
        session.answer(answer.as_deref().map_err(Clone::clone), Duration::from_millis(1));
    };
    Told {
        result,
        exchanges,
        password_attempts: session.password_attempts(),
        failed_attempts: passport.failed_attempts(),
    }
}

fn passport(offers: &Offers) -> SoftwarePassport {
    SoftwarePassport::personalised(offers.personalise(PORTRAIT), 7)
}

fn generic() -> Offers {
    Offers::pace(ECDH_GENERIC, AES_128, 13).and_chip_authentication(StaticKey::new(12), AES_128)
}

#[test]
fn a_chip_lost_at_any_exchange_is_read_whole_when_it_comes_again() {
    let offers = generic();
    let whole = tell(passport(&offers), mrz(), ReadingPlan::default());
    for exchange in 1..=whole.exchanges.len() as u32 {
        let told =
            tell(passport(&offers).with_attack(Attack::TagLost(exchange)), mrz(), ReadingPlan::default());
        assert_eq!(told.reading().files, whole.reading().files, "lost at {exchange}");
        assert_eq!(told.reading().proofs, whole.reading().proofs, "lost at {exchange}");
        assert_eq!((told.resets(), told.failed_attempts), (1, 0));
        assert!(told.password_attempts <= 2);
    }
}

#[test]
fn a_chip_lost_too_often_ends_the_session() {
    let lossy =
        [3, 9, 15].into_iter().map(Attack::TagLost).fold(passport(&generic()), SoftwarePassport::with_attack);
    let told = tell(lossy, mrz(), ReadingPlan::default());
    assert!(matches!(told.result, Err(ChipError::Lost(_))), "{:?}", told.result);
    assert_eq!(told.resets(), 2);
}

#[test]
fn a_wrong_password_is_sent_once_and_by_one_way_only() {
    let both = Offers { bac: true, ..generic() };
    for key in [AccessKey::Mrz("L898902C3674081221204160".into()), AccessKey::Can("000000".into())] {
        let told = tell(passport(&both), key, ReadingPlan::default());
        assert!(matches!(told.result, Err(ChipError::AccessDenied(0x6300))), "{:?}", told.result);
        assert_eq!((told.password_attempts, told.failed_attempts), (1, 1));
    }
    let odd = passport(&both).with_oddity(Oddity::WrongPasswordAnswer(0x63C2));
    let told = tell(odd, AccessKey::Mrz("L898902C3674081221204160".into()), ReadingPlan::default());
    assert!(matches!(told.result, Err(ChipError::AccessDenied(0x63C2))));
    assert_eq!(told.failed_attempts, 1);
}

#[test]
fn pace_that_breaks_off_before_the_password_leaves_bac() {
    let both = Offers { bac: true, ..generic() };
    let told = tell(passport(&both).with_oddity(Oddity::PaceRefused(0x6A80)), mrz(), ReadingPlan::default());
    assert_eq!(told.reading().access, "BAC");
    assert_eq!((told.password_attempts, told.failed_attempts), (1, 0));
    let told = tell(
        passport(&both).with_oddity(Oddity::PaceRefused(0x6A80)),
        AccessKey::Can(CAN.into()),
        ReadingPlan::default(),
    );
    assert!(matches!(told.result, Err(ChipError::AccessDenied(0x6A80))), "BAC knows no card access number");
}

#[test]
fn a_chip_that_deceives_in_pace_is_not_read_by_another_way() {
    let both = Offers { bac: true, ..generic() };
    for attack in [Attack::MirroredKey, Attack::MirroredMapping, Attack::WrongToken] {
        let told = tell(passport(&both).with_attack(attack.clone()), mrz(), ReadingPlan::default());
        assert!(matches!(told.result, Err(ChipError::Protocol(_))), "{attack:?}: {:?}", told.result);
    }
    // A wrong nonce is as good as a wrong password.
    let told = tell(passport(&both).with_attack(Attack::WrongNonce), mrz(), ReadingPlan::default());
    assert!(matches!(told.result, Err(ChipError::AccessDenied(_) | ChipError::Protocol(_))));
}

#[test]
fn a_copy_without_the_private_key_is_refuted_and_read_for_the_officer() {
    let clone = |offers: &Offers, attack| tell(passport(offers).with_attack(attack), mrz(), every_proof());
    for cipher in [TRIPLE_DES, AES_128] {
        let offers = Offers::bac().and_chip_authentication(StaticKey::new(12), cipher);
        let told = clone(&offers, Attack::CloneWithoutChipAuthentication);
        let reading = told.reading();
        assert!(
            matches!(reading.proofs.chip_authentication, Some(Proof::Refuted(_))),
            "{:?}",
            reading.proofs
        );
        assert!(reading.files.contains_key(&FileId::Dg(2)), "{:?}", reading.missing);
        assert_eq!((told.resets(), told.failed_attempts), (1, 0));
    }
    let offers = Offers::bac().and_active_authentication(rsa(1024), Digest::Sha1);
    let told = clone(&offers, Attack::CloneWithoutActiveAuthentication);
    assert!(matches!(told.reading().proofs.active_authentication, Some(Proof::Refuted(_))));
    let offers = Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 13);
    let told = clone(&offers, Attack::CloneWithoutMapping);
    assert!(matches!(told.reading().proofs.mapping, Some(Proof::Refuted(_))));
}

#[test]
fn a_refuted_copy_that_does_not_come_again_is_still_judged() {
    let offers = Offers::bac().and_chip_authentication(StaticKey::new(12), AES_128);
    let mut copy = passport(&offers).with_attack(Attack::CloneWithoutChipAuthentication);
    let mut session = ChipSession::new(mrz(), ReadingPlan::default(), random());
    let reading = loop {
        match session.next() {
            Next::Done(result) => break result.unwrap(),
            Next::Transmit(command) => session.answer(Ok(&copy.answer(&command)), Duration::ZERO),
            Next::Reconnect => session.answer(Err("taken away".into()), Duration::ZERO),
        }
    };
    assert!(matches!(reading.proofs.chip_authentication, Some(Proof::Refuted(_))));
    assert!(reading.files.contains_key(&FileId::Dg(1)) && reading.missing.contains_key(&FileId::Dg(2)));
}

#[test]
fn one_proof_is_enough_unless_the_plan_wants_all() {
    let key = StaticKey::new(13);
    let all =
        Offers { mapping_keys: vec![key.clone()], ..Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 13) }
            .and_chip_authentication(key, AES_128)
            .and_active_authentication(rsa(1024), Digest::Sha256);
    let proofs = tell(passport(&all), mrz(), ReadingPlan::default()).reading().proofs.clone();
    assert!(matches!(proofs.mapping, Some(Proof::Shown { .. })), "{proofs:?}");
    assert_eq!((proofs.chip_authentication, proofs.active_authentication), (None, None));
    let proofs = tell(passport(&all), mrz(), every_proof()).reading().proofs.clone();
    let shown = [proofs.mapping, proofs.chip_authentication, proofs.active_authentication];
    assert!(shown.iter().all(|proof| matches!(proof, Some(Proof::Shown { .. }))), "{shown:?}");
    // A copy that fails the first is asked for the next.
    let copy = passport(&all).with_attack(Attack::CloneWithoutMapping);
    let proofs = tell(copy, mrz(), ReadingPlan::default()).reading().proofs.clone();
    assert!(matches!(proofs.mapping, Some(Proof::Refuted(_))));
    assert!(matches!(proofs.chip_authentication, Some(Proof::Shown { .. })), "{proofs:?}");
}

#[test]
fn signatures_are_had_from_chips_with_a_length_of_their_own() {
    for (bits, oddity) in [
        (1024, Oddity::OffersSignatureLength(0x80)),
        (1024, Oddity::SilentSignature),
        (1024, Oddity::CutsSignature(256)),
        (2048, Oddity::SilentSignature),
        (2048, Oddity::CutsSignature(256)),
    ] {
        let offers = Offers::bac().and_active_authentication(rsa(bits), Digest::Sha1);
        let mut personalisation = offers.personalise(PORTRAIT);
        personalisation.files.insert(FileId::AtrInfo, atr_info(1_024, 1_024));
        let odd = SoftwarePassport::personalised(personalisation, 7).with_oddity(oddity);
        let proof = tell(odd, mrz(), every_proof()).reading().proofs.active_authentication.clone();
        assert!(matches!(proof, Some(Proof::Shown { .. })), "{bits} {oddity:?}: {proof:?}");
    }
}

#[test]
fn every_oddity_is_lived_with_by_bac_and_by_pace() {
    let oddities = [
        Oddity::LargestRead(192),
        Oddity::LargestRead(128),
        Oddity::BareRefusalBeyond(200),
        Oddity::BareRefusalOfExtendedReads,
        Oddity::OffersLength(0x80),
        Oddity::WarnsAtEndOfFile,
        Oddity::ShortLengthOnly,
        Oddity::MasterFileRefused(0x6982),
        Oddity::MasterFileRefused(0x6A86),
        Oddity::RefusesLengthOnSelect,
        Oddity::WantsKeyReference,
    ];
    for offers in [Offers::bac(), generic()] {
        for oddity in oddities {
            for info in [None, Some(atr_info(1_024, 1_024))] {
                // A chip that needs extended length has it.
                if oddity == Oddity::ShortLengthOnly && info.is_some() {
                    continue;
                }
                let mut personalisation = offers.personalise(40_000);
                personalisation.files.extend(info.map(|info| (FileId::AtrInfo, info)));
                let portrait = personalisation.files[&FileId::Dg(2)].clone();
                let odd = SoftwarePassport::personalised(personalisation, 7).with_oddity(oddity);
                let told = tell(odd, mrz(), ReadingPlan::default());
                assert_eq!(told.resets(), 0, "{oddity:?}");
                assert!(told.reading().files.get(&FileId::Dg(2)) == Some(&portrait), "{oddity:?}");
            }
        }
    }
}

#[test]
fn the_read_size_is_found_once_and_remembered() {
    let count = |oddity: Option<Oddity>| {
        let personalisation = Offers::bac().personalise(20_000);
        let odd = SoftwarePassport::personalised(personalisation, 7);
        let odd = oddity.into_iter().fold(odd, SoftwarePassport::with_oddity);
        tell(odd, mrz(), ReadingPlan::default()).exchanges.len()
    };
    let (free, limited) = (count(None), count(Some(Oddity::LargestRead(192))));
    let least = 20_000 / 192 - 20_000 / 231;
    assert!(limited <= free + least + 20, "{limited} exchanges, {free} without the limit");
}

#[test]
fn files_that_never_end_nest_or_lie_keep_no_other_from_being_read() {
    for attack in [Attack::EndlessFile(0x00FF_FFFF), Attack::NestedObjects, Attack::OverlongObject] {
        let told = tell(passport(&generic()).with_attack(attack.clone()), mrz(), ReadingPlan::default());
        let files = &told.reading().files;
        assert!(files.contains_key(&FileId::Dg(1)) && files.contains_key(&FileId::Sod), "{attack:?}");
        assert!(told.reading().portrait().is_err(), "{attack:?}");
    }
}

#[test]
fn what_has_been_read_is_known_while_the_rest_comes() {
    let mut chip = passport(&generic());
    let mut session = ChipSession::new(mrz(), ReadingPlan::default(), random());
    let mut early = None;
    while let Next::Transmit(command) = session.next() {
        session.answer(Ok(&chip.answer(&command)), Duration::ZERO);
        let so_far = session.so_far();
        if early.is_none() && so_far.files.contains_key(&FileId::Dg(1)) {
            early = Some((session.exchanges(), so_far.mrz().unwrap().lines.clone()));
        }
    }
    let (exchanges, lines) = early.unwrap();
    assert_eq!(lines, LINES);
    assert!(exchanges < session.exchanges() - 10, "before the portrait");
}

#[test]
fn a_recording_gives_the_same_reading_and_another_password_none() {
    let told = tell(passport(&generic()).with_attack(Attack::TagLost(20)), mrz(), ReadingPlan::default());
    assert_eq!(told.resets(), 1);
    let replay = |key| {
        let mut session = ChipSession::new(key, ReadingPlan::default(), random());
        read_chip(&mut RecordedCard::new(told.exchanges.clone()), &mut session)
    };
    assert_eq!(&replay(mrz()).unwrap(), told.reading());
    assert!(matches!(replay(AccessKey::Can(CAN.into())), Err(ChipError::Lost(_))));
}

#[test]
fn optional_groups_are_read_by_plan_before_the_last_proof() {
    let plan = ReadingPlan::default().with_groups(&[7, 11, 3]);
    let place = |file| plan.files.iter().position(|other| *other == file).unwrap();
    assert!(place(FileId::Dg(2)) < place(FileId::Dg(7)) && place(FileId::Dg(11)) < place(FileId::Dg(15)));
    let mut personalisation = Offers::bac().personalise(PORTRAIT);
    let group = |tag| egate::chip::tlv::encode(tag, &[0x5C, 0]);
    personalisation.files.extend([7, 11, 3].map(|n| (FileId::Dg(n), group(FileId::Dg(n).tag()))));
    let told = tell(SoftwarePassport::personalised(personalisation, 7), mrz(), plan);
    let files = &told.reading().files;
    assert!(files.contains_key(&FileId::Dg(7)) && files.contains_key(&FileId::Dg(11)));
    assert!(!files.contains_key(&FileId::Dg(3)) && !told.reading().missing.contains_key(&FileId::Dg(3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A chip of the right make with any content in its files.
    #[test]
    fn any_content_of_the_files_ends_the_session(
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 6),
        framed in any::<bool>(),
    ) {
        let mut personalisation = generic().personalise(100);
        let files = [FileId::Sod, FileId::Dg(14), FileId::Dg(15), FileId::Dg(1), FileId::AtrInfo, FileId::Com];
        for (file, content) in files.into_iter().zip(contents) {
            let content = if framed && file.tag() != 0 { egate::chip::tlv::encode(file.tag(), &content) } else { content };
            personalisation.files.insert(file, content);
        }
        let told = tell(SoftwarePassport::personalised(personalisation, 7), mrz(), every_proof());
        prop_assert!(told.result.is_ok() || told.resets() == 0);
    }

    /// Any EF.CardAccess, whole or broken.
    #[test]
    fn any_offer_of_pace_ends_the_session(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut personalisation = Offers { bac: true, ..generic() }.personalise(100);
        personalisation.files.insert(FileId::CardAccess, egate::chip::tlv::encode(0x31, &content));
        let told = tell(SoftwarePassport::personalised(personalisation, 7), mrz(), ReadingPlan::default());
        prop_assert!(told.failed_attempts == 0);
    }
}
