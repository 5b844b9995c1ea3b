//! Test documents of every kind, good and with each defect, as the rest of the gate sees them.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clap::ValueEnum;
use egate::check::{Check, CheckId, CheckResult, Reason};
use egate::chip::files::{
    parse_atr_info, parse_com, parse_dg1, parse_dg2, parse_dg11, parse_dg16, parse_dir,
};
use egate::chip::{AccessKey, ChipRandom, ChipReading, ChipSession, FileId, Next, ReadingPlan, tlv};
use egate::document::Mrz;
use egate::trust::{Evidence, Examination, MasterList, TrustMaterial, TrustStore, examine};
use egate::workbench::issue::{
    ChipAuthentication, ChipPlan, Cipher, CountryPlan, Defect, Description, DocumentKind, DocumentOrder,
    DomainParameters, Format, IssuedDocument, LdsVersion, Mapping, Pace, SignatureAlgorithm, TestCountry,
};
use jiff::Timestamp;
use jiff::civil::date;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-01-15T12:00:00Z".parse().unwrap());
static COUNTRY: LazyLock<TestCountry> = LazyLock::new(|| country(&CountryPlan::default()));

fn country(plan: &CountryPlan) -> TestCountry {
    TestCountry::planned(plan, *NOW, b"a seed").unwrap()
}

fn order(defect: Defect) -> DocumentOrder {
    DocumentOrder {
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        number: "L898902C3".into(),
        nationality: "UTO".into(),
        date_of_birth: date(1974, 8, 12),
        date_of_expiry: date(2031, 4, 15),
        sex: 'F',
        portrait: b"\xFF\xD8\xFF portrait".to_vec(),
        defect,
    }
}

fn modern() -> DocumentKind {
    DocumentKind::modern()
}

fn examined(country: &TestCountry, document: &IssuedDocument) -> Examination {
    let mut builder = TrustStore::builder();
    for (_, bytes) in country.trust_bundle().unwrap().iter().chain(&document.trust) {
        builder.add_material(TrustMaterial::parse(bytes).unwrap(), &[]).unwrap();
    }
    let store = builder.build(*NOW);
    let printed = Mrz::parse(&document.printed).unwrap();
    let reading =
        ChipReading { files: document.files.clone(), access: "BAC".into(), ..ChipReading::default() };
    examine(&Evidence { printed: &printed, chip: Ok(&reading), store: &store, now: *NOW })
}

/// All that is not successful, but for the chip's authenticity, which was not asked for here.
fn findings(examination: &Examination) -> Vec<(CheckId, CheckResult, Vec<Reason>)> {
    let bad =
        |check: &&Check| check.id != CheckId::ChipAuthenticity && check.result != CheckResult::Successful;
    examination.checks.iter().filter(bad).map(|c| (c.id, c.result, c.reasons.clone())).collect()
}

#[test]
fn the_same_seed_makes_the_same_documents_and_lists_bit_for_bit() {
    let algorithms = ["ecdsa-brainpoolp256r1-explicit-sha256", "rsa-pss-2048-sha256"];
    for algorithm in algorithms {
        let algorithm: SignatureAlgorithm = algorithm.parse().unwrap();
        let plan = CountryPlan { authority: algorithm, signer: algorithm, ..CountryPlan::default() };
        let make = |seed: &[u8]| {
            let country = TestCountry::planned(&plan, *NOW, seed).unwrap();
            let document = country.issue_as(&modern(), &order(Defect::None)).unwrap();
            (document.files, country.trust_bundle().unwrap(), country.lists().unwrap())
        };
        let first = make(b"one");
        assert_eq!(first, make(b"one"), "{algorithm}");
        let other = make(b"two");
        assert_ne!(first.0[&FileId::Sod], other.0[&FileId::Sod]);
        assert_eq!(first.0[&FileId::Dg(1)], other.0[&FileId::Dg(1)]);
    }
}

