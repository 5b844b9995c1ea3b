//! The cryptography of access, chip authentication and secure messaging: OpenSSL's primitives put together
//! as Doc 9303-11 §9.6 to §9.8 says.
//!
//! Own arithmetic is only where no library has it: mapping the nonce of PACE into a group
//! ([`domain`] for multiplication, `access::mapping` for the rest) and message recovery of ISO/IEC 9796-2.
mod aes;
mod domain;
mod suite;
mod triple_des;

pub use aes::Aes;
pub(super) use domain::Domain;
pub use suite::CipherSuite;
pub use triple_des::TripleDes;

use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

/// Encryption and authentication of one secure messaging session. 3DES and AES differ in block size, initialisation
/// vector and MAC, all of which stay behind this trait.
pub trait SessionCipher: Send {
    /// Bytes of a block, to which data and MAC input are padded; also those of the send sequence counter.
    fn block(&self) -> usize;
    /// Encrypts padded data under the counter's present value.
    ///
    /// # Errors
    /// What OpenSSL says.
    fn encrypt(&mut self, counter: &[u8], padded: &[u8]) -> Result<Vec<u8>, ErrorStack>;
    /// Decrypts whole blocks under the counter's present value.
    ///
    /// # Errors
    /// What OpenSSL says.
    fn decrypt(&mut self, counter: &[u8], blocks: &[u8]) -> Result<Vec<u8>, ErrorStack>;
    /// The eight bytes of authentication of padded data, which begin with the counter.
    ///
    /// # Errors
    /// What OpenSSL says.
    fn mac(&mut self, padded: &[u8]) -> Result<[u8; 8], ErrorStack>;
    /// The eight bytes of authentication of data as they are, padded as the algorithm itself does it: the
    /// token of PACE, Doc 9303-11 §4.4.3.4.
    ///
    /// # Errors
    /// What OpenSSL says.
    fn token(&mut self, data: &[u8]) -> Result<[u8; 8], ErrorStack>;
}

/// What a derived key is for, Doc 9303-11 §9.7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum KeyUse {
    Encryption = 1,
    Mac = 2,
    /// Decrypting the nonce of PACE.
    Password = 3,
}

/// Appends `80` and zeros up to a whole block, ISO/IEC 9797-1 padding method 2.
pub(super) fn pad(bytes: &mut Vec<u8>, block: usize) {
    bytes.push(0x80);
    bytes.resize(bytes.len().next_multiple_of(block), 0);
}

/// Takes that padding away; `None` when it is not there.
pub(super) fn unpad(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    let (data, padding) = bytes.split_at_checked(end)?;
    (padding.first() == Some(&0x80)).then_some(data)
}

/// Sends whole blocks through a context that is ready.
fn run(context: &mut CipherCtx, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    const LARGEST_BLOCK: usize = 16;
    let mut output = Vec::with_capacity(input.len() + 2 * LARGEST_BLOCK);
    context.cipher_update_vec(input, &mut output)?;
    context.cipher_final_vec(&mut output)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_comes_off_only_where_it_is() {
        let mut bytes = vec![1, 2, 0];
        pad(&mut bytes, 8);
        assert_eq!(bytes, [1, 2, 0, 0x80, 0, 0, 0, 0]);
        assert_eq!(unpad(&bytes), Some(&[1, 2, 0][..]));
        assert_eq!(unpad(&[0; 8]), None);
        assert_eq!(unpad(&[1, 2, 3]), None);
        assert_eq!(unpad(&[]), None);
    }
}
