//! What the pages show, in officers' words. Nothing here decides; texts are escaped by the templates.

use super::session::Signed;
use super::words::{
    When, decision_name, decision_word, judgement_word, millionths, seconds, span, step_word,
};
use crate::central::serve::Shared;
use crate::central::store::{Millis, RecordKey, StoredPassage};
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::passage::Ending;
use crate::record::{DocumentRecord, PassageRecord};

/// Role of the chip's portrait among a record's pictures; all others are frames of the camera.
const PORTRAIT: &str = "portrait";

/// What every page carries around its content.
pub(super) struct Frame {
    pub(super) user: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    pub(super) active: &'static str,
    pub(super) open_cases: u64,
    pub(super) sees_travellers: bool,
    pub(super) decides: bool,
    pub(super) audits: bool,
}

impl Frame {
    pub(super) fn load(shared: &Shared, signed: Signed, active: &'static str) -> anyhow::Result<Self> {
        let Signed(session) = signed;
        let (_, open_cases) = shared.store.open_cases(0)?;
        Ok(Frame {
            user: session.user,
            role: session.role.title(),
            csrf: session.csrf,
            active,
            open_cases,
            sees_travellers: session.role.sees_travellers(),
            decides: session.role.decides(),
            audits: session.role.audits(),
        })
    }
}

/// A light of TR-03135-1 §5.2 table 5.1, with a symbol and a word beside the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Light {
    Green,
    Grey,
    Yellow,
    Red,
}

impl Light {
    fn of(result: CheckResult) -> Light {
        match result {
            CheckResult::Successful => Light::Green,
            CheckResult::Failed => Light::Red,
            CheckResult::Undetermined => Light::Yellow,
            CheckResult::NotSupported | CheckResult::Aborted => Light::Grey,
        }
    }

    /// Name of the style and of the symbol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Light::Green => "green",
            Light::Grey => "grey",
            Light::Yellow => "yellow",
            Light::Red => "red",
        }
    }
}

fn result_word(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Successful => "successful",
        CheckResult::Failed => "failed",
        CheckResult::Undetermined => "undetermined",
        CheckResult::NotSupported => "not supported",
        CheckResult::Aborted => "aborted",
    }
}

/// How a passage ended, to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndingView {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
}

impl EndingView {
    pub(super) fn new(ending: Ending) -> Self {
        let (name, title) = match ending {
            Ending::Admitted => ("admitted", "Admitted"),
            Ending::Referred => ("referred", "Referred"),
            Ending::Withdrawn => ("withdrawn", "Withdrawn"),
        };
        EndingView { name, title }
    }
}

/// The document, as the zone has it.
pub(super) struct DocumentView {
    pub(super) kind: String,
    pub(super) issuing_state: String,
    pub(super) number: String,
    pub(super) nationality: String,
    pub(super) surname: String,
    pub(super) given_names: String,
    pub(super) born: String,
    pub(super) expires: String,
    pub(super) sex: &'static str,
}

impl DocumentView {
    pub(super) fn new(document: &DocumentRecord) -> Self {
        let plain = |text: &str| text.replace('<', " ").trim().to_owned();
        DocumentView {
            kind: match document.document_code.chars().next() {
                Some('P') => "Passport".to_owned(),
                Some('V') => "Visa".to_owned(),
                Some('I' | 'A' | 'C') => "Identity document".to_owned(),
                _ => plain(&document.document_code),
            },
            issuing_state: plain(&document.issuing_state),
            number: plain(&document.document_number),
            nationality: plain(&document.nationality),
            surname: plain(&document.surname),
            given_names: plain(&document.given_names),
            born: zone_date(&document.date_of_birth),
            expires: zone_date(&document.date_of_expiry),
            sex: match document.sex.as_str() {
                "M" => "male",
                "F" => "female",
                _ => "not specified",
            },
        }
    }
}

