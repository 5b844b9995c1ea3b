//! Starting and stopping the service.

use super::commands::{self, Dispatched};
use super::lane_watch::LaneWatch;
use super::logging::LoggingProfile;
use super::monitoring::{self, Counters};
use super::pictures::Pictures;
use super::retention::{self, RetentionSettings};
use super::settings::{CentralSettings, ConsoleSettings};
use super::snapshot::{self, Deltas};
use super::store::{Millis, Role, Store};
use super::{backup, console, enrol, lanes_api, lookup, loose_pictures, statistics, tls};
use anyhow::Context;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use ed25519_dalek::SigningKey;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Calls of lanes that are worked on at once.
const CALLS_AT_ONCE: usize = 256;
/// Calls of lanes that wait at once for something new: one of each lane.
const WAITING_AT_ONCE: usize = 20_000;
/// Passwords that are hashed at once.
const HASHES_AT_ONCE: usize = 4;
/// How long open connections may go on after the order to stop.
const STOP_MOST: Duration = Duration::from_secs(5);
/// How long a connection may be open before its first request is there.
const FIRST_REQUEST_MOST: Duration = Duration::from_secs(10);

/// How often it is looked whether another process changed what consoles show.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often pictures are deleted whose time is over.
const DELETE_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often it is looked for pictures that no record names.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// For the first time so long after the start: it lists all pictures, and there is more urgent work then.
const SWEEP_AFTER: Duration = Duration::from_secs(10 * 60);

/// How often history, retention and statistics hear of what came.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// What all handlers share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) pictures: Pictures,
    pub(super) identity: PathBuf,
    /// Signs answers to look-ups.
    pub(super) answers: SigningKey,
    /// Room for calls of lanes.
    pub(super) room: Semaphore,
    /// How often each lane calls, and its clock.
    pub(super) watch: LaneWatch,
    /// Room for password hashing, which takes memory and time by design.
    pub(super) hashing: Semaphore,
    /// For how long pictures are kept.
    pub(super) retention: RetentionSettings,
    /// How long cases may wait.
    pub(super) cases: console::CaseLimits,
    /// What of a passage is logged.
    pub(super) logging: LoggingProfile,
    /// For the metrics.
    pub(super) counters: Counters,
    /// Raised at each change that consoles show.
    pub(super) changes: watch::Sender<u64>,
    /// Commands on their way to lanes.
    pub(super) dispatched: watch::Sender<Dispatched>,
    /// Deltas between snapshots, made lately.
    pub(super) deltas: Deltas,
    /// Room for lanes' calls that wait for something new.
    pub(super) waiting: Semaphore,
    /// Whether the console is behind HTTPS.
    pub(super) console_secure: bool,
    /// Set once, when the service stops.
    pub(super) stopping: watch::Sender<bool>,
}

impl Shared {
    /// Runs work that may wait for a disk on a thread that may.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Shared) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&shared)).await.context("the work broke off")?
    }

    pub(super) fn now(&self) -> Millis {
        jiff::Timestamp::now().as_millisecond()
    }

    /// Open pages fetch anew, those of other processes on the same database, too.
    pub(super) fn tell_consoles(&self) {
        raise(&self.changes);
        self.store.tell_others();
    }
}

fn raise(changes: &watch::Sender<u64>) {
    changes.send_modify(|count| *count = count.wrapping_add(1));
}

/// Notices what other processes stored: by their hints, and by looking now and then.
async fn watch_others(shared: Arc<Shared>) {
    let changes = shared.changes.clone();
    shared.store.on_change(Box::new(move || raise(&changes)));
    let mut stopping = shared.stopping.subscribe();
    let mut known = None;
    while tokio::time::timeout(LOOK_EVERY, stopping.wait_for(|stop| *stop)).await.is_err() {
        match shared.blocking(|shared| Ok(shared.store.fingerprint()?)).await {
            Ok(found) => {
                if known.replace(found.clone()).is_some_and(|before| before != found) {
                    raise(&shared.changes);
                }
            }
            Err(error) => tracing::warn!("looking for changes: {error:#}"),
        }
    }
}

/// Does a job at once and then again and again, until the service stops. What fails is done next time.
async fn again(
    shared: Arc<Shared>,
    every: Duration,
    name: &'static str,
    job: fn(&Shared) -> anyhow::Result<usize>,
) -> std::io::Result<()> {
    let mut stopping = shared.stopping.subscribe();
    loop {
        match shared.blocking(job).await {
            Ok(0) => {}
            Ok(done) => tracing::debug!(done, "{name}"),
            Err(error) => tracing::error!("{name}: {error:#}"),
        }
        if tokio::time::timeout(every, stopping.wait_for(|stop| *stop)).await.is_ok() {
            return Ok(());
        }
    }
}

