//! What every check found, hierarchically as TR-03135-1 §5.2 lists it.
//!
//! A [`Node`] is one check or one group of checks, with its clause, its result, why, and what is below it.
//! Made by [`super::Examination::tree`] and [`super::PassiveAuthentication::tree`]; shown by `egate
//! inspect`, readable and as JSON. It decides nothing: the verdict is the policy's, from the checks.

use super::finding::Note;
use crate::check::{Check, CheckResult, Reason};
use serde::{Serialize, Serializer};

/// One check, or one group of checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// What was checked, in words.
    pub name: String,
    /// Clause of TR-03135-1, `§5.6.4.2.2`; empty for what no clause asks for.
    pub clause: &'static str,
    /// How it ended, §3.5.2.
    pub result: CheckResult,
    /// Why it is not successful.
    #[serde(serialize_with = "in_words")]
    pub reasons: Vec<Reason>,
    /// What is odd without being wrong.
    pub findings: Vec<Note>,
    /// What else an engineer may want to know: names, dates, algorithms.
    pub details: Vec<String>,
    /// What it is made of.
    pub children: Vec<Node>,
}

fn in_words<S: Serializer>(reasons: &[Reason], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        reasons.iter().map(|reason| serde_json::json!({"code": reason.code(), "text": reason.officer()})),
    )
}

impl Node {
    /// A single check.
    pub fn of(name: impl Into<String>, clause: &'static str, check: &Check) -> Node {
        Node {
            name: name.into(),
            clause,
            result: check.result,
            reasons: check.reasons.clone(),
            findings: Vec::new(),
            details: check.detail.clone().into_iter().collect(),
            children: Vec::new(),
        }
    }

    /// Something that this document or lane does not have, with a word why.
    pub fn not_supported(name: impl Into<String>, clause: &'static str, why: &str) -> Node {
        Node {
            name: name.into(),
            clause,
            result: CheckResult::NotSupported,
            reasons: Vec::new(),
            findings: Vec::new(),
            details: vec![why.to_owned()],
            children: Vec::new(),
        }
    }

    /// A group whose every part must be successful (tables 5.22, 5.27, 5.31, 5.39): what a part does not
    /// support leaves it undetermined.
    pub fn all(name: impl Into<String>, clause: &'static str, children: Vec<Node>) -> Node {
        let result = match gathered(&children) {
            CheckResult::NotSupported => CheckResult::Undetermined,
            CheckResult::Successful
                if children.iter().any(|child| child.result != CheckResult::Successful) =>
            {
                CheckResult::Undetermined
            }
            other => other,
        };
        Node { result, ..Node::group(name, clause, children) }
    }

    /// A group of what this document and lane support (table 5.44).
    pub fn group(name: impl Into<String>, clause: &'static str, children: Vec<Node>) -> Node {
        Node {
            name: name.into(),
            clause,
            result: gathered(&children),
            reasons: Vec::new(),
            findings: Vec::new(),
            details: Vec::new(),
            children,
        }
    }

    /// The same with a word for engineers.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Node {
        self.details.push(detail.into());
        self
    }

    /// The same with what is odd about it.
    #[must_use]
    pub fn with_findings(mut self, findings: impl IntoIterator<Item = Note>) -> Node {
        self.findings.extend(findings);
        self
    }

    /// The same with what it is made of; its own result stays.
    #[must_use]
    pub fn with_children(mut self, children: Vec<Node>) -> Node {
        self.children = children;
        self
    }

    /// This node and all below it, from the top.
    pub fn walk(&self) -> Vec<&Node> {
        let below = self.children.iter().flat_map(Node::walk);
        std::iter::once(self).chain(below).collect()
    }
}

/// The worst that is said: failed, aborted, undetermined, successful; not supported when nothing else is.
fn gathered(children: &[Node]) -> CheckResult {
    use CheckResult::{Aborted, Failed, NotSupported, Successful, Undetermined};
    let order = [Failed, Aborted, Undetermined, Successful];
    let worst = order.into_iter().find(|result| children.iter().any(|child| child.result == *result));
    worst.unwrap_or(NotSupported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckId;

    fn ended(result: CheckResult) -> Node {
        let check = Check { result, ..Check::successful(CheckId::SignerChain) };
        Node::of("part", "§5.6.4.3.3", &check)
    }

    #[test]
    fn a_group_is_as_bad_as_its_worst_part_and_unsupported_parts_count_only_where_all_must_be_good() {
        use CheckResult::{Aborted, Failed, NotSupported, Successful, Undetermined};
        for (parts, all, group) in [
            (&[Successful, Successful][..], Successful, Successful),
            (&[Successful, NotSupported], Undetermined, Successful),
            (&[Successful, Undetermined], Undetermined, Undetermined),
            (&[Undetermined, Aborted], Aborted, Aborted),
            (&[Aborted, Failed], Failed, Failed),
            (&[NotSupported], Undetermined, NotSupported),
            (&[], Undetermined, NotSupported),
        ] {
            let parts: Vec<Node> = parts.iter().map(|result| ended(*result)).collect();
            assert_eq!(Node::all("", "", parts.clone()).result, all, "{parts:?}");
            assert_eq!(Node::group("", "", parts.clone()).result, group, "{parts:?}");
        }
    }
}
