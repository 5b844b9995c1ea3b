//! How much the face room adds to the networks that it must run anyway, and what its fusion over frames gains.
//!
//! For each frame: the whole of [`FaceEngine::analyse`] against the sum of the raw inferences that it makes, in the
//! same run, turn by turn, on one and on two threads; and the way from the last frame's findings to the verdict
//! against one frame. Ratios are what matters: they do not depend on the machine as milliseconds do. Then, where
//! pictures of people are given in `EGATE_FACES` (a CSV as for `egate evaluate match`), what the mean over a
//! person's pictures gains over the best single one. Run with `cargo bench --bench face`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use egate::face::{FaceEngine, FaceRules, Fusion, Manifest, ModelSet, Template, compare};
use egate::workbench::scenes::{Scene, Sitter, frames};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const TURNS: usize = 40;
const WARM_UP: usize = 5;
/// More than this over the raw inferences, and the room's own work needs a look.
const RATIO_MOST: f64 = 1.15;

fn main() {
    let var = Path::new("var");
    if !var.join("runtime/libonnxruntime.so").exists() {
        println!("SKIPPED: var/ is not filled, run python3 setup/fetch.py");
        return;
    }
    println!(
        "{:>7} {:>10} {:>8} {:>11} {:>7} {:>15}",
        "threads", "inferences", "raw ms", "analyse ms", "ratio", "verdict/frame"
    );
    for threads in [1, 2] {
        let mut engine = ModelSet::under(var, threads).unwrap();
        let picture = image::open("var/pictures/obama3.jpg").unwrap().to_rgb8();
        let face = engine.locate(&picture).unwrap();
        let sitter = Sitter { picture: &picture, face };
        let frame = frames(Scene::Living, &sitter, None, 1, 1).remove(0);
        let (raw, whole) = measure(&mut engine, &frame);
        let verdict = verdict(&mut engine, &frame, &picture);
        let milliseconds = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{threads:>7} {:>10} {:>8.2} {:>11.2} {:>7.3} {:>15.3}{}",
            engine.raw_inference().unwrap(),
            milliseconds(raw),
            milliseconds(whole),
            whole.as_secs_f64() / raw.as_secs_f64(),
            1.0 + verdict.as_secs_f64() / whole.as_secs_f64(),
            if whole > raw.mul_f64(RATIO_MOST) { "  more than 1.15" } else { "" },
        );
    }
    match std::env::var_os("EGATE_FACES") {
        Some(list) => gain(Path::new(&list)),
        None => println!("SKIPPED: name a list of faces in EGATE_FACES to see what fusion gains"),
    }
}

/// Medians of both, taken turn by turn so that a busy machine slows both alike.
fn measure(engine: &mut FaceEngine, frame: &image::RgbImage) -> (Duration, Duration) {
    let (mut raw, mut whole) = (Vec::new(), Vec::new());
    for turn in 0..WARM_UP + TURNS {
        let start = Instant::now();
        let found = engine.analyse(turn as u64, frame).unwrap();
        let analysed = start.elapsed();
        assert!(found.traveller.is_some(), "the frame must show a face, or little of the way is measured");
        // After analyse, so that every network has a real input in its buffer.
        let start = Instant::now();
        engine.raw_inference().unwrap();
        let inferred = start.elapsed();
        if turn >= WARM_UP {
            raw.push(inferred);
            whole.push(analysed);
        }
    }
    raw.sort();
    whole.sort();
    (raw.swap_remove(TURNS / 2), whole.swap_remove(TURNS / 2))
}

/// From the findings of the last frame needed to decided checks.
fn verdict(engine: &mut FaceEngine, frame: &image::RgbImage, portrait: &image::RgbImage) -> Duration {
    let rules = FaceRules::default();
    let last = rules.frames_needed as u64;
    let mut fusion = Fusion::new(rules);
    fusion.set_reference(engine.reference(portrait).unwrap());
    let findings = engine.analyse(0, frame).unwrap();
    for sequence in 1..last {
        fusion.add(egate::face::FrameFindings { sequence, ..findings.clone() });
    }
    let start = Instant::now();
    fusion.add(findings);
    assert!(fusion.decided());
    std::hint::black_box(fusion.checks());
    start.elapsed()
}

/// False non-matches at the threshold of the default rules and at equal false match rate 1e-4: each single probe,
/// the better one of two by the detector's score, and the mean of two.
fn gain(list: &Path) {
    let mut engine = ModelSet::under(Path::new("var"), 1).unwrap();
    let text = std::fs::read_to_string(list).unwrap();
    let mut references: BTreeMap<&str, Template> = BTreeMap::new();
    let mut probes: BTreeMap<&str, Vec<(f32, Template)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let [subject, role, path] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let picture = image::open(list.parent().unwrap().join(path)).unwrap().to_rgb8();
        let Some(face) = engine.analyse(0, &picture).unwrap().traveller else { continue };
        match role {
            "reference" => drop(references.insert(subject, face.template)),
            _ => probes.entry(subject).or_default().push((face.score, face.template)),
        }
    }
    probes.retain(|_, pictures| pictures.len() >= 2);
    println!(
        "{} references, {} people with two probes; manifest {}",
        references.len(),
        probes.len(),
        &Manifest::shipped().unwrap().digest()[..12]
    );
    type Fused = fn(&Template, &[(f32, Template)]) -> f32;
    let ways: [(&str, Fused); 3] = [
        ("first picture alone", |r, p| compare(r, &p[0].1)),
        ("best single picture", |r, p| compare(r, &p.iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1)),
        ("mean of two pictures", |r, p| (compare(r, &p[0].1) + compare(r, &p[1].1)) / 2.0),
    ];
    for (name, way) in ways {
        let (mut mated, mut strangers) = (Vec::new(), Vec::new());
        for (who, reference) in &references {
            for (other, pictures) in &probes {
                let side = if who == other { &mut mated } else { &mut strangers };
                side.push(way(reference, pictures));
            }
        }
        strangers.sort_by(|a, b| b.total_cmp(a));
        let threshold = strangers[(strangers.len() as f64 * 1e-4) as usize];
        let missed = |threshold: f32| {
            mated.iter().filter(|&&s| s <= threshold).count() as f64 / mated.len() as f64 * 100.0
        };
        println!(
            "{name:<22} false non-matches {:.2} % at false match rate 1e-4 (threshold {threshold:.3}), {:.2} % at the gate's",
            missed(threshold),
            missed(FaceRules::default().match_threshold()),
        );
    }
}
