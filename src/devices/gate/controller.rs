//! The simulated controller: doors, interlock, watchdog, sensors, as a real one has them.
//!
//! Pure: time enters as an argument, registers go in and out. What it never does: unlock one door while
//! the other is not locked; carry out a sequence number twice; keep the exit open when the lane is silent;
//! shut a door on somebody.

use super::people::{Count, OpenDoors, People};
use super::registers::{
    Block, COMMAND_START, CommandCode, CommandResult, ControllerFault, ControllerState, HOST_HEARTBEAT,
    Input, Inputs, Output, ReleasePolicy, SETTINGS_LENGTH, SETTINGS_START,
};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// What the watchdog time may be set to, milliseconds.
const WATCHDOG_MS: RangeInclusive<u16> = 100..=10_000;
/// A door that has not arrived after this many times its travel is stuck.
const STUCK_AFTER: f64 = 3.0;
/// How long a body that follows another closely waits, milliseconds.
pub(super) const CLOSE_BEHIND_MS: f64 = 250.0;

/// How quick the simulated gate and its people are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorSettings {
    /// Milliseconds from locked to open, each door.
    pub door_ms: f64,
    /// Milliseconds from one zone to the next, each body.
    pub walk_ms: f64,
    /// How much faster than that doors and people move (watchdog and hold times stay real).
    pub speed: f64,
}

impl Default for FloorSettings {
    fn default() -> Self {
        FloorSettings { door_ms: 900.0, walk_ms: 1_100.0, speed: 1.0 }
    }
}

/// Which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorName {
    /// Entrance door.
    Entry,
    /// Exit door.
    Exit,
}

/// One leaf: 0 shut and locked, 1 fully open.
#[derive(Debug, Clone, Default)]
struct Leaf {
    place: f64,
    open: bool,
    stuck: bool,
    /// Milliseconds (of the doors' time) since it was where it is told to be.
    late: f64,
    /// Real milliseconds since it is told to be open.
    held: f64,
    openings: u32,
}

impl Leaf {
    fn locked(&self) -> bool {
        self.place <= 0.0 && !self.open
    }

    fn fully_open(&self) -> bool {
        self.place >= 1.0
    }

    fn set(&mut self, open: bool) {
        if open && !self.open {
            self.openings = self.openings.saturating_add(1);
        }
        if open != self.open {
            self.held = 0.0;
            self.late = 0.0;
        }
        self.open = open;
    }

    fn advance(&mut self, real_ms: f64, ms: f64, travel: f64, obstructed: bool) {
        self.held += real_ms;
        // A door that is told to shut while somebody stands in it opens again until the way is free.
        let goal = if self.open || (obstructed && self.place > 0.0) { 1.0 } else { 0.0 };
        if !self.stuck {
            let step = ms / travel.max(1.0);
            self.place += (goal - self.place).clamp(-step, step);
        }
        let arrived = self.place == goal;
        self.late = if arrived || obstructed { 0.0 } else { self.late + ms };
    }
}

/// The controller with its doors and the people on its floor.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    settings: FloorSettings,
    entry: Leaf,
    exit: Leaf,
    pub(super) people: People,
    count: Count,
    pub(super) emergency_stop: bool,
    pub(super) fire: bool,
    pub(super) object_left: bool,
    /// The control loop stands still; the line still answers.
    pub(super) frozen: bool,
    tailgating: bool,
    wrong_way: bool,
    lamp_green: bool,
    beacon: bool,
    host_heartbeat: u16,
    host_silent_ms: f64,
    tripped: bool,
    heartbeat: u16,
    up_ms: f64,
    sequence: u16,
    command: u16,
    result: u16,
    watchdog_ms: u16,
    entry_hold_ms: u16,
    exit_hold_ms: u16,
    release: ReleasePolicy,
    watchdog_trips: u16,
    pub(super) line_errors: u16,
}

impl Controller {
    /// Doors locked, nobody there, no host heard yet.
    pub(super) fn new(settings: FloorSettings) -> Self {
        Controller {
            settings,
            entry: Leaf::default(),
            exit: Leaf::default(),
            people: People::default(),
            count: Count::default(),
            emergency_stop: false,
            fire: false,
            object_left: false,
            frozen: false,
            tailgating: false,
            wrong_way: false,
            lamp_green: false,
            beacon: false,
            host_heartbeat: 0,
            host_silent_ms: 0.0,
            tripped: true,
            heartbeat: 0,
            up_ms: 0.0,
            sequence: 0,
            command: 0,
            result: CommandResult::None as u16,
            watchdog_ms: 2_000,
            entry_hold_ms: 30_000,
            exit_hold_ms: 20_000,
            release: ReleasePolicy::StayShut,
            watchdog_trips: 0,
            line_errors: 0,
        }
    }

