//! The lists that lanes keep for the time without central: size, and how long building, reading, asking and changing
//! them take, each against what the machine must do at least. `EGATE_BENCH_DOCUMENTS` and `EGATE_BENCH_PERSONS` set
//! other sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::record::{
    Delta, HashedDocument, InForce, KEY_LENGTH, ReportKind, Snapshot, SnapshotKey, content_hash,
};
use std::hint::black_box;
use std::time::Instant;

/// Documents that leave and come between two snapshots.
const CHANGED: usize = 1_000;
/// Look-ups that are timed together.
const LOOKUPS: usize = 20;

fn size(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn key() -> SnapshotKey {
    SnapshotKey::new([7; KEY_LENGTH]).unwrap()
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Words that sound differently, by number.
fn word(mut number: usize) -> String {
    let (consonants, vowels) = (b"BDGKLMNPRSTVZ", b"AEIOU");
    let mut word = String::new();
    for _ in 0..4 {
        word.push(char::from(consonants[number % consonants.len()]));
        number /= consonants.len();
        word.push(char::from(vowels[number % vowels.len()]));
    }
    word
}

fn main() {
    let (documents, persons) =
        (size("EGATE_BENCH_DOCUMENTS", 1_000_000), size("EGATE_BENCH_PERSONS", 100_000));
    let key_of = |number: usize| format!("UTO L{number:08}");

    let began = Instant::now();
    let hashed: Vec<HashedDocument> = (0..documents + CHANGED)
        .map(|number| key().document(&key_of(number), ReportKind::Stolen).unwrap())
        .collect();
    let hashing = ms(began);
    let people: Vec<Vec<u8>> = (0..persons)
        .map(|n| {
            let born = [u8::try_from(n % 100).ok(), u8::try_from(n % 12 + 1).ok(), None];
            key().person(&word(n * 7), &word(n * 13 + 5), born, "watch", &n.to_string()).unwrap()
        })
        .collect();
    let in_force = InForce { persons: true, rules: false };
    let snapshot =
        |from: usize| Snapshot::new(key(), in_force, hashed[from..from + documents].to_vec(), people.clone());
    let (old, new) = (snapshot(0).encode(), snapshot(CHANGED).encode());
    let people_bytes: usize = people.iter().map(|person| person.len() + 2).sum();
    println!("{documents} documents, {persons} persons: {} bytes", old.len());
    println!("  documents {:.2} bytes each", (old.len() - people_bytes) as f64 / documents as f64);
    println!("  persons   {:.2} bytes each", people_bytes as f64 / persons.max(1) as f64);
    println!("hashing the documents          {hashing:9.1} ms");

    let began = Instant::now();
    black_box(content_hash(&old));
    let raw = ms(began);
    let began = Instant::now();
    let read = Snapshot::decode(&old).unwrap();
    let decode = ms(began);
    println!("SHA-256 of the whole           {raw:9.1} ms");
    println!("reading it                     {decode:9.1} ms, {:.2} × the hash", decode / raw);

    let began = Instant::now();
    let delta = Delta::between(&old, &new).unwrap().unwrap();
    println!("delta of {CHANGED} that leave and come {:7.1} ms, {} bytes", ms(began), delta.len());
    let began = Instant::now();
    assert_eq!(Delta::apply(&old, &delta, &content_hash(&new)).unwrap(), new);
    println!("applying it                    {:9.1} ms, {:.2} × the hash", ms(began), ms(began) / raw);

    let began = Instant::now();
    for number in 0..LOOKUPS {
        assert!(read.reported("UTO", &format!("L{:08}", number * documents / LOOKUPS)).unwrap().is_some());
    }
    println!("asking for a document          {:9.3} ms", ms(began) / LOOKUPS as f64);
    let began = Instant::now();
    for number in 0..LOOKUPS {
        black_box(read.person(&word(number * 31), &word(number), [Some(74), Some(8), Some(12)]).unwrap());
    }
    let asking = ms(began) / LOOKUPS as f64;
    let began = Instant::now();
    let bytes: u64 = people.iter().flatten().map(|byte| u64::from(*byte)).sum();
    black_box(bytes);
    println!(
        "asking for a person            {asking:9.3} ms, {:.1} × touching every byte",
        asking / ms(began)
    );
}
