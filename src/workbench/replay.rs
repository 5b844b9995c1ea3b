//! Plays a recorded passage again, in virtual time, through the real rooms: chip protocols, trust, face,
//! policy and passage see the bytes, pictures and moments that they saw at the gate.
//!
//! Ending, reasons, and everything that the lane does with its moment must be exactly those recorded. Scores may differ by
//! [`SCORE_TOLERANCE`]: the inference runtime's last bits depend on the processor.

use super::fixture::{Fixture, Heard};
use crate::face::InferenceSettings;
use crate::lane::{Deed, Faculties, understand};
use crate::passage::{Effect, Moment, Outcome, Passage};
use crate::policy::PassageId;
use anyhow::{Context, bail};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// How far a score may be from the recorded one.
pub const SCORE_TOLERANCE: f32 = 0.01;
/// Ticks of virtual time after the last recorded input at most.
const TICKS_MOST: usize = 64;

/// What a replay gave.
#[derive(Debug)]
pub struct Replayed {
    /// The outcome, unless the passage never came to one.
    pub outcome: Option<Outcome>,
    /// What the lane would have done.
    pub deeds: Vec<(Moment, Deed)>,
    /// Whether the passage came to its end.
    pub ended: bool,
    /// Where it differs from the recording, in words; empty when it does not.
    pub differences: Vec<String>,
}

/// Plays `fixture`; `faculties` hold the models and what the fixture's lane trusted.
pub fn replay(fixture: &Fixture, faculties: &Faculties) -> Replayed {
    let head = &fixture.head;
    let mut passage = Passage::new(
        PassageId(head.passage.clone()),
        Arc::new(head.profile.clone()),
        head.started,
        Moment(head.began_ms),
    );
    let mut played = Replayed { outcome: None, deeds: Vec::new(), ended: false, differences: Vec::new() };
    let mut last = Moment(head.began_ms);
    for (at, heard) in &fixture.heard {
        match heard {
            Heard::Time => passage.on_time(*at),
            Heard::Input(input) => passage.on_event(understand(input, faculties).0, *at),
        }
        last = *at;
        played.take_effects(&mut passage, *at);
    }
    for _ in 0..TICKS_MOST {
        let Some(due) = passage.deadline().filter(|_| !played.ended) else { break };
        last = last.max(due);
        passage.on_time(last);
        played.take_effects(&mut passage, last);
    }
    played.compare(fixture);
    played
}

impl Replayed {
    fn take_effects(&mut self, passage: &mut Passage, at: Moment) {
        while let Some(effect) = passage.next_effect() {
            self.deeds.extend(Deed::of(&effect).map(|deed| (at, deed)));
            match effect {
                Effect::Store(outcome) => self.outcome = Some(*outcome),
                Effect::Ended => self.ended = true,
                // Their answers are in the recording.
                _ => {}
            }
        }
    }

    fn compare(&mut self, fixture: &Fixture) {
        let mut differences = Vec::new();
        let expected = &fixture.head.expected;
        match &self.outcome {
            None => differences.push("the passage came to no outcome".to_owned()),
            Some(outcome) => {
                if outcome.ending != expected.ending {
                    differences.push(format!("ended {:?}, recorded {:?}", outcome.ending, expected.ending));
                }
                if outcome.reasons != expected.reasons {
                    differences
                        .push(format!("reasons {:?}, recorded {:?}", outcome.reasons, expected.reasons));
                }
                for (name, played, recorded) in [
                    ("similarity", outcome.similarity, expected.similarity),
                    ("attack score", outcome.attack, expected.attack),
                ] {
                    if !close(played, recorded) {
                        differences.push(format!("{name} {played:?}, recorded {recorded:?}"));
                    }
                }
            }
        }
        if !self.ended {
            differences.push("the passage did not come to its end".to_owned());
        }
        let differing = self.deeds.iter().zip(&fixture.deeds).position(|(a, b)| a != b);
        let short = self.deeds.len().min(fixture.deeds.len());
        if let Some(place) = differing.or((self.deeds.len() != fixture.deeds.len()).then_some(short)) {
            differences.push(format!(
                "deed {place} is {:?}, recorded {:?}",
                self.deeds.get(place),
                fixture.deeds.get(place),
            ));
        }
        self.differences = differences;
    }
}

fn close(a: Option<f32>, b: Option<f32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= SCORE_TOLERANCE,
        (None, None) => true,
        _ => false,
    }
}

/// `egate replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Fixture folders, or folders of fixtures
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    path: String,
    shows: String,
    same: bool,
    differences: Vec<String>,
}

/// Plays each fixture; `false` when one of them comes out otherwise than recorded.
///
/// # Errors
/// When a path holds no fixture, or models are missing.
pub fn run(args: &ReplayArgs) -> anyhow::Result<bool> {
    let folders = fixture_folders(&args.paths)?;
    let mut lines = Vec::new();
    for folder in folders {
        let fixture = Fixture::read(&folder)?;
        let faculties =
            Faculties::load(&args.var, &InferenceSettings::default(), &fixture.trust, fixture.head.started)?;
        let played = replay(&fixture, &faculties);
        let same = played.differences.is_empty();
        if !args.json {
            let sign = if same { "same     " } else { "DIFFERENT" };
            println!("{sign}  {}  {}", folder.display(), fixture.head.shows);
            for difference in &played.differences {
                println!("           {difference}");
            }
        }
        lines.push(Line {
            path: folder.display().to_string(),
            shows: fixture.head.shows,
            same,
            differences: played.differences,
        });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    }
    Ok(lines.iter().all(|line| line.same))
}

fn fixture_folders(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for path in paths {
        if path.join("passage.toml").is_file() {
            folders.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("{}", path.display()))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        inside.retain(|folder| folder.join("passage.toml").is_file());
        if inside.is_empty() {
            bail!("{}: no passage.toml here or in its folders; is it a fixture?", path.display());
        }
        inside.sort();
        folders.append(&mut inside);
    }
    Ok(folders)
}
