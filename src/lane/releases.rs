//! Releases at the lane: fetched, verified, tested, switched to between two passages, and left again when they fail.
//!
//! ```text
//! releases/state.json                  what runs, what ran before, what failed
//!          generation-000007/manifest.json, profile.toml, settings.toml, trust/…
//! ```
//!
//! A release counts when central signed its manifest, every file has the hash that the manifest names, and the lane's
//! self-test accepts it: the profile reads, the settings are such as a release may bring and this lane can follow, the
//! trust is verified whole, the models are those that it was made for.
//! It is laid aside, synced, and becomes a generation by one rename; which one runs is said by one small file,
//! replaced by one rename. So a lane that is killed amid has either the old one or the new one.
//!
//! From the switch on the release is on trial, over restarts, too. One with which the lane does not stay up for a while,
//! or finds something amiss of itself that was in order before, or which does not pass the test at a start, is left for
//! the one before it, and never taken again. Generations only rise.

use super::durable::{read_file, replace_file};
use super::laid_over::can_follow;
use super::trust_store::verified_whole;
use crate::face::Manifest;
use crate::outbox::{CallError, CentralClient};
use crate::policy::{Condition, Profile};
use crate::record::{
    PROFILE_FILE, RELEASE_FILE_MOST, RELEASE_TEXT_MOST, ReleaseError, ReleaseManifest, ReleasedSettings,
    RunningRelease, SETTINGS_FILE, Signed, StatementError, TRUST_PREFIX, TriedRelease, content_hash,
};
use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What can come of a release, by its trust, its settings, or the load that it brings. The rest comes from outside.
const MAY_COME_OF_IT: [Condition; 4] =
    [Condition::TrustStoreOld, Condition::CameraLost, Condition::LivenessMissing, Condition::ReaderLost];
/// Starts of the lane within the trial of a release, after which it is left.
const STARTS_MOST: u32 = 3;
/// Longest manifest with its signature, bytes.
const MANIFEST_MOST: u64 = 1 << 20;
/// Longest state, bytes.
const STATE_MOST: u64 = 64 << 10;
const STATE: &str = "state.json";
const MANIFEST: &str = "manifest.json";

/// Why a release is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseFault {
    /// Central could not be asked: tried again later.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The disk does not take it: tried again later.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// Central did not sign it.
    #[error("the manifest: {0}")]
    Signature(#[from] StatementError),
    /// Its files cannot be laid in a folder.
    #[error("the manifest: {0}")]
    Manifest(#[from] ReleaseError),
    /// A file is not what the manifest says.
    #[error("{0} is not the file that the manifest names")]
    Tampered(String),
    /// The self-test did not accept it.
    #[error("self-test: {0}")]
    Test(String),
    /// It did not stay up after the switch.
    #[error("the lane did not stay up with it")]
    Unstable,
    /// Something of the lane is amiss since the switch.
    #[error("self-test: the lane is not fit with it: {0}")]
    Unfit(String),
}

impl ReleaseFault {
    /// Whether the release itself is at fault, and not the moment.
    fn lies_in_release(&self) -> bool {
        !matches!(self, ReleaseFault::Call(_) | ReleaseFault::Disk(_))
    }
}

/// A release in use.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its generation.
    pub generation: u64,
    /// SHA-256 of its manifest in canonical form, hexadecimal.
    pub sha256: String,
    /// Its profile, where it brings one.
    pub profile: Option<Profile>,
    /// What it lays over the lane's settings; nothing, where it brings none.
    pub settings: ReleasedSettings,
    /// Folder of its files of trust, where it brings some.
    pub trust: Option<PathBuf>,
}

/// What is written about releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    running: Option<u64>,
    earlier: Option<u64>,
    /// Starts since the switch; absent once the release has stayed up.
    trial: Option<u32>,
    /// What was amiss before the switch: not the release's doing.
    #[serde(default)]
    amiss_before: BTreeSet<Condition>,
    /// The newest that was tried: none before it is taken any more.
    tried: Option<TriedRelease>,
}

/// Keeps the releases of a lane. One process may keep a folder at a time.
#[derive(Debug)]
pub struct ReleaseKeeper {
    folder: PathBuf,
    key: VerifyingKey,
    state: State,
    running: Option<Release>,
}

