//! The card's side of active authentication, Doc 9303-11 §6.1: a challenge is signed with RSA after ISO/IEC 9796-2
//! digital signature scheme 1, or with ECDSA in plain form.

use super::digest::Digest;
use super::domain::{Domain, copy};
use super::pace::Draw;
use super::personalisation::ActiveAuthenticationKey;
use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};

/// First byte of a message of which a part is recovered from the signature.
const PARTIAL_RECOVERY: u8 = 0x6A;

/// The signature over a challenge; `None` for a key that cannot sign so.
pub(super) fn sign(key: &ActiveAuthenticationKey, challenge: &[u8], draw: Draw) -> Option<Vec<u8>> {
    match key.key.rsa() {
        Ok(rsa) => sign_with_recovery(&rsa, key.digest, challenge, draw),
        Err(_) => sign_plain(&key.key, key.digest, challenge, draw),
    }
}

/// What a copy of the chip, without the key, gives for a signature: random bytes of the right length.
pub(super) fn forge(key: &ActiveAuthenticationKey, challenge: &[u8], draw: Draw) -> Option<Vec<u8>> {
    let length = sign(key, challenge, draw)?.len();
    // Below any modulus.
    Some([&[0x00], draw(length.checked_sub(1)?).as_slice()].concat())
}

/// 6A, random bytes, digest of these and the challenge, trailer; all of it in the signature.
fn sign_with_recovery(key: &Rsa<Private>, digest: Digest, challenge: &[u8], draw: Draw) -> Option<Vec<u8>> {
    let size = usize::try_from(key.size()).ok()?;
    let trailer = trailer(digest);
    let digest_bytes = digest.of(&[]).len();
    let random = draw(size.checked_sub(1 + digest_bytes + trailer.len())?);
    let message = message(digest, &random, challenge);
    let mut signature = vec![0; size];
    key.private_encrypt(&message, &mut signature, Padding::NONE).ok()?;
    Some(signature)
}

/// The message representative.
fn message(digest: Digest, random: &[u8], challenge: &[u8]) -> Vec<u8> {
    let digested = digest.of(&[random, challenge].concat());
    [&[PARTIAL_RECOVERY], random, digested.as_slice(), trailer(digest)].concat()
}

/// How the message ends: the digest implied, or named by its number.
fn trailer(digest: Digest) -> &'static [u8] {
    match digest {
        Digest::Sha1 => &[0xBC],
        Digest::Sha224 => &[0x38, 0xCC],
        Digest::Sha256 => &[0x34, 0xCC],
        Digest::Sha384 => &[0x36, 0xCC],
        Digest::Sha512 => &[0x35, 0xCC],
    }
}

/// ECDSA with r and s side by side (TR-03111 §5.2.1). Written out, because the library draws the random number
/// itself and the card must be the same each time it is played.
fn sign_plain(key: &PKey<Private>, digest: Digest, challenge: &[u8], draw: Draw) -> Option<Vec<u8>> {
    let (domain, private) = Domain::of_key(key).filter(|(domain, _)| domain.is_curve())?;
    let (order, mut context) = (domain.order()?, BigNumContext::new().ok()?);
    let ephemeral = domain.scalar(&draw(domain.width() + 8))?;
    let point = domain.times(&domain.generator()?, &ephemeral)?;
    let mut r = BigNum::new().ok()?;
    r.nnmod(&*BigNum::from_slice(&domain.secret(&point)?).ok()?, &order, &mut context).ok()?;
    // The leftmost bits of the digest, as many as the order has.
    let digested = BigNum::from_slice(&digest.of(challenge)).ok()?;
    let surplus = i32::try_from(digest.of(&[]).len() * 8).ok()? - order.num_bits();
    let mut number = copy(&digested)?;
    if surplus > 0 {
        number.rshift(&digested, surplus).ok()?;
    }
    let [mut product, mut sum, mut inverse, mut s] =
        [BigNum::new().ok()?, BigNum::new().ok()?, BigNum::new().ok()?, BigNum::new().ok()?];
    product.mod_mul(&r, &private, &order, &mut context).ok()?;
    sum.mod_add(&number, &product, &order, &mut context).ok()?;
    inverse.mod_inverse(&ephemeral, &order, &mut context).ok()?;
    s.mod_mul(&inverse, &sum, &order, &mut context).ok()?;
    let width = order.num_bytes();
    Some([r.to_vec_padded(width).ok()?, s.to_vec_padded(width).ok()?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::ecdsa::EcdsaSig;
    use openssl::nid::Nid;

    #[test]
    fn makes_the_message_of_appendix_f() {
        let m1 = "9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991B543F1696546C5524CF23A5303CD6C98599F40B79F377B5F3A1406B3B4D8F96784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD4E7292E2DCDA3024B47DA8";
        let challenge = hex::decode("F173589974BF40C6").unwrap();
        assert_eq!(
            hex::encode_upper(message(Digest::Sha1, &hex::decode(m1).unwrap(), &challenge)),
            format!("6A{m1}C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127BC")
        );
    }

    #[test]
    fn ends_the_message_by_the_trailer_of_its_digest() {
        let random = hex::decode("1234567890ABCDEF1234567890ABCDEF11223344").unwrap();
        let challenge = [1, 2, 3, 4, 5, 6, 7, 8];
        for (digest, end) in [
            (Digest::Sha1, "40E81563B1BC"),
            (Digest::Sha224, "15E47DDBE2045D38CC"),
            (Digest::Sha256, "FF13377DE8308934CC"),
            (Digest::Sha384, "D4D0D6C07E7536CC"),
            (Digest::Sha512, "5C8BB28F51635CC"),
        ] {
            let made = hex::encode_upper(message(digest, &random, &challenge));
            assert!(made.ends_with(end), "{digest:?} {made}");
        }
    }

    #[test]
    fn what_rsa_signs_is_recovered_by_the_public_key() {
        let key = Rsa::generate(1024).unwrap();
        let key = ActiveAuthenticationKey { key: PKey::from_rsa(key).unwrap(), digest: Digest::Sha256 };
        let signature = sign(&key, &[7; 8], &mut |length| vec![9; length]).unwrap();
        let mut message = vec![0; 128];
        let rsa = key.key.rsa().unwrap();
        rsa.public_decrypt(&signature, &mut message, Padding::NONE).unwrap();
        assert_eq!((message[0], &message[126..]), (0x6A, &[0x34, 0xCC][..]));
        assert_eq!(message[94..126], Digest::Sha256.of(&[&[9; 93][..], &[7; 8]].concat()));
    }

    #[test]
    fn what_ec_signs_the_library_verifies_also_with_a_digest_longer_than_the_order() {
        for (curve, digest) in [
            (Nid::BRAINPOOL_P256R1, Digest::Sha256),
            (Nid::X9_62_PRIME192V1, Digest::Sha256),
            (Nid::SECP521R1, Digest::Sha512),
            (Nid::BRAINPOOL_P224R1, Digest::Sha1),
        ] {
            let ec = EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap();
            let key = ActiveAuthenticationKey { key: PKey::from_ec_key(ec.clone()).unwrap(), digest };
            let signature = sign(&key, &[7; 8], &mut |length| vec![9; length]).unwrap();
            let (r, s) = signature.split_at(signature.len() / 2);
            let [r, s] = [r, s].map(|number| BigNum::from_slice(number).unwrap());
            let signature = EcdsaSig::from_private_components(r, s).unwrap();
            assert!(signature.verify(&digest.of(&[7; 8]), &ec).unwrap(), "{curve:?}");
        }
    }
}
