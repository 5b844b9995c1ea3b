//! `egate evaluate liveness`: how often attacks are taken for living people and the other way round, ISO/IEC
//! 30107-3.
//!
//! A *presentation* is what one score is told of: a picture, or, with `--sequence`, the mean of frames of one
//! sequence, as the gate takes it over the frames of a passage. APCER is told for each kind of attack by itself:
//! the worst kind is what an attacker chooses. Intervals are Wilson's and take presentations for independent, which
//! those of one person are not quite.

use super::acquire::{self, Order, Way};
use super::comparison_report::GROUPS_MOST;
use super::interval::{Interval, wilson};
use super::rates::{self, Score};
use super::samples::{Column, Row, Samples};
use super::sheet;
use super::{EngineArgs, Failure, liveness_report as report, write};
use crate::face::FaceRules;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The label of living people.
pub(super) const BONA_FIDE: &str = "bona_fide";
/// `egate evaluate liveness`.
#[derive(Debug, clap::Args)]
pub struct LivenessArgs {
    /// CSV with the columns path, label (bona_fide or the attack's kind)
    #[arg(long)]
    samples: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Average over frames that agree in this column; `path` stands for the file's name without its last number
    #[arg(long, value_name = "COLUMN")]
    sequence: Option<String>,
    /// Frames averaged at most; a longer sequence is several presentations
    #[arg(long, requires = "sequence", default_value_t = usize::MAX, hide_default_value = true)]
    frames: usize,
    /// Attack score from which on a presentation counts as an attack; the gate's without it
    #[arg(long)]
    threshold: Option<f32>,
    /// Break the errors down by a further column of the CSV
    #[arg(long, value_name = "COLUMN")]
    pub(super) by: Option<String>,
    /// Draw DET curves and histograms of each kind
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Show the attacks that look most alive and the living people that look least
    #[arg(long, value_name = "FILE.jpg")]
    worst: Option<PathBuf>,
    /// The JSON document on one line
    #[arg(long)]
    json: bool,
}

/// What one score is told of.
pub(super) struct Presentation {
    pub(super) label: String,
    /// Value of the column of the breakdown.
    pub(super) group: String,
    /// The first frame.
    pub(super) picture: PathBuf,
    pub(super) frames: usize,
    /// Mean attack score.
    pub(super) attack: f32,
}

/// Place in the sequence, picture, attack score.
type Frame = (u64, PathBuf, f32);

/// Presentations by label, and what gave none.
pub(super) struct Found {
    pub(super) presentations: Vec<Presentation>,
    pub(super) failures: Vec<Failure>,
    pub(super) no_face: BTreeMap<String, usize>,
    pub(super) threshold: f32,
    /// Names of those that the score is told from.
    pub(super) networks: Vec<String>,
}

/// Attack scores of each label, from high to low; the sample is the presentation's place.
pub(super) type Scores = BTreeMap<String, Vec<Score>>;

/// Measures, draws what was asked for, prints.
pub(super) fn run(arguments: &LivenessArgs) -> Result<()> {
    let samples = Samples::read(&arguments.samples)?;
    let found = measure(&samples, arguments)?;
    let scores = scores(found.presentations.iter().zip(0..));
    ensure!(
        scores.contains_key(BONA_FIDE) && scores.len() > 1,
        "pictures with faces of {BONA_FIDE} and of at least one kind of attack are needed"
    );
    if let Some(path) = &arguments.plot {
        write(path, report::plot(&scores, found.threshold).svg()?.as_bytes())?;
    }
    if let Some(path) = &arguments.worst {
        write(path, &sheet::jpeg(&report::worst(&found, &scores))?)?;
    }
    if arguments.json {
        println!("{}", report::document(&found, &scores, arguments));
    } else {
        print!("{}", report::text(&found, &scores, arguments));
    }
    Ok(())
}

