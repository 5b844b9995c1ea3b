//! Files of independent make: specimen documents, portraits in every record format.
//!
//! They lie beside the checkout in `../shared/vectors/lds`; without them the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::chip::files::{parse_com, parse_dg1, parse_dg2, parse_dg2_all, parse_dg7, parse_dg11, parse_dg12};
use egate::chip::{AccessKey, ChipRandom, ChipSession, FileId, Media, Next, ReadingPlan, tlv};
use egate::devices::card::SoftwarePassport;
use egate::trust::{GroupState, SecurityObject, TrustStore, authenticate};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A file of the vectors; `None` with a word where there is none.
fn vector(path: &str) -> Option<Vec<u8>> {
    let whole = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/lds")).join(path);
    let read = std::fs::read(&whole);
    if read.is_err() {
        eprintln!("SKIPPED: {} is not there", whole.display());
    }
    read.ok()
}

/// A document of the vectors: its name, and its files under the names that they have there.
fn document(folder: &str, names: &[(FileId, &str)]) -> Option<BTreeMap<FileId, Vec<u8>>> {
    names.iter().map(|(file, name)| Some((*file, vector(&format!("{folder}/{name}"))?))).collect()
}

fn mustermann() -> Option<BTreeMap<FileId, Vec<u8>>> {
    document(
        "bsi2008_mustermann",
        &[
            (FileId::Com, "EF_COM.bin"),
            (FileId::Sod, "EF_SOD.bin"),
            (FileId::Dg(1), "Datagroup1.bin"),
            (FileId::Dg(2), "Datagroup2.bin"),
            (FileId::Dg(7), "EF_DG7.bin"),
            (FileId::Dg(11), "EF_DG11.bin"),
            (FileId::Dg(12), "EF_DG12.bin"),
            (FileId::Dg(14), "Datagroup14.bin"),
            (FileId::Dg(15), "Datagroup15.bin"),
        ],
    )
}

fn loes() -> Option<BTreeMap<FileId, Vec<u8>>> {
    document(
        "loes2006_nl",
        &[
            (FileId::Com, "ef011E.bin"),
            (FileId::Sod, "ef011D.bin"),
            (FileId::Dg(1), "ef0101.bin"),
            (FileId::Dg(2), "ef0102.bin"),
            (FileId::Dg(15), "ef010F.bin"),
        ],
    )
}

#[test]
fn both_specimen_documents_are_read_through_the_card_simulator() {
    for files in [mustermann(), loes()].into_iter().flatten() {
        let zone = parse_dg1(&files[&FileId::Dg(1)]).unwrap();
        let key = zone.key_information();
        let mut passport = SoftwarePassport::new(files.clone(), &key, 1);
        let plan = ReadingPlan { files: files.keys().copied().collect(), ..ReadingPlan::default() };
        let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| n as u8).collect());
        let mut session = ChipSession::new(AccessKey::Mrz(key), plan, random);
        let reading = loop {
            match session.next() {
                Next::Transmit(command) => {
                    let answer = passport.answer(&command);
                    session.answer(Ok(&answer), Duration::ZERO);
                }
                Next::Reconnect => {
                    passport.reset();
                    session.answer(Ok(&[]), Duration::ZERO);
                }
                Next::Done(result) => break result.unwrap(),
            }
        };
        // What the security object does not list is not asked for: nobody vouches for it.
        let signed = SecurityObject::parse(&files[&FileId::Sod]).unwrap();
        let listed = |file: &FileId| match file {
            FileId::Dg(number) => signed.hashes().contains_key(number),
            _ => true,
        };
        let (wanted, left_out): (BTreeMap<_, _>, BTreeMap<_, _>) =
            files.clone().into_iter().partition(|(file, _)| listed(file));
        assert!(wanted.contains_key(&FileId::Dg(1)) && wanted.contains_key(&FileId::Dg(2)));
        assert_eq!(reading.files, wanted);
        assert!(reading.missing.keys().eq(left_out.keys()), "{:?}", reading.missing);
        assert_eq!(reading.access, "BAC");
        let groups = wanted.iter().filter_map(|(file, bytes)| match file {
            FileId::Dg(number) => Some((*number, bytes.as_slice())),
            _ => None,
        });
        let groups: BTreeMap<u8, &[u8]> = groups.collect();
        let found =
            authenticate(&reading.files[&FileId::Sod], &groups, &TrustStore::default(), Timestamp::now());
        for number in groups.keys() {
            assert_eq!(found.groups[number], GroupState::Identical, "DG{number}");
        }
    }
}

