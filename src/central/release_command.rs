//! `egate central releases`: propose, roll out, halt, show.

use super::NewRelease;
use super::command::{DEFAULT_CONFIG, office, wait_for};
use super::list_command::keeper;
use super::store::{LaneRelease, Release};
use crate::record::{PROFILE_FILE, ReleaseStage, SETTINGS_FILE, TRUST_PREFIX};
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `egate central releases`.
#[derive(Debug, Subcommand)]
pub(super) enum ReleaseCommand {
    /// Propose profile, settings and files of trust for lanes; nothing happens before another person rolls it out
    #[command(
        after_help = "Example:\n  egate central releases propose --config central.toml --profile profile.toml \
                      --settings settings.toml --trust DE.ml --trust crls.ldif --note 'stricter liveness' --as anna --password-file anna.txt"
    )]
    Propose {
        #[command(flatten)]
        who: Who,
        /// Policy profile; without, lanes keep theirs
        #[arg(long)]
        profile: Option<PathBuf>,
        /// Settings to lay over the lanes' own: a part of their file, with the few keys that a release may set
        #[arg(long)]
        settings: Option<PathBuf>,
        /// File of trust: certificate, master list, revocation list, rules.toml; may be given several times.
        /// Without, lanes keep their own folder
        #[arg(long)]
        trust: Vec<PathBuf>,
        /// What it is about
        #[arg(long)]
        note: String,
        /// Digest of the models' manifest that a lane must have
        #[arg(long)]
        models: Option<String>,
    },
    /// Roll a release out to these lanes, or to more of them: the first time by another person
    #[command(
        after_help = "Example:\n  egate central releases roll --config central.toml --generation 7 --port fra \
                      --as ben --password-file ben.txt\n  egate central releases roll --config central.toml \
                      --generation 7 --percent 100 --as ben --password-file ben.txt"
    )]
    Roll {
        #[command(flatten)]
        who: Who,
        /// Which release
        #[arg(long)]
        generation: u64,
        /// This lane; may be given several times
        #[arg(long)]
        lane: Vec<String>,
        /// All lanes that stand at this port, by `egate central port`; may be given several times
        #[arg(long)]
        port: Vec<String>,
        /// This share of all lanes
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
    },
    /// Offer a release to no further lane
    #[command(after_help = "Example:\n  egate central releases halt --config central.toml --generation 7 \
                      --reason 'too many referrals' --as anna --password-file anna.txt")]
    Halt {
        #[command(flatten)]
        who: Who,
        /// Which release
        #[arg(long)]
        generation: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// All releases, and what each lane runs
    #[command(after_help = "Example:\n  egate central releases show --config central.toml")]
    Show {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
    },
}

/// Who acts.
#[derive(Debug, Clone, Args)]
pub(super) struct Who {
    /// The service's settings
    #[arg(long, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// A supervisor's or engineer's sign-in name
    #[arg(long = "as", value_name = "NAME")]
    by: String,
    /// File that holds their password; "-" reads it from standard input
    #[arg(long)]
    password_file: PathBuf,
}

pub(super) fn run(command: &ReleaseCommand) -> anyhow::Result<bool> {
    match command {
        ReleaseCommand::Propose { who, profile, settings, trust, note, models } => {
            let mut files = Vec::new();
            let read =
                |path: &PathBuf| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
            for (name, path) in [(PROFILE_FILE, profile), (SETTINGS_FILE, settings)] {
                if let Some(path) = path {
                    files.push((name.to_owned(), read(path)?));
                }
            }
            for path in trust {
                let name =
                    path.file_name().and_then(|name| name.to_str()).context("a file of trust has no name")?;
                files.push((format!("{}{name}", TRUST_PREFIX), read(path)?));
            }
            let new = NewRelease { note: note.clone(), files, models: models.clone() };
            let by = keeper(&who.by, &who.password_file)?;
            let generation = wait_for(office(&who.config)?.propose_release(by, new))?;
            println!("{generation}");
            eprintln!("another person rolls release {generation} out");
        }
        ReleaseCommand::Roll { who, generation, lane, port, percent } => {
            let stage = ReleaseStage { lanes: lane.clone(), ports: port.clone(), percent: *percent };
            ensure!(stage != ReleaseStage::default(), "say to which lanes: --lane, --port or --percent");
            let by = keeper(&who.by, &who.password_file)?;
            wait_for(office(&who.config)?.roll_release(by, *generation, stage))?;
            eprintln!(
                "release {generation} is on its way; `egate central releases show` says which lane runs what"
            );
        }
        ReleaseCommand::Halt { who, generation, reason } => {
            let by = keeper(&who.by, &who.password_file)?;
            wait_for(office(&who.config)?.halt_release(by, *generation, reason.clone()))?;
            eprintln!("release {generation} is halted; lanes that run it go on running it");
        }
        ReleaseCommand::Show { config } => {
            let (releases, lanes) = wait_for(office(config)?.releases())?;
            releases.iter().for_each(show_release);
            lanes.iter().for_each(show_lane);
        }
    }
    Ok(true)
}

fn show_release(release: &Release) {
    let approved = release.approved.as_ref().map_or("-", |(by, _)| by);
    let stage = serde_json::to_string(&release.stage).unwrap_or_default();
    let state = format!("{:?}", release.state).to_lowercase();
    let why = release.why.as_deref().unwrap_or("");
    println!("release\t{}\t{state}\t{stage}\t{}\t{approved}\t{why}", release.generation, release.proposed.0);
}

fn show_lane(lane: &LaneRelease) {
    let failure = lane.running.tried.as_ref().and_then(|tried| {
        let failure = tried.failure.as_ref()?;
        Some(format!("failed {}: {failure}", tried.generation))
    });
    println!("lane\t{}\t{}\t{}", lane.lane, lane.running.generation, failure.unwrap_or_default());
}
