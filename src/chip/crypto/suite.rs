//! Which cipher a protocol uses, and its keys from a shared secret (Doc 9303-11 §9.7).

use super::{Aes, KeyUse, SessionCipher, TripleDes, run};
use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::sha::{sha1, sha256};
use std::fmt;

/// Cipher, key length, MAC and hash of a protocol, weakest first. The last arc of the protocols' object
/// identifiers says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CipherSuite {
    /// 3DES with two keys, retail MAC, SHA-1.
    TripleDes,
    /// AES-128, CMAC, SHA-1.
    Aes128,
    /// AES-192, CMAC, SHA-256.
    Aes192,
    /// AES-256, CMAC, SHA-256.
    Aes256,
}

impl CipherSuite {
    /// The suite behind the last arc of a protocol's identifier.
    pub fn of_arc(arc: u32) -> Option<CipherSuite> {
        let all = [CipherSuite::TripleDes, CipherSuite::Aes128, CipherSuite::Aes192, CipherSuite::Aes256];
        all.get(usize::try_from(arc).ok()?.checked_sub(1)?).copied()
    }

    /// Bytes of a key.
    pub fn key_length(self) -> usize {
        match self {
            CipherSuite::TripleDes | CipherSuite::Aes128 => 16,
            CipherSuite::Aes192 => 24,
            CipherSuite::Aes256 => 32,
        }
    }

    /// Bytes of a block.
    pub(in crate::chip) fn block(self) -> usize {
        match self {
            CipherSuite::TripleDes => 8,
            _ => 16,
        }
    }

    /// Key derivation, §9.7.1.
    pub(in crate::chip) fn derive(self, secret: &[u8], purpose: KeyUse) -> Vec<u8> {
        let input = [secret, &[0, 0, 0, purpose as u8]].concat();
        let mut key = match self {
            CipherSuite::TripleDes | CipherSuite::Aes128 => sha1(&input).to_vec(),
            CipherSuite::Aes192 | CipherSuite::Aes256 => sha256(&input).to_vec(),
        };
        key.truncate(self.key_length());
        if self == CipherSuite::TripleDes {
            key.iter_mut().filter(|byte| byte.count_ones() % 2 == 0).for_each(|byte| *byte ^= 1);
        }
        key
    }

    /// The cipher of a session whose keys come from this shared secret, §9.7.4.
    pub(in crate::chip) fn session(self, secret: &[u8]) -> Result<Box<dyn SessionCipher>, ErrorStack> {
        let [encryption, mac] = [KeyUse::Encryption, KeyUse::Mac].map(|purpose| self.derive(secret, purpose));
        Ok(match self {
            CipherSuite::TripleDes => Box::new(TripleDes::new(&two_keys(&encryption), &two_keys(&mac))?),
            _ => Box::new(Aes::new(&encryption, &mac)?),
        })
    }

    /// CBC without padding and with a zero vector, under a key of [`key_length`](Self::key_length).
    pub(in crate::chip) fn encrypt(self, key: &[u8], blocks: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let (cipher, key) = self.chaining(key)?;
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(&cipher), Some(&key), Some(self.zeros()))?;
        context.set_padding(false);
        run(&mut context, blocks)
    }

    /// The reverse of [`encrypt`](Self::encrypt).
    pub(in crate::chip) fn decrypt(self, key: &[u8], blocks: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let (cipher, key) = self.chaining(key)?;
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(&cipher), Some(&key), Some(self.zeros()))?;
        context.set_padding(false);
        run(&mut context, blocks)
    }

    /// OpenSSL's cipher, and the key in the form that it wants.
    fn chaining(self, key: &[u8]) -> Result<(Cipher, Vec<u8>), ErrorStack> {
        let name = match self {
            CipherSuite::TripleDes => "DES-EDE3-CBC",
            CipherSuite::Aes128 => "AES-128-CBC",
            CipherSuite::Aes192 => "AES-192-CBC",
            CipherSuite::Aes256 => "AES-256-CBC",
        };
        let mut key: Vec<u8> = key.iter().copied().take(self.key_length()).collect();
        if self == CipherSuite::TripleDes {
            key.extend_from_within(..key.len().min(self.block()));
        }
        let cipher = Cipher::fetch(None, name, None)?;
        key.resize(CipherRef::key_length(&cipher), 0);
        Ok((cipher, key))
    }

    fn zeros(self) -> &'static [u8] {
        match self {
            CipherSuite::TripleDes => &[0; 8],
            _ => &[0; 16],
        }
    }
}

fn two_keys(key: &[u8]) -> [u8; 16] {
    key.first_chunk().copied().unwrap_or_default()
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CipherSuite::TripleDes => "3DES",
            CipherSuite::Aes128 => "AES-128",
            CipherSuite::Aes192 => "AES-192",
            CipherSuite::Aes256 => "AES-256",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn derives_the_keys_of_doc_9303_part_11_appendix_d1() {
        let seed = bytes("239AB9CB282DAF66231DC5A4DF6BFBAE");
        let key = |purpose| hex::encode_upper(CipherSuite::TripleDes.derive(&seed, purpose));
        assert_eq!(key(KeyUse::Encryption), "AB94FDECF2674FDFB9B391F85D7F76F2");
        assert_eq!(key(KeyUse::Mac), "7962D9ECE03D1ACD4C76089DCE131543");
    }

    #[test]
    fn derives_password_keys_of_every_length_and_their_mac() {
        for (suite, password, mac) in [
            (CipherSuite::Aes128, "591468CDA83D65219CCCB8560233600F", "6DA545F6F0B3F5C5"),
            (CipherSuite::Aes192, "8DF3278FB32026E66277357FCD6C826DBEB3DE32088B2531", "C6A55DCFEA2FC789"),
            (
                CipherSuite::Aes256,
                "8DF3278FB32026E66277357FCD6C826DBEB3DE32088B2531757D753940185923",
                "1759C6C914394042",
            ),
        ] {
            assert_eq!(hex::encode_upper(suite.derive(b"123456", KeyUse::Password)), password);
            let token = suite.session(b"123456").unwrap().token(b"jvnjksdhjkfkladj").unwrap();
            assert_eq!(hex::encode_upper(token), mac, "{suite}");
        }
    }

    #[test]
    fn makes_the_retail_mac_of_iso_9797_and_chains_what_it_unchains() {
        let key = bytes("7CA110454A1A6E570131D9619DC1376E").try_into().unwrap();
        let mut cipher = TripleDes::new(&key, &key).unwrap();
        assert_eq!(hex::encode_upper(cipher.mac(b"Hello World !!!!").unwrap()), "F09B856213BAB83B");
        for arc in 1..=4 {
            let suite = CipherSuite::of_arc(arc).unwrap();
            let key = vec![7; suite.key_length()];
            let blocks = [5; 32];
            assert_eq!(suite.decrypt(&key, &suite.encrypt(&key, &blocks).unwrap()).unwrap(), blocks);
            assert!(suite.decrypt(&key, &[5; 31]).is_err());
        }
        assert_eq!((CipherSuite::of_arc(0), CipherSuite::of_arc(5)), (None, None));
    }
}
