//! The tree of checks, as TR-03135-1 §5.2 wants results shown: optical, electronic and combined checks, then the
//! person and what central knows; each with a light of its table 5.1, and a symbol and a word beside the colour.

use super::view::ReasonView;
use crate::check::{Check, CheckId, CheckResult};
use crate::policy::FLOOR;
use crate::record::PassageRecord;
use askama::Template;

/// A light of TR-03135-1 §5.2 table 5.1; the order is that in which lights of branches follow from their leaves.
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

    /// What a branch with this light says.
    fn branch_word(self) -> &'static str {
        match self {
            Light::Green => "all successful",
            Light::Grey => "not all made",
            Light::Yellow => "undetermined",
            Light::Red => "failed",
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

/// How the tree branches.
enum Plan {
    Leaf(CheckId),
    Branch(&'static str, &'static [Plan]),
}

const PLAN: [Plan; 5] = {
    use CheckId::*;
    use Plan::{Branch, Leaf};
    [
        Branch("Optical checks", &[Leaf(MrzConsistency)]),
        Branch(
            "Electronic checks",
            &[
                Leaf(ChipAccess),
                Leaf(ChipAuthenticity),
                Leaf(SecurityObjectSignature),
                Branch(
                    "Issuer's certificates",
                    &[Leaf(SignerChain), Leaf(SignerValidity), Leaf(SignerRevocation)],
                ),
                Branch(
                    "Integrity of the chip's content",
                    &[Leaf(DataGroupIntegrity), Leaf(ComAgainstSecurityObject)],
                ),
                Leaf(IssuingState),
            ],
        ),
        Branch("Combined checks", &[Leaf(DocumentExpiry), Leaf(MrzAgainstChip)]),
        Branch("Person", &[Leaf(Portrait), Leaf(SinglePerson), Leaf(Liveness), Leaf(FaceMatch), Leaf(Morph)]),
        Branch("Known at central", &[Leaf(DocumentLookup), Leaf(PersonLookup), Leaf(TravelPermission)]),
    ]
};

/// A branch or leaf of the tree, and what is below it.
#[derive(Template)]
#[template(path = "node.html")]
pub(super) struct TreeNode {
    title: &'static str,
    light: &'static str,
    word: &'static str,
    /// Made and recorded, and counts for nothing (*evaluatory*, TR-03135-1 §3.7).
    recorded_only: bool,
    reasons: Vec<ReasonView>,
    detail: Option<String>,
    children: Vec<TreeNode>,
}

/// What stands for the result of comparing the faces before the own judgement.
const WITHHELD: &str = "told after your judgement";

/// The tree of a passage's checks; a check that was not made is shown as such. From who must first judge by own eyes
/// the result of comparing the faces is withheld, whatever it is, and the scores of the others.
pub(super) fn tree(record: &PassageRecord, to_judge: bool) -> Vec<TreeNode> {
    PLAN.iter().map(|plan| node(plan, record, to_judge).0).collect()
}

fn node(plan: &Plan, record: &PassageRecord, hide: bool) -> (TreeNode, Light) {
    match plan {
        Plan::Leaf(id) => leaf(*id, record, hide),
        Plan::Branch(title, plans) => {
            let below: Vec<(TreeNode, Light)> = plans.iter().map(|plan| node(plan, record, hide)).collect();
            let counting = below.iter().filter(|(child, _)| !child.recorded_only).map(|(_, light)| *light);
            let light = counting.max().unwrap_or(Light::Grey);
            let withheld = light <= Light::Grey && below.iter().any(|(child, _)| child.word == WITHHELD);
            let branch = TreeNode {
                title,
                light: light.name(),
                word: if withheld { WITHHELD } else { light.branch_word() },
                recorded_only: false,
                reasons: Vec::new(),
                detail: None,
                children: below.into_iter().map(|(child, _)| child).collect(),
            };
            (branch, light)
        }
    }
}

fn leaf(id: CheckId, record: &PassageRecord, hide: bool) -> (TreeNode, Light) {
    // A check may have been made twice (sensors and camera both count persons): the worst counts.
    let made =
        record.checks.iter().filter(|check| check.id == id).max_by_key(|check| Light::of(check.result));
    let light = made.map_or(Light::Grey, |check| Light::of(check.result));
    if hide && id == CheckId::FaceMatch {
        let leaf = TreeNode {
            title: id.title(),
            light: Light::Grey.name(),
            word: WITHHELD,
            recorded_only: false,
            reasons: Vec::new(),
            detail: None,
            children: Vec::new(),
        };
        return (leaf, Light::Grey);
    }
    let hide = hide && matches!(id, CheckId::Liveness | CheckId::Morph);
    let leaf = TreeNode {
        title: id.title(),
        light: light.name(),
        word: made.map_or("not made", |check| result_word(check.result)),
        recorded_only: made.is_some_and(|check| light > Light::Grey && !counts(check, record)),
        reasons: made
            .map_or_else(Vec::new, |check| check.reasons.iter().copied().map(ReasonView::new).collect()),
        detail: made.and_then(|check| check.detail.clone()).filter(|_| !hide),
        children: Vec::new(),
    };
    (leaf, light)
}

/// Whether a check speaks against the traveller. A record does not carry its profile, but its reasons are those of
/// all checks that the profile asks for: a check none of whose reasons is among them was only recorded. What no
/// profile can make less than mandatory always counts.
fn counts(check: &Check, record: &PassageRecord) -> bool {
    FLOOR.contains(&check.id)
        || check.reasons.is_empty()
        || check.reasons.iter().any(|reason| record.reasons.contains(reason))
}

/// Failed checks that an admission of this passage goes against.
pub(super) fn overridden(record: &PassageRecord) -> Vec<CheckId> {
    let failed = |check: &&Check| check.result == CheckResult::Failed && counts(check, record);
    let mut checks: Vec<CheckId> = record.checks.iter().filter(failed).map(|check| check.id).collect();
    checks.sort_unstable();
    checks.dedup();
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reason;
    use crate::passage::Ending;

    fn record(checks: Vec<Check>, reasons: Vec<Reason>) -> PassageRecord {
        let position = serde_json::json!({ "lane": "lane-1", "epoch": "", "sequence": 1, "previous": "" });
        serde_json::from_value(serde_json::json!({
            "version": 1, "position": position, "passage": "", "started": "", "lasted_ms": 0,
            "ending": Ending::Referred, "reasons": reasons, "checks": checks, "document": null, "steps": [],
            "pictures": [], "similarity_ppm": null, "attack_ppm": null, "profile": "", "software": "",
        }))
        .unwrap()
    }

    fn leaves(nodes: &[TreeNode]) -> Vec<&TreeNode> {
        let below = |node| -> Vec<&TreeNode> {
            let node: &TreeNode = node;
            if node.children.is_empty() { vec![node] } else { leaves(&node.children) }
        };
        nodes.iter().flat_map(below).collect()
    }

    #[test]
    fn the_tree_has_every_check_once_in_officers_order() {
        let tree = tree(&record(Vec::new(), Vec::new()), false);
        let shown: Vec<&str> = leaves(&tree).iter().map(|leaf| leaf.title).collect();
        assert_eq!(shown, CheckId::ALL.map(CheckId::title));
    }

    #[test]
    fn a_branch_has_the_light_of_its_worst_leaf_and_no_check_is_green_unmade() {
        let mut checks: Vec<Check> = CheckId::ALL.into_iter().map(Check::successful).collect();
        let person = |checks: &[Check], reasons: &[Reason]| {
            let tree = tree(&record(checks.to_vec(), reasons.to_vec()), false);
            tree.iter().find(|node| node.title == "Person").map(|node| (node.light, node.word)).unwrap()
        };
        assert_eq!(person(&checks, &[]), ("green", "all successful"));
        checks[14] = Check::undetermined(CheckId::Liveness, Reason::LivenessUndecided);
        assert_eq!(person(&checks, &[Reason::LivenessUndecided]), ("yellow", "undetermined"));
        checks[15] = Check::failed(CheckId::FaceMatch, Reason::FaceMismatch);
        assert_eq!(person(&checks, &[Reason::FaceMismatch]), ("red", "failed"));
        checks.truncate(13);
        assert_eq!(person(&checks, &[]), ("grey", "not all made"));
    }

    #[test]
    fn before_the_own_judgement_a_match_and_a_mismatch_look_the_same() {
        let all = || CheckId::ALL.into_iter().map(Check::successful).collect::<Vec<_>>();
        let mut other = all();
        other[15] = Check::failed(CheckId::FaceMatch, Reason::FaceMismatch).with_detail("0.083");
        let shown = |checks: &[Check], to_judge| -> String {
            let tree = tree(&record(checks.to_vec(), vec![Reason::FaceMismatch]), to_judge);
            tree.iter().map(|node| node.render().unwrap()).collect()
        };
        assert_eq!(shown(&all(), true), shown(&other, true));
        assert!(shown(&other, true).contains(WITHHELD) && shown(&other, false).contains("0.083"));
    }

    #[test]
    fn a_check_that_is_only_recorded_is_no_failure_that_can_be_overridden() {
        let morph = Check::failed(CheckId::Morph, Reason::MorphSuspected);
        let only_morph = record(vec![morph.clone()], vec![Reason::OfficerCalled]);
        assert!(overridden(&only_morph).is_empty());
        let tree_of = tree(&only_morph, false);
        assert!(
            leaves(&tree_of).iter().any(|leaf| leaf.title == CheckId::Morph.title() && leaf.recorded_only)
        );
        // Where the profile asks for it, its reason is among those of the referral.
        let asked = record(vec![morph], vec![Reason::MorphSuspected]);
        assert_eq!(overridden(&asked), [CheckId::Morph]);
        // What no profile can waive counts whatever the record says.
        let face = Check::failed(CheckId::FaceMatch, Reason::FaceMismatch);
        assert_eq!(overridden(&record(vec![face], vec![Reason::OfficerCalled])), [CheckId::FaceMatch]);
    }

    #[test]
    fn of_a_check_that_was_made_twice_the_worst_is_shown() {
        let twice = vec![
            Check::successful(CheckId::SinglePerson),
            Check::failed(CheckId::SinglePerson, Reason::SeveralPersons),
        ];
        let tree = tree(&record(twice, vec![Reason::SeveralPersons]), false);
        assert!(
            leaves(&tree)
                .iter()
                .any(|leaf| leaf.title == CheckId::SinglePerson.title() && leaf.light == "red")
        );
    }
}
