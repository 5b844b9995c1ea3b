//! Identities of central and its lanes: a small authority of its own, in one folder.
//!
//! ```text
//! IDENTITY/
//!   authority.pem  authority.key.pem    signs lanes' and central's certificates
//!   central.pem    central.key.pem      what central shows to lanes
//!   pictures.key   pictures.pub         lanes seal pictures to the public half
//!   answers.key    answers.pub          central signs its answers to look-ups, lanes verify them
//!   lanes/NAME/                         the lane's kit, to be carried to the lane and deleted here
//!     authority.pem  lane.pem  lane.key.pem  record.key  pictures.pub  answers.pub
//!   lanes/NAME.record.pub               kept: verifies the lane's records
//! ```
//!
//! Nothing that exists is ever overwritten: to replace an identity, a person removes it first.
//! Private keys are readable by their owner only.

use crate::record::SealingKeys;
use anyhow::{Context, bail};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Years for which the authority's certificate is good.
const AUTHORITY_YEARS: i16 = 10;
/// Years for which a lane's or central's certificate is good.
const LEAF_YEARS: i16 = 2;
/// Longest lane name.
pub const LANE_NAME_MOST: usize = 32;

/// Makes the authority, central's certificate for the names and addresses by which lanes reach it, and
/// the key pairs to which pictures are sealed and by which answers are signed. Refuses a folder that already holds an authority.
pub fn init(identity: &Path, names: &[&str]) -> anyhow::Result<()> {
    fs::create_dir_all(identity.join("lanes")).with_context(|| format!("making {}", identity.display()))?;
    let authority_key = KeyPair::generate()?;
    let authority = authority_params()?.self_signed(&authority_key)?;
    write_private(&identity.join("authority.key.pem"), authority_key.serialize_pem().as_bytes())?;
    write_new(&identity.join("authority.pem"), authority.pem().as_bytes())?;

    let issuer = Issuer::new(authority_params()?, authority_key);
    let key = KeyPair::generate()?;
    let mut params = leaf_params("egate central", ExtendedKeyUsagePurpose::ServerAuth)?;
    params.subject_alt_names =
        CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())?.subject_alt_names;
    write_private(&identity.join("central.key.pem"), key.serialize_pem().as_bytes())?;
    write_new(&identity.join("central.pem"), params.signed_by(&key, &issuer)?.pem().as_bytes())?;

    let pictures = SealingKeys::from_random(random()?);
    write_private(&identity.join("pictures.key"), hex::encode(pictures.secret_bytes()).as_bytes())?;
    write_new(&identity.join("pictures.pub"), hex::encode(pictures.public().to_bytes()).as_bytes())?;

    let answers = SigningKey::from_bytes(&random()?);
    write_private(&identity.join("answers.key"), hex::encode(answers.to_bytes()).as_bytes())?;
    write_new(&identity.join("answers.pub"), hex::encode(answers.verifying_key().as_bytes()).as_bytes())
}

/// Makes a lane's kit and gives its folder. Refuses a name that is already enrolled.
pub fn enrol_lane(identity: &Path, lane: &str) -> anyhow::Result<PathBuf> {
    check_lane_name(lane)?;
    let kept = identity.join("lanes").join(format!("{lane}.record.pub"));
    let kit = identity.join("lanes").join(lane);
    if kept.exists() || kit.exists() {
        bail!("lane {lane} is already enrolled in {}", identity.display());
    }
    let authority_key = KeyPair::from_pem(&read_text(&identity.join("authority.key.pem"))?)
        .context("reading the authority's key")?;
    let issuer = Issuer::new(authority_params()?, authority_key);
    fs::create_dir_all(&kit).with_context(|| format!("making {}", kit.display()))?;

    let tls_key = KeyPair::generate()?;
    let certificate = leaf_params(lane, ExtendedKeyUsagePurpose::ClientAuth)?.signed_by(&tls_key, &issuer)?;
    write_private(&kit.join("lane.key.pem"), tls_key.serialize_pem().as_bytes())?;
    write_new(&kit.join("lane.pem"), certificate.pem().as_bytes())?;
    for shared in ["authority.pem", "pictures.pub", "answers.pub"] {
        write_new(&kit.join(shared), read_text(&identity.join(shared))?.as_bytes())?;
    }
    let record_key = SigningKey::from_bytes(&random()?);
    write_private(&kit.join("record.key"), hex::encode(record_key.to_bytes()).as_bytes())?;
    write_new(&kept, hex::encode(record_key.verifying_key().as_bytes()).as_bytes())?;
    Ok(kit)
}

