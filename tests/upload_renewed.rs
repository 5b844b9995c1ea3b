//! A queue that was put back from a copy, against a real central: told, renewed, and each outcome counted once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{World, admitted, refer};
use common::postgres::Cluster;
use common::queue::outcome;
use ed25519_dalek::SigningKey;
use egate::central::store::{AlarmKind, PassageFilter, RecordKey, Store, VerifiedRecord};
use egate::check::{CheckId, Reason};
use egate::outbox::{BackOff, LaneKit, Outbox, RunningUploader, UploadState, Uploader, export};
use egate::passage::Picture;
use egate::record::{CarriedFrom, PassageRecord, SealedPicture, SignedRecord};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const QUICK: BackOff = BackOff { first: Duration::from_millis(20), longest: Duration::from_millis(200) };

fn append(outbox: &mut Outbox, number: u64) {
    let sealed = [number.to_be_bytes().to_vec(), vec![0x5a; 500]].concat();
    let picture = SealedPicture::new(Picture::Portrait, "image/jpeg", sealed);
    outbox.append(&outcome(number), &[picture], "standard").unwrap();
}

fn open(path: &Path, kit: &LaneKit) -> Outbox {
    Outbox::open(path, "lane-1", kit.record_key.clone(), 64 << 20).unwrap()
}

/// A lane's process, as far as central sees it.
struct Lane {
    queue: Arc<Mutex<Outbox>>,
    uploader: RunningUploader,
}

impl Lane {
    fn start(world: &World, path: &Path) -> Lane {
        let queue = Arc::new(Mutex::new(open(path, &world.kit("lane-1"))));
        let uploader = Uploader::start(world.client("lane-1"), Arc::clone(&queue), QUICK);
        Lane { queue, uploader }
    }

