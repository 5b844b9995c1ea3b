//! Queue, upload and central together, while everything between them breaks.
//!
//! The invariant in each: every record that the queue took is at central exactly once when all is well again,
//! and the chain at central is whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::World;
use common::queue::outcome;
use egate::central::store::{AlarmKind, PassageFilter, Store};
use egate::outbox::{BackOff, LaneKit, Outbox, RunningUploader, UploadState, Uploader};
use egate::passage::Picture;
use egate::record::{ChainHead, SealedPicture};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const QUICK: BackOff = BackOff { first: Duration::from_millis(5), longest: Duration::from_millis(40) };
const PATIENCE: Duration = Duration::from_secs(120);

/// The line between lane and central. It can lose central's answers while the questions arrive.
struct Line {
    address: SocketAddr,
    lose_answers: Arc<AtomicBool>,
    /// Central's port; 0 while nobody answers.
    central: Arc<AtomicU16>,
}

impl Line {
    async fn open(central: u16) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lose_answers, central) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU16::new(central)));
        let (lose, port) = (Arc::clone(&lose_answers), Arc::clone(&central));
        tokio::spawn(async move {
            while let Ok((lane, _)) = listener.accept().await {
                let Ok(central) = TcpStream::connect(("127.0.0.1", port.load(Ordering::SeqCst))).await else {
                    continue;
                };
                tokio::spawn(carry(lane, central, Arc::clone(&lose)));
            }
        });
        Line { address, lose_answers, central }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// Carries bytes both ways; an answer that is to be lost ends the connection instead.
