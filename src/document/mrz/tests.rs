use super::*;
use crate::check::CheckResult;
use proptest::prelude::*;

const PASSPORT: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

#[test]
fn reads_the_specimen_passport() {
    let zone = Mrz::parse(&PASSPORT).unwrap();
    assert_eq!(zone.format, MrzFormat::Td3);
    assert_eq!(zone.document_code, "P");
    assert_eq!(zone.issuing_state, "UTO");
    assert_eq!((zone.surname.as_str(), zone.given_names.as_str()), ("ERIKSSON", "ANNA MARIA"));
    assert_eq!(zone.document_number, "L898902C3");
    assert_eq!(zone.nationality, "UTO");
    assert_eq!(zone.date_of_birth.to_string(), "740812");
    assert_eq!(zone.sex, 'F');
    assert_eq!(zone.date_of_expiry.to_string(), "120415");
    assert_eq!(zone.optional_data, "ZE184226B");
    assert_eq!(zone.lines, PASSPORT);
    assert_eq!(zone.consistency, Check::successful(CheckId::MrzConsistency));
    assert_eq!(zone.key_information(), "L898902C3674081221204159");
}

#[test]
fn reads_cards_and_visas() {
    let td1 = Mrz::parse(&[
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ])
    .unwrap();
    assert_eq!((td1.format, td1.document_number.as_str()), (MrzFormat::Td1, "D23145890"));
    assert_eq!(td1.consistency.result, CheckResult::Successful);
    let td2 = Mrz::parse(&["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"])
        .unwrap();
    assert_eq!((td2.format, td2.sex), (MrzFormat::Td2, 'F'));
    assert_eq!(td2.consistency.result, CheckResult::Successful);
    let visa = Mrz::parse(&[
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
    ])
    .unwrap();
    assert_eq!((visa.format, visa.optional_data.as_str()), (MrzFormat::MrvA, "6ZE184226B"));
    assert_eq!(visa.consistency.result, CheckResult::Successful);
    let small = Mrz::parse(&["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"])
        .unwrap();
    assert_eq!((small.format, small.nationality.as_str()), (MrzFormat::MrvB, "XXX"));
    assert_eq!(small.consistency.result, CheckResult::Successful);
}

#[test]
fn joins_a_long_number_as_in_doc_9303_part_11_appendix_d() {
    let td1 = "I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<";
    let td2 = "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<D23145890<UTO3407127M95071227349<<<8";
    for lines in [td1, td2] {
        let zone = Mrz::parse(&[lines]).unwrap();
        assert_eq!(zone.document_number, "D23145890734");
        assert_eq!(zone.key_information(), "D23145890734934071279507122");
        assert_eq!(zone.optional_data, "");
        assert_eq!(zone.consistency.result, CheckResult::Successful, "{:?}", zone.consistency);
    }
}

#[test]
fn pads_a_short_number_in_the_key_information() {
    let zone = Mrz::parse(&[
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C<3UTO6908061F9406236<<<<<<<<<<<<<<<8",
    ])
    .unwrap();
    assert_eq!(zone.key_information(), "L898902C<369080619406236");
    assert_eq!(zone.document_number, "L898902C");
}

#[test]
fn names_the_field_whose_check_digit_is_wrong() {
    let zone = Mrz::parse(&[PASSPORT[0], "L898902C36UTO7408122F1304159ZE184226B<<<<<10"]).unwrap();
    assert_eq!(zone.consistency.result, CheckResult::Failed);
    assert_eq!(zone.consistency.reasons, [Reason::MrzCheckDigit]);
    assert_eq!(zone.consistency.detail.as_deref(), Some("date of expiry, composite check digit"));
}

#[test]
fn a_digit_in_the_name_is_against_the_form_and_not_mended() {
    let zone = Mrz::parse(&["P<UTOERIKSS0N<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", PASSPORT[1]]).unwrap();
    assert_eq!(zone.consistency.reasons, [Reason::MrzFormat]);
    assert_eq!(zone.consistency.detail.as_deref(), Some("names"));
    assert_eq!(zone.surname, "ERIKSS0N");
}

#[test]
fn keeps_an_exact_zone_as_it_is() {
    let misread = PASSPORT[1].replace("C36UTO74", "C36UTO7A").replace("7A08122", "74O8122");
    assert_eq!(Mrz::parse(&[PASSPORT[0], &misread]).unwrap().repairs.len(), 1);
    let exact = Mrz::parse_exact(&[PASSPORT[0], &misread]).unwrap();
    assert_eq!(exact.lines[1], misread);
    assert_eq!(exact.consistency.result, CheckResult::Failed);
}

#[test]
fn says_what_is_wrong_with_lines_that_are_no_zone() {
    assert_eq!(Mrz::parse::<&str>(&[]), Err(MrzError::Size { lines: 0, length: 0 }));
    assert_eq!(Mrz::parse(&[PASSPORT[0]]), Err(MrzError::Size { lines: 1, length: 44 }));
    assert_eq!(Mrz::parse(&[PASSPORT[0], &PASSPORT[1][1..]]), Err(MrzError::Size { lines: 2, length: 44 }));
    let odd = PASSPORT[1].replace('B', "b");
    assert_eq!(
        Mrz::parse(&[PASSPORT[0], &odd]),
        Err(MrzError::Character { line: 2, column: 37, character: 'b' })
    );
    let other = PASSPORT[0].replacen('P', "X", 1);
    assert_eq!(
        Mrz::parse(&[&other, PASSPORT[1]]),
        Err(MrzError::DocumentCode { code: "X<".into(), lines: 2 })
    );
}

proptest! {
    #[test]
    fn any_lines_give_a_zone_or_an_error(lines in proptest::collection::vec(".{0,60}", 0..5)) {
        let _ = Mrz::parse(&lines);
    }

    #[test]
    fn any_zone_of_allowed_characters_gives_fields(
        code in "[PVIAC]", rest in "[A-Z0-9<]{87}", width in 0usize..3,
    ) {
        let length = [88, 72, 90][width];
        let whole: String = format!("{code}{rest}<<").chars().take(length).collect();
        if let Ok(zone) = Mrz::parse(&[whole]) {
            let _ = zone.key_information();
            prop_assert_eq!(zone.check_digits().iter().all(|d| d.holds),
                !zone.consistency.reasons.contains(&Reason::MrzCheckDigit));
        }
    }
}