/// `YYMMDD` with its parts set apart; the century is not in the zone, so none is guessed.
fn zone_date(date: &str) -> String {
    match (date.get(..2), date.get(2..4), date.get(4..6)) {
        (Some(year), Some(month), Some(day)) if date.len() == 6 => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

/// A picture that can be shown.
pub(super) struct Face {
    pub(super) address: String,
    pub(super) title: String,
    pub(super) portrait: bool,
}

/// A branch of the tree of checks.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) light: &'static str,
    pub(super) word: &'static str,
    pub(super) checks: Vec<CheckView>,
}

/// A leaf of the tree of checks.
pub(super) struct CheckView {
    pub(super) title: &'static str,
    pub(super) light: &'static str,
    pub(super) word: &'static str,
    pub(super) reasons: Vec<ReasonView>,
    pub(super) detail: Option<String>,
}

/// A reason with its number.
pub(super) struct ReasonView {
    pub(super) code: u32,
    pub(super) text: &'static str,
}

impl ReasonView {
    fn new(reason: Reason) -> Self {
        ReasonView { code: reason.code(), text: reason.officer() }
    }
}

/// How long a step took, and its part of the whole.
pub(super) struct StepView {
    pub(super) title: &'static str,
    pub(super) seconds: String,
}

/// The scores, shown after the officer's own judgement.
pub(super) struct Scores {
    pub(super) similarity: Option<String>,
    pub(super) attack: Option<String>,
}

/// A case, as this officer meets it.
pub(super) struct CaseView {
    pub(super) version: u64,
    pub(super) waits: String,
    /// Whether the officer must judge by own eyes before anything else.
    pub(super) to_judge: bool,
    pub(super) judged: Option<JudgedView>,
    pub(super) decided: Option<DecidedView>,
    /// Whether an admission overrides a failed check and needs a note.
    pub(super) overrides: bool,
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
    pub(super) note: String,
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
    pub(super) groups: Vec<Group>,
    pub(super) document: Option<DocumentView>,
    pub(super) faces: Vec<Face>,
    /// How many of the pictures are not the portrait.
    pub(super) frames: usize,
    pub(super) steps: Vec<StepView>,
    pub(super) scores: Option<Scores>,
    /// Whether the scores stand with the facts, and not where the officer decides.
    pub(super) scores_below: bool,
    pub(super) case: Option<CaseView>,
    pub(super) profile: String,
    pub(super) software: String,
}

impl PassageView {
    /// The passage as a user sees it. Who decides cases sees the scores of an open one only after their
    /// own judgement.
    pub(super) fn new(stored: &StoredPassage, user: &str, decides: bool, now: Millis) -> Self {
        let record = &stored.record;
        let case = stored.case.as_ref();
        let judged_by_me = case.and_then(|case| case.judged.as_ref()).is_some_and(|(by, ..)| by == user);
        let open = case.is_some_and(|case| case.decided.is_none());
        let hidden = open && decides && !judged_by_me;
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
            reasons: record.reasons.iter().copied().map(ReasonView::new).collect(),
            groups: groups(&record.checks, hidden),
            document: record.document.as_ref().map(DocumentView::new),
            frames: record.pictures.iter().filter(|picture| picture.role != PORTRAIT).count(),
            faces: faces(record, &path(&stored.key)),
            steps: record
                .steps
                .iter()
                .map(|step| StepView { title: step_word(step.step), seconds: seconds(step.ms) })
                .collect(),
            scores: (!hidden).then(|| Scores {
                similarity: record.similarity_ppm.map(millionths),
                attack: record.attack_ppm.map(millionths),
            }),
            scores_below: !(open && decides),
            case: case.map(|case| CaseView {
                version: case.version,
                waits: span(now.saturating_sub(case.opened)),
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
                    note: decided.note.clone(),
                }),
                overrides: overrides(record),
            }),
            profile: record.profile.clone(),
            software: record.software.clone(),
        }
    }
}

/// Whether an admission of this passage goes against a check that failed.
pub(super) fn overrides(record: &PassageRecord) -> bool {
    record.checks.iter().any(|check| check.result == CheckResult::Failed)
}

