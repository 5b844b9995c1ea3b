//! The register map of version 1, `hardware/gate-modbus.md`, in code.
//!
//! Driver and simulator share this page, so a bit cannot mean two things. Every input is 1 when all is
//! well ("clear", "shut", "present"): a broken wire, a dead input card or a block of zeros reads as the worst.

mod block;

pub use block::{Block, BlockFault};

use crate::passage::GateCommand;
use serde::{Deserialize, Serialize};

/// Version of the map that is spoken here, register 0 of the block.
pub const MAP_VERSION: u16 = 1;
/// First input register of the atomic block.
pub const BLOCK_START: u16 = 0;
/// Registers in the atomic block.
pub const BLOCK_LENGTH: usize = 22;
/// Discrete inputs, mirrored in registers 3 and 4 of the block.
pub const INPUTS: u16 = 20;
/// Holding register: host heartbeat.
pub const HOST_HEARTBEAT: u16 = 0;
/// First of the holding registers that set times and policy: watchdog, entry hold, exit hold, release policy.
pub const SETTINGS_START: u16 = 1;
/// How many those are.
pub const SETTINGS_LENGTH: usize = 4;
/// First of the two holding registers command and sequence, taken only when written together.
pub const COMMAND_START: u16 = 16;
/// Coils, functions 01, 05 and 15: see [`Output`].
pub const COILS: u16 = 4;
/// Persons counted: the sensors do not say.
pub const PERSONS_UNKNOWN: u16 = 0xFFFF;

/// The discrete inputs by address, function 02.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Input {
    /// Entrance door shut.
    EntryShut = 0,
    /// Entrance door's bolt home.
    EntryLocked = 1,
    /// Entrance door fully open.
    EntryOpen = 2,
    /// Exit door shut.
    ExitShut = 3,
    /// Exit door's bolt home.
    ExitLocked = 4,
    /// Exit door fully open.
    ExitOpen = 5,
    /// Nobody in the entrance zone.
    EntranceClear = 6,
    /// Nobody in the cabin.
    CabinClear = 7,
    /// Nobody in the exit zone.
    ExitClear = 8,
    /// Light curtain of the entrance door unbroken.
    EntryCurtainClear = 9,
    /// Light curtain of the exit door unbroken.
    ExitCurtainClear = 10,
    /// Emergency stop circuit closed: not pressed.
    EmergencyStopClosed = 11,
    /// Fire release circuit closed: no fire.
    FireClosed = 12,
    /// Housing shut: nobody tampers.
    HousingShut = 13,
    /// Mains present.
    MainsPresent = 14,
    /// Drives ready.
    DrivesReady = 15,
    /// No object left in the cabin.
    NoObjectLeft = 16,
    /// Manual key in position "automatic".
    KeyAutomatic = 17,
    /// Nobody followed another; latched until the cabin is clear.
    NoTailgating = 18,
    /// Nobody came by the exit; latched until the cabin is clear and the exit locked.
    NoWrongWay = 19,
}

impl Input {
    /// All, in order of address.
    pub const ALL: [Input; INPUTS as usize] = [
        Input::EntryShut,
        Input::EntryLocked,
        Input::EntryOpen,
        Input::ExitShut,
        Input::ExitLocked,
        Input::ExitOpen,
        Input::EntranceClear,
        Input::CabinClear,
        Input::ExitClear,
        Input::EntryCurtainClear,
        Input::ExitCurtainClear,
        Input::EmergencyStopClosed,
        Input::FireClosed,
        Input::HousingShut,
        Input::MainsPresent,
        Input::DrivesReady,
        Input::NoObjectLeft,
        Input::KeyAutomatic,
        Input::NoTailgating,
        Input::NoWrongWay,
    ];
}

/// All inputs at one moment, bit by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inputs(pub u32);

impl Inputs {
    /// Whether the input is 1.
    pub fn has(self, input: Input) -> bool {
        self.0 >> (input as u8) & 1 == 1
    }

