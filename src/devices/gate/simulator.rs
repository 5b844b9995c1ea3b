//! The controller's end of the gate's line, on a pseudo-terminal, in a thread of its own.
//!
//! [`GateSimulator::start`] gives a port name for [`super::ModbusGate::open`] and a [`GateFloor`] to move
//! people and trouble. The bytes on the line are those of a real controller. Dropping the simulator
//! takes the port away, as pulling the plug does.

use super::controller::{CLOSE_BEHIND_MS, Controller, DoorName, FloorSettings};
use super::people::Zone;
use super::registers::{BLOCK_START, COMMAND_START, ControllerState, INPUTS, Input, Output};
use crate::devices::modbus::{self, Answer, Heard, Request};
use crate::devices::serial::Line;
use crate::passage::{Door, GateState};
use serialport::{SerialPort, TTYPort};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
        let (controller_end, lane_end) = TTYPort::pair()?;
        let port = lane_end.name().ok_or_else(|| io::Error::other("a pseudo-terminal without a name"))?;
        let shared = Shared {
            inside: Mutex::new(Inside { controller: Controller::new(settings), cut: false }),
            changed: Condvar::new(),
        };
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

struct Shared {
    inside: Mutex<Inside>,
    changed: Condvar,
}

struct Inside {
    controller: Controller,
    cut: bool,
}

/// People and trouble on the simulated gate's floor. Clones move the same floor.
///
/// People obey physics alone: they take time, and pass only doors that are open. Each call says what
/// somebody now wants to do; [`GateFloor::wait_until`] says when it has come to be.
#[derive(Clone)]
pub struct GateFloor {
    shared: Arc<Shared>,
}

/// What an onlooker sees, and what the controller drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorSnapshot {
    /// Entrance door.
    pub entry: Door,
    /// Exit door.
    pub exit: Door,
    /// Persons in the entrance zone.
    pub entrance: usize,
    /// Persons in the cabin.
    pub cabin: usize,
    /// Persons in the exit zone.
    pub beyond_exit: usize,
    /// Somebody is in a doorway.
    pub in_doorway: bool,
    /// The lamp above the gate is green.
    pub green: bool,
    /// The officer's beacon is on.
    pub beacon: bool,
    /// The controller does as told: no watchdog, stop or fault.
    pub in_service: bool,
    /// How often the entrance was opened.
    pub entry_openings: u32,
    /// How often the exit was opened.
    pub exit_openings: u32,
    /// How often the watchdog tripped.
    pub watchdog_trips: u16,
}

impl GateFloor {
    /// A traveller comes to the entrance.
    pub fn approach(&self) {
        self.act(|controller| controller.people.appear(Zone::Outside, Zone::Entrance, 0.0));
    }

    /// Whoever is at the entrance walks into the cabin as soon as the door is open; a traveller comes if
    /// nobody is there.
    pub fn walk_in(&self) {
        self.act(|controller| {
            if controller.people.send(Zone::Cabin, |zone| zone <= Zone::Entrance) == 0 {
                controller.people.appear(Zone::Outside, Zone::Cabin, 0.0);
            }
        });
    }

    /// As [`GateFloor::walk_in`], with a second person close behind.
    pub fn two_walk_in(&self) {
        self.walk_in();
        self.act(|controller| controller.people.appear(Zone::Entrance, Zone::Cabin, CLOSE_BEHIND_MS));
    }

    /// Whoever is in the entrance's doorway or in the cabin turns back to the entrance.
    pub fn step_back(&self) {
        self.act(|controller| {
            controller.people.send(Zone::Entrance, |zone| zone <= Zone::Cabin);
        });
    }

    /// Whoever is in the cabin leaves by the exit as soon as it is open.
    pub fn leave_by_exit(&self) {
        self.act(|controller| {
            controller.people.send(Zone::Beyond, |zone| zone >= Zone::Cabin);
        });
    }

    /// Whoever is in entrance or cabin leaves by the way they came, through the cabin's entrance as soon as
    /// it is open.
    pub fn leave_by_entry(&self) {
        self.act(|controller| {
            controller.people.send(Zone::Outside, |zone| zone <= Zone::Cabin);
        });
    }

    /// Somebody comes by the exit into the cabin as soon as that door is open.
    pub fn enter_by_exit(&self) {
        self.act(|controller| controller.people.appear(Zone::Beyond, Zone::Cabin, 0.0));
    }

    /// Somebody leaves an object in the cabin, or takes it away.
    pub fn leave_object(&self, there: bool) {
        self.act(|controller| controller.object_left = there);
    }

    /// Presses or frees the emergency stop: doors stand where they are.
    pub fn press_emergency_stop(&self, pressed: bool) {
        self.act(|controller| controller.emergency_stop = pressed);
    }

    /// Fire alarm on or off.
    pub fn fire(&self, burning: bool) {
        self.act(|controller| controller.fire = burning);
    }