    async fn comes_to(&self, state: impl FnMut(&UploadState) -> bool) -> UploadState {
        let mut seen = self.uploader.state();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(state)).await;
        waited.unwrap().unwrap().clone()
    }

    async fn drained(&self) {
        let wait = async {
            while !self.queue.lock().unwrap().is_empty().unwrap() {
                self.uploader.wake().notify_one();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    async fn stop(self) {
        self.uploader.stop().await;
        while Arc::strong_count(&self.queue) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn stuck(state: &UploadState) -> bool {
    matches!(state, UploadState::Stuck { why } if why.contains("egate outbox renew"))
}

/// The command, in the world's folder, with the lane's queue and kit.
async fn egate(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egate"));
    command.args(arguments).current_dir(world.folder.path());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Passages that central has, by name, each as often as it counts.
async fn counted(world: &World) -> (Vec<String>, u64) {
    let store = world.central.store();
    let count = move || {
        while store.settle(100).unwrap() == 100 {}
        let passages = store.passages(&PassageFilter { ending: None, most: 1000 }).unwrap();
        let mut names: Vec<String> = passages.into_iter().map(|passage| passage.record.passage).collect();
        names.sort();
        let totals = store.lane_totals().unwrap();
        (names, totals.iter().flat_map(|lane| &lane.endings).map(|(_, count)| count).sum())
    };
    tokio::task::spawn_blocking(count).await.unwrap()
}

fn names(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(|number| format!("lane-1/e/{number}")).collect()
}

/// A lane that sent 1 to 6 and was then put back to where it had 1 to 3, sent; the file.
async fn put_back(world: &World) -> std::path::PathBuf {
    let path = world.folder.path().join("outbox.db");
    let copy = world.folder.path().join("copy.db");
    for numbers in [1..=3, 4..=6] {
        if *numbers.start() == 4 {
            fs::copy(&path, &copy).unwrap();
        }
        let lane = Lane::start(world, &path);
        numbers.for_each(|number| append(&mut lane.queue.lock().unwrap(), number));
        lane.drained().await;
        lane.stop().await;
    }
    fs::copy(&copy, &path).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_put_back_is_told_before_the_next_outcome_and_after_it_and_renewed() {
    let world = World::start().await;
    let path = put_back(&world).await;
    let lane = Lane::start(&world, &path);
    let UploadState::Stuck { why } = lane.comes_to(stuck).await else { unreachable!() };
    assert!(why.contains("up to 6"), "told at the start: {why}");
    [101, 102].into_iter().for_each(|number| append(&mut lane.queue.lock().unwrap(), number));
    lane.uploader.wake().notify_one();
    lane.comes_to(|state| stuck(state) && format!("{state:?}").contains("Conflict")).await;
    assert_eq!(lane.queue.lock().unwrap().len().unwrap(), 2, "nothing is dropped");
    let store = world.central.store();
    let alarms = store.alarms(10).unwrap();
    assert_eq!(alarms.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::Conflict]);

    let kit = world.settings.identity.join("lanes/lane-1");
    let (kit, url) = (kit.to_str().unwrap().to_owned(), world.url());
    let renew = ["outbox", "renew", "--outbox", "outbox.db", "--kit", &kit, "--central", &url, "--json"];
    let running = egate(&world, &renew).await;
    let said = String::from_utf8_lossy(&running.stderr).into_owned();
    assert!(!running.status.success() && said.contains("stop the lane first"), "{said}");
    let epoch = lane.queue.lock().unwrap().epoch().to_owned();
    lane.stop().await;

    let done = egate(&world, &renew).await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let done: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&done["carried"], &done["known"], &done["pictures"]), (&2.into(), &0.into(), &2.into()));
    let again = egate(&world, &renew).await;
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("agree"));

    let lane = Lane::start(&world, &path);
    append(&mut lane.queue.lock().unwrap(), 103);
    lane.drained().await;
    lane.comes_to(|state| *state == UploadState::Idle).await;
    lane.stop().await;
    assert_eq!(counted(&world).await, (names(&[1, 101, 102, 103, 2, 3, 4, 5, 6]), 9));

    // The old file is exported after all, and carried to central: 101 collides as before, and nothing counts twice.
    let (aside, out) = (path.with_file_name(format!("outbox.db.{epoch}")), world.folder.path().join("stick"));
    export(&aside, &out).unwrap();
    let refused = world.central.office.import_records(&out, "supervisor").await.unwrap_err();
    assert!(format!("{refused:#}").contains("Conflict"), "{refused:#}");
    assert_eq!(counted(&world).await.1, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_queues_page_does_what_it_says() {
    let world = World::start().await;
    let folder = world.folder.path().to_owned();
    let settings = "data = \"data\"\nidentity = \"identity\"\n[lanes]\nlisten = \"127.0.0.1:0\"\n\
                    [console]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(folder.join("central.toml"), settings).unwrap();
    std::os::unix::fs::symlink(folder.join("identity/lanes/lane-1"), folder.join("kit")).unwrap();
    let queue = folder.join("outbox.db");
    let mut outbox = open(&queue, &world.kit("lane-1"));
    [901, 902].into_iter().for_each(|number| append(&mut outbox, number));
    drop(outbox);
    let (mut put_backs, mut lines) = (0, 0);
    for line in include_str!("../docs/outbox.md").lines().filter(|line| line.starts_with("egate ")) {
        lines += 1;
        // A queue that was put back, once for each way of renewing it.
        if line.contains("--central") || line.contains("--out again") && !line.contains("receipt") {
            fs::remove_file(&queue).unwrap();
            put_back(&world).await;
            put_backs += 1;
            append(&mut open(&queue, &world.kit("lane-1")), 910 + put_backs);
        }
        let line = line.replace("https://central.example:8443", &world.url());
        let done = egate(&world, &line.split(' ').skip(1).collect::<Vec<_>>()).await;
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{line}: {said}");
        let tells = |word: &str| assert!(said.contains(word), "{line}: {said}");
        match line.as_str() {
            _ if line.contains("import-records") => tells("\"new\":2"),
            _ if line.contains("outbox receipt") => tells("2 record(s) left the queue, 0 wait"),
            _ if line.contains("renew") => tells("1 record(s), 1 picture(s) carried over"),
            _ => {}
        }
    }
    assert_eq!((lines, put_backs), (8, 2));
}

/// Records of one lane in two queues: an original, and what a renewed queue made of it.
fn pair(number: u64, referred: bool) -> (VerifiedRecord, VerifiedRecord) {
    let key = SigningKey::from_bytes(&[9; 32]);
    let sign = |record: PassageRecord| {
        let signed = SignedRecord::sign(&record, &key).unwrap();
        VerifiedRecord { signed, record }
    };
    let mut record = admitted("lane-1", 1, &"0".repeat(64));
    record.passage = format!("lane-1/e/{number}");
    record.position.epoch = format!("{number:032x}");
    if referred {
        refer(&mut record, CheckId::FaceMatch, Reason::FaceMismatch);
    }
    let original = sign(record.clone());
    let (epoch, sha256) = (record.position.epoch.clone(), original.signed.sha256.clone());
    record.carried_from = Some(CarriedFrom { epoch, sequence: 1, sha256 });
    record.position.epoch = format!("{:032x}", number + 1000);
    (original, sign(record))
}

fn an_outcome_counts_once_whichever_of_its_keys_comes_first(store: &Store) {
    store.add_lane("lane-1", "aa", 1).unwrap();
    let (first, first_again) = pair(1, true);
    let (second, second_again) = pair(2, true);
    let (third, third_again) = pair(3, false);
    let mut other_third = third_again.clone();
    other_third.record.position.epoch = "f".repeat(32);
    other_third.signed = SignedRecord::sign(&other_third.record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    // Original first; copy first; one original carried twice.
    for record in [&first, &first_again, &second_again, &second, &third_again, &other_third, &third] {
        let done = store.append(std::slice::from_ref(record), 10).unwrap();
        assert_eq!((done.new.len(), done.conflict), (1, None), "stored, for it belongs to a chain");
        let again = store.append(std::slice::from_ref(record), 11).unwrap();
        assert_eq!((again.new.len(), again.stored_through), (0, Some(1)));
    }
    assert_eq!(store.settle(100).unwrap(), 3);
    let totals = store.lane_totals().unwrap();
    assert_eq!(totals[0].endings.iter().map(|(_, count)| count).sum::<u64>(), 3);
    let (_, open) = store.open_cases(10).unwrap();
    assert_eq!(open, 2, "one case for each referred outcome");
    let document = first.record.document.as_ref().unwrap();
    assert_eq!(store.history(document, 100).unwrap().len(), 3);
    let key = |record: &VerifiedRecord| -> RecordKey { record.key() };
    assert!(store.passage(&key(&first)).unwrap().unwrap().case.is_some());
    assert!(store.passage(&key(&first_again)).unwrap().unwrap().case.is_none());
    assert!(store.passage(&key(&second_again)).unwrap().unwrap().case.is_some());
}

/// The first outcome of a passage stayed behind, the second was carried over.
fn the_second_outcome_of_a_passage_is_known_over_the_renewal(store: &Store) {
    store.add_lane("lane-1", "aa", 1).unwrap();
    let (first, _) = pair(1, false);
    let (_, mut second) = pair(1, true);
    second.record.carried_from.as_mut().unwrap().sequence = 2;
    second.signed = SignedRecord::sign(&second.record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    store.append(&[first], 10).unwrap();
    store.append(&[second], 11).unwrap();
    store.settle(100).unwrap();
    let totals = store.lane_totals().unwrap();
    let placed = totals[0].stages.iter().find(|(stage, _)| stage.title() == "Document placed").unwrap().1;
    assert_eq!(placed, 1, "one passage with two outcomes");
}

#[test]
fn outcomes_count_once_over_a_renewal_on_both_engines() {
    let behaviours = [
        an_outcome_counts_once_whichever_of_its_keys_comes_first as fn(&Store),
        the_second_outcome_of_a_passage_is_known_over_the_renewal,
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, behaviour) in behaviours.iter().enumerate() {
        behaviour(&Store::sqlite(&folder.path().join(format!("{number}.sqlite"))).unwrap());
    }
    let Some(mut cluster) = Cluster::start() else { return };
    for behaviour in behaviours {
        behaviour(&Store::postgres(&cluster.database()).unwrap());
    }
}