#[test]
fn the_files_of_the_specimen_documents_say_what_is_in_them() {
    if let Some(files) = mustermann() {
        let com = parse_com(&files[&FileId::Com]).unwrap();
        assert_eq!(com.lds_version, "0107");
        let zone = parse_dg1(&files[&FileId::Dg(1)]).unwrap();
        assert_eq!((zone.surname.as_str(), zone.given_names.as_str()), ("MUSTERMANN", "ERIKA"));
        assert!(parse_dg2(&files[&FileId::Dg(2)]).unwrap().decode().is_ok());
    }
    if let Some(files) = loes() {
        assert_eq!(parse_com(&files[&FileId::Com]).unwrap().data_groups, [1, 2, 15]);
        assert!(parse_dg2(&files[&FileId::Dg(2)]).unwrap().decode().is_ok());
    }
}

#[test]
fn personal_and_document_details_are_read_with_dates_in_packed_digits() {
    let Some(files) = mustermann() else { return };
    let person = parse_dg11(&files[&FileId::Dg(11)]).unwrap();
    assert_eq!(person.full_name.as_deref(), Some("Doe John"));
    assert_eq!(person.other_names, ["William"]);
    assert_eq!(person.date_of_birth.as_deref(), Some("19700101"));
    assert_eq!(person.custody.as_deref(), Some("TEST"));
    assert_eq!(person.proof_of_citizenship_bytes, 1);
    let document = parse_dg12(&files[&FileId::Dg(12)]).unwrap();
    assert_eq!(document.date_of_issue.as_deref(), Some("20240101"));
    assert_eq!(document.personalised.as_deref(), Some("20240101123059"));
    assert_eq!(document.other_persons, ["William"]);
    assert_eq!(document.personalisation_system.as_deref(), Some("123"));
}

#[test]
fn a_displayed_signature_in_jpeg_2000_is_decoded() {
    let Some(files) = mustermann() else { return };
    let [signature] = parse_dg7(&files[&FileId::Dg(7)]).unwrap().try_into().unwrap();
    assert_eq!(signature.media, Media::Jpeg2000);
    assert_eq!(signature.decode().unwrap().dimensions(), signature.dimensions().unwrap());
}

#[test]
fn portraits_in_iso_39794_5_are_read_with_mandatory_and_with_all_fields() {
    let expected = vector("iso39794/ICAO_39794_5_AP_DG2_Face.jpg");
    let folder = |name: &str| vector(&format!("iso39794/{name}"));
    for name in [
        "ICAO_39794_5_AP_DG2_MandFields.dat",
        "ICAO_39794_5_AP_DG2_AllFields.dat",
        "dg2_silver_mandatory_fields.bin",
        "dg2_silver_all_fields.bin",
    ] {
        let (Some(bytes), Some(expected)) = (folder(name), &expected) else { return };
        let [portrait] = parse_dg2_all(&bytes).unwrap().try_into().unwrap();
        assert_eq!(&portrait.bytes, expected, "{name}");
        assert!(portrait.decode().is_ok(), "{name}");
    }
}

#[test]
fn a_block_of_iso_39794_5_alone_gives_its_image_and_a_broken_one_none() {
    let dg2 = |block: &[u8]| {
        let template = tlv::encode(0x7F60, &tlv::encode(0x7F2E, block));
        tlv::encode(0x75, &tlv::encode(0x7F61, &template))
    };
    let block = |name: &str| vector(&format!("iso39794/{name}"));
    let (Some(whole), Some(wide), Some(broken)) = (
        block("ICAO_39794_5_AP_AllFields.dat"),
        block("sample-39794-5-ed-1-v1.der"),
        block("ICAO_39794_5_AP_MandFields_InvalidImage.dat"),
    ) else {
        return;
    };
    assert_eq!(Some(parse_dg2(&dg2(&whole)).unwrap().bytes), block("ICAO_39794_5_AP_Face.jpg"));
    // Without the wrapping, and with an image of near a megabyte in another of the standard's formats.
    let why = parse_dg2(&dg2(&wide)).map(|portrait| portrait.media);
    eprintln!("the standard's own sample: {why:?}");
    let picture = parse_dg2(&dg2(&broken)).map(|portrait| portrait.decode());
    assert!(!matches!(picture, Ok(Ok(_))), "an image that cannot be one");
    // Finger and iris records of the same family are no face.
    for other in ["sample-39794-4-ed-1-v1.der", "sample-39794-6-ed-1-v1.der"] {
        assert!(block(other).is_some_and(|other| parse_dg2(&dg2(&other)).is_err()), "{other}");
    }
}
