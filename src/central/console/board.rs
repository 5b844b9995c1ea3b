//! The board: every lane with what it does now, the queue of cases, and the alarms that stand; and the page of one
//! lane.

use super::error::{Page, PageError, page as show};
use super::orders::{CommandRow, Order, orders};
use super::queue::{self, CaseRow};
use super::rows::PassageRow;
use super::session::Signed;
use super::view::Frame;
use super::words::{When, condition_word, span, state_word};
use crate::central::serve::Shared;
use crate::central::store::{Alarm, AlarmKind, LaneAim, LaneOverview, LaneReport, Millis, Role};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// A lane of which nothing was heard for so long is silent.
const SILENT: Millis = 60 * 1000;
/// A lane that never says how it is: quiet when no record came for so long.
const QUIET: Millis = 10 * 60 * 1000;
/// Name of the passage's state in which the traveller waits for an officer.
const REFERRED: &str = "referred";
/// Alarms on one page.
const ALARMS_MOST: usize = 200;
/// Passages on the page of one lane.
const PASSAGES_MOST: usize = 20;

/// A lane on the board.
pub(super) struct LaneTile {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) light: &'static str,
    /// Where the passage under way stands, for how long.
    pub(super) passage: Option<&'static str>,
    pub(super) since: Option<When>,
    pub(super) amiss: Vec<&'static str>,
    pub(super) backlog: u64,
    pub(super) records: u64,
    pub(super) open_cases: u64,
    pub(super) alarms: usize,
    pub(super) heard: Option<When>,
    pub(super) heard_ago: Option<String>,
    /// The profile and software of the last record.
    pub(super) runs: Option<String>,
    /// That it runs another release than it should, in words.
    pub(super) release: Option<String>,
}

impl LaneTile {
    fn new(overview: LaneOverview, said: Option<&LaneReport>, alarms: usize, now: Millis) -> LaneTile {
        let under_way = said.filter(|said| said.state.began.is_some());
        let heard = said.map(|said| said.at).max(overview.last_record);
        let (state, light) = state(&overview, said, now);
        LaneTile {
            state,
            light,
            passage: under_way
                .filter(|said| said.state.state != REFERRED)
                .map(|said| state_word(&said.state.state)),
            since: under_way.and_then(|said| said.state.began).map(When::at),
            amiss: said.map_or_else(Vec::new, |said| {
                said.state.amiss.iter().map(|condition| condition_word(*condition)).collect()
            }),
            backlog: said.map_or(0, |said| said.state.waiting),
            records: overview.records,
            open_cases: overview.open_cases,
            alarms,
            heard: heard.map(When::at),
            heard_ago: heard.map(|at| span(now.saturating_sub(at))),
            runs: None,
            release: None,
            name: overview.lane.name,
        }
    }
}

fn state(overview: &LaneOverview, said: Option<&LaneReport>, now: Millis) -> (&'static str, &'static str) {
    let recent = |at: Millis, most: Millis| now.saturating_sub(at) < most;
    if overview.lane.revoked {
        return ("revoked", "red");
    }
    let Some(said) = said else {
        let reporting = overview.last_record.is_some_and(|at| recent(at, QUIET));
        return if reporting { ("reporting", "green") } else { ("quiet", "grey") };
    };
    match &said.state {
        _ if !recent(said.at, SILENT) => ("not heard", "red"),
        state if state.began.is_some() && state.state == REFERRED => ("waits for an officer", "red"),
        state if state.began.is_some() => ("in use", "green"),
        state if state.out_of_service => ("out of service", "yellow"),
        state if !state.amiss.is_empty() => ("something amiss", "yellow"),
        _ => ("ready", "green"),
    }
}

