//! What each device gives, in what order, within what time, and how it fails.

use super::gate::registers::BlockFault;
use super::mrz_reader::ProfileFault;
use super::serial::LineFault;
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
///
/// **Gives** a conversation with the chip that lies in its field: one command, one answer, in order, none repeated.
/// **Order**: a card that was taken away is gone for good, also when it, or another, lies there again at once; what lay
/// there before the reader was asked is found. **Time**: the waits return within `patience`, at once when it is so
/// already, and sleep in between; an answer takes at most the reader's own limit. **Faults**: [`CardFault::Removed`]
/// when the chip left the field, [`CardFault::Reader`] when reader or service are gone; both may come back at any time
/// (hot-plug, restart of the service) and are found again by asking again.
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
///
/// **Gives** whole frames of 1 to 4 lines, unparsed, in the order in which they were read: each reading once, however
/// often the reader repeats it. **Order**: the two newest frames that nobody asked for wait, older ones are forgotten;
/// what was sent before the reader was opened is never given. **Time**: returns within `patience` and at once when a
/// frame is ready; half a frame is over after the profile's silence. **Noise**, damaged frames and frames of another
/// framing give nothing.
pub trait MrzReader: Send {
    /// Waits for the next whole frame, at most `patience`; `None` when none came. Noise is skipped.
    ///
    /// # Errors
    /// When the line is gone; calling again tries to open it, with a pause, so that a caller in a loop does not spin.
    fn next_lines(&mut self, patience: Duration) -> Result<Option<Vec<String>>, MrzFault>;
}

/// Why no lines come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MrzFault {
    /// The line cannot be opened or broke.
    #[error("MRZ reader: {0}")]
    Line(#[from] LineFault),
    /// The framing in the settings cannot work.
    #[error("MRZ reader: {0}")]
    Framing(#[from] ProfileFault),
}

impl MrzFault {
    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            MrzFault::Line(fault) => fault.mend(),
            MrzFault::Framing(_) => "mend [mrz_reader.framing]; hardware/mrz-*.toml are profiles that work",
        }
    }
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

/// A camera.
///
/// **Gives** upright RGB pictures with the time at which they were taken. **Order**: sequence and capture time rise
/// with every frame; whoever is slow misses frames. **Time**: returns within `patience`; no frame is given twice, not even
/// when the camera sends it again, none queue up, and none is older than half a second. **Damaged** pictures are passed over. A camera that broke off is
/// found again by itself while it is asked.
pub trait Camera: Send {
    /// Waits for a frame newer than any given before, at most `patience`.
    ///
    /// # Errors
    /// When none came in time, the same one comes again and again, or the camera is gone.
    fn next_frame(&mut self, patience: Duration) -> Result<Frame, CameraFault>;
}

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraFault {
    /// No new picture in time: the camera is dark or hangs.
    #[error("no new picture within {0:?}")]
    Silent(Duration),
    /// The same picture over and over.
    #[error("the same picture for more than {0:?}")]
    Frozen(Duration),
    /// It cannot be opened, or broke off.
    #[error("camera gone: {0}")]
    Gone(String),
    /// Bytes came that are no picture, until the end of the patience.
    #[error("no picture can be decoded: {0}")]
    Picture(String),
    /// The settings ask for what cannot be.
    #[error("camera settings: {0}")]
    Settings(String),
}

impl CameraFault {
    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            CameraFault::Silent(_) => {
                "check the camera's supply, lens cap and load; unplug it and plug it in again"
            }
            CameraFault::Frozen(_) => "the camera hangs: switch it off and on",
            CameraFault::Gone(_) => "check cable, network, address or path, and who may open it",
            CameraFault::Picture(_) => "check the cable; set the camera to motion JPEG of usual quality",
            CameraFault::Settings(_) => "mend the table [camera] as hardware/devices.toml shows it",
        }
    }
}

/// A gate controller. It owns interlock and watchdog; the lane asks for its state in a steady rhythm.
///
/// **Gives** all inputs of one moment, never older than the call. **Order**: commands are carried out in the order
/// given, each once, however often the line repeats it. **Time**: every call returns within three times the settings'
/// answer time for each of its few questions; a lane that does not call for the watchdog's time finds both doors shut.
/// **Unknown** stays unknown: contacts that contradict each other, wires that are broken and sensors that do not say
/// never read as shut, empty or well.
pub trait Gate: Send {
    /// Reads all inputs at once and renews the watchdog.
    ///
    /// # Errors
    /// When the controller did not answer in its deadline, or stands still.
    fn state(&mut self) -> Result<GateState, GateFault>;
    /// Gives one command; taken when it returns, carried out when the state says so.
    ///
    /// # Errors
    /// When the controller did not answer or refused; nobody can then say whether it happened.
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
    /// The line cannot be opened or broke.
    #[error("gate: {0}")]
    Line(#[from] LineFault),
    /// No valid answer in the deadline.
    #[error("no answer from the gate controller: {0}")]
    Silent(String),
    /// Its line answers, but its control loop does not go on.
    #[error("the gate controller stands still for {0:?}, though its line answers")]
    Frozen(Duration),
    /// It speaks another register map.
    #[error("the gate controller speaks otherwise: {0}")]
    Map(#[from] BlockFault),
    /// The controller refused, with its exception code or result.
    #[error("the gate controller refused: {0}")]
    Refused(String),
    /// The settings ask for what cannot be.
    #[error("gate settings: {0}")]
    Settings(String),
}

impl GateFault {
    /// What to do about it.
    pub fn mend(&self) -> &'static str {
        match self {
            GateFault::Line(fault) => fault.mend(),
            GateFault::Silent(_) => {
                "check the controller's supply, A and B, termination, baud, unit and answer_ms"
            }
            GateFault::Frozen(_) => "restart the controller; its program hangs",
            GateFault::Map(_) => "load the controller's program for the register map of version 1",
            GateFault::Refused(_) => "free the emergency stop, turn the key to automatic, shut both doors",
            GateFault::Settings(_) => "mend the table [gate] as hardware/devices.toml shows it",
        }
    }
}

/// The traveller's screen.
///
/// **Gives** one instruction at a time; the last one counts, and one that nobody saw is not made up for. **Time**: no
/// call waits for whoever looks. **Faults**: none to the lane; a page that does not hear the lane says by itself, within
/// two seconds, to wait for an officer.
pub trait Screen: Send + Sync {
    /// Shows one instruction in place of the one before. Never waits.
    fn show(&self, prompt: Prompt);
    /// Whose document lies on the reader, by its issuing state (Doc 9303-3 §5): the first guess of a language.
    /// Never waits.
    fn meet(&self, issuing_state: &str);
    /// Shows the live view's newest picture while capturing (JPEG), `None` ends it. Never waits.
    fn live_view(&self, jpeg: Option<Vec<u8>>);
}
