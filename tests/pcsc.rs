//! A whole passport read through the real PC/SC service: lane's driver, pcscd, virtual reader, software
//! passport.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;
#[path = "common/chip_reader.rs"]
mod contract;
#[path = "common/pcscd.rs"]
mod pcscd;

use card_kit::{
    AES_128, AES_256, DH_GENERIC, DH_INTEGRATED, ECDH_CHIP_AUTHENTICATION, ECDH_GENERIC, ECDH_INTEGRATED,
    KEY, Offers, StaticKey, TRIPLE_DES, atr_info, files, key_on, rsa,
};
use egate::chip::{AccessKey, ChipRandom, ChipReading, ChipSession, FileId, Proof, ReadingPlan};
use egate::devices::card::{Digest, Oddity, SoftwarePassport};
use egate::devices::{CardFault, ChipReader, PcscReader, read_chip};
use pcscd::{Service, in_own_namespace, put_down_soon, put_down_soon_on};
use rustix::time::{ClockId, clock_gettime};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Bytes of a portrait as large as real ones.
const PORTRAIT: usize = 20_000;
/// Long for any machine; nothing here waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_passport_is_read_through_pcscd_and_comes_and_goes() {
    in_own_namespace("a_passport_is_read_through_pcscd_and_comes_and_goes", comes_and_goes);
}

#[test]
fn a_sample_of_the_matrix_is_read_through_pcscd_in_short_and_extended_length() {
    in_own_namespace("a_sample_of_the_matrix_is_read_through_pcscd_in_short_and_extended_length", sample);
}

#[test]
fn a_reader_behind_pcscd_keeps_the_contract() {
    in_own_namespace("a_reader_behind_pcscd_keeps_the_contract", || {
        let _service = Service::start();
        let mut reader = PcscReader::open(Some("Virtual PCD"));
        let on_the_reader = RefCell::new(None);
        contract::keeps_the_contract(
            &mut reader,
            &mut || *on_the_reader.borrow_mut() = Some(put_down_soon(plain).join().unwrap()),
            &mut || drop(on_the_reader.borrow_mut().take()),
        );
    });
}

#[test]
fn one_of_several_readers_is_chosen_by_its_name_and_waited_for_without_turning() {
    let name = "one_of_several_readers_is_chosen_by_its_name_and_waited_for_without_turning";
    in_own_namespace(name, || {
        let _service = Service::start();
        let mut first = PcscReader::open(Some("Virtual PCD 00 00"));
        let mut second = PcscReader::open(Some("Virtual PCD 00 01"));
        let mut third = PcscReader::open(Some("Contactless"));
        assert!(first.wait_for_removal(PATIENCE).unwrap() && second.wait_for_removal(PATIENCE).unwrap());
        let _card = put_down_soon_on(1, plain).join().unwrap();
        read_plain(&mut second, "on the second reader");
        assert!(first.wait_for_card(Duration::from_millis(50)).unwrap().is_none());
        let fault = third.wait_for_card(Duration::from_millis(50)).map(|card| card.is_some());
        assert!(matches!(fault, Err(CardFault::Reader(_))), "{fault:?}");

        // Time of the processor, not of the clock: whoever turns while waiting spends all of it.
        let spent = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap();
        let (before, wait) = (spent(), Duration::from_secs(2));
        assert!(first.wait_for_card(wait).unwrap().is_none());
        let turned = spent() - before;
        assert!(turned < wait / 20, "{turned:?} of the processor for a wait of {wait:?}");
    });
}

