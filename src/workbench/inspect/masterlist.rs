//! `egate inspect masterlist`: what is in a master list, and what of it verifies.

use super::paint::{branch, painted, word};
use super::trusted;
use crate::check::{CheckResult, Reason};
use crate::trust::{Certificate, MasterList, MasterListError};
use anyhow::{Context, Result, anyhow};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// What is in a master list and what of it verifies.
///
/// Without a root the list may vouch for its own signer: then its signature says that it is whole, not
/// that it is anybody's.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  egate inspect masterlist masterlist.ml --root list-signing-root.cer")]
pub struct MasterListArgs {
    /// The list, CMS in DER or BER
    pub file: PathBuf,
    /// Certificate of a root that may vouch for the list's signer, or a folder of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub root: Vec<PathBuf>,
    /// One JSON document instead of the tree
    #[arg(long)]
    pub json: bool,
}

/// Whether the list's signature is successful.
///
/// # Errors
/// When a file cannot be read or is no master list.
pub fn run(args: MasterListArgs) -> Result<bool> {
    let bytes = fs::read(&args.file).with_context(|| format!("reading {}", args.file.display()))?;
    let list = MasterList::parse(&bytes).map_err(|error| anyhow!("{}: {error}", args.file.display()))?;
    let (roots, by) = match args.root.is_empty() {
        true => (trusted::own_roots(&list), "itself"),
        false => (trusted::certificates(&args.root)?, "a root given"),
    };
    let verified = list.verify(&roots);
    let (result, reason) = judged(&verified);
    let survey = list.survey();
    let signer = verified.as_ref().ok().map(|signer| signer.subject().to_string());
    if args.json {
        let reasons: Vec<_> =
            reason.iter().map(|(r, text)| json!({"code": r.code(), "text": text})).collect();
        let whole = json!({
            "signature": word(result),
            "signer": signer,
            "vouched_by": signer.as_ref().map(|_| by),
            "reasons": reasons,
            "certificates": survey.certificates,
            "self_signed_valid": survey.self_signed_valid,
            "links_valid": survey.links_valid,
            "unverified": survey.unverified,
            "unreadable": survey.unreadable,
            "countries": survey.countries,
            "issued": list.issued(),
            "doubts": survey.doubts,
        });
        println!("{whole:#}");
    } else {
        println!("{}", args.file.display());
        if let Some(signer) = signer {
            branch("signer", signer);
            branch("vouched for by", by);
        }
        if let Some(issued) = list.issued() {
            branch("issued", issued);
        }
        branch("certificates", survey.certificates);
        branch("self-signed", format!("{} verify with their own key", survey.self_signed_valid));
        branch("links", format!("{} verify with the key of another in the list", survey.links_valid));
        branch("unverified", survey.unverified);
        branch("unreadable", survey.unreadable);
        let countries: Vec<&str> = survey.countries.iter().map(String::as_str).collect();
        branch("countries", format!("{}: {}", countries.len(), countries.join(" ")));
        for doubt in &survey.doubts {
            branch("doubt", format!("{}: {}", doubt.what, doubt.why));
        }
        let why = reason.map(|(_, text)| format!("  {text}")).unwrap_or_default();
        println!("└─ {:<14} {}{why}", "signature", painted(result));
    }
    Ok(result == CheckResult::Successful)
}

/// A changed list has failed; one whose signer nobody knows is undetermined.
fn judged(verified: &Result<&Certificate, MasterListError>) -> (CheckResult, Option<(Reason, String)>) {
    let Err(error) = verified else { return (CheckResult::Successful, None) };
    let (result, reason) = match error {
        MasterListError::Digest => (CheckResult::Failed, Reason::SecurityObjectDigestWrong),
        MasterListError::Signature => (CheckResult::Failed, Reason::SecurityObjectSignatureWrong),
        MasterListError::SignerMissing => (CheckResult::Undetermined, Reason::SignerCertificateMissing),
        MasterListError::SignerPurpose => (CheckResult::Failed, Reason::SignerUntrusted),
        MasterListError::SignerUntrusted => (CheckResult::Undetermined, Reason::SignerUntrusted),
        MasterListError::Algorithm(_) => (CheckResult::Undetermined, Reason::SecurityObjectAlgorithm),
        MasterListError::Field(_) | MasterListError::ContentType(_) => {
            (CheckResult::Failed, Reason::SecurityObjectMalformed)
        }
    };
    (result, Some((reason, error.to_string())))
}
