//! What a soak run found.

use super::memory::Memory;
use super::{Act, SoakArgs};
use crate::passage::Ending;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Things amiss that are kept in words; more are only counted.
const WRONG_MOST: usize = 50;

/// What a soak run found.
#[derive(Debug, Clone, Serialize)]
pub struct SoakReport {
    /// Passages that were played.
    pub passages: u32,
    /// How many ended how, by act.
    pub endings: BTreeMap<Act, BTreeMap<&'static str, u32>>,
    /// Outcomes that were stored, and what central has of them.
    pub stored: u64,
    /// Records at central.
    pub arrived: u64,
    /// Openings of the exit.
    pub exit_openings: u64,
    /// Memory over time.
    pub memory: Memory,
    /// Everything that was not as it must be, in words.
    pub wrong: Vec<String>,
}

impl SoakReport {
    pub(super) fn new(args: &SoakArgs, memory: Memory) -> SoakReport {
        SoakReport {
            passages: args.passages,
            endings: BTreeMap::new(),
            stored: 0,
            arrived: 0,
            exit_openings: 0,
            memory,
            wrong: Vec::new(),
        }
    }

    /// Whether everything was as it must be.
    pub fn good(&self) -> bool {
        self.wrong.is_empty() && self.memory.flat() && self.stored == self.arrived
    }

    pub(super) fn count(&mut self, act: Act, ending: &'static str) {
        *self.endings.entry(act).or_default().entry(ending).or_default() += 1;
    }

    pub(super) fn amiss(&mut self, wrong: impl IntoIterator<Item = String>) {
        let room = WRONG_MOST.saturating_sub(self.wrong.len());
        self.wrong.extend(wrong.into_iter().take(room));
    }
}

/// As records name it.
pub(super) fn name(ending: Option<Ending>) -> &'static str {
    match ending {
        Some(Ending::Admitted) => "admitted",
        Some(Ending::Referred) => "referred",
        Some(Ending::Withdrawn) => "withdrawn",
        None => "no outcome",
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (act, endings) in &self.endings {
            let told: Vec<String> =
                endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
            writeln!(f, "{:<18} {}", format!("{act:?}"), told.join(", "))?;
        }
        let memory: Vec<String> =
            self.memory.looks.iter().map(|(percent, mib)| format!("{mib} MiB at {percent} %")).collect();
        writeln!(
            f,
            "memory             {}{}",
            memory.join(", "),
            if self.memory.flat() { "" } else { "  NOT FLAT" }
        )?;
        writeln!(f, "outcomes           {} stored, {} at central", self.stored, self.arrived)?;
        writeln!(f, "exit               opened {} times", self.exit_openings)?;
        for wrong in &self.wrong {
            writeln!(f, "WRONG              {wrong}")?;
        }
        let verdict = if self.good() { "all as it must be" } else { "NOT AS IT MUST BE" };
        write!(f, "{} passages: {verdict}", self.passages)
    }
}
