//! The card's side of basic access control, Doc 9303-11 §4.3.

use super::digest::Digest;
use super::keys::{AUTHENTICATION, ENCRYPTION, Suite};
use super::random::Random;
use super::secure_messaging::CardSession;
use super::status::{self, Status};

/// Mutual authentication, §4.3.2: the terminal's cryptogram and MAC give the card's, and the session that
/// they open.
pub(super) fn authenticate(
    key_information: &str,
    own_nonce: [u8; 8],
    token: &[u8],
    random: &mut Random,
) -> Result<(Vec<u8>, CardSession), Status> {
    let (cryptogram, mac) =
        token.split_at_checked(32).filter(|(_, mac)| mac.len() == 8).ok_or(status::WRONG_LENGTH)?;
    let digest = Digest::Sha1.of(key_information.as_bytes());
    let seed = digest.get(..16).unwrap_or_default();
    let suite = Suite::TripleDes;
    let mut encryption = suite.derive(seed, ENCRYPTION);
    let mut authentication = suite.derive(seed, AUTHENTICATION);
    let plain = encryption.decrypt(cryptogram);
    let terminal_nonce: Option<[u8; 8]> = plain.first_chunk().copied();
    let (Some(terminal_nonce), Some(echo), Some(terminal_seed)) =
        (terminal_nonce, plain.get(8..16), plain.get(16..32))
    else {
        return Err(status::WRONG_LENGTH);
    };
    if authentication.mac(&suite.pad(cryptogram)) != mac || echo != own_nonce {
        return Err(status::NOT_AUTHENTICATED);
    }
    let own_seed = random.bytes(16);
    let session_seed: Vec<u8> = own_seed.iter().zip(terminal_seed).map(|(own, other)| own ^ other).collect();
    let mut answer = encryption.encrypt(&[own_nonce.as_slice(), &terminal_nonce, &own_seed].concat());
    answer.extend(authentication.mac(&suite.pad(&answer)));
    Ok((answer, CardSession::of_basic_access(&session_seed, own_nonce, terminal_nonce)))
}
