//! The register map of version 1, `hardware/gate-modbus.md`, in code.
//!
//! Driver and simulator share this page, so a bit cannot mean two things. Every input is 1 when all is
//! well ("clear", "shut", "present"): a broken wire, a dead input card or a block of zeros reads as the worst.

use crate::passage::{Door, GateCommand, GateState};
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
    /// Lamps green.
    LampGreen = 5,
    /// Lamps red.
    LampRed = 6,
    /// Beacon on.
    BeaconOn = 7,
    /// Beacon off.
    BeaconOff = 8,
}

impl CommandCode {
    /// The command of this number.
    pub fn from_code(code: u16) -> Option<Self> {
        use CommandCode::*;
        [OpenEntry, CloseEntry, OpenExit, CloseExit, LampGreen, LampRed, BeaconOn, BeaconOff]
            .into_iter()
            .find(|command| *command as u16 == code)
    }
}

impl From<GateCommand> for CommandCode {
    fn from(command: GateCommand) -> Self {
        match command {
            GateCommand::OpenEntry => CommandCode::OpenEntry,
            GateCommand::CloseEntry => CommandCode::CloseEntry,
            GateCommand::CloseExit => CommandCode::CloseExit,
            GateCommand::LampGreen => CommandCode::LampGreen,
            GateCommand::LampRed => CommandCode::LampRed,
            GateCommand::BeaconOn => CommandCode::BeaconOn,
            GateCommand::BeaconOff => CommandCode::BeaconOff,
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

/// Lamps and beacon as they are driven, bits of register 13.
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

/// The atomic block of input registers: everything of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// Register 1: rises with every round of the controller's control loop.
    pub device_heartbeat: u16,
    /// Register 2: the host heartbeat last written; proves that this block is newer than that.
    pub host_heartbeat: u16,
    /// Registers 3 and 4.
    pub inputs: Inputs,
    /// Register 5, a [`ControllerState`].
    pub state: u16,
    /// Registers 6 to 8: persons in entrance zone, cabin, exit zone.
    pub persons: [u16; 3],
    /// Register 9: sequence number of the last command, 0 for none since the start.
    pub sequence: u16,
    /// Register 10: that command.
    pub command: u16,
    /// Register 11: its [`CommandResult`].
    pub result: u16,
    /// Register 12: [`ControllerFault`] bits.
    pub faults: u16,
    /// Register 13: [`Output`] bits.
    pub outputs: u16,
    /// Registers 14 and 15: openings of the entrance.
    pub entry_openings: u32,
    /// Registers 16 and 17: openings of the exit.
    pub exit_openings: u32,
    /// Register 18: how often the watchdog tripped.
    pub watchdog_trips: u16,
    /// Register 19: frames heard with a wrong check sum.
    pub line_errors: u16,
    /// Registers 20 and 21: seconds since the controller's start.
    pub uptime: u32,
}

/// A block that is not of this map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// Another number of registers.
    #[error("block of {0} registers in place of {BLOCK_LENGTH}")]
    Length(usize),
    /// Another version of the map.
    #[error("register map of version {0}, this driver speaks version {MAP_VERSION}")]
    Version(u16),
}

impl Block {
    /// The registers as they are on the line.
    pub fn to_registers(&self) -> [u16; BLOCK_LENGTH] {
        let (low, high) = (|n: u32| n as u16, |n: u32| (n >> 16) as u16);
        let [entrance, cabin, exit] = self.persons;
        [
            MAP_VERSION,
            self.device_heartbeat,
            self.host_heartbeat,
            low(self.inputs.0),
            high(self.inputs.0),
            self.state,
            entrance,
            cabin,
            exit,
            self.sequence,
            self.command,
            self.result,
            self.faults,
            self.outputs,
            high(self.entry_openings),
            low(self.entry_openings),
            high(self.exit_openings),
            low(self.exit_openings),
            self.watchdog_trips,
            self.line_errors,
            high(self.uptime),
            low(self.uptime),
        ]
    }

