//! The gate: doors, sensors, lamps and beacon behind a controller on a Modbus RTU line.
//!
//! `hardware/gate-modbus.md` is the contract between lane and controller; [`registers`] is that page in
//! code. [`ModbusGate`] is the lane's end; [`RelayGate`] drives a bare relay board on a bench. [`GateSimulator`] is the controller's end on a pseudo-terminal,
//! with doors that take time and people who walk, moved by [`GateFloor`].
//!
//! The controller owns interlock and watchdog: never are both doors unlocked, and when the lane falls
//! silent the exit is shut. What cannot happen here: a state that is older than the call that asked for
//! it; a command carried out twice; an input that reads 0 because of a broken wire taken for "all well".
mod bus;
mod controller;
mod floor;
mod gate_floor;
mod modbus_gate;
mod people;
pub mod registers;
mod relay_board;
mod relay_gate;
mod settings;
mod simulator;

pub use floor::{DoorName, FloorSettings};
pub use gate_floor::{FloorSnapshot, GateFloor};
pub use modbus_gate::ModbusGate;
pub use registers::ReleasePolicy;
pub use relay_gate::{RelayBoardSettings, RelayGate};
pub use settings::GateSettings;
pub use simulator::GateSimulator;