async fn carry(lane: TcpStream, central: TcpStream, lose: Arc<AtomicBool>) {
    let ((mut from_lane, mut to_lane), (mut from_central, mut to_central)) =
        (lane.into_split(), central.into_split());
    let there = tokio::spawn(async move { tokio::io::copy(&mut from_lane, &mut to_central).await });
    let mut bytes = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from_central.read(&mut bytes).await {
        if lose.load(Ordering::SeqCst) || to_lane.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    there.abort();
}

/// A lane's process: its queue and its upload.
struct Lane {
    queue: Arc<Mutex<Outbox>>,
    uploader: RunningUploader,
}

impl Lane {
    fn start(kit: &LaneKit, url: &str, outbox: &Path) -> Lane {
        let queue = Outbox::open(outbox, "lane-1", kit.record_key.clone(), 256 << 20).unwrap();
        let client = egate::outbox::CentralClient::new(&egate::outbox::CentralClientSettings {
            url: url.to_owned(),
            authority_pem: kit.authority_pem.clone(),
            certificate_pem: kit.certificate_pem.clone(),
            key_pem: kit.key_pem.clone(),
            answers: kit.answers,
        });
        let queue = Arc::new(Mutex::new(queue));
        let uploader = Uploader::start(client.unwrap(), Arc::clone(&queue), QUICK);
        Lane { queue, uploader }
    }

    /// Gives the record's hash: it is durable.
    fn append(&self, number: u64, bytes: usize) -> String {
        let mut sealed = number.to_be_bytes().to_vec();
        sealed.resize(bytes.max(8), 0x5a);
        let picture = SealedPicture::new(Picture::Portrait, "image/jpeg", sealed);
        let done = self.queue.lock().unwrap().append(&outcome(number), &[picture], "standard").unwrap();
        self.uploader.wake().notify_one();
        done.sha256
    }

    async fn stop(self) {
        self.uploader.stop().await;
        // A call to the queue that was under way ends by itself.
        while Arc::strong_count(&self.queue) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn drained(&self) {
        let wait = async {
            while !self.queue.lock().unwrap().is_empty().unwrap() {
                self.uploader.wake().notify_one();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let state = self.uploader.state();
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("not drained: {:?}", *state.borrow()));
    }
}

/// Central has exactly these records, each once, in one whole chain, and nothing is amiss.
fn whole(store: &Store, hashes: &[String]) {
    let mut found = store.passages(&PassageFilter { ending: None, most: 10_000 }).unwrap();
    found.sort_by_key(|passage| passage.key.sequence);
    let mut head = ChainHead::start();
    for (passage, hash) in found.iter().zip(hashes) {
        assert_eq!(passage.record.position.sequence, head.sequence + 1);
        assert_eq!(passage.record.position.previous, head.sha256);
        head = ChainHead { sequence: head.sequence + 1, sha256: hash.clone() };
    }
    assert_eq!(found.len(), hashes.len());
    assert_eq!(store.alarms(10).unwrap(), []);
}

/// What may happen between two travellers.
#[derive(Debug, Clone)]
enum Act {
    Append { records: u64, bytes: usize },
    LoseAnswers,
    Answer,
    CentralGone,
    CentralBack,
    LaneRestarts,
    Wait { ms: u64 },
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (1_u64..30, 8_usize..4000).prop_map(|(records, bytes)| Act::Append { records, bytes }),
        2 => Just(Act::LoseAnswers),
        2 => Just(Act::Answer),
        1 => Just(Act::CentralGone),
        1 => Just(Act::CentralBack),
        2 => Just(Act::LaneRestarts),
        4 => (0_u64..120).prop_map(|ms| Act::Wait { ms }),
    ]
}

async fn play(acts: Vec<Act>) {
    let world = World::start().await;
    let (kit, outbox) = (world.kit("lane-1"), world.folder.path().join("outbox.db"));
    let line = Line::open(world.settings.lanes.listen.port()).await;
    let (folder, settings, store) = (world.folder, world.settings, world.central.store());
    let mut central = Some(world.central);
    let mut lane = Lane::start(&kit, &line.url(), &outbox);
    let mut hashes = Vec::new();
    for act in acts {
        match act {
            Act::Append { records, bytes } => {
                for _ in 0..records {
                    hashes.push(lane.append(hashes.len() as u64 + 1, bytes));
                }
            }
            Act::LoseAnswers => line.lose_answers.store(true, Ordering::SeqCst),
            Act::Answer => line.lose_answers.store(false, Ordering::SeqCst),
            // Dropped, not stopped: its calls break off wherever they are.
            Act::CentralGone => drop(central.take()),
            Act::CentralBack => bring_back(&mut central, &settings, &line).await,
            Act::LaneRestarts => {
                lane.stop().await;
                lane = Lane::start(&kit, &line.url(), &outbox);
            }
            Act::Wait { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }
    line.lose_answers.store(false, Ordering::SeqCst);
    bring_back(&mut central, &settings, &line).await;
    lane.drained().await;
    lane.stop().await;
    whole(&store, &hashes);
    drop(folder);
}

async fn bring_back(
    central: &mut Option<egate::central::RunningCentral>,
    settings: &egate::central::CentralSettings,
    line: &Line,
) {
    if central.is_none() {
        let mut settings = settings.clone();
        let free = "127.0.0.1:0".parse().unwrap();
        (settings.lanes.listen, settings.console.listen) = (free, free);
        let running = egate::central::Central::start(settings).await.unwrap();
        line.central.store(running.lanes_address().port(), Ordering::SeqCst);
        *central = Some(running);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn every_record_arrives_exactly_once_whatever_breaks(acts in prop::collection::vec(any_act(), 1..25)) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(acts));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_are_lost_cost_nothing_but_a_repetition() {
    let world = World::start().await;
    let (kit, outbox) = (world.kit("lane-1"), world.folder.path().join("outbox.db"));
    let line = Line::open(world.settings.lanes.listen.port()).await;
    let lane = Lane::start(&kit, &line.url(), &outbox);
    let mut hashes = vec![lane.append(1, 500)];
    lane.drained().await;
    line.lose_answers.store(true, Ordering::SeqCst);
    hashes.extend((2..=20).map(|number| lane.append(number, 500)));
    let mut state = lane.uploader.state();
    let failed =
        |state: &UploadState| matches!(state, UploadState::Waiting { failures, .. } if *failures > 3);
    tokio::time::timeout(PATIENCE, state.wait_for(failed)).await.unwrap().unwrap();
    assert_eq!(lane.queue.lock().unwrap().len().unwrap(), 19, "nothing leaves without an acknowledgement");
    line.lose_answers.store(false, Ordering::SeqCst);
    lane.drained().await;
    lane.stop().await;
    whole(&world.central.store(), &hashes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_put_back_from_a_copy_is_noticed_and_overwrites_nothing() {
    let world = World::start().await;
    let (kit, outbox) = (world.kit("lane-1"), world.folder.path().join("outbox.db"));
    let copy = world.folder.path().join("copy.db");
    let lane = Lane::start(&kit, &world.url(), &outbox);
    lane.append(1, 500);
    lane.drained().await;
    lane.stop().await;
    std::fs::copy(&outbox, &copy).unwrap();
    let lane = Lane::start(&kit, &world.url(), &outbox);
    let second = lane.append(2, 500);
    lane.drained().await;
    lane.stop().await;

    let lane = Lane::start(&kit, &world.url(), &copy);
    lane.append(200, 700);
    let mut state = lane.uploader.state();
    let stuck = |state: &UploadState| matches!(state, UploadState::Stuck { why } if why.contains("Conflict"));
    tokio::time::timeout(PATIENCE, state.wait_for(stuck)).await.unwrap().unwrap();
    assert_eq!(lane.queue.lock().unwrap().len().unwrap(), 1, "the lane keeps what central did not take");
    lane.stop().await;
    let store = world.central.store();
    let alarms = store.alarms(10).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::Conflict), "{alarms:?}");
    let kept = store.passages(&PassageFilter { ending: None, most: 10 }).unwrap();
    let record = kept.iter().find(|passage| passage.key.sequence == 2).unwrap();
    assert_eq!((kept.len(), record.record.lasted_ms), (2, 2), "{second} stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_queue_and_two_machines_with_one_identity_are_noticed() {
    let world = World::start().await;
    let (kit, first) = (world.kit("lane-1"), world.folder.path().join("first.db"));
    let second: PathBuf = world.folder.path().join("second.db");
    let store = world.central.store();
    let kinds = || store.alarms(10).unwrap().iter().map(|alarm| alarm.kind).collect::<Vec<_>>();
    let (one, two) = (Lane::start(&kit, &world.url(), &first), Lane::start(&kit, &world.url(), &second));
    one.append(1, 500);
    one.drained().await;
    assert_eq!(kinds(), []);
    two.append(1, 600);
    two.drained().await;
    assert_eq!(kinds(), [AlarmKind::NewQueue]);
    one.append(2, 500);
    one.drained().await;
    assert!(kinds().contains(&AlarmKind::TwoQueues), "{:?}", kinds());
    assert_eq!(store.passages(&PassageFilter { ending: None, most: 10 }).unwrap().len(), 3, "all are kept");
    one.stop().await;
    two.stop().await;
}

/// Central as a process of its own, on the world's folder; killed at the n-th sync where one is named.
fn central_process(config: &Path, kill_at: Option<u32>) -> Child {
    let egate = env!("CARGO_BIN_EXE_egate");
    let mut command = match kill_at {
        None => Command::new(egate),
        Some(sync) => {
            let mut strace = Command::new("strace");
            let inject = format!("inject=fsync,fdatasync:signal=SIGKILL:when={sync}");
            strace.args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=fsync,fdatasync",
                "-e",
                &inject,
                egate,
            ]);
            strace
        }
    };
    command.arg("central").arg("--config").arg(config);
    // A group of its own: what strace runs ends with it.
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn end(mut process: Child) {
    let group = nix::unistd::Pid::from_raw(process.id().try_into().unwrap());
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    process.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn central_killed_at_every_sync_of_an_ingest_loses_and_doubles_nothing() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|done| done.success()) {
        assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "strace is not usable");
        eprintln!("skipped: strace is not installed, or may not trace here");
        return;
    }
    let world = World::start().await;
    let (kit, outbox, url) = (world.kit("lane-1"), world.folder.path().join("outbox.db"), world.url());
    let World { folder, settings, central } = world;
    central.stop().await.unwrap();
    let config = folder.path().join("central.toml");
    let text = format!(
        "data = \"data\"\nidentity = \"identity\"\n[lanes]\nlisten = \"{}\"\n[console]\nlisten = \"{}\"\n",
        settings.lanes.listen, settings.console.listen
    );
    std::fs::write(&config, text).unwrap();
    let lane = Lane::start(&kit, &url, &outbox);
    let (mut hashes, mut killed) = (Vec::new(), 0);
    for sync in 1..=12 {
        let mut process = central_process(&config, Some(sync));
        hashes.extend((0..3).map(|n| lane.append(hashes.len() as u64 + 1 + n, 900)).collect::<Vec<_>>());
        let mut waited = 0;
        // Until it is killed; or, where it makes fewer syncs than that, until all is stored.
        while process.try_wait().unwrap().is_none() && waited < 2000 {
            if lane.queue.lock().unwrap().is_empty().unwrap() && waited > 100 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            waited += 1;
        }
        killed += u32::from(process.try_wait().unwrap().is_some());
        end(process);
    }
    let process = central_process(&config, None);
    lane.drained().await;
    lane.stop().await;
    end(process);
    eprintln!("{killed} of 12 processes killed at their n-th sync");
    assert!(killed >= 6, "only {killed}");
    whole(&Store::sqlite(&settings.data.join("central.sqlite")).unwrap(), &hashes);
}
