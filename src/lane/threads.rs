//! The devices' threads. Each owns one device, gives inputs, takes orders through a bounded channel, and
//! ends when its lane is gone.

use super::conditions::Conditions;
use super::inputs::{ChipHeard, Faculties, Film, Input, PortraitPicture, hear_chip, understand};
use crate::chip::ChipRandom;
use crate::devices::{Camera, CameraFault, ChipReader, Gate, GateFault, MrzReader, Screen};
use crate::document::Mrz;
use crate::passage::{Event, GateCommand, GateState};
use crate::policy::{Condition, ExitToken};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// Inputs that may wait for the passage's task; a device that is quicker waits itself.
pub(super) const INPUTS_WAITING: usize = 64;
/// Orders that may wait for a device; the passage never gives so many at once.
const ORDERS_WAITING: usize = 32;
/// Rhythm of asking the gate for its state; the controller's watchdog is far longer.
const GATE_RHYTHM: Duration = Duration::from_millis(50);
/// Silences of the gate in a row after which it counts as lost.
const GATE_SILENCES: u32 = 3;
/// How long a device thread waits before it looks whether the lane still runs.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the reader waits for a chip once the printed lines are there.
const CHIP_PATIENCE: Duration = Duration::from_secs(4);
/// How long a camera may be silent while filming.
const CAMERA_PATIENCE: Duration = Duration::from_secs(2);
/// How often an idle device is looked at.
const LOOK_RHYTHM: Duration = Duration::from_secs(5);
/// How long the chip reader watches for a document to be taken away before it looks for orders.
const REMOVAL_PATIENCE: Duration = Duration::from_millis(200);
/// Pause before a broken device is tried again.
const MEND_PAUSE: Duration = Duration::from_secs(1);

/// One input with the event that it means, on its way to the passage's task.
pub(super) struct Message {
    /// The passage that it belongs to; `None` for what concerns whichever is under way.
    pub passage: Option<u64>,
    /// Raw.
    pub input: Input,
    /// What it means.
    pub event: Event,
    /// The chip's portrait, when the input brought one.
    pub portrait: Option<PortraitPicture>,
}

impl Message {
    pub(super) fn new(passage: Option<u64>, input: Input, faculties: &Faculties) -> Self {
        let (event, portrait) = understand(&input, faculties);
        Message { passage, input, event, portrait }
    }
}

/// What the gate's thread is told.
pub(super) enum GateOrder {
    Command(GateCommand),
    OpenExit(ExitToken),
}

/// What the chip reader's thread is told.
pub(super) struct ChipOrder {
    pub passage: u64,
    pub printed: Mrz,
}

/// What the camera's thread is told.
pub(super) enum CameraOrder {
    Start(u64),
    Stop,
}

/// A device's thread seen from the passage's task.
pub(super) struct Orders<T>(SyncSender<T>);

impl<T> Orders<T> {
    /// Gives an order. One that is not taken is as if the device did not obey: the passage's time limits and
    /// the gate's own state show it.
    pub(super) fn give(&self, order: T) {
        if let Err(TrySendError::Full(_)) = self.0.try_send(order) {
            tracing::error!("a device does not take its orders");
        }
    }
}

/// What every thread needs.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub inputs: Sender<Message>,
    pub faculties: Arc<Faculties>,
    pub conditions: Conditions,
}

impl Surroundings {
    /// Hands an input over; `false` when the lane is gone.
    fn send(&self, passage: Option<u64>, input: Input) -> bool {
        let message = Message::new(passage, input, &self.faculties);
        self.inputs.blocking_send(message).is_ok()
    }
}

fn start<T: Send + 'static>(
    name: &str,
    body: impl FnOnce(Receiver<T>) + Send + 'static,
) -> std::io::Result<Orders<T>> {
    let (give, take) = sync_channel(ORDERS_WAITING);
    thread::Builder::new().name(name.to_owned()).spawn(move || body(take))?;
    Ok(Orders(give))
}

/// Says that the gate is lost when its thread ends, however it ends.
struct Farewell(Surroundings);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.send(None, Input::GateLost);
    }
}

