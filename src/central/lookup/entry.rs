//! Entries of lists: what each kind of list holds, what makes an entry valid, under which keys it is found.

use super::person::{ListedPerson, PartialDate, keys_of_listed};
use crate::central::store::{ListKind, NewEntry};
use crate::central::text::unfit;
pub use crate::document::names::normalised;
use crate::document::names::{document_key, transliterated};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text of one field, characters.
const FIELD_MOST: usize = 200;
/// Longest reference, characters.
const REFERENCE_MOST: usize = 64;
/// Greatest age that a rule can name, years.
const AGE_MOST: u8 = 150;

/// A document that is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedDocument {
    /// `lost`, `stolen` or `revoked`.
    pub kind: String,
}

/// A permission to travel, bound to the document with which it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// What it is.
    pub permit: Need,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
}

/// A traveller whom a carrier announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Carrier.
    pub carrier: String,
    /// Flight, train or ship.
    pub service: String,
    /// Day of arrival.
    pub date: Date,
}

/// What persons of a nationality and age need to travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Nationality, or `*` for all that have no rule of their own.
    pub nationality: String,
    /// What they need.
    pub needs: Need,
    /// From this age on, years.
    pub age_least: Option<u8>,
    /// Up to this age, years.
    pub age_most: Option<u8>,
}

/// What is needed to travel, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing.
    None,
    /// An electronic travel authorisation.
    Authorisation,
    /// A visa.
    Visa,
}

impl Need {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Need::None => "nothing",
            Need::Authorisation => "travel authorisation",
            Need::Visa => "visa",
        }
    }
}

/// The fields of an entry as they are in a file, by column or member.
pub(super) type Fields = BTreeMap<String, String>;

/// The fields that entries of a kind may have; those that they must have first, then how many these are.
pub(super) fn fields_of(kind: ListKind) -> (&'static [&'static str], usize) {
    match kind {
        ListKind::Documents => (&["reference", "issuing_state", "number", "kind"], 4),
        ListKind::Persons => {
            (&["reference", "surname", "given_names", "born", "nationality", "sex", "reason"], 2)
        }
        ListKind::Permits => (&["reference", "issuing_state", "number", "permit", "from", "until"], 6),
        ListKind::Arrivals => (&["reference", "issuing_state", "number", "carrier", "service", "date"], 6),
        ListKind::Rules => (&["reference", "nationality", "needs", "age_least", "age_most"], 3),
    }
}

/// Checks an entry's fields and brings it into the form in which it is stored.
///
/// # Errors
/// Everything that is wrong with it, field by field.
pub(super) fn entry(kind: ListKind, fields: &Fields) -> Result<NewEntry, Vec<String>> {
    let mut reading = Reading { fields, wrong: Vec::new() };
    reading.check_names(kind);
    let reference = reading.reference();
    let (keys, body) = match kind {
        ListKind::Documents => {
            let keys = vec![reading.document()];
            let kind = reading.one_of("kind", &["lost", "stolen", "revoked"]).to_owned();
            (keys, json(&ListedDocument { kind }))
        }
        ListKind::Persons => {
            let person = reading.person();
            (keys_of_listed(&person), json(&person))
        }
        ListKind::Permits => {
            let keys = vec![reading.document()];
            let permit = need(reading.one_of("permit", &["visa", "authorisation"]));
            let permit = Permit { permit, from: reading.date("from"), until: reading.date("until") };
            if permit.from > permit.until {
                reading.wrong.push("until: is before from".to_owned());
            }
            (keys, json(&permit))
        }
        ListKind::Arrivals => {
            let keys = vec![reading.document()];
            let (carrier, service) = (reading.text("carrier"), reading.text("service"));
            (keys, json(&Arrival { carrier, service, date: reading.date("date") }))
        }
        ListKind::Rules => {
            let rule = reading.rule();
            (vec![rule.nationality.clone()], json(&rule))
        }
    };
    if reading.wrong.is_empty() { Ok(NewEntry { reference, body, keys }) } else { Err(reading.wrong) }
}

/// These types have no maps and no foreign texts as keys: they always have a JSON form.
fn json<T: Serialize>(entry: &T) -> String {
    serde_json::to_string(entry).unwrap_or_default()
}

fn need(word: &str) -> Need {
    match word {
        "none" => Need::None,
        "authorisation" => Need::Authorisation,
        _ => Need::Visa,
    }
}

/// Reads fields and gathers what is wrong. What a wrong field gives is never stored.
struct Reading<'f> {
    fields: &'f Fields,
    wrong: Vec<String>,
}

