//! `egate central`: run the service, make its identity, enrol and revoke lanes, add users, report documents.

use super::backup::{backup, restore};
use super::list_command::{self, ListCommand};
use super::logging::LoggingProfile;
use super::openapi;
use super::order_command::{self, OrderCommand};
use super::release_command::{self, ReleaseCommand};
use super::statistics_command::{self, StatisticsArgs};
use super::store::Role;
use super::{Central, CentralSettings, Office, enrol};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Where the settings are unless a command is told otherwise.
pub(super) const DEFAULT_CONFIG: &str = "/etc/egate/central.toml";

/// `egate central`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CentralArgs {
    #[command(subcommand)]
    command: Option<Preparation>,
    /// The service's settings
    #[arg(long, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Preparation {
    /// Make the authority, central's certificate and its keys, once
    #[command(after_help = "Example:\n  egate central init --identity identity --name central.example")]
    Init {
        /// Folder for certificates and keys
        #[arg(long)]
        identity: PathBuf,
        /// Name or address by which lanes reach central; may be given several times
        #[arg(long = "name", required = true)]
        names: Vec<String>,
    },
    /// Make the kit of a lane
    #[command(after_help = "Example:\n  egate central enrol --identity identity --lane lane-1")]
    Enrol {
        /// Folder that `init` made
        #[arg(long)]
        identity: PathBuf,
        /// Lane's name: lower-case letters, digits, hyphens
        #[arg(long)]
        lane: String,
    },
    /// From now on accept nothing from a lane
    #[command(after_help = "Example:\n  egate central revoke --config central.toml --lane lane-1")]
    Revoke {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Lane's name
        #[arg(long)]
        lane: String,
    },
    /// Make a user, or renew one who lost the password: prints the link, good once, by which they set it
    #[command(
        after_help = "Example:\n  egate central user --config central.toml --name officer-7 --role officer"
    )]
    User {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Name to sign in with
        #[arg(long)]
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Write a backup of the database, whichever it is, and the sealed pictures, while the service may run
    #[command(after_help = "Example:\n  egate central backup --config central.toml --out /backup/2026-07-01")]
    Backup {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// A folder that is not there yet
        #[arg(long)]
        out: PathBuf,
    },
    /// Put a backup where the settings want their data; never over a database
    #[command(
        after_help = "Example:\n  egate central restore --config central.toml --from /backup/2026-07-01"
    )]
    Restore {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// The folder of the backup
        #[arg(long)]
        from: PathBuf,
    },
    /// Say at which port a lane stands; statistics count there, and releases to the port reach it, from then on
    #[command(
        after_help = "Example:\n  egate central port --config central.toml --lane lane-1 --port harbour"
    )]
    Port {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Lane's name
        #[arg(long)]
        lane: String,
        /// Port's name: letters, digits, hyphens
        #[arg(long)]
        port: String,
    },
    /// Tables of passages, reasons, times and decisions, as CSV or JSON
    Statistics(StatisticsArgs),
    /// The log of passages, one JSON line each, with what the logging profile of BSI TR-03135-2 §4.3 holds
    #[command(
        after_help = "Example:\n  egate central log --config central.toml --from 2026-07-01 --to 2026-07-31 > july.jsonl"
    )]
    Log {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// First day of arrival (YYYY-MM-DD, UTC), or a time (RFC 3339)
        #[arg(long)]
        from: String,
        /// Last day, which is in; or a time, which is not
        #[arg(long)]
        to: String,
        /// Another profile than that of the settings
        #[arg(long, value_enum)]
        profile: Option<LoggingProfile>,
    },
    /// Import, approve and show the lists that look-ups ask
    #[command(subcommand)]
    Lists(ListCommand),
    /// Bring profile, settings and trust to lanes, staged, and see what each lane runs
    #[command(subcommand)]
    Releases(ReleaseCommand),
    /// Give a lane a command: out of service, release to an officer; never the exit
    #[command(subcommand)]
    Command(OrderCommand),
    /// Take in records that were carried here in a folder of `egate outbox export`
    #[command(
        after_help = "Example:\n  egate central import-records --config central.toml --from /media/stick/lane-1 --by supervisor"
    )]
    ImportRecords {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// The folder
        #[arg(long)]
        from: PathBuf,
        /// Who brings them, for the audit trail
        #[arg(long)]
        by: String,
    },
    /// Write central's signed word on which records of a carried folder it has, for `egate outbox receipt`
    #[command(
        after_help = "Example:\n  egate central receipt --config central.toml --from /media/stick/lane-1 --out /media/stick/lane-1.receipt --by supervisor"
    )]
    Receipt {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// The folder of `egate outbox export`
        #[arg(long)]
        from: PathBuf,
        /// The file to make
        #[arg(long)]
        out: PathBuf,
        /// Who takes it, for the audit trail
        #[arg(long)]
        by: String,
    },
    /// What lanes and other systems call, as OpenAPI 3.1
    #[command(after_help = "Example:\n  egate central openapi > openapi.json")]
    Openapi,
    /// List a document as reported
    #[command(
        after_help = "Example:\n  egate central report --config central.toml --state UTO --number L898902C3 --kind stolen"
    )]
    Report {
        /// The service's settings
        #[arg(long, default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Issuing state as printed, three letters
        #[arg(long)]
        state: String,
        /// Document number
        #[arg(long)]
        number: String,
        /// Why it is reported
        #[arg(long, value_parser = ["lost", "stolen", "revoked"])]
        kind: String,
    },
}

