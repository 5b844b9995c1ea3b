//! Persons in a snapshot, and how near a traveller is to one of them when only hashes of names are at hand.
//!
//! The score follows that of central's own comparison: words pair, weighed by their length, over the words of the
//! shorter name. Two words are a pair when their folded forms agree, or when they sound alike; a word that may be
//! cut off, and an initial, pair with any. So somebody whom central would name for names that are written the
//! same way, or sound the same, is named here too. Who is known at central only by a misspelling that changes the
//! sound is not: the reason why a snapshot has a greatest age.

use super::snapshot::{Reader, Snapshot, SnapshotError, SnapshotKey};
use super::wire::{PersonCandidate, PersonStatus};
use crate::document::names::{Word, sound, words};
use std::collections::BTreeMap;

/// From this score on, in thousandths, a person is a candidate; the same as central's.
pub const CANDIDATE_LEAST: u16 = 750;
/// Candidates that are named.
const CANDIDATES_MOST: usize = 5;
/// Longest reference, bytes.
const REFERENCE_MOST: usize = 200;
/// A part of a date that is not known.
const UNKNOWN: u8 = 255;

/// Year (its last two digits), month and day of birth; what is not known is absent.
pub type Born = [Option<u8>; 3];

/// One word of a name, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HashedWord {
    folded: [u8; 4],
    sound: [u8; 2],
    /// In tenths: 3 an initial, 8 two or three letters, 10 more.
    weight: u8,
    /// Pairs with any word: an initial, or one that may be cut off.
    any: bool,
}

impl HashedWord {
    fn new(word: &Word, key: &SnapshotKey) -> Result<HashedWord, SnapshotError> {
        let weight = match word.text.len() {
            0..=1 => 3,
            2..=3 => 8,
            _ => 10,
        };
        Ok(HashedWord {
            folded: key.hash(b'w', &word.folded)?,
            sound: key.hash(b's', &sound(&word.folded))?,
            weight,
            any: weight == 3 || word.cut,
        })
    }

    /// From 0, no pair, to 1.
    fn likeness(&self, other: &HashedWord) -> f64 {
        if self.folded == other.folded {
            1.0
        } else if self.any || other.any {
            0.97
        } else if self.sound == other.sound {
            0.98
        } else {
            0.0
        }
    }
}

/// A person in a snapshot.
pub(super) struct HashedPerson<'a> {
    born: Born,
    words: Vec<HashedWord>,
    reference: &'a [u8],
}

impl<'a> HashedPerson<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<HashedPerson<'a>> {
        let mut reader = Reader(bytes);
        let born = reader.array::<3>().ok()?.map(|part| (part != UNKNOWN).then_some(part));
        let [count] = reader.array().ok()?;
        let mut words = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (folded, sound) = (reader.array().ok()?, reader.array().ok()?);
            let [weight] = reader.array().ok()?;
            words.push(HashedWord { folded, sound, weight, any: weight <= 3 });
        }
        Some(HashedPerson { born, words, reference: reader.0 })
    }
}

impl SnapshotKey {
    /// The entry of a person: names as lists hold them, in the letters of a zone. `list` and `reference` lead an
    /// officer to the entry at central.
    ///
    /// # Errors
    /// When the hash function fails.
    pub fn person(
        &self,
        surname: &str,
        given_names: &str,
        born: Born,
        list: &str,
        reference: &str,
    ) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes: Vec<u8> = born.iter().map(|part| part.unwrap_or(UNKNOWN)).collect();
        let words = words(surname, given_names, false);
        bytes.push(u8::try_from(words.len()).unwrap_or(u8::MAX));
        for word in &words {
            let word = HashedWord::new(word, self)?;
            bytes.extend_from_slice(&word.folded);
            bytes.extend_from_slice(&word.sound);
            bytes.push(word.weight);
        }
        let named = format!("{list}/{reference}");
        bytes.extend(named.bytes().take(REFERENCE_MOST));
        Ok(bytes)
    }
}

