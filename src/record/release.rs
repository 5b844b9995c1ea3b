//! Releases: what lanes are to run by, over their own settings: the policy profile, what they trust, and
//! [`ReleasedSettings`](super::ReleasedSettings).
//!
//! A [`ReleaseManifest`] names every file by the SHA-256 of its bytes and is signed by central. Generations only rise: to
//! go back, the older files are released anew, so nobody on the way can bring an older release back. Which lanes
//! take a release is its [`ReleaseStage`]; what a lane made of it, its [`RunningRelease`].

use super::{SETTINGS_FILE, Statement};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The file of the policy profile in a release.
pub const PROFILE_FILE: &str = "profile.toml";
/// Before the name of each file of trust: certificates, master lists, revocation lists, `rules.toml`.
pub const TRUST_PREFIX: &str = "trust/";
/// Files of one release at most.
pub const RELEASE_FILES_MOST: usize = 1_000;
/// Largest file of a release, bytes.
pub const RELEASE_FILE_MOST: u64 = 160 << 20;
/// Bytes of all files of a release at most.
pub const RELEASE_MOST: u64 = 512 << 20;
/// Longest name of a file, note or reason, bytes.
pub const RELEASE_TEXT_MOST: usize = 200;

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// What a release consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseManifest {
    /// From 1, rising.
    pub generation: u64,
    /// When it was proposed, milliseconds since 1970 UTC.
    pub issued: i64,
    /// What it is about, in words.
    pub note: String,
    /// [`PROFILE_FILE`], [`SETTINGS_FILE`], and files of trust behind [`TRUST_PREFIX`]. What is absent stays as the
    /// lane's own settings have it.
    pub files: BTreeMap<String, ReleaseFile>,
    /// Digest of the models' manifest that a lane must have, where it matters to the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<String>,
}

impl Statement for ReleaseManifest {
    const CONTEXT: &'static [u8] = b"egate release 1\0";
}

/// Why a manifest is none that a lane takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The name of a file is no place in a release.
    #[error("{0:?} is neither profile.toml nor settings.toml nor a plain name behind trust/")]
    Name(String),
    /// Too many or too large files, or none.
    #[error("a release has 1 to {RELEASE_FILES_MOST} files of together at most {RELEASE_MOST} bytes")]
    Size,
    /// A hash is none.
    #[error("{0:?} is no SHA-256")]
    Hash(String),
}

impl ReleaseManifest {
    /// Whether its files can be laid in a folder of the lane, and fit.
    ///
    /// # Errors
    /// With the first thing that is wrong.
    pub fn check(&self) -> Result<(), ReleaseError> {
        if !(1..=RELEASE_FILES_MOST).contains(&self.files.len()) {
            return Err(ReleaseError::Size);
        }
        let mut whole = 0_u64;
        for (name, file) in &self.files {
            if !name_fits(name) {
                return Err(ReleaseError::Name(name.clone()));
            }
            let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if file.sha256.len() != 64 || !file.sha256.bytes().all(plain) {
                return Err(ReleaseError::Hash(file.sha256.clone()));
            }
            whole = whole.saturating_add(file.size);
            if file.size > RELEASE_FILE_MOST || whole > RELEASE_MOST {
                return Err(ReleaseError::Size);
            }
        }
        Ok(())
    }

    /// Whether it brings files of trust.
    pub fn has_trust(&self) -> bool {
        self.files.keys().any(|name| name.starts_with(TRUST_PREFIX))
    }
}

/// Whether a name leads to a file of a release and nowhere else.
pub fn name_fits(name: &str) -> bool {
    let Some(plain) = name.strip_prefix(TRUST_PREFIX) else {
        return [PROFILE_FILE, SETTINGS_FILE].contains(&name);
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=RELEASE_TEXT_MOST).contains(&plain.len()) && !plain.starts_with('.') && plain.chars().all(fine)
}

/// Which lanes take a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseStage {
    /// These lanes.
    #[serde(default)]
    pub lanes: Vec<String>,
    /// All lanes that stand at these ports, as central knows it.
    #[serde(default)]
    pub ports: Vec<String>,
    /// This share of all lanes, the same ones as long as it only grows.
    #[serde(default)]
    pub percent: u8,
}

impl ReleaseStage {
    /// Every lane.
    pub fn all() -> ReleaseStage {
        ReleaseStage { percent: 100, ..ReleaseStage::default() }
    }

    /// Whether a lane takes a release of this generation. `port` is where it stands; a lane that stands nowhere is of
    /// no port.
    pub fn includes(&self, lane: &str, port: Option<&str>, generation: u64) -> bool {
        // Another share of the lanes with each release, so that it is not always the same who go first.
        let lot = Sha256::digest(format!("{generation} {lane}"));
        let lot = lot.first_chunk().map_or(u32::MAX, |first| u32::from_le_bytes(*first));
        self.lanes.iter().any(|named| named == lane)
            || self.ports.iter().any(|named| Some(named.as_str()) == port)
            || u64::from(lot) * 100 < u64::from(self.percent) << 32
    }
}

/// A release that a lane tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriedRelease {
    /// Which.
    pub generation: u64,
    /// Why the lane went back to the one before; absent when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a lane runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunningRelease {
    /// Generation in use; 0 while the lane runs by its own settings alone.
    pub generation: u64,
    /// SHA-256 of the manifest in canonical form, hexadecimal; empty at generation 0.
    pub sha256: String,
    /// The last one that it tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<TriedRelease>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_lanes_only_grows_and_is_near_what_it_says() {
        let lanes: Vec<String> = (0..1_000).map(|n| format!("fra-{n}")).collect();
        let of = |percent| -> Vec<&String> {
            let stage = ReleaseStage { percent, ..ReleaseStage::default() };
            lanes.iter().filter(|lane| stage.includes(lane, None, 7)).collect()
        };
        assert!(of(0).is_empty());
        assert_eq!(of(100).len(), 1_000);
        let (few, more) = (of(10), of(30));
        assert!((60..140).contains(&few.len()) && (240..360).contains(&more.len()));
        assert!(few.iter().all(|lane| more.contains(lane)));
    }

    #[test]
    fn ports_and_lanes_are_named() {
        let stage = ReleaseStage { lanes: vec!["x-1".into()], ports: vec!["fra".into()], percent: 0 };
        for (lane, port, is) in [
            ("x-1", None, true),
            ("x-12", None, false),
            ("x-12", Some("fra"), true),
            ("fra-1", None, false),
            ("fra-1", Some("frankfurt"), false),
        ] {
            assert_eq!(stage.includes(lane, port, 1), is, "{lane}");
        }
    }

    #[test]
    fn no_name_leads_out_of_a_release() {
        for name in [
            "trust/../x",
            "trust/",
            "trust/.x",
            "trust/a/b",
            "/etc/passwd",
            "trust",
            "x",
            "profile.toml/",
            "lane.toml",
        ] {
            assert!(!name_fits(name), "{name}");
        }
        assert!(name_fits("profile.toml") && name_fits("settings.toml") && name_fits("trust/DE_CSCA-2.ml"));
    }
}
