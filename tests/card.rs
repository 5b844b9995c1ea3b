//! The software passport by its APDUs alone, without our terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::*;
use egate::chip::FileId;
use egate::devices::card::{
    Attack, Behaviour, BitRate, Limits, Oddity, Personalisation, SoftwarePassport, Timing,
};
use proptest::prelude::*;

const SELECT_APPLICATION: &str = "00A4040C07A0000002471001";
const SELECT_MASTER_FILE: &str = "00A4000C023F00";
const READ: &str = "00B0000010";

fn send(passport: &mut SoftwarePassport, command: &str) -> String {
    hex::encode_upper(passport.answer(&hex::decode(command).unwrap()))
}

fn pace_chip() -> Personalisation {
    let mut personalisation = Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 13)
        .and_chip_authentication(StaticKey::new(12), AES_128);
    personalisation.bac = true;
    let mut personalisation = personalisation.personalise(100);
    personalisation.files.insert(FileId::AtrInfo, hex::decode("7F6608020201000202FFFF").unwrap());
    personalisation.files.insert(FileId::Dir, hex::decode("61094F07A0000002471001").unwrap());
    personalisation
}

#[test]
fn what_stands_in_the_master_file_is_read_there_by_anybody_and_card_security_by_nobody_yet() {
    let mut passport = SoftwarePassport::personalised(pace_chip(), 1);
    for (select, short, begins) in
        [("011C", "9C", "31143012"), ("2F00", "9E", "61094F07"), ("2F01", "81", "7F660802")]
    {
        assert_eq!(send(&mut passport, &format!("00A4020C02{select}")), "9000");
        assert!(send(&mut passport, READ).starts_with(begins));
        assert!(send(&mut passport, &format!("00B0{short}0004")).starts_with(begins));
    }
    assert_eq!(send(&mut passport, "00A4020C02011D"), "6982");
    assert_eq!(send(&mut passport, READ), "6982");
    assert_eq!(send(&mut passport, "00B09D0004"), "6982");
    // In the application these identifiers mean other files or none.
    assert_eq!(send(&mut passport, SELECT_APPLICATION), "9000");
    assert_eq!(send(&mut passport, "00B09C0004"), "6982");
    for select in [SELECT_MASTER_FILE, "00A4000C"] {
        assert_eq!(send(&mut passport, select), "9000");
        assert!(send(&mut passport, "00B09C0004").starts_with("3114"));
        assert_eq!(send(&mut passport, SELECT_APPLICATION), "9000");
    }
}

#[test]
fn pace_begins_only_as_card_access_offers_it_and_with_a_password_that_there_is() {
    let mut no_can = pace_chip();
    no_can.can = None;
    let mut passport = SoftwarePassport::personalised(no_can, 1);
    let mse = |content: &str| format!("0022C1A4{:02X}{content}", content.len() / 2);
    for (content, status) in [
        ("800A04007F00070202040602830101", "9000"),
        ("800A04007F0007020204060283010184010D", "9000"),
        // Not offered, other parameters, CAN of a chip without one, PIN, no password.
        ("800A04007F00070202040202830101", "6A80"),
        ("800A04007F0007020204060283010184010C", "6A88"),
        ("800A04007F00070202040602830102", "6A88"),
        ("800A04007F00070202040602830103", "6A88"),
        ("800A04007F00070202040602", "6A88"),
        ("830101", "6A80"),
    ] {
        assert_eq!(send(&mut passport, &mse(content)), status, "{content}");
    }
    assert_eq!(send(&mut passport, &mse("800A04007F00070202040602830101")), "9000");
    let nonce = send(&mut passport, "10860000027C0000");
    assert!(nonce.starts_with("7C128010") && nonce.ends_with("9000"), "{nonce}");
    assert_eq!(send(&mut passport, "10860000047C02820000"), "6A80");
    assert_eq!(send(&mut passport, "10860000027C0000"), "6985", "a refusal ends the protocol");
}

#[test]
fn a_step_of_pace_may_come_in_pieces() {
    let mut passport = SoftwarePassport::personalised(pace_chip(), 1);
    assert_eq!(send(&mut passport, "0022C1A40F800A04007F00070202040602830101"), "9000");
    assert_eq!(send(&mut passport, "10860000017C"), "9000");
    assert!(send(&mut passport, "10860000010000").starts_with("7C128010"));
}

