//! Personalises software passports for tests: static keys, and the files that announce them, written here from
//! Doc 9303-11 §9.2.
#![allow(dead_code, reason = "each test takes what it needs")]

use egate::chip::FileId;
use egate::chip::files::{encode_com, encode_dg1, encode_dg2};
use egate::chip::{Media, tlv};
use egate::devices::card::{ActiveAuthenticationKey, ChipAuthenticationKey, Digest, Personalisation};
use openssl::bn::{BigNum, BigNumContext};
use openssl::dh::Dh;
use openssl::ec::{Asn1Flag, EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use std::collections::BTreeMap;

pub(crate) const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
pub(crate) const KEY: &str = "L898902C3674081221204159";
pub(crate) const CAN: &str = "495618";

/// Standardised domain parameters of Doc 9303-11 §9.5.1, prime fields.
pub(crate) const FIELDS: [u8; 3] = [0, 1, 2];
/// And curves.
pub(crate) const CURVES: [u8; 11] = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18];
/// Of these the one that integrated mapping cannot use.
pub(crate) const NIST_P224: u8 = 10;

/// Ciphers, by the last number of an object identifier.
pub(crate) const TRIPLE_DES: u8 = 1;
pub(crate) const AES_128: u8 = 2;
pub(crate) const AES_256: u8 = 4;
pub(crate) const CIPHERS: [u8; 4] = [1, 2, 3, 4];

/// Mappings of PACE, by the number before.
pub(crate) const DH_GENERIC: u8 = 1;
pub(crate) const ECDH_GENERIC: u8 = 2;
pub(crate) const DH_INTEGRATED: u8 = 3;
pub(crate) const ECDH_INTEGRATED: u8 = 4;
pub(crate) const ECDH_CHIP_AUTHENTICATION: u8 = 6;

/// Values of object identifiers below 0.4.0.127.0.7.2.2.
const BSI: [u8; 7] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02];

/// How a public key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The curve by its name; a field's prime and generator (PKCS #3).
    Named,
    /// All parameters of the curve; prime, generator and order of a field (X9.42).
    Explicit,
    /// Standardised domain parameters by their number.
    Standardised,
}

/// A static key of a chip.
#[derive(Clone)]
pub(crate) struct StaticKey {
    pub(crate) key: PKey<Private>,
    pub(crate) id: Option<u64>,
    pub(crate) parameters: u8,
    pub(crate) form: Form,
}

impl StaticKey {
    pub(crate) fn new(parameters: u8) -> StaticKey {
        StaticKey { key: key_on(parameters, 0x5EED), id: None, parameters, form: Form::Explicit }
    }

    pub(crate) fn with_id(self, id: u64) -> StaticKey {
        StaticKey { id: Some(id), ..self }
    }

    pub(crate) fn written(self, form: Form) -> StaticKey {
        StaticKey { form, ..self }
    }

