//! Sealing of pictures to central's key (HPKE, RFC 9180, base mode).
//!
//! In go a picture, the label that says whose it is, central's public key and 32 fresh random bytes; out
//! come sealed bytes that only central's private key opens, and only under the same label: a sealed
//! picture that is moved to another passage does not open. The lane keeps no key that opens anything.
//!
//! Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. Form: 32 bytes of encapsulated
//! key, then the ciphertext with its tag of 16 bytes.

use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, HpkeError, Kem as _, OpModeR, OpModeS, Serializable};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

/// What these keys are used for; part of every key derivation.
const INFO: &[u8] = b"egate picture 1";
/// Length of the encapsulated key, RFC 9180 §7.1.
const ENCAPPED: usize = 32;

/// Whose picture it is; sealed bytes open only under the label they were sealed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLabel<'a> {
    /// Passage's id.
    pub passage: &'a str,
    /// As in [`crate::record::PictureRef::role`].
    pub role: &'a str,
}

impl PictureLabel<'_> {
    /// The associated data: the role, which holds no zero byte, ends at the first.
    fn bytes(&self) -> Vec<u8> {
        [self.role.as_bytes(), self.passage.as_bytes()].join(&0)
    }
}

/// Why bytes could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key's bytes are no X25519 key.
    #[error("not an X25519 key: {0}")]
    Key(String),
    /// Shorter than any sealed picture.
    #[error("{0} bytes are too few for a sealed picture")]
    Short(usize),
    /// Sealed to another key, under another label, or changed since.
    #[error("the sealed picture does not open with this key and label")]
    Open,
    /// Sealing failed.
    #[error("sealing failed: {0}")]
    Seal(String),
}

/// Central's public key: what a lane needs to seal.
#[derive(Clone)]
pub struct SealingPublicKey(PublicKey);

/// Central's key pair: what opens pictures.
pub struct SealingKeys {
    private: PrivateKey,
    public: PublicKey,
}

impl SealingPublicKey {
    /// From the 32 bytes of [`SealingPublicKey::to_bytes`].
    ///
    /// # Errors
    /// When they are no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        PublicKey::from_bytes(bytes).map(SealingPublicKey).map_err(|error| SealError::Key(error.to_string()))
    }

    /// 32 bytes, RFC 7748.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// Seals a picture. `random` must be fresh for each picture: the ephemeral key is derived from it
    /// (RFC 9180 §7.1.3).
    ///
    /// # Errors
    /// When the key is of low order.
    pub fn seal(
        &self,
        label: PictureLabel<'_>,
        picture: &[u8],
        random: [u8; 32],
    ) -> Result<Vec<u8>, SealError> {
        seal_for(&self.0, INFO, &label.bytes(), picture, random)
    }
}

impl SealingKeys {
    /// Derives the pair from 32 random bytes (RFC 9180 §7.1.3).
    pub fn from_random(random: [u8; 32]) -> Self {
        let (private, public) = Kem::derive_keypair(&random);
        SealingKeys { private, public }
    }

    /// From the 32 bytes of [`SealingKeys::secret_bytes`].
    ///
    /// # Errors
    /// When they are no key.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let private = PrivateKey::from_bytes(bytes).map_err(|error| SealError::Key(error.to_string()))?;
        let public = Kem::sk_to_pk(&private);
        Ok(SealingKeys { private, public })
    }

    /// The private key, 32 bytes; to be kept where only central reads.
    pub fn secret_bytes(&self) -> Vec<u8> {
        self.private.to_bytes().to_vec()
    }

    /// The public half.
    pub fn public(&self) -> SealingPublicKey {
        SealingPublicKey(self.public.clone())
    }

    /// Opens a sealed picture.
    ///
    /// # Errors
    /// When it was sealed to another key or under another label, or was changed since.
    pub fn open(&self, label: PictureLabel<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open_with(&self.private, INFO, &label.bytes(), sealed)
    }
}

/// Name of sealed bytes: their SHA-256 in 64 lower-case hexadecimal digits.
pub fn sealed_name(sealed: &[u8]) -> String {
    hex::encode(Sha256::digest(sealed))
}

fn seal_for(
    key: &PublicKey,
    info: &[u8],
    aad: &[u8],
    plain: &[u8],
    random: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    let (encapped, ciphertext) = hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(
        &OpModeS::Base,
        key,
        info,
        plain,
        aad,
        &mut Given { random, drawn: 0 },
    )
    .map_err(|error| SealError::Seal(error.to_string()))?;
    Ok([encapped.to_bytes().as_slice(), &ciphertext].concat())
}

fn open_with(key: &PrivateKey, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (encapped, ciphertext) = sealed.split_at_checked(ENCAPPED).ok_or(SealError::Short(sealed.len()))?;
    let encapped = EncappedKey::from_bytes(encapped).map_err(|_| SealError::Open)?;
    hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, key, &encapped, info, ciphertext, aad)
        .map_err(|_: HpkeError| SealError::Open)
}

/// Randomness that was handed in: the first 32 bytes drawn are those given (all that this suite draws);
/// any further ones would be hashed from them.
struct Given {
    random: [u8; 32],
    drawn: u64,
}

impl TryRng for Given {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for block in out.chunks_mut(32) {
            let bytes: [u8; 32] = match self.drawn {
                0 => self.random,
                n => Sha256::new().chain_update(self.random).chain_update(n.to_be_bytes()).finalize().into(),
            };
            self.drawn = self.drawn.wrapping_add(1);
            block.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

impl TryCryptoRng for Given {}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        hex::decode(hexadecimal).unwrap()
    }

    /// RFC 9180 appendix A.2.1.1, first encryption.
    #[test]
    fn seals_the_rfc_9180_example_bit_for_bit() {
        let key =
            PublicKey::from_bytes(&bytes("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"))
                .unwrap();
        let random = bytes("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let plain = bytes("4265617574792069732074727574682c20747275746820626561757479");
        let sealed = seal_for(&key, &info, b"Count-0", &plain, random.try_into().unwrap()).unwrap();
        assert_eq!(
            hex::encode(&sealed),
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a\
             1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
        );
        let private = PrivateKey::from_bytes(&bytes(
            "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
        ))
        .unwrap();
        assert_eq!(open_with(&private, &info, b"Count-0", &sealed).unwrap(), plain);
    }
}
