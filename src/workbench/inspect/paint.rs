//! Words for people: results in colours on a terminal, plain elsewhere.

use crate::check::CheckResult;
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

/// The same in green, red or yellow, where standard output is a terminal and `NO_COLOR` is not set.
pub(super) fn painted(result: CheckResult) -> String {
    let colour = match result {
        CheckResult::Successful => 32,
        CheckResult::Failed => 31,
        _ => 33,
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
