//! A chip that knows the printed lines and answers, properly protected, whatever it likes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod card_kit;

use card_kit::KEY;
use egate::chip::{
    AccessKey, ChipRandom, ChipSession, MAX_EXCHANGES, Next, Proof, ReadingPlan, SessionCipher, TripleDes,
};
use openssl::sha::sha1;
use proptest::prelude::*;
use std::time::Duration;

/// A chip that holds the keys of BAC and answers, properly protected, whatever it is told to.
struct HoldsKeys {
    access: TripleDes,
    session: Option<(TripleDes, u64)>,
}

const CHIP_NONCE: [u8; 8] = [9; 8];

impl HoldsKeys {
    fn new() -> HoldsKeys {
        HoldsKeys { access: keys(&sha1(KEY.as_bytes())[..16]), session: None }
    }

    fn answer(&mut self, command: &[u8], data: &[u8], status: u16) -> Vec<u8> {
        match (command[0], command[1]) {
            (0, 0xA4) if command[2] == 4 => return vec![0x90, 0],
            (0, 0x84) => return [&CHIP_NONCE[..], &[0x90, 0]].concat(),
            (0, 0x82) => return self.authenticate(&command[5..45]),
            (0, _) => return vec![0x6A, 0x82],
            _ => {}
        }
        let (cipher, counter) = self.session.as_mut().unwrap();
        *counter += 2;
        let mut body = Vec::new();
        if !data.is_empty() {
            let cryptogram = cipher.encrypt(&[], &padded(data)).unwrap();
            let (tag, indicator) = if command[1] & 1 == 1 { (0x85, vec![]) } else { (0x87, vec![1]) };
            body = egate::chip::tlv::encode(tag, &[indicator, cryptogram].concat());
        }
        body.extend([0x99, 2]);
        body.extend(status.to_be_bytes());
        let mac = cipher.mac(&padded(&[&counter.to_be_bytes()[..], &body].concat())).unwrap();
        [body.as_slice(), &[0x8E, 8], &mac, &status.to_be_bytes()].concat()
    }

    fn authenticate(&mut self, token: &[u8]) -> Vec<u8> {
        let plain = self.access.decrypt(&[], &token[..32]).unwrap();
        let seed: Vec<u8> = plain[16..].iter().map(|byte| byte ^ 0x77).collect();
        let answer = [&CHIP_NONCE[..], &plain[..8], &[0x77; 16]].concat();
        let cryptogram = self.access.encrypt(&[], &answer).unwrap();
        let mac = self.access.mac(&padded(&cryptogram)).unwrap();
        let counter = [&CHIP_NONCE[4..], &plain[4..8]].concat();
        self.session = Some((keys(&seed), u64::from_be_bytes(counter.try_into().unwrap())));
        [cryptogram.as_slice(), &mac, &[0x90, 0]].concat()
    }
}

fn keys(seed: &[u8]) -> TripleDes {
    let derive = |purpose| sha1(&[seed, &[0, 0, 0, purpose]].concat())[..16].try_into().unwrap();
    TripleDes::new(&derive(1), &derive(2)).unwrap()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut bytes = [data, &[0x80]].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn any_status() -> impl Strategy<Value = u16> {
    prop_oneof![
        6 => Just(0x9000u16), 1 => Just(0x6282), 1 => Just(0x6700), 1 => 0x6C00u16..0x6CFF, 1 => any::<u16>()
    ]
}

/// Beginnings of files, so that reading goes on into them.
fn any_data() -> impl Strategy<Value = Vec<u8>> {
    let tag =
        prop_oneof![Just(0x77u8), Just(0x6E), Just(0x61), Just(0x75), Just(0x60), Just(0x6F), Just(0x53)];
    let file = (tag, 0u8..=0x84, proptest::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(tag, length, rest)| [&[tag, length][..], &rest].concat());
    prop_oneof![2 => file, 1 => proptest::collection::vec(any::<u8>(), 0..230)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A hostile chip that knows the printed lines.
    #[test]
    fn any_protected_answers_end_the_session_within_its_bound(
        answers in proptest::collection::vec((any_data(), any_status()), 1..40),
    ) {
        let key = AccessKey::Mrz(KEY.to_owned());
        let plan = ReadingPlan { every_proof: true, ..ReadingPlan::default() };
        let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| (n * 31 % 257) as u8).collect());
        let mut chip = HoldsKeys::new();
        let mut answers = answers.iter().cycle();
        let mut session = ChipSession::new(key, plan, random);
        let mut wishes = 0;
        let result = loop {
            wishes += 1;
            prop_assert!(wishes <= MAX_EXCHANGES + 3);
            match session.next() {
                Next::Done(result) => break result,
                Next::Reconnect => session.answer(Ok(&[]), Duration::ZERO),
                Next::Transmit(command) => {
                    let (data, status) = answers.next().unwrap();
                    session.answer(Ok(&chip.answer(&command, data, *status)), Duration::ZERO);
                }
            }
        };
        if let Ok(reading) = result {
            let shown = |proof: &Option<Proof>| matches!(proof, Some(Proof::Shown { .. }));
            prop_assert!(!shown(&reading.proofs.chip_authentication) && !shown(&reading.proofs.active_authentication));
            prop_assert!(reading.files.values().all(|file| file.len() <= egate::chip::MAX_FILE));
        }
    }
}
