//! Where pictures are kept.

use anyhow::{Context, bail, ensure};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection to the object store may take to open.
const CONNECT_MOST: Duration = Duration::from_secs(3);
/// How long one request may take.
const REQUEST_MOST: Duration = Duration::from_secs(10);
/// How often a request that failed is sent again, and for how long; below what a lane's call may take.
const RETRIES_MOST: usize = 3;
const RETRY_MOST: Duration = Duration::from_secs(15);
/// The waits between them.
const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MOST: Duration = Duration::from_secs(2);

/// Where sealed pictures are kept: in the folder `pictures` of the data, or in an object store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PicturesSettings {
    /// A store that speaks S3; without, files.
    pub s3: Option<S3Settings>,
}

/// An object store that speaks S3. Over the network TLS is always on; plain HTTP is accepted on a loopback
/// address only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// URL of the service, as `https://s3.example`.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// File (TOML) with `access_key_id` and `secret_access_key`, which only central may read.
    pub credentials: PathBuf,
    /// Certificate in PEM of the authority that signed the service's; without, those that the system trusts.
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
}

impl S3Settings {
    /// The client; nothing is asked yet.
    pub(super) fn client(&self) -> anyhow::Result<AmazonS3> {
        // The HTTP client takes the process's provider; one that is there is kept.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials: Credentials = {
            // No error may quote what is in the file.
            let wrong = || format!("{}: not access_key_id and secret_access_key", self.credentials.display());
            toml::from_str(&read(&self.credentials)?).ok().with_context(wrong)?
        };
        let plain = self.plain_http()?;
        let mut options = ClientOptions::new()
            .with_connect_timeout(CONNECT_MOST)
            .with_timeout(REQUEST_MOST)
            .with_allow_http(plain);
        if let Some(authority) = &self.authority {
            let wrong = || format!("{}: no certificate in PEM", authority.display());
            let certificate = Certificate::from_pem(read(authority)?.as_bytes()).with_context(wrong)?;
            options = options.with_no_system_certificates(true).with_root_certificate(certificate);
        }
        let backoff = BackoffConfig { init_backoff: WAIT_FIRST, max_backoff: WAIT_MOST, base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: RETRIES_MOST, retry_timeout: RETRY_MOST };
        let client = AmazonS3Builder::new()
            .with_client_options(options)
            .with_bucket_name(&self.bucket)
            .with_endpoint(&self.endpoint)
            .with_region(&self.region)
            .with_access_key_id(credentials.access_key_id)
            .with_secret_access_key(credentials.secret_access_key)
            .with_retry(retry)
            .with_disable_bulk_delete(true)
            .build();
        client.with_context(|| format!("bucket {} at {}", self.bucket, self.endpoint))
    }

    /// Whether the way is plain HTTP on this machine; other plain HTTP is refused.
    fn plain_http(&self) -> anyhow::Result<bool> {
        if self.endpoint.starts_with("https://") {
            return Ok(false);
        }
        let Some(address) = self.endpoint.strip_prefix("http://") else {
            bail!("endpoint {:?} is no URL: write https://NAME", self.endpoint)
        };
        let loopback =
            address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
        ensure!(
            loopback,
            "endpoint {} is plain HTTP: that is accepted on a loopback address only",
            self.endpoint
        );
        Ok(true)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn why(endpoint: &str, credentials: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials.toml");
        std::fs::write(&file, credentials).unwrap();
        let [bucket, region] = ["pictures", "eu-1"].map(str::to_owned);
        let s3 =
            S3Settings { bucket, endpoint: endpoint.to_owned(), region, credentials: file, authority: None };
        s3.client().err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn plain_http_leads_nowhere_but_to_this_machine_and_secrets_are_not_repeated() {
        let good = "access_key_id = \"a\"\nsecret_access_key = \"secret\"";
        assert_eq!(why("http://127.0.0.1:9000", good), "");
        assert_eq!(why("https://s3.example", good), "");
        assert!(why("http://s3.example", good).contains("loopback"));
        assert!(why("http://localhost:9000", good).contains("loopback"));
        assert!(why("s3.example", good).contains("https://"));
        let said = why("https://s3.example", "access_key_id = \"a\"\nsecret_access_key = secret");
        assert!(said.contains("secret_access_key") && !said.contains("= secret"), "{said}");
    }
}
