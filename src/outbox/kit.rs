//! The lane's kit: the folder of keys and certificates that central made when it enrolled the lane.

use super::client::common_name;
use crate::record::SealingPublicKey;
use anyhow::Context;
use ed25519_dalek::{SigningKey, VerifyingKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::path::Path;

/// What a lane needs to speak to central and to sign what it says.
pub struct LaneKit {
    /// The authority's certificate, PEM: the only one that the lane trusts for central.
    pub authority_pem: String,
    /// The lane's client certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
    /// Signs the lane's records.
    pub record_key: SigningKey,
    /// Pictures are sealed to it.
    pub pictures: SealingPublicKey,
    /// Verifies central's answers to look-ups.
    pub answers: VerifyingKey,
}

impl LaneKit {
    /// The lane's name, which its certificate says.
    ///
    /// # Errors
    /// When the certificate is none, or names no lane.
    pub fn lane(&self) -> anyhow::Result<String> {
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes());
        let certificate = certificate.map_err(|error| anyhow::anyhow!("lane.pem: {error}"))?;
        common_name(&certificate).context("lane.pem names no lane")
    }

    /// Reads the kit in a folder.
    ///
    /// # Errors
    /// Names the file that is missing or is not what it should be.
    pub fn read(kit: &Path) -> anyhow::Result<Self> {
        let pictures = hexadecimal(&kit.join("pictures.pub"))?;
        let answers = hexadecimal(&kit.join("answers.pub"))?;
        Ok(LaneKit {
            authority_pem: text(&kit.join("authority.pem"))?,
            certificate_pem: text(&kit.join("lane.pem"))?,
            key_pem: text(&kit.join("lane.key.pem"))?,
            record_key: SigningKey::from_bytes(&hexadecimal(&kit.join("record.key"))?),
            pictures: SealingPublicKey::from_bytes(&pictures).context("pictures.pub")?,
            answers: VerifyingKey::from_bytes(&answers).context("answers.pub")?,
        })
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn hexadecimal(path: &Path) -> anyhow::Result<[u8; 32]> {
    let bytes = hex::decode(text(path)?.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.with_context(|| format!("{} is not 64 hexadecimal digits", path.display()))
}
