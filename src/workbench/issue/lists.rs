//! Signed lists: master list (Doc 9303-12 §9), deviation list (Doc 9303-12 §10), defect list of the BSI
//! (TR-03129-2).

use super::cms::signed_data;
use super::der::{context, integer, oid, sequence, set, set_of, tlv};
use super::pki::Signer;
use anyhow::Result;
use jiff::Timestamp;

/// Status code of a defect list: revoked by the issuer (TR-03135-1 table 5.54).
const REVOKED_BY_ISSUER: u8 = 3;

/// A master list of these certificates.
pub(super) fn master_list(
    certificates: &[Vec<u8>],
    signer: &Signer,
    authority: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>> {
    let content = sequence([integer(0), set_of(certificates.to_vec())]);
    signed_data("2.23.136.1.1.2", &content, signer, &[authority.to_vec()], now)
}

/// A deviation list that says of all documents of one signer that EF.COM lists other groups than there
/// are (`id-Deviation-LDS-COMInconsistent`).
pub(super) fn deviation_list(
    about: &Signer,
    signer: &Signer,
    authority: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>> {
    let named = context(1, &[about.issuer.clone(), integer(about.serial)].concat());
    let words = tlv(0x13, b"EF.COM lists other data groups than the chip has");
    let description = sequence([words, oid("2.23.136.1.1.7.2.4")?]);
    let deviation = sequence([sequence([named]), set([description])]);
    let content = sequence([integer(0), set([deviation])]);
    signed_data("2.23.136.1.1.7", &content, signer, &[authority.to_vec()], now)
}

/// A defect list that says of one signer's certificate that its issuer revoked it (`id-CertRevoked`).
pub(super) fn defect_list(
    about: &Signer,
    signer: &Signer,
    authority: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>> {
    let named = sequence([about.issuer.clone(), integer(about.serial)]);
    let known = sequence([oid("0.4.0.127.0.7.3.1.5.1.1")?, tlv(0x0A, &[REVOKED_BY_ISSUER])]);
    let defect = sequence([named, set([known])]);
    let content = sequence([integer(0), oid("2.16.840.1.101.3.4.2.1")?, set([defect])]);
    signed_data("0.4.0.127.0.7.3.1.5", &content, signer, &[authority.to_vec()], now)
}
