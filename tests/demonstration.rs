//! The demonstration's passages, played whole and recorded, then played again from the recording.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn egate(arguments: &[&str]) -> Output {
    let var =
        std::env::var("EGATE_VAR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/var").into());
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).env("EGATE_VAR", var).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Passages that the demonstration has.
const PASSAGES: usize = 17;

fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn every_passage_ends_as_expected_and_replays_to_the_same_verdict_reasons_and_doors() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("fixtures");
    let recorded = egate(&["record", "--out", out.to_str().unwrap()]);
    assert!(recorded.status.success(), "{}", said(&recorded));
    let fixtures = fixtures(&out);
    assert_eq!(fixtures.len(), PASSAGES, "{fixtures:?}");

    let replayed = egate(&["replay", out.to_str().unwrap()]);
    assert!(replayed.status.success(), "{}", said(&replayed));
    assert_eq!(said(&replayed).matches("same ").count(), PASSAGES, "{}", said(&replayed));

    // A replay that could not fail would prove nothing: each tampering below must be noticed.
    let good = &fixtures[0];
    tamper(good, "chip.jsonl", |text| text.replacen("9000\"", "6982\"", 1));
    assert_differs(good);
    let stolen = fixtures.iter().find(|f| f.ends_with("09-stolen")).unwrap();
    tamper(stolen, "central.jsonl", |text| text.replace("{\"reported\":\"stolen\"}", "\"clear\""));
    assert_differs(stolen);
    let broken = &fixtures[1];
    tamper(broken, "gate.jsonl", |text| text.replacen('{', "[", 1));
    let output = egate(&["replay", broken.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(said(&output).contains("gate.jsonl, line 1"), "{}", said(&output));
}

#[test]
fn the_demonstration_prints_its_table_and_ends_well() {
    let output = egate(&["demo", "--once", "--speed", "8"]);
    assert!(output.status.success(), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(table.lines().count(), 1 + PASSAGES, "{table}");
    assert!(table.contains("admitted") && !table.contains("NOT AS EXPECTED"), "{table}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("officers' console    http://127.0.0.1:"), "{words}");
    assert!(words.contains("traveller's screen   http://127.0.0.1:"), "{words}");
}

fn tamper(fixture: &Path, file: &str, change: impl Fn(&str) -> String) {
    let path = fixture.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "nothing to tamper with in {file}");
    std::fs::write(path, changed).unwrap();
}

fn assert_differs(fixture: &Path) {
    let output = egate(&["replay", fixture.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("DIFFERENT"), "{}", said(&output));
}
