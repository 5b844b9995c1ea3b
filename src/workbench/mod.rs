//! What engineers use: the demonstration, recording and replay of passages, inspection, test passports.

#[cfg(feature = "issuer")]
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod fixture;
pub mod inspect;
#[cfg(feature = "issuer")]
pub mod issue;
#[cfg(feature = "issuer")]
pub mod load;
pub mod models;
pub mod morph;
pub mod record;
pub mod replay;
#[cfg(feature = "issuer")]
pub mod rig;
pub mod scenes;
#[cfg(feature = "issuer")]
pub mod soak;
