//! A central of the load's own, and the lanes' identities.

use crate::central::{Central, CentralSettings, RunningCentral, enrol};
use crate::outbox::LaneKit;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Database of a central that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// The embedded one.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A central that was started for the load.
pub struct LoadCentral {
    /// The service.
    pub running: RunningCentral,
    /// Its address for lanes.
    pub url: String,
    /// Its identity folder.
    pub identity: PathBuf,
}

impl LoadCentral {
    /// Makes identity and settings in a folder and starts central on free ports of this machine.
    ///
    /// # Errors
    /// When something cannot be written, or the database does not open.
    pub async fn start(
        folder: &Path,
        store: StoreKind,
        database: Option<&str>,
    ) -> anyhow::Result<LoadCentral> {
        let identity = folder.join("identity");
        enrol::init(&identity, &["localhost", "127.0.0.1"])?;
        let mut settings = toml::Table::new();
        let listen = || toml::Table::from_iter([("listen".to_owned(), "127.0.0.1:0".into())]);
        settings.insert("data".to_owned(), "data".into());
        settings.insert("identity".to_owned(), "identity".into());
        settings.insert("lanes".to_owned(), listen().into());
        settings.insert("console".to_owned(), listen().into());
        if store == StoreKind::Postgres {
            let postgres = database.context("give --database, the connection string of an empty database")?;
            let table = toml::Table::from_iter([("postgres".to_owned(), postgres.into())]);
            settings.insert("database".to_owned(), table.into());
        }
        let config = folder.join("central.toml");
        std::fs::write(&config, settings.to_string())
            .with_context(|| format!("writing {}", config.display()))?;
        let running = Central::start(CentralSettings::read(&config)?).await?;
        let url = format!("https://localhost:{}", running.lanes_address().port());
        Ok(LoadCentral { running, url, identity })
    }
}

/// The kits of the lanes `load-1`, `load-2`, …, enrolled where they are not.
///
/// # Errors
/// When a lane cannot be enrolled, or its kit was carried away.
pub fn kits(identity: &Path, count: u16) -> anyhow::Result<Vec<(String, LaneKit)>> {
    let kit = |number: u16| {
        let name = format!("load-{number}");
        let folder = identity.join("lanes").join(&name);
        if !folder.exists() {
            enrol::enrol_lane(identity, &name)?;
        }
        Ok((name, LaneKit::read(&folder)?))
    };
    (1..=count).map(kit).collect()
}
