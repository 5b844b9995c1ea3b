//! What is to be said of one signed file and its signer, TR-03135-1 §5.6.4.2.2 and §5.6.4.3.
//!
//! EF.SOD and EF.CardSecurity are judged alike. Where several have signed, each is judged by itself and the
//! best one counts: nobody can add a good signature but who has the key.

use super::certificate::Certificate;
use super::cms::SignedData;
use super::finding::{Finding, Note};
use super::known_defects::Inquiry;
use super::profile;
use super::rules::Weight;
use super::signer::{Signer, SignerId, Verified};
use super::store::TrustStore;
use crate::check::{Check, CheckId, CheckResult, Reason};
use jiff::Timestamp;

/// A signed file, judged.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    /// Table 5.29: the signed digest is that of the content.
    pub(super) digest: Check,
    /// Table 5.28: digest and signature.
    pub(super) signature: Check,
    /// §5.6.4.3.3.
    pub(super) chain: Check,
    /// §5.6.4.3.4, and each certificate by itself.
    pub(super) validity: Check,
    pub(super) validity_of_signer: Check,
    pub(super) validity_of_authority: Check,
    /// §5.6.4.3.5.
    pub(super) revocation: Check,
    /// Algorithm that the signer names, in words.
    pub(super) algorithm: String,
    pub(super) signing_time: Option<Timestamp>,
    /// The signer's certificate, as far as one is known.
    pub(super) signer: Option<Certificate>,
    /// The country's certificate that signed it.
    pub(super) authority: Option<Certificate>,
    pub(super) findings: Vec<Note>,
}

/// What is known of the document beside its signature, for lists of defects.
pub(super) type Zone<'a> = Option<(&'a str, &'a str)>;

/// Success only if what it rests on is successful too, otherwise undetermined for the same reasons.
pub(super) fn resting_on(check: Check, ground: &Check) -> Check {
    if check.result != CheckResult::Successful || ground.result == CheckResult::Successful {
        return check;
    }
    let (reasons, detail) = (ground.reasons.clone(), ground.detail.clone());
    Check { id: check.id, result: CheckResult::Undetermined, reasons, detail }
}

/// Judges a signed file: the best of its signers.
pub(super) fn judge(signed: &SignedData, store: &TrustStore, zone: Zone<'_>, now: Timestamp) -> Judgement {
    let mut best: Option<Judgement> = None;
    for signer in &signed.signers {
        let judgement = judge_signer(signed, signer, store, zone, now);
        if best.as_ref().is_none_or(|best| judgement.goodness() > best.goodness()) {
            best = Some(judgement);
        }
    }
    best.unwrap_or_else(|| Judgement::undetermined(Reason::SecurityObjectMalformed))
}

impl Judgement {
    /// Nothing could be found out, for this reason.
    pub(super) fn undetermined(reason: Reason) -> Judgement {
        let unknown = |id| Check::undetermined(id, reason);
        Judgement {
            digest: unknown(CheckId::SecurityObjectSignature),
            signature: unknown(CheckId::SecurityObjectSignature),
            chain: unknown(CheckId::SignerChain),
            validity: unknown(CheckId::SignerValidity),
            validity_of_signer: unknown(CheckId::SignerValidity),
            validity_of_authority: unknown(CheckId::SignerValidity),
            revocation: unknown(CheckId::SignerRevocation),
            algorithm: String::new(),
            signing_time: None,
            signer: None,
            authority: None,
            findings: Vec::new(),
        }
    }

    fn goodness(&self) -> [bool; 3] {
        let good = |check: &Check| check.result == CheckResult::Successful;
        [good(&self.signature), good(&self.chain), self.revocation.result != CheckResult::Failed]
    }
}

