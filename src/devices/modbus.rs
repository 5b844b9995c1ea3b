//! Modbus RTU, as much of it as the gate needs: functions 01 to 06, 15 and 16.
//!
//! [`Master::ask`] sends one [`Request`] and gives its [`Answer`] within a deadline. Modbus RTU numbers
//! nothing, so a late answer could be taken for the next one. Against that: whatever is on the line is
//! forgotten before a request is sent, after a failure the line must first fall silent, and only a frame
//! with the right address, function, length and check sum is an answer. What these cannot tell apart (two
//! reads of the same registers) the register map tells by an echo: `hardware/gate-modbus.md`.
//!
//! Clauses: MODBUS Application Protocol V1.1b3 §6.1–6.6, §6.11, §6.12, §7; MODBUS over Serial Line V1.02 §2.5.1.
//! Nothing here panics on any bytes.

use super::serial::Line;
use std::io;
use std::time::{Duration, Instant};

/// Longest frame on the line, with address and check sum.
pub const FRAME_MOST: usize = 256;
/// Most registers of one request, below the limits of all functions used.
pub const REGISTERS_MOST: u16 = 120;
/// Most coils or discrete inputs of one request.
pub const BITS_MOST: u16 = 960;
/// A coil that is on, as function 05 writes it.
pub const COIL_ON: u16 = 0xFF00;
/// A coil that is off.
pub const COIL_OFF: u16 = 0;
/// After a failure the line must be silent for this long before the next request.
const SILENCE: Duration = Duration::from_millis(20);
/// Bytes that are heard for one answer at most, noise included.
const HEARD_MOST: usize = 2 * FRAME_MOST;

