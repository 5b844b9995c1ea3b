//! Whether a traveller may be somebody on a watch list: a score with its reason, never a bare hit.
//!
//! Compared are names (word by word, in any order, as far as the zone holds them), date of birth (as far
//! as it is known), nationality and sex. Each disagreement lowers the score; from [`CANDIDATE_LEAST`] on
//! the person is a candidate whom an officer compares. What is unknown on the list lowers it a little:
//! less is known to agree.

use crate::document::names::{Word, sound, words};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// From this score on, in thousandths, a person is a candidate.
pub const CANDIDATE_LEAST: u16 = 750;
/// A word is no form of another below this likeness (Jaro-Winkler).
const WORD_LEAST: f64 = 0.86;
/// A word of so many letters is known with one of them wrong.
const SURE_WORD: usize = 4;

/// Somebody on a watch list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedPerson {
    /// Primary identifier, in the letters of a zone.
    pub surname: String,
    /// Secondary identifier, in the letters of a zone; may be empty.
    #[serde(default)]
    pub given_names: String,
    /// What is known of the date of birth.
    #[serde(default)]
    pub born: PartialDate,
    /// Nationality as in a zone; empty when it is not known.
    #[serde(default)]
    pub nationality: String,
    /// `M`, `F`, or empty when it is not known.
    #[serde(default)]
    pub sex: String,
    /// Why the person is listed, for officers.
    #[serde(default)]
    pub reason: String,
}

/// A date of which parts may be unknown. The century of a zone's date is not known, so years count by
/// their last two digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialDate {
    /// 0 to 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u8>,
    /// 1 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<u8>,
    /// 1 to 31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u8>,
}

impl PartialDate {
    /// The date of a zone, `YYMMDD`; parts that are no two digits are unknown.
    pub fn of_zone(six: &str) -> PartialDate {
        let two = |at: usize| six.get(at..at + 2)?.parse::<u8>().ok();
        let within = |value: Option<u8>, most: u8| value.filter(|v| (1..=most).contains(v));
        PartialDate { year: two(0), month: within(two(2), 12), day: within(two(4), 31) }
    }
}

/// The traveller, as the zone has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPerson {
    /// Primary identifier.
    pub surname: String,
    /// Secondary identifier, may be truncated.
    pub given_names: String,
    /// Date of birth.
    pub born: PartialDate,
    /// Nationality.
    pub nationality: String,
    /// `M`, `F`, `<`.
    pub sex: String,
}

/// How near a traveller is to somebody on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// In thousandths; 1000 where everything agrees.
    pub score: u16,
    /// What agrees and what does not, in words.
    pub why: String,
}

/// A part of the comparison: a factor from 0 to 1, and what it says.
struct Part(f64, String);

impl Part {
    fn new(factor: f64, words: impl Into<String>) -> Part {
        Part(factor, words.into())
    }
}

/// Compares a traveller with somebody on the list. Total: any texts give a score from 0 to 1000.
pub fn compare(asked: &AskedPerson, listed: &ListedPerson) -> Likeness {
    let parts = [
        compare_names(
            &words(&asked.surname, &asked.given_names, true),
            &words(&listed.surname, &listed.given_names, false),
        ),
        compare_births(asked.born, listed.born),
        compare_nationality(&asked.nationality, &listed.nationality),
        compare_sex(&asked.sex, &listed.sex),
    ];
    let score = parts.iter().map(|Part(factor, _)| factor).product::<f64>() * 1000.0;
    let why = parts.map(|Part(_, words)| words).into_iter().filter(|words| !words.is_empty());
    // The product of factors of at most 1 is at most 1000.
    Likeness { score: score.round() as u16, why: why.collect::<Vec<_>>().join("; ") }
}

/// Under which keys somebody on the list is found.
pub fn keys_of_listed(listed: &ListedPerson) -> Vec<String> {
    let year = listed.born.year.map_or_else(|| "--".to_owned(), |year| format!("{year:02}"));
    let sounds = sounds(&words(&listed.surname, &listed.given_names, false));
    sounds.into_iter().flat_map(|sound| [format!("{sound}/{year}"), format!("{sound}/**")]).collect()
}

/// Under which keys those are found who may be the traveller: by each word's sound, in the year of birth,
/// the years beside it, and where the list does not know the year.
pub fn keys_of_asked(asked: &AskedPerson) -> Vec<String> {
    let sounds = sounds(&words(&asked.surname, &asked.given_names, true));
    let years = match asked.born.year {
        None => vec!["**".to_owned()],
        Some(year) => {
            let beside = [year % 100, (year + 1) % 100, (year + 99) % 100];
            beside.iter().map(|year| format!("{year:02}")).chain(["--".to_owned()]).collect()
        }
    };
    sounds.iter().flat_map(|sound| years.iter().map(move |year| format!("{sound}/{year}"))).collect()
}

/// The sounds of words; of single letters only where there is nothing else.
fn sounds(words: &[Word]) -> BTreeSet<String> {
    let of = |least: usize| -> BTreeSet<String> {
        words.iter().filter(|word| word.text.len() >= least).map(|word| sound(&word.folded)).collect()
    };
    let long = of(2);
    if long.is_empty() { of(1) } else { long }
}

/// How alike two words are, from 0 (no form of each other) to 1.
fn word_likeness(asked: &Word, listed: &Word) -> f64 {
    if asked.text == listed.text {
        return 1.0;
    }
    if asked.folded == listed.folded {
        return 0.99;
    }
    let begins = |long: &str, short: &str| !short.is_empty() && long.starts_with(short);
    if asked.cut && begins(&listed.text, &asked.text) {
        return 0.97;
    }
    // An initial stands for any name that begins with it.
    let initial = |word: &Word| word.text.len() == 1;
    if (initial(asked) && begins(&listed.text, &asked.text))
        || (initial(listed) && begins(&asked.text, &listed.text))
    {
        return 0.9;
    }
    if one_letter_off(&asked.folded, &listed.folded) || one_letter_off(&asked.text, &listed.text) {
        return 0.93;
    }
    let likeness = strsim::jaro_winkler(&asked.folded, &listed.folded);
    if likeness >= WORD_LEAST { likeness * 0.98 } else { 0.0 }
}

