//! Scores and error rates: which similarity or attack score goes with which rate, by the manifest's tables.
//!
//! Profiles ask for rates and officers read rates; scores are this room's own affair. Between two rows of a table
//! the score runs straight over the logarithm of the rate; outside the table its last row holds, so that nothing is
//! claimed that was not measured.

use super::manifest::Manifest;

/// Similarity that a stranger reaches with this false match rate, FM CMP-FI-VER. `None` for rates outside what was
/// measured.
pub fn similarity_at(false_match_rate: f64) -> Option<f32> {
    score_at(&Manifest::shipped().ok()?.comparison.false_match, false_match_rate)
}

/// Attack score that living faces reach with at most this bona fide error rate. `None` outside what was measured.
pub fn attack_at(bona_fide_error_rate: f64) -> Option<f32> {
    score_at(&Manifest::shipped().ok()?.liveness.bona_fide_error, bona_fide_error_rate)
}

/// How many strangers in one would score as high, with whether the true rate may lie beyond the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FalseMatchRate {
    /// More than so many: the score lies below the table.
    MoreThan(f64),
    /// About so many.
    About(f64),
    /// Fewer than so many: the score lies above the table.
    FewerThan(f64),
}

impl FalseMatchRate {
    /// Of a similarity. `None` for what is no number.
    pub fn of(similarity: f32) -> Option<FalseMatchRate> {
        let table = &Manifest::shipped().ok()?.comparison.false_match;
        let score = f64::from(similarity);
        let (&[most, lowest], &[least, highest]) = (table.first()?, table.last()?);
        if !score.is_finite() {
            return None;
        }
        if score < lowest {
            return Some(FalseMatchRate::MoreThan(most));
        }
        if score > highest {
            return Some(FalseMatchRate::FewerThan(least));
        }
        table.windows(2).find_map(|pair| match pair {
            &[[rate, from], [next, to]] if (from..=to).contains(&score) => {
                let way = (score - from) / (to - from);
                Some(FalseMatchRate::About((rate.ln() + way * (next.ln() - rate.ln())).exp()))
            }
            _ => None,
        })
    }
}

impl std::fmt::Display for FalseMatchRate {
    /// For officers: "one in 20,000 strangers would score as high".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, rate) = match *self {
            FalseMatchRate::MoreThan(rate) => ("more than ", rate),
            FalseMatchRate::About(rate) => ("", rate),
            FalseMatchRate::FewerThan(rate) => ("fewer than ", rate),
        };
        write!(f, "{word}one in {} strangers would score as high", grouped(one_digit(1.0 / rate)))
    }
}

/// Rounded to one significant digit: more would claim more than was measured.
fn one_digit(number: f64) -> u64 {
    let unit = 10f64.powf(number.max(1.0).log10().floor());
    ((number / unit).round() * unit) as u64
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn score_at(table: &[[f64; 2]], rate: f64) -> Option<f32> {
    table.windows(2).find_map(|pair| match pair {
        &[[high, from], [low, to]] if (low..=high).contains(&rate) => {
            let way = (high.ln() - rate.ln()) / (high.ln() - low.ln());
            Some((from + way * (to - from)) as f32)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rows_of_the_table_are_met() {
        for (rate, score) in [(1e-1, 0.179), (1e-3, 0.341), (1e-4, 0.399), (1e-5, 0.450)] {
            assert!((similarity_at(rate).unwrap() - score).abs() < 1e-6, "{rate}");
        }
        assert_eq!(attack_at(0.02), Some(0.5));
    }

    #[test]
    fn nothing_is_said_about_rates_that_were_not_measured() {
        for rate in [0.0, -1.0, 1e-6, 0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(similarity_at(rate), None, "{rate}");
            assert_eq!(attack_at(rate), None, "{rate}");
        }
    }

    #[test]
    fn officers_read_strangers_not_scores() {
        let said = |similarity| FalseMatchRate::of(similarity).unwrap().to_string();
        assert_eq!(said(0.399), "one in 10,000 strangers would score as high");
        assert_eq!(said(0.414), "one in 20,000 strangers would score as high");
        assert_eq!(said(0.9), "fewer than one in 100,000 strangers would score as high");
        assert_eq!(said(0.0), "more than one in 10 strangers would score as high");
        assert_eq!(FalseMatchRate::of(f32::NAN), None);
    }

    proptest! {
        #[test]
        fn a_rate_leads_to_its_score_and_back(exponent in -5.0f64..-1.0) {
            let rate = 10f64.powf(exponent);
            match FalseMatchRate::of(similarity_at(rate).unwrap()) {
                Some(FalseMatchRate::About(found)) => prop_assert!((found / rate - 1.0).abs() < 1e-3),
                Some(FalseMatchRate::MoreThan(end) | FalseMatchRate::FewerThan(end)) =>
                    prop_assert!((end / rate - 1.0).abs() < 1e-3),
                None => prop_assert!(false),
            }
        }

        #[test]
        fn more_alike_is_never_more_frequent_among_strangers(a in -1.0f32..1.0, b in -1.0f32..1.0) {
            let rate = |score| match FalseMatchRate::of(score) {
                Some(FalseMatchRate::MoreThan(r) | FalseMatchRate::About(r) | FalseMatchRate::FewerThan(r)) => r,
                None => f64::NAN,
            };
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(rate(high) <= rate(low));
        }
    }
}
