//! Test passports and their PKI. Only with the Cargo feature `issuer`, never in a release.
//!
//! [`TestCountry`] makes a country signing CA, document signers, a revocation list, and from a
//! [`DocumentOrder`] a passport with just the [`Defect`] that was asked for. Keys and signatures are
//! random, because the crypto library draws them itself; all else follows from the arguments.
mod command;
mod country;
mod der;
mod pki;
mod security_object;

pub use command::*;
pub use country::*;
pub use pki::{KeyKind, REVOCATION_LIST_DAYS};
