//! A PostgreSQL cluster of the tests' own, in a temporary folder, gone at the end.

use egate::central::store::PostgresSettings;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How often it is asked whether the server is up, a twentieth of a second apart.
const ASKS_MOST: usize = 600;

pub struct Cluster {
    pub folder: TempDir,
    bin: PathBuf,
    server: Child,
    /// Part of the socket's name.
    port: u16,
    /// Databases made so far.
    made: usize,
}

impl Cluster {
    /// Starts a server on a socket; `None`, with a word, where there is no PostgreSQL.
    pub fn start() -> Option<Cluster> {
        Cluster::start_with(&[])
    }

    /// The same with further settings of the server.
    pub fn start_with(settings: &[&str]) -> Option<Cluster> {
        let Some(bin) = newest_bin() else {
            assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "PostgreSQL is not installed");
            eprintln!("skipped: PostgreSQL is not installed (setup/system.sh --tests)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("egate-pg").tempdir_in("/tmp").unwrap();
        give_to_server(folder.path());
        let data = folder.path().join("data");
        let made = as_server(&bin.join("initdb"))
            .args(["--no-sync", "-A", "trust", "-U", "egate", "--locale=C.UTF-8", "-E", "UTF8", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = as_server(&bin.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in ["fsync=off", "listen_addresses=", "max_connections=200"].iter().chain(settings) {
            server.args(["-c", setting]);
        }
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let port = settings.iter().find_map(|setting| setting.strip_prefix("port=")?.parse().ok());
        let cluster = Cluster { folder, bin, server, port: port.unwrap_or(5432), made: 0 };
        let up = || cluster.run("postgres", "SELECT 1").is_ok();
        assert!((0..ASKS_MOST).any(|_| up() || wait()), "the server does not come up");
        Some(cluster)
    }

    /// Settings of a new, empty database.
    pub fn database(&mut self) -> PostgresSettings {
        self.made += 1;
        let name = format!("egate{}", self.made);
        self.run("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        self.settings(&name)
    }

    pub fn settings(&self, name: &str) -> PostgresSettings {
        let postgres = format!("host={} user=egate dbname={name}", self.folder.path().display());
        PostgresSettings { postgres, password_file: None, authority: None }
    }

    /// The name of the database made last.
    pub fn last(&self) -> String {
        format!("egate{}", self.made)
    }

    /// Runs SQL; gives what it prints.
    pub fn run(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(self.bin.join("psql"))
            .args(["-p", &self.port.to_string()])
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "egate", "-d", database, "-h"])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that finds no server ends without reading; what it says comes below.
        let _ = psql.stdin.take().unwrap().write_all(sql.as_bytes());
        let done = psql.wait_with_output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.server.id().try_into().unwrap());
        // Fast shutdown: connections are cut.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        let _ = self.server.wait();
    }
}

fn wait() -> bool {
    std::thread::sleep(Duration::from_millis(50));
    false
}

fn newest_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    bins.filter(|bin| bin.join("initdb").exists()).max()
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The server refuses to run as root: then it runs as the user of its package. It ends with the test.
fn as_server(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--pdeathsig=INT").arg(program);
    command
}

/// Lets the server use a file or folder.
pub fn give_to_server(path: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("postgres:postgres").arg(path).status().unwrap().success());
    }
}
