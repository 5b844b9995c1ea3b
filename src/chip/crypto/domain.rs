//! Groups in which keys are agreed: the standardised domain parameters of Doc 9303-11 §9.5.1, those that a
//! public key of the chip brings, and those that PACE makes of them by another generator.
//!
//! Public values are validated before they are used: a point must lie on the curve and not be infinite, a
//! number must lie in the subgroup where that is known (§9.6, RFC 2631 §2.1.5).

use crate::chip::error::ChipError;
use crate::chip::random::RandomBytes;
use crate::chip::tlv;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::dh::Dh;
use openssl::ec::{EcGroup, EcGroupRef, EcPoint, EcPointRef, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;

/// Longest prime of a finite field that is computed with, in bits.
const MAX_PRIME_BITS: i32 = 4_096;
/// Bits of a private key where the order of the group is not known (PKCS#3).
const PRIVATE_KEY_BITS: i32 = 512;

const WRONG_PUBLIC_KEY: ChipError = ChipError::Protocol("a public key of the chip that is not in the group");

/// A group with its generator.
pub(in crate::chip) enum Domain {
    Curve(Curve),
    Field(Field),
}

/// Points of an elliptic curve over a prime field.
pub(in crate::chip) struct Curve {
    pub(in crate::chip) group: EcGroup,
    pub(in crate::chip) generator: EcPoint,
    order: BigNum,
}

/// A subgroup of the numbers modulo a prime.
pub(in crate::chip) struct Field {
    pub(in crate::chip) prime: BigNum,
    pub(in crate::chip) generator: BigNum,
    /// Order of the generator, where it is known.
    pub(in crate::chip) order: Option<BigNum>,
}

impl Domain {
    /// The standardised parameters with this number; `None` for one that stands for none.
    pub(in crate::chip) fn standard(id: u64) -> Option<Result<Domain, ErrorStack>> {
        let curve = |nid| Some(Curve::named(nid).map(Domain::Curve));
        let field = |dh: Result<Dh<_>, _>| Some(dh.and_then(|dh| Field::of(&dh)).map(Domain::Field));
        match id {
            0 => field(Dh::get_1024_160()),
            1 => field(Dh::get_2048_224()),
            2 => field(Dh::get_2048_256()),
            8 => curve(Nid::X9_62_PRIME192V1),
            9 => curve(Nid::BRAINPOOL_P192R1),
            10 => curve(Nid::SECP224R1),
            11 => curve(Nid::BRAINPOOL_P224R1),
            12 => curve(Nid::X9_62_PRIME256V1),
            13 => curve(Nid::BRAINPOOL_P256R1),
            14 => curve(Nid::BRAINPOOL_P320R1),
            15 => curve(Nid::SECP384R1),
            16 => curve(Nid::BRAINPOOL_P384R1),
            17 => curve(Nid::BRAINPOOL_P512R1),
            18 => curve(Nid::SECP521R1),
            _ => None,
        }
    }

    /// What the standard calls these parameters.
    pub(in crate::chip) fn standard_name(id: u64) -> Option<&'static str> {
        Some(match id {
            0 => "MODP 1024/160",
            1 => "MODP 2048/224",
            2 => "MODP 2048/256",
            8 => "secp192r1",
            9 => "brainpoolP192r1",
            10 => "secp224r1",
            11 => "brainpoolP224r1",
            12 => "secp256r1",
            13 => "brainpoolP256r1",
            14 => "brainpoolP320r1",
            15 => "secp384r1",
            16 => "brainpoolP384r1",
            17 => "brainpoolP512r1",
            18 => "secp521r1",
            _ => return None,
        })
    }

    /// Which standardised parameters an AlgorithmIdentifier gives, by number or in full; `None` for any
    /// others.
    pub(in crate::chip) fn standard_of(algorithm: &[u8]) -> Option<u64> {
        if let Some(id) = standardised_number(algorithm) {
            return Some(id);
        }
        let given = Domain::of_key(&with_any_key(algorithm)?).ok()?.0;
        STANDARD_IDS.into_iter().find(|id| {
            Domain::standard(*id)
                .and_then(Result::ok)
                .is_some_and(|known| known.same(&given).unwrap_or(false))
        })
    }

    /// Group and public value of a SubjectPublicKeyInfo.
    pub(in crate::chip) fn of_public_key(info: &[u8]) -> Result<(Domain, Vec<u8>), ChipError> {
        let (outer, _) = tlv::read(info).map_err(|_| WRONG_PUBLIC_KEY)?;
        let (algorithm, rest) = tlv::read(outer.value).map_err(|_| WRONG_PUBLIC_KEY)?;
        let Some(id) = standardised_number(&tlv::encode(algorithm.tag, algorithm.value)) else {
            return Domain::of_key(info);
        };
        let domain = Domain::standard(id).ok_or(WRONG_PUBLIC_KEY)??;
        let (bits, _) = tlv::read(rest).map_err(|_| WRONG_PUBLIC_KEY)?;
        let key = bits.value.get(1..).ok_or(WRONG_PUBLIC_KEY)?;
        match &domain {
            Domain::Curve(_) => Ok((domain, key.to_vec())),
            Domain::Field(_) => {
                let (integer, _) = tlv::read(key).map_err(|_| WRONG_PUBLIC_KEY)?;
                Ok((domain, BigNum::from_slice(integer.value)?.to_vec()))
            }
        }
    }

    /// A key that OpenSSL can read.
    fn of_key(info: &[u8]) -> Result<(Domain, Vec<u8>), ChipError> {
        let key = PKey::public_key_from_der(info)?;
        if let Ok(key) = key.ec_key() {
            let curve = Curve::of(key.group())?;
            let public = curve.encode(key.public_key())?;
            return Ok((Domain::Curve(curve), public));
        }
        let key = key.dh()?;
        if key.prime_p().num_bits() > MAX_PRIME_BITS || !key.prime_p().is_odd() {
            return Err(WRONG_PUBLIC_KEY);
        }
        Ok((Domain::Field(Field::of(&key)?), key.public_key().to_vec()))
    }

    /// A fresh private key.
    pub(in crate::chip) fn private_key(&self, random: &mut RandomBytes) -> Result<BigNum, ChipError> {
        match self {
            Domain::Curve(curve) => random.private_key(&curve.order),
            Domain::Field(Field { order: Some(order), .. }) => random.private_key(order),
            Domain::Field(field) => {
                let mut bound = BigNum::new()?;
                bound.set_bit(PRIVATE_KEY_BITS.min(field.prime.num_bits() - 2).max(1))?;
                random.private_key(&bound)
            }
        }
    }

    /// The public value that belongs to a private key: an uncompressed point, or a number without leading
    /// zeros (§9.4.1).
    pub(in crate::chip) fn public_key(&self, private: &BigNumRef) -> Result<Vec<u8>, ChipError> {
        Ok(match self {
            Domain::Curve(curve) => curve.encode(&*curve.multiply(&curve.generator, private)?)?,
            Domain::Field(field) => field.power(&field.generator, private)?.to_vec(),
        })
    }

    /// The shared secret: the x coordinate, or the number, in as many bytes as the prime has (§9.7.1).
    pub(in crate::chip) fn agree(&self, private: &BigNumRef, theirs: &[u8]) -> Result<Vec<u8>, ChipError> {
        Ok(match self {
            Domain::Curve(curve) => {
                let point = curve.encode(&*curve.multiply(&*curve.decode(theirs)?, private)?)?;
                let length = point.len() / 2;
                point.get(1..1 + length).map(<[u8]>::to_vec).ok_or(WRONG_PUBLIC_KEY)?
            }
            Domain::Field(field) => {
                let secret = field.power(&*field.decode(theirs)?, private)?;
                secret.to_vec_padded(field.prime.num_bytes())?
            }
        })
    }

    /// Tag of a public value in a public key data object, §9.4.
    pub(in crate::chip) fn public_value_tag(&self) -> u32 {
        match self {
            Domain::Curve(_) => 0x86,
            Domain::Field(_) => 0x84,
        }
    }

    /// Whether both are the same group with the same generator.
    pub(in crate::chip) fn same(&self, other: &Domain) -> Result<bool, ErrorStack> {
        match (self, other) {
            (Domain::Curve(one), Domain::Curve(two)) => Ok(one.parameters()? == two.parameters()?),
            (Domain::Field(one), Domain::Field(two)) => {
                Ok(one.prime == two.prime && one.generator == two.generator)
            }
            _ => Ok(false),
        }
    }
}

