//! What a lane answers itself from its snapshot while central is away.

use super::snapshot::{Snapshot, SnapshotError, SnapshotHeader};
use super::wire::{DocumentStatus, LookupQuestion, PersonStatus};
use serde::{Deserialize, Serialize};

/// Bytes of one piece of a content, see `GET /v1/contents/{sha256}/{piece}`. A multiple of three.
pub const CONTENT_PIECE: usize = 192 << 10;

/// What the snapshot says about a document and its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotAnswer {
    /// When the lists stood so, milliseconds since 1970 UTC.
    pub issued: i64,
    /// Whether the document is reported.
    pub document: DocumentStatus,
    /// Whether the person may be on a watch list.
    pub person: PersonStatus,
    /// Whether central asks for permissions to travel, which a snapshot does not hold.
    pub rules: bool,
}

impl Snapshot {
    /// The answer to a lane's question by the lists as they stood.
    ///
    /// # Errors
    /// When the hash function fails.
    pub fn answer(
        &self,
        header: &SnapshotHeader,
        question: &LookupQuestion,
    ) -> Result<SnapshotAnswer, SnapshotError> {
        let reported = self.reported(&question.issuing_state, &question.document_number)?;
        let two = |at: usize| question.date_of_birth.get(at..at + 2)?.parse::<u8>().ok();
        let within = |value: Option<u8>, most: u8| value.filter(|value| (1..=most).contains(value));
        let born = [two(0), within(two(2), 12), within(two(4), 31)];
        Ok(SnapshotAnswer {
            issued: header.issued,
            document: reported
                .map_or(DocumentStatus::Clear, |kind| DocumentStatus::Reported(kind.word().to_owned())),
            person: self.person(&question.surname, &question.given_names, born)?,
            rules: self.in_force().rules,
        })
    }
}
