//! How central bears many lanes: ingest against what the bare database commits in the same run, look-ups in a long
//! list, the way of a referral to an officer's page, and what came just now beside a backlog. Both databases.
//!
//! Sizes by environment, so that a run takes two minutes on a small machine: `EGATE_BENCH_LANES`,
//! `EGATE_BENCH_RECORDS`, `EGATE_BENCH_LIST`, `EGATE_BENCH_BACKLOG`. Arguments name the parts to be run: `ingest`, `tls`,
//! `look-ups`, `backlog`.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

#[path = "../tests/common/postgres.rs"]
mod postgres;

use egate::central::lookup::{FileForm, read_list};
use egate::central::store::{
    AuditEntry, ENTRIES_AT_ONCE, ListKind, NewEntry, PassageFilter, PostgresSettings, Role, Store,
    VerifiedRecord,
};
use egate::outbox::{BackOff, CentralClient, CentralClientSettings, Outbox, Uploader};
use egate::passage::{Ending, Outcome, Picture};
use egate::policy::PassageId;
use egate::record::wire::{LookupQuestion, RecordBatch};
use egate::record::{PassageRecord, SealedPicture, SignedRecord};
use egate::workbench::load::{
    LoadCentral, LoadLane, PassageLoad, StoreKind, Times, Until, kits, lanes, send,
};
use indicatif::ProgressBar;
use postgres::Cluster;
use rusqlite::params;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PLAIN: PassageLoad = PassageLoad { picture_bytes: 0, pause: None };
const PICTURED: PassageLoad = PassageLoad { picture_bytes: 50_000, pause: None };

fn size(name: &str, usual: usize) -> usize {
    std::env::var(format!("EGATE_BENCH_{name}")).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What is measured of a database.
type Part = fn(&Engine);

/// One of the two databases, and how to open another of its kind.
struct Engine {
    name: &'static str,
    kind: StoreKind,
    cluster: Option<Mutex<Cluster>>,
}

impl Engine {
    /// Settings of a new, empty database, where it is PostgreSQL.
    fn database(&self) -> Option<PostgresSettings> {
        Some(self.cluster.as_ref()?.lock().unwrap().database())
    }

    fn store(&self, folder: &Path) -> Store {
        match self.database() {
            Some(settings) => Store::postgres(&settings).unwrap(),
            None => Store::sqlite(&folder.join("store.sqlite")).unwrap(),
        }
    }

    fn central(&self, runtime: &Runtime, folder: &Path) -> LoadCentral {
        let database = self.database().map(|settings| settings.postgres);
        runtime.block_on(LoadCentral::start(folder, self.kind, database.as_deref())).unwrap()
    }
}

/// On the disk of the working folder: a temporary folder may be memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn main() {
    // The officer's browser, without TLS here, wants one all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut engines = vec![Engine { name: "SQLite", kind: StoreKind::Sqlite, cluster: None }];
    // The tests' cluster does not sync; this one is to be durable.
    match Cluster::start_with(&["fsync=on"]) {
        Some(cluster) => {
            let cluster = Some(Mutex::new(cluster));
            engines.push(Engine { name: "PostgreSQL", kind: StoreKind::Postgres, cluster });
        }
        None => println!("PostgreSQL is not installed: not measured"),
    }
    let parts: [(&str, Part); 4] =
        [("ingest", ingest), ("tls", over_tls), ("look-ups", look_ups), ("backlog", backlog_beside_live)];
    let only: Vec<String> = std::env::args().skip(1).filter(|text| !text.starts_with('-')).collect();
    for engine in &engines {
        println!("{}", engine.name);
        for (_, part) in parts.iter().filter(|(name, _)| only.is_empty() || only.iter().any(|o| o == name)) {
            part(engine);
        }
    }
    println!("memory of this process {:8.0} MB at most", peak_memory_mb());
}

