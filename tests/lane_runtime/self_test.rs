//! Before the first green light everything was looked at once: what is amiss at the start never shows a green lamp.

use crate::kit::{Kit, PATIENCE, Plan, SPEED, faculties_under, var};
use egate::devices::GateFault;
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
fn a_gate_that_is_silent_at_the_start_starts_no_lane_at_all() {
    let simulators = Simulators::start(SPEED).unwrap();
    simulators.floor().cut_bus(true);
    let fault = simulators.gate_settings().open().err().expect("no lane without its gate");
    assert!(matches!(fault, GateFault::Silent(_)) && fault.mend().contains("supply"), "{fault}");
}

/// Everything that set-up put there, but for the networks that tell the living.
fn without_liveness() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let link = |from: std::path::PathBuf, to: &str| {
        std::os::unix::fs::symlink(from.canonicalize().unwrap(), folder.path().join(to)).unwrap();
    };
    link(var().join("runtime"), "runtime");
    std::fs::create_dir(folder.path().join("models")).unwrap();
    for model in std::fs::read_dir(var().join("models")).unwrap() {
        let model = model.unwrap();
        let name = model.file_name().into_string().unwrap();
        if !name.contains("liveness") {
            link(model.path(), &format!("models/{name}"));
        }
    }
    folder
}

#[test]
fn a_liveness_network_that_is_missing() {
    let models = without_liveness();
    let var = Some(models.path().to_owned());
    starts_closed(Plan { var, ..Plan::default() }, Condition::LivenessMissing).stop();
}

#[test]
fn a_liveness_network_that_is_another_starts_no_lane_at_all() {
    let models = without_liveness();
    std::fs::write(models.path().join("models/fr_liveness.onnx"), b"another").unwrap();
    let told =
        format!("{:#}", faculties_under(models.path(), &[]).err().expect("no lane on a strange network"));
    assert!(told.contains("fr_liveness"), "{told}");
}
