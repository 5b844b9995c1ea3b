//! The lane's trust store on disk, in generations.
//!
//! Two folders. The *source* is the operator's: certificates, master lists, revocation lists, lists of
//! defects, LDIF of the PKD, and `rules.toml`, laid in by whatever means. The *kept* one is the lane's:
//!
//! ```text
//! kept/generation-000007/manifest.toml    number, moment of import, SHA-256 of each file
//!      generation-000007/files/…          the source's files, as they were
//!      generation-000006/…                the last good one before
//! ```
//!
//! [`TrustKeeper::reload`] looks at the source. What is new there is verified whole before it counts:
//! everything is read, every signature checked. A good update is written aside, synced, and becomes a
//! generation by one rename; a bad one is told by a typed error and changes nothing. A generation that
//! is no longer what its manifest says is set aside, and the one before it counts.
//!
//! What can never happen: half an update counts; a bad update takes a good store away; the age of a store
//! is made younger by loading it again.

use super::inputs::Faculties;
use crate::policy::ConfigError;
use crate::policy::config::read_toml;
use crate::trust::{TrustMaterial, TrustMaterialError, TrustRules, TrustStore};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// Bytes of one file of trust at most; the PKD's greatest LDIF has about 80 MB.
pub(super) const FILE_MOST: u64 = 160 << 20;
/// Files of one source at most.
const FILES_MOST: usize = 10_000;
/// Generations that are kept: the one in use and the last good one before it.
const KEPT: usize = 2;
/// Where the operator's rules stand.
const RULES: &str = "rules.toml";
/// How often a running lane looks at the source.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Name and content of each file of trust.
pub type TrustFiles = Vec<(String, Vec<u8>)>;

/// Why an update does not count, or no store can be had.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    /// A file is none of what a trust store is made of.
    #[error("trust file {file}: {source}; remove it or mend it")]
    Material {
        /// Its name.
        file: String,
        /// What it is not.
        source: TrustMaterialError,
    },
    /// The operator's rules cannot be used.
    #[error("{0}")]
    Rules(#[from] ConfigError),
    /// Something in it was changed after it was signed.
    #[error("{what}: {why}; fetch it again")]
    Broken {
        /// File, list or certificate.
        what: String,
        /// Why.
        why: String,
    },
    /// Nothing in it makes any country trusted.
    #[error("there is no country certificate in it; put some into the trust folder")]
    Empty,
    /// Too many or too large files.
    #[error("{what} is more than a trust store may have; look what is in the folder")]
    TooMuch {
        /// The file, or the folder.
        what: String,
    },
    /// No generation on disk is what it was.
    #[error("no kept generation is whole; put certificates into the trust folder")]
    NoGeneration,
    /// The disk.
    #[error("{path}: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
}

/// The store in use; a newer one takes its place between two examinations.
#[derive(Debug)]
pub struct TrustInUse(RwLock<Arc<TrustStore>>);

impl TrustInUse {
    /// Begins with this store.
    pub fn new(store: Arc<TrustStore>) -> TrustInUse {
        TrustInUse(RwLock::new(store))
    }

    /// The store of now. An examination holds on to it until it ends.
    pub fn current(&self) -> Arc<TrustStore> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a newer one in its place.
    pub fn replace(&self, store: Arc<TrustStore>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
    }
}

/// Builds a store from files by name and content, without looking at more than is needed to start: what
/// else must be verified is, when it is first relied on.
///
/// # Errors
/// Names the file that is none of trust's, or that was changed.
pub fn trust_store(files: &[(String, Vec<u8>)], imported: Timestamp) -> Result<TrustStore, TrustStoreError> {
    let mut rules = TrustRules::default();
    let mut materials = Vec::new();
    for (name, bytes) in files {
        if name == RULES {
            rules = read_toml(&String::from_utf8_lossy(bytes), name)?;
            continue;
        }
        match TrustMaterial::parse(bytes) {
            Ok(material) => materials.push((name.clone(), material)),
            Err(source) => return Err(TrustStoreError::Material { file: name.clone(), source }),
        }
    }
    let mut builder = TrustStore::builder().rules(rules);
    builder.add_files(materials);
    Ok(builder.build(imported))
}

