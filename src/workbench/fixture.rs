//! The fixture of a passage: a folder with everything that reached one passage and everything that the
//! lane did, so that the passage can be played again on a desk, bit for bit.
//!
//! | file | what |
//! |---|---|
//! | `passage.toml` | what it shows, topology, profile, wall clock, expected verdict and scores |
//! | `traveller.jsonl` | printed lines, whether a document lies on the reader, the officer button, the order to stop |
//! | `chip.jsonl` | each conversation: what it began with, every APDU exchange, when it was heard; before it the lines that DG1 was found to hold |
//! | `frames/`, `frames.jsonl` | the camera's pictures as analysed, and when |
//! | `gate.jsonl` | contacts of the gate |
//! | `central.jsonl` | central's answers; whether the outcome was durable |
//! | `lane.jsonl` | what of the lane was amiss |
//! | `clock.jsonl` | moments at which the passage was told the time |
//! | `deeds.jsonl` | what the lane did: prompts, doors, lamps, chip, camera, central |
//! | `trust/` | certificates and revocation lists that the lane trusted |
//!
//! Every line carries `n`, its place in the order of the whole passage, and `at`, milliseconds on the
//! lane's clock. Random bytes of our side of the protocols are in `chip.jsonl`.

use crate::check::Reason;
use crate::lane::{ChipTrace, Deed, Exchange, Film, Input, LookupFailure};
use crate::passage::{Ending, GateState, LaneCommand, Moment};
use crate::policy::{Condition, Profile, Topology};
use crate::record::SnapshotAnswer;
use crate::record::wire::LookupAnswer;
use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Bytes of one file of a fixture at most.
const FILE_MOST: u64 = 64 << 20;
/// Inputs of one passage at most.
const INPUTS_MOST: usize = 100_000;

/// `passage.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of this form: 1.
    pub format: u32,
    /// What the passage shows, in words.
    pub shows: String,
    /// Which way travellers go there; the same as the profile's.
    pub topology: Topology,
    /// Passage's id.
    pub passage: String,
    /// Wall clock at its begin.
    pub started: Timestamp,
    /// Lane's clock at its begin.
    pub began_ms: u64,
    /// What must come out.
    pub expected: Expected,
    /// What was asked for.
    pub profile: Profile,
}

/// What must come out of a replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Exactly.
    pub ending: Ending,
    /// Exactly, in this order.
    pub reasons: Vec<Reason>,
    /// Within [`crate::workbench::replay::SCORE_TOLERANCE`].
    pub similarity: Option<f32>,
    /// Within the same tolerance.
    pub attack: Option<f32>,
}

/// One thing that reached the passage.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An input.
    Input(Input),
    /// The time.
    Time,
}

