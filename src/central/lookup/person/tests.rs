use super::*;
use crate::document::{Mrz, MrzDate, MrzFields, MrzFormat};
use proptest::prelude::*;

fn asked() -> AskedPerson {
    AskedPerson {
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        born: PartialDate::of_zone("740812"),
        nationality: "UTO".into(),
        sex: "F".into(),
    }
}

fn listed() -> ListedPerson {
    ListedPerson {
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        born: PartialDate { year: Some(74), month: Some(8), day: Some(12) },
        nationality: "UTO".into(),
        sex: "F".into(),
        reason: String::new(),
    }
}

fn named(surname: &str, given: &str) -> ListedPerson {
    ListedPerson { surname: surname.into(), given_names: given.into(), ..listed() }
}

fn is_candidate(asked: &AskedPerson, listed: &ListedPerson) -> bool {
    compare(asked, listed).score >= CANDIDATE_LEAST
}

#[test]
fn the_very_person_scores_a_thousand_and_the_reason_says_why() {
    let likeness = compare(&asked(), &listed());
    assert_eq!(likeness.score, 1000);
    assert_eq!(likeness.why, "names agree; date of birth agrees; nationality agrees");
}

#[test]
fn other_forms_of_the_name_are_candidates() {
    for (surname, given) in [
        ("ERIKSSON", "MARIA ANNA"),
        ("ERIKSSON", "ANNA"),
        ("ERIKSON", "ANNA MARIA"),
        ("ERIKSSON", "A M"),
        ("MARIA", "ANNA ERIKSSON"),
        ("ERIKSSON", "ANA MARYA"),
        ("ERIKSSON SVENSSON", "ANNA MARIA"),
    ] {
        let likeness = compare(&asked(), &named(surname, given));
        assert!(likeness.score >= CANDIDATE_LEAST, "{surname} {given}: {likeness:?}");
        assert!(likeness.score < 1000, "{surname} {given}: {likeness:?}");
    }
}

#[test]
fn a_wrong_letter_among_many_like_it_does_not_hide() {
    let asked = AskedPerson { surname: "BUVPUAFU".into(), given_names: "FIPO".into(), ..asked() };
    assert!(is_candidate(&asked, &named("BAVPUAFU", "FIPO")));
}

#[test]
fn other_persons_are_no_candidates() {
    for (surname, given) in
        [("SVENSSON", "BIRGIT"), ("ERIKSSON", "BIRGIT ULLA"), ("LINDGREN", "ANNA MARIA"), ("", "")]
    {
        let likeness = compare(&asked(), &named(surname, given));
        assert!(likeness.score < CANDIDATE_LEAST, "{surname} {given}: {likeness:?}");
    }
    let elsewhen = ListedPerson { born: PartialDate::of_zone("510101"), ..listed() };
    assert!(!is_candidate(&asked(), &elsewhen));
}

#[test]
fn dates_count_as_far_as_they_are_known() {
    let born = |six: &str| {
        let likeness = compare(&asked(), &ListedPerson { born: PartialDate::of_zone(six), ..listed() });
        likeness.score
    };
    let scores =
        [born("740812"), born("7408<<"), born("<<<<<<"), born("740813"), born("750812"), born("750913")];
    assert!(scores.is_sorted_by(|more, less| more > less), "{scores:?}");
    assert_eq!(born("741208"), 930, "day and month exchanged");
    assert!(scores[4] >= CANDIDATE_LEAST && scores[5] < CANDIDATE_LEAST, "{scores:?}");
    // 1900 and 1999 are a year apart for a zone.
    let turn = |asked_year, listed_year| {
        let asked =
            AskedPerson { born: PartialDate { year: Some(asked_year), ..PartialDate::default() }, ..asked() };
        let born = PartialDate { year: Some(listed_year), ..PartialDate::default() };
        compare(&asked, &ListedPerson { born, ..listed() }).score
    };
    assert_eq!(turn(0, 99), turn(50, 51));
}

#[test]
fn a_wrong_nationality_or_sex_lowers_the_score_and_does_not_clear() {
    let other = ListedPerson { nationality: "XXX".into(), ..listed() };
    let unknown = ListedPerson { nationality: String::new(), ..listed() };
    let (other, unknown) = (compare(&asked(), &other).score, compare(&asked(), &unknown).score);
    assert!(CANDIDATE_LEAST <= other && other < unknown && unknown < 1000);
    assert!(is_candidate(&asked(), &ListedPerson { sex: "M".into(), ..listed() }));
}

