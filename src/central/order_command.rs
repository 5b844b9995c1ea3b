//! `egate central command`: give a lane a command, and show what became of the last ones.

use super::NewCommand;
use super::command::{DEFAULT_CONFIG, office, wait_for};
use super::list_command::keeper;
use super::store::GivenCommand;
use crate::passage::LaneCommand;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Commands that are shown.
const SHOWN_MOST: usize = 50;

/// `egate central command`.
#[derive(Debug, Subcommand)]
pub(super) enum OrderCommand {
    /// Refer the traveller to the officer who is there, and open the entrance at once
    #[command(
        after_help = "Example:\n  egate central command release-to-officer --config central.toml --lane lane-1 \
                      --passage lane-1-1780000000000-7 --reason 'needs help' --as anna --password-file anna.txt"
    )]
    ReleaseToOfficer(AboutPassage),
    /// Open the entrance for who is inside
    ReopenEntry(AboutPassage),
    /// Let nobody begin any more; who has begun goes on
    #[command(
        after_help = "Example:\n  egate central command out-of-service --config central.toml --lane lane-1 \
                      --reason 'cleaning' --as anna --password-file anna.txt"
    )]
    OutOfService(AboutLane),
    /// Let travellers begin again
    BackInService(AboutLane),
    /// The last commands, newest first
    #[command(after_help = "Example:\n  egate central command show --config central.toml --lane lane-1")]
    Show {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Only of this lane
        #[arg(long)]
        lane: Option<String>,
    },
}

/// A command about a lane, and who gives it.
#[derive(Debug, Clone, Args)]
pub(super) struct AboutLane {
    /// The service's settings
    #[arg(long, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Lane's name
    #[arg(long)]
    lane: String,
    /// Why; it stands in the audit trail
    #[arg(long)]
    reason: String,
    /// Sign-in name of who gives it
    #[arg(long = "as", value_name = "NAME")]
    by: String,
    /// File that holds their password; "-" reads it from standard input
    #[arg(long)]
    password_file: PathBuf,
}

/// A command about the traveller under way.
#[derive(Debug, Clone, Args)]
pub(super) struct AboutPassage {
    #[command(flatten)]
    lane: AboutLane,
    /// The passage, as the board of lanes and the case name it
    #[arg(long)]
    passage: String,
}

pub(super) fn run(command: &OrderCommand) -> anyhow::Result<bool> {
    match command {
        OrderCommand::ReleaseToOfficer(about) => {
            give(LaneCommand::ReleaseToOfficer, &about.lane, Some(&about.passage))
        }
        OrderCommand::ReopenEntry(about) => give(LaneCommand::ReopenEntry, &about.lane, Some(&about.passage)),
        OrderCommand::OutOfService(about) => give(LaneCommand::OutOfService, about, None),
        OrderCommand::BackInService(about) => give(LaneCommand::BackInService, about, None),
        OrderCommand::Show { config, lane } => {
            for command in wait_for(office(config)?.commands(lane.clone(), SHOWN_MOST))? {
                show(&command);
            }
            Ok(true)
        }
    }
}

fn give(command: LaneCommand, about: &AboutLane, passage: Option<&String>) -> anyhow::Result<bool> {
    let new = NewCommand {
        lane: about.lane.clone(),
        passage: passage.cloned(),
        command,
        by: about.by.clone(),
        reason: about.reason.clone(),
    };
    let keeper = keeper(&about.by, &about.password_file)?;
    let given = wait_for(office(&about.config)?.give_command(keeper, new))?;
    println!("{}", given.id);
    eprintln!("on its way to {}; `egate central command show` says what became of it", given.lane);
    Ok(true)
}

fn show(command: &GivenCommand) {
    let issued = jiff::Timestamp::from_millisecond(command.issued).unwrap_or_default();
    println!(
        "{issued}\t{}\t{}\t{}\t{}\t{}\t{}",
        command.lane,
        command.passage.as_deref().unwrap_or("-"),
        command.command.title(),
        command.by,
        command.state.title(),
        command.detail.as_deref().unwrap_or(""),
    );
}
