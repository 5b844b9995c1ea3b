//! What comes back from a backup, taken under load, on either engine and from one to the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, sha256};
use common::postgres::Cluster;
use common::s3::S3;
use egate::central::store::*;
use egate::central::{Central, CentralSettings, backup, restore};
use egate::record::{ChainHead, SignedRecord, verify_chain};
use std::path::PathBuf;
use tempfile::TempDir;

/// A restored service's settings: another folder, and what else differs.
fn elsewhere(world: &World, change: impl FnOnce(&mut CentralSettings)) -> CentralSettings {
    let mut settings = world.settings.clone();
    settings.data = world.folder.path().join("restored");
    settings.database = None;
    change(&mut settings);
    settings
}

fn folder(world: &World) -> PathBuf {
    world.folder.path().join("backup")
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Takes a backup while a lane sends, and restores it elsewhere.
async fn comes_back_whole(
    world: World,
    change: impl FnOnce(&mut CentralSettings),
) -> (TempDir, CentralSettings) {
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    world.central.office.set_port("lane-1", "harbour").await.unwrap();
    let records: Vec<SignedRecord> = (0..200).map(|_| chain.next(|_| {})).collect();
    let (client, settings, to) = (world.client("lane-1"), world.settings.clone(), folder(&world));
    let (sender, mut begun) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let load = tokio::spawn(async move {
        for some in records.chunks(4) {
            client.post_records(&batch(&some.iter().collect::<Vec<_>>())).await.unwrap();
            if let Some(sender) = sender.take() {
                sender.send(()).unwrap();
            }
        }
    });
    (&mut begun).await.unwrap();
    apart(move || backup(&settings, &to)).await.unwrap();
    load.await.unwrap();

    let (settings, from) = (elsewhere(&world, change), folder(&world));
    let restored = settings.clone();
    apart(move || restore(&restored, &from)).await.unwrap();
    world.central.stop().await.unwrap();
    let central = Central::start(settings.clone()).await.unwrap();
    let (store, key) = (central.store(), chain.kit.record_key.verifying_key());
    apart(move || {
        // A beginning of what was sent, whole and in order.
        let records = store.signed_records(("lane-1", EPOCH), 0, 1000).unwrap();
        assert!((5..=201).contains(&records.len()), "{}", records.len());
        verify_chain(&ChainHead::start(), &records, &key).unwrap();
        assert!(store.alarms(9).unwrap().is_empty() && store.audit_break().unwrap().is_none());
        assert_eq!(store.audit_lines(1).unwrap()[0].act, "backup.restore");
        assert_eq!(store.open_cases(9).unwrap().1, 1);
        assert_eq!(store.ports().unwrap()["lane-1"], "harbour");
        while store.settle(100).unwrap() == 100 {}
        let total: u64 = store.lane_totals().unwrap().iter().map(|lane| lane.stages[0].1).sum();
        assert_eq!(total, records.len() as u64, "counted once, before the backup or after");
        // What it goes on with is taken.
        store.audit(AuditEntry { actor: "a", act: "test", subject: "", detail: "" }, 9).unwrap();
    })
    .await;
    central.stop().await.unwrap();
    (world.folder, settings)
}

/// Every picture of the case is in the files of the restored service.
fn pictures_are_there((_folder, settings): &(TempDir, CentralSettings)) {
    let shelves = std::fs::read_dir(settings.data.join("pictures")).unwrap();
    let files = shelves.flat_map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap());
    let mut found = 0;
    for file in files {
        let path = file.unwrap().path();
        assert_eq!(sha256(&std::fs::read(&path).unwrap()), path.file_name().unwrap().to_str().unwrap());
        found += 1;
    }
    assert_eq!(found, 4);
}

#[tokio::test]
async fn a_backup_under_load_comes_back_whole_on_sqlite() {
    pictures_are_there(&comes_back_whole(World::start().await, |_| {}).await);
}

#[tokio::test]
async fn a_backup_under_load_comes_back_whole_on_postgres() {
    let Some(mut cluster) = Cluster::start() else { return };
    let world = World::start_on(Some(cluster.database())).await;
    let other = cluster.database();
    pictures_are_there(&comes_back_whole(world, |settings| settings.database = Some(other)).await);
}

#[tokio::test]
async fn a_service_moves_from_sqlite_and_files_to_postgres_and_an_object_store() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (database, s3) = (cluster.database(), S3::start().await);
    let change = |settings: &mut CentralSettings| {
        settings.database = Some(database);
        settings.pictures.s3 = Some(s3.settings.clone());
    };
    comes_back_whole(World::start().await, change).await;
    assert_eq!(s3.keys().len(), 4);
}

#[tokio::test]
async fn a_service_moves_from_postgres_and_an_object_store_to_sqlite_and_files() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (database, s3) = (cluster.database(), S3::start().await);
    let world = World::start_with(|settings| {
        settings.database = Some(database);
        settings.pictures.s3 = Some(s3.settings.clone());
    })
    .await;
    pictures_are_there(&comes_back_whole(world, |settings| settings.pictures.s3 = None).await);
}

#[tokio::test]
async fn a_backup_that_is_not_whole_or_a_place_that_is_taken_is_refused() {
    let world = World::start().await;
    Chain::new(&world, "lane-1").send_case(&world, |_| {}).await;
    let (to, settings) = (folder(&world), elsewhere(&world, |_| {}));
    apart(move || {
        backup(&world.settings, &to).unwrap();
        assert!(backup(&world.settings, &to).is_err(), "a backup is never overwritten");
        let why = |settings: &CentralSettings| format!("{:#}", restore(settings, &to).unwrap_err());
        assert!(why(&world.settings).contains("never overwrites"));
        let manifest = to.join("backup.json");
        let kept = std::fs::read_to_string(&manifest).unwrap();
        std::fs::remove_file(&manifest).unwrap();
        assert!(why(&settings).contains("no whole backup"));
        let older = kept.replace("\"schema\": ", "\"schema\": 9");
        std::fs::write(&manifest, &older).unwrap();
        assert!(why(&settings).contains("restore it with egate"));
        std::fs::write(&manifest, &kept).unwrap();
        let dump = to.join("database.jsonl");
        let whole = std::fs::read_to_string(&dump).unwrap();
        std::fs::write(&dump, whole.replace("ERIKSSON", "ERIKSSEN")).unwrap();
        assert!(why(&settings).contains("not the one"));
        // A dump that lies about itself, with a manifest to match, changes nothing either.
        for (lie, said) in [
            (whole.lines().take(3).collect::<Vec<_>>().join("\n"), "ends amid"),
            (
                whole.replace("\"table\":\"users\"", "\"table\":\"users; DROP TABLE audit\""),
                "a table, which there is not",
            ),
            (whole.replace("\"record_key\"", "\"name) VALUES (1);--\""), "a column, which there is not"),
            (whole.replace("{\"rows\":", "{\"rows\":1"), "rows and has"),
            (whole.replacen("[\"lane-1\",", "[7,", 1), "does not fit"),
        ] {
            std::fs::write(&dump, &lie).unwrap();
            let hash = kept.replace(&sha256(whole.as_bytes()), &sha256(lie.as_bytes()));
            std::fs::write(&manifest, hash).unwrap();
            let why = why(&settings);
            assert!(why.contains(said), "{said}: {why}");
            assert!(!settings.data.join("central.sqlite").exists());
            std::fs::remove_dir_all(&settings.data).unwrap();
        }
        let secret = "sessions";
        assert!(!whole.contains(&format!("\"table\":\"{secret}\"")), "no session comes back to life");
    })
    .await;
}
