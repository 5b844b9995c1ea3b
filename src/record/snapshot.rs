//! The lists as a lane keeps them for the time without a connection to central.
//!
//! A [`Snapshot`] is dated and signed by its [`SnapshotHeader`], which names the SHA-256 of its bytes. What travels of
//! personal data is as little as an answer needs: documents are 64 bits of HMAC-SHA-256 over state and number;
//! of persons go the date of birth, their reference at central, and for each word of the name 32 bits of HMAC over
//! the folded word and 16 over its sound. Names, nationality, sex and reasons stay at central. The key is in the
//! snapshot, so that who holds one can try documents one by one, but cannot read a list, nor compare the snapshots
//! of two services.
//!
//! ```text
//! "EGSN1" | key 16 | in force 1 | n u32 | n × (hash 8, kind 1), rising | m u32 | m × (length u16, person), rising
//! person: born 3 (year, month, day; 255 unknown) | words u8 | words × (folded 4, sound 2, weight 1) | reference
//! ```
//!
//! All numbers are little-endian. A [`Delta`] leads from one snapshot's bytes to another's, and is believed only when
//! the result has the hash that the header names.

use super::Statement;
use super::snapshot_person::HashedPerson;
use crate::document::names::document_key;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Largest snapshot, bytes.
pub const SNAPSHOT_MOST: usize = 256 << 20;
const MAGIC: &[u8; 5] = b"EGSN1";
/// Bytes of the key.
pub const KEY_LENGTH: usize = 16;
/// Bytes of a document's hash with its kind.
pub(super) const DOCUMENT: usize = 9;
/// Bytes of the hash alone.
const HASH: usize = 8;

/// What central signs of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotHeader {
    /// Rises with each snapshot.
    pub generation: u64,
    /// When central looked at its lists, milliseconds since 1970 UTC.
    pub issued: i64,
    /// SHA-256 of the snapshot's bytes, hexadecimal.
    pub sha256: String,
    /// Documents in it.
    pub documents: u64,
    /// Persons in it.
    pub persons: u64,
}

impl Statement for SnapshotHeader {
    const CONTEXT: &'static [u8] = b"egate lists snapshot 1\0";
}

/// Why bytes are no snapshot, or a delta does not lead to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Too short, too long, or not in order.
    #[error("the bytes are no snapshot")]
    Form,
    /// The delta begins at other bytes, or does not end where the header says.
    #[error("the delta does not lead from this snapshot to that one")]
    Delta,
    /// The hash function failed.
    #[error("the keyed hash cannot be computed")]
    Hash,
}

/// Kinds of lists that are in force at central.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InForce {
    /// A watch list of persons.
    pub persons: bool,
    /// Rules of permission to travel. Permits are not in the snapshot: they cannot be checked by it.
    pub rules: bool,
}

/// How a document is reported, the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ReportKind {
    /// Lost by its holder.
    Lost = 1,
    /// Revoked by its issuer.
    Revoked = 2,
    /// Stolen.
    Stolen = 3,
}

impl ReportKind {
    /// From the word of lists; what is no known word counts as the gravest.
    pub fn of_word(word: &str) -> ReportKind {
        match word {
            "lost" => ReportKind::Lost,
            "revoked" => ReportKind::Revoked,
            _ => ReportKind::Stolen,
        }
    }

    /// The word of lists.
    pub fn word(self) -> &'static str {
        match self {
            ReportKind::Lost => "lost",
            ReportKind::Revoked => "revoked",
            ReportKind::Stolen => "stolen",
        }
    }

    fn of_byte(byte: u8) -> ReportKind {
        match byte {
            1 => ReportKind::Lost,
            2 => ReportKind::Revoked,
            _ => ReportKind::Stolen,
        }
    }
}

/// The key under which numbers and names are hashed.
pub struct SnapshotKey {
    bytes: [u8; KEY_LENGTH],
    key: PKey<Private>,
}

impl SnapshotKey {
    /// From its bytes.
    ///
    /// # Errors
    /// When the library takes no key.
    pub fn new(bytes: [u8; KEY_LENGTH]) -> Result<SnapshotKey, SnapshotError> {
        let key = PKey::hmac(&bytes).map_err(|_| SnapshotError::Hash)?;
        Ok(SnapshotKey { bytes, key })
    }

    /// HMAC-SHA-256 over a text, with what it is of before it, truncated.
    pub(super) fn hash<const LENGTH: usize>(
        &self,
        of: u8,
        text: &str,
    ) -> Result<[u8; LENGTH], SnapshotError> {
        let whole = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
            let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
            signer.update(&[of])?;
            signer.update(text.as_bytes())?;
            signer.sign_to_vec()
        };
        let whole = whole().map_err(|_| SnapshotError::Hash)?;
        whole.first_chunk().copied().ok_or(SnapshotError::Hash)
    }

    /// The entry of a document by its key on lists ([`document_key`]).
    ///
    /// # Errors
    /// When the hash function fails.
    pub fn document(&self, key: &str, kind: ReportKind) -> Result<HashedDocument, SnapshotError> {
        let [a, b, c, d, e, f, g, h] = self.hash::<HASH>(b'd', key)?;
        Ok([a, b, c, d, e, f, g, h, kind as u8])
    }
}

