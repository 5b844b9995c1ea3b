//! Releases to lanes: proposed by one person, approved by another, staged by lanes, ports or a share of all, halted
//! when a lane fails.
//!
//! What can never happen: a release that one person alone made reaches a lane; a lane that failed takes further
//! lanes with it.

use super::console::user_by_password;
use super::list_keeping::Keeper;
use super::serve::{Office, Shared};
use super::store::{LaneRelease, Release, ReleaseState};
use crate::policy::Profile;
use crate::record::{
    PROFILE_FILE, RELEASE_TEXT_MOST, ReleaseFile, ReleaseManifest, ReleaseStage, ReleasedSettings,
    SETTINGS_FILE, Signed, TRUST_PREFIX, content_hash,
};
use crate::trust::TrustMaterial;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;

/// A release to be proposed.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// What it is about, in words.
    pub note: String,
    /// Files by their name in the release: `profile.toml`, `settings.toml`, `trust/NAME`.
    pub files: Vec<(String, Vec<u8>)>,
    /// Digest of the models' manifest that lanes must have, where it matters.
    pub models: Option<String>,
}

impl NewRelease {
    /// Reads every file as a lane will.
    ///
    /// # Errors
    /// With the first file that does not read.
    pub fn check(&self) -> anyhow::Result<()> {
        for (name, bytes) in &self.files {
            let text = || std::str::from_utf8(bytes).with_context(|| format!("{name} is no text"));
            if name == PROFILE_FILE {
                Profile::parse(text()?, name)?;
            } else if name == SETTINGS_FILE {
                ReleasedSettings::parse(text()?, name)?;
            } else if name.strip_prefix(TRUST_PREFIX).is_some_and(|name| !name.ends_with(".toml")) {
                TrustMaterial::parse(bytes).with_context(|| name.clone())?;
            }
        }
        Ok(())
    }
}

impl Office {
    /// Stores a release as proposed; gives its generation. Nothing reaches a lane before another person approved it.
    ///
    /// # Errors
    /// When the person may not, a file does not read, or the store fails.
    pub async fn propose_release(&self, by: Keeper, new: NewRelease) -> anyhow::Result<u64> {
        self.shared().blocking(move |shared| propose(shared, &by, &new)).await
    }

    /// Rolls a release out to the lanes of a stage: the first time by another person than who proposed it.
    ///
    /// # Errors
    /// When the person may not, the stage names what central does not know, or the release is not there or was halted.
    pub async fn roll_release(&self, by: Keeper, generation: u64, stage: ReleaseStage) -> anyhow::Result<()> {
        let work = move |shared: &Shared| roll(shared, &releaser(shared, &by)?, generation, &stage);
        self.shared().blocking(work).await
    }

    /// Offers a release to no further lane.
    ///
    /// # Errors
    /// When the person may not, or the release is not there.
    pub async fn halt_release(&self, by: Keeper, generation: u64, why: String) -> anyhow::Result<()> {
        let work = move |shared: &Shared| halt(shared, &releaser(shared, &by)?, generation, &why);
        self.shared().blocking(work).await
    }

    /// The newest releases, newest first, and what each lane runs.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn releases(&self) -> anyhow::Result<(Vec<Release>, Vec<LaneRelease>)> {
        self.shared().blocking(|shared| Ok((shared.store.releases()?, shared.store.lane_releases()?))).await
    }
}

/// Rolls a release out in the name of a person who may; as [`Office::roll_release`].
pub(super) fn roll(shared: &Shared, by: &str, generation: u64, stage: &ReleaseStage) -> anyhow::Result<()> {
    ensure!(stage.percent <= 100, "{} % is no share of all lanes", stage.percent);
    ensure!(*stage != ReleaseStage::default(), "say to which lanes");
    known(shared, stage)?;
    let release = find(shared, generation)?;
    match release.state {
        ReleaseState::Proposed => {
            ensure!(release.proposed.0 != by, "{by} proposed this release: another person must approve it");
        }
        ReleaseState::Rolling => {}
        ReleaseState::Halted => bail!("release {generation} was halted: propose it anew when it is mended"),
    }
    let to = (ReleaseState::Rolling, stage, None);
    let done = shared.store.move_release(generation, release.state, to, by, shared.now())?;
    ensure!(done, "somebody else changed release {generation} meanwhile");
    shared.tell_consoles();
    Ok(())
}

