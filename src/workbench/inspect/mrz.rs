//! `egate inspect mrz`: the fields of a machine readable zone, its check digits, and what was repaired.

use crate::check::CheckResult;
use crate::document::{Mrz, MrzDate, MrzFormat};
use jiff::Zoned;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Prints what the lines say to standard output, as a table or as one JSON document. `false` when they
/// are a zone but not a consistent one.
///
/// # Errors
/// When the lines are no zone, or standard output is closed.
pub fn run(lines: Vec<String>, json: bool) -> anyhow::Result<bool> {
    let zone = Mrz::parse(&lines)?;
    let today = Zoned::now().date();
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &as_json(&zone, today))?;
        writeln!(out)?;
    } else {
        out.write_all(as_table(&zone, today).as_bytes())?;
    }
    Ok(zone.consistency.result == CheckResult::Successful)
}

fn as_json(zone: &Mrz, today: Date) -> Value {
    json!({
        "format": zone.format,
        "document_code": zone.document_code,
        "issuing_state": zone.issuing_state,
        "surname": zone.surname,
        "given_names": zone.given_names,
        "document_number": zone.document_number,
        "nationality": zone.nationality,
        "date_of_birth": { "read": zone.date_of_birth.to_string(), "date": zone.date_of_birth.birth(today) },
        "sex": zone.sex,
        "date_of_expiry": { "read": zone.date_of_expiry.to_string(), "date": zone.date_of_expiry.expiry(today) },
        "optional_data": zone.optional_data,
        "lines": zone.lines,
        "check_digits": zone.check_digits(),
        "repairs": zone.repairs.iter().map(|repair| json!({
            "line": repair.line + 1, "column": repair.column + 1, "from": repair.from, "to": repair.to,
        })).collect::<Vec<_>>(),
        "consistency": zone.consistency,
    })
}

fn as_table(zone: &Mrz, today: Date) -> String {
    let mut rows = vec![
        ("Format", format_name(zone.format).to_owned()),
        ("Document code", zone.document_code.clone()),
        ("Issuing state", zone.issuing_state.clone()),
        ("Surname", zone.surname.clone()),
        ("Given names", zone.given_names.clone()),
        ("Document number", zone.document_number.clone()),
        ("Nationality", zone.nationality.clone()),
        ("Date of birth", date(zone.date_of_birth, zone.date_of_birth.birth(today))),
        ("Sex", zone.sex.to_string()),
        ("Date of expiry", date(zone.date_of_expiry, zone.date_of_expiry.expiry(today))),
        ("Optional data", zone.optional_data.clone()),
    ];
    for digit in zone.check_digits() {
        let verdict = match digit.holds {
            true => format!("{} right", digit.read),
            false => format!("{} WRONG, computed {}", digit.read, digit.computed),
        };
        rows.push(("Check digit", format!("{verdict} ({})", digit.field)));
    }
    for repair in &zone.repairs {
        let place = format!("line {}, column {}", repair.line + 1, repair.column + 1);
        rows.push(("Repaired", format!("{} to {} ({place})", repair.from, repair.to)));
    }
    let verdict = match (zone.consistency.result, &zone.consistency.detail) {
        (CheckResult::Successful, _) => "consistent".to_owned(),
        (_, Some(detail)) => format!("NOT CONSISTENT: {detail}"),
        (_, None) => "NOT CONSISTENT".to_owned(),
    };
    rows.push(("Result", verdict));
    let lines = zone.lines.iter().map(|line| format!("{line}\n"));
    let rows = rows.iter().map(|(name, value)| format!("{name:<16}  {value}\n"));
    lines.chain(["\n".to_owned()]).chain(rows).collect()
}

fn date(read: MrzDate, date: Option<Date>) -> String {
    date.map_or_else(|| format!("{read} (partial, or no date)"), |date| date.to_string())
}

fn format_name(format: MrzFormat) -> &'static str {
    match format {
        MrzFormat::Td1 => "TD1, card of three lines",
        MrzFormat::Td2 => "TD2, card of two lines",
        MrzFormat::Td3 => "TD3, passport",
        MrzFormat::MrvA => "MRV-A, visa",
        MrzFormat::MrvB => "MRV-B, small visa",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn zone(lower: &str) -> Mrz {
        Mrz::parse(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", lower]).unwrap()
    }

    #[test]
    fn the_table_says_every_field_and_what_was_repaired() {
        let table = as_table(&zone("L8989O2C36UTO7408122F1204159ZE184226B<<<<<10"), date(2026, 7, 1));
        for row in [
            "Document number   L898902C3\n",
            "Date of birth     1974-08-12\n",
            "Date of expiry    2012-04-15\n",
            "Check digit       6 right (document number)\n",
            "Repaired          O to 0 (line 2, column 6)\n",
            "Result            consistent\n",
        ] {
            assert!(table.contains(row), "{row:?} is not in\n{table}");
        }
    }

    #[test]
    fn both_forms_name_what_is_wrong() {
        let zone = zone("L898902C36UTO74<<<<4F1204159ZE184226B<<<<<10");
        let table = as_table(&zone, date(2026, 7, 1));
        assert!(table.contains("74<<<< (partial, or no date)"), "{table}");
        assert!(table.contains("NOT CONSISTENT: date of birth, composite check digit"), "{table}");
        let json = as_json(&zone, date(2026, 7, 1));
        assert_eq!(json["consistency"]["result"], "failed");
        assert_eq!(json["date_of_birth"]["date"], Value::Null);
        assert_eq!(json["check_digits"][1]["holds"], false);
    }
}
