//! Rows of the lists: passages, audit.

use super::told::{COMPARE, in_list};
use super::view::{DocumentView, EndingView, path};
use super::words::{When, decision_word, seconds};
use crate::central::store::{AuditLine, Case, StoredPassage};

/// A line in the list of passages.
pub(super) struct PassageRow {
    pub(super) path: String,
    pub(super) started: When,
    pub(super) lane: String,
    pub(super) ending: EndingView,
    pub(super) reason: Option<&'static str>,
    pub(super) more_reasons: usize,
    pub(super) document: Option<DocumentView>,
    pub(super) seconds: String,
    pub(super) case: Option<String>,
    pub(super) case_open: bool,
}

impl PassageRow {
    pub(super) fn new(stored: &StoredPassage) -> Self {
        let record = &stored.record;
        let case = stored.case.as_ref();
        let told = in_list(stored, None);
        let compare = told.is_empty() && !record.reasons.is_empty();
        PassageRow {
            path: path(&stored.key),
            started: When { rfc: record.started.clone() },
            lane: stored.key.lane.clone(),
            ending: EndingView::new(record.ending),
            reason: told.first().map(|reason| reason.officer()).or(compare.then_some(COMPARE)),
            more_reasons: told.len().saturating_sub(1),
            document: record.document.as_ref().map(DocumentView::new),
            seconds: seconds(record.lasted_ms),
            case: case.map(case_word),
            case_open: case.is_some_and(|case| case.decided.is_none()),
        }
    }
}

fn case_word(case: &Case) -> String {
    match &case.decided {
        Some(decided) => format!("{} by {}", decision_word(decided.decision), decided.officer),
        None => "Open case".to_owned(),
    }
}

/// A line of the audit trail.
pub(super) struct AuditRow {
    pub(super) number: u64,
    pub(super) at: When,
    pub(super) actor: String,
    pub(super) act: String,
    pub(super) subject: String,
    pub(super) detail: String,
}

impl AuditRow {
    pub(super) fn new(line: AuditLine) -> Self {
        AuditRow {
            number: line.number,
            at: When::at(line.at),
            actor: line.actor,
            act: line.act,
            subject: line.subject,
            detail: line.detail,
        }
    }
}
