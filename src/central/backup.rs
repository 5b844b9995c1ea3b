//! Backup and restore of the embedded database with the sealed pictures.
//!
//! ```text
//! FOLDER/
//!   central.sqlite    a snapshot, taken while the service runs
//!   pictures/         every sealed picture that the snapshot's records name, unless it was deleted since
//!   backup.json       when, and the snapshot's SHA-256; written last, so that a backup without it is none
//! ```
//!
//! The database is taken first: a record's pictures are here before the record is, so none is missing.
//! Keys are not in a backup: whoever has both can open the pictures. A PostgreSQL database has its own
//! tools; its pictures are copied after its dump, for the same reason.

use super::settings::CentralSettings;
use super::store::Store;
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

const DATABASE: &str = "central.sqlite";
const PICTURES: &str = "pictures";
const MANIFEST: &str = "backup.json";
/// Bytes that are hashed at once.
const CHUNK: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    taken: jiff::Timestamp,
    database_sha256: String,
}

/// Writes a backup into a new folder, while the service may run.
///
/// # Errors
/// When the folder is there already, or the database is PostgreSQL, or a file cannot be written.
pub fn backup(settings: &CentralSettings, folder: &Path) -> anyhow::Result<()> {
    ensure!(
        settings.database.is_none(),
        "the database is PostgreSQL: dump it with its own tools, then copy {}",
        settings.data.join(PICTURES).display()
    );
    fs::create_dir(folder).with_context(|| format!("making {}", folder.display()))?;
    let taken = jiff::Timestamp::now();
    Store::sqlite(&settings.data.join(DATABASE))?.snapshot(&folder.join(DATABASE))?;
    copy_folder(&settings.data.join(PICTURES), &folder.join(PICTURES))?;
    let manifest = Manifest { taken, database_sha256: sha256(&folder.join(DATABASE))? };
    write_synced(&folder.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    Ok(fs::File::open(folder)?.sync_all()?)
}

/// Puts a backup where the settings want their data. Refuses a place where there is a database.
///
/// # Errors
/// When the backup is not whole, or the place is taken.
pub fn restore(settings: &CentralSettings, folder: &Path) -> anyhow::Result<()> {
    let place = settings.data.join(DATABASE);
    ensure!(!place.exists(), "{} is there: a restore never overwrites", place.display());
    let manifest = fs::read(folder.join(MANIFEST))
        .with_context(|| format!("{} is no whole backup: no {MANIFEST}", folder.display()))?;
    let manifest: Manifest = serde_json::from_slice(&manifest).context(MANIFEST)?;
    let found = sha256(&folder.join(DATABASE))?;
    ensure!(found == manifest.database_sha256, "the backup's database is not the one that was taken");
    fs::create_dir_all(&settings.data)?;
    copy_folder(&folder.join(PICTURES), &settings.data.join(PICTURES))?;
    // The database last: what broke off is no database.
    let part = place.with_extension("part");
    fs::copy(folder.join(DATABASE), &part)?;
    fs::File::open(&part)?.sync_all()?;
    fs::rename(&part, &place)?;
    fs::File::open(&settings.data)?.sync_all()?;
    let broken = Store::sqlite(&place)?.audit_break()?;
    ensure!(broken.is_none(), "restored, and the audit trail is broken from line {broken:?} on");
    Ok(())
}

/// Copies a folder of folders of files. What vanishes meanwhile was deleted in its time.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    if !from.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&source, &target)?;
            continue;
        }
        match fs::copy(&source, &target) {
            Ok(_) => fs::File::open(&target)?.sync_all()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("copying {}", source.display())),
        }
    }
    Ok(fs::File::open(to)?.sync_all()?)
}

fn write_synced(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes)?;
    Ok(fs::File::open(path)?.sync_all()?)
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    use std::io::Read;
    let mut file = fs::File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(chunk.get(..read).unwrap_or_default());
    }
}
