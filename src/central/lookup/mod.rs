//! Look-ups: what is known of a document and its bearer. Pure: lists' entries and the day go in, an
//! answer comes out.
//!
//! [`keys`] says under which keys the lists are asked, [`findings`] makes of what was found what the lane
//! is told. A kind of list of which none is in force is *not checked*, which is never *clear*; more
//! comparisons than [`FOUND_MOST`] are *undetermined*.

mod entry;
mod import;
mod permission;
mod person;

pub use entry::{Arrival, ListedDocument, Need, Permit, Rule, normalised};
pub use import::{FileForm, ImportError, LineError, read_list};
pub use person::{
    AskedPerson, CANDIDATE_LEAST, Likeness, ListedPerson, PartialDate, compare, keys_of_asked, keys_of_listed,
};

use super::store::{ListKind, Listed, ListedEntry, StoreError};
use crate::document::MrzDate;
use crate::document::names::document_key;
use crate::record::wire::{
    ArrivalStatus, DocumentStatus, LookupQuestion, PermissionStatus, PersonCandidate, PersonStatus,
};
use jiff::civil::Date;
use serde::de::DeserializeOwned;

/// Entries of one kind that are looked at for one question.
pub const FOUND_MOST: usize = 5_000;
/// Candidates that an answer names.
const CANDIDATES_MOST: usize = 5;
/// An announced arrival counts so many days before and after its day: carriers are late, and zones differ.
const ARRIVAL_DAYS: i32 = 1;

/// What a look-up gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Of the document.
    pub document: DocumentStatus,
    /// Of the person.
    pub person: PersonStatus,
    /// Of the permission to travel.
    pub permission: PermissionStatus,
    /// Of carriers' announcements.
    pub arrival: ArrivalStatus,
}

impl Findings {
    /// For the audit trail: what was found, without what was asked.
    pub fn summary(&self) -> String {
        let document = match &self.document {
            DocumentStatus::Clear => "clear".to_owned(),
            DocumentStatus::Reported(kind) => format!("reported: {kind}"),
        };
        let person = match &self.person {
            PersonStatus::Clear => "clear".to_owned(),
            PersonStatus::NotChecked => "not checked".to_owned(),
            PersonStatus::Undetermined => "undetermined".to_owned(),
            PersonStatus::Candidates(found) => {
                let named = found.iter().map(|c| format!("{}/{} at {}", c.list, c.entry, c.score));
                named.collect::<Vec<_>>().join(", ")
            }
        };
        let permission = match &self.permission {
            PermissionStatus::NotRequired(why) => format!("not required, {why}"),
            PermissionStatus::Granted(what) => what.clone(),
            PermissionStatus::Missing(what) => format!("missing: {what}"),
            PermissionStatus::NotChecked => "not checked".to_owned(),
        };
        let arrival = match &self.arrival {
            ArrivalStatus::Expected(what) => format!("expected, {what}"),
            ArrivalStatus::NotExpected => "not expected".to_owned(),
            ArrivalStatus::NotChecked => "not checked".to_owned(),
        };
        format!("document {document}; person {person}; permission {permission}; arrival {arrival}")
    }
}

/// Under which keys the lists are asked.
pub fn keys(question: &LookupQuestion) -> Vec<(ListKind, Vec<String>)> {
    let document = || vec![document_key(&question.issuing_state, &question.document_number)];
    vec![
        (ListKind::Documents, document()),
        (ListKind::Persons, keys_of_asked(&asked(question))),
        (ListKind::Permits, document()),
        (ListKind::Arrivals, document()),
        (ListKind::Rules, vec![normalised(&question.nationality), "*".to_owned()]),
    ]
}

/// What the lane is told. `reported` is what an officer reported of this very document.
///
/// # Errors
/// When a stored entry does not read.
pub fn findings(
    question: &LookupQuestion,
    reported: Option<String>,
    listed: &Listed,
    today: Date,
) -> Result<Findings, StoreError> {
    let documents: Vec<(_, ListedDocument)> = of_kind(listed, ListKind::Documents)?;
    // Of several reports the gravest is told, which is the last by the alphabet: lost, revoked, stolen.
    let kind = reported.into_iter().chain(documents.into_iter().map(|(_, document)| document.kind)).max();
    Ok(Findings {
        document: kind.map_or(DocumentStatus::Clear, DocumentStatus::Reported),
        person: person(question, listed)?,
        permission: travel(question, listed, today)?,
        arrival: arrival(listed, today)?,
    })
}

