//! What lanes and other systems call, as OpenAPI 3.1: `egate central openapi` prints it, and the monitoring
//! listener serves it.
//!
//! One function below stands for each call; it is never run. A test reads the routers and fails when one
//! of their calls is missing here, or one here is not among theirs.
#![allow(dead_code)]

use crate::record::wire::{
    BatchAnswer, LookupAnswer, LookupQuestion, RecordBatch, Refusal, TelemetryAnswer, TelemetryBatch,
};
use crate::record::{
    CommandOrder, CommandReport, LaneState, PassageRecord, Receipt, ReleaseManifest, RunningRelease,
    SignedAnswer, SnapshotHeader,
};
use serde::Serialize;
use utoipa::{Modify, OpenApi, ToSchema};

/// Something that central signed for lanes, as it travels.
#[derive(Serialize, ToSchema)]
struct SignedStatement {
    /// RFC 8785 JSON of the statement, as text.
    canonical: String,
    /// Ed25519 over the statement's context and `canonical`, hexadecimal.
    signature: String,
}

/// The certificate of the connection says which lane calls.
struct ByCertificate;

impl Modify for ByCertificate {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::SecurityScheme;
        let lane = SecurityScheme::MutualTls {
            description: Some(
                "a lane's certificate, of the authority that `egate central init` made".to_owned(),
            ),
            extensions: None,
            deprecated: None,
        };
        openapi.components.get_or_insert_default().add_security_scheme("lane", lane);
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "egate central",
        description = "Lanes speak HTTPS with a client certificate to the lanes' listener. Monitoring is a \
                       listener of its own, plain HTTP, with numbers alone. Every refusal is a `Refusal`; after \
                       503 the same call may be made again when `Retry-After` is over."
    ),
    tags(
        (name = "lanes", description = "The lanes' listener: mutual TLS"),
        (name = "monitoring", description = "The monitoring's listener: plain HTTP, nothing of any traveller")
    ),
    paths(
        health, put_picture, post_records, get_receipt, post_telemetry, post_lookup, get_commands, post_command_report,
        put_state, get_release, put_running, get_lists, get_lists_delta, get_content, healthz, readyz, metrics, openapi_json
    ),
    components(schemas(Refusal, LookupAnswer, CommandOrder, PassageRecord, Receipt, ReleaseManifest, SnapshotHeader)),
    modifiers(&ByCertificate)
)]
struct Api;

/// Whether central takes calls of this lane.
#[utoipa::path(get, path = "/v1/health", tag = "lanes", security(("lane" = [])), responses((status = 204)))]
fn health() {}

/// A picture that was sealed to central's key, before the record that names it. The same picture again is no
/// error.
#[utoipa::path(
    put, path = "/v1/pictures/{sha256}", tag = "lanes", security(("lane" = [])),
    params(("sha256" = String, Path, description = "Of the sealed bytes, 64 lower-case hexadecimal digits")),
    request_body(content_type = "application/octet-stream", description = "Sealed bytes, at most 2 MiB"),
    responses(
        (status = 204, description = "Durable"),
        (status = 400, body = Refusal, description = "No such name, or the bytes do not have this hash"),
        (status = 413, body = Refusal), (status = 503, body = Refusal)
    )
)]
fn put_picture() {}

/// Records of one epoch in chain order, answered after the commit. Records that are stored already are
/// acknowledged again. `canonical` of each is a `PassageRecord`.
#[utoipa::path(
    post, path = "/v1/records", tag = "lanes", security(("lane" = [])), request_body = RecordBatch,
    responses(
        (status = 200, body = BatchAnswer),
        (status = 400, body = Refusal), (status = 403, body = Refusal),
        (status = 409, body = Refusal, description = "Another record is stored under this key"),
        (status = 413, body = Refusal),
        (status = 422, body = Refusal, description = "A record is not good, or names a picture that is not here"),
        (status = 503, body = Refusal)
    )
)]
fn post_records() {}

