//! One lane that sends passages.

use super::report::Seen;
use crate::check::{Check, CheckId};
use crate::outbox::{CallError, CentralClient, CentralClientSettings, LaneKit};
use crate::passage::{Ending, Outcome, Picture, Step, StepTime};
use crate::policy::PassageId;
use crate::record::wire::{RecordBatch, RefusalCode};
use crate::record::{
    ChainHead, PassageRecord, PictureLabel, Position, SOFTWARE, SealedPicture, SignedRecord,
};
use anyhow::Context;
use std::time::{Duration, Instant};

/// Every so many passages one is referred.
const REFERRED_EVERY: u64 = 20;
/// How often a call that central is too busy for is made again.
const TRIES_MOST: u32 = 20;
/// The wait before.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// What the passages are like.
#[derive(Debug, Clone, Copy)]
pub struct PassageLoad {
    /// Bytes of each of the two pictures.
    pub picture_bytes: usize,
    /// From the beginning of one passage to that of the next; none without.
    pub pause: Option<Duration>,
}

/// A lane with its identity, its chain and what it saw.
pub struct LoadLane {
    name: String,
    kit: LaneKit,
    client: CentralClient,
    epoch: String,
    head: ChainHead,
    pub(super) seen: Seen,
}

impl LoadLane {
    /// A lane with a chain that begins.
    ///
    /// # Errors
    /// When the address is none, or the kit's certificates do not read.
    pub fn new(name: String, kit: LaneKit, url: &str) -> anyhow::Result<LoadLane> {
        let client = CentralClient::new(&CentralClientSettings {
            url: url.to_owned(),
            authority_pem: kit.authority_pem.clone(),
            certificate_pem: kit.certificate_pem.clone(),
            key_pem: kit.key_pem.clone(),
            answers: kit.answers,
        })?;
        let epoch = hex::encode(random::<16>()?);
        Ok(LoadLane { name, kit, client, epoch, head: ChainHead::start(), seen: Seen::default() })
    }

    /// The lane's connection.
    pub fn client(&self) -> &CentralClient {
        &self.client
    }

    /// The next passage: its signed record and sealed pictures. The chain goes on with it.
    ///
    /// # Errors
    /// When there are no random bytes, or signing fails.
    pub fn next(&mut self, load: &PassageLoad) -> anyhow::Result<(SignedRecord, Vec<SealedPicture>)> {
        let sequence = self.head.sequence + 1;
        let outcome = outcome(&self.name, &self.epoch, sequence);
        let mut pictures = Vec::with_capacity(outcome.pictures.len());
        for picture in &outcome.pictures {
            let label = PictureLabel { passage: &outcome.passage.0, role: picture.role() };
            let mut jpeg = vec![0x5a; load.picture_bytes];
            jpeg.iter_mut().zip(sequence.to_be_bytes()).for_each(|(byte, digit)| *byte = digit);
            let sealed = self.kit.pictures.seal(label, &jpeg, random()?)?;
            pictures.push(SealedPicture::new(*picture, "image/jpeg", sealed));
        }
        let position = Position {
            lane: self.name.clone(),
            epoch: self.epoch.clone(),
            sequence,
            previous: self.head.sha256.clone(),
        };
        let record = PassageRecord::from_outcome(&outcome, position, &pictures, "standard", SOFTWARE);
        let signed = SignedRecord::sign(&record, &self.kit.record_key)?;
        self.head = ChainHead { sequence, sha256: signed.sha256.clone() };
        Ok((signed, pictures))
    }

    /// One passage, from its making to the acknowledgement; `false` when it was not stored.
    pub(super) async fn pass(&mut self, load: &PassageLoad) -> bool {
        let began = Instant::now();
        let before = self.head.clone();
        let stored = match self.next(load) {
            Ok((signed, pictures)) => self.send(signed, pictures).await,
            Err(error) => Err(error),
        };
        let fine = match stored {
            Ok(()) => true,
            Err(error) => {
                // As a lane would: the record's place is taken by the next try.
                self.head = before;
                self.seen.refused(format!("{error:#}"));
                false
            }
        };
        if let Some(pause) = load.pause {
            tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
        }
        fine
    }

    async fn send(&mut self, signed: SignedRecord, pictures: Vec<SealedPicture>) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut bytes = signed.canonical.len();
        for picture in &pictures {
            bytes += picture.sealed.len();
            let at = Instant::now();
            self.patiently(|client| {
                let (client, picture) = (client.clone(), picture.clone());
                async move { client.put_picture(&picture.sha256, picture.sealed).await }
            })
            .await
            .context("picture")?;
            self.seen.picture(at.elapsed());
        }
        let at = Instant::now();
        let batch = RecordBatch { records: vec![signed], held_from: None };
        self.patiently(|client| {
            let (client, batch) = (client.clone(), batch.clone());
            async move { client.post_records(&batch).await }
        })
        .await
        .context("record")?;
        self.seen.record(at.elapsed(), began.elapsed(), bytes);
        Ok(())
    }

    /// Makes a call again while central is too busy, a bounded number of times.
    async fn patiently<T, F>(&mut self, call: impl Fn(&CentralClient) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut tries = 0;
        loop {
            let busy = match call(&self.client).await {
                Err(CallError::Refused { refusal, retry_after })
                    if refusal.code == RefusalCode::Busy && tries < TRIES_MOST =>
                {
                    retry_after
                }
                other => return other,
            };
            tries += 1;
            self.seen.busy += 1;
            tokio::time::sleep(busy.unwrap_or(BUSY_WAIT)).await;
        }
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}

fn outcome(lane: &str, epoch: &str, sequence: u64) -> Outcome {
    let referred = sequence.is_multiple_of(REFERRED_EVERY);
    Outcome {
        passage: PassageId(format!("{lane}-{epoch}-{sequence}")),
        started: jiff::Timestamp::now(),
        lasted_ms: 12_000,
        ending: if referred { Ending::Referred } else { Ending::Admitted },
        reasons: vec![],
        checks: CheckId::ALL.into_iter().map(|id| Check::successful(id).with_detail("as expected")).collect(),
        document: None,
        steps: vec![
            StepTime { step: Step::Document, ms: 3_000 },
            StepTime { step: Step::Capture, ms: 1_900 },
        ],
        pictures: vec![Picture::Portrait, Picture::Frame(4)],
        similarity: Some(0.7),
        attack: Some(0.02),
        commands: Vec::new(),
    }
}
