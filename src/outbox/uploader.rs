//! The upload: a task that sends what the queue holds, one call after the other, and tells the queue what
//! central acknowledged.
//!
//! Before each call it is looked anew what is most urgent: the pictures and the record of what came just now,
//! then the backlog ([`super::backlog`]), then telemetry. What can never happen: something is dropped (what
//! was not acknowledged stays in the queue, whatever central says); central is asked in a tight loop (waits
//! grow to a bound, with jitter, and heed what central asks for); the line is filled beyond its share.

use super::backlog::{Backlog, Extent, Order};
use super::client::{CallError, CentralClient};
use super::pace::{Pace, UploadRate};
use super::receipt::{CentralHas, ReceiptsError};
use crate::record::wire::{RecordBatch, RefusalCode, TelemetryBatch};
use crate::record::{PassageRecord, SignedRecord};
use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

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

/// What to do when a queue's keys were used for other records.
const PUT_BACK: &str =
    "was it put back from a copy? Stop the lane, then `egate outbox renew` keeps all that central has not";

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
    /// The queue names a record or picture that central will not take as it is, or central has records of this
    /// queue that it does not know of: an engineer must look. It is tried again after the longest wait.
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
    rate: UploadRate,
    task: JoinHandle<()>,
}

impl Uploader {
    /// Starts to upload what the queue holds, now and whenever woken.
    pub fn start<B: Backlog>(
        client: CentralClient,
        queue: Arc<Mutex<B>>,
        back_off: BackOff,
    ) -> RunningUploader {
        Uploader::start_paced(client, queue, back_off, None)
    }

