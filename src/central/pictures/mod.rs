//! Sealed pictures, named by the SHA-256 of their sealed bytes, and opened only to be shown.
//!
//! They are in files, or in an object store ([`PicturesSettings`]), under the same keys: `ab/abcdef…`. So a
//! folder of files is moved into a bucket by copying it.

mod decode;
mod files;
mod objects;
mod settings;

use crate::record::{PictureLabel, SealingKeys};
use anyhow::Context;
use decode::decode;
use files::Files;
use objects::Objects;
use sha2::{Digest, Sha256};
use std::io::Cursor;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub use settings::{PicturesSettings, S3Settings};

/// Where sealed bytes are kept under keys. What is put is durable when the call returns; the same again,
/// and deleting what is not there, are no errors. Calls wait.
trait Shelves: Send + Sync {
    fn put(&self, key: &str, sealed: &[u8]) -> std::io::Result<()>;
    fn get(&self, key: &str) -> std::io::Result<Option<Vec<u8>>>;
    /// When it was put last; `None` when it is not here.
    fn put_at(&self, key: &str) -> std::io::Result<Option<SystemTime>>;
    /// Keys on a shelf (`ab`) that were put before a time, at most so many.
    fn older(&self, shelf: &str, before: SystemTime, most: usize) -> std::io::Result<Vec<String>>;
    fn delete(&self, key: &str) -> std::io::Result<()>;
}

/// The sealed pictures, and the keys that open them.
pub(super) struct Pictures {
    shelves: Box<dyn Shelves>,
    keys: SealingKeys,
    /// For how long a picture counts as here for a record that comes.
    counts_for: Duration,
}

/// Shelves by number: a key begins with two hexadecimal digits.
pub(super) const SHELVES: std::ops::RangeInclusive<u8> = 0..=0xff;
/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a picture was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    /// The name is no SHA-256 in lower-case hexadecimal.
    #[error("a picture's name is the SHA-256 of its sealed bytes in 64 lower-case hexadecimal digits")]
    Name,
    /// The bytes do not have this hash.
    #[error("the bytes sent do not have the SHA-256 that names them")]
    Hash,
    /// The file system or the object store said no.
    #[error("storing the picture: {0}")]
    Files(#[from] std::io::Error),
}

impl Pictures {
    /// Opens what the settings name; the folder when they name nothing.
    pub(super) fn open(
        settings: &PicturesSettings,
        folder: PathBuf,
        keys: SealingKeys,
    ) -> anyhow::Result<Self> {
        let shelves: Box<dyn Shelves> = match &settings.s3 {
            Some(s3) => Box::new(Objects::s3(s3).context("opening the object store of the pictures")?),
            None => {
                let said = folder.display().to_string();
                Box::new(Files::open(folder).with_context(|| format!("making {said}"))?)
            }
        };
        Ok(Pictures { shelves, keys, counts_for: Duration::MAX })
    }

    /// Pictures that no record names are deleted after so many days: for new records they count as here for a
    /// day less.
    pub(super) fn unnamed_for(self, days: u16) -> Self {
        Pictures { counts_for: DAY * u32::from(days.saturating_sub(1)), ..self }
    }

    /// Stores sealed bytes; durable when this returns. The same picture again is no error.
    pub(super) fn store(&self, name: &str, sealed: &[u8]) -> Result<(), PictureError> {
        let key = key(name).ok_or(PictureError::Name)?;
        if hex::encode(Sha256::digest(sealed)) != name {
            return Err(PictureError::Hash);
        }
        Ok(self.shelves.put(&key, sealed)?)
    }

    /// Deletes a picture; durable when this returns. One that is not here any more is no error.
    pub(super) fn delete(&self, name: &str) -> std::io::Result<()> {
        key(name).map_or(Ok(()), |key| self.shelves.delete(&key))
    }

    /// Whether a picture is here for a record that comes, and not so old that it may be deleted as one that no
    /// record names. Where that cannot be found out it is not: then the lane sends it again, which makes it new.
    pub(super) fn has(&self, name: &str) -> bool {
        let Some(key) = key(name) else { return false };
        let put = self.shelves.put_at(&key).unwrap_or_else(|error| {
            tracing::error!("looking for a picture: {error}");
            None
        });
        // One that was put in the future, by another clock, is new.
        put.is_some_and(|put| put.elapsed().unwrap_or_default() < self.counts_for)
    }

    /// Names of pictures on a shelf that were put before a time, at most so many.
    pub(super) fn older(&self, shelf: &str, before: SystemTime, most: usize) -> std::io::Result<Vec<String>> {
        let keys = self.shelves.older(shelf, before, most)?;
        let names = keys.iter().filter_map(|found| found.split_once('/').map(|(_, name)| name));
        Ok(names.filter(|name| key(name).is_some()).map(str::to_owned).collect())
    }

    /// Deletes a picture that was put before a time, unless it was put again since.
    pub(super) fn delete_older(&self, name: &str, before: SystemTime) -> std::io::Result<()> {
        let Some(key) = key(name) else { return Ok(()) };
        match self.shelves.put_at(&key)? {
            Some(put) if put < before => self.shelves.delete(&key),
            _ => Ok(()),
        }
    }