/// Does what the arguments say; runs the service until it is told to stop.
///
/// # Errors
/// When settings are wrong, a file is missing, or a listener fails.
pub fn serve(args: &CentralArgs) -> anyhow::Result<bool> {
    match &args.command {
        Some(Preparation::Init { identity, names }) => {
            enrol::init(identity, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
            eprintln!("made {}; keep it where only central reads", identity.display());
        }
        Some(Preparation::Enrol { identity, lane }) => {
            let kit = enrol::enrol_lane(identity, lane)?;
            println!("{}", kit.display());
            eprintln!("carry this folder to the lane, then delete it here");
        }
        Some(Preparation::Revoke { config, lane }) => {
            let known = wait_for(office(config)?.revoke_lane(lane))?;
            anyhow::ensure!(known, "central knows no lane {lane}");
        }
        Some(Preparation::User { config, name, role }) => {
            println!("{}", wait_for(office(config)?.create_user(name, *role))?);
        }
        Some(Preparation::Backup { config, out }) => backup(&CentralSettings::read(config)?, out)?,
        Some(Preparation::Restore { config, from }) => restore(&CentralSettings::read(config)?, from)?,
        Some(Preparation::Releases(command)) => return release_command::run(command),
        Some(Preparation::Port { config, lane, port }) => wait_for(office(config)?.set_port(lane, port))?,
        Some(Preparation::Statistics(args)) => return statistics_command::run(args),
        Some(Preparation::Log { config, from, to, profile }) => {
            let time = (statistics_command::time(from, false)?, statistics_command::time(to, true)?);
            let written = wait_for(office(config)?.log(*profile, time, "command line", std::io::stdout()))?;
            eprintln!("{written} passages");
        }
        Some(Preparation::Command(command)) => return order_command::run(command),
        Some(Preparation::ImportRecords { config, from, by }) => {
            let done = wait_for(office(config)?.import_records(from, by))?;
            println!("{}", serde_json::to_string(&done)?);
        }
        Some(Preparation::Receipt { config, from, out, by }) => {
            let done = wait_for(office(config)?.write_receipts(from, out, by))?;
            println!("{}", serde_json::to_string(&done)?);
        }
        Some(Preparation::Openapi) => print!("{}", openapi::document()?),
        Some(Preparation::Lists(command)) => return list_command::run(command),
        Some(Preparation::Report { config, state, number, kind }) => {
            wait_for(office(config)?.report_document(state, number, kind))?;
        }
        None => {
            let settings = CentralSettings::read(&args.config)?;
            tokio::runtime::Runtime::new()?.block_on(run(settings))?;
        }
    }
    Ok(true)
}

pub(super) fn office(config: &Path) -> anyhow::Result<Office> {
    Office::open(&CentralSettings::read(config)?)
}

pub(super) fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

async fn run(settings: CentralSettings) -> anyhow::Result<()> {
    // Heard from the beginning: whoever reads the addresses may end the service in the same moment.
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut central = Central::start(settings).await?;
    eprintln!("lanes    https://{}", central.lanes_address());
    eprintln!("console  {}", central.office.console_url());
    if let Some(link) = central.office.first_user_link().await? {
        eprintln!("nobody can sign in yet; the first supervisor sets a password here, once:\n  {link}");
    }
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
        error = central.failed() => return Err(error),
    }
    central.stop().await
}