/// Halts a release in the name of a person who may; as [`Office::halt_release`].
pub(super) fn halt(shared: &Shared, by: &str, generation: u64, why: &str) -> anyhow::Result<()> {
    let why = why.trim();
    ensure!(!why.is_empty(), "say why");
    ensure!(why.len() <= RELEASE_TEXT_MOST, "the reason has at most {RELEASE_TEXT_MOST} bytes");
    let release = find(shared, generation)?;
    let to = (ReleaseState::Halted, &release.stage, Some(why));
    let done = shared.store.move_release(generation, release.state, to, by, shared.now())?;
    ensure!(done, "somebody else changed release {generation} meanwhile");
    shared.tell_consoles();
    Ok(())
}

/// A name that central does not know is a slip: it would reach nobody, and nobody would notice.
fn known(shared: &Shared, stage: &ReleaseStage) -> anyhow::Result<()> {
    let ports = shared.store.ports()?;
    for port in &stage.ports {
        ensure!(
            ports.values().any(|known| known == port),
            "no lane stands at port {port}: `egate central port`"
        );
    }
    for lane in &stage.lanes {
        ensure!(shared.known_lane(lane)?.is_some(), "central knows no lane {lane}");
    }
    Ok(())
}

fn find(shared: &Shared, generation: u64) -> anyhow::Result<Release> {
    let found = shared.store.releases()?.into_iter().find(|release| release.generation == generation);
    found.with_context(|| format!("there is no release {generation}"))
}

fn propose(shared: &Shared, by: &Keeper, new: &NewRelease) -> anyhow::Result<u64> {
    let by = releaser(shared, by)?;
    ensure!(new.note.len() <= RELEASE_TEXT_MOST, "the note has at most {RELEASE_TEXT_MOST} bytes");
    new.check()?;
    let file = |(name, bytes): &(String, Vec<u8>)| {
        (name.clone(), ReleaseFile { sha256: content_hash(bytes), size: bytes.len() as u64 })
    };
    let files: BTreeMap<String, ReleaseFile> = new.files.iter().map(file).collect();
    ensure!(files.len() == new.files.len(), "a file is named twice");
    let (generation, issued) = (shared.store.next_release()?, shared.now());
    let manifest =
        ReleaseManifest { generation, issued, note: new.note.clone(), files, models: new.models.clone() };
    manifest.check()?;
    for (_, bytes) in &new.files {
        shared.store.put_content(bytes)?;
    }
    let signed = Signed::sign(&manifest, &shared.answers)?;
    let sha256 = content_hash(signed.canonical.as_bytes());
    let release = Release {
        generation,
        signed,
        sha256,
        proposed: (by, issued),
        approved: None,
        state: ReleaseState::Proposed,
        stage: ReleaseStage::default(),
        why: None,
    };
    ensure!(shared.store.propose_release(&release)?, "somebody else proposed a release meanwhile: try again");
    shared.tell_consoles();
    Ok(generation)
}

/// The person's name, when the password is right and releases are theirs to make.
fn releaser(shared: &Shared, by: &Keeper) -> anyhow::Result<String> {
    let user = user_by_password(shared, &by.name, &by.password)?;
    let user = user.context("name or password is wrong, or there were too many attempts")?;
    ensure!(
        user.role.makes_releases(),
        "{} is neither supervisor nor engineer: releases are made by these",
        user.name
    );
    Ok(user.name)
}
