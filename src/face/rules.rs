//! What a profile asks of the face: error rates and counts.

use super::calibration::{attack_at, similarity_at};

/// Error rates and counts; part of the profile.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceRules {
    /// Share of strangers who would match the portrait, FM CMP-FI-VER; single picture against portrait.
    pub false_match_rate: f64,
    /// Share of living faces that would count as an attack, by the data in the manifest (BPCER, ISO/IEC 30107-3).
    pub bona_fide_error_rate: f64,
    /// Frames that must serve (no quality flaw, comparison and liveness done) before a verdict.
    pub frames_needed: usize,
    /// Frames after which the verdict is taken with what there is.
    pub frames_most: usize,
}

impl Default for FaceRules {
    fn default() -> Self {
        FaceRules { false_match_rate: 1e-4, bona_fide_error_rate: 0.02, frames_needed: 4, frames_most: 60 }
    }
}

impl FaceRules {
    /// False match rates that a gate may ask for: TR-03121-3.1 FM CMP-FI-VER wants at most one in 1,000, and below
    /// one in 100,000 nothing was measured.
    pub const FALSE_MATCH_RATES: std::ops::RangeInclusive<f64> = 1e-5..=1e-3;
    /// Bona fide error rates for which an attack score is known.
    pub const BONA_FIDE_ERROR_RATES: std::ops::RangeInclusive<f64> = 0.005..=0.05;

    /// Similarity from which on two faces count as one person's. No number, which nothing reaches, for a rate that
    /// was not measured.
    pub fn match_threshold(&self) -> f32 {
        similarity_at(self.false_match_rate).unwrap_or(f32::NAN)
    }

    /// Mean attack score from which on a presentation counts as an attack. No number, below which nothing lies,
    /// for a rate that was not measured.
    pub fn attack_threshold(&self) -> f32 {
        attack_at(self.bona_fide_error_rate).unwrap_or(f32::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_that_a_gate_may_ask_for_has_its_threshold() {
        let rules = |false_match_rate, bona_fide_error_rate| FaceRules {
            false_match_rate,
            bona_fide_error_rate,
            ..FaceRules::default()
        };
        let (matches, errors) = (FaceRules::FALSE_MATCH_RATES, FaceRules::BONA_FIDE_ERROR_RATES);
        for chosen in [
            rules(*matches.start(), *errors.start()),
            rules(*matches.end(), *errors.end()),
            FaceRules::default(),
        ] {
            assert!(chosen.match_threshold() > 0.3 && chosen.attack_threshold() > 0.3, "{chosen:?}");
        }
        let unknown = rules(0.5, 0.5);
        assert!(unknown.match_threshold().is_nan() && unknown.attack_threshold().is_nan());
    }
}