#[test]
fn chip_authentication_is_refused_without_secure_messaging() {
    let mut passport = SoftwarePassport::personalised(pace_chip(), 1);
    send(&mut passport, SELECT_APPLICATION);
    assert_eq!(send(&mut passport, "002241A40C800A04007F00070202030202"), "6982");
    assert_eq!(send(&mut passport, "0086000008 7C06800401020304 00".replace(' ', "").as_str()), "6985");
    assert_eq!(send(&mut passport, "0088000008010203040506070800"), "6982");
}

#[test]
fn the_answer_to_reset_says_what_lengths_the_chip_knows() {
    let atr = |passport: SoftwarePassport| hex::encode_upper(passport.atr());
    assert_eq!(atr(SoftwarePassport::personalised(pace_chip(), 1)), "3B85800180739421E0A2");
    let plain = || SoftwarePassport::new(files(10), KEY, 1);
    assert_eq!(atr(plain()), "3B85800180739421C082");
    assert_eq!(atr(plain().with_oddity(Oddity::ShortLengthOnly)), "3B8580018073942180C2");
}

#[test]
fn a_tag_is_lost_at_its_exchange_and_works_when_it_is_back() {
    let mut passport = SoftwarePassport::new(files(10), KEY, 1).with_attack(Attack::TagLost(2));
    let select = hex::decode(SELECT_APPLICATION).unwrap();
    assert!(passport.exchange(&select).answer.is_some());
    assert_eq!(passport.exchange(&select).answer, None);
    passport.reset();
    assert_eq!(passport.exchange(&select).answer, Some(vec![0x90, 0]));
}

#[test]
fn an_exchange_takes_the_time_of_its_bytes_and_a_limit_holds() {
    let timing = Timing { per_command_us: 1_000, kbit_per_s: BitRate::Kbit106 };
    let limits = Limits { largest_command: 12, largest_answer: 8 };
    let behaviour = Behaviour { timing: Some(timing), limits, ..Behaviour::default() };
    let mut passport = SoftwarePassport::new(files(10), KEY, 1).behaving(behaviour);
    let exchange = passport.exchange(&hex::decode(SELECT_APPLICATION).unwrap());
    assert_eq!(exchange.took, timing.of_exchange(12 + 2));
    assert_eq!(send(&mut passport, &format!("{SELECT_APPLICATION}00")), "6700");
    assert_eq!(send(&mut passport, "0084000008").len(), 20);
}

#[test]
fn oddities_of_selection_are_as_configured() {
    let odd = |oddity| SoftwarePassport::personalised(pace_chip(), 1).with_oddity(oddity);
    for refusal in [0x6982, 0x6A81, 0x6A86, 0x6A87] {
        let mut passport = odd(Oddity::MasterFileRefused(refusal));
        assert_eq!(send(&mut passport, SELECT_MASTER_FILE), format!("{refusal:04X}"));
        assert!(send(&mut passport, "00B09C0004").starts_with("3114"), "it stands there all the same");
    }
    let mut passport = odd(Oddity::RefusesLengthOnSelect);
    assert_eq!(send(&mut passport, &format!("{SELECT_APPLICATION}00")), "6700");
    assert_eq!(send(&mut passport, SELECT_APPLICATION), "9000");
    let mut passport = odd(Oddity::NoReferenceForBac);
    send(&mut passport, SELECT_APPLICATION);
    assert_eq!(send(&mut passport, "0084000008"), "6A88");
    assert_eq!(
        send(&mut odd(Oddity::PaceRefused(0x6A80)), "0022C1A40F800A04007F00070202040602830101"),
        "6A80"
    );
}

proptest! {
    #[test]
    fn any_commands_get_a_status_word(
        commands in proptest::collection::vec(
            (prop_oneof![Just([0x00, 0x22, 0xC1, 0xA4]), Just([0x10, 0x86, 0, 0]), any::<[u8; 4]>()],
             proptest::collection::vec(any::<u8>(), 0..60)),
            1..8,
        ),
    ) {
        let mut passport = SoftwarePassport::personalised(pace_chip(), 1);
        prop_assert_eq!(send(&mut passport, "0022C1A40F800A04007F00070202040602830101"), "9000");
        for (header, data) in commands {
            let length = [data.len() as u8];
            let answer = passport.answer(&[&header[..], &length, &data].concat());
            prop_assert!(answer.len() >= 2);
        }
    }
}
