//! The table of outcomes, a line as each passage ends.

use super::scenarios::Scenario;
use crate::passage::{Ending, Outcome, Step};
use std::fmt::Write;
use std::io::IsTerminal;

/// Steps in the order of the columns.
const STEPS: [(Step, &str); 5] = [
    (Step::Document, "document"),
    (Step::Enter, "enter"),
    (Step::Capture, "capture"),
    (Step::Lookup, "look-up"),
    (Step::Store, "store"),
];

/// Prints to standard output; colours only on a terminal.
pub(super) struct Table {
    colours: bool,
}

impl Table {
    /// Prints the head.
    pub(super) fn begin() -> Table {
        let table = Table { colours: std::io::stdout().is_terminal() };
        let mut head = format!("{:>2}  {:<48} {:<10}", "", "presented", "verdict");
        for (_, name) in STEPS {
            let _ = write!(head, "{name:>9}");
        }
        println!("{}", table.paint("1", &format!("{head}   reasons")));
        table
    }

    /// Prints one passage; says so when it is not what was expected.
    pub(super) fn line(&self, scenario: &Scenario, outcome: &Outcome, expected: bool) {
        let (colour, verdict) = match outcome.ending {
            Ending::Admitted => ("32", "admitted"),
            Ending::Referred => ("33", "referred"),
            Ending::Withdrawn => ("36", "withdrawn"),
        };
        let mut line = format!("{:>2}  {:<48} ", scenario.number, scenario.title);
        line.push_str(&self.paint(colour, &format!("{verdict:<10}")));
        for (step, _) in STEPS {
            match outcome.steps.iter().find(|time| time.step == step) {
                Some(time) => {
                    let _ = write!(line, "{:>3}.{:03} s", time.ms / 1000, time.ms % 1000);
                }
                None => line.push_str("        –"),
            }
        }
        let reasons: Vec<String> =
            outcome.reasons.iter().map(|r| format!("{} {}", r.code(), r.officer())).collect();
        let _ = write!(line, "   {}", reasons.join(" "));
        if !expected {
            line.push_str(&self.paint("1;31", "  NOT AS EXPECTED"));
        }
        println!("{line}");
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
