//! Ciphers of access and secure messaging: two-key 3DES with its retail MAC (Doc 9303-11 §4.3.3, §9.8).
//!
//! Single DES, which the retail MAC needs for all blocks but the last, is 3DES with one key three times:
//! OpenSSL has moved single DES to a provider that may be absent. Contexts keep their key schedule from
//! call to call.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::sha::Sha1;

/// Encryption and authentication of one secure messaging session. 3DES is the one that BAC gives; AES differs
/// in block size, initialisation vector (the encrypted send sequence counter) and MAC, all of which stay
/// behind this trait.
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
}

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
}

fn run(context: &mut CipherCtx, input: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut output = Vec::with_capacity(input.len() + 2 * BLOCK);
    context.cipher_update_vec(input, &mut output)?;
    context.cipher_final_vec(&mut output)?;
    Ok(output)
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

/// What a derived key is for, Doc 9303-11 §9.7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum KeyUse {
    Encryption = 1,
    Mac = 2,
}

/// Key derivation for two-key 3DES, Doc 9303-11 §9.7.1: SHA-1 of seed and use, odd parity.
pub(super) fn derive_triple_des(seed: &[u8], purpose: KeyUse) -> [u8; 16] {
    let mut hash = Sha1::new();
    hash.update(seed);
    hash.update(&[0, 0, 0, purpose as u8]);
    let digest = hash.finish();
    let mut key: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
    for byte in &mut key {
        if byte.count_ones() % 2 == 0 {
            *byte ^= 1;
        }
    }
    key
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_the_keys_of_doc_9303_part_11_appendix_d1() {
        let seed = hex::decode("239AB9CB282DAF66231DC5A4DF6BFBAE").unwrap();
        let hex = |key: [u8; 16]| hex::encode_upper(key);
        assert_eq!(hex(derive_triple_des(&seed, KeyUse::Encryption)), "AB94FDECF2674FDFB9B391F85D7F76F2");
        assert_eq!(hex(derive_triple_des(&seed, KeyUse::Mac)), "7962D9ECE03D1ACD4C76089DCE131543");
    }

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
