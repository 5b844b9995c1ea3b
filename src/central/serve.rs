//! Starting and stopping the service.

use super::pictures::Pictures;
use super::settings::{CentralSettings, ConsoleSettings};
use super::store::{Millis, Role, SqliteStore, Store};
use super::{console, enrol, lanes_api, tls};
use anyhow::Context;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Calls of lanes that are worked on at once.
const CALLS_AT_ONCE: usize = 256;
/// Passwords that are hashed at once.
const HASHES_AT_ONCE: usize = 4;
/// How long open connections may go on after the order to stop.
const STOP_MOST: Duration = Duration::from_secs(5);
/// How long a connection may be open before its first request is there.
const FIRST_REQUEST_MOST: Duration = Duration::from_secs(10);

/// What all handlers share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) pictures: Pictures,
    pub(super) identity: PathBuf,
    /// Room for calls of lanes.
    pub(super) room: Semaphore,
    /// Room for password hashing, which takes memory and time by design.
    pub(super) hashing: Semaphore,
    /// Raised at each change that consoles show.
    pub(super) changes: watch::Sender<u64>,
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

    /// Open pages fetch anew.
    pub(super) fn tell_consoles(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
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
        let shared = Arc::new(open(&settings, console_tls.is_some())?);
        let lanes = listen(settings.lanes.listen).context("listener of the lanes")?;
        let console = listen(settings.console.listen).context("listener of the console")?;
        let mut running = RunningCentral {
            office: Office { console: console.local_addr()?, shared: Arc::clone(&shared) },
            lanes: lanes.local_addr()?,
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
        let pages = console::router(shared).into_make_service();
        match console_tls {
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls));
                running.tasks.spawn(server.acceptor(acceptor).serve(pages))
            }
            None => running.tasks.spawn(server.serve(pages)),
        };
        tracing::info!(lanes = %running.lanes, console = %running.office.console, "central is up");
        Ok(running)
    }
}

fn open(settings: &CentralSettings, console_secure: bool) -> anyhow::Result<Shared> {
    std::fs::create_dir_all(&settings.data).with_context(|| format!("making {}", settings.data.display()))?;
    let database = settings.data.join("central.sqlite");
    let store = SqliteStore::open(&database).with_context(|| format!("opening {}", database.display()))?;
    let keys = enrol::picture_keys(&settings.identity)?;
    Ok(Shared {
        store: Arc::new(store),
        pictures: Pictures::open(settings.data.join("pictures"), keys)?,
        identity: settings.identity.clone(),
        room: Semaphore::new(CALLS_AT_ONCE),
        hashing: Semaphore::new(HASHES_AT_ONCE),
        changes: watch::Sender::new(0),
        console_secure,
        stopping: watch::Sender::new(false),
    })
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
        let state = lanes_api::normalised(issuing_state);
        let (number, kind) = (lanes_api::normalised(number), kind.to_owned());
        let report =
            move |shared: &Shared| Ok(shared.store.report_document(&state, &number, &kind, shared.now())?);
        self.shared.blocking(report).await
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
    handle: Handle<SocketAddr>,
    tasks: JoinSet<std::io::Result<()>>,
    shared: Arc<Shared>,
}

impl RunningCentral {
    /// Address of the lanes' listener.
    pub fn lanes_address(&self) -> SocketAddr {
        self.lanes
    }

    /// Address of the console's listener.
    pub fn console_address(&self) -> SocketAddr {
        self.office.console
    }

    /// The store, for statistics and tests. Its calls wait for the disk.
    pub fn store(&self) -> Arc<dyn Store> {
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
