//! What no profile, no check and no mistake in a file may bring about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::check::{Check, CheckId, CheckResult, Reason};
use egate::policy::{Demand, ENTRANCE, FLOOR, PassageId, Profile, Verdict, decide, entrance, objections};
use proptest::prelude::*;

const DEFAULT: &str = include_str!("../config/profile.toml");

const RESULTS: [CheckResult; 5] = [
    CheckResult::Successful,
    CheckResult::Failed,
    CheckResult::Undetermined,
    CheckResult::NotSupported,
    CheckResult::Aborted,
];

fn id() -> PassageId {
    PassageId("lane-1/test/1".into())
}

fn all_good() -> Vec<Check> {
    CheckId::ALL.into_iter().map(Check::successful).collect()
}

fn any_id() -> impl Strategy<Value = CheckId> {
    prop::sample::select(CheckId::ALL.to_vec())
}

fn any_check() -> impl Strategy<Value = Check> {
    let reasons = prop::collection::vec(prop::sample::select(Reason::ALL.to_vec()), 0..3);
    (any_id(), prop::sample::select(RESULTS.to_vec()), reasons).prop_map(|(id, result, reasons)| Check {
        id,
        result,
        reasons,
        detail: None,
    })
}

/// Checks of which most are good, so that admissions occur, too.
fn any_checks() -> impl Strategy<Value = Vec<Check>> {
    prop_oneof![
        prop::collection::vec(any_check(), 0..40),
        prop::collection::vec(any_check(), 0..2).prop_map(|extra| [all_good(), extra].concat()),
        (any_check(), any::<prop::sample::Index>()).prop_map(|(check, at)| {
            let mut checks = all_good();
            let at = at.index(checks.len());
            checks[at] = check;
            checks
        }),
    ]
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let demand = prop::sample::select(vec![Demand::Mandatory, Demand::IfSupported, Demand::Evaluatory]);
    prop::collection::btree_map(any_id(), demand, 0..18)
        .prop_map(|checks| Profile { checks, ..Profile::default() })
}

/// One way to make the evidence about `id` worse.
#[derive(Debug, Clone)]
enum Worse {
    Becomes(CheckResult),
    Removed,
    Contradicted(CheckResult),
}

fn any_worse() -> impl Strategy<Value = Worse> {
    let bad = prop::sample::select(RESULTS[1..].to_vec());
    prop_oneof![bad.clone().prop_map(Worse::Becomes), Just(Worse::Removed), bad.prop_map(Worse::Contradicted)]
}

fn worsened(checks: &[Check], id: CheckId, how: &Worse) -> Vec<Check> {
    let mut checks = checks.to_vec();
    match how {
        Worse::Becomes(result) => {
            for check in checks.iter_mut().filter(|check| check.id == id) {
                check.result = *result;
            }
        }
        Worse::Removed => checks.retain(|check| check.id != id),
        Worse::Contradicted(result) => {
            checks.push(Check { id, result: *result, reasons: vec![], detail: None });
        }
    }
    checks
}

proptest! {
    #[test]
    fn worse_evidence_for_a_mandatory_check_never_admits(
        profile in any_profile(), checks in any_checks(), id_of in any_id(), how in any_worse()
    ) {
        prop_assume!(profile.demand(id_of) == Demand::Mandatory);
        let after = decide(&profile, &id(), &worsened(&checks, id_of, &how));
        match decide(&profile, &id(), &checks) {
            Verdict::Admit(_) => prop_assert!(matches!(after, Verdict::Refer(_)), "from Admit to {after:?}"),
            Verdict::Refer(_) => {
                // Making a bad check "become" another bad result must not help either.
                prop_assert!(matches!(after, Verdict::Refer(_)), "from Refer to {after:?}");
            }
        }
    }

    #[test]
    fn every_input_gets_a_verdict_and_every_referral_a_reason(
        profile in any_profile(), checks in any_checks()
    ) {
        match decide(&profile, &id(), &checks) {
            Verdict::Admit(token) => {
                prop_assert_eq!(token.passage(), &id());
                for floor in FLOOR {
                    let mut made = checks.iter().filter(|check| check.id == floor).peekable();
                    prop_assert!(made.peek().is_some());
                    prop_assert!(made.all(|check| check.result == CheckResult::Successful));
                }
                prop_assert!(entrance(&profile, &checks).is_empty());
                prop_assert!(objections(&profile, &checks).is_empty());
            }
            Verdict::Refer(reasons) => {
                prop_assert!(!reasons.is_empty());
                let mut once = reasons.clone();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), reasons.len(), "repeated: {:?}", reasons);
            }
        }
    }

    #[test]
    fn the_order_of_checks_does_not_matter(checks in any_checks()) {
        let profile = Profile::default();
        let backwards: Vec<Check> = checks.iter().rev().cloned().collect();
        prop_assert_eq!(decide(&profile, &id(), &checks), decide(&profile, &id(), &backwards));
    }

    #[test]
    fn text_of_any_kind_is_read_or_refused_with_the_file_name(text in ".{0,200}") {
        if let Err(error) = Profile::parse(&text, "lane.toml") {
            prop_assert!(error.to_string().starts_with("lane.toml"));
        }
    }
}