/// What the master asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Function 01.
    ReadCoils {
        /// First address.
        start: u16,
        /// How many, 1 to [`BITS_MOST`].
        count: u16,
    },
    /// Function 02.
    ReadDiscreteInputs {
        /// First address.
        start: u16,
        /// How many, 1 to [`BITS_MOST`].
        count: u16,
    },
    /// Function 03.
    ReadHoldingRegisters {
        /// First address.
        start: u16,
        /// How many, 1 to [`REGISTERS_MOST`].
        count: u16,
    },
    /// Function 04.
    ReadInputRegisters {
        /// First address.
        start: u16,
        /// How many, 1 to [`REGISTERS_MOST`].
        count: u16,
    },
    /// Function 05. Modbus knows the values [`COIL_ON`] and [`COIL_OFF`]; some relay boards take times at addresses
    /// of their own.
    WriteCoil {
        /// Address.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Function 06.
    WriteRegister {
        /// Address.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Function 15: all values are taken together.
    WriteCoils {
        /// First address.
        start: u16,
        /// Values, 1 to [`BITS_MOST`].
        values: Vec<bool>,
    },
    /// Function 16: all values are taken together.
    WriteRegisters {
        /// First address.
        start: u16,
        /// Values, 1 to [`REGISTERS_MOST`].
        values: Vec<u16>,
    },
}

/// What the slave answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Coils or discrete inputs, in order of address.
    Bits(Vec<bool>),
    /// Registers, in order of address.
    Registers(Vec<u16>),
    /// A write was taken.
    Written,
    /// The slave refuses: exception code (§7), 1 unknown function, 2 unknown address, 3 unacceptable value, …
    Exception(u8),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModbusFault {
    /// No valid answer in the deadline.
    #[error("no valid answer within {deadline:?}, {heard} bytes heard")]
    NoAnswer {
        /// The deadline.
        deadline: Duration,
        /// Bytes that came and were no answer.
        heard: usize,
    },
    /// The line broke.
    #[error("line broke: {0}")]
    Line(#[from] io::Error),
}

/// The asking end of a line.
pub struct Master {
    line: Box<dyn Line>,
    unit: u8,
    unsettled: bool,
}

impl Master {
    /// Speaks with the slave of this address, 1 to 247.
    pub fn new(line: Box<dyn Line>, unit: u8) -> Self {
        Master { line, unit, unsettled: true }
    }

    /// Asks once; the caller decides whether a request may be repeated.
    ///
    /// # Errors
    /// When no valid answer came within `deadline`, or the line broke.
    pub fn ask(&mut self, request: &Request, deadline: Duration) -> Result<Answer, ModbusFault> {
        let begun = Instant::now();
        let mut arriving = [0u8; FRAME_MOST];
        while self.unsettled && begun.elapsed() < deadline {
            self.unsettled = self.line.receive(&mut arriving, SILENCE)? != 0;
        }
        self.unsettled = true;
        self.line.discard()?;
        self.line.send(&request.to_bytes(self.unit))?;
        let begun = Instant::now();
        let mut heard: Vec<u8> = Vec::with_capacity(FRAME_MOST);
        loop {
            let left = deadline.saturating_sub(begun.elapsed());
            if left.is_zero() || heard.len() > HEARD_MOST {
                return Err(ModbusFault::NoAnswer { deadline, heard: heard.len() });
            }
            let count = self.line.receive(&mut arriving, left)?;
            heard.extend(arriving.iter().take(count));
            if let Some(answer) = find_answer(self.unit, request, &heard) {
                self.unsettled = false;
                return Ok(answer);
            }
        }
    }
}

/// The first valid answer to this request in what was heard; noise around it is skipped.
pub fn find_answer(unit: u8, request: &Request, heard: &[u8]) -> Option<Answer> {
    (0..heard.len()).find_map(|from| answer_at(unit, request, heard.get(from..)?))
}

fn answer_at(unit: u8, request: &Request, bytes: &[u8]) -> Option<Answer> {
    let function = *bytes.get(1)?;
    if *bytes.first()? != unit {
        return None;
    }
    if function == request.function() | 0x80 {
        let body = checked(bytes.get(..5)?)?;
        return Some(Answer::Exception(*body.get(2)?));
    }
    if function != request.function() {
        return None;
    }
    let data = |count: usize| {
        let body = checked(bytes.get(..count + 5)?)?;
        (usize::from(*body.get(2)?) == count).then(|| body.get(3..)).flatten()
    };
    match request {
        Request::ReadCoils { count, .. } | Request::ReadDiscreteInputs { count, .. } => {
            let packed = data(usize::from(*count).div_ceil(8))?;
            Some(Answer::Bits(unpack(packed, *count)))
        }
        Request::ReadHoldingRegisters { count, .. } | Request::ReadInputRegisters { count, .. } => {
            Some(Answer::Registers(words(data(usize::from(*count) * 2)?)))
        }
        Request::WriteCoil { .. }
        | Request::WriteRegister { .. }
        | Request::WriteCoils { .. }
        | Request::WriteRegisters { .. } => {
            let body = checked(bytes.get(..8)?)?;
            (Some(body) == request.to_bytes(unit).get(..6)).then_some(Answer::Written)
        }
    }
}

impl Request {
    /// Function code.
    pub fn function(&self) -> u8 {
        match self {
            Request::ReadCoils { .. } => 1,
            Request::ReadDiscreteInputs { .. } => 2,
            Request::ReadHoldingRegisters { .. } => 3,
            Request::ReadInputRegisters { .. } => 4,
            Request::WriteCoil { .. } => 5,
            Request::WriteRegister { .. } => 6,
            Request::WriteCoils { .. } => 15,
            Request::WriteRegisters { .. } => 16,
        }
    }

    /// The frame on the line. More values than one request takes are cut off.
    pub fn to_bytes(&self, unit: u8) -> Vec<u8> {
        let mut frame = vec![unit, self.function()];
        match self {
            Request::ReadCoils { start, count }
            | Request::ReadDiscreteInputs { start, count }
            | Request::ReadHoldingRegisters { start, count }
            | Request::ReadInputRegisters { start, count } => push_words(&mut frame, &[*start, *count]),
            Request::WriteCoil { address, value } | Request::WriteRegister { address, value } => {
                push_words(&mut frame, &[*address, *value]);
            }
            Request::WriteCoils { start, values } => {
                let values = values.get(..usize::from(BITS_MOST)).unwrap_or(values);
                push_words(&mut frame, &[*start, values.len() as u16]);
                frame.push(values.len().div_ceil(8) as u8);
                frame.extend(pack(values));
            }
            Request::WriteRegisters { start, values } => {
                let values = values.get(..usize::from(REGISTERS_MOST)).unwrap_or(values);
                let count = values.len() as u16;
                push_words(&mut frame, &[*start, count]);
                frame.push((count * 2) as u8);
                push_words(&mut frame, values);
            }
        }
        with_check(frame)
    }
}

/// What a slave makes of the bytes heard so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A request begins but is not whole yet.
    Incomplete,
    /// A whole request with a right check sum, for the slave of this address.
    Request(u8, Request),
    /// A whole frame of this function with a right check sum, but not one that is served: exception code.
    Unserved(u8, u8, u8),
    /// No request begins here; forget these bytes.
    Noise,
}

/// The slave's half: reads one request that starts at the first byte.
pub fn hear_request(bytes: &[u8]) -> Heard {
    request_at(bytes).unwrap_or(Heard::Incomplete)
}

fn request_at(bytes: &[u8]) -> Option<Heard> {
    let (unit, function) = (*bytes.first()?, *bytes.get(1)?);
    let length = match function {
        1..=6 => 8,
        15 | 16 => 9 + usize::from(*bytes.get(6)?),
        _ => return Some(Heard::Noise),
    };
    if length > FRAME_MOST {
        return Some(Heard::Noise);
    }
    let Some(body) = checked(bytes.get(..length)?) else { return Some(Heard::Noise) };
    let fields = words(body.get(2..6)?);
    let (&start, &count) = (fields.first()?, fields.get(1)?);
    let unacceptable = Some(Heard::Unserved(unit, function, 3));
    let request = match function {
        1 if (1..=BITS_MOST).contains(&count) => Request::ReadCoils { start, count },
        2 if (1..=BITS_MOST).contains(&count) => Request::ReadDiscreteInputs { start, count },
        3 if (1..=REGISTERS_MOST).contains(&count) => Request::ReadHoldingRegisters { start, count },
        4 if (1..=REGISTERS_MOST).contains(&count) => Request::ReadInputRegisters { start, count },
        5 => Request::WriteCoil { address: start, value: count },
        6 => Request::WriteRegister { address: start, value: count },
        15 => {
            let packed = body.get(7..)?;
            if !(1..=BITS_MOST).contains(&count) || packed.len() != usize::from(count).div_ceil(8) {
                return unacceptable;
            }
            Request::WriteCoils { start, values: unpack(packed, count) }
        }
        16 => {
            let values = words(body.get(7..)?);
            if values.is_empty() || values.len() != usize::from(count) || count > REGISTERS_MOST {
                return unacceptable;
            }
            Request::WriteRegisters { start, values }
        }
        1..=4 => return unacceptable,
        _ => return Some(Heard::Unserved(unit, function, 1)),
    };
    Some(Heard::Request(unit, request))
}

/// The slave's half: the frame that answers a request of this function.
pub fn answer_bytes(unit: u8, request: &Request, answer: &Answer) -> Vec<u8> {
    let mut frame = vec![unit, request.function()];
    match answer {
        Answer::Bits(bits) => {
            frame.push(bits.len().div_ceil(8) as u8);
            frame.extend(pack(bits));
        }
        Answer::Registers(values) => {
            frame.push((values.len() * 2) as u8);
            push_words(&mut frame, values);
        }
        Answer::Written => frame.extend(request.to_bytes(unit).get(2..6).unwrap_or_default()),
        Answer::Exception(code) => return exception_bytes(unit, request.function(), *code),
    }
    with_check(frame)
}

/// The slave's half: a refusal.
pub fn exception_bytes(unit: u8, function: u8, code: u8) -> Vec<u8> {
    with_check(vec![unit, function | 0x80, code])
}

/// The frame without its check sum, where that is right.
fn checked(frame: &[u8]) -> Option<&[u8]> {
    let (body, check) = frame.split_at_checked(frame.len().checked_sub(2)?)?;
    (check == crc16(body).to_le_bytes()).then_some(body)
}

fn with_check(mut frame: Vec<u8>) -> Vec<u8> {
    let check = crc16(&frame);
    frame.extend(check.to_le_bytes());
    frame
}

/// CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF; sent low byte first.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// Eight to a byte, the lowest address lowest.
fn pack(bits: &[bool]) -> impl Iterator<Item = u8> {
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit)))
}

fn unpack(packed: &[u8], count: u16) -> Vec<bool> {
    let bits = packed.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    bits.take(usize::from(count)).collect()
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}

fn push_words(frame: &mut Vec<u8>, values: &[u16]) {
    frame.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}
