//! `egate models`: which networks this build wants, whether they are there, and how to get them.
//!
//! Packaged ones come through the package clients; set-up's own script does that, checks every hash and moves each
//! file into place in one step. Optional ones are taken from a folder that is named, or from their public address.

use crate::face::{FaceError, Manifest, ModelEntry, ModelSet};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Set-up's own script, relative to the sources.
const SET_UP: &str = "setup/fetch.py";
/// How long one optional file may take.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(300);

/// `egate models fetch|verify|list`.
#[derive(Debug, Subcommand)]
pub enum ModelsArgs {
    /// Fetch what is missing or damaged
    #[command(after_help = "Example:\n  egate models fetch\n  egate models fetch --from ../shared/models")]
    Fetch(FetchArgs),
    /// Compare every file with the manifest; exit status 1 when one is missing or another one
    #[command(after_help = "Example:\n  egate models verify --json")]
    Verify(ModelArgs),
    /// Say what each network is for, its licence, what was measured
    #[command(after_help = "Example:\n  egate models list")]
    List(ModelArgs),
}

/// What all three take.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// What fetching takes.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
    /// Take the optional networks that lie in this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "optional")]
    from: Option<PathBuf>,
    /// Take the optional networks from their public address
    #[arg(long)]
    optional: bool,
}

/// Runs the command; `false` when a model is not as it must be.
///
/// # Errors
/// When something cannot be fetched, with the mend.
pub fn run(arguments: &ModelsArgs) -> Result<bool> {
    match arguments {
        ModelsArgs::Fetch(chosen) => fetch(chosen),
        ModelsArgs::Verify(chosen) => verify(chosen),
        ModelsArgs::List(chosen) => list(chosen),
    }
}

fn fetch(chosen: &FetchArgs) -> Result<bool> {
    let script = Path::new(SET_UP);
    ensure!(script.exists(), "{SET_UP} is not here: run this in the folder of the sources");
    let mut command = Command::new("python3");
    command.arg(script).arg("--var").arg(&chosen.var);
    if let Some(folder) = &chosen.from {
        command.arg("--optional-from").arg(folder);
    }
    ensure!(command.status().context("python3 cannot be started")?.success(), "set-up did not finish");
    if chosen.optional {
        for entry in Manifest::shipped()?.models().iter().filter(|entry| entry.optional) {
            download(&chosen.var.join("models"), entry)?;
        }
    }
    Ok(true)
}

/// An optional file from its public address, checked before it gets its name.
fn download(folder: &Path, entry: &ModelEntry) -> Result<()> {
    if is_right(folder, entry).is_ok_and(|there| there) {
        return Ok(());
    }
    let Some(url) = &entry.url else { bail!("{}: no public address; use --from FOLDER", entry.name) };
    eprintln!("{}: {url}", entry.name);
    let runtime = tokio::runtime::Runtime::new()?;
    let bytes = runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(DOWNLOAD_PATIENCE).build()?;
        let mut answer = client.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            ensure!(bytes.len() as u64 <= entry.size, "{url} is larger than the pinned file");
        }
        Ok(bytes)
    })?;
    put(folder, entry, &bytes)
}

/// Writes beside the place and moves there in one step, once the hash is right.
fn put(folder: &Path, entry: &ModelEntry, bytes: &[u8]) -> Result<()> {
    let part = folder.join(format!("tmp-fetch-{}", entry.file));
    let mut file = std::fs::File::create(&part).with_context(|| format!("{}", part.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let mut staged = entry.clone();
    staged.file = format!("tmp-fetch-{}", entry.file);
    if let Err(error) = is_right(folder, &staged) {
        std::fs::remove_file(&part)?;
        return Err(error).with_context(|| format!("{} is not the pinned file", entry.name));
    }
    std::fs::rename(&part, folder.join(&entry.file))?;
    Ok(())
}

fn is_right(folder: &Path, entry: &ModelEntry) -> Result<bool, FaceError> {
    ModelSet::is_right(folder, entry)
}

fn verify(chosen: &ModelArgs) -> Result<bool> {
    let folder = chosen.var.join("models");
    let (mut all_good, mut found) = (true, Vec::new());
    for entry in Manifest::shipped()?.models() {
        let (good, words) = match is_right(&folder, entry) {
            Ok(true) => (true, "as pinned".to_owned()),
            Ok(false) => (true, "optional, not there".to_owned()),
            Err(error) => (false, error.to_string()),
        };
        all_good &= good;
        if !chosen.json {
            println!("{}  {:<16} {words}", if good { "good " } else { "AMISS" }, entry.name);
        }
        found.push(json!({"name": entry.name, "file": entry.file, "good": good, "found": words}));
    }
    if chosen.json {
        println!("{}", json!({"good": all_good, "models": found}));
    }
    Ok(all_good)
}

fn list(chosen: &ModelArgs) -> Result<bool> {
    let manifest = Manifest::shipped()?;
    if chosen.json {
        let models: Vec<_> = manifest.models().iter().map(|entry| {
            json!({
                "role": format!("{:?}", entry.role).to_lowercase(), "name": entry.name, "file": entry.file,
                "licence": entry.licence, "from": origin(entry), "optional": entry.optional,
                "sha256": entry.sha256, "prepared_sha256": entry.prepared_sha256, "size": entry.size,
                "measured": entry.measured,
            })
        }).collect();
        println!("{}", json!({"manifest": manifest.digest(), "models": models}));
        return Ok(true);
    }
    for entry in manifest.models() {
        let role = format!("{:?}", entry.role).to_lowercase();
        let optional = if entry.optional { ", optional" } else { "" };
        println!("{role:<10} {:<16} {:<11} {}{optional}", entry.name, entry.licence, origin(entry));
        println!("           {}", entry.measured);
    }
    Ok(true)
}

fn origin(entry: &ModelEntry) -> &str {
    entry.package.as_deref().or(entry.origin.as_deref()).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_hash_never_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Manifest::shipped().unwrap().models().iter().find(|entry| entry.optional).unwrap();
        let error = put(folder.path(), entry, b"something else").unwrap_err();
        assert!(format!("{error:#}").contains("SHA-256"), "{error:#}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn missing_models_are_told_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = ModelArgs { var: folder.path().to_owned(), json: true };
        assert!(!verify(&chosen).unwrap());
        assert!(list(&chosen).unwrap());
    }
}
