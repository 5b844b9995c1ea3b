//! Small files that must survive a loss of power whole: written aside, synced, and put in place by one rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file, or makes it, readable by its owner alone. After an error the old content is there still.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("incoming");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The content of a file, `None` where there is none.
pub(super) fn read_file(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(about) if about.len() > most => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is longer than {most} bytes", path.display()),
        )),
        Ok(_) => fs::read(path).map(Some),
    }
}
