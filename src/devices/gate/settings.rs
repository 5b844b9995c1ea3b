//! The gate in the lane's settings.

use super::modbus_gate::ModbusGate;
use super::registers::ReleasePolicy;
use super::relay_gate::{RelayBoardSettings, RelayGate};
use crate::devices::serial::SerialSettings;
use crate::devices::{Gate, GateFault};
use serde::{Deserialize, Serialize};

/// The gate in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSettings {
    /// The line to the controller.
    pub line: SerialSettings,
    /// Modbus address of the controller, 1 to 247.
    #[serde(default = "default_unit")]
    pub unit: u8,
    /// Milliseconds for one answer; a question is asked three times before it is a fault.
    #[serde(default = "default_answer_ms")]
    pub answer_ms: u64,
    /// Milliseconds without progress of the controller's heartbeat before it counts as frozen.
    #[serde(default = "default_frozen_ms")]
    pub frozen_ms: u64,
    /// Milliseconds of the lane's silence after which the controller shuts the exit by itself. The lane asks for
    /// the state several times in it, whatever else it is doing.
    #[serde(default = "default_watchdog_ms")]
    pub watchdog_ms: u16,
    /// Milliseconds after which an open entrance shuts by itself.
    #[serde(default = "default_entry_hold_ms")]
    pub entry_hold_ms: u16,
    /// Milliseconds after which an open exit shuts by itself.
    #[serde(default = "default_exit_hold_ms")]
    pub exit_hold_ms: u16,
    /// What the doors do when the fire release is active.
    #[serde(default)]
    pub release_policy: ReleasePolicy,
    /// Milliseconds for which the buzzer sounds when the officer is called; 0 for a silent call. The controller ends
    /// it by itself after ten seconds.
    #[serde(default = "default_buzzer_ms")]
    pub buzzer_ms: u16,
    /// Present where there is no controller but a bare relay board. For benches: it owns no interlock.
    #[serde(default)]
    pub relay_board: Option<RelayBoardSettings>,
}

fn default_unit() -> u8 {
    1
}
fn default_answer_ms() -> u64 {
    150
}
fn default_frozen_ms() -> u64 {
    1_000
}
fn default_watchdog_ms() -> u16 {
    1_500
}
fn default_entry_hold_ms() -> u16 {
    30_000
}
fn default_exit_hold_ms() -> u16 {
    20_000
}
fn default_buzzer_ms() -> u16 {
    1_500
}

impl GateSettings {
    /// The defaults on this port.
    pub fn new(port: impl Into<String>) -> Self {
        GateSettings {
            line: SerialSettings::new(port),
            unit: default_unit(),
            answer_ms: default_answer_ms(),
            frozen_ms: default_frozen_ms(),
            watchdog_ms: default_watchdog_ms(),
            entry_hold_ms: default_entry_hold_ms(),
            exit_hold_ms: default_exit_hold_ms(),
            release_policy: ReleasePolicy::default(),
            buzzer_ms: default_buzzer_ms(),
            relay_board: None,
        }
    }

    /// Opens the gate with the driver that the settings ask for.
    ///
    /// # Errors
    /// As [`ModbusGate::open`] and [`RelayGate::open`].
    pub fn open(&self) -> Result<Box<dyn Gate>, GateFault> {
        match &self.relay_board {
            None => Ok(Box::new(ModbusGate::open(self.clone())?)),
            Some(board) => Ok(Box::new(RelayGate::open(self, board.clone())?)),
        }
    }
}