/// Chains of several lanes, made beforehand.
fn chains(runtime: &Runtime, lanes_count: u16, records: usize) -> Vec<Vec<SignedRecord>> {
    let folder = folder();
    let central = runtime.block_on(LoadCentral::start(folder.path(), StoreKind::Sqlite, None)).unwrap();
    let mut lanes = lanes(&central.identity, lanes_count, &central.url).unwrap();
    let each = records / usize::from(lanes_count);
    let made = lanes.iter_mut().map(|lane| (0..each).map(|_| lane.next(&PLAIN).unwrap().0).collect());
    let made = made.collect();
    runtime.block_on(central.running.stop()).unwrap();
    made
}

/// The same rows into the bare database: a connection with what it needs.
enum Bare {
    Sqlite(rusqlite::Connection),
    Postgres(Runtime, Vec<(tokio_postgres::Client, tokio_postgres::Statement)>),
}

const BARE_TABLE: &str = "CREATE TABLE rows (sha256 TEXT PRIMARY KEY, signature TEXT, canonical TEXT)";

impl Bare {
    fn sqlite(path: &Path) -> Bare {
        let db = rusqlite::Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.execute_batch(&format!("{BARE_TABLE} STRICT, WITHOUT ROWID")).unwrap();
        Bare::Sqlite(db)
    }

