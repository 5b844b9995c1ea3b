//! What becomes of the lane when something of it is amiss: one table in the profile.
//!
//! A [`Condition`] belongs to the lane, not to a traveller: central out of reach, a dark camera, a full
//! disk. The lane watches for them; the profile's table `degraded` says what follows, and
//! [`Condition::mildest`] is what no table can go below. A lane that has not yet looked has no [`Standing`]
//! and is closed. The gate controller is no row: a lane that does not hear it is always closed.

use super::{Profile, in_order};
use crate::check::Reason;
use std::collections::BTreeSet;

/// Something of the lane that is amiss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Central does not answer.
    CentralUnreachable,
    /// Certificates and revocation lists are older than they may be.
    TrustStoreOld,
    /// The camera gives nothing, or always the same.
    CameraLost,
    /// No liveness network is at hand.
    LivenessMissing,
    /// The reader of printed lines or the chip reader does not answer.
    ReaderLost,
    /// The disk or the outbox has little room left, or takes no writing.
    DiskNearlyFull,
    /// The clock jumped, or is before the day this software was built.
    ClockWrong,
    /// The lane's certificate ends soon.
    CertificateExpiring,
    /// Central does not take what the lane's queue holds: an engineer must look. Outcomes are stored as ever.
    QueueStuck,
    /// An officer took the lane out of service.
    OutOfService,
}

/// What follows from a condition; the later, the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Travellers pass as ever; officers and engineers see it.
    Warn,
    /// Only for [`Condition::CentralUnreachable`]: what the lane's dated snapshot of central's lists says counts in
    /// place of central, as long as it is not older than the profile allows.
    Snapshot,
    /// Documents are read and checked; every traveller goes to an officer.
    Refer,
    /// Nobody begins. Who has begun is brought to an end in order, and admitted by no means.
    Close,
}

impl Condition {
    /// All conditions.
    pub const ALL: [Condition; 10] = [
        Condition::CentralUnreachable,
        Condition::TrustStoreOld,
        Condition::CameraLost,
        Condition::LivenessMissing,
        Condition::ReaderLost,
        Condition::DiskNearlyFull,
        Condition::ClockWrong,
        Condition::CertificateExpiring,
        Condition::QueueStuck,
        Condition::OutOfService,
    ];

    /// The mildest response that a profile may ask for.
    pub fn mildest(self) -> Response {
        match self {
            Condition::CertificateExpiring | Condition::QueueStuck => Response::Warn,
            Condition::CentralUnreachable => Response::Snapshot,
            // Without the date nothing that expires can be judged, and records would lie.
            Condition::ClockWrong | Condition::OutOfService => Response::Close,
            _ => Response::Refer,
        }
    }

    /// Whether it speaks against admitting somebody who had begun before. Out of service closes a lane that is in
    /// order, so the passage under way goes on.
    fn against_who_began(self) -> bool {
        self != Condition::OutOfService
    }

    /// As officers and records name it.
    pub fn reason(self) -> Reason {
        match self {
            Condition::CentralUnreachable => Reason::LookupUnavailable,
            Condition::TrustStoreOld => Reason::TrustStoreOld,
            Condition::CameraLost => Reason::CameraLost,
            Condition::LivenessMissing => Reason::LivenessModelMissing,
            Condition::ReaderLost => Reason::ReaderLost,
            Condition::DiskNearlyFull => Reason::DiskNearlyFull,
            Condition::ClockWrong => Reason::ClockWrong,
            Condition::CertificateExpiring => Reason::CertificateExpiring,
            Condition::QueueStuck => Reason::QueueStuck,
            Condition::OutOfService => Reason::LaneStopping,
        }
    }
}

impl Profile {
    /// What follows here from a condition. What the table does not mention closes the lane.
    pub fn response(&self, condition: Condition) -> Response {
        let asked = self.degraded.get(&condition).copied().unwrap_or(Response::Close);
        asked.max(condition.mildest())
    }
}

/// How the lane stands under all conditions together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Why nobody may begin; empty when travellers may.
    pub closed: Vec<Reason>,
    /// Why nobody may be admitted; holds all of `closed` but an officer's order to close. Gravest first.
    pub against_admission: Vec<Reason>,
}

/// How the lane stands under these conditions by this profile.
pub fn standing(profile: &Profile, conditions: &BTreeSet<Condition>) -> Standing {
    let reasons = |counts: &dyn Fn(Condition) -> bool| {
        in_order(conditions.iter().copied().filter(|c| counts(*c)).map(Condition::reason).collect())
    };
    Standing {
        closed: reasons(&|c| profile.response(c) >= Response::Close),
        against_admission: reasons(&|c| profile.response(c) >= Response::Refer && c.against_who_began()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_makes_a_condition_milder_than_it_may_be() {
        let degraded = Condition::ALL.map(|condition| (condition, Response::Warn)).into();
        let mut profile = Profile { degraded, ..Profile::default() };
        for condition in Condition::ALL {
            assert_eq!(profile.response(condition), condition.mildest());
        }
        profile.degraded.clear();
        for condition in Condition::ALL {
            assert_eq!(profile.response(condition), Response::Close, "what nobody thought of closes");
        }
    }

    #[test]
    fn only_an_expiring_certificate_and_a_stuck_queue_let_travellers_pass() {
        let profile = Profile::default();
        for condition in Condition::ALL {
            let standing = standing(&profile, &BTreeSet::from([condition]));
            let admits = standing.against_admission.is_empty() && standing.closed.is_empty();
            let warns = [Condition::CertificateExpiring, Condition::QueueStuck].contains(&condition);
            assert_eq!(admits, warns, "{condition:?}");
        }
    }

    #[test]
    fn conditions_add_up() {
        let both = BTreeSet::from([Condition::CentralUnreachable, Condition::ClockWrong]);
        let standing = standing(&Profile::default(), &both);
        assert_eq!(standing.closed, [Reason::ClockWrong]);
        assert_eq!(standing.against_admission.len(), 2);
    }
}