/// The gate: asked in a steady rhythm, every change told; orders carried out between two questions.
pub(super) fn gate(mut gate: Box<dyn Gate>, around: Surroundings) -> std::io::Result<Orders<GateOrder>> {
    start("gate", move |orders| {
        let _farewell = Farewell(around.clone());
        let mut last: Option<GateState> = None;
        let mut silences = 0;
        loop {
            let order = match orders.recv_timeout(GATE_RHYTHM) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let answer = carry_out(gate.as_mut(), order).and_then(|()| gate.state());
            let going_on = match answer {
                Ok(state) => {
                    silences = 0;
                    let changed = last != Some(state);
                    last = Some(state);
                    !changed || around.send(None, Input::Gate(state))
                }
                Err(fault) => {
                    silences += 1;
                    tracing::warn!(%fault, "gate");
                    last = None;
                    silences != GATE_SILENCES || around.send(None, Input::GateLost)
                }
            };
            if !going_on {
                return;
            }
        }
    })
}

fn carry_out(gate: &mut dyn Gate, order: Option<GateOrder>) -> Result<(), GateFault> {
    match order {
        None => Ok(()),
        Some(GateOrder::Command(command)) => gate.command(command),
        Some(GateOrder::OpenExit(token)) => gate.open_exit(token),
    }
}

/// The MRZ reader: every whole frame is told.
pub(super) fn mrz_reader(mut reader: Box<dyn MrzReader>, around: Surroundings) -> std::io::Result<()> {
    around.conditions.expect("MRZ reader");
    let body = move || {
        while !around.inputs.is_closed() {
            match reader.next_lines(PATIENCE) {
                Ok(Some(lines)) => {
                    around.conditions.note(Condition::ReaderLost, "MRZ reader", None);
                    if !around.send(None, Input::Lines(lines)) {
                        return;
                    }
                }
                Ok(None) => around.conditions.note(Condition::ReaderLost, "MRZ reader", None),
                Err(fault) => {
                    around.conditions.note(Condition::ReaderLost, "MRZ reader", Some(fault.to_string()));
                    thread::sleep(MEND_PAUSE);
                }
            }
        }
    };
    thread::Builder::new().name("mrz reader".to_owned()).spawn(body)?;
    Ok(())
}

/// The chip reader: one conversation for each order, then watches until the document is taken away.
pub(super) fn chip_reader(
    mut reader: Box<dyn ChipReader>,
    around: Surroundings,
) -> std::io::Result<Orders<ChipOrder>> {
    around.conditions.expect("chip reader");
    start("chip reader", move |orders: Receiver<ChipOrder>| {
        // Looked at before anybody can come, then now and then.
        let mut patience = Duration::ZERO;
        let mut lies_there = false;
        loop {
            let order = match orders.recv_timeout(patience) {
                Ok(order) => order,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if lies_there => {
                    (lies_there, patience) = match still_there(reader.as_mut(), &around) {
                        Some(still) => (still, if still { Duration::ZERO } else { LOOK_RHYTHM }),
                        None => return,
                    };
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let fault = reader.wait_for_card(Duration::ZERO).err();
                    let amiss = fault.map(|fault| fault.to_string());
                    around.conditions.note(Condition::ReaderLost, "chip reader", amiss);
                    patience = LOOK_RHYTHM;
                    continue;
                }
            };
            let heard = talk(reader.as_mut(), &order, &around);
            let message = Message {
                passage: Some(order.passage),
                input: Input::Chip(heard.trace),
                event: Event::DocumentExamined(Box::new(heard.findings)),
                portrait: heard.portrait,
            };
            if around.inputs.blocking_send(message).is_err() {
                return;
            }
            (lies_there, patience) = (true, Duration::ZERO);
        }
    })
}

