//! The job that deletes pictures whose record never came: a lane sends pictures before the record that names
//! them, and may be gone before that; or sends them once more after their time was over.
//!
//! A record may come days after its pictures, from a backlog. So a picture is deleted only when it was put
//! `unnamed_days` ago and no record names it whose pictures are kept. That no record is stored in the meantime whose
//! picture is being deleted needs no lock: for a new record a picture counts as here for a day less
//! ([`Pictures::has`]), after that the lane is told that it is missing and sends it again, which makes it new. A record
//! that was stored before this job began is seen by it, one that is stored later names no picture of that age.
//!
//! The proof is written before the pictures go: after a crash between the two the rest is found, noted and deleted by
//! the next run.
//!
//! [`Pictures::has`]: super::pictures::Pictures::has

use super::pictures::SHELVES;
use super::serve::{Office, Shared};
use super::statistics;
use super::store::RecordKey;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Old pictures that are looked for among the records at once.
const AT_ONCE: usize = 100_000;
/// Of which the audit trail has one line.
const NOTED_AT_ONCE: usize = 1000;
/// Passages that are read at once.
const PASSAGES_AT_ONCE: usize = 500;
/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Deletes what no record names; gives how many pictures.
pub(super) fn sweep(shared: &Shared) -> anyhow::Result<usize> {
    let days = shared.retention.unnamed();
    let Some(before) = SystemTime::now().checked_sub(DAY * u32::from(days)) else { return Ok(0) };
    // Which pictures a record keeps is known when it is settled.
    statistics::settle_all(shared)?;
    let (mut old, mut swept) = (BTreeSet::new(), 0);
    for shelf in SHELVES {
        old.extend(shared.pictures.older(&format!("{shelf:02x}"), before, AT_ONCE)?);
        if old.len() >= AT_ONCE {
            swept += delete_unnamed(shared, std::mem::take(&mut old), before, days)?;
        }
    }
    Ok(swept + delete_unnamed(shared, old, before, days)?)
}

/// Of these pictures deletes those that no record names.
fn delete_unnamed(
    shared: &Shared,
    mut old: BTreeSet<String>,
    before: SystemTime,
    days: u16,
) -> anyhow::Result<usize> {
    let mut after: Option<RecordKey> = None;
    while !old.is_empty() {
        let passages = shared.store.passages_with_pictures(after.as_ref(), PASSAGES_AT_ONCE)?;
        for picture in passages.iter().flat_map(|passage| &passage.record.pictures) {
            old.remove(&picture.sealed_sha256);
        }
        match passages.last() {
            Some(last) if passages.len() == PASSAGES_AT_ONCE => after = Some(last.key.clone()),
            _ => break,
        }
    }
    let loose: Vec<String> = old.into_iter().collect();
    for names in loose.chunks(NOTED_AT_ONCE) {
        shared.store.note_loose_pictures(names, days, shared.now())?;
        for name in names {
            shared.pictures.delete_older(name, before)?;
        }
    }
    Ok(loose.len())
}

impl Office {
    /// Deletes pictures that no record named in time, as the running service does once a day; gives how many.
    ///
    /// # Errors
    /// When pictures or store cannot be read or written.
    pub async fn sweep_loose_pictures(&self) -> anyhow::Result<usize> {
        self.shared().blocking(sweep).await
    }
}
