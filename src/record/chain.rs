//! Canonical form, chain and signature.
//!
//! A record's canonical form is RFC 8785 JSON. Its SHA-256 is its hash, the lane's Ed25519 signature is
//! over the 32 bytes of the hash, and the next record names the hash as its `previous`. Who has the
//! lane's public key can therefore show for any run of records that none was changed, left out or put
//! in, with any JSON and Ed25519 library.

use super::PassageRecord;
use crate::passage::Picture;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A record as it is stored and sent: canonical bytes, their hash, the lane's signature over the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedRecord {
    /// RFC 8785 JSON of a [`PassageRecord`], as text.
    pub canonical: String,
    /// SHA-256 of `canonical`, hexadecimal: the `previous` of the next record.
    pub sha256: String,
    /// Ed25519 over the 32 bytes of the hash, hexadecimal.
    pub signature: String,
}

/// Why a signed record is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a record, or not in canonical form.
    #[error("not a canonical record: {0}")]
    Form(String),
    /// Hash does not match.
    #[error("the record's hash is not that of its content")]
    Hash,
    /// Signature does not verify.
    #[error("the record's signature does not verify")]
    Signature,
}

/// A picture, sealed: ties its name to its bytes. Which pictures a passage keeps is said by
/// [`crate::passage::Outcome::pictures`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPicture {
    /// Which picture of the passage.
    pub picture: Picture,
    /// `image/jpeg` or `image/jp2`.
    pub media: String,
    /// Sealed bytes.
    pub sealed: Vec<u8>,
    /// SHA-256 of `sealed`, hexadecimal.
    pub sha256: String,
}

impl SealedPicture {
    /// Names sealed bytes.
    pub fn new(picture: Picture, media: impl Into<String>, sealed: Vec<u8>) -> SealedPicture {
        let sha256 = super::sealed_name(&sealed);
        SealedPicture { picture, media: media.into(), sealed, sha256 }
    }
}

impl SignedRecord {
    /// Brings a record into canonical form and signs it.
    ///
    /// # Errors
    /// When the record holds a number that JSON readers cannot hold exactly (beyond 2⁵³).
    pub fn sign(record: &PassageRecord, key: &SigningKey) -> Result<SignedRecord, RecordError> {
        let canonical = canonical(record)?;
        if read(&canonical)? != *record {
            return Err(RecordError::Form("a number beyond 2^53 changes on its way through JSON".into()));
        }
        let hash = Sha256::digest(canonical.as_bytes());
        let signature = hex::encode(key.sign(&hash).to_bytes());
        Ok(SignedRecord { canonical, sha256: hex::encode(hash), signature })
    }

    /// The record, when hash, signature and canonical form are right.
    ///
    /// # Errors
    /// With the first of the three that is wrong.
    pub fn verify(&self, key: &VerifyingKey) -> Result<PassageRecord, RecordError> {
        let hash = Sha256::digest(self.canonical.as_bytes());
        if hex::encode(hash) != self.sha256 {
            return Err(RecordError::Hash);
        }
        verify_hash(&hash, &self.signature, key)?;
        let record = read(&self.canonical)?;
        if canonical(&record)? != self.canonical {
            return Err(RecordError::Form(
                "it has another canonical form, or members that no record has".into(),
            ));
        }
        Ok(record)
    }
}

fn verify_hash(hash: &[u8], signature: &str, key: &VerifyingKey) -> Result<(), RecordError> {
    let signature = hex::decode(signature).map_err(|_| RecordError::Signature)?;
    let signature = Signature::from_slice(&signature).map_err(|_| RecordError::Signature)?;
    key.verify_strict(hash, &signature).map_err(|_| RecordError::Signature)
}

fn canonical(record: &PassageRecord) -> Result<String, RecordError> {
    serde_json_canonicalizer::to_string(record).map_err(|error| RecordError::Form(error.to_string()))
}

fn read(text: &str) -> Result<PassageRecord, RecordError> {
    serde_json::from_str(text).map_err(|error| RecordError::Form(error.to_string()))
}

/// The end of a chain: what the next record must follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// Sequence of the last record, 0 before the first.
    pub sequence: u64,
    /// Its hash, hexadecimal; 64 zeros before the first.
    pub sha256: String,
}

impl ChainHead {
    /// Before the first record.
    pub fn start() -> ChainHead {
        ChainHead { sequence: 0, sha256: "0".repeat(64) }
    }

    /// Whether the lane signed this head: the signature is that of the head's record, over its hash, so that
    /// a head can be proven when its record is gone. Nobody signs the start.
    ///
    /// # Errors
    /// When the signature is not the lane's, or the start is not the start.
    pub fn verify(&self, signature: &str, key: &VerifyingKey) -> Result<(), RecordError> {
        if self.sequence == 0 {
            return if *self == ChainHead::start() { Ok(()) } else { Err(RecordError::Hash) };
        }
        let hash = hex::decode(&self.sha256).map_err(|_| RecordError::Hash)?;
        verify_hash(&hash, signature, key)
    }
}

/// Where a run of records is no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A record alone is wrong.
    #[error("record {index} of the run: {error}")]
    Record {
        /// Place in the slice, from 0.
        index: usize,
        /// What is wrong.
        error: RecordError,
    },
    /// Another lane's or epoch's record.
    #[error("record {sequence} belongs to {lane}/{epoch}, not to the chain")]
    Stranger {
        /// Its sequence.
        sequence: u64,
        /// Its lane.
        lane: String,
        /// Its epoch.
        epoch: String,
    },
    /// Records are missing.
    #[error("gap: after record {after} comes {found}")]
    Gap {
        /// Last one that is there.
        after: u64,
        /// Next one that is there.
        found: u64,
    },
    /// A record does not follow the one before.
    #[error("break: record {sequence} does not follow the record before it")]
    Break {
        /// Its sequence.
        sequence: u64,
    },
    /// A sequence number that was used before, for something else.
    #[error("fork: there is another record {sequence}")]
    Fork {
        /// The sequence.
        sequence: u64,
    },
}

/// Verifies a run of records of one lane and epoch that follows `head`; gives the records and the new
/// head. A record that comes twice, one after the other and the same, counts once.
///
/// # Errors
/// With the first place where it is no chain.
pub fn verify_chain(
    head: &ChainHead,
    records: &[SignedRecord],
    key: &VerifyingKey,
) -> Result<(Vec<PassageRecord>, ChainHead), ChainError> {
    let mut head = head.clone();
    let mut found: Vec<PassageRecord> = Vec::with_capacity(records.len());
    for (index, signed) in records.iter().enumerate() {
        let record = signed.verify(key).map_err(|error| ChainError::Record { index, error })?;
        let position = &record.position;
        let sequence = position.sequence;
        if let Some(first) = found.first().map(|record| &record.position)
            && (&first.lane, &first.epoch) != (&position.lane, &position.epoch)
        {
            let (lane, epoch) = (position.lane.clone(), position.epoch.clone());
            return Err(ChainError::Stranger { sequence, lane, epoch });
        }
        if sequence == head.sequence && signed.sha256 == head.sha256 {
            continue;
        }
        if sequence <= head.sequence {
            return Err(ChainError::Fork { sequence });
        }
        if sequence != head.sequence.saturating_add(1) {
            return Err(ChainError::Gap { after: head.sequence, found: sequence });
        }
        if position.previous != head.sha256 {
            return Err(ChainError::Break { sequence });
        }
        head = ChainHead { sequence, sha256: signed.sha256.clone() };
        found.push(record);
    }
    Ok((found, head))
}
