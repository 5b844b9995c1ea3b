//! Statistics: what is counted in hourly cells, and tables of it without small counts.
//!
//! A cell is an hour (UTC), a lane at its port, a kind of document and an issuing state. In it are counted
//! the passages, the stages of the funnel ([`Stage`]), endings, reasons, durations of the steps in classes
//! of at most 9 %, and officers' decisions. Counting ([`Store::settle`]) follows the records by
//! a job; the cells stay when pictures are deleted, and asking them reads no record.
//!
//! A table ([`Store::statistics`]) shows no count from 1 to [`SMALL`] − 1 and nothing that gives one away
//! (`suppress`). Totals by lane for the metrics ([`Store::lane_totals`]) have neither traveller nor hour and
//! are exact.

mod count;
mod measure;
mod suppress;

pub use measure::Stage;
pub use suppress::SMALL;

pub(super) use count::{Counted, count};

use super::sql::{Row, unword, values};
use super::{Decision, Millis, Store, StoreError};
use crate::check::Reason;
use crate::passage::Ending;
use count::HOUR;
use measure::{Measure, middle};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use suppress::{Cell, DIMENSIONS_MOST, Hidden, hidden};

/// Counts that are read for one table at most; more are refused.
const COUNTS_MOST: usize = 400_000;
/// Fewest durations of which the 95th percentile is told.
const P95_FEWEST: u64 = 4 * SMALL;

/// By what a table is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The port where the lane stands.
    Port,
    /// The lane.
    Lane,
    /// The day (UTC) in which the passage began.
    Day,
    /// The hour (UTC) in which the passage began.
    Hour,
    /// The hour of the day (UTC), 00 to 23, whatever the day.
    HourOfDay,
    /// The kind of document: its code, as in the zone.
    Document,
    /// The state that issued the document, as in the zone.
    State,
}

impl Dimension {
    /// Name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Dimension::Port => "port",
            Dimension::Lane => "lane",
            Dimension::Day => "day",
            Dimension::Hour => "hour",
            Dimension::HourOfDay => "hour_of_day",
            Dimension::Document => "document",
            Dimension::State => "state",
        }
    }

    /// What stands for it in a statement. Times are numbers there, and made readable afterwards.
    fn column(self) -> &'static str {
        match self {
            Dimension::Port => "port",
            Dimension::Lane => "lane",
            Dimension::Day => "hour - hour % 86400000",
            Dimension::Hour => "hour",
            Dimension::HourOfDay => "hour % 86400000 / 3600000",
            Dimension::Document => "document",
            Dimension::State => "state",
        }
    }

    /// What a column holds, as it is told.
    fn told(self, row: &mut Row) -> Result<String, StoreError> {
        match self {
            Dimension::Day | Dimension::Hour => time(row.number()?),
            Dimension::HourOfDay => Ok(format!("{:02}", row.number()?)),
            Dimension::Port | Dimension::Lane | Dimension::Document | Dimension::State => row.text(),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsQuery {
    /// From the hour in which this is.
    pub from: Millis,
    /// Up to this; an hour that it divides is in whole.
    pub to: Millis,
    /// By what the table is divided, in this order; each once.
    pub by: Vec<Dimension>,
    /// Only cells with these values.
    pub only: Vec<(Dimension, String)>,
}

/// A count, or that it is too small to be shown, or would give away one that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Not shown.
    Hidden,
    /// As counted.
    Shown(u64),
}

impl Count {
    /// The count, where it is shown.
    pub fn shown(self) -> Option<u64> {
        match self {
            Count::Hidden => None,
            Count::Shown(count) => Some(count),
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Count::Hidden => f.write_str("hidden"),
            Count::Shown(count) => count.fmt(f),
        }
    }
}

/// A number, or `null` where the count is hidden.
impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shown().serialize(serializer)
    }
}

/// How long something took; within 4.5 % of the true values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// The step: `document`, `enter`, `capture`, `lookup`, `store`; `whole` for all up to the verdict,
    /// `decision` from a referral to the officer's decision.
    pub name: String,
    /// Half took at most so long, milliseconds.
    pub median_ms: u64,
    /// 95 of 100 took at most so long, milliseconds; absent where there are too few.
    pub p95_ms: Option<u64>,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatisticsRow {
    /// Where it is in each dimension of the question; empty for the total.
    pub key: Vec<String>,
    /// Passages: what all other counts are of.
    pub passages: Count,
    /// Second outcomes of passages that were admitted first.
    pub again: Count,
    /// The funnel.
    pub stages: Vec<(Stage, Count)>,
    /// Admitted, referred, withdrawn.
    pub endings: Vec<(Ending, Count)>,
    /// Reasons that occurred, by their number.
    pub reasons: Vec<(Reason, Count)>,
    /// Officers' decisions that occurred.
    pub decisions: Vec<(Decision, Count)>,
    /// How long the steps took.
    pub times: Vec<Timing>,
}

