//! Every parser of outside bytes, by name, with the seeds from which its corpus grows.
//!
//! A parser may refuse what it is fed; it may not panic, run for ever or take memory without bound. Some
//! also have to keep a promise, which [`feed`] asserts: what was read is written the same again. The seeds
//! are made by the issuer when a target starts on an empty corpus: nothing of them is committed.
//!
//! `tests/fuzz_parsers.rs` feeds the same parsers in the ordinary tests.
mod devices;
mod documents;
mod orders;
mod records;
mod seeds;
mod trust;

use std::path::Path;

/// Feeds some bytes to a parser.
type Parser = fn(&[u8]);

/// All parsers by the names of their targets.
pub const PARSERS: [(&str, Parser); 33] = [
    // What a chip says.
    ("tlv", documents::tlv),
    ("answers", documents::answers),
    ("hostile_card", documents::hostile_card),
    ("secure_messaging", documents::secure_messaging),
    ("com", documents::com),
    ("dg1", documents::dg1),
    ("dg2", documents::dg2),
    ("portrait", documents::portrait),
    ("dg7", documents::dg7),
    ("dg11", documents::dg11),
    ("dg12", documents::dg12),
    ("dg13", documents::dg13),
    ("dg16", documents::dg16),
    ("security_infos", documents::security_infos),
    ("master_file", documents::master_file),
    // What is to be trusted.
    ("security_object", trust::security_object),
    ("certificate", trust::certificate),
    ("revocation_list", trust::revocation_list),
    ("master_list", trust::master_list),
    ("trust_material", trust::trust_material),
    // What comes over a line, from a file, from the network.
    ("mrz", devices::mrz),
    ("mrz_framing", devices::mrz_framing),
    ("modbus", devices::modbus),
    ("card", devices::card),
    ("settings", devices::settings),
    ("record", devices::record),
    ("records_file", records::file),
    ("receipts", records::receipts),
    ("snapshot", devices::snapshot),
    ("snapshot_delta", devices::snapshot_delta),
    // What central orders of a lane.
    ("command_order", orders::command_order),
    ("release_manifest", orders::release_manifest),
    ("released_settings", orders::released_settings),
];

/// Feeds bytes to the parser of this name.
///
/// # Panics
/// When there is none, or when the parser breaks its promise: that is what is looked for.
pub fn feed(name: &str, bytes: &[u8]) {
    let parser = PARSERS.iter().find(|(known, _)| *known == name);
    let (_, parser) = parser.unwrap_or_else(|| panic!("no parser is called {name}"));
    parser(bytes);
}

/// Writes the seeds of this parser into the corpus folder that libFuzzer was called with, where that is
/// empty.
///
/// # Panics
/// When the seeds cannot be made or written.
pub fn plant(name: &str) {
    let folder = std::env::args().skip(1).find(|argument| Path::new(argument).is_dir());
    let Some(folder) = folder else { return };
    let empty = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
    if !empty {
        return;
    }
    for (number, seed) in seeds::of(name).into_iter().enumerate() {
        let path = Path::new(&folder).join(format!("seed-{number:02}"));
        std::fs::write(path, seed).expect("the corpus folder can be written");
    }
}

/// The seeds of the parser of this name.
pub fn seeds_of(name: &str) -> Vec<Vec<u8>> {
    seeds::of(name)
}
