//! What each device gives, in what order, within what time, and how it fails.

use crate::passage::{GateCommand, GateState, Prompt};
use crate::policy::ExitToken;
use image::RgbImage;
use std::time::{Duration, Instant};

/// A chip in the field. One command, one answer; no command is repeated by the driver.
pub trait Card: Send {
    /// Sends a command APDU, gives the answer with its status word. Bounded by the reader's own time-out.
    ///
    /// # Errors
    /// When the chip left the field or the reader failed.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardFault>;
    /// Has the chip begin anew: resets it, or waits a moment for it when it has left the field.
    ///
    /// # Errors
    /// When it does not come again, or the reader cannot wait for it.
    fn reset(&mut self) -> Result<(), CardFault> {
        Err(CardFault::Removed)
    }
}

/// Why a command got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardFault {
    /// The chip left the field.
    #[error("the chip left the reader's field")]
    Removed,
    /// The reader or its service failed.
    #[error("reader failed: {0}")]
    Reader(String),
}

/// A chip reader.
pub trait ChipReader: Send {
    /// Waits for a chip, at most `patience`; `None` when none came.
    ///
    /// # Errors
    /// When the reader is gone; calling again tries to find it.
    fn wait_for_card(&mut self, patience: Duration) -> Result<Option<Box<dyn Card>>, CardFault>;
    /// Waits until no chip is in the field, at most `patience`; `true` when the field is empty.
    ///
    /// # Errors
    /// When the reader is gone; calling again tries to find it.
    fn wait_for_removal(&mut self, patience: Duration) -> Result<bool, CardFault>;
}

/// Reader of printed lines.
pub trait MrzReader: Send {
    /// Waits for the next whole frame, at most `patience`; `None` when none came. Noise is skipped.
    ///
    /// # Errors
    /// When the line is gone; calling again tries to open it.
    fn next_lines(&mut self, patience: Duration) -> Result<Option<Vec<String>>, MrzFault>;
}

/// Why no lines come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MrzFault {
    /// The line cannot be opened or broke.
    #[error("line {port}: {what}")]
    Line {
        /// Port.
        port: String,
        /// What the system said.
        what: String,
    },
}

/// One picture with the time at which it was taken.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Rising, gaps allowed.
    pub sequence: u64,
    /// When it was taken.
    pub captured: Instant,
    /// Upright, RGB.
    pub picture: RgbImage,
    /// The bytes it came in, if it came compressed (JPEG): kept as evidence without a second encoding.
    pub jpeg: Option<Vec<u8>>,
}

/// A camera. The newest frame wins, none queue up.
pub trait Camera: Send {
    /// Waits for a frame newer than any given before, at most `patience`.
    ///
    /// # Errors
    /// When none came in time or the camera is gone.
    fn next_frame(&mut self, patience: Duration) -> Result<Frame, CameraFault>;
}

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraFault {
    /// No new frame in time: dark, frozen or disconnected.
    #[error("no new picture within {0:?}")]
    Silent(Duration),
    /// The camera failed.
    #[error("camera failed: {0}")]
    Failed(String),
}

/// A gate controller. It owns interlock and watchdog; the lane asks for its state in a steady rhythm.
pub trait Gate: Send {
    /// Reads all inputs at once and renews the watchdog.
    ///
    /// # Errors
    /// When the controller did not answer in its deadline.
    fn state(&mut self) -> Result<GateState, GateFault>;
    /// Gives one command; taken when it returns, carried out when the state says so.
    ///
    /// # Errors
    /// When the controller did not answer or refused.
    fn command(&mut self, command: GateCommand) -> Result<(), GateFault>;
    /// Opens the exit. Takes policy's token, so that nothing else can.
    ///
    /// # Errors
    /// When the controller did not answer or refused.
    fn open_exit(&mut self, token: ExitToken) -> Result<(), GateFault>;
}

/// Why the gate did not do as told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateFault {
    /// No valid answer in the deadline.
    #[error("no answer from the gate controller: {0}")]
    Silent(String),
    /// The controller refused, with its exception code or result.
    #[error("the gate controller refused: {0}")]
    Refused(String),
}

/// The traveller's screen.
pub trait Screen: Send + Sync {
    /// Shows one instruction in place of the one before. Never waits.
    fn show(&self, prompt: Prompt);
    /// Whose document lies on the reader, by its issuing state (Doc 9303-3 §5): the first guess of a language.
    /// Never waits.
    fn meet(&self, issuing_state: &str);
    /// Shows the live view's newest picture while capturing (JPEG), `None` ends it. Never waits.
    fn live_view(&self, jpeg: Option<Vec<u8>>);
}
