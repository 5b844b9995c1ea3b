//! DES as the card computes it: block by block, from single blocks, after Doc 9303-11 §9.7 and §9.8.

use super::digest::Digest;
use openssl::symm::{Cipher, Crypter, Mode};

type Block = [u8; 8];

/// Single DES with one key, one block at a time.
struct Des {
    forward: Crypter,
    backward: Crypter,
}

impl Des {
    fn new(key: Block) -> Des {
        let tripled = [key, key, key].concat();
        let crypter = |mode| {
            let mut crypter = Crypter::new(Cipher::des_ede3_ecb(), mode, &tripled, None)?;
            crypter.pad(false);
            Ok::<_, openssl::error::ErrorStack>(crypter)
        };
        match (crypter(Mode::Encrypt), crypter(Mode::Decrypt)) {
            (Ok(forward), Ok(backward)) => Des { forward, backward },
            // Without DES there is no such card; nothing that comes from outside leads here.
            _ => unreachable!("this OpenSSL has no 3DES"),
        }
    }

    fn block(crypter: &mut Crypter, block: Block) -> Block {
        // A Crypter wants room for one block more than it is given.
        let mut room = [0; 16];
        let _ = crypter.update(&block, &mut room);
        let [a, b, c, d, e, f, g, h, ..] = room;
        [a, b, c, d, e, f, g, h]
    }

    fn encrypt(&mut self, block: Block) -> Block {
        Self::block(&mut self.forward, block)
    }

    fn decrypt(&mut self, block: Block) -> Block {
        Self::block(&mut self.backward, block)
    }
}

/// Two-key 3DES.
pub(super) struct Keys {
    first: Des,
    second: Des,
}

impl Keys {
    /// The key for use 1 (encryption) or 2 (MAC) from a seed.
    pub(super) fn derive(seed: &[u8], purpose: u8) -> Keys {
        let mut input = seed.to_vec();
        input.extend([0, 0, 0, purpose]);
        let digest = Digest::Sha1.of(&input);
        let odd = |byte: u8| (byte & 0xFE) | u8::from((byte >> 1).count_ones().is_multiple_of(2));
        let half = |from: usize| {
            let mut key = [0; 8];
            key.iter_mut().zip(digest.iter().skip(from)).for_each(|(to, byte)| *to = odd(*byte));
            key
        };
        Keys { first: Des::new(half(0)), second: Des::new(half(8)) }
    }

    /// CBC from a zero vector over whole blocks.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut chain = [0; 8];
        let mut out = Vec::with_capacity(plain.len());
        for block in blocks(plain) {
            let mixed = self.first.encrypt(xor(block, chain));
            chain = self.first.encrypt(self.second.decrypt(mixed));
            out.extend(chain);
        }
        out
    }

    /// The reverse of [`Self::encrypt`].
    pub(super) fn decrypt(&mut self, cryptogram: &[u8]) -> Vec<u8> {
        let mut chain = [0; 8];
        let mut out = Vec::with_capacity(cryptogram.len());
        for block in blocks(cryptogram) {
            let mixed = self.first.decrypt(block);
            out.extend(xor(self.first.decrypt(self.second.encrypt(mixed)), chain));
            chain = block;
        }
        out
    }

    /// ISO/IEC 9797-1 MAC algorithm 3, with padding method 2.
    pub(super) fn mac(&mut self, message: &[u8]) -> Block {
        let chain =
            blocks(&padded(message)).fold([0; 8], |chain, block| self.first.encrypt(xor(chain, block)));
        self.first.encrypt(self.second.decrypt(chain))
    }
}

/// With `80` and zeros to the next whole block.
pub(super) fn padded(message: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    out.push(0x80);
    while !out.len().is_multiple_of(8) {
        out.push(0);
    }
    out
}

/// Without that padding; `None` where it is not.
pub(super) fn unpadded(mut message: Vec<u8>) -> Option<Vec<u8>> {
    while message.last() == Some(&0) {
        message.pop();
    }
    (message.pop() == Some(0x80)).then_some(message)
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block> {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok())
}

fn xor(a: Block, b: Block) -> Block {
    let mut out = a;
    out.iter_mut().zip(b).for_each(|(to, from)| *to ^= from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypts_and_authenticates_the_cards_token_of_appendix_d3() {
        // Doc 9303-11 appendix D.1 to D.3.
        let seed = Digest::Sha1.of(b"L898902C<369080619406236");
        assert_eq!(hex::encode_upper(&seed[..16]), "239AB9CB282DAF66231DC5A4DF6BFBAE");
        let mut encryption = Keys::derive(&seed[..16], 1);
        let mut mac = Keys::derive(&seed[..16], 2);
        let plain = hex::decode("4608F91988702212781723860C06C2260B4F80323EB3191CB04970CB4052790B").unwrap();
        let token = encryption.encrypt(&plain);
        assert_eq!(
            hex::encode_upper(&token),
            "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F"
        );
        assert_eq!(hex::encode_upper(mac.mac(&token)), "2F2D235D074D7449");
        assert_eq!(encryption.decrypt(&token), plain);
    }

    #[test]
    fn padding_comes_off_only_where_it_is() {
        assert_eq!(padded(&[1, 0]), [1, 0, 0x80, 0, 0, 0, 0, 0]);
        assert_eq!(unpadded(padded(&[1, 0])), Some(vec![1, 0]));
        assert_eq!(unpadded(vec![0; 8]), None);
    }
}
