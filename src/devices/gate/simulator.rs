//! The controller's end of the gate's line, on a pseudo-terminal, in a thread of its own.
//!
//! [`GateSimulator::start`] gives a port name for [`super::ModbusGate::open`] and a [`GateFloor`] to move
//! people and trouble. The bytes on the line are those of a real controller. Dropping the simulator
//! takes the port away, as pulling the plug does.

use super::controller::Controller;
use super::floor::{Floor, FloorSettings};
use super::gate_floor::{FloorSnapshot, GateFloor};
use super::relay_board::RelayBoard;
use super::relay_gate::RelayBoardSettings;
use crate::devices::modbus::{self, Answer, Heard, Request};
use crate::devices::serial::Line;
use serialport::{SerialPort, TTYPort};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Address of the simulated controller.
const UNIT: u8 = 1;
/// Rhythm of the control loop when nobody asks.
const ROUND: Duration = Duration::from_millis(5);
/// Longest step of the floor's time, so that a thread that slept long lets nothing jump.
const STEP_MOST_MS: f64 = 20.0;
/// Time lost by sleeping is made up to this much, milliseconds; more is forgotten.
const CATCH_UP_MOST_MS: f64 = 2_000.0;

/// A gate controller with doors and a floor, on a pseudo-terminal.
pub struct GateSimulator {
    port: String,
    floor: GateFloor,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Held open so that the lane's end can be opened and shut without the line breaking.
    _lane_end: TTYPort,
}

impl GateSimulator {
    /// Starts the controller: doors locked, nobody there.
    ///
    /// # Errors
    /// When the system has no pseudo-terminal or thread left.
    pub fn start(settings: FloorSettings) -> io::Result<Self> {
        Self::start_machine(Box::new(Controller::new(settings)))
    }

    /// Starts a relay board in place of the controller, wired so, for [`super::RelayGate`].
    ///
    /// # Errors
    /// When the system has no pseudo-terminal or thread left.
    pub fn start_relay_board(settings: FloorSettings, wiring: RelayBoardSettings) -> io::Result<Self> {
        Self::start_machine(Box::new(RelayBoard::new(settings, wiring)))
    }

    fn start_machine(machine: Box<dyn Machine>) -> io::Result<Self> {
        let (controller_end, lane_end) = TTYPort::pair()?;
        let port = lane_end.name().ok_or_else(|| io::Error::other("a pseudo-terminal without a name"))?;
        let shared = Shared { inside: Mutex::new(Inside { machine, cut: false }), changed: Condvar::new() };
        let floor = GateFloor { shared: Arc::new(shared) };
        let stop = Arc::new(AtomicBool::new(false));
        let line: Box<dyn SerialPort> = Box::new(controller_end);
        let thread = std::thread::Builder::new().name("gate-simulator".to_owned()).spawn({
            let (floor, stop) = (floor.clone(), Arc::clone(&stop));
            move || run(line, &floor, &stop)
        })?;
        Ok(GateSimulator { port, floor, stop, thread: Some(thread), _lane_end: lane_end })
    }

    /// Path of the lane's end, for [`super::GateSettings::new`].
    pub fn port_name(&self) -> &str {
        &self.port
    }

    /// What moves on the floor.
    pub fn floor(&self) -> GateFloor {
        self.floor.clone()
    }
}

impl Drop for GateSimulator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is on the other end of the line.
pub(super) trait Machine: Send {
    /// What it stands on.
    fn floor(&mut self) -> &mut Floor;
    /// Lets real milliseconds pass.
    fn advance(&mut self, real_ms: f64);
    /// Answers one request.
    fn answer(&mut self, request: &Request) -> Answer;
    /// What an onlooker sees.
    fn snapshot(&self) -> FloorSnapshot;
    /// A frame that cannot be read was heard.
    fn heard_noise(&mut self) {}
    /// Its program stands still, where it has one.
    fn freeze(&mut self, _frozen: bool) {}
}

pub(super) struct Shared {
    pub(super) inside: Mutex<Inside>,
    pub(super) changed: Condvar,
}

pub(super) struct Inside {
    pub(super) machine: Box<dyn Machine>,
    pub(super) cut: bool,
}

/// The control loop: hears, answers, lets the floor's time pass.
fn run(mut line: Box<dyn SerialPort>, floor: &GateFloor, stop: &AtomicBool) {
    let mut heard: Vec<u8> = Vec::new();
    let mut arriving = [0u8; modbus::FRAME_MOST];
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let count = match line.receive(&mut arriving, ROUND) {
            Ok(count) => count,
            Err(_) => {
                // The lane's end is gone for the moment; the doors still move.
                std::thread::sleep(ROUND);
                0
            }
        };
        let mut inside = floor.lock();
        let now = Instant::now();
        advance(inside.machine.as_mut(), now.duration_since(last));
        last = now;
        let pause = count == 0;
        heard.extend(arriving.iter().take(count));
        if inside.cut {
            heard.clear();
        }
        let answer = serve(inside.machine.as_mut(), &mut heard, pause);
        drop(inside);
        floor.shared.changed.notify_all();
        if let Some(answer) = answer {
            // A lane that does not listen is its own trouble: it will ask again.
            let _ = line.send(&answer);
        }
    }
}

fn advance(machine: &mut dyn Machine, passed: Duration) {
    let mut left = (passed.as_secs_f64() * 1_000.0).min(CATCH_UP_MOST_MS);
    while left > 0.0 {
        let step = left.min(STEP_MOST_MS);
        machine.advance(step);
        left -= step;
    }
}

/// Takes one request from the front of what was heard; a pause on the line ends whatever was begun.
fn serve(machine: &mut dyn Machine, heard: &mut Vec<u8>, pause: bool) -> Option<Vec<u8>> {
    if heard.is_empty() {
        return None;
    }
    match modbus::hear_request(heard) {
        Heard::Incomplete if !pause => None,
        Heard::Incomplete | Heard::Noise => {
            heard.clear();
            machine.heard_noise();
            None
        }
        Heard::Unserved(unit, function, code) => {
            heard.clear();
            (unit == UNIT).then(|| modbus::exception_bytes(unit, function, code))
        }
        Heard::Request(unit, request) => {
            heard.clear();
            (unit == UNIT).then(|| modbus::answer_bytes(unit, &request, &machine.answer(&request)))
        }
    }
}
