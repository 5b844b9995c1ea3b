//! What the chip of a document can do, and the files and keys that follow from it.

use super::Defect;
use super::algorithm::{SignatureAlgorithm, SignatureKey};
use super::der::{integer, oid, sequence, set_of, tlv};
use super::parameters::{DomainParameters, public_key_info};
use super::seed::Seed;
use crate::chip::FileId;
use crate::chip::files::{DocumentDetails, FaceRecord, PersonToNotify, PersonalDetails};
use crate::devices::card::{ActiveAuthenticationKey, ChipAuthenticationKey, Digest};
use anyhow::{Result, ensure};

/// Identifier of PACE, of chip authentication, of its public keys: arcs of BSI (TR-03110-3 §A.1).
const PACE: &str = "0.4.0.127.0.7.2.2.4";
const CHIP_AUTHENTICATION: &str = "0.4.0.127.0.7.2.2.3";
const PUBLIC_KEY: &str = "0.4.0.127.0.7.2.2.1";
const ACTIVE_AUTHENTICATION: &str = "2.23.136.1.1.5";
/// Plain ECDSA by digest.
const PLAIN_ECDSA: &str = "0.4.0.127.0.7.1.1.4.1";
/// Identifier of the key of chip authentication mapping where no key of chip authentication is on its curve.
const MAPPING_KEY_ID: u64 = 100;

/// What a chip can do. Without anything it is opened by BAC and proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChipPlan {
    /// Whether it can be opened by BAC.
    pub bac: bool,
    /// Card access number, 6 digits: a second password of PACE.
    pub can: Option<String>,
    /// Version of the logical data structure.
    pub lds: LdsVersion,
    /// How the portrait is wrapped.
    pub face_record: FaceRecord,
    /// Kinds of PACE that EF.CardAccess offers.
    pub pace: Vec<Pace>,
    /// Keys of chip authentication, in DG14.
    pub chip_authentication: Vec<ChipAuthentication>,
    /// Key of active authentication, in DG15.
    pub active_authentication: Option<SignatureAlgorithm>,
    /// Whether EF.ATR/INFO announces commands of extended length.
    pub extended_length: bool,
    /// DG11.
    pub person: Option<PersonalDetails>,
    /// DG12.
    pub document: Option<DocumentDetails>,
    /// DG13: a text of the issuer's own.
    pub national: Option<String>,
    /// DG16.
    pub notify: Vec<PersonToNotify>,
}

impl Default for ChipPlan {
    fn default() -> ChipPlan {
        ChipPlan {
            bac: true,
            can: None,
            lds: LdsVersion::V17,
            face_record: FaceRecord::default(),
            pace: Vec::new(),
            chip_authentication: Vec::new(),
            active_authentication: None,
            extended_length: false,
            person: None,
            document: None,
            national: None,
            notify: Vec::new(),
        }
    }
}

impl ChipPlan {
    /// What passports of these years have: PACE with generic mapping and BAC, chip authentication, active
    /// authentication, all on 256-bit curves.
    pub fn modern() -> ChipPlan {
        ChipPlan {
            lds: LdsVersion::V18,
            pace: vec![Pace {
                mapping: Mapping::Generic,
                parameters: DomainParameters::BrainpoolP256r1,
                cipher: Cipher::Aes128,
            }],
            chip_authentication: vec![ChipAuthentication {
                parameters: DomainParameters::BrainpoolP256r1,
                cipher: Cipher::Aes128,
                id: None,
            }],
            active_authentication: Some(SignatureAlgorithm::default()),
            extended_length: true,
            ..ChipPlan::default()
        }
    }

    /// A chip that proves itself while it is opened: PACE with chip authentication mapping, no BAC.
    pub fn chip_authentication_mapping() -> ChipPlan {
        ChipPlan {
            bac: false,
            can: Some("123456".to_owned()),
            lds: LdsVersion::V18,
            pace: vec![Pace {
                mapping: Mapping::ChipAuthentication,
                parameters: DomainParameters::BrainpoolP256r1,
                cipher: Cipher::Aes256,
            }],
            extended_length: true,
            ..ChipPlan::default()
        }
    }
}