fn name() -> impl Strategy<Value = String> {
    "[B-DF-HJ-NP-TV-Z][AEIOU][B-DF-HJ-NP-TV-Z]{1,2}[AEIOU][A-Z]{0,14}"
}

fn full_name() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    (prop::collection::vec(name(), 1..3), prop::collection::vec(name(), 1..4))
}

/// What a gate reads of a document with these names, and asks.
fn through_the_zone(format: MrzFormat, surnames: &[String], given: &[String]) -> AskedPerson {
    let fields = MrzFields {
        document_code: if format == MrzFormat::Td3 { "P".into() } else { "ID".into() },
        issuing_state: "UTO".into(),
        surname: surnames.join(" "),
        given_names: given.join(" "),
        document_number: "L898902C3".into(),
        nationality: "UTO".into(),
        date_of_birth: MrzDate(*b"740812"),
        sex: 'F',
        date_of_expiry: MrzDate(*b"340415"),
        optional_data: String::new(),
    };
    let zone = Mrz::parse(&fields.lines(format).unwrap()).unwrap();
    AskedPerson { surname: zone.surname, given_names: zone.given_names, ..asked() }
}

proptest! {
    #[test]
    fn whoever_is_listed_is_found_through_any_zone_in_any_order(
        (surnames, given) in full_name(),
        format in prop_oneof![Just(MrzFormat::Td1), Just(MrzFormat::Td2), Just(MrzFormat::Td3)],
        reversed in any::<bool>(),
    ) {
        let asked = through_the_zone(format, &surnames, &given);
        let mut given = given;
        if reversed {
            given.reverse();
        }
        let listed = named(&surnames.join(" "), &given.join(" "));
        // Of a name that the zone cuts, whole words may be missing.
        let whole = asked.surname == listed.surname && asked.given_names.split(' ').count() == given.len();
        let likeness = compare(&asked, &listed);
        prop_assert!(!whole || likeness.score >= CANDIDATE_LEAST, "{likeness:?}: {asked:?} {listed:?}");
        let keys = keys_of_listed(&listed);
        prop_assert!(keys_of_asked(&asked).iter().any(|key| keys.contains(key)));
    }

    #[test]
    fn any_texts_give_a_score_within_its_bounds(
        surname in ".{0,50}", given in ".{0,50}", other in ".{0,50}", six in ".{0,8}",
        nationality in ".{0,4}", sex in ".{0,2}",
    ) {
        let asked = AskedPerson {
            surname: surname.clone(), given_names: given.clone(), born: PartialDate::of_zone(&six),
            nationality, sex,
        };
        let likeness = compare(&asked, &named(&other, &given));
        prop_assert!(likeness.score <= 1000);
        let _ = (keys_of_asked(&asked), keys_of_listed(&named(&surname, &other)));
    }

    #[test]
    fn a_disagreement_never_raises_the_score((surnames, given) in full_name(), other in name()) {
        let asked = AskedPerson { surname: surnames.join(" "), given_names: given.join(" "), ..asked() };
        let right = named(&surnames.join(" "), &given.join(" "));
        let best = compare(&asked, &right).score;
        prop_assert_eq!(best, 1000);
        for worse in [
            ListedPerson { nationality: "XXX".into(), ..right.clone() },
            ListedPerson { sex: "M".into(), ..right.clone() },
            ListedPerson { born: PartialDate::default(), ..right.clone() },
            named(&other, &given.join(" ")),
        ] {
            prop_assert!(compare(&asked, &worse).score <= best);
        }
    }

    #[test]
    fn one_wrong_letter_in_one_of_several_names_does_not_hide(
        (surnames, given) in full_name(), at in 1usize..4, letter in "[A-Z]",
    ) {
        let asked = AskedPerson { surname: surnames.join(" "), given_names: given.join(" "), ..asked() };
        let mut mistyped = surnames.clone();
        mistyped[0].replace_range(at..=at, &letter);
        let listed = named(&mistyped.join(" "), &given.join(" "));
        let keys = keys_of_listed(&listed);
        prop_assert!(keys_of_asked(&asked).iter().any(|key| keys.contains(key)));
        prop_assert!(is_candidate(&asked, &listed), "{:?}", compare(&asked, &listed));
    }
}