fn measure(samples: &Samples, arguments: &LivenessArgs) -> Result<Found> {
    let [path, label] = [samples.column("path")?, samples.column("label")?];
    let by = arguments.by.as_deref().map(|name| samples.column(name)).transpose()?;
    let sequence = arguments.sequence.as_deref().map(|name| samples.column(name)).transpose()?;
    samples.all_there(path)?;
    let order = |row| Order { path: samples.picture(row, path), way: Way::Frame, mirrored: false };
    let orders: Vec<Order> = samples.rows.iter().map(order).collect();
    let acquired = acquire::acquire(&orders, &arguments.engine)?;
    let (mut failures, mut no_face) = (Vec::new(), BTreeMap::new());
    // By label, group and sequence.
    let mut sequences: BTreeMap<[String; 3], Vec<Frame>> = BTreeMap::new();
    for ((row, order), acquired) in samples.rows.iter().zip(orders).zip(acquired) {
        let attack = acquired.and_then(|seen| seen.attack.ok_or("no attack score was computed".to_owned()));
        match attack {
            Ok(attack) => {
                let (name, number) = key(row, sequence, path);
                let group = by.map_or(String::new(), |column| row.get(column).to_owned());
                let frames = sequences.entry([row.get(label).to_owned(), group, name]).or_default();
                frames.push((number, order.path, attack));
            }
            Err(why) => {
                *no_face.entry(row.get(label).to_owned()).or_default() += 1;
                failures.push(Failure::new(samples, row, path, why));
            }
        }
    }
    let presentations = sequences
        .into_iter()
        .flat_map(|([label, group, _], mut frames)| {
            frames.sort_by_key(|(number, ..)| *number);
            let parts = frames.chunks(arguments.frames.max(1)).map(|part| averaged(&label, &group, part));
            parts.collect::<Vec<_>>()
        })
        .collect();
    let threshold = arguments.threshold.unwrap_or(FaceRules::default().attack_threshold());
    let networks = arguments.engine.liveness_networks()?;
    Ok(Found { presentations, failures, no_face, threshold, networks })
}

/// Which sequence a row belongs to, and its place in it.
fn key(row: &Row, sequence: Option<Column>, path: Column) -> (String, u64) {
    let by_line = row.line as u64;
    match sequence {
        None => (format!("{by_line:08}"), 0),
        Some(column) if column == path => {
            let stem = Path::new(row.get(path)).with_extension("");
            let stem = stem.to_string_lossy();
            let before = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = stem.strip_prefix(before).and_then(|digits| digits.parse().ok());
            (before.to_owned(), number.unwrap_or(by_line))
        }
        Some(column) => (row.get(column).to_owned(), by_line),
    }
}

fn averaged(label: &str, group: &str, frames: &[Frame]) -> Presentation {
    Presentation {
        label: label.to_owned(),
        group: group.to_owned(),
        picture: frames.first().map(|(_, path, _)| path.clone()).unwrap_or_default(),
        frames: frames.len(),
        attack: frames.iter().map(|(.., attack)| attack).sum::<f32>() / frames.len() as f32,
    }
}

fn scores<'a>(presentations: impl Iterator<Item = (&'a Presentation, u32)>) -> Scores {
    let mut scores = Scores::new();
    for (presentation, n) in presentations {
        let list = scores.entry(presentation.label.clone()).or_default();
        list.push(Score::new(presentation.attack, [n; 2], [n; 2]));
    }
    scores.values_mut().for_each(|list| rates::descending(list));
    scores
}

/// A rate with its interval.
pub(super) struct Rate {
    pub(super) rate: f64,
    pub(super) interval: Interval,
}

impl Rate {
    pub(super) fn of(errors: usize, count: usize) -> Rate {
        Rate { rate: errors as f64 / count.max(1) as f64, interval: wilson(errors, count) }
    }
}

/// BPCER: living people taken for attacks.
pub(super) fn bpcer(scores: &Scores, threshold: f32) -> Rate {
    let bona_fide = scores.get(BONA_FIDE).map_or(&[][..], Vec::as_slice);
    Rate::of(rates::taken(bona_fide, threshold), bona_fide.len())
}

