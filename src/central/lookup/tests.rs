use super::*;
use jiff::civil::date;

const TODAY: Date = date(2026, 7, 1);

fn question() -> LookupQuestion {
    LookupQuestion {
        passage: "lane-1/a/1".into(),
        nonce: "0f".repeat(16),
        patience_ms: 3000,
        document_code: "P".into(),
        issuing_state: "UTO".into(),
        document_number: "L898902C3<".into(),
        nationality: "UTO".into(),
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        date_of_birth: "740812".into(),
        sex: "F".into(),
    }
}

/// What a store would find in these lists.
fn listed(lists: &[(ListKind, &str)]) -> Listed {
    let asked = keys(&question());
    let mut listed = Listed::default();
    for (kind, text) in lists {
        listed.in_force.push(*kind);
        let wanted: Vec<&String> =
            asked.iter().filter(|(k, _)| k == kind).flat_map(|(_, keys)| keys).collect();
        for entry in read_list(*kind, FileForm::Csv, text.as_bytes()).unwrap() {
            if entry.keys.iter().any(|key| wanted.contains(&key)) {
                let (list, reference, body) = ("national".to_owned(), entry.reference, entry.body);
                listed.entries.push(ListedEntry { kind: *kind, list, reference, body });
            }
        }
    }
    listed
}

fn ask(lists: &[(ListKind, &str)]) -> Findings {
    findings(&question(), None, &listed(lists), TODAY).unwrap()
}

#[test]
fn without_lists_nothing_was_checked() {
    let found = ask(&[]);
    assert_eq!(found.person, PersonStatus::NotChecked);
    assert_eq!(found.permission, PermissionStatus::NotChecked);
    assert_eq!(found.arrival, ArrivalStatus::NotChecked);
}

#[test]
fn a_document_on_a_list_is_reported_and_others_are_clear() {
    let stolen = "reference,issuing_state,number,kind\n1,UTO,L898902C3,stolen\n2,D,L898902C3,lost\n";
    assert_eq!(ask(&[(ListKind::Documents, stolen)]).document, DocumentStatus::Reported("stolen".into()));
    let other = "reference,issuing_state,number,kind\n1,UTO,L898902C4,stolen\n";
    assert_eq!(ask(&[(ListKind::Documents, other)]).document, DocumentStatus::Clear);
    let reported = findings(&question(), Some("lost".into()), &Listed::default(), TODAY).unwrap();
    assert_eq!(reported.document, DocumentStatus::Reported("lost".into()));
}

#[test]
fn candidates_come_best_first_with_score_and_reason() {
    let list = "reference,surname,given_names,born,nationality,sex\n\
        a,Erikson,Anna,1974,UTO,\nb,Eriksson,Anna Maria,1974-08-12,UTO,F\nc,Svensson,Birgit,1974-08-12,UTO,F\n";
    let PersonStatus::Candidates(found) = ask(&[(ListKind::Persons, list)]).person else { panic!() };
    assert_eq!(found.iter().map(|c| c.entry.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((found[0].score, found[0].list.as_str()), (1000, "national"));
    assert!(found[1].score < 1000 && found[1].why.contains("as far as it is known"), "{:?}", found[1]);
    let nobody = "reference,surname\na,Svensson\n";
    assert_eq!(ask(&[(ListKind::Persons, nobody)]).person, PersonStatus::Clear);
}

#[test]
fn more_comparisons_than_can_be_made_are_undetermined() {
    let mut listed = listed(&[(ListKind::Persons, "reference,surname\na,Svensson\n")]);
    listed.cut.push(ListKind::Persons);
    let found = findings(&question(), None, &listed, TODAY).unwrap();
    assert_eq!(found.person, PersonStatus::Undetermined);
}

#[test]
fn permission_follows_rules_permits_and_age() {
    let rules = "reference,nationality,needs,age_least,age_most\n1,UTO,visa,,\n2,UTO,none,70,\n";
    let permits =
        "reference,issuing_state,number,permit,from,until\n1,UTO,L898902C3,visa,2026-01-01,2026-12-31\n";
    let missing = ask(&[(ListKind::Rules, rules)]).permission;
    assert_eq!(missing, PermissionStatus::Missing("visa".into()), "51 years old");
    let granted = ask(&[(ListKind::Rules, rules), (ListKind::Permits, permits)]).permission;
    assert_eq!(granted, PermissionStatus::Granted("visa until 2026-12-31".into()));
    let exempt = rules.replace("70", "51");
    assert!(matches!(ask(&[(ListKind::Rules, &exempt)]).permission, PermissionStatus::NotRequired(_)));
    let not_yet = rules.replace("70", "52");
    assert!(matches!(ask(&[(ListKind::Rules, &not_yet)]).permission, PermissionStatus::Missing(_)));
}

#[test]
fn an_arrival_is_expected_around_its_day() {
    let on = |day: &str| {
        let text =
            format!("reference,issuing_state,number,carrier,service,date\n1,UTO,L898902C3,XY,XY12,{day}\n");
        ask(&[(ListKind::Arrivals, &text)]).arrival
    };
    for day in ["2026-06-30", "2026-07-01", "2026-07-02"] {
        assert_eq!(on(day), ArrivalStatus::Expected(format!("XY XY12 of {day}")));
    }
    for day in ["2026-06-29", "2026-07-03", "2025-07-01"] {
        assert_eq!(on(day), ArrivalStatus::NotExpected, "{day}");
    }
}

#[test]
fn the_audit_line_says_what_was_found_and_not_who_asked() {
    let list = "reference,surname,given_names,born\nb,Eriksson,Anna Maria,1974-08-12\n";
    let summary = ask(&[(ListKind::Persons, list)]).summary();
    assert!(summary.contains("national/b at 9") && !summary.contains("ERIKSSON"), "{summary}");
}
