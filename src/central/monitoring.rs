//! Health and metrics for those who run the service: numbers only, nothing of any traveller.
//!
//! | call | answer |
//! |---|---|
//! | `GET /healthz` | 200 when the database answers, else 503 |
//! | `GET /metrics` | Prometheus' text form, version 0.0.4 |
//!
//! The listener is separate and off unless the settings name it, so that it can be kept from officers' and
//! lanes' networks.

use super::serve::Shared;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Alarms that are counted; more are told as this many.
const ALARMS_MOST: usize = 10_000;
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
    Router::new().route("/healthz", get(health)).route("/metrics", get(metrics)).with_state(shared)
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    match shared.blocking(|shared| Ok(shared.store.fingerprint()?)).await {
        Ok(_) => "the database answers\n".into_response(),
        Err(error) => {
            tracing::error!("not healthy: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
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

/// What this process counted, and what the database holds.
fn stored(shared: &Shared) -> anyhow::Result<String> {
    let mut text = String::new();
    shared.counters.write(&mut text)?;
    let [admitted, referred, withdrawn] = shared.store.endings()?;
    head(&mut text, "egate_passages", "Passages stored, by ending", "gauge")?;
    for (ending, count) in [("admitted", admitted), ("referred", referred), ("withdrawn", withdrawn)] {
        writeln!(text, "egate_passages{{ending=\"{ending}\"}} {count}")?;
    }
    head(&mut text, "egate_open_cases", "Referred cases without a decision", "gauge")?;
    writeln!(text, "egate_open_cases {}", shared.store.open_cases(0)?.1)?;
    head(&mut text, "egate_alarms", "Alarms that stand", "gauge")?;
    writeln!(text, "egate_alarms {}", shared.store.alarms(ALARMS_MOST)?.len())?;
    head(&mut text, "egate_lane_silent_seconds", "Time since a lane's last record", "gauge")?;
    for lane in shared.store.lanes()? {
        if let Some(last) = lane.last_record {
            let seconds = shared.now().saturating_sub(last).max(0) / 1000;
            // Names of lanes are of letters, digits and hyphens.
            writeln!(text, "egate_lane_silent_seconds{{lane=\"{}\"}} {seconds}", lane.lane.name)?;
        }
    }
    Ok(text)
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}