/// An alarm, as shown.
pub(super) struct AlarmRow {
    pub(super) lane: String,
    pub(super) title: &'static str,
    /// The kind's word in forms.
    pub(super) kind: String,
    pub(super) subject: String,
    /// The passage that is meant, when it is one.
    pub(super) path: Option<String>,
    pub(super) text: String,
    pub(super) first: When,
    pub(super) last: When,
    pub(super) count: u64,
    /// Whether this user may say that it was seen to.
    pub(super) mine: bool,
    pub(super) seen: Option<(String, When)>,
}

impl AlarmRow {
    fn new(alarm: Alarm, role: Role) -> AlarmRow {
        let is_key = alarm.subject.split('/').count() == 3;
        let kind = serde_json::to_value(alarm.kind).ok();
        AlarmRow {
            mine: alarm.seen.is_none() && sees_to(role, alarm.kind),
            kind: kind.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
            path: (is_key && role.sees_travellers()).then(|| format!("/passages/{}", alarm.subject)),
            lane: alarm.lane,
            title: alarm.kind.title(),
            subject: alarm.subject,
            text: alarm.text,
            first: When::at(alarm.first),
            last: When::at(alarm.last),
            count: alarm.count,
            seen: alarm.seen.map(|(by, at)| (by, When::at(at))),
        }
    }
}

/// Whether alarms of this kind are shown to the role: what officers did is for those above them.
fn shown_to(role: Role, kind: AlarmKind) -> bool {
    match kind {
        AlarmKind::Unanswered => role.sees_travellers(),
        kind => !kind.about_officers() || role.audits(),
    }
}

/// Whether the role may say that an alarm was seen to.
fn sees_to(role: Role, kind: AlarmKind) -> bool {
    match role {
        Role::Supervisor => true,
        Role::Engineer => !kind.about_officers(),
        Role::Officer | Role::Auditor => false,
    }
}

fn alarms(shared: &Shared, role: Role) -> anyhow::Result<Vec<Alarm>> {
    let mut alarms = shared.store.alarms(ALARMS_MOST)?;
    alarms.retain(|alarm| shown_to(role, alarm.kind));
    Ok(alarms)
}

fn tiles(shared: &Shared, alarms: &[Alarm]) -> anyhow::Result<Vec<LaneTile>> {
    let reports = shared.store.lane_states()?;
    let said: HashMap<&str, &LaneReport> = reports.iter().map(|said| (said.lane.as_str(), said)).collect();
    let now = shared.now();
    let mut standing: HashMap<&str, usize> = HashMap::new();
    for alarm in alarms.iter().filter(|alarm| alarm.seen.is_none()) {
        *standing.entry(&alarm.lane).or_default() += 1;
    }
    let aims: HashMap<String, LaneAim> =
        shared.store.lane_aims()?.into_iter().map(|aim| (aim.lane.clone(), aim)).collect();
    let tile = |overview: LaneOverview| {
        let name = overview.lane.name.clone();
        let count = standing.get(name.as_str()).copied().unwrap_or_default();
        let tile = LaneTile::new(overview, said.get(name.as_str()).copied(), count, now);
        LaneTile { release: aims.get(&name).and_then(LaneAim::amiss), ..tile }
    };
    let mut tiles: Vec<LaneTile> = shared.store.lanes()?.into_iter().map(tile).collect();
    tiles.sort_by_cached_key(|tile| by_number(&tile.name));
    Ok(tiles)
}

