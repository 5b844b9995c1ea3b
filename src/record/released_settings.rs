//! The settings that a release may bring to a lane: [`SETTINGS_FILE`], a small part of the lane's own file, laid over it.
//!
//! [`ReleasedSettings`] is the whole table of what can be set from afar; every other key is refused, at central when the
//! release is proposed and again at the lane. With the worst values that are allowed here a gate is slow or silent, and
//! still a gate. So there is nothing of names, addresses, certificates, keys, ports, paths, topology, doors, camera or
//! recording, and never will be.
//!
//! | key | what | range | taken up |
//! |---|---|---|---|
//! | `upload_bytes_per_second` | the upload's share of the line | 10,000 to 1,000,000,000 | at once |
//! | `screen.language` | language of the empty gate | one that the lane's screen knows | restart |
//! | `screen.voice` | whether instructions are spoken | | restart |
//! | `mrz_reader.repeat_ms` | in which the same lines are one reading | 0 to 10,000 | restart |
//! | `gate.buzzer_ms` | how long the officer's buzzer sounds | 0 to 10,000 | restart |
//! | `inference.threads` | threads of one inference | 1 to 64 | restart |
//!
//! A restart is one in order, while nobody is under way.

use crate::face::InferenceSettings;
use crate::policy::config::{ConfigError, read_toml};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

/// The file of the lane's settings in a release.
pub const SETTINGS_FILE: &str = "settings.toml";
/// Longest such file, bytes.
pub const SETTINGS_MOST: usize = 16 << 10;
/// The upload's share of the line, bytes a second: with less, referred passages pile up faster than they go.
const UPLOAD: RangeInclusive<u64> = 10_000..=1_000_000_000;
/// Same lines again, milliseconds.
const REPEAT_MS: RangeInclusive<u64> = 0..=10_000;
/// The officer's buzzer, milliseconds.
const BUZZER_MS: RangeInclusive<u64> = 0..=10_000;
/// Threads of one inference.
const THREADS: RangeInclusive<u64> = 1..=InferenceSettings::THREADS_MOST as u64;
/// Letters of a language's code (BCP 47's primary subtag).
const LANGUAGE_LETTERS: RangeInclusive<usize> = 2..=3;

/// What a release sets at a lane; what is absent stays as the lane's own file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedSettings {
    /// Bytes a second that the upload takes at most, on average.
    pub upload_bytes_per_second: Option<NonZeroU64>,
    /// Traveller's screen.
    pub screen: ReleasedScreen,
    /// Reader of printed lines.
    pub mrz_reader: ReleasedMrzReader,
    /// Gate.
    pub gate: ReleasedGate,
    /// How inferences are run.
    pub inference: ReleasedInference,
}

/// Of the traveller's screen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedScreen {
    /// Language of the empty gate.
    pub language: Option<String>,
    /// Speak each instruction.
    pub voice: Option<bool>,
}

/// Of the reader of printed lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedMrzReader {
    /// Milliseconds in which the same lines again are one reading.
    pub repeat_ms: Option<u64>,
}

/// Of the gate: nothing that moves a door.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedGate {
    /// Milliseconds for which the buzzer sounds when the officer is called.
    pub buzzer_ms: Option<u16>,
}

/// Of the inferences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedInference {
    /// Threads of one inference.
    pub threads: Option<usize>,
}

impl ReleasedSettings {
    /// Reads the file; `name` is only for the message.
    ///
    /// # Errors
    /// With line and key: one that is not in the table, or a value out of its range.
    pub fn parse(text: &str, name: &str) -> Result<ReleasedSettings, ConfigError> {
        if text.len() > SETTINGS_MOST {
            let what = format!("is longer than {SETTINGS_MOST} bytes");
            return Err(ConfigError { file: name.to_owned(), line: None, key: None, what, nearest: None });
        }
        let settings: ReleasedSettings = read_toml(text, name)?;
        match settings.fault() {
            Some((key, what)) => Err(ConfigError::at(name, text, key, what)),
            None => Ok(settings),
        }
    }

    /// Whether a lane that runs by `before` can take this up as it runs, without a restart.
    pub fn live_from(&self, before: &ReleasedSettings) -> bool {
        let same = |one: &ReleasedSettings| ReleasedSettings { upload_bytes_per_second: None, ..one.clone() };
        same(self) == same(before)
    }

