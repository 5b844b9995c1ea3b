//! The calls of [`crate::record::wire`]. Each names its lane by the certificate of its connection.

use super::ingest::{IngestError, ingest, is_epoch, refusal};
use super::pictures::PictureError;
use super::serve::Shared;
use super::store::Lane;
use super::{commands, enrol, lane_lookups, lane_watch, receipt, snapshot, tls};
use crate::record::wire::{
    LANE_TIME, PICTURE_BYTES_MOST, RECORD_BYTES_MOST, RecordBatch, Refusal, RefusalCode, Telemetry,
    TelemetryAnswer, TelemetryBatch,
};
use crate::record::{
    CommandOrder, CommandReport, LANE_TEXT_MOST, LaneState, POLL_MOST_MS, Receipt, ReleaseManifest,
    RunningRelease, Signed, SnapshotHeader,
};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use axum_server::tls::TlsInfo;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Largest body of records: a full batch of records of the greatest length, as JSON in JSON.
const RECORDS_BODY_MOST: usize = RecordBatch::MOST * RECORD_BYTES_MOST;
/// Largest body of telemetry: a full batch of entries of the greatest length, escaped.
const TELEMETRY_BODY_MOST: usize = 8 * TelemetryBatch::MOST * Telemetry::TEXT_MOST;
/// Largest body of a look-up and of other short calls.
pub(super) const LOOKUP_BODY_MOST: usize = 4 << 10;
/// Longest id of a command, bytes.
const ID_MOST: usize = 128;
/// A call, body included, takes at most so long.
pub(super) const CALL_MOST: Duration = Duration::from_secs(30);
/// Seconds that a lane is asked to wait when central is busy.
const RETRY_AFTER: &str = "2";

/// The lanes' side of central.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/health", get(async || StatusCode::NO_CONTENT))
        .route("/v1/pictures/{sha256}", put(put_picture))
        .route("/v1/records", post(post_records))
        .route("/v1/records/{epoch}/{from}", get(get_receipt))
        .route("/v1/telemetry", post(post_telemetry))
        .route("/v1/lookups", post(lane_lookups::post_lookup))
        .route("/v1/commands/{id}", post(post_command_report))
        .route("/v1/state", put(put_state))
        .route("/v1/release", get(get_release))
        .route("/v1/release", put(put_running))
        .route("/v1/lists", get(get_lists))
        .route("/v1/lists/{from}/{to}", get(get_lists_delta))
        .route("/v1/contents/{sha256}/{piece}", get(get_content))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), admit_lane))
        // A call that waits takes no room from those that work.
        .merge(
            Router::new()
                .route("/v1/commands", get(get_commands))
                .layer(middleware::from_fn_with_state(Arc::clone(&shared), let_lane_wait)),
        )
        .with_state(shared)
}

/// Lets a request in when its certificate is of a lane that is enrolled and not revoked, and there is
/// room; ends it when it takes too long.
async fn admit_lane(
    State(shared): State<Arc<Shared>>,
    Extension(info): Extension<Arc<TlsInfo>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let _room = shared.room.try_acquire().map_err(|_| ApiError::busy("too many calls at once"))?;
    let lane = lane_of(&shared, &info, request.headers()).await?;
    request.extensions_mut().insert(lane);
    tokio::time::timeout(CALL_MOST, next.run(request))
        .await
        .map_err(|_| ApiError::busy("the call took too long"))
}

/// The same for a call that waits for something new.
async fn let_lane_wait(
    State(shared): State<Arc<Shared>>,
    Extension(info): Extension<Arc<TlsInfo>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let _room = shared.waiting.try_acquire().map_err(|_| ApiError::busy("too many lanes wait at once"))?;
    let lane = lane_of(&shared, &info, request.headers()).await?;
    request.extensions_mut().insert(lane);
    tokio::time::timeout(CALL_MOST, next.run(request))
        .await
        .map_err(|_| ApiError::busy("the call took too long"))
}

