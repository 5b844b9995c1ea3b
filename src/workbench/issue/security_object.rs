//! Writing EF.SOD, Doc 9303-10 §4.6.2: the hashes of the data groups, signed.

use super::der::{context, integer, null, octets, oid, sequence, set, time, tlv};
use super::pki::DocumentSigner;
use anyhow::Result;
use jiff::Timestamp;
use openssl::hash::{MessageDigest, hash};
use std::collections::BTreeMap;

const SECURITY_OBJECT: &str = "2.23.136.1.1.1";

/// A whole EF.SOD over these data groups, signed now. `issuer` is the name of the signer's issuer.
pub(super) fn security_object(
    groups: &BTreeMap<u8, &[u8]>,
    signer: &DocumentSigner,
    issuer: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>> {
    let digest = sequence([oid("2.16.840.1.101.3.4.2.1")?, null()]);
    let mut hashes = Vec::new();
    for (number, content) in groups {
        let hash = hash(MessageDigest::sha256(), content)?;
        hashes.extend(sequence([integer((*number).into()), octets(&hash)]));
    }
    let content = sequence([integer(0), digest.clone(), tlv(0x30, &hashes)]);
    Ok(tlv(0x77, &signed_data(SECURITY_OBJECT, &content, signer, issuer, now)?))
}

/// CMS SignedData over a content of this type, RFC 5652 §5.
fn signed_data(
    content_type: &str,
    content: &[u8],
    signer: &DocumentSigner,
    issuer: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>> {
    let digest = sequence([oid("2.16.840.1.101.3.4.2.1")?, null()]);
    let attributes = set([
        attribute("1.2.840.113549.1.9.3", oid(content_type)?)?,
        attribute("1.2.840.113549.1.9.4", octets(&hash(MessageDigest::sha256(), content)?))?,
        attribute("1.2.840.113549.1.9.5", time(now))?,
    ]);
    let signature = signer.key.sign(&attributes)?;
    // What is signed is a SET OF; what is sent bears the tag [0] in its place.
    let attributes: Vec<u8> = [0xA0].into_iter().chain(attributes.into_iter().skip(1)).collect();
    let named = sequence([issuer.to_vec(), integer(signer.serial)]);
    let algorithm = signer.key.algorithm()?;
    let signer_info =
        sequence([integer(1), named, digest.clone(), attributes, algorithm, octets(&signature)]);
    let encapsulated = sequence([oid(content_type)?, context(0, &octets(content))]);
    let certificates = context(0, &signer.certificate);
    let signed = sequence([integer(3), set([digest]), encapsulated, certificates, set([signer_info])]);
    Ok(sequence([oid("1.2.840.113549.1.7.2")?, context(0, &signed)]))
}

fn attribute(id: &str, value: Vec<u8>) -> Result<Vec<u8>> {
    Ok(sequence([oid(id)?, set([value])]))
}

#[cfg(test)]
mod tests {
    use super::super::pki::{Authority, KeyKind};
    use super::*;
    use crate::trust::{Certificate, MasterListError, TrustStore};

    #[test]
    fn a_document_signer_cannot_make_countries_trusted_by_signing_a_master_list() {
        let now = Timestamp::UNIX_EPOCH;
        let authority = Authority::new("UT", KeyKind::EcdsaP256, now).unwrap();
        let rogue = Authority::new("XX", KeyKind::EcdsaP256, now).unwrap();
        let signer = authority.signer("UT", 2, now).unwrap();
        let content = sequence([integer(0), set([rogue.certificate])]);
        let list = signed_data("2.23.136.1.1.2", &content, &signer, &authority.name, now).unwrap();
        let roots = [Certificate::parse(&authority.certificate).unwrap()];
        let mut builder = TrustStore::builder();
        assert_eq!(builder.add_master_list(&list, &roots), Err(MasterListError::SignerPurpose));
        assert_eq!(builder.build(now).authorities(), 0);
    }
}
