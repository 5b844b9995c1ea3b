//! What a lane fetches from central and tells it beside records: commands, its state, lists and releases.

use super::client::{CallError, CentralClient};
use crate::record::{
    CONTENT_PIECE, CommandOrder, CommandReport, LaneState, POLL_MOST_MS, RECEIPT_BYTES_MOST, Receipt,
    ReleaseManifest, RunningRelease, Signed, SnapshotHeader,
};
use ed25519_dalek::VerifyingKey;
use reqwest::Method;
use std::time::Duration;

/// How long one call may take.
const CALL_MOST: Duration = Duration::from_secs(30);
/// Longest manifest of a release, bytes.
const MANIFEST_MOST: usize = 1 << 20;
/// Longest delta, bytes.
const DELTA_MOST: usize = 8 << 20;

impl CentralClient {
    /// The lane's name, as central knows it.
    pub fn lane(&self) -> &str {
        &self.lane
    }

    /// Verifies what central signs.
    pub fn central_key(&self) -> &VerifyingKey {
        &self.answers
    }

    /// Commands for this lane as soon as there are some, or none after a while. Nothing is verified yet.
    pub async fn next_commands(&self) -> Result<Vec<Signed<CommandOrder>>, CallError> {
        let request = self.request(Method::GET, &format!("/v1/commands?wait_ms={POLL_MOST_MS}"));
        self.call(request.timeout(CALL_MOST)).await
    }

    /// Says what became of a command.
    pub async fn report_command(&self, report: &CommandReport) -> Result<(), CallError> {
        let request = self.request(Method::POST, &format!("/v1/commands/{}", report.id));
        self.send(request.timeout(CALL_MOST).json(report)).await.map(drop)
    }

    /// Says how the lane is.
    pub async fn put_state(&self, state: &LaneState) -> Result<(), CallError> {
        self.send(self.request(Method::PUT, "/v1/state").timeout(CALL_MOST).json(state)).await.map(drop)
    }

    /// Which records of this lane's queue central has, from a sequence on, at most [`Receipt::MOST`].
    pub async fn receipt(&self, epoch: &str, from: u64) -> Result<Receipt, CallError> {
        let request = self.request(Method::GET, &format!("/v1/records/{epoch}/{from}"));
        let body = self.send_within(request.timeout(CALL_MOST), RECEIPT_BYTES_MOST).await?;
        let other = |error: String| CallError::Answer(error);
        let signed: Signed<Receipt> = serde_json::from_slice(&body).map_err(|e| other(e.to_string()))?;
        let receipt = signed.accept(self.central_key(), &self.lane).map_err(|e| other(e.to_string()))?;
        if (receipt.epoch.as_str(), receipt.from) != (epoch, from) {
            return Err(other("the receipt is of other records than were asked about".to_owned()));
        }
        Ok(receipt)
    }

    /// The header of central's newest snapshot of the lists. Nothing is verified yet.
    pub async fn lists_header(&self) -> Result<Option<Signed<SnapshotHeader>>, CallError> {
        self.call(self.request(Method::GET, "/v1/lists").timeout(CALL_MOST)).await
    }

    /// What leads from one snapshot to another, by the SHA-256 of their bytes.
    pub async fn lists_delta(&self, from: &str, to: &str) -> Result<Vec<u8>, CallError> {
        let request = self.request(Method::GET, &format!("/v1/lists/{from}/{to}"));
        self.send_within(request.timeout(CALL_MOST), DELTA_MOST).await
    }

    /// Bytes by their SHA-256, of at most so many. That they are those, the caller verifies.
    pub async fn content(&self, sha256: &str, most: usize) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        for piece in 0..=most / CONTENT_PIECE {
            let request = self.request(Method::GET, &format!("/v1/contents/{sha256}/{piece}"));
            let more = self.send_within(request.timeout(CALL_MOST), CONTENT_PIECE).await?;
            bytes.extend_from_slice(&more);
            if more.len() < CONTENT_PIECE {
                return Ok(bytes);
            }
        }
        Err(CallError::Answer(format!("longer than {most} bytes")))
    }

    /// The manifest of the release that this lane is to run. Nothing is verified yet.
    pub async fn release(&self) -> Result<Option<Signed<ReleaseManifest>>, CallError> {
        let body =
            self.send_within(self.request(Method::GET, "/v1/release").timeout(CALL_MOST), MANIFEST_MOST);
        serde_json::from_slice(&body.await?).map_err(|error| CallError::Answer(error.to_string()))
    }

    /// Says what the lane runs.
    pub async fn put_running(&self, running: &RunningRelease) -> Result<(), CallError> {
        self.send(self.request(Method::PUT, "/v1/release").timeout(CALL_MOST).json(running)).await.map(drop)
    }
}
