//! `egate inspect sod`: passive authentication of one security object.

use super::paint::{branch, painted, tree, word};
use super::trusted;
use crate::check::{Check, CheckResult};
use crate::trust::{PassiveAuthentication, TrustStore, authenticate};
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Passive authentication of a security object (EF.SOD) and the data groups given with it.
///
/// The result is of the signature, the chain to a trusted country certificate, revocation where the
/// signer is revoked, and the hashes of the data groups given. Validity at the time of looking is told
/// beside it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  egate inspect sod EF_SOD.bin --trust masterlist.ml certificates/ --dg 1=DG1.bin --dg 2=DG2.bin"
)]
pub struct SodArgs {
    /// EF.SOD as read from a chip
    pub file: PathBuf,
    /// Master list, certificate, revocation list, or a folder of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub trust: Vec<PathBuf>,
    /// A data group as read from the chip
    #[arg(long, value_name = "N=FILE", num_args = 1.., value_parser = numbered)]
    pub dg: Vec<(u8, PathBuf)>,
    /// Day at which validity and revocation are looked at; today without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub at: Option<Date>,
    /// One JSON document instead of the tree
    #[arg(long)]
    pub json: bool,
}

fn numbered(text: &str) -> Result<(u8, PathBuf), String> {
    let (number, file) = text.split_once('=').ok_or("write N=FILE, for instance 1=DG1.bin")?;
    match number.parse() {
        Ok(number @ 1..=16) => Ok((number, file.into())),
        _ => Err(format!("{number:?} is no data group; they are 1 to 16")),
    }
}

/// Whether the security object and all data groups given are successful.
///
/// # Errors
/// When a file cannot be read or is of no use.
pub fn run(args: SodArgs) -> Result<bool> {
    let (found, store) = authenticated(&args)?;
    let report = Report::new(&found, args.dg.iter().map(|(number, _)| *number).collect());
    if args.json {
        println!("{:#}", report.json(&found, &store));
    } else {
        println!("{}", args.file.display());
        report.tree(&found, &store);
    }
    Ok(report.result == CheckResult::Successful)
}

fn authenticated(args: &SodArgs) -> Result<(PassiveAuthentication, TrustStore)> {
    let now = match args.at {
        Some(day) => day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC)?.timestamp(),
        None => Timestamp::now(),
    };
    let sod = fs::read(&args.file).with_context(|| format!("reading {}", args.file.display()))?;
    let mut groups = BTreeMap::new();
    for (number, path) in &args.dg {
        groups.insert(*number, fs::read(path).with_context(|| format!("reading {}", path.display()))?);
    }
    let store = trusted::store(&args.trust, now)?;
    let given = groups.iter().map(|(number, bytes)| (*number, bytes.as_slice())).collect();
    Ok((authenticate(&sod, &given, &store, now), store))
}

struct Report<'a> {
    result: CheckResult,
    /// Name and check, the deciding ones and those beside.
    checks: Vec<(&'static str, &'a Check)>,
    /// Every data group given or listed.
    hashes: BTreeMap<u8, Check>,
    given: BTreeSet<u8>,
}