    /// Whether the store of the pictures answers.
    pub(super) fn answer(&self) -> std::io::Result<()> {
        self.shelves.put_at(&format!("00/{}", "0".repeat(64))).map(|_| ())
    }

    /// A picture as it was sealed; `None` when it is not here (any more).
    pub(super) fn sealed(&self, name: &str) -> std::io::Result<Option<Vec<u8>>> {
        key(name).map_or(Ok(None), |key| self.shelves.get(&key))
    }

    /// Opens a picture and encodes it anew as JPEG, so that no byte of a chip or camera reaches a
    /// browser. `None` when it is not here (any more). The label must be the one it was sealed with.
    pub(super) fn show(&self, name: &str, label: PictureLabel<'_>) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(sealed) = self.sealed(name)? else { return Ok(None) };
        let opened = self.keys.open(label, &sealed).context("opening a sealed picture")?;
        let mut jpeg = Cursor::new(Vec::new());
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 92);
        decode(&opened)?.write_with_encoder(encoder)?;
        Ok(Some(jpeg.into_inner()))
    }
}

/// The key of a picture; `None` when the name is none, so that no name leads out of the shelves.
fn key(name: &str) -> Option<String> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fine = name.len() == 64 && name.bytes().all(digit);
    let shelf = name.get(..2)?;
    fine.then(|| format!("{shelf}/{name}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    use image::ImageFormat;
    use std::path::Path;
    use std::sync::Arc;

    fn keys() -> SealingKeys {
        SealingKeys::from_random([7; 32])
    }

    fn opened(folder: &Path) -> Pictures {
        Pictures::open(&PicturesSettings::default(), folder.to_owned(), keys()).unwrap()
    }

    const LABEL: PictureLabel<'_> = PictureLabel { passage: "lane-1/a/1", role: "portrait" };

    fn shown(picture: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        let pictures = opened(folder.path());
        let sealed = pictures.keys.public().seal(LABEL, picture, [3; 32]).unwrap();
        let name = hex::encode(Sha256::digest(&sealed));
        pictures.store(&name, &sealed).unwrap();
        let other = PictureLabel { role: "frame", ..LABEL };
        assert!(pictures.show(&name, other).is_err(), "a picture opens under its own label only");
        pictures.show(&name, LABEL)
    }

    #[test]
    fn a_jpeg_2000_portrait_is_shown_as_jpeg() {
        let jpeg = shown(include_bytes!("../../../tests/data/gradient.jp2")).unwrap().unwrap();
        assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
        let picture = image::load_from_memory(&jpeg).unwrap();
        assert!(picture.width() > 16 && picture.height() > 16);
    }

    #[test]
    fn what_is_no_picture_gives_an_error_and_never_passes_through() {
        for hostile in
            [b"".as_slice(), b"<svg onload=x>", b"\0\0\0\x0cjP  rubbish", b"\xff\x4f\xff\x51", b"GIF89a"]
        {
            assert!(shown(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn a_picture_that_is_not_here_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(opened(folder.path()).show(&"0".repeat(64), LABEL).unwrap().is_none());
        assert!(opened(folder.path()).show("../../etc/passwd", LABEL).unwrap().is_none());
    }

    #[test]
    fn files_and_objects_keep_what_was_stored_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Arc::new(object_store::memory::InMemory::new());
        let in_memory = Objects::around(memory).unwrap();
        for pictures in [
            opened(folder.path()),
            Pictures { shelves: Box::new(in_memory), keys: keys(), counts_for: Duration::MAX },
        ] {
            let name = hex::encode(Sha256::digest(b"sealed"));
            assert!(!pictures.has(&name) && pictures.sealed(&name).unwrap().is_none());
            assert!(matches!(pictures.store(&name, b"other"), Err(PictureError::Hash)));
            assert!(matches!(pictures.store("../x", b"sealed"), Err(PictureError::Name)));
            pictures.store(&name, b"sealed").unwrap();
            pictures.store(&name, b"sealed").unwrap();
            assert!(pictures.has(&name));
            let shelf = &name[..2];
            let (now, later) = (SystemTime::now() - DAY, SystemTime::now() + DAY);
            assert!(pictures.older(shelf, now, 9).unwrap().is_empty());
            assert_eq!(pictures.older(shelf, later, 9).unwrap(), std::slice::from_ref(&name));
            assert!(pictures.older(shelf, later, 0).unwrap().is_empty());
            assert!(pictures.older("00", later, 9).unwrap().is_empty(), "another shelf");
            pictures.delete_older(&name, now).unwrap();
            assert!(pictures.has(&name), "it is new");
            assert_eq!(pictures.sealed(&name).unwrap().as_deref(), Some(b"sealed".as_slice()));
            pictures.delete(&name).unwrap();
            pictures.delete(&name).unwrap();
            assert!(!pictures.has(&name) && pictures.sealed(&name).unwrap().is_none());
        }
    }
}
