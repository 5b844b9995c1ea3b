//! Keys that sign, made from a seed, and signatures that follow from key and message alone.
//!
//! The crypto library draws its own random numbers for ECDSA and PSS. So that documents are the same bit
//! for bit each time, ECDSA's secret number is computed after RFC 6979, PSS is encoded here after
//! RFC 8017 §9.1.1 with a salt that is a hash of key and message. Both make ordinary signatures. For test
//! documents only: nothing here guards against side channels.

use super::algorithm::{SignatureAlgorithm, SignatureKey, message_digest};
use super::parameters::public_key_info;
use super::seed::Stream;
use anyhow::{Context, Result, ensure};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa, RsaPrivateKeyBuilder};
use openssl::sign::Signer;

const PUBLIC_EXPONENT: u32 = 65_537;
/// Secret numbers that RFC 6979 may have to pass over; the first is good but for the 2^-32-th time.
const NONCES_MOST: usize = 16;

/// A key with the algorithm that it signs by.
#[derive(Clone)]
pub(super) struct SigningKey {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) key: PKey<Private>,
}

impl SigningKey {
    /// The key that this stream gives.
    pub(super) fn generate(algorithm: SignatureAlgorithm, mut stream: Stream) -> Result<SigningKey> {
        let key = match algorithm.key {
            SignatureKey::Ecdsa { curve, explicit } => curve.key(&mut stream, explicit)?,
            SignatureKey::Rsa { bits, .. } => PKey::from_rsa(rsa_key(bits, &mut stream)?)?,
        };
        Ok(SigningKey { algorithm, key })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let digest = message_digest(self.algorithm.digest);
        match self.algorithm.key {
            SignatureKey::Ecdsa { .. } => ecdsa(&*self.key.ec_key()?, digest, message),
            SignatureKey::Rsa { pss: true, .. } => pss(&*self.key.rsa()?, digest, message),
            SignatureKey::Rsa { pss: false, .. } => {
                Ok(Signer::new(digest, &self.key)?.sign_oneshot_to_vec(message)?)
            }
        }
    }

    /// SubjectPublicKeyInfo.
    pub(super) fn public(&self) -> Result<Vec<u8>> {
        public_key_info(&self.key)
    }

    /// Key identifier: SHA-1 of the public key (RFC 5280 §4.2.1.2).
    pub(super) fn id(&self) -> Result<Vec<u8>> {
        Ok(hash(MessageDigest::sha1(), &self.public()?)?.to_vec())
    }
}

fn rsa_key(bits: usize, stream: &mut Stream) -> Result<Rsa<Private>> {
    let mut context = BigNumContext::new()?;
    let exponent = BigNum::from_u32(PUBLIC_EXPONENT)?;
    let one = BigNum::from_u32(1)?;
    let p = stream.prime(bits / 2, &exponent)?;
    let q = stream.prime(bits / 2, &exponent)?;
    let less_one = |number: &BigNumRef| -> Result<BigNum> {
        let mut less = BigNum::new()?;
        less.checked_sub(number, &one)?;
        Ok(less)
    };
    let (p_less, q_less) = (less_one(&p)?, less_one(&q)?);
    let (mut modulus, mut totient, mut private) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    modulus.checked_mul(&p, &q, &mut context)?;
    totient.checked_mul(&p_less, &q_less, &mut context)?;
    private.mod_inverse(&exponent, &totient, &mut context)?;
    let (mut by_p, mut by_q, mut inverse) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    by_p.checked_rem(&private, &p_less, &mut context)?;
    by_q.checked_rem(&private, &q_less, &mut context)?;
    inverse.mod_inverse(&q, &p, &mut context)?;
    let builder = RsaPrivateKeyBuilder::new(modulus, exponent, private)?;
    Ok(builder.set_factors(p, q)?.set_crt_params(by_p, by_q, inverse)?.build())
}

