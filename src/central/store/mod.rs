//! What central keeps, behind one contract.
//!
//! The contract is blocking: the embedded store works so by nature, and a store over the network can
//! wait inside it, since callers always call from a thread that may wait. Every method is one
//! transaction: it is durable when it returns, or nothing of it happened. Time enters as an argument,
//! in milliseconds since 1970 UTC.
//!
//! Nothing here needs serial numbers, locks held by the database over several calls, or one process
//! alone, so that distributed databases can stand behind it too.

mod sqlite;

pub use sqlite::SqliteStore;

use crate::passage::Ending;
use crate::record::{PassageRecord, SignedRecord};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970 UTC.
pub type Millis = i64;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file system said no.
    #[error("files of the store: {0}")]
    Files(#[from] std::io::Error),
    /// What is stored does not read as what was stored.
    #[error("stored content is damaged: {0}")]
    Damaged(String),
    /// The database was written by a newer version of this software.
    #[error("the database has version {found}, this software knows versions up to {known}")]
    Newer {
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
}

/// Place of a record at central: lane, epoch of its outbox, sequence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// Lane's name.
    pub lane: String,
    /// Epoch of the lane's outbox.
    pub epoch: String,
    /// From 1.
    pub sequence: u64,
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.lane, self.epoch, self.sequence)
    }
}

/// A lane that may report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name, as in its certificate.
    pub name: String,
    /// Ed25519 public key of its records, hexadecimal.
    pub record_key: String,
    /// Whether it may not report any more.
    pub revoked: bool,
}

/// A record whose signature was verified, ready to be stored.
#[derive(Debug, Clone)]
pub struct VerifiedRecord {
    /// As sent.
    pub signed: SignedRecord,
    /// What its canonical form says.
    pub record: PassageRecord,
}

impl VerifiedRecord {
    /// Its key.
    pub fn key(&self) -> RecordKey {
        let at = &self.record.position;
        RecordKey { lane: at.lane.clone(), epoch: at.epoch.clone(), sequence: at.sequence }
    }
}

/// What became of the records of one call to [`Store::append`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Appended {
    /// Sequence of the last record that is stored, new or from before; `None` when none is.
    pub stored_through: Option<u64>,
    /// Keys of records that were not there before.
    pub new: Vec<RecordKey>,
    /// The record at which storing ended: another record is stored under its key. It is quarantined.
    pub conflict: Option<RecordKey>,
}

/// A stored passage.
#[derive(Debug, Clone)]
pub struct StoredPassage {
    /// Its key.
    pub key: RecordKey,
    /// Its record.
    pub record: PassageRecord,
    /// When it arrived.
    pub received: Millis,
    /// The case, when it was referred.
    pub case: Option<Case>,
}

/// Which passages to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct PassageFilter {
    /// Only with this ending.
    pub ending: Option<Ending>,
    /// At most so many.
    pub most: usize,
}

/// What an officer saw with their own eyes, before any score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Portrait and frame show the same person.
    Same,
    /// They show different persons.
    Different,
    /// Cannot tell.
    CannotTell,
}

/// What an officer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The traveller may cross.
    Admit,
    /// The traveller may not cross.
    Refuse,
    /// Examined further, at the second line.
    SecondLine,
}

/// A referred passage in officers' hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Raised by each change; a change names the version that it saw.
    pub version: u64,
    /// When the case was opened.
    pub opened: Millis,
    /// Who judged by own eyes last, what, when.
    pub judged: Option<(String, Judgement, Millis)>,
    /// The decision; a case with a decision is closed.
    pub decided: Option<Decided>,
}

/// A decision on a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// By whom.
    pub officer: String,
    /// When.
    pub at: Millis,
    /// The officer's note.
    pub note: String,
}

/// Whether a change of a case was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseChange {
    /// Made; the case as it is now.
    Made(Case),
    /// Not made, since the case is not as the officer saw it; the case as it is.
    Conflict(Case),
    /// Not made: this officer has not judged by own eyes yet.
    NotJudged(Case),
    /// There is no such case.
    Missing,
}

