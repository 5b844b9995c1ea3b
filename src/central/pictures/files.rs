//! Pictures in files: `FOLDER/ab/abcdef…`, by the first two digits of the name.

use super::Shelves;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

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
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync_folder(&self.folder)?;
        }
        // Two uploads of one picture may run at once: each writes its own file, both have the same content.
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| std::io::Error::other(e.to_string()))?;
        let part = path.with_extension(format!("{}.part", hex::encode(nonce)));
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

    fn has(&self, key: &str) -> std::io::Result<bool> {
        self.path(key).try_exists()
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