impl ReleaseKeeper {
    /// Looks what is to run, and tests it again: the one that ran last, or the one before it, or none. What this lane
    /// tried is told to central by [`ReleaseKeeper::report`].
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn start(folder: impl Into<PathBuf>, key: VerifyingKey) -> io::Result<ReleaseKeeper> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let state = match read_file(&folder.join(STATE), STATE_MOST)? {
            None => State::default(),
            // Without knowing what ran, nothing of it runs: the lane's own settings are always good.
            Some(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "the state of releases does not read");
                State::default()
            }),
        };
        let mut keeper = ReleaseKeeper { folder, key, state, running: None };
        if let Some(starts) = keeper.state.trial {
            let trial = Some(starts.saturating_add(1));
            keeper.write(State { trial, ..keeper.state.clone() })?;
        }
        keeper.settle()?;
        Ok(keeper)
    }

    /// Reads what is to run; as often as it cannot, goes back to the one before.
    fn settle(&mut self) -> io::Result<()> {
        while let Some(generation) = self.state.running {
            let unstable = self.state.trial.is_some_and(|starts| starts > STARTS_MOST);
            let read = if unstable { Err(ReleaseFault::Unstable) } else { self.read(generation) };
            match read {
                Ok(release) => {
                    self.running = Some(release);
                    break;
                }
                Err(fault) => self.leave(generation, &fault)?,
            }
        }
        Ok(())
    }

    /// The release in use; without one the lane runs by its own settings.
    pub fn running(&self) -> Option<&Release> {
        self.running.as_ref()
    }

    /// What central is to know.
    pub fn report(&self) -> RunningRelease {
        let (generation, sha256) = match &self.running {
            Some(release) => (release.generation, release.sha256.clone()),
            None => (0, String::new()),
        };
        RunningRelease { generation, sha256, tried: self.state.tried.clone() }
    }

    /// Takes what central has for this lane; gives the release to switch to, when there is a new good one. `amiss` is
    /// what of the lane is amiss now, before the switch.
    ///
    /// # Errors
    /// When there is one and it is not taken. If the fault lies in it, it is never asked for again.
    pub async fn refresh(
        &mut self,
        central: &CentralClient,
        amiss: BTreeSet<Condition>,
    ) -> Result<Option<Release>, ReleaseFault> {
        let Some(signed) = central.release().await? else { return Ok(None) };
        let manifest = signed.verify(&self.key)?;
        let tried = self.state.tried.as_ref().map_or(0, |tried| tried.generation);
        let newest = tried.max(self.state.running.unwrap_or(0));
        if manifest.generation <= newest {
            return Ok(None);
        }
        let taken = self.take(central, &signed, &manifest).await;
        match taken {
            Ok(release) => {
                let (running, earlier) = (Some(manifest.generation), self.state.running);
                let tried = Some(TriedRelease { generation: manifest.generation, failure: None });
                self.write(State { running, earlier, trial: Some(0), amiss_before: amiss, tried })?;
                self.running = Some(release.clone());
                self.tidy()?;
                tracing::info!(generation = manifest.generation, "a new release");
                Ok(Some(release))
            }
            Err(fault) => {
                if fault.lies_in_release() {
                    let tried = Some(told(manifest.generation, &fault));
                    self.write(State { tried, ..self.state.clone() })?;
                }
                Err(fault)
            }
        }
    }

    /// Whether the release in use has still to show that the lane stays up with it.
    pub fn on_trial(&self) -> bool {
        self.running.is_some() && self.state.trial.is_some()
    }

    /// Whether the lane that is on trial is fit, `amiss` as far as it knows how it is; goes back to the release before,
    /// or to the lane's own settings, if it is not. Gives whether it went back.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn judge(&mut self, amiss: Option<&BTreeSet<Condition>>) -> io::Result<bool> {
        let Some(generation) = self.state.running.filter(|_| self.on_trial()) else { return Ok(false) };
        let words = match amiss {
            None => vec!["it does not know how it is".to_owned()],
            Some(amiss) => {
                let new = MAY_COME_OF_IT
                    .iter()
                    .filter(|c| amiss.contains(c) && !self.state.amiss_before.contains(c));
                new.map(|condition| condition.reason().officer().to_owned()).collect()
            }
        };
        if words.is_empty() {
            return Ok(false);
        }
        self.leave(generation, &ReleaseFault::Unfit(words.join(" ")))?;
        self.settle()?;
        Ok(true)
    }

    /// The release in use has stayed up.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn confirm(&mut self) -> io::Result<()> {
        if self.state.trial.is_none() {
            return Ok(());
        }
        self.write(State { trial: None, ..self.state.clone() })
    }

    /// Fetches, lays aside, tests, and makes it a generation.
    async fn take(
        &self,
        central: &CentralClient,
        signed: &Signed<ReleaseManifest>,
        manifest: &ReleaseManifest,
    ) -> Result<Release, ReleaseFault> {
        manifest.check()?;
        let aside = self.folder.join(".incoming");
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::create_dir_all(aside.join(TRUST_PREFIX))?;
        for (name, file) in &manifest.files {
            let most = usize::try_from(file.size.min(RELEASE_FILE_MOST)).unwrap_or(usize::MAX);
            let bytes = central.content(&file.sha256, most).await?;
            if content_hash(&bytes) != file.sha256 {
                return Err(ReleaseFault::Tampered(name.clone()));
            }
            replace_file(&aside.join(name), &bytes)?;
        }
        replace_file(&aside.join(MANIFEST), &serde_json::to_vec(signed).map_err(io::Error::from)?)?;
        let place = self.place(manifest.generation);
        let key = self.key;
        let work = move || -> Result<Release, ReleaseFault> {
            read(&aside, &key)?;
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            fs::rename(&aside, &place)?;
            read(&place, &key)
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::from)?
    }

    fn place(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("generation-{generation:06}"))
    }

    fn read(&self, generation: u64) -> Result<Release, ReleaseFault> {
        read(&self.place(generation), &self.key)
    }

    /// Goes back to the one before.
    fn leave(&mut self, generation: u64, fault: &ReleaseFault) -> io::Result<()> {
        tracing::error!(generation, %fault, "a release is left for the one before it");
        let newer = self.state.tried.take().filter(|tried| tried.generation > generation);
        let tried = Some(newer.unwrap_or_else(|| told(generation, fault)));
        let running = self.state.earlier.filter(|earlier| *earlier < generation);
        self.running = None;
        self.write(State { running, tried, ..State::default() })
    }

    fn write(&mut self, state: State) -> io::Result<()> {
        replace_file(&self.folder.join(STATE), &serde_json::to_vec(&state)?)?;
        self.state = state;
        Ok(())
    }

    /// Removes generations that neither run nor ran before.
    fn tidy(&self) -> io::Result<()> {
        let kept: Vec<PathBuf> =
            [self.state.running, self.state.earlier].into_iter().flatten().map(|g| self.place(g)).collect();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let generation =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("generation-"));
            if generation && !kept.contains(&path) {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }
}

