//! What is to be trusted: signed objects, certificates, lists.

use super::seeds;
use egate::trust::{
    Certificate, MasterList, RevocationList, SecurityObject, TrustMaterial, TrustStore, authenticate,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The country of the seeds, so that what is changed a little still finds its certificates.
static STORE: LazyLock<TrustStore> = LazyLock::new(|| {
    let mut builder = TrustStore::builder();
    for (_, bytes) in seeds::country().trust_bundle().expect("a trust bundle") {
        let material = TrustMaterial::parse(&bytes).expect("the issuer's own material");
        builder.add_material(material, &[]).expect("the issuer's own material");
    }
    builder.build(seeds::now())
});

pub(crate) fn security_object(bytes: &[u8]) {
    if let Ok(object) = SecurityObject::parse(bytes) {
        let _ = (object.version(), object.digest());
    }
    let groups = BTreeMap::from([(1, &b"not what was signed"[..])]);
    let found = authenticate(bytes, &groups, &STORE, seeds::now());
    assert_ne!(found.group(1).result, egate::check::CheckResult::Successful);
}

pub(crate) fn certificate(bytes: &[u8]) {
    let Ok(certificate) = Certificate::parse(bytes) else { return };
    assert_eq!(certificate.der(), bytes);
    let _ = certificate.is_signed_by(&certificate);
    let _ = (certificate.subject().to_string(), certificate.issuer().country());
    let _ = (certificate.is_authority(), certificate.is_document_signer());
}

pub(crate) fn revocation_list(bytes: &[u8]) {
    let Ok(list) = RevocationList::parse(bytes) else { return };
    let _ = (list.is_current(seeds::now()), list.is_complete());
    let mut builder = TrustStore::builder();
    let _ = builder.add_crl_der(bytes);
    let _ = builder.build(seeds::now()).refused();
}

pub(crate) fn master_list(bytes: &[u8]) {
    let Ok(list) = MasterList::parse(bytes) else { return };
    let _ = list.verify(list.envelope_certificates());
    let _ = list.survey();
}

/// Any file of a trust folder: certificates in DER and PEM, lists, LDIF, defect and deviation lists.
pub(crate) fn trust_material(bytes: &[u8]) {
    let Ok(material) = TrustMaterial::parse(bytes) else { return };
    let mut builder = TrustStore::builder();
    let _ = builder.add_material(material, &[]);
    let store = builder.build(seeds::now());
    let _ = (store.authorities(), store.refused());
}
