//! `egate evaluate` on the demonstration's pictures, as a caller sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn egate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).output().unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where set-up puts things, or `None` with a plain word when it has not been run.
fn var() -> Option<PathBuf> {
    let var = Path::new(env!("CARGO_MANIFEST_DIR")).join("var");
    if !var.join("runtime/libonnxruntime.so").exists() {
        assert!(
            std::env::var_os("EGATE_ALL_TESTS").is_none(),
            "set-up provides everything: SKIPPED is a failure"
        );
        println!("SKIPPED: var/ is not filled, run python3 setup/fetch.py");
        return None;
    }
    Some(var)
}

/// A folder with a list of samples, `{}` in it replaced by the pictures' folder.
fn list(folder: &Path, var: &Path, text: &str) -> String {
    let file = folder.join("samples.csv");
    let pictures = var.join("pictures");
    std::fs::write(&file, text.replace("{}", pictures.to_str().unwrap())).unwrap();
    file.to_str().unwrap().to_owned()
}

const PEOPLE: &str = "subject,role,path,place\n\
    obama,reference,{}/obama.jpg,office\n\
    obama,probe,{}/obama2.jpg,office\n\
    obama,probe,{}/obama3.jpg,outside\n\
    biden,reference,{}/biden.jpg,office\n\
    biden,probe,{}/biden.jpg,office\n\
    astronaut,probe,{}/astronaut.png,outside\n\
    nobody,probe,broken.jpg,outside\n";

#[test]
fn people_are_compared_with_rates_plots_sheet_and_breakdown_and_a_bad_picture_is_a_failure_to_acquire() {
    let Some(var) = var() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.jpg"), b"\xFF\xD8\xFF no picture").unwrap();
    let samples = list(folder.path(), &var, PEOPLE);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cache, plot, worst) = (path("cache"), path("plot.svg"), path("worst.jpg"));
    let common =
        ["evaluate", "match", "--samples", &samples, "--var", var.to_str().unwrap(), "--cache", &cache];
    let more = ["--plot", &plot, "--worst", &worst, "--by", "place", "--compare", "first", "--json"];
    let output = egate(&[&common[..], &more[..]].concat());
    assert!(output.status.success(), "{}", words(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (key, count) in
        [("references", 2), ("probes", 4), ("failures_to_acquire", 1), ("mated", 3), ("non_mated", 5)]
    {
        assert_eq!(found[key], count, "{key}: {found}");
    }
    for rate in ["1e-3", "1e-4", "1e-5"] {
        let at = &found["fnmr_at_fmr"][rate];
        assert_eq!((at["fnmr"].as_f64(), at["ci95"].as_array().map(Vec::len)), (Some(0.0), Some(2)), "{at}");
    }
    assert_eq!(found["eer"], 0.0);
    assert_eq!(found["failures"][0]["line"], 8);
    assert_eq!(found["by"]["groups"]["outside"]["mated"], 1);
    assert_eq!(found["compared_with"]["fnmr_at_fmr"]["1e-4"]["difference"], 0.0);
    assert!(std::fs::read_to_string(&plot).unwrap().contains("false non-match rate"));
    assert!(image::open(&worst).is_ok());

    // A second run needs no inference: the runtime may even be gone.
    let bare = folder.path().join("bare");
    std::fs::create_dir(&bare).unwrap();
    std::os::unix::fs::symlink(var.join("models"), bare.join("models")).unwrap();
    let again =
        ["evaluate", "match", "--samples", &samples, "--var", bare.to_str().unwrap(), "--cache", &cache];
    let output = egate(&again);
    assert!(output.status.success(), "{}", words(&output.stderr));
    let told = words(&output.stdout);
    for part in ["3 mated and 5 non-mated", "line 8", "95 % interval", "equal error rate 0.00 %"] {
        assert!(told.contains(part), "{part} not in:\n{told}");
    }
}

#[test]
fn missing_pictures_wrong_roles_and_wrong_columns_are_named_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.csv");
    for (kind, text, part) in [
        ("match", "subject,role,path\na,reference,gone.jpg\n", "samples.csv:2: no file"),
        ("match", "subject,role\na,reference\n", "samples.csv:1: no column path"),
        ("liveness", "path,label\n\"gone.jpg,print\n", "samples.csv:2: a quoted field"),
        ("morph", "portrait,probe\na.jpg,b.jpg\n", "samples.csv:1: no column label"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = egate(&["evaluate", kind, "--samples", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output.stderr));
        assert!(words(&output.stderr).contains(part), "{}", words(&output.stderr));
    }
}

#[test]
fn liveness_is_told_for_each_kind_over_averaged_frames() {
    let Some(var) = var() else { return };
    let folder = tempfile::tempdir().unwrap();
    let rows = "path,label,film\n{}/obama.jpg,bona_fide,a\n{}/obama3.jpg,bona_fide,a\n{}/biden.jpg,bona_fide,b\n\
        {}/obama2.jpg,print,c\n{}/astronaut.png,screen,d\n";
    let samples = list(folder.path(), &var, rows);
    let common =
        ["evaluate", "liveness", "--samples", &samples, "--var", var.to_str().unwrap(), "--no-cache"];
    let output = egate(&[&common[..], &["--sequence", "film", "--packaged", "--json"][..]].concat());
    assert!(output.status.success(), "{}", words(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["n"], serde_json::json!({"bona_fide": 2, "print": 1, "screen": 1}));
    assert_eq!(found["frames"]["averaged"], serde_json::json!({"least": 1, "median": 1, "most": 2}));
    for key in ["threshold", "bpcer", "apcer", "apcer_ci95", "apcer_at_bpcer"] {
        assert!(!found[key].is_null(), "{key}: {found}");
    }
    assert!(found["apcer_at_bpcer"]["0.02"]["screen"].is_number());
    assert_eq!(found["networks"], serde_json::json!(["fr_liveness"]));
}
