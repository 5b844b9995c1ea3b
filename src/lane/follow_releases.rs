//! Lets a running lane take releases: the profile from the next passage on, trust between two examinations.

use super::Lane;
use super::releases::{Release, ReleaseFault, ReleaseKeeper};
use crate::outbox::{BackOff, CentralClient};
use crate::policy::Profile;
use crate::record::RunningRelease;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often central is asked for a release.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How long a lane stays up with a release until that counts as good.
const TRIAL: Duration = Duration::from_secs(120);
/// Waits after failed calls.
const BACK_OFF: BackOff = BackOff { first: Duration::from_secs(2), longest: Duration::from_secs(300) };

impl Lane {
    /// Takes releases from now on, as long as the lane runs. `trust` says where the files of trust are read from,
    /// `built` fits a profile to the way the lane is built.
    pub fn follow_releases(
        &mut self,
        keeper: ReleaseKeeper,
        trust: watch::Sender<PathBuf>,
        built: impl Fn(Profile) -> Profile + Send + Sync + 'static,
    ) {
        let follower =
            Follower { profiles: self.profiles.clone(), built: Box::new(built), trust, told: None };
        self.link.add(follower.run(keeper, self.central.clone()));
    }
}

struct Follower {
    profiles: watch::Sender<Arc<Profile>>,
    built: Box<dyn Fn(Profile) -> Profile + Send + Sync>,
    trust: watch::Sender<PathBuf>,
    /// What central knows.
    told: Option<RunningRelease>,
}

impl Follower {
    async fn run(mut self, mut keeper: ReleaseKeeper, central: CentralClient) {
        let (mut since, mut failures) = (Instant::now(), 0_u32);
        loop {
            match keeper.refresh(&central).await {
                Ok(None) => failures = 0,
                Ok(Some(release)) => {
                    (since, failures) = (Instant::now(), 0);
                    self.switch_to(release);
                }
                Err(error @ (ReleaseFault::Call(_) | ReleaseFault::Disk(_))) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(%error, "releases cannot be fetched now");
                }
                Err(error) => tracing::error!(%error, "a release is not taken"),
            }
            if since.elapsed() >= TRIAL
                && let Err(error) = keeper.confirm()
            {
                tracing::warn!(%error, "the state of releases cannot be written");
            }
            let report = keeper.report();
            if self.told.as_ref() != Some(&report) {
                match central.put_running(&report).await {
                    Ok(()) => self.told = Some(report),
                    Err(error) => tracing::warn!(%error, "what runs cannot be told now"),
                }
            }
            let pause = if failures == 0 { ASK_EVERY } else { BACK_OFF.wait_with_jitter(failures) };
            tokio::time::sleep(pause).await;
        }
    }

    fn switch_to(&self, release: Release) {
        if let Some(profile) = release.profile {
            self.profiles.send_replace(Arc::new((self.built)(profile)));
        }
        if let Some(trust) = release.trust {
            self.trust.send_replace(trust);
        }
    }
}
