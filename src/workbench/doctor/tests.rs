//! Each fault of the lane itself with its mend; those of the devices are tested beside them.

use super::*;
use crate::policy::config::read_toml;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn doctor() -> Doctor {
    Doctor { findings: Vec::new(), json: true }
}

/// The settings that ship, with every path in a folder that is empty.
fn lane() -> (TempDir, LaneSettings) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings: LaneSettings =
        read_toml(include_str!("../../../config/lane.toml"), "config/lane.toml").unwrap();
    let inside = |name: &str| folder.path().join(name);
    settings.kit = inside("kit");
    settings.outbox = inside("outbox.db");
    settings.trust = inside("trust");
    settings.var = inside("var");
    settings.central = "https://localhost:1".to_owned();
    settings.screen.listen = ([127, 0, 0, 1], 0).into();
    fs::create_dir(&settings.trust).unwrap();
    (folder, settings)
}

/// Enrols the lane in the folder and gives it the kit.
fn enrolled() -> (TempDir, LaneSettings) {
    let (folder, mut settings) = lane();
    let identity = folder.path().join("identity");
    crate::central::enrol::init(&identity, &["localhost"]).unwrap();
    settings.kit = crate::central::enrol::enrol_lane(&identity, &settings.name).unwrap();
    (folder, settings)
}

/// What one look found; a fault with words that must be in what was found and in the mend.
fn amiss(look: impl FnOnce(&mut Doctor), found: &str, mend: &str) {
    let mut doctor = doctor();
    look(&mut doctor);
    let finding = doctor.findings.remove(0);
    assert!(!finding.good && finding.found.contains(found), "{}", finding.found);
    assert!(finding.mend.unwrap().contains(mend), "{:?}", finding.mend);
}

fn good(look: impl FnOnce(&mut Doctor)) {
    let mut doctor = doctor();
    look(&mut doctor);
    let finding = doctor.findings.remove(0);
    assert!(finding.good, "{}: {}", finding.what, finding.found);
}

#[test]
fn a_profile_that_is_wrong_is_named_by_line_and_key() {
    let (folder, mut settings) = lane();
    good(|doctor| doctor.profile(&settings));
    let path = folder.path().join("profile.toml");
    fs::write(&path, "nam = \"mine\"\n").unwrap();
    settings.profile = Some(path);
    amiss(|doctor| doctor.profile(&settings), "nam", "line");
}

#[test]
fn a_clock_before_this_software_is_to_be_set() {
    good(|doctor| doctor.clock(Timestamp::now()));
    amiss(|doctor| doctor.clock(Timestamp::UNIX_EPOCH), "before", "set the clock");
}

#[test]
fn models_that_are_missing_are_fetched_by_set_up() {
    let (_folder, settings) = lane();
    amiss(|doctor| doctor.models(&settings), "", "make setup");
}

#[test]
fn a_disk_with_little_room_wants_more() {
    good(|doctor| doctor.disk(Ok(DISK_LEAST)));
    amiss(|doctor| doctor.disk(Ok(DISK_LEAST - 1)), "MiB free", "make room");
    let missing = free_bytes(Path::new("/no/such/folder/outbox.db"));
    amiss(|doctor| doctor.disk(missing), "/no/such/folder", "make room");
}

#[test]
fn a_kit_that_is_missing_or_an_outbox_that_cannot_be_written_is_named() {
    let (_folder, mut settings) = lane();
    amiss(|doctor| doctor.outbox(&settings), "kit", "record.key");
    let (_folder, enrolled) = enrolled();
    good(|doctor| doctor.outbox(&enrolled));
    settings = LaneSettings { outbox: "/no/such/folder/outbox.db".into(), ..enrolled };
    amiss(|doctor| doctor.outbox(&settings), "", "who may write");
}

#[test]
fn a_certificate_that_ends_soon_is_renewed_by_enrolling() {
    let (_folder, settings) = enrolled();
    good(|doctor| doctor.certificate(&settings));
    fs::write(settings.kit.join("lane.pem"), certificate_of_a_week()).unwrap();
    amiss(|doctor| doctor.certificate(&settings), "ends on", "enrol");
}

fn certificate_of_a_week() -> Vec<u8> {
    use openssl::asn1::Asn1Time;
    let key = openssl::pkey::PKey::generate_ed25519().unwrap();
    let mut certificate = openssl::x509::X509Builder::new().unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(7).unwrap()).unwrap();
    certificate.sign(&key, openssl::hash::MessageDigest::null()).unwrap();
    certificate.build().to_pem().unwrap()
}

#[test]
fn a_central_that_does_not_answer_points_to_kit_and_network() {
    let (_folder, settings) = enrolled();
    amiss(|doctor| doctor.central(&settings).unwrap(), "", "network");
}

#[test]
fn a_port_of_the_screen_that_is_taken_is_named() {
    let (_folder, mut settings) = lane();
    good(|doctor| doctor.screen(&settings));
    let other = TcpListener::bind(settings.screen.listen).unwrap();
    settings.screen.listen = other.local_addr().unwrap();
    amiss(|doctor| doctor.screen(&settings), "listen", "another program");
}

#[cfg(feature = "issuer")]
#[test]
fn trust_that_is_empty_broken_or_old_is_renewed() {
    let (_folder, settings) = lane();
    let now = Timestamp::now();
    amiss(|doctor| doctor.trust(&settings, now), "empty", "certificates");
    let country = crate::workbench::issue::TestCountry::new("UTO", "UT", now).unwrap();
    for (name, bytes) in country.trust_bundle().unwrap() {
        fs::write(settings.trust.join(name), bytes).unwrap();
    }
    good(|doctor| doctor.trust(&settings, now));
    let later = now + jiff::SignedDuration::from_hours(24 * 300);
    amiss(|doctor| doctor.trust(&settings, later), "days old", "newer");
    fs::write(settings.trust.join("broken.cer"), b"no certificate").unwrap();
    amiss(|doctor| doctor.trust(&settings, now), "broken.cer", "certificates");
}
