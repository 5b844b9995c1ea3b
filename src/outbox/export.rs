//! Records in files: carried by hand when no line leads to central (BSI TR-03135-2 §4.4), and verified by
//! anybody who has the lane's public key.
//!
//! ```text
//! FOLDER/
//!   records.jsonl     one signed record per line, in chain order; written last
//!   pictures/SHA256   the sealed pictures that they name
//! ```
//!
//! A line is the JSON of a [`SignedRecord`]. What is exported stays in the queue: only central's
//! acknowledgement removes it. `docs/verify-a-chain.md` says how to verify with common tools.

use super::OutboxError;
use super::tables::{APPLICATION_ID, VERSION};
use crate::record::wire::RECORD_BYTES_MOST;
use crate::record::{ChainError, ChainHead, PassageRecord, SignedRecord, sealed_name, verify_chain};
use ed25519_dalek::VerifyingKey;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// The file of records in an exported folder.
pub const RECORDS: &str = "records.jsonl";
/// The folder of sealed pictures in it.
pub const PICTURES: &str = "pictures";
/// Longest line: a record in JSON in JSON, with hash and signature.
const LINE_MOST: u64 = 2 * RECORD_BYTES_MOST as u64 + 1024;

/// Why records are not exported, or are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The queue cannot be read.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// A line is no record.
    #[error("line {line}: {what}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The records are no chain.
    #[error("line {line}: {error}")]
    Chain {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        error: ChainError,
    },
    /// A picture's bytes are not those that its record names.
    #[error("picture {0} is not what its name says")]
    Picture(String),
    /// There is nothing to verify.
    #[error("there is no record in the file")]
    Empty,
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Records.
    pub records: u64,
    /// Sealed pictures.
    pub pictures: u64,
}

/// A run of records that is a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedRun {
    /// Lane's name.
    pub lane: String,
    /// Epoch of its queue.
    pub epoch: String,
    /// Sequence of the first record; what came before it is not shown by this run.
    pub first: u64,
    /// What the first follows, hexadecimal.
    pub follows: String,
    /// The head that the run proves.
    pub head: ChainHead,
    /// Pictures that the records name.
    pub pictures_named: u64,
    /// Of these, how many are in the folder and are what they should be.
    pub pictures_good: u64,
}

/// Writes what waits in a queue into a new folder, while the lane may run. Waits for the disk.
///
/// # Errors
/// When the queue cannot be read, the folder is there, or a file cannot be written.
pub fn export(outbox: &Path, folder: &Path) -> Result<Exported, ExportError> {
    let fault = |error| OutboxError::Database { path: outbox.to_owned(), error };
    let file = |path: &Path| {
        let path = path.display().to_string();
        move |error| ExportError::File(path, error)
    };
    let mut db = Connection::open_with_flags(outbox, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(fault)?;
    let known = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0)).map_err(fault);
    if known("PRAGMA application_id")? != APPLICATION_ID || known("PRAGMA user_version")? > VERSION {
        return Err(OutboxError::Format { path: outbox.to_owned() }.into());
    }
    fs::create_dir(folder).map_err(file(folder))?;
    let shelf = folder.join(PICTURES);
    fs::create_dir(&shelf).map_err(file(&shelf))?;
    // One transaction: records and pictures of one moment.
    let at = db.transaction().map_err(fault)?;
    let mut exported = Exported::default();
    let mut rows = at.prepare("SELECT sha256, sealed FROM pictures ORDER BY id").map_err(fault)?;
    let mut rows = rows.query([]).map_err(fault)?;
    let mut written = BTreeSet::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let (name, sealed): (String, Vec<u8>) = (row.get(0).map_err(fault)?, row.get(1).map_err(fault)?);
        // The queue's own content is outside data, too: a name is a hash or it is no path.
        if sealed_name(&sealed) != name {
            return Err(ExportError::Picture(name));
        }
        if written.insert(name.clone()) {
            write_synced(&shelf.join(&name), &sealed).map_err(file(&shelf))?;
        }
    }
    exported.pictures = written.len() as u64;

    let (part, path) = (folder.join("records.part"), folder.join(RECORDS));
    let mut out = BufWriter::new(File::create_new(&part).map_err(file(&part))?);
    let text = "SELECT canonical, sha256, signature FROM records ORDER BY sequence";
    let mut rows = at.prepare(text).map_err(fault)?;
    let mut rows = rows.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let read =
            || Ok(SignedRecord { canonical: row.get(0)?, sha256: row.get(1)?, signature: row.get(2)? });
        serde_json::to_writer(&mut out, &read().map_err(fault)?)
            .map_err(io::Error::from)
            .map_err(file(&part))?;
        out.write_all(b"\n").map_err(file(&part))?;
        exported.records += 1;
    }
    let whole = out.into_inner().map_err(|error| file(&part)(error.into_error()))?;
    whole.sync_all().and_then(|()| fs::rename(&part, &path)).map_err(file(&path))?;
    for folder in [shelf.as_path(), folder] {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(file(folder))?;
    }
    Ok(exported)
}

