//! Words for people: results in colours on a terminal, plain elsewhere.

use crate::check::CheckResult;
use crate::trust::Node;
use std::io::IsTerminal;

/// The five results as all contracts of the command line write them.
pub(super) fn word(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Successful => "successful",
        CheckResult::Failed => "failed",
        CheckResult::Undetermined => "undetermined",
        CheckResult::NotSupported => "not_supported",
        CheckResult::Aborted => "aborted",
    }
}

/// The same in the colours of TR-03135-1 table 5.1, where standard output is a terminal and `NO_COLOR` is
/// not set.
pub(super) fn painted(result: CheckResult) -> String {
    let colour = match result {
        CheckResult::Successful => 32,
        CheckResult::Failed => 31,
        CheckResult::Undetermined => 33,
        CheckResult::NotSupported | CheckResult::Aborted => 90,
    };
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{colour}m{}\x1b[0m", word(result))
    } else {
        word(result).to_owned()
    }
}

/// One branch of a tree of depth one: a name, and what is found there.
pub(super) fn branch(name: &str, found: impl std::fmt::Display) {
    println!("├─ {name:<14} {found}");
}

/// A whole tree below a line that the caller has written.
pub(super) fn tree(node: &Node) {
    lines(node).into_iter().for_each(|line| println!("{line}"));
}

/// The lines of a tree: each check with its clause, result and reasons, below it what else there is to say.
fn lines(node: &Node) -> Vec<String> {
    let mut written = Vec::new();
    write_node(node, "", true, &mut written);
    written
}

fn write_node(node: &Node, before: &str, last: bool, written: &mut Vec<String>) {
    const NAME_WIDTH: usize = 52;
    let (arm, more) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    let name = format!("{before}{arm}{} {}", node.name, node.clause);
    let reasons: String =
        node.reasons.iter().map(|reason| format!("  {} {}", reason.code(), reason.officer())).collect();
    written.push(format!("{name:<NAME_WIDTH$} {}{reasons}", painted(node.result)));
    let inner = format!("{before}{more}");
    let stem = if node.children.is_empty() { "     " } else { "│    " };
    for detail in &node.details {
        written.push(format!("{inner}{stem}{detail}"));
    }
    for note in &node.findings {
        let finding = note.finding;
        let (code, text, clause) = (finding.code(), finding.text(), finding.clause());
        written.push(format!("{inner}{stem}{code} {text} ({clause}; {})", note.about));
    }
    for (place, child) in node.children.iter().enumerate() {
        write_node(child, &inner, place + 1 == node.children.len(), written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Check, CheckId, Reason};
    use crate::trust::{Finding, Note};

    #[test]
    fn a_tree_shows_every_result_reason_detail_and_finding() {
        let signature = Check::failed(CheckId::SecurityObjectSignature, Reason::SecurityObjectSignatureWrong);
        let object = Node::of("EF.SOD", "§5.6.4.2.2", &signature)
            .with_detail("ECDSA with SHA-256")
            .with_findings([Note::new(Finding::WeakCurve, "CN=Signer")]);
        let written = lines(&Node::all("passive authentication", "§5.6.4.2", vec![object])).join("\n");
        for part in
            ["└─ passive authentication §5.6.4.2", "failed  1302", "ECDSA with SHA-256", "6203", "CN=Signer"]
        {
            assert!(written.contains(part), "{part} not in:\n{written}");
        }
    }
}
