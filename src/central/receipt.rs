//! Receipts: central's signed word on which records of a lane's queue it has.
//!
//! A lane asks for them when it starts and when its queue is renewed (`GET /v1/records/{epoch}/{from}`). For a lane
//! without connection they are written into a file, for the records that were carried here in a folder
//! of `egate outbox export`; `egate outbox receipt` takes it back to the lane's queue.

use super::import_records::next_record;
use super::ingest::is_epoch;
use super::serve::{Office, Shared};
use super::store::AuditEntry;
use crate::record::{PassageRecord, Receipt, Signed};
use anyhow::{Context, ensure};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

/// Receipts in one file at most: some four million records.
const RECEIPTS_MOST: usize = 4096;

/// What central has of a lane's queue from a sequence on, signed.
pub(super) fn receipt(
    shared: &Shared,
    lane: &str,
    epoch: &str,
    from: u64,
) -> anyhow::Result<(Receipt, Signed<Receipt>)> {
    let records = shared.store.received(lane, epoch, from, Receipt::MOST)?;
    let receipt =
        Receipt { lane: lane.to_owned(), epoch: epoch.to_owned(), from, issued: shared.now(), records };
    let signed = Signed::sign(&receipt, &shared.answers)?;
    Ok((receipt, signed))
}

/// What a file of receipts says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenReceipts {
    /// The lane.
    pub lane: String,
    /// Epoch of its queue.
    pub epoch: String,
    /// The first record that the lane exported.
    pub from: u64,
    /// Records that central has from there on.
    pub records: u64,
}

impl Office {
    /// Writes into a new file what central has of the queue that a folder of `egate outbox export` comes from, from
    /// the folder's first record on: one signed [`Receipt`] a line. `by` says for whom, for the audit trail.
    ///
    /// # Errors
    /// When the folder holds no record of a lane that is enrolled here, or the file is there or cannot be written.
    pub async fn write_receipts(
        &self,
        folder: &Path,
        out: &Path,
        by: &str,
    ) -> anyhow::Result<WrittenReceipts> {
        let (folder, out, by) = (folder.to_owned(), out.to_owned(), by.to_owned());
        self.shared().blocking(move |shared| write(shared, &folder, &out, &by)).await
    }
}

fn write(shared: &Shared, folder: &Path, out: &Path, by: &str) -> anyhow::Result<WrittenReceipts> {
    let path = folder.join("records.jsonl");
    let at = first_record(&path)?.position;
    ensure!(is_epoch(&at.epoch), "{}: its first record has no epoch", path.display());
    let lane = shared.known_lane(&at.lane)?.with_context(|| format!("lane {:?} is not enrolled", at.lane))?;
    let mut file = File::create_new(out).with_context(|| format!("making {}", out.display()))?;
    let mut written = WrittenReceipts { lane: lane.name, epoch: at.epoch, from: at.sequence, records: 0 };
    let mut from = at.sequence;
    for _ in 0..RECEIPTS_MOST {
        let (receipt, signed) = receipt(shared, &written.lane, &written.epoch, from)?;
        serde_json::to_writer(&mut file, &signed)?;
        file.write_all(b"\n")?;
        written.records += receipt.records.len() as u64;
        match receipt.records.last() {
            Some(last) if receipt.records.len() == Receipt::MOST => from = last.sequence.saturating_add(1),
            _ => break,
        }
    }
    file.sync_all()?;
    let subject = format!("{}/{}", written.lane, written.epoch);
    let detail = format!("{} record(s) from {} on", written.records, written.from);
    let entry = AuditEntry { actor: by, act: "records.receipt", subject: &subject, detail: &detail };
    shared.store.audit(entry, shared.now())?;
    Ok(written)
}

/// The first record of an exported file. Only its place is used, and for nothing but to look there.
fn first_record(path: &Path) -> anyhow::Result<PassageRecord> {
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let first = next_record(&mut BufReader::new(file), 1)?;
    let first = first.with_context(|| format!("{} holds no record", path.display()))?;
    Ok(serde_json::from_str(&first.canonical)?)
}
