//! The way to central: a durable queue and its upload.
//!
//! [`Outbox`] takes outcomes with their sealed pictures, gives each its place in the lane's chain, and
//! keeps them until central has them; a passage's exit opens only when its outcome is in here.
//! [`Uploader`] sends what is in the queue, pictures before the record that names them, at least once,
//! under keys that make a repetition harmless.
//!
//! # A record
//!
//! Its key is `(lane, epoch, sequence)`. The epoch is random, made with the queue: a disk that was replaced or
//! cleared shows as a new epoch, one that was put back from a copy as a second record under a taken key. The
//! sequence counts from 1 without gaps. The canonical form is RFC 8785 JSON; its SHA-256 is the record's hash,
//! named by the next record as its `previous` and signed by the lane with Ed25519. So every record is a signed
//! head of the chain up to it, and the last one's signature outlives it in `head`.
//!
//! A queue that was put back gets a new epoch by an engineer's command ([`StoppedQueue`]), and with it what central
//! has not: the same outcomes under new keys, each with a mark of where it was.
//!
//! # The file
//!
//! One SQLite file in WAL mode with `synchronous = FULL`: when [`Outbox::append`] returns, the record
//! survives the loss of power. Four tables:
//!
//! | table | holds |
//! |---|---|
//! | `head`, one row | lane, epoch, sequence and hash and signature of the last record ever appended, and the sequence up to which central has everything |
//! | `records` | what central does not have yet, by sequence: canonical form, hash, signature |
//! | `pictures` | the sealed pictures of those records, under the hash of what is sealed |
//! | `telemetry` | what the lane tells of itself: bounded ([`TELEMETRY_MOST`]), the oldest gives way |
//!
//! # What always holds, after every commit
//!
//! 1. `records` holds exactly the sequences from `acknowledged + 1` to `sequence`, without gaps.
//! 2. Each record's `previous` is the hash of the one before; the last one's hash is the head's. The head
//!    outlives its record, so the chain goes on after everything was acknowledged and pruned.
//! 3. Every picture that a record in `records` names is in `pictures`; no other is. A picture leaves
//!    with its record and not when it was uploaded, for central may lose it before it has the record.
//! 4. A record, its pictures and the new head come in one transaction, or not at all.
//!
//! All of it is looked at when the file is opened, and a file that breaks it is refused and left as it is.
//!
//! # The upload
//!
//! One call at a time, the most urgent first: outcomes that come while a backlog is sent overtake it, telemetry
//! goes when no outcome waits. Central acknowledges after its commit, cumulatively; the queue forgets only what
//! is acknowledged without a gap. What went ahead is remembered in memory alone: after a restart, and after the line
//! was away, central is asked first which records it has ([`CentralHas`]), and only the others are sent; what is sent
//! twice all the same central knows by key and hash. After a failure the wait doubles up to a bound, less a random
//! part, and is never shorter than what central asked for (`Retry-After`). A bound on bytes a second leaves the
//! line to others.
//!
//! # What can never happen
//!
//! * An outcome is lost, or dropped for want of room or of a connection: a full queue refuses the append
//!   ([`OutboxError::Full`]), and without a stored outcome the exit stays shut. A lane whose queue is nearly
//!   full admits nobody ([`crate::policy::Condition::DiskNearlyFull`]).
//! * A receipt removes a record whose very hash central did not sign.
//! * An acknowledgement of something that was never appended, or of another epoch, removes anything.
//! * Telemetry takes the room of an outcome, or goes before one.
//! * Deleted content stays in the file (`secure_delete`).
mod backlog;
mod client;
mod command;
mod error;
mod examine;
mod export;
mod kit;
mod link;
mod pace;
mod queue;
mod receipt;
mod renew;
mod tables;
mod telemetry;
mod uploader;

pub use backlog::{Backlog, Extent};
pub use client::*;
pub use command::*;
pub use error::*;
pub use export::*;
pub use kit::*;
pub use pace::UploadRate;
pub use queue::*;
pub use receipt::*;
pub use renew::*;
pub use telemetry::*;
pub use uploader::*;
