//! A disk that becomes full in the very moment: a file system of its own whose room is taken away, in a mount namespace.
//! Where that is not to be had, it says so and passes.

use crate::kit::{Kit, PATIENCE, Plan};
use egate::check::Reason;
use egate::lane::Deed;
use egate::passage::{Door, Ending, Prompt};
use egate::policy::Condition;
use std::path::Path;
use std::process::Command;

/// Where the file system is mounted, told to the process inside.
const MOUNTED: &str = "EGATE_TEST_DISK";
const NAME: &str = "disk::a_disk_that_fills_up_before_the_verdict_keeps_the_exit_shut_and_closes_the_lane";
/// Room for what the lane wants at least, and some.
const ROOM: &str = "size=1g";

#[test]
fn a_disk_that_fills_up_before_the_verdict_keeps_the_exit_shut_and_closes_the_lane() {
    if let Some(disk) = std::env::var_os(MOUNTED) {
        return fills_up(Path::new(&disk));
    }
    let disk = tempfile::tempdir().unwrap();
    let inside = |then: &str| {
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o {ROOM} none {} && {then}", disk.path().display());
        command.args(["--map-root-user", "--mount", "sh", "-c"]).arg(script);
        command
    };
    if !inside("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no mount namespace is to be had");
        return;
    }
    let status = inside("exec \"$@\"")
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(MOUNTED, disk.path())
        .status()
        .unwrap();
    assert!(status.success(), "in its own namespace the test ended with {status}");
}

fn resize(disk: &Path, room: &str) {
    let status = Command::new("mount").args(["-o", &format!("remount,{room}")]).arg(disk).status().unwrap();
    assert!(status.success());
}

fn fills_up(disk: &Path) {
    let mut kit = Kit::with(Plan { outbox: Some(disk.join("outbox.db")), ..Plan::default() });
    kit.arrive();
    // Nothing is decided before the disk is full.
    kit.simulators.stage.show(kit.people.nobody.clone());
    kit.walk_in();
    let used: u64 =
        std::fs::read_dir(disk).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    resize(disk, &format!("size={}k", (used >> 10) + 32));
    kit.simulators.stage.show(kit.people.holder.clone());
    kit.does(&Deed::Stored);
    kit.shows(Prompt::SeeOfficer);
    kit.see("the entrance, to go back", |gate| gate.entry == Door::Open);
    kit.floor().leave_by_entry();
    // Whether the lane saw the disk first or tried in vain to write the admission, is the machine's haste.
    let outcomes = kit.outcomes();
    let last = outcomes.last().unwrap();
    assert_eq!(last.ending, Ending::Referred);
    let expected = [Reason::OutcomeNotDurable, Reason::DiskNearlyFull];
    assert!(
        !last.reasons.is_empty() && last.reasons.iter().all(|reason| expected.contains(reason)),
        "{last:?}"
    );
    kit.lane.wait_amiss(&[Condition::DiskNearlyFull], PATIENCE).unwrap();
    kit.closed();
    kit.exit_stayed_shut();
    resize(disk, ROOM);
    kit.leave();
    kit.open();
    kit.lane.wait_delivered(PATIENCE).unwrap();
    kit.stop();
}