/// The same with everything verified: for an update, before it counts. What nobody vouches for is told in
/// the log and left out; what was changed spoils the whole.
///
/// # Errors
/// The first thing that is bad.
pub fn verified_whole(files: &[(String, Vec<u8>)], now: Timestamp) -> Result<TrustStore, TrustStoreError> {
    let store = trust_store(files, now)?;
    let refused = store.refused();
    if let Some(broken) = refused.iter().find(|refusal| refusal.broken) {
        return Err(TrustStoreError::Broken { what: broken.what.clone(), why: broken.why.clone() });
    }
    if store.authorities() == 0 {
        return Err(TrustStoreError::Empty);
    }
    for refusal in refused {
        tracing::warn!(what = refusal.what, why = refusal.why, "not trusted");
    }
    Ok(store)
}

/// What is written beside the files of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    number: u64,
    imported: Timestamp,
    /// SHA-256 of each file, hexadecimal.
    files: BTreeMap<String, String>,
}

/// Keeps the generations. One process may keep a folder at a time.
#[derive(Debug)]
pub struct TrustKeeper {
    source: PathBuf,
    kept: PathBuf,
    /// Content of the generation in use.
    in_use: Option<BTreeMap<String, String>>,
    /// Content that was found bad, so that it is not told again and again.
    refused: Option<BTreeMap<String, String>>,
}

impl TrustKeeper {
    /// Of these two folders; the second is made when it is needed.
    pub fn new(source: impl Into<PathBuf>, kept: impl Into<PathBuf>) -> TrustKeeper {
        TrustKeeper { source: source.into(), kept: kept.into(), in_use: None, refused: None }
    }

    /// The store to start with: the newest kept generation, or what is new in the source. A bad source
    /// only goes into the log as long as a good generation is kept.
    ///
    /// # Errors
    /// When there is neither.
    pub fn start(&mut self, now: Timestamp) -> Result<Arc<TrustStore>, TrustStoreError> {
        let kept = self.newest_whole()?;
        match (self.reload(now), kept) {
            (Ok(Some(newer)), _) => Ok(newer),
            (Ok(None), Some(kept)) => Ok(kept),
            (Err(error), Some(kept)) => {
                tracing::error!(%error, "the trust folder is bad; the last good generation stays in use");
                Ok(kept)
            }
            (Err(error), None) => Err(error),
            (Ok(None), None) => Err(TrustStoreError::NoGeneration),
        }
    }

    /// Looks at the source: a new store when there is a good update, nothing when nothing is new. After
    /// an error the store in use stays good; the same bad source is not told a second time.
    ///
    /// # Errors
    /// Why the update does not count.
    pub fn reload(&mut self, now: Timestamp) -> Result<Option<Arc<TrustStore>>, TrustStoreError> {
        let files = source_files(&self.source)?;
        let content = hashes(&files);
        if [&self.in_use, &self.refused].into_iter().any(|known| known.as_ref() == Some(&content)) {
            return Ok(None);
        }
        let store = match verified_whole(&files, now) {
            Ok(store) => store,
            Err(error) => {
                self.refused = Some(content);
                return Err(error);
            }
        };
        self.write(&files, content.clone(), now)?;
        self.in_use = Some(content);
        self.refused = None;
        Ok(Some(Arc::new(store)))
    }

    /// The newest generation that is what its manifest says; those that are not are set aside.
    fn newest_whole(&mut self) -> Result<Option<Arc<TrustStore>>, TrustStoreError> {
        for (number, folder) in self.generations()?.into_iter().rev() {
            match read_generation(&folder) {
                Ok((manifest, store)) => {
                    self.in_use = Some(manifest.files);
                    return Ok(Some(Arc::new(store)));
                }
                Err(error) => {
                    tracing::error!(number, %error, "a kept generation of trust is not what it was");
                    let aside = self.kept.join(format!("bad-{number:06}"));
                    let _ = fs::remove_dir_all(&aside);
                    fs::rename(&folder, &aside).map_err(disk(&folder))?;
                }
            }
        }
        Ok(None)
    }

