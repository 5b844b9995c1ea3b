//! What central says of a lane's records that it has: so that a lane without connection can forget what was carried
//! to central by hand, and that a queue that was put back from a copy shows what of it central has.

use super::{Signed, Statement, StatementError};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

/// Longest receipt as it travels, bytes: JSON in JSON with [`Receipt::MOST`] records.
pub const RECEIPT_BYTES_MOST: usize = 256 << 10;

/// The records of one queue that central has, from a sequence on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The lane.
    pub lane: String,
    /// Epoch of its queue.
    pub epoch: String,
    /// Nothing is said of records before this sequence.
    pub from: u64,
    /// When central looked, milliseconds since 1970 UTC.
    pub issued: i64,
    /// What central has, sequences rising, at most [`Receipt::MOST`]; fewer when it has no more.
    pub records: Vec<Received>,
}

/// A record that central has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Its sequence.
    pub sequence: u64,
    /// Its hash, hexadecimal: central has this record and no other under this sequence.
    pub sha256: String,
}

impl Statement for Receipt {
    const CONTEXT: &'static [u8] = b"egate receipt 1\0";
}

/// Why a receipt does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not central's, or no receipt.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It is of another lane.
    #[error("the receipt is of lane {0:?}")]
    OtherLane(String),
    /// Sequences do not rise, begin too early, or there are too many.
    #[error("the receipt's records are not in rising order from {0} on, or too many")]
    Order(u64),
}

impl Receipt {
    /// Records in one receipt at most.
    pub const MOST: usize = 1024;
}

impl Signed<Receipt> {
    /// The receipt, when central signed it for this lane and it is in order.
    ///
    /// # Errors
    /// When it is not central's, of another lane, or out of order.
    pub fn accept(&self, key: &VerifyingKey, lane: &str) -> Result<Receipt, ReceiptError> {
        let receipt = self.verify(key)?;
        if receipt.lane != lane {
            return Err(ReceiptError::OtherLane(receipt.lane));
        }
        let rising = receipt.records.is_sorted_by(|before, after| before.sequence < after.sequence);
        let begins = receipt.records.first().is_none_or(|first| first.sequence >= receipt.from);
        if !(rising && begins && receipt.records.len() <= Receipt::MOST) {
            return Err(ReceiptError::Order(receipt.from));
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    fn receipt(sequences: impl IntoIterator<Item = u64>) -> Receipt {
        let records = sequences.into_iter();
        let records = records.map(|sequence| Received { sequence, sha256: "a".repeat(64) }).collect();
        Receipt { lane: "lane-1".into(), epoch: "0".repeat(32), from: 5, issued: 1, records }
    }

    #[test]
    fn a_receipt_counts_for_its_lane_and_in_order_alone() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let signed = |sequences: &[u64]| Signed::sign(&receipt(sequences.iter().copied()), &key).unwrap();
        let accept = |sequences: &[u64], lane| signed(sequences).accept(&key.verifying_key(), lane);
        assert_eq!(accept(&[5, 6, 9], "lane-1").unwrap(), receipt([5, 6, 9]));
        assert!(accept(&[], "lane-1").is_ok());
        assert_eq!(accept(&[5], "lane-2"), Err(ReceiptError::OtherLane("lane-1".into())));
        for wrong in [&[4, 5][..], &[6, 5], &[5, 5]] {
            assert_eq!(accept(wrong, "lane-1"), Err(ReceiptError::Order(5)), "{wrong:?}");
        }
        let other = SigningKey::from_bytes(&[6; 32]);
        assert!(matches!(
            signed(&[5]).accept(&other.verifying_key(), "lane-1"),
            Err(ReceiptError::Statement(StatementError::Signature))
        ));
    }

    #[test]
    fn a_full_receipt_fits_in_its_bound() {
        let most = u64::try_from(Receipt::MOST).unwrap();
        let full = receipt((1 << 52)..(1 << 52) + most);
        let signed = Signed::sign(&full, &SigningKey::from_bytes(&[5; 32])).unwrap();
        let bytes = serde_json::to_vec(&signed).unwrap().len();
        assert!(bytes <= RECEIPT_BYTES_MOST, "{bytes}");
        let more = receipt(5..6 + most);
        let signed = Signed::sign(&more, &SigningKey::from_bytes(&[5; 32])).unwrap();
        let key = SigningKey::from_bytes(&[5; 32]).verifying_key();
        assert_eq!(signed.accept(&key, "lane-1"), Err(ReceiptError::Order(5)));
    }
}