    /// The first value out of its range, by key and fault.
    fn fault(&self) -> Option<(&'static str, String)> {
        let numbers = [
            ("upload_bytes_per_second", self.upload_bytes_per_second.map(NonZeroU64::get), UPLOAD),
            ("mrz_reader.repeat_ms", self.mrz_reader.repeat_ms, REPEAT_MS),
            ("gate.buzzer_ms", self.gate.buzzer_ms.map(u64::from), BUZZER_MS),
            ("inference.threads", self.inference.threads.map(|threads| threads as u64), THREADS),
        ];
        let beyond = numbers.into_iter().find_map(|(key, value, range)| {
            let out = value.is_some_and(|value| !range.contains(&value));
            out.then(|| (key, format!("must lie between {} and {}", range.start(), range.end())))
        });
        beyond.or_else(|| {
            let code = self.screen.language.as_ref()?;
            let fine = LANGUAGE_LETTERS.contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase());
            (!fine).then(|| ("screen.language", format!("{code:?} is no code of a language, as \"en\" is")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ReleasedSettings::parse(text, SETTINGS_FILE).unwrap_err().to_string()
    }

    #[test]
    fn what_is_in_the_table_is_read_and_the_rest_left_alone() {
        let text = "upload_bytes_per_second = 500_000\n[screen]\nlanguage = \"de\"\n[gate]\nbuzzer_ms = 0\n";
        let settings = ReleasedSettings::parse(text, SETTINGS_FILE).unwrap();
        assert_eq!(settings.upload_bytes_per_second, NonZeroU64::new(500_000));
        assert_eq!((settings.screen.language.as_deref(), settings.screen.voice), (Some("de"), None));
        assert_eq!((settings.gate.buzzer_ms, settings.inference.threads), (Some(0), None));
        assert_eq!(ReleasedSettings::parse("", SETTINGS_FILE).unwrap(), ReleasedSettings::default());
    }

    #[test]
    fn no_key_beside_the_table_gets_through() {
        for text in [
            "central = \"https://elsewhere:1\"",
            "name = \"lane-2\"",
            "kit = \"/tmp/kit\"",
            "outbox = \"/tmp/outbox.db\"",
            "trust = \"/tmp/trust\"",
            "var = \"/tmp/var\"",
            "profile = \"/tmp/profile.toml\"",
            "topology = \"one_step\"",
            "[chip_reader]\nname = \"other\"",
            "[mrz_reader.line]\nport = \"/dev/ttyS0\"",
            "[gate.line]\nport = \"/dev/ttyS0\"",
            "[gate]\nexit_hold_ms = 60000",
            "[gate]\nwatchdog_ms = 60000",
            "[gate]\nrelease_policy = \"open\"",
            "[gate.relay_board]\nexit = 1",
            "[camera.http]\nurl = \"http://elsewhere/\"",
            "[screen]\nlisten = \"0.0.0.0:80\"",
            "[health]\nlisten = \"0.0.0.0:80\"",
            "[inference]\nprovider = \"cuda\"",
            "[record]\nfolder = \"/tmp\"\nkeeps_personal_data = true",
        ] {
            assert!(refused(text).contains("not known here"), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_their_line() {
        for (text, key) in [
            ("upload_bytes_per_second = 9_999", "upload_bytes_per_second"),
            ("[mrz_reader]\nrepeat_ms = 10_001", "mrz_reader.repeat_ms"),
            ("[gate]\nbuzzer_ms = 10_001", "gate.buzzer_ms"),
            ("[inference]\nthreads = 0", "inference.threads"),
            ("[inference]\nthreads = 65", "inference.threads"),
            ("[screen]\nlanguage = \"../../x\"", "screen.language"),
            ("[screen]\nlanguage = \"\"", "screen.language"),
        ] {
            let error = ReleasedSettings::parse(text, SETTINGS_FILE).unwrap_err();
            assert_eq!(error.key.as_deref(), Some(key), "{error}");
            assert_eq!(error.line, Some(text.lines().count()), "{error}");
        }
        assert!(refused("upload_bytes_per_second = 0").contains("upload_bytes_per_second"));
        assert!(refused(&"#".repeat(SETTINGS_MOST + 1)).contains("longer"));
    }

    #[test]
    fn only_the_upload_changes_in_a_running_lane() {
        let settings = |text| ReleasedSettings::parse(text, SETTINGS_FILE).unwrap();
        let none = ReleasedSettings::default();
        assert!(settings("upload_bytes_per_second = 20_000").live_from(&none));
        assert!(none.live_from(&none));
        for text in
            ["screen.voice = true", "gate.buzzer_ms = 7", "inference.threads = 2", "mrz_reader.repeat_ms = 1"]
        {
            assert!(!settings(text).live_from(&none), "{text}");
        }
    }
}
