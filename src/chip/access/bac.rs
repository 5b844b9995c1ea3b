//! Basic access control, Doc 9303-11 §4.3: both sides prove that they know the printed lines, and agree
//! on session keys.
//!
//! It says nothing about the chip being genuine. One attempt only: a chip that refuses counts, and may
//! grow slower or lock; whether to try once more with other lines is not decided here.

use crate::chip::apdu::{Command, Status};
use crate::chip::crypto::{CipherSuite, SessionCipher};
use crate::chip::error::ChipError;
use crate::chip::link::Link;
use crate::chip::random::RandomBytes;
use crate::chip::secure_messaging::SecureMessaging;
use openssl::sha::sha1;

const NONCE: usize = 8;
const KEY_SEED: usize = 16;
const CRYPTOGRAM: usize = 2 * NONCE + KEY_SEED;
const MAC: usize = 8;

/// The chip's random number, the first step.
pub(super) async fn challenge(link: &mut Link) -> Result<Result<[u8; NONCE], Status>, ChipError> {
    let answer = link.transmit(&Command::new(0, 0x84, 0, 0).expecting(NONCE)).await?;
    if answer.status != Status::OK {
        return Ok(Err(answer.status));
    }
    let nonce = answer.data.try_into();
    nonce.map(Ok).map_err(|_| ChipError::Protocol("a challenge that is not eight bytes long"))
}

/// Mutual authentication, the second step; protects the link from then on.
pub(super) async fn authenticate(
    link: &mut Link,
    key_information: &str,
    chip_nonce: [u8; NONCE],
    random: &mut RandomBytes,
) -> Result<(), ChipError> {
    let mut terminal = Terminal::new(key_information, chip_nonce, random.take()?, random.take()?)?;
    let command = Command::new(0, 0x82, 0, 0).with_data(terminal.token()?).expecting(CRYPTOGRAM + MAC);
    let answer = link.transmit(&command).await?;
    if answer.status != Status::OK {
        return Err(ChipError::AccessDenied(answer.status.0));
    }
    link.secure(terminal.accept(&answer.data)?);
    Ok(())
}

/// Our side of the authentication.
struct Terminal {
    cipher: Box<dyn SessionCipher>,
    chip_nonce: [u8; NONCE],
    nonce: [u8; NONCE],
    key_seed: [u8; KEY_SEED],
}

impl Terminal {
    fn new(
        key_information: &str,
        chip_nonce: [u8; NONCE],
        nonce: [u8; NONCE],
        key_seed: [u8; KEY_SEED],
    ) -> Result<Terminal, ChipError> {
        let digest = sha1(key_information.as_bytes());
        let seed = digest.first_chunk::<KEY_SEED>().unwrap_or(&[0; KEY_SEED]);
        let cipher = CipherSuite::TripleDes.session(seed)?;
        Ok(Terminal { cipher, chip_nonce, nonce, key_seed })
    }

    /// `E.IFD || M.IFD`.
    fn token(&mut self) -> Result<Vec<u8>, ChipError> {
        let plain = [self.nonce.as_slice(), &self.chip_nonce, &self.key_seed].concat();
        let mut token = self.cipher.encrypt(&[], &plain)?;
        let mac = self.cipher.token(&token)?;
        token.extend(mac);
        Ok(token)
    }

    /// Checks `E.IC || M.IC` and gives the session.
    fn accept(&mut self, token: &[u8]) -> Result<SecureMessaging, ChipError> {
        const WRONG: ChipError = ChipError::Protocol("mutual authentication that does not verify");
        let (cryptogram, mac) = token.split_at_checked(CRYPTOGRAM).ok_or(WRONG)?;
        if mac.len() != MAC || !openssl::memcmp::eq(mac, &self.cipher.token(cryptogram)?) {
            return Err(WRONG);
        }
        let plain = self.cipher.decrypt(&[], cryptogram)?;
        let (nonces, chip_seed) = plain.split_at_checked(2 * NONCE).ok_or(WRONG)?;
        if nonces != [self.chip_nonce, self.nonce].concat() || chip_seed.len() != KEY_SEED {
            return Err(WRONG);
        }
        let seed: Vec<u8> = self.key_seed.iter().zip(chip_seed).map(|(ours, theirs)| ours ^ theirs).collect();
        let last_halves = self.chip_nonce.iter().skip(NONCE / 2).chain(self.nonce.iter().skip(NONCE / 2));
        let counter = last_halves.fold(0u128, |counter, byte| counter << 8 | u128::from(*byte));
        Ok(SecureMessaging::new(CipherSuite::TripleDes.session(&seed)?, counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Doc 9303-11 appendix D.3.
    const E_IFD_M_IFD: &str =
        "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F25F1448EEA8AD90A7";
    const E_IC_M_IC: &str =
        "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F2F2D235D074D7449";

    fn terminal() -> Terminal {
        let bytes = |text: &str| hex::decode(text).unwrap();
        Terminal::new(
            "L898902C<369080619406236",
            bytes("4608F91988702212").try_into().unwrap(),
            bytes("781723860C06C226").try_into().unwrap(),
            bytes("0B795240CB7049B01C19B33E32804F0B").try_into().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn makes_the_token_of_appendix_d3_bit_for_bit() {
        assert_eq!(hex::encode_upper(terminal().token().unwrap()), E_IFD_M_IFD);
    }

    #[test]
    fn gets_from_the_chips_token_the_session_of_appendix_d3() {
        let mut session = terminal().accept(&hex::decode(E_IC_M_IC).unwrap()).unwrap();
        // The first command of D.4 is protected by keys and counter alone.
        let select = Command::new(0, 0xA4, 2, 0x0C).with_data([1, 0x1E]);
        assert_eq!(
            hex::encode_upper(session.protect(&select).unwrap().encode()),
            "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800"
        );
    }

    #[test]
    fn refuses_a_chip_that_does_not_know_the_key_or_repeats_our_token() {
        let good = hex::decode(E_IC_M_IC).unwrap();
        for byte in 0..good.len() {
            let mut changed = good.clone();
            changed[byte] ^= 0x10;
            assert!(terminal().accept(&changed).is_err());
        }
        assert!(terminal().accept(&good[..39]).is_err());
        assert!(terminal().accept(&[]).is_err());
        assert!(terminal().accept(&hex::decode(E_IFD_M_IFD).unwrap()).is_err());
    }
}
