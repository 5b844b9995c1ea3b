//! Whole passports read from the software passport in process: both sides of every protocol, written
//! apart, must understand each other; and whatever a chip answers, reading ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::check::Reason;
use egate::chip::files::{encode_com, encode_dg1, encode_dg2};
use egate::chip::{
    AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, FileId, MAX_EXCHANGES, MAX_FILE, Media, Next,
    Proofs, ReadingPlan, tlv,
};
use egate::devices::card::{Oddity, SoftwarePassport};
use egate::devices::{CardFault, ChipReader, InProcessReader, read_chip};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
const KEY: &str = "L898902C3674081221204159";

/// Files of a passport whose portrait has so many bytes.
fn files(portrait: usize) -> BTreeMap<FileId, Vec<u8>> {
    let image: Vec<u8> =
        [0xFF, 0xD8, 0xFF].into_iter().chain((0..portrait).map(|n| (n * 7 % 251) as u8)).collect();
    BTreeMap::from([
        (FileId::Com, encode_com(&[1, 2])),
        (FileId::Sod, tlv::encode(0x77, &vec![0x30; 1_800])),
        (FileId::Dg(1), encode_dg1(&LINES)),
        (FileId::Dg(2), encode_dg2(&image, Media::Jpeg)),
    ])
}

fn session(key: &str) -> ChipSession {
    let files = vec![FileId::Com, FileId::Sod, FileId::Dg(1), FileId::Dg(2)];
    let plan = ReadingPlan { files, ..ReadingPlan::default() };
    ChipSession::new(AccessKey::Mrz(key.to_owned()), plan, ChipRandom((0..=255).collect()))
}

fn read(passport: SoftwarePassport, session: &mut ChipSession) -> Result<ChipReading, ChipError> {
    let (mut reader, slot) = InProcessReader::new();
    slot.insert(passport);
    let mut card = reader.wait_for_card(Duration::ZERO).unwrap().unwrap();
    read_chip(card.as_mut(), session)
}

