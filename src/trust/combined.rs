//! Combined checks: what is printed against what is in the chip, and against the day, TR-03135-1 §5.7.

use super::judgement::resting_on;
use crate::check::{Check, CheckId, Reason};
use crate::chip::FileError;
use crate::document::Mrz;
use jiff::civil::Date;

/// DG1 with what is known of its authenticity.
pub(super) struct ChipZone {
    /// Whether DG1 is the one that was signed.
    pub(super) authentic: Check,
    pub(super) zone: Result<Mrz, FileError>,
}

impl ChipZone {
    pub(super) fn read(&self) -> Result<&Mrz, Reason> {
        match &self.zone {
            Ok(zone) => Ok(zone),
            Err(FileError::Missing { .. }) => Err(Reason::ChipFileMissing),
            Err(_) => Err(Reason::ChipFileMalformed),
        }
    }
}

/// §5.7.1, by the printed lines and by DG1: the earlier date counts. A document is good on its last day;
/// days are those of UTC.
pub(super) fn document_expiry(printed: &Mrz, chip: Option<&Mrz>, today: Date) -> Check {
    let id = CheckId::DocumentExpiry;
    let mut earliest: Option<Date> = None;
    for zone in [Some(printed), chip].into_iter().flatten() {
        let Some(date) = zone.date_of_expiry.expiry(today) else {
            return Check::undetermined(id, Reason::ExpiryUnreadable);
        };
        earliest = Some(earliest.map_or(date, |other| other.min(date)));
    }
    match earliest {
        Some(date) if date >= today => Check::successful(id),
        Some(date) => Check::failed(id, Reason::DocumentExpired).with_detail(date.to_string()),
        None => Check::undetermined(id, Reason::ExpiryUnreadable),
    }
}

/// §5.7.2, element by element; beside the check, each element and whether it is the same.
pub(super) fn mrz_against_chip(printed: &Mrz, chip: &ChipZone) -> (Check, Vec<(&'static str, Check)>) {
    let id = CheckId::MrzAgainstChip;
    let zone = match chip.read() {
        Ok(zone) => zone,
        Err(reason) => return (Check::aborted(id, reason).with_detail("DG1"), Vec::new()),
    };
    let elements = [
        ("document code", printed.document_code == zone.document_code),
        ("issuing state", printed.issuing_state == zone.issuing_state),
        ("surname", printed.surname == zone.surname),
        ("given names", printed.given_names == zone.given_names),
        ("document number", printed.document_number == zone.document_number),
        ("nationality", printed.nationality == zone.nationality),
        ("date of birth", same_birth(printed.date_of_birth.0, zone.date_of_birth.0)),
        ("sex", printed.sex == zone.sex),
        ("date of expiry", printed.date_of_expiry == zone.date_of_expiry),
    ];
    let optional = match printed.optional_data == zone.optional_data {
        true => resting_on(Check::successful(id), &chip.authentic),
        false => Check::undetermined(id, Reason::OptionalDataDisagrees),
    };
    let odd: Vec<&str> = elements.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    let whole = match odd.is_empty() {
        true => optional.clone(),
        false => Check::failed(id, Reason::MrzDisagreesWithChip).with_detail(odd.join(", ")),
    };
    let each = elements.into_iter().map(|(name, same)| match same {
        true => (name, resting_on(Check::successful(id), &chip.authentic)),
        false => (name, Check::failed(id, Reason::MrzDisagreesWithChip)),
    });
    (whole, each.chain([("optional data", optional)]).collect())
}

/// Fillers in a date of birth are exempt, and only they (§5.7.2, first exception).
fn same_birth(printed: [u8; 6], chip: [u8; 6]) -> bool {
    printed.iter().zip(chip).all(|(a, b)| *a == b || *a == b'<' || b == b'<')
}