/// The central service.
pub struct Central;

impl Central {
    /// Opens the store and both listeners. Refuses a console on plain HTTP that others than this machine
    /// could reach.
    pub async fn start(settings: CentralSettings) -> anyhow::Result<RunningCentral> {
        let console_tls = console_tls(&settings.console)?;
        let lanes_tls = tls::for_lanes(&settings.identity)?;
        let (opened, secure) = (settings.clone(), console_tls.is_some());
        let shared = Arc::new(tokio::task::spawn_blocking(move || open(&opened, secure)).await??);
        let lanes = listen(settings.lanes.listen).context("listener of the lanes")?;
        let console = listen(settings.console.listen).context("listener of the console")?;
        let mut running = RunningCentral {
            office: Office { console: console.local_addr()?, shared: Arc::clone(&shared) },
            lanes: lanes.local_addr()?,
            monitoring: None,
            handle: Handle::new(),
            tasks: JoinSet::new(),
            shared: Arc::clone(&shared),
        };
        let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(lanes_tls));
        let server = axum_server::from_tcp(lanes)?
            .handle(running.handle.clone())
            .first_request_timeout(FIRST_REQUEST_MOST)
            .http1_only()
            .acceptor(acceptor);
        running.tasks.spawn(server.serve(lanes_api::router(Arc::clone(&shared)).into_make_service()));

        let server = axum_server::from_tcp(console)?
            .handle(running.handle.clone())
            .first_request_timeout(FIRST_REQUEST_MOST)
            .http1_only();
        let watched = Arc::clone(&shared);
        let pages = console::router(shared).into_make_service();
        match console_tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls));
                running.tasks.spawn(server.acceptor(acceptor).serve(pages))
            }
            None => running.tasks.spawn(server.serve(pages)),
        };
        if let Some(address) = settings.monitoring {
            let listener = listen(address).context("listener of the monitoring")?;
            running.monitoring = Some(listener.local_addr()?);
            let server = axum_server::from_tcp(listener)?
                .handle(running.handle.clone())
                .first_request_timeout(FIRST_REQUEST_MOST)
                .http1_only();
            let calls = monitoring::router(Arc::clone(&watched)).into_make_service();
            running.tasks.spawn(server.serve(calls));
        }
        let escalating = Arc::clone(&watched);
        running.tasks.spawn(async move {
            console::escalate(escalating).await;
            Ok(())
        });
        let dispatching = Arc::clone(&watched);
        running.tasks.spawn(async move {
            commands::dispatch(dispatching).await;
            Ok(())
        });
        let snapping = Arc::clone(&watched);
        running.tasks.spawn(async move {
            snapshot::keep_snapshot(snapping).await;
            Ok(())
        });
        let name = "pictures deleted whose time was over";
        running.tasks.spawn(again(Arc::clone(&watched), DELETE_EVERY, name, retention::delete_due));
        let sweeping = Arc::clone(&watched);
        running.tasks.spawn(async move {
            let mut stopping = sweeping.stopping.subscribe();
            if tokio::time::timeout(SWEEP_AFTER, stopping.wait_for(|stop| *stop)).await.is_ok() {
                return Ok(());
            }
            again(sweeping, SWEEP_EVERY, "pictures deleted that no record named", loose_pictures::sweep).await
        });
        let name = "records and decisions settled";
        running.tasks.spawn(again(Arc::clone(&watched), SETTLE_EVERY, name, statistics::settle_all));
        running.tasks.spawn(async move {
            watch_others(watched).await;
            Ok(())
        });
        tracing::info!(lanes = %running.lanes, console = %running.office.console, "central is up");
        Ok(running)
    }
}

fn open(settings: &CentralSettings, console_secure: bool) -> anyhow::Result<Shared> {
    std::fs::create_dir_all(&settings.data).with_context(|| format!("making {}", settings.data.display()))?;
    let store = open_store(settings)?;
    store.lay_days(jiff::Timestamp::now().as_millisecond());
    let keys = enrol::picture_keys(&settings.identity)?;
    Ok(Shared {
        store: Arc::new(store),
        pictures: Pictures::open(&settings.pictures, settings.data.join("pictures"), keys)?
            .unnamed_for(settings.retention.unnamed()),
        identity: settings.identity.clone(),
        answers: enrol::answer_key(&settings.identity)?,
        room: Semaphore::new(CALLS_AT_ONCE),
        watch: LaneWatch::default(),
        hashing: Semaphore::new(HASHES_AT_ONCE),
        retention: settings.retention,
        cases: settings.console.cases,
        logging: settings.logging,
        counters: Counters::default(),
        changes: watch::Sender::new(0),
        dispatched: commands::nothing_dispatched(),
        deltas: Deltas::default(),
        waiting: Semaphore::new(WAITING_AT_ONCE),
        console_secure,
        stopping: watch::Sender::new(false),
    })
}