/// The key that verifies a lane's records, if the lane is enrolled in this folder.
pub(super) fn lane_record_key(identity: &Path, lane: &str) -> anyhow::Result<Option<VerifyingKey>> {
    check_lane_name(lane)?;
    let path = identity.join("lanes").join(format!("{lane}.record.pub"));
    if !path.exists() {
        return Ok(None);
    }
    VerifyingKey::from_bytes(&read_hex32(&path)?).map(Some).with_context(|| path.display().to_string())
}

/// The key that opens sealed pictures.
pub(super) fn picture_keys(identity: &Path) -> anyhow::Result<SealingKeys> {
    let path = identity.join("pictures.key");
    SealingKeys::from_secret_bytes(&read_hex(&path)?).with_context(|| path.display().to_string())
}

/// The key that signs answers to look-ups.
pub(super) fn answer_key(identity: &Path) -> anyhow::Result<SigningKey> {
    Ok(SigningKey::from_bytes(&read_hex32(&identity.join("answers.key"))?))
}

/// A lane's name is part of paths, addresses and certificates: lower-case letters, digits, hyphen.
fn check_lane_name(lane: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if lane.is_empty() || lane.len() > LANE_NAME_MOST || !lane.chars().all(fine) {
        bail!("{lane:?} is no lane name: 1 to {LANE_NAME_MOST} of a-z, 0-9 and hyphen");
    }
    Ok(())
}

/// The same every time, so that the authority can sign again from its key alone.
fn authority_params() -> anyhow::Result<CertificateParams> {
    let mut params = leaf_params("egate lanes authority", ExtendedKeyUsagePurpose::ClientAuth)?;
    params.extended_key_usages.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = false;
    set_validity(&mut params, AUTHORITY_YEARS)?;
    Ok(params)
}

fn leaf_params(name: &str, usage: ExtendedKeyUsagePurpose) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, LEAF_YEARS)?;
    Ok(params)
}

/// Good from a day back (for a lane whose clock is behind) for so many years.
fn set_validity(params: &mut CertificateParams, years: i16) -> anyhow::Result<()> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let from = today.yesterday()?;
    // The first of the month is a day in every year.
    let to = today.first_of_month().checked_add(jiff::Span::new().years(years))?;
    params.not_before =
        rcgen::date_time_ymd(from.year().into(), from.month().cast_unsigned(), from.day().cast_unsigned());
    params.not_after = rcgen::date_time_ymd(to.year().into(), to.month().cast_unsigned(), 1);
    Ok(())
}

fn random() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    Ok(bytes)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn read_hex(path: &Path) -> anyhow::Result<Vec<u8>> {
    hex::decode(read_text(path)?.trim()).with_context(|| format!("{}: not hexadecimal", path.display()))
}

fn read_hex32(path: &Path) -> anyhow::Result<[u8; 32]> {
    read_hex(path)?.try_into().map_err(|_| anyhow::anyhow!("{}: not 32 bytes", path.display()))
}

fn write_new(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_with_mode(path, content, 0o644)
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_with_mode(path, content, 0o600)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("making {} (it is never overwritten)", path.display()))?;
    file.write_all(content)?;
    file.sync_all().with_context(|| format!("writing {}", path.display()))
}
