//! The command line's manners: exit status, streams, errors that say what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::central::CentralSettings;
use egate::lane::LaneSettings;
use egate::policy::Profile;
use std::path::Path;
use std::process::{Command, Output};

fn egate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_wrong_call_ends_with_2_and_says_why_on_standard_error() {
    let output = egate(&["inspect", "sod"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(errors(&output).contains("Usage"));
}

#[test]
fn every_command_shows_an_example() {
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["lane"],
        vec!["central"],
        vec!["doctor"],
        vec!["replay"],
        vec!["inspect", "mrz"],
        vec!["inspect", "sod"],
        vec!["inspect", "masterlist"],
        vec!["inspect", "chip"],
        vec!["inspect", "portrait"],
        vec!["evaluate", "match"],
        vec!["evaluate", "liveness"],
        vec!["evaluate", "morph"],
        vec!["workbench", "morph"],
    ];
    if cfg!(feature = "issuer") {
        commands.extend([
            vec!["demo"],
            vec!["record"],
            vec!["issue"],
            vec!["card"],
            vec!["workbench", "soak"],
        ]);
    }
    for mut command in commands {
        command.push("--help");
        let output = egate(&command);
        assert!(output.status.success(), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example:\n  egate "), "{command:?}");
    }
}

#[test]
fn a_wrong_key_in_the_settings_is_named_with_its_line_and_the_nearest_valid_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lane.toml");
    std::fs::write(&path, "name = \"lane-1\"\ncentrall = \"https://localhost:8444\"\n").unwrap();
    let output = egate(&["lane", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    for part in ["lane.toml", "line 2", "centrall", "`central`"] {
        assert!(errors(&output).contains(part), "{part} not in: {}", errors(&output));
    }
}

#[test]
fn the_example_settings_are_read_without_complaint() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let lane = LaneSettings::read(&Path::new(config).join("lane.toml")).unwrap();
    assert_eq!(lane.kit, Path::new(config).join("kit"));
    assert_eq!(lane.read_profile().unwrap(), Profile::default());
    CentralSettings::read(&Path::new(config).join("central.toml")).unwrap();
}

#[test]
fn doctor_says_for_everything_that_is_amiss_how_to_mend_it() {
    let output =
        egate(&["doctor", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/config/lane.toml"), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(findings.iter().any(|finding| finding["what"] == "profile" && finding["good"] == true));
    for amiss in findings.iter().filter(|finding| finding["good"] == false) {
        assert!(amiss["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{amiss}");
    }
    let gate = findings.iter().find(|finding| finding["what"] == "gate").unwrap();
    assert!(gate["found"].as_str().unwrap().contains("/dev/egate/gate"), "{gate}");
}

#[test]
fn inspecting_good_and_bad_lines_differs_in_exit_status() {
    let good =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    let output = egate(&["inspect", "mrz", good[0], good[1], "--json"]);
    assert!(output.status.success(), "{}", errors(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.to_string().contains("ERIKSSON"));
    let bad = egate(&["inspect", "mrz", good[0], "L898902C36UTO7408122F1204169ZE184226B<<<<<10"]);
    assert_eq!(bad.status.code(), Some(1));
    let none = egate(&["inspect", "mrz", "rubbish"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(!errors(&none).is_empty());
}
