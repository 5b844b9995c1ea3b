//! The cable between lane and central: bytes go through until somebody holds or pulls it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often a held cable looks whether it is let go.
const ROUND: Duration = Duration::from_millis(10);

pub(crate) struct Cable {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    held: AtomicBool,
    pulled: AtomicBool,
}

impl Cable {
    /// A cable to `https://localhost:PORT`.
    pub(crate) fn to(url: &str) -> Cable {
        let to: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for lane in listener.incoming().map_while(Result::ok) {
                if shared.pulled.load(Ordering::Relaxed) {
                    continue;
                }
                let Ok(central) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
                for (from, into) in [(&lane, &central), (&central, &lane)] {
                    let (from, into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    let state = shared.clone();
                    thread::spawn(move || carry(from, into, &state));
                }
            }
        });
        Cable { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Nothing goes through, though the line stands; or goes on where it stood still.
    pub(crate) fn hold(&self, held: bool) {
        self.state.held.store(held, Ordering::Relaxed);
    }

    /// Breaks every connection and takes no new one; or is plugged in again.
    pub(crate) fn pull(&self, pulled: bool) {
        self.state.pulled.store(pulled, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, state: &State) {
    let mut bytes = [0; 16 << 10];
    let _ = from.set_read_timeout(Some(ROUND));
    while !state.pulled.load(Ordering::Relaxed) {
        if state.held.load(Ordering::Relaxed) {
            thread::sleep(ROUND);
            continue;
        }
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        while state.held.load(Ordering::Relaxed) && !state.pulled.load(Ordering::Relaxed) {
            thread::sleep(ROUND);
        }
        if into.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = into.shutdown(Shutdown::Both);
}
