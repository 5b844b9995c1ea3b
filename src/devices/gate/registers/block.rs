//! The atomic block of input registers: everything of one moment, and what the passage is told of it.

use super::{BLOCK_LENGTH, ControllerState, Input, Inputs, MAP_VERSION, PERSONS_UNKNOWN};
use crate::passage::{Door, GateState};

/// The block.
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
    /// Register 11: its [`CommandResult`](super::CommandResult)(super::CommandResult).
    pub result: u16,
    /// Register 12: [`ControllerFault`](super::ControllerFault) bits.
    pub faults: u16,
    /// Register 13: [`Output`](super::Output) bits.
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
            object_left: !has(Input::NoObjectLeft),
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
