//! Writing CMS SignedData, RFC 5652 §5: security objects, lists, EF.CardSecurity.

use super::algorithm::{digest_identifier, message_digest};
use super::der::{context, integer, octets, oid, sequence, set, set_of, time, tlv};
use super::pki::Signer;
use super::{Defect, certificate};
use anyhow::Result;
use jiff::Timestamp;
use openssl::hash::hash;

/// A content of this type in an envelope signed now, with the signer's certificate and these.
pub(super) fn signed_data(
    content_type: &str,
    content: &[u8],
    signer: &Signer,
    more_certificates: &[Vec<u8>],
    now: Timestamp,
) -> Result<Vec<u8>> {
    flawed_signed_data(content_type, content, signer, more_certificates, now, Defect::None)
}

/// The same with a defect of the envelope, where the defect is one.
pub(super) fn flawed_signed_data(
    content_type: &str,
    content: &[u8],
    signer: &Signer,
    more_certificates: &[Vec<u8>],
    now: Timestamp,
    defect: Defect,
) -> Result<Vec<u8>> {
    let digest = signer.key.algorithm.digest;
    let mut content_digest = hash(message_digest(digest), content)?.to_vec();
    if defect == Defect::ContentDigestWrong {
        flip_last_bit(&mut content_digest);
    }
    let attributes = set([
        attribute("1.2.840.113549.1.9.3", oid(content_type)?)?,
        attribute("1.2.840.113549.1.9.4", octets(&content_digest))?,
        attribute("1.2.840.113549.1.9.5", time(now))?,
    ]);
    let mut signature = signer.key.sign(&attributes)?;
    if defect == Defect::SignatureWrong {
        flip_last_bit(&mut signature);
    }
    // What is signed is a SET OF; what is sent bears the tag [0] in its place.
    let attributes: Vec<u8> = [0xA0].into_iter().chain(attributes.into_iter().skip(1)).collect();
    let issuer = match defect {
        Defect::SignerNamedWrongly => certificate::name("UT", "CSCA of another name")?,
        _ => signer.issuer.clone(),
    };
    let named = sequence([issuer, integer(signer.serial)]);
    let algorithm = signer.key.algorithm.identifier()?;
    let digest = digest_identifier(digest)?;
    let signer_info =
        sequence([integer(1), named, digest.clone(), attributes, algorithm, octets(&signature)]);
    let encapsulated = sequence([oid(content_type)?, context(0, &octets(content))]);
    let mut certificates = more_certificates.to_vec();
    match defect {
        Defect::SignerCertificateMissing => {}
        Defect::SignerCertificateMalformed => certificates.push(malformed(&signer.certificate)),
        Defect::SignerCertificateForged => {
            let mut forged = signer.certificate.clone();
            flip_last_bit(&mut forged);
            certificates.push(forged);
        }
        _ => certificates.push(signer.certificate.clone()),
    }
    certificates.sort();
    let certificates = if certificates.is_empty() { Vec::new() } else { context(0, &certificates.concat()) };
    let signed = sequence([integer(3), set([digest]), encapsulated, certificates, set_of(vec![signer_info])]);
    Ok(sequence([oid("1.2.840.113549.1.7.2")?, context(0, &signed)]))
}

/// A certificate whose validity is no validity, and all lengths still right: the tags of its times are
/// those of octet strings.
fn malformed(certificate: &[u8]) -> Vec<u8> {
    let mut malformed = certificate.to_vec();
    let time = malformed.windows(2).position(|two| two == [0x17, 0x0D]);
    if let Some(tag) = time.and_then(|at| malformed.get_mut(at)) {
        *tag = 0x04;
    }
    malformed
}

pub(super) fn flip_last_bit(bytes: &mut [u8]) {
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
}

fn attribute(id: &str, value: Vec<u8>) -> Result<Vec<u8>> {
    Ok(sequence([oid(id)?, tlv(0x31, &value)]))
}
