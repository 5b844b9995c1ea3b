//! Reading a passport with a portrait of 20 kB: exchanges and bytes against the least that the chip's read size
//! allows, and the seconds that they take on the air.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/card_kit/mod.rs"]
mod card_kit;

use card_kit::*;
use egate::chip::{AccessKey, ChipRandom, ChipSession, FileId, Next, ReadingPlan};
use egate::devices::card::{BitRate, Oddity, SoftwarePassport, Timing};
use std::time::Duration;

const PORTRAIT: usize = 20_000;
/// The chip's own work for one command, of the order that chips in the field show.
const PER_COMMAND_US: u32 = 1_500;
/// Bytes of a protected READ BINARY: header, Lc, expected length, MAC, Le.
const READ_COMMAND: usize = 4 + 1 + 3 + 10 + 1;

fn main() {
    let bac = Offers::bac;
    let pace = || Offers::pace(ECDH_GENERIC, AES_128, 13);
    let cases = [
        ("BAC 3DES, short", bac(), None, 8, 231),
        ("PACE AES-128, short", pace(), None, 16, 223),
        ("PACE AES-128, extended 1,024", pace(), Some(1_024), 16, (1_024 - 21) / 16 * 16 - 1),
        ("PACE AES-128, extended 65,535", pace(), Some(65_535), 16, (65_535 - 21) / 16 * 16 - 1),
    ];
    for (name, offers, extended, block, read_size) in cases {
        let portrait = measure(&offers, extended, vec![FileId::Dg(2)], &[]);
        let nothing = measure(&offers, extended, vec![], &[]);
        let (exchanges, bytes) = (portrait.0 - nothing.0, portrait.1 - nothing.1);
        let length = offers.personalise(PORTRAIT).files[&FileId::Dg(2)].len();
        let least = length.div_ceil(read_size);
        let least_bytes: usize = (0..least)
            .map(|read| READ_COMMAND + answer((length - read * read_size).min(read_size), block))
            .sum();
        println!(
            "portrait of {length} bytes, {name}: {exchanges} exchanges, least {least}, ratio {:.3}; {bytes} bytes, least {least_bytes}, ratio {:.3}",
            exchanges as f64 / least as f64,
            bytes as f64 / least_bytes as f64,
        );
    }
    let chip = || pace().and_chip_authentication(StaticKey::new(13), AES_128);
    for (name, offers, extended, oddities) in [
        ("BAC", bac(), None, vec![]),
        ("BAC, reads of 192", bac(), None, vec![Oddity::LargestRead(192)]),
        ("PACE and chip authentication, short", chip(), None, vec![]),
        ("PACE and chip authentication, extended 1,024", chip(), Some(1_024), vec![]),
    ] {
        let (exchanges, bytes, each) = measure(&offers, extended, ReadingPlan::default().files, &oddities);
        let seconds = |kbit_per_s| {
            let timing = Timing { per_command_us: PER_COMMAND_US, kbit_per_s };
            each.iter().map(|bytes| timing.of_exchange(*bytes)).sum::<Duration>().as_secs_f64()
        };
        println!(
            "whole passport, {name}: {exchanges} exchanges, {bytes} bytes; modelled {:.2} s at 106, {:.2} s at 424, {:.2} s at 848 kbit/s (without the chip's key agreement)",
            seconds(BitRate::Kbit106),
            seconds(BitRate::Kbit424),
            seconds(BitRate::Kbit848),
        );
    }
}

/// Bytes of a protected answer with so much data.
fn answer(data: usize, block: usize) -> usize {
    let cryptogram = (data + 1).next_multiple_of(block) + 1;
    let header = match cryptogram {
        0..=0x7F => 2,
        0x80..=0xFF => 3,
        _ => 4,
    };
    header + cryptogram + 4 + 10 + 2
}

/// Exchanges, bytes, and bytes of each exchange of a session.
fn measure(
    offers: &Offers,
    extended: Option<u16>,
    files: Vec<FileId>,
    oddities: &[Oddity],
) -> (usize, usize, Vec<usize>) {
    let mut personalisation = offers.personalise(PORTRAIT);
    personalisation.files.extend(extended.map(|size| (FileId::AtrInfo, atr_info(size, size))));
    let passport = SoftwarePassport::personalised(personalisation, 7);
    let mut passport = oddities.iter().copied().fold(passport, SoftwarePassport::with_oddity);
    let plan = ReadingPlan { files, ..ReadingPlan::default() };
    let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect());
    let mut session = ChipSession::new(AccessKey::Mrz(KEY.to_owned()), plan, random);
    let mut each = Vec::new();
    loop {
        match session.next() {
            Next::Transmit(command) => {
                let answer = passport.answer(&command);
                each.push(command.len() + answer.len());
                session.answer(Ok(&answer), Duration::ZERO);
            }
            Next::Reconnect => session.answer(Ok(&[]), Duration::ZERO),
            Next::Done(result) => {
                result.expect("a whole reading");
                return (each.len(), each.iter().sum(), each);
            }
        }
    }
}
