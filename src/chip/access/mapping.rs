//! From the nonce of PACE to a generator, Doc 9303-11 §4.4.3.3 and appendix B.
//!
//! The integrated mapping's arithmetic is in no library and is done here on OpenSSL's numbers: the
//! pseudo-random function of §4.4.3.3.2, and the encoding of a number as a point after Brier, Coron, Icart,
//! Madore, Randriam and Tibouchi.

use crate::chip::crypto::{CipherSuite, Domain};
use crate::chip::error::ChipError;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::EcPoint;
use openssl::error::ErrorStack;

/// `Ĝ = s·G + H`, `ĝ = g^s · h`, with H or h the secret shared by both sides' first keys.
pub(super) fn generic(
    domain: &Domain,
    nonce: &[u8],
    private: &BigNumRef,
    theirs: &[u8],
) -> Result<Domain, ChipError> {
    let nonce = BigNum::from_slice(nonce)?;
    match domain {
        Domain::Curve(curve) => {
            let shared = curve.multiply(&*curve.decode(theirs)?, private)?;
            let scaled = curve.multiply(&curve.generator, &nonce)?;
            curve.with_generator(curve.add(&scaled, &shared)?)
        }
        Domain::Field(field) => {
            let shared = field.power(&*field.decode(theirs)?, private)?;
            let scaled = field.power(&field.generator, &nonce)?;
            let mut product = BigNum::new()?;
            product.mod_mul(&scaled, &shared, &field.prime, &mut *BigNumContext::new()?)?;
            field.with_generator(product)
        }
    }
}

/// `Ĝ = f(R(s, t))` for the chip's nonce s and ours, t.
pub(super) fn integrated(
    domain: &Domain,
    suite: CipherSuite,
    nonce: &[u8],
    ours: &[u8],
) -> Result<Domain, ChipError> {
    match domain {
        Domain::Curve(curve) => {
            let [p, a, b] = curve.coefficients()?;
            let element = pseudo_random_element(suite, nonce, ours, &p)?;
            let (x, y) = encode_as_point(&element, &p, &a, &b)?;
            let mut point = EcPoint::new(&curve.group)?;
            // OpenSSL refuses coordinates that are not on the curve.
            point.set_affine_coordinates(&curve.group, &x, &y, &mut *BigNumContext::new()?)?;
            curve.with_generator(point)
        }
        Domain::Field(field) => {
            let order = field.order.as_ref().ok_or(ChipError::Protocol("a group of unknown order"))?;
            let element = pseudo_random_element(suite, nonce, ours, &field.prime)?;
            let (mut most, mut cofactor) = (field.prime.to_owned()?, BigNum::new()?);
            most.sub_word(1)?;
            cofactor.checked_div(&most, order, &mut *BigNumContext::new()?)?;
            field.with_generator(field.power(&element, &cofactor)?)
        }
    }
}

/// `R(s, t) mod p`.
fn pseudo_random_element(
    suite: CipherSuite,
    nonce: &[u8],
    ours: &[u8],
    prime: &BigNumRef,
) -> Result<BigNum, ErrorStack> {
    let random = BigNum::from_slice(&pseudo_random(suite, nonce, ours, prime.num_bits())?)?;
    let mut element = BigNum::new()?;
    element.nnmod(&random, prime, &mut *BigNumContext::new()?)?;
    Ok(element)
}

/// `R(s, t)`: a chain of keys, of which each encrypts a constant to the next key and another to output.
fn pseudo_random(
    suite: CipherSuite,
    nonce: &[u8],
    ours: &[u8],
    prime_bits: i32,
) -> Result<Vec<u8>, ErrorStack> {
    // Bits beyond the prime's length, against bias.
    const SURPLUS: usize = 64;
    let (to_key, to_output) = constants(suite);
    let bits = usize::try_from(prime_bits).unwrap_or_default() + SURPLUS;
    let mut key = suite.encrypt(ours, nonce)?;
    let mut output = Vec::new();
    for _ in 0..bits.div_ceil(8 * to_key.len()) {
        // The suite takes no more of a key than it needs: AES-192 truncates.
        output.extend(suite.encrypt(&key, to_output)?);
        key = suite.encrypt(&key, to_key)?;
    }
    Ok(output)
}

/// c0 and c1.
fn constants(suite: CipherSuite) -> (&'static [u8], &'static [u8]) {
    match suite {
        CipherSuite::TripleDes | CipherSuite::Aes128 => (
            b"\xA6\x68\x89\x2A\x7C\x41\xE3\xCA\x73\x9F\x40\xB0\x57\xD8\x59\x04",
            b"\xA4\xE1\x36\xAC\x72\x5F\x73\x8B\x01\xC1\xF6\x02\x17\xC1\x88\xAD",
        ),
        CipherSuite::Aes192 | CipherSuite::Aes256 => (
            b"\xD4\x63\xD6\x52\x34\x12\x4E\xF7\x89\x70\x54\x98\x6D\xCA\x0A\x17\
              \x4E\x28\xDF\x75\x8C\xBA\xA0\x3F\x24\x06\x16\x41\x4D\x5A\x16\x76",
            b"\x54\xBD\x72\x55\xF0\xAA\xF8\x31\xBE\xC3\x42\x3F\xCF\x39\xD6\x9B\
              \x6C\xBF\x06\x66\x77\xD0\xFA\xAE\x5A\xAD\xD9\x9D\xF8\xE5\x35\x17",
        ),
    }
}