/// Verifies a file of records with the lane's public key, and the pictures beside it that are there.
///
/// # Errors
/// With the first line that is no record of the chain, or the first picture that is not what it should be.
pub fn verify_file(path: &Path, key: &VerifyingKey) -> Result<VerifiedRun, ExportError> {
    let shelf = path.parent().unwrap_or(Path::new(".")).join(PICTURES);
    let open = File::open(path).map_err(|error| ExportError::File(path.display().to_string(), error))?;
    verify_lines(BufReader::new(open), &shelf, key)
}

/// The same for any bytes, with the folder in which pictures are looked for.
///
/// # Errors
/// As [`verify_file`].
pub fn verify_lines(
    file: impl BufRead,
    shelf: &Path,
    key: &VerifyingKey,
) -> Result<VerifiedRun, ExportError> {
    let mut run: Option<VerifiedRun> = None;
    for (line, signed) in (1..).zip(lines(file)) {
        let signed = signed?;
        let record = signed
            .verify(key)
            .map_err(|error| ExportError::Chain { line, error: ChainError::Record { index: 0, error } })?;
        let at = &record.position;
        let run = run.get_or_insert_with(|| VerifiedRun {
            lane: at.lane.clone(),
            epoch: at.epoch.clone(),
            first: at.sequence,
            follows: at.previous.clone(),
            head: start_of(at.sequence, &at.previous),
            pictures_named: 0,
            pictures_good: 0,
        });
        let (sequence, lane, epoch) = (at.sequence, at.lane.clone(), at.epoch.clone());
        if (&run.lane, &run.epoch) != (&lane, &epoch) {
            return Err(ExportError::Chain { line, error: ChainError::Stranger { sequence, lane, epoch } });
        }
        let chained = verify_chain(&run.head, std::slice::from_ref(&signed), key);
        run.head = chained.map_err(|error| ExportError::Chain { line, error })?.1;
        count_pictures(&record, shelf, run)?;
    }
    run.ok_or(ExportError::Empty)
}

/// What a first record must follow: the first of all follows nothing.
fn start_of(sequence: u64, previous: &str) -> ChainHead {
    match sequence {
        0 | 1 => ChainHead::start(),
        later => ChainHead { sequence: later - 1, sha256: previous.to_owned() },
    }
}

fn count_pictures(record: &PassageRecord, shelf: &Path, run: &mut VerifiedRun) -> Result<(), ExportError> {
    for picture in &record.pictures {
        let name = &picture.sealed_sha256;
        run.pictures_named += 1;
        // Only a name that is a hash is a path in the folder.
        if name.len() != 64 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ExportError::Picture(name.clone()));
        }
        match fs::read(shelf.join(name)) {
            Ok(sealed) if sealed_name(&sealed) == *name => run.pictures_good += 1,
            Ok(_) => return Err(ExportError::Picture(name.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ExportError::File(name.clone(), error)),
        }
    }
    Ok(())
}

/// The records of a file, one by one, each when its line is short enough and a record. Nothing of them is verified.
pub fn lines(mut file: impl BufRead) -> impl Iterator<Item = Result<SignedRecord, ExportError>> {
    let mut line = 0;
    std::iter::from_fn(move || {
        let mut text = Vec::new();
        line += 1;
        match file.by_ref().take(LINE_MOST).read_until(b'\n', &mut text) {
            Ok(0) => None,
            Ok(_) if text.last() != Some(&b'\n') => {
                Some(Err(ExportError::Line { line, what: "it is too long, or cut off".to_owned() }))
            }
            Ok(_) => Some(
                serde_json::from_slice(&text)
                    .map_err(|error| ExportError::Line { line, what: error.to_string() }),
            ),
            Err(error) => Some(Err(ExportError::File(format!("line {line}"), error))),
        }
    })
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
