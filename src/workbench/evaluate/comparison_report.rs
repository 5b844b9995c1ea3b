//! What came out of `egate evaluate match`, for programs and for people.

use super::comparison::{self, AtRate, AtThreshold, Difference, Group};
use super::plot::{Curve, Histogram, Plot};
use super::rates::{self, Score};
use super::samples::Samples;
use super::sheet::{self, Pair};
use super::table::{Table, between, grouped, percent};
use super::trial::{Sample, Scores, Setting, Trial};
use super::{EngineArgs, named, told, write};
use crate::face::FaceRules;
use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Pairs of each kind on the sheet of the worst.
const WORST: usize = 12;
/// More values than this in a column are no breakdown.
pub(super) const GROUPS_MOST: usize = 64;

/// `egate evaluate match`.
#[derive(Debug, clap::Args)]
pub struct MatchArgs {
    /// CSV with the columns subject, role (reference or probe), path
    #[arg(long)]
    samples: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// How faces are compared
    #[arg(long, value_enum, default_value = "gate")]
    setting: Setting,
    /// A second way, compared with the first on the same people
    #[arg(long, value_enum, value_name = "SETTING")]
    compare: Option<Setting>,
    /// Break the errors down by a further column of the CSV
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Draw DET curve and histogram
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Show the mated pairs that are least alike and the non-mated that are most
    #[arg(long, value_name = "FILE.jpg")]
    worst: Option<PathBuf>,
    /// The JSON document on one line
    #[arg(long)]
    json: bool,
}

/// Everything that was found.
struct Found {
    trial: Trial,
    scores: Scores,
    rates: Vec<AtRate>,
    eer: Option<f64>,
    /// At the gate's own threshold, where the setting is the gate's.
    gate: Option<AtThreshold>,
    differences: Vec<Difference>,
    groups: Vec<Group>,
}

/// Measures, draws what was asked for, prints.
pub(super) fn run(arguments: &MatchArgs) -> Result<()> {
    let samples = Samples::read(&arguments.samples)?;
    let found = measure(&samples, arguments)?;
    if let Some(path) = &arguments.plot {
        write(path, plot(&found, arguments)?.as_bytes())?;
    }
    if let Some(path) = &arguments.worst {
        let (non_mated, mated) = worst(&found);
        let pairs: Vec<Pair> = non_mated
            .iter()
            .chain(&mated)
            .map(|score| pair(&samples, &found, score))
            .collect::<Result<_>>()?;
        write(path, &sheet::jpeg(&pairs)?)?;
    }
    if arguments.json {
        println!("{}", document(&samples, &found, arguments)?);
    } else {
        print!("{}", text(&samples, &found, arguments)?);
    }
    Ok(())
}

fn measure(samples: &Samples, arguments: &MatchArgs) -> Result<Found> {
    let by = arguments.by.as_deref().map(|name| samples.column(name)).transpose()?;
    let mirrors = arguments.setting.mirrors() || arguments.compare.is_some_and(Setting::mirrors);
    let trial = Trial::acquire(samples, mirrors, &arguments.engine)?;
    let threads = arguments.engine.threads();
    let scores = trial.compare(arguments.setting, threads)?;
    let rates = comparison::at_rates(&trial, &scores);
    let gate = (arguments.setting == Setting::Gate)
        .then(|| comparison::at_threshold(&trial, &scores, FaceRules::default().match_threshold()));
    let differences = match arguments.compare {
        Some(other) => comparison::differences(&trial, &scores, &trial.compare(other, threads)?),
        None => Vec::new(),
    };
    let groups = match by {
        Some(column) => {
            let threshold = group_threshold(&rates);
            comparison::groups(&trial, &scores, |row| row.get(column).to_owned(), threshold)
        }
        None => Vec::new(),
    };
    ensure!(
        groups.len() <= GROUPS_MOST,
        "{} values in one column; a breakdown has at most {GROUPS_MOST}",
        groups.len()
    );
    let eer = rates::equal_error(&rates::trade_off(&scores.mated, &scores.non_mated));
    Ok(Found { trial, scores, rates, eer, gate, differences, groups })
}

/// Groups are told at the threshold of the false match rate in the middle, 1e-4.
fn group_threshold(rates: &[AtRate]) -> f32 {
    rates.get(1).map_or(1.0, |at| at.threshold)
}

