//! Looks at the lane's surroundings in a steady rhythm and notes what is amiss: disk, queue, clock, central,
//! certificate, and once at the start whether the face engine tells liveness. Devices are noted by their own threads.

use super::conditions::Conditions;
use super::inputs::Faculties;
use crate::outbox::{CentralClient, Outbox, UploadState};
use crate::policy::Condition;
use crate::trust::TrustStore;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// From one look to the next.
const RHYTHM: Duration = Duration::from_secs(5);
/// The same while central is away: its return is to be seen at once.
const RHYTHM_AWAY: Duration = Duration::from_secs(1);
/// How long central may take to say that it is there.
const CENTRAL_PATIENCE: Duration = Duration::from_secs(3);
/// Free space below which no outcome is sure to find room: some hundred referred passages.
pub const DISK_LEAST: u64 = 512 << 20;
/// Part of the queue's room that must be free, in percent.
const QUEUE_FREE_LEAST: u64 = 5;
/// Steps of the wall clock against the monotonic one that are a jump.
const JUMP_LEAST: SignedDuration = SignedDuration::from_secs(60);
/// How long the clock must have gone evenly after a jump.
const CLOCK_SETTLES: Duration = Duration::from_secs(60);
/// Days before its end at which a certificate is to be renewed.
const CERTIFICATE_DAYS: u32 = 14;
/// The clock cannot be right when it is before this release was written.
const WRITTEN: &str = "2026-11-22T00:00:00Z";

/// What the monitor looks at.
pub(super) struct Surveyed {
    pub outbox_path: PathBuf,
    pub outbox: Arc<Mutex<Outbox>>,
    pub central: CentralClient,
    /// The lane's client certificate, PEM.
    pub certificate: String,
    pub faculties: Arc<Faculties>,
}

/// The running monitor; it ends with its lane.
pub struct Monitor(JoinHandle<()>);

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks until the monitor is dropped; the first look is what makes the lane known.
pub(super) fn start(surveyed: Surveyed, conditions: Conditions) -> Monitor {
    // The same for the life of the lane; nobody films yet, so that this does not wait.
    let engine = surveyed.faculties.engine.lock().unwrap_or_else(PoisonError::into_inner);
    let networks = engine.liveness_networks();
    drop(engine);
    Monitor(tokio::spawn(async move {
        note(&conditions, Condition::LivenessMissing, "face engine", liveness(networks));
        let mut clock = ClockWatch::new(Timestamp::now(), Instant::now());
        loop {
            let answer = tokio::time::timeout(CENTRAL_PATIENCE, surveyed.central.health()).await;
            let central = match answer {
                Ok(answer) => answer.map_err(anyhow::Error::from),
                Err(_) => Err(anyhow::anyhow!("no answer in time")),
            };
            let reached = central.is_ok();
            note(&conditions, Condition::CentralUnreachable, "central", central);
            note(&conditions, Condition::ClockWrong, "clock", clock.look(Timestamp::now(), Instant::now()));
            note(&conditions, Condition::DiskNearlyFull, "disk", disk(&surveyed.outbox_path));
            note(&conditions, Condition::DiskNearlyFull, "queue", queue(&surveyed.outbox));
            let certificate = certificate_lasts(&surveyed.certificate).map(drop);
            note(&conditions, Condition::CertificateExpiring, "certificate", certificate);
            let trust = surveyed.faculties.trust.current();
            note(&conditions, Condition::TrustStoreOld, "trust store", trust_age(&trust, Timestamp::now()));
            conditions.looked();
            tokio::time::sleep(if reached { RHYTHM } else { RHYTHM_AWAY }).await;
        }
    }))
}

/// Notes when central does not take what the queue holds, and when all of it has arrived again; until the upload is
/// gone.
pub(super) async fn note_upload(mut state: watch::Receiver<UploadState>, conditions: Conditions) {
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            UploadState::Stuck { why } => conditions.note(Condition::QueueStuck, "upload", Some(why)),
            UploadState::Idle => conditions.note(Condition::QueueStuck, "upload", None),
            UploadState::Sending | UploadState::Waiting { .. } => {}
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

fn note(conditions: &Conditions, condition: Condition, source: &'static str, found: anyhow::Result<()>) {
    conditions.note(condition, source, found.err().map(|error| format!("{error:#}")));
}

/// Whether the clock can be right at all.
///
/// # Errors
/// When it is before this software was written.
pub fn plausible(now: Timestamp) -> anyhow::Result<()> {
    ensure!(now >= WRITTEN.parse::<Timestamp>()?, "{now} is before this software was written");
    Ok(())
}

/// Free bytes where this file lies.
///
/// # Errors
/// When the system does not say.
pub fn free_bytes(file: &Path) -> anyhow::Result<u64> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let at = rustix::fs::statvfs(folder).with_context(|| format!("{}", folder.display()))?;
    Ok(at.f_bavail.saturating_mul(at.f_frsize))
}

/// Room, and that the disk still takes writing: one that broke is mounted read-only.
fn disk(outbox: &Path) -> anyhow::Result<()> {
    let free = free_bytes(outbox)?;
    ensure!(free >= DISK_LEAST, "{} MiB free, at least {} MiB wanted", free >> 20, DISK_LEAST >> 20);
    let probe = outbox.with_extension("probe");
    fs::write(&probe, b"written to see whether the disk takes it")
        .and_then(|()| fs::remove_file(&probe))
        .with_context(|| format!("{}", probe.display()))
}

