//! `egate outbox`: records to a folder that is carried to central, and the proof that records are a chain.

use super::export::{export, verify_file};
use anyhow::Context;
use clap::{Args, Subcommand};
use ed25519_dalek::VerifyingKey;
use std::path::PathBuf;

/// `egate outbox`.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// Write the records that wait for central, with their sealed pictures, into a new folder; the lane may run
    #[command(
        after_help = "Example:\n  egate outbox export --outbox /var/lib/egate/outbox.db --out /media/stick/lane-1"
    )]
    Export {
        /// The lane's queue
        #[arg(long)]
        outbox: PathBuf,
        /// The folder to make
        #[arg(long)]
        out: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show that records are the lane's, unchanged, and none between them is missing
    #[command(after_help = "Example:\n  egate outbox verify lane-1/records.jsonl --key lane-1.record.pub")]
    Verify {
        /// File of records; pictures are looked for in the folder `pictures` beside it
        records: PathBuf,
        /// The lane's public key, as central keeps it: 64 hexadecimal digits
        #[arg(long)]
        key: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Does what the arguments say; `false` when the records are no chain.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &OutboxArgs) -> anyhow::Result<bool> {
    match &args.command {
        OutboxCommand::Export { outbox, out, json } => {
            let done = export(outbox, out)?;
            if *json {
                println!("{}", serde_json::to_string(&done)?);
            } else {
                println!("{} record(s), {} picture(s) in {}", done.records, done.pictures, out.display());
            }
            eprintln!("they stay in the queue until central acknowledges them");
            Ok(true)
        }
        OutboxCommand::Verify { records, key, json } => {
            let text = std::fs::read_to_string(key).with_context(|| format!("reading {}", key.display()))?;
            let bytes: Option<[u8; 32]> = hex::decode(text.trim()).ok().and_then(|b| b.try_into().ok());
            let bytes = bytes.with_context(|| format!("{} is not 64 hexadecimal digits", key.display()))?;
            let key = VerifyingKey::from_bytes(&bytes).context("the key is no Ed25519 key")?;
            anyhow::ensure!(records.is_file(), "{} is no file of records", records.display());
            let verified = verify_file(records, &key);
            match (&verified, json) {
                (Ok(run), true) => println!("{}", serde_json::json!({ "result": "successful", "run": run })),
                (Err(error), true) => {
                    println!("{}", serde_json::json!({ "result": "failed", "error": error.to_string() }));
                }
                (Ok(run), false) => {
                    let place = format!("{} to {}", run.first, run.head.sequence);
                    println!("whole: lane {}, queue {}, records {place}", run.lane, run.epoch);
                    println!("head {}", run.head.sha256);
                    println!("{} of {} pictures are here", run.pictures_good, run.pictures_named);
                    if run.first > 1 {
                        println!("what came before record {} is not in this file", run.first);
                    }
                }
                (Err(error), false) => eprintln!("not whole: {error}"),
            }
            Ok(verified.is_ok())
        }
    }
}
