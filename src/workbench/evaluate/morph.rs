//! `egate evaluate morph`: how many morphed portraits the comparison lets through and the cue finds, ISO/IEC 20059.
//!
//! In: a CSV of a portrait (bona fide or a morph) beside a live picture of its holder, as `egate workbench morph`
//! makes it; where it tells halves, only the testing half is looked at, on which nothing was trained. Out: BSCER, bona
//! fide portraits suspected; MACER, morphs not suspected, for each kind of morph; and how many morphs the gate's
//! comparison accepts with and without the cue. Intervals by resampling people.

use super::acquire::{self, Acquired, Order, Way};
use super::interval::{self, Interval};
use super::plot::{Curve, Histogram, Plot};
use super::rates::{self, Score};
use super::samples::Samples;
use super::table::{Table, between, grouped, percent};
use super::{EngineArgs, Failure, named, told, write};
use crate::face::morph::{Features, MorphCue, features};
use crate::face::{FaceRules, compare};
use crate::workbench::morph::Half;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The label of portraits of one person.
const BONA_FIDE: &str = "bona_fide";
/// Bona fide error rates at which the morphs missed are told.
const BONA_FIDE_RATES: [(&str, f64); 3] = [("0.01", 0.01), ("0.05", 0.05), ("0.10", 0.10)];

/// `egate evaluate morph`.
#[derive(Debug, clap::Args)]
pub struct MorphArgs {
    /// CSV with the columns portrait, probe, label (bona_fide or the morph's kind), subject, other; perhaps half
    #[arg(long)]
    samples: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Another cue than the gate's, as `egate workbench morph train` writes it
    #[arg(long, value_name = "FILE.toml")]
    cue: Option<PathBuf>,
    /// Draw DET curves and histograms of each kind
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// The JSON document on one line
    #[arg(long)]
    json: bool,
}

/// Portraits with live pictures.
pub(in crate::workbench) struct Pairs {
    pub(in crate::workbench) pairs: Vec<Pair>,
    people: usize,
    failures: Vec<Failure>,
}

/// A portrait and a live picture of its holder.
pub(in crate::workbench) struct Pair {
    label: String,
    /// The holder and who else is in the portrait: the holder again in a bona fide one.
    pub(in crate::workbench) people: [u32; 2],
    pub(in crate::workbench) features: Features,
    /// As the gate compares.
    similarity: f32,
}

impl Pair {
    /// Whether two people are in the portrait.
    pub(in crate::workbench) fn is_morph(&self) -> bool {
        self.label != BONA_FIDE
    }

    /// What a cue says of it.
    pub(in crate::workbench) fn score(&self, cue: &MorphCue) -> Score {
        Score::new(cue.score(&self.features), self.people, [0; 2])
    }
}

