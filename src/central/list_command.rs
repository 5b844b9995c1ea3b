//! `egate central lists`: import, approve, show.

use super::command::{DEFAULT_CONFIG, office, wait_for};
use super::list_keeping::{Keeper, Proposal};
use super::lookup::{FileForm, ImportError};
use super::store::{Generation, ListKind};
use anyhow::Context;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// `egate central lists`.
#[derive(Debug, Subcommand)]
pub(super) enum ListCommand {
    /// Check a file (CSV or JSON, by its ending) line by line, and propose it as a new generation of a list
    #[command(
        after_help = "Example:\n  egate central lists import --dry-run --list national --kind persons watch.csv\n  \
                      egate central lists import --config central.toml --list national --kind persons \
                      --as anna --password-file anna.txt watch.csv\n\nFields, * needed:\n  \
                      documents  reference* issuing_state* number* kind* (lost, stolen, revoked)\n  \
                      persons    reference* surname* given_names born (YYYY[-MM[-DD]]) nationality sex reason\n  \
                      permits    reference* issuing_state* number* permit* (visa, authorisation) from* until*\n  \
                      arrivals   reference* issuing_state* number* carrier* service* date*\n  \
                      rules      reference* nationality* (or *) needs* (none, authorisation, visa) age_least age_most"
    )]
    Import {
        /// Only check the file; nothing is stored, no password is needed
        #[arg(long)]
        dry_run: bool,
        /// The list's name
        #[arg(long)]
        list: String,
        /// What its entries are about
        #[arg(long, value_enum)]
        kind: ListKind,
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// A supervisor's sign-in name
        #[arg(long = "as", value_name = "NAME", required_unless_present = "dry_run")]
        by: Option<String>,
        /// File that holds their password; "-" reads it from standard input
        #[arg(long, required_unless_present = "dry_run")]
        password_file: Option<PathBuf>,
        /// The file
        file: PathBuf,
    },
    /// Bring a proposed generation into force: by another supervisor than the one who proposed it. An
    /// earlier generation can be approved again, so a list goes back
    #[command(after_help = "Example:\n  egate central lists approve --config central.toml --list national \
                      --generation 7 --as ben --password-file ben.txt")]
    Approve {
        /// The list's name
        #[arg(long)]
        list: String,
        /// The generation's number
        #[arg(long)]
        generation: u64,
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// A supervisor's sign-in name
        #[arg(long = "as", value_name = "NAME")]
        by: String,
        /// File that holds their password; "-" reads it from standard input
        #[arg(long)]
        password_file: PathBuf,
    },
    /// All lists with their generations
    #[command(after_help = "Example:\n  egate central lists show --config central.toml")]
    Show {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
    },
}

/// Who acts, with the password from a file or from standard input.
pub(super) fn keeper(name: &str, password_file: &Path) -> anyhow::Result<Keeper> {
    let text = if password_file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(password_file)
            .with_context(|| format!("reading {}", password_file.display()))?
    };
    Ok(Keeper { name: name.to_owned(), password: text.trim_end_matches(['\r', '\n']).to_owned() })
}

pub(super) fn run(command: &ListCommand) -> anyhow::Result<bool> {
    match command {
        ListCommand::Import { dry_run, list, kind, config, by, password_file, file } => {
            let form = match file.extension().and_then(|ending| ending.to_str()) {
                Some("csv") => FileForm::Csv,
                Some("json") => FileForm::Json,
                _ => anyhow::bail!("{}: its name ends neither in .csv nor in .json", file.display()),
            };
            let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let proposal = Proposal { list: list.clone(), kind: *kind, form, bytes };
            match proposal.dry_run() {
                Ok(entries) if *dry_run => eprintln!("{entries} entries, all good; nothing was stored"),
                Ok(_) => {
                    let named = by.as_ref().zip(password_file.as_ref());
                    let (by, password_file) =
                        named.context("--as and --password-file say who proposes it")?;
                    let (office, keeper) = (office(config)?, keeper(by, password_file)?);
                    let (generation, entries) = wait_for(office.propose_list(keeper, proposal))?;
                    println!("{generation}");
                    eprintln!(
                        "{entries} entries; another supervisor approves generation {generation} of {list}"
                    );
                }
                Err(error) => return told(error),
            }
        }
        ListCommand::Approve { list, generation, config, by, password_file } => {
            let by = keeper(by, password_file)?;
            wait_for(office(config)?.approve_list(by, list, *generation))?;
            eprintln!("generation {generation} of {list} is in force");
        }
        ListCommand::Show { config } => show(&wait_for(office(config)?.list_generations())?),
    }
    Ok(true)
}

/// Tells the lines that are wrong, one each.
fn told(error: ImportError) -> anyhow::Result<bool> {
    let ImportError::Lines(lines) = &error else { return Err(error.into()) };
    for line in lines {
        println!("line {}: {}", line.line, line.wrong.join("; "));
    }
    eprintln!("{error}; nothing was stored");
    Ok(false)
}

fn show(generations: &[Generation]) {
    for generation in generations {
        let state = match (generation.active, generation.entries, &generation.approved) {
            (true, ..) => "in force",
            (_, None, _) => "broken off",
            (_, _, None) => "proposed",
            _ => "earlier",
        };
        let approved = generation.approved.as_ref().map_or("", |(by, _)| by);
        println!(
            "{}\t{}\t{state}\t{}\t{}\t{approved}",
            generation.list,
            generation.number,
            generation.entries.unwrap_or(0),
            generation.proposed.0,
        );
    }
}
