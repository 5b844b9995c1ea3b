//! The load tool: its records are as real as a lane's, and its report counts what central has.
#![cfg(feature = "issuer")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::central::store::PassageFilter;
use egate::workbench::load::{LoadCentral, PassageLoad, StoreKind, Until, lanes, send};
use indicatif::ProgressBar;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_lanes_send_is_at_central_in_whole_chains() {
    let folder = tempfile::tempdir().unwrap();
    let central = LoadCentral::start(folder.path(), StoreKind::Sqlite, None).await.unwrap();
    let lanes = lanes(&central.identity, 3, &central.url).unwrap();
    let load = PassageLoad { picture_bytes: 2_000, pause: None };
    let report = send(lanes, load, Until::Records(60), ProgressBar::hidden()).await.unwrap();
    assert_eq!((report.lanes, report.records, report.refused), (3, 60, 0), "{report}");
    assert!(report.passage_ms.p50 >= report.record_ms.p50 && report.record_ms.p50 > 0.0);
    let store = central.running.store();
    assert_eq!(store.passages(&PassageFilter { ending: None, most: 100 }).unwrap().len(), 60);
    assert!(store.alarms(10).unwrap().is_empty());
    // A lane that no central answers says so, and is counted.
    central.running.stop().await.unwrap();
    let stray = egate::workbench::load::lanes(&central.identity, 1, &central.url).unwrap();
    let error = send(stray, load, Until::Records(1), ProgressBar::hidden()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
fn the_command_tells_one_json_document() {
    let done = Command::new(env!("CARGO_BIN_EXE_egate"))
        .args(["workbench", "load", "--lanes", "2", "--records", "10", "--picture-bytes", "500", "--json"])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(done.status.success());
    assert_eq!((told["records"].as_u64(), told["refused"].as_u64()), (Some(10), Some(0)), "{told}");
}
