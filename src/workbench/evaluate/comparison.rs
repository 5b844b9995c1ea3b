//! Error rates of a comparison, ISO/IEC 19795-1: at false match rates, at a threshold, against another setting, by
//! groups. Intervals come from resampling people; two settings are compared on the same people, draw by draw.

use super::interval::{self, Drawn, Interval};
use super::rates;
use super::samples::Row;
use super::trial::{Scores, Trial};
use std::collections::BTreeMap;

/// False match rates at which the false non-match rate is told.
pub(super) const FALSE_MATCH_RATES: [(&str, f64); 3] = [("1e-3", 1e-3), ("1e-4", 1e-4), ("1e-5", 1e-5)];

/// What came out at one false match rate.
pub(super) struct AtRate {
    pub(super) name: &'static str,
    pub(super) threshold: f32,
    pub(super) fnmr: f64,
    pub(super) interval: Option<Interval>,
    /// Non-mated comparisons above the threshold: how much the threshold rests on.
    pub(super) false_matches: usize,
}

/// False non-match rates at the false match rates that are told, with intervals over people.
pub(super) fn at_rates(trial: &Trial, scores: &Scores) -> Vec<AtRate> {
    let mut resampled = FALSE_MATCH_RATES.map(|_| Vec::with_capacity(interval::RESAMPLINGS));
    for drawn in interval::resamples(trial.people.len()) {
        let total = trial.non_mated_weight(&drawn);
        for ((_, rate), values) in FALSE_MATCH_RATES.iter().zip(&mut resampled) {
            values.extend(fnmr_when(&drawn, scores, total, *rate));
        }
    }
    let told = FALSE_MATCH_RATES.into_iter().zip(resampled);
    told.map(|((name, rate), values)| {
        let threshold = rates::threshold_at(&scores.non_mated, rate);
        AtRate {
            name,
            threshold,
            fnmr: rates::missed(&scores.mated, threshold),
            interval: interval::middle(values),
            false_matches: rates::taken(&scores.non_mated, threshold),
        }
    })
    .collect()
}

/// The false non-match rate among people drawn, at the threshold that they give themselves.
fn fnmr_when(drawn: &Drawn, scores: &Scores, total: f64, rate: f64) -> Option<f64> {
    let threshold = drawn.threshold_at(&scores.non_mated, total, rate);
    drawn.share(&scores.mated, |score| score.value < threshold)
}

/// Both error rates at a threshold that is given, with intervals over people.
pub(super) struct AtThreshold {
    pub(super) threshold: f32,
    pub(super) fnmr: f64,
    pub(super) fnmr_interval: Option<Interval>,
    pub(super) fmr: f64,
    pub(super) fmr_interval: Option<Interval>,
    pub(super) false_matches: usize,
}

/// Errors at the gate's own threshold.
pub(super) fn at_threshold(trial: &Trial, scores: &Scores, threshold: f32) -> AtThreshold {
    let false_matches = rates::taken(&scores.non_mated, threshold);
    let above = scores.non_mated.get(..false_matches).unwrap_or_default();
    let (mut fnmr, mut fmr) = (Vec::new(), Vec::new());
    for drawn in interval::resamples(trial.people.len()) {
        fnmr.extend(drawn.share(&scores.mated, |score| score.value < threshold));
        let total = trial.non_mated_weight(&drawn);
        if total > 0.0 {
            fmr.push(above.iter().map(|score| drawn.weight(score)).sum::<f64>() / total);
        }
    }
    AtThreshold {
        threshold,
        fnmr: rates::missed(&scores.mated, threshold),
        fnmr_interval: interval::middle(fnmr),
        fmr: rates::share_taken(&scores.non_mated, threshold),
        fmr_interval: interval::middle(fmr),
        false_matches,
    }
}

/// Two settings at one false match rate, each at its own threshold.
pub(super) struct Difference {
    pub(super) name: &'static str,
    /// The other's false non-match rate.
    pub(super) other: f64,
    /// The other's less the first's: below zero the other is better.
    pub(super) difference: f64,
    pub(super) interval: Option<Interval>,
    /// Two-sided, by resampling people; no less than one in the number of resamplings.
    pub(super) p: f64,
    /// Mated comparisons that only the first, and only the other, misses.
    pub(super) only: [usize; 2],
    /// McNemar's exact test on those; takes comparisons for independent.
    pub(super) mcnemar: f64,
}

/// Paired: the same draws of people for both.
pub(super) fn differences(trial: &Trial, first: &Scores, other: &Scores) -> Vec<Difference> {
    let mut resampled = FALSE_MATCH_RATES.map(|_| Vec::with_capacity(interval::RESAMPLINGS));
    for drawn in interval::resamples(trial.people.len()) {
        let total = trial.non_mated_weight(&drawn);
        for ((_, rate), values) in FALSE_MATCH_RATES.iter().zip(&mut resampled) {
            let pair = fnmr_when(&drawn, first, total, *rate).zip(fnmr_when(&drawn, other, total, *rate));
            values.extend(pair.map(|(first, other)| other - first));
        }
    }
    let told = FALSE_MATCH_RATES.into_iter().zip(resampled);
    told.map(|((name, rate), values)| {
        let thresholds = [first, other].map(|scores| rates::threshold_at(&scores.non_mated, rate));
        let [a, b] = thresholds;
        let (of_first, of_other) = (rates::missed(&first.mated, a), rates::missed(&other.mated, b));
        let only = only_one_misses(first, other, thresholds);
        Difference {
            name,
            other: of_other,
            difference: of_other - of_first,
            p: two_sided(&values),
            interval: interval::middle(values),
            only,
            mcnemar: interval::mcnemar(only[0], only[1]),
        }
    })
    .collect()
}

