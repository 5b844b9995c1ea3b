//! How far a measured error rate may be from the true one, ISO/IEC 19795-1 §8 and annex B.
//!
//! Scores about one person depend on each other, so intervals of comparisons come from resampling *people*, not
//! scores: each resample draws as many people as there are, with repetition, and a score counts as often as its
//! people were drawn. The threshold is set anew in each resample, so that its own uncertainty is in the interval.
//! Rates of presentations, which are about one person each or of unknown people, have Wilson's interval. Seeded:
//! the same data give the same interval.

use super::rates::Score;

/// Resamplings for an interval.
pub(in crate::workbench) const RESAMPLINGS: usize = 1000;

/// A lower and an upper end; what lies between them covers the true rate in 95 of 100 cases.
pub(in crate::workbench) type Interval = [f64; 2];

/// The 97.5th percentile of the normal distribution.
const NORMAL_975: f64 = 1.959_963_985;

/// Numbers that look random and are the same for the same seed (SplitMix64: Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(in crate::workbench) struct Seeded(pub(in crate::workbench) u64);

impl Seeded {
    /// The next number.
    pub(in crate::workbench) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of the numbers below `end`; 0 when there is none. Even but for parts in 2³².
    pub(in crate::workbench) fn below(&mut self, end: usize) -> usize {
        (((self.next() >> 32) * end as u64) >> 32) as usize
    }
}

/// How often each person was drawn.
pub(in crate::workbench) struct Drawn(Vec<u32>);

impl Drawn {
    /// How often a person was drawn.
    pub(in crate::workbench) fn times(&self, person: u32) -> f64 {
        f64::from(self.0.get(person as usize).copied().unwrap_or(0))
    }

    /// How often a score counts: it is there as often as its people are.
    pub(in crate::workbench) fn weight(&self, score: &Score) -> f64 {
        let [a, b] = score.people;
        if a == b { self.times(a) } else { self.times(a) * self.times(b) }
    }

    /// The share of the scores that `of` holds for; `None` when none of them was drawn.
    pub(in crate::workbench) fn share(&self, scores: &[Score], of: impl Fn(&Score) -> bool) -> Option<f64> {
        let (mut hits, mut all) = (0.0, 0.0);
        for score in scores {
            let weight = self.weight(score);
            all += weight;
            if of(score) {
                hits += weight;
            }
        }
        (all > 0.0).then(|| hits / all)
    }

    /// The lowest threshold that takes no more than that share of the unwanted scores, which are given from high
    /// to low and weigh `total` together.
    pub(in crate::workbench) fn threshold_at(&self, unwanted: &[Score], total: f64, rate: f64) -> f32 {
        let mut left = rate * total + 1e-9;
        for score in unwanted {
            left -= self.weight(score);
            if left < 0.0 {
                return score.value.next_up();
            }
        }
        f32::MIN
    }
}

/// Draws the people again and again; the same draws each time for the same number of people.
pub(in crate::workbench) fn resamples(people: usize) -> impl Iterator<Item = Drawn> {
    let mut seeded = Seeded(1);
    (0..RESAMPLINGS).map(move |_| {
        let mut drawn = vec![0; people];
        for _ in 0..people {
            if let Some(times) = drawn.get_mut(seeded.below(people)) {
                *times += 1;
            }
        }
        Drawn(drawn)
    })
}

