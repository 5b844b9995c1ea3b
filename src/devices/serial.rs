//! Serial lines: their settings, and the little that drivers need of one.
//!
//! [`SerialSettings`] is what a lane's settings say of a port; [`SerialSettings::open`] gives a
//! [`Line`]. A pseudo-terminal is a line like any other: it takes every rate, reads parity back as
//! none, and knows no hardware flow control, so nothing here insists on having those confirmed.

use serde::{Deserialize, Serialize};
use serialport::{ClearBuffer, SerialPort};
use std::io;
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
