//! The lists that a lane keeps for the time without central: fetched over real TLS, verified at each step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::World;
use common::postgres::Cluster;
use egate::central::lookup::FileForm;
use egate::central::store::{ListKind, PostgresSettings, Role};
use egate::central::{Keeper, Proposal};
use egate::lane::{Lists, ListsError};
use egate::record::wire::{DocumentStatus, LookupQuestion, PersonStatus};
use jiff::Timestamp;
use std::time::Duration;

const PASSWORD: &str = "correct-horse-battery";
const HOUR: i64 = 3_600_000;

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn question() -> LookupQuestion {
    LookupQuestion {
        passage: "lane-1-7-1".into(),
        nonce: "0f".repeat(16),
        patience_ms: 3000,
        document_code: "P".into(),
        issuing_state: "UTO".into(),
        document_number: "L898902C3".into(),
        nationality: "UTO".into(),
        surname: "ERIKSSON".into(),
        given_names: "ANNA MARIA".into(),
        date_of_birth: "740812".into(),
        sex: "F".into(),
    }
}

async fn supervisor(world: &World, name: &str) -> Keeper {
    let link = world.central.office.create_user(name, Role::Supervisor).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let form = format!("password={PASSWORD}&again={PASSWORD}");
    let set = http.build().unwrap().post(link).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(set.body(form).send().await.unwrap().status(), 303);
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

async fn in_force(world: &World, keepers: [&Keeper; 2], kind: ListKind, text: &str) {
    let office = &world.central.office;
    let list = format!("{kind:?}").to_lowercase();
    let bytes = text.as_bytes().to_vec();
    let proposal = Proposal { list: list.clone(), kind, form: FileForm::Csv, bytes };
    let (generation, _) = office.propose_list(keepers[0].clone(), proposal).await.unwrap();
    office.approve_list(keepers[1].clone(), &list, generation).await.unwrap();
}

/// Asks until central's newest snapshot is newer than `than`.
async fn newer(lists: &Lists, client: &egate::outbox::CentralClient, than: u64) -> u64 {
    for _ in 0..300 {
        lists.refresh(client).await.unwrap();
        match lists.dated() {
            Some((generation, _)) if generation > than => return generation,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("no newer snapshot than {than}");
}

async fn a_lane_keeps_the_lists(database: Option<PostgresSettings>) {
    let world = World::start_on(database).await;
    let (anna, ben) = (supervisor(&world, "anna").await, supervisor(&world, "ben").await);
    let (client, key) = (world.client("lane-1"), world.kit("lane-1").answers);
    let folder = world.folder.path().join("lists");
    let lists = Lists::open(folder.clone(), key);
    assert!(matches!(lists.answer(&question(), now(), 12), Err(ListsError::None)));

    let first = newer(&lists, &client, 0).await;
    let answer = lists.answer(&question(), now(), 12).unwrap();
    assert_eq!((answer.document, answer.person), (DocumentStatus::Clear, PersonStatus::NotChecked));

    let watch = "reference,surname,given_names,born\n7,Eriksson,Maria,1974-08\n8,Svensson,Ulla,\n";
    in_force(&world, [&anna, &ben], ListKind::Persons, watch).await;
    let documents = "reference,issuing_state,number,kind\n1,UTO,L898902C3,lost\n2,UTO,L1,stolen\n";
    in_force(&world, [&anna, &ben], ListKind::Documents, documents).await;
    world.central.office.report_document("UTO", "L898902C3", "stolen").await.unwrap();
    let second = newer(&lists, &client, first).await;
    // The second may have been made before all three were in force.
    let mut known = second;
    while lists.answer(&question(), now(), 12).unwrap().document == DocumentStatus::Clear {
        known = newer(&lists, &client, known).await;
    }
    let answer = lists.answer(&question(), now(), 12).unwrap();
    let PersonStatus::Candidates(found) = &answer.person else { panic!("{answer:?}") };
    assert_eq!((found[0].list.as_str(), found[0].entry.as_str()), ("persons", "7"));
    assert!(!answer.rules);

    // A document more goes as a delta.
    world.central.office.report_document("UTO", "L77", "revoked").await.unwrap();
    let known = newer(&lists, &client, known).await;
    let other = LookupQuestion { document_number: "L77".into(), ..question() };
    let said = lists.answer(&other, now(), 12).unwrap().document;
    assert_eq!(said, DocumentStatus::Reported("revoked".into()));

    // Kept over a restart; names are nowhere in it.
    let again = Lists::open(folder.clone(), key);
    assert_eq!(again.dated().unwrap().0, known);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).to_uppercase();
        assert!(!["ERIKSSON", "MARIA", "SVENSSON", "L898902C3"].iter().any(|word| text.contains(word)));
    }

    // Too old, or from the future.
    let issued = again.dated().unwrap().1;
    assert!(again.answer(&question(), issued + 12 * HOUR, 12).is_ok());
    for wrong in [issued + 12 * HOUR + 1, issued - HOUR, i64::MAX, i64::MIN] {
        assert!(matches!(again.answer(&question(), wrong, 12), Err(ListsError::Old { .. })), "{wrong}");
    }
    tampered(&folder, key);
    world.central.stop().await.unwrap();
}

/// A file that is not what central signed is not used, whichever it is.
fn tampered(folder: &std::path::Path, key: ed25519_dalek::VerifyingKey) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        for at in [20, whole.len() / 2, whole.len() - 3] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            let lists = Lists::open(folder.to_owned(), key);
            assert!(
                matches!(lists.answer(&question(), now(), 12), Err(ListsError::None)),
                "{}",
                path.display()
            );
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(Lists::open(folder.to_owned(), key).answer(&question(), now(), 12).is_ok());
    }
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
    assert!(Lists::open(folder.to_owned(), stranger).dated().is_none(), "signed by another than central");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_keeps_the_lists_for_the_time_without_central() {
    a_lane_keeps_the_lists(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    let Some(mut cluster) = tokio::task::spawn_blocking(Cluster::start).await.unwrap() else { return };
    a_lane_keeps_the_lists(Some(cluster.database())).await;
}
