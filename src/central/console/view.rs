//! What the pages show, in officers' words. Nothing here decides; texts are escaped by the templates.

use super::session::Signed;
use crate::central::serve::Shared;
use crate::central::store::{Queue, RecordKey};
use crate::check::Reason;
use crate::passage::Ending;
use crate::record::{DocumentRecord, PassageRecord};

/// Role of the chip's portrait among a record's pictures; all others are frames of the camera.
const PORTRAIT: &str = "portrait";

/// What every page carries around its content.
pub(super) struct Frame {
    pub(super) user: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    pub(super) active: &'static str,
    pub(super) queue: Queue,
    pub(super) sees_travellers: bool,
    pub(super) decides: bool,
    pub(super) audits: bool,
    pub(super) sees_work: bool,
    pub(super) keeps_lists: bool,
    pub(super) sees_releases: bool,
    pub(super) keeps_users: bool,
}

impl Frame {
    pub(super) fn load(shared: &Shared, signed: Signed, active: &'static str) -> anyhow::Result<Self> {
        let session = signed.session;
        Ok(Frame {
            user: session.user,
            role: session.role.title(),
            csrf: session.csrf,
            active,
            queue: shared.store.queue()?,
            sees_travellers: session.role.sees_travellers(),
            decides: session.role.decides(),
            audits: session.role.audits(),
            sees_work: session.role.sees_work(),
            keeps_lists: session.role.keeps_lists(),
            sees_releases: session.role.sees_releases(),
            keeps_users: session.role.keeps_users(),
        })
    }
}

/// How a passage ended, to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndingView {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
}

impl EndingView {
    pub(super) fn new(ending: Ending) -> Self {
        let (name, title) = match ending {
            Ending::Admitted => ("admitted", "Admitted"),
            Ending::Referred => ("referred", "Referred"),
            Ending::Withdrawn => ("withdrawn", "Withdrawn"),
        };
        EndingView { name, title }
    }
}

/// The document, as the zone has it.
pub(super) struct DocumentView {
    pub(super) kind: String,
    pub(super) issuing_state: String,
    pub(super) number: String,
    pub(super) nationality: String,
    pub(super) surname: String,
    pub(super) given_names: String,
    pub(super) born: String,
    pub(super) expires: String,
    pub(super) sex: &'static str,
}

impl DocumentView {
    pub(super) fn new(document: &DocumentRecord) -> Self {
        let plain = |text: &str| text.replace('<', " ").trim().to_owned();
        DocumentView {
            kind: match document.document_code.chars().next() {
                Some('P') => "Passport".to_owned(),
                Some('V') => "Visa".to_owned(),
                Some('I' | 'A' | 'C') => "Identity document".to_owned(),
                _ => plain(&document.document_code),
            },
            issuing_state: plain(&document.issuing_state),
            number: plain(&document.document_number),
            nationality: plain(&document.nationality),
            surname: plain(&document.surname),
            given_names: plain(&document.given_names),
            born: zone_date(&document.date_of_birth),
            expires: zone_date(&document.date_of_expiry),
            sex: match document.sex.as_str() {
                "M" => "male",
                "F" => "female",
                _ => "not specified",
            },
        }
    }
}

/// `YYMMDD` with its parts set apart; the century is not in the zone, so none is guessed.
fn zone_date(date: &str) -> String {
    match (date.get(..2), date.get(2..4), date.get(4..6)) {
        (Some(year), Some(month), Some(day)) if date.len() == 6 => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

/// A picture that can be shown.
pub(super) struct Face {
    pub(super) address: String,
    pub(super) title: String,
    pub(super) portrait: bool,
}

/// A reason with its number.
pub(super) struct ReasonView {
    pub(super) code: u32,
    pub(super) text: &'static str,
}

impl ReasonView {
    pub(super) fn new(reason: Reason) -> Self {
        ReasonView { code: reason.code(), text: reason.officer() }
    }
}

/// The pictures of a record, in its order.
pub(super) fn faces(record: &PassageRecord, path: &str) -> Vec<Face> {
    let mut frames: u32 = 0;
    let face = |(number, picture): (usize, &crate::record::PictureRef)| {
        let portrait = picture.role == PORTRAIT;
        let title = if portrait {
            "Portrait in the chip".to_owned()
        } else {
            frames = frames.saturating_add(1);
            if frames == 1 {
                "Person at the gate".to_owned()
            } else {
                format!("Person at the gate, {frames}")
            }
        };
        Face { address: format!("{path}/pictures/{number}"), title, portrait }
    };
    record.pictures.iter().enumerate().map(face).collect()
}

/// Address of a passage below `/passages/`.
pub(super) fn path(key: &RecordKey) -> String {
    format!("/passages/{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_zone_stay_as_they_are() {
        assert_eq!([zone_date("740812"), zone_date("74<<<<"), zone_date("7")], ["74-08-12", "74-<<-<<", "7"]);
    }
}
