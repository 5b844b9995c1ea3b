//! A gate on a bare relay board, **for benches alone**: relays pull the doors' locks, opto-inputs read their contacts.
//!
//! A board has no program, so what a controller owns is missing or half there. The interlock is this driver's and
//! ends with it. The watchdog is the board's timed relay: a door is held open by a relay that falls off by itself
//! after the watchdog time, and is told anew while the lane speaks. There is no heartbeat, no echo of a question,
//! no fire release, no count of persons: an occupied zone is *unknown*, and so lets nobody through, unless
//! `one_person` says that it counts as one.
//!
//! Functions 01, 02, 05 and 15 as boards of eight relays and eight inputs have them; the timed relay is function 05
//! at addresses of its own with a time for a value, as Waveshare's boards have it.

use super::bus::Bus;
use super::floor::DoorName;
use super::settings::GateSettings;
use crate::devices::modbus::{Answer, COIL_OFF, Request};
use crate::devices::{Gate, GateFault};
use crate::passage::{Door, GateCommand, GateState};
use crate::policy::ExitToken;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Inputs of a board; asked for all at once, because some boards answer nothing else.
pub(super) const BOARD_INPUTS: u16 = 8;
/// Relays of a board.
pub(super) const BOARD_RELAYS: u16 = 8;

/// Which relay and which input is which, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelayBoardSettings {
    /// Relay that opens the entrance while it is pulled.
    pub entry: u16,
    /// Relay that opens the exit while it is pulled.
    pub exit: u16,
    /// Relay of the green lamp.
    pub green: u16,
    /// Relay of the red lamp.
    pub red: u16,
    /// Relay of the beacon.
    pub beacon: u16,
    /// Input that is 1 while the entrance is shut and locked.
    pub entry_locked: u16,
    /// Input that is 1 while the entrance is fully open.
    pub entry_open: u16,
    /// Input that is 1 while the exit is shut and locked.
    pub exit_locked: u16,
    /// Input that is 1 while the exit is fully open.
    pub exit_open: u16,
    /// Input that is 1 while nobody is in the entrance zone.
    pub entrance_clear: u16,
    /// Input that is 1 while nobody is in the cabin.
    pub cabin_clear: u16,
    /// Input that is 1 while nobody is in the exit zone.
    pub exit_clear: u16,
    /// Input that is 1 while the emergency stop is not pressed.
    pub emergency_stop_closed: u16,
    /// Address at which function 05 takes a time for relay 0.
    pub timed_start: u16,
    /// Milliseconds of one step of that time.
    pub timed_step_ms: u16,
    /// Whether an occupied zone counts as one person. Never so where a second person could be in it.
    pub one_person: bool,
}

impl Default for RelayBoardSettings {
    fn default() -> Self {
        RelayBoardSettings {
            entry: 0,
            exit: 1,
            green: 2,
            red: 3,
            beacon: 4,
            entry_locked: 0,
            entry_open: 1,
            exit_locked: 2,
            exit_open: 3,
            entrance_clear: 4,
            cabin_clear: 5,
            exit_clear: 6,
            emergency_stop_closed: 7,
            timed_start: 0x0200,
            timed_step_ms: 100,
            one_person: false,
        }
    }
}

/// A gate on a relay board.
pub struct RelayGate {
    settings: GateSettings,
    board: RelayBoardSettings,
    bus: Bus,
    /// The door that is held open, and since when.
    held: Option<(DoorName, Instant)>,
}

impl RelayGate {
    /// Opens the line and lets both doors shut.
    ///
    /// # Errors
    /// When the port cannot be opened, the board is silent, or the settings name what no board has.
    pub fn open(settings: &GateSettings, board: RelayBoardSettings) -> Result<Self, GateFault> {
        let relays = [board.entry, board.exit, board.green, board.red, board.beacon];
        let most = relays.into_iter().max().unwrap_or(0);
        if most >= BOARD_RELAYS || board.timed_step_ms == 0 {
            return Err(GateFault::Settings(format!(
                "gate.relay_board: relays are 0 to {}, and `timed_step_ms` is not 0",
                BOARD_RELAYS - 1
            )));
        }
        let mut gate = RelayGate { bus: Bus::new(settings), settings: settings.clone(), board, held: None };
        gate.connect()?;
        Ok(gate)
    }

