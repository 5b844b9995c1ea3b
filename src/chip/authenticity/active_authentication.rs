//! Active authentication, Doc 9303-11 §6.1: the chip signs our nonce with the private key to DG15.

use super::message_recovery::verify_with_recovery;
use crate::chip::apdu::{Command, Status};
use crate::chip::error::ChipError;
use crate::chip::link::Link;
use crate::chip::proof::Proof;
use crate::chip::random::RandomBytes;
use crate::chip::security_infos::ActiveAuthenticationInfo;
use crate::chip::tlv;
use openssl::bn::BigNum;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Public};
use openssl::rsa::Rsa;

/// Tag of DG15.
const FILE: u32 = 0x6F;
/// Bytes of our nonce.
const NONCE: usize = 8;
/// Longest RSA key that is computed with, in bytes: 4,096 bits.
const MAX_MODULUS: u32 = 512;

/// A key of DG15.
enum Key {
    Rsa(Rsa<Public>),
    Elliptic(EcKey<Public>),
}

/// Asks for a signature and verifies it. `info` is DG14's word on how an elliptic key signs.
pub(in crate::chip) async fn active_authentication(
    link: &mut Link,
    dg15: &[u8],
    info: Option<&ActiveAuthenticationInfo>,
    random: &mut RandomBytes,
) -> Result<Proof, ChipError> {
    let public_key = match tlv::read(dg15) {
        Ok((file, _)) if file.tag == FILE => file.value.to_vec(),
        _ => return Ok(Proof::Impossible("DG15 is broken".to_owned())),
    };
    let Some(key) = Key::read(&public_key) else {
        return Ok(Proof::Impossible("DG15 has a key of no kind that signs".to_owned()));
    };
    let nonce: [u8; NONCE] = random.take()?;
    let signature = match internal_authenticate(link, &nonce, key.signature_length()).await? {
        Ok(signature) => signature,
        Err(status) => return Ok(Proof::Refuted(format!("INTERNAL AUTHENTICATE answered {status}"))),
    };
    Ok(match key.verify(&nonce, &signature, info) {
        Ok(true) => Proof::Shown { public_key },
        Ok(false) | Err(_) => Proof::Refuted("the signature is not the key's of DG15".to_owned()),
    })
}

/// INTERNAL AUTHENTICATE, §6.1.3. Some chips insist on a length of their own, some cut the signature where too
/// little is asked for, some answer nothing where too much is: the signature's own length comes first.
async fn internal_authenticate(
    link: &mut Link,
    nonce: &[u8],
    length: usize,
) -> Result<Result<Vec<u8>, Status>, ChipError> {
    const SHORT: usize = 256;
    const LONG: usize = 65_536;
    // A signature that fits short length is asked for as the standard's example does.
    let first = if length <= link.short_read_size() { SHORT } else { length.max(SHORT + 1) };
    let mut tries = vec![LONG, SHORT, length, first];
    let mut refusal = Status::OK;
    // Ends: at most one try is added, by the chip's word.
    let mut offered = false;
    while let Some(expected) = tries.pop() {
        let command = Command::new(0, 0x88, 0, 0).with_data(nonce).expecting(expected);
        let answer = link.transmit(&command).await?;
        match answer.status {
            Status::OK if answer.data.len() >= length || tries.is_empty() => return Ok(Ok(answer.data)),
            Status::OK => {}
            status => {
                refusal = status;
                match status.right_length() {
                    Some(right) if !offered => {
                        offered = true;
                        tries.push(right);
                    }
                    Some(_) => {}
                    None if matches!(status.0, 0x6700 | 0x6F00) => {}
                    None => return Ok(Err(status)),
                }
            }
        }
    }
    Ok(Err(refusal))
}

impl Key {
    fn read(public_key: &[u8]) -> Option<Key> {
        let key: PKey<Public> = PKey::public_key_from_der(public_key).ok()?;
        if let Ok(rsa) = key.rsa() {
            return (rsa.size() <= MAX_MODULUS).then_some(Key::Rsa(rsa));
        }
        key.ec_key().ok().map(Key::Elliptic)
    }

    /// Bytes of a signature; for elliptic keys in the plain form.
    fn signature_length(&self) -> usize {
        match self {
            Key::Rsa(rsa) => usize::try_from(rsa.size()).unwrap_or_default(),
            Key::Elliptic(key) => 2 * half(key),
        }
    }

    fn verify(
        &self,
        nonce: &[u8],
        signature: &[u8],
        info: Option<&ActiveAuthenticationInfo>,
    ) -> Result<bool, ErrorStack> {
        match self {
            Key::Rsa(rsa) => verify_with_recovery(rsa, nonce, signature),
            Key::Elliptic(key) => verify_elliptic(key, nonce, signature, info),
        }
    }
}

