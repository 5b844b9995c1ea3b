//! The verdict and the token that opens the exit.

use super::gravity::gravest_first;
use super::{Demand, Profile};
use crate::check::{Check, CheckId, CheckResult, Reason};

/// One passage of one traveller: lane and number in words, unique for ever ("lane-1/7f3a…/42").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct PassageId(pub String);

/// Leave to open the exit once, for one passage. Cannot be cloned, made elsewhere, or deserialised.
#[derive(Debug, PartialEq, Eq)]
pub struct ExitToken {
    passage: PassageId,
}

impl ExitToken {
    /// The passage that it was made for.
    pub fn passage(&self) -> &PassageId {
        &self.passage
    }
}

/// What becomes of the traveller.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that the profile asks for was found good.
    Admit(ExitToken),
    /// An officer decides; the reasons say why, gravest first, without repetition, at least one.
    Refer(Vec<Reason>),
}

/// The checks that are made at the shut entrance.
pub const ENTRANCE: [CheckId; 13] = [
    CheckId::MrzConsistency,
    CheckId::ChipAccess,
    CheckId::ChipAuthenticity,
    CheckId::SecurityObjectSignature,
    CheckId::SignerChain,
    CheckId::SignerValidity,
    CheckId::SignerRevocation,
    CheckId::DataGroupIntegrity,
    CheckId::ComAgainstSecurityObject,
    CheckId::IssuingState,
    CheckId::DocumentExpiry,
    CheckId::MrzAgainstChip,
    CheckId::Portrait,
];

/// The verdict over all checks of a passage: total, pure, and the only maker of an [`ExitToken`].
///
/// A check may come more than once (gate sensors and camera both count persons): the worst counts.
pub fn decide(profile: &Profile, passage: &PassageId, checks: &[Check]) -> Verdict {
    let reasons = reasons_against(profile, &CheckId::ALL, checks);
    if reasons.is_empty() {
        Verdict::Admit(ExitToken { passage: passage.clone() })
    } else {
        Verdict::Refer(reasons)
    }
}

/// Whether the document checks alone let the traveller into the cabin: the reasons that forbid it,
/// none when the entrance may open.
pub fn entrance(profile: &Profile, checks: &[Check]) -> Vec<Reason> {
    reasons_against(profile, &ENTRANCE, checks)
}

/// What speaks against the traveller so far: the reasons of demanded checks that failed. For passages that
/// end before all checks were made: it adds to the reasons of a referral and never admits.
pub fn objections(profile: &Profile, checks: &[Check]) -> Vec<Reason> {
    let failed = |check: &&Check| {
        check.result == CheckResult::Failed && profile.demand(check.id) != Demand::Evaluatory
    };
    in_order(checks.iter().filter(failed).flat_map(|check| check.reasons.iter().copied()).collect())
}

/// Reasons in the officer's order, gravest first, without repetition.
#[must_use]
pub fn in_order(mut reasons: Vec<Reason>) -> Vec<Reason> {
    gravest_first(&mut reasons);
    reasons
}

fn reasons_against(profile: &Profile, asked: &[CheckId], checks: &[Check]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for &id in asked {
        let demand = profile.demand(id);
        if demand == Demand::Evaluatory {
            continue;
        }
        let mut made = checks.iter().filter(|check| check.id == id).peekable();
        if made.peek().is_none() {
            reasons.push(Reason::CheckMissing);
        }
        for check in made.filter(|check| !meets(demand, check.result)) {
            match check.reasons.as_slice() {
                // A check that went wrong without saying why is as good as none.
                [] => reasons.push(Reason::CheckMissing),
                said => reasons.extend_from_slice(said),
            }
        }
    }
    in_order(reasons)
}

fn meets(demand: Demand, result: CheckResult) -> bool {
    match demand {
        Demand::Mandatory => result == CheckResult::Successful,
        Demand::IfSupported => matches!(result, CheckResult::Successful | CheckResult::NotSupported),
        Demand::Evaluatory => true,
    }
}
