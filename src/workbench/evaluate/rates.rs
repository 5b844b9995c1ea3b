//! Error rates from scores, ISO/IEC 19795-1 §8: thresholds, rates, trade-off curve, equal error.
//!
//! Two lists of scores: *wanted* ones, which lie high when all goes well (mated comparisons, attacks by their
//! attack score, morphs), and *unwanted* ones, which lie low (non-mated comparisons, bona fide presentations). A
//! threshold takes everything at or above it. Pure. What is not finite lies below every threshold.

/// A score with the people that it is about. Both are the same where it is about one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::workbench) struct Score {
    /// Finite, or the least of all.
    pub(in crate::workbench) value: f32,
    /// Numbers of the people, as their list has them.
    pub(in crate::workbench) people: [u32; 2],
    /// Where it comes from, as its maker numbers it: two samples, or one twice.
    pub(in crate::workbench) samples: [u32; 2],
}

impl Score {
    /// A score; what is not finite becomes the least of all.
    pub(in crate::workbench) fn new(value: f32, people: [u32; 2], samples: [u32; 2]) -> Score {
        Score { value: if value.is_finite() { value } else { f32::NEG_INFINITY }, people, samples }
    }
}

/// From high to low; equal scores in the order of their samples, so that the same data give the same list.
pub(in crate::workbench) fn descending(scores: &mut [Score]) {
    scores.sort_unstable_by(|a, b| b.value.total_cmp(&a.value).then(a.samples.cmp(&b.samples)));
}

/// How many of scores from high to low are taken by a threshold.
pub(in crate::workbench) fn taken(scores: &[Score], threshold: f32) -> usize {
    scores.partition_point(|score| score.value >= threshold)
}

/// Part of the scores from high to low that a threshold misses; 0 of none.
pub(in crate::workbench) fn missed(scores: &[Score], threshold: f32) -> f64 {
    (scores.len() - taken(scores, threshold)) as f64 / scores.len().max(1) as f64
}

/// Part of the scores from high to low that a threshold takes; 0 of none.
pub(in crate::workbench) fn share_taken(scores: &[Score], threshold: f32) -> f64 {
    taken(scores, threshold) as f64 / scores.len().max(1) as f64
}

/// The lowest threshold that takes no more than that share of the unwanted scores, given from high to low.
pub(in crate::workbench) fn threshold_at(unwanted: &[Score], rate: f64) -> f32 {
    unwanted.get(allowed(rate, unwanted.len() as f64)).map_or(f32::MIN, |score| score.value.next_up())
}

/// Whole errors that a rate allows among so many; forgiving the last bit of the product.
fn allowed(rate: f64, count: f64) -> usize {
    (rate * count + 1e-9).floor() as usize
}

/// One point of a trade-off curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::workbench) struct Point {
    /// Part of the unwanted scores taken: FMR, BPCER, BSCER.
    pub(in crate::workbench) taken: f64,
    /// Part of the wanted scores missed: FNMR, APCER, MACER.
    pub(in crate::workbench) missed: f64,
}

/// The trade-off (DET) curve from the strictest threshold to the mildest: one point for each different score, both
/// lists from high to low. Ties move both rates at once; the ends are (0, 1) and (1, 0). Empty without scores.
pub(in crate::workbench) fn trade_off(wanted: &[Score], unwanted: &[Score]) -> Vec<Point> {
    if wanted.is_empty() || unwanted.is_empty() {
        return Vec::new();
    }
    let (mut hits, mut errors) = (0, 0);
    let mut curve = vec![Point { taken: 0.0, missed: 1.0 }];
    while hits < wanted.len() || errors < unwanted.len() {
        let next = [wanted.get(hits), unwanted.get(errors)].into_iter().flatten().map(|score| score.value);
        let threshold = next.fold(f32::NEG_INFINITY, f32::max);
        hits += run(wanted, hits, threshold);
        errors += run(unwanted, errors, threshold);
        let missed = 1.0 - hits as f64 / wanted.len() as f64;
        let point = Point { taken: errors as f64 / unwanted.len() as f64, missed };
        // A row of unwanted scores between two wanted ones is one flat line: its end says all.
        match curve.as_mut_slice() {
            [.., before, last] if before.missed == point.missed && last.missed == point.missed => {
                *last = point
            }
            _ => curve.push(point),
        }
    }
    curve
}

/// How many scores from a place on are equal to the threshold or above.
fn run(scores: &[Score], from: usize, threshold: f32) -> usize {
    scores.iter().skip(from).take_while(|score| score.value >= threshold).count()
}

