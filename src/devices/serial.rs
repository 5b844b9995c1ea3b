//! Serial lines: their settings, and the little that drivers need of one.
//!
//! [`SerialSettings`] is what a lane's settings say of a port; [`SerialSettings::open`] gives a
//! [`Line`]. A pseudo-terminal is a line like any other: it takes every rate, reads parity back as
//! none, and knows no hardware flow control, so nothing here insists on having those confirmed.

use serde::{Deserialize, Serialize};
use serialport::{ClearBuffer, SerialPort};
use std::io;
use std::path::Path;
use std::time::Duration;

/// One write may take this long before the line counts as broken.
const WRITE_PATIENCE: Duration = Duration::from_millis(500);

/// A byte stream in both directions with a bound on every wait.
pub trait Line: Send {
    /// Waits at most `patience` for the first byte, then gives what is there; 0 when nothing came.
    ///
    /// # Errors
    /// When the line broke.
    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize>;
    /// Sends all bytes.
    ///
    /// # Errors
    /// When the line broke or does not take bytes.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Forgets what has arrived and what was not sent yet.
    ///
    /// # Errors
    /// When the line broke.
    fn discard(&mut self) -> io::Result<()>;
}

impl Line for Box<dyn SerialPort> {
    fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.set_timeout(patience)?;
        match self.read(buffer) {
            Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.set_timeout(WRITE_PATIENCE)?;
        self.write_all(bytes)
    }

    fn discard(&mut self) -> io::Result<()> {
        Ok(self.clear(ClearBuffer::All)?)
    }
}

/// Why a line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// There is no such port.
    #[error("{0}: there is no such port")]
    Missing(String),
    /// This user may not open it.
    #[error("{0}: may not be opened by this user")]
    Denied(String),
    /// Another program has it.
    #[error("{0}: another program has it")]
    Taken(String),
    /// It does not know these settings.
    #[error("{0}: {1}")]
    Settings(String, String),
    /// It broke, or does something else.
    #[error("{0}: {1}")]
    Broken(String, String),
}

impl LineFault {
    /// What the system's error means for this port.
    pub fn new(port: &str, error: &io::Error) -> Self {
        let port = port.to_owned();
        match error.kind() {
            // The serial library says "no device" also of a port that another program has locked.
            io::ErrorKind::NotFound if Path::new(&port).exists() => LineFault::Taken(port),
            io::ErrorKind::NotFound => LineFault::Missing(port),
            io::ErrorKind::PermissionDenied => LineFault::Denied(port),
            io::ErrorKind::ResourceBusy => LineFault::Taken(port),
            io::ErrorKind::InvalidInput => LineFault::Settings(port, error.to_string()),
            _ => LineFault::Broken(port, error.to_string()),
        }
    }

    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            LineFault::Missing(_) => "plug the adapter in; check its udev rule and the port's name",
            LineFault::Denied(_) => "let the lane's user open it: GROUP in the udev rule",
            LineFault::Taken(_) => "stop the other program: `fuser -v PORT` names it",
            LineFault::Settings(..) => "set baud, data_bits, parity and stop_bits as the device has them",
            LineFault::Broken(..) => "check cable, adapter and supply; read `dmesg`",
        }
    }
}

/// A serial port as the lane's settings describe it. Only `port` is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialSettings {
    /// Path of the port; on a real lane a stable name given by udev ("/dev/egate/gate").
    pub port: String,
    /// Bits per second.
    #[serde(default = "default_baud")]
    pub baud: u32,
    /// Data bits, 7 or 8.
    #[serde(default = "default_data_bits")]
    pub data_bits: u8,
    /// Parity bit.
    #[serde(default)]
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    #[serde(default = "default_stop_bits")]
    pub stop_bits: u8,
    /// Handshake by RTS and CTS; most devices have none, and a pseudo-terminal refuses it.
    #[serde(default)]
    pub rts_cts: bool,
}

/// Parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Even parity.
    Even,
    /// Odd parity.
    Odd,
}

fn default_baud() -> u32 {
    115_200
}

fn default_data_bits() -> u8 {
    8
}

fn default_stop_bits() -> u8 {
    1
}

impl SerialSettings {
    /// 115,200 bits per second, 8 data bits, no parity, one stop bit.
    pub fn new(port: impl Into<String>) -> Self {
        SerialSettings {
            port: port.into(),
            baud: default_baud(),
            data_bits: default_data_bits(),
            parity: Parity::None,
            stop_bits: default_stop_bits(),
            rts_cts: false,
        }
    }

    /// As [`SerialSettings::open`], with the fault by its kind.
    ///
    /// # Errors
    /// When it is missing, forbidden, taken, or does not know these settings.
    pub fn open_line(&self) -> Result<Box<dyn SerialPort>, LineFault> {
        self.open().map_err(|error| LineFault::new(&self.port, &error))
    }

    /// Opens the port for this process alone.
    ///
    /// # Errors
    /// When it is missing, taken, or does not know these settings.
    pub fn open(&self) -> io::Result<Box<dyn SerialPort>> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let data_bits = match self.data_bits {
            7 => serialport::DataBits::Seven,
            8 => serialport::DataBits::Eight,
            _ => return Err(invalid("data_bits must be 7 or 8")),
        };
        let stop_bits = match self.stop_bits {
            1 => serialport::StopBits::One,
            2 => serialport::StopBits::Two,
            _ => return Err(invalid("stop_bits must be 1 or 2")),
        };
        let parity = match self.parity {
            Parity::None => serialport::Parity::None,
            Parity::Even => serialport::Parity::Even,
            Parity::Odd => serialport::Parity::Odd,
        };
        let flow = match self.rts_cts {
            true => serialport::FlowControl::Hardware,
            false => serialport::FlowControl::None,
        };
        let port = serialport::new(&self.port, self.baud)
            .data_bits(data_bits)
            .stop_bits(stop_bits)
            .parity(parity)
            .flow_control(flow)
            .open()?;
        Ok(port)
    }
}
