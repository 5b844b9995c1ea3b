//! Backup and restore of database and sealed pictures, whatever engine and store they are in.
//!
//! ```text
//! FOLDER/
//!   database.jsonl    the database as it was at one moment, taken while the service runs
//!   pictures/ab/…     every sealed picture that its records name, unless it was deleted since
//!   backup.json       when, and the database's SHA-256; written last, so that a backup without it is none
//! ```
//!
//! The database is taken first: a record's pictures are here before the record is, so none is missing.
//! Keys are not in a backup: whoever has both can open the pictures. A backup of one engine is restored
//! into another as well, and pictures from files into an object store: so a service moves.

use super::enrol;
use super::pictures::Pictures;
use super::serve::open_store;
use super::settings::CentralSettings;
use super::store::{AuditEntry, RecordKey, Store};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const DATABASE: &str = "database.jsonl";
const PICTURES: &str = "pictures";
const MANIFEST: &str = "backup.json";
/// Bytes that are hashed at once.
const CHUNK: usize = 1 << 16;
/// Passages that are settled, or whose pictures are copied, at once.
const AT_ONCE: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    taken: jiff::Timestamp,
    software: String,
    /// Version of the schema.
    schema: u64,
    rows: u64,
    database_sha256: String,
}

/// Writes a backup into a new folder, while the service may run.
///
/// # Errors
/// When the folder is there already, or database, pictures or folder fail.
pub fn backup(settings: &CentralSettings, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir(folder).with_context(|| format!("making {}", folder.display()))?;
    let taken = jiff::Timestamp::now();
    let store = open_store(settings)?;
    let dump = folder.join(DATABASE);
    let rows = store.dump(|| Ok(BufWriter::new(fs::File::create(&dump)?)))?;
    fs::File::open(&dump)?.sync_all()?;
    // Which pictures the records name is known when they are settled.
    while store.settle(AT_ONCE)? == AT_ONCE {}
    copy_pictures(&store, &pictures(settings)?, &folder.join(PICTURES))?;
    let manifest = Manifest {
        taken,
        software: crate::record::SOFTWARE.to_owned(),
        schema: store.version()?,
        rows,
        database_sha256: sha256(&dump)?,
    };
    write_synced(&folder.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    Ok(fs::File::open(folder)?.sync_all()?)
}

/// Puts a backup where the settings want their data. Refuses a place where there is data.
///
/// # Errors
/// When the backup is not whole, or the place is taken.
pub fn restore(settings: &CentralSettings, folder: &Path) -> anyhow::Result<()> {
    let manifest = fs::read(folder.join(MANIFEST))
        .with_context(|| format!("{} is no whole backup: no {MANIFEST}", folder.display()))?;
    let manifest: Manifest = serde_json::from_slice(&manifest).context(MANIFEST)?;
    let dump = folder.join(DATABASE);
    ensure!(
        sha256(&dump)? == manifest.database_sha256,
        "the backup's database is not the one that was taken"
    );
    fs::create_dir_all(&settings.data)?;
    let place = settings.data.join(EMBEDDED);
    ensure!(
        settings.database.is_some() || !place.exists(),
        "{} is there: a restore never overwrites",
        place.display()
    );
    // Pictures before records, as lanes send them; the database last: what broke off is no database.
    restore_pictures(&folder.join(PICTURES), &pictures(settings)?)?;
    let part = settings.data.join("central.part");
    for left in ["central.part", "central.part-wal", "central.part-shm"] {
        // Of a restore that broke off.
        let _ = fs::remove_file(settings.data.join(left));
    }
    let store = if settings.database.is_some() { open_store(settings)? } else { Store::sqlite(&part)? };
    fill(&store, &manifest, &dump)?;
    if settings.database.is_none() {
        // Closed, its log is in the file.
        drop(store);
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &place)?;
        fs::File::open(&settings.data)?.sync_all()?;
    }
    Ok(())
}

/// The embedded database's file.
pub(super) const EMBEDDED: &str = "central.sqlite";

fn fill(store: &Store, manifest: &Manifest, dump: &Path) -> anyhow::Result<()> {
    let here = store.version()?;
    ensure!(
        manifest.schema == here,
        "the backup has version {} of the database, this software {here}: restore it with {} and update then",
        manifest.schema,
        manifest.software
    );
    store.load(|| Ok(BufReader::new(fs::File::open(dump)?)))?;
    let broken = store.audit_break()?;
    ensure!(broken.is_none(), "restored, and the audit trail is broken from line {broken:?} on");
    let detail = format!("taken {} by {}, {} rows", manifest.taken, manifest.software, manifest.rows);
    let entry = AuditEntry { actor: "central", act: "backup.restore", subject: "", detail: &detail };
    Ok(store.audit(entry, jiff::Timestamp::now().as_millisecond())?)
}

fn pictures(settings: &CentralSettings) -> anyhow::Result<Pictures> {
    let keys = enrol::picture_keys(&settings.identity)?;
    Pictures::open(&settings.pictures, settings.data.join(PICTURES), keys)
}

/// Copies the pictures that are kept. What vanishes meanwhile was deleted in its time.
fn copy_pictures(store: &Store, pictures: &Pictures, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    let mut after: Option<RecordKey> = None;
    loop {
        let passages = store.passages_with_pictures(after.as_ref(), AT_ONCE)?;
        for passage in &passages {
            for picture in &passage.record.pictures {
                if let Some(sealed) = pictures.sealed(&picture.sealed_sha256)? {
                    copy_picture(&picture.sealed_sha256, &sealed, to)?;
                }
            }
        }
        match passages.last() {
            Some(last) if passages.len() == AT_ONCE => after = Some(last.key.clone()),
            _ => return Ok(fs::File::open(to)?.sync_all()?),
        }
    }
}

fn copy_picture(name: &str, sealed: &[u8], to: &Path) -> anyhow::Result<()> {
    let shelf = to.join(name.get(..2).context("a picture's name")?);
    fs::create_dir_all(&shelf)?;
    write_synced(&shelf.join(name), sealed)?;
    Ok(fs::File::open(shelf)?.sync_all()?)
}

/// Stores every picture of a backup; its name says what it must hold.
fn restore_pictures(from: &Path, pictures: &Pictures) -> anyhow::Result<()> {
    for shelf in entries(from)? {
        for file in entries(&shelf)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let sealed = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            pictures.store(&name, &sealed).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn write_synced(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
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
