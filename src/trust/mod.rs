//! Whether to believe the chip.
//!
//! [`examine`] takes what was read and printed, the [`TrustStore`] and the time, and gives one
//! [`crate::check::Check`] for each thing that TR-03135-1 §5.6.4 and §5.7 want checked, whatever the
//! input. It reads no clock and no file: the store is built from bytes, of any [`TrustMaterial`].
//!
//! The way down: [`examine`] → [`authenticate`] (security object, chain, validity, revocation, hashes) →
//! [`SecurityObject`], [`MasterList`], [`Certificate`], [`RevocationList`] → CMS, names, signatures, BER.
//!
//! What can never happen: a check that rests on something unverified is successful; outside data makes
//! it panic, loop or recurse without bound; the crypto library's path builder decides. Each certificate
//! link is verified by itself, with the key's curve named or given by explicit parameters.
mod certificate;
mod cms;
mod der;
mod examine;
mod master_list;
mod material;
mod name;
mod passive;
mod revocation;
mod security_object;
mod signature;
mod state;
mod store;

pub use certificate::Certificate;
pub use cms::SignedData;
pub use der::{DerError, Problem};
pub use examine::*;
pub use master_list::{MasterList, MasterListError, Survey};
pub use material::{TrustMaterial, TrustMaterialError};
pub use name::Name;
pub use passive::{GroupState, PassiveAuthentication, authenticate};
pub use revocation::RevocationList;
pub use security_object::{SecurityObject, SecurityObjectError};
pub use signature::{AlgorithmError, Digest};
pub use state::same_state;
pub use store::{Refusal, TrustStore, TrustStoreBuilder};
