//! `egate doctor`: looks at everything that a lane needs, one line each, with the mend where it is amiss.

mod devices;
mod reader;

use crate::face::ModelSet;
use crate::lane::{
    LaneSettings, OUTBOX_BYTES_MOST, certificate_lasts, client, folder_files, free_bytes, plausible,
    trust_age, trust_store,
};
use crate::outbox::Outbox;
use anyhow::{Context, bail};
use jiff::Timestamp;
use std::fmt::Display;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

/// Free space under which a lane should not run: more than a week of referred passages.
const DISK_LEAST: u64 = 2 << 30;
/// How long a device may take to show that it is there.
const DEVICE_PATIENCE: Duration = Duration::from_secs(3);
/// How long a document that lies on the reader may take to be seen.
const CARD_PATIENCE: Duration = Duration::from_secs(1);

/// `egate doctor`.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// The lane's settings
    #[arg(long, default_value = "/etc/egate/lane.toml")]
    config: PathBuf,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// What was found of one thing.
#[derive(serde::Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    found: String,
    mend: Option<&'static str>,
}

struct Doctor {
    findings: Vec<Finding>,
    json: bool,
}

impl Doctor {
    fn look<T: Display>(
        &mut self,
        what: &'static str,
        mend: &'static str,
        look: impl FnOnce() -> anyhow::Result<T>,
    ) {
        let finding = match look() {
            Ok(found) => Finding { what, good: true, found: found.to_string(), mend: None },
            Err(error) => {
                let mend = Some(devices::mend_of(&error).unwrap_or(mend));
                Finding { what, good: false, found: format!("{error:#}"), mend }
            }
        };
        if !self.json {
            println!("{}  {:<16} {}", if finding.good { "good " } else { "AMISS" }, what, finding.found);
            if let Some(mend) = finding.mend {
                println!("       {:<16} → {mend}", "");
            }
        }
        self.findings.push(finding);
    }
}

/// Looks at everything; `false` when something is amiss.
///
/// # Errors
/// When the settings cannot be read at all.
pub fn run(args: &DoctorArgs) -> anyhow::Result<bool> {
    let settings = LaneSettings::read(&args.config)?;
    let mut doctor = Doctor { findings: Vec::new(), json: args.json };
    doctor.lane_itself(&settings);
    doctor.central(&settings)?;
    doctor.devices(&settings);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&doctor.findings)?);
    }
    Ok(doctor.findings.iter().all(|finding| finding.good))
}

impl Doctor {
    fn lane_itself(&mut self, settings: &LaneSettings) {
        self.profile(settings);
        self.clock(Timestamp::now());
        self.models(settings);
        self.trust(settings, Timestamp::now());
        self.disk(free_bytes(&settings.outbox));
        self.outbox(settings);
        self.certificate(settings);
    }

    fn profile(&mut self, settings: &LaneSettings) {
        self.look("profile", "mend the line that is named", || {
            settings.read_profile().map(|profile| profile.name)
        });
    }

    fn clock(&mut self, now: Timestamp) {
        self.look("clock", "set the clock, or the time service that sets it", || {
            plausible(now).map(|()| now)
        });
    }

    fn models(&mut self, settings: &LaneSettings) {
        self.look("models", "run `make setup`, which fetches and verifies runtime and models", || {
            ModelSet::under(&settings.var, 1)
                .map(|_| "runtime loads, every hash is the manifest's")
                .map_err(Into::into)
        });
    }

    fn trust(&mut self, settings: &LaneSettings, now: Timestamp) {
        self.look("trust", "put newer country certificates and revocation lists into the folder", || {
            let files = folder_files(&settings.trust)?;
            let store = trust_store(&files, now)?;
            if files.is_empty() {
                bail!("{} is empty", settings.trust.display());
            }
            trust_age(&store, now)?;
            Ok(format!("{} files, the newest of {}", files.len(), store.as_of().strftime("%F")))
        });
    }

    fn disk(&mut self, free: anyhow::Result<u64>) {
        self.look("disk", "make room: what is not stored lets nobody through", || {
            let free = free?;
            if free < DISK_LEAST {
                bail!("{} MiB free, at least {} MiB wanted", free >> 20, DISK_LEAST >> 20);
            }
            Ok(format!("{} MiB free", free >> 20))
        });
    }

    fn outbox(&mut self, settings: &LaneSettings) {
        self.look("outbox", "check the kit (record.key, pictures.pub) and who may write the file", || {
            let kit = settings.read_kit()?;
            let outbox = Outbox::open(&settings.outbox, &settings.name, kit.record_key, OUTBOX_BYTES_MOST)?;
            Ok(format!("{} record(s) wait for central", outbox.len()?))
        });
    }

    fn certificate(&mut self, settings: &LaneSettings) {
        self.look("certificate", "enrol the lane anew at central and put the new kit in place", || {
            let kit = settings.read_kit()?;
            certificate_lasts(&kit.certificate_pem)
        });
    }

    fn central(&mut self, settings: &LaneSettings) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        self.look("central", "check the kit, address, network, and that this lane is enrolled there", || {
            let client = client(&settings.central, &settings.read_kit()?)?;
            let answer = async { tokio::time::timeout(DEVICE_PATIENCE, client.health()).await };
            runtime.block_on(answer).context("no answer in time")??;
            Ok("answers, and knows this lane")
        });
        Ok(())
    }

    fn screen(&mut self, settings: &LaneSettings) {
        self.look("screen", "another program holds the port: stop it, or change the port", || {
            TcpListener::bind(settings.screen.listen).context("the lane cannot listen here")?;
            Ok(format!("{} is free", settings.screen.listen))
        });
    }

    fn devices(&mut self, settings: &LaneSettings) {
        let found = reader::look(settings.chip_reader.name.as_deref(), CARD_PATIENCE);
        let mend = found.as_ref().err().map_or("", reader::Trouble::mend);
        self.look("chip reader", mend, || found.map_err(Into::into));
        self.mrz_reader(&settings.mrz_reader);
        self.gate(&settings.gate);
        self.camera(&settings.camera);
        self.screen(settings);
    }
}

#[cfg(test)]
#[path = "doctor/tests.rs"]
mod tests;