    /// Reads the registers.
    ///
    /// # Errors
    /// When they are not a block of this version.
    pub fn from_registers(registers: &[u16]) -> Result<Self, BlockFault> {
        let all: &[u16; BLOCK_LENGTH] =
            registers.try_into().map_err(|_| BlockFault::Length(registers.len()))?;
        let [
            version,
            device_heartbeat,
            host_heartbeat,
            inputs_low,
            inputs_high,
            state,
            entrance,
            cabin,
            exit,
            sequence,
            command,
            result,
            faults,
            outputs,
            entry_high,
            entry_low,
            exit_high,
            exit_low,
            watchdog_trips,
            line_errors,
            up_high,
            up_low,
        ] = *all;
        if version != MAP_VERSION {
            return Err(BlockFault::Version(version));
        }
        let long = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        Ok(Block {
            device_heartbeat,
            host_heartbeat,
            inputs: Inputs(long(inputs_high, inputs_low)),
            state,
            persons: [entrance, cabin, exit],
            sequence,
            command,
            result,
            faults,
            outputs,
            entry_openings: long(entry_high, entry_low),
            exit_openings: long(exit_high, exit_low),
            watchdog_trips,
            line_errors,
            uptime: long(up_high, up_low),
        })
    }

    /// What the passage is told. Contradictions become "unknown"; a zone is empty only where both the
    /// count is 0 and its sensor says clear, and the cabin only where no object is left in it.
    pub fn gate_state(&self) -> GateState {
        let has = |input| self.inputs.has(input);
        let door = |shut, locked, open| match (has(shut), has(locked), has(open)) {
            (true, true, false) => Door::Locked,
            (false, false, true) => Door::Open,
            _ => Door::Unknown,
        };
        let persons = |count: u16, clear: bool| match (count, clear) {
            (0, true) => Some(0),
            (PERSONS_UNKNOWN, _) | (0, false) | (_, true) => None,
            (count, false) => Some(u8::try_from(count).unwrap_or(u8::MAX)),
        };
        let [entrance, cabin, exit] = self.persons;
        let cabin = match persons(cabin, has(Input::CabinClear)) {
            Some(0) if !has(Input::NoObjectLeft) => None,
            Some(1) if !has(Input::NoTailgating) => Some(2),
            counted => counted,
        };
        let at_work = [ControllerState::InService as u16, ControllerState::Stopped as u16];
        let well = [Input::HousingShut, Input::MainsPresent, Input::DrivesReady, Input::KeyAutomatic];
        GateState {
            entry: door(Input::EntryShut, Input::EntryLocked, Input::EntryOpen),
            exit: door(Input::ExitShut, Input::ExitLocked, Input::ExitOpen),
            entry_zone: persons(entrance, has(Input::EntranceClear)),
            cabin,
            exit_zone: persons(exit, has(Input::ExitClear)),
            emergency_stop: !has(Input::EmergencyStopClosed),
            fire: !has(Input::FireClosed),
            wrong_way: !has(Input::NoWrongWay),
            fault: self.faults != 0 || !at_work.contains(&self.state) || !well.into_iter().all(has),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_of_zeros_is_the_worst_and_never_well() {
        let state = Block::default().gate_state();
        assert_eq!((state.entry, state.exit), (Door::Unknown, Door::Unknown));
        assert_eq!((state.entry_zone, state.cabin, state.exit_zone), (None, None, None));
        assert!(state.emergency_stop && state.fire && state.wrong_way && state.fault);
    }

    #[test]
    fn an_object_left_keeps_the_cabin_from_counting_as_empty() {
        let inputs = Inputs(u32::MAX).with(Input::NoObjectLeft, false);
        assert_eq!(Block { inputs, ..Block::default() }.gate_state().cabin, None);
    }

    #[test]
    fn tailgating_counts_as_two_persons_though_the_counter_says_one() {
        let inputs = Inputs(u32::MAX).with(Input::NoTailgating, false).with(Input::CabinClear, false);
        assert_eq!(Block { inputs, persons: [0, 1, 0], ..Block::default() }.gate_state().cabin, Some(2));
    }

    #[test]
    fn a_map_of_another_version_is_refused() {
        let mut registers = Block::default().to_registers();
        registers[0] = 2;
        assert_eq!(Block::from_registers(&registers), Err(BlockFault::Version(2)));
    }

    proptest! {
        #[test]
        fn a_block_survives_the_line(words in proptest::collection::vec(any::<u16>(), BLOCK_LENGTH)) {
            let mut words = words;
            words[0] = MAP_VERSION;
            let block = Block::from_registers(&words).unwrap();
            prop_assert_eq!(block.to_registers().to_vec(), words);
        }

        #[test]
        fn a_door_is_never_both_open_and_locked_by_any_inputs(inputs in any::<u32>()) {
            let state = Block { inputs: Inputs(inputs), ..Block::default() }.gate_state();
            let shut = Inputs(inputs).has(Input::ExitShut);
            prop_assert!(state.exit != Door::Open || !shut);
            prop_assert!(state.exit != Door::Locked || shut);
        }
    }
}