    /// Writes a generation aside, syncs it, and lets it count by one rename.
    fn write(
        &self,
        files: &[(String, Vec<u8>)],
        content: BTreeMap<String, String>,
        imported: Timestamp,
    ) -> Result<(), TrustStoreError> {
        fs::create_dir_all(&self.kept).map_err(disk(&self.kept))?;
        let generations = self.generations()?;
        let number = generations.last().map_or(1, |(number, _)| number + 1);
        let aside = self.kept.join(".incoming");
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(disk(&aside))?;
        }
        let inside = aside.join("files");
        fs::create_dir_all(&inside).map_err(disk(&inside))?;
        for (name, bytes) in files {
            write_synced(&inside.join(name), bytes)?;
        }
        let manifest = Manifest { number, imported, files: content };
        let manifest = toml::to_string(&manifest).unwrap_or_default();
        write_synced(&aside.join("manifest.toml"), manifest.as_bytes())?;
        sync_folder(&inside)?;
        sync_folder(&aside)?;
        let place = self.kept.join(format!("generation-{number:06}"));
        fs::rename(&aside, &place).map_err(disk(&place))?;
        sync_folder(&self.kept)?;
        for (_, old) in generations.iter().rev().skip(KEPT - 1) {
            fs::remove_dir_all(old).map_err(disk(old))?;
        }
        Ok(())
    }

    /// Number and folder of each generation, oldest first.
    fn generations(&self) -> Result<Vec<(u64, PathBuf)>, TrustStoreError> {
        if !self.kept.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.kept).map_err(disk(&self.kept))? {
            let path = entry.map_err(disk(&self.kept))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(number) = name.and_then(|name| name.strip_prefix("generation-")?.parse().ok()) {
                found.push((number, path));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Lets a running lane take what is new in the source, until it is dropped. `sources` says when another folder is the
/// source: that of a release.
pub async fn follow_trust(
    mut keeper: TrustKeeper,
    mut sources: watch::Receiver<PathBuf>,
    faculties: Arc<Faculties>,
) {
    loop {
        // Nobody names sources any more: an end that never comes.
        let moved = async {
            if sources.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = moved => keeper.source = sources.borrow_and_update().clone(),
        }
        let looked = tokio::task::spawn_blocking(move || {
            let found = keeper.reload(Timestamp::now());
            (keeper, found)
        });
        let Ok((back, found)) = looked.await else { return };
        keeper = back;
        match found {
            Ok(None) => {}
            Ok(Some(store)) => {
                tracing::info!(as_of = %store.as_of(), countries = store.authorities(), "newer trust");
                faculties.trust.replace(store);
            }
            Err(error) => tracing::error!(%error, "the update of trust is bad and does not count"),
        }
    }
}

/// A generation, if it is what its manifest says.
fn read_generation(folder: &Path) -> Result<(Manifest, TrustStore), TrustStoreError> {
    let place = folder.join("manifest.toml");
    let text = fs::read_to_string(&place).map_err(disk(&place))?;
    let manifest: Manifest = read_toml(&text, &place.display().to_string())?;
    let files = source_files(&folder.join("files"))?;
    if hashes(&files) != manifest.files {
        let what = folder.display().to_string();
        return Err(TrustStoreError::Broken { what, why: "its files are not the manifest's".into() });
    }
    let store = trust_store(&files, manifest.imported)?;
    Ok((manifest, store))
}

/// Names and bytes of the files of a folder, in order of name.
pub(super) fn source_files(folder: &Path) -> Result<TrustFiles, TrustStoreError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(disk(folder))? {
        let path = entry.map_err(disk(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        let size = fs::metadata(&path).map_err(disk(&path))?.len();
        if size > FILE_MOST {
            return Err(TrustStoreError::TooMuch { what: path.display().to_string() });
        }
        files.push((name.to_owned(), fs::read(&path).map_err(disk(&path))?));
        if files.len() > FILES_MOST {
            return Err(TrustStoreError::TooMuch { what: folder.display().to_string() });
        }
    }
    files.sort();
    Ok(files)
}

fn hashes(files: &[(String, Vec<u8>)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, bytes)| (name.clone(), hex::encode(Sha256::digest(bytes)))).collect()
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> TrustStoreError {
    move |source| TrustStoreError::Disk { path: path.to_owned(), source }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), TrustStoreError> {
    let mut file = fs::File::create(path).map_err(disk(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(disk(path))
}

fn sync_folder(folder: &Path) -> Result<(), TrustStoreError> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder))
}
