//! What a lane fetches from central and tells it beside records: commands, its state, lists and releases.

use super::upload::{CallError, CentralClient};
use crate::record::{CommandOrder, CommandReport, LaneState, POLL_MOST_MS, Signed};
use ed25519_dalek::VerifyingKey;
use reqwest::Method;
use std::time::Duration;

/// How long one call may take.
const CALL_MOST: Duration = Duration::from_secs(30);

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
}
