//! Groups in which a card agrees on keys: the standardised domain parameters of Doc 9303-11 §9.5.1, and whatever
//! group a static key of the chip is in.
//!
//! One set of operations for elliptic curves and for prime fields, so that the protocols are written once.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::dh::Dh;
use openssl::ec::{EcKey, EcPoint, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{HasParams, PKey, Params, Private};

/// A group with its generator.
pub(super) enum Domain {
    Curve(EcKey<Params>),
    Field {
        prime: BigNum,
        generator: BigNum,
        /// Order of the generator; a static key's parameters may lack it.
        order: Option<BigNum>,
    },
}

/// An element of a group.
pub(super) enum Element {
    Point(EcPoint),
    Number(BigNum),
}

impl Domain {
    /// Standardised domain parameters by their number, table 6 of §9.5.1.
    pub(super) fn standardised(number: u8) -> Option<Domain> {
        let curve = match number {
            0 => return Domain::field(&Dh::get_1024_160().ok()?),
            1 => return Domain::field(&Dh::get_2048_224().ok()?),
            2 => return Domain::field(&Dh::get_2048_256().ok()?),
            8 => Nid::X9_62_PRIME192V1,
            9 => Nid::BRAINPOOL_P192R1,
            10 => Nid::SECP224R1,
            11 => Nid::BRAINPOOL_P224R1,
            12 => Nid::X9_62_PRIME256V1,
            13 => Nid::BRAINPOOL_P256R1,
            14 => Nid::BRAINPOOL_P320R1,
            15 => Nid::SECP384R1,
            16 => Nid::BRAINPOOL_P384R1,
            17 => Nid::BRAINPOOL_P512R1,
            18 => Nid::SECP521R1,
            _ => return None,
        };
        Some(Domain::Curve(EcKey::from_curve_name(curve).ok()?))
    }

    fn field<T: HasParams>(parameters: &Dh<T>) -> Option<Domain> {
        Some(Domain::Field {
            prime: copy(parameters.prime_p())?,
            generator: copy(parameters.generator())?,
            order: parameters.prime_q().and_then(copy),
        })
    }

    /// The group of a private key, and the key's number.
    pub(super) fn of_key(key: &PKey<Private>) -> Option<(Domain, BigNum)> {
        if let Ok(key) = key.ec_key() {
            let number = copy(key.private_key())?;
            return Some((Domain::Curve(EcKey::from_group(key.group()).ok()?), number));
        }
        let key = key.dh().ok()?;
        Some((Domain::field(&key)?, copy(key.private_key())?))
    }

    /// Whether public keys are points (ECDH) and not numbers (DH).
    pub(super) fn is_curve(&self) -> bool {
        matches!(self, Domain::Curve(_))
    }

    /// Prime of the field.
    pub(super) fn prime(&self) -> Option<BigNum> {
        match self {
            Domain::Curve(_) => Some(self.components()?.0),
            Domain::Field { prime, .. } => copy(prime),
        }
    }

    /// Prime and coefficients of the curve.
    pub(super) fn components(&self) -> Option<(BigNum, BigNum, BigNum)> {
        let Domain::Curve(curve) = self else { return None };
        let [mut p, mut a, mut b] = [BigNum::new().ok()?, BigNum::new().ok()?, BigNum::new().ok()?];
        curve.group().components_gfp(&mut p, &mut a, &mut b, &mut *BigNumContext::new().ok()?).ok()?;
        Some((p, a, b))
    }

    /// Order of the generator.
    pub(super) fn order(&self) -> Option<BigNum> {
        match self {
            Domain::Curve(curve) => {
                let mut order = BigNum::new().ok()?;
                curve.group().order(&mut order, &mut *BigNumContext::new().ok()?).ok()?;
                Some(order)
            }
            Domain::Field { order, .. } => copy(order.as_ref()?),
        }
    }

    /// Bytes of an encoded coordinate or number.
    pub(super) fn width(&self) -> usize {
        let bits = match self {
            Domain::Curve(curve) => curve.group().degree() as usize,
            Domain::Field { prime, .. } => prime.num_bits().unsigned_abs() as usize,
        };
        bits.div_ceil(8)
    }

    /// The generator.
    pub(super) fn generator(&self) -> Option<Element> {
        Some(match self {
            Domain::Curve(curve) => {
                Element::Point(curve.group().generator_opt()?.to_owned(curve.group()).ok()?)
            }
            Domain::Field { generator, .. } => Element::Number(copy(generator)?),
        })
    }

    /// A private key from random bytes: between 1 and the order, without it.
    pub(super) fn scalar(&self, random: &[u8]) -> Option<BigNum> {
        let mut most = self.order()?;
        most.sub_word(1).ok()?;
        let mut scalar = BigNum::new().ok()?;
        scalar.nnmod(&*BigNum::from_slice(random).ok()?, &most, &mut *BigNumContext::new().ok()?).ok()?;
        scalar.add_word(1).ok()?;
        Some(scalar)
    }

    /// The element so many times: multiplied on a curve, raised to a power in a field.
    pub(super) fn times(&self, element: &Element, scalar: &BigNumRef) -> Option<Element> {
        let mut context = BigNumContext::new().ok()?;
        match (self, element) {
            (Domain::Curve(curve), Element::Point(point)) => {
                let mut product = EcPoint::new(curve.group()).ok()?;
                product.mul2(curve.group(), point, scalar, &mut context).ok()?;
                Some(Element::Point(product))
            }
            (Domain::Field { prime, .. }, Element::Number(number)) => {
                let mut power = BigNum::new().ok()?;
                power.mod_exp(number, scalar, prime, &mut context).ok()?;
                Some(Element::Number(power))
            }
            _ => None,
        }
    }

    /// Two elements together: added on a curve, multiplied in a field.
    pub(super) fn together(&self, one: &Element, other: &Element) -> Option<Element> {
        let mut context = BigNumContext::new().ok()?;
        match (self, one, other) {
            (Domain::Curve(curve), Element::Point(one), Element::Point(other)) => {
                let mut sum = EcPoint::new(curve.group()).ok()?;
                sum.add(curve.group(), one, other, &mut context).ok()?;
                Some(Element::Point(sum))
            }
            (Domain::Field { prime, .. }, Element::Number(one), Element::Number(other)) => {
                let mut product = BigNum::new().ok()?;
                product.mod_mul(one, other, prime, &mut context).ok()?;
                Some(Element::Number(product))
            }
            _ => None,
        }
    }

    /// As a public key travels, §9.4.4 and §9.4.5: an uncompressed point, or a number as long as the prime.
    pub(super) fn encode(&self, element: &Element) -> Option<Vec<u8>> {
        match (self, element) {
            (Domain::Curve(curve), Element::Point(point)) => {
                let form = PointConversionForm::UNCOMPRESSED;
                point.to_bytes(curve.group(), form, &mut *BigNumContext::new().ok()?).ok()
            }
            (_, Element::Number(number)) => number.to_vec_padded(i32::try_from(self.width()).ok()?).ok(),
            _ => None,
        }
    }

    /// A public key as it came; `None` when it is none of this group.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<Element> {
        match self {
            Domain::Curve(curve) => {
                // The library refuses points that are not on the curve.
                let point =
                    EcPoint::from_bytes(curve.group(), bytes, &mut *BigNumContext::new().ok()?).ok()?;
                (!point.is_infinity(curve.group())).then_some(Element::Point(point))
            }
            Domain::Field { prime, .. } => {
                let number = BigNum::from_slice(bytes).ok()?;
                let mut largest = copy(prime)?;
                largest.sub_word(1).ok()?;
                let inside = number > BigNum::from_u32(1).ok()? && number < largest;
                inside.then_some(Element::Number(number))
            }
        }
    }

    /// What keys are derived from: the x coordinate, or the number (§9.6).
    pub(super) fn secret(&self, element: &Element) -> Option<Vec<u8>> {
        let encoded = self.encode(element)?;
        match self {
            Domain::Curve(_) => encoded.get(1..=self.width()).map(<[u8]>::to_vec),
            Domain::Field { .. } => Some(encoded),
        }
    }
}

/// A number of one's own.
pub(super) fn copy(number: &BigNumRef) -> Option<BigNum> {
    number.to_owned().ok()
}
