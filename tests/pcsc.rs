//! A whole passport read through the real PC/SC service: lane's driver, pcscd, virtual reader, software
//! passport.
//!
//! pcscd is one for a machine and its virtual reader listens on all addresses, so that the test runs
//! itself again in mount, network and process namespaces of its own. Where these, pcscd or the virtual
//! reader are not to be had, it says so and passes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::chip::files::{encode_com, encode_dg1, encode_dg2};
use egate::chip::{AccessKey, ChipRandom, ChipSession, FileId, Media, ReadingPlan, tlv};
use egate::devices::card::vpcd::{PORT, VirtualCard};
use egate::devices::card::{Oddity, SoftwarePassport};
use egate::devices::{CardFault, ChipReader, PcscReader, read_chip};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const INSIDE: &str = "EGATE_TEST_IN_OWN_NAMESPACE";
const KEY: &str = "L898902C3674081221204159";
/// Long for any machine; nothing here waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_passport_is_read_through_pcscd_and_comes_and_goes() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    if let Some(why) = missing() {
        eprintln!("SKIPPED: reading through pcscd: {why}");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let name = "a_passport_is_read_through_pcscd_and_comes_and_goes";
    let status = own_namespace()
        .arg(r#"mount -t tmpfs none /run && ip link set lo up && exec "$@""#)
        .args(["sh".as_ref(), this.as_os_str()])
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "in its own namespace the test ended with {status}");
}

/// A shell in namespaces of its own, all of whose processes end with it.
fn own_namespace() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c"]);
    command
}

fn missing() -> Option<String> {
    let driver = ["/usr/lib/pcsc/drivers/serial/libifdvpcd.so", "/etc/reader.conf.d/vpcd"];
    if !driver.iter().all(|file| std::path::Path::new(file).exists()) {
        return Some("the virtual reader (vsmartcard-vpcd) is not installed".to_owned());
    }
    if pcscd("--version").stdout(Stdio::null()).status().is_err() {
        return Some("pcscd is not installed".to_owned());
    }
    let tried = own_namespace().arg("mount -t tmpfs none /run && ip link set lo up").output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

fn pcscd(argument: &str) -> Command {
    let mut command = Command::new("/usr/sbin/pcscd");
    command.arg(argument);
    command
}

/// The service, which ends with this.
struct Service(Child);

impl Service {
    fn start() -> Service {
        let child = pcscd("--foreground").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Service(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn inside() {
    let mut reader = PcscReader::open(Some("Virtual PCD"));
    assert!(matches!(reader.wait_for_card(Duration::ZERO), Err(CardFault::Reader(_))), "no service yet");
    let service = Service::start();
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "an empty field");
    assert!(reader.wait_for_card(Duration::from_millis(20)).unwrap().is_none());

    let on_the_reader = put_down_soon(None);
    read_whole(&mut reader, "through pcscd");
    let mut card = reader.wait_for_card(PATIENCE).unwrap().unwrap();
    assert!(card.transmit(&[0, 0xA4, 4, 0x0C, 7, 0xA0, 0, 0, 2, 0x47, 0x10, 1]).is_ok());
    assert_eq!(on_the_reader.join().unwrap().remove().unwrap().failed_attempts(), 0);
    assert_eq!(card.transmit(&[0, 0x84, 0, 0, 8]), Err(CardFault::Removed));
    assert_eq!(card.transmit(&[0, 0x84, 0, 0, 8]), Err(CardFault::Removed), "and stays so");
    drop(card);
    assert!(reader.wait_for_removal(PATIENCE).unwrap());

    let odd = put_down_soon(Some(Oddity::BareRefusalBeyond(200)));
    read_whole(&mut reader, "through pcscd, from a chip that refuses long reads");
    drop(odd.join().unwrap());

    drop(service);
    let fault = reader.wait_for_card(Duration::from_millis(20)).map(|card| card.is_some());
    assert!(matches!(fault, Err(CardFault::Reader(_))), "{fault:?}");
    let _service = Service::start();
    assert!(reader.wait_for_removal(PATIENCE).unwrap(), "the service is found again");
    let _again = put_down_soon(None);
    read_whole(&mut reader, "through pcscd after its restart");
}

/// Puts a passport on the virtual reader as soon as that listens.
fn put_down_soon(oddity: Option<Oddity>) -> thread::JoinHandle<VirtualCard> {
    let passport = move || {
        let passport = SoftwarePassport::new(files(), KEY, 11);
        oddity.into_iter().fold(passport, SoftwarePassport::with_oddity)
    };
    thread::spawn(move || {
        for _ in 0..100 {
            match VirtualCard::insert(passport(), (Ipv4Addr::LOCALHOST, PORT)) {
                Ok(card) => return card,
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        panic!("the virtual reader does not listen");
    })
}

fn read_whole(reader: &mut PcscReader, how: &str) {
    let mut card = reader.wait_for_card(PATIENCE).unwrap().expect("a card");
    let begin = Instant::now();
    let random = ChipRandom((0..=255).collect());
    let mut session = ChipSession::new(AccessKey::Mrz(KEY.into()), ReadingPlan::default(), random);
    let reading = read_chip(card.as_mut(), &mut session).unwrap();
    assert_eq!(reading.files, files());
    eprintln!("{how}: {} exchanges in {:?}", session.exchanges(), begin.elapsed());
}

fn files() -> BTreeMap<FileId, Vec<u8>> {
    let lines =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    let image: Vec<u8> = [0xFF, 0xD8, 0xFF].into_iter().chain((0..20_000).map(|n| (n % 253) as u8)).collect();
    BTreeMap::from([
        (FileId::Com, encode_com(&[1, 2])),
        (FileId::Sod, tlv::encode(0x77, &vec![0x30; 1_800])),
        (FileId::Dg(1), encode_dg1(&lines)),
        (FileId::Dg(2), encode_dg2(&image, Media::Jpeg)),
    ])
}
