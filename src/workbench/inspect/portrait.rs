//! `egate inspect portrait`: what the gate makes of a portrait.
//!
//! In: a data group 2 as the chip gave it, or a picture file (JPEG, JPEG 2000, PNG). Out: container, format, size,
//! the face found, and the quality flaws that a camera frame like it would have. It goes the chip's own way through
//! [`crate::chip`]'s bounded decoders. Exit status 0 when it can serve as reference, 1 when not.

use crate::check::Reason;
use crate::chip::files::parse_dg2;
use crate::chip::{Media, Portrait};
use crate::face::{FaceEngine, FaceError, ModelSet};
use anyhow::{Context, Result};
use image::{ImageFormat, ImageReader, Limits, RgbImage};
use serde_json::{Map, Value, json};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// A portrait's file is not larger.
const FILE_BYTES_MOST: u64 = 32 << 20;
/// What decoding a PNG may take.
const DECODE_BYTES_MOST: u64 = 512 << 20;
/// First byte of data group 2 (Doc 9303-10 §4.7.2).
const DG2_TAG: u8 = 0x75;

/// What is said about the portrait, in the order of being found.
type Found = Map<String, Value>;

/// `egate inspect portrait FILE`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  egate inspect portrait holder.jpg --json")]
pub struct PortraitArgs {
    /// Data group 2, or a JPEG, JPEG 2000 or PNG picture.
    file: PathBuf,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Folder in which set-up put runtime and models
    #[arg(long, env = "EGATE_VAR", default_value = "var")]
    var: PathBuf,
}

/// Looks at the portrait and prints what was found; `true` when it can serve as reference.
pub fn run(arguments: PortraitArgs) -> Result<bool> {
    let bytes = read(&arguments.file)?;
    let mut found = Found::new();
    found.insert("bytes".into(), bytes.len().into());
    let usable = match decode(&bytes, &mut found) {
        Ok(picture) => {
            let mut engine = ModelSet::under(&arguments.var, 1)?;
            examine(&mut engine, &picture, &mut found)?
        }
        Err((reason, why)) => {
            refuse(&mut found, reason, why);
            false
        }
    };
    found.insert("usable".into(), usable.into());
    show(&found, arguments.json);
    Ok(usable)
}

/// The picture, or why there is none; says on the way what it is.
fn decode(bytes: &[u8], found: &mut Found) -> Result<RgbImage, (Reason, String)> {
    let undecodable = |why: String| (Reason::PortraitUndecodable, why);
    let portrait = if bytes.first() == Some(&DG2_TAG) {
        found.insert("container".into(), "dg2".into());
        parse_dg2(bytes).map_err(|e| (Reason::PortraitMissing, e.to_string()))?
    } else if let Some(media) = Media::of(bytes) {
        Portrait { media, bytes: bytes.to_vec() }
    } else {
        let picture = png(bytes).map_err(undecodable)?;
        found.insert("format".into(), "png".into());
        return Ok(picture);
    };
    found.insert(
        "format".into(),
        match portrait.media {
            Media::Jpeg => "jpeg".into(),
            Media::Jpeg2000 => "jpeg2000".into(),
        },
    );
    found.insert("image_bytes".into(), portrait.bytes.len().into());
    portrait.decode().map_err(|e| undecodable(e.to_string()))
}

fn png(bytes: &[u8]) -> Result<RgbImage, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    if reader.format() != Some(ImageFormat::Png) {
        return Err("neither a data group 2 nor a JPEG, JPEG 2000 or PNG picture".into());
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MOST);
    reader.limits(limits);
    Ok(reader.decode().map_err(|e| e.to_string())?.to_rgb8())
}

/// Whether the picture makes a reference, and what is seen in it.
fn examine(engine: &mut FaceEngine, picture: &RgbImage, found: &mut Found) -> Result<bool> {
    found.insert("width".into(), picture.width().into());
    found.insert("height".into(), picture.height().into());
    match engine.reference(picture) {
        Ok(reference) => {
            let frame = engine.analyse(0, picture)?;
            let measures = engine.quality(picture)?;
            found.insert("faces".into(), frame.faces.max(1).into());
            found.insert("eye_distance".into(), reference.eye_distance.into());
            found.insert("flaws".into(), json!(frame.traveller.map(|face| face.quality).unwrap_or_default()));
            found.insert("quality".into(), json!(measures));
            Ok(true)
        }
        Err(error @ (FaceError::NoFace | FaceError::SeveralFaces(_) | FaceError::ImageSize { .. })) => {
            if let FaceError::SeveralFaces(count) = error {
                found.insert("faces".into(), count.into());
            }
            refuse(found, error.portrait_reason(), error.to_string());
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn refuse(found: &mut Found, reason: Reason, why: String) {
    found.insert("why".into(), why.into());
    found.insert("reasons".into(), json!([{"code": reason.code(), "text": reason.officer()}]));
}

fn show(found: &Found, json: bool) {
    if json {
        println!("{}", json!(found));
        return;
    }
    for (name, value) in found {
        println!("{:14}{value}", name.replace('_', " "));
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?.len();
    anyhow::ensure!(
        size <= FILE_BYTES_MOST,
        "{} has {size} bytes, at most {FILE_BYTES_MOST} are read",
        path.display()
    );
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_portrait_is_refused_with_its_reason() {
        for (bytes, reason) in [
            (&b""[..], Reason::PortraitUndecodable),
            (b"plain text", Reason::PortraitUndecodable),
            (b"\x75\x03\x01\x02\x03", Reason::PortraitMissing),
            (b"\xFF\xD8\xFF\x00", Reason::PortraitUndecodable),
        ] {
            let found = decode(bytes, &mut Found::new()).unwrap_err();
            assert_eq!(found.0, reason, "{found:?}");
        }
    }
}