    pub(crate) fn is_curve(&self) -> bool {
        self.parameters >= 8
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn public_key_info(&self) -> Vec<u8> {
        let (algorithm, public) = match (self.key.ec_key(), self.key.dh()) {
            (Ok(ec), _) => {
                let mut context = BigNumContext::new().unwrap();
                let form = PointConversionForm::UNCOMPRESSED;
                let point = ec.public_key().to_bytes(ec.group(), form, &mut context).unwrap();
                (self.curve_algorithm(), point)
            }
            (_, Ok(dh)) => (self.field_algorithm(), integer(&dh.public_key().to_vec())),
            _ => unreachable!(),
        };
        sequence(&[algorithm, tlv::encode(0x03, &[&[0], public.as_slice()].concat())])
    }

    fn curve_algorithm(&self) -> Vec<u8> {
        if self.form == Form::Standardised {
            return self.standardised_algorithm();
        }
        let mut group = EcGroup::from_curve_name(curve(self.parameters)).unwrap();
        let flag = if self.form == Form::Named { Asn1Flag::NAMED_CURVE } else { Asn1Flag::EXPLICIT_CURVE };
        group.set_asn1_flag(flag);
        let ec = self.key.ec_key().unwrap();
        let key = EcKey::from_public_key(&group, ec.public_key()).unwrap();
        let info = PKey::from_ec_key(key).unwrap().public_key_to_der().unwrap();
        // The algorithm is the first member of the sequence.
        let outer = tlv::find(&info, 0x30).unwrap();
        tlv::encode(0x30, tlv::find(outer, 0x30).unwrap())
    }

    fn field_algorithm(&self) -> Vec<u8> {
        let dh = self.key.dh().unwrap();
        let [p, g] = [dh.prime_p(), dh.generator()].map(|number| integer(&number.to_vec()));
        match self.form {
            Form::Standardised => self.standardised_algorithm(),
            // dhKeyAgreement, 1.2.840.113549.1.3.1.
            Form::Named => sequence(&[
                tlv::encode(0x06, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x03, 0x01]),
                sequence(&[p, g]),
            ]),
            // dhpublicnumber, 1.2.840.10046.2.1.
            Form::Explicit => {
                let order = integer(&dh.prime_q().unwrap().to_vec());
                let identifier = tlv::encode(0x06, &[0x2A, 0x86, 0x48, 0xCE, 0x3E, 0x02, 0x01]);
                sequence(&[identifier, sequence(&[p, g, order])])
            }
        }
    }

    /// standardizedDomainParameters, 0.4.0.127.0.7.1.2.
    fn standardised_algorithm(&self) -> Vec<u8> {
        let identifier = tlv::encode(0x06, &[0x04, 0x00, 0x7F, 0x00, 0x07, 0x01, 0x02]);
        sequence(&[identifier, integer(&[self.parameters])])
    }

    /// ChipAuthenticationPublicKeyInfo.
    pub(crate) fn info(&self) -> Vec<u8> {
        let kind = if self.is_curve() { 2 } else { 1 };
        let mut members = vec![bsi(&[1, kind]), self.public_key_info()];
        members.extend(self.id.map(|id| integer(&id.to_be_bytes())));
        sequence(&members)
    }

    /// ChipAuthenticationInfo for a cipher.
    pub(crate) fn protocol(&self, cipher: u8) -> Vec<u8> {
        let kind = if self.is_curve() { 2 } else { 1 };
        let mut members = vec![bsi(&[3, kind, cipher]), integer(&[1])];
        members.extend(self.id.map(|id| integer(&id.to_be_bytes())));
        sequence(&members)
    }
}

/// A key pair that is the same each time.
pub(crate) fn key_on(parameters: u8, number: u32) -> PKey<Private> {
    // As long as the shortest order needs, and odd enough.
    let private = [&number.to_be_bytes()[..], &[0xA7; 15]].concat();
    let private = BigNum::from_slice(&private).unwrap();
    if parameters >= 8 {
        let group = EcGroup::from_curve_name(curve(parameters)).unwrap();
        let mut context = BigNumContext::new().unwrap();
        let mut public = EcPoint::new(&group).unwrap();
        public.mul_generator2(&group, &private, &mut context).unwrap();
        let key = EcKey::from_private_components(&group, &private, &public).unwrap();
        return PKey::from_ec_key(key).unwrap();
    }
    let parameters = match parameters {
        0 => Dh::get_1024_160(),
        1 => Dh::get_2048_224(),
        _ => Dh::get_2048_256(),
    };
    PKey::from_dh(parameters.unwrap().set_private_key(private).unwrap()).unwrap()
}

fn curve(parameters: u8) -> Nid {
    match parameters {
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
        _ => Nid::SECP521R1,
    }
}

fn bsi(numbers: &[u8]) -> Vec<u8> {
    tlv::encode(0x06, &[&BSI, numbers].concat())
}

