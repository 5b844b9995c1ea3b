//! What happens to a batch of records: verify, look for the pictures, store, acknowledge.
//!
//! The records before the first bad one are stored and acknowledged; the bad one is refused when the
//! lane sends it as the first. So a bad record never holds back good ones, and is never skipped.

use super::pictures::Pictures;
use super::store::{AlarmKind, Lane, Millis, RecordKey, Store, StoreError, VerifiedRecord};
use crate::record::SignedRecord;
use crate::record::wire::{BatchAnswer, RECORD_BYTES_MOST, RecordBatch, Refusal, RefusalCode};
use ed25519_dalek::VerifyingKey;

/// A batch that was stored, at least its first record.
pub(super) struct Ingested {
    /// For the lane.
    pub(super) answer: BatchAnswer,
    /// Records that were not there before, for the console.
    pub(super) new: Vec<RecordKey>,
}

/// Why nothing of a batch was stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum IngestError {
    /// The lane is told so.
    #[error("{}", .0.text)]
    Refused(Refusal),
    /// Central's own trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ingests a batch of a lane whose certificate was verified.
pub(super) fn ingest(
    store: &Store,
    pictures: &Pictures,
    lane: &Lane,
    batch: RecordBatch,
    now: Millis,
) -> Result<Ingested, IngestError> {
    if batch.records.is_empty() || batch.records.len() > RecordBatch::MOST {
        let text = format!("a batch holds 1 to {} records", RecordBatch::MOST);
        return Err(IngestError::Refused(refusal(RefusalCode::Malformed, text, None)));
    }
    let key = record_key(lane)?;
    let mut good: Vec<VerifiedRecord> = Vec::with_capacity(batch.records.len());
    let mut first_bad = None;
    for signed in batch.records {
        match examine(pictures, lane, &key, good.last(), signed) {
            Ok(verified) => good.push(verified),
            Err(refused) => {
                if refused.code == RefusalCode::BadRecord {
                    store.alarm(&lane.name, AlarmKind::BadRecord, "", &refused.text, now)?;
                }
                first_bad = Some(refused);
                break;
            }
        }
    }
    if let (true, Some(refused)) = (good.is_empty(), first_bad) {
        return Err(IngestError::Refused(refused));
    }
    let epoch = good.first().map(|first| first.record.position.epoch.clone()).unwrap_or_default();
    let done = store.append_held(good, batch.held_from, now)?;
    match (done.stored_through, done.conflict) {
        (Some(stored_through), _) => {
            Ok(Ingested { answer: BatchAnswer { epoch, stored_through }, new: done.new })
        }
        (None, conflict) => {
            let text = "another record is stored under this key; this one was set aside".to_owned();
            let sequence = conflict.map(|key| key.sequence);
            Err(IngestError::Refused(refusal(RefusalCode::Conflict, text, sequence)))
        }
    }
}

/// Everything that can be said of one record without the database.
fn examine(
    pictures: &Pictures,
    lane: &Lane,
    key: &VerifyingKey,
    before: Option<&VerifiedRecord>,
    signed: SignedRecord,
) -> Result<VerifiedRecord, Refusal> {
    if signed.canonical.len() > RECORD_BYTES_MOST {
        let text = format!("a record is at most {RECORD_BYTES_MOST} bytes");
        return Err(refusal(RefusalCode::TooLarge, text, None));
    }
    let record =
        signed.verify(key).map_err(|error| refusal(RefusalCode::BadRecord, error.to_string(), None))?;
    let at = &record.position;
    let sequence = Some(at.sequence);
    if at.lane != lane.name {
        let text = format!("the record is of lane {:?}, the certificate of {:?}", at.lane, lane.name);
        return Err(refusal(RefusalCode::OtherLane, text, sequence));
    }
    if !is_epoch(&at.epoch) || at.sequence == 0 || i64::try_from(at.sequence).is_err() {
        let text = "a record's epoch is 32 hexadecimal digits, its sequence counts from 1".to_owned();
        return Err(refusal(RefusalCode::Malformed, text, sequence));
    }
    let in_order = before.is_none_or(|before| {
        before.record.position.epoch == at.epoch && before.record.position.sequence < at.sequence
    });
    if !in_order {
        let text = "records of one batch are of one epoch, in rising order".to_owned();
        return Err(refusal(RefusalCode::OutOfOrder, text, sequence));
    }
    if let Some(missing) = record.pictures.iter().find(|picture| !pictures.has(&picture.sealed_sha256)) {
        let text = format!("the record names picture {}, which is not here", missing.sealed_sha256);
        let mut refused = refusal(RefusalCode::PictureMissing, text, sequence);
        refused.picture = Some(missing.sealed_sha256.clone());
        return Err(refused);
    }
    Ok(VerifiedRecord { signed, record })
}

/// Whether this can be the epoch of a queue.
pub(super) fn is_epoch(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn record_key(lane: &Lane) -> Result<VerifyingKey, StoreError> {
    let damaged = || StoreError::Damaged(format!("record key of lane {}", lane.name));
    let bytes: [u8; 32] =
        hex::decode(&lane.record_key).ok().and_then(|b| b.try_into().ok()).ok_or_else(damaged)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| damaged())
}

pub(super) fn refusal(code: RefusalCode, text: String, sequence: Option<u64>) -> Refusal {
    Refusal { code, text, sequence, picture: None }
}
