//! What tests of a lane's queue share: an outcome to be stored, and a child that is watched, or killed, by strace.

use egate::passage::{Ending, Outcome};
use egate::policy::PassageId;
use std::path::Path;
use std::process::{Command, Output};

/// An admission that begins now; `number` is in its passage and its time.
pub fn outcome(number: u64) -> Outcome {
    Outcome {
        passage: PassageId(format!("lane-1/e/{number}")),
        started: jiff::Timestamp::now(),
        lasted_ms: number,
        ending: Ending::Admitted,
        reasons: vec![],
        checks: vec![],
        document: None,
        steps: vec![],
        pictures: vec![],
        similarity: None,
        attack: None,
        commands: Vec::new(),
    }
}

/// Runs the test `child` of this very binary under strace, with a place in a variable of its environment. `None`, with
/// a word, where there is no strace or it may not trace.
pub fn traced(variable: &str, place: &Path, options: &[&str]) -> Option<Output> {
    let command = Command::new("strace")
        .args(["-f", "-qq"])
        .args(options)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(variable, place)
        .output();
    let works =
        || Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    match command {
        Ok(output) if output.status.success() || works() => Some(output),
        _ => {
            assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "strace is not usable");
            eprintln!("skipped: strace is not installed, or may not trace here");
            None
        }
    }
}
