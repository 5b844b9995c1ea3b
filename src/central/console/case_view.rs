//! What the page of one passage shows.

use super::limits::CaseLimits;
use super::rows::PassageRow;
use super::told::before_judgement;
use super::tree::{TreeNode, overridden, tree};
use super::view::{DocumentView, EndingView, Face, ReasonView, faces, path};
use super::words::{
    When, decision_name, decision_word, judgement_word, millionths, reason_word, reasons_for, seconds, span,
    step_word,
};
use crate::central::store::{Case, Decision, DecisionReason, Judgement, Millis, StoredPassage};
use crate::check::{CheckId, CheckResult};
use crate::face::FalseMatchRate;
use crate::passage::Ending;
use crate::policy::Profile;
use crate::record::PassageRecord;

/// How long a step took.
pub(super) struct StepView {
    pub(super) title: &'static str,
    pub(super) seconds: String,
}

/// The scores, shown after the officer's own judgement.
pub(super) struct Scores {
    pub(super) similarity: Option<String>,
    /// "one in 20,000 strangers would score as high".
    pub(super) strangers: Option<String>,
    /// What the profile asks for, when it is the house's.
    pub(super) asked: Option<String>,
    pub(super) attack: Option<String>,
}

impl Scores {
    fn new(record: &PassageRecord) -> Scores {
        let rate = record.similarity_ppm.and_then(|ppm| FalseMatchRate::of(ppm as f32 / 1e6));
        let house = Profile::default();
        let asked = FalseMatchRate::About(house.face.false_match_rate);
        Scores {
            similarity: record.similarity_ppm.map(millionths),
            strangers: rate.map(|rate| rate.to_string()),
            asked: (record.profile == house.name).then(|| asked.to_string()),
            attack: record.attack_ppm.map(millionths),
        }
    }
}

/// A decision that can be chosen, with the findings behind it.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) key: &'static str,
    pub(super) reasons: Vec<(String, &'static str)>,
    /// The finding that the officer's own judgement suggests; empty where one must be chosen by hand.
    pub(super) suggested: String,
}

/// A case, as this officer meets it.
pub(super) struct CaseView {
    pub(super) version: u64,
    pub(super) opened: When,
    pub(super) waits: String,
    pub(super) waits_long: bool,
    pub(super) escalated: bool,
    /// Who else has it in hand, and for how long.
    pub(super) held_by: Option<(String, String)>,
    pub(super) mine: bool,
    /// Whether the officer must judge by own eyes before anything else.
    pub(super) to_judge: bool,
    pub(super) judged: Option<JudgedView>,
    pub(super) decided: Option<DecidedView>,
    /// Failed checks that an admission overrides: it needs a reason and a note, and a supervisor is alarmed.
    pub(super) overrides: Vec<&'static str>,
    pub(super) choices: Vec<Choice>,
}

/// An own judgement.
pub(super) struct JudgedView {
    pub(super) by: String,
    pub(super) word: &'static str,
    pub(super) at: When,
}

/// A decision.
pub(super) struct DecidedView {
    pub(super) by: String,
    pub(super) word: &'static str,
    pub(super) name: &'static str,
    pub(super) at: When,
    pub(super) after: String,
    pub(super) reason: Option<&'static str>,
    pub(super) note: String,
    pub(super) overridden: Vec<&'static str>,
}

