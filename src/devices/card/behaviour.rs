//! How a software passport behaves beside its content: oddities, attacks, limits and times, from TOML.
//!
//! ```toml
//! # Makes the chip's random numbers: the same seed, the same answers.
//! seed = 7
//! # Names of `Oddity` in small letters; those with a value as tables.
//! oddities = ["warns_at_end_of_file", { largest_read = 192 }, { master_file_refused = 0x6A86 }]
//! # Names of `Attack` likewise.
//! attacks = ["clone_without_chip_authentication", { tag_lost = 12 }]
//! # Another person's DG2, beside this file.
//! swapped_portrait = "other-dg2.bin"
//!
//! [limits]
//! largest_command = 261
//! largest_answer = 256
//!
//! [timing]
//! per_command_us = 1500
//! kbit_per_s = 424
//! ```

use super::attack::Attack;
use super::oddity::Oddity;
use super::timing::Timing;
use std::path::{Path, PathBuf};

/// Most bytes that a file of settings or a portrait beside it may have.
const MAX_FILE: u64 = 1024 * 1024;

/// Most data in one answer: what with its protection fits a frame of 65,535 bytes.
pub(super) const LARGEST_ANSWER: usize = 65_000;
/// A command of extended length with all that it can hold.
const LARGEST_COMMAND: usize = 65_544;

/// The behaviour. All fields may be left out: the default is a standard chip without limits that answers at
/// once.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Makes the chip's random numbers.
    pub seed: u64,
    /// Departures of real chips.
    pub oddities: Vec<Oddity>,
    /// Ill will.
    pub attacks: Vec<Attack>,
    /// A file with another person's DG2, relative to the file of settings; [`Behaviour::load`] makes
    /// [`Attack::SwappedPortrait`] of it.
    pub swapped_portrait: Option<PathBuf>,
    /// What the chip can take and give.
    pub limits: Limits,
    /// How long it takes; no time when left out.
    pub timing: Option<Timing>,
}

/// Limits of a chip's buffers, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most bytes of a command APDU as sent; longer ones are answered by 6700.
    pub largest_command: usize,
    /// Most data bytes of an answer before protection; a command that would give more is answered by 6700.
    pub largest_answer: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { largest_command: LARGEST_COMMAND, largest_answer: LARGEST_ANSWER }
    }
}

/// Why settings of a card are not usable.
#[derive(Debug, thiserror::Error)]
pub enum BehaviourError {
    /// The file cannot be read.
    #[error("cannot read {path}: {why}; give a file of at most 1 MiB")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// It says what no card knows.
    #[error("{path} is no behaviour of a card: {why}")]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What and where.
        why: String,
    },
}

impl Behaviour {
    /// Reads a behaviour from a TOML file, and the portrait that it names.
    ///
    /// # Errors
    /// When a file cannot be read or the settings are wrong.
    pub fn load(path: &Path) -> Result<Behaviour, BehaviourError> {
        let wrong = |why: String| BehaviourError::Wrong { path: path.to_owned(), why };
        let text = String::from_utf8(read(path)?).map_err(|error| wrong(error.to_string()))?;
        let mut behaviour: Behaviour = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if let Some(portrait) = behaviour.swapped_portrait.take() {
            let portrait = path.parent().unwrap_or(Path::new("")).join(portrait);
            behaviour.attacks.push(Attack::SwappedPortrait(read(&portrait)?));
        }
        Ok(behaviour)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BehaviourError> {
    let unreadable = |why: String| BehaviourError::Unreadable { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > MAX_FILE {
        return Err(unreadable(format!("it has {length} bytes")));
    }
    std::fs::read(path).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::timing::BitRate;
    use super::*;

    /// The example at the head of this file.
    fn example() -> String {
        let lines = include_str!("behaviour.rs").lines();
        let inside = lines.skip_while(|line| *line != "//! ```toml").skip(1);
        let lines: Vec<&str> =
            inside.take_while(|line| *line != "//! ```").map(|line| line[3..].trim()).collect();
        lines.join("\n")
    }

    #[test]
    fn the_documented_example_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        std::fs::write(&path, example()).unwrap();
        assert!(matches!(Behaviour::load(&path), Err(BehaviourError::Unreadable { .. })), "no portrait yet");
        std::fs::write(folder.path().join("other-dg2.bin"), [0x75, 0]).unwrap();
        let behaviour = Behaviour::load(&path).unwrap();
        assert_eq!(behaviour.oddities[1..], [Oddity::LargestRead(192), Oddity::MasterFileRefused(0x6A86)]);
        assert_eq!(behaviour.attacks[1..], [Attack::TagLost(12), Attack::SwappedPortrait(vec![0x75, 0])]);
        assert_eq!(behaviour.limits, Limits { largest_command: 261, largest_answer: 256 });
        let timing = Timing { per_command_us: 1_500, kbit_per_s: BitRate::Kbit424 };
        assert_eq!((behaviour.seed, behaviour.timing), (7, Some(timing)));
    }

    #[test]
    fn what_no_card_knows_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        for (text, word) in [
            ("speed = 1", "speed"),
            ("oddities = [\"largest_write\"]", "largest_write"),
            ("[limits]\nlargest = 1", "largest"),
            ("[timing]\nper_command_us = 1\nkbit_per_s = 107", "107 kbit/s"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Behaviour::load(&path).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(Behaviour::load(&path).unwrap(), Behaviour::default());
    }

    #[test]
    fn a_behaviour_is_written_as_it_is_read() {
        let behaviour = Behaviour {
            oddities: vec![Oddity::LargestRead(192), Oddity::SilentSignature],
            attacks: vec![Attack::WrongMac(3)],
            timing: Some(Timing { per_command_us: 9, kbit_per_s: BitRate::Kbit106 }),
            ..Behaviour::default()
        };
        let text = toml::to_string(&behaviour).unwrap();
        assert_eq!(toml::from_str::<Behaviour>(&text).unwrap(), behaviour);
    }
}
