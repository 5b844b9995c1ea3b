//! EF.CardSecurity: the signed keys of PACE with chip authentication mapping, Doc 9303-11 §9.2.
//!
//! CMS SignedData over SecurityInfos, signed by a document signer and judged as EF.SOD is.

use super::cms::SignedData;
use super::der::DerError;
use super::judgement::{Judgement, judge};
use super::store::TrustStore;
use crate::check::{Check, CheckId, CheckResult, Reason};
use crate::chip::SecurityInfos;
use jiff::Timestamp;

/// eContentType: id-SecurityObject.
const CONTENT_TYPE: &str = "0.4.0.127.0.7.3.2.1";

/// The file, judged.
#[derive(Debug, Clone)]
pub(super) struct CardSecurity {
    infos: Vec<u8>,
    pub(super) judgement: Judgement,
}

impl CardSecurity {
    /// Reads and judges the file; one that cannot be read is judged as failed.
    pub(super) fn judge(bytes: &[u8], store: &TrustStore, now: Timestamp) -> CardSecurity {
        let parsed: Result<SignedData, DerError> = SignedData::parse(bytes);
        match parsed {
            Ok(signed) if signed.content_type == CONTENT_TYPE => {
                let judgement = judge(&signed, store, None, now);
                CardSecurity { infos: signed.content, judgement }
            }
            Ok(signed) => CardSecurity::malformed(format!("content of type {}", signed.content_type)),
            Err(error) => CardSecurity::malformed(error.to_string()),
        }
    }

    fn malformed(why: String) -> CardSecurity {
        let mut judgement = Judgement::undetermined(Reason::SecurityObjectMalformed);
        let failed = Check::failed(CheckId::SecurityObjectSignature, Reason::SecurityObjectMalformed);
        judgement.signature = failed.with_detail(why);
        CardSecurity { infos: Vec::new(), judgement }
    }

    /// Whether it holds this key for chip authentication.
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        SecurityInfos::parse(&self.infos).is_ok_and(|infos| holds(&infos, key))
    }

    /// Whether what it holds is the issuing state's: signature, chain, and the signer not withdrawn.
    pub(super) fn trust(&self) -> Check {
        let judgement = &self.judgement;
        let checks = [&judgement.signature, &judgement.chain, &judgement.revocation];
        let failed = checks.into_iter().find(|check| check.result == CheckResult::Failed);
        let undecided = [&judgement.signature, &judgement.chain];
        let undecided = undecided.into_iter().find(|check| check.result != CheckResult::Successful);
        let worst = failed.or(undecided).cloned();
        worst.unwrap_or_else(|| Check::successful(CheckId::ChipAuthenticity))
    }
}

/// Whether this is one of the keys for chip authentication, exactly as it stands.
pub(super) fn holds(infos: &SecurityInfos, key: &[u8]) -> bool {
    infos.chip_authentication_keys.iter().any(|held| held.public_key == key)
}