/// A table of statistics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatisticsTable {
    /// By what it is divided.
    pub by: Vec<Dimension>,
    /// Its lines, in the order of their keys.
    pub rows: Vec<StatisticsRow>,
    /// All lines together.
    pub total: StatisticsRow,
}

/// What was counted of a lane since the beginning, exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneTotal {
    /// Its name.
    pub lane: String,
    /// Passages by stage.
    pub stages: Vec<(Stage, u64)>,
    /// Passages by ending.
    pub endings: Vec<(Ending, u64)>,
    /// Reasons that occurred.
    pub reasons: Vec<(Reason, u64)>,
    /// Officers' decisions.
    pub decisions: Vec<(Decision, u64)>,
    /// Durations: name, how many, milliseconds together.
    pub times: Vec<(String, u64, u64)>,
}

impl Store {
    /// A table of what is counted.
    ///
    /// # Errors
    /// When the question asks for too much at once, or the database fails.
    pub fn statistics(&self, query: &StatisticsQuery) -> Result<StatisticsTable, StoreError> {
        let only: Vec<Dimension> = query.only.iter().map(|(dimension, _)| *dimension).collect();
        let total = self.rows(query, &only, 0)?.pop();
        let mut by = query.by.clone();
        by.extend(only.into_iter().filter(|dimension| !query.by.contains(dimension)));
        let rows = self.rows(query, &by, query.by.len())?;
        let none = Cell { key: Vec::new(), counts: BTreeMap::new() };
        let total = total.map_or_else(|| row(&none, |_| false, 0), Ok)?;
        Ok(StatisticsTable { by: query.by.clone(), rows, total })
    }

    /// The lines of a table of which only some are wanted. They are hidden as if all the others stood
    /// beside them; then the key is cut to its first dimensions.
    fn rows(
        &self,
        query: &StatisticsQuery,
        by: &[Dimension],
        key: usize,
    ) -> Result<Vec<StatisticsRow>, StoreError> {
        let cells = self.cells(query.from, query.to, by)?;
        let hides = hidden(&cells, by.len());
        let wanted = |cell: &Cell| {
            query.only.iter().all(|(dimension, value)| {
                let place = by.iter().position(|of| of == dimension);
                place.and_then(|place| cell.key.get(place)) == Some(value)
            })
        };
        let picked = cells.iter().enumerate().filter(|(_, cell)| wanted(cell));
        picked.map(|(place, cell)| row(cell, |measure| is_hidden(&hides, measure, place), key)).collect()
    }

    /// What is counted in whole hours, by these dimensions, in the order of the keys.
    fn cells(&self, from: Millis, to: Millis, by: &[Dimension]) -> Result<Vec<Cell>, StoreError> {
        if by.len() > DIMENSIONS_MOST {
            return Err(StoreError::TooMuch("more dimensions than there are"));
        }
        let columns: Vec<String> = by.iter().map(|dimension| format!("{}, ", dimension.column())).collect();
        let columns = columns.concat();
        let text = format!(
            "SELECT {columns}measure, CAST(sum(count) AS BIGINT) FROM statistics
             WHERE hour >= $1 AND hour < $2 GROUP BY {columns}measure ORDER BY {columns}measure LIMIT $3"
        );
        let from = from.saturating_sub(from.rem_euclid(HOUR));
        let rows = self.read(|sql| sql.query(&text, values![from, to, COUNTS_MOST + 1]))?;
        if rows.len() > COUNTS_MOST {
            return Err(StoreError::TooMuch("a shorter time or fewer dimensions"));
        }
        let mut cells: Vec<Cell> = Vec::new();
        for mut row in rows {
            let mut key = Vec::with_capacity(by.len());
            for dimension in by {
                key.push(dimension.told(&mut row)?);
            }
            let (measure, count) = (Measure::parse(&row.text()?)?, row.count()?);
            match cells.last_mut() {
                Some(last) if last.key == key => last.counts.insert(measure, count),
                _ => {
                    cells.push(Cell { key, counts: BTreeMap::from([(measure, count)]) });
                    None
                }
            };
        }
        Ok(cells)
    }

    /// What was counted of each lane since the beginning.
    ///
    /// # Errors
    /// When the database fails.
    pub fn lane_totals(&self) -> Result<Vec<LaneTotal>, StoreError> {
        let text = "SELECT lane, measure, count FROM lane_totals ORDER BY lane, measure";
        let mut cells: Vec<Cell> = Vec::new();
        for mut row in self.read(|sql| sql.query(text, values![]))? {
            let (lane, measure, count) = (row.text()?, Measure::parse(&row.text()?)?, row.count()?);
            match cells.last_mut() {
                Some(last) if last.key == [lane.as_str()] => last.counts.insert(measure, count),
                _ => {
                    cells.push(Cell { key: vec![lane], counts: BTreeMap::from([(measure, count)]) });
                    None
                }
            };
        }
        cells.iter().map(lane_total).collect()
    }
}

