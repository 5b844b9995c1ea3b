//! Statistics as they leave the store: the table for a person, its CSV; and the job that settles what came.

use super::enrol;
use super::serve::{Office, Shared};
use super::store::{AuditEntry, Count, StatisticsQuery, StatisticsRow, StatisticsTable, storable_word};
use anyhow::ensure;
use std::collections::BTreeSet;

/// Records and decisions that are settled in one transaction.
const AT_ONCE: usize = 200;

/// Settles what is not settled yet, statistics and history among it; gives how many records and decisions.
pub(super) fn settle_all(shared: &Shared) -> anyhow::Result<usize> {
    let mut settled = 0;
    loop {
        let found = shared.store.settle(AT_ONCE)?;
        settled += found;
        if found < AT_ONCE || *shared.stopping.borrow() {
            return Ok(settled);
        }
    }
}

impl Office {
    /// A table of statistics of everything that arrived until now. Who asked, and for what, is in the
    /// audit trail.
    ///
    /// # Errors
    /// When the question asks for too much at once, or the store fails.
    pub async fn statistics(&self, query: StatisticsQuery, by: &str) -> anyhow::Result<StatisticsTable> {
        let by = by.to_owned();
        self.shared().blocking(move |shared| statistics(shared, &query, &by)).await
    }

    /// Says at which port a lane stands: letters, digits, hyphens. Statistics count there from now on.
    ///
    /// # Errors
    /// When the lane is not enrolled, the port's name is none, or the store fails.
    pub async fn set_port(&self, lane: &str, port: &str) -> anyhow::Result<()> {
        let (lane, port) = (lane.to_owned(), port.to_owned());
        self.shared().blocking(move |shared| set_port(shared, &lane, &port)).await
    }
}

/// Counts, asks, and notes who asked.
pub(super) fn statistics(
    shared: &Shared,
    query: &StatisticsQuery,
    by: &str,
) -> anyhow::Result<StatisticsTable> {
    settle_all(shared)?;
    let table = shared.store.statistics(query)?;
    let dimensions: Vec<&str> = query.by.iter().map(|dimension| dimension.title()).collect();
    let only: Vec<String> =
        query.only.iter().map(|(dimension, value)| format!("{}={value}", dimension.title())).collect();
    let detail =
        format!("{} to {} by {} only {}", query.from, query.to, dimensions.join(","), only.join(","));
    let entry = AuditEntry { actor: by, act: "statistics.read", subject: "", detail: &detail };
    shared.store.audit(entry, shared.now())?;
    Ok(table)
}

fn set_port(shared: &Shared, lane: &str, port: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
    ensure!(
        (1..=enrol::LANE_NAME_MOST).contains(&port.len()) && port.chars().all(fine),
        "{port:?} is no port: 1 to {} letters, digits and hyphens",
        enrol::LANE_NAME_MOST
    );
    let known = shared.known_lane(lane)?;
    ensure!(known.is_some(), "lane {lane} is not enrolled here");
    shared.store.set_port(lane, port)?;
    let entry = AuditEntry { actor: "central", act: "lane.port", subject: lane, detail: port };
    Ok(shared.store.audit(entry, shared.now())?)
}

/// What a hidden count says in CSV.
const HIDDEN: &str = "hidden";

/// The table as CSV (RFC 4180): one column for each dimension and each count, one line for each cell, the
/// last for the total.
///
/// # Errors
/// Never on a table that the store made.
pub fn to_csv(table: &StatisticsTable) -> anyhow::Result<Vec<u8>> {
    let lines: Vec<&StatisticsRow> = table.rows.iter().chain([&table.total]).collect();
    let reasons: BTreeSet<u32> =
        lines.iter().flat_map(|row| &row.reasons).map(|(reason, _)| (*reason).into()).collect();
    let decisions: BTreeSet<String> =
        lines.iter().flat_map(|row| &row.decisions).map(|(decision, _)| storable_word(decision)).collect();
    let times: BTreeSet<&str> =
        lines.iter().flat_map(|row| &row.times).map(|time| time.name.as_str()).collect();

    let mut csv = csv::Writer::from_writer(Vec::new());
    let mut head: Vec<String> = table.by.iter().map(|dimension| dimension.title().to_owned()).collect();
    head.extend(["passages", "again"].map(str::to_owned));
    head.extend(table.total.stages.iter().map(|(stage, _)| format!("stage_{}", storable_word(stage))));
    head.extend(table.total.endings.iter().map(|(ending, _)| format!("ending_{}", storable_word(ending))));
    head.extend(reasons.iter().map(|code| format!("reason_{code}")));
    head.extend(decisions.iter().map(|decision| format!("decision_{decision}")));
    for name in &times {
        head.extend([format!("{name}_median_ms"), format!("{name}_p95_ms")]);
    }
    csv.write_record(&head)?;
    for row in lines {
        let mut line: Vec<String> = row.key.clone();
        line.resize(table.by.len(), "all".to_owned());
        line.extend([row.passages, row.again].map(cell));
        line.extend(row.stages.iter().map(|(_, count)| cell(*count)));
        line.extend(row.endings.iter().map(|(_, count)| cell(*count)));
        // What did not occur in a cell that is shown is nought.
        let none = if row.passages == Count::Hidden { Count::Hidden } else { Count::Shown(0) };
        line.extend(reasons.iter().map(|code| {
            let found = row.reasons.iter().find(|(reason, _)| u32::from(*reason) == *code);
            cell(found.map_or(none, |(_, count)| *count))
        }));
        line.extend(decisions.iter().map(|word| {
            let found = row.decisions.iter().find(|(decision, _)| storable_word(decision) == *word);
            cell(found.map_or(none, |(_, count)| *count))
        }));
        for name in &times {
            let found = row.times.iter().find(|time| time.name == *name);
            line.push(found.map(|time| time.median_ms.to_string()).unwrap_or_default());
            line.push(found.and_then(|time| time.p95_ms).map(|ms| ms.to_string()).unwrap_or_default());
        }
        csv.write_record(&line)?;
    }
    Ok(csv.into_inner()?)
}

fn cell(count: Count) -> String {
    count.shown().map_or_else(|| HIDDEN.to_owned(), |count| count.to_string())
}