impl Pairs {
    /// Looks at the pictures of the rows of one half; of all rows where the list tells no halves.
    pub(in crate::workbench) fn acquire(
        samples: &Samples,
        half: Option<Half>,
        engine: &EngineArgs,
    ) -> Result<Pairs> {
        let [portrait, probe, label] =
            [samples.column("portrait")?, samples.column("probe")?, samples.column("label")?];
        let [subject, other] = [samples.column("subject")?, samples.column("other")?];
        samples.all_there(portrait)?;
        samples.all_there(probe)?;
        let halves = samples.optional("half");
        let wanted = half.zip(halves).map(|(half, column)| (half.name(), column));
        let rows: Vec<_> = samples
            .rows
            .iter()
            .filter(|row| wanted.is_none_or(|(name, column)| row.get(column) == name))
            .collect();
        // A picture stands in many rows and is looked at once.
        let of = |column, way| rows.iter().map(move |row| (samples.picture(row, column), way));
        let orders: BTreeSet<(PathBuf, bool)> = of(portrait, true).chain(of(probe, false)).collect();
        let orders: Vec<Order> = orders
            .into_iter()
            .map(|(path, chip)| Order {
                path,
                way: if chip { Way::Portrait } else { Way::Frame },
                mirrored: false,
            })
            .collect();
        let found: BTreeMap<(PathBuf, bool), Acquired> = acquire::acquire(&orders, engine)?
            .into_iter()
            .zip(orders)
            .map(|(acquired, order)| ((order.path, order.way == Way::Portrait), acquired))
            .collect();
        let mut numbers = BTreeMap::new();
        let mut number = |name: &str| {
            let count = numbers.len() as u32;
            *numbers.entry(name.to_owned()).or_insert(count)
        };
        let (mut pairs, mut failures) = (Vec::new(), Vec::new());
        for row in rows {
            let seen = |column, chip| match found.get(&(samples.picture(row, column), chip)) {
                Some(Ok(seen)) => Ok(seen),
                Some(Err(why)) => Err((column, why.clone())),
                None => Err((column, "it was not looked at".to_owned())),
            };
            let both = seen(portrait, true).and_then(|chip| Ok((chip, seen(probe, false)?)));
            let told = both.and_then(|(chip, live)| {
                let features = features((&chip.template, &chip.landmarks), (&live.template, &live.landmarks));
                let features = features.ok_or((portrait, "its features are not finite".to_owned()))?;
                Ok((features, compare(&chip.template, &live.template)))
            });
            match told {
                Ok((features, similarity)) => {
                    let people = [number(row.get(subject)), number(row.get(other))];
                    pairs.push(Pair { label: row.get(label).to_owned(), people, features, similarity });
                }
                Err((column, why)) => failures.push(Failure::new(samples, row, column, why)),
            }
        }
        Ok(Pairs { people: numbers.len(), pairs, failures })
    }
}

/// A rate with its interval.
struct Rate {
    rate: f64,
    interval: Option<Interval>,
}

/// What was found of one label.
struct Kind {
    count: usize,
    /// Morph scores from high to low.
    scores: Vec<Score>,
    /// Similarities at the gate, from high to low.
    similarities: Vec<Score>,
    /// Part that the comparison accepts.
    accepted: Rate,
    /// Part that is accepted and not suspected.
    accepted_unsuspected: Rate,
}

/// Everything that was found, bona fide first.
struct Found {
    pairs: Pairs,
    cue: MorphCue,
    bona_fide: Kind,
    kinds: BTreeMap<String, Kind>,
}

/// Measures, draws what was asked for, prints.
pub(super) fn run(arguments: &MorphArgs) -> Result<()> {
    let samples = Samples::read(&arguments.samples)?;
    let cue = match &arguments.cue {
        Some(path) => read_cue(path)?,
        None => MorphCue::shipped()?.clone(),
    };
    let found = measure(Pairs::acquire(&samples, Some(Half::Testing), &arguments.engine)?, cue)?;
    if let Some(path) = &arguments.plot {
        write(path, plot(&found).svg()?.as_bytes())?;
    }
    if arguments.json {
        println!("{}", document(&found));
    } else {
        print!("{}", text(&found));
    }
    Ok(())
}

fn read_cue(path: &Path) -> Result<MorphCue> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    MorphCue::parse(&text).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))
}

fn measure(pairs: Pairs, cue: MorphCue) -> Result<Found> {
    let labels: BTreeSet<&String> = pairs.pairs.iter().map(|pair| &pair.label).collect();
    let mut kinds: BTreeMap<String, Kind> =
        labels.into_iter().map(|label| (label.clone(), kind(&pairs, label, &cue))).collect();
    let bona_fide = kinds.remove(BONA_FIDE);
    let bona_fide = bona_fide.filter(|_| !kinds.is_empty());
    let Some(bona_fide) = bona_fide else {
        anyhow::bail!("bona fide portraits and morphs are needed, each with a live picture of its holder");
    };
    ensure!(pairs.people > 1, "one person alone tells nothing of others");
    Ok(Found { bona_fide, kinds, cue, pairs })
}

