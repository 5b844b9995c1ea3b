//! The queue of open cases, in the order in which officers should turn to them.

use super::error::{Page, page as show};
use super::limits::CaseLimits;
use super::session::Signed;
use super::told::{COMPARE, in_list};
use super::view::{DocumentView, Frame, path};
use super::words::{When, span};
use crate::central::serve::Shared;
use crate::central::store::{Millis, StoredPassage};
use crate::check::Reason;
use crate::policy::{Gravity, gravity};
use askama::Template;
use axum::extract::State;
use std::sync::Arc;

/// Cases on one page.
pub(super) const CASES_MOST: usize = 500;

/// What waited too long first, then the gravest reason, then the oldest. Escalation sees to it that a light case
/// does not wait for ever behind grave ones.
pub(super) fn most_urgent_first(cases: &mut [StoredPassage]) {
    cases.sort_by_cached_key(|stored| {
        let case = stored.case.as_ref();
        let waited = case.is_some_and(|case| case.escalated.is_some());
        (!waited, gravest(stored), case.map(|case| case.opened))
    });
}

fn gravest(stored: &StoredPassage) -> Gravity {
    gravest_of(&stored.record.reasons)
}

fn gravest_of(reasons: &[Reason]) -> Gravity {
    reasons.iter().copied().map(gravity).min().unwrap_or(Gravity::Unknown)
}

/// A line in the queue.
pub(super) struct CaseRow {
    pub(super) path: String,
    pub(super) opened: When,
    pub(super) waits: String,
    pub(super) waits_long: bool,
    pub(super) escalated: bool,
    pub(super) light: &'static str,
    pub(super) gravity: &'static str,
    pub(super) lane: String,
    pub(super) reasons: Vec<&'static str>,
    pub(super) document: Option<DocumentView>,
    /// Who has it, for how long.
    pub(super) held: Option<(String, String)>,
    pub(super) mine: bool,
}

impl CaseRow {
    fn new(stored: &StoredPassage, user: &str, limits: CaseLimits, now: Millis) -> Option<Self> {
        let case = stored.case.as_ref()?;
        let waits = now.saturating_sub(case.opened);
        let holder = case.holder(now.saturating_sub(limits.hold()));
        let told = in_list(stored, Some(user));
        let mut reasons: Vec<&str> = told.iter().map(|reason| reason.officer()).collect();
        if reasons.is_empty() && !stored.record.reasons.is_empty() {
            reasons.push(COMPARE);
        }
        let (light, word) = match gravest_of(&told) {
            Gravity::Danger => ("red", "danger"),
            Gravity::Evidence => ("red", "evidence"),
            Gravity::Irregular => ("yellow", "irregular"),
            Gravity::Unknown => ("yellow", "unknown"),
            Gravity::Course | Gravity::Lane => ("grey", "no finding"),
        };
        Some(CaseRow {
            path: path(&stored.key),
            opened: When::at(case.opened),
            waits: span(waits),
            waits_long: waits > limits.take_within(),
            escalated: case.escalated.is_some(),
            light,
            gravity: word,
            lane: stored.key.lane.clone(),
            reasons,
            document: stored.record.document.as_ref().map(DocumentView::new),
            held: holder.map(|held| (held.by.clone(), span(now.saturating_sub(held.since)))),
            mine: holder.is_some_and(|held| held.by == user),
        })
    }
}

/// The queue as a user sees it.
pub(super) fn load(shared: &Shared, user: &str) -> anyhow::Result<Vec<CaseRow>> {
    let (mut cases, _) = shared.store.open_cases(CASES_MOST)?;
    most_urgent_first(&mut cases);
    let now = shared.now();
    Ok(cases.iter().filter_map(|stored| CaseRow::new(stored, user, shared.cases, now)).collect())
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    frame: Frame,
    rows: Vec<CaseRow>,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.sees_travellers())?;
    let (frame, rows) = shared
        .blocking(move |shared| {
            signed.looks(shared, "cases", "")?;
            let rows = load(shared, signed.user())?;
            Ok((Frame::load(shared, signed, "cases")?, rows))
        })
        .await?;
    show(&CasesPage { frame, rows })
}
