//! A lane's calls to central: look-ups with a deadline, pictures, records, telemetry.
//!
//! [`CentralClient`] speaks the calls of [`crate::record::wire`] with the lane's certificate, and trusts
//! no authority but the lane's own. What can never happen: an answer of any size is read; an answer to
//! another question is believed.

use super::kit::LaneKit;
use crate::check::Reason;
use crate::record::SignedAnswer;
use crate::record::wire::{
    BatchAnswer, LANE_TIME, LookupAnswer, LookupQuestion, RecordBatch, Refusal, TelemetryAnswer,
    TelemetryBatch,
};
use ed25519_dalek::VerifyingKey;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How long opening a connection may take.
const CONNECT_MOST: Duration = Duration::from_secs(5);
/// How long one upload call may take.
const CALL_MOST: Duration = Duration::from_secs(30);
/// Largest answer that is read, bytes.
const ANSWER_MOST: usize = 16 << 10;
/// Longest wait that central can ask for.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(300);

/// Where central is and who the lane is.
pub struct CentralClientSettings {
    /// `https://host:port`, without a path.
    pub url: String,
    /// The only authority that is trusted, PEM.
    pub authority_pem: String,
    /// The lane's certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
    /// Verifies central's answers to look-ups.
    pub answers: VerifyingKey,
}

/// A lane's connection to central. Cheap to clone.
#[derive(Clone)]
pub struct CentralClient {
    http: Client,
    url: String,
    /// The lane's name, as central knows it: that of the certificate.
    pub(super) lane: String,
    pub(super) answers: VerifyingKey,
}

/// Why the settings of a client cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not of the form `https://host:port`.
    #[error("{0:?} is not an address of the form https://host:port")]
    Url(String),
    /// A certificate or key does not read.
    #[error("{0}: {1}")]
    Pem(&'static str, String),
    /// TLS refuses the certificate or key.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a call did not give what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Central could not be reached, or the connection broke, or it took too long.
    #[error("central cannot be reached: {0}")]
    Unreachable(String),
    /// Central refused, and says why.
    #[error("central refused: {:?}: {}", .refusal.code, .refusal.text)]
    Refused {
        /// Why.
        refusal: Refusal,
        /// Central asks to wait so long before the next call.
        retry_after: Option<Duration>,
    },
    /// What answered is not central, but something before it that cannot reach it now.
    #[error("status {status} without a reason of central's")]
    Away {
        /// HTTP status.
        status: u16,
        /// So long it asks to wait before the next call.
        retry_after: Option<Duration>,
    },
    /// The answer is not one of central.
    #[error("central's answer is not acceptable: {0}")]
    Answer(String),
}

/// Why a look-up gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Central could not be asked.
    #[error("central could not be asked: {0}")]
    Unavailable(String),
    /// No answer before the deadline.
    #[error("central did not answer in time")]
    Late,
    /// The answer is to another question, or none at all.
    #[error("central's answer is not acceptable: {0}")]
    Invalid(String),
}

impl LookupError {
    /// The reason that the check gives.
    pub fn reason(&self) -> Reason {
        match self {
            LookupError::Unavailable(_) => Reason::LookupUnavailable,
            LookupError::Late => Reason::LookupLate,
            LookupError::Invalid(_) => Reason::LookupAnswerInvalid,
        }
    }
}

impl CentralClient {
    /// A client of central at `url` with a lane's kit.
    ///
    /// # Errors
    /// As [`CentralClient::new`].
    pub fn of(url: &str, kit: &LaneKit) -> Result<Self, ClientError> {
        CentralClient::new(&CentralClientSettings {
            url: url.to_owned(),
            authority_pem: kit.authority_pem.clone(),
            certificate_pem: kit.certificate_pem.clone(),
            key_pem: kit.key_pem.clone(),
            answers: kit.answers,
        })
    }

