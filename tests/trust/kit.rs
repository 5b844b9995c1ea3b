//! A test country, its documents and stores.

use egate::check::{Check, CheckId};
use egate::chip::{ChipReading, Proofs};
use egate::document::Mrz;
use egate::lane::{TrustFiles, trust_store};
use egate::trust::{Evidence, Examination, TrustStore, examine};
use egate::workbench::issue::{ChipPlan, Defect, DocumentKind, DocumentOrder, IssuedDocument, TestCountry};
use jiff::Timestamp;
use jiff::civil::date;
use std::sync::LazyLock;

pub(crate) static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-01-15T12:00:00Z".parse().unwrap());
pub(crate) static COUNTRY: LazyLock<TestCountry> =
    LazyLock::new(|| TestCountry::new("UTO", "UT", *NOW).unwrap());
pub(crate) static STORE: LazyLock<TrustStore> = LazyLock::new(|| trust_store(&bundle(), *NOW).unwrap());

/// Certificate and revocation list of the country.
pub(crate) fn bundle() -> TrustFiles {
    COUNTRY.trust_bundle().unwrap()
}

/// The bundle and these of the country's lists, by the ends of their names.
pub(crate) fn bundle_with(ends: &[&str]) -> TrustFiles {
    let lists = COUNTRY.lists().unwrap();
    let wanted = lists.into_iter().filter(|(name, _)| ends.iter().any(|end| name.ends_with(end)));
    bundle().into_iter().chain(wanted).collect()
}

pub(crate) fn issue(chip: ChipPlan, defect: Defect) -> IssuedDocument {
    let order = DocumentOrder {
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        number: "L898902C3".into(),
        nationality: "UTO".into(),
        date_of_birth: date(1974, 8, 12),
        date_of_expiry: date(2031, 4, 15),
        sex: 'F',
        portrait: b"\xFF\xD8\xFF portrait".to_vec(),
        defect,
    };
    let kind = DocumentKind { chip, ..DocumentKind::default() };
    COUNTRY.issue_as(&kind, &order).unwrap()
}

pub(crate) fn examined_by(document: &IssuedDocument, proofs: Proofs, store: &TrustStore) -> Examination {
    let printed = Mrz::parse(&document.printed).unwrap();
    let reading =
        ChipReading { files: document.files.clone(), access: "BAC".into(), proofs, ..Default::default() };
    examine(&Evidence { printed: &printed, chip: Ok(&reading), store, now: *NOW })
}

pub(crate) fn examined(document: &IssuedDocument, proofs: Proofs) -> Examination {
    examined_by(document, proofs, &STORE)
}

pub(crate) fn check(examination: &Examination, id: CheckId) -> &Check {
    examination.checks.iter().find(|check| check.id == id).unwrap()
}
