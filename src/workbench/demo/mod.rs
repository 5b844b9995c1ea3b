//! `egate demo`: central, console and one lane on simulated devices, and travellers who pass one after
//! another. The devices are the drivers of a real lane with a simulator at the other end of the line.

mod people;
mod scenarios;
mod stage;
mod table;
mod traveller;
mod watch;

pub use scenarios::{CentralIs, Conduct, Presented, SCENARIOS, Scenario, scenarios};
pub use stage::{Stage, StageSettings};
pub use watch::Passed;

use crate::lane::Faculties;
use crate::passage::Outcome;
use crate::policy::Topology;
use crate::workbench::fixture::Fixture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use table::Table;

/// Pause between two passages at speed 1.
const PAUSE: Duration = Duration::from_millis(1500);
/// Speed at which nobody watches.
const UNWATCHED_SPEED: f32 = 8.0;

/// `egate demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// End after the last passage; exit status 0 if every verdict was the expected one
    #[arg(long)]
    once: bool,
    /// How much quicker than life people, doors and chips are
    #[arg(long, default_value_t = 2.0, value_parser = speed)]
    speed: f32,
    /// How the gate is built: two-step or one-step
    #[arg(long, default_value = "two-step", value_parser = topology)]
    topology: Topology,
    /// Keep databases, keys and documents in this folder; a temporary one when absent
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Folder in which set-up put runtime, models and pictures
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
}

/// `egate record`.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Folder in which each passage gets a folder of its own
    #[arg(long)]
    out: PathBuf,
    /// How the gate is built: two-step or one-step
    #[arg(long, default_value = "two-step", value_parser = topology)]
    topology: Topology,
    /// Folder in which set-up put runtime, models and pictures
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
}

fn speed(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|speed| (0.2..=20.0).contains(speed))
        .ok_or_else(|| "a number from 0.2 to 20".into())
}

fn topology(text: &str) -> Result<Topology, String> {
    match text {
        "two-step" => Ok(Topology::TwoStep),
        "one-step" => Ok(Topology::OneStep),
        _ => Err("two-step or one-step".into()),
    }
}

/// Plays the passages; `false` when one came out otherwise than expected.
///
/// # Errors
/// When something that set-up provides is missing, or a part does not start.
pub fn run(args: &DemoArgs) -> anyhow::Result<bool> {
    in_folder(args.folder.as_deref(), |folder| {
        let settings = StageSettings {
            folder: folder.to_owned(),
            var: args.var.clone(),
            speed: args.speed,
            topology: args.topology,
        };
        let mut stage = Stage::build(&settings)?;
        let temporary = args.folder.is_none().then(|| folder.to_owned());
        end_when_stopped(temporary, stage.faculties())?;
        eprintln!("officers' console    {}", stage.console_address());
        eprintln!("                     {}", stage.sign_in());
        eprintln!("traveller's screen   {}", stage.screen_address());
        eprintln!("data                 {}", folder.display());
        eprintln!();
        loop {
            let good = play(&mut stage, args)?;
            if args.once {
                stage.stop()?;
                return Ok(good);
            }
            eprintln!("\nonce more; stop with Ctrl-C");
        }
    })
}

/// All passages once, with the table.
fn play(stage: &mut Stage, args: &DemoArgs) -> anyhow::Result<bool> {
    let table = Table::begin();
    let mut good = true;
    for scenario in scenarios(args.topology) {
        let Passed { outcome, .. } = stage.play(scenario)?;
        let expected = as_expected(scenario, &outcome);
        good &= expected;
        table.line(scenario, &outcome, expected);
        std::thread::sleep(PAUSE.div_f32(args.speed));
    }
    Ok(good)
}

/// Whether the passage ended as the scenario says, for these reasons and no others.
pub fn as_expected(scenario: &Scenario, outcome: &Outcome) -> bool {
    outcome.ending == scenario.ending && outcome.reasons == scenario.reasons
}

/// Plays the passages unwatched and writes each as a fixture.
///
/// # Errors
/// As [`run`], and when the folder cannot be written.
pub fn record(args: &RecordArgs) -> anyhow::Result<bool> {
    in_folder(None, |folder| {
        let settings = StageSettings {
            folder: folder.to_owned(),
            var: args.var.clone(),
            speed: UNWATCHED_SPEED,
            topology: args.topology,
        };
        let mut stage = Stage::build(&settings)?;
        end_when_stopped(Some(folder.to_owned()), stage.faculties())?;
        let mut good = true;
        for scenario in scenarios(args.topology) {
            let Passed { outcome, fixture } = stage.play(scenario)?;
            let to = write(&args.out, scenario, fixture)?;
            let expected = as_expected(scenario, &outcome);
            good &= expected;
            println!("{}{}", to.display(), if expected { "" } else { "  NOT AS EXPECTED" });
        }
        stage.stop()?;
        Ok(good)
    })
}

fn write(out: &Path, scenario: &Scenario, mut fixture: Fixture) -> anyhow::Result<PathBuf> {
    let folder = out.join(format!("{:02}-{}", scenario.number, scenario.key));
    scenario.title.clone_into(&mut fixture.head.shows);
    fixture.write(&folder)?;
    Ok(folder)
}

fn in_folder<T>(named: Option<&Path>, work: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    match named {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            work(folder)
        }
        None => {
            let folder = tempfile::Builder::new().prefix("egate-").tempdir()?;
            work(folder.path())
        }
    }
}

/// Ctrl-C ends at once; a temporary folder with its keys and records goes with it. The face engine is held
/// meanwhile: the process may not end in the middle of an inference.
fn end_when_stopped(temporary: Option<PathBuf>, faculties: Arc<Faculties>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if runtime.block_on(crate::lane::stop_signal()).is_ok() {
            let _held = faculties.engine.lock();
            if let Some(folder) = temporary {
                // What cannot be deleted now is the system's to clear up.
                let _ = std::fs::remove_dir_all(folder);
            }
            std::process::exit(130);
        }
    })?;
    Ok(())
}
