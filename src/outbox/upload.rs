//! The way from a lane to central: look-ups with a deadline, and the upload of what the queue holds.
//!
//! [`CentralClient`] speaks the calls of [`crate::record::wire`] with the lane's certificate, and trusts
//! no authority but the lane's own. [`Uploader`] is a task that sends pictures first, then the records
//! that name them, and tells the queue what central acknowledged.
//!
//! What can never happen: something is dropped (what was not acknowledged stays in the queue, whatever
//! central says); central is asked in a tight loop (waits grow to a bound, with jitter); an answer of
//! any size is read; an answer to another question is believed.

use crate::check::Reason;
use crate::record::wire::{BatchAnswer, LookupAnswer, LookupQuestion, RecordBatch, Refusal, RefusalCode};
use crate::record::{PassageRecord, SignedAnswer, SignedRecord};
use ed25519_dalek::VerifyingKey;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How long opening a connection may take.
const CONNECT_MOST: Duration = Duration::from_secs(5);
/// How long one upload call may take.
const CALL_MOST: Duration = Duration::from_secs(30);
/// Largest answer that is read, bytes.
const ANSWER_MOST: usize = 16 << 10;
/// Records sent in one call. Fewer than central takes, so that a backlog on a slow line is acknowledged
/// in steps.
const BATCH: usize = 16;
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

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
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
            Err(_) => Err(CallError::Answer(format!("status {status} without a reason"))),
        }
    }
}

/// The one common name of a certificate.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
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

/// What the uploader needs of the queue. Calls may wait for the disk.
pub trait Backlog: Send + 'static {
    /// Why the queue cannot be read or written.
    type Error: std::error::Error + Send + Sync + 'static;
    /// The oldest records that are not acknowledged, in chain order, at most so many.
    fn pending(&mut self, most: usize) -> Result<Vec<SignedRecord>, Self::Error>;
    /// The sealed bytes of a picture.
    fn sealed_picture(&mut self, sha256: &str) -> Result<Option<Vec<u8>>, Self::Error>;
    /// Central has every record of this epoch up to this sequence.
    fn acknowledge(&mut self, epoch: &str, through: u64) -> Result<(), Self::Error>;
}

/// How long to wait after a failed call: from the first to the longest wait, doubled each time, less a
/// random part of up to half, so that lanes do not come back all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// After the first failure.
    pub first: Duration,
    /// After many.
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        BackOff { first: Duration::from_millis(500), longest: Duration::from_secs(60) }
    }
}

impl BackOff {
    /// The wait after so many failures in a row, with jitter from the system's random bytes; without them there is
    /// none, and still a wait.
    pub fn wait_with_jitter(self, failures: u32) -> Duration {
        let mut jitter = [0_u8];
        let _ = getrandom::fill(&mut jitter);
        let [jitter] = jitter;
        self.wait(failures, jitter)
    }

    /// The wait after so many failures in a row, `jitter` of 0 to 255 taking up to half of it away.
    fn wait(self, failures: u32, jitter: u8) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.longest);
        whole.saturating_sub(whole.saturating_mul(u32::from(jitter)) / 512)
    }
}

/// How the upload goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// Everything is acknowledged.
    Idle,
    /// On its way.
    Sending,
    /// The last call failed; the next one follows after a wait.
    Waiting {
        /// Failed calls in a row.
        failures: u32,
        /// The last error.
        why: String,
    },
    /// The queue names a record or picture that central will not take as it is: an engineer must look.
    /// It is tried again after the longest wait.
    Stuck {
        /// What central or the queue says.
        why: String,
    },
}

/// The upload task's maker.
pub struct Uploader;

/// A running upload.
pub struct RunningUploader {
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
    state: watch::Receiver<UploadState>,
    task: JoinHandle<()>,
}

impl Uploader {
    /// Starts to upload what the queue holds, now and whenever woken.
    pub fn start<B: Backlog>(
        client: CentralClient,
        queue: Arc<Mutex<B>>,
        back_off: BackOff,
    ) -> RunningUploader {
        let wake = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let (state, seen) = watch::channel(UploadState::Idle);
        let work = Work { client, queue, sent: HashSet::new(), state };
        let task = tokio::spawn(work.run(Arc::clone(&wake), stopped, back_off));
        RunningUploader { wake, stop, state: seen, task }
    }
}

impl RunningUploader {
    /// To be told after each append to the queue, from any thread.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// How it goes, now and later.
    pub fn state(&self) -> watch::Receiver<UploadState> {
        self.state.clone()
    }

    /// Ends between two calls, or breaks the call off that is under way: what it sent is sent again.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!("the upload task broke off: {error}");
        }
    }
}

/// Why a round failed.
enum RoundError {
    Call(CallError),
    Queue(String),
}

struct Work<B> {
    client: CentralClient,
    queue: Arc<Mutex<B>>,
    /// Pictures that central took, of records that it has not acknowledged yet.
    sent: HashSet<String>,
    state: watch::Sender<UploadState>,
}

