//! Mapping of PACE's nonce to a generator of its own, Doc 9303-11 §4.4.3.3.

use super::domain::{Domain, Element, copy};
use super::keys::Suite;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::EcPoint;
use openssl::error::ErrorStack;

/// Constants of the pseudo-random function for blocks of 128 and 256 bits, §4.4.3.3.2.
const C0_SHORT: [u8; 16] = hex16(0xA668_892A_7C41_E3CA_739F_40B0_57D8_5904);
const C1_SHORT: [u8; 16] = hex16(0xA4E1_36AC_725F_738B_01C1_F602_17C1_88AD);
const C0_LONG: [[u8; 16]; 2] =
    [hex16(0xD463_D652_3412_4EF7_8970_5498_6DCA_0A17), hex16(0x4E28_DF75_8CBA_A03F_2406_1641_4D5A_1676)];
const C1_LONG: [[u8; 16]; 2] =
    [hex16(0x54BD_7255_F0AA_F831_BEC3_423F_CF39_D69B), hex16(0x6CBF_0666_77D0_FAAE_5AAD_D99D_F8E5_3517)];

const fn hex16(number: u128) -> [u8; 16] {
    number.to_be_bytes()
}

/// How many bits the pseudo-random number is longer than the prime, so that it is evenly spread.
const SPREAD: usize = 64;

/// Generic mapping: nonce times the generator, together with the shared element.
pub(super) fn generic(domain: &Domain, nonce: &[u8], shared: &Element) -> Option<Element> {
    let nonce = BigNum::from_slice(nonce).ok()?;
    let generator = domain.times(&domain.generator()?, &nonce)?;
    domain.together(&generator, shared)
}

/// Integrated mapping: the card's nonce and the terminal's give a number of the field, which is encoded in
/// the group.
pub(super) fn integrated(domain: &Domain, suite: Suite, card: &[u8], terminal: &[u8]) -> Option<Element> {
    let prime = domain.prime()?;
    let number = field_number(&prime, &pseudo_random(suite, card, terminal, &prime))?;
    match domain {
        Domain::Curve(_) => point(domain, &number).ok().flatten(),
        Domain::Field { order, .. } => cofactor(&prime, order.as_ref()?)
            .and_then(|cofactor| domain.times(&Element::Number(number), &cofactor)),
    }
}

/// Bytes of the card's nonce: as many whole blocks as hold a key.
pub(super) fn nonce_bytes(suite: Suite) -> usize {
    suite.key_bytes().next_multiple_of(16)
}

/// R(s, t): the nonces chained through the cipher until there are enough bytes.
fn pseudo_random(suite: Suite, card: &[u8], terminal: &[u8], prime: &BigNumRef) -> Vec<u8> {
    let (c0, c1) = match nonce_bytes(suite) {
        16 => (C0_SHORT.to_vec(), C1_SHORT.to_vec()),
        _ => (C0_LONG.concat(), C1_LONG.concat()),
    };
    let wanted = prime.num_bits().unsigned_abs() as usize + SPREAD;
    let mut key = suite.key(terminal).encrypt(card);
    let mut out = Vec::new();
    while out.len() * 8 < wanted {
        let mut cipher = suite.key(&key);
        out.extend(cipher.encrypt(&c1));
        key = cipher.encrypt(&c0);
    }
    out
}

fn field_number(prime: &BigNumRef, bytes: &[u8]) -> Option<BigNum> {
    let mut number = BigNum::new().ok()?;
    number.nnmod(&*BigNum::from_slice(bytes).ok()?, prime, &mut *BigNumContext::new().ok()?).ok()?;
    Some(number)
}

/// (p − 1) / q.
fn cofactor(prime: &BigNumRef, order: &BigNumRef) -> Option<BigNum> {
    let mut less = copy(prime)?;
    less.sub_word(1).ok()?;
    let mut cofactor = BigNum::new().ok()?;
    cofactor.checked_div(&less, order, &mut *BigNumContext::new().ok()?).ok()?;
    Some(cofactor)
}

/// Arithmetic modulo a prime, so that the steps below read as the standard's.
struct Field {
    prime: BigNum,
    context: BigNumContext,
}

impl Field {
    fn add(&mut self, one: &BigNumRef, other: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut sum = BigNum::new()?;
        sum.mod_add(one, other, &self.prime, &mut self.context)?;
        Ok(sum)
    }

    fn times(&mut self, one: &BigNumRef, other: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut product = BigNum::new()?;
        product.mod_mul(one, other, &self.prime, &mut self.context)?;
        Ok(product)
    }

    fn power(&mut self, base: &BigNumRef, exponent: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut power = BigNum::new()?;
        power.mod_exp(base, exponent, &self.prime, &mut self.context)?;
        Ok(power)
    }

    fn inverse(&mut self, number: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut inverse = BigNum::new()?;
        inverse.mod_inverse(number, &self.prime, &mut self.context)?;
        Ok(inverse)
    }

    fn negative(&mut self, number: &BigNumRef) -> Result<BigNum, ErrorStack> {
        let mut negative = BigNum::new()?;
        negative.mod_sub(&*BigNum::from_u32(0)?, number, &self.prime, &mut self.context)?;
        Ok(negative)
    }
}