    /// Lets real milliseconds pass.
    pub(super) fn advance(&mut self, real_ms: f64) {
        let ms = real_ms * self.settings.speed;
        let doors = OpenDoors { entry: self.entry.fully_open(), exit: self.exit.fully_open() };
        self.people.advance(ms, self.settings.walk_ms, doors);
        if self.frozen {
            return;
        }
        self.up_ms += real_ms;
        self.heartbeat = self.heartbeat.wrapping_add(1);
        self.count = self.people.count();
        self.latch();
        self.watch(real_ms);
        self.release_or_hold();
        if !self.emergency_stop {
            let travel = self.settings.door_ms;
            self.entry.advance(real_ms, ms, travel, self.count.in_entry_doorway);
            self.exit.advance(real_ms, ms, travel, self.count.in_exit_doorway);
        }
    }

    fn latch(&mut self) {
        self.tailgating = self.count.cabin > 0 && (self.tailgating || self.count.cabin > 1);
        let over = self.count.cabin == 0 && self.exit.locked();
        self.wrong_way = self.count.wrong_way || (self.wrong_way && !over);
    }

    fn watch(&mut self, real_ms: f64) {
        self.host_silent_ms += real_ms;
        if !self.tripped && self.host_silent_ms > f64::from(self.watchdog_ms) {
            self.tripped = true;
            self.watchdog_trips = self.watchdog_trips.saturating_add(1);
        }
        if self.tripped {
            self.entry.set(false);
            self.exit.set(false);
            self.lamp_green = false;
        }
    }

    fn release_or_hold(&mut self) {
        if self.fire {
            let (entry, exit) =
                (self.release == ReleasePolicy::OpenEntry, self.release == ReleasePolicy::OpenExit);
            self.entry.set(entry && self.exit.locked());
            self.exit.set(exit && self.entry.locked());
            self.lamp_green = false;
            return;
        }
        if self.entry.held > f64::from(self.entry_hold_ms) {
            self.entry.set(false);
        }
        if self.exit.held > f64::from(self.exit_hold_ms) {
            self.exit.set(false);
        }
    }

    /// A holding register that is written alone: the host heartbeat. Gives an exception code on refusal.
    pub(super) fn write_one(&mut self, address: u16, value: u16) -> Result<(), u8> {
        match address {
            HOST_HEARTBEAT => {
                if value != self.host_heartbeat || self.tripped {
                    self.host_silent_ms = 0.0;
                    self.tripped = false;
                }
                self.host_heartbeat = value;
                Ok(())
            }
            address => self.write_many(address, &[value]),
        }
    }

    /// Holding registers that are written together. Gives an exception code on refusal.
    pub(super) fn write_many(&mut self, start: u16, values: &[u16]) -> Result<(), u8> {
        match (start, values) {
            (COMMAND_START, &[command, sequence]) => {
                self.take(command, sequence);
                Ok(())
            }
            (SETTINGS_START, &[watchdog, entry_hold, exit_hold, release]) => {
                let release = ReleasePolicy::from_code(release).ok_or(3)?;
                if !WATCHDOG_MS.contains(&watchdog) || entry_hold == 0 || exit_hold == 0 {
                    return Err(3);
                }
                self.watchdog_ms = watchdog;
                self.entry_hold_ms = entry_hold;
                self.exit_hold_ms = exit_hold;
                self.release = release;
                Ok(())
            }
            _ => Err(2),
        }
    }

    /// All holding registers that can be read back.
    pub(super) fn holding(&self) -> [u16; 1 + SETTINGS_LENGTH] {
        [self.host_heartbeat, self.watchdog_ms, self.entry_hold_ms, self.exit_hold_ms, self.release as u16]
    }

    fn take(&mut self, command: u16, sequence: u16) {
        if self.frozen || sequence == 0 || sequence == self.sequence {
            return;
        }
        self.sequence = sequence;
        self.command = command;
        self.result = self.carry_out(command) as u16;
    }