impl Snapshot {
    /// Who of the persons in it the traveller may be. `born` as in a zone, parts that are not known absent.
    ///
    /// # Errors
    /// When the hash function fails.
    pub fn person(
        &self,
        surname: &str,
        given_names: &str,
        born: Born,
    ) -> Result<PersonStatus, SnapshotError> {
        if !self.in_force().persons {
            return Ok(PersonStatus::NotChecked);
        }
        let asked = words(surname, given_names, true);
        let asked =
            asked.iter().map(|word| HashedWord::new(word, &self.key)).collect::<Result<Vec<_>, _>>()?;
        if asked.is_empty() {
            return Ok(PersonStatus::Undetermined);
        }
        let mut found: Vec<PersonCandidate> = self
            .people()
            .filter_map(|person| {
                let factor = births(born, person.born) * names(&asked, &person.words);
                // The product of factors of at most 1 is at most 1000.
                let score = (factor * 1000.0).round() as u16;
                (score >= CANDIDATE_LEAST).then(|| candidate(score, &person))
            })
            .collect();
        found.sort_by(|a, b| {
            b.score.cmp(&a.score).then_with(|| (&a.list, &a.entry).cmp(&(&b.list, &b.entry)))
        });
        found.truncate(CANDIDATES_MOST);
        Ok(if found.is_empty() { PersonStatus::Clear } else { PersonStatus::Candidates(found) })
    }
}

fn candidate(score: u16, person: &HashedPerson<'_>) -> PersonCandidate {
    let named = String::from_utf8_lossy(person.reference);
    let (list, entry) = named.split_once('/').unwrap_or(("", &named));
    let (list, entry) = (list.to_owned(), entry.to_owned());
    PersonCandidate {
        list,
        entry,
        score,
        why: "names and date of birth alike, compared by their hashes".to_owned(),
    }
}

/// As central weighs dates of birth.
fn births(asked: Born, listed: Born) -> f64 {
    let ([asked_year, asked_month, asked_day], [year, month, day]) = (asked, listed);
    let (Some(asked_year), Some(year)) = (asked_year, year) else { return 0.9 };
    let agrees = |one: Option<u8>, other: Option<u8>| one.is_none() || other.is_none() || one == other;
    let apart = u16::from(asked_year.abs_diff(year));
    match (apart.min(100_u16.saturating_sub(apart)), agrees(asked_month, month), agrees(asked_day, day)) {
        (0, true, true) => 1.0,
        (0, false, false) if asked_month == day && asked_day == month => 0.93,
        (0, true, false) | (0, false, true) => 0.86,
        (1, true, true) => 0.84,
        _ => 0.5,
    }
}

/// As central weighs names, with the likeness that hashes tell.
fn names(asked: &[HashedWord], listed: &[HashedWord]) -> f64 {
    let mut likely: Vec<(f64, usize, usize)> = Vec::new();
    for (a, one) in asked.iter().enumerate() {
        likely.extend(listed.iter().enumerate().map(|(b, other)| (one.likeness(other), a, b)));
    }
    likely.retain(|(likeness, ..)| *likeness > 0.0);
    likely.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut pairs: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut alike, mut paired) = (0.0, 0.0);
    for (likeness, a, b) in likely {
        let (Some(one), Some(other)) = (asked.get(a), listed.get(b)) else { continue };
        if !pairs.contains_key(&a) && pairs.values().all(|taken| *taken != b) {
            pairs.insert(a, b);
            let both = f64::from(one.weight.min(other.weight));
            (alike, paired) = (alike + likeness * both, paired + both);
        }
    }
    let left = |words: &[HashedWord], free: &dyn Fn(usize) -> bool| -> f64 {
        let free = words.iter().enumerate().filter(|(at, _)| free(*at));
        free.map(|(_, word)| f64::from(word.weight)).sum()
    };
    let left_asked = left(asked, &|at| !pairs.contains_key(&at));
    let left_listed = left(listed, &|at| pairs.values().all(|b| *b != at));
    let shorter = paired + left_asked.min(left_listed);
    if pairs.is_empty() || shorter <= 0.0 {
        return 0.0;
    }
    let more = (left_asked - left_listed).abs();
    let lonely = if pairs.len() == 1 && asked.len().max(listed.len()) > 1 { 0.85 } else { 1.0 };
    (alike / shorter * (1.0 - 0.12 * more / (shorter + more)) * lonely).clamp(0.0, 1.0)
}
