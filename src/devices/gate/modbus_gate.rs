//! The lane's end of the gate's line.
//!
//! In goes a serial line, out come [`GateState`]s and taken commands. [`ModbusGate::state`] writes a new
//! host heartbeat and reads the atomic block, which must echo it: a late answer to an earlier question is
//! never taken for the present. A controller whose own heartbeat stands still is a fault, however politely
//! its line answers. Commands carry a sequence number and are repeated with the same number until the block
//! shows it; the controller does nothing on a number that it has seen, so no command happens twice.
//!
//! The exit opens only by [`Gate::open_exit`], which takes policy's token.

use super::registers::{
    BLOCK_LENGTH, BLOCK_START, Block, COMMAND_START, CommandCode, CommandResult, HOST_HEARTBEAT,
    ReleasePolicy, SETTINGS_START,
};
use crate::devices::modbus::{Answer, Master, ModbusFault, Request};
use crate::devices::serial::SerialSettings;
use crate::devices::{Gate, GateFault};
use crate::passage::{GateCommand, GateState};
use crate::policy::ExitToken;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{Duration, Instant};

/// A question is asked this often before the controller counts as silent.
const ATTEMPTS: u32 = 3;

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
        }
    }
}

/// A gate controller on a Modbus RTU line.
pub struct ModbusGate {
    settings: GateSettings,
    master: Option<Master>,
    heartbeat: u16,
    sequence: u16,
    seen: Option<Seen>,
}

/// What is remembered of the block read last.
struct Seen {
    block: Block,
    progressed: Instant,
}

impl ModbusGate {
    /// Opens the line and greets the controller. After a broken line later calls open it again.
    ///
    /// # Errors
    /// When the port cannot be opened, the controller is silent, or speaks another register map.
    pub fn open(settings: GateSettings) -> Result<Self, GateFault> {
        let mut gate = ModbusGate { settings, master: None, heartbeat: 0, sequence: 0, seen: None };
        gate.connect()?;
        Ok(gate)
    }

    /// Everything that the controller says, newer than this call.
    ///
    /// # Errors
    /// When the controller did not answer in its deadline, stands still, or speaks another register map.
    pub fn block(&mut self) -> Result<Block, GateFault> {
        self.connect()?;
        let block = self.read_block()?;
        if self.restarted(&block) {
            self.configure()?;
        }
        let now = Instant::now();
        let progressed = match &self.seen {
            Some(seen) if seen.block.device_heartbeat == block.device_heartbeat => seen.progressed,
            _ => now,
        };
        self.seen = Some(Seen { block, progressed });
        let still = now.duration_since(progressed);
        if still > Duration::from_millis(self.settings.frozen_ms) {
            return Err(GateFault::Silent(format!(
                "its heartbeat stands still for {} ms",
                still.as_millis()
            )));
        }
        Ok(block)
    }

    /// Opens the line where that is needed, tells the controller its times, and learns where its
    /// sequence numbers stand.
    fn connect(&mut self) -> Result<(), GateFault> {
        if self.master.is_none() {
            let port = self.settings.line.open().map_err(|error| self.line_fault(&error))?;
            self.master = Some(Master::new(Box::new(port), self.settings.unit));
            self.seen = None;
        }
        if self.seen.is_none() {
            self.configure()?;
            let block = self.read_block()?;
            self.sequence = block.sequence;
            self.seen = Some(Seen { block, progressed: Instant::now() });
        }
        Ok(())
    }

    /// A controller that started anew has forgotten its times.
    fn restarted(&self, block: &Block) -> bool {
        self.seen.as_ref().is_some_and(|seen| block.uptime < seen.block.uptime)
    }

    fn configure(&mut self) -> Result<(), GateFault> {
        let of = &self.settings;
        let values = vec![of.watchdog_ms, of.entry_hold_ms, of.exit_hold_ms, of.release_policy as u16];
        self.write(&Request::WriteRegisters { start: SETTINGS_START, values })
    }

    /// One heartbeat and one reading of the block that echoes it, repeated within bounds.
    fn read_block(&mut self) -> Result<Block, GateFault> {
        let mut fault = GateFault::Silent("not asked".to_owned());
        for _ in 0..ATTEMPTS {
            match self.read_block_once() {
                Ok(block) => return Ok(block),
                Err(refused @ GateFault::Refused(_)) => return Err(refused),
                Err(silent) => fault = silent,
            }
        }
        Err(fault)
    }

    fn read_block_once(&mut self) -> Result<Block, GateFault> {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        let heartbeat = self.heartbeat;
        self.ask(&Request::WriteRegister { address: HOST_HEARTBEAT, value: heartbeat })?;
        let request = Request::ReadInputRegisters { start: BLOCK_START, count: BLOCK_LENGTH as u16 };
        let Answer::Registers(registers) = self.ask(&request)? else {
            return Err(GateFault::Silent("an answer of another kind".to_owned()));
        };
        let block =
            Block::from_registers(&registers).map_err(|fault| GateFault::Refused(fault.to_string()))?;
        if block.host_heartbeat != heartbeat {
            return Err(GateFault::Silent("only an answer to an earlier question".to_owned()));
        }
        Ok(block)
    }

