//! The question to central and its answer, which is bound to the document that it was asked about.

use super::journey::Journey;
use super::{Effect, LookupFindings, Moment};
use crate::check::{Check, Reason};
use crate::document::Mrz;

/// Where the question to central stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    NotAsked,
    /// Asked; to be answered by then.
    Asked(Moment),
    /// Answered, or given up.
    Settled,
}

impl Journey {
    /// Asks central about the document that the chip names, while the rest of it is still read. The answer
    /// counts only when the examination gives the same document ([`Journey::ask_central`]).
    pub(super) fn named(&mut self, lines: &[String], now: Moment) {
        if let Ok(document) = Mrz::parse(lines)
            && self.lookup == Lookup::NotAsked
        {
            self.ask_about(document, now);
        }
    }

    /// Asks central about the document that was examined, unless it was asked about that already. An answer about
    /// another one is as good as none; what spoke against that one still does.
    pub(super) fn ask_central(&mut self, now: Moment) {
        let Some(document) = self.document().cloned() else { return };
        match &self.asked {
            None => self.ask_about(document, now),
            Some(asked) if asked.lines == document.lines => {}
            Some(_) => self.give_up(Reason::LookupAnswerInvalid),
        }
    }

    fn ask_about(&mut self, document: Mrz, now: Moment) {
        self.lookup = Lookup::Asked(now.after(self.profile.limits.lookup_ms));
        self.asked = Some(document.clone());
        self.wish(Effect::LookUp(Box::new(document)));
    }

    /// The first answer counts, and none that comes after the wait was given up.
    pub(super) fn looked_up(&mut self, findings: &LookupFindings) {
        if matches!(self.lookup, Lookup::Asked(_)) {
            self.lookup = Lookup::Settled;
            findings.checks.iter().cloned().for_each(|check| self.add_check(check));
        }
    }

    /// Gives up waiting for central.
    pub(super) fn lookup_late(&mut self) {
        if matches!(self.lookup, Lookup::Asked(_)) {
            self.give_up(Reason::LookupLate);
        }
    }

    fn give_up(&mut self, reason: Reason) {
        self.lookup = Lookup::Settled;
        for id in LookupFindings::CHECKS {
            self.add_check(Check::undetermined(id, reason));
        }
    }
}
