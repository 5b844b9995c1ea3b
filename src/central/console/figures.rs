//! Statistics for supervisors and auditors: the funnel, endings, reasons, times and decisions, as plots and tables, with
//! small counts hidden as the store hides them.

use super::error::{Page, page as show};
use super::plot::{Bars, Beam, Column, told};
use super::session::Signed;
use super::view::Frame;
use super::words::{decision_name, decision_word, seconds, span};
use crate::central::serve::Shared;
use crate::central::statistics::{statistics, to_csv};
use crate::central::store::{
    Count, Decision, Dimension, Millis, Stage, StatisticsQuery, StatisticsRow, StatisticsTable, Timing,
};
use crate::check::Reason;
use crate::passage::Ending;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use std::sync::Arc;

const DAY: Millis = 24 * 60 * 60 * 1000;
/// Lines of a table that are shown; the CSV has all.
const ROWS_MOST: usize = 200;
/// Reasons that are shown, the commonest.
const REASONS_MOST: usize = 20;

/// What is asked for, as in the address.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct FiguresQuery {
    #[serde(default = "day")]
    by: Dimension,
    /// So many days back from now.
    #[serde(default = "week")]
    days: u16,
}

fn day() -> Dimension {
    Dimension::Day
}

fn week() -> u16 {
    7
}

/// Most days that are asked for at once.
const DAYS_MOST: u16 = 366;

impl FiguresQuery {
    fn question(self, now: Millis) -> StatisticsQuery {
        let days = Millis::from(self.days.clamp(1, DAYS_MOST));
        StatisticsQuery { from: now.saturating_sub(days * DAY), to: now, by: vec![self.by], only: Vec::new() }
    }
}

/// A line of a table.
struct FiguresRow {
    name: String,
    counts: Vec<String>,
}

impl FiguresRow {
    fn new(row: &StatisticsRow) -> FiguresRow {
        let stages = row.stages.iter().map(|(_, count)| told(count.shown()));
        let endings = other_endings(row).map(|(_, count)| told(count.shown()));
        let name = if row.key.is_empty() { "All".to_owned() } else { whole_label(row) };
        FiguresRow { name, counts: stages.chain(endings).collect() }
    }
}

/// Where a line is: an hour or a day as it is read.
fn whole_label(row: &StatisticsRow) -> String {
    let label = row.key.join(" ");
    if label.get(10..11) != Some("T") {
        return label;
    }
    let (day, clock) = (label.get(..10).unwrap_or_default(), label.get(11..16).unwrap_or_default());
    if clock == "00:00" { day.to_owned() } else { format!("{day} {clock}") }
}

/// The same below a bar, where the year has no room.
fn label(row: &StatisticsRow) -> String {
    let whole = whole_label(row);
    let dated = row.key.iter().any(|part| part.get(10..11) == Some("T"));
    whole.get(5..).filter(|_| dated).map_or(whole.clone(), str::to_owned)
}

/// The funnel ends with those admitted; these are the others.
fn other_endings(row: &StatisticsRow) -> impl Iterator<Item = &(Ending, Count)> {
    row.endings.iter().filter(|(ending, _)| *ending != Ending::Admitted)
}

/// What is counted, with its share drawn.
struct CountRow {
    name: &'static str,
    /// The number of a reason.
    code: Option<u32>,
    count: String,
    beam: Beam,
}

