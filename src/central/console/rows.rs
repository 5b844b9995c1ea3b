//! Rows of the lists: passages, cases, lanes, alarms, audit.

use super::view::{DocumentView, EndingView, path};
use super::words::{When, decision_word, seconds, span};
use crate::central::store::{Alarm, AuditLine, Case, LaneOverview, Millis, StoredPassage};

/// A case waits too long after so many milliseconds.
const WAITS_LONG: Millis = 2 * 60 * 1000;
/// A lane is quiet after so many milliseconds.
const QUIET: Millis = 10 * 60 * 1000;

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
        PassageRow {
            path: path(&stored.key),
            started: When { rfc: record.started.clone() },
            lane: stored.key.lane.clone(),
            ending: EndingView::new(record.ending),
            reason: record.reasons.first().map(|reason| reason.officer()),
            more_reasons: record.reasons.len().saturating_sub(1),
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

/// A line in the queue of cases.
pub(super) struct CaseRow {
    pub(super) path: String,
    pub(super) opened: When,
    pub(super) waits: String,
    pub(super) waits_long: bool,
    pub(super) lane: String,
    pub(super) reasons: Vec<&'static str>,
    pub(super) document: Option<DocumentView>,
    pub(super) judged_by: Option<String>,
}

impl CaseRow {
    pub(super) fn new(stored: &StoredPassage, now: Millis) -> Option<Self> {
        let case = stored.case.as_ref()?;
        let waits = now.saturating_sub(case.opened);
        Some(CaseRow {
            path: path(&stored.key),
            opened: When::at(case.opened),
            waits: span(waits),
            waits_long: waits > WAITS_LONG,
            lane: stored.key.lane.clone(),
            reasons: stored.record.reasons.iter().map(|reason| reason.officer()).collect(),
            document: stored.record.document.as_ref().map(DocumentView::new),
            judged_by: case.judged.as_ref().map(|(by, ..)| by.clone()),
        })
    }
}

/// A line in the list of lanes.
pub(super) struct LaneRow {
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) light: &'static str,
    pub(super) records: u64,
    pub(super) open_cases: u64,
    pub(super) last: Option<When>,
}

impl LaneRow {
    pub(super) fn new(overview: LaneOverview, now: Millis) -> Self {
        let recent = overview.last_record.is_some_and(|at| now.saturating_sub(at) < QUIET);
        let (state, light) = match (overview.lane.revoked, recent) {
            (true, _) => ("revoked", "red"),
            (false, true) => ("reporting", "green"),
            (false, false) => ("quiet", "grey"),
        };
        LaneRow {
            name: overview.lane.name,
            state,
            light,
            records: overview.records,
            open_cases: overview.open_cases,
            last: overview.last_record.map(When::at),
        }
    }
}

/// A line in the list of alarms.
pub(super) struct AlarmRow {
    pub(super) lane: String,
    pub(super) title: &'static str,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) first: When,
    pub(super) last: When,
    pub(super) count: u64,
}

impl AlarmRow {
    pub(super) fn new(alarm: Alarm) -> Self {
        AlarmRow {
            lane: alarm.lane,
            title: alarm.kind.title(),
            subject: alarm.subject,
            text: alarm.text,
            first: When::at(alarm.first),
            last: When::at(alarm.last),
            count: alarm.count,
        }
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
