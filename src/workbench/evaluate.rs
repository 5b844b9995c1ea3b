//! `egate evaluate`: how often the face room errs, on pictures of one's own.
//!
//! In: a CSV of pictures with what is true about them. Out: error rates in the words of ISO/IEC 19795-1
//! (comparison) and ISO/IEC 30107-3 (liveness), as text or as one JSON document. Pictures in which no face is
//! found are counted and left out of the rates. Nothing is fitted here: thresholds are read off and reported.

use crate::face::{FaceEngine, FaceRules, ModelSet, Template, compare};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// More lines than this are no sample list.
const SAMPLES_MOST: usize = 1_000_000;
/// Resamplings of the people for the confidence intervals.
const RESAMPLINGS: usize = 1000;
/// False match rates at which the false non-match rate is told.
const FALSE_MATCH_RATES: [(&str, f64); 3] = [("1e-3", 1e-3), ("1e-4", 1e-4), ("1e-5", 1e-5)];
/// Bona fide error rates at which the attack error rates are told.
const BONA_FIDE_RATES: [(&str, f64); 3] = [("0.01", 0.01), ("0.02", 0.02), ("0.05", 0.05)];

/// `egate evaluate match|liveness`.
#[derive(Debug, Subcommand)]
pub enum EvaluateArgs {
    /// Compare every reference with every probe: false match and false non-match rates.
    #[command(after_help = "Example:\n  egate evaluate match --samples pictures/samples.csv --json")]
    Match(SampleArgs),
    /// Tell living faces from prints, screens and masks: APCER and BPCER.
    #[command(after_help = "Example:\n  egate evaluate liveness --samples pictures/samples.csv --json")]
    Liveness(SampleArgs),
}

/// What both evaluations take.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// CSV: `subject,role,path` (role `reference` or `probe`) or `path,label` (`bona_fide` or the attack's kind);
    /// paths relative to the CSV.
    #[arg(long)]
    samples: PathBuf,
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
    /// Threads for each inference.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The JSON document on one line
    #[arg(long)]
    json: bool,
}

/// Runs an evaluation and prints what came out; `true` when it could be done.
pub fn run(arguments: EvaluateArgs) -> Result<bool> {
    let (arguments, result) = match arguments {
        EvaluateArgs::Match(a) => {
            let result = matches(&a)?;
            (a, result)
        }
        EvaluateArgs::Liveness(a) => {
            let result = liveness(&a)?;
            (a, result)
        }
    };
    if arguments.json {
        println!("{result}");
    } else {
        println!("{}", serde_json::to_string_pretty(&result)?);
    }
    Ok(true)
}

fn engine(arguments: &SampleArgs) -> Result<FaceEngine> {
    Ok(ModelSet::under(&arguments.var, arguments.threads)?)
}

// --- comparison ---

