//! A passport made of software: the card's side of the protocols, byte for byte as a chip speaks them.
//!
//! Commands go in, answers come out; [`SoftwarePassport`] knows neither reader nor socket. It is put
//! before the lane in process ([`crate::devices::InProcessReader`]) or behind pcscd ([`vpcd`]).
//!
//! Key derivation, authentication and secure messaging are written here a second time on purpose, from
//! the standard and not from [`crate::chip`], and checked against its worked example on their own: a
//! mistake made on one side cannot hide on the other.
mod apdu;
mod crypto;
mod digest;
mod passport;
mod personalisation;
mod secure_messaging;
pub mod vpcd;

pub use digest::Digest;
pub use passport::{Oddity, SoftwarePassport};
pub use personalisation::{ActiveAuthenticationKey, ChipAuthenticationKey, Personalisation};
