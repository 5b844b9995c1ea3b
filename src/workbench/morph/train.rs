//! `egate workbench morph train`: fits the gate's morph cue on the training half of a set of morphs.
//!
//! In: the CSV of a set. Out: `morph.toml` with weights, threshold and what they were fitted on. A logistic regression
//! with a mild ridge, by Newton's method; bona fide and morphed pairs weigh the same together, however many there are
//! of each. Rows of the testing half are not looked at.

use super::super::evaluate::EngineArgs;
use super::super::evaluate::morph::{Pair, Pairs};
use super::super::evaluate::rates;
use super::super::evaluate::samples::Samples;
use super::Half;
use crate::face::morph::{FEATURES, Features, MorphCue, Provenance, Weight};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Part of the bona fide training pairs that the threshold may suspect.
const BONA_FIDE_ERRORS: f64 = 0.05;
/// Strength of the ridge: keeps weights finite where the halves are perfectly parted.
const RIDGE: f64 = 1e-2;
/// Newton's steps; a fit of this kind is done after six.
const STEPS: usize = 30;
/// Weights and bias.
const SIZE: usize = FEATURES.len() + 1;

/// What `train` takes.
#[derive(Debug, clap::Args)]
pub(super) struct TrainArgs {
    /// The `samples.csv` of a set of morphs
    #[arg(long)]
    samples: PathBuf,
    /// File to write
    #[arg(long, default_value = "models/morph.toml")]
    out: PathBuf,
    /// What the set was made from, for whoever reads the file
    #[arg(long, default_value = "undeclared")]
    data: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Fits and writes.
pub(super) fn run(arguments: &TrainArgs) -> Result<()> {
    let samples = Samples::read(&arguments.samples)?;
    let pairs = Pairs::acquire(&samples, Some(Half::Training), &arguments.engine)?;
    let cue = fitted(&pairs.pairs, &arguments.data)?;
    let text = toml::to_string(&cue).context("the cue cannot be written as TOML")?;
    let head = "# The morph cue of src/face/morph.rs, made by `egate workbench morph train`. See models/cards/morph.md.\n\n";
    std::fs::write(&arguments.out, format!("{head}{text}"))
        .with_context(|| format!("{} cannot be written", arguments.out.display()))?;
    eprintln!("egate: wrote {}", arguments.out.display());
    Ok(())
}

fn fitted(pairs: &[Pair], data: &str) -> Result<MorphCue> {
    let morphs = pairs.iter().filter(|pair| pair.is_morph()).count();
    let bona_fide = pairs.len() - morphs;
    ensure!(morphs > 0 && bona_fide > 0, "{bona_fide} bona fide and {morphs} morphed pairs; both are needed");
    let standards = standards(pairs);
    let rows: Vec<([f64; SIZE], bool, f64)> = pairs
        .iter()
        .map(|pair| {
            let weight = 0.5 / if pair.is_morph() { morphs as f64 } else { bona_fide as f64 };
            (standardised(&pair.features, &standards), pair.is_morph(), weight)
        })
        .collect();
    let weights = newton(&rows).context("the regression has no solution")?;
    let feature = FEATURES
        .iter()
        .zip(standards)
        .zip(weights)
        .map(|((name, [mean, spread]), weight)| Weight { name: (*name).to_owned(), mean, spread, weight });
    let people: BTreeSet<u32> = pairs.iter().flat_map(|pair| pair.people).collect();
    let mut cue = MorphCue {
        threshold: 1.0,
        bias: weights.last().copied().unwrap_or(0.0),
        feature: feature.collect(),
        provenance: Provenance {
            data: data.to_owned(),
            people: people.len(),
            bona_fide,
            morphs,
            bona_fide_errors: BONA_FIDE_ERRORS,
        },
    };
    let mut scores: Vec<_> =
        pairs.iter().filter(|pair| !pair.is_morph()).map(|pair| pair.score(&cue)).collect();
    rates::descending(&mut scores);
    cue.threshold = rates::threshold_at(&scores, BONA_FIDE_ERRORS);
    Ok(cue)
}

/// Mean and standard deviation of each feature.
fn standards(pairs: &[Pair]) -> [[f64; 2]; FEATURES.len()] {
    let count = pairs.len() as f64;
    let values = |place: usize| pairs.iter().filter_map(move |pair| pair.features.get(place).copied());
    std::array::from_fn(|place| {
        let mean = values(place).sum::<f64>() / count;
        let spread = (values(place).map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        [mean, spread.max(1e-9)]
    })
}

/// Features in spreads from their means, and a one for the bias.
fn standardised(features: &Features, standards: &[[f64; 2]]) -> [f64; SIZE] {
    let mut row = [1.0; SIZE];
    for ((to, value), [mean, spread]) in row.iter_mut().zip(features).zip(standards) {
        *to = (value - mean) / spread;
    }
    row
}

/// Weights, bias last, of the least weighted logistic loss with a ridge on all but the bias.
fn newton(rows: &[([f64; SIZE], bool, f64)]) -> Option<[f64; SIZE]> {
    let mut weights = [0.0; SIZE];
    for _ in 0..STEPS {
        let (mut gradient, mut curvature) = ([0.0; SIZE], [[0.0; SIZE]; SIZE]);
        for (place, (g, c)) in gradient.iter_mut().zip(&mut curvature).enumerate() {
            if let (true, Some(weight), Some(c)) = (place + 1 < SIZE, weights.get(place), c.get_mut(place)) {
                *g = RIDGE * weight;
                *c = RIDGE;
            }
        }
        for (row, morph, count) in rows {
            let odds: f64 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            let p = 1.0 / (1.0 + (-odds).exp());
            let error = count * (p - if *morph { 1.0 } else { 0.0 });
            let slope = count * p * (1.0 - p);
            for ((g, line), x) in gradient.iter_mut().zip(&mut curvature).zip(row) {
                *g += error * x;
                line.iter_mut().zip(row).for_each(|(c, y)| *c += slope * x * y);
            }
        }
        let step = solved(curvature, gradient)?;
        weights.iter_mut().zip(step).for_each(|(w, s)| *w -= s);
        if step.iter().all(|s| s.abs() < 1e-9) {
            break;
        }
    }
    weights.iter().all(|w| w.is_finite()).then_some(weights)
}

/// x of a·x = b, by elimination with pivots; `None` when there is none.
#[allow(clippy::indexing_slicing)] // places run below SIZE, the length of every array
fn solved(mut a: [[f64; SIZE]; SIZE], mut b: [f64; SIZE]) -> Option<[f64; SIZE]> {
    for column in 0..SIZE {
        let pivot = (column..SIZE).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        if a[column][column].abs() < 1e-12 {
            return None;
        }
        for row in 0..SIZE {
            if row != column {
                let factor = a[row][column] / a[column][column];
                let line = a[column];
                a[row].iter_mut().zip(line).for_each(|(to, from)| *to -= factor * from);
                b[row] -= factor * b[column];
            }
        }
    }
    Some(std::array::from_fn(|place| b[place] / a[place][place]))
}

#[cfg(test)]
mod tests {
    use super::super::super::evaluate::interval::Seeded;
    use super::*;

    #[test]
    fn the_weights_that_made_the_odds_are_found() {
        let truth = [2.0, -1.0, 0.0, 0.5];
        let mut seeded = Seeded(1);
        let mut even = || (seeded.next() >> 11) as f64 / (1u64 << 53) as f64;
        let rows: Vec<_> = (0..20_000)
            .map(|_| {
                let row = [even() * 4.0 - 2.0, even() * 4.0 - 2.0, even() * 4.0 - 2.0, 1.0];
                let odds: f64 = row.iter().zip(truth).map(|(x, w)| x * w).sum();
                (row, even() < 1.0 / (1.0 + (-odds).exp()), 1.0)
            })
            .collect();
        let found = newton(&rows).unwrap();
        assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 0.1), "{found:?}");
    }

    #[test]
    fn perfectly_parted_rows_have_finite_weights() {
        let rows: Vec<_> = (0..40).map(|n| ([f64::from(n), 0.0, 0.0, 1.0], n >= 20, 1.0 / 40.0)).collect();
        let found = newton(&rows).unwrap();
        assert!(found[0] > 0.0 && found.iter().all(|w| w.is_finite()));
    }
}
