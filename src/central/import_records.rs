//! Records that were carried to central by hand (BSI TR-03135-2 §4.4): verified and stored as if the lane had
//! sent them, with a line in the audit trail of who brought them.

use super::ingest::{IngestError, ingest};
use super::serve::{Office, Shared};
use super::store::AuditEntry;
use crate::record::wire::{PICTURE_BYTES_MOST, RECORD_BYTES_MOST, RecordBatch};
use crate::record::{PassageRecord, SignedRecord};
use anyhow::{Context, ensure};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest line: a record in JSON in JSON, with hash and signature.
const LINE_MOST: u64 = 2 * RECORD_BYTES_MOST as u64 + 1024;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportedRecords {
    /// The lane that signed them.
    pub lane: String,
    /// Records in the file.
    pub records: u64,
    /// Of these, how many were not here before.
    pub new: u64,
    /// Pictures stored, or here already.
    pub pictures: u64,
}

impl Office {
    /// Takes in a folder that `egate outbox export` wrote on a lane. What was here already is counted and left
    /// as it is; so an import that broke off is made again. `by` says who brought it.
    ///
    /// # Errors
    /// When the lane is not enrolled or was revoked, or at the first record that is refused; those before it
    /// are stored.
    pub async fn import_records(&self, folder: &Path, by: &str) -> anyhow::Result<ImportedRecords> {
        let (folder, by) = (folder.to_owned(), by.to_owned());
        self.shared().blocking(move |shared| import(shared, &folder, &by)).await
    }
}

fn import(shared: &Shared, folder: &Path, by: &str) -> anyhow::Result<ImportedRecords> {
    let path = folder.join("records.jsonl");
    let mut file = BufReader::new(File::open(&path).with_context(|| format!("reading {}", path.display()))?);
    let mut done = ImportedRecords::default();
    loop {
        let mut batch = Vec::new();
        while batch.len() < RecordBatch::MOST {
            let Some(signed) = next_record(&mut file, done.records + batch.len() as u64 + 1)? else { break };
            batch.push(signed);
        }
        if batch.is_empty() {
            break;
        }
        let records = batch.len() as u64;
        store_batch(shared, folder, batch, &mut done)
            .with_context(|| format!("after {} record(s) of {}", done.records, path.display()))?;
        done.records += records;
    }
    ensure!(done.records > 0, "{} holds no record", path.display());
    let detail = format!("{} record(s), {} new, {} picture(s)", done.records, done.new, done.pictures);
    let entry = AuditEntry { actor: by, act: "records.import", subject: &done.lane, detail: &detail };
    shared.store.audit(entry, shared.now())?;
    shared.tell_consoles();
    Ok(done)
}

/// Pictures first, then the records; sends the rest again when only the first of them were taken, so that
/// the next call says why.
fn store_batch(
    shared: &Shared,
    folder: &Path,
    mut batch: Vec<SignedRecord>,
    done: &mut ImportedRecords,
) -> anyhow::Result<()> {
    let read = |signed: &SignedRecord| serde_json::from_str::<PassageRecord>(&signed.canonical);
    let first = batch.first().map(read).transpose()?.context("no record")?;
    let lane = shared.known_lane(&first.position.lane)?;
    let lane = lane.with_context(|| format!("lane {:?} is not enrolled here", first.position.lane))?;
    ensure!(!lane.revoked, "lane {} was revoked", lane.name);
    for signed in &batch {
        for picture in read(signed)?.pictures {
            done.pictures += u64::from(store_picture(shared, folder, &picture.sealed_sha256)?);
        }
    }
    done.lane = lane.name.clone();
    while !batch.is_empty() {
        let records = batch.clone();
        let sent = RecordBatch { records, held_from: None };
        let ingested = match ingest(&shared.store, &shared.pictures, &lane, sent, shared.now()) {
            Ok(ingested) => ingested,
            Err(IngestError::Refused(refused)) => anyhow::bail!("{:?}: {}", refused.code, refused.text),
            Err(IngestError::Store(error)) => return Err(error.into()),
        };
        done.new += ingested.new.len() as u64;
        let through = ingested.answer.stored_through;
        batch.retain(|signed| read(signed).is_ok_and(|record| record.position.sequence > through));
    }
    Ok(())
}

/// Stores a picture of the folder; `false` when it is not in it: then it must be here, or the record is refused.
fn store_picture(shared: &Shared, folder: &Path, name: &str) -> anyhow::Result<bool> {
    let plain = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    ensure!(plain, "a record names a picture by what is no SHA-256");
    let path = folder.join("pictures").join(name);
    if !path.is_file() {
        return Ok(false);
    }
    let size = fs::metadata(&path)?.len();
    ensure!(size <= PICTURE_BYTES_MOST as u64, "{} has {size} bytes", path.display());
    let sealed = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    shared.pictures.store(name, &sealed)?;
    Ok(true)
}

/// The next record of an exported file; `line` counts from 1. Nothing of it is verified.
pub(super) fn next_record(file: &mut impl BufRead, line: u64) -> anyhow::Result<Option<SignedRecord>> {
    let mut text = Vec::new();
    if file.take(LINE_MOST).read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    ensure!(text.last() == Some(&b'\n'), "line {line} is too long, or cut off");
    serde_json::from_slice(&text).map(Some).with_context(|| format!("line {line} is no record"))
}
