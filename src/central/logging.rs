//! Logging profiles of BSI TR-03135-2 §4.3: which data of a passage its log holds.
//!
//! Every profile holds all that is not of a person: results, reasons, times. The *extended data nodes* of
//! Table 4.26 come in addition: of checks that failed or ended undetermined (standard), of all checks of one
//! kind (the extensions), or of all (full). Of these nodes a record here has
//!
//! | Table 4.26 | in the record |
//! |---|---|
//! | optical: scanned areas and images, document details | the document's lines |
//! | electronic: chip files, trace | the document's lines, which are DG1's where there is a chip |
//! | combined: what disagrees | the document's lines |
//! | biometric: images | the sealed pictures |
//!
//! Digital seals are not checked at a gate, files and traces of a chip not recorded. The setting `logging`
//! decides what [`LoggingProfile::log`] gives, and for how long pictures stay: those that the profile does
//! not hold are deleted as soon as no officer needs them any more ([`super::retention`]).

use super::serve::{Office, Shared};
use super::store::{AuditEntry, Millis, StoredPassage};
use crate::check::{Check, CheckId, CheckResult};
use crate::record::{DocumentRecord, PassageRecord};
use serde::{Deserialize, Serialize};
use std::io::Write;

/// Passages that are read at once for a log.
const AT_ONCE: usize = 500;

/// A logging profile, TR-03135-2 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum LoggingProfile {
    /// Nothing of a person, §4.3.1.
    Basic,
    /// Extended data of checks that failed or ended undetermined, §4.3.2.
    Standard,
    /// Standard, and extended data of the optical check always, §4.3.3.
    StandardOptical,
    /// Standard, and extended data of the electronic check always, §4.3.4.
    StandardElectronic,
    /// Everything, §4.3.6.
    #[default]
    Full,
}

/// Which extended data a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// The document's lines.
    pub document: bool,
    /// Portrait and frames.
    pub images: bool,
}

/// Kind of a check in Table 4.26; `None` for what is no document check and has no extended data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckKind {
    Optical,
    Electronic,
    Combined,
    Biometric,
}

fn kind(check: CheckId) -> Option<CheckKind> {
    Some(match check {
        CheckId::MrzConsistency => CheckKind::Optical,
        CheckId::ChipAccess
        | CheckId::ChipAuthenticity
        | CheckId::SecurityObjectSignature
        | CheckId::SignerChain
        | CheckId::SignerValidity
        | CheckId::SignerRevocation
        | CheckId::DataGroupIntegrity
        | CheckId::ComAgainstSecurityObject
        | CheckId::IssuingState => CheckKind::Electronic,
        CheckId::DocumentExpiry | CheckId::MrzAgainstChip => CheckKind::Combined,
        CheckId::Portrait
        | CheckId::SinglePerson
        | CheckId::Liveness
        | CheckId::FaceMatch
        | CheckId::Morph => CheckKind::Biometric,
        CheckId::DocumentLookup | CheckId::PersonLookup | CheckId::TravelPermission => return None,
    })
}

impl LoggingProfile {
    /// Which extended data the log of a passage with these checks holds. A check that was aborted has none
    /// (§4.3.2).
    pub fn extended(self, checks: &[Check]) -> Extended {
        let bad = |check: &&Check| matches!(check.result, CheckResult::Failed | CheckResult::Undetermined);
        let of = |wanted: &[CheckKind]| {
            let kinds = checks.iter().filter(bad).filter_map(|check| kind(check.id));
            kinds.into_iter().any(|kind| wanted.contains(&kind))
        };
        let document = of(&[CheckKind::Optical, CheckKind::Electronic, CheckKind::Combined]);
        let images = of(&[CheckKind::Biometric]);
        match self {
            LoggingProfile::Basic => Extended { document: false, images: false },
            LoggingProfile::Standard => Extended { document, images },
            LoggingProfile::StandardOptical | LoggingProfile::StandardElectronic => {
                Extended { document: true, images }
            }
            LoggingProfile::Full => Extended { document: true, images: true },
        }
    }

    /// What the log of a passage holds.
    pub fn log(self, passage: &StoredPassage) -> serde_json::Value {
        let PassageRecord { document, pictures, .. } = &passage.record;
        let extended = self.extended(&passage.record.checks);
        let mut log = basic(passage);
        if let Some(nodes) = log.as_object_mut() {
            if extended.document {
                nodes.insert("document".to_owned(), serde_json::json!(document));
            }
            if extended.images {
                nodes.insert("pictures".to_owned(), serde_json::json!(pictures));
            }
        }
        log
    }
}

