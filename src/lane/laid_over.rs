//! A release's settings laid over the lane's own.
//!
//! Which keys a release may set, and in which range, says [`ReleasedSettings`]; here is what only the lane knows, and
//! where each value goes.

use super::LaneSettings;
use crate::devices::screen;
use crate::record::ReleasedSettings;
use anyhow::{Context, ensure};

/// Whether this lane can follow a release's settings.
///
/// # Errors
/// Names what it cannot.
pub(super) fn can_follow(released: &ReleasedSettings) -> anyhow::Result<()> {
    let Some(language) = &released.screen.language else { return Ok(()) };
    let known = screen::languages().context("the screen's words")?;
    let known = known.iter().any(|known| known.code == language);
    ensure!(known, "settings.toml: the screen of this lane knows no language {language:?}");
    Ok(())
}

impl LaneSettings {
    /// These settings, with a release's over them.
    #[must_use]
    pub fn under(&self, released: &ReleasedSettings) -> LaneSettings {
        let mut all = self.clone();
        let ReleasedSettings { upload_bytes_per_second, screen, mrz_reader, gate, inference } = released;
        all.upload_bytes_per_second = upload_bytes_per_second.or(all.upload_bytes_per_second);
        all.screen.language = screen.language.clone().unwrap_or(all.screen.language);
        all.screen.voice = screen.voice.unwrap_or(all.screen.voice);
        all.mrz_reader.repeat_ms = mrz_reader.repeat_ms.unwrap_or(all.mrz_reader.repeat_ms);
        all.gate.buzzer_ms = gate.buzzer_ms.unwrap_or(all.gate.buzzer_ms);
        all.inference.threads = inference.threads.unwrap_or(all.inference.threads);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::config::read_toml;
    use crate::record::SETTINGS_FILE;

    fn own() -> LaneSettings {
        read_toml(include_str!("../../config/lane.toml"), "lane.toml").unwrap()
    }

    fn released(text: &str) -> ReleasedSettings {
        ReleasedSettings::parse(text, SETTINGS_FILE).unwrap()
    }

    fn told(settings: &LaneSettings) -> toml::Table {
        toml::from_str(&toml::to_string(settings).unwrap()).unwrap()
    }

    #[test]
    fn only_what_a_release_names_is_otherwise() {
        assert_eq!(told(&own().under(&ReleasedSettings::default())), told(&own()));
        let text = "upload_bytes_per_second = 70_000\nscreen = { language = \"de\", voice = false }\n\
                    mrz_reader.repeat_ms = 3\ngate.buzzer_ms = 4\ninference.threads = 5\n";
        let mut expected = told(&own());
        let given: toml::Table = toml::from_str(text).unwrap();
        for (key, value) in given {
            match (expected.get_mut(&key), value) {
                (Some(toml::Value::Table(table)), toml::Value::Table(given)) => table.extend(given),
                (_, value) => drop(expected.insert(key, value)),
            }
        }
        assert_eq!(told(&own().under(&released(text))), expected);
    }

    #[test]
    fn a_language_that_the_screen_does_not_know_is_not_followed() {
        assert!(can_follow(&released("screen.language = \"ja\"")).is_ok());
        let error = can_follow(&released("screen.language = \"qq\"")).unwrap_err();
        assert!(error.to_string().contains("\"qq\""), "{error}");
    }
}
