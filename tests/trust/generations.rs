//! The store on disk: what is good counts whole, what is bad changes nothing.

use super::kit::{NOW, bundle, bundle_with};
use egate::lane::{TrustFiles, TrustInUse, TrustKeeper, TrustStoreError};
use jiff::SignedDuration;
use std::fs;
use std::path::Path;

struct Folders {
    _all: tempfile::TempDir,
    source: std::path::PathBuf,
    kept: std::path::PathBuf,
}

fn folders(files: &TrustFiles) -> Folders {
    let all = tempfile::tempdir().unwrap();
    let (source, kept) = (all.path().join("source"), all.path().join("kept"));
    fs::create_dir(&source).unwrap();
    lay(&source, files);
    Folders { _all: all, source, kept }
}

fn lay(folder: &Path, files: &TrustFiles) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn generations(kept: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(kept).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_update_counts_without_a_restart_and_the_last_good_one_is_kept() {
    let folders = folders(&bundle());
    let mut keeper = TrustKeeper::new(&folders.source, &folders.kept);
    let in_use = TrustInUse::new(keeper.start(*NOW).unwrap());
    assert_eq!(in_use.current().known_defects(), 0);
    assert!(keeper.reload(*NOW).unwrap().is_none(), "nothing is new");
    lay(&folders.source, &bundle_with(&[".defects"]));
    let held = in_use.current();
    in_use.replace(keeper.reload(*NOW).unwrap().unwrap());
    assert_eq!((held.known_defects(), in_use.current().known_defects()), (0, 1));
    lay(&folders.source, &bundle_with(&[".dvl"]));
    assert_eq!(keeper.reload(*NOW).unwrap().unwrap().known_defects(), 2);
    assert_eq!(generations(&folders.kept), ["generation-000002", "generation-000003"]);
}

#[test]
fn a_bad_update_is_told_once_and_changes_nothing() {
    let good = folders(&bundle());
    let mut keeper = TrustKeeper::new(&good.source, &good.kept);
    keeper.start(*NOW).unwrap();
    let mut list = bundle_with(&[".ml"]).pop().unwrap();
    *list.1.last_mut().unwrap() ^= 1;
    let junk = ("junk.cer".to_owned(), b"junk".to_vec());
    let rules = ("rules.toml".to_owned(), b"oldest_dais = 3\n".to_vec());
    for (bad, told) in [(list, "fetch it again"), (junk, "junk.cer"), (rules, "oldest_days")] {
        let place = good.source.join(&bad.0);
        fs::write(&place, &bad.1).unwrap();
        let error = keeper.reload(*NOW).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(keeper.reload(*NOW).unwrap().is_none(), "the same is not told again");
        fs::remove_file(place).unwrap();
        assert!(keeper.reload(*NOW).unwrap().is_none(), "what is in use is there again");
    }
    assert_eq!(generations(&good.kept), ["generation-000001"]);
}

#[test]
fn a_lane_starts_with_the_last_good_generation_when_the_source_is_bad_or_gone() {
    let folders = folders(&bundle());
    TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap();
    fs::write(folders.source.join("junk.cer"), b"junk").unwrap();
    let store = TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap();
    assert_eq!(store.authorities(), 1);
    fs::remove_dir_all(&folders.source).unwrap();
    let store = TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap();
    assert_eq!(store.authorities(), 1);
}

#[test]
fn a_damaged_generation_is_set_aside_for_the_one_before() {
    let folders = folders(&bundle());
    let mut keeper = TrustKeeper::new(&folders.source, &folders.kept);
    keeper.start(*NOW).unwrap();
    lay(&folders.source, &bundle_with(&[".defects"]));
    keeper.reload(*NOW).unwrap().unwrap();
    let damaged = folders.kept.join("generation-000002/files/uto.crl");
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::remove_dir_all(&folders.source).unwrap();
    let store = TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap();
    assert_eq!(store.known_defects(), 0, "the first generation counts");
    assert_eq!(generations(&folders.kept), ["bad-000002", "generation-000001"]);
}

#[test]
fn what_was_left_of_an_interrupted_update_counts_for_nothing() {
    let folders = folders(&bundle());
    fs::create_dir_all(folders.kept.join(".incoming/files")).unwrap();
    fs::write(folders.kept.join(".incoming/files/rogue.cer"), b"half").unwrap();
    let mut keeper = TrustKeeper::new(&folders.source, &folders.kept);
    assert_eq!(keeper.start(*NOW).unwrap().authorities(), 1);
    assert_eq!(generations(&folders.kept), ["generation-000001"]);
    assert!(!folders.kept.join("generation-000001/files/rogue.cer").exists());
}

#[test]
fn a_store_does_not_grow_younger_by_being_loaded_again() {
    // Without a list that tells its day, the day of import counts.
    let folders = folders(&vec![bundle().remove(0)]);
    TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap();
    let later = *NOW + SignedDuration::from_hours(24 * 100);
    let store = TrustKeeper::new(&folders.source, &folders.kept).start(later).unwrap();
    assert_eq!(store.as_of(), *NOW);
    assert!(store.is_too_old(later));
}

#[test]
fn a_folder_that_makes_no_country_trusted_is_no_trust() {
    let folders = folders(&vec![bundle().remove(1)]);
    let error = TrustKeeper::new(&folders.source, &folders.kept).start(*NOW).unwrap_err();
    assert!(matches!(error, TrustStoreError::Empty), "{error}");
}
