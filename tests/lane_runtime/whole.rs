//! Whole passages of a lane as it is installed: `egate lane` in a process of its own, driven by its settings file, with
//! a chip behind pcscd, gate and reader of printed lines on ptys, a camera on the network, central over TLS, and a
//! service manager that listens.

use crate::kit::{self, LANE, PATIENCE, SPEED, SURNAME, issue, write_trust};
use crate::pcscd::{Service, in_own_namespace, put_down_soon};
use egate::passage::{Door, Ending};
use egate::workbench::issue::{Defect, IssuedDocument, TestCountry};
use egate::workbench::rig::{DeskCentral, Simulators};
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use tokio::runtime::Runtime;

#[test]
fn travellers_pass_a_lane_as_it_is_installed() {
    in_own_namespace("whole::travellers_pass_a_lane_as_it_is_installed", pass);
}

fn pass() {
    let _service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let country = TestCountry::new("UTO", "UT", Timestamp::now()).unwrap();
    let trust = country.trust_bundle().unwrap();
    let people = kit::cast(&kit::faculties(&trust));
    let mut central = DeskCentral::start(runtime.handle().clone(), folder.path(), &[LANE]).unwrap();
    let simulators = Simulators::start(SPEED).unwrap();
    simulators.stage.show(people.nobody.clone());
    let config = write_settings(folder.path(), &central, &simulators, &trust);
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lane = start(&config, &folder.path().join("notify"));

    let floor = simulators.floor();
    let see = |what: &str, seen: &dyn Fn(&egate::devices::gate::FloorSnapshot) -> bool| {
        assert!(floor.wait_until(seen, PATIENCE), "{what} never came: {:?}", floor.snapshot());
    };
    hears(&manager, "READY=1");
    let health = lane.told("health: ");
    see("the green lamp", &|gate| gate.green);
    assert!(get(&health).starts_with("HTTP/1.1 200"), "{}", get(&health));

    // The holder with a good document.
    let lay = |document: &IssuedDocument| {
        simulators.stage.show(people.holder.clone());
        floor.approach();
        let laid = document.clone();
        let card = put_down_soon(move || laid.passport(7).unwrap()).join().unwrap();
        let lines: Vec<&str> = document.printed.iter().map(String::as_str).collect();
        simulators.lines.send(&lines).unwrap();
        card
    };
    let card = lay(&issue(&country, &people.portrait, 1, Defect::None));
    see("the open entrance", &|gate| gate.entry == Door::Open);
    drop(card);
    floor.walk_in();
    see("the open exit", &|gate| gate.exit == Door::Open);
    floor.leave_by_exit();
    see("the next green lamp", &|gate| gate.green && gate.cabin == 0);

    // A document whose portrait was replaced.
    let card = lay(&issue(&country, &people.portrait, 2, Defect::PortraitReplaced));
    see("the officer's beacon", &|gate| gate.beacon);
    floor.leave_by_entry();
    drop(card);
    simulators.stage.show(people.nobody.clone());
    see("the next green lamp", &|gate| gate.green);
    assert_eq!(floor.snapshot().exit_openings, 1);

    hears(&manager, "WATCHDOG=1");
    kill(Pid::from_raw(lane.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    hears(&manager, "STOPPING=1");
    assert!(lane.child.wait().unwrap().success(), "stopped in order");
    assert!(!floor.snapshot().green);

    let store = central.running().unwrap().store();
    let filter = egate::central::store::PassageFilter { ending: None, most: 10 };
    let endings: Vec<Ending> = store.passages(&filter).unwrap().iter().map(|p| p.record.ending).collect();
    assert_eq!(endings, [Ending::Referred, Ending::Admitted], "newest first");
    let log: String = lane.said.try_iter().collect::<Vec<_>>().join("\n");
    assert!(log.contains(r#""deed":"OpenedExit""#), "{log}");
    assert!(!log.contains(SURNAME), "{log}");
    central.go_away().unwrap();

    // What was recorded plays again to the same verdicts.
    let replayed = Command::new(env!("CARGO_BIN_EXE_egate"))
        .env("EGATE_VAR", kit::var())
        .args(["replay"])
        .arg(folder.path().join("fixtures"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&replayed.stdout).into_owned();
    assert!(replayed.status.success() && told.matches("same ").count() == 2, "{told}");
}

pub(crate) fn write_settings(
    folder: &Path,
    central: &DeskCentral,
    simulators: &Simulators,
    trust: &[(String, Vec<u8>)],
) -> std::path::PathBuf {
    write_trust(&folder.join("trust"), trust);
    let shipped = std::fs::read_to_string("config/profile.toml").unwrap();
    let quick = shipped
        .replace("referral_ms = 15000", "referral_ms = 800")
        .replace("frames_needed = 4", "frames_needed = 2");
    assert!(quick.contains("referral_ms = 800") && quick.contains("frames_needed = 2"));
    std::fs::write(folder.join("profile.toml"), quick).unwrap();
    let text = format!(
        r#"
        name = "{LANE}"
        kit = "{kit}"
        central = "{central}"
        outbox = "outbox.db"
        trust = "trust"
        profile = "profile.toml"
        var = "{var}"
        chip_reader.name = "Virtual PCD"
        mrz_reader.line.port = "{lines}"
        gate.line.port = "{gate}"
        camera.http.url = "{camera}"
        screen.listen = "127.0.0.1:0"
        health.listen = "127.0.0.1:0"
        record = {{ folder = "fixtures", keeps_personal_data = true }}
        "#,
        kit = central.kit(LANE).display(),
        central = central.url(),
        var = kit::var().display(),
        lines = simulators.lines.port_name(),
        gate = simulators.gate_settings().line.port,
        camera = simulators.camera.url(),
    );
    let config = folder.join("lane.toml");
    std::fs::write(&config, text).unwrap();
    config
}

pub(crate) struct Lane {
    pub(crate) child: Child,
    said: Receiver<String>,
}

pub(crate) fn start(config: &Path, notify: &Path) -> Lane {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egate"))
        .args(["lane", "--config"])
        .arg(config)
        .env("NOTIFY_SOCKET", notify)
        // Beats come much quicker than they are read here: a manager that does not listen must not hold the lane up.
        .env("WATCHDOG_USEC", "900000")
        .env("EGATE_LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, said) = channel();
    let words = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in words.lines().map_while(Result::ok) {
            eprintln!("{line}");
            let _ = tell.send(line);
        }
    });
    Lane { child, said }
}

impl Lane {
    /// What the lane says behind these words.
    pub(crate) fn told(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE).unwrap();
            if let Some(rest) = line.strip_prefix(words) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service manager hears this, sooner or later.
pub(crate) fn hears(manager: &UnixDatagram, wanted: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut word = [0; 1024];
    while Instant::now() < deadline {
        let count = manager.recv(&mut word).expect(wanted);
        if String::from_utf8_lossy(&word[..count]).lines().any(|line| line == wanted) {
            return;
        }
    }
    panic!("the service manager never heard {wanted}");
}

pub(crate) fn get(url: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
