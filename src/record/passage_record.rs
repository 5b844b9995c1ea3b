//! The record of one passage.

use super::SealedPicture;
use crate::check::{Check, Reason};
use crate::document::{Mrz, MrzDate};
use crate::passage::{Ending, ObeyedCommand, Outcome, StepTime};
use serde::{Deserialize, Serialize};

/// Place of a record in a lane's chain. `(lane, epoch, sequence)` is the idempotency key of upload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Position {
    /// Lane's name, the same as in its client certificate.
    pub lane: String,
    /// Random at the creation of each outbox, 32 hexadecimal digits.
    pub epoch: String,
    /// From 1, without gaps.
    pub sequence: u64,
    /// SHA-256 of the canonical form of the record before, hexadecimal; 64 zeros for the first.
    pub previous: String,
}

/// Where a record was before its queue was renewed: it is the same outcome, under another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CarriedFrom {
    /// Epoch of the queue that it was first appended to.
    pub epoch: String,
    /// Its sequence there.
    pub sequence: u64,
    /// The hash that it had there, hexadecimal.
    pub sha256: String,
}

/// A picture that belongs to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PictureRef {
    /// `portrait` or `frame`.
    pub role: String,
    /// SHA-256 of the sealed bytes, hexadecimal: its name at central.
    pub sealed_sha256: String,
    /// `image/jpeg`, `image/jp2`.
    pub media: String,
}

/// The document in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DocumentRecord {
    /// As in the zone.
    pub document_code: String,
    /// As in the zone.
    pub issuing_state: String,
    /// As in the zone.
    pub document_number: String,
    /// As in the zone.
    pub nationality: String,
    /// As in the zone.
    pub surname: String,
    /// As in the zone.
    pub given_names: String,
    /// `YYMMDD` as in the zone.
    pub date_of_birth: String,
    /// `YYMMDD` as in the zone.
    pub date_of_expiry: String,
    /// `M`, `F`, `<`.
    pub sex: String,
}

/// The record. Scores are in millionths so that no float enters the canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PassageRecord {
    /// Version of this form: 1.
    pub version: u32,
    /// Place in the chain.
    pub position: Position,
    /// Passage's id.
    pub passage: String,
    /// RFC 3339, UTC: the first event.
    pub started: String,
    /// Milliseconds to the verdict.
    pub lasted_ms: u64,
    /// How it ended.
    #[schema(value_type = String)]
    pub ending: Ending,
    /// Why.
    #[schema(value_type = Vec<u32>)]
    pub reasons: Vec<Reason>,
    /// Every check.
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<Check>,
    /// The document.
    pub document: Option<DocumentRecord>,
    /// Step times.
    #[schema(value_type = Vec<Object>)]
    pub steps: Vec<StepTime>,
    /// Pictures.
    pub pictures: Vec<PictureRef>,
    /// Similarity in millionths.
    pub similarity_ppm: Option<i64>,
    /// Attack score in millionths.
    pub attack_ppm: Option<i64>,
    /// Profile's name.
    pub profile: String,
    /// `egate 0.1.0`.
    pub software: String,
    /// Officers' commands that the lane obeyed since the record before; absent when there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub commands: Vec<ObeyedCommand>,
    /// Where it was before, when its queue was renewed (`egate outbox renew`); absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<CarriedFrom>,
}

/// Version of the record's form that this software writes.
pub const RECORD_VERSION: u32 = 1;

/// What writes records here, as [`PassageRecord::software`] has it.
pub const SOFTWARE: &str = concat!("egate ", env!("CARGO_PKG_VERSION"));

impl PassageRecord {
    /// The record of an outcome at a place in the chain. `pictures` are those of
    /// [`Outcome::pictures`] that could be had, sealed; `profile` is the profile's name, `software`
    /// usually [`SOFTWARE`].
    pub fn from_outcome(
        outcome: &Outcome,
        position: Position,
        pictures: &[SealedPicture],
        profile: &str,
        software: &str,
    ) -> PassageRecord {
        PassageRecord {
            version: RECORD_VERSION,
            position,
            passage: outcome.passage.0.clone(),
            started: outcome.started.to_string(),
            lasted_ms: outcome.lasted_ms,
            ending: outcome.ending,
            reasons: outcome.reasons.clone(),
            checks: outcome.checks.clone(),
            document: outcome.document.as_ref().map(DocumentRecord::from),
            steps: outcome.steps.clone(),
            pictures: pictures.iter().map(PictureRef::from).collect(),
            similarity_ppm: outcome.similarity.and_then(ppm),
            attack_ppm: outcome.attack.and_then(ppm),
            profile: profile.to_owned(),
            software: software.to_owned(),
            commands: outcome.commands.clone(),
            carried_from: None,
        }
    }
}

impl From<&SealedPicture> for PictureRef {
    fn from(sealed: &SealedPicture) -> PictureRef {
        PictureRef {
            role: sealed.picture.role().to_owned(),
            sealed_sha256: sealed.sha256.clone(),
            media: sealed.media.clone(),
        }
    }
}

impl From<&Mrz> for DocumentRecord {
    fn from(mrz: &Mrz) -> DocumentRecord {
        DocumentRecord {
            document_code: mrz.document_code.clone(),
            issuing_state: mrz.issuing_state.clone(),
            document_number: mrz.document_number.clone(),
            nationality: mrz.nationality.clone(),
            surname: mrz.surname.clone(),
            given_names: mrz.given_names.clone(),
            date_of_birth: as_in_zone(mrz.date_of_birth),
            date_of_expiry: as_in_zone(mrz.date_of_expiry),
            sex: mrz.sex.to_string(),
        }
    }
}

fn as_in_zone(date: MrzDate) -> String {
    String::from_utf8_lossy(&date.0).into_owned()
}

/// Millionths; a score that is no number has none.
fn ppm(score: f32) -> Option<i64> {
    // A cast from a finite float saturates; scores lie in [-1, 1].
    score.is_finite().then(|| (f64::from(score) * 1_000_000.0).round() as i64)
}
