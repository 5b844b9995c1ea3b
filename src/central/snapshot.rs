//! Makes the snapshots of the lists that lanes keep for the time without a connection
//! ([`crate::record::Snapshot`]).
//!
//! A new one is made when the lists in force or the documents that officers reported have changed, and the old one
//! is dated anew now and then, so that its age says how long a lane has heard nothing. Any number of central
//! processes may do this: one of them is the quickest.

use super::lookup::ListedPerson;
use super::serve::Shared;
use super::store::{ListKind, Millis, StoredSnapshot};
use crate::document::names::document_key;
use crate::record::{
    Delta, HashedDocument, InForce, KEY_LENGTH, ReportKind, SNAPSHOT_MOST, Signed, Snapshot, SnapshotHeader,
    SnapshotKey,
};
use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether lists have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A snapshot is dated anew so long after it was dated.
const DATED_ANEW: Millis = 10 * 60_000;
/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 1_000;
/// Longest delta that is worth its way; beyond it the whole is fetched in pieces.
const DELTA_MOST: usize = 4 << 20;
/// Deltas that are held: lanes ask for the same few.
const DELTAS_HELD: usize = 4;

/// Deltas made lately.
#[derive(Default)]
pub(super) struct Deltas(Mutex<Vec<MadeDelta>>);

/// The way between two snapshots by their hashes; without bytes only the whole will do.
struct MadeDelta {
    way: (String, String),
    bytes: Option<Arc<Vec<u8>>>,
}

