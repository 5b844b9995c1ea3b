//! `egate workbench morph` and the cue against it, on the demonstration's pictures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::face::{ModelSet, compare};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn egate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_egate")).args(arguments).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
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

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_morph_of_two_people_is_like_both_and_less_than_each_is_like_themselves() {
    let Some(var) = var() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut engine = ModelSet::under(&var, 1).unwrap();
    let mut template =
        |path: &Path| engine.reference(&image::open(path).unwrap().to_rgb8()).unwrap().template;
    let (obama, biden) = (var.join("pictures/obama.jpg"), var.join("pictures/biden.jpg"));
    let (a, b) = (template(&obama), template(&biden));
    for spliced in [false, true] {
        let out = folder.path().join("morph.jpg");
        let mut call =
            vec!["workbench", "morph", "--a", text(&obama), "--b", text(&biden), "--out", text(&out)];
        call.extend(["--var", text(&var)]);
        call.extend(spliced.then_some("--spliced"));
        let output = egate(&call);
        assert!(output.status.success(), "{}", errors(&output));
        let size = |path: &Path| image::image_dimensions(path).unwrap();
        assert_eq!(size(&out), size(&obama));
        let morph = template(&out);
        let before = compare(&a, &b);
        for (name, other) in [("first", &a), ("second", &b)] {
            let similarity = compare(&morph, other);
            assert!((before + 0.05..0.95).contains(&similarity), "{name}, spliced {spliced}: {similarity}");
        }
    }
}

#[test]
fn a_set_of_morphs_can_be_made_twice_the_same_and_evaluated() {
    let Some(var) = var() else { return };
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("people.csv");
    let pictures = var.join("pictures");
    // Both names are in the testing half: one more reason why halves must never change.
    let rows = "subject,role,path\nperson 2,reference,{}/obama.jpg\nperson 2,probe,{}/obama3.jpg\n\
        person 5,reference,{}/biden.jpg\nperson 5,probe,{}/biden.jpg\n";
    std::fs::write(&list, rows.replace("{}", text(&pictures))).unwrap();
    let cache = folder.path().join("cache");
    let made: Vec<PathBuf> = ["one", "two"]
        .map(|name| {
            let out = folder.path().join(name);
            let call = ["workbench", "morph", "--samples", text(&list), "--out", text(&out)];
            let output = egate(&[&call[..], &["--var", text(&var), "--cache", text(&cache)]].concat());
            assert!(output.status.success(), "{}", errors(&output));
            out
        })
        .to_vec();
    let read = |out: &Path, name: &str| std::fs::read(out.join(name)).unwrap();
    assert_eq!(read(&made[0], "samples.csv"), read(&made[1], "samples.csv"));
    let csv = String::from_utf8(read(&made[0], "samples.csv")).unwrap();
    assert!(csv.contains(",full,testing,person 2,person 5"), "{csv}");
    assert!(csv.contains(",spliced,testing,person 5,person 2"), "{csv}");
    for line in csv.lines().skip(1) {
        let portrait = line.split(',').next().unwrap();
        assert_eq!(read(&made[0], portrait), read(&made[1], portrait), "{portrait}");
    }

    let samples = made[0].join("samples.csv");
    let plot = folder.path().join("morphs.svg");
    let call = ["evaluate", "morph", "--samples", text(&samples), "--plot", text(&plot), "--json"];
    let output = egate(&[&call[..], &["--var", text(&var), "--cache", text(&cache)]].concat());
    assert!(output.status.success(), "{}", errors(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["n"], serde_json::json!({"bona_fide": 2, "full": 2, "spliced": 2}));
    for key in ["bscer", "macer", "macer_at_bscer", "comparison", "eer", "threshold"] {
        assert!(!found[key].is_null(), "{key}: {found}");
    }
    assert!(std::fs::read_to_string(&plot).unwrap().contains("morph score"));
}

#[test]
fn pictures_without_a_face_and_calls_without_pictures_are_refused() {
    let output = egate(&["workbench", "morph", "--out", "x.jpg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("--a and --b"), "{}", errors(&output));
    let Some(var) = var() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (grey, out) = (folder.path().join("grey.png"), folder.path().join("x.jpg"));
    image::RgbImage::from_pixel(200, 200, image::Rgb([90; 3])).save(&grey).unwrap();
    let call = ["workbench", "morph", "--a", text(&grey), "--b", text(&grey), "--out", text(&out)];
    let output = egate(&[&call[..], &["--var", text(&var)]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("grey.png") && errors(&output).contains("no face"),
        "{}",
        errors(&output)
    );
}
