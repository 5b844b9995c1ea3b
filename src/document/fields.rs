//! The other way: from fields to lines, for documents that are being made.

use super::check_digit::check_digit;
use super::layout::{DOCUMENT_CODE, Grid, ISSUING_STATE, Layout, Position, Span, at};
use super::{MrzDate, MrzError, MrzFormat};

/// What stands in a zone, before it is laid out. Names in capital letters, words parted by blanks or
/// hyphens; texts without fillers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MrzFields {
    /// One or two letters, the first of them right for the format: `P`, `V`, or of a card.
    pub document_code: String,
    /// One to three letters.
    pub issuing_state: String,
    /// Primary identifier.
    pub surname: String,
    /// Secondary identifier, may be empty.
    pub given_names: String,
    /// Letters and digits: up to nine, in TD1 and TD2 more as far as the optional data have room.
    pub document_number: String,
    /// One to three letters.
    pub nationality: String,
    /// Date of birth, unknown parts `<`.
    pub date_of_birth: MrzDate,
    /// `M`, `F` or `<`.
    pub sex: char,
    /// Date of expiry.
    pub date_of_expiry: MrzDate,
    /// Letters, digits, `<` between; in TD1 the first field only.
    pub optional_data: String,
}

impl MrzFields {
    /// The two lines of a passport, Doc 9303-4.
    ///
    /// # Errors
    /// [`MrzError::Field`] for what does not fit.
    pub fn td3_lines(&self) -> Result<[String; 2], MrzError> {
        let lines = self.lines(MrzFormat::Td3)?;
        <[String; 2]>::try_from(lines).map_err(|lines| MrzError::Size { lines: lines.len(), length: 44 })
    }

    /// The lines of any format, with all check digits. Names too long for their field are truncated
    /// (Doc 9303-3 §4.6); nothing else is.
    ///
    /// # Errors
    /// [`MrzError::Field`] for what does not fit.
    pub fn lines(&self, format: MrzFormat) -> Result<Vec<String>, MrzError> {
        let layout = format.layout();
        let mut grid: Grid = vec![vec![b'<'; layout.width]; layout.lines];
        self.check_code(format)?;
        write(&mut grid, DOCUMENT_CODE, "document code", &letters("document code", &self.document_code)?)?;
        write(&mut grid, ISSUING_STATE, "issuing state", &letters("issuing state", &self.issuing_state)?)?;
        write(&mut grid, layout.nationality, "nationality", &letters("nationality", &self.nationality)?)?;
        write(&mut grid, layout.birth, "date of birth", &date("date of birth", self.date_of_birth)?)?;
        write(&mut grid, layout.expiry, "date of expiry", &date("date of expiry", self.date_of_expiry)?)?;
        write(&mut grid, layout.sex, "sex", &sex(self.sex)?)?;
        write(&mut grid, layout.names, "names", &self.name_field(layout.names.end - layout.names.start)?)?;
        self.write_number_and_optional_data(layout, &mut grid)?;
        write_check_digits(layout, &mut grid);
        Ok(grid.into_iter().map(|row| row.into_iter().map(char::from).collect()).collect())
    }

    fn check_code(&self, format: MrzFormat) -> Result<(), MrzError> {
        let first = self.document_code.chars().next();
        let right = match format {
            MrzFormat::Td3 => first == Some('P'),
            MrzFormat::MrvA | MrzFormat::MrvB => first == Some('V'),
            MrzFormat::Td1 | MrzFormat::Td2 => first != Some('V'),
        };
        if right {
            Ok(())
        } else {
            Err(wrong("document code", &self.document_code, "not one of this format"))
        }
    }

    /// A long number fills its field, leaves `<` for the check digit, goes on in the optional data
    /// followed by its check digit and, if more follows, `<` (Doc 9303-5, -6 §4.2.2).
    fn write_number_and_optional_data(&self, layout: &Layout, grid: &mut Grid) -> Result<(), MrzError> {
        let number = characters("document number", &self.document_number)?;
        let optional = characters("optional data", &self.optional_data)?;
        let Some(field) = layout.optional.first() else { return Ok(()) };
        if number.len() <= layout.number.end - layout.number.start {
            write(grid, layout.number, "document number", &number)?;
            // Written at once: `<` in its place would announce a long number.
            let digit = check_digit(layout.number.read(grid));
            put(grid, (layout.number.line, layout.number.end), b'0' + digit);
            return write(grid, *field, "optional data", &optional);
        }
        if !layout.long_numbers {
            return Err(wrong("document number", &self.document_number, "longer than nine characters"));
        }
        let (begin, rest) = number.split_at(layout.number.end - layout.number.start);
        let digit = b'0' + check_digit(number.iter().copied());
        let mut joined: Vec<u8> = rest.iter().copied().chain([digit]).collect();
        if !optional.is_empty() {
            joined.push(b'<');
            joined.extend(&optional);
        }
        write(grid, layout.number, "document number", begin)?;
        write(grid, *field, "document number with optional data", &joined)
    }

