//! What is told of a case before an officer has judged the faces by own eyes: everything but what the gate found by
//! comparing them. Whoever knows the verdict sees what it says.

use crate::central::store::StoredPassage;
use crate::check::Reason;

/// What stands where only the comparison of the faces speaks for a referral.
pub(super) const COMPARE: &str = "Compare the faces.";

/// Whether a reason says how the comparison of the faces ended.
fn is_verdict(reason: Reason) -> bool {
    matches!(reason, Reason::FaceMismatch | Reason::FaceUndecided)
}

/// The reasons that are told before the own judgement.
pub(super) fn before_judgement(reasons: &[Reason]) -> Vec<Reason> {
    reasons.iter().copied().filter(|reason| !is_verdict(*reason)).collect()
}

/// The reasons that a list tells: while a case is open anybody who reads it may yet have to judge it. One's own
/// judgement opens them, where it is known who reads.
pub(super) fn in_list(stored: &StoredPassage, reader: Option<&str>) -> Vec<Reason> {
    let case = stored.case.as_ref().filter(|case| case.decided.is_none());
    let judged = case.and_then(|case| case.judged.as_ref()).map(|(by, ..)| by.as_str());
    if case.is_none() || (judged.is_some() && judged == reader) {
        stored.record.reasons.clone()
    } else {
        before_judgement(&stored.record.reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_on_the_faces_is_kept_back_and_nothing_else() {
        let kept_back: Vec<Reason> = [
            Reason::FaceMismatch,
            Reason::FaceUndecided,
            Reason::MorphSuspected,
            Reason::PresentationAttack,
            Reason::PersonListed,
        ]
        .into_iter()
        .filter(|reason| before_judgement(&[*reason]).is_empty())
        .collect();
        assert_eq!(kept_back, [Reason::FaceMismatch, Reason::FaceUndecided]);
    }
}
