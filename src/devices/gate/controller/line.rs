//! The controller's end of the line: which request touches what.

use super::Controller;
use crate::devices::gate::floor::Floor;
use crate::devices::gate::gate_floor::FloorSnapshot;
use crate::devices::gate::registers::{BLOCK_START, COMMAND_START, ControllerState, INPUTS, Input, Output};
use crate::devices::gate::simulator::Machine;
use crate::devices::modbus::{Answer, COIL_OFF, COIL_ON, Request};
use crate::passage::GateState;

impl Machine for Controller {
    fn floor(&mut self) -> &mut Floor {
        &mut self.floor
    }

    fn advance(&mut self, real_ms: f64) {
        self.pass(real_ms);
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let written = |taken: Result<(), u8>| taken.map_or_else(Answer::Exception, |()| Answer::Written);
        match request {
            Request::ReadCoils { start, count } => bits(self.coils(), *start, *count),
            Request::ReadDiscreteInputs { start, count } => {
                let inputs = self.inputs().0;
                let all: Vec<bool> = (0..INPUTS).map(|address| inputs >> address & 1 == 1).collect();
                bits(&all, *start, *count)
            }
            Request::ReadInputRegisters { start, count } => {
                registers(&self.block().to_registers(), start.wrapping_sub(BLOCK_START), *count)
            }
            Request::ReadHoldingRegisters { start, count } => registers(&self.holding(), *start, *count),
            Request::WriteCoil { address, value: COIL_ON } => written(self.write_coils(*address, &[true])),
            Request::WriteCoil { address, value: COIL_OFF } => written(self.write_coils(*address, &[false])),
            Request::WriteCoil { .. } => Answer::Exception(3),
            Request::WriteCoils { start, values } => written(self.write_coils(*start, values)),
            Request::WriteRegister { address: COMMAND_START, .. } => Answer::Exception(2),
            Request::WriteRegister { address, value } => written(self.write_one(*address, *value)),
            Request::WriteRegisters { start, values } => written(self.write_many(*start, values)),
        }
    }

    fn snapshot(&self) -> FloorSnapshot {
        let block = self.block();
        let GateState { entry, exit, .. } = block.gate_state();
        let [entrance, cabin, beyond_exit] = block.persons.map(usize::from);
        let curtains = [Input::EntryCurtainClear, Input::ExitCurtainClear];
        let driven = |output: Output| block.outputs & output as u16 != 0;
        FloorSnapshot {
            entry,
            exit,
            entrance,
            cabin,
            beyond_exit,
            in_doorway: !curtains.into_iter().all(|curtain| block.inputs.has(curtain)),
            green: driven(Output::Green),
            beacon: driven(Output::Beacon),
            buzzer: driven(Output::Buzzer),
            in_service: block.state == ControllerState::InService as u16,
            entry_openings: block.entry_openings,
            exit_openings: block.exit_openings,
            watchdog_trips: block.watchdog_trips,
        }
    }

    fn heard_noise(&mut self) {
        self.line_errors = self.line_errors.saturating_add(1);
    }

    fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }
}

fn bits(all: &[bool], start: u16, count: u16) -> Answer {
    part(all, start, count).map_or(Answer::Exception(2), |some| Answer::Bits(some.to_vec()))
}

fn registers(all: &[u16], start: u16, count: u16) -> Answer {
    part(all, start, count).map_or(Answer::Exception(2), |some| Answer::Registers(some.to_vec()))
}

fn part<T>(all: &[T], start: u16, count: u16) -> Option<&[T]> {
    let start = usize::from(start);
    all.get(start..start + usize::from(count))
}
