//! A lane that is killed (`kill -9`, power) at any moment leaves the exit shut and loses nothing that it promised, and
//! the next start is clean.
//!
//! The lane runs in a process of its own: this test binary once more. Gate, readers' lines, camera and central stay here
//! and outlive it, as a gate outlives its computer.

use crate::kit::{self, LANE, PATIENCE, SPEED, issue, quick_profile};
use egate::devices::camera::HttpCameraSettings;
use egate::devices::gate::{GateFloor, GateSettings, ModbusGate};
use egate::devices::mrz_reader::{MrzReaderSettings, SerialMrzReader};
use egate::devices::screen::ScreenServer;
use egate::devices::{CardSlot, Gate};
use egate::lane::{Deed, Equipment, Input, OUTBOX_BYTES_MOST, Observer};
use egate::outbox::{LaneKit, Outbox};
use egate::passage::{Door, Moment};
use egate::policy::PassageId;
use egate::record::PassageRecord;
use egate::workbench::issue::{Defect, IssuedDocument, TestCountry};
use egate::workbench::rig::{Cast, DeskCentral, DeskLane, LanePlan, Simulators};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Tells a process of this binary that it is the lane, and how.
const AS_LANE: &str = "EGATE_TEST_AS_LANE";
/// Begins each line that the lane says.
const SAYS: &str = "lane: ";
const NUMBER: u32 = 1;

/// What the lane's process must know.
#[derive(Serialize, Deserialize)]
struct Wiring {
    gate: GateSettings,
    lines: MrzReaderSettings,
    camera: String,
    kit: PathBuf,
    central: String,
    outbox: PathBuf,
    /// When the country was made, from which everything of it follows.
    made: Timestamp,
}

fn country(made: Timestamp) -> (TestCountry, IssuedDocument) {
    let country = TestCountry::new("UTO", "UT", made).unwrap();
    let trust = country.trust_bundle().unwrap();
    let portrait = kit::cast(&kit::faculties(&trust)).portrait;
    let document = issue(&country, &portrait, NUMBER, Defect::None);
    (country, document)
}

/// Says what the lane does, before it does it; lays the document on the reader for each passage, and takes it when it
/// was read.
struct Teller {
    slot: CardSlot,
    document: IssuedDocument,
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{SAYS}{what}");
    let _ = out.flush();
}

impl Observer for Teller {
    fn begun(&mut self, _passage: &PassageId, _started: Timestamp, _at: Moment) {
        self.slot.insert(self.document.passport(7).unwrap());
    }

    fn heard(&mut self, _at: Moment, input: &Input) {
        match input {
            Input::Stored(durable) => say(&format!("Durable({durable})")),
            Input::Chip(_) => drop(self.slot.remove()),
            _ => {}
        }
    }

    fn did(&mut self, _at: Moment, deed: &Deed) {
        say(&format!("{deed:?}"));
    }
}

/// The lane's process: runs until it is killed.
fn be_the_lane(wiring: Wiring) {
    let runtime = Runtime::new().unwrap();
    let (country, document) = country(wiring.made);
    let slot = CardSlot::default();
    let teller = Box::new(Teller { slot: slot.clone(), document });
    let equip = |screen: ScreenServer| {
        Ok(Equipment {
            chip_reader: Box::new(slot.reader()),
            mrz_reader: Box::new(SerialMrzReader::open(wiring.lines)?),
            camera: Box::new(HttpCameraSettings { url: wiring.camera }.open()?),
            gate: Box::new(ModbusGate::open(wiring.gate)?) as Box<dyn Gate>,
            officer_calls: screen.officer_calls(),
            screen: Arc::new(screen),
        })
    };
    let plan = LanePlan {
        name: LANE.to_owned(),
        kit: wiring.kit,
        central: wiring.central,
        outbox: wiring.outbox,
        profile: quick_profile(),
        releases: None,
    };
    let faculties = kit::faculties(&country.trust_bundle().unwrap());
    let _lane = DeskLane::start(runtime.handle().clone(), plan, equip, faculties, teller).unwrap();
    loop {
        std::thread::sleep(PATIENCE);
    }
}