impl<B: Backlog> Work<B> {
    async fn run(mut self, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>, back_off: BackOff) {
        let mut failures: u32 = 0;
        loop {
            let round = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                round = self.round() => round,
            };
            let wait = match round {
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    self.state.send_if_modified(|state| {
                        std::mem::replace(state, UploadState::Idle) != UploadState::Idle
                    });
                    None
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    Some(self.after_failure(error, failures, back_off))
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                // While waiting after a failure, a new record is no reason to call sooner.
                () = async { match wait { Some(wait) => tokio::time::sleep(wait).await, None => wake.notified().await } } => {}
            }
        }
    }

    /// Sends one batch. `false` when there was nothing to send.
    async fn round(&mut self) -> Result<bool, RoundError> {
        let pending = self.on_queue(|queue| queue.pending(BATCH)).await?;
        let Some(batch) = first_epoch(pending)? else { return Ok(false) };
        self.state.send_replace(UploadState::Sending);
        let pictures = batch.iter().flat_map(|(_, record)| &record.pictures);
        let names: Vec<String> = pictures.map(|picture| picture.sealed_sha256.clone()).collect();
        for name in names {
            if !self.sent.contains(&name) {
                self.send_picture(name).await?;
            }
        }
        let records = batch.iter().map(|(signed, _)| signed.clone()).collect();
        let answer = self.client.post_records(&RecordBatch { records }).await.map_err(RoundError::Call)?;
        let epoch = batch.first().map(|(_, record)| record.position.epoch.as_str());
        let first = batch.first().map_or(0, |(_, record)| record.position.sequence);
        let last = batch.last().map_or(0, |(_, record)| record.position.sequence);
        if epoch != Some(answer.epoch.as_str()) || !(first..=last).contains(&answer.stored_through) {
            let text = "the acknowledgement is for records that were not sent".to_owned();
            return Err(RoundError::Call(CallError::Answer(text)));
        }
        for (_, record) in batch.iter().filter(|(_, r)| r.position.sequence <= answer.stored_through) {
            for picture in &record.pictures {
                self.sent.remove(&picture.sealed_sha256);
            }
        }
        self.on_queue(move |queue| queue.acknowledge(&answer.epoch, answer.stored_through)).await?;
        Ok(true)
    }

    async fn send_picture(&mut self, name: String) -> Result<(), RoundError> {
        let wanted = name.clone();
        let sealed = self.on_queue(move |queue| queue.sealed_picture(&wanted)).await?;
        let missing =
            || RoundError::Queue(format!("picture {name} is named by a record and not in the queue"));
        let sealed = sealed.ok_or_else(missing)?;
        self.client.put_picture(&name, sealed).await.map_err(RoundError::Call)?;
        self.sent.insert(name);
        Ok(())
    }

    /// Tells of the failure and says how long to wait.
    fn after_failure(&mut self, error: RoundError, failures: u32, back_off: BackOff) -> Duration {
        let wait = back_off.wait_with_jitter(failures);
        let (state, wait) = match error {
            RoundError::Call(CallError::Refused { refusal, retry_after }) => {
                let why = format!("{:?}: {}", refusal.code, refusal.text);
                match refusal.code {
                    RefusalCode::Busy => {
                        (UploadState::Waiting { failures, why }, wait.max(retry_after.unwrap_or_default()))
                    }
                    // Central lost it, or never had it: the next round sends it again.
                    RefusalCode::PictureMissing => {
                        self.sent.clear();
                        (UploadState::Waiting { failures, why }, wait)
                    }
                    _ => (UploadState::Stuck { why }, back_off.longest),
                }
            }
            RoundError::Call(error) => (UploadState::Waiting { failures, why: error.to_string() }, wait),
            RoundError::Queue(why) => (UploadState::Stuck { why }, back_off.longest),
        };
        if failures == 1 || matches!(state, UploadState::Stuck { .. }) {
            tracing::warn!(?state, "upload to central failed");
        }
        self.state.send_replace(state);
        wait
    }

    async fn on_queue<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut B) -> Result<T, B::Error> + Send + 'static,
    ) -> Result<T, RoundError> {
        let queue = Arc::clone(&self.queue);
        let done = tokio::task::spawn_blocking(move || {
            act(&mut queue.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|error| error.to_string())
        });
        done.await.unwrap_or_else(|broken| Err(broken.to_string())).map_err(RoundError::Queue)
    }
}

/// The records up to the first of another epoch, each with what it says; `None` when there is none.
fn first_epoch(pending: Vec<SignedRecord>) -> Result<Option<Vec<(SignedRecord, PassageRecord)>>, RoundError> {
    let mut batch: Vec<(SignedRecord, PassageRecord)> = Vec::with_capacity(pending.len());
    for signed in pending {
        let record: PassageRecord = serde_json::from_str(&signed.canonical)
            .map_err(|error| RoundError::Queue(format!("a record in the queue does not read: {error}")))?;
        if batch.first().is_some_and(|(_, first)| first.position.epoch != record.position.epoch) {
            break;
        }
        batch.push((signed, record));
    }
    Ok((!batch.is_empty()).then_some(batch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_takes_at_most_half() {
        let back_off = BackOff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };
        assert_eq!(back_off.wait(1, 0), Duration::from_millis(500));
        assert_eq!(back_off.wait(4, 0), Duration::from_secs(4));
        for failures in [8, 31, 32, 33, 1000, u32::MAX] {
            assert_eq!(back_off.wait(failures, 0), Duration::from_secs(60));
            assert!(back_off.wait(failures, 255) >= Duration::from_secs(30));
        }
    }
}