fn asked(question: &LookupQuestion) -> AskedPerson {
    AskedPerson {
        surname: question.surname.clone(),
        given_names: question.given_names.clone(),
        born: PartialDate::of_zone(&question.date_of_birth),
        nationality: question.nationality.clone(),
        sex: question.sex.clone(),
    }
}

fn of_kind<T: DeserializeOwned>(
    listed: &Listed,
    kind: ListKind,
) -> Result<Vec<(&ListedEntry, T)>, StoreError> {
    let of_kind = listed.entries.iter().filter(|entry| entry.kind == kind);
    of_kind
        .map(|entry| {
            let damaged = |e| StoreError::Damaged(format!("entry {}/{}: {e}", entry.list, entry.reference));
            Ok((entry, serde_json::from_str(&entry.body).map_err(damaged)?))
        })
        .collect()
}

fn person(question: &LookupQuestion, listed: &Listed) -> Result<PersonStatus, StoreError> {
    if !listed.in_force.contains(&ListKind::Persons) {
        return Ok(PersonStatus::NotChecked);
    }
    let asked = asked(question);
    let mut candidates: Vec<PersonCandidate> = of_kind::<ListedPerson>(listed, ListKind::Persons)?
        .into_iter()
        .map(|(entry, person)| (entry, compare(&asked, &person)))
        .filter(|(_, likeness)| likeness.score >= CANDIDATE_LEAST)
        .map(|(entry, likeness)| PersonCandidate {
            list: entry.list.clone(),
            entry: entry.reference.clone(),
            score: likeness.score,
            why: likeness.why,
        })
        .collect();
    candidates
        .sort_by(|a, b| b.score.cmp(&a.score).then_with(|| (&a.list, &a.entry).cmp(&(&b.list, &b.entry))));
    candidates.truncate(CANDIDATES_MOST);
    if !candidates.is_empty() {
        Ok(PersonStatus::Candidates(candidates))
    } else if listed.cut.contains(&ListKind::Persons) || asked.surname.trim().is_empty() {
        Ok(PersonStatus::Undetermined)
    } else {
        Ok(PersonStatus::Clear)
    }
}

fn travel(question: &LookupQuestion, listed: &Listed, today: Date) -> Result<PermissionStatus, StoreError> {
    if !listed.in_force.contains(&ListKind::Rules) {
        return Ok(PermissionStatus::NotChecked);
    }
    let rules: Vec<Rule> = of_kind(listed, ListKind::Rules)?.into_iter().map(|(_, rule)| rule).collect();
    let permits: Vec<Permit> =
        of_kind(listed, ListKind::Permits)?.into_iter().map(|(_, permit)| permit).collect();
    let six: Option<[u8; 6]> = question.date_of_birth.as_bytes().try_into().ok();
    let age = six.and_then(|six| MrzDate(six).birth(today)).and_then(|birth| {
        let years = i32::from(today.year()) - i32::from(birth.year());
        let had_birthday = (today.month(), today.day()) >= (birth.month(), birth.day());
        u8::try_from(years - i32::from(!had_birthday)).ok()
    });
    Ok(permission::permission(&rules, &permits, age, today))
}

fn arrival(listed: &Listed, today: Date) -> Result<ArrivalStatus, StoreError> {
    if !listed.in_force.contains(&ListKind::Arrivals) {
        return Ok(ArrivalStatus::NotChecked);
    }
    let near =
        |arrival: &Arrival| today.since(arrival.date).is_ok_and(|span| span.get_days().abs() <= ARRIVAL_DAYS);
    let mut arrivals =
        of_kind::<Arrival>(listed, ListKind::Arrivals)?.into_iter().map(|(_, arrival)| arrival);
    Ok(arrivals.find(near).map_or(ArrivalStatus::NotExpected, |arrival| {
        ArrivalStatus::Expected(format!("{} {} of {}", arrival.carrier, arrival.service, arrival.date))
    }))
}

#[cfg(test)]
mod tests;
