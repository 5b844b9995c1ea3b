//! Statistics for supervisors and auditors: the funnel, endings, reasons, times and decisions, as plots and tables, with
//! small counts hidden as the store hides them.

use super::error::{Page, page as show};
use super::plot::{Bars, Column};
use super::session::Signed;
use super::view::Frame;
use super::words::{decision_word, seconds, span};
use crate::central::serve::Shared;
use crate::central::statistics::{statistics, to_csv};
use crate::central::store::{Count, Dimension, Millis, StatisticsQuery, StatisticsRow, StatisticsTable};
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
        let stages = row.stages.iter().map(|(_, count)| told(*count));
        let endings = other_endings(row).map(|(_, count)| told(*count));
        let name = if row.key.is_empty() { "All".to_owned() } else { row.key.join(" ") };
        FiguresRow { name, counts: stages.chain(endings).collect() }
    }
}

/// The funnel ends with those admitted; these are the others.
fn other_endings(row: &StatisticsRow) -> impl Iterator<Item = &(Ending, Count)> {
    row.endings.iter().filter(|(ending, _)| *ending != Ending::Admitted)
}

/// A count as shown; a dash where it is too small to be.
fn told(count: Count) -> String {
    count.shown().map_or_else(|| "—".to_owned(), |count| count.to_string())
}

/// How long a step took.
struct TimeRow {
    name: &'static str,
    median: String,
    p95: String,
}

#[derive(Template)]
#[template(path = "statistics.html")]
struct FiguresPage {
    frame: Frame,
    query: FiguresQuery,
    by: [(&'static str, &'static str); 6],
    spans: [(u16, &'static str); 4],
    heads: Vec<String>,
    rows: Vec<FiguresRow>,
    total: FiguresRow,
    cut: bool,
    endings: Bars,
    funnel: Bars,
    reasons: Vec<(u32, &'static str, String)>,
    decisions: Vec<(&'static str, String)>,
    times: Vec<TimeRow>,
}

impl FiguresPage {
    fn new(frame: Frame, query: FiguresQuery, table: &StatisticsTable) -> FiguresPage {
        let total = &table.total;
        let mut reasons = total.reasons.clone();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let stages = total.stages.iter().map(|(stage, _)| stage.title().to_owned());
        let endings = other_endings(total).map(|(ending, _)| ending_word(*ending).to_owned());
        FiguresPage {
            frame,
            query,
            by: [
                ("day", "Day"),
                ("hour", "Hour"),
                ("port", "Port"),
                ("lane", "Lane"),
                ("document", "Document"),
                ("state", "Issuing state"),
            ],
            spans: [(1, "24 hours"), (7, "7 days"), (30, "30 days"), (366, "a year")],
            heads: stages.chain(endings).collect(),
            rows: table.rows.iter().take(ROWS_MOST).map(FiguresRow::new).collect(),
            cut: table.rows.len() > ROWS_MOST,
            total: FiguresRow::new(total),
            endings: endings_plot(table),
            funnel: funnel_plot(total),
            reasons: reasons
                .iter()
                .take(REASONS_MOST)
                .map(|(reason, count)| (reason.code(), reason.officer(), told(*count)))
                .collect(),
            decisions: total
                .decisions
                .iter()
                .map(|(decision, count)| (decision_word(*decision), told(*count)))
                .collect(),
            times: total
                .times
                .iter()
                .filter_map(|time| time_row(&time.name, time.median_ms, time.p95_ms))
                .collect(),
        }
    }

    fn is_by(&self, name: &str) -> bool {
        self.query.by.title() == name
    }
}

fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Admitted => "Admitted",
        Ending::Referred => "Referred",
        Ending::Withdrawn => "Withdrawn",
    }
}

fn time_row(name: &str, median: u64, p95: Option<u64>) -> Option<TimeRow> {
    let name = match name {
        "document" => "Document read and checked",
        "enter" => "Walked in",
        "capture" => "Face captured",
        "lookup" => "Waited for central",
        "store" => "Outcome stored",
        "whole" => "Whole passage",
        "decision" => "From referral to decision",
        _ => return None,
    };
    let long = name == "From referral to decision";
    let said = |ms: u64| {
        if long { span(Millis::try_from(ms).unwrap_or(Millis::MAX)) } else { format!("{} s", seconds(ms)) }
    };
    Some(TimeRow { name, median: said(median), p95: p95.map_or_else(|| "—".to_owned(), said) })
}

/// Hidden counts are left out of plots: nothing is drawn that is not told.
fn drawn(count: Count) -> u64 {
    count.shown().unwrap_or(0)
}

fn endings_plot(table: &StatisticsTable) -> Bars {
    const KINDS: [(&str, &str); 3] =
        [("admitted", "admit"), ("referred", "refuse"), ("withdrawn", "withdrawn")];
    let column = |row: &StatisticsRow| {
        let of = |wanted: Ending| {
            row.endings.iter().find(|(ending, _)| *ending == wanted).map_or(0, |(_, count)| drawn(*count))
        };
        let label = row.key.join(" ");
        // Of an hour or a day the year needs no room.
        let label = label.get(5..16).map_or(label.clone(), |short| short.replace('T', " "));
        Column { label, counts: [Ending::Admitted, Ending::Referred, Ending::Withdrawn].map(of).into() }
    };
    let columns: Vec<Column> = table.rows.iter().take(ROWS_MOST).map(column).collect();
    Bars::new("Passages by ending", &KINDS, &columns)
}

fn funnel_plot(total: &StatisticsRow) -> Bars {
    let columns: Vec<Column> = total
        .stages
        .iter()
        .map(|(stage, count)| Column { label: stage.title().to_owned(), counts: vec![drawn(*count)] })
        .collect();
    Bars::new("From the document placed to the exit", &[("passages that came so far", "one")], &columns)
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<FiguresQuery>,
) -> Page {
    signed.may(|role| role.sees_work())?;
    let page = shared
        .blocking(move |shared| {
            let table = statistics(shared, &query.question(shared.now()), signed.user())?;
            Ok(FiguresPage::new(Frame::load(shared, signed, "statistics")?, query, &table))
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