/// One letter wrong, missing, too many, or two neighbours exchanged, in a word that is long enough to be
/// known by the rest.
fn one_letter_off(one: &str, other: &str) -> bool {
    one.len().min(other.len()) >= SURE_WORD && strsim::osa_distance(one, other) == 1
}

/// The words of both names, paired, the most alike first: for each paired word of the one its partner among
/// the other's, and how alike they are.
fn pair(asked: &[Word], listed: &[Word]) -> BTreeMap<usize, (usize, f64)> {
    let mut likely: Vec<(f64, usize, usize)> = Vec::new();
    for (a, one) in asked.iter().enumerate() {
        for (b, other) in listed.iter().enumerate() {
            // A name that stands among the surnames here and the given names there counts a little less.
            let place = if one.surname == other.surname { 1.0 } else { 0.97 };
            likely.push((word_likeness(one, other) * place, a, b));
        }
    }
    likely.retain(|(likeness, ..)| *likeness > 0.0);
    likely.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut pairs: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
    for (likeness, a, b) in likely {
        if !pairs.contains_key(&a) && pairs.values().all(|(taken, _)| *taken != b) {
            pairs.insert(a, (b, likeness));
        }
    }
    pairs
}

/// The score is the likeness of the words that pair, weighed, over the words of the shorter name; words that
/// only the longer name has lower it a little, and so does another order.
fn compare_names(asked: &[Word], listed: &[Word]) -> Part {
    let pairs = pair(asked, listed);
    let (mut alike, mut paired, mut inexact) = (0.0, 0.0, false);
    for (a, (b, likeness)) in &pairs {
        let (Some(one), Some(other)) = (asked.get(*a), listed.get(*b)) else { continue };
        let both = weight(one).min(weight(other));
        alike += likeness * both;
        paired += both;
        inexact |= one.text != other.text;
    }
    let left_asked = left(asked, |at| pairs.contains_key(&at));
    let left_listed = left(listed, |at| pairs.values().any(|(b, _)| *b == at));
    let shorter = paired + left_asked.min(left_listed);
    if pairs.is_empty() || shorter <= 0.0 {
        return Part::new(0.0, "names differ");
    }
    let more = (left_asked - left_listed).abs();
    let in_order = pairs.values().is_sorted_by(|(one, _), (next, _)| one < next);
    let order = if in_order { 1.0 } else { 0.99 };
    // One word that agrees among several is a common name, not a person.
    let lonely = if pairs.len() == 1 && asked.len().max(listed.len()) > 1 { 0.85 } else { 1.0 };
    let factor = alike / shorter * (1.0 - 0.12 * more / (shorter + more)) * order * lonely;
    let words = match (left_asked + left_listed > 0.0, inexact, in_order) {
        (true, ..) => "some of the names alike",
        (false, true, _) => "names alike",
        (false, false, false) => "names agree in another order",
        (false, false, true) => "names agree",
    };
    Part::new(factor.clamp(0.0, 1.0), words)
}

/// Longer words say more; a word of many letters does not outweigh all others.
fn weight(word: &Word) -> f64 {
    match word.text.len() {
        0..=1 => 0.3,
        2..=3 => 0.8,
        _ => 1.0,
    }
}

/// Weight of the words that are in no pair.
fn left(words: &[Word], paired: impl Fn(usize) -> bool) -> f64 {
    words.iter().enumerate().filter(|(at, _)| !paired(*at)).map(|(_, word)| weight(word)).sum()
}

fn compare_births(asked: PartialDate, listed: PartialDate) -> Part {
    let Some(year) = listed.year else { return Part::new(0.9, "date of birth not on the list") };
    let Some(asked_year) = asked.year else { return Part::new(0.9, "date of birth not in the document") };
    let agrees = |one: Option<u8>, other: Option<u8>| one.is_none() || other.is_none() || one == other;
    let (months, days) = (agrees(asked.month, listed.month), agrees(asked.day, listed.day));
    let apart = i16::from(year).abs_diff(i16::from(asked_year));
    let whole = [asked.month, asked.day, listed.month, listed.day].iter().all(Option::is_some);
    match (apart.min(100 - apart.min(100)), months, days) {
        (0, true, true) if whole => Part::new(1.0, "date of birth agrees"),
        (0, true, true) => Part::new(0.97, "date of birth agrees as far as it is known"),
        (0, false, false) if asked.month == listed.day && asked.day == listed.month => {
            Part::new(0.93, "day and month of birth exchanged")
        }
        (0, true, false) | (0, false, true) => Part::new(0.86, "date of birth nearly agrees"),
        (1, true, true) => Part::new(0.84, "year of birth differs by one"),
        _ => Part::new(0.5, "date of birth differs"),
    }
}

fn compare_nationality(asked: &str, listed: &str) -> Part {
    if listed.is_empty() {
        Part::new(0.99, "")
    } else if asked == listed {
        Part::new(1.0, "nationality agrees")
    } else {
        Part::new(0.92, "nationality differs")
    }
}

fn compare_sex(asked: &str, listed: &str) -> Part {
    let known = |sex: &str| matches!(sex, "M" | "F");
    if known(asked) && known(listed) && asked != listed {
        Part::new(0.93, "sex differs")
    } else {
        Part::new(1.0, "")
    }
}

#[cfg(test)]
mod tests;
