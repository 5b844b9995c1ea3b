//! An authority of its own that signs lists of defects: what an issuer of test passports does not write.

use super::kit::NOW;
use der::asn1::ObjectIdentifier;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Name};

/// ExtKeyUsage of deviation list signers.
pub(crate) const DEVIATION_LISTS: &str = "2.23.136.1.1.8";

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, ObjectIdentifier::new(dotted).unwrap().as_bytes())
}

/// A country's authority, and a signer of lists under it.
pub(crate) struct ListSigner {
    pub(crate) root: X509,
    certificate: X509,
    key: PKey<Private>,
}

impl ListSigner {
    /// Of this country; the signer's certificate is for this purpose, or for none in particular.
    pub(crate) fn new(country: &str, purpose: Option<&str>) -> ListSigner {
        let root_key = new_key();
        let root = certificate(country, "CSCA of lists", None, &root_key, None);
        let key = new_key();
        let certificate = certificate(country, "List signer", purpose, &key, Some((&root, &root_key)));
        ListSigner { root, certificate, key }
    }

    /// Content of this type, signed now.
    pub(crate) fn sign(&self, content_type: &str, content: &[u8]) -> Vec<u8> {
        let sha256 = sequence(&[oid("2.16.840.1.101.3.4.2.1")]);
        let digest = hash(MessageDigest::sha256(), content).unwrap();
        let attribute = |kind, value: Vec<u8>| sequence(&[oid(kind), set(&[value])]);
        let attributes = [
            attribute("1.2.840.113549.1.9.3", oid(content_type)),
            attribute("1.2.840.113549.1.9.5", tlv(0x17, b"260110120000Z")),
            attribute("1.2.840.113549.1.9.4", tlv(0x04, &digest)),
        ]
        .concat();
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        let signature = signer.sign_oneshot_to_vec(&tlv(0x31, &attributes)).unwrap();
        let issuer = self.certificate.issuer_name().to_der().unwrap();
        let info = sequence(&[
            tlv(0x02, &[1]),
            sequence(&[issuer, tlv(0x02, &[2])]),
            sha256.clone(),
            tlv(0xA0, &attributes),
            sequence(&[oid("1.2.840.10045.4.3.2")]),
            tlv(0x04, &signature),
        ]);
        let signed = sequence(&[
            tlv(0x02, &[3]),
            set(&[sha256]),
            sequence(&[oid(content_type), tlv(0xA0, &tlv(0x04, content))]),
            tlv(0xA0, &self.certificate.to_der().unwrap()),
            set(&[info]),
        ]);
        sequence(&[oid("1.2.840.113549.1.7.2"), tlv(0xA0, &signed)])
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(
    country: &str,
    name: &str,
    purpose: Option<&str>,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("C", country).unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = if issuer.is_some() { 2 } else { 1 };
    builder.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(issuer, _)| issuer.subject_name())).unwrap();
    let day = 86_400;
    builder.set_not_before(&Asn1Time::from_unix(NOW.as_second() - 9 * day).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(NOW.as_second() + 900 * day).unwrap()).unwrap();
    builder.set_pubkey(key).unwrap();
    if issuer.is_none() {
        builder
            .append_extension(BasicConstraints::new().critical().ca().pathlen(0).build().unwrap())
            .unwrap();
        let usage = KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap();
        builder.append_extension(usage).unwrap();
    }
    let key_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(key_id).unwrap();
    if let Some(purpose) = purpose {
        builder.append_extension(ExtendedKeyUsage::new().other(purpose).build().unwrap()).unwrap();
    }
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    builder.build()
}
