//! Seeds: what the issuer and the simulators make, from a fixed seed and day.

use egate::chip::FileId;
use egate::devices::modbus::Request;
use egate::devices::mrz_reader::FramingProfile;
use egate::record::{Delta, InForce, ReportKind, Snapshot, SnapshotKey};
use egate::workbench::issue::{
    Description, DocumentKind, DocumentOrder, IssuedDocument, SignatureAlgorithm, TestCountry,
};
use image::{ImageFormat, Rgb, RgbImage};
use jiff::Timestamp;
use jiff::civil::date;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::LazyLock;

const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
const DESCRIPTION: &str = include_str!("../../config/test-document.toml");
pub(crate) const LANE: &str = include_str!("../../config/lane.toml");
const CENTRAL: &str = include_str!("../../config/central.toml");
const GRADIENT: &[u8] = include_bytes!("../../tests/data/gradient.jp2");
/// SELECT of the application, GET CHALLENGE, READ BINARY.
const COMMANDS: [&[u8]; 3] = [
    &[0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01],
    &[0x00, 0x84, 0x00, 0x00, 0x08],
    &[0x00, 0xB0, 0x9C, 0x00, 0x00],
];

pub(crate) fn now() -> Timestamp {
    Timestamp::constant(1_768_478_400, 0)
}

/// The country of all seeds.
pub(crate) fn country() -> &'static TestCountry {
    static COUNTRY: LazyLock<TestCountry> = LazyLock::new(|| countries().swap_remove(0));
    &COUNTRY
}

/// Countries that sign in each way.
fn countries() -> Vec<TestCountry> {
    let algorithms = ["ecdsa-brainpoolp256r1-explicit-sha256", "rsa-2048-sha256", "rsa-pss-2048-sha512"];
    let countries = algorithms.iter().map(|name| {
        let algorithm: SignatureAlgorithm = name.parse().expect("an algorithm's name");
        let mut plan = description().country;
        (plan.authority, plan.signer, plan.renewed) = (algorithm, algorithm, false);
        TestCountry::planned(&plan, now(), b"fuzzing").expect("a country")
    });
    countries.collect()
}

fn description() -> Description {
    toml::from_str(DESCRIPTION).expect("the example is a description")
}

fn jpeg() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(24, 32, |x, y| Rgb([(x * 9) as u8, (y * 7) as u8, 90]));
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("a picture");
    bytes.into_inner()
}

fn issue(country: &TestCountry, kind: &DocumentKind, portrait: Vec<u8>) -> IssuedDocument {
    let order = DocumentOrder {
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        number: "L898902C3".to_owned(),
        nationality: "UTO".to_owned(),
        date_of_birth: date(1974, 8, 12),
        date_of_expiry: date(2012, 4, 15),
        sex: 'F',
        portrait,
        defect: Default::default(),
    };
    country.issue_as(kind, &order).expect("a document")
}

/// Documents of each kind.
fn documents() -> Vec<IssuedDocument> {
    let described = description().document;
    let mut newer = described.clone();
    newer.chip.face_record = egate::chip::files::FaceRecord::Iso39794;
    newer.chip.pace = egate::workbench::issue::ChipPlan::chip_authentication_mapping().pace;
    let mut all: Vec<_> =
        countries().iter().map(|country| issue(country, &DocumentKind::default(), jpeg())).collect();
    all.push(issue(country(), &described, jpeg()));
    all.push(issue(country(), &newer, GRADIENT.to_vec()));
    all
}

/// The files of one document whose chip is opened by BAC.
pub(crate) fn files() -> BTreeMap<FileId, Vec<u8>> {
    static FILES: LazyLock<BTreeMap<FileId, Vec<u8>>> =
        LazyLock::new(|| issue(country(), &DocumentKind::default(), jpeg()).files);
    FILES.clone()
}

