//! Permission to travel: what the rules ask of a nationality and age, and whether a permit is known.

use super::entry::{Need, Permit, Rule};
use crate::record::wire::PermissionStatus;
use jiff::civil::Date;

/// Whether somebody may travel today. `rules` are those of the nationality and those for `*`; `permits`
/// those bound to the document; `age` in whole years, where the date of birth is known.
///
/// A nationality's own rules come before those for all; of several that apply, the one that asks the least.
/// A rule for an age applies only where the age is known. Without any rule that applies nothing is granted.
pub(super) fn permission(
    rules: &[Rule],
    permits: &[Permit],
    age: Option<u8>,
    today: Date,
) -> PermissionStatus {
    let applies = |rule: &&Rule| match (rule.age_least, rule.age_most, age) {
        (None, None, _) => true,
        (_, _, None) => false,
        (least, most, Some(age)) => {
            least.is_none_or(|least| age >= least) && most.is_none_or(|most| age <= most)
        }
    };
    let least = |own: bool| {
        let of_kind = rules.iter().filter(|rule| (rule.nationality != "*") == own).filter(applies);
        of_kind.min_by_key(|rule| rule.needs)
    };
    let Some(rule) = least(true).or_else(|| least(false)) else {
        return PermissionStatus::Missing("no rule for this nationality".to_owned());
    };
    if rule.needs == Need::None {
        let of = if rule.nationality == "*" { "all nationalities" } else { &rule.nationality };
        return PermissionStatus::NotRequired(format!("rule for {of}"));
    }
    // A visa serves where an authorisation would.
    let serves =
        |permit: &&Permit| permit.permit >= rule.needs && (permit.from..=permit.until).contains(&today);
    match permits.iter().filter(serves).max_by_key(|permit| permit.until) {
        Some(permit) => {
            PermissionStatus::Granted(format!("{} until {}", permit.permit.title(), permit.until))
        }
        None => PermissionStatus::Missing(rule.needs.title().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn rule(nationality: &str, needs: Need, ages: (Option<u8>, Option<u8>)) -> Rule {
        Rule { nationality: nationality.to_owned(), needs, age_least: ages.0, age_most: ages.1 }
    }

    fn permit(permit: Need, until: Date) -> Permit {
        Permit { permit, from: date(2026, 1, 1), until }
    }

    fn may(rules: &[Rule], permits: &[Permit], age: Option<u8>) -> PermissionStatus {
        permission(rules, permits, age, date(2026, 7, 1))
    }

    #[test]
    fn a_nationalitys_own_rule_comes_before_that_for_all() {
        let rules = [rule("*", Need::None, (None, None)), rule("UTO", Need::Visa, (None, None))];
        assert_eq!(may(&rules, &[], Some(40)), PermissionStatus::Missing("visa".into()));
        assert!(matches!(may(&rules[..1], &[], None), PermissionStatus::NotRequired(_)));
    }

    #[test]
    fn an_exemption_by_age_needs_a_known_age() {
        let rules = [rule("UTO", Need::Visa, (None, None)), rule("UTO", Need::None, (None, Some(11)))];
        assert!(matches!(may(&rules, &[], Some(11)), PermissionStatus::NotRequired(_)));
        for age in [Some(12), None] {
            assert_eq!(may(&rules, &[], age), PermissionStatus::Missing("visa".into()), "{age:?}");
        }
    }

    #[test]
    fn a_permit_counts_in_its_time_and_a_visa_for_an_authorisation() {
        let eta = [rule("UTO", Need::Authorisation, (None, None))];
        let visa = [rule("UTO", Need::Visa, (None, None))];
        let good = date(2026, 7, 1);
        assert_eq!(
            may(&eta, &[permit(Need::Visa, good)], None),
            PermissionStatus::Granted("visa until 2026-07-01".into())
        );
        assert!(matches!(
            may(&visa, &[permit(Need::Authorisation, good)], None),
            PermissionStatus::Missing(_)
        ));
        assert!(matches!(
            may(&visa, &[permit(Need::Visa, date(2026, 6, 30))], None),
            PermissionStatus::Missing(_)
        ));
    }

    #[test]
    fn without_a_rule_nothing_is_granted() {
        assert!(matches!(
            may(&[], &[permit(Need::Visa, date(2027, 1, 1))], Some(40)),
            PermissionStatus::Missing(_)
        ));
    }
}
