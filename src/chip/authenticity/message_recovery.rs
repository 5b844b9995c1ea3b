//! ISO/IEC 9796-2, digital signature scheme 1 with partial recovery, as active authentication uses it
//! (Doc 9303-11 §6.1.2.2 and appendix F). No library at hand has it.
//!
//! ```text
//! signature^e mod n  =  6A │ M1 │ H(M1 ‖ M2) │ BC        SHA-1
//!                       6A │ M1 │ H(M1 ‖ M2) │ 34 CC     the hash is named
//! ```
//!
//! M1 is random and comes out of the signature, M2 is the terminal's nonce.

use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::Public;
use openssl::rsa::{Padding, Rsa};

/// Whether the signature over M1 and this nonce is the key's.
pub(super) fn verify_with_recovery(
    key: &Rsa<Public>,
    nonce: &[u8],
    signature: &[u8],
) -> Result<bool, ErrorStack> {
    let mut representative = vec![0; key.size() as usize];
    if signature.len() != representative.len() {
        return Ok(false);
    }
    key.public_decrypt(signature, &mut representative, Padding::NONE)?;
    // Scheme B.4 gives the smaller of signature and its complement: the one that ends in C was meant.
    if representative.last().is_none_or(|byte| byte & 0x0F != 0x0C) {
        representative = complement(key.n(), &representative)?;
    }
    let Some(recovered) = Recovered::read(&representative) else { return Ok(false) };
    let digest = hash(recovered.algorithm, &[recovered.message, nonce].concat())?;
    Ok(openssl::memcmp::eq(&digest, recovered.digest))
}

fn complement(modulus: &BigNumRef, representative: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut difference = BigNum::new()?;
    difference.checked_sub(modulus, &*BigNum::from_slice(representative)?)?;
    difference.to_vec_padded(i32::try_from(representative.len()).unwrap_or_default())
}

/// A message representative taken apart.
struct Recovered<'a> {
    /// M1.
    message: &'a [u8],
    digest: &'a [u8],
    algorithm: MessageDigest,
}

impl<'a> Recovered<'a> {
    /// `None` for anything that is not of this form.
    fn read(representative: &'a [u8]) -> Option<Recovered<'a>> {
        let (body, algorithm) = match representative {
            [body @ .., 0xBC] => (body, MessageDigest::sha1()),
            [body @ .., 0x33, 0xCC] => (body, MessageDigest::sha1()),
            [body @ .., 0x38, 0xCC] => (body, MessageDigest::sha224()),
            [body @ .., 0x34, 0xCC] => (body, MessageDigest::sha256()),
            [body @ .., 0x36, 0xCC] => (body, MessageDigest::sha384()),
            [body @ .., 0x35, 0xCC] => (body, MessageDigest::sha512()),
            _ => return None,
        };
        let rest = without_header(body)?;
        let (message, digest) = rest.split_at_checked(rest.len().checked_sub(algorithm.size())?)?;
        Some(Recovered { message, digest, algorithm })
    }
}

/// Header of partial recovery: `6A`, or with padding `6B`, `BB`… up to `BA`.
fn without_header(body: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = body.split_first()?;
    match first {
        0x6A => return Some(rest),
        0x6B => {}
        _ => return None,
    }
    // Each turn takes one byte.
    loop {
        let (padding, after) = rest.split_first()?;
        rest = after;
        match padding {
            0xBA => return Some(rest),
            0xBB => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// The representative of appendix F.
    const APPENDIX_F: &str = "6A9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991B543F1696546C5524CF23A5303CD6C98599F40B79F377B5F3A1406B3B4D8F96784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD4E7292E2DCDA3024B47DA8C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127BC";

    #[test]
    fn takes_the_representative_of_appendix_f_apart() {
        let representative = bytes(APPENDIX_F);
        let recovered = Recovered::read(&representative).unwrap();
        assert_eq!(recovered.message.len() * 8, 848);
        let signed = [recovered.message, &bytes("F173589974BF40C6")].concat();
        assert_eq!(hex::encode_upper(recovered.digest), "C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127");
        assert_eq!(&*hash(recovered.algorithm, &signed).unwrap(), recovered.digest);
    }

    #[test]
    fn knows_the_trailer_of_each_hash() {
        let m1 = [0x11; 40];
        for (digest, trailer) in [
            (MessageDigest::sha1(), "BC"),
            (MessageDigest::sha1(), "33CC"),
            (MessageDigest::sha224(), "38CC"),
            (MessageDigest::sha256(), "34CC"),
            (MessageDigest::sha384(), "36CC"),
            (MessageDigest::sha512(), "35CC"),
        ] {
            let hashed = hash(digest, b"anything").unwrap();
            let representative = [&[0x6A], &m1[..], &hashed, &bytes(trailer)].concat();
            let recovered = Recovered::read(&representative).unwrap();
            assert_eq!((recovered.message, recovered.digest), (&m1[..], &*hashed), "{trailer}");
        }
    }

    #[test]
    fn refuses_every_other_form() {
        let hashed = [7; 20];
        let form = |header: &[u8], trailer: &[u8]| [header, &hashed, trailer].concat();
        assert!(Recovered::read(&form(&[0x6B, 0xBB, 0xBA], &[0xBC])).is_some(), "padded");
        for (header, trailer) in [
            (&[0x4A][..], &[0xBC][..]),
            (&[0x6B, 0x0A], &[0xBC]),
            (&[0x6B, 0xBB], &[0xBC]),
            (&[0x6A], &[0xBB]),
            (&[0x6A], &[0x31, 0xCC]),
            (&[], &[0xBC]),
        ] {
            assert!(Recovered::read(&form(header, trailer)).is_none(), "{header:X?} {trailer:X?}");
        }
        assert!(Recovered::read(&[0x6A, 0xBC]).is_none());
        assert!(Recovered::read(&[]).is_none());
    }

    #[test]
    fn verifies_a_signature_of_a_fresh_key_and_its_complement() {
        let key = Rsa::generate(1_024).unwrap();
        let public =
            Rsa::from_public_components(key.n().to_owned().unwrap(), key.e().to_owned().unwrap()).unwrap();
        let (m1, nonce) = ([0x5A; 106], [9; 8]);
        let digest = hash(MessageDigest::sha1(), &[&m1[..], &nonce].concat()).unwrap();
        let representative = [&[0x6A], &m1[..], &digest, &[0xBC]].concat();
        let mut signature = vec![0; 128];
        key.private_encrypt(&representative, &mut signature, Padding::NONE).unwrap();
        assert!(verify_with_recovery(&public, &nonce, &signature).unwrap());
        let other = complement(public.n(), &signature).unwrap();
        assert!(verify_with_recovery(&public, &nonce, &other).unwrap());
        assert!(!verify_with_recovery(&public, &[8; 8], &signature).unwrap());
        signature[60] ^= 1;
        assert!(!verify_with_recovery(&public, &nonce, &signature).unwrap_or(false));
        assert!(!verify_with_recovery(&public, &nonce, &signature[1..]).unwrap());
        assert!(!verify_with_recovery(&public, &nonce, &[]).unwrap());
    }
}