#[test]
fn countries_with_every_algorithm_of_the_field_are_believed() {
    let curves = DomainParameters::ALL.iter().filter(|(parameters, ..)| parameters.is_curve());
    let mut names: Vec<String> = curves
        .flat_map(|(curve, ..)| {
            ["sha256", "explicit-sha384"].map(|rest| format!("ecdsa-{}-{rest}", curve.name()))
        })
        .collect();
    for digest in ["sha1", "sha224", "sha256", "sha384", "sha512"] {
        names.push(format!("ecdsa-p256-{digest}"));
        names.push(format!("rsa-2048-{digest}"));
    }
    names.extend(["rsa-pss-2048-sha256".to_owned(), "rsa-pss-2048-sha512".to_owned()]);
    let shared = CountryPlan::default();
    for name in names {
        // The signer's algorithm is the document's; the authority's goes the same way.
        let country = country(&CountryPlan { signer: name.parse().unwrap(), ..shared.clone() });
        let document = country.issue(&order(Defect::None)).unwrap();
        assert_eq!(findings(&examined(&country, &document)), [], "{name}");
    }
    for name in ["ecdsa-brainpoolp512r1-explicit-sha512", "rsa-3072-sha256", "rsa-pss-2048-sha256"] {
        let country = country(&CountryPlan { authority: name.parse().unwrap(), ..shared.clone() });
        let document = country.issue(&order(Defect::None)).unwrap();
        assert_eq!(findings(&examined(&country, &document)), [], "{name}");
    }
}

#[test]
fn a_country_with_a_new_key_is_believed_by_its_link_certificate() {
    let renewed = country(&CountryPlan { renewed: true, ..CountryPlan::default() });
    let document = renewed.issue(&order(Defect::None)).unwrap();
    assert_eq!(findings(&examined(&renewed, &document)), []);
    let names: Vec<String> = renewed.trust_bundle().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["uto.cer", "uto.crl", "uto-link.cer"]);
}

#[test]
fn documents_of_every_size_are_read_and_believed() {
    for (format, lines, number) in [
        (Format::Td1, 3, "L898902C3"),
        (Format::Td1, 3, "L898902C3XYZ7"),
        (Format::Td2, 2, "L898902C3XY"),
        (Format::Td3, 2, "L898902C3"),
    ] {
        let kind = DocumentKind { format, ..modern() };
        let order = DocumentOrder { number: number.into(), ..order(Defect::None) };
        let document = COUNTRY.issue_as(&kind, &order).unwrap();
        assert_eq!(document.printed.len(), lines);
        assert_eq!(findings(&examined(&COUNTRY, &document)), [], "{format:?}");
        assert_eq!(parse_dg1(&document.files[&FileId::Dg(1)]).unwrap().document_number, number);
        let reading = read_by_bac(&document);
        let groups = [1, 2].map(FileId::Dg);
        for file in groups.into_iter().chain([FileId::Com, FileId::Sod]) {
            assert_eq!(reading.files[&file], document.files[&file], "{format:?} {file}");
        }
    }
    for format in [Format::MrvA, Format::MrvB] {
        let visa = COUNTRY
            .issue_as(&DocumentKind { format, ..DocumentKind::default() }, &order(Defect::None))
            .unwrap();
        assert!(visa.files.is_empty());
        assert_eq!(Mrz::parse(&visa.printed).unwrap().consistency.result, CheckResult::Successful);
    }
}

/// Reads the document's chip in process.
fn read_by_bac(document: &IssuedDocument) -> ChipReading {
    let mut passport = document.passport(1).unwrap();
    let key = Mrz::parse(&document.printed).unwrap().key_information();
    let random = ChipRandom((0..ChipRandom::LENGTH).map(|n| n as u8).collect());
    let mut session = ChipSession::new(AccessKey::Mrz(key), ReadingPlan::default(), random);
    loop {
        match session.next() {
            Next::Transmit(command) => session.answer(Ok(&passport.answer(&command)), Duration::ZERO),
            Next::Reconnect => {
                passport.reset();
                session.answer(Ok(&[]), Duration::ZERO);
            }
            Next::Done(result) => return result.unwrap(),
        }
    }
}

