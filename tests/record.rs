//! Records: one canonical form, a chain that shows every change, pictures that only central opens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ed25519_dalek::SigningKey;
use egate::check::{Check, CheckId, Reason};
use egate::document::Mrz;
use egate::passage::{Ending, Outcome, Picture, Step, StepTime};
use egate::policy::PassageId;
use egate::record::{
    ChainError, ChainHead, PassageRecord, PictureLabel, Position, RecordError, SOFTWARE, SealError,
    SealedPicture, SealingKeys, SealingPublicKey, SignedRecord, sealed_name, verify_chain,
};
use proptest::prelude::*;

const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn outcome() -> Outcome {
    Outcome {
        passage: PassageId("lane-1/e/1".into()),
        started: "2026-01-05T10:00:05Z".parse().unwrap(),
        lasted_ms: 12_345,
        ending: Ending::Referred,
        reasons: vec![Reason::FaceMismatch],
        checks: vec![
            Check::successful(CheckId::MrzConsistency),
            Check::failed(CheckId::FaceMatch, Reason::FaceMismatch).with_detail("détail \u{1F600}"),
        ],
        document: Some(Mrz::parse(&LINES).unwrap()),
        steps: vec![StepTime { step: Step::Document, ms: 3_000 }],
        pictures: vec![Picture::Portrait, Picture::Frame(4)],
        similarity: Some(0.25),
        attack: Some(f32::NAN),
        commands: Vec::new(),
    }
}

fn position(sequence: u64, previous: &str) -> Position {
    Position { lane: "lane-1".into(), epoch: "e".repeat(32), sequence, previous: previous.into() }
}

fn record(sequence: u64, previous: &str) -> PassageRecord {
    let pictures = [SealedPicture::new(Picture::Portrait, "image/jp2", vec![1, 2, 3])];
    PassageRecord::from_outcome(&outcome(), position(sequence, previous), &pictures, "self-service", SOFTWARE)
}

fn chain(length: u64) -> Vec<SignedRecord> {
    let mut previous = ChainHead::start().sha256;
    (1..=length)
        .map(|sequence| {
            let signed = SignedRecord::sign(&record(sequence, &previous), &key()).unwrap();
            previous.clone_from(&signed.sha256);
            signed
        })
        .collect()
}

#[test]
fn a_record_has_this_canonical_form_for_ever() {
    let signed = SignedRecord::sign(&record(1, &"0".repeat(64)), &key()).unwrap();
    assert_eq!(
        signed.canonical,
        concat!(
            r#"{"attack_ppm":null,"checks":[{"id":"mrz_consistency","reasons":[],"result":"successful"},"#,
            r#"{"detail":"détail 😀","id":"face_match","reasons":[2002],"result":"failed"}],"#,
            r#""document":{"date_of_birth":"740812","date_of_expiry":"120415","document_code":"P","#,
            r#""document_number":"L898902C3","given_names":"ANNA MARIA","issuing_state":"UTO","#,
            r#""nationality":"UTO","sex":"F","surname":"ERIKSSON"},"ending":"referred","lasted_ms":12345,"#,
            r#""passage":"lane-1/e/1","pictures":[{"media":"image/jp2","role":"portrait","sealed_sha256":"#,
            r#""039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81"}],"#,
            r#""position":{"epoch":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","lane":"lane-1","#,
            r#""previous":"0000000000000000000000000000000000000000000000000000000000000000","sequence":1},"#,
            r#""profile":"self-service","reasons":[2002],"similarity_ppm":250000,"software":"egate 0.1.0","#,
            r#""started":"2026-01-05T10:00:05Z","steps":[{"ms":3000,"step":"document"}],"version":1}"#
        )
    );
}

#[test]
fn a_signed_record_verifies_and_gives_the_record_back() {
    let record = record(1, &"0".repeat(64));
    let signed = SignedRecord::sign(&record, &key()).unwrap();
    assert_eq!(signed.verify(&key().verifying_key()).unwrap(), record);
}

#[test]
fn another_lane_s_key_does_not_verify() {
    let signed = SignedRecord::sign(&record(1, &"0".repeat(64)), &key()).unwrap();
    let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
    assert_eq!(signed.verify(&other), Err(RecordError::Signature));
}

/// Signs any text, canonical or not, as a lane that went wrong would.
fn sign_text(canonical: &str) -> SignedRecord {
    use ed25519_dalek::Signer;
    let hash = hex::decode(sealed_name(canonical.as_bytes())).unwrap();
    SignedRecord {
        canonical: canonical.into(),
        sha256: hex::encode(&hash),
        signature: hex::encode(key().sign(&hash).to_bytes()),
    }
}

#[test]
fn a_signed_text_that_is_not_canonical_is_refused() {
    let good = SignedRecord::sign(&record(1, &"0".repeat(64)), &key()).unwrap().canonical;
    for text in [
        good.replacen("{\"attack", "{ \"attack", 1),
        good.replacen("\"version\":1}", "\"version\":1,\"zzz\":0}", 1),
        good.replacen("12345", "12345.0", 1),
        format!("{good}\n"),
        good.replacen("\"version\":1}", "\"version\":\"1\"}", 1),
        "{}".into(),
        String::new(),
    ] {
        let refused = sign_text(&text).verify(&key().verifying_key());
        assert!(matches!(refused, Err(RecordError::Form(_))), "{text}");
    }
    assert!(sign_text(&good).verify(&key().verifying_key()).is_ok());
}

#[test]
fn a_number_that_json_cannot_hold_is_not_signed() {
    let mut record = record(1, &"0".repeat(64));
    record.lasted_ms = (1 << 53) + 1;
    assert!(matches!(SignedRecord::sign(&record, &key()), Err(RecordError::Form(_))));
}