/// Version of the logical data structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the numbers say all")]
pub enum LdsVersion {
    #[serde(rename = "1.7")]
    V17,
    #[serde(rename = "1.8")]
    V18,
}

impl LdsVersion {
    /// Four digits as in EF.COM.
    pub fn digits(self) -> &'static str {
        match self {
            LdsVersion::V17 => "0107",
            LdsVersion::V18 => "0108",
        }
    }
}

/// One kind of PACE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// How the nonce is mapped.
    pub mapping: Mapping,
    /// Curve or group.
    pub parameters: DomainParameters,
    /// What secure messaging uses then.
    pub cipher: Cipher,
}

/// How PACE maps its nonce, Doc 9303-11 §4.4.3.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mapping {
    /// GM.
    Generic,
    /// IM.
    Integrated,
    /// CAM: curves only.
    ChipAuthentication,
}

/// Ciphers of secure messaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Cipher {
    #[serde(rename = "3des")]
    TripleDes = 1,
    #[serde(rename = "aes-128")]
    Aes128 = 2,
    #[serde(rename = "aes-192")]
    Aes192 = 3,
    #[serde(rename = "aes-256")]
    Aes256 = 4,
}

/// One key of chip authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipAuthentication {
    /// Curve or group.
    pub parameters: DomainParameters,
    /// What secure messaging uses then.
    pub cipher: Cipher,
    /// Identifier, needed when there are several.
    #[serde(default)]
    pub id: Option<u64>,
}

/// Private keys of a chip.
#[derive(Clone, Default)]
pub struct ChipKeys {
    /// Of chip authentication, in the order of the plan; at the end the one of chip authentication mapping
    /// if it has one of its own.
    pub chip_authentication: Vec<ChipAuthenticationKey>,
    /// Of active authentication.
    pub active_authentication: Option<ActiveAuthenticationKey>,
}

impl ChipPlan {
    /// The keys that follow from the seed.
    pub(super) fn keys(&self, seed: &Seed, label: &str) -> Result<ChipKeys> {
        let mut keys = ChipKeys::default();
        for (place, planned) in self.chip_authentication.iter().enumerate() {
            let mut stream = seed.stream(&format!("{label} chip authentication {place}"));
            let key = planned.parameters.key(&mut stream, true)?;
            keys.chip_authentication.push(ChipAuthenticationKey { id: planned.id, key });
        }
        if let Some(parameters) = self.lone_mapping() {
            let mut stream = seed.stream(&format!("{label} chip authentication mapping"));
            let key = parameters.key(&mut stream, true)?;
            keys.chip_authentication.push(ChipAuthenticationKey { id: Some(MAPPING_KEY_ID), key });
        }
        if let Some(algorithm) = self.active_authentication {
            let mut stream = seed.stream(&format!("{label} active authentication"));
            let key = match algorithm.key {
                SignatureKey::Ecdsa { curve, .. } => curve.key(&mut stream, true)?,
                SignatureKey::Rsa { .. } => super::signing::SigningKey::generate(algorithm, stream)?.key,
            };
            keys.active_authentication = Some(ActiveAuthenticationKey { key, digest: algorithm.digest });
        }
        Ok(keys)
    }

    /// The curve of chip authentication mapping.
    fn mapping_curve(&self) -> Option<DomainParameters> {
        let mapping = self.pace.iter().find(|pace| pace.mapping == Mapping::ChipAuthentication);
        mapping.map(|pace| pace.parameters)
    }

    /// That curve, when no key of chip authentication is on it.
    fn lone_mapping(&self) -> Option<DomainParameters> {
        let curve = self.mapping_curve()?;
        (!self.chip_authentication.iter().any(|planned| planned.parameters == curve)).then_some(curve)
    }

    /// EF.CardAccess, when there is PACE: Doc 9303-11 §9.2.
    pub(super) fn card_access(&self) -> Result<Option<Vec<u8>>> {
        if self.pace.is_empty() {
            return Ok(None);
        }
        Ok(Some(set_of(self.pace_infos()?)))
    }