#[test]
fn all_good_is_admitted_with_a_token_of_this_passage() {
    let Verdict::Admit(token) = decide(&Profile::default(), &id(), &all_good()) else {
        panic!("must admit");
    };
    assert_eq!(token.passage(), &id());
}

#[test]
fn no_checks_at_all_are_referred() {
    assert_eq!(
        decide(&Profile::default(), &id(), &[]),
        Verdict::Refer(vec![Reason::CheckMissing]),
        "an absent check is never good"
    );
}

#[test]
fn the_worse_of_two_counts_of_persons_counts() {
    for extra in [
        Check::failed(CheckId::SinglePerson, Reason::SeveralFaces),
        Check::undetermined(CheckId::SinglePerson, Reason::CabinUnobserved),
    ] {
        let reason = extra.reasons[0];
        let mut checks = all_good();
        checks.push(extra.clone());
        assert_eq!(decide(&Profile::default(), &id(), &checks), Verdict::Refer(vec![reason]));
        checks.rotate_right(1);
        assert_eq!(decide(&Profile::default(), &id(), &checks), Verdict::Refer(vec![reason]));
    }
}

#[test]
fn a_chip_without_proof_is_admitted_and_one_that_was_not_asked_is_referred() {
    let with = |check: Check| {
        let mut checks: Vec<Check> = all_good();
        checks.retain(|c| c.id != CheckId::ChipAuthenticity);
        checks.push(check);
        decide(&Profile::default(), &id(), &checks)
    };
    let offered = Check::not_supported(CheckId::ChipAuthenticity, Reason::ChipAuthenticationNotOffered);
    assert!(matches!(with(offered), Verdict::Admit(_)));
    let asked = Check::undetermined(CheckId::ChipAuthenticity, Reason::ChipAuthenticationNotChecked);
    assert_eq!(with(asked), Verdict::Refer(vec![Reason::ChipAuthenticationNotChecked]));
}

#[test]
fn an_evaluatory_check_never_decides() {
    let mut checks = all_good();
    checks.retain(|c| c.id != CheckId::Morph);
    assert!(matches!(decide(&Profile::default(), &id(), &checks), Verdict::Admit(_)));
    checks.push(Check::failed(CheckId::Morph, Reason::MorphSuspected));
    assert!(matches!(decide(&Profile::default(), &id(), &checks), Verdict::Admit(_)));
}

#[test]
fn a_candidate_of_a_watch_list_goes_to_an_officer_and_a_missing_list_does_not() {
    let with = |check: Check| {
        let mut checks: Vec<Check> = all_good();
        checks.retain(|c| c.id != CheckId::PersonLookup);
        checks.push(check);
        decide(&Profile::default(), &id(), &checks)
    };
    let none = Check::not_supported(CheckId::PersonLookup, Reason::NoListInForce);
    assert!(matches!(with(none), Verdict::Admit(_)));
    let candidate = Check::failed(CheckId::PersonLookup, Reason::PersonListed);
    assert_eq!(with(candidate), Verdict::Refer(vec![Reason::PersonListed]));
}

#[test]
fn of_what_failed_the_gravest_reason_comes_first() {
    let checks = [
        Check::undetermined(CheckId::DocumentLookup, Reason::LookupUnavailable),
        Check::failed(CheckId::DocumentExpiry, Reason::DocumentExpired),
        Check::failed(CheckId::FaceMatch, Reason::FaceMismatch),
        Check::failed(CheckId::Liveness, Reason::FaceMismatch),
    ];
    assert_eq!(
        objections(&Profile::default(), &checks),
        [Reason::FaceMismatch, Reason::DocumentExpired],
        "a check that says nothing is no objection"
    );
}

