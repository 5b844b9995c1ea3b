//! Pictures in files: `FOLDER/ab/abcdef…`, by the first two digits of the name.

use super::Shelves;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// End of the name of a file that is being written.
const PART: &str = ".part";

/// A folder of sealed pictures.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn open(folder: PathBuf) -> std::io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Files { folder })
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }
}

impl Shelves for Files {
    fn put(&self, key: &str, sealed: &[u8]) -> std::io::Result<()> {
        let path = self.path(key);
        if path.exists() {
            // Put again it is new again.
            return fs::File::open(&path)?.set_modified(SystemTime::now());
        }
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync_folder(&self.folder)?;
        }
        // Two uploads of one picture may run at once: each writes its own file, both have the same content.
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| std::io::Error::other(e.to_string()))?;
        let part = path.with_extension(format!("{}{PART}", hex::encode(nonce)));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&part)?;
        let written = file.write_all(sealed).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| fs::rename(&part, &path)) {
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        sync_folder(folder)
    }

    fn get(&self, key: &str) -> std::io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(key)) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn put_at(&self, key: &str) -> std::io::Result<Option<SystemTime>> {
        match fs::metadata(self.path(key)) {
            Ok(about) => about.modified().map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn older(&self, shelf: &str, before: SystemTime, most: usize) -> std::io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(shelf)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut keys = Vec::new();
        for entry in entries {
            if keys.len() >= most {
                break;
            }
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let key = format!("{shelf}/{name}");
            if self.put_at(&key)?.is_none_or(|put| put >= before) {
                continue;
            }
            if name.ends_with(PART) {
                // Of an upload that broke off with the machine: never a picture.
                fs::remove_file(entry.path())?;
            } else {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    fn delete(&self, key: &str) -> std::io::Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.folder)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
