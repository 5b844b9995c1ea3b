//! What is remembered of a passage.
//!
//! A [`PassageRecord`] has one canonical form (RFC 8785), is chained to the one before by SHA-256 and
//! signed with the lane's Ed25519 key, so that anybody with the lane's public key can verify it.
//! Pictures are sealed by HPKE to central's key where they are born, named by the hash of what is
//! sealed, so the chain still verifies after they are deleted. [`wire`] holds what lane and central
//! say to each other.
mod answer;
mod chain;
mod command;
mod passage_record;
mod receipt;
mod release;
mod released_settings;
mod seal;
mod signed;
mod snapshot;
mod snapshot_answer;
mod snapshot_delta;
mod snapshot_person;
pub mod wire;

pub use answer::*;
pub use chain::*;
pub use command::*;
pub use passage_record::*;
pub use receipt::*;
pub use release::*;
pub use released_settings::*;
pub use seal::*;
pub use signed::*;
pub use snapshot::*;
pub use snapshot_answer::*;
pub use snapshot_delta::*;
pub use snapshot_person::*;