fn told(generation: u64, fault: &ReleaseFault) -> TriedRelease {
    let mut failure = fault.to_string();
    failure.truncate(failure.floor_char_boundary(RELEASE_TEXT_MOST));
    TriedRelease { generation, failure: Some(failure) }
}

/// Reads a generation: signature, hashes, self-test.
fn read(place: &Path, key: &VerifyingKey) -> Result<Release, ReleaseFault> {
    let missing = |name: &str| ReleaseFault::Tampered(name.to_owned());
    let manifest = read_file(&place.join(MANIFEST), MANIFEST_MOST)?.ok_or_else(|| missing(MANIFEST))?;
    let signed: Signed<ReleaseManifest> = serde_json::from_slice(&manifest).map_err(|_| missing(MANIFEST))?;
    let manifest = signed.verify(key)?;
    manifest.check()?;
    let (mut profile, mut settings, mut trust) = (None, ReleasedSettings::default(), Vec::new());
    for (name, file) in &manifest.files {
        let bytes = read_file(&place.join(name), RELEASE_FILE_MOST)?.ok_or_else(|| missing(name))?;
        if content_hash(&bytes) != file.sha256 {
            return Err(missing(name));
        }
        if let Some(plain) = name.strip_prefix(TRUST_PREFIX) {
            trust.push((plain.to_owned(), bytes));
            continue;
        }
        let text = String::from_utf8(bytes).map_err(|_| failed(format!("{name} is no text")))?;
        match name.as_str() {
            PROFILE_FILE => profile = Some(Profile::parse(&text, PROFILE_FILE).map_err(failed)?),
            SETTINGS_FILE => {
                settings = ReleasedSettings::parse(&text, SETTINGS_FILE).map_err(failed)?;
                can_follow(&settings).map_err(failed)?;
            }
            // What is not understood is not run.
            _ => return Err(ReleaseFault::Manifest(ReleaseError::Name(name.clone()))),
        }
    }
    if !trust.is_empty() {
        verified_whole(&trust, Timestamp::now()).map_err(failed)?;
    }
    if let Some(models) = &manifest.models {
        let own = Manifest::shipped().map_err(failed)?;
        if ![own.digest(), own.packaged().digest()].contains(&models.as_str()) {
            return Err(failed("it was made for other models than this lane has"));
        }
    }
    Ok(Release {
        generation: manifest.generation,
        sha256: content_hash(signed.canonical.as_bytes()),
        profile,
        settings,
        trust: manifest.has_trust().then(|| place.join(TRUST_PREFIX)),
    })
}

fn failed(why: impl ToString) -> ReleaseFault {
    ReleaseFault::Test(why.to_string())
}