    fn postgres(settings: &str, lanes: usize) -> Bare {
        let runtime = Runtime::new().unwrap();
        let clients = runtime.block_on(async {
            let mut clients = Vec::new();
            for lane in 0..lanes {
                let (client, connection) =
                    tokio_postgres::connect(settings, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                if lane == 0 {
                    client.batch_execute(BARE_TABLE).await.unwrap();
                }
                let insert = client.prepare("INSERT INTO rows VALUES ($1, $2, $3)").await.unwrap();
                clients.push((client, insert));
            }
            clients
        });
        Bare::Postgres(runtime, clients)
    }

    /// Commits these rows: SQLite one of each lane in each transaction, PostgreSQL each by itself on a connection
    /// for each lane, so that it gathers them.
    fn commit(&mut self, chains: &[&[SignedRecord]]) {
        match self {
            Bare::Sqlite(db) => {
                for round in 0..chains[0].len() {
                    let transaction = db.transaction().unwrap();
                    for chain in chains {
                        let SignedRecord { canonical, sha256, signature } = &chain[round];
                        let mut insert =
                            transaction.prepare_cached("INSERT INTO rows VALUES (?1, ?2, ?3)").unwrap();
                        insert.execute(params![sha256, signature, canonical]).unwrap();
                    }
                    transaction.commit().unwrap();
                }
            }
            Bare::Postgres(runtime, clients) => runtime.block_on(async {
                let lanes = clients.iter().zip(chains).map(async |((client, insert), chain)| {
                    for row in *chain {
                        client.execute(insert, &[&row.sha256, &row.signature, &row.canonical]).await.unwrap();
                    }
                });
                futures_util::future::join_all(lanes).await;
            }),
        }
    }
}

/// Records per second of the store under as many writers as lanes, beside those of the bare database that is
/// given as many rows at once; in turns, so that neither has the quieter disk.
fn ingest(engine: &Engine) {
    const ROUNDS: usize = 10;
    let (writers, records) = (size("LANES", 16), size("RECORDS", 4_000));
    let runtime = Runtime::new().unwrap();
    let chains = chains(&runtime, writers.try_into().unwrap(), records);
    let each = chains[0].len() / (ROUNDS + 1);
    let folder = folder();
    let mut bare = match engine.database() {
        None => Bare::sqlite(&folder.path().join("bare.sqlite")),
        Some(settings) => Bare::postgres(&settings.postgres, writers),
    };
    let store = engine.store(folder.path());
    for chain in &chains {
        let first: PassageRecord = serde_json::from_str(&chain[0].canonical).unwrap();
        store.add_lane(&first.position.lane, "00", 1).unwrap();
    }
    let (mut bare_time, mut store_time, mut ratios) = (Duration::ZERO, Duration::ZERO, Vec::new());
    for round in 0..=ROUNDS {
        let work: Vec<&[SignedRecord]> =
            chains.iter().map(|chain| &chain[round * each..(round + 1) * each]).collect();
        let start = Instant::now();
        bare.commit(&work);
        let bare_took = start.elapsed();
        let verified: Vec<Vec<VerifiedRecord>> = work.iter().map(|chain| read(chain)).collect();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for chain in &verified {
                let store = &store;
                scope.spawn(move || {
                    for record in chain {
                        let now = jiff::Timestamp::now().as_millisecond();
                        store.append(std::slice::from_ref(record), now).unwrap();
                    }
                });
            }
        });
        let took = start.elapsed();
        // The first round warms up.
        if round > 0 {
            bare_time += bare_took;
            store_time += took;
            ratios.push(bare_took.as_secs_f64() / took.as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    let per_second = |time: Duration| (ROUNDS * each * writers) as f64 / time.as_secs_f64();
    println!("  bare group commit    {:8.0} records/s, {writers} at once", per_second(bare_time));
    println!("  store's append       {:8.0} records/s, {writers} writers", per_second(store_time));
    println!("  append / bare        {:8.2} (median of {ROUNDS} rounds)", ratios[ROUNDS / 2]);
}

fn read(chain: &[SignedRecord]) -> Vec<VerifiedRecord> {
    let read = |signed: &SignedRecord| VerifiedRecord {
        record: serde_json::from_str(&signed.canonical).unwrap(),
        signed: signed.clone(),
    };
    chain.iter().map(read).collect()
}

/// Whole passages over TLS with two sealed pictures each, and the way of a referral to an officer's page.
fn over_tls(engine: &Engine) {
    let (count, records) = (size("LANES", 16), size("RECORDS", 4_000) / 4);
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let central = engine.central(&runtime, folder.path());
    let mut many = lanes(&central.identity, u16::try_from(count + 1).unwrap(), &central.url).unwrap();
    let officer = many.pop().unwrap();
    let until = Until::Records(records as u64);
    let report = runtime.block_on(send(many, PICTURED, until, ProgressBar::hidden())).unwrap();
    println!(
        "  passages over TLS    {:8.0} records/s with two pictures, {:.1} MB/s",
        report.records_per_second,
        report.bytes_per_second / 1e6
    );
    println!("    a passage          {}", report.passage_ms);
    println!("    its record's call  {}", report.record_ms);
    println!("  record to the page   {}", runtime.block_on(referrals(&central, officer)));
    runtime.block_on(central.running.stop()).unwrap();
}

/// Longer than changes that follow another are held back to be told together.
const QUIET: Duration = Duration::from_millis(400);

/// Time from the call with a record to the event that makes an officer's page fetch anew; it is the same for a
/// referred one, and one in twenty is. Each comes alone, as a case does at a site that is not flooded: of several
/// within a quarter of a second those after the first are told together.
async fn referrals(central: &LoadCentral, mut lane: LoadLane) -> Times {
    let office = &central.running.office;
    let link = office.create_user("officer", Role::Officer).await.unwrap();
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let set_up = http.post(link).header("content-type", "application/x-www-form-urlencoded");
    let answer = set_up.body("password=a+long+enough+password&again=a+long+enough+password").send().await;
    let answer = answer.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let events = format!("http://{}/events", central.running.console_address());
    let mut page = http.get(events).header("cookie", cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let mut times = Vec::new();
    for _ in 0..size("REFERRALS", 40) {
        let (signed, pictures) = lane.next(&PLAIN).unwrap();
        for picture in pictures {
            lane.client().put_picture(&picture.sha256, picture.sealed).await.unwrap();
        }
        // The first event comes at once; then it is quiet.
        while tokio::time::timeout(QUIET, page.chunk()).await.is_ok_and(|told| told.unwrap().is_some()) {}
        let start = Instant::now();
        lane.client().post_records(&RecordBatch { records: vec![signed], held_from: None }).await.unwrap();
        page.chunk().await.unwrap();
        times.push(start.elapsed());
    }
    Times::of(times)
}

/// Look-ups over TLS, one after the other, while a long list of persons is in force; so many that the snapshot of it
/// for the lanes is made beside them.
fn look_ups(engine: &Engine) {
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let central = engine.central(&runtime, folder.path());
    let store = central.running.store();
    let entries = size("LIST", 1_000_000);
    let start = Instant::now();
    // On threads of their own: the store's calls wait.
    let filling = std::thread::spawn({
        let store = Arc::clone(&store);
        move || fill(&store, entries)
    });
    let beside = std::thread::spawn(move || {
        let mut times = Vec::new();
        while !filling.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            times.push(write(&store));
        }
        filling.join().unwrap();
        times
    });
    let beside = beside.join().unwrap();
    let imported = start.elapsed();
    let (_, kit) = kits(&central.identity, 1).unwrap().remove(0);
    let client = client(&central, &kit);
    let times = runtime.block_on(async {
        let mut times = Vec::new();
        for number in 0..1_500_usize {
            let (surname, given) = name(number * 7919 % entries.max(1));
            let question = question(&surname, &given);
            let start = Instant::now();
            client.look_up(&question, Duration::from_secs(20)).await.unwrap();
            times.push(start.elapsed());
        }
        times
    });
    println!("  look-up              {} among {entries} persons", Times::of(times));
    println!("    import             {:8.0} entries/s", entries as f64 / imported.as_secs_f64());
    println!("    a write beside it  {}", Times::of(beside));
    runtime.block_on(central.running.stop()).unwrap();
}

/// How long an officer's act takes that is written down.
fn write(store: &Store) -> Duration {
    let act = AuditEntry { actor: "anna", act: "page.view", subject: "lanes", detail: "" };
    let start = Instant::now();
    store.audit(act, 5).unwrap();
    start.elapsed()
}

fn client(central: &LoadCentral, kit: &egate::outbox::LaneKit) -> CentralClient {
    CentralClient::new(&CentralClientSettings {
        url: central.url.clone(),
        authority_pem: kit.authority_pem.clone(),
        certificate_pem: kit.certificate_pem.clone(),
        key_pem: kit.key_pem.clone(),
        answers: kit.answers,
    })
    .unwrap()
}

fn fill(store: &Store, entries: usize) {
    let kind = ListKind::Persons;
    let generation = store.begin_list("bench", kind, "00", "anna", 1).unwrap().unwrap();
    for from in (0..entries).step_by(ENTRIES_AT_ONCE) {
        let mut csv = "reference,surname,given_names,born,nationality\n".to_owned();
        for number in from..(from + ENTRIES_AT_ONCE).min(entries) {
            let (surname, given) = name(number);
            let (year, month, day) = (1940 + number % 70, 1 + number % 12, 1 + number % 28);
            csv.push_str(&format!("{number},{surname},{given},{year}-{month:02}-{day:02},UTO\n"));
        }
        let read: Vec<NewEntry> = read_list(kind, FileForm::Csv, csv.as_bytes()).unwrap();
        store.add_entries("bench", kind, generation, &read).unwrap();
    }
    store.end_list("bench", generation, entries as u64, "anna", 1).unwrap();
    store.approve_list("bench", generation, "ben", 2).unwrap();
}

/// Names as different as names are: syllables by the digits of a number.
fn name(number: usize) -> (String, String) {
    const SYLLABLES: [&str; 16] = [
        "BA", "KO", "LIN", "MER", "DA", "SON", "TI", "VAN", "RE", "GOR", "NU", "FEL", "WI", "HAS", "PO",
        "ZEK",
    ];
    let word = |mut digits: usize, length: usize| -> String {
        let mut word = String::new();
        for _ in 0..length {
            word.push_str(SYLLABLES[digits % 16]);
            digits /= 16;
        }
        word
    };
    // An odd multiplier spreads neighbours over all names.
    let mixed = number.wrapping_mul(2_654_435_761) & 0xffff_ffff;
    (word(mixed, 4), word(mixed >> 16, 3))
}

fn question(surname: &str, given_names: &str) -> LookupQuestion {
    LookupQuestion {
        passage: "load-1-x-1".to_owned(),
        nonce: "0f".repeat(16),
        patience_ms: 20_000,
        document_code: "P".to_owned(),
        issuing_state: "UTO".to_owned(),
        document_number: "L898902C3".to_owned(),
        nationality: "UTO".to_owned(),
        surname: surname.to_owned(),
        given_names: given_names.to_owned(),
        date_of_birth: "740812".to_owned(),
        sex: "F".to_owned(),
    }
}

fn outcome(lane: &str, number: usize) -> Outcome {
    Outcome {
        passage: PassageId(format!("{lane}-{number}")),
        started: jiff::Timestamp::now(),
        lasted_ms: 12_000,
        ending: Ending::Admitted,
        reasons: vec![],
        checks: vec![],
        document: None,
        steps: vec![],
        pictures: vec![Picture::Portrait],
        similarity: Some(0.7),
        attack: None,
        commands: Vec::new(),
    }
}

fn append(outbox: &Mutex<Outbox>, lane: &str, number: usize) {
    let mut sealed = format!("{lane} {number} ").into_bytes();
    sealed.resize(20_000, 0x5a);
    let picture = SealedPicture::new(Picture::Portrait, "image/jpeg", sealed);
    outbox.lock().unwrap().append(&outcome(lane, number), &[picture], "standard").unwrap();
}

/// Real queues with a backlog are emptied while each lane goes on: how quickly, and how long what comes just now
/// is on its way.
fn backlog_beside_live(engine: &Engine) {
    let (count, backlog) = (size("LANES", 16) / 4, size("BACKLOG", 500));
    let (runtime, folder) = (Runtime::new().unwrap(), folder());
    let central = engine.central(&runtime, folder.path());
    let mut queues = Vec::new();
    for (name, kit) in kits(&central.identity, u16::try_from(count.max(1)).unwrap()).unwrap() {
        let path = folder.path().join(format!("{name}.db"));
        let queue = Outbox::open(&path, &name, kit.record_key.clone(), 4 << 30).unwrap();
        let queue = Arc::new(Mutex::new(queue));
        (0..backlog).for_each(|number| append(&queue, &name, number));
        queues.push((name, client(&central, &kit), queue));
    }
    let store = central.running.store();
    let start = Instant::now();
    let (drained, live) = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for (name, client, queue) in queues {
            tasks.spawn(drain(name, client, queue, backlog, Arc::clone(&store)));
        }
        let mut live = Vec::new();
        while let Some(times) = tasks.join_next().await {
            live.extend(times.unwrap());
        }
        (start.elapsed(), live)
    });
    let records = count * backlog + live.len();
    let stored = std::thread::spawn(move || {
        store.passages(&PassageFilter { ending: None, most: 1_000_000 }).unwrap().len()
    });
    assert_eq!(stored.join().unwrap(), records);
    println!(
        "  backlog of {count} lanes   {:8.0} records/s, {} of them live",
        records as f64 / drained.as_secs_f64(),
        live.len()
    );
    println!("    what came live     {}", Times::of(live));
    runtime.block_on(central.running.stop()).unwrap();
}

