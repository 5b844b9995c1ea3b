//! Deviation lists, Doc 9303-12 §10: what an issuing state says of its own documents.

use super::certificate::time;
use super::der::{DerError, Reader, Tlv, tag};
use super::finding::Finding;
use super::known_defects::{Documents, KnownDefect, each, words};
use super::signature::AlgorithmIdentifier;
use super::signer::SignerId;
use std::collections::HashSet;
use std::sync::Arc;

/// eContentType: id-icao-DeviationList.
pub(super) const CONTENT_TYPE: &str = "2.23.136.1.1.7";

/// `DeviationList ::= SEQUENCE { version, digestAlgorithm OPTIONAL, deviations SET OF Deviation }`.
pub(super) fn read(list: Tlv<'_>) -> Result<Vec<KnownDefect>, DerError> {
    let mut parts = list.inside();
    parts.expect(tag::INTEGER, "DeviationList version")?;
    let algorithm = match parts.optional(tag::SEQUENCE, "digestAlgorithm")? {
        Some(algorithm) => Some(AlgorithmIdentifier::read(algorithm, "digestAlgorithm")?),
        None => None,
    };
    let mut found = Vec::new();
    each(parts.expect(tag::SET, "deviations")?, "Deviation", |deviation| {
        let mut parts = deviation.inside();
        let documents = read_documents(parts.expect(tag::SEQUENCE, "documents")?, algorithm.as_ref())?;
        each(parts.expect(tag::SET, "descriptions")?, "DeviationDescription", |description| {
            found.push(read_description(description, &documents)?);
            Ok(())
        })
    })?;
    Ok(found)
}

/// Which documents: kind, signer, days of issue and numbers, each where stated.
fn read_documents(
    documents: Tlv<'_>,
    algorithm: Option<&AlgorithmIdentifier>,
) -> Result<Documents, DerError> {
    let mut parts = documents.inside();
    let kind = parts.optional(tag::plain(0), "documentType")?.map(|kind| zone_text(kind.value));
    let mut found = Documents { kind, ..Documents::default() };
    if let Some(pair) = parts.optional(tag::context(1), "issuerAndSerialNumber")? {
        found.signer = Some(SignerId::of_issuer(pair)?);
    } else if let Some(id) = parts.optional(tag::plain(2), "subjectKeyIdentifier")? {
        found.signer = Some(SignerId::KeyId(id.value.to_vec()));
    } else if let Some(digest) = parts.optional(tag::plain(3), "certificateDigest")? {
        // Without an algorithm the digest fits nothing.
        let algorithm = algorithm.cloned().unwrap_or_else(|| AlgorithmIdentifier::named(""));
        found.signer_digest = Some((algorithm, digest.value.to_vec()));
    }
    if let Some(period) = parts.optional(tag::context(4), "issuingDate")? {
        let mut period = period.inside();
        let first = time(period.any("firstIssued")?, "firstIssued")?;
        found.issued = Some((first, time(period.any("lastIssued")?, "lastIssued")?));
    }
    if let Some(numbers) = parts.optional(tag::context(5), "documentNumbers")? {
        let mut all = HashSet::new();
        each(numbers, "documentNumber", |number| {
            all.insert(zone_text(number.value));
            Ok(())
        })?;
        found.numbers = Some(Arc::new(all));
    }
    Ok(found)
}

fn zone_text(bytes: &[u8]) -> String {
    words(bytes).trim().trim_end_matches('<').to_owned()
}

/// `SEQUENCE { description OPTIONAL, deviationType, parameters [0] OPTIONAL, nationalUse [1] OPTIONAL }`.
fn read_description(description: Tlv<'_>, documents: &Documents) -> Result<KnownDefect, DerError> {
    let mut parts = description.inside();
    let mut about = Vec::new();
    if parts.peek() != Some(tag::OID) {
        about.push(words(parts.any("description")?.value));
    }
    let kind = parts.expect(tag::OID, "deviationType")?.oid("deviationType")?;
    let finding = finding(&kind);
    if let Some(parameters) = parts.optional(tag::context(0), "parameters")?
        && let Some(place) = place(finding, &mut parameters.inside())
    {
        about.insert(0, place);
    }
    if finding == Finding::DeviationOther {
        about.insert(0, kind);
    }
    Ok(KnownDefect { documents: documents.clone(), finding, about: about.join(": "), status: None })
}

/// The data group that a deviation names.
fn place(finding: Finding, parameters: &mut Reader<'_>) -> Option<String> {
    if !matches!(finding, Finding::DataGroupMalformed | Finding::DeviationDataGroupHash) {
        return None;
    }
    let number = parameters.expect(tag::INTEGER, "Datagroup").ok()?.small("Datagroup").ok()?;
    Some(match number {
        20 => "EF.SOD".to_owned(),
        21 => "EF.COM".to_owned(),
        number => format!("DG{number}"),
    })
}

fn finding(kind: &str) -> Finding {
    match kind {
        "2.23.136.1.1.7.1.1" => Finding::DeviationSignerSignature,
        "2.23.136.1.1.7.1.2" => Finding::DeviationSignerEncoding,
        "2.23.136.1.1.7.1.3" => Finding::DeviationCountryEncoding,
        "2.23.136.1.1.7.1.4" => Finding::ActiveAuthenticationKeys,
        "2.23.136.1.1.7.2.1" => Finding::DataGroupMalformed,
        "2.23.136.1.1.7.2.2" => Finding::DeviationDataGroupHash,
        "2.23.136.1.1.7.2.3" => Finding::SecurityObjectInvalid,
        "2.23.136.1.1.7.2.4" => Finding::DeviationComList,
        "2.23.136.1.1.7.3.1" => Finding::DeviationMrzData,
        "2.23.136.1.1.7.3.2" => Finding::DeviationMrzCheckDigit,
        "2.23.136.1.1.7.4" => Finding::DeviationChip,
        _ => Finding::DeviationOther,
    }
}
