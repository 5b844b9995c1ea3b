//! The page of one passage, and the officer's acts on a referred one.

use super::error::{Page, PageError, page as show};
use super::session::Signed;
use super::view::{Frame, PassageView, overrides};
use crate::central::serve::Shared;
use crate::central::store::{AuditEntry, CaseChange, Decided, Decision, Judgement, RecordKey, StoredPassage};
use crate::record::PictureLabel;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Longest note, characters.
const NOTE_MOST: usize = 1000;
/// Shortest note where one is needed, characters.
const NOTE_LEAST: usize = 3;

/// Lane, epoch, sequence, as in the address.
#[derive(Deserialize)]
pub(super) struct At {
    lane: String,
    epoch: String,
    sequence: u64,
}

impl At {
    fn key(self) -> RecordKey {
        RecordKey { lane: self.lane, epoch: self.epoch, sequence: self.sequence }
    }
}

#[derive(Template)]
#[template(path = "passage.html")]
struct PassagePage {
    frame: Frame,
    passage: PassageView,
    /// The oldest other open case.
    next: Option<String>,
    problem: Option<&'static str>,
    /// A note that was sent and not stored.
    note: String,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed, Path(at): Path<At>) -> Page {
    signed.may(|role| role.sees_travellers())?;
    passage_page(&shared, signed, at.key(), None, String::new()).await
}

/// The page of a passage; written into the audit trail before it is shown.
async fn passage_page(
    shared: &Arc<Shared>,
    signed: Signed,
    key: RecordKey,
    problem: Option<&'static str>,
    note: String,
) -> Page {
    let found = shared
        .blocking(move |shared| {
            let Some(stored) = shared.store.passage(&key)? else { return Ok(None) };
            audit(shared, &signed, "passage.view", &key, "")?;
            let (waiting, _) = shared.store.open_cases(2)?;
            let next = waiting.into_iter().map(|other| other.key).find(|other| *other != key);
            let role = signed.0.role;
            let passage = PassageView::new(&stored, signed.user(), role.decides(), shared.now());
            Ok(Some((Frame::load(shared, signed, "cases")?, passage, next)))
        })
        .await?;
    let (frame, passage, next) = found.ok_or(PageError::NotFound)?;
    show(&PassagePage { frame, passage, next: next.as_ref().map(super::view::path), problem, note })
}

#[derive(Deserialize)]
pub(super) struct JudgementForm {
    csrf: String,
    version: u64,
    judgement: Judgement,
}

pub(super) async fn judge(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(at): Path<At>,
    Form(form): Form<JudgementForm>,
) -> Page {
    signed.may(|role| role.decides())?;
    signed.csrf(&form.csrf)?;
    let (key, officer) = (at.key(), signed.user().to_owned());
    let on = key.clone();
    let change = shared
        .blocking(move |shared| {
            Ok(shared.store.judge(&on, form.version, &officer, form.judgement, shared.now())?)
        })
        .await?;
    after(&shared, signed, key, change, String::new()).await
}

#[derive(Deserialize)]
pub(super) struct DecisionForm {
    csrf: String,
    version: u64,
    decision: Decision,
    note: String,
}

pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(at): Path<At>,
    Form(form): Form<DecisionForm>,
) -> Page {
    signed.may(|role| role.decides())?;
    signed.csrf(&form.csrf)?;
    let key = at.key();
    let on = key.clone();
    let stored = shared.blocking(move |shared| Ok(shared.store.passage(&on)?)).await?;
    let stored = stored.ok_or(PageError::NotFound)?;
    if let Some(problem) = note_problem(&stored, &form) {
        let page = passage_page(&shared, signed, key, Some(problem), form.note).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let (on, officer, note) = (key.clone(), signed.user().to_owned(), form.note.clone());
    let change = shared
        .blocking(move |shared| {
            let note = note.trim().to_owned();
            let decided = Decided { decision: form.decision, officer, at: shared.now(), note };
            Ok(shared.store.decide(&on, form.version, &decided)?)
        })
        .await?;
    after(&shared, signed, key, change, form.note).await
}

/// What is wrong with the note, if anything.
fn note_problem(stored: &StoredPassage, form: &DecisionForm) -> Option<&'static str> {
    let length = form.note.trim().chars().count();
    if length > NOTE_MOST {
        Some("The note is too long. Nothing was stored.")
    } else if length < NOTE_LEAST && form.decision == Decision::Admit && overrides(&stored.record) {
        Some("A check failed: to admit all the same, say why in the note. Nothing was stored.")
    } else {
        None
    }
}

/// Back to the page after an act, or the page as it is now with what went wrong.
async fn after(
    shared: &Arc<Shared>,
    signed: Signed,
    key: RecordKey,
    change: CaseChange,
    note: String,
) -> Page {
    let problem = match change {
        CaseChange::Made(_) => {
            shared.tell_consoles();
            return Ok(Redirect::to(&super::view::path(&key)).into_response());
        }
        CaseChange::Missing => return Err(PageError::NotFound),
        CaseChange::NotJudged(_) => {
            "First say by your own eyes whether it is the same person. Nothing was stored."
        }
        CaseChange::Conflict(case) if case.decided.is_some() => {
            "Another officer has decided this case in the meantime. Nothing of yours was stored."
        }
        CaseChange::Conflict(_) => {
            "Another officer has worked on this case in the meantime. Nothing of yours was stored; look again."
        }
    };
    let page = passage_page(shared, signed, key, Some(problem), note).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub(super) async fn picture(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path((lane, epoch, sequence, number)): Path<(String, String, u64, usize)>,
) -> Page {
    signed.may(|role| role.sees_travellers())?;
    let key = RecordKey { lane, epoch, sequence };
    let jpeg = shared
        .blocking(move |shared| {
            let Some(stored) = shared.store.passage(&key)? else { return Ok(None) };
            let Some(picture) = stored.record.pictures.get(number) else { return Ok(None) };
            audit(shared, &signed, "picture.view", &key, &picture.role)?;
            let label = PictureLabel { passage: &stored.record.passage, role: &picture.role };
            shared.pictures.show(&picture.sealed_sha256, label)
        })
        .await?;
    let jpeg = jpeg.ok_or(PageError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}

fn audit(shared: &Shared, signed: &Signed, act: &str, key: &RecordKey, detail: &str) -> anyhow::Result<()> {
    let entry = AuditEntry { actor: signed.user(), act, subject: &key.to_string(), detail };
    Ok(shared.store.audit(entry, shared.now())?)
}
