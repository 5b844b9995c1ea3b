//! 3DES as the card computes it: block by block, from single blocks, after Doc 9303-11 §9.7 and §9.8.

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
pub(super) struct TwoKeyDes {
    first: Des,
    second: Des,
}

impl TwoKeyDes {
    /// Of 16 bytes, whose parity is set (§9.7.4).
    pub(super) fn new(key: &[u8]) -> TwoKeyDes {
        let odd = |byte: u8| (byte & 0xFE) | u8::from((byte >> 1).count_ones().is_multiple_of(2));
        let half = |from: usize| {
            let mut half = [0; 8];
            half.iter_mut().zip(key.iter().skip(from)).for_each(|(to, byte)| *to = odd(*byte));
            half
        };
        TwoKeyDes { first: Des::new(half(0)), second: Des::new(half(8)) }
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

    /// ISO/IEC 9797-1 MAC algorithm 3 over whole blocks.
    pub(super) fn mac(&mut self, message: &[u8]) -> Block {
        let chain = blocks(message).fold([0; 8], |chain, block| self.first.encrypt(xor(chain, block)));
        self.first.encrypt(self.second.decrypt(chain))
    }
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = Block> {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok())
}

fn xor(a: Block, b: Block) -> Block {
    let mut out = a;
    out.iter_mut().zip(b).for_each(|(to, from)| *to ^= from);
    out
}
