//! Settings files in TOML, read so that a mistake is said with file, line, key and the nearest valid key.
//!
//! In go a text and its name, out comes the typed settings or a [`ConfigError`]. Every settings type of
//! the house derives `Deserialize` with `deny_unknown_fields`; what a key may be called is taken from
//! there, so the advice can never be out of date. Lane and central read theirs with [`read_toml`], too.

use serde::de::DeserializeOwned;

/// A settings file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// File as the operator named it.
    pub file: String,
    /// Line, from 1; `None` when no single line is to blame.
    pub line: Option<usize>,
    /// Key with its tables, `limits.chip_ms`; `None` when the text is no TOML at this place.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// The valid key or value nearest to the one written, where the one written is not known.
    pub nearest: Option<String>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", key `{key}`")?;
        }
        write!(f, ": {}", self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

impl ConfigError {
    /// A value that is well-formed but makes no sense, at `key` with its tables (`limits.chip_ms`).
    pub fn at(file: &str, text: &str, key: &str, what: impl Into<String>) -> ConfigError {
        ConfigError {
            file: file.to_owned(),
            line: line_of(text, key),
            key: Some(key.to_owned()),
            what: what.into(),
            nearest: None,
        }
    }
}

/// Reads settings from TOML text; `file` is only for the message.
///
/// # Errors
/// When the text is no TOML, a key is unknown or missing, or a value has the wrong form.
pub fn read_toml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| explain(&error, text, file))
}

fn explain(error: &toml::de::Error, text: &str, file: &str) -> ConfigError {
    let message = error.message().to_owned();
    let start = error.span().map(|span| span.start);
    let line = start.map(|at| text.get(..at).unwrap_or(text).matches('\n').count() + 1);
    let (what, key, nearest) = match unknown_name(&message) {
        Some(name) => {
            let nearest = nearest(&name, &expected_names(&message));
            (format!("`{name}` is not known here"), line.and_then(|l| key_at(text, l)), nearest)
        }
        None => match message.strip_prefix("missing field ") {
            // The place named is the whole table; its heading, if any, says which.
            Some(field) => {
                let field = field.trim_matches('`');
                let table = line.map(|l| table_at(text, l)).unwrap_or_default();
                (format!("`{field}` is missing"), Some(joined(&table, field)), None)
            }
            None => (message, line.and_then(|l| key_at(text, l)), None),
        },
    };
    ConfigError { file: file.to_owned(), line, key, what, nearest }
}

/// The name in serde's ``unknown field `x`, expected …`` and ``unknown variant `x`, expected …``.
fn unknown_name(message: &str) -> Option<String> {
    let rest =
        message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

/// The names after serde's `expected`.
fn expected_names(message: &str) -> Vec<&str> {
    let names = message.rsplit_once("expected ").map_or("", |(_, names)| names);
    names.split('`').skip(1).step_by(2).collect()
}

/// The name at the least edit distance, the first of several.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate))
        .map(|&nearest| nearest.to_owned())
}

/// Key of a line of plain TOML (`key = value`), without its table.
fn bare_key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim().trim_matches(['"', '\'']);
    (!key.is_empty() && !key.starts_with('#')).then_some(key)
}

/// Heading of a table, `[limits]` or `[[readers]]`.
fn heading(line: &str) -> Option<&str> {
    let line = line.trim();
    line.starts_with('[').then(|| line.split(']').next().unwrap_or(line).trim_matches(['[', ' ']))
}

/// Table that a line (from 1) stands in or opens; empty before the first heading.
fn table_at(text: &str, line: usize) -> String {
    text.lines().take(line).filter_map(heading).last().unwrap_or("").to_owned()
}

fn key_at(text: &str, line: usize) -> Option<String> {
    let written = text.lines().nth(line.checked_sub(1)?)?;
    match heading(written) {
        Some(table) => Some(table.to_owned()),
        None => bare_key(written).map(|key| joined(&table_at(text, line), key)),
    }
}

fn joined(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// The line, from 1, on which a key with its tables stands.
fn line_of(text: &str, key: &str) -> Option<usize> {
    (1..=text.lines().count()).find(|&line| key_at(text, line).as_deref() == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Site {
        name: String,
        gate: Gate,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gate {
        port: String,
        baud: u32,
    }

    fn mistake(text: &str) -> ConfigError {
        read_toml::<Site>(text, "site.toml").unwrap_err()
    }

    #[test]
    fn a_right_text_is_read() {
        let site: Site = read_toml("name = \"a\"\n[gate]\nport = \"x\"\nbaud = 1\n", "site.toml").unwrap();
        assert_eq!(site, Site { name: "a".into(), gate: Gate { port: "x".into(), baud: 1 } });
    }

    #[test]
    fn an_unknown_key_is_said_with_line_table_and_the_nearest_known() {
        let error = mistake("name = \"a\"\n\n[gate]\nprot = \"x\"\nbaud = 1\n");
        assert_eq!(error.line, Some(4));
        assert_eq!(error.key.as_deref(), Some("gate.prot"));
        assert_eq!(error.nearest.as_deref(), Some("port"));
        assert_eq!(
            error.to_string(),
            "site.toml, line 4, key `gate.prot`: `prot` is not known here; did you mean `port`?"
        );
    }

    #[test]
    fn a_missing_key_is_said_with_its_table() {
        let error = mistake("name = \"a\"\n[gate]\nport = \"x\"\n");
        assert_eq!(error.key.as_deref(), Some("gate.baud"));
        assert_eq!(error.what, "`baud` is missing");
    }

    #[test]
    fn a_value_of_the_wrong_form_is_said_with_its_key() {
        let error = mistake("name = \"a\"\n[gate]\nport = \"x\"\nbaud = \"fast\"\n");
        assert_eq!(error.line, Some(4));
        assert_eq!(error.key.as_deref(), Some("gate.baud"));
        assert!(error.what.contains("invalid type"), "{error}");
    }

    #[test]
    fn text_that_is_no_toml_is_said_with_its_line() {
        let error = mistake("name = \"a\"\ngate port\n");
        assert_eq!(error.line, Some(2));
    }

    #[test]
    fn a_senseless_value_is_found_under_its_table_and_not_under_another() {
        let text = "baud = 1\n[camera]\nbaud = 3\n[gate]\nport = \"x\"\nbaud = 0\n";
        let error = ConfigError::at("site.toml", text, "gate.baud", "must be more than 0");
        assert_eq!(error.line, Some(6));
    }
}
