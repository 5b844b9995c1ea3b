//! AES as the card computes it: CBC from the library, CMAC (NIST SP 800-38B) made of it, after Doc 9303-11
//! §9.7 and §9.8.

use openssl::symm::{Cipher, Crypter, Mode};

const BLOCK: usize = 16;
/// What a carry out of the field's highest bit adds.
const REDUCTION: u128 = 0x87;

/// An AES key of 16, 24 or 32 bytes.
pub(super) struct Aes(Vec<u8>);

impl Aes {
    pub(super) fn new(key: &[u8]) -> Aes {
        Aes(key.to_vec())
    }

    /// CBC from a zero vector over whole blocks.
    pub(super) fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        self.cbc(Mode::Encrypt, plain)
    }

    /// The reverse of [`Self::encrypt`].
    pub(super) fn decrypt(&self, cryptogram: &[u8]) -> Vec<u8> {
        self.cbc(Mode::Decrypt, cryptogram)
    }

    fn cbc(&self, mode: Mode, input: &[u8]) -> Vec<u8> {
        let cipher = match self.0.len() {
            16 => Cipher::aes_128_cbc(),
            24 => Cipher::aes_192_cbc(),
            _ => Cipher::aes_256_cbc(),
        };
        let run = || {
            let mut crypter = Crypter::new(cipher, mode, &self.0, Some(&[0; BLOCK]))?;
            crypter.pad(false);
            let mut out = vec![0; input.len() + BLOCK];
            let written = crypter.update(input, &mut out)?;
            out.truncate(written);
            Ok::<_, openssl::error::ErrorStack>(out)
        };
        // Fails for no key of a right length; an empty result verifies nowhere.
        run().unwrap_or_default()
    }

    /// CMAC, its first 8 bytes.
    pub(super) fn mac(&self, message: &[u8]) -> [u8; 8] {
        let subkey = |key: u128| (key << 1) ^ if key >> 127 == 1 { REDUCTION } else { 0 };
        let zero = <[u8; BLOCK]>::try_from(self.encrypt(&[0; BLOCK])).unwrap_or_default();
        let whole = subkey(u128::from_be_bytes(zero));
        let mut blocks = message.to_vec();
        let last_key = if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            blocks.push(0x80);
            blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
            subkey(whole)
        } else {
            whole
        };
        let last = blocks.len() - BLOCK;
        blocks.iter_mut().skip(last).zip(last_key.to_be_bytes()).for_each(|(byte, key)| *byte ^= key);
        let chain = self.encrypt(&blocks);
        chain.get(last..).and_then(|mac| mac.first_chunk()).copied().unwrap_or_default()
    }
}