    /// The same with this input set or cleared.
    #[must_use]
    pub fn with(self, input: Input, on: bool) -> Self {
        let bit = 1 << (input as u8);
        Inputs(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// What the controller is doing, register 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum ControllerState {
    /// Does as told.
    InService = 1,
    /// The host is silent, or has not spoken yet: doors shut, lamps red.
    WatchdogTripped = 2,
    /// Emergency stop or fire release is active.
    Stopped = 3,
    /// A fault of its own: see the faults.
    Fault = 4,
    /// The manual key is turned.
    Manual = 5,
}

/// A command's number, register 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CommandCode {
    /// Open the entrance.
    OpenEntry = 1,
    /// Shut and lock the entrance.
    CloseEntry = 2,
    /// Open the exit.
    OpenExit = 3,
    /// Shut and lock the exit.
    CloseExit = 4,
}

impl CommandCode {
    /// The command of this number.
    pub fn from_code(code: u16) -> Option<Self> {
        use CommandCode::*;
        [OpenEntry, CloseEntry, OpenExit, CloseExit].into_iter().find(|command| *command as u16 == code)
    }
}

/// How a [`GateCommand`] goes over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// As a command with a sequence number: doors move once for it.
    Command(CommandCode),
    /// As coils, all written together: lamps may be told the same twice.
    Coils(Output, &'static [bool]),
}

impl From<GateCommand> for Spoken {
    fn from(command: GateCommand) -> Self {
        match command {
            GateCommand::OpenEntry => Spoken::Command(CommandCode::OpenEntry),
            GateCommand::CloseEntry => Spoken::Command(CommandCode::CloseEntry),
            GateCommand::CloseExit => Spoken::Command(CommandCode::CloseExit),
            GateCommand::LampGreen => Spoken::Coils(Output::Green, &[true, false]),
            GateCommand::LampRed => Spoken::Coils(Output::Green, &[false, true]),
            GateCommand::BeaconOn => Spoken::Coils(Output::Beacon, &[true]),
            GateCommand::BeaconOff => Spoken::Coils(Output::Beacon, &[false]),
        }
    }
}

/// What became of the last command, register 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CommandResult {
    /// No command since the start.
    None = 0,
    /// Taken.
    Taken = 1,
    /// The other door is not locked.
    Interlock = 2,
    /// Emergency stop, fire release or manual key.
    Stopped = 3,
    /// Watchdog tripped or a fault of the controller.
    Fault = 4,
    /// No such command.
    Unknown = 5,
}

impl CommandResult {
    /// The words for the lane's fault; `None` when the command was taken.
    pub fn refusal(code: u16) -> Option<&'static str> {
        match code {
            1 => None,
            2 => Some("interlock: the other door is not locked"),
            3 => Some("emergency stop, fire release or manual key"),
            4 => Some("watchdog tripped or a fault of the controller"),
            5 => Some("no such command"),
            _ => Some("a result that the register map does not know"),
        }
    }
}

/// The controller's own faults, bits of register 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum ControllerFault {
    /// The entrance door does not move as told.
    EntryStuck = 1,
    /// The exit door does not move as told.
    ExitStuck = 2,
    /// Contacts of the entrance door contradict each other.
    EntryContacts = 4,
    /// Contacts of the exit door contradict each other.
    ExitContacts = 8,
    /// A zone sensor failed.
    Sensors = 16,
    /// A drive failed.
    Drive = 32,
    /// Both doors are unlocked.
    Interlock = 64,
    /// Memory, clock or program.
    Internal = 128,
}

/// Lamps, beacon and buzzer: coils by which they are told, in this order from address 0, and bits of register 13,
/// as they are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Output {
    /// Green lamps.
    Green = 1,
    /// Red lamps.
    Red = 2,
    /// Officer's beacon.
    Beacon = 4,
    /// Buzzer.
    Buzzer = 8,
}

impl Output {
    /// Address of its coil.
    pub fn coil(self) -> u16 {
        (self as u16).trailing_zeros() as u16
    }
}

/// What the doors do when the fire release is active; hard-wired on site, told to the controller so that
/// both agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum ReleasePolicy {
    /// Both doors stay shut; people get out by other means.
    StayShut = 0,
    /// The entrance opens: people go back to where they came from.
    #[default]
    OpenEntry = 1,
    /// The exit opens.
    OpenExit = 2,
}

impl ReleasePolicy {
    /// The policy of this number.
    pub fn from_code(code: u16) -> Option<Self> {
        [ReleasePolicy::StayShut, ReleasePolicy::OpenEntry, ReleasePolicy::OpenExit]
            .into_iter()
            .find(|policy| *policy as u16 == code)
    }
}
