//! The lanes' side of central, over real TLS: who may speak, what is stored, what is acknowledged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, picture_ref, refer, sha256};
use egate::central::enrol;
use egate::central::store::{AlarmKind, PassageFilter, RecordKey, Store};
use egate::central::{Central, CentralSettings};
use egate::check::{CheckId, Reason};
use egate::outbox::{CallError, CentralClient, CentralClientSettings, LookupError};
use egate::record::SignedRecord;
use egate::record::wire::{DocumentStatus, LookupQuestion, RefusalCode};
use std::time::Duration;

fn code(error: &CallError) -> RefusalCode {
    match error {
        CallError::Refused { refusal, .. } => refusal.code,
        other => panic!("no refusal: {other}"),
    }
}

fn unreachable(error: &CallError) -> &str {
    match error {
        CallError::Unreachable(text) => text,
        other => panic!("reached: {other}"),
    }
}

fn all() -> PassageFilter {
    PassageFilter { ending: None, most: 100 }
}

fn question(number: &str) -> LookupQuestion {
    LookupQuestion {
        passage: "lane-1/x/1".to_owned(),
        nonce: "0f".repeat(16),
        patience_ms: 20_000,
        document_code: "P<".to_owned(),
        issuing_state: "UTO".to_owned(),
        document_number: number.to_owned(),
        nationality: "UTO".to_owned(),
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        date_of_birth: "740812".to_owned(),
        sex: "F".to_owned(),
    }
}

#[tokio::test]
async fn a_connection_without_client_certificate_is_refused() {
    let world = World::start().await;
    let authority = world.kit("lane-1").authority_pem;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in
        <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::pem_slice_iter(
            authority.as_bytes(),
        )
    {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
    let error = http.get(format!("{}/v1/health", world.url())).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("CertificateRequired"), "{error:?}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let world = World::start().await;
    let other = tempfile::tempdir().unwrap();
    enrol::init(other.path(), &["localhost"]).unwrap();
    let kit = egate::outbox::LaneKit::read(&enrol::enrol_lane(other.path(), "lane-1").unwrap()).unwrap();
    let client = CentralClient::new(&CentralClientSettings {
        url: world.url(),
        authority_pem: world.kit("lane-1").authority_pem,
        certificate_pem: kit.certificate_pem,
        key_pem: kit.key_pem,
        answers: kit.answers,
    })
    .unwrap();
    let error = client.health().await.unwrap_err();
    assert!(
        unreachable(&error).contains("DecryptError") || unreachable(&error).contains("UnknownCA"),
        "{error}"
    );
}

#[tokio::test]
async fn a_lane_does_not_speak_to_a_central_of_another_authority() {
    let world = World::start().await;
    let other = tempfile::tempdir().unwrap();
    enrol::init(other.path(), &["localhost"]).unwrap();
    let (ours, theirs) =
        (world.kit("lane-1"), std::fs::read_to_string(other.path().join("authority.pem")).unwrap());
    let client = CentralClient::new(&CentralClientSettings {
        url: world.url(),
        authority_pem: theirs,
        certificate_pem: ours.certificate_pem,
        key_pem: ours.key_pem,
        answers: ours.answers,
    })
    .unwrap();
    let error = client.health().await.unwrap_err();
    assert!(unreachable(&error).contains("certificate"), "{error}");
}

#[tokio::test]
async fn centrals_own_certificate_opens_no_lane_connection() {
    let world = World::start().await;
    let identity = &world.settings.identity;
    let client = CentralClient::new(&CentralClientSettings {
        url: world.url(),
        authority_pem: world.kit("lane-1").authority_pem,
        certificate_pem: std::fs::read_to_string(identity.join("central.pem")).unwrap(),
        key_pem: std::fs::read_to_string(identity.join("central.key.pem")).unwrap(),
        answers: world.kit("lane-1").answers,
    })
    .unwrap();
    unreachable(&client.health().await.unwrap_err());
}

#[tokio::test]
async fn a_revoked_lane_and_one_that_is_not_enrolled_are_refused() {
    let world = World::start().await;
    let client = world.client("lane-1");
    client.health().await.unwrap();
    assert!(world.central.office.revoke_lane("lane-1").await.unwrap());
    assert_eq!(code(&client.health().await.unwrap_err()), RefusalCode::UnknownLane);

    let stray = world.client("lane-2");
    std::fs::remove_file(world.settings.identity.join("lanes/lane-2.record.pub")).unwrap();
    assert_eq!(code(&stray.health().await.unwrap_err()), RefusalCode::UnknownLane);
}

#[tokio::test]
async fn a_batch_for_another_lane_is_refused() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    // Lane 1 signs with its own key, but names lane 2.
    let record = chain.next(|record| record.position.lane = "lane-2".to_owned());
    let error = world.client("lane-1").post_records(&batch(&[&record])).await.unwrap_err();
    assert_eq!(code(&error), RefusalCode::OtherLane);
    // Lane 2 passes on a record of lane 1.
    let record = chain.next(|_| {});
    let error = world.client("lane-2").post_records(&batch(&[&record])).await.unwrap_err();
    assert_eq!(code(&error), RefusalCode::BadRecord);
    assert!(world.central.store().passages(&all()).unwrap().is_empty());
}