/// Everything that the page of a passage shows.
pub(super) struct PassageView {
    pub(super) path: String,
    pub(super) lane: String,
    pub(super) sequence: u64,
    pub(super) started: When,
    pub(super) seconds: String,
    pub(super) ending: EndingView,
    pub(super) heading: &'static str,
    pub(super) reasons: Vec<ReasonView>,
    pub(super) tree: Vec<TreeNode>,
    pub(super) document: Option<DocumentView>,
    pub(super) faces: Vec<Face>,
    /// How many of the pictures are not the portrait.
    pub(super) frames: usize,
    /// A presentation attack was found or not ruled out: every frame is shown (TR-03121-3.1 FM UI-FI-OP).
    pub(super) liveness_alarm: bool,
    /// What central knew, in its words: list, likeness, what agrees.
    pub(super) hits: Vec<Hit>,
    /// The same document at the gates, without this passage.
    pub(super) history: Vec<PassageRow>,
    pub(super) steps: Vec<StepView>,
    pub(super) scores: Option<Scores>,
    /// Whether the reader must judge the faces by own eyes before their comparison is told.
    pub(super) to_judge: bool,
    /// Whether the scores stand with the facts, and not where the officer decides.
    pub(super) scores_below: bool,
    pub(super) case: Option<CaseView>,
    pub(super) profile: String,
    pub(super) software: String,
}

/// A hit of a look-up.
pub(super) struct Hit {
    pub(super) title: &'static str,
    /// List and entry, or the kind of report.
    pub(super) what: String,
    /// The likeness and what agrees.
    pub(super) why: String,
}

/// Who looks at the passage, when, and under which limits.
pub(super) struct Viewer<'a> {
    pub(super) user: &'a str,
    pub(super) decides: bool,
    pub(super) now: Millis,
    pub(super) limits: CaseLimits,
}

impl PassageView {
    /// The passage as a user sees it. Who decides cases sees the scores of an open one only after their own
    /// judgement.
    pub(super) fn new(stored: &StoredPassage, history: &[StoredPassage], viewer: &Viewer<'_>) -> Self {
        let record = &stored.record;
        let case = stored.case.as_ref();
        let judged_by_me =
            case.and_then(|case| case.judged.as_ref()).is_some_and(|(by, ..)| by == viewer.user);
        let open = case.is_some_and(|case| case.decided.is_none());
        let hidden = open && viewer.decides && !judged_by_me;
        PassageView {
            path: path(&stored.key),
            lane: stored.key.lane.clone(),
            sequence: stored.key.sequence,
            started: When { rfc: record.started.clone() },
            seconds: seconds(record.lasted_ms),
            ending: EndingView::new(record.ending),
            heading: match record.ending {
                Ending::Admitted => "Nothing was found against this passage",
                Ending::Referred => "Why an officer is needed",
                Ending::Withdrawn => "Why it ended without a verdict",
            },
            reasons: if hidden { before_judgement(&record.reasons) } else { record.reasons.clone() }
                .into_iter()
                .map(ReasonView::new)
                .collect(),
            tree: tree(record, hidden),
            document: record.document.as_ref().map(DocumentView::new),
            frames: faces(record, "").iter().filter(|face| !face.portrait).count(),
            faces: faces(record, &path(&stored.key)),
            liveness_alarm: liveness_alarm(record),
            hits: hits(record),
            history: history.iter().filter(|other| other.key != stored.key).map(PassageRow::new).collect(),
            steps: record
                .steps
                .iter()
                .map(|step| StepView { title: step_word(step.step), seconds: seconds(step.ms) })
                .collect(),
            scores: (!hidden).then(|| Scores::new(record)),
            to_judge: hidden,
            scores_below: !(open && viewer.decides),
            case: case.map(|case| CaseView::new(case, record, hidden, viewer)),
            profile: record.profile.clone(),
            software: record.software.clone(),
        }
    }
}

