//! What a chip says: answers, files, portraits.

use egate::chip::files::{
    encode_com_of, encode_dg1, encode_dg7, encode_dg11, encode_dg12, encode_dg16, parse_atr_info, parse_com,
    parse_dg1, parse_dg2, parse_dg2_all, parse_dg7, parse_dg11, parse_dg12, parse_dg13, parse_dg16,
    parse_dir,
};
use egate::chip::{
    AccessKey, Aes, ChipRandom, ChipSession, Command, FileId, MAX_EXCHANGES, Media, Next, Portrait,
    ReadingPlan, SecureMessaging, SecurityInfos, SessionCipher, TripleDes, tlv as objects,
};
use egate::devices::card::SoftwarePassport;
use std::time::Duration;

/// Password of the card that is fed to the session.
pub(crate) const KEY: &str = "L898902C3674081221204159";

pub(crate) fn tlv(bytes: &[u8]) {
    let mut taken = 0;
    for element in objects::elements(bytes) {
        let Ok(element) = element else { return };
        taken += 1;
        let again = objects::encode(element.tag, element.value);
        if element.tag == 0 {
            // Padding; nothing is ever written under it.
            continue;
        }
        assert_eq!(objects::read(&again).map(|(element, _)| element), Ok(element));
    }
    assert!(taken <= bytes.len());
}

fn session(key: AccessKey) -> ChipSession {
    let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| (n * 7) as u8).collect());
    let plan = ReadingPlan { every_proof: true, ..ReadingPlan::default() };
    ChipSession::new(key, plan.with_groups(&[7, 11, 12, 13, 16]), random)
}

/// A chip that answers anything: each answer is its length in two bytes and so many bytes; after the last,
/// it begins anew.
pub(crate) fn answers(bytes: &[u8]) {
    let mut rest = bytes;
    let mut session = session(AccessKey::Mrz(KEY.to_owned()));
    for _ in 0..=MAX_EXCHANGES {
        match session.next() {
            Next::Done(_) => return,
            Next::Reconnect => session.answer(Ok(&[]), Duration::ZERO),
            Next::Transmit(_) => {
                if rest.len() < 2 {
                    rest = bytes;
                }
                let [high, low, body @ ..] = rest else {
                    session.answer(Err("gone".to_owned()), Duration::ZERO);
                    continue;
                };
                let length = usize::from(u16::from_be_bytes([*high, *low])).min(body.len());
                let (answer, after) = body.split_at(length);
                rest = after;
                session.answer(Ok(answer), Duration::ZERO);
            }
        }
    }
    panic!("a session without end");
}

/// A chip that speaks the protocols rightly and holds anything in its files: the first byte says in which.
pub(crate) fn hostile_card(bytes: &[u8]) {
    const FILES: [FileId; 8] = [
        FileId::CardAccess,
        FileId::CardSecurity,
        FileId::AtrInfo,
        FileId::Sod,
        FileId::Com,
        FileId::Dg(1),
        FileId::Dg(14),
        FileId::Dg(15),
    ];
    let Some((which, content)) = bytes.split_first() else { return };
    let mut files = super::seeds::files();
    files.insert(FILES[usize::from(*which) % FILES.len()], content.to_vec());
    let mut passport = SoftwarePassport::new(files, KEY, 1);
    let mut session = session(AccessKey::Mrz(KEY.to_owned()));
    for _ in 0..=MAX_EXCHANGES {
        match session.next() {
            Next::Done(_) => return,
            Next::Reconnect => {
                passport.reset();
                session.answer(Ok(&[]), Duration::ZERO);
            }
            Next::Transmit(command) => {
                let answer = passport.answer(&command);
                session.answer(Ok(&answer), Duration::ZERO);
            }
        }
    }
    panic!("a session without end");
}

