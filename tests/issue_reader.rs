//! Issued, laid on a real PC/SC service's virtual reader, read and judged, all by the command line; and what
//! `egate doctor` says of the reader meanwhile.
//!
//! Runs itself again in namespaces of its own, as `tests/pcsc.rs` does.
#![cfg(all(feature = "issuer", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/pcscd.rs"]
mod pcscd;

use egate::devices::card::vpcd::PORT;
use pcscd::in_own_namespace;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn an_issued_document_is_read_through_pcscd_and_doctor_tells_what_lies_on_the_reader() {
    let name = "an_issued_document_is_read_through_pcscd_and_doctor_tells_what_lies_on_the_reader";
    in_own_namespace(name, inside);
}

/// A process that ends with this.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn service(drivers: Option<&Path>) -> Running {
        let mut command = Command::new("/usr/sbin/pcscd");
        command.arg("--foreground");
        if let Some(folder) = drivers {
            command.arg("--config").arg(folder);
        }
        Running::start(&mut command)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn egate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// What doctor says of the chip reader, once it says this.
fn doctor_says(part: &str, good: bool) {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config/lane.toml");
    let mut finding = Value::Null;
    for _ in 0..20 {
        let findings = json(&egate(&["doctor", "--config", config, "--json"]));
        finding = findings.as_array().unwrap().iter().find(|f| f["what"] == "chip reader").unwrap().clone();
        if finding["found"].as_str().unwrap().contains(part) {
            assert_eq!(finding["good"], good, "{finding}");
            assert_eq!(finding["mend"].is_null(), good, "{finding}");
            return;
        }
        thread::sleep(Duration::from_millis(300));
    }
    panic!("doctor does not say {part:?} but {finding}");
}

fn inside() {
    let folder = tempfile::tempdir().unwrap();
    doctor_says("PC/SC service does not answer", false);
    let empty = folder.path().join("no-readers");
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(empty.join("none"), "").unwrap();
    let without_readers = Running::service(Some(&empty.join("none")));
    doctor_says("no reader is plugged in", false);
    drop(without_readers);

    let _service = Running::service(None);
    doctor_says("no document on it", true);
    let other = other_card();
    doctor_says("no travel document (status 6A82)", false);
    drop(other);
    doctor_says("no document on it", true);

    let passport = folder.path().join("modern").display().to_string();
    let clone = folder.path().join("clone").display().to_string();
    for (out, defect) in [(&passport, "none"), (&clone, "chip-cloned")] {
        let issue = ["issue", "--out", out, "--chip", "modern", "--seed", "x", "--at", "2026-01-15"];
        assert!(egate(&[&issue[..], &["--defect", defect]].concat()).status.success());
    }
    let on_reader = Running::start(Command::new(env!("CARGO_BIN_EXE_egate")).args(["card", &passport]));
    doctor_says("a travel document on it", true);
    let (found, good) = inspect(&passport);
    assert!(good, "{found:#}");
    assert_eq!(found["result"], "successful");
    assert!(found["reading"]["access"].as_str().unwrap().starts_with("PACE"), "{}", found["reading"]);
    assert_eq!(found["reading"]["proofs"]["chip auth."], "shown");
    assert!(found["exchanges"].as_u64().unwrap() > 5 && found["bytes_received"].as_u64().unwrap() > 5_000);
    drop(on_reader);

    let _on_reader = Running::start(Command::new(env!("CARGO_BIN_EXE_egate")).args(["card", &clone]));
    doctor_says("a travel document on it", true);
    let (found, good) = inspect(&clone);
    assert!(!good && found["result"] == "failed", "{found:#}");
    assert!(found["reading"]["proofs"]["chip auth."].as_str().unwrap().starts_with("refuted"));
}

/// `egate inspect chip` of the document that this folder's lies on the reader.
fn inspect(folder: &str) -> (Value, bool) {
    let lines = std::fs::read_to_string(format!("{folder}/mrz.txt")).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let trust = format!("{folder}/trust");
    let arguments =
        ["inspect", "chip", "--mrz", lines[0], lines[1], "--trust", &trust, "--at", "2026-01-15", "--json"];
    let output = egate(&arguments);
    (json(&output), output.status.success())
}

/// That card on the virtual reader, until this is dropped.
struct OtherCard(TcpStream);

impl Drop for OtherCard {
    fn drop(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

/// A card that is no travel document: it answers every command with 6A82.
fn other_card() -> OtherCard {
    let stream = (0..100)
        .find_map(|_| {
            thread::sleep(Duration::from_millis(100));
            TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).ok()
        })
        .expect("the virtual reader does not listen");
    let mut serving = stream.try_clone().unwrap();
    thread::spawn(move || {
        let mut length = [0; 2];
        while serving.read_exact(&mut length).is_ok() {
            let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
            if serving.read_exact(&mut message).is_err() {
                return;
            }
            let answer: &[u8] = match message.as_slice() {
                [4] => &[0x3B, 0x80, 0x80, 0x01, 0x01],
                [_] | [] => continue,
                _ => &[0x6A, 0x82],
            };
            let framed = [&(answer.len() as u16).to_be_bytes()[..], answer].concat();
            if serving.write_all(&framed).is_err() {
                return;
            }
        }
    });
    OtherCard(stream)
}