/// The lane that the certificate names, enrolled and not revoked, when it does not call too often.
async fn lane_of(shared: &Arc<Shared>, info: &TlsInfo, headers: &HeaderMap) -> Result<Lane, ApiError> {
    let Some(name) = tls::lane_name(info) else {
        return Err(unknown_lane("the certificate has no single common name"));
    };
    let lane = shared.blocking(move |shared| shared.known_lane(&name)).await?;
    let lane = lane.ok_or_else(|| unknown_lane("the certificate's lane is not enrolled here"))?;
    if lane.revoked {
        return Err(unknown_lane("the certificate's lane was revoked"));
    }
    if !shared.watch.may_call(&lane.name, Instant::now()) {
        return Err(ApiError::busy("this lane calls too often"));
    }
    if let Some(time) = headers.get(LANE_TIME).and_then(|time| time.to_str().ok()?.parse().ok()) {
        lane_watch::measure(shared, &lane.name, time).await?;
    }
    Ok(lane)
}

impl Shared {
    /// The lane, taken over from the identity folder when it was enrolled since the last look.
    pub(super) fn known_lane(&self, name: &str) -> anyhow::Result<Option<Lane>> {
        if let Some(lane) = self.store.lane(name)? {
            return Ok(Some(lane));
        }
        let Some(key) = enrol::lane_record_key(&self.identity, name)? else { return Ok(None) };
        self.store.add_lane(name, &hex::encode(key.as_bytes()), self.now())?;
        Ok(self.store.lane(name)?)
    }
}

async fn put_picture(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let sealed = whole_body(body, PICTURE_BYTES_MOST).await?;
    let stored = shared.blocking(move |shared| Ok(shared.pictures.store(&name, &sealed))).await?;
    match stored {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(PictureError::Files(error)) => Err(ApiError::from(anyhow::Error::from(error))),
        Err(error) => Err(malformed(error.to_string())),
    }
}

async fn post_records(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<Response, ApiError> {
    let batch: RecordBatch = json_body(body, RECORDS_BODY_MOST).await?;
    let ingested = shared
        .blocking(move |shared| match ingest(&shared.store, &shared.pictures, &lane, batch, shared.now()) {
            Err(IngestError::Store(error)) => Err(error.into()),
            other => Ok(other),
        })
        .await?;
    match ingested {
        Ok(done) => {
            shared.counters.records.fetch_add(done.new.len() as u64, Ordering::Relaxed);
            if !done.new.is_empty() {
                shared.tell_consoles();
            }
            Ok(Json(done.answer).into_response())
        }
        Err(IngestError::Refused(refused)) => {
            shared.counters.refusals.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(code = ?refused.code, sequence = refused.sequence, "records refused");
            shared.tell_consoles();
            Err(ApiError(refused))
        }
        Err(IngestError::Store(error)) => Err(ApiError::from(anyhow::Error::from(error))),
    }
}

async fn get_receipt(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    Path((epoch, from)): Path<(String, u64)>,
) -> Result<Json<Signed<Receipt>>, ApiError> {
    if !is_epoch(&epoch) || i64::try_from(from).is_err() {
        return Err(malformed("an epoch is 32 hexadecimal digits, a sequence counts from 1".to_owned()));
    }
    let receipt = shared.blocking(move |shared| receipt::receipt(shared, &lane.name, &epoch, from)).await?;
    Ok(Json(receipt.1))
}

async fn post_telemetry(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<Response, ApiError> {
    let batch: TelemetryBatch = json_body(body, TELEMETRY_BODY_MOST).await?;
    let fine = |entry: &Telemetry| {
        let fits = entry.kind.len() <= Telemetry::KIND_MOST && entry.text.len() <= Telemetry::TEXT_MOST;
        fits && i64::try_from(entry.number).is_ok()
    };
    let rising = batch.entries.is_sorted_by(|before, after| before.number < after.number);
    let (count, epoch) = (batch.entries.len(), is_epoch(&batch.epoch));
    let (true, true, true, Some(last)) = (
        count <= TelemetryBatch::MOST,
        epoch && rising,
        batch.entries.iter().all(fine),
        batch.entries.last(),
    ) else {
        let text = format!("telemetry is 1 to {} short entries, their numbers rising", TelemetryBatch::MOST);
        return Err(malformed(text));
    };
    let stored_through = last.number;
    shared.blocking(move |shared| Ok(shared.store.keep_telemetry(&lane.name, &batch, shared.now())?)).await?;
    Ok(Json(TelemetryAnswer { stored_through }).into_response())
}

/// What a lane says about how long it waits.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Patience {
    #[serde(default)]
    wait_ms: u64,
}

async fn get_commands(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    Query(patience): Query<Patience>,
) -> Json<Vec<Signed<CommandOrder>>> {
    let patience = Duration::from_millis(patience.wait_ms.min(POLL_MOST_MS));
    Json(commands::wait_for_commands(&shared, &lane.name, patience).await)
}

async fn post_command_report(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let report: CommandReport = json_body(body, LOOKUP_BODY_MOST).await?;
    if report.id != id || id.len() > ID_MOST {
        return Err(malformed("the report is about another command than the address".to_owned()));
    }
    let known = shared
        .blocking(move |shared| {
            let known = shared.store.command_reported(&lane.name, &report, shared.now())?;
            shared.tell_consoles();
            Ok(known)
        })
        .await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(malformed("central gave no such command".to_owned())) }
}

