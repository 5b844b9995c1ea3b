//! What is carried by hand: a lane's exported records, and central's receipts for them.

use ed25519_dalek::SigningKey;
use egate::outbox::{CentralHas, verify_lines};
use egate::record::{
    ChainHead, PassageRecord, Receipt, Received, Signed, SignedRecord, sealed_name, verify_chain,
};
use std::path::Path;

/// Signs the lane's records and, as central, the receipts.
const KEY: [u8; 32] = [7; 32];
/// The lane of the seeds.
const LANE: &str = "lane-1";

fn key() -> SigningKey {
    SigningKey::from_bytes(&KEY)
}

/// A file of `egate outbox export`, as it is, and with each of its lines as the text of a record that the lane signed.
pub(crate) fn file(bytes: &[u8]) {
    let key = key().verifying_key();
    // A folder that is not there: no picture is looked at.
    let nowhere = Path::new("no/such/folder");
    let _ = verify_lines(bytes, nowhere, &key);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let signed: Vec<SignedRecord> = text.lines().map(sign).collect();
    let lines: Vec<String> = signed.iter().filter_map(|record| serde_json::to_string(record).ok()).collect();
    let Ok(run) = verify_lines((lines.join("\n") + "\n").as_bytes(), nowhere, &key) else { return };
    assert!(run.first >= 1 && run.head.sequence >= run.first, "{run:?}");
    // What is verified as a file is verified as a run of records, and ends at the same head.
    let follows = ChainHead { sequence: run.first - 1, sha256: run.follows.clone() };
    let (records, head) = verify_chain(&follows, &signed, &key).expect("a file that verifies is a chain");
    assert!(head == run.head && records.iter().all(|record| record.position.epoch == run.epoch));
}

/// A text that the lane signed, whatever it says.
fn sign(canonical: &str) -> SignedRecord {
    use ed25519_dalek::Signer;
    let sha256 = sealed_name(canonical.as_bytes());
    let hash = hex::decode(&sha256).expect("a hash is hexadecimal");
    let signature = hex::encode(key().sign(&hash).to_bytes());
    SignedRecord { canonical: canonical.to_owned(), sha256, signature }
}

/// A file of receipts, as it is, and with each of its lines as the text of a receipt that central signed.
pub(crate) fn receipts(bytes: &[u8]) {
    let key = key();
    let _ = CentralHas::parse(&mut &*bytes, &key.verifying_key(), LANE);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = text.lines().map_while(|line| serde_json::from_str::<Receipt>(line).ok());
    let receipts: Vec<Receipt> = read.collect();
    let sign = |receipt| Some(serde_json::to_string(&Signed::sign(receipt, &key).ok()?).ok()? + "\n");
    let lines: Option<String> = receipts.iter().map(sign).collect();
    let Some(lines) = lines else { return };
    let Ok(has) = CentralHas::parse(&mut lines.as_bytes(), &key.verifying_key(), LANE) else { return };
    let said = || receipts.iter().flat_map(|receipt| &receipt.records);
    assert!(said().all(|said| has.holds(said.sequence, &said.sha256) && said.sequence >= has.from));
    assert_eq!(has.last(), said().map(|said| said.sequence).max());
}

/// An exported file; texts of records, as the second way takes them.
pub(crate) fn file_seeds() -> Vec<Vec<u8>> {
    let (mut head, mut records) = (ChainHead::start(), Vec::new());
    for sequence in 1..=3_u64 {
        let position = serde_json::json!({
            "lane": LANE, "epoch": "0".repeat(32), "sequence": sequence, "previous": head.sha256,
        });
        let record: PassageRecord = serde_json::from_value(serde_json::json!({
            "version": 1, "position": position, "passage": format!("p{sequence}"),
            "started": "2026-01-05T10:00:05Z", "lasted_ms": 7, "ending": "withdrawn", "reasons": [],
            "checks": [], "document": null, "steps": [], "pictures": [], "similarity_ppm": null,
            "attack_ppm": null, "profile": "standard", "software": "egate",
        }))
        .expect("a record");
        let signed = SignedRecord::sign(&record, &key()).expect("a record is signed");
        head = ChainHead { sequence, sha256: signed.sha256.clone() };
        records.push(signed);
    }
    let lines = |line: &dyn Fn(&SignedRecord) -> String| {
        records.iter().map(|record| line(record) + "\n").collect::<String>().into_bytes()
    };
    vec![
        lines(&|record| serde_json::to_string(record).expect("a record in JSON")),
        lines(&|record| record.canonical.clone()),
    ]
}

/// A file of one receipt; texts of two that follow one another.
pub(crate) fn receipt_seeds() -> Vec<Vec<u8>> {
    let receipt = |from: u64, count: usize| Receipt {
        lane: LANE.to_owned(),
        epoch: "0".repeat(32),
        from,
        issued: 1,
        records: (from..).take(count).map(|sequence| Received { sequence, sha256: "a".repeat(64) }).collect(),
    };
    let text = |receipt: &Receipt| serde_json::to_string(receipt).expect("a receipt in JSON") + "\n";
    let signed = Signed::sign(&receipt(1, 3), &key()).expect("a receipt is signed");
    let file = serde_json::to_string(&signed).expect("a signed receipt in JSON") + "\n";
    let full = receipt(5, Receipt::MOST);
    let next = receipt(5 + Receipt::MOST as u64, 2);
    vec![file.into_bytes(), text(&receipt(1, 3)).into_bytes(), (text(&full) + &text(&next)).into_bytes()]
}
