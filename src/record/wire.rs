//! What lane and central say to each other, as JSON over HTTPS. The lane's name is that of its client
//! certificate; no message carries another identity.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `PUT /v1/pictures/{sha256}` | sealed bytes | 204 |
//! | `POST /v1/records` | [`RecordBatch`] | [`BatchAnswer`] |
//! | `GET /v1/records/{epoch}/{from}` | | a [`super::Signed`] [`super::Receipt`]: which records of the epoch central has |
//! | `POST /v1/telemetry` | [`TelemetryBatch`] | [`TelemetryAnswer`] |
//! | `POST /v1/lookups` | [`LookupQuestion`] | [`super::SignedAnswer`] |
//! | `GET /v1/commands?wait_ms=N` | | when there are some, or after N ms: a list of [`super::Signed`] [`super::CommandOrder`] |
//! | `POST /v1/commands/{id}` | [`super::CommandReport`] | 204 |
//! | `PUT /v1/state` | [`super::LaneState`] | 204 |
//! | `GET /v1/release` | | the [`super::Signed`] [`super::ReleaseManifest`] that the lane is to run, or null |
//! | `PUT /v1/release` | [`super::RunningRelease`] | 204 |
//! | `GET /v1/lists` | | the newest [`super::Signed`] [`super::SnapshotHeader`], or null |
//! | `GET /v1/lists/{from}/{to}` | | [`super::Delta`] between two snapshots by their SHA-256 |
//! | `GET /v1/contents/{sha256}/{piece}` | | at most [`super::CONTENT_PIECE`] bytes; the last piece is shorter |
//! | `GET /v1/health` | | 204 |
//!
//! Every other status comes with a [`Refusal`]. Pictures go before the record that names them. Each call may
//! carry the lane's clock in [`LANE_TIME`], by which central measures how far it is off.

use super::SignedRecord;
use serde::{Deserialize, Serialize};

/// Longest canonical form of one record, bytes.
pub const RECORD_BYTES_MOST: usize = 64 << 10;
/// Largest sealed picture, bytes.
pub const PICTURE_BYTES_MOST: usize = 2 << 20;

/// Header of every call: the lane's clock when it made the call, milliseconds since 1970 UTC.
pub const LANE_TIME: &str = "egate-lane-time";

/// Records of one epoch, in chain order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordBatch {
    /// At most [`RecordBatch::MOST`].
    pub records: Vec<SignedRecord>,
    /// Sequence of the oldest record that the lane still holds, when these overtake older ones: what is
    /// missing from there on is on its way. Absent when nothing is overtaken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_from: Option<u64>,
}

impl RecordBatch {
    /// Records in one batch at most.
    pub const MOST: usize = 64;
}

/// Cumulative acknowledgement, sent after central's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchAnswer {
    /// Epoch that the acknowledgement is for.
    pub epoch: String,
    /// Every record that was sent up to this sequence is stored at central. It may end before the last
    /// record of the batch; the next call then says what is wrong with the one after.
    pub stored_through: u64,
}

/// What a lane tells of itself beside its outcomes: a device that was lost, a disk that fills up. Nothing of
/// any traveller. It may be lost: outcomes never are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Counts from 1 in an epoch; numbers that are left out were dropped.
    pub number: u64,
    /// By the lane's clock, milliseconds since 1970 UTC.
    pub at: i64,
    /// What kind, from a fixed list of words.
    pub kind: String,
    /// More about it, for engineers; at most [`Telemetry::TEXT_MOST`] bytes.
    pub text: String,
}

impl Telemetry {
    /// Longest kind, bytes.
    pub const KIND_MOST: usize = 64;
    /// Longest text, bytes.
    pub const TEXT_MOST: usize = 512;
}

/// What a lane tells of itself, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryBatch {
    /// Epoch of the lane's queue.
    pub epoch: String,
    /// At most [`TelemetryBatch::MOST`], numbers rising.
    pub entries: Vec<Telemetry>,
}

impl TelemetryBatch {
    /// Entries in one batch at most.
    pub const MOST: usize = 64;
}

/// Sent after central's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TelemetryAnswer {
    /// Every entry that was sent up to this number is stored.
    pub stored_through: u64,
}

/// Why central did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// Question about a document and its bearer, in the words of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupQuestion {
    /// Passage that asks.
    pub passage: String,
    /// Random, 32 hexadecimal digits; comes back in the answer.
    pub nonce: String,
    /// So long the lane waits, milliseconds; after that central gives the question up.
    pub patience_ms: u64,
    /// As in the zone.
    pub document_code: String,
    /// As in the zone.
    pub issuing_state: String,
    /// As in the zone.
    pub document_number: String,
    /// As in the zone.
    pub nationality: String,
    /// As in the zone, fillers turned to blanks.
    pub surname: String,
    /// As in the zone, fillers turned to blanks; may be truncated.
    pub given_names: String,
    /// `YYMMDD` as in the zone, unknown parts `<`.
    pub date_of_birth: String,
    /// `M`, `F`, `<`.
    pub sex: String,
}

/// What is known, for one lane, passage and nonce, and for a short time. It travels signed, as a
/// [`super::SignedAnswer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupAnswer {
    /// The lane that asked, by its certificate.
    pub lane: String,
    /// The question's.
    pub passage: String,
    /// The question's.
    pub nonce: String,
    /// When it was given, milliseconds since 1970 UTC.
    pub issued: i64,
    /// From then on it counts for nothing, milliseconds since 1970 UTC.
    pub expires: i64,
    /// Whether the document is reported.
    pub document: DocumentStatus,
    /// Whether the person may be on a watch list.
    pub person: PersonStatus,
    /// Whether the person needs a permission to travel, and has it.
    pub permission: PermissionStatus,
    /// Whether a carrier announced the person.
    pub arrival: ArrivalStatus,
}

/// What central knows of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// Nothing known against it.
    Clear,
    /// Reported, with the kind ("stolen", "lost", "revoked").
    Reported(String),
}

/// What central knows of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonStatus {
    /// Compared with every watch list in force, and near to nobody.
    Clear,
    /// Who is near enough that an officer must compare: best first, never a proof.
    Candidates(Vec<PersonCandidate>),
    /// There were more comparisons to make than can be made in time.
    Undetermined,
    /// No watch list is in force.
    NotChecked,
}

/// Somebody on a watch list who may be the traveller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonCandidate {
    /// The list's name.
    pub list: String,
    /// The entry's reference in it.
    pub entry: String,
    /// Likeness of name, date, nationality and sex in thousandths; 1000 where all agree.
    pub score: u16,
    /// What agrees and what does not, in words.
    pub why: String,
}

/// What central knows of a permission to travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PermissionStatus {
    /// By the rules none is needed; which rule.
    NotRequired(String),
    /// There is one; what it is and until when.
    Granted(String),
    /// One is needed and none is known; what is needed.
    Missing(String),
    /// No rules are in force.
    NotChecked,
}

/// What carriers announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalStatus {
    /// Announced; by whom and with which service.
    Expected(String),
    /// Not among those announced.
    NotExpected,
    /// No carrier's list is in force.
    NotChecked,
}
