//! What is counted of a passage, and under which words it is stored.

use super::super::sql::{unword, word};
use super::super::{Case, Decision, StoreError};
use crate::check::{CheckId, CheckResult, Reason};
use crate::passage::Step;
use crate::record::PassageRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A stage of the funnel. A passage is counted at each stage that it passed, so a stage may count more
/// than one before it where a profile does not ask for that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A document was placed: every passage.
    Placed,
    /// The chip was opened and read.
    ChipRead,
    /// The traveller was filmed.
    Captured,
    /// The traveller was found to be a living person.
    Live,
    /// The face was found to be the portrait's.
    Matched,
    /// Nothing was found against document and person.
    LookedUp,
    /// Let through.
    Admitted,
}

impl Stage {
    /// All stages in the journey's order.
    pub const ALL: [Stage; 7] = [
        Stage::Placed,
        Stage::ChipRead,
        Stage::Captured,
        Stage::Live,
        Stage::Matched,
        Stage::LookedUp,
        Stage::Admitted,
    ];

    /// Name in tables and plots.
    pub fn title(self) -> &'static str {
        match self {
            Stage::Placed => "Document placed",
            Stage::ChipRead => "Chip read",
            Stage::Captured => "Captured",
            Stage::Live => "Liveness",
            Stage::Matched => "Match",
            Stage::LookedUp => "Look-up",
            Stage::Admitted => "Admitted",
        }
    }

    /// Whether a record passed a stage that is counted by itself: the first and the last are the passages
    /// and those that ended admitted.
    fn passed(self, record: &PassageRecord) -> bool {
        let good = |id: CheckId| {
            record.checks.iter().any(|check| check.id == id && check.result == CheckResult::Successful)
        };
        match self {
            Stage::Placed | Stage::Admitted => false,
            Stage::ChipRead => good(CheckId::ChipAccess),
            Stage::Captured => record.steps.iter().any(|step| step.step == Step::Capture),
            Stage::Live => good(CheckId::Liveness),
            Stage::Matched => good(CheckId::FaceMatch),
            Stage::LookedUp => good(CheckId::DocumentLookup) && good(CheckId::PersonLookup),
        }
    }
}

/// The time of the whole passage, beside those of its steps.
pub(super) const WHOLE: &str = "whole";
/// The time from a referral to the officer's decision.
pub(super) const DECISION: &str = "decision";

/// One thing that is counted in a cell. Its text is what is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Measure {
    /// Passages: all else is of these.
    Passages,
    /// Second outcomes of a passage that is counted already.
    Again,
    Stage(Stage),
    /// Word of an [`crate::passage::Ending`].
    Ending(String),
    /// Number of a [`Reason`].
    Reason(u32),
    /// Word of a [`Decision`].
    Decision(String),
    /// A duration of this name fell into this class of [`class`].
    Time(String, u16),
    /// The durations of this name, added up, milliseconds.
    Sum(String),
}

impl Measure {
    pub(super) fn text(&self) -> Result<String, StoreError> {
        Ok(match self {
            Measure::Passages => "passages".to_owned(),
            Measure::Again => "again".to_owned(),
            Measure::Stage(stage) => format!("stage.{}", word(stage)?),
            Measure::Ending(ending) => format!("ending.{ending}"),
            Measure::Reason(code) => format!("reason.{code}"),
            Measure::Decision(decision) => format!("decision.{decision}"),
            Measure::Time(name, class) => format!("time.{name}.{class}"),
            Measure::Sum(name) => format!("sum.{name}"),
        })
    }

    pub(super) fn parse(text: &str) -> Result<Measure, StoreError> {
        let damaged = || StoreError::Damaged(format!("unknown measure {text:?}"));
        let (kind, rest) = text.split_once('.').unwrap_or((text, ""));
        Ok(match kind {
            "passages" => Measure::Passages,
            "again" => Measure::Again,
            "stage" => Measure::Stage(unword(rest)?),
            "ending" => Measure::Ending(rest.to_owned()),
            "reason" => Measure::Reason(rest.parse().map_err(|_| damaged())?),
            "decision" => Measure::Decision(rest.to_owned()),
            "time" => {
                let (name, class) = rest.split_once('.').ok_or_else(damaged)?;
                Measure::Time(name.to_owned(), class.parse().map_err(|_| damaged())?)
            }
            "sum" => Measure::Sum(rest.to_owned()),
            _ => return Err(damaged()),
        })
    }
}

