//! Trusted certificates and lists from files and folders that the caller names.
//!
//! What is named on the command line is trusted because the caller says so; a master list must still be
//! unchanged since it was signed.

use crate::trust::{Certificate, MasterList, MasterListError, TrustMaterial, TrustRules, TrustStore};
use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// A trust store of all that the paths hold. What in a folder is no trust material is told and passed
/// over; a file that is named itself must be of use.
pub(super) fn store(paths: &[PathBuf], as_of: Timestamp) -> Result<TrustStore> {
    let materials = materials(paths)?;
    let roots = certificates_in(&materials);
    // What a caller names is as old as it is: a desk is no gate.
    let mut builder = TrustStore::builder().rules(TrustRules::ageless());
    for (path, material) in materials {
        let roots = match &material {
            TrustMaterial::MasterList(list) => roots_of_list(list, &roots, &path),
            _ => Vec::new(),
        };
        builder.add_material(material, &roots).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    }
    let store = builder.build(as_of);
    let refused = store.refused();
    if let Some(first) = refused.first() {
        let number = refused.len();
        eprintln!("{number} not trusted, the first: {}: {}", first.what, first.why);
    }
    Ok(store)
}

/// All single certificates that the paths hold.
pub(super) fn certificates(paths: &[PathBuf]) -> Result<Vec<Certificate>> {
    Ok(certificates_in(&materials(paths)?))
}

/// The certificates by which a master list can vouch for its own signer.
pub(super) fn own_roots(list: &MasterList) -> Vec<Certificate> {
    let envelope = list.envelope_certificates().iter().filter(|c| c.is_authority());
    envelope.chain(list.certificates()).cloned().collect()
}

/// The roots given; for a list that they do not vouch for, its own: it is trusted because it was named.
fn roots_of_list(list: &MasterList, roots: &[Certificate], path: &Path) -> Vec<Certificate> {
    if list.verify(roots) != Err(MasterListError::SignerUntrusted) {
        return roots.to_vec();
    }
    eprintln!("{}: trusted because it was named; no root given vouches for it", path.display());
    own_roots(list)
}

fn certificates_in(materials: &[(PathBuf, TrustMaterial)]) -> Vec<Certificate> {
    let certificates = materials.iter().filter_map(|(_, material)| match material {
        TrustMaterial::Certificates(all) => Some(all.clone()),
        _ => None,
    });
    certificates.flatten().collect()
}

fn materials(paths: &[PathBuf]) -> Result<Vec<(PathBuf, TrustMaterial)>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push((path.clone(), material(path)?));
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| format!("reading folder {}", path.display()))?;
        let mut files: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        files.retain(|file| file.is_file());
        files.sort();
        for file in files {
            match material(&file) {
                Ok(material) => found.push((file, material)),
                Err(error) => eprintln!("passed over: {error:#}"),
            }
        }
    }
    Ok(found)
}

fn material(path: &Path) -> Result<TrustMaterial> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    TrustMaterial::parse(&bytes).map_err(|error| anyhow!("{}: {error}", path.display()))
}