    /// Surname, two fillers, given names; truncated to the width so that the last character is a letter.
    fn name_field(&self, width: usize) -> Result<Vec<u8>, MrzError> {
        let surname = words("surname", &self.surname)?;
        let given = words("given names", &self.given_names)?;
        if surname.is_empty() {
            return Err(wrong("surname", &self.surname, "empty"));
        }
        let whole = |surname: &[u8]| -> Vec<u8> {
            let gap: &[u8] = if given.is_empty() { b"" } else { b"<<" };
            [surname, gap, &given].concat()
        };
        if whole(&surname).len() <= width {
            return Ok(whole(&surname));
        }
        // At least the first letter of the given names is to be kept (Doc 9303-4 §4.2.3).
        let room = if given.is_empty() { width } else { width.saturating_sub(3) };
        let mut kept: Vec<u8> = surname.iter().copied().take(room).collect();
        while kept.last() == Some(&b'<') {
            kept.pop();
        }
        let mut field: Vec<u8> = whole(&kept).into_iter().take(width).collect();
        // A filler at the end would say that nothing was cut: letters before it give way.
        while field.len() == width && field.last() == Some(&b'<') && kept.len() > 1 {
            kept.pop();
            while kept.last() == Some(&b'<') {
                kept.pop();
            }
            field = whole(&kept).into_iter().take(width).collect();
        }
        Ok(field)
    }
}

fn write_check_digits(layout: &Layout, grid: &mut Grid) {
    // In order: the composite, which comes last, covers the others.
    for guarded in layout.guarded(grid) {
        let covered = guarded.over.iter().map(|position| at(grid, *position));
        let digit = b'0' + check_digit(covered);
        put(grid, guarded.digit, digit);
    }
}

fn put(grid: &mut Grid, (line, column): Position, character: u8) {
    if let Some(place) = grid.get_mut(line).and_then(|row| row.get_mut(column)) {
        *place = character;
    }
}

fn write(grid: &mut Grid, field: Span, name: &'static str, value: &[u8]) -> Result<(), MrzError> {
    if value.len() > field.end - field.start {
        let value: String = value.iter().map(|byte| char::from(*byte)).collect();
        return Err(wrong(name, &value, "too long"));
    }
    for (position, character) in field.positions().zip(value) {
        put(grid, position, *character);
    }
    Ok(())
}

fn letters(field: &'static str, value: &str) -> Result<Vec<u8>, MrzError> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong(field, value, "not capital letters A–Z"));
    }
    Ok(value.as_bytes().to_vec())
}

fn characters(field: &'static str, value: &str) -> Result<Vec<u8>, MrzError> {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<';
    if !value.bytes().all(allowed) || value.starts_with('<') || value.ends_with('<') {
        return Err(wrong(field, value, "not of A–Z, 0–9 with fillers between"));
    }
    if field == "document number" && (value.is_empty() || value.contains('<')) {
        return Err(wrong(field, value, "empty, or with fillers between"));
    }
    Ok(value.as_bytes().to_vec())
}

/// Words joined by single fillers; apostrophes vanish (Doc 9303-3 §4.6).
fn words(field: &'static str, value: &str) -> Result<Vec<u8>, MrzError> {
    let plain = value.replace('\'', "");
    let words: Vec<&str> = plain.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    if !words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err(wrong(field, value, "not capital letters A–Z in words"));
    }
    Ok(words.join("<").into_bytes())
}

fn date(field: &'static str, date: MrzDate) -> Result<Vec<u8>, MrzError> {
    if !date.0.iter().all(|byte| byte.is_ascii_digit() || *byte == b'<') {
        return Err(wrong(field, &date.to_string(), "not digits or fillers"));
    }
    Ok(date.0.to_vec())
}

fn sex(sex: char) -> Result<Vec<u8>, MrzError> {
    match sex {
        'M' => Ok(b"M".to_vec()),
        'F' => Ok(b"F".to_vec()),
        '<' => Ok(b"<".to_vec()),
        other => Err(wrong("sex", &other.to_string(), "not M, F or <")),
    }
}

