//! The driver: a serial line, opened again whenever it vanishes.

use super::{Deframer, FramingProfile};
use crate::devices::serial::{Line, LineFault, SerialSettings};
use crate::devices::{MrzFault, MrzReader};
use serde::{Deserialize, Serialize};
use serialport::SerialPort;
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// Frames read and not yet asked for; older ones are forgotten, the newest document counts.
const READY_MOST: usize = 2;
/// A line that cannot be opened is tried again after this long, so that a caller in a loop does not spin.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);

/// The reader of printed lines in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MrzReaderSettings {
    /// The line to the reader.
    pub line: SerialSettings,
    /// How the reader frames its lines.
    #[serde(default)]
    pub framing: FramingProfile,
    /// Milliseconds in which the same lines again are one reading, not two; 0 hands on every frame.
    #[serde(default = "default_repeat_ms")]
    pub repeat_ms: u64,
}

fn default_repeat_ms() -> u64 {
    500
}

impl MrzReaderSettings {
    /// The defaults on this port: 115,200 bits per second, bare lines.
    pub fn new(port: impl Into<String>) -> Self {
        MrzReaderSettings {
            line: SerialSettings::new(port),
            framing: FramingProfile::default(),
            repeat_ms: default_repeat_ms(),
        }
    }
}

/// A reader of printed lines on a serial line.
pub struct SerialMrzReader {
    settings: MrzReaderSettings,
    line: Option<Box<dyn SerialPort>>,
    deframer: Deframer,
    heard: Instant,
    ready: VecDeque<Vec<String>>,
    last: Option<(Vec<String>, Instant)>,
    bytes: u64,
}

/// What came over the line since it was opened; for finding out why nothing is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineHeard {
    /// Bytes, noise included.
    pub bytes: u64,
    /// Frames whose check byte was wrong.
    pub damaged: u64,
}

impl SerialMrzReader {
    /// Opens the line and forgets what was sent before.
    ///
    /// # Errors
    /// When the port cannot be opened or the framing cannot work.
    pub fn open(settings: MrzReaderSettings) -> Result<Self, MrzFault> {
        let deframer = Deframer::new(settings.framing.clone())?;
        let mut reader = SerialMrzReader {
            settings,
            line: None,
            deframer,
            heard: Instant::now(),
            ready: VecDeque::new(),
            last: None,
            bytes: 0,
        };
        reader.connect().map_err(|error| reader.fault(&error))?;
        Ok(reader)
    }

    /// What came over the line so far.
    pub fn heard(&self) -> LineHeard {
        LineHeard { bytes: self.bytes, damaged: self.deframer.damaged() }
    }

    fn connect(&mut self) -> io::Result<()> {
        if self.line.is_none() {
            let mut line = self.settings.line.open()?;
            Line::discard(&mut line)?;
            self.deframer.silence();
            self.line = Some(line);
        }
        Ok(())
    }

    /// Hears for at most `patience` and takes what came.
    fn hear(&mut self, patience: Duration) -> io::Result<()> {
        self.connect()?;
        let Some(line) = &mut self.line else { return Ok(()) };
        let idle = Duration::from_millis(self.settings.framing.idle_ms);
        let pending = self.deframer.pending();
        let patience =
            if pending { patience.min(idle.saturating_sub(self.heard.elapsed())) } else { patience };
        let mut arriving = [0u8; 512];
        let count = line.receive(&mut arriving, patience)?;
        if count == 0 {
            if pending && self.heard.elapsed() >= idle {
                let frame = self.deframer.silence();
                frame.into_iter().for_each(|lines| self.take(lines));
            }
            return Ok(());
        }
        self.heard = Instant::now();
        self.bytes = self.bytes.saturating_add(count as u64);
        let frames = self.deframer.push(arriving.get(..count).unwrap_or_default());
        frames.into_iter().for_each(|lines| self.take(lines));
        Ok(())
    }

    /// Keeps a frame unless it is the one before, sent again.
    fn take(&mut self, lines: Vec<String>) {
        let window = Duration::from_millis(self.settings.repeat_ms);
        let now = Instant::now();
        let repeated = self.last.as_ref().is_some_and(|(last, when)| *last == lines && now - *when < window);
        self.last = Some((lines.clone(), now));
        if !repeated {
            self.ready.push_back(lines);
            if self.ready.len() > READY_MOST {
                self.ready.pop_front();
            }
        }
    }

    fn fault(&self, error: &io::Error) -> MrzFault {
        LineFault::new(&self.settings.line.port, error).into()
    }
}

impl MrzReader for SerialMrzReader {
    fn next_lines(&mut self, patience: Duration) -> Result<Option<Vec<String>>, MrzFault> {
        let begun = Instant::now();
        loop {
            if let Some(lines) = self.ready.pop_front() {
                return Ok(Some(lines));
            }
            let left = patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            if let Err(error) = self.hear(left) {
                self.line = None;
                std::thread::sleep(left.min(REOPEN_PAUSE));
                return Err(self.fault(&error));
            }
        }
    }
}