/// How long a step took.
struct TimeRow {
    name: &'static str,
    median: String,
    p95: String,
    beam: Beam,
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct FiguresPage {
    frame: Frame,
    query: FiguresQuery,
    by: [(&'static str, &'static str); 7],
    spans: [(u16, &'static str); 4],
    heads: Vec<String>,
    rows: Vec<FiguresRow>,
    total: FiguresRow,
    cut: bool,
    plots: [Bars; 4],
    reasons: Vec<CountRow>,
    decisions: Vec<CountRow>,
    times: Vec<TimeRow>,
    /// From a referral to the decision: the middle one, and of how many there are enough, 95 of 100.
    decided: Option<(String, String)>,
}

const BY: [(&str, &str); 7] = [
    ("day", "Day"),
    ("hour", "Hour"),
    ("hour_of_day", "Hour of the day"),
    ("port", "Port"),
    ("lane", "Lane"),
    ("document", "Document"),
    ("state", "Issuing state"),
];

impl FiguresPage {
    fn new(
        frame: Frame,
        query: FiguresQuery,
        table: &StatisticsTable,
        hours: &StatisticsTable,
    ) -> FiguresPage {
        let total = &table.total;
        let stages = total.stages.iter().map(|(stage, _)| stage.title().to_owned());
        let endings = other_endings(total).map(|(ending, _)| ending_word(*ending).to_owned());
        let decided = total.times.iter().find(|time| time.name == DECIDED);
        let long = |ms: u64| span(Millis::try_from(ms).unwrap_or(Millis::MAX));
        FiguresPage {
            frame,
            query,
            by: BY,
            spans: [(1, "24 hours"), (7, "7 days"), (30, "30 days"), (366, "a year")],
            heads: stages.chain(endings).collect(),
            rows: table.rows.iter().take(ROWS_MOST).map(FiguresRow::new).collect(),
            cut: table.rows.len() > ROWS_MOST,
            total: FiguresRow::new(total),
            plots: [
                endings_plot("Passages by ending", table),
                funnel_plot(total),
                endings_plot("Passages by the hour of the day, UTC", hours),
                decisions_plot(table),
            ],
            reasons: reason_rows(total),
            decisions: decision_rows(total),
            times: time_rows(total),
            decided: decided
                .map(|time| (long(time.median_ms), time.p95_ms.map_or_else(|| "—".to_owned(), long))),
        }
    }

    fn is_by(&self, name: &str) -> bool {
        self.query.by.title() == name
    }

    fn head(&self) -> &'static str {
        BY.iter().find(|(name, _)| self.is_by(name)).map_or("", |(_, head)| head)
    }
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Admitted => "Admitted",
        Ending::Referred => "Referred",
        Ending::Withdrawn => "Withdrawn",
    }
}

/// The commonest reasons, each as long as its part of the commonest.
fn reason_rows(total: &StatisticsRow) -> Vec<CountRow> {
    let mut reasons = total.reasons.clone();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    reasons.truncate(REASONS_MOST);
    let most = reasons.iter().filter_map(|(_, count)| count.shown()).max().unwrap_or(0);
    let row = |(reason, count): &(Reason, Count)| CountRow {
        name: reason.officer(),
        code: Some(reason.code()),
        count: told(count.shown()),
        beam: Beam::new(&[("one", count.shown().unwrap_or(0))], most),
    };
    reasons.iter().map(row).collect()
}

fn decision_rows(total: &StatisticsRow) -> Vec<CountRow> {
    let all = total.decisions.iter().filter_map(|(_, count)| count.shown()).sum();
    let row = |(decision, count): &(Decision, Count)| CountRow {
        name: decision_word(*decision),
        code: None,
        count: told(count.shown()),
        beam: Beam::new(&[(decision_name(*decision), count.shown().unwrap_or(0))], all),
    };
    total.decisions.iter().map(row).collect()
}

/// Name of the time that officers took; it has another scale than the gate's own.
const DECIDED: &str = "decision";

/// The gate's own times: half took at most as long as the dark part, 95 of 100 as the light one.
fn time_rows(total: &StatisticsRow) -> Vec<TimeRow> {
    let own: Vec<(&Timing, &'static str)> =
        total.times.iter().filter_map(|time| Some((time, time_word(&time.name)?))).collect();
    let longest = own.iter().map(|(time, _)| time.p95_ms.unwrap_or(0).max(time.median_ms)).max().unwrap_or(0);
    let said = |ms: u64| format!("{} s", seconds(ms));
    let row = |(time, name): (&Timing, &'static str)| TimeRow {
        name,
        median: said(time.median_ms),
        p95: time.p95_ms.map_or_else(|| "—".to_owned(), said),
        beam: Beam::new(&[("one", time.median_ms), ("rest", time.p95_ms.unwrap_or(time.median_ms))], longest),
    };
    own.into_iter().map(row).collect()
}

fn time_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "document" => "Document read and checked",
        "enter" => "Walked in",
        "capture" => "Face captured",
        "lookup" => "Waited for central",
        "store" => "Outcome stored",
        "whole" => "Whole passage",
        _ => return None,
    })
}

fn endings_plot(title: &str, table: &StatisticsTable) -> Bars {
    const KINDS: [(&str, &str); 3] =
        [("admitted", "admit"), ("referred", "refuse"), ("withdrawn", "withdrawn")];
    let column = |row: &StatisticsRow| {
        let of = |wanted: Ending| {
            row.endings.iter().find(|(ending, _)| *ending == wanted).and_then(|(_, count)| count.shown())
        };
        Column {
            label: label(row),
            counts: [Ending::Admitted, Ending::Referred, Ending::Withdrawn].map(of).into(),
        }
    };
    let columns: Vec<Column> = table.rows.iter().take(ROWS_MOST).map(column).collect();
    Bars::new(title, &KINDS, &columns)
}

fn funnel_plot(total: &StatisticsRow) -> Bars {
    let column = |(stage, count): &(Stage, Count)| {
        // Every bar has its name here, so all are short.
        let label = if *stage == Stage::Placed { "Placed" } else { stage.title() };
        Column { label: label.to_owned(), counts: vec![count.shown()] }
    };
    let columns: Vec<Column> = total.stages.iter().map(column).collect();
    Bars::new("How far passages came", &[("passages that came so far", "one")], &columns)
}

/// What officers decided of the passages of each line; what did not occur in a line that is shown is nought.
fn decisions_plot(table: &StatisticsTable) -> Bars {
    const DECISIONS: [Decision; 3] = [Decision::Admit, Decision::SecondLine, Decision::Refuse];
    let column = |row: &StatisticsRow| {
        let none = row.passages.shown().map(|_| 0);
        let of = |wanted: Decision| {
            let found = row.decisions.iter().find(|(decision, _)| *decision == wanted);
            found.map_or(none, |(_, count)| count.shown())
        };
        Column { label: label(row), counts: DECISIONS.map(of).into() }
    };
    let columns: Vec<Column> = table.rows.iter().take(ROWS_MOST).map(column).collect();
    let kinds = DECISIONS.map(|decision| (decision_word(decision), decision_name(decision)));
    Bars::new("Officers’ decisions on referrals", &kinds, &columns)
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<FiguresQuery>,
) -> Page {
    signed.may(|role| role.sees_work())?;
    let page = shared
        .blocking(move |shared| {
            let question = query.question(shared.now());
            let table = statistics(shared, &question, signed.user())?;
            let by_hour = StatisticsQuery { by: vec![Dimension::HourOfDay], ..question };
            let hours = statistics(shared, &by_hour, signed.user())?;
            Ok(FiguresPage::new(Frame::load(shared, signed, "statistics")?, query, &table, &hours))
        })
        .await?;
    show(&page)
}

/// The same as CSV.
pub(super) async fn csv(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<FiguresQuery>,
) -> Page {
    signed.may(|role| role.sees_work())?;
    let csv = shared
        .blocking(move |shared| to_csv(&statistics(shared, &query.question(shared.now()), signed.user())?))
        .await?;
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"statistics.csv\"");
    Ok(([kind, name], csv).into_response())
}