fn wrong(field: &'static str, value: &str, what: &'static str) -> MrzError {
    MrzError::Field { field, value: value.chars().take(100).collect(), what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckResult;
    use crate::document::Mrz;
    use proptest::prelude::*;

    fn specimen() -> MrzFields {
        MrzFields {
            document_code: "P".into(),
            issuing_state: "UTO".into(),
            surname: "ERIKSSON".into(),
            given_names: "ANNA MARIA".into(),
            document_number: "L898902C3".into(),
            nationality: "UTO".into(),
            date_of_birth: MrzDate(*b"740812"),
            sex: 'F',
            date_of_expiry: MrzDate(*b"120415"),
            optional_data: "ZE184226B".into(),
        }
    }

    #[test]
    fn lays_out_the_specimen_passport() {
        assert_eq!(
            specimen().td3_lines().unwrap(),
            ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
        );
    }

    #[test]
    fn truncated_names_end_in_a_letter_and_keep_both_identifiers() {
        let long = |surname: &str, given: &str| {
            let fields = MrzFields { surname: surname.into(), given_names: given.into(), ..specimen() };
            fields.td3_lines().unwrap()[0].clone()
        };
        for (surname, given) in [
            ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG"),
            ("BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL", "DINGO POTOROO"),
            ("NILAVADHANANANDANILAVADHANANANDANILAVADHANANANDA", ""),
        ] {
            let line = long(surname, given);
            assert_eq!(line.len(), 44);
            assert!(line.ends_with(|c: char| c.is_ascii_uppercase()), "{line}");
            assert_eq!(line.contains("<<"), !given.is_empty(), "{line}");
        }
        assert_eq!(
            long("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG KRASUANG"),
            "P<UTONILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"
        );
    }

    #[test]
    fn refuses_what_no_zone_can_hold() {
        let refused = |fields: MrzFields| match fields.td3_lines() {
            Err(MrzError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(MrzFields { surname: "ÅSA".into(), ..specimen() }), "surname");
        assert_eq!(
            refused(MrzFields { document_number: "L898902C34".into(), ..specimen() }),
            "document number"
        );
        assert_eq!(refused(MrzFields { document_code: "ID".into(), ..specimen() }), "document code");
        assert_eq!(refused(MrzFields { sex: 'X', ..specimen() }), "sex");
        assert_eq!(refused(MrzFields { nationality: "UTOP".into(), ..specimen() }), "nationality");
    }

    fn any_fields() -> impl Strategy<Value = (MrzFormat, MrzFields)> {
        let format = prop_oneof![
            Just(MrzFormat::Td1),
            Just(MrzFormat::Td2),
            Just(MrzFormat::Td3),
            Just(MrzFormat::MrvA),
            Just(MrzFormat::MrvB)
        ];
        let texts = ("[A-Z]{1,10}( [A-Z]{1,3})?", "([A-Z]{1,8})?", "[A-Z]{1,3}", "[A-Z]{1,3}");
        let data = ("[A-Z0-9]{1,9}", "[A-Z0-9]{9,12}", any::<bool>(), "([A-Z0-9]{1,2})?");
        let dates = ("[0-9]{2}([0-9]{4}|<<<<|[0-9]{2}<<)", "[0-9]{6}", "[MF<]");
        (format, texts, data, dates).prop_map(|(format, texts, (short, long, is_long, optional), dates)| {
            let six = |text: &str| MrzDate(text.as_bytes().try_into().unwrap());
            let long_allowed = matches!(format, MrzFormat::Td1 | MrzFormat::Td2);
            let fields = MrzFields {
                document_code: match format {
                    MrzFormat::Td3 => "P".into(),
                    MrzFormat::MrvA | MrzFormat::MrvB => "V".into(),
                    MrzFormat::Td1 | MrzFormat::Td2 => "ID".into(),
                },
                surname: texts.0,
                given_names: texts.1,
                issuing_state: texts.2,
                nationality: texts.3,
                document_number: if is_long && long_allowed { long } else { short },
                optional_data: optional,
                date_of_birth: six(&dates.0),
                date_of_expiry: six(&dates.1),
                sex: dates.2.chars().next().unwrap(),
            };
            (format, fields)
        })
    }

    proptest! {
        #[test]
        fn what_is_laid_out_is_read_back((format, fields) in any_fields()) {
            let zone = Mrz::parse(&fields.lines(format).unwrap()).unwrap();
            prop_assert_eq!(zone.consistency.result, CheckResult::Successful);
            prop_assert!(zone.repairs.is_empty());
            let back = MrzFields {
                document_code: zone.document_code,
                issuing_state: zone.issuing_state,
                surname: zone.surname,
                given_names: zone.given_names,
                document_number: zone.document_number,
                nationality: zone.nationality,
                date_of_birth: zone.date_of_birth,
                sex: zone.sex,
                date_of_expiry: zone.date_of_expiry,
                optional_data: zone.optional_data,
            };
            prop_assert_eq!(zone.format, format);
            prop_assert_eq!(back, fields);
        }
    }
}