fn matches(arguments: &SampleArgs) -> Result<Value> {
    let rows = read_samples(&arguments.samples, ["subject", "role", "path"])?;
    let mut engine = engine(arguments)?;
    let (mut references, mut probes, mut failures) = (Vec::new(), Vec::new(), 0usize);
    let bar = progress(rows.len());
    for (line, [subject, role, path]) in rows {
        let side = match role.as_str() {
            "reference" => &mut references,
            "probe" => &mut probes,
            other => {
                bail!("{}:{line}: role {other:?}, expected reference or probe", arguments.samples.display())
            }
        };
        match engine.template(&open(&arguments.samples, &path)?)? {
            Some(template) => side.push((subject, template)),
            None => failures += 1,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (mated, non_mated) = scores(&references, &probes);
    let all: Vec<f32> = mated.values().flatten().copied().collect();
    if all.is_empty() || non_mated.is_empty() {
        bail!("there are {} mated and {} non-mated comparisons; both are needed", all.len(), non_mated.len());
    }
    let mut at = Map::new();
    for (name, rate) in FALSE_MATCH_RATES {
        let threshold = threshold_at(&non_mated, rate);
        let interval = resampled(&mated, threshold);
        let fnmr = below(&all, threshold);
        at.insert(name.into(), json!({"fnmr": fnmr, "threshold": threshold, "ci95": interval}));
    }
    let rules = FaceRules::default();
    let false_matches = non_mated.iter().filter(|&&s| s >= rules.match_threshold()).count();
    Ok(json!({
        "references": references.len(),
        "probes": probes.len(),
        "failures_to_acquire": failures,
        "mated": all.len(),
        "non_mated": non_mated.len(),
        "fnmr_at_fmr": at,
        "eer": equal_error(&all, &non_mated),
        "at_default_threshold": {
            "threshold": rules.match_threshold(),
            "fnmr": below(&all, rules.match_threshold()),
            "fmr": false_matches as f64 / non_mated.len() as f64,
            "false_matches": false_matches,
        },
    }))
}

type Named = (String, Template);

/// Mated similarities for each person, and non-mated ones from high to low.
fn scores(references: &[Named], probes: &[Named]) -> (BTreeMap<String, Vec<f32>>, Vec<f32>) {
    let mut mated: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut non_mated = Vec::new();
    for (reference_of, reference) in references {
        for (probe_of, probe) in probes {
            let similarity = compare(reference, probe);
            if reference_of == probe_of {
                mated.entry(reference_of.clone()).or_default().push(similarity);
            } else {
                non_mated.push(similarity);
            }
        }
    }
    non_mated.sort_by(|a, b| b.total_cmp(a));
    (mated, non_mated)
}

/// The lowest threshold at which no more than that share of the non-mated comparisons match.
fn threshold_at(non_mated: &[f32], rate: f64) -> f32 {
    let allowed = (rate * non_mated.len() as f64).floor() as usize;
    non_mated.get(allowed).map_or(-1.0, |score| score.next_up())
}

fn below(scores: &[f32], threshold: f32) -> f64 {
    scores.iter().filter(|&&s| s < threshold).count() as f64 / scores.len().max(1) as f64
}

/// 95 % interval of the false non-match rate at a fixed threshold, resampling people rather than pictures.
fn resampled(mated: &BTreeMap<String, Vec<f32>>, threshold: f32) -> [f64; 2] {
    let people: Vec<(usize, usize)> =
        mated.values().map(|s| (s.iter().filter(|&&v| v < threshold).count(), s.len())).collect();
    let mut seed = 1u64;
    let mut rates: Vec<f64> = (0..RESAMPLINGS)
        .map(|_| {
            let (mut errors, mut count) = (0, 0);
            for _ in 0..people.len() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let place = (seed >> 33) as usize % people.len().max(1);
                let (e, n) = people.get(place).copied().unwrap_or_default();
                errors += e;
                count += n;
            }
            errors as f64 / count.max(1) as f64
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let quantile = |share: f64| rates.get((share * RESAMPLINGS as f64) as usize).copied().unwrap_or(0.0);
    [quantile(0.025), quantile(0.975)]
}

/// The rate at which false matches and false non-matches are equally frequent.
fn equal_error(mated: &[f32], non_mated: &[f32]) -> f64 {
    let mut sorted = mated.to_vec();
    sorted.sort_by(f32::total_cmp);
    let (mut best, mut rate) = (f64::INFINITY, 1.0);
    for (place, &score) in sorted.iter().enumerate() {
        // A threshold at the score still matches it, one just above does not.
        for (missed, threshold) in [(place, score), (place + 1, score.next_up())] {
            let fnmr = missed as f64 / sorted.len() as f64;
            let fmr = non_mated.partition_point(|&s| s >= threshold) as f64 / non_mated.len() as f64;
            if (fmr - fnmr).abs() < best {
                (best, rate) = ((fmr - fnmr).abs(), (fmr + fnmr) / 2.0);
            }
        }
    }
    rate
}

// --- liveness ---

fn liveness(arguments: &SampleArgs) -> Result<Value> {
    let rows = read_samples(&arguments.samples, ["path", "label"])?;
    let mut engine = engine(arguments)?;
    let mut scores: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut no_face: BTreeMap<String, usize> = BTreeMap::new();
    let bar = progress(rows.len());
    for (_, [path, label]) in rows {
        let found = engine.analyse(0, &open(&arguments.samples, &path)?)?;
        match found.traveller.and_then(|face| face.attack) {
            Some(attack) => scores.entry(label).or_default().push(attack),
            None => *no_face.entry(label).or_default() += 1,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let bona_fide = scores.remove("bona_fide").unwrap_or_default();
    if bona_fide.is_empty() || scores.is_empty() {
        bail!("pictures with faces of bona_fide and of at least one kind of attack are needed");
    }
    let threshold = FaceRules::default().attack_threshold();
    let errors = |threshold: f32| -> BTreeMap<&str, f64> {
        scores.iter().map(|(kind, s)| (kind.as_str(), below(s, threshold))).collect()
    };
    let mut at = Map::new();
    for (name, rate) in BONA_FIDE_RATES {
        at.insert(name.into(), json!(errors(threshold_at(&descending(&bona_fide), rate))));
    }
    let mut count: BTreeMap<&str, usize> = scores.iter().map(|(k, s)| (k.as_str(), s.len())).collect();
    count.insert("bona_fide", bona_fide.len());
    Ok(json!({
        "threshold": threshold,
        "bpcer": 1.0 - below(&bona_fide, threshold),
        "apcer": errors(threshold),
        "apcer_at_bpcer": at,
        "n": count,
        "no_face": no_face,
        "networks": engine.liveness_networks(),
    }))
}

fn descending(scores: &[f32]) -> Vec<f32> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted
}

// --- samples ---

/// The wanted columns of a CSV, with line numbers. Plain CSV: no quotes, no commas within a field.
fn read_samples<const N: usize>(path: &Path, columns: [&str; N]) -> Result<Vec<(usize, [String; N])>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or("", |(_, line)| line).split(',').map(str::trim).collect();
    let mut places = [0usize; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = header.iter().position(|name| *name == column).with_context(|| {
            format!("{}:1: no column {column}; the columns are {}", path.display(), header.join(", "))
        })?;
    }
    let mut rows = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        if rows.len() == SAMPLES_MOST {
            bail!("{}: more than {SAMPLES_MOST} samples", path.display());
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != header.len() {
            bail!("{}:{}: {} fields, expected {}", path.display(), number + 1, fields.len(), header.len());
        }
        rows.push((number + 1, places.map(|place| fields.get(place).copied().unwrap_or("").to_owned())));
    }
    Ok(rows)
}

fn open(csv: &Path, path: &str) -> Result<image::RgbImage> {
    let path = csv.parent().unwrap_or(Path::new(".")).join(path);
    let picture = image::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(picture.to_rgb8())
}

fn progress(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {eta} left");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_lets_no_more_non_mated_pass_than_allowed() {
        let non_mated: Vec<f32> = (0..1000).rev().map(|n| n as f32 / 1000.0).collect();
        for (rate, passing) in [(0.001, 1), (0.01, 10), (0.0001, 0)] {
            let threshold = threshold_at(&non_mated, rate);
            assert_eq!(non_mated.iter().filter(|&&s| s >= threshold).count(), passing);
        }
    }

    #[test]
    fn perfectly_parted_scores_have_no_equal_error() {
        assert_eq!(equal_error(&[0.8, 0.9], &[0.2, 0.1]), 0.0);
        assert!((equal_error(&[0.1, 0.9], &[0.8, 0.0]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_sample_list_with_a_wrong_column_or_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.csv");
        std::fs::write(&file, "path,kind\na.jpg,print\n").unwrap();
        let error = read_samples(&file, ["path", "label"]).unwrap_err().to_string();
        assert!(error.contains("no column label") && error.contains("path, kind"), "{error}");
        std::fs::write(&file, "path,label\na.jpg\n").unwrap();
        let error = read_samples(&file, ["path", "label"]).unwrap_err().to_string();
        assert!(error.contains("samples.csv:2: 1 fields, expected 2"), "{error}");
        std::fs::write(&file, "label,path\nprint,a.jpg\n\n").unwrap();
        let rows = read_samples(&file, ["path", "label"]).unwrap();
        assert_eq!(rows, vec![(2, ["a.jpg".to_owned(), "print".to_owned()])]);
    }

    #[test]
    fn the_interval_holds_the_rate() {
        let mated = (0..50).map(|n| (n.to_string(), vec![if n < 5 { 0.1 } else { 0.9 }; 2])).collect();
        let [low, high] = resampled(&mated, 0.5);
        assert!(low < 0.1 && 0.1 < high && high < 0.3, "{low} {high}");
    }
}
