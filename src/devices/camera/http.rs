//! Motion JPEG over HTTP: the stream that nearly every IP camera gives at some address.
//!
//! `GET` on the address, an answer of `multipart/x-mixed-replace` that never ends, one JPEG in each part. A stream
//! says nothing of capture times: a picture counts as taken when its last byte came. No redirects, no proxy, plain
//! HTTP alone: camera and lane stand on a network of their own (see `hardware/README.md`). User and password stand
//! in the address and in no message.

use super::live::{FrameSource, Grabbed, LiveCamera, RawPicture};
use super::multipart::{Multipart, MultipartFault};
use crate::devices::CameraFault;
use reqwest::{Client, Response, Url, header};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long connecting and the answer's header may take.
const CONNECT_MOST: Duration = Duration::from_secs(3);

/// An IP camera in the lane's settings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCameraSettings {
    /// Address of the motion JPEG stream, `http://[user:password@]host[:port]/path`.
    pub url: String,
}

impl std::fmt::Debug for HttpCameraSettings {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpCameraSettings").field("url", &self.spoken()).finish()
    }
}

impl HttpCameraSettings {
    /// The address.
    ///
    /// # Errors
    /// When it is none, or not one of plain HTTP.
    fn address(&self) -> Result<Url, CameraFault> {
        let wrong = |what: &str| CameraFault::Settings(format!("camera.http.url: {what}"));
        let url: Url = self.url.parse().map_err(|_| wrong("no address"))?;
        match url.scheme() {
            "http" if url.has_host() => Ok(url),
            _ => Err(wrong("an address must begin with http:// and name a host")),
        }
    }

    /// The address as it may stand in a message.
    fn spoken(&self) -> String {
        let Ok(mut url) = self.address() else { return "(no address)".to_owned() };
        // Both can fail only where there is no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }

    /// Starts the camera.
    ///
    /// # Errors
    /// When the address cannot be one.
    pub fn open(&self) -> Result<LiveCamera, CameraFault> {
        LiveCamera::start(HttpSource::new(self)?)
    }
}

/// One stream at a time from an IP camera.
pub struct HttpSource {
    runtime: tokio::runtime::Runtime,
    client: Client,
    url: Url,
    spoken: String,
    stream: Option<Stream>,
}

struct Stream {
    response: Response,
    parts: Multipart,
}

impl HttpSource {
    /// Does not connect yet.
    ///
    /// # Errors
    /// When the address cannot be one.
    pub fn new(settings: &HttpCameraSettings) -> Result<Self, CameraFault> {
        let system = |error: String| CameraFault::Gone(error);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let nobody = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| system(error.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(nobody)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_MOST)
            .build()
            .map_err(|error| system(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| system(error.to_string()))?;
        let (url, spoken) = (settings.address()?, settings.spoken());
        Ok(HttpSource { runtime, client, url, spoken, stream: None })
    }

    fn gone(&self, what: impl std::fmt::Display) -> CameraFault {
        CameraFault::Gone(format!("{}: {what}", self.spoken))
    }
}

impl FrameSource for HttpSource {
    fn connect(&mut self) -> Result<(), CameraFault> {
        self.stream = None;
        let asked = self.client.get(self.url.clone()).send();
        let answer = self.runtime.block_on(async { tokio::time::timeout(CONNECT_MOST, asked).await });
        let response = match answer {
            Err(_) => return Err(self.gone("no answer in time")),
            Ok(Err(error)) => return Err(self.gone(root(&error.without_url()))),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if !status.is_success() {
            return Err(self.gone(status));
        }
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let parts =
            Multipart::new(kind.unwrap_or("an answer of no type")).map_err(|fault| self.gone(fault))?;
        tracing::info!(address = %self.spoken, "camera connected");
        self.stream = Some(Stream { response, parts });
        Ok(())
    }

    fn grab(&mut self, patience: Duration) -> Result<Grabbed, CameraFault> {
        let begun = Instant::now();
        loop {
            let Some(stream) = &mut self.stream else { return Err(self.gone("not connected")) };
            let left = patience.saturating_sub(begun.elapsed());
            let chunk =
                self.runtime.block_on(async { tokio::time::timeout(left, stream.response.chunk()).await });
            let pictures = match chunk {
                Err(_) => return Err(CameraFault::Silent(patience)),
                Ok(Err(error)) => return Err(self.gone(root(&error.without_url()))),
                Ok(Ok(None)) => return Err(self.gone(MultipartFault::Ended)),
                Ok(Ok(Some(bytes))) => stream.parts.push(&bytes).map_err(|fault| self.gone(fault))?,
            };
            // Of several that came together the last is the newest.
            if let Some(picture) = pictures.into_iter().last() {
                return Ok(Grabbed { captured: Instant::now(), picture: RawPicture::Jpeg(picture) });
            }
        }
    }
}

/// The cause at the bottom: the causes above it say only that a request failed.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> HttpCameraSettings {
        HttpCameraSettings { url: url.to_owned() }
    }

    #[test]
    fn only_plain_http_addresses_are_taken() {
        for url in ["https://camera/", "rtsp://camera/", "camera", "file:///etc/passwd", ""] {
            assert!(matches!(settings(url).open(), Err(CameraFault::Settings(_))), "{url}");
        }
    }

    #[test]
    fn user_and_password_are_in_no_message() {
        let settings = settings("http://admin:hunter2@127.0.0.1:9/stream");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let fault = HttpSource::new(&settings).unwrap().connect().unwrap_err().to_string();
        assert!(fault.contains("127.0.0.1:9/stream") && !fault.contains("hunter2"), "{fault}");
    }
}
