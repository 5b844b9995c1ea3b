//! The files of `hardware/`, read by the program's own types.

use egate::devices::camera::{CameraSettings, V4l2CameraSettings};
use egate::devices::gate::{GateSettings, RelayBoardSettings};
use egate::devices::mrz_reader::{FramingProfile, MrzReaderSettings};
use egate::devices::screen::ScreenSettings;
use egate::lane::{ChipReaderSettings, LaneSettings};
use egate::policy::Topology;
use egate::policy::config::read_toml;
use std::process::Command;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Devices {
    chip_reader: ChipReaderSettings,
    gate: GateSettings,
    mrz_reader: MrzReaderSettings,
    camera: CameraSettings,
    screen: ScreenSettings,
}

#[test]
fn show_every_key_with_its_default() {
    let devices: Devices = toml::from_str(include_str!("../../hardware/devices.toml")).unwrap();
    assert_eq!(devices.gate, GateSettings::new("/dev/egate/gate"));
    assert_eq!(devices.mrz_reader.framing, FramingProfile::plain());
    assert_eq!(devices.mrz_reader.repeat_ms, MrzReaderSettings::new("").repeat_ms);
    assert_eq!(devices.screen, ScreenSettings::default());
    assert_eq!(devices.chip_reader, ChipReaderSettings::default());
    assert_eq!(devices.camera, CameraSettings::V4l2(V4l2CameraSettings::new("/dev/egate/camera")));
}

#[test]
fn hold_whole_settings_for_both_topologies() {
    for (file, topology) in [
        (include_str!("../../hardware/lane-mantrap.toml"), Topology::TwoStep),
        (include_str!("../../hardware/lane-one-step.toml"), Topology::OneStep),
    ] {
        let lane: LaneSettings = read_toml(file, &format!("{topology:?}")).unwrap();
        assert_eq!(lane.read_profile().unwrap().topology, topology);
        assert_eq!(lane.gate.relay_board, None, "{topology:?}: no relay board at a border");
        let framing = lane.mrz_reader.framing;
        let known = [FramingProfile::rte(), FramingProfile::desko(0x1C, 0x1D)];
        assert!(known.contains(&framing), "{topology:?}: a framing that the tests have tried");
    }
    read_toml::<LaneSettings>(include_str!("../../config/lane.toml"), "config/lane.toml").unwrap();
}

#[test]
fn hold_profiles_to_put_in_place_of_the_defaults() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Profile {
        camera: Option<CameraSettings>,
        gate: Option<GateSettings>,
    }
    let read = |text: &str| toml::from_str::<Profile>(text).unwrap();
    let network = read(include_str!("../../hardware/camera-ip.toml")).camera.unwrap();
    let CameraSettings::Http(network) = network else { panic!("{network:?}") };
    network.open().unwrap();
    let recorded = read(include_str!("../../hardware/camera-recorded.toml")).camera.unwrap();
    assert!(matches!(recorded, CameraSettings::Recorded(recorded) if recorded.repeat));
    let gate = read(include_str!("../../hardware/gate-relay-board.toml")).gate.unwrap();
    let default = RelayBoardSettings::default();
    assert_eq!(gate.relay_board, Some(RelayBoardSettings { one_person: true, ..default }));
}

#[test]
fn hold_units_that_systemd_understands() {
    let Ok(found) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("passed over: systemd-analyze is not here");
        return;
    };
    assert!(found.status.success());
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_egate");
    for (name, unit) in [
        ("egate-lane.service", include_str!("../../hardware/egate-lane.service")),
        ("egate-kiosk.service", include_str!("../../hardware/egate-kiosk.service")),
    ] {
        // What is not installed here is no fault of the unit.
        let unit = unit.replace("/usr/bin/egate", program).replace("/usr/bin/cage", "/bin/true");
        std::fs::write(folder.path().join(name), unit).unwrap();
    }
    let verified = Command::new("systemd-analyze")
        .arg("verify")
        .args(["egate-lane.service", "egate-kiosk.service"].map(|name| folder.path().join(name)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("egate-")).collect();
    assert!(about_ours.is_empty(), "{said}");
}

#[test]
fn hold_the_framings_that_the_tests_have_tried() {
    let read = |text: &str| toml::from_str::<FramingProfile>(text).unwrap();
    assert_eq!(read(include_str!("../../hardware/mrz-rte.toml")), FramingProfile::rte());
    assert_eq!(read(include_str!("../../hardware/mrz-plain.toml")), FramingProfile::plain());
    assert_eq!(read(include_str!("../../hardware/mrz-desko.toml")), FramingProfile::desko(0x1C, 0x1D));
}

#[test]
fn an_unknown_key_is_named() {
    let error = toml::from_str::<GateSettings>("unitt = 1\nline = { port = \"x\" }").unwrap_err().to_string();
    assert!(error.contains("unitt") && error.contains("unit"), "{error}");
    let camera = "[recorded]\npath = \"frames\"\nrepeet = true";
    let error = read_toml::<CameraSettings>(camera, "lane.toml").unwrap_err().to_string();
    assert!(["line 3", "repeet", "`repeat`"].iter().all(|word| error.contains(word)), "{error}");
}
