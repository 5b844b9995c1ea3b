//! A passport made of software: the card's side of the protocols, byte for byte as a chip speaks them.
//!
//! Commands go in, answers come out; [`SoftwarePassport`] knows neither reader nor socket, and it does not wait:
//! how long an answer would take stands beside it ([`Exchange`]). It is put before the lane in process
//! ([`crate::devices::InProcessReader`]) or behind pcscd ([`vpcd`]).
//!
//! | part | clauses |
//! |---|---|
//! | [`Personalisation`] | what the issuer wrote: files of application and master file (Doc 9303-10), keys |
//! | access | BAC (Doc 9303-11 §4.3), PACE with all mappings, groups and ciphers (§4.4) |
//! | secure messaging | 3DES and AES (§9.8), short and extended length, command chaining |
//! | proofs | active authentication (§6.1), chip authentication (§6.2), chip authentication mapping |
//! | [`Behaviour`] | oddities of real chips, attacks, limits and times, from TOML |
//!
//! Key derivation, mapping, authentication and secure messaging are written here a second time on purpose, from
//! the standard and not from [`crate::chip`], and checked against its worked examples on their own: a mistake
//! made on one side cannot hide on the other.
mod active_authentication;
mod aes;
mod apdu;
mod attack;
mod bac;
mod behaviour;
mod chip_authentication;
mod des;
mod digest;
mod domain;
mod files;
mod keys;
mod mapping;
mod objects;
mod oddity;
mod pace;
mod passport;
mod personalisation;
mod protocols;
mod random;
mod secure_messaging;
mod security_infos;
mod status;
mod timing;
pub mod vpcd;

pub use attack::Attack;
pub use behaviour::{Behaviour, BehaviourError, Limits};
pub use digest::Digest;
pub use oddity::Oddity;
pub use passport::{Exchange, SoftwarePassport};
pub use personalisation::{ActiveAuthenticationKey, ChipAuthenticationKey, Personalisation};
pub use timing::{BitRate, Timing, UnknownBitRate};
