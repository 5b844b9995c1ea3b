//! A release's settings at a lane as it is installed: `egate lane` ends in order, is started again as its service is,
//! and begins by them; what it cannot follow it refuses, and says so.

use crate::kit::{self, LANE, PATIENCE, SPEED};
use crate::linked::{release, runs, until, user};
use crate::pcscd::{Service, in_own_namespace};
use crate::whole::{get, hears, start, write_settings};
use egate::central::store::{AlarmKind, ReleaseState, Role};
use egate::workbench::issue::TestCountry;
use egate::workbench::rig::{DeskCentral, Simulators};
use jiff::Timestamp;
use std::os::unix::net::UnixDatagram;
use tokio::runtime::Runtime;

#[test]
fn a_lane_begins_by_a_releases_settings_after_an_orderly_restart_and_refuses_what_it_cannot_follow() {
    in_own_namespace(
        "restarted::a_lane_begins_by_a_releases_settings_after_an_orderly_restart_and_refuses_what_it_cannot_follow",
        begin_again,
    );
}

fn begin_again() {
    let _service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let country = TestCountry::new("UTO", "UT", Timestamp::now()).unwrap();
    let trust = country.trust_bundle().unwrap();
    let people = kit::cast(&kit::faculties(&trust));
    let mut central = DeskCentral::start(runtime.handle().clone(), folder.path(), &[LANE]).unwrap();
    let anna = user(&central, &runtime, "anna", Role::Engineer);
    let ben = user(&central, &runtime, "ben", Role::Supervisor);
    let store = central.running().unwrap().store();
    // New lines for each start: a pseudo-terminal stays taken by who had it, which a serial port does not.
    let plug_in = || {
        let simulators = Simulators::start(SPEED).unwrap();
        simulators.stage.show(people.nobody.clone());
        let config = write_settings(folder.path(), &central, &simulators, &trust);
        (simulators, start(&config, &folder.path().join("notify")))
    };
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let settings = |text: &str| {
        release(&central, &runtime, [&anna, &ben], &[("settings.toml", text.as_bytes().to_vec())])
    };

    // It takes the release at its first look, and ends to be started again.
    let first = settings("screen.language = \"de\"\n");
    let (simulators, mut lane) = plug_in();
    let screen = lane.told("traveller's screen: ");
    assert!(first_language(&screen).contains(r#""first":"en""#), "{}", first_language(&screen));
    hears(&manager, "READY=1");
    hears(&manager, "STOPPING=1");
    assert!(lane.child.wait().unwrap().success(), "ended in order");
    assert!(!runs(&store, first), "not before it has begun by it");
    drop(simulators);
    let (simulators, mut lane) = plug_in();
    let screen = lane.told("traveller's screen: ");
    assert!(first_language(&screen).contains(r#""first":"de""#), "{}", first_language(&screen));
    hears(&manager, "READY=1");
    until(&store, "the first release", |store| runs(store, first));
    let floor = simulators.floor();
    assert!(floor.wait_until(|gate| gate.green, PATIENCE), "{:?}", floor.snapshot());

    // A language that central cannot know this lane does not speak: it goes on as it was.
    let second = settings("screen.language = \"qq\"\n");
    let halted = |generation: u64| {
        let releases = store.releases().unwrap();
        let found = releases.into_iter().find(|known| known.generation == generation).unwrap();
        (found.state == ReleaseState::Halted).then(|| found.why.unwrap())
    };
    until(&store, "word of the refusal", |_| halted(second).is_some());
    assert!(halted(second).unwrap().contains("no language"), "{:?}", halted(second));
    assert!(runs(&store, first) && lane.child.try_wait().unwrap().is_none());
    let alarms = store.alarms(9).unwrap();
    assert!(alarms.iter().any(|alarm| alarm.kind == AlarmKind::ReleaseFailed && alarm.lane == LANE));
    let pid = nix::unistd::Pid::from_raw(lane.child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(lane.child.wait().unwrap().success());
    drop((store, simulators));
    central.go_away().unwrap();
}

/// The beginning of what the screen's page reads its words from.
fn first_language(screen: &str) -> String {
    let texts = get(&format!("{screen}texts.json"));
    texts.split("\r\n\r\n").nth(1).unwrap().chars().take(20).collect()
}