/// What a user of the console may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides cases.
    Officer,
    /// Decides cases, reads the audit trail, invites users.
    Supervisor,
    /// Sees lanes and alarms, no traveller.
    Engineer,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    /// Name as shown.
    pub fn title(self) -> &'static str {
        match self {
            Role::Officer => "Officer",
            Role::Supervisor => "Supervisor",
            Role::Engineer => "Engineer",
            Role::Auditor => "Auditor",
        }
    }

    /// May see passages and travellers.
    pub fn sees_travellers(self) -> bool {
        !matches!(self, Role::Engineer)
    }

    /// May judge and decide cases.
    pub fn decides(self) -> bool {
        matches!(self, Role::Officer | Role::Supervisor)
    }

    /// May read the audit trail.
    pub fn audits(self) -> bool {
        matches!(self, Role::Supervisor | Role::Auditor)
    }
}

/// A user of the console.
#[derive(Debug, Clone)]
pub struct User {
    /// Sign-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id in PHC form; none until the one-time link was used.
    pub password: Option<String>,
    /// Wrong passwords since the last right one.
    pub failures: u32,
    /// No sign-in before.
    pub locked_until: Millis,
}

/// A session of the console, a row that can be revoked.
#[derive(Debug, Clone)]
pub struct Session {
    /// SHA-256 of the cookie, hexadecimal; the cookie itself is nowhere kept.
    pub token_sha256: String,
    /// Whose.
    pub user: String,
    /// Their role as it is now.
    pub role: Role,
    /// Comes back with every form.
    pub csrf: String,
    /// When it began.
    pub created: Millis,
    /// When it was last used by a person.
    pub seen: Millis,
}

/// One line of the audit trail; each is chained to the one before by SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// From 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// Who: an officer's name or `lane:NAME`.
    pub actor: String,
    /// What was done, from a fixed list of words.
    pub act: String,
    /// On what.
    pub subject: String,
    /// More about it.
    pub detail: String,
    /// Hash of the line before, hexadecimal.
    pub previous: String,
    /// Hash of this line, hexadecimal.
    pub sha256: String,
}

/// What to write into the audit trail.
#[derive(Debug, Clone, Copy)]
pub struct AuditEntry<'a> {
    /// See [`AuditLine::actor`].
    pub actor: &'a str,
    /// See [`AuditLine::act`].
    pub act: &'a str,
    /// See [`AuditLine::subject`].
    pub subject: &'a str,
    /// See [`AuditLine::detail`].
    pub detail: &'a str,
}

/// Something that a person must look into. Repeated alarms are counted, not repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Which lane.
    pub lane: String,
    /// What kind.
    pub kind: AlarmKind,
    /// About what: a record's key.
    pub subject: String,
    /// More about it.
    pub text: String,
    /// When first and last.
    pub first: Millis,
    /// See `first`.
    pub last: Millis,
    /// How often.
    pub count: u64,
}

/// Kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// Records are missing between two that are stored.
    Gap,
    /// A record does not continue the one before.
    ChainBreak,
    /// Another record came under a key that is taken.
    Conflict,
    /// A record's hash or signature is wrong.
    BadRecord,
}

impl AlarmKind {
    /// Sentence for officers and engineers.
    pub fn title(self) -> &'static str {
        match self {
            AlarmKind::Gap => "Records are missing",
            AlarmKind::ChainBreak => "A record does not continue the one before",
            AlarmKind::Conflict => "Two different records under one number",
            AlarmKind::BadRecord => "A record's hash or signature is wrong",
        }
    }
}

/// A lane with what was heard from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneOverview {
    /// The lane.
    pub lane: Lane,
    /// Records stored.
    pub records: u64,
    /// When the last record arrived.
    pub last_record: Option<Millis>,
    /// Open cases.
    pub open_cases: u64,
}

/// The contract. See the head of the module.
pub trait Store: Send + Sync {
    /// A lane by name.
    fn lane(&self, name: &str) -> Result<Option<Lane>, StoreError>;
    /// Adds a lane; one that is there is left as it is.
    fn add_lane(&self, name: &str, record_key: &str, now: Millis) -> Result<(), StoreError>;
    /// From now on nothing of this lane is accepted. Gives whether there was such a lane.
    fn revoke_lane(&self, name: &str, now: Millis) -> Result<bool, StoreError>;
    /// All lanes.
    fn lanes(&self) -> Result<Vec<LaneOverview>, StoreError>;

