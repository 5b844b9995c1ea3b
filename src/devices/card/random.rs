//! Random numbers of a card that can be played again.

use openssl::sha::sha256;

/// Random bytes made by hash of a seed and a counter.
#[derive(Debug, Clone)]
pub(super) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { seed, drawn: 0 }
    }

    /// The next 8 bytes.
    pub(super) fn block(&mut self) -> [u8; 8] {
        let input = [self.seed.to_be_bytes(), self.drawn.to_be_bytes()].concat();
        self.drawn += 1;
        let [a, b, c, d, e, f, g, h, ..] = sha256(&input);
        [a, b, c, d, e, f, g, h]
    }

    /// The next so many bytes.
    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut out: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.block()).collect();
        out.truncate(length);
        out
    }
}