/// An hour as it is written: RFC 3339.
fn time(millis: Millis) -> Result<String, StoreError> {
    let damaged = |_| StoreError::Damaged(format!("{millis} is no time"));
    Ok(jiff::Timestamp::from_millisecond(millis).map_err(damaged)?.to_string())
}

fn is_hidden(hides: &Hidden, measure: &Measure, place: usize) -> bool {
    // Only what occurs nowhere has no line: that is nought in every cell.
    hides.get(measure).and_then(|cells| cells.get(place)).copied().unwrap_or(false)
}

const ENDINGS: [Ending; 3] = [Ending::Admitted, Ending::Referred, Ending::Withdrawn];

fn row(cell: &Cell, is_hidden: impl Fn(&Measure) -> bool, key: usize) -> Result<StatisticsRow, StoreError> {
    let closed = is_hidden(&Measure::Passages);
    let count = |measure: &Measure| {
        if closed || is_hidden(measure) { Count::Hidden } else { Count::Shown(cell.count(measure)) }
    };
    let exact = lane_total(cell)?;
    let stage = |stage: Stage| count(&stage_measure(stage));
    let ended = |ending: Ending| Ok((ending, count(&Measure::Ending(super::sql::word(&ending)?))));
    let decided = |(decision, _): &(Decision, u64)| {
        Ok((*decision, count(&Measure::Decision(super::sql::word(decision)?))))
    };
    Ok(StatisticsRow {
        key: cell.key.iter().take(key).cloned().collect(),
        passages: count(&Measure::Passages),
        again: count(&Measure::Again),
        stages: Stage::ALL.into_iter().map(|of| (of, stage(of))).collect(),
        endings: ENDINGS.into_iter().map(ended).collect::<Result<_, StoreError>>()?,
        reasons: exact.reasons.iter().map(|(r, _)| (*r, count(&Measure::Reason((*r).into())))).collect(),
        decisions: exact.decisions.iter().map(decided).collect::<Result<_, StoreError>>()?,
        times: if closed { Vec::new() } else { timings(cell) },
    })
}

/// Under which measure a stage is counted: its own, or for the first and the last what says the same.
fn stage_measure(stage: Stage) -> Measure {
    match stage {
        Stage::Placed => Measure::Passages,
        Stage::Admitted => Measure::Ending("admitted".to_owned()),
        other => Measure::Stage(other),
    }
}

fn lane_total(cell: &Cell) -> Result<LaneTotal, StoreError> {
    let stages = Stage::ALL.into_iter().map(|stage| (stage, cell.count(&stage_measure(stage))));
    let mut total = LaneTotal {
        lane: cell.key.first().cloned().unwrap_or_default(),
        stages: stages.collect(),
        endings: Vec::new(),
        reasons: Vec::new(),
        decisions: Vec::new(),
        times: Vec::new(),
    };
    for (measure, count) in &cell.counts {
        match measure {
            Measure::Ending(word) => total.endings.push((unword(word)?, *count)),
            Measure::Decision(word) => total.decisions.push((unword(word)?, *count)),
            Measure::Reason(code) => {
                let unknown = |_| StoreError::Damaged(format!("no reason has the number {code}"));
                total.reasons.push((Reason::try_from(*code).map_err(unknown)?, *count));
            }
            Measure::Sum(name) => total.times.push((name.clone(), classes(cell, name).1, *count)),
            _ => {}
        }
    }
    Ok(total)
}

/// The classes of a duration with their counts, and how many there are.
fn classes(cell: &Cell, name: &str) -> (Vec<(u16, u64)>, u64) {
    let mut found: Vec<(u16, u64)> = Vec::new();
    for (measure, count) in &cell.counts {
        if let Measure::Time(of, class) = measure
            && of == name
        {
            found.push((*class, *count));
        }
    }
    let all = found.iter().map(|(_, count)| count).sum();
    (found, all)
}

fn timings(cell: &Cell) -> Vec<Timing> {
    let named = cell.counts.keys().filter_map(|measure| match measure {
        Measure::Sum(name) => Some(name),
        _ => None,
    });
    let timing = |name: &String| {
        let (classes, all) = classes(cell, name);
        (all >= SMALL).then(|| Timing {
            name: name.clone(),
            median_ms: quantile(&classes, all, 50),
            p95_ms: (all >= P95_FEWEST).then(|| quantile(&classes, all, 95)),
        })
    };
    named.filter_map(timing).collect()
}

/// The middle of the class in which the value lies that so many of a hundred do not exceed.
fn quantile(classes: &[(u16, u64)], all: u64, percent: u64) -> u64 {
    let rank = all.saturating_mul(percent).div_ceil(100);
    let mut below = 0;
    let found = classes.iter().find(|(_, count)| {
        below += count;
        below >= rank
    });
    found.map_or(0, |(class, _)| middle(*class))
}
