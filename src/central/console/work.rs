//! Officers' workload and the decisions that went against a failed check, for supervisors and auditors.

use super::error::{Page, page as show};
use super::plot::{Bars, Column};
use super::queue::CASES_MOST;
use super::session::Signed;
use super::view::{DocumentView, Frame, path};
use super::words::{When, reason_word, span};
use crate::central::serve::Shared;
use crate::central::store::{Decision, Handled, Millis, StoredPassage};
use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR: Millis = 60 * 60 * 1000;
const DAY: Millis = 24 * HOUR;
/// Decisions that are counted; of more the latest.
const HANDLED_MOST: usize = 20_000;
/// Overrides on the page.
const OVERRIDES_MOST: usize = 100;

/// Over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Over {
    #[default]
    Day,
    Week,
    Month,
}

impl Over {
    fn millis(self) -> Millis {
        match self {
            Over::Day => DAY,
            Over::Week => 7 * DAY,
            Over::Month => 30 * DAY,
        }
    }

    /// How long one bar of the plot is.
    fn bar(self) -> Millis {
        match self {
            Over::Day => HOUR,
            Over::Week => 6 * HOUR,
            Over::Month => DAY,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WorkQuery {
    #[serde(default)]
    over: Over,
}

/// What one officer did.
struct OfficerRow {
    name: String,
    decisions: usize,
    admitted: usize,
    refused: usize,
    second_line: usize,
    /// From taking the case to deciding it, the middle one.
    took: String,
    /// From the case's coming to its decision, the middle one and the longest.
    waited: String,
    longest: String,
    /// Open cases in hand now.
    in_hand: usize,
    overrides: usize,
    escalated: usize,
}

impl OfficerRow {
    fn new(name: &str, handled: &[&Handled], in_hand: usize) -> OfficerRow {
        let count = |fits: &dyn Fn(&Handled) -> bool| handled.iter().filter(|case| fits(case)).count();
        let decided = |decision: Decision| count(&|case: &Handled| case.decision == decision);
        let since = |from: &dyn Fn(&Handled) -> Option<Millis>| {
            let spans = handled.iter().filter_map(|case| Some(case.decided.saturating_sub(from(case)?)));
            median(spans.collect()).map_or_else(|| "—".to_owned(), span)
        };
        OfficerRow {
            name: name.to_owned(),
            decisions: handled.len(),
            admitted: decided(Decision::Admit),
            refused: decided(Decision::Refuse),
            second_line: decided(Decision::SecondLine),
            took: since(&|case| case.taken),
            waited: since(&|case| Some(case.opened)),
            longest: handled
                .iter()
                .map(|case| case.decided.saturating_sub(case.opened))
                .max()
                .map_or_else(|| "—".to_owned(), span),
            in_hand,
            overrides: count(&|case| case.overridden),
            escalated: count(&|case| case.escalated),
        }
    }
}

fn median(mut spans: Vec<Millis>) -> Option<Millis> {
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied()
}

/// A decision against a failed check.
struct OverrideRow {
    path: String,
    at: When,
    lane: String,
    officer: String,
    document: Option<DocumentView>,
    against: Vec<&'static str>,
    reason: &'static str,
    note: String,
}

impl OverrideRow {
    fn new(stored: &StoredPassage) -> Option<OverrideRow> {
        let decided = stored.case.as_ref()?.decided.as_ref()?;
        Some(OverrideRow {
            path: path(&stored.key),
            at: When::at(decided.at),
            lane: stored.key.lane.clone(),
            officer: decided.officer.clone(),
            document: stored.record.document.as_ref().map(DocumentView::new),
            against: decided.overridden.iter().map(|id| id.title()).collect(),
            reason: decided.reason.map_or("none given", reason_word),
            note: decided.note.clone(),
        })
    }
}

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage {
    frame: Frame,
    over: Over,
    plot: Bars,
    officers: Vec<OfficerRow>,
    all: OfficerRow,
    overrides: Vec<OverrideRow>,
}

impl WorkPage {
    fn chosen(&self, over: &str) -> bool {
        matches!((self.over, over), (Over::Day, "day") | (Over::Week, "week") | (Over::Month, "month"))
    }
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<WorkQuery>,
) -> Page {
    signed.may(|role| role.sees_work())?;
    let page = shared
        .blocking(move |shared| {
            signed.looks(shared, "work", "")?;
            let (now, over) = (shared.now(), query.over);
            let since = now.saturating_sub(over.millis());
            let handled = shared.store.handled_cases(since, HANDLED_MOST)?;
            let overrides = shared.store.overridden_cases(since, OVERRIDES_MOST)?;
            let held = held(shared, now)?;
            let everybody: Vec<&Handled> = handled.iter().collect();
            Ok(WorkPage {
                all: OfficerRow::new("All", &everybody, held.values().sum()),
                frame: Frame::load(shared, signed, "work")?,
                over,
                plot: plot(&handled, over, now),
                officers: officers(&handled, &held),
                overrides: overrides.iter().filter_map(OverrideRow::new).collect(),
            })
        })
        .await?;
    show(&page)
}

/// How many open cases each officer has in hand.
fn held(shared: &Shared, now: Millis) -> anyhow::Result<BTreeMap<String, usize>> {
    let idle_since = now.saturating_sub(shared.cases.hold());
    let mut held = BTreeMap::new();
    for open in shared.store.open_cases(CASES_MOST)?.0 {
        if let Some(holder) = open.case.as_ref().and_then(|case| case.holder(idle_since)) {
            *held.entry(holder.by.clone()).or_default() += 1;
        }
    }
    Ok(held)
}

/// Everybody who decided something or has something in hand.
fn officers(handled: &[Handled], held: &BTreeMap<String, usize>) -> Vec<OfficerRow> {
    let mut of: BTreeMap<&str, Vec<&Handled>> = held.keys().map(|name| (name.as_str(), Vec::new())).collect();
    for case in handled {
        of.entry(&case.officer).or_default().push(case);
    }
    let in_hand = |name: &str| held.get(name).copied().unwrap_or_default();
    of.into_iter().map(|(name, handled)| OfficerRow::new(name, &handled, in_hand(name))).collect()
}

/// Decisions over time; bars end at full hours and days in UTC.
fn plot(handled: &[Handled], over: Over, now: Millis) -> Bars {
    const KINDS: [(&str, &str); 3] =
        [("admitted", "admit"), ("second line", "second-line"), ("refused", "refuse")];
    let bar = over.bar();
    let last = now.div_euclid(bar);
    let first = last - over.millis() / bar + 1;
    let columns: Vec<Column> = (first..=last)
        .map(|place| {
            let inside = |case: &&Handled| case.decided.div_euclid(bar) == place;
            let of = |decision: Decision| {
                let fits = handled.iter().filter(inside).filter(|case| case.decision == decision);
                u64::try_from(fits.count()).ok()
            };
            let counts = vec![of(Decision::Admit), of(Decision::SecondLine), of(Decision::Refuse)];
            Column { label: label(place * bar, over), counts }
        })
        .collect();
    Bars::new("Decisions", &KINDS, &columns)
}

fn label(at: Millis, over: Over) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at) else { return String::new() };
    let form = match over {
        Over::Day => "%H:%M",
        Over::Week => "%d.%m. %Hh",
        Over::Month => "%d.%m.",
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_officer_is_counted_alone_and_the_middle_time_is_told() {
        let case = |officer: &str, taken, decided, overridden| Handled {
            officer: officer.to_owned(),
            decision: Decision::Admit,
            judgement: None,
            opened: 0,
            taken: Some(taken),
            decided,
            escalated: false,
            overridden,
        };
        let handled =
            [case("b", 0, 9_000, false), case("a", 5_000, 6_000, true), case("b", 0, 30_000, false)];
        let rows = officers(&handled, &BTreeMap::from([("b".to_owned(), 2), ("c".to_owned(), 1)]));
        let told: Vec<_> = rows
            .iter()
            .map(|row| (&*row.name, row.decisions, row.in_hand, &*row.took, &*row.longest, row.overrides))
            .collect();
        assert_eq!(
            told,
            [("a", 1, 0, "1 s", "6 s", 1), ("b", 2, 2, "30 s", "30 s", 0), ("c", 0, 1, "—", "—", 0)]
        );
        assert_eq!(median(Vec::new()), None);
    }
}
