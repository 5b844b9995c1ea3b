//! How the lane is, for machines that watch it: on loopback, without anything personal.
//!
//! | route | what it gives |
//! |---|---|
//! | `GET /healthz` | `{"open", "looked", "amiss": [{"condition", "source", "found"}]}`; status 503 while nobody can begin |
//! | `GET /metrics` | the same and the tally of passages as Prometheus reads it |

use super::conditions::{Board, Conditions};
use crate::outbox::Outbox;
use crate::passage::{Ending, Outcome};
use crate::policy::{Profile, standing};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Health in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSettings {
    /// Address, loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for HealthSettings {
    fn default() -> Self {
        HealthSettings { listen: SocketAddr::from(([127, 0, 0, 1], 8481)) }
    }
}

/// Passages and their steps, counted since the start.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    endings: BTreeMap<&'static str, u64>,
    /// Number and milliseconds of each step.
    steps: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    /// A passage came to this outcome.
    pub fn count(&self, outcome: &Outcome) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ending = match outcome.ending {
            Ending::Admitted => "admitted",
            Ending::Referred => "referred",
            Ending::Withdrawn => "withdrawn",
        };
        *counts.endings.entry(ending).or_default() += 1;
        for time in &outcome.steps {
            let (number, ms) = counts.steps.entry(label(&time.step)).or_default();
            *number += 1;
            *ms = ms.saturating_add(time.ms);
        }
    }
}

/// What is told.
#[derive(Clone)]
pub struct Health {
    /// What of the lane is amiss.
    pub conditions: Conditions,
    /// By which it is judged.
    pub profile: watch::Receiver<Arc<Profile>>,
    /// The durable queue.
    pub outbox: Arc<Mutex<Outbox>>,
    /// Passages since the start.
    pub tally: Tally,
}

impl Health {
    /// Serves on this loopback address as long as the runtime lives; gives the address taken.
    ///
    /// # Errors
    /// When the address is taken or others can reach it.
    pub async fn serve(self, settings: &HealthSettings) -> io::Result<SocketAddr> {
        if !settings.listen.ip().is_loopback() {
            let what = format!("health is told on loopback only, not on {}", settings.listen);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let routes =
            Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics)).with_state(self);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "health is not told any more");
            }
        });
        Ok(address)
    }

    /// Whether travellers can begin, as far as the lane's own conditions go.
    fn open(&self, board: &Board) -> bool {
        let standing = board.conditions().map(|conditions| standing(&self.profile.borrow(), &conditions));
        standing.is_some_and(|standing| standing.closed.is_empty())
    }
}

async fn healthz(State(health): State<Health>) -> Response {
    let board = health.conditions.watch().borrow().clone();
    let open = health.open(&board);
    let amiss: Vec<_> = board
        .notes()
        .iter()
        .map(|((condition, source), found)| json!({ "condition": condition, "source": source, "found": found }))
        .collect();
    let status = if open { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "open": open, "looked": board.conditions().is_some(), "amiss": amiss });
    (status, axum::Json(body)).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let board = health.conditions.watch().borrow().clone();
    let filling = health.outbox.lock().unwrap_or_else(PoisonError::into_inner).filling();
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| {
        // Writing to a string does not fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
    };
    gauge("egate_open", "Whether travellers can begin.", health.open(&board).into());
    if let Ok(filling) = filling {
        gauge("egate_outbox_records", "Records that wait for central.", filling.records);
        gauge("egate_outbox_bytes", "Bytes of the queue in use.", filling.used);
        gauge("egate_outbox_bytes_most", "The queue's limit.", filling.most);
    }
    text.push_str("# HELP egate_amiss What of the lane is amiss.\n# TYPE egate_amiss gauge\n");
    for (condition, source) in board.notes().keys() {
        let condition = label(condition);
        let _ = writeln!(text, "egate_amiss{{condition=\"{condition}\",source=\"{source}\"}} 1");
    }
    let counts = health.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
    text.push_str("# HELP egate_passages_total Passages by ending.\n# TYPE egate_passages_total counter\n");
    for (ending, number) in &counts.endings {
        let _ = writeln!(text, "egate_passages_total{{ending=\"{ending}\"}} {number}");
    }
    text.push_str("# HELP egate_step_seconds Time of each step.\n# TYPE egate_step_seconds summary\n");
    for (step, (number, ms)) in &counts.steps {
        let seconds = *ms as f64 / 1_000.0;
        let _ = writeln!(text, "egate_step_seconds_sum{{step=\"{step}\"}} {seconds}");
        let _ = writeln!(text, "egate_step_seconds_count{{step=\"{step}\"}} {number}");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The name under which records carry it.
fn label(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Condition;
    use ed25519_dalek::SigningKey;

    async fn told(health: &Health, route: &str) -> (u16, String) {
        // The client library wants one, also where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = health
            .clone()
            .serve(&HealthSettings { listen: SocketAddr::from(([127, 0, 0, 1], 0)) })
            .await
            .unwrap();
        let answer = reqwest::get(format!("http://{address}{route}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_lane_is_well_only_when_it_has_looked_and_nothing_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let outbox = Outbox::open(&folder.path().join("outbox"), "lane-1", key, 1 << 30).unwrap();
        let health = Health {
            conditions: Conditions::default(),
            profile: watch::channel(Arc::default()).1,
            outbox: Arc::new(Mutex::new(outbox)),
            tally: Tally::default(),
        };
        assert_eq!(told(&health, "/healthz").await.0, 503, "unknown is not well");
        health.conditions.looked();
        assert_eq!(
            told(&health, "/healthz").await,
            (200, r#"{"amiss":[],"looked":true,"open":true}"#.into())
        );
        health.conditions.note(Condition::CentralUnreachable, "central", Some("no answer".into()));
        let (status, body) = told(&health, "/healthz").await;
        assert!(status == 200 && body.contains(r#""condition":"central_unreachable""#), "{body}");
        health.conditions.note(Condition::ClockWrong, "clock", Some("1970".into()));
        assert_eq!(told(&health, "/healthz").await.0, 503);
        let (_, metrics) = told(&health, "/metrics").await;
        assert!(metrics.contains("egate_open 0\n"), "{metrics}");
        assert!(metrics.contains("egate_amiss{condition=\"clock_wrong\",source=\"clock\"} 1\n"), "{metrics}");
        assert!(metrics.contains("egate_outbox_records 0\n"), "{metrics}");
    }

    #[tokio::test]
    async fn nobody_else_can_ask() {
        let listen = SocketAddr::from(([0, 0, 0, 0], 0));
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let outbox = Outbox::open(&folder.path().join("outbox"), "lane-1", key, 1 << 30).unwrap();
        let health = Health {
            conditions: Conditions::default(),
            profile: watch::channel(Arc::default()).1,
            outbox: Arc::new(Mutex::new(outbox)),
            tally: Tally::default(),
        };
        assert!(health.serve(&HealthSettings { listen }).await.is_err());
    }
}
