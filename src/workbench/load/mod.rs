//! `egate workbench load`: many lanes at one central, as it would be on the busiest day.
//!
//! Each lane has an identity of its own, makes records as a gate does (canonical form, chain, signature, pictures
//! sealed to central's key) and sends them over TLS with its client certificate, one passage after the other.
//! What a lane waits for, from the first picture's call to the acknowledgement of the record, is the time that is told.

mod lane;
mod report;
mod stage;

pub use lane::{LoadLane, PassageLoad};
pub use report::{LoadReport, Times};
pub use stage::{LoadCentral, StoreKind, kits};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lanes at most: each has a connection.
pub const LANES_MOST: u16 = 5000;

/// `egate workbench load`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  egate workbench load --lanes 50 --for 30\n  egate workbench load --lanes 200 --records 20000 --store postgres --database 'host=/run/postgresql user=egate dbname=load'\n  egate workbench load --lanes 10 --for 60 --per-minute 6 --central https://central.example:8443 --identity identity"
)]
pub struct LoadArgs {
    /// Lanes that send at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=i64::from(LANES_MOST)))]
    lanes: u16,
    /// Send for so many seconds
    #[arg(long = "for", value_name = "SECONDS", conflicts_with = "records", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Send so many records in all; 1000 unless a time is given
    #[arg(long)]
    records: Option<NonZeroU64>,
    /// Passages of each lane in a minute; as many as it can without
    #[arg(long)]
    per_minute: Option<NonZeroU64>,
    /// Bytes of each of a passage's two pictures
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(0..=2_000_000))]
    picture_bytes: u32,
    /// Central's address for lanes; its own central is started without
    #[arg(long, requires = "identity")]
    central: Option<String>,
    /// That central's identity folder, in which the lanes load-1, load-2, … are enrolled where they are not
    #[arg(long)]
    identity: Option<PathBuf>,
    /// Database of the central that is started
    #[arg(long, value_enum, default_value_t = StoreKind::Sqlite, conflicts_with = "central")]
    store: StoreKind,
    /// Connection string of PostgreSQL, an empty database
    #[arg(long, required_if_eq("store", "postgres"))]
    database: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// How long is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// So many records in all.
    Records(u64),
    /// So long.
    Passed(Duration),
}

/// Loads central and tells how it went; `false` when something was refused.
///
/// # Errors
/// When central does not start, or cannot be reached at all.
pub fn run(args: &LoadArgs) -> anyhow::Result<bool> {
    let until = match (args.seconds, args.records) {
        (Some(seconds), _) => Until::Passed(Duration::from_secs(seconds.into())),
        (None, records) => Until::Records(records.map_or(1000, NonZeroU64::get)),
    };
    let load = PassageLoad {
        picture_bytes: args.picture_bytes as usize,
        pause: args.per_minute.map(|count| Duration::from_secs(60).div_f64(count.get() as f64)),
    };
    let folder = tempfile::Builder::new().prefix("egate-load-").tempdir()?;
    let report = tokio::runtime::Runtime::new()?.block_on(async {
        match (&args.central, &args.identity) {
            (Some(url), Some(identity)) => {
                send(lanes(identity, args.lanes, url)?, load, until, progress(until)).await
            }
            _ => with_own_central(args, folder.path(), load, until).await,
        }
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(report.refused == 0)
}

async fn with_own_central(
    args: &LoadArgs,
    folder: &Path,
    load: PassageLoad,
    until: Until,
) -> anyhow::Result<LoadReport> {
    let central = LoadCentral::start(folder, args.store, args.database.as_deref()).await?;
    let report =
        send(lanes(&central.identity, args.lanes, &central.url)?, load, until, progress(until)).await;
    central.running.stop().await?;
    report
}

/// Lanes that are ready to send.
///
/// # Errors
/// When a lane cannot be enrolled, or the address is none.
pub fn lanes(identity: &Path, count: u16, url: &str) -> anyhow::Result<Vec<LoadLane>> {
    kits(identity, count)?.into_iter().map(|(name, kit)| LoadLane::new(name, kit, url)).collect()
}

fn progress(until: Until) -> ProgressBar {
    let (length, unit) = match until {
        Until::Records(records) => (records, "records"),
        Until::Passed(time) => (time.as_secs(), "s"),
    };
    let template = format!("{{elapsed}} {{wide_bar}} {{pos}}/{{len}} {unit}, {{msg}}");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// Lets all lanes send until it is time, and puts together what they saw.
///
/// # Errors
/// When a lane's task breaks off, or no record at all was stored.
pub async fn send(
    lanes: Vec<LoadLane>,
    load: PassageLoad,
    until: Until,
    progress: ProgressBar,
) -> anyhow::Result<LoadReport> {
    let (count, start) = (lanes.len(), Instant::now());
    let (taken, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for mut lane in lanes {
        let (taken, done) = (Arc::clone(&taken), Arc::clone(&done));
        tasks.spawn(async move {
            let more = || match until {
                Until::Records(records) => taken.fetch_add(1, Ordering::Relaxed) < records,
                Until::Passed(time) => start.elapsed() < time,
            };
            while more() {
                if lane.pass(&load).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            lane.seen
        });
    }
    let mut report = LoadReport::default();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let stored = done.load(Ordering::Relaxed);
                let rate = stored as f64 / start.elapsed().as_secs_f64().max(0.001);
                progress.set_position(match until {
                    Until::Records(_) => stored,
                    Until::Passed(_) => start.elapsed().as_secs(),
                });
                progress.set_message(format!("{rate:.0} records/s"));
            }
            ended = tasks.join_next() => match ended {
                Some(seen) => report.add(seen.context("a lane's task broke off")?),
                None => break,
            }
        }
    }
    progress.finish_and_clear();
    report.conclude(count, start.elapsed());
    anyhow::ensure!(report.records > 0, "nothing was stored: {}", report.last_error.unwrap_or_default());
    Ok(report)
}