pub(crate) fn sequence(members: &[Vec<u8>]) -> Vec<u8> {
    tlv::encode(0x30, &members.concat())
}

/// INTEGER, positive, without needless zeros.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|byte| *byte >= 0x80) {
        bytes.insert(0, 0);
    }
    tlv::encode(0x02, &bytes)
}

/// PACEInfo.
pub(crate) fn pace_info(mapping: u8, cipher: u8, parameters: u8) -> Vec<u8> {
    sequence(&[bsi(&[4, mapping, cipher]), integer(&[2]), integer(&[parameters])])
}

/// SecurityInfos.
pub(crate) fn security_infos(infos: &[Vec<u8>]) -> Vec<u8> {
    tlv::encode(0x31, &infos.concat())
}

/// EF.CardSecurity: SignedData around SecurityInfos, here without a signature.
fn card_security(infos: &[u8]) -> Vec<u8> {
    let content_type = tlv::encode(0x06, &[0x04, 0x00, 0x7F, 0x00, 0x07, 0x03, 0x02, 0x01]);
    let content = sequence(&[content_type, tlv::encode(0xA0, &tlv::encode(0x04, infos))]);
    let empty_set = tlv::encode(0x31, &[]);
    let signed_data = sequence(&[integer(&[3]), empty_set.clone(), content, empty_set]);
    let identifier = tlv::encode(0x06, &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02]);
    sequence(&[identifier, tlv::encode(0xA0, &signed_data)])
}

/// EF.ATR/INFO with most bytes of a command and of an answer (ISO/IEC 7816-4 §12.7.1).
pub(crate) fn atr_info(command: u16, answer: u16) -> Vec<u8> {
    // Capabilities with chaining, extended length and its announcement here, then the lengths.
    let capabilities = tlv::encode(0x47, &[0x94, 0x21, 0xE0]);
    let lengths = [command, answer].map(|length| tlv::encode(0x02, &length.to_be_bytes())).concat();
    [capabilities, tlv::encode(0x7F66, &lengths)].concat()
}

/// EF.ATR/INFO of a chip that knows chaining and no extended length.
pub(crate) fn atr_info_short() -> Vec<u8> {
    tlv::encode(0x47, &[0x94, 0x21, 0x80])
}

/// A portrait of so many bytes, the beginning of which looks like JPEG.
pub(crate) fn portrait(length: usize) -> Vec<u8> {
    let image: Vec<u8> =
        [0xFF, 0xD8, 0xFF].into_iter().chain((0..length).map(|n| (n * 7 % 251) as u8)).collect();
    encode_dg2(&image, Media::Jpeg)
}

/// EF.COM, EF.SOD, DG1 and DG2 with a portrait of so many bytes.
pub(crate) fn files(portrait_length: usize) -> BTreeMap<FileId, Vec<u8>> {
    BTreeMap::from([
        (FileId::Com, encode_com(&[1, 2])),
        (FileId::Sod, tlv::encode(0x77, &vec![0x30; 700])),
        (FileId::Dg(1), encode_dg1(&LINES)),
        (FileId::Dg(2), portrait(portrait_length)),
    ])
}

/// What a chip offers beside BAC.
#[derive(Default, Clone)]
pub(crate) struct Offers {
    /// PACEInfos.
    pub(crate) pace: Vec<Vec<u8>>,
    pub(crate) bac: bool,
    /// Static keys in EF.CardSecurity.
    pub(crate) mapping_keys: Vec<StaticKey>,
    /// Static keys in DG14.
    pub(crate) chip_keys: Vec<StaticKey>,
    /// Ciphers of chip authentication, for each key.
    pub(crate) chip_ciphers: Vec<u8>,
    pub(crate) active: Option<ActiveAuthenticationKey>,
}

impl Offers {
    pub(crate) fn bac() -> Offers {
        Offers { bac: true, ..Offers::default() }
    }