    /// Stores records of one lane and one epoch in order, opens cases, raises alarms for gaps and
    /// breaks, all in one transaction. Ends at the first record whose key holds another hash.
    fn append(&self, records: &[VerifiedRecord], now: Millis) -> Result<Appended, StoreError>;
    /// Passages, newest first.
    fn passages(&self, filter: &PassageFilter) -> Result<Vec<StoredPassage>, StoreError>;
    /// One passage.
    fn passage(&self, key: &RecordKey) -> Result<Option<StoredPassage>, StoreError>;
    /// Counts of passages by ending: admitted, referred, withdrawn.
    fn endings(&self) -> Result<[u64; 3], StoreError>;

    /// Cases without decision, oldest first, at most so many, and how many there are.
    fn open_cases(&self, most: usize) -> Result<(Vec<StoredPassage>, u64), StoreError>;
    /// An officer's own judgement, if the case still has this version and no decision.
    fn judge(
        &self,
        key: &RecordKey,
        version: u64,
        officer: &str,
        judgement: Judgement,
        now: Millis,
    ) -> Result<CaseChange, StoreError>;
    /// An officer's decision, if the case still has this version, no decision, and this officer's judgement.
    fn decide(&self, key: &RecordKey, version: u64, decided: &Decided) -> Result<CaseChange, StoreError>;

    /// Raises an alarm, or counts it when it is there.
    fn alarm(
        &self,
        lane: &str,
        kind: AlarmKind,
        subject: &str,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError>;
    /// Alarms, latest first, at most so many.
    fn alarms(&self, most: usize) -> Result<Vec<Alarm>, StoreError>;

    /// Lists a document as reported; a new kind replaces the one before.
    fn report_document(
        &self,
        issuing_state: &str,
        number: &str,
        kind: &str,
        now: Millis,
    ) -> Result<(), StoreError>;
    /// What is reported of a document; question and hit are audited in the same transaction.
    fn look_up(
        &self,
        issuing_state: &str,
        number: &str,
        audit: AuditEntry<'_>,
        now: Millis,
    ) -> Result<Option<String>, StoreError>;

    /// A user by name.
    fn user(&self, name: &str) -> Result<Option<User>, StoreError>;
    /// Whether any user has a password.
    fn has_users(&self) -> Result<bool, StoreError>;
    /// Makes or renews a user without password, who sets one with this one-time token before the given
    /// time. Open sessions of the user end.
    fn invite(
        &self,
        name: &str,
        role: Role,
        token_sha256: &str,
        until: Millis,
        now: Millis,
    ) -> Result<(), StoreError>;
    /// Whose one-time token this is, while it is good.
    fn invited(&self, token_sha256: &str, now: Millis) -> Result<Option<String>, StoreError>;
    /// Sets the password by the one-time token, which is used up. Gives the user's name.
    fn set_password(
        &self,
        token_sha256: &str,
        password: &str,
        now: Millis,
    ) -> Result<Option<String>, StoreError>;
    /// Counts a wrong password and sets the time of no sign-in, or resets both after a right one.
    fn count_sign_in(
        &self,
        name: &str,
        failures: u32,
        locked_until: Millis,
        now: Millis,
    ) -> Result<(), StoreError>;

    /// Begins a session.
    fn begin_session(&self, session: &Session) -> Result<(), StoreError>;
    /// A session that is neither revoked nor older than the two limits.
    fn session(
        &self,
        token_sha256: &str,
        begun_after: Millis,
        seen_after: Millis,
    ) -> Result<Option<Session>, StoreError>;
    /// A person used the session.
    fn see_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError>;
    /// Ends a session.
    fn end_session(&self, token_sha256: &str, now: Millis) -> Result<(), StoreError>;

    /// Writes a line into the audit trail.
    fn audit(&self, entry: AuditEntry<'_>, now: Millis) -> Result<(), StoreError>;
    /// The newest lines, newest first, at most so many.
    fn audit_lines(&self, most: usize) -> Result<Vec<AuditLine>, StoreError>;
    /// Number of the first line whose chain is broken, if any.
    fn audit_break(&self) -> Result<Option<u64>, StoreError>;
}