#[test]
fn each_defect_is_found_for_what_it_is() {
    use CheckResult::{Failed, Undetermined};
    let cam = DocumentKind { chip: ChipPlan::chip_authentication_mapping(), ..DocumentKind::default() };
    for defect in Defect::value_variants() {
        let kind = if *defect == Defect::CardSecuritySignatureWrong { &cam } else { &modern() };
        let document = COUNTRY.issue_as(kind, &order(*defect)).unwrap();
        let found = findings(&examined(&COUNTRY, &document));
        let expected: &[(CheckId, CheckResult, Reason)] = match defect {
            // What these are shows in the chip's answers only, see the tests of the card.
            Defect::None | Defect::ChipCloned | Defect::CardSecuritySignatureWrong => &[],
            // Nothing fails: it is a weakness that the profile or the officer judges.
            Defect::WeakAlgorithm => &[],
            Defect::Expired => &[(CheckId::DocumentExpiry, Failed, Reason::DocumentExpired)],
            Defect::PrintedLinesDiffer => &[(CheckId::MrzAgainstChip, Failed, Reason::MrzDisagreesWithChip)],
            Defect::OptionalDataDiffer => {
                &[(CheckId::MrzAgainstChip, Undetermined, Reason::OptionalDataDisagrees)]
            }
            Defect::CheckDigitWrong => &[(CheckId::MrzConsistency, Failed, Reason::MrzCheckDigit)],
            Defect::SignatureWrong => {
                &[(CheckId::SecurityObjectSignature, Failed, Reason::SecurityObjectSignatureWrong)]
            }
            Defect::ContentDigestWrong => {
                &[(CheckId::SecurityObjectSignature, Failed, Reason::SecurityObjectDigestWrong)]
            }
            Defect::SecurityObjectMalformed => {
                &[(CheckId::SecurityObjectSignature, Failed, Reason::SecurityObjectMalformed)]
            }
            // The name does not match, and the key that verifies is there: known from documents in the field.
            Defect::SignerNamedWrongly => &[],
            Defect::SignerCertificateMissing | Defect::SignerCertificateMalformed => {
                &[(CheckId::SecurityObjectSignature, Undetermined, Reason::SignerCertificateMissing)]
            }
            Defect::SignerCertificateForged => {
                &[(CheckId::SignerChain, Failed, Reason::SignerSignatureWrong)]
            }
            Defect::SignerRevoked => &[(CheckId::SignerRevocation, Failed, Reason::SignerRevoked)],
            Defect::SignerExpired => &[(CheckId::SignerValidity, Failed, Reason::SignerExpired)],
            Defect::SignerNotYetValid => &[(CheckId::SignerValidity, Failed, Reason::SignerNotYetValid)],
            Defect::AuthorityExpired => {
                &[(CheckId::SignerValidity, Failed, Reason::CountryCertificateExpired)]
            }
            Defect::UnknownCountry => &[(CheckId::SignerChain, Undetermined, Reason::SignerUntrusted)],
            Defect::OtherCountry => &[(CheckId::IssuingState, Failed, Reason::IssuingStateDisagrees)],
            Defect::PortraitReplaced | Defect::HashWrong | Defect::ChipKeysReplaced => {
                &[(CheckId::DataGroupIntegrity, Failed, Reason::DataGroupHashWrong)]
            }
            Defect::DataGroupMissing => {
                &[(CheckId::DataGroupIntegrity, Undetermined, Reason::ChipFileMissing)]
            }
            // It is as it was signed; whoever wants the portrait will see.
            Defect::DataGroupMalformed => {
                assert!(parse_dg2(&document.files[&FileId::Dg(2)]).is_err());
                &[]
            }
            Defect::DataGroupUnsigned => &[(CheckId::DataGroupIntegrity, Failed, Reason::DataGroupNotSigned)],
            Defect::ComDisagrees | Defect::Dg14Stripped | Defect::Dg15Stripped => {
                &[(CheckId::ComAgainstSecurityObject, Failed, Reason::ComDisagrees)]
            }
        };
        assert_eq!(found.is_empty(), expected.is_empty(), "{defect:?}: {found:?}");
        for (id, result, reason) in expected {
            assert!(
                found.iter().any(|(i, r, reasons)| (i, r) == (id, result) && reasons.contains(reason)),
                "{defect:?}: {id:?} {result:?} {reason:?} is not among {found:?}"
            );
        }
    }
}

