//! Where the PostgreSQL database is, and how the way to it is kept safe.

use super::StoreError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where the PostgreSQL database is. Over the network TLS is always on, and the server's certificate is
/// verified against `authority` alone; without TLS only a socket of this machine or a loopback address
/// is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// Connection string of PostgreSQL, without password: `host=/run/postgresql user=egate dbname=egate`.
    pub postgres: String,
    /// File that holds the password, when one is needed.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Certificate in PEM of the authority that signed the server's.
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

impl PostgresSettings {
    /// The driver's settings, and TLS where there is an authority.
    pub(super) fn resolve(&self) -> Result<(Config, Option<MakeRustlsConnect>), StoreError> {
        let wrong = |why: String| StoreError::Settings(why);
        // The driver's error quotes nothing of the string.
        let mut config: Config = self.postgres.parse().map_err(|e| wrong(format!("postgres: {e}")))?;
        if config.get_password().is_some() {
            return Err(wrong(
                "postgres: the password belongs into a file, named by password_file".to_owned(),
            ));
        }
        if let Some(file) = &self.password_file {
            config.password(read(file)?.trim_end_matches(['\r', '\n']));
        }
        config.application_name("egate central");
        let Some(authority) = &self.authority else {
            if let Some(host) = first_remote(&config) {
                return Err(wrong(format!(
                    "the database at {host} is reached over the network: give authority, the certificate that \
                     its TLS certificate was signed with"
                )));
            }
            config.ssl_mode(SslMode::Disable);
            return Ok((config, None));
        };
        config.ssl_mode(SslMode::Require);
        Ok((config, Some(MakeRustlsConnect::new(tls(authority)?))))
    }
}

/// The first host that is neither a socket nor a loopback address of this machine.
fn first_remote(config: &Config) -> Option<String> {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    // The address, where given, is where the connection goes; the name then serves TLS alone.
    if !config.get_hostaddrs().is_empty() {
        let mut addresses = config.get_hostaddrs().iter();
        return addresses.find(|address| !address.is_loopback()).map(ToString::to_string);
    }
    config.get_hosts().iter().find(|host| !local(host)).map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    })
}

fn tls(authority: &Path) -> Result<ClientConfig, StoreError> {
    let wrong = |why: String| StoreError::Settings(format!("{}: {why}", authority.display()));
    let pem = read(authority)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate in PEM".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read(path: &Path) -> Result<String, StoreError> {
    std::fs::read_to_string(path).map_err(|e| StoreError::Settings(format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(postgres: &str) -> String {
        let settings =
            PostgresSettings { postgres: postgres.to_owned(), password_file: None, authority: None };
        settings.resolve().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn without_tls_only_this_machine_is_accepted() {
        for local in ["host=/run/postgresql", "host=127.0.0.1", "host=::1", "host=db hostaddr=127.0.0.1"] {
            assert_eq!(why(local), "", "{local}");
        }
        // A name can lead anywhere, `localhost` too.
        for remote in ["host=db.example", "host=localhost", "host=10.0.0.7", "host=127.0.0.1,10.0.0.7"] {
            assert!(why(remote).contains("give authority"), "{remote}");
        }
        assert!(why("host=127.0.0.1 hostaddr=10.0.0.7").contains("give authority"));
    }

    #[test]
    fn a_password_among_the_settings_is_refused_and_not_repeated() {
        let said = why("host=/run/postgresql password=secret");
        assert!(said.contains("password_file") && !said.contains("secret"), "{said}");
    }
}
