//! The tree says what the checks say, clause by clause.

use super::kit::{check, examined, issue};
use egate::check::{CheckId, CheckResult};
use egate::chip::Proofs;
use egate::trust::Node;
use egate::workbench::issue::{ChipPlan, Defect};
use std::collections::BTreeSet;

fn node<'a>(tree: &'a Node, clause: &str) -> &'a Node {
    tree.walk().into_iter().find(|node| node.clause == clause).unwrap()
}

#[test]
fn every_clause_of_the_electronic_and_combined_checks_is_there() {
    let tree = examined(&issue(ChipPlan::modern(), Defect::None), Proofs::default()).tree;
    let clauses: BTreeSet<&str> = tree.walk().iter().map(|node| node.clause).collect();
    for clause in [
        "§5.5",
        "§5.5.2",
        "§5.5.4.1.1",
        "§5.5.4.2",
        "§5.6",
        "§5.6.3",
        "§5.6.3.1",
        "§5.6.3.2",
        "§5.6.4",
        "§5.6.4.1",
        "§5.6.4.1.1",
        "§5.6.4.1.2",
        "§5.6.4.1.3",
        "§5.6.4.2.1",
        "§5.6.4.2.2",
        "§5.6.4.3",
        "§5.6.4.3.2",
        "§5.6.4.3.3",
        "§5.6.4.3.4",
        "§5.6.4.3.5",
        "§5.6.4.3.6",
        "§5.6.4.4",
        "§5.6.4.4.1",
        "§5.6.4.4.2",
        "§5.6.4.5",
        "§5.7",
        "§5.7.1",
        "§5.7.2",
        "§5.9",
    ] {
        assert!(clauses.contains(clause), "{clause}");
    }
}

#[test]
fn nodes_and_checks_agree_for_every_defect() {
    for defect in [
        Defect::None,
        Defect::Expired,
        Defect::PrintedLinesDiffer,
        Defect::SignatureWrong,
        Defect::ContentDigestWrong,
        Defect::SignerRevoked,
        Defect::SignerExpired,
        Defect::UnknownCountry,
        Defect::PortraitReplaced,
        Defect::ComDisagrees,
    ] {
        let examination = examined(&issue(ChipPlan::default(), defect), Proofs::default());
        for (id, clause) in [
            (CheckId::MrzConsistency, "§5.5.4.1.1"),
            (CheckId::ChipAccess, "§5.6.3.1"),
            (CheckId::ChipAuthenticity, "§5.6.4.1"),
            (CheckId::SecurityObjectSignature, "§5.6.4.2.2"),
            (CheckId::SignerChain, "§5.6.4.3.3"),
            (CheckId::SignerValidity, "§5.6.4.3.4"),
            (CheckId::SignerRevocation, "§5.6.4.3.5"),
            (CheckId::ComAgainstSecurityObject, "§5.6.4.4.1"),
            (CheckId::DataGroupIntegrity, "§5.6.4.4.2"),
            (CheckId::IssuingState, "§5.6.4.5"),
            (CheckId::DocumentExpiry, "§5.7.1"),
            (CheckId::MrzAgainstChip, "§5.7.2"),
        ] {
            let (check, node) = (check(&examination, id), node(&examination.tree, clause));
            assert_eq!((node.result, &node.reasons), (check.result, &check.reasons), "{defect:?} {clause}");
        }
    }
}

#[test]
fn a_group_is_never_better_than_what_it_is_made_of() {
    for defect in [Defect::None, Defect::SignatureWrong, Defect::PortraitReplaced, Defect::SignerRevoked] {
        let tree = examined(&issue(ChipPlan::modern(), defect), Proofs::default()).tree;
        for group in tree.walk() {
            let failed = group.children.iter().any(|child| child.result == CheckResult::Failed);
            let good = group.result == CheckResult::Successful;
            assert!(!(failed && good), "{defect:?}: {}", group.name);
        }
    }
}

#[test]
fn a_tree_is_the_same_in_json() {
    let tree = examined(&issue(ChipPlan::default(), Defect::SignatureWrong), Proofs::default()).tree;
    let json = serde_json::to_value(&tree).unwrap();
    assert_eq!(json["children"].as_array().unwrap().len(), 4);
    let text = json.to_string();
    for part in ["\"code\":1302", "\"clause\":\"§5.6.4.2.2\"", "\"result\":\"failed\""] {
        assert!(text.contains(part), "{part}");
    }
}
