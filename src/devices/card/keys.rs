//! Ciphers of the protocols and their keys: derivation after Doc 9303-11 §9.7, encryption and MAC with either
//! cipher alike.

use super::aes::Aes;
use super::des::TwoKeyDes;
use super::digest::Digest;

/// For what a key is derived: the counter of §9.7.1.
pub(super) const ENCRYPTION: u8 = 1;
/// Key of a MAC.
pub(super) const AUTHENTICATION: u8 = 2;
/// Key made of a password, which encrypts PACE's nonce.
pub(super) const PASSWORD: u8 = 3;

/// A cipher with its key length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suite {
    TripleDes,
    Aes128,
    Aes192,
    Aes256,
}

impl Suite {
    /// As the last number of an object identifier of PACE or chip authentication says.
    pub(super) fn of_number(number: u8) -> Option<Suite> {
        Some(match number {
            1 => Suite::TripleDes,
            2 => Suite::Aes128,
            3 => Suite::Aes192,
            4 => Suite::Aes256,
            _ => return None,
        })
    }

    /// Bytes of a key.
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Suite::TripleDes | Suite::Aes128 => 16,
            Suite::Aes192 => 24,
            Suite::Aes256 => 32,
        }
    }

    /// Bytes of a block.
    pub(super) fn block(self) -> usize {
        if self == Suite::TripleDes { 8 } else { 16 }
    }

    /// The key with these bytes; more than it needs are left away.
    pub(super) fn key(self, bytes: &[u8]) -> Key {
        let bytes = bytes.get(..self.key_bytes()).unwrap_or(bytes);
        match self {
            Suite::TripleDes => Key::TripleDes(TwoKeyDes::new(bytes)),
            _ => Key::Aes(Aes::new(bytes)),
        }
    }

    /// The key for a purpose from a shared secret, §9.7.1.
    pub(super) fn derive(self, secret: &[u8], purpose: u8) -> Key {
        let digest = match self {
            Suite::TripleDes | Suite::Aes128 => Digest::Sha1,
            Suite::Aes192 | Suite::Aes256 => Digest::Sha256,
        };
        self.key(&digest.of(&[secret, &[0, 0, 0, purpose]].concat()))
    }

    /// Padding method 2 of ISO/IEC 9797-1: `80` and zeros to the next whole block.
    pub(super) fn pad(self, message: &[u8]) -> Vec<u8> {
        let mut out = message.to_vec();
        out.push(0x80);
        out.resize(out.len().next_multiple_of(self.block()), 0);
        out
    }
}

/// Without padding of method 2; `None` where it is not.
pub(super) fn unpad(mut message: Vec<u8>) -> Option<Vec<u8>> {
    while message.last() == Some(&0) {
        message.pop();
    }
    (message.pop() == Some(0x80)).then_some(message)
}

/// A key of either cipher.
pub(super) enum Key {
    TripleDes(TwoKeyDes),
    Aes(Aes),
}

impl Key {
    /// CBC from a zero vector over whole blocks.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> Vec<u8> {
        match self {
            Key::TripleDes(key) => key.encrypt(plain),
            Key::Aes(key) => key.encrypt(plain),
        }
    }

    /// The reverse of [`Self::encrypt`].
    pub(super) fn decrypt(&mut self, cryptogram: &[u8]) -> Vec<u8> {
        match self {
            Key::TripleDes(key) => key.decrypt(cryptogram),
            Key::Aes(key) => key.decrypt(cryptogram),
        }
    }

    /// CBC from a vector: the same as from zero, when the first block has the vector added.
    pub(super) fn encrypt_from(&mut self, vector: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut plain = plain.to_vec();
        add(&mut plain, vector);
        self.encrypt(&plain)
    }

    /// The reverse of [`Self::encrypt_from`].
    pub(super) fn decrypt_from(&mut self, vector: &[u8], cryptogram: &[u8]) -> Vec<u8> {
        let mut plain = self.decrypt(cryptogram);
        add(&mut plain, vector);
        plain
    }

    /// Retail MAC over whole blocks with 3DES, CMAC over any bytes with AES; 8 bytes of it.
    pub(super) fn mac(&mut self, message: &[u8]) -> [u8; 8] {
        match self {
            Key::TripleDes(key) => key.mac(message),
            Key::Aes(key) => key.mac(message),
        }
    }
}

