//! The parsers of `fuzz/`, fed without libFuzzer: each takes its own seeds and many changes to them, the
//! same ones every time. `EGATE_FUZZ_ROUNDS` makes them more.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a library of its own workspace; planting is for libFuzzer")]
mod fuzz;

/// Changed seeds for each parser, unless said otherwise.
const ROUNDS: u32 = 150;
/// Most changes to one seed.
const MOST_CHANGES: u64 = 6;
/// Bytes that lengths, tags and counts are made of.
const TELLING: [u8; 12] = [0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, 0x30, 0x31, 0x5F, 0xA1];

/// Numbers by SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn changed(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.next() % MOST_CHANGES {
        // Structure stands in front: half of the changes go there.
        let reach = if numbers.next() & 1 == 0 { bytes.len() } else { bytes.len().min(64) };
        let (place, other) = (numbers.below(reach), numbers.below(bytes.len()));
        let telling = TELLING[numbers.below(TELLING.len())];
        match numbers.below(7) {
            0 if !bytes.is_empty() => bytes[place] ^= 1 << numbers.below(8),
            1 if !bytes.is_empty() => bytes[place] = telling,
            2 => bytes.insert(place, telling),
            3 if !bytes.is_empty() => drop(bytes.remove(place)),
            4 => bytes.truncate(other),
            5 => {
                let piece = bytes[place.min(other)..place.max(other)].to_vec();
                bytes.splice(place..place, piece.into_iter().take(300));
            }
            _ => bytes.extend([telling; 3]),
        }
    }
    bytes
}

#[test]
fn every_parser_takes_its_seeds_and_changes_to_them() {
    let rounds = std::env::var("EGATE_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut broken = Vec::new();
    for (name, parser) in fuzz::PARSERS {
        let seeds = fuzz::seeds_of(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        seeds.iter().for_each(|seed| parser(seed));
        let mut numbers = Numbers(7);
        for round in 0..rounds.unwrap_or(ROUNDS) {
            let seed = &seeds[numbers.below(seeds.len())];
            let bytes = changed(seed, &mut numbers);
            if std::panic::catch_unwind(|| parser(&bytes)).is_err() {
                broken.push(format!("{name}, round {round}: {}", hex::encode(&bytes)));
                break;
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
