//! The audit trail, searched.

use super::error::{Page, page as show};
use super::rows::AuditRow;
use super::session::Signed;
use super::view::Frame;
use crate::central::serve::Shared;
use crate::central::store::{AuditSearch, Millis};
use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::sync::Arc;

/// Lines on one page.
const LINES_MOST: usize = 200;
/// Longest text that is searched for, bytes.
const TEXT_MOST: usize = 256;
/// A trail of at most so many lines is verified whenever it is looked at; a longer one when that is asked for.
const VERIFIED_AT_SIGHT: u64 = 50_000;
/// What can be searched for, as the acts' words begin.
const ACTS: [&str; 11] = [
    "alarm.",
    "case.decide",
    "case.escalate",
    "case.",
    "command.",
    "list.",
    "lists.look_up",
    "page.view",
    "passage.view",
    "session.",
    "user.",
];

/// The search, as in the address. Days are as the browser's date fields send them, in UTC.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub(super) struct TrailQuery {
    actor: String,
    act: String,
    subject: String,
    from: String,
    to: String,
    before: Option<u64>,
    verify: Option<u8>,
}

impl TrailQuery {
    fn search(&self) -> AuditSearch {
        let text = |text: &str| {
            let mut text = text.trim().to_owned();
            text.truncate(text.floor_char_boundary(TEXT_MOST));
            text
        };
        AuditSearch {
            actor: text(&self.actor),
            act: text(&self.act),
            subject: text(&self.subject),
            from: day(&self.from, 0),
            to: day(&self.to, 1),
            before: self.before,
            most: LINES_MOST,
        }
    }
}

/// The beginning of a day, so many days later; none for what is no day.
fn day(text: &str, later: i64) -> Option<Millis> {
    let day: jiff::civil::Date = text.trim().parse().ok()?;
    let day = day.checked_add(jiff::Span::new().days(later)).ok()?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[derive(Template)]
#[template(path = "audit.html")]
struct TrailPage {
    frame: Frame,
    query: TrailQuery,
    acts: &'static [&'static str],
    lines: Vec<AuditRow>,
    /// Number of the last line of the page, when there may be more.
    more: Option<u64>,
    /// Whether the chain was walked, and where it is broken.
    verified: Option<Option<u64>>,
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<TrailQuery>,
) -> Page {
    signed.may(|role| role.audits())?;
    let page = shared
        .blocking(move |shared| {
            let search = query.search();
            let asked =
                format!("{} {} {} {} {}", search.actor, search.act, search.subject, query.from, query.to);
            signed.looks(shared, "audit", asked.trim())?;
            let newest = shared.store.audit_lines(1)?.first().map_or(0, |line| line.number);
            let verify = newest <= VERIFIED_AT_SIGHT || query.verify.is_some();
            let verified = if verify { Some(shared.store.audit_break()?) } else { None };
            let lines = shared.store.search_audit(&search)?;
            let more = lines.last().filter(|_| lines.len() == LINES_MOST).map(|line| line.number);
            let lines = lines.into_iter().map(AuditRow::new).collect();
            Ok(TrailPage {
                frame: Frame::load(shared, signed, "audit")?,
                query,
                acts: &ACTS,
                lines,
                more,
                verified,
            })
        })
        .await?;
    show(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days_and_nothing_else_is() {
        assert_eq!((day("1970-01-02", 0), day("1970-01-02", 1)), (Some(86_400_000), Some(172_800_000)));
        assert_eq!([day("", 0), day("yesterday", 0), day("9999-12-31", 1)], [None; 3]);
    }
}