fn add(to: &mut [u8], vector: &[u8]) {
    to.iter_mut().zip(vector).for_each(|(byte, other)| *byte ^= other);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn encrypts_and_authenticates_the_cards_token_of_appendix_d3() {
        // Doc 9303-11 appendix D.1 to D.3.
        let seed = Digest::Sha1.of(b"L898902C<369080619406236");
        assert_eq!(hex::encode_upper(&seed[..16]), "239AB9CB282DAF66231DC5A4DF6BFBAE");
        let mut encryption = Suite::TripleDes.derive(&seed[..16], ENCRYPTION);
        let mut mac = Suite::TripleDes.derive(&seed[..16], AUTHENTICATION);
        let plain = bytes("4608F91988702212781723860C06C2260B4F80323EB3191CB04970CB4052790B");
        let token = encryption.encrypt(&plain);
        assert_eq!(
            hex::encode_upper(&token),
            "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F"
        );
        assert_eq!(hex::encode_upper(mac.mac(&Suite::TripleDes.pad(&token))), "2F2D235D074D7449");
        assert_eq!(encryption.decrypt(&token), plain);
    }

    #[test]
    fn computes_the_retail_mac_of_iso_9797_1() {
        let mut key = Suite::TripleDes.key(&bytes("7CA110454A1A6E570131D9619DC1376E"));
        assert_eq!(hex::encode_upper(key.mac(b"Hello World !!!!")), "F09B856213BAB83B");
    }

    #[test]
    fn derives_keys_of_every_length() {
        let g1 = bytes("28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925");
        let long = "8DF3278FB32026E66277357FCD6C826DBEB3DE32088B2531757D753940185923";
        for (suite, secret, purpose, key) in [
            // Doc 9303-11 appendix G.1: K, KS_enc and KS_mac.
            (Suite::Aes128, g1.as_slice(), ENCRYPTION, "F5F0E35C0D7161EE6724EE513A0D9A7F"),
            (Suite::Aes128, g1.as_slice(), AUTHENTICATION, "FE251C7858B356B24514B3BD5F4297D1"),
            (Suite::Aes128, b"123456", PASSWORD, "591468CDA83D65219CCCB8560233600F"),
            (Suite::Aes192, b"123456", PASSWORD, &long[..48]),
            (Suite::Aes256, b"123456", PASSWORD, long),
        ] {
            let expected = suite.key(&bytes(key)).encrypt(&[7; 32]);
            assert_eq!(suite.derive(secret, purpose).encrypt(&[7; 32]), expected, "{suite:?} {purpose}");
        }
    }

    #[test]
    fn decrypts_nonces_with_the_key_of_a_password() {
        // Doc 9303-11 appendices H.1 and G.1: z, s, and the password's key.
        for (secret, z, s) in [
            (b"123456".to_vec(), "143DC40C08C8E891FBED7DEDB92B64AD", "2923BE84E16CD6AE529049F1F1BBE9EB"),
            (
                Digest::Sha1.of(b"T22000129364081251010318"),
                "95A3A016522EE98D01E76CB6B98B42C3",
                "3F00C4D39D153F2B2A214A078D899B22",
            ),
        ] {
            let mut key = Suite::Aes128.derive(&secret, PASSWORD);
            assert_eq!(hex::encode_upper(key.decrypt(&bytes(z))), s);
        }
    }

    #[test]
    fn computes_cmac_with_every_key_length() {
        // MAC keys of the password 123456 over one whole block, NIST SP 800-38B.
        for (suite, mac) in [
            (Suite::Aes128, "6DA545F6F0B3F5C5"),
            (Suite::Aes192, "C6A55DCFEA2FC789"),
            (Suite::Aes256, "1759C6C914394042"),
        ] {
            let mut key = suite.derive(b"123456", AUTHENTICATION);
            assert_eq!(hex::encode_upper(key.mac(b"jvnjksdhjkfkladj")), mac);
        }
        // SP 800-38B example of 40 bytes, and of none.
        let mut key = Suite::Aes128.key(&bytes("2B7E151628AED2A6ABF7158809CF4F3C"));
        let message =
            bytes("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411");
        assert_eq!(hex::encode_upper(key.mac(&message)), "DFA66747DE9AE630");
        assert_eq!(hex::encode_upper(key.mac(b"")), "BB1D6929E9593728");
    }

    #[test]
    fn padding_comes_off_only_where_it_is() {
        assert_eq!(Suite::TripleDes.pad(&[1, 0]), [1, 0, 0x80, 0, 0, 0, 0, 0]);
        assert_eq!(Suite::Aes128.pad(&[1; 16]).len(), 32);
        assert_eq!(unpad(Suite::Aes192.pad(&[1, 0])), Some(vec![1, 0]));
        assert_eq!(unpad(vec![0; 8]), None);
    }
}