async fn put_state(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let state: LaneState = json_body(body, LOOKUP_BODY_MOST).await?;
    if [&state.state, &state.passage].iter().any(|text| text.len() > LANE_TEXT_MOST) {
        return Err(malformed(format!("each text of a state has at most {LANE_TEXT_MOST} bytes")));
    }
    shared
        .blocking(move |shared| {
            if shared.store.lane_is(&lane.name, &state, shared.now())? {
                shared.tell_consoles();
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn get_release(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
) -> Result<Json<Option<Signed<ReleaseManifest>>>, ApiError> {
    let release = shared.blocking(move |shared| Ok(shared.store.release_for(&lane.name)?)).await?;
    Ok(Json(release.map(|release| release.signed)))
}

async fn put_running(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let running: RunningRelease = json_body(body, LOOKUP_BODY_MOST).await?;
    shared
        .blocking(move |shared| {
            if shared.store.lane_runs(&lane.name, &running, shared.now())? {
                shared.tell_consoles();
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn get_lists(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<Option<Signed<SnapshotHeader>>>, ApiError> {
    let newest = shared.blocking(|shared| Ok(shared.store.newest_snapshot()?)).await?;
    Ok(Json(newest.map(|newest| newest.signed)))
}

async fn get_lists_delta(
    State(shared): State<Arc<Shared>>,
    Path((from, to)): Path<(String, String)>,
) -> Result<Vec<u8>, ApiError> {
    let made = shared.blocking(move |shared| snapshot::delta(shared, &from, &to)).await?;
    let made =
        made.ok_or_else(|| malformed("there is no delta between these: fetch the whole".to_owned()))?;
    Ok(made.to_vec())
}

async fn get_content(
    State(shared): State<Arc<Shared>>,
    Path((sha256, piece)): Path<(String, usize)>,
) -> Result<Vec<u8>, ApiError> {
    let found = shared.blocking(move |shared| Ok(shared.store.content_piece(&sha256, piece)?)).await?;
    found.ok_or_else(|| malformed("central has no such piece".to_owned()))
}

async fn whole_body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    to_bytes(body, most).await.map_err(|error| {
        let text = format!("reading the body: {error}; it may have {most} bytes");
        ApiError(refusal(RefusalCode::TooLarge, text, None))
    })
}

pub(super) async fn json_body<T: DeserializeOwned>(body: Body, most: usize) -> Result<T, ApiError> {
    let bytes = whole_body(body, most).await?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}

pub(super) fn malformed(text: String) -> ApiError {
    ApiError(refusal(RefusalCode::Malformed, text, None))
}

fn unknown_lane(text: &str) -> ApiError {
    ApiError(refusal(RefusalCode::UnknownLane, text.to_owned(), None))
}

/// A refusal as an answer.
pub(super) struct ApiError(Refusal);

impl ApiError {
    pub(super) fn busy(text: &str) -> Self {
        ApiError(refusal(RefusalCode::Busy, text.to_owned(), None))
    }
}

impl From<anyhow::Error> for ApiError {
    /// Central's own trouble: told in the log, not to the lane.
    fn from(error: anyhow::Error) -> Self {
        tracing::error!("a lane's call failed: {error:#}");
        ApiError::busy("central cannot do this now")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            RefusalCode::UnknownLane | RefusalCode::OtherLane => StatusCode::FORBIDDEN,
            RefusalCode::Malformed | RefusalCode::OutOfOrder => StatusCode::BAD_REQUEST,
            RefusalCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RefusalCode::BadRecord | RefusalCode::PictureMissing => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalCode::Conflict => StatusCode::CONFLICT,
            RefusalCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}
