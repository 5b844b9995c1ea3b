//! The caller's random bytes, each used once.

use super::error::ChipError;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};

/// Random bytes that our side of the protocols uses, drawn by the caller: the nonces and keys of BAC, PACE,
/// chip and active authentication, over all restarts of one session.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChipRandom(pub Vec<u8>);

impl ChipRandom {
    /// Bytes that one session may need at most: three accesses, each followed by chip and active
    /// authentication, with the longest keys (below 300 bytes each).
    pub const LENGTH: usize = 1_024;
}

/// Bytes that are drawn beyond a key's length, so that its reduction shows no bias.
const SURPLUS: usize = 8;

/// What is left of [`ChipRandom`].
pub(super) struct RandomBytes(Vec<u8>);

impl RandomBytes {
    pub(super) fn new(random: ChipRandom) -> RandomBytes {
        RandomBytes(random.0)
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], ChipError> {
        let taken = self.0.first_chunk().copied().ok_or(ChipError::Bound("random bytes given"))?;
        self.0.drain(..N);
        Ok(taken)
    }

    pub(super) fn take_vec(&mut self, length: usize) -> Result<Vec<u8>, ChipError> {
        if length > self.0.len() {
            return Err(ChipError::Bound("random bytes given"));
        }
        Ok(self.0.drain(..length).collect())
    }

    /// A private key from 1 to `order` − 1: as many bytes as the order has and eight more, modulo
    /// `order` − 1, plus 1 (FIPS 186-5 appendix A.2.1).
    pub(super) fn private_key(&mut self, order: &BigNumRef) -> Result<BigNum, ChipError> {
        let length = usize::try_from(order.num_bytes()).unwrap_or_default();
        let drawn = BigNum::from_slice(&self.take_vec(length + SURPLUS)?)?;
        let (mut most, mut key) = (order.to_owned()?, BigNum::new()?);
        most.sub_word(1)?;
        key.nnmod(&drawn, &most, &mut *BigNumContext::new()?)?;
        key.add_word(1)?;
        key.set_const_time();
        Ok(key)
    }
}