/// So that lane 2 stands before lane 10.
fn by_number(name: &str) -> (String, u64, String) {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(word.len()..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    (word.to_owned(), number, name.to_owned())
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    frame: Frame,
    tiles: Vec<LaneTile>,
    cases: Vec<CaseRow>,
    alarms: Vec<AlarmRow>,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    let page = shared
        .blocking(move |shared| {
            signed.looks(shared, "lanes", "")?;
            let role = signed.role();
            let alarms = alarms(shared, role)?;
            let tiles = tiles(shared, &alarms)?;
            let cases = if role.sees_travellers() { queue::load(shared, signed.user())? } else { Vec::new() };
            let standing = alarms.into_iter().filter(|alarm| alarm.seen.is_none());
            let alarms = standing.map(|alarm| AlarmRow::new(alarm, role)).collect();
            Ok(BoardPage { frame: Frame::load(shared, signed, "lanes")?, tiles, cases, alarms })
        })
        .await?;
    show(&page)
}

#[derive(Template)]
#[template(path = "lane.html")]
struct LanePage {
    frame: Frame,
    tile: LaneTile,
    passages: Vec<PassageRow>,
    alarms: Vec<AlarmRow>,
    /// What this user may order the lane to do now.
    orders: Vec<Order>,
    commands: Vec<CommandRow>,
    problem: Option<String>,
}

pub(super) async fn lane(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(lane): Path<String>,
) -> Page {
    lane_page(&shared, signed, lane, None).await
}

/// The page of one lane, with what went wrong.
pub(super) async fn lane_page(
    shared: &Arc<Shared>,
    signed: Signed,
    lane: String,
    problem: Option<String>,
) -> Page {
    let page = shared
        .blocking(move |shared| {
            let role = signed.role();
            let alarms = alarms(shared, role)?;
            let Some(mut tile) = tiles(shared, &alarms)?.into_iter().find(|tile| tile.name == lane) else {
                return Ok(None);
            };
            signed.looks(shared, "lane", &lane)?;
            let passages = shared.store.passages_of_lane(&lane, PASSAGES_MOST)?;
            let last = passages.first().map(|last| &last.record);
            tile.runs = last.map(|record| format!("{}, profile {}", record.software, record.profile));
            let seen = if role.sees_travellers() { &*passages } else { &[] };
            let of_lane = alarms.into_iter().filter(|alarm| alarm.lane == lane);
            Ok(Some(LanePage {
                alarms: of_lane.map(|alarm| AlarmRow::new(alarm, role)).collect(),
                passages: seen.iter().map(PassageRow::new).collect(),
                orders: orders(shared.store.lane_state(&lane)?.as_ref(), role),
                commands: CommandRow::newest(shared, &lane)?,
                problem,
                tile,
                frame: Frame::load(shared, signed, "lanes")?,
            }))
        })
        .await?;
    show(&page.ok_or(PageError::NotFound)?)
}

#[derive(Deserialize)]
pub(super) struct SeenForm {
    csrf: String,
    lane: String,
    kind: AlarmKind,
    subject: String,
}

/// A person has seen to an alarm.
pub(super) async fn see_alarm(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Form(form): Form<SeenForm>,
) -> Page {
    signed.may(|role| sees_to(role, form.kind))?;
    signed.csrf(&form.csrf)?;
    let by = signed.user().to_owned();
    shared
        .blocking(move |shared| {
            Ok(shared.store.see_alarm(&form.lane, form.kind, &form.subject, &by, shared.now())?)
        })
        .await?;
    shared.tell_consoles();
    Ok(Redirect::to("/lanes").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_stand_in_the_order_of_their_numbers() {
        let mut names = ["lane-10", "lane-2", "b", "lane-1", "lane"];
        names.sort_by_cached_key(|name| by_number(name));
        assert_eq!(names, ["b", "lane", "lane-1", "lane-2", "lane-10"]);
    }

    #[test]
    fn what_officers_did_is_shown_and_seen_to_above_them() {
        for kind in [AlarmKind::Override, AlarmKind::SessionTheft] {
            assert!(!shown_to(Role::Officer, kind) && !shown_to(Role::Engineer, kind));
            assert!(shown_to(Role::Supervisor, kind) && sees_to(Role::Supervisor, kind));
        }
        assert!(
            shown_to(Role::Officer, AlarmKind::Unanswered)
                && !shown_to(Role::Engineer, AlarmKind::Unanswered)
        );
        assert!(shown_to(Role::Engineer, AlarmKind::Gap) && shown_to(Role::Officer, AlarmKind::Gap));
        assert!(!sees_to(Role::Auditor, AlarmKind::Gap) && sees_to(Role::Engineer, AlarmKind::Gap));
    }
}
