//! Health and metrics for those who run the service: numbers only, nothing of any traveller.
//!
//! | call | answer |
//! |---|---|
//! | `GET /healthz` | 200 while the process lives |
//! | `GET /readyz` | 200 when database and pictures answer and the service goes on, else 503 |
//! | `GET /metrics` | Prometheus' text form, version 0.0.4 |
//! | `GET /openapi.json` | what lanes and other systems call |
//!
//! The listener is separate and off unless the settings name it, so that it can be kept from officers' and
//! lanes' networks.

use super::openapi;
use super::serve::Shared;
use super::store::{LaneOverview, LaneTotal, storable_word};
use crate::passage::Ending;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Alarms that are counted; more are told as this many.
const ALARMS_MOST: usize = 10_000;
/// How long readiness may take to find out.
const READY_MOST: Duration = Duration::from_secs(5);
/// Upper ends of the look-ups' times, milliseconds.
const LOOKUP_MS: [u64; 8] = [5, 10, 25, 50, 100, 250, 1000, 3000];

/// What this process counted since it started.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) records: AtomicU64,
    pub(super) refusals: AtomicU64,
    lookups: [AtomicU64; LOOKUP_MS.len() + 1],
    lookup_us: AtomicU64,
}

impl Counters {
    /// Counts a look-up that was answered.
    pub(super) fn looked_up(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let place = LOOKUP_MS.iter().position(|most| ms <= *most).unwrap_or(LOOKUP_MS.len());
        if let Some(count) = self.lookups.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.lookup_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(0), Ordering::Relaxed);
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for (name, help, count) in [
            ("egate_records_total", "Records stored", &self.records),
            ("egate_refusals_total", "Batches of records refused", &self.refusals),
        ] {
            head(text, name, help, "counter")?;
            writeln!(text, "{name} {}", count.load(Ordering::Relaxed))?;
        }
        head(text, "egate_lookup_seconds", "Time to answer a look-up", "histogram")?;
        let mut all = 0;
        for (count, most) in self.lookups.iter().zip(LOOKUP_MS.iter().map(Some).chain([None])) {
            all += count.load(Ordering::Relaxed);
            match most {
                Some(ms) => {
                    writeln!(
                        text,
                        "egate_lookup_seconds_bucket{{le=\"{}.{:03}\"}} {all}",
                        ms / 1000,
                        ms % 1000
                    )?;
                }
                None => writeln!(text, "egate_lookup_seconds_bucket{{le=\"+Inf\"}} {all}")?,
            }
        }
        let us = self.lookup_us.load(Ordering::Relaxed);
        writeln!(text, "egate_lookup_seconds_sum {}.{:06}", us / 1_000_000, us % 1_000_000)?;
        writeln!(text, "egate_lookup_seconds_count {all}")
    }
}

/// The listener's calls.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(described))
        .with_state(shared)
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if *shared.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the service is being stopped\n").into_response();
    }
    let asked = shared.blocking(|shared| {
        shared.store.version()?;
        Ok(shared.pictures.answer()?)
    });
    match tokio::time::timeout(READY_MOST, asked).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::error!("not ready: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "the database or the pictures' store does not answer\n")
                .into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n").into_response(),
    }
}

async fn described() -> Response {
    match openapi::document() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!("no description: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match shared.blocking(stored).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!("no metrics: {error:#}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// What this process counted, and what the database holds. Nothing here counts records: with millions of them the
/// sums that statistics keep are what can be asked every few seconds; they follow the records by some seconds.
fn stored(shared: &Shared) -> anyhow::Result<String> {
    let mut text = String::new();
    shared.counters.write(&mut text)?;
    let totals = shared.store.lane_totals()?;
    head(&mut text, "egate_passages", "Passages counted, by ending", "gauge")?;
    for ending in [Ending::Admitted, Ending::Referred, Ending::Withdrawn] {
        let counts = totals.iter().flat_map(|lane| &lane.endings).filter(|(of, _)| *of == ending);
        let count: u64 = counts.map(|(_, count)| count).sum();
        writeln!(text, "egate_passages{{ending=\"{}\"}} {count}", storable_word(&ending))?;
    }
    head(&mut text, "egate_open_cases", "Referred cases without a decision", "gauge")?;
    writeln!(text, "egate_open_cases {}", shared.store.open_cases(0)?.1)?;
    head(&mut text, "egate_alarms", "Alarms that stand", "gauge")?;
    writeln!(text, "egate_alarms {}", shared.store.alarms(ALARMS_MOST)?.len())?;
    head(&mut text, "egate_lane_silent_seconds", "Time since a lane's newest record came", "gauge")?;
    for LaneOverview { lane, last_record, .. } in shared.store.lanes()? {
        let Some(newest) = last_record else { continue };
        let seconds = shared.now().saturating_sub(newest).max(0) / 1000;
        // Names of lanes are of letters, digits and hyphens.
        writeln!(text, "egate_lane_silent_seconds{{lane=\"{}\"}} {seconds}", lane.name)?;
    }
    lane_totals(&mut text, &totals, &shared.store.ports()?)?;
    head(&mut text, "egate_lane_clock_ahead_seconds", "How far a lane's clock is ahead", "gauge")?;
    for clock in shared.store.clocks()? {
        let seconds = clock.ahead as f64 / 1000.0;
        writeln!(text, "egate_lane_clock_ahead_seconds{{lane=\"{}\"}} {seconds}", clock.lane)?;
    }
    Ok(text)
}

/// What statistics counted of each lane: exact, since a lane's sums over all time tell of no traveller.
fn lane_totals(
    text: &mut String,
    totals: &[LaneTotal],
    ports: &BTreeMap<String, String>,
) -> std::fmt::Result {
    let labels = |lane: &LaneTotal| {
        let port = ports.get(&lane.lane).map_or("", String::as_str);
        format!("lane=\"{}\",port=\"{port}\"", lane.lane)
    };
    type Counts = Vec<(String, u64)>;
    let mut family =
        |name: &str, help: &str, label: &str, of: &dyn Fn(&LaneTotal) -> Counts| -> std::fmt::Result {
            head(text, name, help, "counter")?;
            for lane in totals {
                for (value, count) in of(lane) {
                    writeln!(text, "{name}{{{},{label}=\"{value}\"}} {count}", labels(lane))?;
                }
            }
            Ok(())
        };
    family("egate_stage_total", "Passages by stage of the funnel", "stage", &|lane| {
        lane.stages.iter().map(|(of, n)| (storable_word(of), *n)).collect()
    })?;
    family("egate_ending_total", "Passages by ending", "ending", &|lane| {
        lane.endings.iter().map(|(of, n)| (storable_word(of), *n)).collect()
    })?;
    family("egate_reason_total", "Reasons of passages that were not admitted", "reason", &|lane| {
        lane.reasons.iter().map(|(of, n)| (u32::from(*of).to_string(), *n)).collect()
    })?;
    family("egate_decision_total", "Officers' decisions on referrals", "decision", &|lane| {
        lane.decisions.iter().map(|(of, n)| (storable_word(of), *n)).collect()
    })?;
    head(text, "egate_step_seconds", "Time that the steps of passages took", "summary")?;
    for lane in totals {
        for (step, count, ms) in &lane.times {
            let labels = format!("{},step=\"{step}\"", labels(lane));
            writeln!(text, "egate_step_seconds_sum{{{labels}}} {}.{:03}", ms / 1000, ms % 1000)?;
            writeln!(text, "egate_step_seconds_count{{{labels}}} {count}")?;
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}
