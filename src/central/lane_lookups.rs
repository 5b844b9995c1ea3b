//! Lanes' look-ups: asked within the lane's patience, audited, signed for one lane, passage and nonce.

use super::lanes_api::{ApiError, CALL_MOST, LOOKUP_BODY_MOST, json_body, malformed};
use super::lookup;
use super::serve::Shared;
use super::store::{AuditEntry, Lane, Millis};
use crate::record::SignedAnswer;
use crate::record::wire::{LookupAnswer, LookupQuestion};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest of each text in a look-up, bytes.
const LOOKUP_TEXT_MOST: usize = 128;
/// How long an answer counts.
const ANSWER_LASTS: Millis = 30_000;
/// Why lanes ask, as the audit trail has it.
const LOOKUP_PURPOSE: &str = "border check";

/// Answers one look-up within the lane's patience.
pub(super) async fn post_lookup(
    State(shared): State<Arc<Shared>>,
    Extension(lane): Extension<Lane>,
    body: Body,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let question: LookupQuestion = json_body(body, LOOKUP_BODY_MOST).await?;
    if !fits(&question) {
        return Err(malformed(format!("each text of a look-up is at most {LOOKUP_TEXT_MOST} plain letters")));
    }
    if question.patience_ms == 0 {
        return Err(malformed("a look-up without patience cannot be answered".to_owned()));
    }
    // A lane that has given up needs no answer.
    let patience = Duration::from_millis(question.patience_ms).min(CALL_MOST);
    let answer = shared.blocking(move |shared| look_up(shared, &lane, &question));
    let late = |_| ApiError::busy("the lists could not be asked in time");
    let answer = tokio::time::timeout(patience, answer).await.map_err(late)??;
    shared.counters.looked_up(began.elapsed());
    Ok(Json(answer).into_response())
}

/// Whether the texts of a question are of the kind and length that zones have.
fn fits(question: &LookupQuestion) -> bool {
    let texts = [
        &question.passage,
        &question.nonce,
        &question.document_code,
        &question.issuing_state,
        &question.document_number,
        &question.nationality,
        &question.surname,
        &question.given_names,
        &question.date_of_birth,
        &question.sex,
    ];
    texts.iter().all(|text| text.len() <= LOOKUP_TEXT_MOST && !text.chars().any(char::is_control))
}

/// Finds, audits, signs. What was asked and found is in the audit trail before the lane is told.
fn look_up(shared: &Shared, lane: &Lane, question: &LookupQuestion) -> anyhow::Result<SignedAnswer> {
    let state = lookup::normalised(&question.issuing_state);
    let number = lookup::normalised(&question.document_number);
    let reported = shared.store.reported_document(&state, &number)?;
    let listed = shared.store.listed(&lookup::keys(question), lookup::FOUND_MOST)?;
    let now = jiff::Timestamp::now();
    let found = lookup::findings(question, reported, &listed, now.to_zoned(TimeZone::UTC).date())?;

    let (actor, issued) = (format!("lane:{}", lane.name), now.as_millisecond());
    let subject = format!("{state} {number} for {}", question.passage);
    let detail = format!("{LOOKUP_PURPOSE}: {}", found.summary());
    let entry = AuditEntry { actor: &actor, act: "lists.look_up", subject: &subject, detail: &detail };
    shared.store.audit(entry, issued)?;

    let answer = LookupAnswer {
        lane: lane.name.clone(),
        passage: question.passage.clone(),
        nonce: question.nonce.clone(),
        issued,
        expires: issued.saturating_add(ANSWER_LASTS),
        document: found.document,
        person: found.person,
        permission: found.permission,
        arrival: found.arrival,
    };
    Ok(SignedAnswer::sign(&answer, &shared.answers)?)
}