/// The lane as this process sees it.
struct LaneProcess {
    child: Child,
    said: Receiver<String>,
}

impl LaneProcess {
    fn start(wiring: &Wiring, test: &str) -> LaneProcess {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(AS_LANE, serde_json::to_string(wiring).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, said) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if let Some((_, what)) = line.split_once(SAYS) {
                    let _ = tell.send(what.to_owned());
                }
            }
        });
        LaneProcess { child, said }
    }

    fn says(&self, what: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let said = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("the lane never said {what}"));
            if said == what {
                return;
            }
        }
    }

    fn kill(&mut self) {
        // SIGKILL: nothing of the process runs any more.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for LaneProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that outlives the lane.
struct World {
    wiring: Wiring,
    document: IssuedDocument,
    people: Cast,
    simulators: Simulators,
    central: DeskCentral,
    _folder: TempDir,
    _runtime: Runtime,
}

/// How far the traveller goes before the lane is killed.
#[derive(Clone, Copy, PartialEq)]
enum Traveller {
    StaysOutside,
    WalksIn,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let made = Timestamp::now();
        let (country, document) = country(made);
        let people = kit::cast(&kit::faculties(&country.trust_bundle().unwrap()));
        let central = DeskCentral::start(runtime.handle().clone(), folder.path(), &[LANE]).unwrap();
        let simulators = Simulators::start(SPEED).unwrap();
        simulators.stage.show(people.nobody.clone());
        let wiring = Wiring {
            gate: simulators.gate_settings(),
            lines: simulators.mrz_settings(),
            camera: simulators.camera.url(),
            kit: central.kit(LANE),
            central: central.url(),
            outbox: folder.path().join("outbox.db"),
            made,
        };
        World { wiring, document, people, simulators, central, _folder: folder, _runtime: runtime }
    }

    fn floor(&self) -> GateFloor {
        self.simulators.floor()
    }

    fn see(&self, what: &str, seen: impl Fn(&egate::devices::gate::FloorSnapshot) -> bool) {
        assert!(self.floor().wait_until(seen, PATIENCE), "{what} never came: {:?}", self.floor().snapshot());
    }

    /// A traveller begins at the green lamp.
    fn travel(&self, traveller: Traveller) {
        self.see("the green lamp", |gate| gate.green);
        self.simulators.stage.show(self.people.holder.clone());
        self.floor().approach();
        let lines: Vec<&str> = self.document.printed.iter().map(String::as_str).collect();
        self.simulators.lines.send(&lines).unwrap();
        if traveller == Traveller::WalksIn {
            self.see("the open entrance", |gate| gate.entry == Door::Open);
            self.floor().walk_in();
        }
    }

    /// Nobody drives the gate: it has shut itself, whatever was open.
    fn shuts_itself(&self) {
        self.see("the shut and locked exit", |gate| gate.exit == Door::Locked && !gate.in_service);
    }

    /// Whoever is inside is let out by the officer, who uses the release.
    fn is_cleared(&self) {
        let inside = |gate: &egate::devices::gate::FloorSnapshot| gate.cabin > 0;
        if inside(&self.floor().snapshot()) {
            self.floor().fire(true);
        }
        self.floor().leave_by_entry();
        self.see("an empty gate", |gate| gate.cabin == 0 && gate.entrance == 0 && !gate.in_doorway);
        self.floor().fire(false);
        self.simulators.stage.show(self.people.nobody.clone());
    }

    /// Every record that is durable somewhere, each once, the chain without a gap.
    fn records(&self) -> Vec<PassageRecord> {
        let keys = LaneKit::read(&self.wiring.kit).unwrap();
        let verifying = keys.record_key.verifying_key();
        let outbox = Outbox::open(&self.wiring.outbox, LANE, keys.record_key, OUTBOX_BYTES_MOST).unwrap();
        let waiting = outbox.pending(1_000).unwrap();
        let mut records: Vec<PassageRecord> =
            waiting.iter().map(|record| record.verify(&verifying).expect("a whole record")).collect();
        let known: BTreeSet<u64> = records.iter().map(|record| record.position.sequence).collect();
        let store = self.central.running().unwrap().store();
        let filter = egate::central::store::PassageFilter { ending: None, most: 1_000 };
        let arrived = store.passages(&filter).unwrap().into_iter().map(|passage| passage.record);
        records.extend(arrived.filter(|record| !known.contains(&record.position.sequence)));
        records.sort_by_key(|record| record.position.sequence);
        let sequences: Vec<u64> = records.iter().map(|record| record.position.sequence).collect();
        assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>(), "no record is lost or twice");
        records
    }

    fn admitted(&self) -> usize {
        self.records().iter().filter(|record| record.ending == egate::passage::Ending::Admitted).count()
    }
}