impl<'f> Reading<'f> {
    fn check_names(&mut self, kind: ListKind) {
        let (known, needed) = fields_of(kind);
        for (name, value) in self.fields {
            if !known.contains(&name.as_str()) {
                let nearest = known.iter().min_by_key(|k| strsim::damerau_levenshtein(name, k));
                self.wrong.push(format!("{name}: not known here; did you mean {}?", nearest.unwrap_or(&"")));
            }
            if value.chars().count() > FIELD_MOST {
                self.wrong.push(format!("{name}: longer than {FIELD_MOST} characters"));
            }
            if let Some(odd) = unfit(value) {
                self.wrong.push(format!("{name}: holds the control character {odd:?}"));
            }
        }
        for name in known.iter().take(needed) {
            if self.get(name).is_empty() {
                self.wrong.push(format!("{name}: is missing"));
            }
        }
    }

    fn get(&self, name: &str) -> &'f str {
        self.fields.get(name).map_or("", |value| value.trim())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).to_owned()
    }

    /// Records what is wrong with a field, unless it is missing, which was said.
    fn complain(&mut self, name: &str, what: &str) {
        let value = self.get(name);
        if !value.is_empty() {
            let shown: String = value.chars().take(40).collect();
            self.wrong.push(format!("{name}: {shown:?} {what}"));
        }
    }

    fn reference(&mut self) -> String {
        if self.get("reference").chars().count() > REFERENCE_MOST {
            self.complain("reference", "is too long");
        }
        self.text("reference")
    }

    fn document(&mut self) -> String {
        self.state("issuing_state");
        if normalised(self.get("number")).is_empty() {
            self.complain("number", "has no letter or digit A–Z, 0–9");
        }
        document_key(self.get("issuing_state"), self.get("number"))
    }

    /// One to three letters, as in a zone.
    fn state(&mut self, name: &str) -> String {
        let state = self.get(name).to_ascii_uppercase();
        if state.len() > 3 || !state.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.complain(name, "is not one to three letters A–Z, as in a zone");
        }
        state
    }

    fn one_of(&mut self, name: &str, words: &[&str]) -> &'f str {
        let word = self.get(name);
        if !words.contains(&word) {
            self.complain(name, &format!("is none of {}", words.join(", ")));
        }
        word
    }

    fn date(&mut self, name: &str) -> Date {
        self.get(name).parse().unwrap_or_else(|_| {
            self.complain(name, "is no date, YYYY-MM-DD");
            Date::ZERO
        })
    }

    fn age(&mut self, name: &'static str) -> Option<u8> {
        let text = self.get(name);
        let age = text.parse().ok().filter(|age| *age <= AGE_MOST);
        if age.is_none() {
            self.complain(name, "is no age in years");
        }
        age
    }

    fn rule(&mut self) -> Rule {
        let nationality = match self.get("nationality") {
            "*" => "*".to_owned(),
            _ => self.state("nationality"),
        };
        let needs = need(self.one_of("needs", &["none", "authorisation", "visa"]));
        let (age_least, age_most) = (self.age("age_least"), self.age("age_most"));
        Rule { nationality, needs, age_least, age_most }
    }

    fn person(&mut self) -> ListedPerson {
        let sex = self.get("sex").to_ascii_uppercase();
        if !matches!(sex.as_str(), "" | "M" | "F") {
            self.complain("sex", "is neither M nor F nor empty");
        }
        ListedPerson {
            surname: self.name("surname"),
            given_names: self.name("given_names"),
            born: self.partial_date("born"),
            nationality: self.state("nationality"),
            sex,
            reason: self.text("reason"),
        }
    }

    fn name(&mut self, name: &str) -> String {
        match transliterated(self.get(name)) {
            Ok(written) if written.is_empty() => {
                self.complain(name, "has no letter");
                written
            }
            Ok(written) => written,
            Err(character) => {
                self.complain(
                    name,
                    &format!("has {character:?}: give the name transliterated to Latin letters"),
                );
                String::new()
            }
        }
    }

    /// `1974-08-12`, `1974-08`, `1974`, or nothing.
    fn partial_date(&mut self, name: &str) -> PartialDate {
        let text = self.get(name);
        if text.is_empty() {
            return PartialDate::default();
        }
        let mut parts = text.splitn(3, '-');
        let year = parts.next().filter(|year| year.len() == 4).and_then(|year| year.parse::<i16>().ok());
        let mut part = |least: i8| match parts.next() {
            None => Some((least, None)),
            Some(part) if part.len() == 2 => part.parse::<i8>().ok().map(|number| (number, Some(number))),
            Some(_) => None,
        };
        let (month, day) = (part(1), part(1));
        if let (Some(year), Some((m, month)), Some((d, day))) = (year, month, day)
            && Date::new(year, m, d).is_ok()
        {
            let small = |number: Option<i8>| number.and_then(|number| u8::try_from(number).ok());
            let year = u8::try_from(year.rem_euclid(100)).ok();
            return PartialDate { year, month: small(month), day: small(day) };
        }
        self.complain(name, "is no date: YYYY-MM-DD, YYYY-MM or YYYY");
        PartialDate::default()
    }
}