    /// Content of DG14, when there is anything to say: Doc 9303-10 §4.7.14.
    pub(super) fn dg14(&self, keys: &ChipKeys) -> Result<Option<Vec<u8>>> {
        let mut infos = self.pace_infos()?;
        for (planned, key) in self.chip_authentication.iter().zip(&keys.chip_authentication) {
            let kind = if planned.parameters.is_curve() { 2 } else { 1 };
            let protocol = oid(&format!("{CHIP_AUTHENTICATION}.{kind}.{}", planned.cipher as u8))?;
            infos.push(sequence([protocol, integer(1), key_id(planned.id)]));
            infos.push(public_key(key, kind)?);
        }
        if let Some(SignatureAlgorithm { key: SignatureKey::Ecdsa { .. }, digest }) =
            self.active_authentication
        {
            let place = Digest::ALL.iter().position(|known| *known == digest).unwrap_or_default() + 1;
            let signature = oid(&format!("{PLAIN_ECDSA}.{place}"))?;
            infos.push(sequence([oid(ACTIVE_AUTHENTICATION)?, integer(1), signature]));
        }
        Ok((!infos.is_empty()).then(|| crate::chip::tlv::encode(FileId::Dg(14).tag(), &set_of(infos))))
    }

    /// Content of EF.CardSecurity before it is signed, when there is chip authentication mapping.
    pub(super) fn card_security(&self, keys: &ChipKeys) -> Result<Option<Vec<u8>>> {
        let Some(curve) = self.mapping_curve() else { return Ok(None) };
        let on_curve = self.chip_authentication.iter().position(|planned| planned.parameters == curve);
        let place = on_curve.unwrap_or(self.chip_authentication.len());
        let mut infos = self.pace_infos()?;
        if let Some(key) = keys.chip_authentication.get(place) {
            infos.push(public_key(key, 2)?);
        }
        Ok(Some(set_of(infos)))
    }

    fn pace_infos(&self) -> Result<Vec<Vec<u8>>> {
        let mut infos = Vec::new();
        for pace in &self.pace {
            let curve = pace.parameters.is_curve();
            let kind = match pace.mapping {
                Mapping::Generic => 1 + u8::from(curve),
                Mapping::Integrated => 3 + u8::from(curve),
                Mapping::ChipAuthentication => 6,
            };
            ensure!(
                pace.mapping != Mapping::ChipAuthentication || (curve && pace.cipher != Cipher::TripleDes),
                "chip authentication mapping needs a curve and AES"
            );
            let protocol = oid(&format!("{PACE}.{kind}.{}", pace.cipher as u8))?;
            infos.push(sequence([protocol, integer(2), integer(pace.parameters.number())]));
        }
        Ok(infos)
    }

    /// Whether the plan suffices for the defect.
    pub(super) fn check(&self, defect: Defect) -> Result<()> {
        let needs = |what, there: bool| {
            ensure!(there, "{defect:?} needs a chip with {what}: see --chip, or describe one");
            Ok(())
        };
        let proves = !self.chip_authentication.is_empty()
            || self.active_authentication.is_some()
            || self.mapping_curve().is_some();
        match defect {
            Defect::ChipCloned => needs("chip or active authentication", proves),
            Defect::ChipKeysReplaced | Defect::Dg14Stripped => {
                needs("chip authentication", !self.chip_authentication.is_empty())
            }
            Defect::Dg15Stripped => needs("active authentication", self.active_authentication.is_some()),
            Defect::CardSecuritySignatureWrong => {
                needs("chip authentication mapping", self.mapping_curve().is_some())
            }
            _ => Ok(()),
        }
    }
}

fn public_key(key: &ChipAuthenticationKey, kind: u8) -> Result<Vec<u8>> {
    let protocol = oid(&format!("{PUBLIC_KEY}.{kind}"))?;
    Ok(sequence([protocol, public_key_info(&key.key)?, key_id(key.id)]))
}

fn key_id(id: Option<u64>) -> Vec<u8> {
    let Some(id) = id else { return Vec::new() };
    let mut digits: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        digits.insert(0, 0);
    }
    tlv(0x02, &digits)
}