/// Watches for a moment whether the document is taken away; `None` when the lane is gone. A reader that does not say
/// has not seen it go.
fn still_there(reader: &mut dyn ChipReader, around: &Surroundings) -> Option<bool> {
    let gone = reader.wait_for_removal(REMOVAL_PATIENCE);
    let amiss = gone.as_ref().err().map(ToString::to_string);
    around.conditions.note(Condition::ReaderLost, "chip reader", amiss);
    match gone {
        Ok(true) => around.send(None, Input::OnReader(false)).then_some(false),
        Ok(false) => Some(true),
        Err(_) => {
            thread::sleep(MEND_PAUSE);
            Some(true)
        }
    }
}

fn talk(reader: &mut dyn ChipReader, order: &ChipOrder, around: &Surroundings) -> ChipHeard {
    let mut random = vec![0; ChipRandom::LENGTH];
    // Without random bytes there is no session: an empty supply makes the chip session end with an error.
    if getrandom::fill(&mut random).is_err() {
        random.clear();
    }
    let mut card = match reader.wait_for_card(CHIP_PATIENCE) {
        Ok(card) => card.ok_or_else(|| "no chip answered".to_owned()),
        Err(fault) => Err(fault.to_string()),
    };
    // A lane that is gone is seen when the conversation is handed over.
    if card.is_ok() {
        let _ = around.send(None, Input::OnReader(true));
    }
    let mut transmit = |command: &[u8]| {
        let asked = Instant::now();
        let answer = match &mut card {
            Ok(card) if command.is_empty() => {
                card.reset().map(|()| Vec::new()).map_err(|fault| fault.to_string())
            }
            Ok(card) => card.transmit(command).map_err(|fault| fault.to_string()),
            Err(why) => Err(why.clone()),
        };
        (answer, asked.elapsed())
    };
    let mut named = |lines| {
        let _ = around.send(Some(order.passage), Input::Named(lines));
    };
    let (printed, random, now) = (&order.printed, ChipRandom(random), Timestamp::now());
    hear_chip(printed, random, now, &mut transmit, &mut named, &around.faculties)
}

/// The camera and the face engine: films between `Start` and `Stop`, newest frame first, one at a time.
pub(super) fn camera(
    mut camera: Box<dyn Camera>,
    screen: Arc<dyn Screen>,
    around: Surroundings,
) -> std::io::Result<Orders<CameraOrder>> {
    around.conditions.expect("camera");
    start("camera", move |orders: Receiver<CameraOrder>| {
        let mut filming: Option<u64> = None;
        // Looked at before anybody can come, then now and then while nobody is filmed.
        let mut rhythm = Duration::ZERO;
        loop {
            let patience = if filming.is_some() { Duration::ZERO } else { rhythm };
            match orders.recv_timeout(patience) {
                Ok(CameraOrder::Start(passage)) => filming = Some(passage),
                Ok(CameraOrder::Stop) => {
                    filming = None;
                    screen.live_view(None);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            rhythm = LOOK_RHYTHM;
            let Some(passage) = filming else {
                let amiss = camera.next_frame(CAMERA_PATIENCE).err().map(|fault| fault.to_string());
                around.conditions.note(Condition::CameraLost, "camera", amiss);
                continue;
            };
            let input = match camera.next_frame(CAMERA_PATIENCE).and_then(film) {
                Ok(film) => {
                    screen.live_view(Some(film.jpeg.clone()));
                    Input::Frame(Arc::new(film))
                }
                Err(fault) => {
                    around.conditions.note(Condition::CameraLost, "camera", Some(fault.to_string()));
                    filming = None;
                    screen.live_view(None);
                    Input::CaptureFailed(crate::check::Reason::CameraLost)
                }
            };
            if !around.send(Some(passage), input) {
                return;
            }
        }
    })
}

/// Evidence is what was analysed: a frame that came uncompressed is compressed first and then analysed as
/// it will be kept.
fn film(frame: crate::devices::Frame) -> Result<Film, CameraFault> {
    let broken = |error: image::ImageError| CameraFault::Picture(error.to_string());
    match frame.jpeg {
        Some(jpeg) => Ok(Film { sequence: frame.sequence, jpeg, picture: frame.picture }),
        None => {
            let jpeg = Film::compress(&frame.picture).map_err(broken)?;
            Film::from_jpeg(frame.sequence, jpeg).map_err(broken)
        }
    }
}
