//! `egate workbench soak`: many passages at full speed on simulated devices, with random misbehaviour and faults from a
//! seed, and what must be so after all of them.
//!
//! * No passage is stuck: each ends, and the lamp is green again.
//! * The exit opens once for each admission that was durable before, and for nothing else.
//! * Nobody is admitted who may not be.
//! * Every outcome arrives at central exactly once, in a chain without a gap.
//! * Memory stays flat.
//!
//! Several lanes run at once in this process with one central, which goes away now and then; all of them count into
//! the memory. The same seed gives every passage the same [`Act`]; how far a fault gets before it is mended depends on
//! the machine.
mod act;
mod memory;
mod report;
mod walker;

pub use act::Act;
pub use report::SoakReport;

use crate::face::InferenceSettings;
use crate::lane::Faculties;
use crate::workbench::issue::TestCountry;
use crate::workbench::rig::{Cast, DeskCentral};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use memory::Memory;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use walker::Walker;

/// Most lanes at once: each holds the networks of its own.
const LANES_MOST: u32 = 16;
/// Frames of a film.
const FRAMES: usize = 4;
/// How long everything may take to arrive once the last passage is over.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(120);
/// From one absence of central to the next, and how long one lasts.
const CENTRAL_THERE: Duration = Duration::from_secs(20);
const CENTRAL_AWAY: Duration = Duration::from_secs(2);
/// How often those who wait look up.
const ROUND: Duration = Duration::from_millis(50);

/// `egate workbench soak`.
#[derive(Debug, Clone, clap::Args)]
pub struct SoakArgs {
    /// Passages, over all lanes together
    #[arg(long, default_value_t = 1000)]
    pub passages: u32,
    /// Lanes at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MOST)))]
    pub lanes: u32,
    /// Misbehaviour and faults; without it every traveller is the holder and goes straight through
    #[arg(long)]
    pub faults: bool,
    /// What happens follows from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// One JSON document
    #[arg(long)]
    pub json: bool,
    /// Folder in which set-up put runtime, models and pictures
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    pub var: PathBuf,
}

/// Plays, and prints the report; `false` when something was not as it must be.
///
/// # Errors
/// When something that set-up provides is missing, or a part does not start.
pub fn run(args: &SoakArgs) -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new().prefix("egate-soak-").tempdir()?;
    let country = TestCountry::new("UTO", "UT", Timestamp::now())?;
    let faculties = faculties(args, &country)?;
    let cast = Cast::paint(&args.var, &faculties, FRAMES)?;
    drop(faculties);
    let report = soak(args, folder.path(), country, &cast)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(report.good())
}

fn faculties(args: &SoakArgs, country: &TestCountry) -> anyhow::Result<Faculties> {
    Faculties::load(&args.var, &InferenceSettings::default(), &country.trust_bundle()?, Timestamp::now())
}

/// The same with a country and a cast that are there already.
///
/// # Errors
/// As [`run`].
pub fn soak(args: &SoakArgs, folder: &Path, country: TestCountry, cast: &Cast) -> anyhow::Result<SoakReport> {
    let runtime = Runtime::new()?;
    let names: Vec<String> = (1..=args.lanes).map(|number| format!("lane-{number}")).collect();
    let named: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut central = DeskCentral::start(runtime.handle().clone(), folder, &named)?;
    let country = Arc::new(country);
    let mut walkers = Vec::new();
    for name in &names {
        let faculties = faculties(args, &country)?;
        walkers.push(Walker::start(
            &runtime,
            folder,
            name,
            &central,
            faculties,
            cast.clone(),
            country.clone(),
        )?);
    }

    let (next, done) = (AtomicU32::new(0), AtomicBool::new(false));
    let bar = progress(args.passages);
    let memory = Mutex::new(Memory::new(args.passages));
    let walked = thread::scope(|scope| {
        let threads: Vec<_> = walkers
            .into_iter()
            .map(|mut walker| {
                let (next, bar, memory) = (&next, &bar, &memory);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= args.passages {
                            return walker;
                        }
                        walker.play(number, Act::of(args.seed, number, args.faults));
                        bar.inc(1);
                        let passages = u32::try_from(bar.position()).unwrap_or(u32::MAX);
                        memory.lock().unwrap_or_else(PoisonError::into_inner).look(passages);
                    }
                })
            })
            .collect();
        let absences = scope.spawn(|| {
            let central = &mut central;
            if args.faults { leave_and_return(central, &done) } else { Ok(()) }
        });
        let walked: Vec<Walker> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        done.store(true, Ordering::Relaxed);
        let absences = absences.join().unwrap_or_else(|_| Err(anyhow::anyhow!("central's keeper panicked")));
        absences.map(|()| walked)
    })?;
    bar.finish_and_clear();

    let mut report = SoakReport::new(args, memory.into_inner().unwrap_or_else(PoisonError::into_inner));
    if walked.len() != names.len() {
        report.wrong.push("a lane's traveller panicked".to_owned());
    }
    for walker in walked {
        walker.hand_over(&central, DELIVERY_PATIENCE, &mut report).context("handing over")?;
    }
    central.go_away()?;
    Ok(report)
}

/// Central goes away and comes back until everything is done; it is there at the end.
fn leave_and_return(central: &mut DeskCentral, done: &AtomicBool) -> anyhow::Result<()> {
    let wait = |time: Duration| {
        let rounds = time.as_millis() / ROUND.as_millis();
        (0..rounds).for_each(|_| {
            if !done.load(Ordering::Relaxed) {
                thread::sleep(ROUND)
            }
        });
    };
    while !done.load(Ordering::Relaxed) {
        wait(CENTRAL_THERE);
        central.go_away()?;
        wait(CENTRAL_AWAY);
        central.come_back()?;
    }
    Ok(())
}

fn progress(passages: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} passages, {elapsed}, {eta} left");
    let bar = ProgressBar::new(passages.into());
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