    /// Makes a client; connects only when called.
    pub fn new(settings: &CentralClientSettings) -> Result<Self, ClientError> {
        let url = settings.url.trim_end_matches('/').to_owned();
        let parsed = reqwest::Url::parse(&url).map_err(|_| ClientError::Url(url.clone()))?;
        if parsed.scheme() != "https" || parsed.path() != "/" || parsed.query().is_some() {
            return Err(ClientError::Url(url));
        }
        let pem =
            |what| move |error: rustls::pki_types::pem::Error| ClientError::Pem(what, error.to_string());
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(settings.authority_pem.as_bytes()) {
            roots.add(authority.map_err(pem("authority"))?)?;
        }
        let chain = CertificateDer::pem_slice_iter(settings.certificate_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem("lane's certificate"))?;
        let lane = chain.first().and_then(common_name);
        let lane = lane.ok_or(ClientError::Pem("lane's certificate", "it names no lane".to_owned()))?;
        let key =
            PrivateKeyDer::from_pem_slice(settings.key_pem.as_bytes()).map_err(pem("lane's private key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_MOST)
            .build()?;
        Ok(CentralClient { http, url, lane, answers: settings.answers })
    }

    /// Asks about a document and its bearer. The answer must be central's, for this lane and question, and
    /// of now.
    pub async fn look_up(
        &self,
        question: &LookupQuestion,
        deadline: Duration,
    ) -> Result<LookupAnswer, LookupError> {
        let call = self.call::<SignedAnswer>(self.request(Method::POST, "/v1/lookups").json(question));
        let answer = tokio::time::timeout(deadline, call).await.map_err(|_| LookupError::Late)?;
        let answer = answer.map_err(|error| match error {
            CallError::Answer(text) => LookupError::Invalid(text),
            other => LookupError::Unavailable(other.to_string()),
        })?;
        let now = jiff::Timestamp::now().as_millisecond();
        let verified = answer.verify(&self.answers, &self.lane, question, now);
        verified.map_err(|error| LookupError::Invalid(error.to_string()))
    }

    /// Whether central can be reached and knows this lane.
    pub async fn health(&self) -> Result<(), CallError> {
        self.send(self.request(Method::GET, "/v1/health").timeout(CALL_MOST)).await.map(drop)
    }

    /// Sends a sealed picture under the SHA-256 of its bytes.
    pub async fn put_picture(&self, sha256: &str, sealed: Vec<u8>) -> Result<(), CallError> {
        let request = self.request(Method::PUT, &format!("/v1/pictures/{sha256}"));
        self.send(request.timeout(CALL_MOST).body(sealed)).await.map(drop)
    }

    /// Sends records of one epoch in order.
    pub async fn post_records(&self, batch: &RecordBatch) -> Result<BatchAnswer, CallError> {
        self.call(self.request(Method::POST, "/v1/records").timeout(CALL_MOST).json(batch)).await
    }

    /// Sends telemetry.
    pub async fn post_telemetry(&self, batch: &TelemetryBatch) -> Result<TelemetryAnswer, CallError> {
        self.call(self.request(Method::POST, "/v1/telemetry").timeout(CALL_MOST).json(batch)).await
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let now = jiff::Timestamp::now().as_millisecond();
        self.http.request(method, format!("{}{path}", self.url)).header(LANE_TIME, now)
    }

    pub(super) async fn call<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CallError> {
        let body = self.send(request).await?;
        serde_json::from_slice(&body).map_err(|error| CallError::Answer(error.to_string()))
    }

    /// The body of a good answer; the refusal of any other.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, CallError> {
        self.send_within(request, ANSWER_MOST).await
    }

    /// The same for an answer of at most so many bytes.
    pub(super) async fn send_within(
        &self,
        request: RequestBuilder,
        most: usize,
    ) -> Result<Vec<u8>, CallError> {
        let unreachable = |error: reqwest::Error| CallError::Unreachable(whole_story(&error));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > most {
                return Err(CallError::Answer(format!("longer than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if matches!(status, StatusCode::OK | StatusCode::NO_CONTENT) {
            return Ok(body);
        }
        match serde_json::from_slice(&body) {
            Ok(refusal) => Err(CallError::Refused { refusal, retry_after }),
            Err(_) => Err(CallError::Away { status: status.as_u16(), retry_after }),
        }
    }
}

/// The one common name of a certificate.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = openssl::x509::X509::from_der(certificate).ok()?;
    let mut names = certificate.subject_name().entries_by_nid(openssl::nid::Nid::COMMONNAME);
    let name = names.next()?.data().to_string().ok()?;
    names.next().is_none().then_some(name)
}

/// The error with its causes: the outermost alone says only "error sending request".
fn whole_story(error: &dyn std::error::Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        story = format!("{story}: {inner}");
        cause = inner.source();
    }
    story
}

fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MOST))
}
