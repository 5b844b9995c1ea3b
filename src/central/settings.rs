//! Settings of the central service, in TOML (`config/central.toml` is a commented example).

use super::console::CaseLimits;
use super::logging::LoggingProfile;
use super::pictures::PicturesSettings;
use super::retention::RetentionSettings;
use super::store::PostgresSettings;
use crate::policy::config::read_toml;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Settings of the central service. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentralSettings {
    /// Folder of the database and the sealed pictures; made when absent.
    pub data: PathBuf,
    /// Folder of certificates and keys, as [`crate::central::enrol::init`] makes it.
    pub identity: PathBuf,
    /// The PostgreSQL database; without, the embedded one in `data`.
    #[serde(default)]
    pub database: Option<PostgresSettings>,
    /// Where sealed pictures are kept; in files in `data` when nothing is said.
    #[serde(default)]
    pub pictures: PicturesSettings,
    /// For how long pictures are kept.
    #[serde(default)]
    pub retention: RetentionSettings,
    /// What of a passage is logged, TR-03135-2 §4.3.
    #[serde(default)]
    pub logging: LoggingProfile,
    /// Address and port of health and metrics, plain HTTP; none without.
    #[serde(default)]
    pub monitoring: Option<SocketAddr>,
    /// Listener of the lanes.
    pub lanes: LanesSettings,
    /// Listener of the officers' console.
    pub console: ConsoleSettings,
}

impl CentralSettings {
    /// Reads a file of settings, whose paths are relative to it. A mistake is said by file, line, key, and the nearest valid key.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut settings: CentralSettings = read_toml(&text, &path.display().to_string())?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let (console, database) = (&mut settings.console, settings.database.as_mut());
        let (authority, password) =
            database.map_or((None, None), |d| (d.authority.as_mut(), d.password_file.as_mut()));
        let (credentials, service) = settings
            .pictures
            .s3
            .as_mut()
            .map_or((None, None), |s3| (Some(&mut s3.credentials), s3.authority.as_mut()));
        for place in [&mut settings.data, &mut settings.identity]
            .into_iter()
            .chain(console.certificate.as_mut())
            .chain(console.key.as_mut())
            .chain(authority)
            .chain(password)
            .chain(credentials)
            .chain(service)
        {
            *place = folder.join(&*place);
        }
        Ok(settings)
    }
}

/// Where lanes reach central: always HTTPS with client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// Where officers reach the console. Without a certificate only a loopback address is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSettings {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain in PEM.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key in PEM.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// How long cases may wait.
    #[serde(default)]
    pub cases: CaseLimits,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_reads_and_a_mistyped_key_is_named() {
        let text = include_str!("../../config/central.toml");
        let settings: CentralSettings = read_toml(text, "central.toml").unwrap();
        assert!(settings.console.listen.ip().is_loopback() && settings.console.certificate.is_none());
        let error =
            read_toml::<CentralSettings>(&text.replace("listen =", "lisen ="), "central.toml").unwrap_err();
        let said = error.to_string();
        assert!(["central.toml", "lisen", "listen"].iter().all(|word| said.contains(word)), "{said}");
    }
}