/// All that is not of a person. Who the document is of can be found by its number alone, so only kind and
/// issuing state are here.
fn basic(passage: &StoredPassage) -> serde_json::Value {
    let record = &passage.record;
    let of = |field: fn(&DocumentRecord) -> &String| record.document.as_ref().map(field);
    serde_json::json!({
        "lane": passage.key.lane,
        "epoch": passage.key.epoch,
        "sequence": passage.key.sequence,
        "started": record.started,
        "lasted_ms": record.lasted_ms,
        "ending": record.ending,
        "reasons": record.reasons,
        "checks": record.checks,
        "steps": record.steps,
        "document_code": of(|document| &document.document_code),
        "issuing_state": of(|document| &document.issuing_state),
        "similarity_ppm": record.similarity_ppm,
        "attack_ppm": record.attack_ppm,
        "profile": record.profile,
        "software": record.software,
    })
}

impl Office {
    /// Writes the log of the passages that arrived in a time, one JSON line each, oldest first; gives how
    /// many. The profile is that of the settings when none is named. Who asked is in the audit trail.
    ///
    /// # Errors
    /// When the store fails or the log cannot be written.
    pub async fn log(
        &self,
        profile: Option<LoggingProfile>,
        (from, to): (Millis, Millis),
        by: &str,
        mut into: impl Write + Send + 'static,
    ) -> anyhow::Result<u64> {
        let by = by.to_owned();
        let write = move |shared: &Shared| {
            let profile = profile.unwrap_or(shared.logging);
            let detail = format!("{from} to {to}, profile {}", super::store::storable_word(&profile));
            let entry = AuditEntry { actor: &by, act: "log.read", subject: "", detail: &detail };
            shared.store.audit(entry, shared.now())?;
            let (mut written, mut after) = (0, None);
            loop {
                let passages = shared.store.arrived((from, to), after.as_ref(), AT_ONCE)?;
                for passage in &passages {
                    writeln!(into, "{}", profile.log(passage))?;
                    written += 1;
                }
                match passages.last() {
                    Some(last) if passages.len() == AT_ONCE => {
                        after = Some((last.received, last.key.clone()));
                    }
                    _ => break,
                }
            }
            into.flush()?;
            Ok(written)
        };
        self.shared().blocking(write).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reason;

    fn with(check: CheckId, result: CheckResult) -> Vec<Check> {
        let mut checks: Vec<Check> = CheckId::ALL.into_iter().map(Check::successful).collect();
        for made in checks.iter_mut().filter(|made| made.id == check) {
            *made = Check::failed(check, Reason::FaceMismatch);
            made.result = result;
        }
        checks
    }

    const ALL: [LoggingProfile; 5] = [
        LoggingProfile::Basic,
        LoggingProfile::Standard,
        LoggingProfile::StandardOptical,
        LoggingProfile::StandardElectronic,
        LoggingProfile::Full,
    ];

    fn extended(checks: &[Check]) -> Vec<(bool, bool)> {
        ALL.into_iter().map(|profile| profile.extended(checks)).map(|e| (e.document, e.images)).collect()
    }

    #[test]
    fn a_good_passage_has_extended_data_by_the_extensions_alone() {
        let good = with(CheckId::MrzConsistency, CheckResult::Successful);
        let expected = [(false, false), (false, false), (true, false), (true, false), (true, true)];
        assert_eq!(extended(&good), expected);
    }

    #[test]
    fn standard_holds_what_explains_the_check_that_failed_or_is_undetermined() {
        for result in [CheckResult::Failed, CheckResult::Undetermined] {
            let face = extended(&with(CheckId::FaceMatch, result));
            assert_eq!(face, [(false, false), (false, true), (true, true), (true, true), (true, true)]);
            for check in [CheckId::MrzConsistency, CheckId::DataGroupIntegrity, CheckId::MrzAgainstChip] {
                let document = extended(&with(check, result));
                assert_eq!(document[0], (false, false));
                assert_eq!(document[1], (true, false), "{check:?}");
            }
            assert_eq!(extended(&with(CheckId::PersonLookup, result))[1], (false, false));
        }
        assert_eq!(extended(&with(CheckId::FaceMatch, CheckResult::Aborted))[1], (false, false));
    }
}
