//! Test documents and their PKI. Only with the Cargo feature `issuer`, never in a release.
//!
//! [`TestCountry`] makes a country signing CA, document signers, revocation, master, deviation and defect
//! list, and from a [`DocumentOrder`] a document of any [`DocumentKind`] with just the [`Defect`] that was
//! asked for. Everything follows from plan, time and seed, bit for bit: keys are drawn from the seed,
//! signatures take their random part from key and message.
//!
//! ```text
//! seed ─► parameters, algorithm, signing ─► certificate ─► pki ─┐
//!                                           cms ─► security_object, lists ─► country ─► document
//!                                           chip (what it can do: files and keys) ─┘
//! ```
mod algorithm;
mod certificate;
mod chip;
mod cms;
mod command;
mod content;
mod country;
mod defect;
mod der;
mod description;
mod document;
mod folder;
mod lists;
mod parameters;
mod pki;
mod security_object;
mod seed;
mod signing;

pub use algorithm::{KeyKind, SignatureAlgorithm, SignatureKey, UnknownAlgorithm};
pub use chip::{ChipAuthentication, ChipKeys, ChipPlan, Cipher, LdsVersion, Mapping, Pace};
pub use command::*;
pub use country::*;
pub use defect::Defect;
pub use description::{Description, Holder};
pub use document::{DocumentKind, DocumentOrder, Format, IssuedDocument};
pub use parameters::DomainParameters;
pub use pki::REVOCATION_LIST_DAYS;
