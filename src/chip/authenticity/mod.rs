//! Whether the chip is no copy: what it is asked to prove, Doc 9303-11 §6 and §4.4.3.5.
mod active_authentication;
mod chip_authentication;
mod mapping_proof;
mod message_recovery;

pub(super) use active_authentication::active_authentication;
pub(super) use chip_authentication::{ChipAuthentication, chip_authentication};
pub(super) use mapping_proof::mapping_proof;