/// A number as a point, appendix B.2, for primes that leave 3 when divided by 4; step by step, in the
/// appendix' own names.
fn encode_as_point(
    t: &BigNumRef,
    p: &BigNumRef,
    a: &BigNumRef,
    b: &BigNumRef,
) -> Result<(BigNum, BigNum), ChipError> {
    if p.mod_word(4)? != 3 {
        return Err(ChipError::Protocol("a curve that the integrated mapping cannot use"));
    }
    let context = &mut *BigNumContext::new()?;
    let mut modular = Modular { p, context };
    // 1. α = −t²
    let square = modular.multiply(t, t)?;
    let alpha = modular.negate(&square)?;
    // 2. X2 = −b·a⁻¹·(1 + (α + α²)⁻¹)
    let alpha_square = modular.multiply(&alpha, &alpha)?;
    let sum = modular.add(&alpha, &alpha_square)?;
    let inverse = modular.invert(&sum)?;
    let factor = modular.add(&*BigNum::from_u32(1)?, &inverse)?;
    let quotient = modular.divide(b, a)?;
    let negative = modular.negate(&quotient)?;
    let x2 = modular.multiply(&negative, &factor)?;
    // 3. X3 = α·X2, 4. h2 = X2³ + a·X2 + b (h3 is not needed)
    let x3 = modular.multiply(&alpha, &x2)?;
    let h2 = modular.curve(&x2, a, b)?;
    // 6. U = t³·h2
    let cube = modular.multiply(&square, t)?;
    let u = modular.multiply(&cube, &h2)?;
    // 7. A = h2^(p − 1 − (p + 1)/4)
    let root = modular.inverse_root(&h2)?;
    // 8. Either A²·h2 = 1 and h2 is a square, or the other candidate's is.
    let root_square = modular.multiply(&root, &root)?;
    let test = modular.multiply(&root_square, &h2)?;
    if test == BigNum::from_u32(1)? {
        let y = modular.multiply(&root, &h2)?;
        Ok((x2, y))
    } else {
        let y = modular.multiply(&root, &u)?;
        Ok((x3, y))
    }
}

/// Arithmetic modulo a prime.
struct Modular<'a> {
    p: &'a BigNumRef,
    context: &'a mut openssl::bn::BigNumContextRef,
}