/// Which records of the lane's queue central has, from a sequence on. `canonical` is a `Receipt`; one that is full is
/// followed by the next from its last sequence on.
#[utoipa::path(
    get, path = "/v1/records/{epoch}/{from}", tag = "lanes", security(("lane" = [])),
    params(
        ("epoch" = String, Path, description = "Of the lane's queue, 32 hexadecimal digits"),
        ("from" = u64, Path, description = "The first sequence that is asked about")
    ),
    responses((status = 200, body = SignedStatement), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn get_receipt() {}

/// What a lane tells of itself.
#[utoipa::path(
    post, path = "/v1/telemetry", tag = "lanes", security(("lane" = [])), request_body = TelemetryBatch,
    responses((status = 200, body = TelemetryAnswer), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn post_telemetry() {}

/// What is known of a document and its bearer. The answer is signed for this lane, passage and nonce, and
/// counts for a short time; its `canonical` is a `LookupAnswer`.
#[utoipa::path(
    post, path = "/v1/lookups", tag = "lanes", security(("lane" = [])), request_body = LookupQuestion,
    responses((status = 200, body = SignedAnswer), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn post_lookup() {}

/// Commands for this lane, when there are some or the time is over. `canonical` of each is a `CommandOrder`.
#[utoipa::path(
    get, path = "/v1/commands", tag = "lanes", security(("lane" = [])),
    params(("wait_ms" = Option<u64>, Query, description = "How long to wait for one, milliseconds")),
    responses((status = 200, body = Vec<SignedStatement>), (status = 503, body = Refusal))
)]
fn get_commands() {}

/// What became of a command.
#[utoipa::path(
    post, path = "/v1/commands/{id}", tag = "lanes", security(("lane" = [])),
    params(("id" = String, Path, description = "The command's")), request_body = CommandReport,
    responses((status = 204), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn post_command_report() {}

/// How the lane is right now.
#[utoipa::path(
    put, path = "/v1/state", tag = "lanes", security(("lane" = [])), request_body = LaneState,
    responses((status = 204), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn put_state() {}

/// The release that this lane is to run, or null. `canonical` is a `ReleaseManifest`, whose files are contents.
#[utoipa::path(
    get, path = "/v1/release", tag = "lanes", security(("lane" = [])),
    responses((status = 200, body = Option<SignedStatement>), (status = 503, body = Refusal))
)]
fn get_release() {}

/// What this lane runs. A release that it could not run is offered to no further lane.
#[utoipa::path(
    put, path = "/v1/release", tag = "lanes", security(("lane" = [])), request_body = RunningRelease,
    responses((status = 204), (status = 400, body = Refusal), (status = 503, body = Refusal))
)]
fn put_running() {}

/// The newest snapshot of the lists, or null. `canonical` is a `SnapshotHeader`, whose bytes are a content.
#[utoipa::path(
    get, path = "/v1/lists", tag = "lanes", security(("lane" = [])),
    responses((status = 200, body = Option<SignedStatement>), (status = 503, body = Refusal))
)]
fn get_lists() {}

/// What leads from one snapshot of the lists to another.
#[utoipa::path(
    get, path = "/v1/lists/{from}/{to}", tag = "lanes", security(("lane" = [])),
    params(
        ("from" = String, Path, description = "SHA-256 of the older snapshot"),
        ("to" = String, Path, description = "SHA-256 of the newer one")
    ),
    responses(
        (status = 200, content_type = "application/octet-stream"),
        (status = 400, body = Refusal, description = "There is none: fetch the whole"),
        (status = 503, body = Refusal)
    )
)]
fn get_lists_delta() {}

/// A piece of a content: a snapshot of the lists, or a file of a release. All but the last have 192 KiB; the last is
/// shorter, and may be empty.
#[utoipa::path(
    get, path = "/v1/contents/{sha256}/{piece}", tag = "lanes", security(("lane" = [])),
    params(
        ("sha256" = String, Path, description = "Of the whole content"),
        ("piece" = usize, Path, description = "From 0")
    ),
    responses(
        (status = 200, content_type = "application/octet-stream"),
        (status = 400, body = Refusal, description = "There is no such piece"), (status = 503, body = Refusal)
    )
)]
fn get_content() {}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "monitoring", responses((status = 200, body = String)))]
fn healthz() {}

/// Whether calls can be served: the database and the pictures' store answer, and the service is not being
/// stopped.
#[utoipa::path(
    get, path = "/readyz", tag = "monitoring",
    responses((status = 200, body = String), (status = 503, body = String))
)]
fn readyz() {}

/// Prometheus' text form, version 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "monitoring",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503))
)]
fn metrics() {}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "monitoring", responses((status = 200)))]
fn openapi_json() {}

/// The document, as JSON.
pub(super) fn document() -> anyhow::Result<String> {
    Ok(Api::openapi().to_pretty_json()? + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use std::collections::BTreeSet;

    /// Every `.route("PATH", METHOD(…))` of a source, as "METHOD PATH".
    fn routes(source: &str) -> BTreeSet<String> {
        let code = source.split("#[cfg(test)]").next().unwrap();
        let calls = code.split(".route(\"").skip(1).map(|rest| {
            let (path, rest) = rest.split_once('"').unwrap();
            let method: String =
                rest.chars().skip_while(|c| !c.is_alphabetic()).take_while(|c| *c != '(').collect();
            format!("{method} {path}")
        });
        calls.collect()
    }

    #[test]
    fn every_call_of_the_routers_is_described_and_no_other() {
        let mut routed = routes(include_str!("lanes_api.rs"));
        routed.extend(routes(include_str!("monitoring.rs")));
        assert!(routed.len() > 8, "{routed:?}");
        let document: serde_json::Value = serde_json::from_str(&document().unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, calls)| {
                calls.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
            })
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_schema_that_is_named_is_there_and_lanes_calls_ask_for_a_certificate() {
        let text = document().unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        for named in text.split("\"#/components/schemas/").skip(1) {
            let name = named.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
        for (path, calls) in document["paths"].as_object().unwrap() {
            for call in calls.as_object().unwrap().values() {
                assert_eq!(call.get("security").is_some(), path.starts_with("/v1/"), "{path}");
            }
        }
    }

    #[test]
    fn the_document_that_is_published_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("EGATE_WRITE_OPENAPI").is_some() {
            std::fs::write(path, document().unwrap()).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        assert!(published == document().unwrap(), "egate central openapi > docs/openapi.json");
    }
}
