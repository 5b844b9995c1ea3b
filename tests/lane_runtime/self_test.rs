//! Before the first green light everything was looked at once: what is amiss at the start never shows a green lamp.

use crate::kit::{Kit, PATIENCE, Plan, faculties_under, var};
use egate::lane::Deed;
use egate::passage::Prompt;
use egate::policy::Condition;
use egate::workbench::rig::{Entry, Simulators};

/// A lane that starts with this amiss shows itself closed, and nothing else.
fn starts_closed(plan: Plan, amiss: Condition) -> Kit {
    let kit = Kit::with(plan);
    kit.lane.wait_amiss(&[amiss], PATIENCE).unwrap();
    kit.closed();
    let shown: Vec<Prompt> = kit
        .pages
        .take()
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Did(Deed::Showed(prompt)) => Some(prompt),
            _ => None,
        })
        .collect();
    assert!(shown.iter().all(|prompt| *prompt == Prompt::Closed), "{shown:?}");
    kit
}

#[test]
fn a_camera_that_is_dark_at_the_start() {
    let dark = |simulators: &Simulators| simulators.stage.dark();
    let kit = starts_closed(Plan { prepare: dark, ..Plan::default() }, Condition::CameraLost);
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.open();
    kit.stop();
}

#[test]
fn a_chip_reader_that_is_missing_at_the_start() {
    let missing = |simulators: &Simulators| simulators.slot.unplug(true);
    let kit = starts_closed(Plan { prepare: missing, ..Plan::default() }, Condition::ReaderLost);
    kit.simulators.slot.unplug(false);
    kit.open();
    kit.stop();
}

#[test]
fn a_gate_that_is_silent_at_the_start() {
    let silent = |simulators: &Simulators| simulators.floor().cut_bus(true);
    let kit = Kit::with(Plan { prepare: silent, ..Plan::default() });
    kit.lane.wait_amiss(&[], PATIENCE).unwrap();
    kit.closed();
    kit.floor().cut_bus(false);
    kit.open();
    kit.stop();
}

/// The pinned networks, but for what tells the living: the lane does not start at all, and says what to do.
#[test]
fn a_liveness_network_that_is_missing_or_another() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    std::os::unix::fs::symlink(var().join("runtime").canonicalize().unwrap(), folder.path().join("runtime"))
        .unwrap();
    for model in std::fs::read_dir(var().join("models")).unwrap() {
        let model = model.unwrap();
        let put = folder.path().join("models").join(model.file_name());
        if model.file_name() == "fr_liveness.onnx" {
            std::fs::write(put, b"another").unwrap();
        } else {
            std::os::unix::fs::symlink(model.path().canonicalize().unwrap(), put).unwrap();
        }
    }
    let refused = |wanted: &str| {
        let error = faculties_under(folder.path(), &[]).err().expect("no lane without liveness");
        let told = format!("{error:#}");
        assert!(told.contains("fr_liveness") && told.contains(wanted), "{told}");
    };
    refused("sha256");
    std::fs::remove_file(folder.path().join("models/fr_liveness.onnx")).unwrap();
    refused("missing");
}
