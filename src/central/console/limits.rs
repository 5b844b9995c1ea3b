//! How long a case may wait, and the job that escalates those that waited longer.

use crate::central::serve::Shared;
use crate::central::store::Millis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for cases that wait too long.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a case may be in each of its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaseLimits {
    /// A case that nobody took so many seconds after it came is escalated to the supervisors.
    pub take_within_s: u32,
    /// A case that nobody decided so many seconds after it came is escalated.
    pub decide_within_s: u32,
    /// A case in whose holder's hands nothing happened for so many seconds is anybody's again.
    pub hold_s: u32,
}

impl Default for CaseLimits {
    fn default() -> Self {
        CaseLimits { take_within_s: 90, decide_within_s: 300, hold_s: 180 }
    }
}

impl CaseLimits {
    pub(super) fn take_within(self) -> Millis {
        Millis::from(self.take_within_s) * 1000
    }

    pub(super) fn decide_within(self) -> Millis {
        Millis::from(self.decide_within_s) * 1000
    }

    pub(super) fn hold(self) -> Millis {
        Millis::from(self.hold_s) * 1000
    }
}

/// Escalates what waits too long, until the service stops.
pub(in crate::central) async fn escalate(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    while tokio::time::timeout(LOOK_EVERY, stopping.wait_for(|stop| *stop)).await.is_err() {
        let escalated = shared
            .blocking(|shared| {
                let (now, limits) = (shared.now(), shared.cases);
                let (untaken, undecided) = (now - limits.take_within(), now - limits.decide_within());
                Ok(shared.store.escalate_cases(untaken, undecided, now)?)
            })
            .await;
        match escalated {
            Ok(cases) if cases.is_empty() => {}
            Ok(cases) => {
                tracing::warn!(cases = cases.len(), "cases wait too long and were escalated");
                shared.tell_consoles();
            }
            Err(error) => tracing::error!("escalating cases: {error:#}"),
        }
    }
}