/// The database that the settings name; the embedded one when they name none.
pub(super) fn open_store(settings: &CentralSettings) -> anyhow::Result<Store> {
    if let Some(database) = &settings.database {
        return Store::postgres(database).context("opening the database");
    }
    let file = settings.data.join(backup::EMBEDDED);
    Store::sqlite(&file).with_context(|| format!("opening {}", file.display()))
}

fn console_tls(console: &ConsoleSettings) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    match (&console.certificate, &console.key) {
        (Some(certificate), Some(key)) => tls::for_console(certificate, key).map(Some),
        (None, None) if console.listen.ip().is_loopback() => Ok(None),
        (None, None) => anyhow::bail!(
            "the console at {} can be reached from outside: give console.certificate and console.key, or a \
             loopback address",
            console.listen
        ),
        _ => anyhow::bail!("console.certificate and console.key are given both or not at all"),
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("opening {address}"))
}

/// What is done at central itself rather than by lanes or in the console: users, reported documents, lanes
/// that are no longer trusted. Works beside a running service on the same store.
pub struct Office {
    console: SocketAddr,
    shared: Arc<Shared>,
}

impl Office {
    /// Opens the store alone, no listener.
    ///
    /// # Errors
    /// When the store or the keys cannot be opened.
    pub fn open(settings: &CentralSettings) -> anyhow::Result<Office> {
        let console_secure = console_tls(&settings.console)?.is_some();
        let shared = Arc::new(open(settings, console_secure)?);
        Ok(Office { console: settings.console.listen, shared })
    }

    /// Address of the console for a browser.
    pub fn console_url(&self) -> String {
        let scheme = if self.shared.console_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.console)
    }

    /// Makes a user, or renews one who lost the password, and gives the link by which they set it: good
    /// once, for a day.
    pub async fn create_user(&self, name: &str, role: Role) -> anyhow::Result<String> {
        let token = console::invite(&self.shared, name, role).await?;
        Ok(format!("{}/set-up/{token}", self.console_url()))
    }

    /// The link for the first supervisor, while nobody has a password.
    pub async fn first_user_link(&self) -> anyhow::Result<Option<String>> {
        let has_users = self.shared.blocking(|shared| Ok(shared.store.has_users()?)).await?;
        if has_users { Ok(None) } else { self.create_user("supervisor", Role::Supervisor).await.map(Some) }
    }

    /// Lists a document as reported: issuing state and number as in the zone, kind "stolen", "lost" or
    /// "revoked".
    pub async fn report_document(&self, issuing_state: &str, number: &str, kind: &str) -> anyhow::Result<()> {
        let state = lookup::normalised(issuing_state);
        let (number, kind) = (lookup::normalised(number), kind.to_owned());
        let report =
            move |shared: &Shared| Ok(shared.store.report_document(&state, &number, &kind, shared.now())?);
        self.shared.blocking(report).await
    }

    /// What all handlers of a running service share.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// From now on nothing of this lane is accepted. Gives whether there was such a lane.
    pub async fn revoke_lane(&self, lane: &str) -> anyhow::Result<bool> {
        let lane = lane.to_owned();
        self.shared.blocking(move |shared| Ok(shared.store.revoke_lane(&lane, shared.now())?)).await
    }
}

/// A service that runs until [`RunningCentral::stop`].
pub struct RunningCentral {
    /// What is done at central itself.
    pub office: Office,
    lanes: SocketAddr,
    monitoring: Option<SocketAddr>,
    handle: Handle<SocketAddr>,
    tasks: JoinSet<std::io::Result<()>>,
    shared: Arc<Shared>,
}

impl RunningCentral {
    /// Address of the lanes' listener.
    pub fn lanes_address(&self) -> SocketAddr {
        self.lanes
    }

    /// Address of the monitoring's listener, when there is one.
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.monitoring
    }

    /// Address of the console's listener.
    pub fn console_address(&self) -> SocketAddr {
        self.office.console
    }

    /// The store, for statistics and tests. Its calls wait for the disk.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.shared.store)
    }

    /// Waits until a listener fails by itself.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error.into(),
            Some(Err(error)) => error.into(),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a listener ended"),
        }
    }

    /// Takes no new connection, lets calls in work end, then ends.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.shared.stopping.send_replace(true);
        self.handle.graceful_shutdown(Some(STOP_MOST));
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}