/// Bytes of one number of a plain signature.
fn half(key: &EcKey<Public>) -> usize {
    key.group().order_bits().div_ceil(8) as usize
}

/// ECDSA, TR-03111 §5.2.1: r and s one after another, though some chips give them as a structure.
fn verify_elliptic(
    key: &EcKey<Public>,
    nonce: &[u8],
    signature: &[u8],
    info: Option<&ActiveAuthenticationInfo>,
) -> Result<bool, ErrorStack> {
    let plain = signature.split_at_checked(half(key)).filter(|(_, s)| s.len() == half(key));
    let signature = match plain {
        Some((r, s)) => EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?,
        None => EcdsaSig::from_der(signature)?,
    };
    for digest in digests(info) {
        // OpenSSL takes of a longer hash as many bits as the key has.
        if signature.verify(&hash(digest, nonce)?, key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The hash that DG14 names; all that the standard allows, and SHA-1 of old, where it names none.
fn digests(info: Option<&ActiveAuthenticationInfo>) -> Vec<MessageDigest> {
    let all = vec![
        MessageDigest::sha256(),
        MessageDigest::sha1(),
        MessageDigest::sha224(),
        MessageDigest::sha384(),
        MessageDigest::sha512(),
    ];
    let Some(info) = info else { return all };
    match info.signature_algorithm.to_string().as_str() {
        // ecdsa-plain of TR-03111, then ecdsa-with of ANSI X9.62.
        "0.4.0.127.0.7.1.1.4.1.1" | "1.2.840.10045.4.1" => vec![MessageDigest::sha1()],
        "0.4.0.127.0.7.1.1.4.1.2" | "1.2.840.10045.4.3.1" => vec![MessageDigest::sha224()],
        "0.4.0.127.0.7.1.1.4.1.3" | "1.2.840.10045.4.3.2" => vec![MessageDigest::sha256()],
        "0.4.0.127.0.7.1.1.4.1.4" | "1.2.840.10045.4.3.3" => vec![MessageDigest::sha384()],
        "0.4.0.127.0.7.1.1.4.1.5" | "1.2.840.10045.4.3.4" => vec![MessageDigest::sha512()],
        _ => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ec::EcGroup;
    use openssl::nid::Nid;

    const NONCE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    fn info(last: u8) -> ActiveAuthenticationInfo {
        let oid = format!("0.4.0.127.0.7.1.1.4.1.{last}");
        ActiveAuthenticationInfo { version: 1, signature_algorithm: oid.parse().unwrap() }
    }

    /// A key and its plain signature by a hash.
    fn signed(nid: Nid, digest: MessageDigest) -> (Key, Vec<u8>, Vec<u8>) {
        let private = EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap();
        let spki = PKey::from_ec_key(private.clone()).unwrap().public_key_to_der().unwrap();
        let signature = EcdsaSig::sign(&hash(digest, &NONCE).unwrap(), &private).unwrap();
        let length = private.group().order_bits().div_ceil(8) as i32;
        let plain = [signature.r(), signature.s()].map(|n| n.to_vec_padded(length).unwrap()).concat();
        (Key::read(&spki).unwrap(), plain, signature.to_der().unwrap())
    }

    #[test]
    fn elliptic_signatures_verify_by_the_hash_that_dg14_names_cut_to_the_key() {
        for (nid, digest, arc) in [
            (Nid::X9_62_PRIME256V1, MessageDigest::sha256(), 3),
            (Nid::BRAINPOOL_P224R1, MessageDigest::sha512(), 5),
            (Nid::SECP521R1, MessageDigest::sha384(), 4),
            (Nid::BRAINPOOL_P192R1, MessageDigest::sha1(), 1),
        ] {
            let (key, plain, structure) = signed(nid, digest);
            assert_eq!(plain.len(), key.signature_length());
            assert!(key.verify(&NONCE, &plain, Some(&info(arc))).unwrap());
            assert!(key.verify(&NONCE, &structure, Some(&info(arc))).unwrap());
            assert!(key.verify(&NONCE, &plain, None).unwrap());
            assert!(!key.verify(&NONCE, &plain, Some(&info(2))).unwrap(), "by another hash");
            assert!(!key.verify(&[0; 8], &plain, None).unwrap(), "over another nonce");
        }
    }

    #[test]
    fn signatures_of_a_wrong_length_are_refused() {
        let (key, plain, _) = signed(Nid::X9_62_PRIME256V1, MessageDigest::sha256());
        for signature in [&plain[..63], &plain[..32], &[][..]] {
            assert!(!key.verify(&NONCE, signature, None).unwrap_or(false));
        }
    }
}
