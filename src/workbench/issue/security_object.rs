//! Writing EF.SOD, Doc 9303-10 §4.6.2: the hashes of the data groups, signed.

use super::Defect;
use super::algorithm::{digest_identifier, message_digest};
use super::cms::{flawed_signed_data, flip_last_bit};
use super::der::{integer, octets, sequence, tlv};
use super::pki::Signer;
use anyhow::Result;
use jiff::Timestamp;
use openssl::hash::hash;
use std::collections::BTreeMap;

const SECURITY_OBJECT: &str = "2.23.136.1.1.1";

/// A whole EF.SOD over these data groups, hashed as the signer hashes and signed now. LDS 1.8 has version
/// 1 and says which LDS it is of.
pub(super) fn security_object(
    groups: &BTreeMap<u8, Vec<u8>>,
    signer: &Signer,
    lds_version: &str,
    now: Timestamp,
    defect: Defect,
) -> Result<Vec<u8>> {
    let digest = signer.key.algorithm.digest;
    let mut hashes = Vec::new();
    for (number, content) in groups {
        let mut hash = hash(message_digest(digest), content)?.to_vec();
        if (defect, *number) == (Defect::HashWrong, 1) {
            flip_last_bit(&mut hash);
        }
        hashes.extend(sequence([integer((*number).into()), octets(&hash)]));
    }
    let (version, versions) = match lds_version {
        "0108" => (1, sequence([tlv(0x13, b"0108"), tlv(0x13, b"040000")])),
        _ => (0, Vec::new()),
    };
    let mut content = sequence([integer(version), digest_identifier(digest)?, tlv(0x30, &hashes), versions]);
    if defect == Defect::SecurityObjectMalformed {
        // A list of hashes is a SEQUENCE OF; this one is a SET OF. It is signed as it is.
        content = sequence([integer(version), digest_identifier(digest)?, tlv(0x31, &hashes)]);
    }
    Ok(tlv(0x77, &flawed_signed_data(SECURITY_OBJECT, &content, signer, &[], now, defect)?))
}

#[cfg(test)]
mod tests {
    use super::super::algorithm::KeyKind;
    use super::super::certificate::Purpose;
    use super::super::cms::signed_data;
    use super::super::der::set;
    use super::super::pki::{Authority, State};
    use super::super::seed::Seed;
    use super::*;
    use crate::trust::{Certificate, MasterListError, TrustStore};

    #[test]
    fn a_document_signer_cannot_make_countries_trusted_by_signing_a_master_list() {
        let now = Timestamp::UNIX_EPOCH;
        let authority = |alpha2: &str| {
            let seed = Seed::new(alpha2.as_bytes());
            let state = State { alpha3: "UTO".into(), alpha2: alpha2.into(), now, seed };
            Authority::new(&state, KeyKind::EcdsaP256.into(), "authority", Authority::VALID).unwrap()
        };
        let (country, rogue) = (authority("UT"), authority("XX"));
        let signer = |purpose| country.signer(KeyKind::EcdsaP256.into(), purpose, 2, Signer::VALID).unwrap();
        let content = sequence([integer(0), set([rogue.certificate])]);
        let list = |purpose| signed_data("2.23.136.1.1.2", &content, &signer(purpose), &[], now).unwrap();
        let roots = [Certificate::parse(&country.certificate).unwrap()];
        let mut builder = TrustStore::builder();
        let refused = builder.add_master_list(&list(Purpose::Documents), &roots);
        assert_eq!(refused, Err(MasterListError::SignerPurpose));
        let refused = builder.add_master_list(&list(Purpose::DeviationLists), &roots);
        assert_eq!(refused, Err(MasterListError::SignerPurpose));
        assert_eq!(builder.build(now).authorities(), 0);
        let mut builder = TrustStore::builder();
        builder.add_master_list(&list(Purpose::MasterLists), &roots).unwrap();
        assert_eq!(builder.build(now).authorities(), 1);
    }
}