    /// Holds a door's leaf fast where it is, or lets it go.
    pub fn stick_door(&self, door: DoorName, stuck: bool) {
        self.act(|controller| controller.stick(door, stuck));
    }

    /// The controller's program stands still while its line goes on answering.
    pub fn freeze_controller(&self, frozen: bool) {
        self.act(|controller| controller.frozen = frozen);
    }

    /// Cuts the bus: the controller hears nothing and says nothing.
    pub fn cut_bus(&self, cut: bool) {
        self.lock().cut = cut;
        self.shared.changed.notify_all();
    }

    /// What an onlooker sees now.
    pub fn snapshot(&self) -> FloorSnapshot {
        snapshot(&self.lock().controller)
    }

    /// Waits until an onlooker sees that, at most `patience`; `false` when it did not come.
    pub fn wait_until(&self, seen: impl Fn(&FloorSnapshot) -> bool, patience: Duration) -> bool {
        let inside = self.lock();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(inside, patience, |inside| !seen(&snapshot(&inside.controller)));
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen(&snapshot(&inside.controller))
    }

    fn act(&self, action: impl FnOnce(&mut Controller)) {
        action(&mut self.lock().controller);
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.shared.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot(controller: &Controller) -> FloorSnapshot {
    let block = controller.block();
    let GateState { entry, exit, .. } = block.gate_state();
    let [entrance, cabin, beyond_exit] = block.persons.map(usize::from);
    let curtains = [Input::EntryCurtainClear, Input::ExitCurtainClear];
    FloorSnapshot {
        entry,
        exit,
        entrance,
        cabin,
        beyond_exit,
        in_doorway: !curtains.into_iter().all(|curtain| block.inputs.has(curtain)),
        green: block.outputs & Output::Green as u16 != 0,
        beacon: block.outputs & Output::Beacon as u16 != 0,
        in_service: block.state == ControllerState::InService as u16,
        entry_openings: block.entry_openings,
        exit_openings: block.exit_openings,
        watchdog_trips: block.watchdog_trips,
    }
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
        advance(&mut inside.controller, now.duration_since(last));
        last = now;
        let pause = count == 0;
        heard.extend(arriving.iter().take(count));
        if inside.cut {
            heard.clear();
        }
        let answer = serve(&mut inside.controller, &mut heard, pause);
        drop(inside);
        floor.shared.changed.notify_all();
        if let Some(answer) = answer {
            // A lane that does not listen is its own trouble: it will ask again.
            let _ = line.send(&answer);
        }
    }
}

fn advance(controller: &mut Controller, passed: Duration) {
    let mut left = (passed.as_secs_f64() * 1_000.0).min(CATCH_UP_MOST_MS);
    while left > 0.0 {
        let step = left.min(STEP_MOST_MS);
        controller.advance(step);
        left -= step;
    }
}

/// Takes one request from the front of what was heard; a pause on the line ends whatever was begun.
fn serve(controller: &mut Controller, heard: &mut Vec<u8>, pause: bool) -> Option<Vec<u8>> {
    if heard.is_empty() {
        return None;
    }
    match modbus::hear_request(heard) {
        Heard::Incomplete if !pause => None,
        Heard::Incomplete | Heard::Noise => {
            heard.clear();
            controller.line_errors = controller.line_errors.saturating_add(1);
            None
        }
        Heard::Unserved(unit, function, code) => {
            heard.clear();
            (unit == UNIT).then(|| modbus::exception_bytes(unit, function, code))
        }
        Heard::Request(unit, request) => {
            heard.clear();
            (unit == UNIT).then(|| modbus::answer_bytes(unit, &request, &answer(controller, &request)))
        }
    }
}

fn answer(controller: &mut Controller, request: &Request) -> Answer {
    let written = |taken: Result<(), u8>| taken.map_or_else(Answer::Exception, |()| Answer::Written);
    match request {
        Request::ReadDiscreteInputs { start, count } => {
            let inputs = controller.inputs().0;
            let bits: Vec<bool> = (0..INPUTS).map(|address| inputs >> address & 1 == 1).collect();
            part(&bits, *start, *count).map_or(Answer::Exception(2), |bits| Answer::Bits(bits.to_vec()))
        }
        Request::ReadInputRegisters { start, count } => {
            registers(&controller.block().to_registers(), start.wrapping_sub(BLOCK_START), *count)
        }
        Request::ReadHoldingRegisters { start, count } => registers(&controller.holding(), *start, *count),
        Request::WriteRegister { address: COMMAND_START, .. } => Answer::Exception(2),
        Request::WriteRegister { address, value } => written(controller.write_one(*address, *value)),
        Request::WriteRegisters { start, values } => written(controller.write_many(*start, values)),
    }
}

fn registers(all: &[u16], start: u16, count: u16) -> Answer {
    part(all, start, count).map_or(Answer::Exception(2), |some| Answer::Registers(some.to_vec()))
}

fn part<T>(all: &[T], start: u16, count: u16) -> Option<&[T]> {
    let start = usize::from(start);
    all.get(start..start + usize::from(count))
}