impl<'a> Report<'a> {
    fn new(found: &'a PassiveAuthentication, given: BTreeSet<u8>) -> Report<'a> {
        let numbers = found.groups.keys().chain(&given);
        let hashes: BTreeMap<u8, Check> = numbers.map(|number| (*number, found.group(*number))).collect();
        let of_given =
            hashes.iter().filter(|(number, _)| given.contains(number)).map(|(_, check)| check.result);
        let deciding: Vec<CheckResult> =
            [found.signature.result, found.chain.result].into_iter().chain(of_given).collect();
        let revoked = found.revocation.result == CheckResult::Failed;
        let result = if revoked || deciding.contains(&CheckResult::Failed) {
            CheckResult::Failed
        } else if deciding.iter().all(|result| *result == CheckResult::Successful) {
            CheckResult::Successful
        } else {
            CheckResult::Undetermined
        };
        let checks = vec![
            ("signature", &found.signature),
            ("chain", &found.chain),
            ("validity", &found.validity),
            ("revocation", &found.revocation),
        ];
        Report { result, checks, hashes, given }
    }

    fn json(&self, found: &PassiveAuthentication, store: &TrustStore) -> Value {
        let hash_checks =
            self.hashes.values().filter(|c| c.result == CheckResult::Failed).map(|c| ("hashes", c));
        let reasons: Vec<Value> = self
            .checks
            .iter()
            .copied()
            .chain(hash_checks)
            .flat_map(|(name, check)| check.reasons.iter().map(move |reason| (name, check, reason)))
            .map(|(name, check, reason)| {
                json!({
                    "code": reason.code(),
                    "text": reason.officer(),
                    "check": name,
                    "detail": check.detail,
                })
            })
            .collect();
        let hashes: BTreeMap<String, &str> =
            self.hashes.iter().map(|(number, check)| (number.to_string(), word(check.result))).collect();
        let object = found.security_object.as_ref().map(|object| {
            json!({
                "version": object.version(),
                "digest": object.digest().map_or_else(|e| e.to_string(), |digest| digest.to_string()),
                "data_groups": object.hashes().keys().collect::<Vec<_>>(),
                "signing_time": object.signed().signing_time(),
            })
        });
        let refused: Vec<Value> =
            store.refused().iter().map(|r| json!({"what": r.what, "why": r.why})).collect();
        json!({
            "result": word(self.result),
            "signature": word(found.signature.result),
            "chain": word(found.chain.result),
            "validity": word(found.validity.result),
            "revocation": word(found.revocation.result),
            "hashes": hashes,
            "signer": found.signer,
            "reasons": reasons,
            "findings": found.findings,
            "security_object": object,
            "trust": {
                "as_of": found.store.as_of,
                "days": found.store.days,
                "authorities": store.authorities(),
                "revocation_lists": store.revocation_lists(),
                "known_defects": store.known_defects(),
                "refused": refused,
            },
            "tree": found.tree(),
        })
    }

    fn tree(&self, found: &PassiveAuthentication, store: &TrustStore) {
        if let Some(signer) = &found.signer {
            branch("signer", &signer.subject);
            branch("issuer", &signer.issuer);
        }
        let (countries, lists) = (store.authorities(), store.revocation_lists());
        branch("trusted", format!("{countries} country certificates, {lists} revocation lists"));
        for number in self.given.iter().filter(|number| !found.groups.contains_key(number)) {
            branch(&format!("DG{number}"), "not listed in the security object");
        }
        tree(&found.tree());
        println!("result of signature, chain and the groups given: {}", painted(self.result));
    }
}

#[cfg(test)]
#[cfg(feature = "issuer")]
mod tests {
    use super::*;
    use crate::workbench::issue::{Defect, IssueArgs, run as issue};
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        sod: SodArgs,
    }

    #[derive(Parser)]
    struct IssueLine {
        #[command(flatten)]
        issue: IssueArgs,
    }

    /// What is said of a document with this defect, when DG1 and DG2 are given.
    fn inspected(defect: Defect, folder: &Path) -> Value {
        let out = folder.display().to_string();
        let line = IssueLine::parse_from(["issue", "--out", &out]);
        issue(IssueArgs { defect, ..line.issue }).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let groups = [format!("1={}", file("DG1.bin")), format!("2={}", file("DG2.bin"))];
        let line = ["sod", &file("EF_SOD.bin"), "--trust", &file("trust"), "--dg", &groups[0], &groups[1]];
        let args = Line::parse_from(line).sod;
        let (found, store) = authenticated(&args).unwrap();
        Report::new(&found, [1, 2].into()).json(&found, &store)
    }

    #[test]
    fn says_in_json_what_became_of_a_document() {
        let folder = tempfile::tempdir().unwrap();
        let good = inspected(Defect::None, folder.path());
        assert_eq!(good["result"], "successful");
        for check in ["signature", "chain", "validity", "revocation"] {
            assert_eq!(good[check], "successful", "{check}");
        }
        assert_eq!(good["hashes"], json!({"1": "successful", "2": "successful"}));
        assert_eq!(good["signer"]["country"], "UT");
        assert_eq!(good["reasons"], json!([]));

        let replaced = inspected(Defect::PortraitReplaced, folder.path());
        assert_eq!(replaced["result"], "failed");
        assert_eq!(replaced["hashes"], json!({"1": "successful", "2": "failed"}));
        assert_eq!(replaced["reasons"][0]["code"], 1401);
        assert_eq!(inspected(Defect::SignerRevoked, folder.path())["result"], "failed");
        let unknown = inspected(Defect::UnknownCountry, folder.path());
        assert_eq!((&unknown["result"], &unknown["chain"]), (&json!("undetermined"), &json!("undetermined")));
    }

    #[test]
    fn names_the_file_that_is_of_no_use() {
        let folder = tempfile::tempdir().unwrap();
        let junk = folder.path().join("junk.bin").display().to_string();
        std::fs::write(&junk, b"junk").unwrap();
        for line in [vec!["sod", "missing.bin"], vec!["sod", &junk, "--trust", &junk]] {
            let error = format!("{:#}", authenticated(&Line::parse_from(&line).sod).unwrap_err());
            assert!(error.contains(line.last().unwrap()), "{error}");
        }
    }
}