#[tokio::test]
async fn a_record_sent_again_is_acknowledged_again_and_stored_once() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, two, three) = (chain.next(|_| {}), chain.next(|_| {}), chain.next(|_| {}));
    let client = world.client("lane-1");
    let answer = client.post_records(&batch(&[&one, &two])).await.unwrap();
    assert_eq!((answer.epoch.as_str(), answer.stored_through), (EPOCH, 2));
    // The acknowledgement was lost: the lane sends all three.
    let answer = client.post_records(&batch(&[&one, &two, &three])).await.unwrap();
    assert_eq!(answer.stored_through, 3);
    let store = world.central.store();
    assert_eq!(store.passages(&all()).unwrap().len(), 3);
    assert!(store.alarms(10).unwrap().is_empty());
}

#[tokio::test]
async fn an_altered_record_is_refused_and_those_before_it_are_stored() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, mut two) = (chain.next(|_| {}), chain.next(|_| {}));
    two.canonical = two.canonical.replace("ANNA", "HANNA");
    let client = world.client("lane-1");
    assert_eq!(client.post_records(&batch(&[&one, &two])).await.unwrap().stored_through, 1);
    assert_eq!(code(&client.post_records(&batch(&[&two])).await.unwrap_err()), RefusalCode::BadRecord);
    // With the right hash the signature is still wrong.
    two.sha256 = sha256(two.canonical.as_bytes());
    assert_eq!(code(&client.post_records(&batch(&[&two])).await.unwrap_err()), RefusalCode::BadRecord);
    let store = world.central.store();
    assert_eq!(store.passages(&all()).unwrap().len(), 1);
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::BadRecord));
}

#[tokio::test]
async fn another_record_under_the_same_key_is_set_aside_and_alarmed() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let first = chain.next(|_| {});
    let mut again = Chain::new(&world, "lane-1");
    let other = again.next(|record| record.lasted_ms = 1);
    let client = world.client("lane-1");
    client.post_records(&batch(&[&first])).await.unwrap();
    for _ in 0..2 {
        let error = client.post_records(&batch(&[&other])).await.unwrap_err();
        assert_eq!(code(&error), RefusalCode::Conflict);
    }
    let store = world.central.store();
    let kept = store.passages(&all()).unwrap();
    assert_eq!((kept.len(), kept[0].record.lasted_ms), (1, 7_400));
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind, alarms[0].count), (1, AlarmKind::Conflict, 2));
}

#[tokio::test]
async fn a_gap_is_alarmed_and_calmed_when_it_closes() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let records: Vec<SignedRecord> = (0..4).map(|_| chain.next(|_| {})).collect();
    let client = world.client("lane-1");
    client.post_records(&batch(&[&records[0]])).await.unwrap();
    client.post_records(&batch(&[&records[3]])).await.unwrap();
    let store = world.central.store();
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::Gap));
    assert_eq!(alarms[0].text, "2 missing before this one");
    client.post_records(&batch(&[&records[1], &records[2]])).await.unwrap();
    assert!(store.alarms(10).unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_does_not_continue_the_one_before_is_alarmed() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let one = chain.next(|_| {});
    let two = chain.next(|record| record.position.previous = "ab".repeat(32));
    world.client("lane-1").post_records(&batch(&[&one, &two])).await.unwrap();
    let alarms = world.central.store().alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::ChainBreak));
}