    /// Gives a command under a new sequence number until the block shows that number. A number is never
    /// used again, also when nobody can say whether its command arrived.
    fn give(&mut self, command: CommandCode) -> Result<(), GateFault> {
        self.connect()?;
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let sequence = self.sequence;
        let request =
            Request::WriteRegisters { start: COMMAND_START, values: vec![command as u16, sequence] };
        let mut fault = GateFault::Silent("the command was not taken".to_owned());
        for _ in 0..ATTEMPTS {
            match self.ask(&request) {
                Err(refused @ GateFault::Refused(_)) => return Err(refused),
                Err(silent) => fault = silent,
                Ok(_) => {}
            }
            let block = self.block()?;
            if block.sequence == sequence {
                return match CommandResult::refusal(block.result) {
                    None => Ok(()),
                    Some(why) => Err(GateFault::Refused(format!("{command:?}: {why}"))),
                };
            }
        }
        Err(fault)
    }

    /// A write that may be repeated.
    fn write(&mut self, request: &Request) -> Result<(), GateFault> {
        let mut fault = GateFault::Silent("not asked".to_owned());
        for _ in 0..ATTEMPTS {
            match self.ask(request) {
                Ok(_) => return Ok(()),
                Err(refused @ GateFault::Refused(_)) => return Err(refused),
                Err(silent) => fault = silent,
            }
        }
        Err(fault)
    }

    /// One question, one answer. A broken line is given up, so that the next call opens it again.
    fn ask(&mut self, request: &Request) -> Result<Answer, GateFault> {
        let deadline = Duration::from_millis(self.settings.answer_ms);
        let Some(master) = &mut self.master else {
            return Err(GateFault::Silent("the line broke".to_owned()));
        };
        match master.ask(request, deadline) {
            Ok(Answer::Exception(code)) => {
                Err(GateFault::Refused(format!("exception {code} to function {}", request.function())))
            }
            Ok(answer) => Ok(answer),
            Err(ModbusFault::Line(error)) => {
                self.master = None;
                self.seen = None;
                Err(self.line_fault(&error))
            }
            Err(fault @ ModbusFault::NoAnswer { .. }) => Err(GateFault::Silent(fault.to_string())),
        }
    }

    fn line_fault(&self, error: &io::Error) -> GateFault {
        GateFault::Silent(format!("{}: {error}", self.settings.line.port))
    }
}

impl Gate for ModbusGate {
    fn state(&mut self) -> Result<GateState, GateFault> {
        Ok(self.block()?.gate_state())
    }

    fn command(&mut self, command: GateCommand) -> Result<(), GateFault> {
        self.give(command.into())
    }

    fn open_exit(&mut self, token: ExitToken) -> Result<(), GateFault> {
        tracing::info!(passage = %token.passage().0, "the exit is told to open");
        self.give(CommandCode::OpenExit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::gate::{FloorSettings, GateFloor, GateSimulator};
    use crate::passage::Door;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn gate() -> (GateSimulator, GateFloor, ModbusGate) {
        let simulator = GateSimulator::start(FloorSettings { speed: 20.0, ..Default::default() }).unwrap();
        let gate = ModbusGate::open(GateSettings::new(simulator.port_name())).unwrap();
        let floor = simulator.floor();
        (simulator, floor, gate)
    }

    /// Asks in the lane's rhythm until the state is as wished.
    fn until(gate: &mut ModbusGate, wish: impl Fn(&GateState) -> bool) -> GateState {
        let begun = Instant::now();
        loop {
            let state = gate.state().unwrap();
            if wish(&state) {
                return state;
            }
            assert!(begun.elapsed() < PATIENCE, "still {state:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn the_exit_opens_while_the_entrance_is_locked_and_shuts_again() {
        let (_simulator, floor, mut gate) = gate();
        gate.give(CommandCode::OpenExit).unwrap();
        until(&mut gate, |state| state.exit == Door::Open);
        gate.command(GateCommand::CloseExit).unwrap();
        let state = until(&mut gate, |state| state.exit == Door::Locked);
        assert_eq!(state.entry, Door::Locked);
        assert_eq!(floor.snapshot().exit_openings, 1);
    }

    #[test]
    fn the_controller_refuses_the_exit_while_the_entrance_is_not_locked() {
        let (_simulator, floor, mut gate) = gate();
        gate.command(GateCommand::OpenEntry).unwrap();
        until(&mut gate, |state| state.entry == Door::Open);
        let fault = gate.give(CommandCode::OpenExit).unwrap_err();
        assert!(matches!(&fault, GateFault::Refused(why) if why.contains("interlock")), "{fault}");
        gate.command(GateCommand::CloseEntry).unwrap();
        until(&mut gate, |state| state.entry == Door::Locked);
        assert_eq!(floor.snapshot().exit_openings, 0);
        gate.give(CommandCode::OpenExit).unwrap();
    }

    #[test]
    fn a_silent_lane_shuts_the_exit() {
        let (_simulator, floor, mut gate) = gate();
        gate.give(CommandCode::OpenExit).unwrap();
        assert!(floor.wait_until(|seen| seen.exit == Door::Open, PATIENCE));
        assert!(floor.wait_until(|seen| seen.exit == Door::Locked && !seen.in_service, PATIENCE));
        assert_eq!(floor.snapshot().watchdog_trips, 1);
        let state = gate.state().unwrap();
        assert!(!state.fault, "the controller is at work again once the lane speaks");
    }
}
