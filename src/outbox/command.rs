//! `egate outbox`: records to a folder that is carried to central, central's receipt back, a queue that was put back from
//! a copy, and the proof that records are a chain.

use super::export::{export, verify_file};
use super::{CentralClient, CentralHas, LaneKit, Outbox, Receipted, Renewed, StoppedQueue};
use anyhow::Context;
use clap::{Args, Subcommand};
use ed25519_dalek::VerifyingKey;
use std::path::{Path, PathBuf};

/// The file's bound while a receipt is taken; the lane's own counts again when the lane opens it.
const BYTES_MOST: u64 = 1 << 40;

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
    /// Forget the records that central says it has, by the file that `egate central receipt` made; the lane may run
    #[command(
        after_help = "Example:\n  egate outbox receipt /media/stick/lane-1.receipt --outbox /var/lib/egate/outbox.db --kit /etc/egate/kit"
    )]
    Receipt {
        /// The file of receipts
        receipt: PathBuf,
        /// The lane's queue
        #[arg(long)]
        outbox: PathBuf,
        /// The lane's kit
        #[arg(long)]
        kit: PathBuf,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Give a queue that was put back from a copy a new epoch, with every record that central has not; the lane must
    /// be stopped. The old file is set aside
    #[command(
        after_help = "Example:\n  egate outbox renew --outbox /var/lib/egate/outbox.db --kit /etc/egate/kit --central https://central.example:8443"
    )]
    Renew {
        /// The lane's queue
        #[arg(long)]
        outbox: PathBuf,
        /// The lane's kit
        #[arg(long)]
        kit: PathBuf,
        /// Central's address, as in the lane's settings
        #[arg(long, required_unless_present = "receipt")]
        central: Option<String>,
        /// Without a connection: the file that `egate central receipt` made of what was exported here
        #[arg(long, conflicts_with = "central")]
        receipt: Option<PathBuf>,
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

/// Brings a queue that was put back from a copy, and central, to agree.
fn bring_to_agree(
    queue: &Path,
    kit: &Path,
    central: Option<&str>,
    receipt: Option<&Path>,
) -> anyhow::Result<Renewed> {
    let kit = LaneKit::read(kit)?;
    let lane = kit.lane()?;
    let stopped = StoppedQueue::take(queue, &lane, kit.record_key.clone())?;
    let has = match (central, receipt) {
        (_, Some(file)) => CentralHas::read(file, &kit.answers, &lane)?,
        (Some(url), None) => {
            let client = CentralClient::of(url, &kit)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(CentralHas::ask(&client, &stopped.extent()))?
        }
        (None, None) => anyhow::bail!("say where central is (--central), or give its receipt (--receipt)"),
    };
    Ok(stopped.renew(&has)?)
}

fn forget(queue: &Path, kit: &Path, file: &Path) -> anyhow::Result<Receipted> {
    anyhow::ensure!(queue.is_file(), "{} is no queue", queue.display());
    let kit = LaneKit::read(kit)?;
    let lane = kit.lane()?;
    let has = CentralHas::read(file, &kit.answers, &lane)?;
    Ok(Outbox::open(queue, &lane, kit.record_key, BYTES_MOST)?.take_receipt(&has)?)
}

/// Does what the arguments say; `false` when the records are no chain, or a queue collides with central.
///
/// # Errors
/// When a file cannot be read or written, or a queue cannot be renewed.
pub fn run(args: &OutboxArgs) -> anyhow::Result<bool> {
    match &args.command {
        OutboxCommand::Export { outbox, out, json } => {
            let done = export(outbox, out)?;
            say(*json, &done, || {
                println!("{} record(s), {} picture(s) in {}", done.records, done.pictures, out.display());
            })?;
            eprintln!("they stay in the queue until central acknowledges them");
            Ok(true)
        }
        OutboxCommand::Receipt { receipt, outbox, kit, json } => {
            let done = forget(outbox, kit, receipt)?;
            say(*json, &done, || {
                println!("{} record(s) left the queue, {} wait", done.forgotten, done.waiting);
            })?;
            if let Some(sequence) = done.collides {
                eprintln!(
                    "central has another record {sequence}: the queue was put back from a copy; see renew"
                );
            }
            Ok(done.collides.is_none())
        }
        OutboxCommand::Renew { outbox, kit, central, receipt, json } => {
            let done = bring_to_agree(outbox, kit, central.as_deref(), receipt.as_deref())?;
            say(*json, &done, || {
                println!("queue {} follows {}", done.epoch, done.epoch_before);
                println!("{} record(s), {} picture(s) carried over", done.carried, done.pictures);
                println!("{} record(s) left behind, since central has them", done.known);
            })?;
            eprintln!("the old queue is {}: delete it when central has everything", done.set_aside.display());
            Ok(true)
        }
        OutboxCommand::Verify { records, key, json } => verify(records, key, *json),
    }
}

/// One JSON document, or words.
fn say(json: bool, done: &impl serde::Serialize, words: impl FnOnce()) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(done)?);
    } else {
        words();
    }
    Ok(())
}

fn verify(records: &Path, key: &Path, json: bool) -> anyhow::Result<bool> {
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