/// Seeds of the parser of this name.
pub(crate) fn of(name: &str) -> Vec<Vec<u8>> {
    let file = |file: FileId| -> Vec<Vec<u8>> {
        let mut all: Vec<_> = documents().into_iter().filter_map(|mut d| d.files.remove(&file)).collect();
        all.dedup();
        all
    };
    let lists = |ends: &[&str]| -> Vec<Vec<u8>> {
        let published = |country: &TestCountry| {
            let bundle = country.trust_bundle().expect("a trust bundle");
            bundle.into_iter().chain(country.lists().expect("lists")).collect::<Vec<_>>()
        };
        let all = countries().iter().flat_map(published).collect::<Vec<_>>();
        all.into_iter()
            .filter(|(name, _)| ends.iter().any(|end| name.ends_with(end)))
            .map(|(_, b)| b)
            .collect()
    };
    match name {
        "tlv" | "com" => file(FileId::Com),
        "answers" => vec![framed([&[0x90, 0x00][..], &[1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00], &[0x6A, 0x82]])],
        "hostile_card" => hostile_files(),
        "secure_messaging" => protected(),
        "dg1" => file(FileId::Dg(1)),
        "dg2" => file(FileId::Dg(2)),
        "portrait" => vec![jpeg(), GRADIENT.to_vec()],
        "dg7" => vec![egate::chip::files::encode_dg7(&[egate::chip::Portrait {
            media: egate::chip::Media::Jpeg,
            bytes: jpeg(),
        }])],
        "dg11" => file(FileId::Dg(11)),
        "dg12" => file(FileId::Dg(12)),
        "dg13" => file(FileId::Dg(13)),
        "dg16" => file(FileId::Dg(16)),
        "security_infos" => {
            [FileId::CardAccess, FileId::Dg(14), FileId::CardSecurity].into_iter().flat_map(file).collect()
        }
        "master_file" => [FileId::AtrInfo, FileId::Dir].into_iter().flat_map(file).collect(),
        "security_object" => file(FileId::Sod),
        "certificate" => lists(&[".cer"]),
        "revocation_list" => lists(&[".crl"]),
        "master_list" => lists(&[".ml"]),
        "trust_material" => {
            lists(&[".cer", ".crl", ".ml", ".dvl", ".defects"]).into_iter().chain([ldif()]).collect()
        }
        "mrz" => vec![LINES.join("\n").into_bytes()],
        "mrz_framing" => [
            FramingProfile::plain(),
            FramingProfile::default(),
            FramingProfile::desko(2, 3),
            FramingProfile::rte(),
        ]
        .map(|profile| profile.frame(&LINES))
        .to_vec(),
        "modbus" => vec![
            Request::ReadInputRegisters { start: 0, count: 8 }.to_bytes(1),
            Request::WriteRegisters { start: 4, values: vec![1, 2, 3] }.to_bytes(1),
        ],
        "card" => vec![framed(COMMANDS)],
        "settings" => [LANE, CENTRAL, DESCRIPTION].map(|text| text.as_bytes().to_vec()).to_vec(),
        "record" => vec![
            br#"{"records":[{"canonical":"{}","sha256":"00","signature":"00"}]}"#.to_vec(),
            br#"{"epoch":"e","stored_through":7}"#.to_vec(),
        ],
        "records_file" => super::records::file_seeds(),
        "receipts" => super::records::receipt_seeds(),
        "snapshot" => vec![snapshot(&[]), snapshot(&["UTOL898902C3", "UTOX000000X0"])],
        "snapshot_delta" => {
            let (from, to) = (snapshot(&["UTOL898902C3"]), snapshot(&["UTOL898902C3", "UTOX000000X0"]));
            Delta::between(&from, &to).expect("a delta can be made").into_iter().collect()
        }
        "command_order" => vec![
            br#"{"by":"anna","command":"out_of_service","expires":1768478460000,"id":"00112233445566778899aabbccddeeff","issued":1768478400000,"lane":"lane-1"}"#.to_vec(),
            br#"{"by":"anna","command":"reopen_entry","expires":1768478460000,"id":"00112233445566778899aabbccddeeff","issued":1768478400000,"lane":"lane-1","passage":"lane-1-7-1"}"#.to_vec(),
            br#"{"at":1,"id":"00","refused":{"not_now":"busy"}}"#.to_vec(),
            br#"{"amiss":["camera_lost"],"out_of_service":true,"passage":"p","state":"ready","waiting":0}"#.to_vec(),
        ],
        "release_manifest" => vec![
            manifest().into_bytes(),
            br#"{"lanes":["lane-1"],"percent":30,"ports":["harbour"]}"#.to_vec(),
            br#"{"generation":7,"sha256":"00","tried":{"failure":"no","generation":8}}"#.to_vec(),
        ],
        "released_settings" => vec![
            b"upload_bytes_per_second = 500_000\n[screen]\nlanguage = \"de\"\nvoice = false\n[mrz_reader]\n\
              repeat_ms = 800\n[gate]\nbuzzer_ms = 300\n[inference]\nthreads = 2\n"
                .to_vec(),
            b"gate.line.port = \"/dev/ttyS0\"\n".to_vec(),
        ],
        other => panic!("no seeds for {other}"),
    }
}

