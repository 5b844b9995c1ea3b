//! The lists that look-ups ask, and their approval by a second person, who sees what would change.

use super::error::{Page, PageError, page as show};
use super::session::Signed;
use super::view::Frame;
use super::words::When;
use crate::central::serve::Shared;
use crate::central::store::{Approval, Generation, ListChange, ListDiff, ListKind};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Entries that are shown of each kind of change.
const CHANGES_MOST: usize = 100;

/// A generation of a list, as shown.
struct GenerationRow {
    list: String,
    kind: &'static str,
    number: u64,
    entries: Option<u64>,
    source: String,
    proposed_by: String,
    proposed_at: When,
    state: String,
    light: &'static str,
    /// Whether it waits for a second person.
    waits: bool,
}

impl GenerationRow {
    fn new(generation: Generation) -> GenerationRow {
        let waits =
            generation.entries.is_some() && generation.approved.is_none() && generation.rejected.is_none();
        let by = |who: &Option<(String, i64)>| {
            who.as_ref().map_or_else(String::new, |(by, _)| format!(" by {by}"))
        };
        let (state, light) = match () {
            () if generation.active => (format!("in force, approved{}", by(&generation.approved)), "green"),
            () if generation.rejected.is_some() => (format!("rejected{}", by(&generation.rejected)), "grey"),
            () if generation.entries.is_none() => ("the import broke off".to_owned(), "grey"),
            () if waits => ("waits for a second person".to_owned(), "yellow"),
            () => ("replaced".to_owned(), "grey"),
        };
        GenerationRow {
            kind: kind_word(generation.kind),
            number: generation.number,
            entries: generation.entries,
            source: generation.source.get(..12).unwrap_or_default().to_owned(),
            proposed_by: generation.proposed.0,
            proposed_at: When::at(generation.proposed.1),
            state,
            light,
            waits,
            list: generation.list,
        }
    }
}

fn kind_word(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Documents => "documents",
        ListKind::Persons => "persons",
        ListKind::Permits => "permits",
        ListKind::Arrivals => "arrivals",
        ListKind::Rules => "rules",
    }
}

#[derive(Template)]
#[template(path = "lists.html")]
struct ListsPage {
    frame: Frame,
    rows: Vec<GenerationRow>,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.keeps_lists())?;
    let page = shared
        .blocking(move |shared| {
            signed.looks(shared, "lists", "")?;
            let rows = shared.store.list_generations()?.into_iter().map(GenerationRow::new).collect();
            Ok(ListsPage { frame: Frame::load(shared, signed, "lists")?, rows })
        })
        .await?;
    show(&page)
}

#[derive(Template)]
#[template(path = "list.html")]
struct ReviewPage {
    frame: Frame,
    row: GenerationRow,
    diff: ListDiff,
    changes: Vec<ChangeRow>,
    /// Whether this person may approve: another proposed it.
    second: bool,
    problem: Option<&'static str>,
}

/// One entry that differs.
struct ChangeRow {
    word: &'static str,
    name: &'static str,
    reference: String,
    before: String,
    after: String,
}

impl ChangeRow {
    fn new(change: ListChange) -> ChangeRow {
        let (word, name) = match (&change.before, &change.after) {
            (None, _) => ("comes", "added"),
            (_, None) => ("goes", "removed"),
            _ => ("changes", "changed"),
        };
        let (before, after) = (told(change.before), told(change.after));
        ChangeRow { word, name, reference: change.reference, before, after }
    }
}

/// What an entry says, as it is read: its key, then field by field.
fn told(entry: Option<String>) -> String {
    let entry = entry.unwrap_or_default();
    let begin = entry.find('{').unwrap_or(entry.len());
    let (key, body) = entry.split_at_checked(begin).unwrap_or((&entry, ""));
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(body) else { return entry };
    let told = fields.iter().filter(|(_, value)| value.as_str() != Some("") && !value.is_null());
    let told: Vec<String> =
        told.map(|(name, value)| format!("{}: {}", name.replace('_', " "), plain(value))).collect();
    format!("{} {}", key.trim(), told.join(", ")).trim().to_owned()
}

/// A field's value without the marks of its form.
fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => text.clone(),
        // A date of which parts may be unknown.
        Value::Object(parts) => {
            let part = |name: &str| {
                parts.get(name).map_or_else(|| "··".to_owned(), |part| format!("{:0>2}", part.to_string()))
            };
            format!("{}-{}-{}", part("year"), part("month"), part("day"))
        }
        other => other.to_string(),
    }
}

/// List and number of a generation, as in the address.
#[derive(Deserialize)]
pub(super) struct At {
    list: String,
    generation: u64,
}

pub(super) async fn review(State(shared): State<Arc<Shared>>, signed: Signed, Path(at): Path<At>) -> Page {
    signed.may(|role| role.keeps_lists())?;
    review_page(&shared, signed, at, None).await
}

async fn review_page(shared: &Arc<Shared>, signed: Signed, at: At, problem: Option<&'static str>) -> Page {
    let page = shared
        .blocking(move |shared| {
            let found = shared.store.list_generations()?.into_iter();
            let mut found = found.filter(|known| known.list == at.list && known.number == at.generation);
            let diff = shared.store.list_diff(&at.list, at.generation, CHANGES_MOST)?;
            let (Some(known), Some(mut diff)) = (found.next(), diff) else { return Ok(None) };
            signed.looks(shared, "list", &format!("{} {}", at.list, at.generation))?;
            let second = known.proposed.0 != signed.user();
            let changes = std::mem::take(&mut diff.shown).into_iter().map(ChangeRow::new).collect();
            let row = GenerationRow::new(known);
            Ok(Some(ReviewPage {
                frame: Frame::load(shared, signed, "lists")?,
                row,
                diff,
                changes,
                second,
                problem,
            }))
        })
        .await?;
    show(&page.ok_or(PageError::NotFound)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Review {
    Approve,
    Reject,
}

#[derive(Deserialize)]
pub(super) struct ReviewForm {
    csrf: String,
    review: Review,
}

pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(at): Path<At>,
    Form(form): Form<ReviewForm>,
) -> Page {
    signed.may(|role| role.keeps_lists())?;
    signed.csrf(&form.csrf)?;
    let (by, list, generation) = (signed.user().to_owned(), at.list.clone(), at.generation);
    let approval = shared
        .blocking(move |shared| {
            let (store, now) = (&shared.store, shared.now());
            Ok(match form.review {
                Review::Approve => store.approve_list(&list, generation, &by, now)?,
                Review::Reject => store.reject_list(&list, generation, &by, now)?,
            })
        })
        .await?;
    let problem = match approval {
        Approval::Done => return Ok(Redirect::to("/lists").into_response()),
        Approval::SamePerson => "You proposed this generation: another supervisor must approve it.",
        Approval::Incomplete => "The import of this generation broke off: import the file again.",
        Approval::Rejected => "This generation was rejected: import the file again.",
        Approval::Missing => "This generation was decided about already.",
    };
    let page = review_page(&shared, signed, at, Some(problem)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_field_by_field() {
        let told = |entry: &str| told(Some(entry.to_owned()));
        assert_eq!(told(r#"UTO L1 {"kind":"stolen"}"#), "UTO L1 kind: stolen");
        assert_eq!(
            told(r#"{"surname":"NY","given_names":"","born":{"year":74,"month":8},"reason":"sought"}"#),
            "born: 74-08-··, reason: sought, surname: NY"
        );
        assert_eq!([told("no form"), told("{broken"), super::told(None)], ["no form", "{broken", ""]);
    }
}