fn judge_signer(
    signed: &SignedData,
    signer: &Signer,
    store: &TrustStore,
    zone: Zone<'_>,
    now: Timestamp,
) -> Judgement {
    let signing_time = signer.signing_time();
    let (found, signature) = find_signer(signed, signer, store);
    let digest = digest(signed, signer);
    let mut signature = both(&digest, signature);
    let certificate = found.as_ref().map(|(certificate, _)| *certificate);
    let (chain, authority) = chain(certificate, store, now);
    let mut findings = envelope_findings(signed, signer, found);
    for (certificate, kind) in [(certificate, profile::Kind::Signer), (authority, profile::Kind::Authority)] {
        findings.extend(certificate.into_iter().flat_map(|c| profile::findings(c, kind, signing_time, zone)));
    }
    let (validity, validity_of_signer, validity_of_authority) =
        validity(certificate, authority, signing_time, &chain, now);
    let mut revocation = revocation(certificate, &chain, store, now);
    if let Some(certificate) = certificate {
        let country = certificate.issuer().country().unwrap_or_default();
        let document = Inquiry { signer: certificate, zone, signed_at: signing_time };
        let (known, withdrawn) = store.defects_of(&document);
        revocation =
            with_defects(revocation, !known.is_empty(), withdrawn, store.rules().known_defects(&country));
        signature = softened(signature, &known);
        findings.extend(known);
        if findings.iter().any(|note| note.finding.is_weakness()) {
            let weight = store.rules().weak_algorithms(&country);
            signature = weighed(signature, weight, Reason::AlgorithmWeak);
        }
    }
    findings.sort();
    findings.dedup();
    Judgement {
        digest,
        signature,
        chain,
        validity,
        validity_of_signer,
        validity_of_authority,
        revocation,
        algorithm: signer.algorithm(),
        signing_time,
        signer: certificate.cloned(),
        authority: authority.cloned(),
        findings,
    }
}

/// Table 5.29.
fn digest(signed: &SignedData, signer: &Signer) -> Check {
    let id = CheckId::SecurityObjectSignature;
    match signer.digest_is_right(&signed.content) {
        Ok(true) => Check::successful(id),
        Ok(false) => Check::failed(id, Reason::SecurityObjectDigestWrong),
        Err(error) => Check::undetermined(id, Reason::SecurityObjectAlgorithm).with_detail(error.to_string()),
    }
}

/// Table 5.28: both must be good, and one that failed fails both.
fn both(digest: &Check, signature: Check) -> Check {
    match (digest.result, signature.result) {
        (CheckResult::Successful, _) => signature,
        (CheckResult::Failed, CheckResult::Failed) => {
            let reasons = [digest.reasons.as_slice(), &signature.reasons].concat();
            Check { reasons, ..digest.clone() }
        }
        (CheckResult::Failed, _) => digest.clone(),
        (_, CheckResult::Failed) => signature,
        _ => digest.clone(),
    }
}

