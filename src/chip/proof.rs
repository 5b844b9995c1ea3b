//! How the chip proved that it is no copy.
//!
//! A proof says only that the chip knows a private key. Whether that key is this document's is for
//! [`crate::trust`] to say: the public key must lie in a file that the issuing state has signed.

/// What the chip was asked to prove; `None` where it was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proofs {
    /// Active authentication with the key of DG15, Doc 9303-11 §6.1.
    pub active_authentication: Option<Proof>,
    /// Chip authentication with a key of DG14, Doc 9303-11 §6.2.
    pub chip_authentication: Option<Proof>,
    /// Chip authentication mapping of PACE with a key of EF.CardSecurity, Doc 9303-11 §4.4.3.3.3.
    pub mapping: Option<Proof>,
}

/// How one proof ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The chip has the private key to this public key.
    Shown {
        /// SubjectPublicKeyInfo, DER, exactly as in the chip's file.
        public_key: Vec<u8>,
    },
    /// The chip was asked and gave a wrong proof, or none.
    Refuted(String),
    /// The chip announces the proof, but it cannot be asked for: an algorithm or key that nobody can use.
    Impossible(String),
}
