//! The simulated relay board: eight relays, of which two open doors, and eight inputs.

use super::floor::{Floor, FloorSettings};
use super::gate_floor::FloorSnapshot;
use super::registers::Input;
use super::relay_gate::{BOARD_INPUTS, BOARD_RELAYS, RelayBoardSettings};
use super::simulator::Machine;
use crate::devices::modbus::{Answer, COIL_OFF, COIL_ON, Request};
use crate::passage::Door;

/// A relay: off, on, or on for so many more milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Relay {
    Off,
    On,
    Timed(f64),
}

/// The board, wired to a floor as its settings say.
pub(super) struct RelayBoard {
    floor: Floor,
    wiring: RelayBoardSettings,
    relays: [Relay; BOARD_RELAYS as usize],
    /// Timed relays that fell off by themselves.
    fallen: u16,
}

impl RelayBoard {
    pub(super) fn new(settings: FloorSettings, wiring: RelayBoardSettings) -> Self {
        let relays = [Relay::Off; BOARD_RELAYS as usize];
        RelayBoard { floor: Floor::new(settings), wiring, relays, fallen: 0 }
    }

    fn pulled(&self, relay: u16) -> bool {
        self.relays.get(usize::from(relay)).is_some_and(|relay| *relay != Relay::Off)
    }

    fn input(&self, place: u16) -> bool {
        let of = &self.wiring;
        let inputs = self.floor.inputs(false, false);
        [
            (of.entry_locked, Input::EntryLocked),
            (of.entry_open, Input::EntryOpen),
            (of.exit_locked, Input::ExitLocked),
            (of.exit_open, Input::ExitOpen),
            (of.entrance_clear, Input::EntranceClear),
            (of.cabin_clear, Input::CabinClear),
            (of.exit_clear, Input::ExitClear),
            (of.emergency_stop_closed, Input::EmergencyStopClosed),
        ]
        .into_iter()
        .any(|(wired, input)| wired == place && inputs.has(input))
    }

    fn write(&mut self, address: u16, value: u16) -> Answer {
        let timed = address.wrapping_sub(self.wiring.timed_start) < BOARD_RELAYS;
        let relay = if timed { address - self.wiring.timed_start } else { address };
        let Some(relay) = self.relays.get_mut(usize::from(relay)) else { return Answer::Exception(2) };
        *relay = match (timed, value) {
            (true, steps) => Relay::Timed(f64::from(steps) * f64::from(self.wiring.timed_step_ms)),
            (false, COIL_ON) => Relay::On,
            (false, COIL_OFF) => Relay::Off,
            (false, _) => return Answer::Exception(3),
        };
        Answer::Written
    }
}

impl Machine for RelayBoard {
    fn floor(&mut self) -> &mut Floor {
        &mut self.floor
    }

    fn advance(&mut self, real_ms: f64) {
        self.floor.walk(real_ms);
        for relay in &mut self.relays {
            if let Relay::Timed(left) = relay {
                *left -= real_ms;
                if *left <= 0.0 {
                    *relay = Relay::Off;
                    self.fallen = self.fallen.saturating_add(1);
                }
            }
        }
        let (entry, exit) = (self.pulled(self.wiring.entry), self.pulled(self.wiring.exit));
        self.floor.entry.set(entry);
        self.floor.exit.set(exit);
        self.floor.drive(real_ms);
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::ReadDiscreteInputs { start: 0, count: BOARD_INPUTS } => {
                Answer::Bits((0..BOARD_INPUTS).map(|place| self.input(place)).collect())
            }
            Request::ReadCoils { start: 0, count: BOARD_RELAYS } => {
                Answer::Bits((0..BOARD_RELAYS).map(|relay| self.pulled(relay)).collect())
            }
            Request::WriteCoil { address, value } => self.write(*address, *value),
            Request::WriteCoils { start, values } => {
                for (address, on) in (*start..).zip(values) {
                    let answer = self.write(address, if *on { COIL_ON } else { COIL_OFF });
                    if answer != Answer::Written {
                        return answer;
                    }
                }
                Answer::Written
            }
            Request::ReadDiscreteInputs { .. } | Request::ReadCoils { .. } => Answer::Exception(2),
            _ => Answer::Exception(1),
        }
    }

    fn snapshot(&self) -> FloorSnapshot {
        let inputs = self.floor.inputs(false, false);
        let door = |locked, open| match (inputs.has(locked), inputs.has(open)) {
            (true, false) => Door::Locked,
            (false, true) => Door::Open,
            _ => Door::Unknown,
        };
        let count = &self.floor.count;
        FloorSnapshot {
            entry: door(Input::EntryLocked, Input::EntryOpen),
            exit: door(Input::ExitLocked, Input::ExitOpen),
            entrance: count.entrance,
            cabin: count.cabin,
            beyond_exit: count.exit,
            in_doorway: count.in_entry_doorway || count.in_exit_doorway,
            green: self.pulled(self.wiring.green),
            beacon: self.pulled(self.wiring.beacon),
            buzzer: false,
            in_service: !self.floor.emergency_stop,
            entry_openings: self.floor.entry.openings,
            exit_openings: self.floor.exit.openings,
            watchdog_trips: self.fallen,
        }
    }
}
