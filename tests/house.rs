//! The rule of the house: arrows between rooms point one way, and the sans-IO rooms stay so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms in the order of the journey; a room may import only those above it in this list.
const ORDER: [&str; 13] = [
    "check",
    "document",
    "chip",
    "trust",
    "face",
    "policy",
    "passage",
    "record",
    "outbox",
    "devices",
    "lane",
    "central",
    "workbench",
];

/// Rooms that know no IO, clock, thread or randomness.
const SANS_IO: [&str; 7] = ["check", "document", "chip", "trust", "policy", "passage", "record"];

/// What a sans-IO room may not name.
const IO_WORDS: [&str; 16] = [
    "tokio::",
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "OsRng",
    "thread_rng",
    "getrandom::",
    "rand_bytes",
    "serialport::",
    "rusqlite::",
    "reqwest::",
];

/// Beside the order: pairs that may not meet although the order would allow it.
const FORBIDDEN: [(&str, &str); 8] = [
    ("face", "trust"),
    ("face", "chip"),
    ("face", "document"),
    ("outbox", "face"),
    ("central", "lane"),
    ("central", "devices"),
    ("central", "outbox"),
    ("devices", "outbox"),
];

fn sources(room: &str) -> Vec<PathBuf> {
    let single = PathBuf::from(format!("src/{room}.rs"));
    if single.exists() {
        return vec![single];
    }
    let mut found = Vec::new();
    collect(Path::new(&format!("src/{room}")), &mut found);
    assert!(!found.is_empty(), "room {room} has no sources");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The lines of code of a source, without comments and without its unit tests.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

#[test]
fn arrows_between_rooms_point_one_way() {
    let mut broken = Vec::new();
    for (place, room) in ORDER.iter().enumerate() {
        for path in sources(room) {
            for (number, line) in code(&path) {
                for (other_place, other) in ORDER.iter().enumerate() {
                    let named = line.contains(&format!("crate::{other}::"))
                        || line.contains(&format!("crate::{other};"));
                    let upward = other_place > place;
                    if named && (upward || FORBIDDEN.contains(&(room, other))) {
                        broken.push(format!("{}:{number}: {room} may not use {other}", path.display()));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn sans_io_rooms_know_no_io_clock_or_randomness() {
    let mut broken = Vec::new();
    for room in SANS_IO {
        for path in sources(room) {
            for (number, line) in code(&path) {
                for word in IO_WORDS {
                    if line.contains(word) {
                        broken.push(format!("{}:{number}: {room} may not use {word}", path.display()));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_room_is_in_the_order() {
    for entry in fs::read_dir("src").unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            ORDER.contains(&name.as_str()) || ["lib", "main"].contains(&name.as_str()),
            "src/{name} is no room of the house"
        );
    }
}
