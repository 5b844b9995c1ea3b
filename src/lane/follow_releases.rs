//! Lets a running lane take releases: profile and settings between two passages, trust between two examinations.
//!
//! What cannot change in a running lane makes it restart in order while nobody is under way; whoever keeps the lane
//! running starts it again, and it begins by the release. Until the trial is over the lane's own look at itself
//! can send it back to the release before.

use super::Lane;
use super::conditions::Board;
use super::releases::{Release, ReleaseFault, ReleaseKeeper};
use crate::outbox::{BackOff, CentralClient, UploadRate};
use crate::policy::{Condition, Profile, Topology};
use crate::record::{ReleasedSettings, RunningRelease};
use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Waits after failed calls.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(2), longest: Duration::from_secs(300) };

/// When releases are asked for and judged.
#[derive(Debug, Clone, Copy)]
pub struct Following {
    /// How often central is asked.
    pub every: Duration,
    /// How long after a switch the lane may take until it is fit.
    pub settles: Duration,
    /// How long the lane must stay up with a release until that counts as good.
    pub trial: Duration,
}

impl Default for Following {
    fn default() -> Self {
        Following {
            every: Duration::from_secs(30),
            settles: Duration::from_secs(45),
            trial: Duration::from_secs(120),
        }
    }
}

/// What the lane runs by where no release says otherwise.
#[derive(Debug, Clone)]
pub struct Basis {
    /// Its own profile.
    pub profile: Profile,
    /// Where its devices stand, if that is not the profile's to say.
    pub topology: Option<Topology>,
    /// Where its own files of trust are.
    pub trust: PathBuf,
    /// Its own bound of the upload, bytes a second.
    pub upload: Option<NonZeroU64>,
}

impl Basis {
    /// The profile by which the lane runs with this release.
    pub fn profile(&self, release: Option<&Release>) -> Profile {
        let profile = release.and_then(|release| release.profile.as_ref()).unwrap_or(&self.profile);
        profile.clone().built(self.topology)
    }

    /// Where its files of trust are then.
    pub fn trust(&self, release: Option<&Release>) -> PathBuf {
        release.and_then(|release| release.trust.as_ref()).unwrap_or(&self.trust).clone()
    }
}

impl Lane {
    /// Takes releases from now on, as long as the lane runs. `trust` is told where the files of trust are read from.
    pub fn follow_releases(
        &mut self,
        keeper: ReleaseKeeper,
        basis: Basis,
        trust: watch::Sender<PathBuf>,
        following: Following,
    ) {
        let follower = Follower {
            settings: settings_of(&keeper),
            keeper,
            basis,
            following,
            central: self.central.clone(),
            conditions: self.conditions.watch(),
            profiles: self.profiles.clone(),
            rate: self.upload_rate.clone(),
            restart: self.restart.clone(),
            trust,
            told: None,
        };
        self.link.add(follower.run());
    }
}

fn settings_of(keeper: &ReleaseKeeper) -> ReleasedSettings {
    keeper.running().map(|release| release.settings.clone()).unwrap_or_default()
}

struct Follower {
    keeper: ReleaseKeeper,
    basis: Basis,
    following: Following,
    central: CentralClient,
    conditions: watch::Receiver<Board>,
    profiles: watch::Sender<Arc<Profile>>,
    trust: watch::Sender<PathBuf>,
    rate: UploadRate,
    restart: watch::Sender<bool>,
    /// The released settings by which the lane runs.
    settings: ReleasedSettings,
    /// What central knows.
    told: Option<RunningRelease>,
}

impl Follower {
    /// Ends when the lane has to restart.
    async fn run(mut self) {
        let (mut since, mut failures) = (Instant::now(), 0_u32);
        // What is amiss before the first switch is not the release's doing: that must be known.
        let looked = self.conditions.wait_for(|board| board.conditions().is_some());
        let _ = tokio::time::timeout(self.following.settles, looked).await;
        loop {
            let before = self.keeper.report();
            let amiss = self.amiss().unwrap_or_default();
            match self.keeper.refresh(&self.central, amiss).await {
                Ok(None) => failures = 0,
                Ok(Some(_)) => (since, failures) = (Instant::now(), 0),
                Err(error @ (ReleaseFault::Call(_) | ReleaseFault::Disk(_))) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(%error, "releases cannot be fetched now");
                }
                Err(error) => tracing::error!(%error, "a release is not taken"),
            }
            if let Err(error) = self.judge(since.elapsed()) {
                tracing::warn!(%error, "the state of releases cannot be written");
            }
            if self.keeper.report().sha256 != before.sha256 && !self.switch() {
                return;
            }
            self.tell().await;
            let pause =
                if failures == 0 { self.following.every } else { BACK_OFF.wait_with_jitter(failures) };
            tokio::time::sleep(pause).await;
        }
    }

    /// What is amiss; `None` while nobody knows.
    fn amiss(&self) -> Option<BTreeSet<Condition>> {
        self.conditions.borrow().conditions()
    }

    /// Looks whether the lane is fit, so long after the switch; when it is not, the one before runs again.
    fn judge(&mut self, after: Duration) -> io::Result<()> {
        if !self.keeper.on_trial() || after < self.following.settles {
            return Ok(());
        }
        let amiss = self.amiss();
        if !self.keeper.judge(amiss.as_ref())? && after >= self.following.trial {
            self.keeper.confirm()?;
        }
        Ok(())
    }

    /// Runs by what is to run now; `false` when the lane must restart for it.
    fn switch(&mut self) -> bool {
        let settings = settings_of(&self.keeper);
        if !settings.live_from(&self.settings) {
            tracing::info!("the lane restarts by other settings as soon as nobody is under way");
            self.restart.send_replace(true);
            return false;
        }
        let release = self.keeper.running();
        self.rate.set(settings.upload_bytes_per_second.or(self.basis.upload));
        change(&self.profiles, Arc::new(self.basis.profile(release)));
        change(&self.trust, self.basis.trust(release));
        self.settings = settings;
        true
    }

    async fn tell(&mut self) {
        let report = self.keeper.report();
        if self.told.as_ref() == Some(&report) {
            return;
        }
        match self.central.put_running(&report).await {
            Ok(()) => self.told = Some(report),
            Err(error) => tracing::warn!(%error, "what runs cannot be told now"),
        }
    }
}

/// Tells a value where it is another.
fn change<T: PartialEq>(to: &watch::Sender<T>, value: T) {
    to.send_if_modified(|now| {
        let other = *now != value;
        *now = value;
        other
    });
}