/// Numbers of the standardised parameters.
const STANDARD_IDS: [u64; 14] = [0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];

/// The number in an AlgorithmIdentifier of `standardizedDomainParameters`.
fn standardised_number(algorithm: &[u8]) -> Option<u64> {
    const STANDARDISED: [u8; 7] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x01, 0x02];
    let (sequence, _) = tlv::read(algorithm).ok()?;
    let (oid, rest) = tlv::read(sequence.value).ok()?;
    let (number, _) = tlv::read(rest).ok()?;
    match (oid.value, number.tag, number.value) {
        (oid, 0x02, [number]) if oid == STANDARDISED => Some(u64::from(*number)),
        _ => None,
    }
}

/// A SubjectPublicKeyInfo with these parameters, so that OpenSSL reads them: the generator is the key.
fn with_any_key(algorithm: &[u8]) -> Option<Vec<u8>> {
    let (sequence, _) = tlv::read(algorithm).ok()?;
    let (_, parameters) = tlv::read(sequence.value).ok()?;
    let (parameters, _) = tlv::read(parameters).ok()?;
    let fields: Vec<_> = tlv::elements(parameters.value).take(8).collect::<Result<_, _>>().ok()?;
    let key = match fields.as_slice() {
        // ECParameters: version, field, curve, base, …
        [version, _, _, base, ..] if version.tag == 0x02 && base.tag == 0x04 => base.value.to_vec(),
        // X9.42: p, g, q.
        [prime, generator, ..] if prime.tag == 0x02 => tlv::encode(0x02, generator.value),
        _ => return None,
    };
    let bits = tlv::encode(0x03, &[&[0], key.as_slice()].concat());
    Some(tlv::encode(0x30, &[algorithm, bits.as_slice()].concat()))
}

