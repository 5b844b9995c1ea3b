//! A document described in TOML: country, holder, kind of document, defect.

use super::country::CountryPlan;
use super::defect::Defect;
use super::document::DocumentKind;
use anyhow::{Context, Result, ensure};
use jiff::civil::Date;
use std::fs;
use std::path::{Path, PathBuf};

/// A description is not larger.
const BYTES_MOST: u64 = 1 << 20;

/// Everything about a test document.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// What is to be wrong with it.
    pub defect: Defect,
    /// Who issues it.
    pub country: CountryPlan,
    /// Whose it is.
    pub holder: Holder,
    /// What kind of document it is.
    pub document: DocumentKind,
}

/// Whose document it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Holder {
    /// Surname in capital letters.
    pub surname: String,
    /// Given names in capital letters.
    pub given_names: String,
    /// Document number.
    pub number: String,
    /// Nationality; the issuing state without it.
    pub nationality: Option<String>,
    /// Date of birth.
    pub date_of_birth: Date,
    /// Date of expiry; in five years without it.
    pub date_of_expiry: Option<Date>,
    /// `M`, `F` or `<`.
    pub sex: char,
    /// Portrait, JPEG or JPEG 2000, relative to the description; a plain grey picture without it.
    pub portrait: Option<PathBuf>,
}

impl Default for Holder {
    /// The specimen's holder of Doc 9303-4.
    fn default() -> Holder {
        Holder {
            surname: "ERIKSSON".to_owned(),
            given_names: "ANNA MARIA".to_owned(),
            number: "L898902C3".to_owned(),
            nationality: None,
            date_of_birth: jiff::civil::date(1974, 8, 12),
            date_of_expiry: None,
            sex: 'F',
            portrait: None,
        }
    }
}

impl Description {
    /// Reads a description; a portrait is looked for beside it.
    ///
    /// # Errors
    /// When the file cannot be read or has unknown or wrong entries; the message names line and key.
    pub fn read(path: &Path) -> Result<Description> {
        let size = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
        ensure!(size <= BYTES_MOST, "{} is larger than {BYTES_MOST} bytes", path.display());
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut description: Description =
            toml::from_str(&text).with_context(|| format!("{} is no description", path.display()))?;
        if let (Some(portrait), Some(folder)) = (&mut description.holder.portrait, path.parent()) {
            *portrait = folder.join(&*portrait);
        }
        Ok(description)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChipPlan, DomainParameters, Format, Mapping};
    use super::*;

    #[test]
    fn the_example_says_what_it_shows() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/test-document.toml");
        let description = Description::read(&path).unwrap();
        assert_eq!(description.document.format, Format::Td3);
        assert_eq!(description.country.authority.to_string(), "ecdsa-brainpoolp384r1-explicit-sha384");
        let pace = &description.document.chip.pace;
        assert_eq!(
            (pace[0].mapping, pace[0].parameters),
            (Mapping::Generic, DomainParameters::BrainpoolP256r1)
        );
        assert_eq!(description.document.chip.notify.len(), 1);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let chip = ChipPlan::modern();
        let written = Description {
            defect: Defect::ChipCloned,
            document: DocumentKind { chip, ..DocumentKind::default() },
            ..Description::default()
        };
        let text = toml::to_string(&written).unwrap();
        assert_eq!(toml::from_str::<Description>(&text).unwrap(), written, "{text}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<Description>("[holder]\nsurnam = \"X\"").unwrap_err().to_string();
        assert!(error.contains("surnam") && error.contains("line 2"), "{error}");
    }
}