#[tokio::test]
async fn a_record_waits_for_its_pictures() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let sealed = b"sealed bytes".to_vec();
    let record = chain.next(|record| {
        refer(record, CheckId::FaceMatch, Reason::FaceMismatch);
        record.pictures = vec![picture_ref("portrait", &sealed)];
    });
    let client = world.client("lane-1");
    let error = client.post_records(&batch(&[&record])).await.unwrap_err();
    let CallError::Refused { refusal, .. } = &error else { panic!("{error}") };
    assert_eq!(refusal.code, RefusalCode::PictureMissing);
    assert_eq!(refusal.picture.as_deref(), Some(sha256(&sealed).as_str()));
    // Under a name that is not its hash it is not taken.
    let error = client.put_picture(&sha256(b"other"), sealed.clone()).await.unwrap_err();
    assert_eq!(code(&error), RefusalCode::Malformed);
    for name in ["..%2f..%2fidentity%2fcentral.pem", "A", &sha256(&sealed).to_uppercase()] {
        assert_eq!(
            code(&client.put_picture(name, sealed.clone()).await.unwrap_err()),
            RefusalCode::Malformed
        );
    }
    client.put_picture(&sha256(&sealed), sealed.clone()).await.unwrap();
    client.put_picture(&sha256(&sealed), sealed).await.unwrap();
    assert_eq!(client.post_records(&batch(&[&record])).await.unwrap().stored_through, 1);
    let (cases, count) = world.central.store().open_cases(10).unwrap();
    assert_eq!((cases.len(), count), (1, 1));
}

#[tokio::test]
async fn a_look_up_finds_a_reported_document_however_it_is_written() {
    let world = World::start().await;
    world.central.office.report_document("UTO", "L898-902 c3", "stolen").await.unwrap();
    let client = world.client("lane-1");
    let patience = Duration::from_secs(20);
    let hit = client.look_up(&question("L898902C3<"), patience).await.unwrap();
    assert_eq!(hit.document, DocumentStatus::Reported("stolen".to_owned()));
    assert_eq!((hit.passage.as_str(), hit.nonce.len()), ("lane-1/x/1", 32));
    let miss = client.look_up(&question("L898902C4"), patience).await.unwrap();
    assert_eq!(miss.document, DocumentStatus::Clear);

    let trail = world.central.store().audit_lines(10).unwrap();
    assert_eq!((trail[0].actor.as_str(), trail[0].act.as_str()), ("lane:lane-1", "lists.look_up"));
    assert!(trail[0].detail.starts_with("border check: document clear"), "{}", trail[0].detail);
    assert!(trail[1].detail.starts_with("border check: document reported: stolen"), "{}", trail[1].detail);
    assert_eq!(world.central.store().audit_break().unwrap(), None);
}

