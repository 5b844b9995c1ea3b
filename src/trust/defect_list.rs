//! Defect lists, BSI TR-03129-2 §7: defects by document signer.

use super::der::{DerError, Problem, Tlv, magnitude, tag};
use super::finding::Finding;
use super::known_defects::{Documents, KnownDefect, each};
use super::signature::AlgorithmIdentifier;
use super::signer::SignerId;

/// eContentType: id-DefectList.
pub(super) const CONTENT_TYPE: &str = "0.4.0.127.0.7.3.1.5";

const SIGNER_WITHDRAWN: &str = "0.4.0.127.0.7.3.1.5.1.1";
const DATA_GROUP_MALFORMED: &str = "0.4.0.127.0.7.3.1.5.2.1";

/// `DefectList ::= SEQUENCE { version, hashAlg, defects SET OF Defect }`.
pub(super) fn read(list: Tlv<'_>) -> Result<Vec<KnownDefect>, DerError> {
    let mut parts = list.inside();
    parts.expect(tag::INTEGER, "DefectList version")?;
    let algorithm = parts.expect(tag::OID, "hashAlg")?.oid("hashAlg")?;
    let mut found = Vec::new();
    each(parts.expect(tag::SET, "defects")?, "Defect", |defect| {
        let mut parts = defect.inside();
        let signer = SignerId::read(&mut parts)?;
        let hash = parts.optional(tag::OCTET_STRING, "certificateHash")?;
        let hash = hash.map(|hash| (AlgorithmIdentifier::named(&algorithm), hash.value.to_vec()));
        let documents = Documents { signer: Some(signer), signer_digest: hash, ..Documents::default() };
        each(parts.expect(tag::SET, "knownDefects")?, "KnownDefect", |known| {
            found.push(read_known(known, &documents)?);
            Ok(())
        })
    })?;
    Ok(found)
}

/// `KnownDefect ::= SEQUENCE { defectType, parameters ANY OPTIONAL }`.
fn read_known(known: Tlv<'_>, documents: &Documents) -> Result<KnownDefect, DerError> {
    let mut parts = known.inside();
    let kind = parts.expect(tag::OID, "defectType")?.oid("defectType")?;
    let parameters = if parts.is_empty() { None } else { Some(parts.any("defect's parameters")?) };
    let mut about = String::new();
    let mut status = None;
    match (kind.as_str(), parameters) {
        (SIGNER_WITHDRAWN, Some(code)) => status = Some(number(code)?),
        (DATA_GROUP_MALFORMED, Some(groups)) => {
            each(groups, "malformed data group", |group| {
                about.push_str(&format!("DG{} ", number(group)?));
                Ok(())
            })?;
        }
        _ => {}
    }
    let finding = finding(&kind);
    if finding == Finding::DefectOther {
        about = kind;
    }
    let about = about.trim_end().to_owned();
    Ok(KnownDefect { documents: documents.clone(), finding, about, status })
}

/// Status codes and numbers of data groups: ENUMERATED or INTEGER, never negative.
fn number(value: Tlv<'_>) -> Result<u32, DerError> {
    let digits = magnitude(value.value);
    if digits.len() > 3 {
        return Err(Problem::Content.within("defect's parameters"));
    }
    Ok(digits.iter().fold(0, |sum, digit| sum << 8 | u32::from(*digit)))
}

fn finding(kind: &str) -> Finding {
    match kind {
        SIGNER_WITHDRAWN => Finding::SignerWithdrawn,
        "0.4.0.127.0.7.3.1.5.1.2" => Finding::SignerReplaced,
        "0.4.0.127.0.7.3.1.5.1.3" => Finding::ChipAuthenticationKeys,
        "0.4.0.127.0.7.3.1.5.1.4" => Finding::ActiveAuthenticationKeys,
        DATA_GROUP_MALFORMED => Finding::DataGroupMalformed,
        "0.4.0.127.0.7.3.1.5.2.2" => Finding::SecurityObjectInvalid,
        "0.4.0.127.0.7.3.1.5.4.1" => Finding::CardSecurityInvalid,
        "0.4.0.127.0.7.3.1.5.4.3" => Finding::PowerDownNeeded,
        _ => Finding::DefectOther,
    }
}