impl Curve {
    fn named(nid: Nid) -> Result<Curve, ErrorStack> {
        Curve::of(&*EcGroup::from_curve_name(nid)?).map_err(|_| ErrorStack::get())
    }

    fn of(group: &EcGroupRef) -> Result<Curve, ChipError> {
        let (mut p, mut a, mut b) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
        let (mut order, mut cofactor) = (BigNum::new()?, BigNum::new()?);
        let mut context = BigNumContext::new()?;
        group.components_gfp(&mut p, &mut a, &mut b, &mut context)?;
        group.order(&mut order, &mut context)?;
        group.cofactor(&mut cofactor, &mut context)?;
        if cofactor != BigNum::from_u32(1)? {
            return Err(ChipError::Protocol("a curve whose points are not all in the group"));
        }
        let base = group.generator_opt().ok_or(ChipError::Protocol("a curve without a base point"))?;
        let generator = base.to_owned(group)?;
        Ok(Curve { group: copy_of(group, p, a, b, &generator)?, generator, order })
    }

    /// p, a and b.
    pub(in crate::chip) fn coefficients(&self) -> Result<[BigNum; 3], ErrorStack> {
        let (mut p, mut a, mut b) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
        self.group.components_gfp(&mut p, &mut a, &mut b, &mut *BigNumContext::new()?)?;
        Ok([p, a, b])
    }

    fn parameters(&self) -> Result<Vec<Vec<u8>>, ErrorStack> {
        let mut all: Vec<Vec<u8>> = self.coefficients()?.iter().map(|number| number.to_vec()).collect();
        all.extend([self.order.to_vec(), self.encode(&self.generator)?]);
        Ok(all)
    }

    /// The same curve with another generator of the same order.
    pub(in crate::chip) fn with_generator(&self, generator: EcPoint) -> Result<Domain, ChipError> {
        if generator.is_infinity(&self.group) {
            return Err(ChipError::Protocol("a mapping to the infinite point"));
        }
        let [p, a, b] = self.coefficients()?;
        let group = copy_of(&self.group, p, a, b, &self.generator)?;
        Ok(Domain::Curve(Curve { group, generator, order: self.order.to_owned()? }))
    }

