//! What an operator asks of the documents of each country, beyond what the standards leave open.
//!
//! Read from `rules.toml` beside the certificates, and part of the store: a rule changes with the
//! certificates that it speaks of, and a passage says by which store it was judged.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days after which a store is too old, where nobody says otherwise: Doc 9303-12 §7.3 wants a new
/// revocation list at least every 90.
const OLDEST_DAYS: u32 = 90;

/// Rules of a trust store. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRules {
    /// Days after which the store is too old, so that what rests on it is undetermined.
    #[serde(default = "oldest_days")]
    pub oldest_days: u32,
    /// For every country that has no rules of its own for it.
    #[serde(default)]
    pub every: CountryRules,
    /// By the two letters of certificates, upper case.
    #[serde(default)]
    pub country: BTreeMap<String, CountryRules>,
}

fn oldest_days() -> u32 {
    OLDEST_DAYS
}

impl Default for TrustRules {
    fn default() -> Self {
        TrustRules { oldest_days: OLDEST_DAYS, every: CountryRules::default(), country: BTreeMap::new() }
    }
}

/// Rules for one country; what is absent is as for every country.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountryRules {
    /// What a weak key or digest does to the signature's check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak_algorithms: Option<Weight>,
    /// What a known defect or deviation does to the signer's check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_defects: Option<Weight>,
    /// Whether the country publishes revocation lists. Of one that does not, a missing list is *not
    /// supported* and not *undetermined*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishes_revocations: Option<bool>,
    /// Issuing states as the zone has them (`GBD`) for which this country signs, beside those that
    /// Doc 9303-3 §5 assigns to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs_for: Vec<String>,
}

/// How much a finding counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Told, and nothing else.
    #[default]
    Finding,
    /// The check is undetermined at best.
    Undetermined,
    /// The check has failed.
    Failed,
}

impl TrustRules {
    /// Rules that let a store grow as old as it likes: for a desk, never for a gate.
    pub fn ageless() -> TrustRules {
        TrustRules { oldest_days: u32::MAX, ..TrustRules::default() }
    }

    /// What a weak key or digest does in documents of this country.
    pub fn weak_algorithms(&self, country: &str) -> Weight {
        self.of(country, |rules| rules.weak_algorithms).unwrap_or_default()
    }

    /// What a known defect does in documents of this country.
    pub fn known_defects(&self, country: &str) -> Weight {
        self.of(country, |rules| rules.known_defects).unwrap_or_default()
    }

    /// Whether this country publishes revocation lists.
    pub fn publishes_revocations(&self, country: &str) -> bool {
        self.of(country, |rules| rules.publishes_revocations).unwrap_or(true)
    }

    /// Whether this country signs for that issuing state by a rule of the operator.
    pub fn signs_for(&self, country: &str, state: &str) -> bool {
        self.country.get(country).is_some_and(|rules| rules.signs_for.iter().any(|other| other == state))
    }

    fn of<T>(&self, country: &str, field: impl Fn(&CountryRules) -> Option<T>) -> Option<T> {
        self.country.get(country).and_then(&field).or_else(|| field(&self.every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countrys_own_rule_counts_before_that_for_every_country() {
        let text = "[every]\nweak_algorithms = \"failed\"\n[country.GB]\nweak_algorithms = \"finding\"\n\
                    publishes_revocations = false\nsigns_for = [\"GBX\"]\n";
        let rules: TrustRules = toml::from_str(text).unwrap();
        assert_eq!(rules.weak_algorithms("GB"), Weight::Finding);
        assert_eq!(rules.weak_algorithms("DE"), Weight::Failed);
        assert_eq!(rules.known_defects("GB"), Weight::Finding);
        assert!(!rules.publishes_revocations("GB") && rules.publishes_revocations("DE"));
        assert!(rules.signs_for("GB", "GBX") && !rules.signs_for("DE", "GBX"));
        assert_eq!(rules.oldest_days, OLDEST_DAYS);
        assert!(toml::from_str::<TrustRules>("[every]\nweak = \"failed\"\n").is_err());
    }
}