    /// The same, with at most so many bytes a second on average; `None` takes what the line gives.
    pub fn start_paced<B: Backlog>(
        client: CentralClient,
        queue: Arc<Mutex<B>>,
        back_off: BackOff,
        bytes_per_second: Option<NonZeroU64>,
    ) -> RunningUploader {
        let wake = Arc::new(Notify::new());
        let (stop, stopped) = watch::channel(false);
        let (state, seen) = watch::channel(UploadState::Idle);
        let rate = UploadRate::default();
        rate.set(bytes_per_second);
        let (order, pace) = (Order::default(), Pace::new(rate.clone()));
        let work =
            Work { client, queue, compared: false, put_back: None, sent: HashSet::new(), order, pace, state };
        let task = tokio::spawn(work.run(Arc::clone(&wake), stopped, back_off));
        RunningUploader { wake, stop, state: seen, rate, task }
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

    /// The share of the line that it may take, to be changed while it runs.
    pub fn rate(&self) -> UploadRate {
        self.rate.clone()
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
    /// Whether central was asked what of this queue it has, since there is a line.
    compared: bool,
    /// Central has more of this queue than the queue itself: in words.
    put_back: Option<String>,
    /// Pictures that central took, of records that it has not acknowledged yet.
    sent: HashSet<String>,
    order: Order,
    pace: Pace,
    state: watch::Sender<UploadState>,
}

impl<B: Backlog> Work<B> {
    async fn run(mut self, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>, back_off: BackOff) {
        let mut failures: u32 = 0;
        loop {
            let step = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                step = self.step() => step,
            };
            let wait = match step {
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    self.order.pause();
                    let rest = match &self.put_back {
                        Some(why) => UploadState::Stuck { why: why.clone() },
                        None => UploadState::Idle,
                    };
                    self.state.send_if_modified(|state| std::mem::replace(state, rest.clone()) != rest);
                    None
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.order.pause();
                    // While there was no line, records may have come to central by another way.
                    self.compared &= !matches!(error, RoundError::Call(CallError::Unreachable(_)));
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

    /// Makes the most urgent call. `false` when there is nothing to send.
    async fn step(&mut self) -> Result<bool, RoundError> {
        tokio::time::sleep_until(self.pace.free().into()).await;
        if !self.compared {
            self.put_back = self.compare().await?;
            self.compared = true;
        }
        let Some(extent) = self.on_queue(Backlog::extent).await? else { return self.send_telemetry().await };
        self.state.send_replace(UploadState::Sending);
        let Some(run) = self.order.next(&extent) else {
            // All of it went ahead, and only the acknowledgement failed.
            let through = self.order.through(&extent).unwrap_or(extent.last);
            self.on_queue(move |queue| queue.acknowledge(&extent.epoch, through)).await?;
            return Ok(true);
        };
        let batch = read(self.on_queue(move |queue| queue.pending_after(run.after, run.most)).await?)?;
        if batch.is_empty() {
            // A receipt took them away in the meantime.
            return Ok(true);
        }
        let pictures = batch.iter().flat_map(|(_, record)| &record.pictures);
        match pictures.map(|picture| &picture.sealed_sha256).find(|name| !self.sent.contains(*name)) {
            Some(name) => self.send_picture(name.clone()).await?,
            None => self.send_records(&extent, &batch, run.held_from).await?,
        }
        Ok(true)
    }

    /// Asks which records of the queue central has, before anything is sent: those that were carried to it by hand,
    /// or whose acknowledgement was lost, are not sent again. When it has any beyond the queue's last one, the queue was
    /// put back from a copy; that is better told before the next outcome collides with one of them.
    async fn compare(&mut self) -> Result<Option<String>, RoundError> {
        let Some((epoch, last)) = self.on_queue(Backlog::head).await?.filter(|(_, last)| *last > 0) else {
            return Ok(None);
        };
        let waits = self.on_queue(Backlog::extent).await?;
        let first = waits.as_ref().map_or(last.saturating_add(1), |waits| waits.first);
        let has = match CentralHas::ask(&self.client, &Extent { epoch, first, last }).await {
            Ok(has) => has,
            // A central of before there were receipts.
            Err(ReceiptsError::Call(CallError::Away { status: 404 | 405, .. })) => return Ok(None),
            Err(ReceiptsError::Call(error)) => return Err(RoundError::Call(error)),
            Err(error) => return Err(RoundError::Call(CallError::Answer(error.to_string()))),
        };
        let more = has.last().filter(|theirs| *theirs > last);
        if let Some(waits) = waits {
            let known = self.on_queue(move |queue| queue.known(&has)).await?;
            self.order.known(known);
            if let Some(through) = self.order.through(&waits) {
                self.on_queue(move |queue| queue.acknowledge(&waits.epoch, through)).await?;
            }
        }
        Ok(more.map(|theirs| {
            let why =
                format!("central has records up to {theirs} of this queue, which ends at {last}: {PUT_BACK}");
            tracing::error!("{why}");
            why
        }))
    }

    /// Sends records whose pictures are there, and tells the queue up to where central has everything.
    async fn send_records(
        &mut self,
        extent: &Extent,
        batch: &[(SignedRecord, PassageRecord)],
        held_from: Option<u64>,
    ) -> Result<(), RoundError> {
        let records: Vec<SignedRecord> = batch.iter().map(|(signed, _)| signed.clone()).collect();
        self.pace.took(records.iter().map(|signed| signed.canonical.len()).sum(), Instant::now());
        let answer = self.client.post_records(&RecordBatch { records, held_from }).await;
        let answer = answer.map_err(RoundError::Call)?;
        let first = batch.first().map_or(0, |(_, record)| record.position.sequence);
        let last = batch.last().map_or(0, |(_, record)| record.position.sequence);
        if extent.epoch != answer.epoch || !(first..=last).contains(&answer.stored_through) {
            let text = "the acknowledgement is for records that were not sent".to_owned();
            return Err(RoundError::Call(CallError::Answer(text)));
        }
        for (_, record) in batch.iter().filter(|(_, r)| r.position.sequence <= answer.stored_through) {
            for picture in &record.pictures {
                self.sent.remove(&picture.sealed_sha256);
            }
        }
        if let Some(through) = self.order.stored(extent, first, answer.stored_through) {
            let epoch = answer.epoch;
            self.on_queue(move |queue| queue.acknowledge(&epoch, through)).await?;
        }
        Ok(())
    }

    /// Sends telemetry when no outcome waits. `false` when there is none.
    async fn send_telemetry(&mut self) -> Result<bool, RoundError> {
        let (epoch, entries) = self.on_queue(|queue| queue.telemetry(TelemetryBatch::MOST)).await?;
        let Some(last) = entries.last().map(|entry| entry.number) else { return Ok(false) };
        self.pace.took(entries.iter().map(|entry| entry.text.len()).sum(), Instant::now());
        let batch = TelemetryBatch { epoch, entries };
        let answer = self.client.post_telemetry(&batch).await.map_err(RoundError::Call)?;
        // What central will not take is not worth a second try: outcomes alone are never given up.
        let through = answer.stored_through.max(last);
        self.on_queue(move |queue| queue.telemetry_arrived(through)).await?;
        Ok(true)
    }

    async fn send_picture(&mut self, name: String) -> Result<(), RoundError> {
        let wanted = name.clone();
        let sealed = self.on_queue(move |queue| queue.sealed_picture(&wanted)).await?;
        let missing =
            || RoundError::Queue(format!("picture {name} is named by a record and not in the queue"));
        let sealed = sealed.ok_or_else(missing)?;
        self.pace.took(sealed.len(), Instant::now());
        self.client.put_picture(&name, sealed).await.map_err(RoundError::Call)?;
        self.sent.insert(name);
        Ok(())
    }

    /// Tells of the failure and says how long to wait.
    fn after_failure(&mut self, error: RoundError, failures: u32, back_off: BackOff) -> Duration {
        let wait = back_off.wait_with_jitter(failures);
        let (state, wait) = match error {
            RoundError::Call(CallError::Refused { refusal, retry_after }) => {
                let asked = retry_after.unwrap_or_default();
                let why = format!("{:?}: {}", refusal.code, refusal.text);
                match refusal.code {
                    RefusalCode::Busy => (UploadState::Waiting { failures, why }, wait.max(asked)),
                    // Central lost it, or never had it: the next round sends it again.
                    RefusalCode::PictureMissing => {
                        self.sent.clear();
                        (UploadState::Waiting { failures, why }, wait)
                    }
                    RefusalCode::Conflict => {
                        let why = format!("{why}; {PUT_BACK}");
                        tracing::error!("{why}");
                        (UploadState::Stuck { why }, back_off.longest)
                    }
                    _ => (UploadState::Stuck { why }, back_off.longest),
                }
            }
            RoundError::Call(CallError::Away { status, retry_after }) => {
                let why = format!("status {status} from what stands before central");
                (UploadState::Waiting { failures, why }, wait.max(retry_after.unwrap_or_default()))
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

/// The records, each with what it says.
fn read(pending: Vec<SignedRecord>) -> Result<Vec<(SignedRecord, PassageRecord)>, RoundError> {
    let read = |signed: SignedRecord| match serde_json::from_str(&signed.canonical) {
        Ok(record) => Ok((signed, record)),
        Err(error) => Err(RoundError::Queue(format!("a record in the queue does not read: {error}"))),
    };
    pending.into_iter().map(read).collect()
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