    fn connect(&mut self) -> Result<(), GateFault> {
        if self.bus.open()? {
            self.held = None;
            for relay in [self.board.entry, self.board.exit] {
                self.bus.insist(&Request::WriteCoil { address: relay, value: COIL_OFF })?;
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<GateState, GateFault> {
        self.connect()?;
        let answer = self.bus.insist(&Request::ReadDiscreteInputs { start: 0, count: BOARD_INPUTS })?;
        let Answer::Bits(inputs) = answer else {
            return Err(GateFault::Silent("an answer of another kind".to_owned()));
        };
        let of = &self.board;
        let is = |input: u16| inputs.get(usize::from(input)).copied().unwrap_or(false);
        let door = |locked: u16, open: u16| match (is(locked), is(open)) {
            (true, false) => Door::Locked,
            (false, true) => Door::Open,
            _ => Door::Unknown,
        };
        let zone = |clear: u16| match (is(clear), of.one_person) {
            (true, _) => Some(0),
            (false, true) => Some(1),
            (false, false) => None,
        };
        let (entry, exit) = (door(of.entry_locked, of.entry_open), door(of.exit_locked, of.exit_open));
        Ok(GateState {
            entry,
            exit,
            entry_zone: zone(of.entrance_clear),
            cabin: zone(of.cabin_clear),
            exit_zone: zone(of.exit_clear),
            emergency_stop: !is(of.emergency_stop_closed),
            fire: false,
            wrong_way: false,
            fault: entry != Door::Locked && exit != Door::Locked,
            object_left: false,
        })
    }

    /// Opens a door while the other is locked and nothing forbids it.
    fn open_door(&mut self, door: DoorName) -> Result<(), GateFault> {
        let state = self.read()?;
        let other = match door {
            DoorName::Entry => state.exit,
            DoorName::Exit => state.entry,
        };
        if state.emergency_stop {
            return Err(GateFault::Refused("emergency stop".to_owned()));
        }
        if other != Door::Locked || self.held.is_some_and(|(held, _)| held != door) {
            return Err(GateFault::Refused("interlock: the other door is not locked".to_owned()));
        }
        self.held = Some((door, Instant::now()));
        self.hold(door)
    }

    fn shut_door(&mut self, door: DoorName) -> Result<(), GateFault> {
        self.connect()?;
        if self.held.is_some_and(|(held, _)| held == door) {
            self.held = None;
        }
        self.bus.insist(&Request::WriteCoil { address: self.relay(door), value: COIL_OFF }).map(drop)
    }

    /// Pulls the door's relay for the watchdog time.
    fn hold(&mut self, door: DoorName) -> Result<(), GateFault> {
        let steps = self.settings.watchdog_ms.div_ceil(self.board.timed_step_ms).max(1);
        let address = self.board.timed_start.wrapping_add(self.relay(door));
        self.bus.insist(&Request::WriteCoil { address, value: steps }).map(drop)
    }

    /// Holds the open door on, until its hold time is over.
    fn hold_on(&mut self, state: &GateState) -> Result<(), GateFault> {
        let Some((door, since)) = self.held else { return Ok(()) };
        let hold_ms = match door {
            DoorName::Entry => self.settings.entry_hold_ms,
            DoorName::Exit => self.settings.exit_hold_ms,
        };
        if state.emergency_stop || since.elapsed() > Duration::from_millis(hold_ms.into()) {
            return self.shut_door(door);
        }
        self.hold(door)
    }

    fn relay(&self, door: DoorName) -> u16 {
        match door {
            DoorName::Entry => self.board.entry,
            DoorName::Exit => self.board.exit,
        }
    }

    fn switch(&mut self, relay: u16, on: bool) -> Result<(), GateFault> {
        self.connect()?;
        self.bus.insist(&Request::WriteCoils { start: relay, values: vec![on] }).map(drop)
    }
}

impl Gate for RelayGate {
    fn state(&mut self) -> Result<GateState, GateFault> {
        let state = self.read()?;
        self.hold_on(&state)?;
        Ok(state)
    }

    fn command(&mut self, command: GateCommand) -> Result<(), GateFault> {
        match command {
            GateCommand::OpenEntry => self.open_door(DoorName::Entry),
            GateCommand::CloseEntry => self.shut_door(DoorName::Entry),
            GateCommand::CloseExit => self.shut_door(DoorName::Exit),
            GateCommand::LampGreen => {
                self.switch(self.board.red, false)?;
                self.switch(self.board.green, true)
            }
            GateCommand::LampRed => {
                self.switch(self.board.green, false)?;
                self.switch(self.board.red, true)
            }
            GateCommand::BeaconOn => self.switch(self.board.beacon, true),
            GateCommand::BeaconOff => self.switch(self.board.beacon, false),
        }
    }

    fn open_exit(&mut self, token: ExitToken) -> Result<(), GateFault> {
        tracing::info!(passage = %token.passage().0, "the exit is told to open");
        self.open_door(DoorName::Exit)
    }
}