    /// PACE of one kind, and BAC not.
    pub(crate) fn pace(mapping: u8, cipher: u8, parameters: u8) -> Offers {
        let mapping_keys = match mapping {
            ECDH_CHIP_AUTHENTICATION => {
                let key = StaticKey { key: key_on(parameters, 0xCA11), ..StaticKey::new(parameters) };
                vec![key.written(Form::Standardised)]
            }
            _ => Vec::new(),
        };
        Offers { pace: vec![pace_info(mapping, cipher, parameters)], mapping_keys, ..Offers::default() }
    }

    pub(crate) fn and_chip_authentication(self, key: StaticKey, cipher: u8) -> Offers {
        Offers { chip_keys: vec![key], chip_ciphers: vec![cipher], ..self }
    }

    pub(crate) fn and_active_authentication(self, key: PKey<Private>, digest: Digest) -> Offers {
        Offers { active: Some(ActiveAuthenticationKey { key, digest }), ..self }
    }

    /// The chip that does all that.
    pub(crate) fn personalise(&self, portrait_length: usize) -> Personalisation {
        let mut files = files(portrait_length);
        if !self.pace.is_empty() {
            files.insert(FileId::CardAccess, security_infos(&self.pace));
        }
        if !self.mapping_keys.is_empty() {
            let keys = self.mapping_keys.iter().map(StaticKey::info);
            let infos: Vec<Vec<u8>> = self.pace.iter().cloned().chain(keys).collect();
            files.insert(FileId::CardSecurity, card_security(&security_infos(&infos)));
        }
        let mut data_groups = vec![1, 2];
        let infos = self.security_infos();
        if !infos.is_empty() {
            files.insert(FileId::Dg(14), tlv::encode(0x6E, &security_infos(&infos)));
            data_groups.push(14);
        }
        if let Some(active) = &self.active {
            let public = active.key.public_key_to_der().unwrap();
            files.insert(FileId::Dg(15), tlv::encode(0x6F, &public));
            data_groups.push(15);
        }
        files.insert(FileId::Com, encode_com(&data_groups));
        let keys = self.mapping_keys.iter().chain(&self.chip_keys);
        Personalisation {
            can: Some(CAN.to_owned()),
            bac: self.bac,
            chip_authentication: keys
                .map(|key| ChipAuthenticationKey { id: key.id, key: key.key.clone() })
                .collect(),
            active_authentication: self.active.clone(),
            ..Personalisation::of_files(files, KEY)
        }
    }

    /// What stands in DG14.
    fn security_infos(&self) -> Vec<Vec<u8>> {
        let mut infos = Vec::new();
        for key in &self.chip_keys {
            infos.push(key.info());
            infos.extend(self.chip_ciphers.iter().map(|cipher| key.protocol(*cipher)));
        }
        if let Some(active) = self.active.as_ref().filter(|active| active.key.ec_key().is_ok()) {
            infos.push(active_authentication_info(active.digest));
        }
        if !infos.is_empty() {
            infos.extend(self.pace.iter().cloned());
        }
        infos
    }
}

/// ActiveAuthenticationInfo (2.23.136.1.1.5) with ecdsa-plain (0.4.0.127.0.7.1.1.4.1) and its digest.
fn active_authentication_info(digest: Digest) -> Vec<u8> {
    let number = match digest {
        Digest::Sha1 => 1,
        Digest::Sha224 => 2,
        Digest::Sha256 => 3,
        Digest::Sha384 => 4,
        Digest::Sha512 => 5,
    };
    let protocol = tlv::encode(0x06, &[0x67, 0x81, 0x08, 0x01, 0x01, 0x05]);
    let algorithm = tlv::encode(0x06, &[0x04, 0x00, 0x7F, 0x00, 0x07, 0x01, 0x01, 0x04, 0x01, number]);
    sequence(&[protocol, integer(&[1]), algorithm])
}

/// A fresh RSA key of so many bits; no test depends on which it is.
pub(crate) fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}