/// The lists of a lane, with these documents lost.
pub(crate) fn snapshot(documents: &[&str]) -> Vec<u8> {
    let hash = || SnapshotKey::new([9; 16]).expect("a key");
    let key = hash();
    let documents = documents.iter().map(|name| key.document(name, ReportKind::Lost).expect("a hash"));
    Snapshot::new(hash(), InForce { persons: true, rules: false }, documents.collect(), Vec::new()).encode()
}

/// A release with one file of each kind, in canonical form.
fn manifest() -> String {
    let hash = "9f".repeat(32);
    let file = |name: &str| format!(r#""{name}":{{"sha256":"{hash}","size":7}}"#);
    let files = ["profile.toml", "settings.toml", "trust/UT.ml"].map(file).join(",");
    format!(r#"{{"files":{{{files}}},"generation":7,"issued":1768478400000,"note":"stricter"}}"#)
}

/// Pieces, each after its length in two bytes.
fn framed<const N: usize>(pieces: [&[u8]; N]) -> Vec<u8> {
    let frame = |piece: &[u8]| [&(piece.len() as u16).to_be_bytes()[..], piece].concat();
    pieces.into_iter().flat_map(frame).collect()
}

/// Files of a good chip after the byte that says which they are.
fn hostile_files() -> Vec<Vec<u8>> {
    let order = [
        FileId::CardAccess,
        FileId::CardSecurity,
        FileId::AtrInfo,
        FileId::Sod,
        FileId::Com,
        FileId::Dg(1),
        FileId::Dg(14),
        FileId::Dg(15),
    ];
    let documents = documents();
    let mut seeds = Vec::new();
    for (which, file) in (0u8..).zip(order) {
        let found = documents.iter().rev().find_map(|document| document.files.get(&file));
        seeds.extend(found.map(|content| [&[which][..], content].concat()));
    }
    seeds
}

/// Answers under secure messaging: a cryptogram of two blocks, a status, no right MAC.
fn protected() -> Vec<Vec<u8>> {
    let cryptogram = [&[0x87, 0x21, 0x01][..], &[0xAB; 32]].concat();
    let objects = [&cryptogram[..], &[0x99, 0x02, 0x90, 0x00]].concat();
    [0u8, 1].map(|which| [&[which][..], &objects].concat()).to_vec()
}

/// A piece of a directory with one certificate.
fn ldif() -> Vec<u8> {
    let certificate = country().trust_bundle().expect("a trust bundle").swap_remove(0).1;
    let encoded = base64(&certificate);
    let mut text = "dn: o=dsc,c=UT,dc=data\nobjectClass: pkdDownload\nuserCertificate;binary:: ".to_owned();
    for (place, piece) in encoded.as_bytes().chunks(60).enumerate() {
        if place > 0 {
            text.push_str("\n ");
        }
        text.push_str(std::str::from_utf8(piece).expect("letters"));
    }
    text.push('\n');
    text.into_bytes()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