/// Table 5.30: beside the check, the certificate that signed it, else the first that the signer names.
fn find_signer<'a>(
    signed: &'a SignedData,
    signer: &Signer,
    store: &'a TrustStore,
) -> (Option<(&'a Certificate, Option<Verified>)>, Check) {
    let id = CheckId::SecurityObjectSignature;
    let known = match signer.id() {
        SignerId::Issuer { name, serial } => store.signers.of_issuer(name.key(), serial),
        SignerId::KeyId(key_id) => store.signers.with_key_id(key_id),
    };
    let enclosed = signed.certificates.iter();
    let named: Vec<&Certificate> = enclosed.clone().filter(|c| signer.names(c)).chain(known).collect();
    // A signer that misnames its own certificate is found by the key (DESIGN §5, oddity 8).
    let others = enclosed.filter(|c| !signer.names(c));
    let mut refused = None;
    for certificate in named.iter().copied().chain(others) {
        match signer.is_signed_by(certificate) {
            Ok(Some(how)) => return (Some((certificate, Some(how))), Check::successful(id)),
            Ok(None) => {}
            Err(error) => refused = Some(error),
        }
    }
    let check = match (refused, named.is_empty()) {
        (Some(error), _) => {
            Check::undetermined(id, Reason::SecurityObjectAlgorithm).with_detail(error.to_string())
        }
        (None, false) => Check::failed(id, Reason::SecurityObjectSignatureWrong),
        (None, true) => Check::undetermined(id, Reason::SignerCertificateMissing),
    };
    (named.first().map(|certificate| (*certificate, None)), check)
}

/// §5.6.4.3.3: by the authority key identifier, else by name; the countries must agree. Beside the check,
/// the country's certificate, a valid one where there are several with the key.
fn chain<'a>(
    signer: Option<&Certificate>,
    store: &'a TrustStore,
    now: Timestamp,
) -> (Check, Option<&'a Certificate>) {
    let id = CheckId::SignerChain;
    let Some(signer) = signer else {
        return (Check::undetermined(id, Reason::SignerCertificateMissing), None);
    };
    if !signer.is_document_signer() {
        let check = Check::failed(id, Reason::SignerUntrusted);
        return (
            check.with_detail("the certificate is kept for another purpose than signing documents"),
            None,
        );
    }
    let country = signer.issuer().country();
    let (mut refused, mut authority): (_, Option<&Certificate>) = (None, None);
    let mut key_id_fits = false;
    for candidate in store.authorities.issuers(signer) {
        let foreign = candidate.subject().country().zip(country.clone()).is_some_and(|(a, b)| a != b);
        if foreign {
            continue;
        }
        match signer.is_signed_by(candidate) {
            Ok(true) => {
                if authority.is_none_or(|found| candidate.not_after() > found.not_after()) {
                    authority = Some(candidate);
                }
                if is_valid(candidate, now) {
                    authority = Some(candidate);
                    break;
                }
            }
            Ok(false) => key_id_fits |= candidate.subject_key_id() == signer.authority_key_id(),
            Err(error) => refused = Some(error),
        }
    }
    let check = match (authority, refused) {
        (Some(_), _) if store.is_too_old(now) => {
            let days = store.age(now).as_hours() / 24;
            Check::undetermined(id, Reason::TrustStoreOld).with_detail(format!("{days} days old"))
        }
        (Some(_), _) => Check::successful(id),
        (None, Some(error)) => {
            Check::undetermined(id, Reason::SecurityObjectAlgorithm).with_detail(error.to_string())
        }
        (None, None) if key_id_fits && signer.authority_key_id().is_some() => {
            Check::failed(id, Reason::SignerSignatureWrong)
        }
        // Found by name only, or not at all: the right key may simply not be at hand.
        (None, None) => {
            Check::undetermined(id, Reason::SignerUntrusted).with_detail(signer.issuer().to_string())
        }
    };
    (check, authority)
}

fn is_valid(certificate: &Certificate, at: Timestamp) -> bool {
    certificate.not_before() <= at && at <= certificate.not_after()
}

/// §5.6.4.3.4: both certificates at the time of checking; the signer's also at signing, where that is
/// known. Together, then the signer's and the country's by itself.
fn validity(
    signer: Option<&Certificate>,
    authority: Option<&Certificate>,
    signed_at: Option<Timestamp>,
    chain: &Check,
    now: Timestamp,
) -> (Check, Check, Check) {
    let id = CheckId::SignerValidity;
    let by_chain = resting_on(Check::successful(id), chain);
    let Some(signer) = signer else { return (by_chain.clone(), by_chain.clone(), by_chain) };
    let times: Vec<Timestamp> = [Some(now), signed_at].into_iter().flatten().collect();
    let of_signer = if times.iter().any(|at| *at < signer.not_before()) {
        Check::failed(id, Reason::SignerNotYetValid).with_detail(signer.not_before().to_string())
    } else if times.iter().any(|at| *at > signer.not_after()) {
        Check::failed(id, Reason::SignerExpired).with_detail(signer.not_after().to_string())
    } else {
        Check::successful(id)
    };
    let of_authority = match authority {
        None => by_chain,
        Some(authority) if is_valid(authority, now) => Check::successful(id),
        Some(authority) => Check::failed(id, Reason::CountryCertificateExpired)
            .with_detail(authority.not_after().to_string()),
    };
    let failed = [&of_signer, &of_authority].into_iter().find(|c| c.result == CheckResult::Failed);
    let together = failed.cloned().unwrap_or_else(|| resting_on(Check::successful(id), chain));
    (together, of_signer, of_authority)
}