/// The tree of checks in officers' order; a check that was not made is shown as such.
fn groups(checks: &[Check], hide_face_detail: bool) -> Vec<Group> {
    let mut groups: Vec<(Light, Group)> = Vec::new();
    for id in CheckId::ALL {
        let made = checks.iter().find(|check| check.id == id);
        let light = made.map_or(Light::Grey, |check| Light::of(check.result));
        let hide = hide_face_detail && matches!(id, CheckId::FaceMatch | CheckId::Liveness | CheckId::Morph);
        let view = CheckView {
            title: id.title(),
            light: light.name(),
            word: made.map_or("not made", |check| result_word(check.result)),
            reasons: made
                .map_or_else(Vec::new, |check| check.reasons.iter().copied().map(ReasonView::new).collect()),
            detail: made.and_then(|check| check.detail.clone()).filter(|_| !hide),
        };
        let title = group_title(id);
        match groups.last_mut() {
            Some((worst, group)) if group.title == title => {
                *worst = light.max(*worst);
                group.checks.push(view);
            }
            _ => groups.push((light, Group { title, light: "", word: "", checks: vec![view] })),
        }
    }
    let finish = |(light, group): (Light, Group)| {
        let word = match light {
            Light::Green => "all successful",
            Light::Grey => "not all made",
            Light::Yellow => "undetermined",
            Light::Red => "failed",
        };
        Group { light: light.name(), word, ..group }
    };
    groups.into_iter().map(finish).collect()
}

fn group_title(id: CheckId) -> &'static str {
    match id {
        CheckId::MrzConsistency => "Printed lines",
        CheckId::ChipAccess | CheckId::ChipAuthenticity => "Chip",
        CheckId::SecurityObjectSignature
        | CheckId::SignerChain
        | CheckId::SignerValidity
        | CheckId::SignerRevocation
        | CheckId::DataGroupIntegrity
        | CheckId::ComAgainstSecurityObject
        | CheckId::IssuingState => "Passive authentication",
        CheckId::DocumentExpiry | CheckId::MrzAgainstChip => "Document as a whole",
        CheckId::Portrait
        | CheckId::SinglePerson
        | CheckId::Liveness
        | CheckId::FaceMatch
        | CheckId::Morph => "Person",
        CheckId::DocumentLookup | CheckId::PersonLookup | CheckId::TravelPermission => "Central",
    }
}

fn faces(record: &PassageRecord, path: &str) -> Vec<Face> {
    let mut frames: u32 = 0;
    let face = |(number, picture): (usize, &crate::record::PictureRef)| {
        let portrait = picture.role == PORTRAIT;
        let title = if portrait {
            "Portrait in the chip".to_owned()
        } else {
            frames = frames.saturating_add(1);
            if frames == 1 {
                "Person at the gate".to_owned()
            } else {
                format!("Person at the gate, {frames}")
            }
        };
        Face { address: format!("{path}/pictures/{number}"), title, portrait }
    };
    record.pictures.iter().enumerate().map(face).collect()
}

/// Address of a passage below `/passages/`.
pub(super) fn path(key: &RecordKey) -> String {
    format!("/passages/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_every_check_once_in_officers_order() {
        let shown: Vec<&str> =
            groups(&[], false).iter().flat_map(|group| &group.checks).map(|check| check.title).collect();
        assert_eq!(shown, CheckId::ALL.map(CheckId::title));
    }

    #[test]
    fn a_branch_has_the_light_of_its_worst_leaf_and_no_check_is_green_unmade() {
        let mut checks: Vec<Check> = CheckId::ALL.into_iter().map(Check::successful).collect();
        let light = |checks: &[Check]| {
            groups(checks, false).iter().find(|g| g.title == "Person").map(|g| (g.light, g.word)).unwrap()
        };
        assert_eq!(light(&checks), ("green", "all successful"));
        checks[14].result = CheckResult::Undetermined;
        assert_eq!(light(&checks), ("yellow", "undetermined"));
        checks[15].result = CheckResult::Failed;
        assert_eq!(light(&checks), ("red", "failed"));
        checks.truncate(13);
        assert_eq!(light(&checks), ("grey", "not all made"));
    }

    #[test]
    fn numbers_read_as_officers_read_them() {
        assert_eq!([0, 49, 50, 7_400, 61_000].map(seconds), ["0.0", "0.0", "0.1", "7.4", "61.0"]);
        assert_eq!([712_345, 0, -31_000, 1_000_000].map(millionths), ["0.712", "0.000", "−0.031", "1.000"]);
        assert_eq!([-5, 59_999, 60_000, 7_260_000].map(span), ["0 s", "59 s", "1 min", "2 h 1 min"]);
        assert_eq!(
            (zone_date("740812"), zone_date("74<<<<")),
            ("74-08-12".to_owned(), "74-<<-<<".to_owned())
        );
    }
}