fn document(samples: &Samples, found: &Found, arguments: &MatchArgs) -> Result<Value> {
    let at: Map<String, Value> = found
        .rates
        .iter()
        .map(|at| {
            let value = json!({"fnmr": at.fnmr, "threshold": at.threshold, "ci95": at.interval,
                "false_matches": at.false_matches});
            (at.name.to_owned(), value)
        })
        .collect();
    let mut document = json!({
        "setting": name(arguments.setting),
        "people": found.trial.people.len(),
        "references": found.trial.references.len(),
        "probes": found.trial.probes.len(),
        "failures_to_acquire": found.trial.failures.len(),
        "failures": named(&found.trial.failures),
        "references_of_several_faces": found.trial.several,
        "mated": found.scores.mated.len(),
        "non_mated": found.scores.non_mated.len(),
        "fnmr_at_fmr": at,
        "eer": found.eer,
    });
    let mut add = |key: &str, value: Value| {
        if let Some(fields) = document.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    };
    if let Some(gate) = &found.gate {
        let value = json!({"threshold": gate.threshold, "fnmr": gate.fnmr, "fnmr_ci95": gate.fnmr_interval,
            "fmr": gate.fmr, "fmr_ci95": gate.fmr_interval, "false_matches": gate.false_matches});
        add("at_default_threshold", value);
    }
    if let Some(other) = arguments.compare {
        let rates: Map<String, Value> =
            found.differences.iter().map(|d| (d.name.to_owned(), difference(d))).collect();
        add("compared_with", json!({"setting": name(other), "fnmr_at_fmr": rates}));
    }
    if let Some(column) = &arguments.by {
        let groups: Map<String, Value> = found.groups.iter().map(|g| (g.value.clone(), group(g))).collect();
        add("by", json!({"column": column, "threshold": group_threshold(&found.rates), "groups": groups}));
    }
    let (non_mated, mated) = worst(found);
    let list = |scores: &[Score]| -> Result<Vec<Value>> {
        scores
            .iter()
            .map(|score| {
                let pair = pair(samples, found, score)?;
                Ok(json!({"similarity": pair.score, "reference": pair.left, "probe": pair.right}))
            })
            .collect()
    };
    add("worst", json!({"non_mated": list(&non_mated)?, "mated": list(&mated)?}));
    Ok(document)
}

fn difference(d: &Difference) -> Value {
    let [first, other] = d.only;
    json!({"fnmr": d.other, "difference": d.difference, "ci95": d.interval, "p": d.p,
        "missed_by_first_only": first, "missed_by_other_only": other, "mcnemar_p": d.mcnemar})
}

fn group(g: &Group) -> Value {
    json!({"mated": g.mated, "non_mated_within": g.non_mated, "fnmr": g.fnmr, "fnmr_ci95": g.fnmr_interval,
        "fmr_within": g.fmr})
}

fn text(samples: &Samples, found: &Found, arguments: &MatchArgs) -> Result<String> {
    let (trial, scores) = (&found.trial, &found.scores);
    let mut text = format!(
        "{} references and {} probes of {} people, compared {}\n{} mated and {} non-mated comparisons\n",
        grouped(trial.references.len()),
        grouped(trial.probes.len()),
        grouped(trial.people.len()),
        words(arguments.setting),
        grouped(scores.mated.len()),
        grouped(scores.non_mated.len()),
    );
    text += &format!("{} failures to acquire\n{}", trial.failures.len(), told(&trial.failures));
    text += &format!(
        "{} references show several faces of like size: the gate would refuse them as portraits\n\n",
        trial.several
    );
    let mut table =
        Table::new(["false match rate", "threshold", "false non-match rate", "95 % interval", "rests on"]);
    for at in &found.rates {
        let rests = format!("{} false matches", grouped(at.false_matches));
        table.row([
            at.name.into(),
            format!("{:.3}", at.threshold),
            percent(at.fnmr),
            between(at.interval),
            rests,
        ]);
    }
    text += &table.to_string();
    text += &format!("\nequal error rate {}\n", found.eer.map_or("–".into(), percent));
    if let Some(gate) = &found.gate {
        text += &format!(
            "at the gate's threshold {:.3}: false non-matches {} ({}), false matches {} ({} of {})\n",
            gate.threshold,
            percent(gate.fnmr),
            between(gate.fnmr_interval),
            percent(gate.fmr),
            grouped(gate.false_matches),
            grouped(scores.non_mated.len()),
        );
    }
    if let Some(other) = arguments.compare {
        text +=
            &format!("\nagainst faces compared {}, on the same people\n{}", words(other), differences(found));
    }
    if let Some(column) = &arguments.by {
        text += &format!(
            "\nby {column}, at the threshold {:.3}\n{}",
            group_threshold(&found.rates),
            groups(found)
        );
    }
    let (_, mated) = worst(found);
    text += "\nleast alike of one person\n";
    for score in mated.iter().take(5) {
        let pair = pair(samples, found, score)?;
        text += &format!("  {:>6.3}  {}  {}\n", pair.score, pair.left.display(), pair.right.display());
    }
    Ok(text)
}

