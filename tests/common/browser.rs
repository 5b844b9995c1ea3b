//! A real browser for the tests of the pages: Chromium by its WebDriver, fresh profile, no network of its own.
//!
//! ```ignore
//! let Some(browser) = Browser::start().await else { return }; // prints SKIPPED and why
//! browser.viewport(1080, 1920).await;
//! browser.client.goto("http://127.0.0.1:…/").await.unwrap();
//! browser.save("screen-wait-en").await; // target/screenshots/screen-wait-en.png
//! browser.stop().await;
//! ```

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the driver may take to say its port.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Nothing that Chromium would do of its own accord: no first-run pages, updates, or background traffic.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
];

/// A running browser with one session. Dropping it ends driver and browser.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
    driver: Child,
    port: u16,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts driver and browser; `None`, after saying SKIPPED and why, where they are not installed.
    /// Self-signed server certificates are accepted: the tests make their own.
    pub async fn start() -> Option<Browser> {
        let (Some(driver_path), Some(browser_path)) =
            (find("EGATE_CHROMEDRIVER", "chromedriver"), find("EGATE_CHROMIUM", "chromium"))
        else {
            assert!(
                std::env::var_os("EGATE_ALL_TESTS").is_none(),
                "set-up provides everything: SKIPPED is a failure"
            );
            println!("SKIPPED: chromium and chromedriver are not installed");
            return None;
        };
        let mut driver = Command::new(driver_path)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = port_of(&mut driver);
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wishes = json!({
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": flags, "binary": browser_path },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(wishes) = wishes else { unreachable!() };
        let session =
            ClientBuilder::native().capabilities(wishes).connect(&format!("http://127.0.0.1:{port}")).await;
        let client = match session {
            Ok(client) => client,
            Err(error) => {
                let _ = driver.kill();
                let _ = driver.wait();
                panic!("no browser session: {error}");
            }
        };
        Some(Browser { client, driver, port, _profile: profile })
    }

    /// Makes the page's visible area exactly this large, also smaller than a window can be.
    pub async fn viewport(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tool("Emulation.setDeviceMetricsOverride", metrics).await;
        let met = format!("innerWidth === {width} && innerHeight === {height}");
        self.until(&met, Duration::from_secs(10)).await;
    }

    /// Pages see a traveller who wants less motion.
    pub async fn reduce_motion(&self) {
        let features = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        self.tool("Emulation.setEmulatedMedia", features).await;
    }

    /// Pages see a system that wishes "light" or "dark".
    pub async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tool("Emulation.setEmulatedMedia", features).await;
    }

    /// Fails the test when axe-core finds a fault of accessibility on the page, WCAG 2.2 AA and its makers' best
    /// practices; skips, with a word, where set-up has not fetched it.
    pub async fn accessible(&self, what: &str) {
        let file = var().join("checks/axe.min.js");
        let Ok(axe) = std::fs::read_to_string(&file) else {
            assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "set-up provides {}", file.display());
            println!("SKIPPED: {} is not there (make setup)", file.display());
            return;
        };
        if self.value("typeof window.axe === 'undefined'").await == Value::Bool(true) {
            self.client.execute(&axe, Vec::new()).await.unwrap();
        }
        let script = "const done = arguments[arguments.length - 1];
            const options = { resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } };
            axe.run(document, options).then(found => done(found.violations.map(v =>
                `${v.id} (${v.impact}): ${v.help}: ` + v.nodes.slice(0, 5).map(n => `${n.html} [${n.failureSummary}]`).join(' ; '))),
                error => done([String(error)]));";
        let found = self.client.execute_async(script, Vec::new()).await.unwrap();
        assert_eq!(found, json!([]), "{what}");
    }

    /// One command of the browser's own tools, by the driver.
    async fn tool(&self, command: &str, parameters: Value) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let session = self.client.session_id().await.unwrap().expect("a session");
        let body = json!({ "cmd": command, "params": parameters }).to_string();
        let address = ("127.0.0.1", self.port);
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /session/{session}/goog/cdp/execute HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        // The driver keeps the connection open: the first bytes say whether it did it.
        let mut answer = [0u8; 1_024];
        let reading = tokio::time::timeout(START_PATIENCE, stream.read(&mut answer));
        let count = reading.await.expect("the driver answers").unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{command}: {answer}");
    }

    /// Waits until this JavaScript expression is true on the page; fails the test after `patience`.
    pub async fn until(&self, expression: &str, patience: Duration) {
        let begun = Instant::now();
        loop {
            let script = format!("return Boolean({expression})");
            if self.client.execute(&script, Vec::new()).await.ok() == Some(Value::Bool(true)) {
                return;
            }
            assert!(begun.elapsed() < patience, "not true within {patience:?}: {expression}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// The value of a JavaScript expression on the page.
    pub async fn value(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression}"), Vec::new()).await.unwrap()
    }

    /// Keeps a picture of the page as `target/screenshots/NAME.png`, to be looked at.
    pub async fn save(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await.unwrap()).unwrap();
        path
    }

    /// Ends the session in order.
    pub async fn stop(self) {
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browsers when it is told to end; killing it outright would leave them behind.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.driver.id() as i32),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.driver.wait();
    }
}

/// The program named by the environment variable, or by name in the search path.
fn find(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Where set-up puts what it fetches.
fn var() -> PathBuf {
    std::env::var_os("EGATE_VAR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("var"), PathBuf::from)
}

/// The free port that the driver chose, from its own words.
fn port_of(driver: &mut Child) -> u16 {
    let output = driver.stdout.take().expect("piped");
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let _ = say.send(digits.parse::<u16>());
            }
        }
    });
    hear.recv_timeout(START_PATIENCE).expect("chromedriver says its port").expect("a port")
}