/// Twice the smaller share of draws on one side of zero.
fn two_sided(differences: &[f64]) -> f64 {
    let least = differences
        .iter()
        .filter(|&&d| d <= 0.0)
        .count()
        .min(differences.iter().filter(|&&d| d >= 0.0).count());
    (2.0 * least.max(1) as f64 / differences.len().max(1) as f64).min(1.0)
}

fn only_one_misses(first: &Scores, other: &Scores, [a, b]: [f32; 2]) -> [usize; 2] {
    let missed_by_other: BTreeMap<[u32; 2], bool> =
        other.mated.iter().map(|score| (score.samples, score.value < b)).collect();
    first.mated.iter().fold([0, 0], |[one, two], score| {
        let by_first = score.value < a;
        let by_other = missed_by_other.get(&score.samples).copied().unwrap_or(by_first);
        [one + usize::from(by_first && !by_other), two + usize::from(!by_first && by_other)]
    })
}

/// One value of a further column.
pub(super) struct Group {
    pub(super) value: String,
    pub(super) mated: usize,
    /// Non-mated comparisons in which reference and probe both have the value (ISO/IEC 19795-10).
    pub(super) non_mated: usize,
    pub(super) fnmr: f64,
    pub(super) fnmr_interval: Option<Interval>,
    pub(super) fmr: f64,
}

/// Errors of each group at one threshold for all. A comparison belongs to the group of its probe.
pub(super) fn groups(
    trial: &Trial,
    scores: &Scores,
    of: impl Fn(&Row) -> String,
    threshold: f32,
) -> Vec<Group> {
    let probes: Vec<String> = trial.probes.iter().map(|sample| of(&sample.row)).collect();
    let references: Vec<String> = trial.references.iter().map(|sample| of(&sample.row)).collect();
    let at = |list: &[String], place: u32| list.get(place as usize).cloned().unwrap_or_default();
    let mut split: BTreeMap<String, Scores> = BTreeMap::new();
    let empty = || Scores { mated: vec![], non_mated: vec![] };
    for score in &scores.mated {
        split.entry(at(&probes, score.samples[1])).or_insert_with(empty).mated.push(*score);
    }
    for score in &scores.non_mated {
        let [reference, probe] = score.samples;
        let value = at(&probes, probe);
        if at(&references, reference) == value {
            split.entry(value).or_insert_with(empty).non_mated.push(*score);
        }
    }
    let told = split.into_iter().map(|(value, part)| {
        let draws = interval::resamples(trial.people.len());
        let resampled = draws.filter_map(|drawn| drawn.share(&part.mated, |score| score.value < threshold));
        Group {
            value,
            mated: part.mated.len(),
            non_mated: part.non_mated.len(),
            fnmr: rates::missed(&part.mated, threshold),
            fnmr_interval: interval::middle(resampled.collect()),
            fmr: rates::share_taken(&part.non_mated, threshold),
        }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::super::trial::Setting;
    use super::super::trial::tests::hundred;
    use super::*;

    #[test]
    fn every_reference_meets_every_probe_and_the_known_errors_are_counted() {
        let trial = hundred();
        let scores = trial.compare(Setting::Gate, 3).unwrap();
        assert_eq!((scores.mated.len(), scores.non_mated.len()), (200, 100 * 200 - 200));
        assert!(scores.non_mated.windows(2).all(|pair| pair[0].value >= pair[1].value));
        let found = at_threshold(&trial, &scores, 30f32.to_radians().cos());
        assert_eq!(found.fnmr, 10.0 / 200.0);
        let [low, high] = found.fnmr_interval.unwrap();
        assert!(low < 0.05 && 0.05 < high && low > 0.005 && high < 0.1, "{low} {high}");
        let [low, high] = found.fmr_interval.unwrap();
        assert!(low <= found.fmr && found.fmr <= high);
    }

    #[test]
    fn a_setting_compared_with_itself_differs_in_nothing_and_a_worse_one_is_told_apart() {
        let trial = hundred();
        let good = trial.compare(Setting::Gate, 1).unwrap();
        for d in differences(&trial, &good, &good) {
            assert_eq!((d.difference, d.interval, d.p, d.only), (0.0, Some([0.0, 0.0]), 1.0, [0, 0]));
        }
        // Every second person is turned into a stranger.
        let mut bad = trial.compare(Setting::Gate, 1).unwrap();
        for score in bad.mated.iter_mut().filter(|score| score.people[0] % 2 == 0) {
            score.value = -1.0;
        }
        rates::descending(&mut bad.mated);
        let d = &differences(&trial, &good, &bad)[0];
        assert!(d.difference > 0.3 && d.interval.unwrap()[0] > 0.0 && d.p < 0.01 && d.mcnemar < 1e-6);
        assert!(d.only[0] == 0 && d.only[1] > 60, "{:?}", d.only);
    }

    #[test]
    fn a_group_holds_the_mated_of_its_probes_and_the_non_mated_within() {
        let trial = hundred();
        let scores = trial.compare(Setting::Gate, 1).unwrap();
        let samples_of =
            |row: &Row| if *row == trial.references[0].row { "left".into() } else { "right".into() };
        let found = groups(&trial, &scores, samples_of, 30f32.to_radians().cos());
        let told: Vec<_> = found.iter().map(|g| (g.value.as_str(), g.mated, g.non_mated, g.fnmr)).collect();
        // All that are far off are of people with even numbers.
        assert_eq!(told, [("left", 100, 50 * 100 - 100, 0.1), ("right", 100, 50 * 100 - 100, 0.0)]);
    }
}