/// APCER of each kind: attacks taken for living people.
pub(super) fn apcer(scores: &Scores, threshold: f32) -> BTreeMap<&str, Rate> {
    let attacks = scores.iter().filter(|(label, _)| *label != BONA_FIDE);
    attacks
        .map(|(kind, list)| (kind.as_str(), Rate::of(list.len() - rates::taken(list, threshold), list.len())))
        .collect()
}

/// The same at the threshold that gives a bona fide error rate.
pub(super) fn apcer_at(scores: &Scores, rate: f64) -> (f32, BTreeMap<&str, Rate>) {
    let bona_fide = scores.get(BONA_FIDE).map_or(&[][..], Vec::as_slice);
    let threshold = rates::threshold_at(bona_fide, rate);
    (threshold, apcer(scores, threshold))
}

/// Frames averaged into a presentation: least, median, most.
pub(super) fn frames_averaged(found: &Found) -> [usize; 3] {
    let mut counts: Vec<usize> = found.presentations.iter().map(|p| p.frames).collect();
    counts.sort_unstable();
    let at = |place: usize| counts.get(place).copied().unwrap_or(0);
    [at(0), at(counts.len() / 2), at(counts.len().saturating_sub(1))]
}

/// The breakdown: scores of each value of the column.
pub(super) fn groups(found: &Found) -> BTreeMap<&str, Scores> {
    let mut values: BTreeMap<&str, Vec<(&Presentation, u32)>> = BTreeMap::new();
    for (presentation, n) in found.presentations.iter().zip(0..) {
        values.entry(&presentation.group).or_default().push((presentation, n));
    }
    values.into_iter().take(GROUPS_MOST).map(|(value, list)| (value, scores(list.into_iter()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presentation(label: &str, attack: f32) -> Presentation {
        Presentation { label: label.into(), group: String::new(), picture: PathBuf::new(), frames: 1, attack }
    }

    #[test]
    fn errors_of_each_kind_are_counted_by_themselves() {
        let list = [("bona_fide", 0.1), ("bona_fide", 0.7), ("print", 0.9), ("print", 0.2), ("screen", 0.63)];
        let list: Vec<Presentation> =
            list.into_iter().map(|(label, attack)| presentation(label, attack)).collect();
        let scores = scores(list.iter().zip(0..));
        assert_eq!(bpcer(&scores, 0.63).rate, 0.5);
        let missed: Vec<f64> = apcer(&scores, 0.63).values().map(|rate| rate.rate).collect();
        assert_eq!(missed, [0.5, 0.0]);
        // Without any living person refused the threshold lies above .7: the screen is missed, too.
        let missed: Vec<f64> = apcer_at(&scores, 0.01).1.values().map(|rate| rate.rate).collect();
        assert_eq!(missed, [0.5, 1.0]);
    }

    #[test]
    fn an_attack_score_that_is_no_number_is_an_attack_missed() {
        let list = [presentation("print", f32::NAN), presentation("bona_fide", 0.0)];
        let scores = scores(list.iter().zip(0..));
        assert_eq!(apcer(&scores, 0.0).get("print").map(|rate| rate.rate), Some(1.0));
    }

    #[test]
    fn frames_of_a_film_are_told_apart_by_their_last_number() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.csv");
        std::fs::write(&file, "path,film\na/b_01_9.jpg,x\na/b_01_10.jpg,x\na/plain.jpg,y\n").unwrap();
        let samples = Samples::read(&file).unwrap();
        let [path, film] = ["path", "film"].map(|name| samples.column(name).unwrap());
        let keys = |column| samples.rows.iter().map(|row| key(row, column, path)).collect::<Vec<_>>();
        let named = |name: &str, number| (name.to_owned(), number);
        assert_eq!(keys(Some(path)), [named("a/b_01_", 9), named("a/b_01_", 10), named("a/plain", 4)]);
        assert_eq!(keys(Some(film)), [named("x", 2), named("x", 3), named("y", 4)]);
        assert!(keys(None).windows(2).all(|pair| pair[0] != pair[1]));
    }
}
