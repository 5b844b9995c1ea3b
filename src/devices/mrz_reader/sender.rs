//! A reader to be driven: sends frames into a pseudo-terminal, by the same profile as the driver reads.

use super::FramingProfile;
use crate::devices::serial::Line;
use serialport::{SerialPort, TTYPort};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The sending end. Clones send on the same line; when the last is dropped the line vanishes, as pulling
/// the plug does.
#[derive(Clone)]
pub struct MrzSender {
    profile: FramingProfile,
    port: String,
    line: Arc<Mutex<Box<dyn SerialPort>>>,
    /// Held open so that the driver's end can be opened and shut without the line breaking.
    _lane_end: Arc<TTYPort>,
}

impl MrzSender {
    /// Opens a line of its own.
    ///
    /// # Errors
    /// When the system has no pseudo-terminal left.
    pub fn start(profile: FramingProfile) -> io::Result<Self> {
        let (sender_end, lane_end) = TTYPort::pair()?;
        let port = lane_end.name().ok_or_else(|| io::Error::other("a pseudo-terminal without a name"))?;
        Ok(MrzSender {
            profile,
            port,
            line: Arc::new(Mutex::new(Box::new(sender_end))),
            _lane_end: Arc::new(lane_end),
        })
    }

    /// Path of the driver's end, for [`super::MrzReaderSettings::new`].
    pub fn port_name(&self) -> &str {
        &self.port
    }

    /// Sends one frame with these lines, as a reader does when a document is placed on it.
    ///
    /// # Errors
    /// When the line takes no bytes.
    pub fn send(&self, lines: &[&str]) -> io::Result<()> {
        self.send_bytes(&self.profile.frame(lines))
    }

    /// Sends bytes as they are: noise, half a frame.
    ///
    /// # Errors
    /// When the line takes no bytes.
    pub fn send_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).send(bytes)
    }
}
