//! Characters that an optical reader confuses, put right where a check digit proves it.
//!
//! The rule: a field whose check digit holds is left alone. In one whose check digit does not hold,
//! letters where only digits may stand are taken for the digit they look like, and beyond that at most
//! one character is exchanged for one that it looks like. A repair counts only if it is the one and only
//! such repair with which the check digit holds, and if in the end every check digit of the zone holds.
//! Otherwise the lines stay as they were read: two ways to mend are a guess.
//!
//! `6` and `G` count the same in the check digit (6 and 16), so that between those two nothing is ever
//! proven but where only a digit may stand.

use super::layout::{Class, Grid, Guarded, Layout, Position, at};
use super::mrz::Repair;

/// Letter and digit that look alike.
const LOOK_ALIKE: [(u8, u8); 8] = [
    (b'O', b'0'),
    (b'D', b'0'),
    (b'Q', b'0'),
    (b'I', b'1'),
    (b'Z', b'2'),
    (b'S', b'5'),
    (b'G', b'6'),
    (b'B', b'8'),
];

/// One character to be put in place of another.
type Edit = (Position, u8);

/// The zone with its proven repairs; unchanged and without repairs where there is nothing to mend or
/// nothing proven.
pub(super) fn repair(layout: &Layout, read: Grid) -> (Grid, Vec<Repair>) {
    let mut mended = read.clone();
    for guarded in layout.guarded(&read) {
        if guarded.holds(&mended) {
            continue;
        }
        match proposals(&guarded, &mended).as_slice() {
            [only] => apply(&mut mended, only),
            _ => return (read, Vec::new()),
        }
    }
    if !layout.guarded(&mended).iter().all(|guarded| guarded.holds(&mended)) {
        return (read, Vec::new());
    }
    let repairs = differences(&read, &mended);
    (mended, repairs)
}

/// Every repair of one field with which its check digit holds.
fn proposals(guarded: &Guarded, grid: &Grid) -> Vec<Vec<Edit>> {
    let Some(forced) = forced(guarded, grid) else {
        return Vec::new();
    };
    let proven = |edits: &Vec<Edit>| {
        let mut trial = grid.clone();
        apply(&mut trial, edits);
        guarded.holds(&trial)
    };
    if proven(&forced) {
        return vec![forced];
    }
    if guarded.class == Class::Digits {
        return Vec::new();
    }
    guarded
        .own
        .iter()
        .flat_map(|position| alternatives(at(grid, *position)).map(|other| (*position, other)))
        .map(|edit| forced.iter().copied().chain([edit]).collect())
        .filter(proven)
        .collect()
}

/// Letters where only digits may stand, each with the digit that it looks like; `None` if one looks
/// like no digit.
fn forced(guarded: &Guarded, grid: &Grid) -> Option<Vec<Edit>> {
    let dates = guarded.own.iter().filter(|_| guarded.class == Class::Digits);
    dates
        .chain([&guarded.digit])
        .filter(|position| at(grid, **position).is_ascii_uppercase())
        .map(|position| {
            let letter = at(grid, *position);
            let (_, digit) = LOOK_ALIKE.iter().find(|(l, _)| *l == letter)?;
            Some((*position, *digit))
        })
        .collect()
}

fn alternatives(read: u8) -> impl Iterator<Item = u8> {
    LOOK_ALIKE.iter().filter_map(move |(letter, digit)| match read {
        r if r == *letter => Some(*digit),
        r if r == *digit => Some(*letter),
        _ => None,
    })
}

fn apply(grid: &mut Grid, edits: &[Edit]) {
    for ((line, column), to) in edits {
        if let Some(character) = grid.get_mut(*line).and_then(|row| row.get_mut(*column)) {
            *character = *to;
        }
    }
}

fn differences(read: &Grid, mended: &Grid) -> Vec<Repair> {
    let rows = read.iter().zip(mended).enumerate();
    rows.flat_map(|(line, (before, after))| {
        before.iter().zip(after).enumerate().filter(|(_, (from, to))| from != to).map(
            move |(column, (from, to))| Repair { line, column, from: char::from(*from), to: char::from(*to) },
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use crate::check::CheckResult;
    use crate::document::Mrz;

    const UPPER: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
    const LOWER: &str = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";

    fn parse(lower: &str) -> Mrz {
        Mrz::parse(&[UPPER, lower]).unwrap()
    }

    /// The lower line with the character at one column exchanged.
    fn with(column: usize, character: char) -> String {
        let mut line: Vec<char> = LOWER.chars().collect();
        line[column] = character;
        line.into_iter().collect()
    }

    #[test]
    fn leaves_a_zone_alone_whose_check_digits_hold() {
        assert!(parse(LOWER).repairs.is_empty());
    }

    #[test]
    fn mends_a_letter_in_a_date_and_in_a_check_digit() {
        for (column, misread) in [(14, 'A'), (27, 'g')] {
            // Neither looks like the digit that stood there.
            let line = with(column, misread.to_ascii_uppercase());
            let zone = parse(&line);
            assert!(zone.repairs.is_empty());
            assert_eq!(zone.consistency.result, CheckResult::Failed);
            assert_eq!(zone.lines[1], line);
        }
        for (column, misread) in [(15, 'O'), (15, 'D'), (15, 'Q'), (16, 'B'), (17, 'I'), (18, 'Z'), (43, 'O')]
        {
            let zone = parse(&with(column, misread));
            assert_eq!(zone.lines[1], LOWER, "{misread} at {column}");
            assert_eq!(zone.repairs.len(), 1);
            assert_eq!((zone.repairs[0].line, zone.repairs[0].column), (1, column));
            assert_eq!(zone.consistency.result, CheckResult::Successful);
        }
    }

    #[test]
    fn mends_a_document_number_where_one_repair_alone_holds() {
        let zone = parse(&with(5, 'O'));
        assert_eq!(zone.document_number, "L898902C3");
        assert_eq!((zone.repairs[0].from, zone.repairs[0].to), ('O', '0'));
    }

    #[test]
    fn leaves_a_number_as_read_when_two_repairs_hold() {
        // Columns 1 and 4 and 7 share the weight 3.
        let read = "A0BC0EF0H";
        let proven = super::super::check_digit("AOBC0EF0H".bytes());
        assert_eq!(proven, super::super::check_digit("A0BCOEF0H".bytes()));
        let line = format!("{read}{proven}{}", &LOWER[10..]);
        let zone = parse(&line);
        assert!(zone.repairs.is_empty());
        assert_eq!(zone.document_number, read);
        assert_eq!(zone.consistency.result, CheckResult::Failed);
    }

    #[test]
    fn never_exchanges_six_and_g_where_both_may_stand() {
        let zone = parse(&LOWER.replace("ZE184226B", "ZE18422GB"));
        assert!(zone.repairs.is_empty());
        assert_eq!(zone.optional_data, "ZE18422GB");
        assert_eq!(zone.consistency.result, CheckResult::Successful, "the check digits cannot tell");
    }

    #[test]
    fn mends_two_fields_at_once() {
        let line = with(5, 'O').replace("7408122", "74O8122");
        let zone = parse(&line);
        assert_eq!(zone.lines[1], LOWER);
        assert_eq!(zone.repairs.len(), 2);
    }

    #[test]
    fn takes_no_repair_when_another_check_digit_still_fails() {
        let line = with(5, 'O').replace("120415", "130415");
        let zone = parse(&line);
        assert!(zone.repairs.is_empty());
        assert_eq!(zone.lines[1], line);
    }
}