    pub(in crate::chip) fn multiply(
        &self,
        point: &EcPointRef,
        by: &BigNumRef,
    ) -> Result<EcPoint, ErrorStack> {
        let mut product = EcPoint::new(&self.group)?;
        product.mul2(&self.group, point, by, &mut *BigNumContext::new()?)?;
        Ok(product)
    }

    pub(in crate::chip) fn add(&self, one: &EcPointRef, two: &EcPointRef) -> Result<EcPoint, ErrorStack> {
        let mut sum = EcPoint::new(&self.group)?;
        sum.add(&self.group, one, two, &mut *BigNumContext::new()?)?;
        Ok(sum)
    }

    /// A point in the uncompressed form, on the curve and finite.
    pub(in crate::chip) fn decode(&self, bytes: &[u8]) -> Result<EcPoint, ChipError> {
        if bytes.first() != Some(&0x04) {
            return Err(WRONG_PUBLIC_KEY);
        }
        // OpenSSL refuses what is not on the curve.
        EcPoint::from_bytes(&self.group, bytes, &mut *BigNumContext::new()?).map_err(|_| WRONG_PUBLIC_KEY)
    }

    pub(in crate::chip) fn encode(&self, point: &EcPointRef) -> Result<Vec<u8>, ErrorStack> {
        point.to_bytes(&self.group, PointConversionForm::UNCOMPRESSED, &mut *BigNumContext::new()?)
    }
}

/// OpenSSL's groups cannot be cloned here; one of the same numbers computes the same. Named curves keep
/// their quicker arithmetic.
fn copy_of(
    group: &EcGroupRef,
    p: BigNum,
    a: BigNum,
    b: BigNum,
    generator: &EcPointRef,
) -> Result<EcGroup, ErrorStack> {
    if let Some(name) = group.curve_name() {
        return EcGroup::from_curve_name(name);
    }
    let mut context = BigNumContext::new()?;
    let (mut order, mut cofactor) = (BigNum::new()?, BigNum::new()?);
    group.order(&mut order, &mut context)?;
    group.cofactor(&mut cofactor, &mut context)?;
    let encoded = generator.to_bytes(group, PointConversionForm::UNCOMPRESSED, &mut context)?;
    let mut copy = EcGroup::from_components(p, a, b, &mut context)?;
    let base = EcPoint::from_bytes(&copy, &encoded, &mut context)?;
    copy.set_generator(base, order, cofactor)?;
    Ok(copy)
}

impl Field {
    fn of<T: openssl::pkey::HasParams>(dh: &Dh<T>) -> Result<Field, ErrorStack> {
        Ok(Field {
            prime: dh.prime_p().to_owned()?,
            generator: dh.generator().to_owned()?,
            order: dh.prime_q().map(BigNumRef::to_owned).transpose()?,
        })
    }

    pub(in crate::chip) fn power(
        &self,
        base: &BigNumRef,
        exponent: &BigNumRef,
    ) -> Result<BigNum, ErrorStack> {
        let mut power = BigNum::new()?;
        power.mod_exp(base, exponent, &self.prime, &mut *BigNumContext::new()?)?;
        Ok(power)
    }

    /// A number of the subgroup that is neither 0 nor 1 nor −1.
    pub(in crate::chip) fn decode(&self, bytes: &[u8]) -> Result<BigNum, ChipError> {
        let number = BigNum::from_slice(bytes)?;
        let mut last = self.prime.to_owned()?;
        last.sub_word(1)?;
        let one = BigNum::from_u32(1)?;
        if number <= one || number >= last {
            return Err(WRONG_PUBLIC_KEY);
        }
        match &self.order {
            Some(order) if self.power(&number, order)? != one => Err(WRONG_PUBLIC_KEY),
            _ => Ok(number),
        }
    }

    pub(in crate::chip) fn with_generator(&self, generator: BigNum) -> Result<Domain, ChipError> {
        if generator <= BigNum::from_u32(1)? {
            return Err(ChipError::Protocol("a mapping to the number one"));
        }
        let order = self.order.as_deref().map(BigNumRef::to_owned).transpose()?;
        Ok(Domain::Field(Field { prime: self.prime.to_owned()?, generator, order }))
    }
}