/// Keeps the newest snapshot right, until the service stops. Lists of which none could be made are left alone until
/// they change: to read them all again would only cost look-ups their time.
pub(super) async fn keep_snapshot(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut hopeless = None;
    loop {
        let known = hopeless.clone();
        let looked = shared.blocking(move |shared| {
            let basis = shared.store.lists_basis()?;
            if known.as_ref() == Some(&basis) {
                return Ok(known);
            }
            Ok(refresh(shared, &basis).err().and_then(|error| {
                if !*shared.stopping.borrow() {
                    tracing::error!("making a snapshot of the lists: {error:#}");
                }
                error.is::<TooLarge>().then_some(basis)
            }))
        });
        match looked.await {
            Ok(known) => hopeless = known,
            Err(error) => tracing::error!("looking at the lists: {error:#}"),
        }
        if tokio::time::timeout(LOOK_EVERY, stopping.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// The lists in force do not fit into a snapshot.
#[derive(Debug, thiserror::Error)]
#[error(
    "{documents} documents and {persons} persons are more than a snapshot holds: lanes keep the one before"
)]
struct TooLarge {
    documents: usize,
    persons: usize,
}

/// Makes a new snapshot of the lists where one is due; gives whether there is a new one.
fn refresh(shared: &Shared, basis: &str) -> anyhow::Result<bool> {
    let (store, now) = (&shared.store, shared.now());
    let before = store.newest_snapshot()?;
    let same = before.as_ref().filter(|before| before.basis == basis);
    if same.is_some_and(|same| (0..DATED_ANEW).contains(&(now - same.issued))) {
        return Ok(false);
    }
    let generation = before.as_ref().map_or(1, |before| before.generation + 1);
    let header = match same {
        Some(same) => {
            let said = same.signed.verify(&shared.answers.verifying_key())?;
            SnapshotHeader { generation, issued: now, ..said }
        }
        None => {
            let snapshot = build(shared, &shared.answers.to_bytes())?;
            let ((documents, persons), bytes) = (snapshot.counts(), snapshot.encode());
            ensure!(bytes.len() <= SNAPSHOT_MOST, TooLarge { documents, persons });
            let sha256 = store.put_content(&bytes)?;
            // What changed while it was read is in the next one.
            ensure!(store.lists_basis()? == basis, "the lists changed while they were read");
            let (documents, persons) = (documents as u64, persons as u64);
            SnapshotHeader { generation, issued: now, sha256, documents, persons }
        }
    };
    let signed = Signed::sign(&header, &shared.answers)?;
    let (sha256, basis) = (header.sha256, basis.to_owned());
    let stored = StoredSnapshot { generation, issued: now, sha256, basis, signed };
    Ok(store.add_snapshot(&stored)?)
}

/// The lists as they are in force now. The key comes from central's own, so that every process uses the same.
fn build(shared: &Shared, secret: &[u8; 32]) -> anyhow::Result<Snapshot> {
    let derived = Sha256::new().chain_update(b"egate key of snapshots 1\0").chain_update(secret).finalize();
    let bytes: [u8; KEY_LENGTH] = *derived.as_slice().first_chunk().context("a digest is longer")?;
    let key = SnapshotKey::new(bytes)?;
    let kinds = shared.store.kinds_in_force()?;
    let in_force =
        InForce { persons: kinds.contains(&ListKind::Persons), rules: kinds.contains(&ListKind::Rules) };
    let documents = documents(shared, &key)?;
    let mut persons = Vec::new();
    each(shared, ListKind::Persons, |list, reference, body, _| {
        let person: ListedPerson = serde_json::from_str(body)?;
        let born = [person.born.year, person.born.month, person.born.day];
        persons.push(key.person(&person.surname, &person.given_names, born, list, reference)?);
        Ok(())
    })?;
    Ok(Snapshot::new(key, in_force, documents, persons))
}

fn documents(shared: &Shared, key: &SnapshotKey) -> anyhow::Result<Vec<HashedDocument>> {
    let mut documents = Vec::new();
    each(shared, ListKind::Documents, |_, _, body, lookup| {
        let listed: super::lookup::ListedDocument = serde_json::from_str(body)?;
        documents.push(key.document(lookup, ReportKind::of_word(&listed.kind))?);
        Ok(())
    })?;
    let mut after = (String::new(), String::new());
    loop {
        let some = shared.store.reported_documents((&after.0, &after.1), ENTRIES_AT_ONCE)?;
        for (state, number, kind) in &some {
            documents.push(key.document(&document_key(state, number), ReportKind::of_word(kind))?);
        }
        match some.into_iter().last() {
            Some((state, number, _)) => after = (state, number),
            None => return Ok(documents),
        }
    }
}

/// Every entry of a kind in force: list, reference, body, first key.
fn each(
    shared: &Shared,
    kind: ListKind,
    mut act: impl FnMut(&str, &str, &str, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = (String::new(), String::new());
    loop {
        let began = Instant::now();
        ensure!(!*shared.stopping.borrow(), "the service stops");
        let some = shared.store.entries_in_force(kind, (&after.0, &after.1), ENTRIES_AT_ONCE)?;
        for entry in &some {
            act(&entry.list, &entry.reference, &entry.body, &entry.key)
                .with_context(|| format!("entry {}/{}", entry.list, entry.reference))?;
        }
        match some.into_iter().last() {
            Some(last) => after = (last.list, last.reference),
            None => return Ok(()),
        }
        // Nobody waits for a snapshot; for look-ups travellers do.
        std::thread::sleep(began.elapsed());
    }
}

/// The way from one snapshot to another; `None` when one of them is not there any more or the whole is shorter.
pub(super) fn delta(shared: &Shared, from: &str, to: &str) -> anyhow::Result<Option<Arc<Vec<u8>>>> {
    let way = (from.to_owned(), to.to_owned());
    let held = || shared.deltas.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = held().iter().find(|made| made.way == way) {
        return Ok(known.bytes.clone());
    }
    let contents = (shared.store.content(from)?, shared.store.content(to)?);
    let (Some(old), Some(new)) = contents else { return Ok(None) };
    let made = Delta::between(&old, &new)?.filter(|delta| delta.len() <= DELTA_MOST).map(Arc::new);
    let mut held = held();
    if held.len() >= DELTAS_HELD {
        held.remove(0);
    }
    held.push(MadeDelta { way, bytes: made.clone() });
    Ok(made)
}
