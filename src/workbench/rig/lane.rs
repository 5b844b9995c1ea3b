//! A running lane on a desk.

use super::central::LOOPBACK;
use crate::devices::screen::ScreenServer;
use crate::lane::{
    Basis, Conditions, Connection, Equipment, Faculties, Following, Lane, Observer, ReleaseKeeper,
    TrustKeeper, follow_trust, run,
};
use crate::outbox::{BackOff, LaneKit, Outbox, RunningUploader};
use crate::policy::{Condition, Profile};
use anyhow::{Context, bail};
use ed25519_dalek::VerifyingKey;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Waits of the upload while central is away: short, so that its return is seen.
const BACK_OFF: BackOff = BackOff { first: Duration::from_millis(200), longest: Duration::from_secs(2) };
/// Rhythm of looking whether everything is delivered.
const ROUND: Duration = Duration::from_millis(20);

/// What a lane needs beside its devices.
#[derive(Debug, Clone)]
pub struct LanePlan {
    /// Name, as in the kit's certificate.
    pub name: String,
    /// Folder of the kit.
    pub kit: PathBuf,
    /// Where central is.
    pub central: String,
    /// File of the durable queue.
    pub outbox: PathBuf,
    /// What is asked for.
    pub profile: Profile,
    /// Whether it takes releases from central, and how.
    pub releases: Option<DeskReleases>,
}

/// How a lane on a desk takes releases.
#[derive(Debug, Clone)]
pub struct DeskReleases {
    /// When it asks and judges: short, so that it is seen.
    pub following: Following,
    /// Folder of the lane's own files of trust.
    pub trust: PathBuf,
}

/// A lane that runs on simulators.
pub struct DeskLane {
    /// What of it is amiss.
    pub conditions: Conditions,
    /// Its durable queue.
    pub outbox: Arc<Mutex<Outbox>>,
    /// Its models and trust.
    pub faculties: Arc<Faculties>,
    /// Where the traveller's screen is.
    pub screen: SocketAddr,
    runtime: Handle,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
    uploader: RunningUploader,
}

impl DeskLane {
    /// Starts the lane on the devices that `equip` gives it beside its screen: mostly
    /// [`Simulators::equipment`](super::Simulators::equipment).
    ///
    /// # Errors
    /// When the kit is none, the queue does not open, or a device's line does not.
    pub fn start(
        runtime: Handle,
        plan: LanePlan,
        equip: impl FnOnce(ScreenServer) -> anyhow::Result<Equipment>,
        faculties: Faculties,
        observer: Box<dyn Observer>,
    ) -> anyhow::Result<DeskLane> {
        let (screen, address) = runtime.block_on(ScreenServer::start(LOOPBACK))?;
        let equipment = equip(screen)?;
        let kit = LaneKit::read(&plan.kit)?;
        let connection = Connection { url: &plan.central, kit, back_off: BACK_OFF, bytes_per_second: None };
        let _inside = runtime.enter();
        let answers = connection.kit.answers;
        let LanePlan { name, outbox: place, profile, releases, .. } = &plan;
        let (mut lane, uploader) = Lane::connect(name, profile.clone(), faculties, place, connection)?;
        if let Some(releases) = releases {
            follow(&mut lane, &plan, releases, answers)?;
        }
        let (outbox, faculties) = (lane.outbox.clone(), lane.faculties.clone());
        let conditions = lane.conditions.clone();
        let (stop, stopped) = watch::channel(false);
        let task = runtime.spawn(run(lane, equipment, observer, stopped));
        let runtime = runtime.clone();
        Ok(DeskLane { conditions, outbox, faculties, screen: address, runtime, stop, task, uploader })
    }

    /// Waits until the lane has ended by itself, to be started again.
    ///
    /// # Errors
    /// When it still runs after `patience`.
    pub fn wait_ended(&self, patience: Duration) -> anyhow::Result<()> {
        self.until(patience, || Ok(self.task.is_finished()))
    }

    /// What is amiss; `None` until the lane has looked at everything.
    pub fn amiss(&self) -> Option<BTreeSet<Condition>> {
        self.conditions.watch().borrow().conditions()
    }

    /// Waits until just this is amiss.
    ///
    /// # Errors
    /// When it is not so within `patience`; says what is amiss instead.
    pub fn wait_amiss(&self, wanted: &[Condition], patience: Duration) -> anyhow::Result<()> {
        let wanted: BTreeSet<Condition> = wanted.iter().copied().collect();
        self.until(patience, || Ok(self.amiss().as_ref() == Some(&wanted)))
            .with_context(|| format!("amiss is {:?}, not {wanted:?}", self.amiss()))
    }

    /// Waits until central has acknowledged every record.
    ///
    /// # Errors
    /// When some did not arrive within `patience`.
    pub fn wait_delivered(&self, patience: Duration) -> anyhow::Result<()> {
        self.until(patience, || Ok(self.waiting()? == 0))
            .with_context(|| format!("{:?} record(s) did not arrive at central", self.waiting()))
    }

    /// Records that wait for central.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn waiting(&self) -> anyhow::Result<u64> {
        Ok(self.outbox.lock().unwrap_or_else(PoisonError::into_inner).len()?)
    }

    fn until(&self, patience: Duration, so: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        while !so()? {
            if Instant::now() > deadline {
                bail!("not within {patience:?}");
            }
            std::thread::sleep(ROUND);
        }
        Ok(())
    }

    /// Ends the lane in order.
    ///
    /// # Errors
    /// When it ended badly.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.runtime.clone().block_on(async {
            let ended = self.task.await;
            self.uploader.stop().await;
            ended?
        })
    }
}

/// The lane takes central's releases; what it runs begins with its own profile and trust.
fn follow(
    lane: &mut Lane,
    plan: &LanePlan,
    releases: &DeskReleases,
    answers: VerifyingKey,
) -> anyhow::Result<()> {
    let keeper = ReleaseKeeper::start(plan.outbox.with_file_name("releases"), answers)?;
    let trust = releases.trust.clone();
    let basis = Basis { profile: plan.profile.clone(), topology: None, trust: trust.clone(), upload: None };
    lane.profiles.send_replace(Arc::new(basis.profile(keeper.running())));
    let (sources, moved) = watch::channel(basis.trust(keeper.running()));
    let kept = TrustKeeper::new(&trust, plan.outbox.with_file_name("trust-kept"));
    tokio::spawn(follow_trust(kept, moved, lane.faculties.clone()));
    lane.follow_releases(keeper, basis, sources, releases.following);
    Ok(())
}