    fn carry_out(&mut self, command: u16) -> CommandResult {
        let Some(command) = CommandCode::from_code(command) else { return CommandResult::Unknown };
        let opens = matches!(command, CommandCode::OpenEntry | CommandCode::OpenExit);
        if opens && (self.emergency_stop || self.fire) {
            return CommandResult::Stopped;
        }
        if opens && self.tripped {
            return CommandResult::Fault;
        }
        match command {
            CommandCode::OpenEntry if !self.exit.locked() => return CommandResult::Interlock,
            CommandCode::OpenExit if !self.entry.locked() => return CommandResult::Interlock,
            CommandCode::OpenEntry => self.entry.set(true),
            CommandCode::OpenExit => self.exit.set(true),
            CommandCode::CloseEntry => self.entry.set(false),
            CommandCode::CloseExit => self.exit.set(false),
            CommandCode::LampGreen => self.lamp_green = true,
            CommandCode::LampRed => self.lamp_green = false,
            CommandCode::BeaconOn => self.beacon = true,
            CommandCode::BeaconOff => self.beacon = false,
        }
        CommandResult::Taken
    }

    /// Somebody holds a leaf fast, or lets it go.
    pub(super) fn stick(&mut self, door: DoorName, stuck: bool) {
        match door {
            DoorName::Entry => self.entry.stuck = stuck,
            DoorName::Exit => self.exit.stuck = stuck,
        }
    }

    /// The inputs as the sensors give them now.
    pub(super) fn inputs(&self) -> Inputs {
        use Input::*;
        let count = &self.count;
        [
            (EntryShut, self.entry.place <= 0.0),
            (EntryLocked, self.entry.locked()),
            (EntryOpen, self.entry.fully_open()),
            (ExitShut, self.exit.place <= 0.0),
            (ExitLocked, self.exit.locked()),
            (ExitOpen, self.exit.fully_open()),
            (EntranceClear, count.entrance == 0),
            (CabinClear, count.cabin == 0),
            (ExitClear, count.exit == 0),
            (EntryCurtainClear, !count.in_entry_doorway),
            (ExitCurtainClear, !count.in_exit_doorway),
            (EmergencyStopClosed, !self.emergency_stop),
            (FireClosed, !self.fire),
            (HousingShut, true),
            (MainsPresent, true),
            (DrivesReady, true),
            (NoObjectLeft, !self.object_left),
            (KeyAutomatic, true),
            (NoTailgating, !self.tailgating),
            (NoWrongWay, !self.wrong_way),
        ]
        .into_iter()
        .fold(Inputs::default(), |all, (input, on)| all.with(input, on))
    }

    fn faults(&self) -> u16 {
        let late = STUCK_AFTER * self.settings.door_ms;
        let fault = |on: bool, fault: ControllerFault| if on { fault as u16 } else { 0 };
        fault(self.entry.late > late, ControllerFault::EntryStuck)
            | fault(self.exit.late > late, ControllerFault::ExitStuck)
            | fault(!self.entry.locked() && !self.exit.locked(), ControllerFault::Interlock)
    }

    fn state(&self) -> ControllerState {
        match () {
            () if self.emergency_stop || self.fire => ControllerState::Stopped,
            () if self.tripped => ControllerState::WatchdogTripped,
            () if self.faults() != 0 => ControllerState::Fault,
            () => ControllerState::InService,
        }
    }

    /// Green only while somebody may come.
    fn outputs(&self) -> u16 {
        let green = self.lamp_green && self.state() == ControllerState::InService;
        let lamp = if green { Output::Green } else { Output::Red };
        lamp as u16 | if self.beacon { Output::Beacon as u16 } else { 0 }
    }

    /// The atomic block as of now.
    pub(super) fn block(&self) -> Block {
        let persons = [self.count.entrance, self.count.cabin, self.count.exit];
        Block {
            device_heartbeat: self.heartbeat,
            host_heartbeat: self.host_heartbeat,
            inputs: self.inputs(),
            state: self.state() as u16,
            persons: persons.map(|count| count as u16),
            sequence: self.sequence,
            command: self.command,
            result: self.result,
            faults: self.faults(),
            outputs: self.outputs(),
            entry_openings: self.entry.openings,
            exit_openings: self.exit.openings,
            watchdog_trips: self.watchdog_trips,
            line_errors: self.line_errors,
            uptime: (self.up_ms / 1_000.0) as u32,
        }
    }
}

#[cfg(test)]
mod tests;
