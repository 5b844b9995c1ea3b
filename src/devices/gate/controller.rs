//! The simulated controller: doors, interlock, watchdog, sensors, as a real one has them.
//!
//! Pure: time enters as an argument, registers go in and out. What it never does: unlock one door while
//! the other is not locked; carry out a sequence number twice; keep the exit open when the lane is silent;
//! shut a door on somebody.

mod line;

use super::floor::{DoorName, Floor, FloorSettings};
use super::registers::{
    Block, COILS, COMMAND_START, CommandCode, CommandResult, ControllerFault, ControllerState,
    HOST_HEARTBEAT, Input, Inputs, Output, ReleasePolicy, SETTINGS_LENGTH, SETTINGS_START,
};
use std::ops::RangeInclusive;

/// What the watchdog time may be set to, milliseconds.
const WATCHDOG_MS: RangeInclusive<u16> = 100..=10_000;
/// How long a body that follows another closely waits, milliseconds.
pub(super) const CLOSE_BEHIND_MS: f64 = 250.0;
/// The buzzer falls silent by itself after this, milliseconds.
const BUZZER_MOST_MS: f64 = 10_000.0;

/// The controller with its doors and the people on its floor.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    pub(super) floor: Floor,
    /// The control loop stands still; the line still answers.
    pub(super) frozen: bool,
    tailgating: bool,
    wrong_way: bool,
    coils: [bool; COILS as usize],
    /// Milliseconds since the buzzer was told to sound.
    buzzed_ms: f64,
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
            floor: Floor::new(settings),
            frozen: false,
            tailgating: false,
            wrong_way: false,
            coils: [false; COILS as usize],
            buzzed_ms: 0.0,
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
    pub(super) fn pass(&mut self, real_ms: f64) {
        self.floor.walk(real_ms);
        if self.frozen {
            return;
        }
        self.up_ms += real_ms;
        self.heartbeat = self.heartbeat.wrapping_add(1);
        self.latch();
        self.watch(real_ms);
        self.release_or_hold();
        self.buzz(real_ms);
        self.floor.drive(real_ms);
    }

    fn buzz(&mut self, real_ms: f64) {
        self.buzzed_ms += real_ms;
        if self.buzzed_ms > BUZZER_MOST_MS {
            self.switch(Output::Buzzer, false);
        }
    }

    fn switch(&mut self, output: Output, on: bool) {
        if let Some(coil) = self.coils.get_mut(usize::from(output.coil())) {
            *coil = on;
        }
    }

    fn is_on(&self, output: Output) -> bool {
        self.coils.get(usize::from(output.coil())).copied().unwrap_or(false)
    }

    /// All coils as they were last written.
    pub(super) fn coils(&self) -> &[bool] {
        &self.coils
    }

    /// Coils that are written together. Gives an exception code on refusal.
    pub(super) fn write_coils(&mut self, start: u16, values: &[bool]) -> Result<(), u8> {
        let from = usize::from(start);
        let coils = self.coils.get_mut(from..from + values.len()).ok_or(2)?;
        coils.copy_from_slice(values);
        if (from..from + values.len()).contains(&usize::from(Output::Buzzer.coil())) {
            self.buzzed_ms = 0.0;
        }
        Ok(())
    }

    fn latch(&mut self) {
        self.tailgating = self.floor.count.cabin > 0 && (self.tailgating || self.floor.count.cabin > 1);
        let over = self.floor.count.cabin == 0 && self.floor.exit.locked();
        self.wrong_way = self.floor.count.wrong_way || (self.wrong_way && !over);
    }

    fn watch(&mut self, real_ms: f64) {
        self.host_silent_ms += real_ms;
        if !self.tripped && self.host_silent_ms > f64::from(self.watchdog_ms) {
            self.tripped = true;
            self.watchdog_trips = self.watchdog_trips.saturating_add(1);
        }
        if self.tripped {
            self.floor.entry.set(false);
            self.floor.exit.set(false);
            self.switch(Output::Green, false);
        }
    }

    fn release_or_hold(&mut self) {
        if !self.inputs().has(Input::FireClosed) {
            let (entry, exit) =
                (self.release == ReleasePolicy::OpenEntry, self.release == ReleasePolicy::OpenExit);
            self.floor.entry.set(entry && self.floor.exit.locked());
            self.floor.exit.set(exit && self.floor.entry.locked());
            self.switch(Output::Green, false);
            return;
        }
        if self.floor.entry.held > f64::from(self.entry_hold_ms) {
            self.floor.entry.set(false);
        }
        if self.floor.exit.held > f64::from(self.exit_hold_ms) {
            self.floor.exit.set(false);
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
        if opens && (self.stopped() || !self.inputs().has(Input::KeyAutomatic)) {
            return CommandResult::Stopped;
        }
        if opens && self.tripped {
            return CommandResult::Fault;
        }
        match command {
            CommandCode::OpenEntry if !self.floor.exit.locked() => return CommandResult::Interlock,
            CommandCode::OpenExit if !self.floor.entry.locked() => return CommandResult::Interlock,
            CommandCode::OpenEntry => self.floor.entry.set(true),
            CommandCode::OpenExit => self.floor.exit.set(true),
            CommandCode::CloseEntry => self.floor.entry.set(false),
            CommandCode::CloseExit => self.floor.exit.set(false),
        }
        CommandResult::Taken
    }

    /// The inputs as the sensors give them now.
    pub(super) fn inputs(&self) -> Inputs {
        self.floor.inputs(self.tailgating, self.wrong_way)
    }

    fn faults(&self) -> u16 {
        let fault = |on: bool, fault: ControllerFault| if on { fault as u16 } else { 0 };
        fault(self.floor.is_stuck(DoorName::Entry), ControllerFault::EntryStuck)
            | fault(self.floor.is_stuck(DoorName::Exit), ControllerFault::ExitStuck)
            | fault(!self.floor.entry.locked() && !self.floor.exit.locked(), ControllerFault::Interlock)
    }

    /// Whether something that is no command holds the doors.
    fn stopped(&self) -> bool {
        let inputs = self.inputs();
        !inputs.has(Input::EmergencyStopClosed) || !inputs.has(Input::FireClosed)
    }

    fn state(&self) -> ControllerState {
        match () {
            () if self.stopped() => ControllerState::Stopped,
            () if !self.inputs().has(Input::KeyAutomatic) => ControllerState::Manual,
            () if self.tripped => ControllerState::WatchdogTripped,
            () if self.faults() != 0 => ControllerState::Fault,
            () => ControllerState::InService,
        }
    }

    /// What is driven: green only while somebody may come, else red; the buzzer also by itself when somebody
    /// follows another or comes by the exit.
    fn outputs(&self) -> u16 {
        let green = self.is_on(Output::Green) && self.state() == ControllerState::InService;
        let buzzer = self.is_on(Output::Buzzer) || self.tailgating || self.wrong_way;
        [
            (Output::Green, green),
            (Output::Red, !green),
            (Output::Beacon, self.is_on(Output::Beacon)),
            (Output::Buzzer, buzzer),
        ]
        .into_iter()
        .fold(0, |all, (output, on)| if on { all | output as u16 } else { all })
    }

    /// The atomic block as of now.
    pub(super) fn block(&self) -> Block {
        let persons = [self.floor.count.entrance, self.floor.count.cabin, self.floor.count.exit];
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
            entry_openings: self.floor.entry.openings,
            exit_openings: self.floor.exit.openings,
            watchdog_trips: self.watchdog_trips,
            line_errors: self.line_errors,
            uptime: (self.up_ms / 1_000.0) as u32,
        }
    }
}

#[cfg(test)]
mod tests;
