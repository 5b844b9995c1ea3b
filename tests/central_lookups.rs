//! Look-ups as lanes and list keepers meet them: lists proposed by one and approved by another, answers that
//! only the lane that asked believes, on either engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::World;
use common::postgres::Cluster;
use egate::central::lookup::FileForm;
use egate::central::store::{ListKind, Role};
use egate::central::{Keeper, Proposal};
use egate::check::Reason;
use egate::outbox::{CentralClient, CentralClientSettings, LookupError};
use egate::record::wire::*;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "a long enough password";

fn question() -> LookupQuestion {
    LookupQuestion {
        passage: "lane-1/x/1".to_owned(),
        nonce: "0f".repeat(16),
        patience_ms: 20_000,
        document_code: "P".to_owned(),
        issuing_state: "UTO".to_owned(),
        document_number: "L898902C3".to_owned(),
        nationality: "UTO".to_owned(),
        surname: "ERIKSSON".to_owned(),
        given_names: "ANNA MARIA".to_owned(),
        date_of_birth: "740812".to_owned(),
        sex: "F".to_owned(),
    }
}

fn http() -> reqwest::Client {
    // Another test of the same process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A user who has set the password by the link.
async fn user(world: &World, name: &str, role: Role) -> Keeper {
    let link = world.central.office.create_user(name, role).await.unwrap();
    let form = format!("password={PASSWORD}&again={PASSWORD}").replace(' ', "+");
    let http = http();
    let kind = "application/x-www-form-urlencoded";
    let set = http.post(link).header("content-type", kind).body(form).send().await.unwrap();
    assert_eq!(set.status(), 303);
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

fn proposal(list: &str, kind: ListKind, text: &str) -> Proposal {
    Proposal { list: list.to_owned(), kind, form: FileForm::Csv, bytes: text.as_bytes().to_vec() }
}

async fn in_force(world: &World, keepers: [&Keeper; 2], list: &str, kind: ListKind, text: &str) {
    let office = &world.central.office;
    let (generation, _) = office.propose_list(keepers[0].clone(), proposal(list, kind, text)).await.unwrap();
    office.approve_list(keepers[1].clone(), list, generation).await.unwrap();
}

async fn lists_are_asked(world: World) {
    let (anna, ben) =
        (user(&world, "anna", Role::Supervisor).await, user(&world, "ben", Role::Supervisor).await);
    let keepers = [&anna, &ben];
    let client = world.client("lane-1");
    let answer = client.look_up(&question(), PATIENCE).await.unwrap();
    assert_eq!((answer.person, answer.permission), (PersonStatus::NotChecked, PermissionStatus::NotChecked));

    let watch =
        "reference,surname,given_names,born,nationality\n7,Eriksson,Maria,1974-08,UTO\n8,Svensson,Ulla,,\n";
    in_force(&world, keepers, "watch", ListKind::Persons, watch).await;
    let rules = "reference,nationality,needs\n1,*,none\n2,UTO,authorisation\n";
    in_force(&world, keepers, "rules", ListKind::Rules, rules).await;
    let documents = "reference,issuing_state,number,kind\n1,UTO,L8989-02C3,revoked\n";
    in_force(&world, keepers, "documents", ListKind::Documents, documents).await;

    let answer = client.look_up(&question(), PATIENCE).await.unwrap();
    assert_eq!(answer.lane, "lane-1");
    assert_eq!(answer.document, DocumentStatus::Reported("revoked".to_owned()));
    assert_eq!(answer.permission, PermissionStatus::Missing("travel authorisation".to_owned()));
    assert_eq!(answer.arrival, ArrivalStatus::NotChecked);
    let PersonStatus::Candidates(found) = answer.person else { panic!("{:?}", answer.person) };
    assert_eq!((found.len(), found[0].list.as_str(), found[0].entry.as_str()), (1, "watch", "7"));
    assert!((750..1000).contains(&found[0].score), "{found:?}");
    assert!(found[0].why.contains("date of birth agrees as far as it is known"), "{found:?}");
    let other =
        LookupQuestion { surname: "ANDERSSON".to_owned(), given_names: "PER".to_owned(), ..question() };
    assert_eq!(client.look_up(&other, PATIENCE).await.unwrap().person, PersonStatus::Clear);

    let store = world.central.store();
    let trail =
        tokio::task::spawn_blocking(move || (store.audit_lines(2).unwrap(), store.audit_break().unwrap()));
    let (lines, broken) = trail.await.unwrap();
    assert_eq!((lines[1].act.as_str(), broken), ("lists.look_up", None));
    assert!(
        lines[1].detail.starts_with("border check: ") && lines[1].detail.contains("watch/7 at "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn lists_are_asked_on_sqlite() {
    lists_are_asked(World::start().await).await;
}

#[tokio::test]
async fn lists_are_asked_on_postgres() {
    let Some(mut cluster) = Cluster::start() else { return };
    lists_are_asked(World::start_on(Some(cluster.database())).await).await;
}

#[tokio::test]
async fn a_list_needs_two_supervisors_with_their_passwords() {
    let world = World::start().await;
    let (anna, ben) =
        (user(&world, "anna", Role::Supervisor).await, user(&world, "ben", Role::Officer).await);
    let office = &world.central.office;
    let list = || proposal("watch", ListKind::Persons, "reference,surname\n1,Eriksson\n");
    let wrong = Keeper { password: "another password".to_owned(), ..anna.clone() };
    for (by, why) in [(&wrong, "password is wrong"), (&ben, "no supervisor")] {
        let error = office.propose_list(by.clone(), list()).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let (generation, entries) = office.propose_list(anna.clone(), list()).await.unwrap();
    assert_eq!((generation, entries), (1, 1));
    let error = office.approve_list(anna.clone(), "watch", 1).await.unwrap_err();
    assert!(error.to_string().contains("another supervisor"), "{error}");
    assert!(office.approve_list(ben, "watch", 1).await.is_err());
    assert!(office.approve_list(anna.clone(), "watch", 2).await.is_err());
    let answer = world.client("lane-1").look_up(&question(), PATIENCE).await.unwrap();
    assert_eq!(answer.person, PersonStatus::NotChecked, "nothing of it is in force");
    let error = office
        .propose_list(anna, proposal("watch", ListKind::Rules, "reference,nationality,needs\n1,*,visa\n"));
    assert!(error.await.unwrap_err().to_string().contains("another kind"));
}

#[tokio::test]
async fn an_answer_that_another_key_signed_is_not_believed() {
    let world = World::start().await;
    let kit = world.kit("lane-1");
    let client = CentralClient::new(&CentralClientSettings {
        url: world.url(),
        authority_pem: kit.authority_pem,
        certificate_pem: kit.certificate_pem,
        key_pem: kit.key_pem,
        answers: ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key(),
    })
    .unwrap();
    let error = client.look_up(&question(), PATIENCE).await.unwrap_err();
    assert!(matches!(&error, LookupError::Invalid(why) if why.contains("signature")), "{error}");
    assert_eq!(error.reason(), Reason::LookupAnswerInvalid);
}

#[tokio::test]
async fn a_question_without_patience_or_with_control_characters_is_refused() {
    let world = World::start().await;
    let client = world.client("lane-1");
    let hurried = LookupQuestion { patience_ms: 0, ..question() };
    assert!(client.look_up(&hurried, PATIENCE).await.is_err());
    for passage in ["a\u{0}b", "a\nb"] {
        let odd = LookupQuestion { passage: passage.to_owned(), ..question() };
        assert!(client.look_up(&odd, PATIENCE).await.is_err(), "{passage:?}");
    }
    assert!(client.look_up(&question(), PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_name_that_is_a_script_stays_a_name() {
    let world = World::start().await;
    let hostile = LookupQuestion { surname: "<script>'; DROP TABLE lists; --".to_owned(), ..question() };
    let answer = world.client("lane-1").look_up(&hostile, PATIENCE).await.unwrap();
    assert_eq!(answer.document, DocumentStatus::Clear);
}

#[tokio::test]
async fn health_and_metrics_say_how_the_service_does_and_nothing_of_travellers() {
    let world = World::start().await;
    world.client("lane-1").look_up(&question(), PATIENCE).await.unwrap();
    let address = world.central.monitoring_address().unwrap();
    let http = http();
    let health = http.get(format!("http://{address}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let metrics = http.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    for line in
        ["egate_lookup_seconds_count 1", "egate_passages{ending=\"admitted\"} 0", "egate_open_cases 0"]
    {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    let bucket = |line: &str| line.starts_with("egate_lookup_seconds_bucket{le=\"+Inf\"} 1");
    assert!(metrics.lines().any(bucket) && !metrics.contains("ERIKSSON"), "{metrics}");
    let other = http.get(format!("http://{address}/sign-in")).send().await.unwrap();
    assert_eq!(other.status(), 404);
}

#[test]
fn a_dry_run_says_every_wrong_line_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("watch.csv");
    let import = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut egate = std::process::Command::new(env!("CARGO_BIN_EXE_egate"));
        egate.args(["central", "lists", "import", "--dry-run", "--list", "watch", "--kind", "persons"]);
        let done = egate.arg(&file).current_dir(folder.path()).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, said) = import("reference,surname,born\n1,Eriksson,1974\n2,,1974-13\n1,Ny,\n");
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("line 3: ") && lines[0].contains("surname: is missing"), "{said}");
    assert!(lines[0].contains("born") && lines[1].starts_with("line 4: reference"), "{said}");
    assert_eq!(import("reference,surname,born\n1,Eriksson,1974\n"), (Some(0), String::new()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