fn comes_and_goes() {
    let mut reader = PcscReader::open(Some("Virtual PCD"));
    assert!(matches!(reader.wait_for_card(Duration::ZERO), Err(CardFault::Reader(_))), "no service yet");
    let service = Service::start();
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "an empty field");
    assert!(reader.wait_for_card(Duration::from_millis(20)).unwrap().is_none());

    let on_the_reader = put_down_soon(plain);
    read_plain(&mut reader, "through pcscd");
    let mut card = reader.wait_for_card(PATIENCE).unwrap().unwrap();
    assert!(card.transmit(&[0, 0xA4, 4, 0x0C, 7, 0xA0, 0, 0, 2, 0x47, 0x10, 1]).is_ok());
    assert_eq!(on_the_reader.join().unwrap().remove().unwrap().failed_attempts(), 0);
    assert_eq!(card.transmit(&[0, 0x84, 0, 0, 8]), Err(CardFault::Removed));
    assert_eq!(card.transmit(&[0, 0x84, 0, 0, 8]), Err(CardFault::Removed), "and stays so");
    drop(card);
    assert!(reader.wait_for_removal(PATIENCE).unwrap());

    let odd = put_down_soon(|| plain().with_oddity(Oddity::BareRefusalBeyond(200)));
    read_plain(&mut reader, "through pcscd, from a chip that refuses long reads");
    drop(odd.join().unwrap());

    drop(service);
    let fault = reader.wait_for_card(Duration::from_millis(20)).map(|card| card.is_some());
    assert!(matches!(fault, Err(CardFault::Reader(_))), "{fault:?}");
    let _service = Service::start();
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "the service is found again");
    let _again = put_down_soon(plain);
    read_plain(&mut reader, "through pcscd after its restart");
}

/// Each mapping on some group, each cipher, each kind of proof; short length and extended.
fn sample() {
    let _service = Service::start();
    let mut reader = PcscReader::open(Some("Virtual PCD"));
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "an empty field");
    for (offers, extended) in [
        (Offers::bac().and_chip_authentication(StaticKey::new(0), TRIPLE_DES), None),
        (Offers::bac().and_active_authentication(rsa(2_048), Digest::Sha256), Some(1_024)),
        (Offers::pace(ECDH_GENERIC, TRIPLE_DES, 12), None),
        (
            Offers::pace(DH_GENERIC, AES_128, 2).and_chip_authentication(StaticKey::new(18), AES_128),
            Some(65_535),
        ),
        (
            Offers::pace(ECDH_INTEGRATED, AES_256, 17).and_chip_authentication(StaticKey::new(1), AES_256),
            Some(4_096),
        ),
        (
            Offers::pace(DH_INTEGRATED, AES_128, 0).and_active_authentication(key_on(13, 3), Digest::Sha256),
            None,
        ),
        (Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_256, 16), Some(1_024)),
        (Offers::pace(ECDH_CHIP_AUTHENTICATION, AES_128, 13), None),
    ] {
        let mut personalisation = offers.personalise(PORTRAIT);
        personalisation.files.extend(extended.map(|length| (FileId::AtrInfo, atr_info(length, length))));
        let content = personalisation.files.clone();
        let on_the_reader =
            put_down_soon(move || SoftwarePassport::personalised(personalisation.clone(), 11));
        let reading = read(&mut reader, &format!("answers of {extended:?} bytes"));
        assert!(content.iter().all(|(file, bytes)| reading.files.get(file) == Some(bytes)));
        let proofs = reading.proofs;
        let shown = [proofs.active_authentication, proofs.chip_authentication, proofs.mapping];
        let offered =
            [offers.active.is_some(), !offers.chip_keys.is_empty(), !offers.mapping_keys.is_empty()];
        assert_eq!(shown.map(|proof| matches!(proof, Some(Proof::Shown { .. }))), offered);
        drop(on_the_reader.join().unwrap());
        assert!(reader.wait_for_removal(PATIENCE).unwrap());
    }
}

fn plain() -> SoftwarePassport {
    SoftwarePassport::new(files(PORTRAIT), KEY, 11)
}

fn read_plain(reader: &mut PcscReader, how: &str) {
    let reading = read(reader, how);
    assert!(files(PORTRAIT).iter().all(|(file, bytes)| reading.files.get(file) == Some(bytes)));
}

fn read(reader: &mut PcscReader, how: &str) -> ChipReading {
    let mut card = reader.wait_for_card(PATIENCE).unwrap().expect("a card");
    let begin = Instant::now();
    let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect());
    let plan = ReadingPlan { every_proof: true, ..ReadingPlan::default() };
    let mut session = ChipSession::new(AccessKey::Mrz(KEY.into()), plan, random);
    let reading = read_chip(card.as_mut(), &mut session).unwrap();
    eprintln!("{how}: {}, {} exchanges in {:?}", reading.access, session.exchanges(), begin.elapsed());
    reading
}