fn differences(found: &Found) -> String {
    let mut table = Table::new([
        "false match rate",
        "false non-match rate",
        "difference",
        "95 % interval",
        "p",
        "only first / other misses",
        "McNemar p",
    ]);
    for d in &found.differences {
        let difference = format!("{:+.2} %", d.difference * 100.0);
        let only = format!("{} / {}", d.only[0], d.only[1]);
        let [p, mcnemar] = [d.p, d.mcnemar].map(|p| format!("{p:.3}"));
        table.row([d.name.into(), percent(d.other), difference, between(d.interval), p, only, mcnemar]);
    }
    table.to_string()
}

fn groups(found: &Found) -> String {
    let mut table = Table::new([
        "",
        "mated",
        "false non-match rate",
        "95 % interval",
        "non-mated within",
        "false match rate within",
    ]);
    for g in &found.groups {
        let [mated, non_mated] = [g.mated, g.non_mated].map(grouped);
        table.row([
            g.value.clone(),
            mated,
            percent(g.fnmr),
            between(g.fnmr_interval),
            non_mated,
            percent(g.fmr),
        ]);
    }
    table.to_string()
}

fn plot(found: &Found, arguments: &MatchArgs) -> Result<String> {
    let curve = |label: String, scores: &Scores| Curve {
        label,
        points: rates::trade_off(&scores.mated, &scores.non_mated),
    };
    let mut curves = vec![curve(name(arguments.setting).to_owned(), &found.scores)];
    if let Some(other) = arguments.compare {
        let scores = found.trial.compare(other, arguments.engine.threads())?;
        curves.push(curve(name(other).to_owned(), &scores));
    }
    let values = |scores: &[Score]| scores.iter().map(|score| score.value).collect();
    Plot {
        title: format!(
            "Comparison: {} mated, {} non-mated",
            grouped(found.scores.mated.len()),
            grouped(found.scores.non_mated.len())
        ),
        across: "false match rate",
        up: "false non-match rate",
        curves,
        score: "similarity",
        histograms: vec![
            Histogram { label: "mated".into(), values: values(&found.scores.mated) },
            Histogram { label: "non-mated".into(), values: values(&found.scores.non_mated) },
        ],
        thresholds: found.rates.iter().map(|at| (format!("FMR {}", at.name), at.threshold)).collect(),
    }
    .svg()
}

/// The non-mated comparisons that are most alike and the mated that are least, the worst first.
fn worst(found: &Found) -> (Vec<Score>, Vec<Score>) {
    let non_mated = found.scores.non_mated.iter().take(WORST).copied().collect();
    (non_mated, found.scores.mated.iter().rev().take(WORST).copied().collect())
}

fn pair(samples: &Samples, found: &Found, score: &Score) -> Result<Pair> {
    let path = samples.column("path")?;
    let [r, p] = score.samples.map(|place| place as usize);
    let picture = |list: &[Sample], place: usize| {
        list.get(place).map(|sample| samples.picture(&sample.row, path)).unwrap_or_default()
    };
    let [a, b] = score.people;
    let (left, right) = (picture(&found.trial.references, r), picture(&found.trial.probes, p));
    Ok(Pair { left, right: right.clone(), score: score.value, alike: a == b })
}

fn name(setting: Setting) -> &'static str {
    match setting {
        Setting::Gate => "gate",
        Setting::First => "first",
        Setting::Second => "second",
        Setting::Mirrored => "mirrored",
    }
}

fn words(setting: Setting) -> &'static str {
    match setting {
        Setting::Gate => "as at the gate",
        Setting::First => "by the first embedder alone",
        Setting::Second => "by the second embedder alone",
        Setting::Mirrored => "as at the gate with mirror images",
    }
}