/// Lets a session run against any answers.
fn play(
    mut session: ChipSession,
    mut answer: impl FnMut(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<ChipReading, ChipError> {
    for _ in 0..=MAX_EXCHANGES {
        match session.next() {
            Next::Done(result) => return result,
            Next::Transmit(command) => {
                let answer = answer(&command);
                session.answer(answer.as_deref().map_err(Clone::clone), Duration::from_millis(1));
            }
            Next::Reconnect => session.answer(Err("the chip does not come again".to_owned()), Duration::ZERO),
        }
    }
    panic!("the session went beyond its bound");
}

#[test]
fn a_whole_passport_is_read_byte_for_byte() {
    let files = files(20_000);
    let mut session = session(KEY);
    let reading = read(SoftwarePassport::new(files.clone(), KEY, 7), &mut session).unwrap();
    assert_eq!(reading.files, files);
    assert_eq!(reading.access, "BAC");
    assert!(reading.missing.is_empty());
    assert_eq!(reading.mrz().unwrap().lines, LINES);
    assert_eq!(reading.com().unwrap().data_groups, [1, 2]);
    assert_eq!(session.password_attempts(), 1);
    let bytes: usize = files.values().map(Vec::len).sum();
    let least = bytes.div_ceil(231) as u32;
    eprintln!(
        "{bytes} bytes in {} exchanges; {least} reads of 231 bytes would be the least",
        session.exchanges()
    );
    assert!(session.exchanges() <= least + 3 + 4 * 4);
}

#[test]
fn a_session_is_send_and_repeats_bit_for_bit() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let trace = || {
        let mut passport = SoftwarePassport::new(files(500), KEY, 7);
        let mut commands = Vec::new();
        let reading = play(send(session(KEY)), |command| {
            commands.push(command.to_vec());
            Ok(passport.answer(command))
        });
        assert!(reading.is_ok());
        commands
    };
    assert_eq!(trace(), trace());
}

#[test]
fn the_wrong_lines_are_refused_and_tried_once() {
    let mut session = session("L898902C3674081221204160");
    let mut passport = SoftwarePassport::new(files(500), KEY, 7);
    let result = loop {
        match session.next() {
            Next::Done(result) => break result,
            Next::Transmit(command) => session.answer(Ok(&passport.answer(&command)), Duration::ZERO),
            Next::Reconnect => panic!("nothing was lost"),
        }
    };
    assert_eq!(result, Err(ChipError::AccessDenied(0x6300)));
    assert_eq!(result.unwrap_err().reason(), Reason::ChipAccessDenied);
    assert_eq!((passport.failed_attempts(), session.password_attempts()), (1, 1));
}

#[test]
fn files_beyond_32767_bytes_are_read_by_the_odd_instruction() {
    let files = files(40_000);
    let reading = read(SoftwarePassport::new(files.clone(), KEY, 7), &mut session(KEY)).unwrap();
    assert_eq!(reading.files, files);
}

#[test]
fn every_oddity_of_chips_in_the_field_is_lived_with() {
    for oddity in [
        Oddity::LargestRead(192),
        Oddity::LargestRead(128),
        Oddity::BareRefusalBeyond(200),
        Oddity::BareRefusalBeyond(100),
        Oddity::OffersLength(0x80),
        Oddity::OffersLength(0xC0),
        Oddity::ShortLengthOnly,
    ] {
        let files = files(40_000);
        let passport = SoftwarePassport::new(files.clone(), KEY, 7).with_oddity(oddity);
        let mut session = session(KEY);
        let reading = read(passport, &mut session).unwrap();
        assert_eq!(reading.files, files, "{oddity:?}");
        assert_eq!(reading.access, "BAC");
    }
}

#[test]
fn a_chip_without_access_control_is_read_in_the_clear() {
    let passport = SoftwarePassport::new(files(500), KEY, 7).with_oddity(Oddity::NoAccessControl);
    let reading = read(passport, &mut session(KEY)).unwrap();
    assert_eq!((reading.files, reading.access.as_str()), (files(500), "none"));
}

#[test]
fn a_missing_file_is_noted_and_the_others_are_read() {
    let mut some = files(500);
    some.remove(&FileId::Sod);
    let reading = read(SoftwarePassport::new(some.clone(), KEY, 7), &mut session(KEY)).unwrap();
    assert_eq!(reading.files, some);
    assert_eq!(reading.missing, BTreeMap::from([(FileId::Sod, "SELECT answered 6A82".to_owned())]));
    let error = reading.file(FileId::Sod).unwrap_err();
    assert_eq!(error.to_string(), "EF.SOD was not read: SELECT answered 6A82");
}

#[test]
fn files_that_lie_about_themselves_are_noted_and_the_others_are_read() {
    let longer = |tag: u8, length: u32| [&[tag, 0x84][..], &length.to_be_bytes(), &[0; 50]].concat();
    for (file, content, why) in [
        (FileId::Dg(2), longer(0x75, 300), "ends after"),
        (FileId::Dg(2), longer(0x75, 0x00FF_FFFF), "more than the bound"),
        (FileId::Dg(2), longer(0x75, u32::MAX), "too long"),
        (FileId::Dg(1), encode_com(&[1]), "begins with tag 60, not 61"),
        (FileId::Dg(1), vec![0x61], "ends before its length"),
    ] {
        let mut some = files(500);
        some.insert(file, content);
        let reading = read(SoftwarePassport::new(some, KEY, 7), &mut session(KEY)).unwrap();
        assert!(
            reading.missing[&file].contains(why) || reading.missing[&file].contains("6B00"),
            "{reading:?}"
        );
        assert_eq!(reading.files.len(), 3);
    }
}

#[test]
fn fingerprints_and_irises_are_never_asked_for() {
    let mut some = files(500);
    some.insert(FileId::Dg(3), tlv::encode(0x63, &[1]));
    let plan =
        ReadingPlan { files: vec![FileId::Dg(3), FileId::Dg(4), FileId::Dg(1)], ..ReadingPlan::default() };
    let mut session = ChipSession::new(AccessKey::Mrz(KEY.into()), plan, ChipRandom(vec![1; 256]));
    let reading = read(SoftwarePassport::new(some, KEY, 7), &mut session).unwrap();
    assert_eq!(reading.files.keys().collect::<Vec<_>>(), [&FileId::Dg(1)]);
    assert!(reading.missing.is_empty());
}

#[test]
fn a_card_taken_away_at_any_moment_ends_the_session() {
    let whole = {
        let mut session = session(KEY);
        read(SoftwarePassport::new(files(1_000), KEY, 7), &mut session).unwrap();
        session.exchanges()
    };
    for exchange in 0..whole {
        let mut passport = SoftwarePassport::new(files(1_000), KEY, 7);
        let mut left = exchange;
        let result = play(session(KEY), |command| {
            left = left.checked_sub(1).ok_or_else(|| CardFault::Removed.to_string())?;
            Ok(passport.answer(command))
        });
        assert_eq!(result, Err(ChipError::Lost("the chip does not come again".into())));
    }
}

#[test]
fn a_changed_or_repeated_answer_is_never_believed() {
    // The first protected answer is that to the first read.
    for exchange in 1u32..9 {
        for repeat in [false, true] {
            let mut passport = SoftwarePassport::new(files(1_000), KEY, 7);
            let (mut count, mut last) = (0, Vec::new());
            let result = play(session(KEY), |command| {
                let mut answer = passport.answer(command);
                count += u32::from(command[0] == 0x0C);
                if command[0] != 0x0C {
                    return Ok(answer);
                }
                if count == exchange && repeat && count > 1 {
                    answer = last.clone();
                } else if count == exchange {
                    answer[3] ^= 1;
                }
                last.clone_from(&answer);
                Ok(answer)
            });
            assert_eq!(result, Err(ChipError::SecureMessaging), "exchange {exchange}");
        }
    }
}

#[test]
fn a_slow_chip_and_too_little_randomness_end_in_time() {
    let mut slow = session(KEY);
    assert!(matches!(slow.next(), Next::Transmit(_)));
    slow.answer(Ok(&[0x90, 0]), Duration::from_secs(21));
    assert_eq!(slow.next(), Next::Done(Err(ChipError::Timeout(Duration::from_secs(20)))));
    slow.answer(Ok(&[0x90, 0]), Duration::ZERO);
    assert!(matches!(slow.next(), Next::Done(_)), "an answer too many is ignored");
    let poor = ChipSession::new(AccessKey::Mrz(KEY.into()), ReadingPlan::default(), ChipRandom(vec![1; 23]));
    let mut passport = SoftwarePassport::new(files(10), KEY, 7);
    let result = play(poor, |command| Ok(passport.answer(command)));
    assert_eq!(result, Err(ChipError::Bound("random bytes given")));
}

#[test]
fn a_chip_that_gives_one_byte_at_a_time_ends_at_the_bound() {
    let result = play(session(KEY), |command| {
        Ok(match command[1] {
            0xA4 => vec![0x90, 0],
            0x84 => vec![0x6D, 0],
            // The short identifiers of EF.CardAccess and EF.ATR/INFO, then EF.COM's.
            0xB0 if matches!(command[2], 0x9C | 0x81) => vec![0x6A, 0x82],
            0xB0 if command[2] == 0x9E => vec![0x60, 0x83, 3, 0, 0, 0, 0x90, 0],
            0xB1 => vec![0x53, 1, 0, 0x90, 0],
            _ => vec![0, 0x90, 0],
        })
    });
    assert_eq!(result, Err(ChipError::Bound("6,000 exchanges")));
    assert!(MAX_FILE > MAX_EXCHANGES as usize);
}

#[test]
fn the_session_of_doc_9303_part_11_appendix_d_is_spoken_bit_for_bit() {
    let bytes = |text: &str| hex::decode(text).unwrap();
    let random = bytes("781723860C06C2260B795240CB7049B01C19B33E32804F0B");
    let plan = ReadingPlan { files: vec![FileId::Com], ..ReadingPlan::default() };
    let mut session =
        ChipSession::new(AccessKey::Mrz("L898902C<369080619406236".into()), plan, ChipRandom(random));
    // Of the master file the example's chip has nothing.
    while let Next::Transmit(command) = session.next()
        && !command.starts_with(&bytes("00A4040C"))
    {
        session.answer(Ok(&[0x6A, 0x82]), Duration::ZERO);
    }
    for (command, answer) in [
        ("00A4040C07A0000002471001", "9000"),
        ("0084000008", "4608F919887022129000"),
        (
            "008200002872C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A728",
            "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D74499000",
        ),
        // We read by short identifier, which this chip refuses before it has counted the command.
        ("0CB09E00", "6A86"),
        ("0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800", "990290008E08FA855A5D4C50A8ED9000"),
    ] {
        let Next::Transmit(sent) = session.next() else { panic!("no command") };
        assert!(hex::encode_upper(sent).starts_with(command), "{command}");
        session.answer(Ok(&bytes(answer)), Duration::ZERO);
    }
    // From here the example reads four bytes where we read all.
    assert!(matches!(session.next(), Next::Transmit(read) if read.starts_with(&[0x0C, 0xB0, 0, 0])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A chip that speaks plainly and answers anything.
    #[test]
    fn any_answers_end_the_session_within_its_bound(
        answers in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..40), prop_oneof![
                4 => Just(0x9000u16), 1 => Just(0x6282), 1 => Just(0x6700), 1 => 0x6C00u16..0x6CFF, 1 => any::<u16>()
            ]),
            1..60,
        ),
    ) {
        let mut answers = answers.iter().cycle();
        let _ = play(session(KEY), |command| {
            Ok(match command {
                [_, 0xA4, 4, ..] => vec![0x90, 0],
                [_, 0x84, ..] => vec![0x6D, 0],
                _ => {
                    let (data, status) = answers.next().unwrap();
                    [data.as_slice(), &status.to_be_bytes()].concat()
                }
            })
        });
    }

    /// A chip that is honest up to one exchange and then answers anything.
    #[test]
    fn an_honest_chip_that_goes_mad_ends_the_session_within_its_bound(
        from in 0u32..20, answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..20),
    ) {
        let mut passport = SoftwarePassport::new(files(1_000), KEY, 7);
        let mut answers = answers.into_iter().cycle();
        let mut count = 0;
        let result = play(session(KEY), |command| {
            count += 1;
            Ok(if count > from { answers.next().unwrap() } else { passport.answer(command) })
        });
        if let Ok(reading) = result {
            prop_assert_eq!(reading.proofs, Proofs::default());
        }
    }

    /// The card takes anything as well.
    #[test]
    fn any_commands_get_a_status_word(
        commands in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30),
    ) {
        let mut passport = SoftwarePassport::new(files(100), KEY, 7);
        passport.answer(&[0, 0xA4, 4, 0x0C, 7, 0xA0, 0, 0, 2, 0x47, 0x10, 1]);
        for command in commands {
            prop_assert!(passport.answer(&command).len() >= 2);
        }
    }
}