/// A protected answer, first as it is, then with a right MAC: what a chip that holds the keys can send.
pub(crate) fn secure_messaging(bytes: &[u8]) {
    let Some((which, objects)) = bytes.split_first() else { return };
    let cipher = || -> Box<dyn SessionCipher> {
        match which & 1 {
            0 => Box::new(TripleDes::new(&[7; 16], &[9; 16]).expect("keys of the right length")),
            _ => Box::new(Aes::new(&[7; 16], &[9; 16]).expect("keys of the right length")),
        }
    };
    let read = |answer: &[u8]| {
        let mut messaging = SecureMessaging::new(cipher(), 0);
        let _ = messaging.protect(&Command::new(0, 0xB0, 0, 0).expecting(256));
        let _ = messaging.unprotect(answer);
    };
    read(objects);
    let mut cipher = cipher();
    let block = cipher.block();
    let mut input = vec![0; block];
    input[block - 1] = 2;
    input.extend(objects);
    input.push(0x80);
    input.resize(input.len().next_multiple_of(block), 0);
    let Ok(mac) = cipher.mac(&input) else { return };
    read(&[objects, &self::objects::encode(0x8E, &mac), &[0x90, 0x00]].concat());
}

pub(crate) fn com(bytes: &[u8]) {
    let Ok(com) = parse_com(bytes) else { return };
    let again = parse_com(&encode_com_of(&com.lds_version, &com.data_groups)).expect("what is made is read");
    assert_eq!((again.lds_version, again.data_groups), (com.lds_version, com.data_groups));
}

pub(crate) fn dg1(bytes: &[u8]) {
    let Ok(zone) = parse_dg1(bytes) else { return };
    assert_eq!(parse_dg1(&encode_dg1(&zone.lines)).as_ref(), Ok(&zone));
    let _ = zone.key_information();
}

pub(crate) fn dg2(bytes: &[u8]) {
    let all = parse_dg2_all(bytes);
    assert_eq!(parse_dg2(bytes).ok(), all.as_ref().ok().and_then(|all| all.first().cloned()));
    let length: usize = all.iter().flatten().map(|portrait| portrait.bytes.len()).sum();
    assert!(length <= bytes.len());
}

pub(crate) fn portrait(bytes: &[u8]) {
    let Some(media) = Media::of(bytes) else { return };
    let portrait = Portrait { media, bytes: bytes.to_vec() };
    if let Ok(picture) = portrait.decode() {
        assert_eq!(portrait.dimensions(), Ok(picture.dimensions()));
    }
}

pub(crate) fn dg7(bytes: &[u8]) {
    let Ok(images) = parse_dg7(bytes) else { return };
    assert_eq!(parse_dg7(&encode_dg7(&images)), Ok(images));
}

pub(crate) fn dg11(bytes: &[u8]) {
    let Ok(mut details) = parse_dg11(bytes) else { return };
    details.proof_of_citizenship_bytes = 0;
    assert_eq!(parse_dg11(&encode_dg11(&details)), Ok(details));
}

pub(crate) fn dg12(bytes: &[u8]) {
    let Ok(mut details) = parse_dg12(bytes) else { return };
    details.image_bytes = [0; 2];
    assert_eq!(parse_dg12(&encode_dg12(&details)), Ok(details));
}

pub(crate) fn dg13(bytes: &[u8]) {
    let _ = parse_dg13(bytes);
}

pub(crate) fn dg16(bytes: &[u8]) {
    let Ok(persons) = parse_dg16(bytes) else { return };
    assert_eq!(parse_dg16(&encode_dg16(&persons)), Ok(persons));
}

pub(crate) fn security_infos(bytes: &[u8]) {
    let _ = SecurityInfos::parse(bytes);
    let _ = SecurityInfos::parse_dg14(bytes);
    let _ = SecurityInfos::parse_card_security(bytes);
}

pub(crate) fn master_file(bytes: &[u8]) {
    let _ = parse_atr_info(bytes);
    let _ = parse_dir(bytes);
}
