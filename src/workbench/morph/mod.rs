//! `egate workbench morph`: morphs of two faces, to learn how the gate fares against them.
//!
//! A morph is one portrait that two people can travel on. Two pictures make one; a list of people makes a set of
//! morphs with the bona fide portraits that belong beside them and a CSV for `egate evaluate morph`; `train` fits the
//! gate's cue on the training half of such a set. People are split into halves by a hash of their name, so that
//! nobody the cue was trained on is ever in a test, whoever makes the set. Made to test gates with: the morphs are
//! no better than landmarks and blending make them, and bear the marks of both.

mod batch;
mod blend;
mod mesh;
mod points;
mod train;

use super::evaluate::EngineArgs;
use super::evaluate::acquire;
use crate::face::ModelSet;
use anyhow::{Context, Result, ensure};
use blend::Recipe;
use clap::{Args, Subcommand};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// `egate workbench morph`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  egate workbench morph --a one.jpg --b other.jpg --out morph.jpg\n  \
    egate workbench morph --samples people.csv --out morphs\n  \
    egate workbench morph train --samples morphs/samples.csv --out models/morph.toml"
)]
pub struct MorphArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    make: MakeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit the gate's cue on the training half of a set of morphs
    Train(train::TrainArgs),
}

#[derive(Debug, Args)]
struct MakeArgs {
    /// First picture: gives size, framing and, when spliced, hair and ears
    #[arg(long, requires = "b", conflicts_with = "samples")]
    a: Option<PathBuf>,
    /// Second picture
    #[arg(long, requires = "a")]
    b: Option<PathBuf>,
    /// Many at once: CSV with the columns subject, role (reference or probe), path
    #[arg(long)]
    samples: Option<PathBuf>,
    /// JPEG to write, or the folder for many
    #[arg(long)]
    out: Option<PathBuf>,
    /// Part of the first face
    #[arg(long, default_value_t = 0.5)]
    first: f64,
    /// Blend the face alone; the rest is the first picture's (many: both kinds are made)
    #[arg(long, conflicts_with = "samples")]
    spliced: bool,
    /// Pairs of look-alikes for each person (many)
    #[arg(long, default_value_t = 1)]
    pairs: usize,
    /// Another seed makes other pairs and other compression (many)
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Makes morphs or fits the cue; `true` when it could be done.
pub fn run(arguments: &MorphArgs) -> Result<bool> {
    if let Some(Command::Train(train)) = &arguments.command {
        train::run(train)?;
        return Ok(true);
    }
    let make = &arguments.make;
    let out = make.out.as_deref().context("--out is missing: where the morphs go")?;
    ensure!((0.0..=1.0).contains(&make.first), "--first must lie between 0 and 1");
    match (&make.a, &make.b, &make.samples) {
        (Some(a), Some(b), _) => one(a, b, out, make)?,
        (_, _, Some(samples)) => batch::run(samples, out, make)?,
        _ => anyhow::bail!("name two pictures with --a and --b, or a list of people with --samples"),
    }
    Ok(true)
}

fn one(a: &Path, b: &Path, out: &Path, make: &MakeArgs) -> Result<()> {
    let mut engine = ModelSet::under(&make.engine.var, 1)?;
    let (first, second) = (acquire::open(a)?, acquire::open(b)?);
    let marked_a = points::marked(&mut engine, &first).with_context(|| a.display().to_string())?;
    let marked_b = points::marked(&mut engine, &second).with_context(|| b.display().to_string())?;
    let recipe = Recipe { first: make.first, spliced: make.spliced };
    let morph = blend::morphed(&marked_a, &marked_b, recipe).context("the faces' points lie in one place")?;
    save(out, &morph, 92)
}

fn save(path: &Path, picture: &RgbImage, quality: u8) -> Result<()> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Which half of the people somebody is in: the same for ever, whatever else is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// The cue may be trained on these people.
    Training,
    /// And is tested on these.
    Testing,
}

impl Half {
    /// By a hash of the person's name.
    pub(super) fn of(subject: &str) -> Half {
        let even = Sha256::digest(subject.as_bytes()).first().is_some_and(|byte| byte % 2 == 0);
        if even { Half::Training } else { Half::Testing }
    }

    /// As the CSV has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Half::Training => "training",
            Half::Testing => "testing",
        }
    }
}
