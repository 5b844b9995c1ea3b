//! Times and numbers as officers read them, and the words for what they decide.

use crate::central::store::{Decision, Judgement, Millis};
use crate::passage::Step;

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