fn queue(outbox: &Mutex<Outbox>) -> anyhow::Result<()> {
    let filling = outbox.lock().unwrap_or_else(PoisonError::into_inner).filling()?;
    let free = filling.most.saturating_sub(filling.used);
    let least = filling.most / 100 * QUEUE_FREE_LEAST;
    ensure!(free >= least, "{} of {} bytes wait for central", filling.used, filling.most);
    Ok(())
}

/// Whether certificates and revocation lists are as new as the lane's rules want them.
///
/// # Errors
/// When they are older.
pub fn trust_age(store: &TrustStore, now: Timestamp) -> anyhow::Result<()> {
    let days = store.age(now).as_hours() / 24;
    ensure!(!store.is_too_old(now), "{days} days old; put newer lists into the trust folder");
    Ok(())
}

/// Until when the lane's certificate for central lasts, in words.
///
/// # Errors
/// When it ends within two weeks, or is none.
pub fn certificate_lasts(pem: &str) -> anyhow::Result<String> {
    let certificate = X509::from_pem(pem.as_bytes())?;
    let soon = Asn1Time::days_from_now(CERTIFICATE_DAYS)?;
    ensure!(certificate.not_after() > soon, "ends on {}", certificate.not_after());
    Ok(format!("good until {}", certificate.not_after()))
}

fn liveness(networks: usize) -> anyhow::Result<()> {
    ensure!(networks > 0, "no network tells living persons from attacks; run the set-up again");
    Ok(())
}

/// The wall clock held against the monotonic one.
struct ClockWatch {
    wall: Timestamp,
    monotonic: Instant,
    jumped: Option<Instant>,
}

impl ClockWatch {
    fn new(wall: Timestamp, monotonic: Instant) -> ClockWatch {
        ClockWatch { wall, monotonic, jumped: None }
    }

    fn look(&mut self, wall: Timestamp, monotonic: Instant) -> anyhow::Result<()> {
        let passed = SignedDuration::try_from(monotonic.duration_since(self.monotonic))?;
        let step = wall.duration_since(self.wall) - passed;
        (self.wall, self.monotonic) = (wall, monotonic);
        if step.abs() >= JUMP_LEAST {
            self.jumped = Some(monotonic);
        }
        plausible(wall)?;
        let settled = self.jumped.is_none_or(|at| monotonic.duration_since(at) >= CLOCK_SETTLES);
        ensure!(settled, "the clock jumped less than {} s ago", CLOCK_SETTLES.as_secs());
        self.jumped = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::conditions::Board;

    #[tokio::test]
    async fn a_stuck_queue_is_noted_until_all_of_it_has_arrived() {
        let conditions = Conditions::default();
        conditions.looked();
        let mut board = conditions.watch();
        let (state, seen) = watch::channel(UploadState::Sending);
        let noting = tokio::spawn(note_upload(seen, conditions));
        state.send_replace(UploadState::Stuck { why: "it was put back".to_owned() });
        let noted = (Condition::QueueStuck, "upload");
        let board_is = |stuck: bool| move |board: &Board| board.notes().contains_key(&noted) == stuck;
        board.wait_for(board_is(true)).await.unwrap();
        assert_eq!(board.borrow().notes()[&noted], "it was put back");
        // That it is tried again says nothing.
        for still in [UploadState::Sending, UploadState::Waiting { failures: 1, why: String::new() }] {
            state.send_replace(still);
            tokio::task::yield_now().await;
            assert!(board_is(true)(&board.borrow()));
        }
        state.send_replace(UploadState::Idle);
        board.wait_for(board_is(false)).await.unwrap();
        drop(state);
        noting.await.unwrap();
    }

    #[test]
    fn a_clock_that_jumps_is_wrong_until_it_has_gone_evenly_for_a_while() {
        let (wall, start) = ("2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap(), Instant::now());
        let mut watch = ClockWatch::new(wall, start);
        let mut look = |wall_s: i64, after_s: u64| {
            watch.look(wall + SignedDuration::from_secs(wall_s), start + Duration::from_secs(after_s))
        };
        assert!(look(5, 5).is_ok());
        assert!(look(11, 10).is_ok(), "a slow correction is none");
        assert!(look(3_600, 15).is_err());
        assert!(look(3_605, 20).is_err());
        assert!(look(3_665, 80).is_ok());
        assert!(look(0, 85).is_err(), "backwards, too");
    }

    #[test]
    fn an_engine_without_any_liveness_network_is_amiss() {
        assert!(liveness(0).is_err());
        assert!(liveness(1).is_ok());
    }

    #[test]
    fn a_clock_before_this_release_is_wrong() {
        let (wall, start) = ("1970-01-01T00:00:10Z".parse::<Timestamp>().unwrap(), Instant::now());
        assert!(ClockWatch::new(wall, start).look(wall, start).is_err());
    }

    #[test]
    fn a_disk_that_takes_no_writing_is_amiss() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk(&folder.path().join("outbox.sqlite")).is_ok());
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left behind");
        assert!(disk(&folder.path().join("missing").join("outbox.sqlite")).is_err());
    }
}
