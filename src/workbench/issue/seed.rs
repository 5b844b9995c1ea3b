//! Everything random about test documents, drawn from a seed: the same seed makes the same documents.

use anyhow::{Result, bail};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::sha::sha256;

/// Miller–Rabin rounds for a prime; far beyond what test keys need.
const PRIME_ROUNDS: i32 = 24;
/// Odd numbers that are looked at for one prime: a hundred times what one of 2,048 bits takes on average.
const PRIME_CANDIDATES: u32 = 100_000;

/// Where all keys of a country come from.
#[derive(Clone)]
pub(super) struct Seed([u8; 32]);

impl Seed {
    /// Of any text or bytes.
    pub(super) fn new(from: &[u8]) -> Seed {
        Seed(sha256(from))
    }

    /// Bytes for one use and no other.
    pub(super) fn stream(&self, label: &str) -> Stream {
        Stream { key: sha256(&[&self.0[..], label.as_bytes()].concat()), drawn: 0, block: Vec::new() }
    }
}

/// Bytes that follow from seed and label: SHA-256 over key and counter.
pub(super) struct Stream {
    key: [u8; 32],
    drawn: u64,
    block: Vec<u8>,
}

impl Stream {
    pub(super) fn bytes(&mut self, number: usize) -> Vec<u8> {
        while self.block.len() < number {
            self.block.extend(sha256(&[&self.key[..], &self.drawn.to_be_bytes()].concat()));
            self.drawn += 1;
        }
        self.block.drain(..number).collect()
    }

    /// A number from 1 up to, and not including, `limit`. Half as many bits again are drawn and reduced,
    /// so that all are as likely.
    pub(super) fn below(&mut self, limit: &BigNumRef) -> Result<BigNum> {
        let mut context = BigNumContext::new()?;
        let wide = BigNum::from_slice(&self.bytes(limit.num_bytes() as usize * 3 / 2))?;
        let mut most = limit.to_owned()?;
        most.sub_word(1)?;
        let mut number = BigNum::new()?;
        number.checked_rem(&wide, &most, &mut context)?;
        number.add_word(1)?;
        Ok(number)
    }

    /// A prime of so many bits, the highest two of them set, so that the product of two has twice as many;
    /// one less than it has no divisor in common with `exponent`.
    pub(super) fn prime(&mut self, bits: usize, exponent: &BigNumRef) -> Result<BigNum> {
        let mut context = BigNumContext::new()?;
        let mut bytes = self.bytes(bits / 8);
        if let (Some(first), true) = (bytes.first_mut(), bits.is_multiple_of(8)) {
            *first |= 0xC0;
        }
        let mut candidate = BigNum::from_slice(&bytes)?;
        candidate.set_bit(0)?;
        let (mut before, mut divisor) = (BigNum::new()?, BigNum::new()?);
        let one = BigNum::from_u32(1)?;
        for _ in 0..PRIME_CANDIDATES {
            if candidate.is_prime_fasttest(PRIME_ROUNDS, &mut context, true)? {
                before.checked_sub(&candidate, &one)?;
                divisor.gcd(&before, exponent, &mut context)?;
                if divisor == one {
                    return Ok(candidate);
                }
            }
            candidate.add_word(2)?;
        }
        bail!("no prime of {bits} bits found")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_and_label_decide_and_nothing_else() {
        let draw = |seed: &[u8], label, number| Seed::new(seed).stream(label).bytes(number);
        assert_eq!(draw(b"a", "x", 50), draw(b"a", "x", 50));
        assert_eq!(draw(b"a", "x", 50)[..20], draw(b"a", "x", 20));
        assert_ne!(draw(b"a", "x", 50), draw(b"a", "y", 50));
        assert_ne!(draw(b"a", "x", 50), draw(b"b", "x", 50));
    }

    #[test]
    fn primes_are_as_long_as_asked_for() {
        let exponent = BigNum::from_u32(65_537).unwrap();
        let prime = Seed::new(b"prime").stream("p").prime(256, &exponent).unwrap();
        assert_eq!(prime.num_bits(), 256);
        assert!(prime.is_prime(20, &mut BigNumContext::new().unwrap()).unwrap());
    }
}