/// ECDSA with the secret number of RFC 6979, in DER.
fn ecdsa(key: &openssl::ec::EcKeyRef<Private>, digest: MessageDigest, message: &[u8]) -> Result<Vec<u8>> {
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    key.group().order(&mut order, &mut context)?;
    let hashed = hash(digest, message)?;
    let number = leftmost(&hashed, &order)?;
    let mut nonces = Nonces::new(key.private_key(), &order, &number, digest)?;
    for _ in 0..NONCES_MOST {
        let nonce = nonces.next()?;
        let mut point = EcPoint::new(key.group())?;
        point.mul_generator2(key.group(), &nonce, &mut context)?;
        let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
        point.affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let (mut r, mut s) = (BigNum::new()?, BigNum::new()?);
        r.nnmod(&x, &order, &mut context)?;
        let (mut product, mut sum, mut inverse) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
        product.mod_mul(&r, key.private_key(), &order, &mut context)?;
        sum.mod_add(&number, &product, &order, &mut context)?;
        inverse.mod_inverse(&nonce, &order, &mut context)?;
        s.mod_mul(&inverse, &sum, &order, &mut context)?;
        if r.num_bits() > 0 && s.num_bits() > 0 {
            let public = EcKey::from_public_key(key.group(), key.public_key())?;
            let signature = EcdsaSig::from_private_components(r, s)?;
            ensure!(signature.verify(&hashed, &public)?, "an ECDSA signature that does not verify");
            return Ok(signature.to_der()?);
        }
    }
    anyhow::bail!("no ECDSA signature found")
}

/// The leftmost bits of a hash as a number, as many as the order has (`bits2int`, RFC 6979 §2.3.2).
fn leftmost(bytes: &[u8], order: &BigNumRef) -> Result<BigNum> {
    let number = BigNum::from_slice(bytes)?;
    let beyond = bytes.len() as i32 * 8 - order.num_bits();
    if beyond <= 0 {
        return Ok(number);
    }
    let mut shifted = BigNum::new()?;
    shifted.rshift(&number, beyond)?;
    Ok(shifted)
}

/// Secret numbers of RFC 6979 §3.2.
struct Nonces<'a> {
    order: &'a BigNumRef,
    digest: MessageDigest,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Nonces<'a> {
    fn new(
        private: &BigNumRef,
        order: &'a BigNumRef,
        number: &BigNumRef,
        digest: MessageDigest,
    ) -> Result<Self> {
        let mut context = BigNumContext::new()?;
        let mut reduced = BigNum::new()?;
        reduced.nnmod(number, order, &mut context)?;
        let width = order.num_bytes();
        let secret = [private.to_vec_padded(width)?, reduced.to_vec_padded(width)?].concat();
        let mut nonces = Nonces { order, digest, key: vec![0; digest.size()], value: vec![1; digest.size()] };
        nonces.feed(&[&[0], &secret[..]].concat())?;
        nonces.feed(&[&[1], &secret[..]].concat())?;
        Ok(nonces)
    }

    fn mac(&self, message: &[u8]) -> Result<Vec<u8>> {
        let key = PKey::hmac(&self.key)?;
        Ok(Signer::new(self.digest, &key)?.sign_oneshot_to_vec(message)?)
    }

    fn feed(&mut self, more: &[u8]) -> Result<()> {
        self.key = self.mac(&[&self.value[..], more].concat())?;
        self.value = self.mac(&self.value)?;
        Ok(())
    }

    fn next(&mut self) -> Result<BigNum> {
        for _ in 0..NONCES_MOST {
            let mut drawn = Vec::new();
            while drawn.len() < self.order.num_bytes() as usize {
                self.value = self.mac(&self.value)?;
                drawn.extend(&self.value);
            }
            drawn.truncate(self.order.num_bytes() as usize);
            let nonce = leftmost(&drawn, self.order)?;
            if nonce.num_bits() > 0 && nonce < *self.order {
                return Ok(nonce);
            }
            self.feed(&[0])?;
        }
        anyhow::bail!("no secret number found")
    }
}