/// The middle 95 % of resampled values; `None` when there are none.
pub(in crate::workbench) fn middle(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |share: f64| values.get((share * last as f64).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

/// Wilson's interval of a rate (Wilson 1927): `errors` of `count`. Everything is possible when nothing was counted.
pub(in crate::workbench) fn wilson(errors: usize, count: usize) -> Interval {
    if count == 0 {
        return [0.0, 1.0];
    }
    let (n, rate, z2) = (count as f64, errors as f64 / count as f64, NORMAL_975 * NORMAL_975);
    let middle = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = NORMAL_975 / (1.0 + z2 / n) * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    let low = if errors == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if errors == count { 1.0 } else { (middle + half).min(1.0) };
    [low, high]
}

/// McNemar's exact test, two-sided: how likely so uneven a split of the cases in which two settings differ would
/// be if neither were better.
pub(in crate::workbench) fn mcnemar(only_first: usize, only_second: usize) -> f64 {
    let count = only_first + only_second;
    // Binomial coefficients by their logarithms: no overflow for any count.
    let mut chance = -(count as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=only_first.min(only_second) {
        tail += chance.exp();
        chance += ((count - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::rates::{descending, threshold_at};
    use super::*;
    use proptest::prelude::*;

    /// The mean of twelve even numbers is nearly normal.
    fn normal(seeded: &mut Seeded) -> f64 {
        (0..12).map(|_| (seeded.next() >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
    }

    #[test]
    fn the_interval_over_people_covers_the_true_rate_where_one_over_scores_would_not() {
        // Each person is good or bad in all of ten scores: 40 people are 40 facts, not 400.
        let truth = 0.3;
        let (mut covered, mut covered_by_scores, trials) = (0, 0, 200);
        for trial in 0..trials {
            let mut seeded = Seeded(1000 + trial);
            let mut scores = Vec::new();
            for person in 0..40 {
                let bad = seeded.below(1000) < 300;
                scores.extend((0..10).map(|_| Score::new(if bad { 0.0 } else { 1.0 }, [person; 2], [0; 2])));
            }
            let rates = resamples(40).filter_map(|drawn| drawn.share(&scores, |s| s.value < 0.5)).collect();
            let [low, high] = middle(rates).unwrap();
            covered += usize::from(low <= truth && truth <= high);
            let errors = scores.iter().filter(|s| s.value < 0.5).count();
            let [low, high] = wilson(errors, scores.len());
            covered_by_scores += usize::from(low <= truth && truth <= high);
        }
        // 95 % of 200 is 190; a percentile bootstrap of 40 facts is a little short of that.
        assert!((178..=199).contains(&covered), "{covered}");
        assert!(covered_by_scores < 130, "{covered_by_scores}");
    }

    #[test]
    fn the_interval_covers_the_rate_at_a_threshold_that_is_itself_estimated() {
        // Mated scores are normal about 2, non-mated about 0: at a false match rate of 5 % the threshold is 1.645
        // and the false non-match rate that of a normal below -.355, .361.
        let mut covered = 0;
        for trial in 0..60 {
            let mut seeded = Seeded(trial);
            let mut make = |mean: f64, n: u32| {
                let of = |person| Score::new((mean + normal(&mut seeded)) as f32, [person; 2], [person; 2]);
                let mut scores: Vec<Score> = (0..n).map(of).collect();
                descending(&mut scores);
                scores
            };
            let (mated, non_mated) = (make(2.0, 60), make(0.0, 60));
            let rates = resamples(60).filter_map(|drawn| {
                let threshold = drawn.threshold_at(&non_mated, 60.0, 0.05);
                drawn.share(&mated, |s| s.value < threshold)
            });
            let [low, high] = middle(rates.collect()).unwrap();
            covered += usize::from(low <= 0.361 && 0.361 <= high);
        }
        assert!(covered >= 52, "{covered} of 60");
    }

    #[test]
    fn wilson_gives_the_published_examples() {
        // Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29.
        let cases = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (errors, count, low, high) in cases {
            let found = wilson(errors, count);
            assert!(
                (found[0] - low).abs() < 5e-5 && (found[1] - high).abs() < 5e-5,
                "{errors}/{count} {found:?}"
            );
        }
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }

    #[test]
    fn mcnemar_gives_binomial_tails() {
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(3, 3), 1.0);
        assert!((mcnemar(0, 5) - 2.0 / 32.0).abs() < 1e-12);
        // 2·(1 + 10 + 45)/1024
        assert!((mcnemar(8, 2) - 112.0 / 1024.0).abs() < 1e-12);
        assert!(mcnemar(0, 5000) < 1e-9);
    }

    #[test]
    fn everybody_once_gives_the_plain_threshold() {
        let mut scores: Vec<Score> = (0..500u32).map(|n| Score::new(n as f32, [n; 2], [n; 2])).collect();
        descending(&mut scores);
        for rate in [0.0, 0.001, 0.01, 0.5] {
            let found = Drawn(vec![1; 500]).threshold_at(&scores, 500.0, rate);
            assert_eq!(found, threshold_at(&scores, rate));
        }
    }

    proptest! {
        #[test]
        fn wilson_holds_the_rate_within_zero_and_one(count in 1usize..5000, part in 0.0f64..=1.0) {
            let errors = (part * count as f64) as usize;
            let [low, high] = wilson(errors, count);
            let rate = errors as f64 / count as f64;
            prop_assert!(0.0 <= low && low <= rate + 1e-12 && rate <= high + 1e-12 && high <= 1.0);
        }

        #[test]
        fn as_many_people_are_drawn_as_there_are(people in 1usize..60) {
            let drawn = resamples(people).next().unwrap();
            prop_assert_eq!(drawn.0.iter().sum::<u32>() as usize, people);
        }
    }
}