fn kind(pairs: &Pairs, label: &str, cue: &MorphCue) -> Kind {
    let threshold = FaceRules::default().match_threshold();
    let of: Vec<&Pair> = pairs.pairs.iter().filter(|pair| pair.label == label).collect();
    let list = |value: &dyn Fn(&Pair) -> f32| {
        let mut scores: Vec<Score> =
            of.iter().map(|pair| Score::new(value(pair), pair.people, [0; 2])).collect();
        rates::descending(&mut scores);
        scores
    };
    let similarities = list(&|pair| pair.similarity);
    let unsuspected = list(&|pair| {
        let suspected = pair.score(cue).value >= cue.threshold;
        if suspected { f32::MIN } else { pair.similarity }
    });
    let accepted = |scores: &[Score]| rate(pairs.people, scores, |score| score.value >= threshold);
    Kind {
        count: of.len(),
        accepted: accepted(&similarities),
        accepted_unsuspected: accepted(&unsuspected),
        scores: list(&|pair| pair.score(cue).value),
        similarities,
    }
}

/// The part of the scores that `of` holds for, with its interval over people.
fn rate(people: usize, scores: &[Score], of: impl Fn(&Score) -> bool) -> Rate {
    let hits = scores.iter().filter(|score| of(score)).count();
    let resampled = interval::resamples(people).filter_map(|drawn| drawn.share(scores, &of));
    Rate { rate: hits as f64 / scores.len().max(1) as f64, interval: interval::middle(resampled.collect()) }
}

impl Found {
    /// Bona fide portraits suspected at a threshold.
    fn bscer(&self, threshold: f32) -> Rate {
        rate(self.pairs.people, &self.bona_fide.scores, |score| score.value >= threshold)
    }

    /// Morphs of a kind not suspected at a threshold.
    fn macer(&self, kind: &Kind, threshold: f32) -> Rate {
        rate(self.pairs.people, &kind.scores, |score| score.value < threshold)
    }

    /// Morphs of a kind not suspected where that part of the bona fide is; the threshold is set anew in each resample.
    fn macer_at(&self, kind: &Kind, bona_fide_rate: f64) -> (f32, Rate) {
        let unwanted = &self.bona_fide.scores;
        let threshold = rates::threshold_at(unwanted, bona_fide_rate);
        let resampled = interval::resamples(self.pairs.people).filter_map(|drawn| {
            let total: f64 = unwanted.iter().map(|score| drawn.weight(score)).sum();
            let threshold = drawn.threshold_at(unwanted, total, bona_fide_rate);
            drawn.share(&kind.scores, |score| score.value < threshold)
        });
        let interval = interval::middle(resampled.collect());
        (threshold, Rate { rate: rates::missed(&kind.scores, threshold), interval })
    }

    fn equal_error(&self, kind: &Kind) -> Option<f64> {
        rates::equal_error(&rates::trade_off(&kind.scores, &self.bona_fide.scores))
    }
}

fn document(found: &Found) -> Value {
    let bscer = found.bscer(found.cue.threshold);
    let each = |of: &dyn Fn(&Kind) -> Value| -> Map<String, Value> {
        found.kinds.iter().map(|(name, kind)| (name.clone(), of(kind))).collect()
    };
    let (mut at, mut at_intervals) = (Map::new(), Map::new());
    for (name, rate) in BONA_FIDE_RATES {
        at.insert(name.into(), each(&|kind| json!(found.macer_at(kind, rate).1.rate)).into());
        at_intervals.insert(name.into(), each(&|kind| json!(found.macer_at(kind, rate).1.interval)).into());
    }
    let mut count = each(&|kind| json!(kind.count));
    count.insert(BONA_FIDE.into(), found.bona_fide.count.into());
    let comparison = |kind: &Kind| {
        json!({"accepted": kind.accepted.rate, "ci95": kind.accepted.interval,
            "accepted_unsuspected": kind.accepted_unsuspected.rate,
            "accepted_unsuspected_ci95": kind.accepted_unsuspected.interval})
    };
    let mut accepted = each(&comparison);
    accepted.insert(BONA_FIDE.into(), comparison(&found.bona_fide));
    json!({
        "threshold": found.cue.threshold,
        "people": found.pairs.people,
        "bscer": bscer.rate, "bscer_ci95": bscer.interval,
        "macer": each(&|kind| json!(found.macer(kind, found.cue.threshold).rate)),
        "macer_ci95": each(&|kind| json!(found.macer(kind, found.cue.threshold).interval)),
        "macer_at_bscer": at, "macer_at_bscer_ci95": at_intervals,
        "eer": each(&|kind| json!(found.equal_error(kind))),
        "comparison": accepted,
        "n": count,
        "failures_to_acquire": found.pairs.failures.len(),
        "failures": named(&found.pairs.failures),
    })
}

