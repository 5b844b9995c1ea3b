//! Two-key 3DES with its retail MAC: the cipher of BAC, and of older PACE and chip authentication
//! (Doc 9303-11 §4.3.3, §9.8.6).
//!
//! Single DES, which the retail MAC needs for all blocks but the last, is 3DES with one key three times:
//! OpenSSL has moved single DES to a provider that may be absent. Contexts keep their key schedule from
//! call to call.

use super::{SessionCipher, pad, run};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

/// Bytes of a DES block.
const BLOCK: usize = 8;

/// Two-key 3DES in CBC mode with a zero vector, and retail MAC (ISO/IEC 9797-1, algorithm 3).
pub struct TripleDes {
    encrypting: CipherCtx,
    decrypting: CipherCtx,
    /// K1 three times.
    mac_inner: CipherCtx,
    /// K1, K2, K1.
    mac_last: CipherCtx,
}

impl TripleDes {
    /// From the keys of encryption and MAC, sixteen bytes each.
    ///
    /// # Errors
    /// What OpenSSL says, when it lacks 3DES.
    pub fn new(encryption: &[u8; 16], mac: &[u8; 16]) -> Result<TripleDes, ErrorStack> {
        let cipher = Cipher::fetch(None, "DES-EDE3-CBC", None)?;
        let ready = |key: [u8; 24], encrypt: bool| -> Result<CipherCtx, ErrorStack> {
            let mut context = CipherCtx::new()?;
            match encrypt {
                true => context.encrypt_init(Some(&cipher), Some(&key), Some(&[0; BLOCK]))?,
                false => context.decrypt_init(Some(&cipher), Some(&key), Some(&[0; BLOCK]))?,
            }
            context.set_padding(false);
            Ok(context)
        };
        Ok(TripleDes {
            encrypting: ready(halves(encryption, [0, 1, 0]), true)?,
            decrypting: ready(halves(encryption, [0, 1, 0]), false)?,
            mac_inner: ready(halves(mac, [0, 0, 0]), true)?,
            mac_last: ready(halves(mac, [0, 1, 0]), true)?,
        })
    }
}

impl SessionCipher for TripleDes {
    fn block(&self) -> usize {
        BLOCK
    }

    fn encrypt(&mut self, _counter: &[u8], padded: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        self.encrypting.encrypt_init(None, None, Some(&[0; BLOCK]))?;
        run(&mut self.encrypting, padded)
    }

    fn decrypt(&mut self, _counter: &[u8], blocks: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        self.decrypting.decrypt_init(None, None, Some(&[0; BLOCK]))?;
        run(&mut self.decrypting, blocks)
    }

    fn mac(&mut self, padded: &[u8]) -> Result<[u8; 8], ErrorStack> {
        let (inner, last) = padded.split_at(padded.len().saturating_sub(BLOCK));
        self.mac_inner.encrypt_init(None, None, Some(&[0; BLOCK]))?;
        let chain = run(&mut self.mac_inner, inner)?;
        let vector = chain.last_chunk().copied().unwrap_or([0; BLOCK]);
        self.mac_last.encrypt_init(None, None, Some(&vector))?;
        let block = run(&mut self.mac_last, last)?;
        Ok(block.last_chunk().copied().unwrap_or_default())
    }

    fn token(&mut self, data: &[u8]) -> Result<[u8; 8], ErrorStack> {
        let mut padded = data.to_vec();
        pad(&mut padded, BLOCK);
        self.mac(&padded)
    }
}

/// Three of the two halves of a key, in order.
fn halves(key: &[u8; 16], order: [usize; 3]) -> [u8; 24] {
    let mut whole = [0; 24];
    for (part, half) in whole.chunks_exact_mut(BLOCK).zip(order) {
        for (to, from) in part.iter_mut().zip(key.iter().skip(half * BLOCK)) {
            *to = *from;
        }
    }
    whole
}