impl CaseView {
    fn new(case: &Case, record: &PassageRecord, hidden: bool, viewer: &Viewer<'_>) -> CaseView {
        let waited = viewer.now.saturating_sub(case.opened);
        let holder = case.holder(viewer.now.saturating_sub(viewer.limits.hold()));
        let other = holder.filter(|held| held.by != viewer.user);
        let overrides: Vec<CheckId> = overridden(record);
        let judgement = case.judged.as_ref().map(|(_, judgement, _)| *judgement);
        CaseView {
            version: case.version,
            opened: When::at(case.opened),
            waits: span(waited),
            waits_long: waited > viewer.limits.take_within(),
            escalated: case.escalated.is_some(),
            held_by: other.map(|held| (held.by.clone(), span(viewer.now.saturating_sub(held.since)))),
            mine: holder.is_some_and(|held| held.by == viewer.user),
            to_judge: hidden,
            judged: case.judged.as_ref().map(|(by, judgement, at)| JudgedView {
                by: by.clone(),
                word: judgement_word(*judgement),
                at: When::at(*at),
            }),
            decided: case.decided.as_ref().map(|decided| DecidedView {
                by: decided.officer.clone(),
                word: decision_word(decided.decision),
                name: decision_name(decided.decision),
                at: When::at(decided.at),
                after: span(decided.at.saturating_sub(case.opened)),
                reason: decided.reason.map(reason_word),
                note: decided.note.clone(),
                overridden: decided.overridden.iter().map(|id| id.title()).collect(),
            }),
            choices: choices(judgement, !overrides.is_empty()),
            overrides: overrides.into_iter().map(CheckId::title).collect(),
        }
    }
}

fn choices(judgement: Option<Judgement>, overrides: bool) -> Vec<Choice> {
    let choice = |decision: Decision, value, title, key| {
        let reasons = reasons_for(decision);
        let fits = match (decision, judgement) {
            // To go against a failed check the officer's hand must choose the reason.
            (Decision::Admit, _) if overrides => None,
            (Decision::Admit, Some(Judgement::Same)) => Some(DecisionReason::SamePerson),
            (Decision::Refuse | Decision::SecondLine, Some(Judgement::Different)) => {
                Some(DecisionReason::OtherPerson)
            }
            (Decision::SecondLine, _) => Some(DecisionReason::Unclear),
            _ => reasons.get(1).copied(),
        };
        Choice {
            value,
            name: decision_name(decision),
            title,
            key,
            reasons: reasons.iter().map(|reason| (value_of(*reason), reason_word(*reason))).collect(),
            suggested: fits.map(value_of).unwrap_or_default(),
        }
    };
    vec![
        choice(Decision::Admit, "admit", "Admit", "a"),
        choice(Decision::Refuse, "refuse", "Refuse", "r"),
        choice(Decision::SecondLine, "second_line", "Second line", "s"),
    ]
}

/// The reason's value in a form: its serde name.
fn value_of(reason: DecisionReason) -> String {
    serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn liveness_alarm(record: &PassageRecord) -> bool {
    let alarmed = |result| matches!(result, CheckResult::Failed | CheckResult::Undetermined);
    record.checks.iter().any(|check| check.id == CheckId::Liveness && alarmed(check.result))
}

/// The failed look-ups, candidate by candidate: lanes put a bar between candidates, and a colon before the likeness.
fn hits(record: &PassageRecord) -> Vec<Hit> {
    const LOOKUPS: [CheckId; 3] = [CheckId::DocumentLookup, CheckId::PersonLookup, CheckId::TravelPermission];
    let failed =
        |check: &&crate::check::Check| LOOKUPS.contains(&check.id) && check.result == CheckResult::Failed;
    let mut hits = Vec::new();
    for check in record.checks.iter().filter(failed) {
        for told in check.detail.as_deref().unwrap_or("no more is known").split(" | ") {
            let (what, why) = told.split_once(": ").unwrap_or((told, ""));
            hits.push(Hit { title: check.id.title(), what: what.to_owned(), why: why.to_owned() });
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn against_a_failed_check_no_reason_is_suggested() {
        let suggested = |judgement, overrides| -> Vec<String> {
            choices(judgement, overrides).into_iter().map(|choice| choice.suggested).collect()
        };
        assert_eq!(suggested(Some(Judgement::Same), false), ["same_person", "document_bad", "unclear"]);
        assert_eq!(suggested(Some(Judgement::Different), true), ["", "other_person", "other_person"]);
        assert_eq!(suggested(Some(Judgement::Same), true)[0], "");
    }
}
