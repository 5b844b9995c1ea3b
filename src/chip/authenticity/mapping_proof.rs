//! The proof that PACE with chip authentication mapping carries, Doc 9303-11 §4.4.3.5.2: the chip's key of the
//! mapping is its static key, multiplied by what only the owner of the static private key can compute.

use crate::chip::access::MappingData;
use crate::chip::crypto::Domain;
use crate::chip::error::ChipError;
use crate::chip::proof::Proof;
use crate::chip::security_infos::{KeyAgreement, SecurityInfos};
use openssl::bn::BigNum;

/// Compares what the chip gave with the static key that EF.CardSecurity names by the parameters' number.
pub(in crate::chip) fn mapping_proof(data: &MappingData, card_security: Result<&[u8], &str>) -> Proof {
    let infos = match card_security {
        Ok(file) => SecurityInfos::parse_card_security(file).map_err(|error| error.to_string()),
        Err(why) => Err(format!("EF.CardSecurity: {why}")),
    };
    let infos = match infos {
        Ok(infos) => infos,
        Err(why) => return Proof::Impossible(why),
    };
    let keys = infos.chip_authentication_keys.iter().filter(|key| key.agreement == KeyAgreement::Ecdh);
    let key = keys.clone().find(|key| key.key_id == data.parameter_id).or_else(|| {
        // Without names only a key that stands alone can be meant.
        keys.clone().next().filter(|key| key.key_id.is_none() && keys.clone().count() == 1)
    });
    let Some(key) = key else {
        return Proof::Impossible("EF.CardSecurity has no key for the mapping".to_owned());
    };
    match fits(data, &key.public_key) {
        Ok(true) => Proof::Shown { public_key: key.public_key.clone() },
        Ok(false) => Proof::Refuted("the mapping is not the chip's static key's".to_owned()),
        Err(error) => Proof::Impossible(error.to_string()),
    }
}

fn fits(data: &MappingData, public_key: &[u8]) -> Result<bool, ChipError> {
    let (domain, point) = Domain::of_public_key(public_key)?;
    let standard = Domain::standard(data.standard).ok_or(ChipError::Protocol("no such parameters"))??;
    let Domain::Curve(curve) = &standard else { return Ok(false) };
    if !standard.same(&domain)? {
        return Ok(false);
    }
    let factor = BigNum::from_slice(&data.factor)?;
    let product = curve.multiply(&*curve.decode(&point)?, &factor)?;
    Ok(curve.encode(&product)? == data.mapping_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::tlv;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    // Doc 9303-11 appendix I.
    const KEY_INFO: &str = "3062060904007F0007020201023052300C060704007F0007010202010D034200041872709494399E7470A6431BE25E83EEE24FEA568C2ED28DB48E05DB3A610DC884D256A40E35EFCB59BF6753D3A489D28C7A4D973C2DA138A6E7A4A08F68E16F02010D";

    fn data() -> MappingData {
        MappingData {
            mapping_key: bytes(
                "04A234236AA9B9621E8EFB73B5245C0E09D2576E5277183C1208BDD55280CAE8B304F365713A356E65A451E165ECC9AC0AC46E3771342C8FE5AEDD092685338E23",
            ),
            factor: bytes("85DC3FA93D0952BFA82F5FD189EE75BD82F11D1F0B8ED4BF5319AC9B53C426B3"),
            parameter_id: Some(13),
            standard: 13,
        }
    }

    /// Signed data without a signature: it is not asked for here.
    fn card_security(key_info: &str) -> Vec<u8> {
        let set = tlv::encode(0x31, &bytes(key_info));
        let content = tlv::encode(0xA0, &tlv::encode(0x04, &set));
        let encapsulated = tlv::encode(0x30, &[tlv::encode(0x06, &[1]), content].concat());
        let signed = [tlv::encode(0x02, &[3]), tlv::encode(0x31, &[]), encapsulated].concat();
        let inner = tlv::encode(0xA0, &tlv::encode(0x30, &signed));
        tlv::encode(0x30, &[tlv::encode(0x06, &[1]), inner].concat())
    }

    #[test]
    fn the_static_key_of_appendix_i_gives_its_mapping_key() {
        let proof = mapping_proof(&data(), Ok(&card_security(KEY_INFO)));
        assert_eq!(proof, Proof::Shown { public_key: bytes(&KEY_INFO[26..KEY_INFO.len() - 6]) });
    }

    #[test]
    fn another_factor_or_mapping_key_proves_nothing() {
        let file = card_security(KEY_INFO);
        for change in [
            |data: &mut MappingData| data.factor[31] ^= 1,
            |data: &mut MappingData| data.factor.clear(),
            |data: &mut MappingData| data.mapping_key[40] ^= 1,
            |data: &mut MappingData| data.standard = 12,
        ] {
            let mut data = data();
            change(&mut data);
            assert!(matches!(mapping_proof(&data, Ok(&file)), Proof::Refuted(_)), "{data:?}");
        }
    }

    #[test]
    fn without_a_usable_static_key_nothing_is_shown() {
        let off_curve = KEY_INFO.replace("041872", "041873");
        let other_name = format!("{}02010C", &KEY_INFO[..KEY_INFO.len() - 6]);
        for file in [card_security(&off_curve), card_security(&other_name), vec![], card_security("0500")] {
            assert!(matches!(mapping_proof(&data(), Ok(&file)), Proof::Impossible(_)));
        }
        assert!(matches!(mapping_proof(&data(), Err("6A82")), Proof::Impossible(_)));
    }
}
