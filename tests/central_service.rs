//! Central as a service: its page of commands, its monitoring, and how it stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{Chain, World, batch, refer};
use common::s3::S3;
use egate::central::store::Role;
use egate::central::{Central, CentralSettings};
use egate::check::{CheckId, Reason};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

/// A command line of the page: words, in a folder.
fn run(folder: &Path, line: &str) -> (bool, String) {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let done = Command::new(env!("CARGO_BIN_EXE_egate")).args(words).current_dir(folder).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs the service until it told its addresses, and stops it as an operator does.
fn serves_and_stops(folder: &Path, line: &str) {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let mut service = Command::new(env!("CARGO_BIN_EXE_egate"))
        .args(words)
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(service.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("/set-up/")), "the first supervisor's link is told");
    let pid = nix::unistd::Pid::from_raw(service.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(service.wait().unwrap().success());
}

/// An engineer and a supervisor who have set their passwords, which stand in files.
fn two_users(folder: &Path) {
    let work = async {
        let settings = CentralSettings::read(&folder.join("central.toml")).unwrap();
        let central = Central::start(settings).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (name, role) in [("anna", Role::Engineer), ("ben", Role::Supervisor)] {
            let link = central.office.create_user(name, role).await.unwrap();
            let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
            let set = http.build().unwrap().post(link);
            let set = set.header("content-type", "application/x-www-form-urlencoded");
            let form = "password=correct-horse-battery&again=correct-horse-battery";
            assert_eq!(set.body(form).send().await.unwrap().status(), 303);
            std::fs::write(folder.join(format!("{name}.txt")), "correct-horse-battery\n").unwrap();
        }
        central.stop().await.unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

#[test]
fn every_command_of_the_operators_page_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |data: &str| {
        let text = include_str!("../config/central.toml");
        let text = text.replace("data = \"data\"", &format!("data = \"{data}\""));
        text.replace("0.0.0.0:8443", "127.0.0.1:0").replace("127.0.0.1:8444", "127.0.0.1:0")
    };
    std::fs::write(folder.path().join("central.toml"), settings("data")).unwrap();
    std::fs::write(folder.path().join("elsewhere.toml"), settings("elsewhere")).unwrap();
    let watch = "reference,surname,born\n7,Eriksson,1974\n";
    std::fs::write(folder.path().join("watch.csv"), watch).unwrap();
    let page = include_str!("../docs/central.md");
    std::fs::write(folder.path().join("profile.toml"), include_str!("../config/profile.toml")).unwrap();
    // The page's own example: all keys that a release may set.
    let released =
        page.split("```toml\nupload_bytes_per_second").nth(1).unwrap().split("```").next().unwrap();
    let released = format!("upload_bytes_per_second{released}");
    std::fs::write(folder.path().join("settings.toml"), released).unwrap();
    let commands: Vec<&str> = page.lines().filter(|line| line.starts_with("egate ")).collect();
    assert!(commands.len() > 12, "{commands:?}");
    for line in commands {
        if line == "egate central --config central.toml" {
            serves_and_stops(folder.path(), line);
            continue;
        }
        if line.contains(" --as ") && !folder.path().join("anna.txt").exists() {
            two_users(folder.path());
        }
        let (done, said) = run(folder.path(), line);
        assert!(done, "{line}: {said}");
        let tells = |word: &str| assert!(said.contains(word), "{line}: {said}");
        match line {
            _ if line.contains(" user ") => tells("/set-up/"),
            _ if line.contains("dry-run") => tells("1 entries, all good"),
            _ if line.contains(" command show") => tells("\tout of service\tanna\ton its way"),
            _ if line.contains(" propose ") => tells("1\n"),
            _ if line.contains(" releases show") => tells("release\t1\trolling\t"),
            _ if line.contains("--json") => tells("\"passages\": 0"),
            _ if line.contains(" statistics ") => tells("port,day,passages,again,stage_placed"),
            _ if line.contains(" openapi") => tells("/v1/records"),
            _ => {}
        }
    }
    let (done, said) = run(folder.path(), "egate central restore --config elsewhere.toml --from backup");
    assert!(!done && said.contains("never overwrites"), "{said}");
}

async fn get(world: &World, call: &str) -> (u16, String) {
    let url = format!("http://{}{call}", world.central.monitoring_address().unwrap());
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn metrics_tell_each_lanes_totals_and_csv_hides_what_is_few() {
    let world = World::start().await;
    world.central.office.set_port("lane-1", "harbour").await.unwrap();
    assert!(world.central.office.set_port("lane-1", "x\" 1\n").await.is_err());
    assert!(world.central.office.set_port("lane-9", "harbour").await.is_err());
    let mut chain = Chain::new(&world, "lane-1");
    let mut records: Vec<_> = (0..8).map(|_| chain.next(|_| {})).collect();
    records.extend((0..2).map(|_| chain.next(|r| refer(r, CheckId::FaceMatch, Reason::FaceMismatch))));
    let client = world.client("lane-1");
    client.post_records(&batch(&records.iter().collect::<Vec<_>>())).await.unwrap();
    let query = egate::central::store::StatisticsQuery {
        from: 0,
        to: i64::MAX,
        by: vec![egate::central::store::Dimension::Port],
        only: Vec::new(),
    };
    let table = world.central.office.statistics(query, "test").await.unwrap();
    let csv = String::from_utf8(egate::central::to_csv(&table).unwrap()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("port,passages,again,stage_placed,"), "{csv}");
    assert!(lines[0].contains(",reason_2002,") && lines[0].contains(",capture_median_ms,"), "{csv}");
    // Two were referred: neither they nor the eight others are told.
    assert!(
        lines[1].starts_with("harbour,10,0,10,10,10,10,hidden,10,hidden,hidden,hidden,0,hidden,"),
        "{csv}"
    );
    let (status, metrics) = get(&world, "/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "egate_passages{ending=\"admitted\"} 8",
        "egate_passages{ending=\"referred\"} 2",
        "egate_passages{ending=\"withdrawn\"} 0",
        "egate_stage_total{lane=\"lane-1\",port=\"harbour\",stage=\"chip_read\"} 10",
        "egate_ending_total{lane=\"lane-1\",port=\"harbour\",ending=\"referred\"} 2",
        "egate_reason_total{lane=\"lane-1\",port=\"harbour\",reason=\"2002\"} 2",
        "egate_step_seconds_count{lane=\"lane-1\",port=\"harbour\",step=\"capture\"} 10",
        "egate_step_seconds_sum{lane=\"lane-1\",port=\"harbour\",step=\"capture\"} 19.000",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("egate_lane_silent_seconds{lane=\"lane-1\"} ") && !metrics.contains("ERIKSSON"));
    world.central.stop().await.unwrap();
}

#[tokio::test]
async fn it_is_ready_only_while_its_stores_answer() {
    let s3 = S3::start().await;
    let world = World::start_with(|settings| settings.pictures.s3 = Some(s3.settings.clone())).await;
    assert_eq!(get(&world, "/readyz").await, (200, "ready\n".to_owned()));
    s3.bucket.broken.store(true, Ordering::SeqCst);
    assert_eq!(get(&world, "/readyz").await.0, 503);
    assert_eq!(get(&world, "/healthz").await.0, 200, "it lives, and need not be started anew");
    s3.bucket.broken.store(false, Ordering::SeqCst);
    assert_eq!(get(&world, "/readyz").await.0, 200);
    let (status, described) = get(&world, "/openapi.json").await;
    assert!(status == 200 && described.contains("/v1/lookups"));
    world.central.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_in_work_is_answered_before_the_service_ends() {
    let world = World::start().await;
    let address = world.central.console_address();
    let begun = tokio::task::spawn_blocking(move || {
        let mut caller = TcpStream::connect(address).unwrap();
        let body = "name=anna&password=wrong";
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        caller.write_all(head.as_bytes()).unwrap();
        caller.write_all(&body.as_bytes()[..5]).unwrap();
        // Another call is answered: the one before was taken by then.
        let mut other = TcpStream::connect(address).unwrap();
        write!(other, "GET /sign-in HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        other.read_to_string(&mut String::new()).unwrap();
        (caller, body)
    });
    let (mut caller, body) = begun.await.unwrap();
    let stopping = tokio::spawn(world.central.stop());
    let answer = tokio::task::spawn_blocking(move || {
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        caller.write_all(&body.as_bytes()[5..]).unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "no answer: {answer}");
    stopping.await.unwrap().unwrap();
}
