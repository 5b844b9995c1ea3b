//! Times and numbers as officers read them, and the words for what they decide.

use crate::central::store::{Decision, DecisionReason, Judgement, Millis};
use crate::passage::Step;
use crate::policy::Condition;

/// A moment, to be shown: RFC 3339 for the machine, and what a browser without scripts shows.
pub(super) struct When {
    pub(super) rfc: String,
}

impl When {
    pub(super) fn at(millis: Millis) -> Self {
        When {
            rfc: jiff::Timestamp::from_millisecond(millis)
                .map_or_else(|_| String::new(), |at| at.to_string()),
        }
    }

    /// Hours, minutes, seconds in UTC; the console's script shows local time instead.
    pub(super) fn clock(&self) -> &str {
        self.rfc.get(11..19).unwrap_or(&self.rfc)
    }
}

/// "7.4".
pub(super) fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// "4 min", for a glance.
pub(super) fn span(ms: Millis) -> String {
    let seconds = (ms / 1000).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d", seconds / 86400),
    }
}

/// Millionths with three decimals.
pub(super) fn millionths(ppm: i64) -> String {
    let sign = if ppm < 0 { "−" } else { "" };
    let thousandths = ppm.unsigned_abs().saturating_add(500) / 1000;
    format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000)
}

pub(super) fn step_word(step: Step) -> &'static str {
    match step {
        Step::Document => "Document read and checked",
        Step::Enter => "Walked in",
        Step::Capture => "Face captured",
        Step::Lookup => "Waited for central",
        Step::Store => "Outcome stored",
    }
}

/// Where a passage stands, by the name of its state; lanes of other versions may have others.
pub(super) fn state_word(state: &str) -> &'static str {
    match state {
        "ready" => "Nobody",
        "reading" => "Document is read",
        "entering" => "Walks in",
        "capturing" => "Face is captured",
        "storing" => "Outcome is stored",
        "leaving" => "Leaves by the exit",
        "referred" => "Waits for an officer",
        "withdrawn" => "Steps back",
        "ended" => "Ended",
        _ => "Under way",
    }
}

pub(super) fn condition_word(condition: Condition) -> &'static str {
    match condition {
        Condition::CentralUnreachable => "central did not answer",
        Condition::TrustStoreOld => "certificates are old",
        Condition::CameraLost => "camera gives nothing",
        Condition::LivenessMissing => "no liveness network",
        Condition::ReaderLost => "reader does not answer",
        Condition::DiskNearlyFull => "disk nearly full",
        Condition::ClockWrong => "clock is wrong",
        Condition::CertificateExpiring => "certificate ends soon",
        Condition::QueueStuck => "central does not take its records",
        Condition::OutOfService => "out of service",
    }
}

pub(super) fn judgement_word(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Same => "Same person",
        Judgement::Different => "Not the same person",
        Judgement::CannotTell => "Cannot tell",
    }
}

pub(super) fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Admit => "Admitted",
        Decision::Refuse => "Refused",
        Decision::SecondLine => "Sent to second line",
    }
}

pub(super) fn decision_name(decision: Decision) -> &'static str {
    match decision {
        Decision::Admit => "admit",
        Decision::Refuse => "refuse",
        Decision::SecondLine => "second-line",
    }
}

pub(super) fn reason_word(reason: DecisionReason) -> &'static str {
    match reason {
        DecisionReason::SamePerson => "It is the same person",
        DecisionReason::OtherPerson => "It is another person",
        DecisionReason::DocumentGood => "The document is genuine and valid",
        DecisionReason::DocumentBad => "The document is false, altered or not valid",
        DecisionReason::NotTheOneListed => "The hit is another person or document",
        DecisionReason::TheOneListed => "The hit is this person or document",
        DecisionReason::PermissionShown => "Leave to enter was shown",
        DecisionReason::PermissionMissing => "There is no leave to enter",
        DecisionReason::GateAtFault => "The gate was at fault",
        DecisionReason::Unclear => "It cannot be told here",
        DecisionReason::Other => "Another reason, in the note",
    }
}

/// The findings that can stand behind a decision, the likeliest first.
pub(super) fn reasons_for(decision: Decision) -> &'static [DecisionReason] {
    use DecisionReason::*;
    match decision {
        Decision::Admit => &[SamePerson, DocumentGood, NotTheOneListed, PermissionShown, GateAtFault, Other],
        Decision::Refuse => &[OtherPerson, DocumentBad, TheOneListed, PermissionMissing, Other],
        Decision::SecondLine => &[Unclear, OtherPerson, DocumentBad, TheOneListed, PermissionMissing, Other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_officers_read_them() {
        assert_eq!([0, 49, 50, 7_400, 61_000].map(seconds), ["0.0", "0.0", "0.1", "7.4", "61.0"]);
        assert_eq!([712_345, 0, -31_000, 1_000_000].map(millionths), ["0.712", "0.000", "−0.031", "1.000"]);
        assert_eq!([-5, 59_999, 60_000, 7_260_000].map(span), ["0 s", "59 s", "1 min", "2 h 1 min"]);
    }
}