impl Modular<'_> {
    fn add(&mut self, one: &BigNumRef, two: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut sum = BigNum::new()?;
        sum.mod_add(one, two, self.p, self.context)?;
        Ok(sum)
    }

    fn negate(&mut self, number: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut negative = BigNum::new()?;
        negative.mod_sub(&*BigNum::new()?, number, self.p, self.context)?;
        Ok(negative)
    }

    fn multiply(&mut self, one: &BigNumRef, two: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut product = BigNum::new()?;
        product.mod_mul(one, two, self.p, self.context)?;
        Ok(product)
    }

    fn invert(&mut self, number: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut inverse = BigNum::new()?;
        inverse.mod_inverse(number, self.p, self.context)?;
        Ok(inverse)
    }

    fn divide(&mut self, one: &BigNumRef, by: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let inverse = self.invert(by)?;
        self.multiply(one, &inverse)
    }

    /// `x³ + a·x + b`.
    fn curve(&mut self, x: &BigNumRef, a: &BigNumRef, b: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let square = self.multiply(x, x)?;
        let inner = self.add(&square, a)?;
        let product = self.multiply(&inner, x)?;
        self.add(&product, b)
    }

    /// `h^(p − 1 − (p + 1)/4)`: the inverse of a square root, where there is one.
    fn inverse_root(&mut self, h: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let (mut quarter, mut exponent) = (self.p.to_owned()?, BigNum::new()?);
        quarter.add_word(1)?;
        quarter.div_word(4)?;
        exponent.checked_sub(self.p, &quarter)?;
        exponent.sub_word(1)?;
        let mut power = BigNum::new()?;
        power.mod_exp(h, &exponent, self.p, self.context)?;
        Ok(power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    // Doc 9303-11 appendix H.1.
    const S1: &str = "2923BE84E16CD6AE529049F1F1BBE9EB";
    const T1: &str = "5DD4CBFC96F5453B130D890A1CDBAE32";
    // Appendix H.2.
    const S2: &str = "FA5B7E3E49753A0DB9178B7B9BD898C8";
    const T2: &str = "B3A6DB3C870C3E99245E0D1C06B747DE";

    #[test]
    fn computes_every_step_of_appendix_h1() {
        let domain = Domain::standard(13).unwrap().unwrap();
        let Domain::Curve(curve) = &domain else { panic!() };
        let [p, ..] = curve.coefficients().unwrap();
        let suite = CipherSuite::Aes128;
        assert_eq!(
            hex::encode_upper(pseudo_random(suite, &bytes(S1), &bytes(T1), p.num_bits()).unwrap()),
            "E4447E2DFB3586BAC05DDB00156B57FBB2179A3949294C97254189800C517BAA8DA0FF397ED8C445D3E421E4FEB57322"
        );
        let element = pseudo_random_element(suite, &bytes(S1), &bytes(T1), &p).unwrap();
        assert_eq!(
            hex::encode_upper(element.to_vec()),
            "A2F8FF2DF50E52C6599F386ADCB595D229F6A167ADE2BE5F2C3296ADD5B7430E"
        );
        let mapped = integrated(&domain, suite, &bytes(S1), &bytes(T1)).unwrap();
        let Domain::Curve(mapped) = &mapped else { panic!() };
        assert_eq!(
            hex::encode_upper(mapped.encode(&mapped.generator).unwrap()),
            "048E82D31559ED0FDE92A4D0498ADD3C23BABA94FB77691E31E90AEA77FB17D4274C1AE14BD0C3DBAC0C871B7F3608169364437CA30AC243A089D3F266C1E60FAD"
        );
    }

    #[test]
    fn computes_every_step_of_appendix_h2() {
        let domain = Domain::standard(0).unwrap().unwrap();
        let Domain::Field(field) = &domain else { panic!() };
        let suite = CipherSuite::Aes128;
        let random = pseudo_random(suite, &bytes(S2), &bytes(T2), field.prime.num_bits()).unwrap();
        assert_eq!(
            hex::encode_upper(random),
            "EAB98D13E09052952AA729907C3C946184DEA0FE74AD2B3AF506F0A83018459C38099CD1F7FF4EA0A078DB1FAC1365505E3DC85500EF95E20B4EEF2E88489233BEE0546B472F994B618D168702406791DEEF3CB4810932EC278F3533FDB860EB4835C36FA4F1BF3FA0B828A718C96BDE88FBA38A3E6C35AAA10959251EB5FC710FC187258995944C0F926E249373F485"
        );
        let element = pseudo_random_element(suite, &bytes(S2), &bytes(T2), &field.prime).unwrap();
        assert_eq!(
            hex::encode_upper(element.to_vec()),
            "A0C7C50C002061A51CC87D254EF38068607417B6EE1B36473CFB800D2D2E5FA2B6980F01105D24FAB22ACD1BFA5C8A4C093ECDFAFE6D7125D42A843E338603835CF19AFAFF75EFE21DC5F6AA1F9AE46C25087E7368166FB08C1E4627AFED7D93570417B790FF7F747E57F432B04E1236819E0DFEF5B6E77CA4999925328182D2"
        );
        let Domain::Field(mapped) = integrated(&domain, suite, &bytes(S2), &bytes(T2)).unwrap() else {
            panic!()
        };
        assert_eq!(
            hex::encode_upper(mapped.generator.to_vec()),
            "1D7D767F11E333BCD6DBAEF40E799E7A926B96973550656FF3C830726D118D61C276CDCC61D475CF03A98E0C0E79CAEBA5BE25578BD4551D0B10903236F0B0F976852FA78EEA14EA0ACA87D1E91F688FE0DFF897BBE35A472621D343564B262F34223AE8FC59B664BFEDFA2BFE7516CA5510A6BBB633D517EC25D4E0BBAA16C2"
        );
    }

    #[test]
    fn every_standardised_group_is_mapped_by_every_cipher_and_both_sides_agree() {
        for id in (0..=2).chain(8..=18) {
            let domain = Domain::standard(id).unwrap().unwrap();
            for arc in 1..=4 {
                let suite = CipherSuite::of_arc(arc).unwrap();
                let nonce = vec![0x5A; suite.key_length().next_multiple_of(suite.block())];
                let mapped = integrated(&domain, suite, &nonce, &vec![0xA5; suite.key_length()]);
                if id == 10 {
                    assert!(mapped.is_err(), "secp224r1's prime leaves 1");
                    continue;
                }
                let mapped = mapped.unwrap();
                let [ours, theirs] = [7, 11].map(|n| BigNum::from_u32(n).unwrap());
                let secret = mapped.agree(&ours, &mapped.public_key(&theirs).unwrap()).unwrap();
                assert_eq!(
                    secret,
                    mapped.agree(&theirs, &mapped.public_key(&ours).unwrap()).unwrap(),
                    "{id}"
                );
            }
        }
    }
}
