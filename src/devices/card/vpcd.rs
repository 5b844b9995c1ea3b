//! A software passport behind pcscd: plugs into the virtual reader of the vsmartcard project (`vpcd`),
//! so that the real PC/SC service and driver lie between lane and card.
//!
//! The reader listens on TCP; the card connects. Each message is its length in two bytes, high byte
//! first, and so many bytes. From the reader, one byte is an order, more are a command APDU. Only a
//! command and the order for the answer to reset are answered, after the time that the card says it takes.

use super::{Exchange, SoftwarePassport};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread::{self, JoinHandle};

/// Port on which the virtual reader's first slot listens.
pub const PORT: u16 = 0x8C7B;

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GIVE_ATR: u8 = 4;

/// A passport that lies on the virtual reader until it is taken away or dropped.
pub struct VirtualCard {
    stream: TcpStream,
    thread: Option<JoinHandle<SoftwarePassport>>,
}

impl VirtualCard {
    /// Puts a passport on the virtual reader at an address; one card at a time.
    ///
    /// # Errors
    /// When no virtual reader listens there.
    pub fn insert(passport: SoftwarePassport, address: impl ToSocketAddrs) -> io::Result<VirtualCard> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let serving = stream.try_clone()?;
        let thread = thread::Builder::new().name("passport".to_owned()).spawn(move || {
            let mut passport = passport;
            // Ends when the reader hangs up or the card is taken away; either is no fault.
            if let Err(error) = serve(&serving, &mut passport) {
                tracing::debug!(%error, "virtual card ended");
            }
            passport
        })?;
        Ok(VirtualCard { stream, thread: Some(thread) })
    }

    /// Takes the passport away and gives it back; `None` when its thread failed.
    pub fn remove(mut self) -> Option<SoftwarePassport> {
        self.take_away()
    }

    fn take_away(&mut self) -> Option<SoftwarePassport> {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.take()?.join().ok()
    }
}

impl Drop for VirtualCard {
    fn drop(&mut self) {
        self.take_away();
    }
}

/// Answers the reader until it hangs up.
///
/// # Errors
/// When the connection breaks.
fn serve(mut stream: &TcpStream, passport: &mut SoftwarePassport) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        receive(stream, &mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        receive(stream, &mut message)?;
        let answer = match message.as_slice() {
            [POWER_OFF | POWER_ON | RESET] => {
                passport.reset();
                continue;
            }
            [GIVE_ATR] => passport.atr(),
            [] | [_] => continue,
            command => {
                let Exchange { answer, took } = passport.exchange(command);
                thread::sleep(took);
                // A card that has left the field leaves the connection.
                let Some(answer) = answer else { return Ok(()) };
                answer
            }
        };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_all(&[length.to_be_bytes().as_slice(), &answer].concat())?;
    }
}

fn receive(mut stream: &TcpStream, room: &mut [u8]) -> io::Result<()> {
    stream.read_exact(room)?;
    // The reader sends length and content apart and waits for the acknowledgement between: without this
    // every exchange takes 40 ms more. The setting holds for one receipt only.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_quickack(true)?;
    Ok(())
}