/// The rate at which both kinds of error are equally frequent; between two points of the curve it is interpolated.
/// `None` without scores.
pub(in crate::workbench) fn equal_error(curve: &[Point]) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [a, b] = pair else { return None };
        // Before the crossing more is missed than taken, after it less.
        let (before, after) = (a.missed - a.taken, b.missed - b.taken);
        if before < 0.0 || after > 0.0 {
            return None;
        }
        let part = if before == after { 0.0 } else { before / (before - after) };
        Some(a.taken + part * (b.taken - a.taken))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(values: &[f32]) -> Vec<Score> {
        let mut scores: Vec<Score> =
            values.iter().zip(0..).map(|(&value, n)| Score::new(value, [n; 2], [n; 2])).collect();
        descending(&mut scores);
        scores
    }

    fn eer(wanted: &[f32], unwanted: &[f32]) -> Option<f64> {
        equal_error(&trade_off(&list(wanted), &list(unwanted)))
    }

    #[test]
    fn the_threshold_takes_no_more_of_the_unwanted_than_allowed() {
        let unwanted = list(&(0..1000).map(|n| n as f32 / 1000.0).collect::<Vec<_>>());
        for (rate, count) in [(0.001, 1), (0.01, 10), (0.0001, 0), (1.0, 1000), (0.0, 0)] {
            assert_eq!(taken(&unwanted, threshold_at(&unwanted, rate)), count, "{rate}");
        }
    }

    #[test]
    fn ties_at_the_threshold_are_all_refused_rather_than_one_too_many_taken() {
        let unwanted = list(&[0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(taken(&unwanted, threshold_at(&unwanted, 0.2)), 0);
        assert_eq!(taken(&unwanted, threshold_at(&unwanted, 0.3)), 3);
    }

    #[test]
    fn perfectly_parted_scores_have_no_equal_error_and_mixed_ones_half() {
        assert_eq!(eer(&[0.8, 0.9], &[0.2, 0.1]), Some(0.0));
        assert_eq!(eer(&[0.1, 0.9], &[0.8, 0.0]), Some(0.5));
        assert_eq!(eer(&[0.1, 0.2], &[0.8, 0.9]), Some(1.0));
        // All alike: a coin decides.
        assert_eq!(eer(&[0.5; 4], &[0.5; 9]), Some(0.5));
    }

    #[test]
    fn without_mated_or_without_non_mated_there_is_no_curve() {
        assert!(trade_off(&[], &list(&[0.1])).is_empty());
        assert!(trade_off(&list(&[0.1]), &[]).is_empty());
        assert_eq!(eer(&[], &[0.3]), None);
        assert_eq!(missed(&[], 0.5), 0.0);
        assert_eq!(threshold_at(&[], 0.1), f32::MIN);
    }

    #[test]
    fn what_is_no_number_is_never_taken_and_counts_as_missed() {
        let scores = list(&[f32::NAN, 0.9, f32::NAN]);
        assert_eq!(scores[0].value, 0.9);
        assert_eq!(taken(&scores, -1.0), 1);
        assert!((missed(&scores, 0.5) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_curve_has_the_known_points() {
        let curve = trade_off(&list(&[0.9, 0.5]), &list(&[0.7, 0.5, 0.1]));
        let points: Vec<(f64, f64)> = curve.iter().map(|p| (p.taken, p.missed)).collect();
        let third = 1.0 / 3.0;
        assert_eq!(points, [(0.0, 1.0), (0.0, 0.5), (third, 0.5), (2.0 * third, 0.0), (1.0, 0.0)]);
    }

    proptest! {
        #[test]
        fn the_curve_falls_from_all_missed_to_all_taken(
            wanted in proptest::collection::vec(-1.0f32..1.0, 1..40),
            unwanted in proptest::collection::vec(-1.0f32..1.0, 1..40)
        ) {
            let curve = trade_off(&list(&wanted), &list(&unwanted));
            prop_assert_eq!(curve.first().map(|p| (p.taken, p.missed)), Some((0.0, 1.0)));
            prop_assert_eq!(curve.last().map(|p| (p.taken, p.missed)), Some((1.0, 0.0)));
            for pair in curve.windows(2) {
                prop_assert!(pair[0].taken <= pair[1].taken && pair[0].missed >= pair[1].missed);
            }
            prop_assert!((0.0..=1.0).contains(&equal_error(&curve).unwrap()));
        }

        #[test]
        fn a_threshold_keeps_its_promise_on_any_scores(
            unwanted in proptest::collection::vec(proptest::num::f32::ANY, 1..80), rate in 0.0f64..1.0
        ) {
            let unwanted = list(&unwanted);
            let taken = taken(&unwanted, threshold_at(&unwanted, rate));
            prop_assert!(taken as f64 <= rate * unwanted.len() as f64 + 1e-6);
        }
    }
}