/// Kills the lane at each of these moments, a little later each time it is asked to, and looks what is left.
fn killed_at(test: &str, moments: &[(&str, Traveller)]) {
    if let Ok(wiring) = std::env::var(AS_LANE) {
        return be_the_lane(serde_json::from_str(&wiring).unwrap());
    }
    let world = World::new();
    for (round, (moment, traveller)) in moments.iter().enumerate() {
        let mut lane = LaneProcess::start(&world.wiring, test);
        let openings = world.floor().snapshot().exit_openings;
        world.travel(*traveller);
        lane.says(moment);
        std::thread::sleep(Duration::from_millis(7 * round as u64 % 20));
        lane.kill();
        world.shuts_itself();
        let opened = world.floor().snapshot().exit_openings;
        assert!(opened <= openings + 1, "{moment}");
        assert!(
            opened as usize <= world.admitted(),
            "{moment}: the exit opened {opened} times, and only {} admissions are durable",
            world.admitted()
        );
        world.is_cleared();
    }
    // The next start is clean: a traveller passes, and everything arrives.
    let before = world.admitted();
    let lane = LaneProcess::start(&world.wiring, test);
    world.travel(Traveller::WalksIn);
    world.see("the open exit", |gate| gate.exit == Door::Open);
    world.floor().leave_by_exit();
    world.see("an empty gate", |gate| gate.cabin == 0 && gate.beyond_exit == 0 && gate.exit == Door::Locked);
    world.see("the green lamp", |gate| gate.green);
    drop(lane);
    assert_eq!(world.admitted(), before + 1);
}

#[test]
fn a_lane_that_is_killed_while_the_document_is_read_is_clean_at_the_next_start() {
    killed_at(
        "killed::a_lane_that_is_killed_while_the_document_is_read_is_clean_at_the_next_start",
        &[
            ("ReadChip", Traveller::StaysOutside),
            ("LookedUp", Traveller::StaysOutside),
            ("Told(OpenEntry)", Traveller::StaysOutside),
        ],
    );
}

#[test]
fn a_lane_that_is_killed_with_a_traveller_inside_leaves_the_exit_shut() {
    killed_at(
        "killed::a_lane_that_is_killed_with_a_traveller_inside_leaves_the_exit_shut",
        &[("BeganFilming", Traveller::WalksIn), ("EndedFilming", Traveller::WalksIn)],
    );
}

#[test]
fn a_lane_that_is_killed_between_verdict_and_exit_opens_nothing_that_is_not_on_record() {
    killed_at(
        "killed::a_lane_that_is_killed_between_verdict_and_exit_opens_nothing_that_is_not_on_record",
        &[
            ("Stored", Traveller::WalksIn),
            ("Durable(true)", Traveller::WalksIn),
            ("OpenedExit", Traveller::WalksIn),
        ],
    );
}
