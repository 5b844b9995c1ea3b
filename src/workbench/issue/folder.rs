//! A test document in a folder: what is printed, the chip's files and keys, what must be trusted.
//!
//! ```text
//! mrz.txt              the printed lines
//! EF_COM.bin, DG1.bin  the chip's files
//! card.toml, keys/     what the chip knows beside them: passwords and private keys
//! trust/               certificates and revocation lists that a lane must trust
//! lists/               master, deviation and defect list of the country
//! ```

use super::document::IssuedDocument;
use crate::chip::FileId;
use crate::devices::card::{ActiveAuthenticationKey, ChipAuthenticationKey, Digest, Personalisation};
use anyhow::{Context, Result};
use openssl::pkey::{PKey, Private};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a chip knows beside its files.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    /// Number, birth and expiry with their check digits: the password of BAC and PACE.
    key_information: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    can: Option<String>,
    bac: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chip_authentication: Vec<KeyFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active_authentication: Option<SigningKeyFile>,
}

/// A key of chip authentication: PKCS #8 in PEM.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
}

/// The key of active authentication: PKCS #8 in PEM.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningKeyFile {
    key: String,
    digest: Digest,
}

/// All files that a chip may have, with their names here.
fn names() -> impl Iterator<Item = (FileId, String)> {
    let groups = (1..=16).map(|number| (FileId::Dg(number), format!("DG{number}.bin")));
    let others = [
        (FileId::Com, "EF_COM.bin"),
        (FileId::Sod, "EF_SOD.bin"),
        (FileId::CardAccess, "EF_CardAccess.bin"),
        (FileId::CardSecurity, "EF_CardSecurity.bin"),
        (FileId::AtrInfo, "EF_ATR_INFO.bin"),
        (FileId::Dir, "EF_DIR.bin"),
    ];
    others.into_iter().map(|(file, name)| (file, name.to_owned())).chain(groups)
}

/// Writes a document into a folder, which is made if it is not there. Files of an earlier document there
/// that this one does not have are removed.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(
    folder: &Path,
    document: &IssuedDocument,
    trust: &[(String, Vec<u8>)],
    lists: &[(String, Vec<u8>)],
) -> Result<()> {
    for (file, name) in names() {
        let path = folder.join(name);
        match document.files.get(&file) {
            Some(content) => put(&path, content)?,
            None if path.exists() => {
                fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?
            }
            None => {}
        }
    }
    put(&folder.join("mrz.txt"), format!("{}\n", document.printed.join("\n")).as_bytes())?;
    for (name, content) in trust.iter().chain(&document.trust) {
        put(&folder.join("trust").join(name), content)?;
    }
    for (name, content) in lists {
        put(&folder.join("lists").join(name), content)?;
    }
    if document.files.is_empty() {
        return Ok(());
    }
    let card = document.personalisation()?;
    let mut described = CardFile {
        key_information: card.key_information,
        can: card.can,
        bac: card.bac,
        chip_authentication: Vec::new(),
        active_authentication: None,
    };
    for (number, key) in (1..).zip(&card.chip_authentication) {
        let name = format!("keys/chip-authentication-{number}.pem");
        put(&folder.join(&name), &key.key.private_key_to_pem_pkcs8()?)?;
        described.chip_authentication.push(KeyFile { key: name, id: key.id });
    }
    if let Some(key) = &card.active_authentication {
        let name = "keys/active-authentication.pem".to_owned();
        put(&folder.join(&name), &key.key.private_key_to_pem_pkcs8()?)?;
        described.active_authentication = Some(SigningKeyFile { key: name, digest: key.digest });
    }
    put(&folder.join("card.toml"), toml::to_string(&described)?.as_bytes())
}

/// Reads the chip of a document in a folder.
///
/// # Errors
/// When a file is missing or broken; the message names it.
pub(super) fn read(folder: &Path) -> Result<Personalisation> {
    let path = folder.join("card.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let described: CardFile =
        toml::from_str(&text).with_context(|| format!("{} describes no card", path.display()))?;
    let mut files = BTreeMap::new();
    for (file, name) in names() {
        let path = folder.join(name);
        if path.exists() {
            files.insert(file, fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
    }
    let key = |name: &str| -> Result<PKey<Private>> {
        let path = folder.join(name);
        let pem = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        PKey::private_key_from_pem(&pem).with_context(|| format!("{} is no private key", path.display()))
    };
    let chip_authentication = described
        .chip_authentication
        .iter()
        .map(|file| Ok(ChipAuthenticationKey { id: file.id, key: key(&file.key)? }))
        .collect::<Result<Vec<_>>>()?;
    let active_authentication = match &described.active_authentication {
        Some(file) => Some(ActiveAuthenticationKey { key: key(&file.key)?, digest: file.digest }),
        None => None,
    };
    Ok(Personalisation {
        files,
        key_information: described.key_information,
        can: described.can,
        bac: described.bac,
        chip_authentication,
        active_authentication,
    })
}

fn put(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making folder {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}