/// A whole fixture, in memory.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// `passage.toml`.
    pub head: Head,
    /// What reached the passage, in order.
    pub heard: Vec<(Moment, Heard)>,
    /// What the lane did, in order.
    pub deeds: Vec<(Moment, Deed)>,
    /// File name and bytes of what the lane trusted.
    pub trust: Vec<(String, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    n: usize,
    at: u64,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TravellerLine {
    Lines(Vec<String>),
    OnReader(bool),
    OfficerWanted(bool),
    Stop(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChipLine {
    Named(Vec<String>),
    Session { lines: Vec<String>, random: String, now: Timestamp },
    Exchange(Exchange),
    Heard(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FrameLine {
    Frame { sequence: u64, file: String },
    Failed(Reason),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GateLine {
    State(GateState),
    Lost(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CentralLine {
    Answer(LookupAnswer),
    NoAnswer(LookupFailure),
    Command(LaneCommand),
    Snapshot(SnapshotAnswer),
    Stored(bool),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LaneLine {
    Conditions(BTreeSet<Condition>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeedLine {
    Did(Deed),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockLine {
    Time(bool),
}

/// The lines of each file while a fixture is written.
#[derive(Default)]
struct Files {
    traveller: String,
    chip: String,
    frames: String,
    gate: String,
    central: String,
    lane: String,
    clock: String,
    deeds: String,
}

fn line<T: Serialize>(text: &mut String, n: usize, at: Moment, what: T) -> anyhow::Result<()> {
    text.push_str(&serde_json::to_string(&Line { n, at: at.0, what })?);
    text.push('\n');
    Ok(())
}

impl Fixture {
    /// Writes the folder; what stood there of an older fixture is replaced.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let frames = folder.join("frames");
        let trust = folder.join("trust");
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        fs::create_dir_all(&frames).with_context(|| format!("{}", frames.display()))?;
        fs::create_dir_all(&trust).with_context(|| format!("{}", trust.display()))?;

        let mut files = Files::default();
        for (n, (at, heard)) in self.heard.iter().enumerate() {
            write_heard(&mut files, &frames, n, *at, heard)?;
        }
        for (n, (at, deed)) in self.deeds.iter().enumerate() {
            line(&mut files.deeds, n, *at, DeedLine::Did(deed.clone()))?;
        }
        for (name, bytes) in &self.trust {
            save(&trust.join(name), bytes)?;
        }
        for (name, text) in [
            ("traveller.jsonl", &files.traveller),
            ("chip.jsonl", &files.chip),
            ("frames.jsonl", &files.frames),
            ("gate.jsonl", &files.gate),
            ("central.jsonl", &files.central),
            ("lane.jsonl", &files.lane),
            ("clock.jsonl", &files.clock),
            ("deeds.jsonl", &files.deeds),
        ] {
            save(&folder.join(name), text.as_bytes())?;
        }
        // Last, so that a folder without it is seen to be unfinished.
        save(&folder.join("passage.toml"), toml::to_string(&self.head)?.as_bytes())
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// Names the file and line that is not as it should be.
    pub fn read(folder: &Path) -> anyhow::Result<Fixture> {
        let head_path = folder.join("passage.toml");
        let head: Head =
            toml::from_str(&text(&head_path)?).with_context(|| format!("{}", head_path.display()))?;
        if head.format != 1 || head.topology != head.profile.topology {
            bail!(
                "{}: format {} and topology {:?} with a profile of {:?}; this version plays format 1, one topology",
                head_path.display(),
                head.format,
                head.topology,
                head.profile.topology
            );
        }
        let mut heard = Vec::new();
        read_heard(folder, &mut heard)?;
        heard.sort_by_key(|(n, ..)| *n);
        if heard.iter().enumerate().any(|(place, (n, ..))| place != *n) {
            bail!("{}: lines are missing or doubled: the numbers n have gaps", folder.display());
        }
        let deeds = lines::<DeedLine>(&folder.join("deeds.jsonl"))?
            .into_iter()
            .map(|Line { at, what: DeedLine::Did(deed), .. }| (Moment(at), deed))
            .collect();
        let trust = folder_files(&folder.join("trust"))?;
        let heard = heard.into_iter().map(|(_, at, heard)| (at, heard)).collect();
        Ok(Fixture { head, heard, deeds, trust })
    }
}

fn write_heard(files: &mut Files, frames: &Path, n: usize, at: Moment, heard: &Heard) -> anyhow::Result<()> {
    let input = match heard {
        Heard::Time => return line(&mut files.clock, n, at, ClockLine::Time(true)),
        Heard::Input(input) => input,
    };
    match input {
        Input::Lines(lines) => line(&mut files.traveller, n, at, TravellerLine::Lines(lines.clone())),
        Input::OnReader(there) => line(&mut files.traveller, n, at, TravellerLine::OnReader(*there)),
        Input::OfficerWanted => line(&mut files.traveller, n, at, TravellerLine::OfficerWanted(true)),
        Input::Stop => line(&mut files.traveller, n, at, TravellerLine::Stop(true)),
        Input::Command(command) => line(&mut files.central, n, at, CentralLine::Command(*command)),
        Input::Named(lines) => line(&mut files.chip, n, at, ChipLine::Named(lines.clone())),
        Input::Chip(trace) => {
            let session = ChipLine::Session {
                lines: trace.lines.clone(),
                random: trace.random.clone(),
                now: trace.now,
            };
            line(&mut files.chip, n, at, session)?;
            for exchange in &trace.exchanges {
                line(&mut files.chip, n, at, ChipLine::Exchange(exchange.clone()))?;
            }
            line(&mut files.chip, n, at, ChipLine::Heard(true))
        }
        Input::Frame(film) => {
            let file = format!("{:06}.jpg", film.sequence);
            save(&frames.join(&file), &film.jpeg)?;
            line(&mut files.frames, n, at, FrameLine::Frame { sequence: film.sequence, file })
        }
        Input::CaptureFailed(reason) => line(&mut files.frames, n, at, FrameLine::Failed(*reason)),
        Input::Gate(state) => line(&mut files.gate, n, at, GateLine::State(*state)),
        Input::GateLost => line(&mut files.gate, n, at, GateLine::Lost(true)),
        Input::Central(Ok(answer)) => line(&mut files.central, n, at, CentralLine::Answer(answer.clone())),
        Input::Central(Err(failure)) => line(&mut files.central, n, at, CentralLine::NoAnswer(*failure)),
        Input::Snapshot(answer) => line(&mut files.central, n, at, CentralLine::Snapshot(answer.clone())),
        Input::Stored(stored) => line(&mut files.central, n, at, CentralLine::Stored(*stored)),
        Input::Conditions(conditions) => {
            line(&mut files.lane, n, at, LaneLine::Conditions(conditions.clone()))
        }
    }
}

type Numbered = (usize, Moment, Heard);

fn read_heard(folder: &Path, heard: &mut Vec<Numbered>) -> anyhow::Result<()> {
    let mut put = |n, at, input| heard.push((n, Moment(at), Heard::Input(input)));
    for Line { n, at, what } in lines(&folder.join("traveller.jsonl"))? {
        match what {
            TravellerLine::Lines(lines) => put(n, at, Input::Lines(lines)),
            TravellerLine::OnReader(there) => put(n, at, Input::OnReader(there)),
            TravellerLine::OfficerWanted(_) => put(n, at, Input::OfficerWanted),
            TravellerLine::Stop(_) => put(n, at, Input::Stop),
        }
    }
    for Line { n, at, what } in lines(&folder.join("frames.jsonl"))? {
        match what {
            FrameLine::Failed(reason) => put(n, at, Input::CaptureFailed(reason)),
            FrameLine::Frame { sequence, file } => {
                if file.contains(['/', '\\']) {
                    bail!("frames.jsonl: {file:?} is no plain file name");
                }
                let path = folder.join("frames").join(file);
                let film = Film::from_jpeg(sequence, bytes(&path)?)
                    .with_context(|| format!("{}", path.display()))?;
                put(n, at, Input::Frame(Arc::new(film)));
            }
        }
    }
    for Line { n, at, what } in lines(&folder.join("gate.jsonl"))? {
        match what {
            GateLine::State(state) => put(n, at, Input::Gate(state)),
            GateLine::Lost(_) => put(n, at, Input::GateLost),
        }
    }
    for Line { n, at, what } in lines(&folder.join("central.jsonl"))? {
        match what {
            CentralLine::Answer(answer) => put(n, at, Input::Central(Ok(answer))),
            CentralLine::NoAnswer(failure) => put(n, at, Input::Central(Err(failure))),
            CentralLine::Stored(stored) => put(n, at, Input::Stored(stored)),
            CentralLine::Snapshot(answer) => put(n, at, Input::Snapshot(answer)),
            CentralLine::Command(command) => put(n, at, Input::Command(command)),
        }
    }
    for Line { n, at, what: LaneLine::Conditions(conditions) } in lines(&folder.join("lane.jsonl"))? {
        put(n, at, Input::Conditions(conditions));
    }
    let mut session: Option<ChipTrace> = None;
    for Line { n, at, what } in lines(&folder.join("chip.jsonl"))? {
        match (what, &mut session) {
            (ChipLine::Named(lines), None) => put(n, at, Input::Named(lines)),
            (ChipLine::Session { lines, random, now }, None) => {
                session = Some(ChipTrace { lines, random, now, exchanges: Vec::new() });
            }
            (ChipLine::Exchange(exchange), Some(trace)) => trace.exchanges.push(exchange),
            (ChipLine::Heard(_), trace) => {
                put(n, at, Input::Chip(trace.take().context("chip.jsonl: an end without begin")?));
            }
            _ => bail!("chip.jsonl: the lines of two conversations are mixed"),
        }
    }
    for Line { n, at, what: ClockLine::Time(_) } in lines(&folder.join("clock.jsonl"))? {
        heard.push((n, Moment(at), Heard::Time));
    }
    Ok(())
}

fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<Line<T>>> {
    let text = text(path)?;
    if text.lines().count() > INPUTS_MOST {
        bail!("{}: more than {INPUTS_MOST} lines", path.display());
    }
    text.lines()
        .enumerate()
        .map(|(place, line)| {
            serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), place + 1))
        })
        .collect()
}

fn folder_files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|n| n.to_str()) {
            files.push((name.to_owned(), bytes(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes(path)?).with_context(|| format!("{} is not text", path.display()))
}

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(path).with_context(|| format!("{}", path.display()))?.len();
    if size > FILE_MOST {
        bail!("{}: {size} bytes are more than a fixture's file may have ({FILE_MOST})", path.display());
    }
    fs::read(path).with_context(|| format!("{}", path.display()))
}

fn save(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::File::create(path).with_context(|| format!("{}", path.display()))?;
    file.write_all(bytes).with_context(|| format!("{}", path.display()))
}
