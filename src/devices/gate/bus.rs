//! The lane's end of the gate's line, for controllers and relay boards alike: opened when it is needed, given up when it
//! breaks, every question asked within bounds.

use super::settings::GateSettings;
use crate::devices::GateFault;
use crate::devices::modbus::{Answer, Master, ModbusFault, Request};
use crate::devices::serial::{LineFault, SerialSettings};
use std::time::Duration;

/// A question is asked this often before the other end counts as silent.
pub(super) const ATTEMPTS: u32 = 3;

/// A line that is opened again after it broke.
pub(super) struct Bus {
    line: SerialSettings,
    unit: u8,
    deadline: Duration,
    master: Option<Master>,
}

impl Bus {
    pub(super) fn new(settings: &GateSettings) -> Self {
        let deadline = Duration::from_millis(settings.answer_ms);
        Bus { line: settings.line.clone(), unit: settings.unit, deadline, master: None }
    }

    /// Opens the line where that is needed; `true` when it was.
    pub(super) fn open(&mut self) -> Result<bool, GateFault> {
        if self.master.is_some() {
            return Ok(false);
        }
        let port = self.line.open_line()?;
        self.master = Some(Master::new(Box::new(port), self.unit));
        Ok(true)
    }

    /// One question, one answer. A broken line is given up, so that the next call opens it again.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer, GateFault> {
        let Some(master) = &mut self.master else {
            return Err(GateFault::Silent("the line is not open".to_owned()));
        };
        match master.ask(request, self.deadline) {
            Ok(Answer::Exception(code)) => {
                Err(GateFault::Refused(format!("exception {code} to function {}", request.function())))
            }
            Ok(answer) => Ok(answer),
            Err(ModbusFault::Line(error)) => {
                self.master = None;
                Err(LineFault::new(&self.line.port, &error).into())
            }
            Err(fault @ ModbusFault::NoAnswer { .. }) => Err(GateFault::Silent(fault.to_string())),
        }
    }

    /// Asks what may be asked twice until there is an answer.
    pub(super) fn insist(&mut self, request: &Request) -> Result<Answer, GateFault> {
        repeat(|| self.ask(request))
    }
}

/// Repeats what may be repeated while nothing answers.
pub(super) fn repeat<T>(mut once: impl FnMut() -> Result<T, GateFault>) -> Result<T, GateFault> {
    let mut last = once();
    for _ in 1..ATTEMPTS {
        match last {
            Err(GateFault::Silent(_)) => last = once(),
            answered => return answered,
        }
    }
    last
}