/// RSA-PSS, its salt as long as the digest.
fn pss(key: &openssl::rsa::RsaRef<Private>, digest: MessageDigest, message: &[u8]) -> Result<Vec<u8>> {
    let hashed = hash(digest, message)?;
    let salt = hash(digest, &[&key.d().to_vec()[..], &hashed].concat())?;
    let size = digest.size();
    let block = key.size() as usize;
    let data_length = block.checked_sub(size + 1).context("the key is too short for this digest")?;
    let padding = data_length.checked_sub(size + 1).context("the key is too short for this digest")?;
    let check = hash(digest, &[&[0; 8], &hashed[..], &salt].concat())?;
    let mut data = [&vec![0; padding][..], &[1], &salt].concat();
    let mask = mask(&check, data_length, digest)?;
    data.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    // The modulus has a whole number of bytes, the encoded message one bit less.
    if let Some(first) = data.first_mut() {
        *first &= 0x7F;
    }
    let encoded = [&data[..], &check, &[0xBC]].concat();
    let mut signature = vec![0; block];
    let length = key.private_encrypt(&encoded, &mut signature, Padding::NONE)?;
    signature.truncate(length);
    Ok(signature)
}

/// MGF1, RFC 8017 appendix B.2.1.
fn mask(seed: &[u8], length: usize, digest: MessageDigest) -> Result<Vec<u8>> {
    let mut mask = Vec::new();
    for counter in 0u32.. {
        if mask.len() >= length {
            break;
        }
        mask.extend_from_slice(&hash(digest, &[seed, &counter.to_be_bytes()].concat())?);
    }
    mask.truncate(length);
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::super::seed::Seed;
    use super::*;
    use openssl::ec::EcGroup;
    use openssl::nid::Nid;
    use openssl::sign::{RsaPssSaltlen, Verifier};

    /// RFC 6979 appendix A.2.5: P-256, message "sample".
    #[test]
    fn ecdsa_gives_the_signatures_of_rfc_6979() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let private =
            BigNum::from_hex_str("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721").unwrap();
        let mut public = EcPoint::new(&group).unwrap();
        public.mul_generator2(&group, &private, &mut BigNumContext::new().unwrap()).unwrap();
        let key = EcKey::from_private_components(&group, &private, &public).unwrap();
        for (digest, r, s) in [
            (
                MessageDigest::sha256(),
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                MessageDigest::sha1(),
                "61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D32",
                "6D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB",
            ),
        ] {
            let signature = EcdsaSig::from_der(&ecdsa(&key, digest, b"sample").unwrap()).unwrap();
            assert_eq!(signature.r().to_hex_str().unwrap().to_string(), r);
            assert_eq!(signature.s().to_hex_str().unwrap().to_string(), s);
        }
    }

    #[test]
    fn signatures_of_every_kind_verify_with_the_library_and_are_the_same_again() {
        for name in [
            "rsa-1024-sha1",
            "rsa-pss-2048-sha256",
            "rsa-2048-sha512",
            "ecdsa-p521-sha224",
            "ecdsa-p192-sha512",
        ] {
            let algorithm: SignatureAlgorithm = name.parse().unwrap();
            let sign = || {
                let key = SigningKey::generate(algorithm, Seed::new(b"seed").stream(name)).unwrap();
                let signature = key.sign(b"message").unwrap();
                (key, signature)
            };
            let (key, signature) = sign();
            assert_eq!(sign().1, signature, "{name}");
            let mut verifier = Verifier::new(message_digest(algorithm.digest), &key.key).unwrap();
            if name.contains("pss") {
                verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
                verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
            }
            assert!(verifier.verify_oneshot(&signature, b"message").unwrap(), "{name}");
        }
    }
}
