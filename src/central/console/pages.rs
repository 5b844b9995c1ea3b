//! The lists: passages, cases, lanes, audit trail.

use super::error::{Page, page};
use super::rows::{AlarmRow, AuditRow, CaseRow, LaneRow, PassageRow};
use super::session::Signed;
use super::view::Frame;
use crate::central::serve::Shared;
use crate::central::store::PassageFilter;
use crate::passage::Ending;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Passages on one page.
const PASSAGES_MOST: usize = 200;
/// Cases on one page.
const CASES_MOST: usize = 500;
/// Alarms and lines of the audit trail on one page.
const LINES_MOST: usize = 200;

pub(super) async fn home(signed: Signed) -> Page {
    let to = if signed.0.role.sees_travellers() { "/passages" } else { "/lanes" };
    Ok(Redirect::to(to).into_response())
}

#[derive(Deserialize)]
pub(super) struct PassagesQuery {
    #[serde(default)]
    ending: Option<Ending>,
}

#[derive(Template)]
#[template(path = "passages.html")]
struct PassagesPage {
    frame: Frame,
    rows: Vec<PassageRow>,
    tabs: [Tab; 4],
}

/// One way to filter the list.
struct Tab {
    title: &'static str,
    address: &'static str,
    count: u64,
    chosen: bool,
}

pub(super) async fn passages(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<PassagesQuery>,
) -> Page {
    signed.may(|role| role.sees_travellers())?;
    let filter = PassageFilter { ending: query.ending, most: PASSAGES_MOST };
    let (frame, found, counts) = shared
        .blocking(move |shared| {
            let store = &*shared.store;
            Ok((Frame::load(shared, signed, "passages")?, store.passages(&filter)?, store.endings()?))
        })
        .await?;
    let [admitted, referred, withdrawn] = counts;
    let tab = |title, address, count, ending| Tab { title, address, count, chosen: query.ending == ending };
    let all = admitted.saturating_add(referred).saturating_add(withdrawn);
    let tabs = [
        tab("All", "/passages", all, None),
        tab("Admitted", "/passages?ending=admitted", admitted, Some(Ending::Admitted)),
        tab("Referred", "/passages?ending=referred", referred, Some(Ending::Referred)),
        tab("Withdrawn", "/passages?ending=withdrawn", withdrawn, Some(Ending::Withdrawn)),
    ];
    page(&PassagesPage { frame, rows: found.iter().map(PassageRow::new).collect(), tabs })
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    frame: Frame,
    rows: Vec<CaseRow>,
}

pub(super) async fn cases(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.sees_travellers())?;
    let (frame, found, now) = shared
        .blocking(move |shared| {
            let (found, _) = shared.store.open_cases(CASES_MOST)?;
            Ok((Frame::load(shared, signed, "cases")?, found, shared.now()))
        })
        .await?;
    page(&CasesPage { frame, rows: found.iter().filter_map(|found| CaseRow::new(found, now)).collect() })
}

#[derive(Template)]
#[template(path = "lanes.html")]
struct LanesPage {
    frame: Frame,
    rows: Vec<LaneRow>,
    alarms: Vec<AlarmRow>,
}

pub(super) async fn lanes(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    let (frame, lanes, alarms, now) = shared
        .blocking(move |shared| {
            let (lanes, alarms) = (shared.store.lanes()?, shared.store.alarms(LINES_MOST)?);
            Ok((Frame::load(shared, signed, "lanes")?, lanes, alarms, shared.now()))
        })
        .await?;
    let rows = lanes.into_iter().map(|lane| LaneRow::new(lane, now)).collect();
    page(&LanesPage { frame, rows, alarms: alarms.into_iter().map(AlarmRow::new).collect() })
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    lines: Vec<AuditRow>,
    broken: Option<u64>,
}

pub(super) async fn audit(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.audits())?;
    let (frame, lines, broken) = shared
        .blocking(move |shared| {
            let (lines, broken) = (shared.store.audit_lines(LINES_MOST)?, shared.store.audit_break()?);
            Ok((Frame::load(shared, signed, "audit")?, lines, broken))
        })
        .await?;
    page(&AuditPage { frame, lines: lines.into_iter().map(AuditRow::new).collect(), broken })
}
