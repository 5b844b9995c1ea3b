//! What central says by receipts that it has of this queue: asked of it, or read from a file that came back with
//! the stick on which the records went (`egate central receipt`).
//!
//! A file of receipts holds one signed [`Receipt`] a line. Each is verified with central's key out of the lane's kit;
//! a file that was changed, cut off or is of another lane counts for nothing.

use super::client::{CallError, CentralClient};
use super::{Extent, Outbox, OutboxError};
use crate::record::{RECEIPT_BYTES_MOST, Receipt, ReceiptError, Signed};
use ed25519_dalek::VerifyingKey;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Receipts that are asked for or read at most: some four million records of one queue.
const RECEIPTS_MOST: usize = 4096;

/// Why it is not known what central has.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptsError {
    /// Central does not say.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The file cannot be read.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// A line is too long, cut off, or no receipt.
    #[error("line {line} is no receipt: {what}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A receipt is not central's or not this lane's.
    #[error("line {line}: {error}")]
    Receipt {
        /// From 1.
        line: usize,
        /// Why it does not count.
        error: ReceiptError,
    },
    /// Receipts do not follow one another, or the last ones are missing.
    #[error("the receipts do not say all of one queue; fetch them again from central")]
    Incomplete,
}

/// What central has of a queue, from a sequence on and to the end of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CentralHas {
    /// Epoch of the queue.
    pub epoch: String,
    /// Nothing is known of records before this sequence.
    pub from: u64,
    records: BTreeMap<u64, String>,
    /// Where the next receipt must begin; `None` when central has no more.
    next: Option<u64>,
}

impl CentralHas {
    /// Nothing yet of a queue, from a sequence on.
    fn nothing(epoch: String, from: u64) -> CentralHas {
        CentralHas { epoch, from, records: BTreeMap::new(), next: Some(from) }
    }

    /// Takes the next receipt.
    fn add(&mut self, receipt: Receipt) -> Result<(), ReceiptsError> {
        if self.next != Some(receipt.from) || self.epoch != receipt.epoch {
            return Err(ReceiptsError::Incomplete);
        }
        let last = receipt.records.last().map(|last| last.sequence.saturating_add(1));
        self.next = last.filter(|_| receipt.records.len() == Receipt::MOST);
        self.records.extend(receipt.records.into_iter().map(|has| (has.sequence, has.sha256)));
        Ok(())
    }

    /// Asks central, until it is clear of every record of the queue that waits, and whether there are any beyond.
    ///
    /// # Errors
    /// When central does not say.
    pub async fn ask(client: &CentralClient, queue: &Extent) -> Result<CentralHas, ReceiptsError> {
        let mut has = CentralHas::nothing(queue.epoch.clone(), queue.first);
        for _ in 0..RECEIPTS_MOST {
            let Some(from) = has.next.filter(|from| *from <= queue.last.saturating_add(1)) else {
                return Ok(has);
            };
            has.add(client.receipt(&queue.epoch, from).await?)?;
        }
        Err(ReceiptsError::Incomplete)
    }

    /// Reads a file of receipts, all of it.
    ///
    /// # Errors
    /// When it is not whole, not central's, or of another lane.
    pub fn read(path: &Path, key: &VerifyingKey, lane: &str) -> Result<CentralHas, ReceiptsError> {
        let failed = |error| ReceiptsError::File(path.display().to_string(), error);
        CentralHas::parse(&mut BufReader::new(File::open(path).map_err(failed)?), key, lane)
    }

