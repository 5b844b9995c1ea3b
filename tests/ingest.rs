//! Who may send what to central, how much and how often; what central notices of a lane.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, sha256};
use egate::central::store::{AlarmKind, PassageFilter};
use egate::outbox::{CallError, CentralClient, CentralClientSettings, LaneKit};
use egate::record::wire::{LANE_TIME, RefusalCode, Telemetry, TelemetryBatch};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};

fn code(error: &CallError) -> RefusalCode {
    match error {
        CallError::Refused { refusal, .. } => refusal.code,
        other => panic!("no refusal: {other}"),
    }
}

fn client(world: &World, kit: LaneKit) -> CentralClient {
    CentralClient::new(&CentralClientSettings {
        url: world.url(),
        authority_pem: kit.authority_pem,
        certificate_pem: kit.certificate_pem,
        key_pem: kit.key_pem,
        answers: kit.answers,
    })
    .unwrap()
}

/// A certificate of central's own authority for these names, good between these years.
fn certified(world: &World, names: &[&str], usage: ExtendedKeyUsagePurpose, years: [i32; 2]) -> LaneKit {
    let identity = &world.settings.identity;
    let read = |file: &str| std::fs::read_to_string(identity.join(file)).unwrap();
    let key = KeyPair::from_pem(&read("authority.key.pem")).unwrap();
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, "egate lanes authority");
    let issuer = Issuer::new(authority, key);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for name in names {
        params.distinguished_name.push(DnType::CommonName, *name);
    }
    params.extended_key_usages = vec![usage];
    params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
    params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
    let own = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&own, &issuer).unwrap();
    LaneKit { certificate_pem: certificate.pem(), key_pem: own.serialize_pem(), ..world.kit("lane-1") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_out_of_its_time_or_for_another_use_opens_no_connection() {
    let world = World::start().await;
    let lane = || ExtendedKeyUsagePurpose::ClientAuth;
    let good = certified(&world, &["lane-1"], lane(), [2020, 2090]);
    client(&world, good).health().await.unwrap();
    for (what, usage, years) in [
        ("expired", lane(), [2001, 2002]),
        ("not yet good", lane(), [2080, 2090]),
        ("a server's", ExtendedKeyUsagePurpose::ServerAuth, [2020, 2090]),
    ] {
        let error = client(&world, certified(&world, &["lane-1"], usage, years)).health().await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)), "{what}: {error}");
    }
    // Good, but of nobody who is enrolled.
    let stray = client(&world, certified(&world, &["../lane-1"], lane(), [2020, 2090]));
    assert!(stray.health().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_was_revoked_amid_its_work_is_refused_from_then_on() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let (one, two) = (chain.next(|_| {}), chain.next(|_| {}));
    let lane = world.client("lane-1");
    lane.post_records(&batch(&[&one])).await.unwrap();
    assert!(world.central.office.revoke_lane("lane-1").await.unwrap());
    let entry = Telemetry { number: 1, at: 0, kind: "test".to_owned(), text: String::new() };
    let told = TelemetryBatch { epoch: EPOCH.to_owned(), entries: vec![entry] };
    for refused in [
        lane.post_records(&batch(&[&two])).await.map(drop),
        lane.put_picture(&sha256(b"x"), b"x".to_vec()).await,
        lane.post_telemetry(&told).await.map(drop),
    ] {
        assert_eq!(code(&refused.unwrap_err()), RefusalCode::UnknownLane);
    }
    let stored = world.central.store().passages(&PassageFilter { ending: None, most: 9 }).unwrap();
    assert_eq!(stored.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_calls_too_often_is_told_to_wait_and_another_is_not() {
    let world = World::start().await;
    let (hasty, calm) = (world.client("lane-1"), world.client("lane-2"));
    let mut waits = None;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1200 {
        let hasty = hasty.clone();
        calls.spawn(async move { hasty.health().await });
        if calls.len() >= 32
            && let Some(Ok(Err(CallError::Refused { refusal, retry_after }))) = calls.join_next().await
        {
            assert_eq!(refusal.code, RefusalCode::Busy);
            waits = Some(retry_after);
            break;
        }
    }
    let Some(retry_after) = waits else {
        // A machine that makes fewer calls a second than are allowed cannot call too often.
        return;
    };
    assert!(retry_after.is_some_and(|wait| !wait.is_zero()));
    calm.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_that_is_none_is_refused_and_the_same_again_is_kept_once() {
    let world = World::start().await;
    let lane = world.client("lane-1");
    let entry = |number, text: &str| Telemetry {
        number,
        at: 7,
        kind: "camera_lost".to_owned(),
        text: text.to_owned(),
    };
    let told = |entries| TelemetryBatch { epoch: EPOCH.to_owned(), entries };
    for wrong in [
        told(vec![]),
        told(vec![entry(2, ""), entry(1, "")]),
        told(vec![entry(1, &"x".repeat(513))]),
        told(vec![entry(u64::MAX, "")]),
        told((1..=65).map(|number| entry(number, "")).collect()),
        TelemetryBatch { epoch: "../x".to_owned(), entries: vec![entry(1, "")] },
    ] {
        assert_eq!(code(&lane.post_telemetry(&wrong).await.unwrap_err()), RefusalCode::Malformed);
    }
    let large = told(vec![entry(1, &"x".repeat(400_000))]);
    match lane.post_telemetry(&large).await.unwrap_err() {
        CallError::Refused { refusal, .. } => assert_eq!(refusal.code, RefusalCode::TooLarge),
        other => assert!(matches!(other, CallError::Unreachable(_)), "{other}"),
    }
    for _ in 0..2 {
        let answer = lane.post_telemetry(&told(vec![entry(1, "<script>"), entry(5, "")])).await.unwrap();
        assert_eq!(answer.stored_through, 5);
    }
    assert_eq!(world.central.store().telemetry("lane-1", 10).unwrap().len(), 2);
    assert!(world.central.store().telemetry("lane-2", 10).unwrap().is_empty());
}

/// A call with a clock of its own choosing.
async fn call_at(world: &World, lane: &str, time: &str) {
    let kit = world.kit(lane);
    let identity = reqwest_identity(&kit);
    let answer = identity.get(format!("{}/v1/health", world.url())).header(LANE_TIME, time).send().await;
    assert_eq!(answer.unwrap().status(), 204);
}

fn reqwest_identity(kit: &LaneKit) -> reqwest::Client {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(kit.authority_pem.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(kit.certificate_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(kit.key_pem.as_bytes()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.unwrap(), key)
        .unwrap();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_s_clock_is_measured_and_alarmed_when_it_is_wrong() {
    let world = World::start().await;
    let store = world.central.store();
    world.client("lane-1").health().await.unwrap();
    let measured = store.clocks().unwrap();
    assert_eq!((measured.len(), measured[0].lane.as_str()), (1, "lane-1"));
    assert!(measured[0].ahead.abs() < 5_000 && store.alarms(9).unwrap().is_empty(), "{measured:?}");

    let now = jiff::Timestamp::now().as_millisecond();
    call_at(&world, "lane-1", &(now + 3_600_000).to_string()).await;
    let alarms = store.alarms(9).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind, alarms[0].lane.as_str()), (1, AlarmKind::Clock, "lane-1"));
    assert!(alarms[0].text.ends_with(" s ahead"), "{}", alarms[0].text);
    let metrics = format!("http://{}/metrics", world.central.monitoring_address().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let told = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let line = told.lines().find(|line| line.starts_with("egate_lane_clock_ahead_seconds{")).unwrap();
    let seconds: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((3_500.0..3_601.0).contains(&seconds), "{line}");

    // What is no time is no clock; and numbers without measure are a wrong one.
    call_at(&world, "lane-1", "yesterday").await;
    call_at(&world, "lane-2", &i64::MIN.to_string()).await;
    assert_eq!(store.alarms(9).unwrap().len(), 2);
    world.client("lane-1").health().await.unwrap();
    world.client("lane-2").health().await.unwrap();
    assert!(store.alarms(9).unwrap().is_empty(), "a clock that was set is no alarm");
}
