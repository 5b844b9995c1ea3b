//! The lists that the lane keeps for the time without a connection to central.
//!
//! ```text
//! lists/header.json     the signed header of the snapshot in use
//! lists/SHA256.lists    its bytes
//! ```
//!
//! A snapshot is used when central signed its header, its bytes have the hash that the header names, and it is not
//! older than the profile allows: looked at again at each use. A newer header takes the place of an older one,
//! never the other way round.

use super::durable::{read_file, replace_file};
use crate::outbox::{BackOff, CallError, CentralClient};
use crate::record::wire::LookupQuestion;
use crate::record::{
    CLOCKS_APART_MOST, Delta, SNAPSHOT_MOST, Signed, Snapshot, SnapshotAnswer, SnapshotError, SnapshotHeader,
    StatementError, content_hash,
};
use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often central is asked for a newer one.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// Waits after failed calls.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(5), longest: Duration::from_secs(300) };
/// Longest header, bytes.
const HEADER_MOST: u64 = 4 << 10;
const HEADER: &str = "header.json";

/// Why the lane has no answer of its own.
#[derive(Debug, thiserror::Error)]
pub enum ListsError {
    /// Nothing was fetched yet, or what is kept is not whole.
    #[error("the lane has no snapshot of the lists")]
    None,
    /// Older than the profile allows, or from the future.
    #[error("the snapshot of {issued} is older than {hours_most} hours, or the clock is wrong")]
    Old {
        /// When the lists stood so.
        issued: Timestamp,
        /// What the profile allows.
        hours_most: u32,
    },
    /// Its bytes are none.
    #[error("the snapshot: {0}")]
    Form(#[from] SnapshotError),
    /// Central did not sign it.
    #[error("the snapshot's header: {0}")]
    Signature(#[from] StatementError),
    /// It is older than the one in use.
    #[error("central offers snapshot {offered}, older than {used} in use")]
    Backwards {
        /// Generation offered.
        offered: u64,
        /// Generation in use.
        used: u64,
    },
    /// Central could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// A snapshot in use.
struct InUse {
    header: SnapshotHeader,
    snapshot: Snapshot,
}

/// The lane's lists. Clones are the same ones.
#[derive(Clone)]
pub struct Lists {
    folder: Arc<PathBuf>,
    key: VerifyingKey,
    in_use: Arc<RwLock<Option<Arc<InUse>>>>,
}

impl Lists {
    /// With what is kept in a folder, when it is whole.
    pub fn open(folder: PathBuf, key: VerifyingKey) -> Lists {
        let lists = Lists { folder: Arc::new(folder), key, in_use: Arc::default() };
        match lists.kept() {
            Ok(kept) => lists.put_in_use(kept),
            Err(ListsError::None) => {}
            Err(error) => tracing::error!(%error, "the kept snapshot of the lists is not used"),
        }
        lists
    }

    fn current(&self) -> Option<Arc<InUse>> {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put_in_use(&self, new: InUse) {
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(new));
    }

    /// Generation and date (milliseconds since 1970 UTC) of the snapshot in use.
    pub fn dated(&self) -> Option<(u64, i64)> {
        self.current().map(|in_use| (in_use.header.generation, in_use.header.issued))
    }

    /// The answer by the snapshot in use. `now` in milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// When there is none, or it is older than so many hours.
    pub fn answer(
        &self,
        question: &LookupQuestion,
        now: i64,
        hours_most: u32,
    ) -> Result<SnapshotAnswer, ListsError> {
        let in_use = self.current().ok_or(ListsError::None)?;
        let age = now.saturating_sub(in_use.header.issued);
        let oldest = i64::from(hours_most).saturating_mul(3_600_000);
        if !(-CLOCKS_APART_MOST..=oldest).contains(&age) {
            let issued = Timestamp::from_millisecond(in_use.header.issued).unwrap_or_default();
            return Err(ListsError::Old { issued, hours_most });
        }
        Ok(in_use.snapshot.answer(&in_use.header, question)?)
    }

    fn kept(&self) -> Result<InUse, ListsError> {
        let header = read_file(&self.folder.join(HEADER), HEADER_MOST)?.ok_or(ListsError::None)?;
        let signed: Signed<SnapshotHeader> = serde_json::from_slice(&header).map_err(io::Error::from)?;
        let header = signed.verify(&self.key)?;
        let bytes = self.content(&header.sha256)?.ok_or(ListsError::None)?;
        if content_hash(&bytes) != header.sha256 {
            return Err(SnapshotError::Form.into());
        }
        Ok(InUse { header, snapshot: Snapshot::decode(&bytes)? })
    }

    fn content(&self, sha256: &str) -> io::Result<Option<Vec<u8>>> {
        read_file(&self.folder.join(format!("{sha256}.lists")), SNAPSHOT_MOST as u64)
    }

    /// Takes central's newest snapshot; gives whether there was a newer one.
    ///
    /// # Errors
    /// When it cannot be fetched or must not be used; the one in use stays.
    pub async fn refresh(&self, central: &CentralClient) -> Result<bool, ListsError> {
        let Some(signed) = central.lists_header().await? else { return Ok(false) };
        let header = signed.verify(&self.key)?;
        let current = self.current();
        let used = current.as_ref().map_or(0, |in_use| in_use.header.generation);
        if header.generation <= used {
            let (offered, same) = (header.generation, header.generation == used);
            return if same { Ok(false) } else { Err(ListsError::Backwards { offered, used }) };
        }
        let from = current.map(|in_use| in_use.header.sha256.clone());
        let bytes = self.fetch(central, from, &header.sha256).await?;
        let lists = self.clone();
        let work = move || lists.take(&signed, header, &bytes);
        tokio::task::spawn_blocking(work).await.map_err(io::Error::from)??;
        Ok(true)
    }

    /// The bytes of a snapshot, by a delta from the one in use where that serves, else whole.
    async fn fetch(
        &self,
        central: &CentralClient,
        from: Option<String>,
        to: &str,
    ) -> Result<Vec<u8>, ListsError> {
        if let Some(from) = from
            && let Some(old) = self.content(&from)?
        {
            if from == to {
                return Ok(old);
            }
            match central.lists_delta(&from, to).await {
                Ok(delta) => match Delta::apply(&old, &delta, to) {
                    Ok(new) => return Ok(new),
                    Err(error) => tracing::warn!(%error, "the whole snapshot is fetched"),
                },
                Err(error) => tracing::info!(%error, "the whole snapshot is fetched"),
            }
        }
        let bytes = central.content(to, SNAPSHOT_MOST).await?;
        if content_hash(&bytes) == to { Ok(bytes) } else { Err(SnapshotError::Form.into()) }
    }

    fn take(
        &self,
        signed: &Signed<SnapshotHeader>,
        header: SnapshotHeader,
        bytes: &[u8],
    ) -> Result<(), ListsError> {
        let snapshot = Snapshot::decode(bytes)?;
        fs::create_dir_all(&*self.folder)?;
        let name = format!("{}.lists", header.sha256);
        replace_file(&self.folder.join(&name), bytes)?;
        replace_file(&self.folder.join(HEADER), &serde_json::to_vec(signed).map_err(io::Error::from)?)?;
        for entry in fs::read_dir(&*self.folder)? {
            let path = entry?.path();
            let old = path.extension().is_some_and(|ending| ending == "lists") && !path.ends_with(&name);
            if old {
                fs::remove_file(path)?;
            }
        }
        tracing::info!(
            generation = header.generation,
            documents = header.documents,
            "newer snapshot of the lists"
        );
        self.put_in_use(InUse { header, snapshot });
        Ok(())
    }
}

/// Keeps the lists as new as central has them.
pub(super) async fn follow_lists(lists: Lists, central: CentralClient) {
    let mut failures = 0_u32;
    loop {
        match lists.refresh(&central).await {
            Ok(_) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 || !matches!(error, ListsError::Call(_)) {
                    tracing::warn!(%error, "the snapshot of the lists was not renewed");
                }
            }
        }
        let pause = if failures == 0 { ASK_EVERY } else { BACK_OFF.wait_with_jitter(failures) };
        tokio::time::sleep(pause).await;
    }
}
