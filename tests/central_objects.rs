//! Pictures in an object store: there before their record, gone in their time, and no worse for its faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, EPOCH, World, batch, picture_ref, sha256};
use common::s3::S3;
use egate::central::store::*;
use std::sync::atomic::Ordering;

async fn world(s3: &S3) -> World {
    World::start_with(|settings| settings.pictures.s3 = Some(s3.settings.clone())).await
}

fn key(name: &str) -> String {
    format!("{}/{name}", &name[..2])
}

#[tokio::test]
async fn pictures_are_in_the_bucket_before_their_record_is_acknowledged_and_go_in_their_time() {
    let s3 = S3::start().await;
    let mut world = world(&s3).await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    assert_eq!(s3.keys().len(), 4);
    assert!(!world.settings.data.join("pictures").exists(), "no picture is in files");
    let store = world.central.store();
    let record = tokio::task::spawn_blocking(move || {
        let key = RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence: 1 };
        store.judge(&key, 1, "a", Judgement::Different, 8).unwrap();
        let decided = Decided {
            decision: Decision::Refuse,
            officer: "a".to_owned(),
            at: 9,
            note: String::new(),
            reason: None,
            overridden: Vec::new(),
        };
        assert!(matches!(store.decide(&key, 2, &decided).unwrap(), CaseChange::Made(_)));
        store.passage(&key).unwrap().unwrap().record
    })
    .await
    .unwrap();
    let mut names: Vec<String> = record.pictures.iter().map(|picture| key(&picture.sealed_sha256)).collect();
    names.sort();
    assert_eq!(s3.keys(), names);
    world.settings.retention.referred_days = 0;
    let world = world.restart().await;
    world.central.office.delete_due_pictures().await.unwrap();
    assert!(s3.keys().is_empty());
    world.central.stop().await.unwrap();
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_a_broken_one_loses_nothing() {
    let s3 = S3::start().await;
    let world = world(&s3).await;
    let (client, mut chain) = (world.client("lane-1"), Chain::new(&world, "lane-1"));
    let sealed = b"sealed".to_vec();
    let name = sha256(&sealed);
    s3.bucket.broken.store(true, Ordering::SeqCst);
    client.put_picture(&name, sealed.clone()).await.unwrap_err();
    let record = chain.next(|record| record.pictures = vec![picture_ref("frame", b"sealed")]);
    client.post_records(&batch(&[&record])).await.unwrap_err();
    s3.bucket.broken.store(false, Ordering::SeqCst);
    client.post_records(&batch(&[&record])).await.unwrap_err();
    assert!(s3.keys().is_empty(), "what was not acknowledged is not there");
    s3.bucket.busy.store(2, Ordering::SeqCst);
    client.put_picture(&name, sealed).await.unwrap();
    assert_eq!(s3.keys(), [key(&name)]);
    let asked = s3.bucket.asked.load(Ordering::SeqCst);
    client.post_records(&batch(&[&record])).await.unwrap();
    assert_eq!(s3.bucket.asked.load(Ordering::SeqCst), asked, "what was just put is not asked for");
    // Another process does not remember, and asks.
    let world = world.restart().await;
    let again = chain.next(|record| record.pictures = vec![picture_ref("frame", b"sealed")]);
    world.client("lane-1").post_records(&batch(&[&again])).await.unwrap();
    assert!(s3.bucket.asked.load(Ordering::SeqCst) > asked);
    world.central.stop().await.unwrap();
}
