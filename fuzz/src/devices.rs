//! What comes over a line, from a file, from the network.

use super::documents::KEY;
use super::seeds;
use ed25519_dalek::{Signer, SigningKey};
use egate::central::CentralSettings;
use egate::devices::card::SoftwarePassport;
use egate::devices::modbus::{Heard, Request, find_answer, hear_request};
use egate::devices::mrz_reader::{Deframer, FramingProfile};
use egate::document::Mrz;
use egate::lane::LaneSettings;
use egate::policy::Profile;
use egate::record::wire::{BatchAnswer, LookupAnswer, LookupQuestion, RecordBatch, Refusal};
use egate::record::{ChainHead, Delta, SignedRecord, Snapshot, content_hash, verify_chain};
use egate::workbench::issue::Description;
use sha2::{Digest, Sha256};

/// Key of the lane whose records are fed.
const RECORD_KEY: [u8; 32] = [7; 32];

pub(crate) fn mrz(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let Ok(zone) = Mrz::parse(&lines) else { return };
    let _ = (zone.key_information(), zone.check_digits());
    // What was repaired once needs no repair.
    let again = Mrz::parse(&zone.lines).expect("lines of a zone are a zone");
    assert_eq!(again.lines, zone.lines);
}

pub(crate) fn mrz_framing(bytes: &[u8]) {
    let profiles = [
        FramingProfile::plain(),
        FramingProfile::default(),
        FramingProfile::desko(2, 3),
        FramingProfile::rte(),
    ];
    for profile in profiles {
        let mut deframer = Deframer::new(profile.clone()).expect("the profiles that ship work");
        let at_once = deframer.push(bytes);
        let _ = (deframer.silence(), deframer.pending());
        // However the bytes arrive, the frames are the same.
        let mut deframer = Deframer::new(profile).expect("the same profile");
        let piecewise: Vec<_> = bytes.chunks(3).flat_map(|piece| deframer.push(piece)).collect();
        assert_eq!(at_once, piecewise);
    }
}

pub(crate) fn modbus(bytes: &[u8]) {
    let _ = find_answer(1, &Request::ReadInputRegisters { start: 0, count: 8 }, bytes);
    if let Heard::Request(unit, request) = hear_request(bytes) {
        let again = request.to_bytes(unit);
        assert!(bytes.starts_with(&again), "a request is written as it was heard");
        assert_eq!(hear_request(&again), Heard::Request(unit, request));
    }
}

/// Commands to the software passport, each its length in two bytes and so many bytes.
pub(crate) fn card(bytes: &[u8]) {
    let mut passport = SoftwarePassport::new(seeds::files(), KEY, 1);
    let mut rest = bytes;
    while let [high, low, body @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(body.len());
        let (command, after) = body.split_at(length);
        rest = after;
        assert!(passport.answer(command).len() >= 2, "an answer without status");
    }
}

pub(crate) fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = toml::from_str::<LaneSettings>(text);
    let _ = toml::from_str::<CentralSettings>(text);
    let _ = toml::from_str::<Profile>(text);
    let _ = toml::from_str::<Description>(text);
}

pub(crate) fn record(bytes: &[u8]) {
    let _ = serde_json::from_slice::<BatchAnswer>(bytes);
    let _ = serde_json::from_slice::<LookupQuestion>(bytes);
    let _ = serde_json::from_slice::<LookupAnswer>(bytes);
    let _ = serde_json::from_slice::<Refusal>(bytes);
    let key = SigningKey::from_bytes(&RECORD_KEY);
    if let Ok(batch) = serde_json::from_slice::<RecordBatch>(bytes) {
        let _ = verify_chain(&ChainHead::start(), &batch.records, &key.verifying_key());
    }
    // What a lane that has gone bad could sign.
    let Ok(canonical) = std::str::from_utf8(bytes) else { return };
    let hash = Sha256::digest(canonical);
    let signed = SignedRecord {
        canonical: canonical.to_owned(),
        sha256: hex::encode(hash),
        signature: hex::encode(key.sign(&hash).to_bytes()),
    };
    let _ = signed.verify(&key.verifying_key());
}

/// The lists of a lane without a connection: what is read has one form only.
pub(crate) fn snapshot(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::decode(bytes) else { return };
    assert_eq!(snapshot.encode(), bytes);
    let _ = snapshot.reported("UTO", "L898902C3");
}

/// What leads from one of them to the next: whatever it says, the whole must have the hash that was signed.
pub(crate) fn snapshot_delta(bytes: &[u8]) {
    let from = seeds::snapshot(&["UTOL898902C3"]);
    let signed = content_hash(&seeds::snapshot(&["UTOL898902C3", "UTOX000000X0"]));
    if let Ok(whole) = Delta::apply(&from, bytes, &signed) {
        assert_eq!(content_hash(&whole), signed);
    }
}