/// Empties one lane's queue while a passage ends every now and then; gives how long those were on their way.
async fn drain(
    name: String,
    client: CentralClient,
    queue: Arc<Mutex<Outbox>>,
    backlog: usize,
    store: Arc<Store>,
) -> Vec<Duration> {
    let epoch = queue.lock().unwrap().epoch().to_owned();
    let uploader = Uploader::start(client, Arc::clone(&queue), BackOff::default());
    let (wake, mut live, mut number) = (uploader.wake(), Vec::new(), backlog);
    // From here on the upload is at work.
    let under_way = |first: u64| {
        queue
            .lock()
            .unwrap()
            .extent()
            .unwrap()
            .is_some_and(|extent| (first..=backlog as u64).contains(&extent.first))
    };
    while under_way(1) && !under_way(2) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    while under_way(2) {
        append(&queue, &name, number);
        number += 1;
        wake.notify_one();
        let start = Instant::now();
        let key = egate::central::store::RecordKey {
            lane: name.clone(),
            epoch: epoch.clone(),
            sequence: number as u64,
        };
        loop {
            let (store, key) = (Arc::clone(&store), key.clone());
            let found = tokio::task::spawn_blocking(move || store.passage(&key).unwrap().is_some());
            if found.await.unwrap() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        live.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while !queue.lock().unwrap().is_empty().unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    uploader.stop().await;
    live
}

/// The most memory that this process ever had, as the kernel counts it.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or_default() / 1024.0
}