#[test]
fn a_bad_check_without_a_reason_still_refers() {
    let mut checks = all_good();
    checks.push(Check { id: CheckId::Portrait, result: CheckResult::Failed, reasons: vec![], detail: None });
    assert_eq!(decide(&Profile::default(), &id(), &checks), Verdict::Refer(vec![Reason::CheckMissing]));
}

#[test]
fn the_entrance_asks_for_the_document_alone() {
    let document: Vec<Check> = ENTRANCE.into_iter().map(Check::successful).collect();
    assert!(entrance(&Profile::default(), &document).is_empty());
    for absent in ENTRANCE {
        let rest: Vec<Check> = document.iter().filter(|c| c.id != absent).cloned().collect();
        assert_eq!(entrance(&Profile::default(), &rest), [Reason::CheckMissing], "{absent:?}");
    }
}

#[test]
fn a_profile_built_in_code_cannot_go_below_the_floor_either() {
    let checks = CheckId::ALL.into_iter().map(|id| (id, Demand::Evaluatory)).collect();
    let profile = Profile { checks, ..Profile::default() };
    assert!(matches!(decide(&profile, &id(), &[]), Verdict::Refer(_)));
}

#[test]
fn a_profile_without_the_table_of_checks_makes_all_mandatory() {
    let at = DEFAULT.find("[checks]").unwrap();
    let end = DEFAULT.find("[face]").unwrap();
    let text = format!("{}{}", &DEFAULT[..at], &DEFAULT[end..]);
    let profile = Profile::parse(&text, "p.toml").unwrap();
    assert!(CheckId::ALL.into_iter().all(|id| profile.demand(id) == Demand::Mandatory));
}

/// The default profile with one text replaced must be refused at that line and key.
fn refused(from: &str, to: &str) -> egate::policy::ConfigError {
    assert!(DEFAULT.contains(from), "{from}");
    let line = DEFAULT[..DEFAULT.find(from).unwrap()].matches('\n').count() + 1;
    let error = Profile::parse(&DEFAULT.replacen(from, to, 1), "lane.toml").unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("lane.toml", Some(line)), "{error}");
    error
}

#[test]
fn a_mistyped_limit_is_answered_with_the_nearest() {
    let error = refused("chip_ms = 20000", "chp_ms = 20000");
    assert_eq!(error.key.as_deref(), Some("limits.chp_ms"));
    assert_eq!(error.nearest.as_deref(), Some("chip_ms"));
}

#[test]
fn a_mistyped_check_is_answered_with_the_nearest() {
    let error = refused("signer_revocation =", "signer_revokation =");
    assert_eq!(error.key.as_deref(), Some("checks.signer_revokation"));
    assert_eq!(error.nearest.as_deref(), Some("signer_revocation"));
}

#[test]
fn a_mistyped_demand_is_answered_with_the_nearest() {
    let error = refused("morph = \"evaluatory\"", "morph = \"evaluatry\"");
    assert_eq!(error.key.as_deref(), Some("checks.morph"));
    assert_eq!(error.nearest.as_deref(), Some("evaluatory"));
}

#[test]
fn thresholds_and_limits_out_of_range_are_refused_with_their_line() {
    for (from, to, key) in [
        ("false_match_rate = 0.0001", "false_match_rate = nan", "face.false_match_rate"),
        ("false_match_rate = 0.0001", "false_match_rate = 0.0", "face.false_match_rate"),
        ("false_match_rate = 0.0001", "false_match_rate = inf", "face.false_match_rate"),
        ("bona_fide_error_rate = 0.02", "bona_fide_error_rate = 0.5", "face.bona_fide_error_rate"),
        ("frames_needed = 4", "frames_needed = 0", "face.frames_needed"),
        ("frames_most = 60", "frames_most = 2", "face.frames_most"),
        ("leave_ms = 15000", "leave_ms = 0", "limits.leave_ms"),
        ("leave_ms = 15000", "leave_ms = 36000000", "limits.leave_ms"),
        ("name = \"self-service\"", "name = \" \"", "name"),
        ("liveness = \"mandatory\"", "liveness = \"evaluatory\"", "checks.liveness"),
    ] {
        assert_eq!(refused(from, to).key.as_deref(), Some(key));
    }
}

#[test]
fn a_missing_threshold_is_named() {
    let error =
        Profile::parse(&DEFAULT.replacen("false_match_rate = 0.0001", "", 1), "lane.toml").unwrap_err();
    assert_eq!(error.key.as_deref(), Some("face.false_match_rate"), "{error}");
}