#[tokio::test]
async fn a_look_up_says_why_there_is_no_answer() {
    let world = World::start().await;
    let client = world.client("lane-1");
    assert_eq!(client.look_up(&question("X"), Duration::ZERO).await, Err(LookupError::Late));
    let long = "9".repeat(500);
    let error = client.look_up(&question(&long), Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::LookupUnavailable);
    world.central.stop().await.unwrap();
    let error = client.look_up(&question("X"), Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::LookupUnavailable);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_no_message_are_refused() {
    let world = World::start().await;
    let client = world.client("lane-1");
    let large = vec![7; (2 << 20) + 1];
    // Central answers and closes while the lane still sends: the lane may see either.
    match client.put_picture(&sha256(&large), large).await.unwrap_err() {
        CallError::Refused { refusal, .. } => assert_eq!(refusal.code, RefusalCode::TooLarge),
        CallError::Unreachable(_) => {}
        other => panic!("{other}"),
    }
    let mut chain = Chain::new(&world, "lane-1");
    let mut record = chain.next(|record| record.profile = "p".repeat(70_000));
    assert_eq!(code(&client.post_records(&batch(&[&record])).await.unwrap_err()), RefusalCode::TooLarge);
    record.canonical = "{}".to_owned();
    assert_eq!(code(&client.post_records(&batch(&[&record])).await.unwrap_err()), RefusalCode::BadRecord);
    assert_eq!(code(&client.post_records(&batch(&[])).await.unwrap_err()), RefusalCode::Malformed);
    let crowd: Vec<&SignedRecord> = std::iter::repeat_n(&record, 65).collect();
    assert_eq!(code(&client.post_records(&batch(&crowd)).await.unwrap_err()), RefusalCode::Malformed);
}

#[tokio::test]
async fn records_out_of_order_are_refused() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, two) = (chain.next(|_| {}), chain.next(|_| {}));
    let client = world.client("lane-1");
    // The first is good and is stored; the one that goes backwards is not acknowledged.
    assert_eq!(client.post_records(&batch(&[&two, &one])).await.unwrap().stored_through, 2);
    let store = world.central.store();
    assert_eq!(store.passages(&all()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, two) = (chain.next(|_| {}), chain.next(|_| {}));
    world.client("lane-1").post_records(&batch(&[&one])).await.unwrap();
    world.central.office.report_document("UTO", "L898902C3", "lost").await.unwrap();
    let world = world.restart().await;
    let client = world.client("lane-1");
    let key = RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence: 1 };
    assert!(world.central.store().passage(&key).unwrap().is_some());
    assert_eq!(client.post_records(&batch(&[&one, &two])).await.unwrap().stored_through, 2);
    let hit = client.look_up(&question("L898902C3"), Duration::from_secs(20)).await.unwrap();
    assert_eq!(hit.document, DocumentStatus::Reported("lost".to_owned()));
    assert!(world.central.store().alarms(10).unwrap().is_empty());
}

#[tokio::test]
async fn a_lane_enrolled_while_central_runs_is_known_at_once() {
    let world = World::start().await;
    enrol::enrol_lane(&world.settings.identity, "lane-3").unwrap();
    world.client("lane-3").health().await.unwrap();
}

#[test]
fn an_identity_is_never_overwritten_and_names_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    enrol::init(folder.path(), &["localhost"]).unwrap();
    assert!(enrol::init(folder.path(), &["localhost"]).is_err());
    enrol::enrol_lane(folder.path(), "lane-1").unwrap();
    assert!(enrol::enrol_lane(folder.path(), "lane-1").is_err());
    for name in ["", "Lane", "a/b", "..", "lane 1", &"x".repeat(33)] {
        assert!(enrol::enrol_lane(folder.path(), name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn a_console_on_plain_http_is_refused_where_others_could_reach_it() {
    let world = World::start().await;
    let mut settings: CentralSettings = world.settings.clone();
    settings.data = world.folder.path().join("other");
    settings.console.listen = "0.0.0.0:0".parse().unwrap();
    let Err(error) = Central::start(settings).await else { panic!("it started") };
    assert!(error.to_string().contains("reached from outside"), "{error}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.sqlite");
    drop(Store::sqlite(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let Err(error) = Store::sqlite(&path) else { panic!("it opened") };
    let said = error.to_string();
    assert!(said.starts_with("the database has version 99, this software knows versions up to"), "{said}");
}

#[test]
fn an_edited_audit_trail_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.sqlite");
    let store = Store::sqlite(&path).unwrap();
    for n in 0..3 {
        let subject = n.to_string();
        let entry = egate::central::store::AuditEntry {
            actor: "officer",
            act: "case.view",
            subject: &subject,
            detail: "",
        };
        store.audit(entry, n).unwrap();
    }
    assert_eq!(store.audit_break().unwrap(), None);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE audit SET actor = 'nobody' WHERE number = 2", []).unwrap();
    assert_eq!(store.audit_break().unwrap(), Some(2));
}
