//! What lane and central say to each other, as JSON over HTTPS. The lane's name is that of its client
//! certificate; no message carries another identity.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `PUT /v1/pictures/{sha256}` | sealed bytes | 204 |
//! | `POST /v1/records` | [`RecordBatch`] | [`BatchAnswer`] |
//! | `POST /v1/lookups` | [`LookupQuestion`] | [`LookupAnswer`] |
//! | `GET /v1/health` | | 204 |
//!
//! Every other status comes with a [`Refusal`]. Pictures go before the record that names them.

use super::SignedRecord;
use serde::{Deserialize, Serialize};

/// Longest canonical form of one record, bytes.
pub const RECORD_BYTES_MOST: usize = 64 << 10;
/// Largest sealed picture, bytes.
pub const PICTURE_BYTES_MOST: usize = 2 << 20;

/// Records of one epoch, in chain order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordBatch {
    /// At most [`RecordBatch::MOST`].
    pub records: Vec<SignedRecord>,
}

impl RecordBatch {
    /// Records in one batch at most.
    pub const MOST: usize = 64;
}

/// Cumulative acknowledgement, sent after central's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// Epoch that the acknowledgement is for.
    pub epoch: String,
    /// Every record that was sent up to this sequence is stored at central. It may end before the last
    /// record of the batch; the next call then says what is wrong with the one after.
    pub stored_through: u64,
}

/// Why central did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind.
    pub code: RefusalCode,
    /// Sentence for the engineer.
    pub text: String,
    /// The record that is meant, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The picture that is meant, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The certificate names no lane that is enrolled, or one that was revoked.
    UnknownLane,
    /// The record belongs to another lane than the certificate.
    OtherLane,
    /// The body is not what the call takes.
    Malformed,
    /// The body is larger than the call takes.
    TooLarge,
    /// Hash, signature or canonical form of a record is wrong.
    BadRecord,
    /// The records are not of one epoch in rising order.
    OutOfOrder,
    /// Another record is stored under this key already.
    Conflict,
    /// A record names a picture that central does not have: send it first.
    PictureMissing,
    /// Central is too busy now or cannot store; the same call may succeed later.
    Busy,
}

/// Question about a document and its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupQuestion {
    /// Passage that asks.
    pub passage: String,
    /// Random, 32 hexadecimal digits; comes back in the answer.
    pub nonce: String,
    /// As in the zone.
    pub document_code: String,
    /// As in the zone.
    pub issuing_state: String,
    /// As in the zone.
    pub document_number: String,
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupAnswer {
    /// The question's.
    pub passage: String,
    /// The question's.
    pub nonce: String,
    /// Whether the document is reported.
    pub document: DocumentStatus,
}

/// What central knows of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Nothing known against it.
    Clear,
    /// Reported, with the kind ("stolen", "lost", "revoked").
    Reported(String),
}
