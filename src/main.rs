//! The one binary. Data goes to standard output, words to standard error. Exit status: 0 done, 1 the thing
//! asked about is not so or failed, 2 the call was wrong.

use clap::{Parser, Subcommand};
use egate::workbench;
use std::process::ExitCode;

/// Automated border gate: reads the passport and its chip, proves the holder, opens the exit or calls an
/// officer.
#[derive(Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show it: central, console and one lane on simulated devices play the demonstration passages
    #[cfg(feature = "issuer")]
    #[command(after_help = "Example:\n  egate demo --once\n  egate demo --speed 2 --folder demo-data")]
    Demo(workbench::demo::DemoArgs),
    /// Run a lane
    #[command(after_help = "Example:\n  egate lane --config /etc/egate/lane.toml")]
    Lane(egate::lane::LaneArgs),
    /// Run the central service with its console
    #[command(after_help = "Example:\n  egate central --config /etc/egate/central.toml")]
    Central(egate::central::CentralArgs),
    /// A lane's queue: records to a folder, and the proof that they are a chain
    #[command(arg_required_else_help = true)]
    Outbox(egate::outbox::OutboxArgs),
    /// Check a lane's devices, models, certificates, clock and disk: one line each with the mend
    #[command(after_help = "Example:\n  egate doctor --config /etc/egate/lane.toml")]
    Doctor(workbench::doctor::DoctorArgs),
    /// Look at printed lines, chips, security objects, master lists, portraits
    #[command(subcommand, arg_required_else_help = true)]
    Inspect(Inspect),
    /// Record the demonstration passages as fixtures
    #[cfg(feature = "issuer")]
    #[command(after_help = "Example:\n  egate record --out fixtures")]
    Record(workbench::demo::RecordArgs),
    /// Play recorded passages again, in virtual time, and compare verdict, reasons and door movements
    #[command(after_help = "Example:\n  egate replay fixtures/*")]
    Replay(workbench::replay::ReplayArgs),
    /// Error rates on pictures of one's own
    #[command(subcommand, arg_required_else_help = true)]
    Evaluate(workbench::evaluate::EvaluateArgs),
    /// Tools for those who work on the gate
    #[command(subcommand, arg_required_else_help = true)]
    Workbench(Workbench),
    /// The networks that look at faces: fetch, verify, list
    #[command(subcommand, arg_required_else_help = true)]
    Models(workbench::models::ModelsArgs),
    /// Make test documents with their PKI
    #[cfg(feature = "issuer")]
    Issue(workbench::issue::IssueArgs),
    /// Lay an issued test document on the virtual reader
    #[cfg(feature = "issuer")]
    Card(workbench::issue::CardArgs),
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant, reason = "made once, when the program starts")]
enum Workbench {
    /// Morphs of two faces, to learn how the gate fares against them
    #[command(arg_required_else_help = true)]
    Morph(Box<workbench::morph::MorphArgs>),
    /// Many passages at full speed with random faults: none stuck, none lost, memory flat
    #[cfg(feature = "issuer")]
    #[command(after_help = "Example:\n  egate workbench soak --passages 1000 --lanes 4 --faults --seed 7")]
    Soak(workbench::soak::SoakArgs),
    /// Load a central with many lanes, and tell how it bears it
    #[cfg(feature = "issuer")]
    Load(workbench::load::LoadArgs),
}

#[derive(Subcommand)]
enum Inspect {
    /// Parse printed lines from arguments or standard input
    #[command(
        after_help = "Example:\n  egate inspect mrz 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L898902C36UTO7408122F1204159ZE184226B<<<<<10'"
    )]
    Mrz {
        /// The lines; from standard input when there are none
        lines: Vec<String>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Passive authentication of a security object
    Sod(workbench::inspect::sod::SodArgs),
    /// What is in a master list, what verifies
    Masterlist(workbench::inspect::masterlist::MasterListArgs),
    /// Read a document on a chip reader and make every check
    Chip(workbench::inspect::chip::ChipArgs),
    /// Format, size, faces and quality of a chip's portrait or an image
    Portrait(workbench::inspect::portrait::PortraitArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(matches!(cli.command, Command::Lane(_) | Command::Central(_)));
    match run(cli.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("egate: {error:#}");
            ExitCode::from(if wrong_call(&error) { 2 } else { 1 })
        }
    }
}

/// Log to standard error: what `EGATE_LOG` names (else notes of a service, errors of everything else), one JSON object
/// a line where `EGATE_LOG_FORMAT` is `json`.
fn log(service: bool) {
    let usual = if service { "error,egate=info" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("EGATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match std::env::var("EGATE_LOG_FORMAT").as_deref() {
        Ok("json") => log.json().flatten_event(true).init(),
        _ => log.init(),
    }
}

/// Whether the error lies in the call: settings that are wrong, a file that is not there.
fn wrong_call(error: &anyhow::Error) -> bool {
    let missing = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound)
    };
    error.chain().any(|cause| cause.is::<egate::policy::ConfigError>() || missing(cause))
}

fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        #[cfg(feature = "issuer")]
        Command::Demo(args) => workbench::demo::run(&args),
        Command::Lane(args) => egate::lane::serve(&args, workbench::record::into_folder),
        Command::Central(args) => egate::central::serve(&args),
        Command::Outbox(args) => egate::outbox::run(&args),
        Command::Doctor(args) => workbench::doctor::run(&args),
        #[cfg(feature = "issuer")]
        Command::Record(args) => workbench::demo::record(&args),
        Command::Replay(args) => workbench::replay::run(&args),
        Command::Evaluate(args) => workbench::evaluate::run(args),
        Command::Workbench(Workbench::Morph(args)) => workbench::morph::run(&args),
        #[cfg(feature = "issuer")]
        Command::Workbench(Workbench::Soak(args)) => workbench::soak::run(&args),
        Command::Workbench(Workbench::Load(args)) => workbench::load::run(&args),
        Command::Models(args) => workbench::models::run(&args),
        #[cfg(feature = "issuer")]
        Command::Issue(args) => workbench::issue::run(args),
        #[cfg(feature = "issuer")]
        Command::Card(args) => workbench::issue::serve(&args),
        Command::Inspect(Inspect::Mrz { lines, json }) => workbench::inspect::mrz::run(lines, json),
        Command::Inspect(Inspect::Sod(args)) => workbench::inspect::sod::run(args),
        Command::Inspect(Inspect::Masterlist(args)) => workbench::inspect::masterlist::run(args),
        Command::Inspect(Inspect::Chip(args)) => workbench::inspect::chip::run(args),
        Command::Inspect(Inspect::Portrait(args)) => workbench::inspect::portrait::run(args),
    }
}