/// A document's hash and kind.
pub type HashedDocument = [u8; DOCUMENT];

/// The lists, hashed.
pub struct Snapshot {
    pub(super) key: SnapshotKey,
    pub(super) in_force: InForce,
    /// Rising, each hash once.
    pub(super) documents: Vec<HashedDocument>,
    /// Rising, each once.
    pub(super) persons: Vec<Vec<u8>>,
}

impl Snapshot {
    /// Of entries in any order. Of several reports of a document the gravest counts.
    pub fn new(
        key: SnapshotKey,
        in_force: InForce,
        mut documents: Vec<HashedDocument>,
        mut persons: Vec<Vec<u8>>,
    ) -> Snapshot {
        documents.sort_unstable();
        // The gravest of one hash stands last.
        documents.reverse();
        documents.dedup_by_key(|document| hash_of(document));
        documents.reverse();
        persons.sort_unstable();
        persons.dedup();
        Snapshot { key, in_force, documents, persons }
    }

    /// Kinds of lists in force.
    pub fn in_force(&self) -> InForce {
        self.in_force
    }

    /// Documents and persons in it.
    pub fn counts(&self) -> (usize, usize) {
        (self.documents.len(), self.persons.len())
    }

    /// How a document is reported, if it is.
    ///
    /// # Errors
    /// When the hash function fails.
    pub fn reported(&self, issuing_state: &str, number: &str) -> Result<Option<ReportKind>, SnapshotError> {
        let wanted = self.key.hash::<HASH>(b'd', &document_key(issuing_state, number))?;
        let found = self.documents.binary_search_by_key(&wanted, hash_of);
        let found = found.ok().and_then(|at| self.documents.get(at));
        Ok(found.map(|[.., kind]| ReportKind::of_byte(*kind)))
    }

    /// Persons in it who may be somebody.
    pub(super) fn people(&self) -> impl Iterator<Item = HashedPerson<'_>> {
        self.persons.iter().filter_map(|bytes| HashedPerson::read(bytes))
    }

    /// The bytes that travel and are kept.
    pub fn encode(&self) -> Vec<u8> {
        let people: usize = self.persons.iter().map(|person| person.len() + 2).sum();
        let mut bytes = Vec::with_capacity(32 + self.documents.len() * DOCUMENT + people);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.key.bytes);
        bytes.push(u8::from(self.in_force.persons) | u8::from(self.in_force.rules) << 1);
        put_documents(&mut bytes, &self.documents);
        put_persons(&mut bytes, &self.persons);
        bytes
    }

    /// From the bytes.
    ///
    /// # Errors
    /// When they are no snapshot in its one form.
    pub fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        if bytes.len() > SNAPSHOT_MOST {
            return Err(SnapshotError::Form);
        }
        let mut reader = Reader(bytes);
        if reader.array::<5>()? != *MAGIC {
            return Err(SnapshotError::Form);
        }
        let key = SnapshotKey::new(reader.array()?)?;
        let [flags] = reader.array()?;
        let in_force = InForce { persons: flags & 1 != 0, rules: flags & 2 != 0 };
        let (documents, persons) = (reader.documents()?, reader.persons()?);
        let rising =
            documents.is_sorted_by(|a, b| hash_of(a) < hash_of(b)) && persons.is_sorted_by(|a, b| a < b);
        if flags > 3 || !reader.0.is_empty() || !rising {
            return Err(SnapshotError::Form);
        }
        Ok(Snapshot { key, in_force, documents, persons })
    }
}

/// SHA-256 of a snapshot's bytes, as its header has it.
pub fn content_hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hash_of(document: &HashedDocument) -> [u8; HASH] {
    let [a, b, c, d, e, f, g, h, _] = *document;
    [a, b, c, d, e, f, g, h]
}

pub(super) fn put_documents(bytes: &mut Vec<u8>, documents: &[HashedDocument]) {
    put_count(bytes, documents.len());
    bytes.extend_from_slice(documents.as_flattened());
}

pub(super) fn put_persons(bytes: &mut Vec<u8>, persons: &[Vec<u8>]) {
    put_count(bytes, persons.len());
    for person in persons {
        // A person has at most some hundred bytes, see `HashedPerson::write`.
        bytes.extend_from_slice(&u16::try_from(person.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(person);
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Takes bytes from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], SnapshotError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(SnapshotError::Form)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SnapshotError::Form)?;
        self.0 = rest;
        Ok(taken)
    }

    fn count(&mut self) -> Result<usize, SnapshotError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| SnapshotError::Form)
    }

    pub(super) fn documents(&mut self) -> Result<Vec<HashedDocument>, SnapshotError> {
        let length = self.count()?.checked_mul(DOCUMENT).ok_or(SnapshotError::Form)?;
        Ok(self.slice(length)?.as_chunks::<DOCUMENT>().0.to_vec())
    }

    pub(super) fn persons(&mut self) -> Result<Vec<Vec<u8>>, SnapshotError> {
        let count = self.count()?;
        // Each has its length at least: a count beyond that is a lie, and takes no memory.
        let mut persons = Vec::with_capacity(count.min(self.0.len() / 2));
        for _ in 0..count {
            let length = usize::from(u16::from_le_bytes(self.array()?));
            persons.push(self.slice(length)?.to_vec());
        }
        Ok(persons)
    }
}
