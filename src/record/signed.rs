//! What central signs for lanes: a statement in canonical form (RFC 8785) behind the context of its kind, so that
//! no text that central signs for one purpose can ever pass for another.
//!
//! The key is that of central's answers, which each lane has in its kit.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// Something that central says to lanes.
pub trait Statement: Serialize + DeserializeOwned + PartialEq {
    /// What stands before the canonical form when it is signed; ends with a zero byte, is no other kind's.
    const CONTEXT: &'static [u8];
}

/// A statement as it travels and is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Signed<T> {
    /// RFC 8785 JSON of the statement, as text.
    pub canonical: String,
    /// Ed25519 over the statement's context and `canonical`, hexadecimal.
    pub signature: String,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

/// Why a statement is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The signature is not central's over this text.
    #[error("the signature is not central's")]
    Signature,
    /// Signed, and yet no statement of this kind.
    #[error("no statement in canonical form: {0}")]
    Form(String),
}

impl<T: Statement> Signed<T> {
    /// Brings a statement into canonical form and signs it.
    ///
    /// # Errors
    /// When a number in it is beyond what JSON readers hold exactly.
    pub fn sign(statement: &T, key: &SigningKey) -> Result<Signed<T>, StatementError> {
        let canonical = canonical(statement)?;
        if read::<T>(&canonical)? != *statement {
            return Err(StatementError::Form("a number beyond 2^53 changes on its way through JSON".into()));
        }
        let signature = hex::encode(key.sign(&signed_bytes::<T>(&canonical)).to_bytes());
        Ok(Signed::from_parts(canonical, signature))
    }

    /// The statement, when central signed it in this very form.
    ///
    /// # Errors
    /// When the signature is another's, or the text is no statement of this kind.
    pub fn verify(&self, key: &VerifyingKey) -> Result<T, StatementError> {
        let signature = hex::decode(&self.signature).map_err(|_| StatementError::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| StatementError::Signature)?;
        let signed = signed_bytes::<T>(&self.canonical);
        key.verify_strict(&signed, &signature).map_err(|_| StatementError::Signature)?;
        let statement: T = read(&self.canonical)?;
        if canonical(&statement)? != self.canonical {
            return Err(StatementError::Form("it has another canonical form".into()));
        }
        Ok(statement)
    }
}

impl<T> Signed<T> {
    /// From the two texts, as they were kept. Nothing is verified yet.
    pub fn from_parts(canonical: String, signature: String) -> Signed<T> {
        Signed { canonical, signature, kind: PhantomData }
    }
}

fn canonical<T: Statement>(statement: &T) -> Result<String, StatementError> {
    serde_json_canonicalizer::to_string(statement).map_err(|error| StatementError::Form(error.to_string()))
}

fn read<T: Statement>(text: &str) -> Result<T, StatementError> {
    serde_json::from_str(text).map_err(|error| StatementError::Form(error.to_string()))
}

fn signed_bytes<T: Statement>(canonical: &str) -> Vec<u8> {
    [T::CONTEXT, canonical.as_bytes()].concat()
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Signed::from_parts(self.canonical.clone(), self.signature.clone())
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        (&self.canonical, &self.signature) == (&other.canonical, &other.signature)
    }
}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("canonical", &self.canonical).finish_non_exhaustive()
    }
}
