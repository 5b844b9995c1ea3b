//! Sealed pictures on disk, named by the SHA-256 of their sealed bytes, and opened only to be shown.

use crate::record::{PictureLabel, SealingKeys};
use anyhow::Context;
use hayro_jpeg2000::{DecodeSettings, DecoderContext};
use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Largest side of a picture that is shown, pixels.
const SIDE_MOST: u32 = 4096;

/// The folder of sealed pictures.
pub(super) struct Pictures {
    folder: PathBuf,
    keys: SealingKeys,
}

/// Why a picture was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    /// The name is no SHA-256 in lower-case hexadecimal.
    #[error("a picture's name is the SHA-256 of its sealed bytes in 64 lower-case hexadecimal digits")]
    Name,
    /// The bytes do not have this hash.
    #[error("the bytes sent do not have the SHA-256 that names them")]
    Hash,
    /// The file system said no.
    #[error("storing the picture: {0}")]
    Files(#[from] std::io::Error),
}

impl Pictures {
    pub(super) fn open(folder: PathBuf, keys: SealingKeys) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Pictures { folder, keys })
    }

    /// Stores sealed bytes; durable when this returns. The same picture again is no error.
    pub(super) fn store(&self, name: &str, sealed: &[u8]) -> Result<(), PictureError> {
        let path = self.path(name).ok_or(PictureError::Name)?;
        if hex::encode(Sha256::digest(sealed)) != name {
            return Err(PictureError::Hash);
        }
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
            return Err(error.into());
        }
        Ok(sync_folder(folder)?)
    }

    /// Deletes a picture; durable when this returns. One that is not here any more is no error.
    pub(super) fn delete(&self, name: &str) -> std::io::Result<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&self.folder)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a picture is here.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).is_some_and(|path| path.exists())
    }

    /// Opens a picture and encodes it anew as JPEG, so that no byte of a chip or camera reaches a
    /// browser. `None` when it is not here (any more). The label must be the one it was sealed with.
    pub(super) fn show(&self, name: &str, label: PictureLabel<'_>) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let sealed = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let opened = self.keys.open(label, &sealed).context("opening a sealed picture")?;
        let mut jpeg = Cursor::new(Vec::new());
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 92);
        decode(&opened)?.write_with_encoder(encoder)?;
        Ok(Some(jpeg.into_inner()))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let fine = name.len() == 64 && name.bytes().all(digit);
        let shelf = name.get(..2)?;
        fine.then(|| self.folder.join(shelf).join(name))
    }
}

/// JPEG, PNG or JPEG 2000, by content and not by what it is said to be.
fn decode(bytes: &[u8]) -> anyhow::Result<DynamicImage> {
    const JP2: &[u8] = &[0, 0, 0, 12, b'j', b'P', b' ', b' '];
    const CODESTREAM: &[u8] = &[0xff, 0x4f, 0xff, 0x51];
    if bytes.starts_with(JP2) || bytes.starts_with(CODESTREAM) {
        return decode_jpeg2000(bytes);
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let format = reader.format();
    anyhow::ensure!(
        matches!(format, Some(ImageFormat::Jpeg | ImageFormat::Png)),
        "not a JPEG, PNG or JPEG 2000 picture"
    );
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MOST);
    limits.max_image_height = Some(SIDE_MOST);
    reader.limits(limits);
    Ok(DynamicImage::ImageRgb8(reader.decode()?.into_rgb8()))
}

fn decode_jpeg2000(bytes: &[u8]) -> anyhow::Result<DynamicImage> {
    let settings = DecodeSettings::default();
    let picture =
        hayro_jpeg2000::Image::new(bytes, &settings).map_err(|e| anyhow::anyhow!("JPEG 2000: {e:?}"))?;
    let (width, height) = (picture.width(), picture.height());
    anyhow::ensure!(width <= SIDE_MOST && height <= SIDE_MOST, "picture of {width}×{height} is too large");
    let mut context = DecoderContext::default();
    let decoded = picture.decode(&mut context).map_err(|e| anyhow::anyhow!("JPEG 2000: {e:?}"))?;
    let channels = decoded.components().len();
    let samples = decoded.data_u8();
    let shown = match (channels, picture.has_alpha()) {
        (1, _) => GrayImage::from_raw(width, height, samples).map(DynamicImage::ImageLuma8),
        (3, _) => RgbImage::from_raw(width, height, samples).map(DynamicImage::ImageRgb8),
        (4, true) => RgbaImage::from_raw(width, height, samples).map(DynamicImage::ImageRgba8),
        _ => anyhow::bail!("JPEG 2000 with {channels} channels"),
    };
    let shown = shown.context("JPEG 2000: components of unequal size")?;
    Ok(DynamicImage::ImageRgb8(shown.into_rgb8()))
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &Path) -> Pictures {
        Pictures::open(folder.to_owned(), SealingKeys::from_random([7; 32])).unwrap()
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
        let jpeg = shown(include_bytes!("../../tests/data/gradient.jp2")).unwrap().unwrap();
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
}