/// The point encoding of §4.4.3.3.2 for primes p ≡ 3 mod 4; `None` for others and for the few numbers that
/// have no point.
fn point(domain: &Domain, t: &BigNumRef) -> Result<Option<Element>, ErrorStack> {
    let (Domain::Curve(curve), Some((prime, a, b))) = (domain, domain.components()) else { return Ok(None) };
    if !(prime.is_bit_set(0) && prime.is_bit_set(1)) {
        return Ok(None);
    }
    let one = BigNum::from_u32(1)?;
    let mut field = Field { prime: prime.as_ref().to_owned()?, context: BigNumContext::new()? };
    // 1. α = −t²
    let square = field.times(t, t)?;
    let alpha = field.negative(&square)?;
    // 2. X2 = −b a⁻¹ (1 + (α + α²)⁻¹)
    let alpha_square = field.times(&alpha, &alpha)?;
    let sum = field.add(&alpha, &alpha_square)?;
    let Ok(inverse) = field.inverse(&sum) else { return Ok(None) };
    let factor = field.add(&one, &inverse)?;
    let a_inverse = field.inverse(&a)?;
    let quotient = field.times(&b, &a_inverse)?;
    let quotient = field.negative(&quotient)?;
    let x2 = field.times(&quotient, &factor)?;
    // 3. X3 = α X2, 4. h2 = X2³ + a X2 + b, 5. U = t³ h2
    let x3 = field.times(&alpha, &x2)?;
    let x2_square = field.times(&x2, &x2)?;
    let x2_square_a = field.add(&x2_square, &a)?;
    let product = field.times(&x2_square_a, &x2)?;
    let h2 = field.add(&product, &b)?;
    let cube = field.times(&square, t)?;
    let u = field.times(&cube, &h2)?;
    // 6. A = h2^(p − 1 − (p + 1)/4)
    let mut quarter = prime.as_ref().to_owned()?;
    quarter.add_word(1)?;
    quarter.div_word(4)?;
    let mut exponent = BigNum::new()?;
    exponent.checked_sub(&prime, &quarter)?;
    exponent.sub_word(1)?;
    let big_a = field.power(&h2, &exponent)?;
    // 7. A² h2 = 1 ? (X2, A h2) : (X3, A U)
    let big_a_square = field.times(&big_a, &big_a)?;
    let (x, y) = match field.times(&big_a_square, &h2)? == one {
        true => (x2, field.times(&big_a, &h2)?),
        false => (x3, field.times(&big_a, &u)?),
    };
    let mut point = EcPoint::new(curve.group())?;
    point.set_affine_coordinates_gfp(curve.group(), &x, &y, &mut field.context)?;
    Ok(Some(Element::Point(point)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn maps_to_the_generator_of_appendix_g1() {
        let domain = Domain::standardised(13).unwrap();
        let terminal = domain
            .decode(&bytes("047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D"))
            .unwrap();
        let own =
            BigNum::from_slice(&bytes("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560"));
        let shared = domain.times(&terminal, &own.unwrap()).unwrap();
        assert_eq!(
            hex::encode_upper(domain.encode(&shared).unwrap()),
            "0460332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD50840CA7415BAF3E43BD414D35AA4608B93A2CAF3A4E3EA4E82C9C13D03EB7181"
        );
        let mapped = generic(&domain, &bytes("3F00C4D39D153F2B2A214A078D899B22"), &shared).unwrap();
        assert_eq!(
            hex::encode_upper(domain.encode(&mapped).unwrap()),
            "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E28C879506743F8611AC33645C5B985C80B5F09A0B83407C1B6A4D857AE76FE522"
        );
    }

    #[test]
    fn maps_to_the_generator_of_appendix_h1() {
        let domain = Domain::standardised(13).unwrap();
        let s = bytes("2923BE84E16CD6AE529049F1F1BBE9EB");
        let t = bytes("5DD4CBFC96F5453B130D890A1CDBAE32");
        let random = pseudo_random(Suite::Aes128, &s, &t, &domain.prime().unwrap());
        assert_eq!(
            hex::encode_upper(random),
            "E4447E2DFB3586BAC05DDB00156B57FBB2179A3949294C97254189800C517BAA8DA0FF397ED8C445D3E421E4FEB57322"
        );
        let mapped = integrated(&domain, Suite::Aes128, &s, &t).unwrap();
        assert_eq!(
            hex::encode_upper(domain.encode(&mapped).unwrap()),
            "048E82D31559ED0FDE92A4D0498ADD3C23BABA94FB77691E31E90AEA77FB17D4274C1AE14BD0C3DBAC0C871B7F3608169364437CA30AC243A089D3F266C1E60FAD"
        );
    }

    #[test]
    fn maps_to_the_generator_of_appendix_h2() {
        let domain = Domain::standardised(0).unwrap();
        let s = bytes("FA5B7E3E49753A0DB9178B7B9BD898C8");
        let t = bytes("B3A6DB3C870C3E99245E0D1C06B747DE");
        let mapped = integrated(&domain, Suite::Aes128, &s, &t).unwrap();
        assert_eq!(
            hex::encode_upper(domain.encode(&mapped).unwrap()),
            "1D7D767F11E333BCD6DBAEF40E799E7A926B96973550656FF3C830726D118D61C276CDCC61D475CF03A98E0C0E79CAEBA5BE25578BD4551D0B10903236F0B0F976852FA78EEA14EA0ACA87D1E91F688FE0DFF897BBE35A472621D343564B262F34223AE8FC59B664BFEDFA2BFE7516CA5510A6BBB633D517EC25D4E0BBAA16C2"
        );
    }

    #[test]
    fn every_curve_but_p224_has_an_integrated_mapping() {
        // §9.5.1: NIST P-224 cannot be used with it, for its prime is 1 modulo 4.
        for number in 8..=18 {
            let domain = Domain::standardised(number).unwrap();
            for suite in [Suite::TripleDes, Suite::Aes128, Suite::Aes192, Suite::Aes256] {
                let card = vec![number; nonce_bytes(suite)];
                let mapped = integrated(&domain, suite, &card, &vec![7; suite.key_bytes()]);
                assert_eq!(mapped.is_some(), number != 10, "{number} {suite:?}");
            }
        }
    }
}
