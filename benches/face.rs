//! How much the face room adds to the networks that it must run anyway.
//!
//! For each frame: the whole of [`FaceEngine::analyse`] against the sum of the raw inferences that it makes, in the
//! same run, turn by turn, on one and on two threads. The ratio is what matters: it does not depend on the machine
//! as milliseconds do. Run with `cargo bench --bench face`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use egate::face::{FaceEngine, ModelSet};
use egate::workbench::scenes::{Scene, Sitter, frames};
use std::path::Path;
use std::time::{Duration, Instant};

const TURNS: usize = 60;
const WARM_UP: usize = 5;

fn main() {
    let library = Path::new("var/runtime/libonnxruntime.so");
    if !library.exists() {
        println!("SKIPPED: var/ is not filled, run python3 setup/fetch.py");
        return;
    }
    println!("{:>7} {:>10} {:>12} {:>12} {:>7}", "threads", "networks", "raw ms", "analyse ms", "ratio");
    for threads in [1, 2] {
        let mut engine = ModelSet::load_with_threads(Path::new("var/models"), library, threads).unwrap();
        let picture = image::open("var/pictures/obama3.jpg").unwrap().to_rgb8();
        let face = engine.locate(&picture).unwrap();
        let frame = frames(Scene::Living, &Sitter { picture: &picture, face }, None, 1, 1).remove(0);
        let (raw, whole) = measure(&mut engine, &frame);
        let milliseconds = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{threads:>7} {:>10} {:>12.2} {:>12.2} {:>7.3}",
            4 + engine.liveness_networks(),
            milliseconds(raw),
            milliseconds(whole),
            whole.as_secs_f64() / raw.as_secs_f64()
        );
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
