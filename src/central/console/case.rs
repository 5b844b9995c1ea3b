//! The page of one passage, and the officer's acts on a referred one.

use super::case_view::{PassageView, Viewer};
use super::error::{Page, PageError, page as show};
use super::orders::{Order, orders};
use super::queue::most_urgent_first;
use super::session::Signed;
use super::tree::overridden;
use super::view::{Frame, path};
use super::words::reasons_for;
use crate::central::serve::Shared;
use crate::central::store::{
    AuditEntry, Case, CaseChange, Decided, Decision, DecisionReason, Judgement, Millis, RecordKey,
    StoredPassage,
};
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
/// Passages with the same document that are shown.
const HISTORY_MOST: usize = 20;
/// Cases among which the next one is looked for.
const NEXT_AMONG: usize = 50;
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
    /// What can be ordered while the traveller is still at the gate.
    orders: Vec<Order>,
    /// The other open case that is most urgent and in nobody's hands.
    next: Option<String>,
    problem: Option<&'static str>,
    /// A note that was sent and not stored.
    note: String,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed, Path(at): Path<At>) -> Page {
    signed.may(|role| role.sees_travellers())?;
    passage_page(&shared, signed, at.key(), None, String::new()).await
}

/// The page of a passage; written into the audit trail before it is shown. An officer who opens a case that nobody
/// has takes it: so two do not work on one without knowing.
async fn passage_page(
    shared: &Arc<Shared>,
    signed: Signed,
    key: RecordKey,
    problem: Option<&'static str>,
    note: String,
) -> Page {
    let found = shared
        .blocking(move |shared| {
            let Some(mut stored) = shared.store.passage(&key)? else { return Ok(None) };
            audit(shared, &signed, "passage.view", &key, "")?;
            let (user, decides) = (signed.user().to_owned(), signed.role().decides());
            let (now, limits) = (shared.now(), shared.cases);
            if decides && let Some(case) = stored.case.take() {
                stored.case = Some(taken(shared, &key, &user, case)?);
            }
            let history = match &stored.record.document {
                Some(document) => shared.store.history(document, HISTORY_MOST)?,
                None => Vec::new(),
            };
            let viewer = Viewer { user: &user, decides, now, limits };
            let passage = PassageView::new(&stored, &history, &viewer);
            let next = next_case(shared, &key, &user, now)?;
            let report = shared.store.lane_state(&key.lane)?;
            let there = report.filter(|report| report.state.passage == stored.record.passage);
            let mut orders = there.map_or_else(Vec::new, |report| orders(Some(&report), signed.role()));
            orders.retain(|order| order.passage.is_some());
            Ok(Some((Frame::load(shared, signed, "cases")?, passage, next, orders)))
        })
        .await?;
    let (frame, passage, next, orders) = found.ok_or(PageError::NotFound)?;
    show(&PassagePage { frame, passage, orders, next, problem, note })
}

/// The case, in this officer's hands when it was free.
fn taken(shared: &Shared, key: &RecordKey, user: &str, case: Case) -> anyhow::Result<Case> {
    let idle_since = shared.now() - shared.cases.hold();
    if case.decided.is_some() || case.holder(idle_since).is_some() {
        return Ok(case);
    }
    match shared.store.take_case(key, user, false, idle_since, shared.now())? {
        CaseChange::Made(case) => {
            shared.tell_consoles();
            Ok(case)
        }
        CaseChange::Held(case) | CaseChange::Conflict(case) | CaseChange::NotJudged(case) => Ok(case),
        CaseChange::Missing => Ok(case),
    }
}

/// The address of the case that this officer should turn to next.
fn next_case(shared: &Shared, but: &RecordKey, user: &str, now: Millis) -> anyhow::Result<Option<String>> {
    let idle_since = now - shared.cases.hold();
    let (mut waiting, _) = shared.store.open_cases(NEXT_AMONG)?;
    most_urgent_first(&mut waiting);
    let free = |other: &&StoredPassage| {
        let holder = other.case.as_ref().and_then(|case| case.holder(idle_since));
        other.key != *but && holder.is_none_or(|held| held.by == user)
    };
    Ok(waiting.iter().find(free).map(|other| path(&other.key)))
}

#[derive(Deserialize)]
pub(super) struct HoldForm {
    csrf: String,
}

/// Takes a case over from another officer.
pub(super) async fn take(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(at): Path<At>,
    Form(form): Form<HoldForm>,
) -> Page {
    signed.may(|role| role.decides())?;
    signed.csrf(&form.csrf)?;
    let (key, user) = (at.key(), signed.user().to_owned());
    let on = key.clone();
    let change = shared
        .blocking(move |shared| {
            let idle_since = shared.now() - shared.cases.hold();
            Ok(shared.store.take_case(&on, &user, true, idle_since, shared.now())?)
        })
        .await?;
    after(&shared, signed, key, change, String::new()).await
}

/// Puts a case back into the queue.
pub(super) async fn put_back(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(at): Path<At>,
    Form(form): Form<HoldForm>,
) -> Page {
    signed.may(|role| role.decides())?;
    signed.csrf(&form.csrf)?;
    let (key, user) = (at.key(), signed.user().to_owned());
    let on = key.clone();
    let change = shared.blocking(move |shared| Ok(shared.store.put_back(&on, &user, shared.now())?)).await?;
    match change {
        CaseChange::Made(_) => {
            shared.tell_consoles();
            Ok(Redirect::to("/cases").into_response())
        }
        other => after(&shared, signed, key, other, String::new()).await,
    }
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
    reason: DecisionReason,
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
            let against = overridden(&stored.record);
            let decided = Decided {
                decision: form.decision,
                officer,
                at: shared.now(),
                note,
                reason: Some(form.reason),
                overridden: if form.decision == Decision::Admit { against } else { Vec::new() },
            };
            Ok(shared.store.decide(&on, form.version, &decided)?)
        })
        .await?;
    after(&shared, signed, key, change, form.note).await
}

/// What is wrong with the reason and the note, if anything.
fn note_problem(stored: &StoredPassage, form: &DecisionForm) -> Option<&'static str> {
    let length = form.note.trim().chars().count();
    if length > NOTE_MOST {
        Some("The note is too long. Nothing was stored.")
    } else if !reasons_for(form.decision).contains(&form.reason) {
        Some("The reason does not fit the decision. Nothing was stored.")
    } else if length < NOTE_LEAST
        && form.decision == Decision::Admit
        && !overridden(&stored.record).is_empty()
    {
        Some("A check failed: to admit all the same, say why in the note. Nothing was stored.")
    } else if length < NOTE_LEAST && form.reason == DecisionReason::Other {
        Some("Say the reason in the note. Nothing was stored.")
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
            return Ok(Redirect::to(&path(&key)).into_response());
        }
        CaseChange::Missing => return Err(PageError::NotFound),
        CaseChange::NotJudged(_) => {
            "First say by your own eyes whether it is the same person. Nothing was stored."
        }
        CaseChange::Held(_) => "Another officer has this case in hand. Nothing of yours was stored.",
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