    /// The same from any bytes.
    ///
    /// # Errors
    /// As [`CentralHas::read`].
    pub fn parse(file: &mut impl BufRead, key: &VerifyingKey, lane: &str) -> Result<Self, ReceiptsError> {
        let mut has: Option<CentralHas> = None;
        for line in 1..=RECEIPTS_MOST {
            let mut text = Vec::new();
            let read = file.take(RECEIPT_BYTES_MOST as u64).read_until(b'\n', &mut text);
            if read.map_err(|error| ReceiptsError::File(format!("line {line}"), error))? == 0 {
                return has.filter(|has| has.next.is_none()).ok_or(ReceiptsError::Incomplete);
            }
            let no_receipt = |what: String| ReceiptsError::Line { line, what };
            if text.last() != Some(&b'\n') {
                return Err(no_receipt("it is too long, or cut off".to_owned()));
            }
            let signed: Signed<Receipt> =
                serde_json::from_slice(&text).map_err(|error| no_receipt(error.to_string()))?;
            let receipt = signed.accept(key, lane).map_err(|error| ReceiptsError::Receipt { line, error })?;
            has.get_or_insert_with(|| CentralHas::nothing(receipt.epoch.clone(), receipt.from))
                .add(receipt)?;
        }
        Err(ReceiptsError::Incomplete)
    }

    /// Whether central has this very record.
    pub fn holds(&self, sequence: u64, sha256: &str) -> bool {
        self.records.get(&sequence).is_some_and(|has| has == sha256)
    }

    /// Whether central has another record under this sequence.
    pub fn differs(&self, sequence: u64, sha256: &str) -> bool {
        self.records.get(&sequence).is_some_and(|has| has != sha256)
    }

    /// The last record that central has, as far as was asked.
    pub fn last(&self) -> Option<u64> {
        self.records.last_key_value().map(|(sequence, _)| *sequence)
    }
}

/// What a receipt did to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Receipted {
    /// Records that left the queue.
    pub forgotten: u64,
    /// Records that still wait for central.
    pub waiting: u64,
    /// The first record in whose place central has another one: the queue was put back from a copy.
    pub collides: Option<u64>,
}

impl Outbox {
    /// Forgets what central says that it has: the oldest records that wait, as far as central has each of them
    /// unchanged. The lane may run.
    ///
    /// # Errors
    /// When it is of another queue, or the file cannot be read or written.
    pub fn take_receipt(&mut self, has: &CentralHas) -> Result<Receipted, OutboxError> {
        if has.epoch != self.epoch() {
            let through = has.last().unwrap_or_default();
            return Err(OutboxError::Acknowledgement { epoch: has.epoch.clone(), through });
        }
        let first = self.extent()?.map_or(0, |extent| extent.first);
        let known = self.known(has)?;
        let whole = (first..).zip(&known).take_while(|(expected, known)| expected == *known);
        let through = whole.last().map(|(_, known)| *known);
        let mut collides = None;
        self.each_waiting(|sequence, sha256| {
            if collides.is_none() && has.differs(sequence, sha256) {
                collides = Some(sequence);
            }
        })?;
        let before = self.len()?;
        if let Some(through) = through {
            let epoch = has.epoch.clone();
            self.acknowledge(&epoch, through)?;
        }
        let waiting = self.len()?;
        Ok(Receipted { forgotten: before.saturating_sub(waiting), waiting, collides })
    }

    /// Which of the records that wait central has unchanged, in rising order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn known(&self, has: &CentralHas) -> Result<Vec<u64>, OutboxError> {
        let mut known = Vec::new();
        if has.epoch == self.epoch() {
            self.each_waiting(|sequence, sha256| {
                if has.holds(sequence, sha256) {
                    known.push(sequence);
                }
            })?;
        }
        Ok(known)
    }

    /// Sequence and hash of each record that waits, in chain order.
    pub(super) fn each_waiting(&self, mut look: impl FnMut(u64, &str)) -> Result<(), OutboxError> {
        let mut read = || {
            let mut rows =
                self.db.prepare_cached("SELECT sequence, sha256 FROM records ORDER BY sequence")?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                look(row.get(0)?, &row.get::<_, String>(1)?);
            }
            Ok(())
        };
        read().map_err(|error| self.fault(error))
    }
}