#[test]
fn a_whole_chain_verifies_from_the_start_and_from_the_middle() {
    let chain = chain(5);
    let (records, head) = verify_chain(&ChainHead::start(), &chain, &key().verifying_key()).unwrap();
    assert_eq!((records.len(), head.sequence), (5, 5));
    let (_, middle) = verify_chain(&ChainHead::start(), &chain[..2], &key().verifying_key()).unwrap();
    assert_eq!(verify_chain(&middle, &chain[2..], &key().verifying_key()).unwrap().1, head);
    // At least once: the same record again is no fork.
    let twice = [&chain[..2], &chain[1..]].concat();
    assert_eq!(verify_chain(&ChainHead::start(), &twice, &key().verifying_key()).unwrap().1, head);
}

#[test]
fn a_record_left_out_is_a_gap() {
    let mut chain = chain(4);
    chain.remove(1);
    let error = verify_chain(&ChainHead::start(), &chain, &key().verifying_key()).unwrap_err();
    assert_eq!(error, ChainError::Gap { after: 1, found: 3 });
}

#[test]
fn a_record_that_was_put_in_another_s_place_is_a_break() {
    let mut chain = chain(3);
    chain[1] = SignedRecord::sign(&record(2, &"1".repeat(64)), &key()).unwrap();
    let error = verify_chain(&ChainHead::start(), &chain, &key().verifying_key()).unwrap_err();
    assert_eq!(error, ChainError::Break { sequence: 2 });
}

#[test]
fn a_second_record_of_the_same_number_is_a_fork() {
    let mut chain = chain(3);
    let mut other = record(2, &chain[0].sha256);
    other.ending = Ending::Admitted;
    chain.insert(2, SignedRecord::sign(&other, &key()).unwrap());
    let error = verify_chain(&ChainHead::start(), &chain, &key().verifying_key()).unwrap_err();
    assert_eq!(error, ChainError::Fork { sequence: 2 });
}

#[test]
fn a_record_of_another_epoch_is_a_stranger() {
    let mut chain = chain(2);
    let mut other = record(2, &chain[0].sha256);
    other.position.epoch = "f".repeat(32);
    chain[1] = SignedRecord::sign(&other, &key()).unwrap();
    let error = verify_chain(&ChainHead::start(), &chain, &key().verifying_key()).unwrap_err();
    assert!(matches!(error, ChainError::Stranger { sequence: 2, .. }));
}

#[test]
fn a_sealed_picture_opens_only_with_the_key_and_under_its_label() {
    let keys = SealingKeys::from_random([1; 32]);
    let label = PictureLabel { passage: "lane-1/e/1", role: "portrait" };
    let sealed = keys.public().seal(label, b"picture", [2; 32]).unwrap();
    assert_eq!(keys.open(label, &sealed).unwrap(), b"picture");

    let again = SealingKeys::from_secret_bytes(&keys.secret_bytes()).unwrap();
    assert_eq!(again.open(label, &sealed).unwrap(), b"picture");
    let public = SealingPublicKey::from_bytes(&keys.public().to_bytes()).unwrap();
    assert_ne!(public.seal(label, b"picture", [3; 32]).unwrap(), sealed);

    for other in [
        PictureLabel { passage: "lane-1/e/2", role: "portrait" },
        PictureLabel { passage: "lane-1/e/1", role: "frame" },
    ] {
        assert_eq!(keys.open(other, &sealed), Err(SealError::Open));
    }
    assert_eq!(SealingKeys::from_random([9; 32]).open(label, &sealed), Err(SealError::Open));
    assert_eq!(keys.open(label, &sealed[..31]), Err(SealError::Short(31)));
    assert!(SealingPublicKey::from_bytes(&[0; 31]).is_err());
    // A public key of low order would let anybody open what is sealed to it.
    let weak = SealingPublicKey::from_bytes(&[0; 32]).and_then(|key| key.seal(label, b"picture", [2; 32]));
    assert!(weak.is_err());
}

proptest! {
    #[test]
    fn any_change_of_a_signed_record_is_noticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let signed = SignedRecord::sign(&record(1, &"0".repeat(64)), &key()).unwrap();
        let mut bytes = serde_json::to_vec(&signed).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let Ok(changed) = serde_json::from_slice::<SignedRecord>(&bytes) else { return Ok(()) };
        // Hexadecimal digits may change their case without changing what they say.
        let same = changed.canonical == signed.canonical
            && changed.sha256 == signed.sha256
            && changed.signature.eq_ignore_ascii_case(&signed.signature);
        prop_assert_eq!(changed.verify(&key().verifying_key()).is_ok(), same);
    }

    #[test]
    fn any_picture_comes_back_and_any_change_of_it_is_noticed(
        picture in prop::collection::vec(any::<u8>(), 0..300),
        random in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let keys = SealingKeys::from_random([1; 32]);
        let label = PictureLabel { passage: "p", role: "frame" };
        let mut sealed = keys.public().seal(label, &picture, random).unwrap();
        prop_assert_eq!(keys.open(label, &sealed).unwrap(), picture);
        let at = at.index(sealed.len());
        // The top bit of the ephemeral key is not part of it (RFC 7748 §5).
        if (at, bit) != (31, 7) {
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(keys.open(label, &sealed), Err(SealError::Open));
        }
    }

    #[test]
    fn any_text_is_verified_or_refused(canonical in ".{0,80}", sha256 in "[0-9a-f]{0,70}", signature in ".{0,140}") {
        let signed = SignedRecord { canonical, sha256, signature };
        prop_assert!(signed.verify(&key().verifying_key()).is_err());
    }
}