/// What a record adds to its cell, each measure with how much. `again` when its passage had an outcome
/// before this one: then its way through the gate is counted already, only its reasons are new.
pub(super) fn of_record(record: &PassageRecord, again: bool) -> Result<Vec<(Measure, u64)>, StoreError> {
    let mut found = Vec::new();
    if again {
        found.push((Measure::Again, 1));
    } else {
        found.push((Measure::Passages, 1));
        let passed = Stage::ALL.into_iter().filter(|stage| stage.passed(record));
        found.extend(passed.map(|stage| (Measure::Stage(stage), 1)));
        for step in &record.steps {
            found.extend(time(word(&step.step)?, step.ms));
        }
        found.extend(time(WHOLE.to_owned(), record.lasted_ms));
        found.push((Measure::Ending(word(&record.ending)?), 1));
    }
    let reasons: BTreeSet<Reason> = record.reasons.iter().copied().collect();
    found.extend(reasons.into_iter().map(|reason| (Measure::Reason(reason.into()), 1)));
    Ok(found)
}

/// What the decision on a case adds to its cell.
pub(super) fn of_decision(case: &Case) -> Result<Vec<(Measure, u64)>, StoreError> {
    let Some(decided) = &case.decided else { return Ok(Vec::new()) };
    let decision: &Decision = &decided.decision;
    let took = u64::try_from(decided.at.saturating_sub(case.opened)).unwrap_or(0);
    let mut found = vec![(Measure::Decision(word(decision)?), 1)];
    found.extend(time(DECISION.to_owned(), took));
    Ok(found)
}

fn time(name: String, ms: u64) -> [(Measure, u64); 2] {
    let ms = ms.min(TIME_MOST_MS);
    [(Measure::Time(name.clone(), class(ms)), 1), (Measure::Sum(name), ms)]
}

/// Longest time that is told from longer ones: a month.
const TIME_MOST_MS: u64 = 31 * 24 * 60 * 60 * 1000;
/// Classes of duration for each doubling: the middle of a class is at most 4.5 % from what is in it.
const CLASSES: f64 = 8.0;

/// The class of a duration: 0 for none, then eight for each doubling from a millisecond on.
fn class(ms: u64) -> u16 {
    // Both casts are of small numbers: of a month at most, and of its logarithm.
    if ms == 0 { 0 } else { 1 + ((ms as f64).log2() * CLASSES).floor() as u16 }
}

/// The middle of a class, milliseconds.
pub(super) fn middle(class: u16) -> u64 {
    if class == 0 { 0 } else { 2_f64.powf((f64::from(class) - 0.5) / CLASSES).round() as u64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_measure_reads_as_it_was_written() {
        let name = || "document".to_owned();
        for measure in [
            Measure::Passages,
            Measure::Again,
            Measure::Stage(Stage::LookedUp),
            Measure::Ending("referred".to_owned()),
            Measure::Reason(2002),
            Measure::Decision("second_line".to_owned()),
            Measure::Time(name(), 93),
            Measure::Sum(name()),
        ] {
            assert_eq!(Measure::parse(&measure.text().unwrap()).unwrap(), measure);
        }
        assert!(
            ["", "stage.none", "time.x", "time.x.-1", "reason.x"].iter().all(|t| Measure::parse(t).is_err())
        );
    }

    #[test]
    fn the_middle_of_a_class_is_near_all_that_is_in_it() {
        for ms in (1..2_000).chain((2_000..TIME_MOST_MS).step_by(9_999_991)) {
            let found = middle(class(ms)) as f64;
            assert!((found - ms as f64).abs() <= 0.045 * ms as f64 + 0.5, "{ms} gave {found}");
        }
        assert_eq!(middle(class(0)), 0);
    }
}