#[test]
fn optional_groups_and_files_of_the_master_file_say_what_was_described() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/test-document.toml");
    let description = Description::read(&path).unwrap();
    let country = TestCountry::planned(&description.country, *NOW, b"x").unwrap();
    let document = country.issue_as(&description.document, &order(Defect::None)).unwrap();
    let file = |file| &document.files[&file];
    let com = parse_com(file(FileId::Com)).unwrap();
    assert_eq!((com.lds_version.as_str(), com.data_groups), ("0108", vec![1, 2, 11, 12, 13, 14, 15, 16]));
    let person = parse_dg11(file(FileId::Dg(11))).unwrap();
    assert_eq!(person.place_of_birth.as_deref(), Some("Zenith"));
    assert_eq!(parse_dg16(file(FileId::Dg(16))).unwrap(), description.document.chip.notify);
    assert!(parse_atr_info(file(FileId::AtrInfo)).unwrap().extended_length);
    let [application] = parse_dir(file(FileId::Dir)).unwrap().try_into().unwrap();
    assert_eq!(application.name, [0xA0, 0, 0, 2, 0x47, 0x10, 1]);
    assert_eq!(findings(&examined(&country, &document)), []);
}

#[test]
fn every_protocol_that_a_plan_names_stands_in_the_files_of_the_chip() {
    let mut chip = ChipPlan { lds: LdsVersion::V18, ..ChipPlan::default() };
    for (parameters, ..) in DomainParameters::ALL {
        for mapping in [Mapping::Generic, Mapping::Integrated, Mapping::ChipAuthentication] {
            if parameters.is_curve() || mapping != Mapping::ChipAuthentication {
                chip.pace.push(Pace { mapping, parameters, cipher: Cipher::Aes192 });
            }
        }
        let id = Some(u64::from(parameters.number()) + 200);
        chip.chip_authentication.push(ChipAuthentication { parameters, cipher: Cipher::Aes256, id });
    }
    let offered = chip.pace.len();
    let kind = DocumentKind { chip, ..DocumentKind::default() };
    let document = COUNTRY.issue_as(&kind, &order(Defect::None)).unwrap();
    let infos = |set: &[u8]| tlv::elements(tlv::read(set).unwrap().0.value).count();
    assert_eq!(infos(&document.files[&FileId::CardAccess]), offered);
    let dg14 = tlv::read(&document.files[&FileId::Dg(14)]).unwrap().0.value;
    assert_eq!(infos(dg14), offered + 2 * DomainParameters::ALL.len());
    assert_eq!(document.keys.chip_authentication.len(), DomainParameters::ALL.len());
    assert!(document.files.contains_key(&FileId::CardSecurity));
}

#[test]
fn the_countrys_master_list_verifies_and_holds_its_certificates() {
    let renewed = country(&CountryPlan { renewed: true, ..CountryPlan::default() });
    let lists = renewed.lists().unwrap();
    let names: Vec<&str> = lists.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["uto.ml", "uto.dvl", "uto.defects"]);
    let list = MasterList::parse(&lists[0].1).unwrap();
    let roots: Vec<_> = list.envelope_certificates().iter().filter(|c| c.is_authority()).cloned().collect();
    assert!(list.verify(&roots).is_ok());
    let survey = list.survey();
    assert_eq!((survey.certificates, survey.self_signed_valid, survey.links_valid), (3, 2, 1));
}

#[test]
fn a_defect_that_a_chip_cannot_have_is_refused_with_what_is_needed() {
    for defect in [Defect::Dg14Stripped, Defect::Dg15Stripped, Defect::ChipCloned, Defect::ChipKeysReplaced] {
        let error = COUNTRY.issue(&order(defect)).unwrap_err().to_string();
        assert!(error.contains("authentication") && error.contains("--chip"), "{error}");
    }
}

#[test]
fn the_portrait_is_read_in_either_record_format() {
    for face_record in [Default::default(), egate::chip::files::FaceRecord::Iso39794] {
        let kind =
            DocumentKind { chip: ChipPlan { face_record, ..ChipPlan::default() }, ..Default::default() };
        let document = COUNTRY.issue_as(&kind, &order(Defect::None)).unwrap();
        let portrait = parse_dg2(&document.files[&FileId::Dg(2)]).unwrap();
        assert_eq!(portrait.bytes, order(Defect::None).portrait);
    }
}
