//! Central on a desk: enrols lanes, goes away and comes back at the same address.

use crate::central::{
    CaseLimits, Central, CentralSettings, ConsoleSettings, LanesSettings, LoggingProfile, PicturesSettings,
    RetentionSettings, RunningCentral, enrol,
};
use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;

/// Any free port of this machine alone.
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A central with an embedded database.
pub struct DeskCentral {
    runtime: Handle,
    settings: CentralSettings,
    running: Option<RunningCentral>,
}

impl DeskCentral {
    /// Starts central in this folder and enrols these lanes, unless the folder has a central already.
    ///
    /// # Errors
    /// When the folder cannot be written or no port is free.
    pub fn start(runtime: Handle, folder: &Path, lanes: &[&str]) -> anyhow::Result<DeskCentral> {
        let identity = folder.join("identity");
        if !identity.exists() {
            enrol::init(&identity, &["localhost", "127.0.0.1"])?;
            for lane in lanes {
                enrol::enrol_lane(&identity, lane)?;
            }
        }
        let mut settings = CentralSettings {
            data: folder.join("central"),
            identity,
            database: None,
            monitoring: None,
            logging: LoggingProfile::default(),
            pictures: PicturesSettings::default(),
            retention: RetentionSettings::default(),
            lanes: LanesSettings { listen: LOOPBACK },
            console: ConsoleSettings {
                listen: LOOPBACK,
                certificate: None,
                key: None,
                cases: CaseLimits::default(),
            },
        };
        let running = runtime.block_on(Central::start(settings.clone()))?;
        // When it comes back it must be found where it was.
        settings.lanes.listen = running.lanes_address();
        settings.console.listen = running.console_address();
        Ok(DeskCentral { runtime, settings, running: Some(running) })
    }

    /// Where lanes reach it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.settings.lanes.listen.port())
    }

    /// Where officers work.
    pub fn console_address(&self) -> String {
        format!("http://{}/", self.settings.console.listen)
    }

    /// Folder of a lane's kit.
    pub fn kit(&self, lane: &str) -> PathBuf {
        self.settings.identity.join("lanes").join(lane)
    }

    /// The running service.
    ///
    /// # Errors
    /// While it is away.
    pub fn running(&self) -> anyhow::Result<&RunningCentral> {
        self.running.as_ref().context("central is away")
    }

    /// Ends the service in order; nothing, when it is away.
    ///
    /// # Errors
    /// When it ended badly.
    pub fn go_away(&mut self) -> anyhow::Result<()> {
        match self.running.take() {
            Some(running) => self.runtime.block_on(running.stop()),
            None => Ok(()),
        }
    }

    /// Starts it again at the same address and on the same data; nothing, when it is there.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub fn come_back(&mut self) -> anyhow::Result<()> {
        if self.running.is_none() {
            self.running = Some(self.runtime.block_on(Central::start(self.settings.clone()))?);
        }
        Ok(())
    }
}
