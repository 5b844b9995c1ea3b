//! What the engine found in pictures before, so that a second evaluation needs no inference.
//!
//! A finding is kept under the SHA-256 of the picture's bytes, in a folder for exactly this engine, its libraries and
//! its models: another picture, model or way of looking never meets an old finding, while work on rates, plots or the
//! morph cue costs no inference. What cannot be read counts as not there.
//! The files hold templates, which are biometric data: the folder is for its owner alone and may be deleted at any
//! time. No lane reads or writes it.

use crate::face::{Manifest, ModelSet};
use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Hexadecimal digits of the hash that name the folder of program and models.
const FOLDER_DIGITS: usize = 16;

/// The sources that make findings of pictures: when one changes, what was found before counts no more.
const ENGINE: [&str; 15] = [
    include_str!("../../chip/portrait.rs"),
    include_str!("../../face/align.rs"),
    include_str!("../../face/detect.rs"),
    include_str!("../../face/embed.rs"),
    include_str!("../../face/engine.rs"),
    include_str!("../../face/findings.rs"),
    include_str!("../../face/light.rs"),
    include_str!("../../face/liveness.rs"),
    include_str!("../../face/manifest.rs"),
    include_str!("../../face/mod.rs"),
    include_str!("../../face/models.rs"),
    include_str!("../../face/picture.rs"),
    include_str!("../../face/quality.rs"),
    include_str!("../../face/runtime.rs"),
    include_str!("acquire.rs"),
];
/// The exact versions of the libraries that they use.
const LIBRARIES: &str = include_str!("../../../Cargo.lock");

/// A folder of findings.
#[derive(Debug, Clone)]
pub(in crate::workbench) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The findings of this engine with the models of a manifest that are in `models`, kept under `folder`.
    pub(in crate::workbench) fn open(folder: &Path, manifest: &Manifest, models: &Path) -> Result<Cache> {
        let mut hash = Sha256::new();
        ENGINE.iter().chain([&LIBRARIES, &manifest.digest()]).for_each(|text| hash.update(text));
        for entry in ModelSet::verify(models)? {
            hash.update(format!("{:?} {}\n", entry.role, entry.prepared_sha256));
        }
        let name: String = hex::encode(hash.finalize()).chars().take(FOLDER_DIGITS).collect();
        let folder = folder.join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).with_context(|| {
            format!(
                "{} cannot be made; name another folder with --cache, or use --no-cache",
                folder.display()
            )
        })?;
        Ok(Cache { folder })
    }

    /// What was found in a picture, looked at in that way.
    pub(in crate::workbench) fn get<T: DeserializeOwned>(&self, picture: &str, way: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.file(picture, way)).ok()?).ok()
    }

    /// Keeps what was found. Moved into place in one step, so that a reader never meets half of it.
    pub(in crate::workbench) fn put<T: Serialize>(&self, picture: &str, way: &str, found: &T) -> Result<()> {
        let file = self.file(picture, way);
        let written = (|| {
            let folder = file.parent().unwrap_or(&self.folder);
            std::fs::create_dir_all(folder)?;
            // Two workers may meet the same picture twice in a list: each writes a file of its own.
            let beside = file.with_extension(format!("{:?}", std::thread::current().id()));
            std::fs::write(&beside, serde_json::to_vec(found)?)?;
            std::fs::rename(&beside, &file)
        })();
        written.with_context(|| {
            format!(
                "{} cannot be written; name another folder with --cache, or use --no-cache",
                file.display()
            )
        })
    }

    fn file(&self, picture: &str, way: &str) -> PathBuf {
        let shelf: String = picture.chars().take(2).collect();
        self.folder.join(shelf).join(format!("{picture}-{way}.json"))
    }
}

/// The name under which a picture's bytes are kept.
pub(in crate::workbench) fn name_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_source_of_the_face_room_is_one_that_makes_findings_or_is_said_not_to() {
        let not = ["calibration.rs", "error.rs", "fusion.rs", "morph.rs", "rules.rs", "track.rs"];
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/face")).unwrap() {
            let path = entry.unwrap().path();
            // Folders hold tests.
            if path.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let known = not.contains(&path.file_name().unwrap().to_str().unwrap());
            assert!(
                known != ENGINE.contains(&text.as_str()),
                "{} belongs into ENGINE above, or not",
                path.display()
            );
        }
    }

    #[test]
    fn a_finding_is_kept_for_its_picture_and_way_and_damage_counts_as_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_path_buf() };
        let (one, other) = (name_of(b"one"), name_of(b"other"));
        cache.put(&one, "frame", &vec![0.1f32, f32::MIN_POSITIVE]).unwrap();
        assert_eq!(cache.get::<Vec<f32>>(&one, "frame"), Some(vec![0.1, f32::MIN_POSITIVE]));
        assert_eq!(cache.get::<Vec<f32>>(&one, "portrait"), None);
        assert_eq!(cache.get::<Vec<f32>>(&other, "frame"), None);
        std::fs::write(cache.file(&one, "frame"), b"[0.1,").unwrap();
        assert_eq!(cache.get::<Vec<f32>>(&one, "frame"), None);
    }
}
