//! AES as secure messaging uses it, Doc 9303-11 §9.8.7: CBC whose vector is the encrypted counter, and CMAC
//! of eight bytes.

use super::{SessionCipher, run};
use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::symm;

/// Bytes of a block.
const BLOCK: usize = 16;

/// AES with keys of 16, 24 or 32 bytes. Contexts keep their key schedule from call to call.
pub struct Aes {
    /// Encrypts the counter.
    vector: CipherCtx,
    encrypting: CipherCtx,
    decrypting: CipherCtx,
    mac: PKey<Private>,
}

impl Aes {
    /// From the keys of encryption and MAC, of the same length.
    ///
    /// # Errors
    /// What OpenSSL says, as to keys of another length.
    pub fn new(encryption: &[u8], mac: &[u8]) -> Result<Aes, ErrorStack> {
        let (block, chain, authentication) = match encryption.len() {
            16 => (Cipher::aes_128_ecb(), Cipher::aes_128_cbc(), symm::Cipher::aes_128_cbc()),
            24 => (Cipher::aes_192_ecb(), Cipher::aes_192_cbc(), symm::Cipher::aes_192_cbc()),
            _ => (Cipher::aes_256_ecb(), Cipher::aes_256_cbc(), symm::Cipher::aes_256_cbc()),
        };
        Ok(Aes {
            vector: ready(block, encryption, None, true)?,
            encrypting: ready(chain, encryption, Some(&[0; BLOCK]), true)?,
            decrypting: ready(chain, encryption, Some(&[0; BLOCK]), false)?,
            mac: PKey::cmac(&authentication, mac)?,
        })
    }

    fn initialisation_vector(&mut self, counter: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        self.vector.encrypt_init(None, None, None)?;
        run(&mut self.vector, counter)
    }
}

fn ready(
    cipher: &CipherRef,
    key: &[u8],
    vector: Option<&[u8]>,
    encrypt: bool,
) -> Result<CipherCtx, ErrorStack> {
    let mut context = CipherCtx::new()?;
    // The key's length is looked at first: the bindings panic over a wrong one.
    if key.len() != cipher.key_length() {
        return Err(ErrorStack::get());
    }
    match encrypt {
        true => context.encrypt_init(Some(cipher), Some(key), vector)?,
        false => context.decrypt_init(Some(cipher), Some(key), vector)?,
    }
    context.set_padding(false);
    Ok(context)
}

impl SessionCipher for Aes {
    fn block(&self) -> usize {
        BLOCK
    }

    fn encrypt(&mut self, counter: &[u8], padded: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let vector = self.initialisation_vector(counter)?;
        self.encrypting.encrypt_init(None, None, Some(&vector))?;
        run(&mut self.encrypting, padded)
    }

    fn decrypt(&mut self, counter: &[u8], blocks: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let vector = self.initialisation_vector(counter)?;
        self.decrypting.decrypt_init(None, None, Some(&vector))?;
        run(&mut self.decrypting, blocks)
    }

    fn mac(&mut self, padded: &[u8]) -> Result<[u8; 8], ErrorStack> {
        let mut whole = [0; BLOCK];
        Signer::new_without_digest(&self.mac)?.sign_oneshot(&mut whole, padded)?;
        Ok(whole.first_chunk().copied().unwrap_or_default())
    }

    fn token(&mut self, data: &[u8]) -> Result<[u8; 8], ErrorStack> {
        self.mac(data)
    }
}
