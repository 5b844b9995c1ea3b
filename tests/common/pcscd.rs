//! The real PC/SC service with its virtual reader, for tests.
//!
//! pcscd is one for a machine and its virtual reader listens on all addresses, so that a test runs
//! itself again in mount, network and process namespaces of its own. Where these, pcscd or the virtual
//! reader are not to be had, it says so and passes.
#![allow(dead_code, unreachable_pub, missing_docs)]

use egate::devices::card::SoftwarePassport;
use egate::devices::card::vpcd::{PORT, VirtualCard};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const INSIDE: &str = "EGATE_TEST_IN_OWN_NAMESPACE";

/// Runs the test of this name once more where it has pcscd's sockets and ports to itself, and there what it
/// is to do.
pub fn in_own_namespace(name: &str, inside: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    if let Some(why) = missing() {
        eprintln!("SKIPPED: {name}: {why}");
        return;
    }
    let this = std::env::current_exe().unwrap();
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
pub struct Service(Child);

impl Service {
    pub fn start() -> Service {
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

/// Puts a passport on the virtual reader as soon as that listens.
pub fn put_down_soon(passport: impl Fn() -> SoftwarePassport + Send + 'static) -> JoinHandle<VirtualCard> {
    put_down_soon_on(0, passport)
}

/// The same on one of the virtual readers, from 0: each listens on a port of its own.
pub fn put_down_soon_on(
    reader: u16,
    passport: impl Fn() -> SoftwarePassport + Send + 'static,
) -> JoinHandle<VirtualCard> {
    thread::spawn(move || {
        for _ in 0..100 {
            match VirtualCard::insert(passport(), (Ipv4Addr::LOCALHOST, PORT + reader)) {
                Ok(card) => return card,
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        panic!("the virtual reader does not listen");
    })
}
