//! `egate evaluate`: how often the face room errs, on pictures of one's own.
//!
//! In: a CSV of pictures with what is true about them. Out: error rates in the words of ISO/IEC 19795-1
//! (comparison), ISO/IEC 30107-3 (liveness) and ISO/IEC 20059 (morphs) with 95 % intervals, as a table or as one
//! JSON document, with plots and contact sheets on demand. The pictures go through the engine of the gate, not
//! through a second implementation. Nothing is fitted here: thresholds are read off and reported.
//!
//! | file | concern |
//! |---|---|
//! | `samples` | the CSV |
//! | `acquire`, `cache` | pictures to findings, in parallel, each picture once |
//! | `rates`, `interval` | error rates, curves, resampling of people |
//! | `trial`, `comparison`, `liveness`, `morph` | the three evaluations |
//! | `comparison_report`, `liveness_report`, `table`, `plot`, `sheet` | what came out, for programs and for people |

pub(in crate::workbench) mod acquire;
mod cache;
mod comparison;
mod comparison_report;
pub(in crate::workbench) mod interval;
mod liveness;
mod liveness_report;
pub(in crate::workbench) mod morph;
mod plot;
pub(in crate::workbench) mod rates;
pub(in crate::workbench) mod samples;
mod sheet;
pub(in crate::workbench) mod table;
mod trial;

use crate::face::{FaceEngine, InferenceSettings, Manifest, ModelSet, Role};
use anyhow::{Context, Result};
use cache::Cache;
use clap::{Args, Subcommand};
use samples::{Column, Row, Samples};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Failures to acquire that are named before the rest is counted.
const FAILURES_NAMED: usize = 20;

/// `egate evaluate match|liveness|morph`.
#[derive(Debug, Subcommand)]
pub enum EvaluateArgs {
    /// Compare every reference with every probe: false match and false non-match rates
    #[command(
        after_help = "The CSV has the columns subject, role (reference or probe) and path, relative to the CSV.\n\n\
        Example:\n  egate evaluate match --samples people.csv --plot rates.svg --worst worst.jpg\n  \
        egate evaluate match --samples people.csv --by camera --compare first --json"
    )]
    Match(comparison_report::MatchArgs),
    /// Tell living faces from prints, screens and masks: APCER and BPCER
    #[command(
        after_help = "The CSV has the columns path, relative to the CSV, and label (bona_fide or the attack's kind).\n\n\
        Example:\n  egate evaluate liveness --samples attacks.csv --plot rates.svg\n  \
        egate evaluate liveness --samples attacks.csv --sequence film --frames 4 --json"
    )]
    Liveness(liveness::LivenessArgs),
    /// Tell portraits of one person from morphs of two: BSCER and MACER
    #[command(
        after_help = "The CSV has the columns portrait, probe, label (bona_fide or the morph's kind), subject, other, as\n\
        `egate workbench morph` writes it; with a column half only its testing rows are looked at.\n\n\
        Example:\n  egate evaluate morph --samples morphs/samples.csv --plot morphs.svg"
    )]
    Morph(morph::MorphArgs),
}

/// Runs an evaluation and prints what came out; `true` when it could be done.
pub fn run(arguments: EvaluateArgs) -> Result<bool> {
    match arguments {
        EvaluateArgs::Match(arguments) => comparison_report::run(&arguments)?,
        EvaluateArgs::Liveness(arguments) => liveness::run(&arguments)?,
        EvaluateArgs::Morph(arguments) => morph::run(&arguments)?,
    }
    Ok(true)
}

/// How pictures become findings.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    pub(in crate::workbench) var: PathBuf,
    /// Pictures looked at in parallel; as many as there are cores without it
    #[arg(long)]
    threads: Option<usize>,
    /// Folder in which findings are kept between evaluations (faces' templates!); `cache` under --var without it
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Leave out optional networks even where they are there
    #[arg(long)]
    packaged: bool,
    /// Keep no findings and use none
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

impl EngineArgs {
    fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        self.threads.unwrap_or_else(cores).max(1)
    }

    fn cache(&self) -> Result<Option<Cache>> {
        if self.no_cache {
            return Ok(None);
        }
        let folder = self.cache.clone().unwrap_or_else(|| self.var.join("cache"));
        Cache::open(&folder, &self.manifest()?, &self.var.join("models")).map(Some)
    }

    fn manifest(&self) -> Result<Manifest> {
        let shipped = Manifest::shipped()?;
        Ok(if self.packaged { shipped.packaged() } else { shipped.clone() })
    }

    fn engine(&self) -> Result<FaceEngine> {
        // Pictures are looked at in parallel: a second thread for each would only get into the others' way.
        Ok(ModelSet::set_up_with(&self.manifest()?, &self.var, &InferenceSettings::threads(1))?)
    }

    /// Names of the networks that the attack score is told from.
    fn liveness_networks(&self) -> Result<Vec<String>> {
        let there = ModelSet::verify(&self.var.join("models"))?.into_iter();
        let wanted = there.filter(|entry| entry.role == Role::Liveness && !(self.packaged && entry.optional));
        Ok(wanted.map(|entry| entry.name).collect())
    }
}

/// A picture from which nothing could be acquired.
#[derive(Debug, serde::Serialize)]
struct Failure {
    line: usize,
    path: String,
    why: String,
}

impl Failure {
    fn new(samples: &Samples, row: &Row, path: Column, why: String) -> Failure {
        Failure { line: row.line, path: samples.picture(row, path).display().to_string(), why }
    }
}

/// The first failures for the JSON document; their number stands beside.
fn named(failures: &[Failure]) -> Value {
    json!(failures.iter().take(FAILURES_NAMED).collect::<Vec<_>>())
}

/// The failures for people, one line each.
fn told(failures: &[Failure]) -> String {
    let mut text = String::new();
    for failure in failures.iter().take(FAILURES_NAMED) {
        text += &format!("    line {}, {}: {}\n", failure.line, failure.path, failure.why);
    }
    if failures.len() > FAILURES_NAMED {
        text += &format!("    and {} more\n", failures.len() - FAILURES_NAMED);
    }
    text
}

/// Writes a file that the caller asked for, and says so.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("egate: wrote {}", path.display());
    Ok(())
}