/// §5.6.4.3.5: by the revocation lists of the signer's issuer. A signer once listed stays revoked, even by
/// a list that is out of date; not to be listed counts only in a complete and current one.
fn revocation(signer: Option<&Certificate>, chain: &Check, store: &TrustStore, now: Timestamp) -> Check {
    let id = CheckId::SignerRevocation;
    let Some(signer) = signer else { return resting_on(Check::successful(id), chain) };
    let lists = store.revocations(signer);
    if lists.iter().any(|list| list.lists(signer)) {
        return Check::failed(id, Reason::SignerRevoked);
    }
    if chain.result != CheckResult::Successful {
        return resting_on(Check::successful(id), chain);
    }
    if lists.iter().any(|list| list.is_complete() && list.is_current(now)) {
        return Check::successful(id);
    }
    let country = signer.issuer().country().unwrap_or_default();
    if lists.is_empty() && !store.rules().publishes_revocations(&country) {
        let check = Check::not_supported(id, Reason::RevocationUnknown);
        return check.with_detail("the country publishes no lists, by the operator's rules");
    }
    let detail = if lists.is_empty() { "there is no list" } else { "the list is out of date or partial" };
    Check::undetermined(id, Reason::RevocationUnknown).with_detail(detail)
}

/// TR-03135-1 table 5.54 for a withdrawn signer; the operator's rule for every other defect.
fn with_defects(revocation: Check, known: bool, withdrawn: Option<u32>, weight: Weight) -> Check {
    // No further detail, a test certificate, revoked by the issuer or by the list's signer.
    const NOT_TRUSTED: [u32; 4] = [0, 2, 3, 4];
    let revocation = match withdrawn {
        Some(status) if NOT_TRUSTED.contains(&status) => {
            weighed(revocation, Weight::Failed, Reason::SignerRevoked)
        }
        Some(_) => weighed(revocation, Weight::Undetermined, Reason::KnownDefect),
        None => revocation,
    };
    if known { weighed(revocation, weight, Reason::KnownDefect) } else { revocation }
}

/// §5.8.2.2.2: of a security object that is known to be malformed, a wrong signature says nothing.
fn softened(signature: Check, known: &[Note]) -> Check {
    let malformed = known.iter().any(|note| note.finding == Finding::SecurityObjectInvalid);
    match malformed && signature.result == CheckResult::Failed {
        true => Check { result: CheckResult::Undetermined, ..signature },
        false => signature,
    }
}

/// Makes a check as bad as the operator's rule has it, never better.
fn weighed(mut check: Check, weight: Weight, reason: Reason) -> Check {
    check.result = match (weight, check.result) {
        (Weight::Finding, _) => return check,
        (_, CheckResult::Failed) | (Weight::Failed, _) => CheckResult::Failed,
        (Weight::Undetermined, _) => CheckResult::Undetermined,
    };
    check.reasons.push(reason);
    check
}

/// What is odd about the envelope and how its signer signed.
fn envelope_findings(
    signed: &SignedData,
    signer: &Signer,
    found: Option<(&Certificate, Option<Verified>)>,
) -> Vec<Note> {
    let mut findings = signed.oddities.clone();
    if let Some((certificate, how)) = found {
        let enclosed = signed.certificates.iter().any(|c| c == certificate);
        findings.extend((!enclosed).then_some(Finding::SignerNotEnclosed));
        if let Some(how) = how {
            findings.extend(signer.oddities(certificate, how));
            findings.extend(profile::weak_digest(how.scheme.digest()));
        }
    }
    findings.into_iter().map(|finding| Note::new(finding, "security object")).collect()
}
