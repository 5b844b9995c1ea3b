//! The lane's end of the gate's line.
//!
//! In goes a serial line, out come [`GateState`]s and taken commands. [`ModbusGate::state`] writes a new
//! host heartbeat and reads the atomic block, which must echo it: a late answer to an earlier question is
//! never taken for the present. A controller whose own heartbeat stands still is a fault, however politely
//! its line answers. Commands carry a sequence number and are repeated with the same number until the block
//! shows it; the controller does nothing on a number that it has seen, so no command happens twice.
//!
//! The exit opens only by [`Gate::open_exit`], which takes policy's token.

use super::bus::{ATTEMPTS, Bus, repeat};
use super::registers::{
    BLOCK_LENGTH, BLOCK_START, Block, COILS, COMMAND_START, CommandCode, CommandResult, HOST_HEARTBEAT,
    Output, SETTINGS_START, Spoken,
};
use super::settings::GateSettings;
use crate::devices::modbus::{Answer, Request};
use crate::devices::{Gate, GateFault};
use crate::passage::{GateCommand, GateState};
use crate::policy::ExitToken;
use std::time::{Duration, Instant};

/// Coils of a gate that was told nothing yet.
const DARK: [bool; COILS as usize] = [false; COILS as usize];

/// A gate controller on a Modbus RTU line.
pub struct ModbusGate {
    settings: GateSettings,
    bus: Bus,
    heartbeat: u16,
    sequence: u16,
    seen: Option<Seen>,
    /// Lamps, beacon and buzzer as they were last told.
    coils: [bool; COILS as usize],
    /// Until when the buzzer shall sound.
    buzzing: Option<Instant>,
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
        let mut gate = ModbusGate {
            bus: Bus::new(&settings),
            settings,
            heartbeat: 0,
            sequence: 0,
            seen: None,
            coils: DARK,
            buzzing: None,
        };
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
            return Err(GateFault::Frozen(still));
        }
        Ok(block)
    }

    /// Opens the line where that is needed, tells the controller its times, and learns where its
    /// sequence numbers stand.
    fn connect(&mut self) -> Result<(), GateFault> {
        if self.bus.open()? {
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

    /// A controller that started anew has forgotten its times and lamps.
    fn restarted(&self, block: &Block) -> bool {
        self.seen.as_ref().is_some_and(|seen| block.uptime < seen.block.uptime)
    }

    fn configure(&mut self) -> Result<(), GateFault> {
        let of = &self.settings;
        let values = vec![of.watchdog_ms, of.entry_hold_ms, of.exit_hold_ms, of.release_policy as u16];
        self.bus.insist(&Request::WriteRegisters { start: SETTINGS_START, values })?;
        self.bus.insist(&Request::WriteCoils { start: 0, values: self.coils.to_vec() }).map(drop)
    }

    /// One heartbeat and one reading of the block that echoes it, repeated within bounds.
    fn read_block(&mut self) -> Result<Block, GateFault> {
        repeat(|| self.read_block_once())
    }

    fn read_block_once(&mut self) -> Result<Block, GateFault> {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        let heartbeat = self.heartbeat;
        self.bus.ask(&Request::WriteRegister { address: HOST_HEARTBEAT, value: heartbeat })?;
        let request = Request::ReadInputRegisters { start: BLOCK_START, count: BLOCK_LENGTH as u16 };
        let Answer::Registers(registers) = self.bus.ask(&request)? else {
            return Err(GateFault::Silent("an answer of another kind".to_owned()));
        };
        let block = Block::from_registers(&registers).map_err(GateFault::Map)?;
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
            match self.bus.ask(&request) {
                Ok(_) => {}
                Err(silent @ GateFault::Silent(_)) => fault = silent,
                Err(other) => return Err(other),
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

    /// Switches lamps, beacon or buzzer, and remembers it for a controller that starts anew.
    fn switch(&mut self, first: Output, values: &[bool]) -> Result<(), GateFault> {
        self.connect()?;
        for (place, on) in (usize::from(first.coil())..).zip(values) {
            if let Some(coil) = self.coils.get_mut(place) {
                *coil = *on;
            }
        }
        self.bus.insist(&Request::WriteCoils { start: first.coil(), values: values.to_vec() }).map(drop)
    }

    /// A call for the officer is heard once, when it begins.
    fn call(&mut self, on: bool) -> Result<(), GateFault> {
        let begins = on && !self.coils.get(usize::from(Output::Beacon.coil())).copied().unwrap_or(false);
        self.switch(Output::Beacon, &[on])?;
        if begins && self.settings.buzzer_ms > 0 {
            self.switch(Output::Buzzer, &[true])?;
            self.buzzing = Some(Instant::now() + Duration::from_millis(self.settings.buzzer_ms.into()));
        }
        Ok(())
    }

    fn end_buzzing(&mut self) {
        if self.buzzing.take_if(|until| Instant::now() >= *until).is_some() {
            // The controller ends it by itself, so a line that is noisy now is no reason to be without a state.
            let _ = self.switch(Output::Buzzer, &[false]);
        }
    }
}

impl Gate for ModbusGate {
    fn state(&mut self) -> Result<GateState, GateFault> {
        let state = self.block()?.gate_state();
        self.end_buzzing();
        Ok(state)
    }

    fn command(&mut self, command: GateCommand) -> Result<(), GateFault> {
        match Spoken::from(command) {
            Spoken::Command(code) => self.give(code),
            Spoken::Coils(Output::Beacon, values) => self.call(values.contains(&true)),
            Spoken::Coils(first, values) => self.switch(first, values),
        }
    }

    fn open_exit(&mut self, token: ExitToken) -> Result<(), GateFault> {
        tracing::info!(passage = %token.passage().0, "the exit is told to open");
        self.give(CommandCode::OpenExit)
    }
}
