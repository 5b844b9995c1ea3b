//! Dates of a zone: six characters, two for the year.

use jiff::civil::Date;
use std::fmt;

/// A date of six characters, `YYMMDD`, in which unknown parts may be `<` (Doc 9303-3 §4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MrzDate(pub [u8; 6]);

/// A year of expiry this many years ahead is still in the future; one more is in the past,
/// TR-03135-1 §5.7.1.
const FURTHEST_EXPIRY_YEARS: i16 = 15;

impl MrzDate {
    /// The six characters of a date.
    pub fn of(date: Date) -> MrzDate {
        let two = |n: i16| [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        let [year, month, day] =
            [two(date.year().rem_euclid(100)), two(date.month().into()), two(date.day().into())];
        MrzDate([year[0], year[1], month[0], month[1], day[0], day[1]])
    }

    /// Date of expiry: its year is one of the fifteen from `today`'s, else past (TR-03135-1 §5.7.1).
    /// `None` when it is partial or not a date.
    pub fn expiry(&self, today: Date) -> Option<Date> {
        let (year, month, day) = self.numbers()?;
        let ahead = (i16::from(year) - today.year().rem_euclid(100)).rem_euclid(100);
        let back = if ahead <= FURTHEST_EXPIRY_YEARS { 0 } else { 100 };
        Date::new(today.year() + ahead - back, month, day).ok()
    }

    /// Date of birth: the latest such day that is not after `today`. `None` when it is partial or not a
    /// date.
    pub fn birth(&self, today: Date) -> Option<Date> {
        let (year, month, day) = self.numbers()?;
        let behind = (today.year().rem_euclid(100) - i16::from(year)).rem_euclid(100);
        let latest = today.year() - behind;
        // 29 February may exist in one century and not in the other.
        [latest, latest - 100]
            .into_iter()
            .filter_map(|year| Date::new(year, month, day).ok())
            .find(|date| *date <= today)
    }

    /// Year of two digits, month and day, where all six are digits.
    fn numbers(&self) -> Option<(i8, i8, i8)> {
        let [y1, y2, m1, m2, d1, d2] = self.0;
        let two = |tens: u8, ones: u8| {
            (tens.is_ascii_digit() && ones.is_ascii_digit())
                .then(|| ((tens - b'0') * 10 + (ones - b'0')) as i8)
        };
        Some((two(y1, y2)?, two(m1, m2)?, two(d1, d2)?))
    }
}

impl fmt::Display for MrzDate {
    /// The six characters as printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn mrz(text: &str) -> MrzDate {
        MrzDate(text.as_bytes().try_into().unwrap())
    }

    #[test]
    fn expiry_follows_the_examples_of_tr_03135() {
        let today = date(2012, 5, 2);
        assert_eq!(mrz("150401").expiry(today), Some(date(2015, 4, 1)));
        assert_eq!(mrz("110302").expiry(today), Some(date(2011, 3, 2)));
    }

    #[test]
    fn expiry_is_in_the_future_up_to_fifteen_years_and_in_the_past_beyond() {
        let today = date(2026, 7, 1);
        assert_eq!(mrz("410101").expiry(today), Some(date(2041, 1, 1)));
        assert_eq!(mrz("420101").expiry(today), Some(date(1942, 1, 1)));
        assert_eq!(mrz("260101").expiry(today), Some(date(2026, 1, 1)), "earlier this year is past");
        assert_eq!(mrz("051231").expiry(date(2095, 1, 1)), Some(date(2105, 12, 31)));
    }

    #[test]
    fn birth_is_never_after_today() {
        let today = date(2026, 7, 1);
        assert_eq!(mrz("690806").birth(today), Some(date(1969, 8, 6)));
        assert_eq!(mrz("260701").birth(today), Some(today));
        assert_eq!(mrz("260702").birth(today), Some(date(1926, 7, 2)));
    }

    #[test]
    fn partial_and_impossible_dates_are_no_dates() {
        let today = date(2026, 7, 1);
        for text in ["69<<<<", "6908<<", "<<<<<<", "691306", "690230", "000000", "69O806"] {
            assert_eq!(mrz(text).birth(today), None, "{text}");
            assert_eq!(mrz(text).expiry(today), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_six_bytes_give_a_date_or_none(bytes in any::<[u8; 6]>(), year in 1i16..9000) {
            let today = date(year, 3, 1);
            let _ = MrzDate(bytes).expiry(today);
            if let Some(birth) = MrzDate(bytes).birth(today) {
                prop_assert!(birth <= today);
            }
        }

        #[test]
        fn a_date_comes_back_from_its_six_characters(days in 0i64..5000) {
            let today = date(2026, 7, 1);
            let then = today.checked_add(jiff::Span::new().days(days)).unwrap();
            prop_assert_eq!(MrzDate::of(then).expiry(today), Some(then));
        }
    }
}
