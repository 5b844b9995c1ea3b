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
mod authenticity;
mod card_security;
mod certificate;
mod cms;
mod combined;
mod defect_list;
mod der;
mod deviation_list;
mod directory;
mod examine;
mod finding;
mod judgement;
mod known_defects;
mod ldif;
mod master_list;
mod material;
mod name;
mod passive;
mod profile;
mod public_key;
mod report;
mod revocation;
mod rules;
mod security_object;
mod signature;
mod signer;
mod state;
mod store;
mod store_builder;
mod tree;

pub use certificate::Certificate;
pub use cms::{SignedData, SignedDataError};
pub use der::{DerError, Problem};
pub use examine::*;
pub use finding::{Finding, Note};
pub use known_defects::{DefectList, DefectListError};
pub use ldif::LdifError;
pub use master_list::{Doubt, MasterList, MasterListError, Survey};
pub use material::{TrustMaterial, TrustMaterialError};
pub use name::Name;
pub use passive::{GroupState, PassiveAuthentication, StoreAge, authenticate};
pub use revocation::RevocationList;
pub use rules::{CountryRules, TrustRules, Weight};
pub use security_object::{SecurityObject, SecurityObjectError};
pub use signature::{AlgorithmError, Digest};
pub use state::same_state;
pub use store::{Refusal, TrustStore};
pub use store_builder::TrustStoreBuilder;
pub use tree::Node;
