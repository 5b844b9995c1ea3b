//! What central orders of its lanes, signed, and what they say about it.

use super::seeds;
use ed25519_dalek::{Signer, SigningKey};
use egate::lane::LaneSettings;
use egate::record::{
    CommandOrder, CommandReport, LaneState, RELEASE_MOST, ReleaseManifest, ReleaseStage, ReleasedSettings,
    RunningRelease, SETTINGS_FILE, Signed, Statement, TRUST_PREFIX,
};
use std::path::{Component, Path};

/// When the commands are taken, milliseconds since 1970 UTC.
const NOW: i64 = 1_768_478_400_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// As it came, and as a central that has gone bad could sign it.
fn signed<T: Statement>(bytes: &[u8]) -> Vec<Signed<T>> {
    let mut all: Vec<_> = serde_json::from_slice(bytes).into_iter().collect();
    if let Ok(text) = std::str::from_utf8(bytes) {
        let signature = key().sign(&[T::CONTEXT, bytes].concat());
        all.push(Signed::from_parts(text.to_owned(), hex::encode(signature.to_bytes())));
    }
    all
}

/// An officer's command: what a lane takes is for it, now, about a passage exactly where it must be.
pub(crate) fn command_order(bytes: &[u8]) {
    for signed in signed::<CommandOrder>(bytes) {
        let Ok(order) = signed.accept(&key().verifying_key(), "lane-1", NOW) else { continue };
        assert_eq!(order.lane, "lane-1");
        assert_eq!(order.passage.is_some(), order.command.of_passage());
        let again = Signed::sign(&order, &key()).expect("what was read can be signed");
        assert_eq!(again.canonical, signed.canonical, "one form");
    }
    let _ = serde_json::from_slice::<CommandReport>(bytes);
    let _ = serde_json::from_slice::<LaneState>(bytes);
}

/// A release: what a lane takes lies in its folder and nowhere else, and is not endless.
pub(crate) fn release_manifest(bytes: &[u8]) {
    for signed in signed::<ReleaseManifest>(bytes) {
        let Ok(manifest) = signed.verify(&key().verifying_key()) else { continue };
        if manifest.check().is_err() {
            continue;
        }
        let whole: u64 = manifest.files.values().map(|file| file.size).sum();
        assert!(whole <= RELEASE_MOST);
        for name in manifest.files.keys() {
            let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
            let depth = 1 + usize::from(name.starts_with(TRUST_PREFIX));
            let parts: Vec<_> = Path::new(name).components().collect();
            assert!(parts.len() == depth && parts.into_iter().all(plain), "{name:?}");
        }
    }
    if let Ok(stage) = serde_json::from_slice::<ReleaseStage>(bytes) {
        let _ = stage.includes("lane-1", Some("harbour"), 7);
    }
    let _ = serde_json::from_slice::<RunningRelease>(bytes);
}

/// The settings in a release: whatever they say, only the few keys change that a release may set.
pub(crate) fn released_settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(released) = ReleasedSettings::parse(text, SETTINGS_FILE) else { return };
    let own: LaneSettings = toml::from_str(seeds::LANE).expect("the lane's example reads");
    let back = |changed: LaneSettings| {
        let mut back = changed;
        back.upload_bytes_per_second = own.upload_bytes_per_second;
        back.screen.language = own.screen.language.clone();
        back.screen.voice = own.screen.voice;
        back.mrz_reader.repeat_ms = own.mrz_reader.repeat_ms;
        back.gate.buzzer_ms = own.gate.buzzer_ms;
        back.inference.threads = own.inference.threads;
        toml::to_string(&back).expect("settings can be written")
    };
    assert_eq!(back(own.under(&released)), back(own.clone()));
    let written = toml::to_string(&released).expect("what was read can be written");
    assert_eq!(ReleasedSettings::parse(&written, SETTINGS_FILE).expect("and is read again"), released);
}