fn text(found: &Found) -> String {
    let mut text = format!(
        "{} pairs of portrait and live picture, {} people\n{} pairs without features\n{}\n",
        grouped(found.pairs.pairs.len()),
        grouped(found.pairs.people),
        found.pairs.failures.len(),
        told(&found.pairs.failures)
    );
    let bscer = found.bscer(found.cue.threshold);
    text += &format!(
        "at the cue's threshold {:.3} bona fide portraits suspected (BSCER): {} ({})\n\n",
        found.cue.threshold,
        percent(bscer.rate),
        between(bscer.interval)
    );
    let mut table = Table::new(["", "n", "not suspected (MACER)", "95 % interval", "equal error rate"]);
    for (name, kind) in &found.kinds {
        let macer = found.macer(kind, found.cue.threshold);
        let eer = found.equal_error(kind).map_or("–".into(), percent);
        table.row([name.clone(), grouped(kind.count), percent(macer.rate), between(macer.interval), eer]);
    }
    text += &format!("{table}\nmorphs not suspected where bona fide portraits are suspected at\n");
    let mut table = Table::new(["BSCER", "threshold", "kind", "MACER", "95 % interval"]);
    for (name, rate) in BONA_FIDE_RATES {
        for (kind, found_of) in &found.kinds {
            let (threshold, macer) = found.macer_at(found_of, rate);
            let interval = between(macer.interval);
            table.row([name.into(), format!("{threshold:.3}"), kind.clone(), percent(macer.rate), interval]);
        }
    }
    text += &format!("{table}\naccepted by the gate's comparison\n");
    let mut table =
        Table::new(["", "accepted", "95 % interval", "accepted and not suspected", "95 % interval"]);
    let all = [("bona fide", &found.bona_fide)].into_iter();
    for (name, kind) in all.chain(found.kinds.iter().map(|(name, kind)| (name.as_str(), kind))) {
        let (plain, cued) = (&kind.accepted, &kind.accepted_unsuspected);
        table.row([
            name.to_owned(),
            percent(plain.rate),
            between(plain.interval),
            percent(cued.rate),
            between(cued.interval),
        ]);
    }
    text + &table.to_string()
}

fn plot(found: &Found) -> Plot {
    let curve = |(name, kind): (&String, &Kind)| Curve {
        label: name.clone(),
        points: rates::trade_off(&kind.scores, &found.bona_fide.scores),
    };
    let by_comparison = |(name, kind): (&String, &Kind)| {
        // A morph is what is less alike: the comparison itself as a cue, to see what the cue adds.
        let turned = |scores: &[Score]| {
            let mut turned: Vec<Score> = scores.iter().map(|s| Score { value: -s.value, ..*s }).collect();
            rates::descending(&mut turned);
            turned
        };
        let points = rates::trade_off(&turned(&kind.similarities), &turned(&found.bona_fide.similarities));
        Curve { label: format!("{name}, by similarity alone"), points }
    };
    let histogram = |label: &str, kind: &Kind| Histogram {
        label: label.to_owned(),
        values: kind.scores.iter().map(|score| score.value).collect(),
    };
    let mut histograms: Vec<Histogram> =
        found.kinds.iter().map(|(name, kind)| histogram(name, kind)).collect();
    histograms.push(histogram("bona fide", &found.bona_fide));
    Plot {
        title: "Morphed portraits against live pictures".into(),
        across: "bona fide portraits suspected (BSCER)",
        up: "morphs not suspected (MACER)",
        curves: found.kinds.iter().map(curve).chain(found.kinds.iter().map(by_comparison)).collect(),
        score: "morph score",
        histograms,
        thresholds: vec![("threshold".into(), found.cue.threshold)],
    }
}
