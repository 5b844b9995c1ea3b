//! Command and answer APDUs, ISO/IEC 7816-4 §5: one command, one answer.

use std::fmt;

/// A command before it is put into bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data, at most 65,535 bytes.
    pub data: Vec<u8>,
    /// How many bytes are expected at most, 1–65,536; `None` when none are (no Le at all: some chips
    /// refuse one that is not needed).
    pub expected: Option<usize>,
}

impl Command {
    /// A command without data and without expectation.
    pub fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Command {
        Command { cla, ins, p1, p2, data: Vec::new(), expected: None }
    }

    /// The same command with data.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Command {
        self.data = data.into();
        self
    }

    /// The same command, expecting at most this many bytes.
    #[must_use]
    pub fn expecting(mut self, bytes: usize) -> Command {
        self.expected = Some(bytes);
        self
    }

    /// The four bytes of the header.
    pub fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// The bytes to send: short where data and expectation allow it, extended otherwise. Data and
    /// expectations beyond their bounds are cut to them; no protocol here makes such.
    pub fn encode(&self) -> Vec<u8> {
        let length = self.data.len().min(0xFFFF);
        let mut bytes = self.header().to_vec();
        let data = self.data.iter().take(length);
        if length <= 0xFF && self.expected.is_none_or(|n| n <= 0x100) {
            if length > 0 {
                bytes.push(length as u8);
                bytes.extend(data);
            }
            // 256 is written 00.
            bytes.extend(self.expected.map(|n| n as u8));
            return bytes;
        }
        bytes.push(0);
        if length > 0 {
            bytes.extend((length as u16).to_be_bytes());
            bytes.extend(data);
        }
        // 65,536 is written 00 00.
        bytes.extend(self.expected.into_iter().flat_map(|n| (n.min(0x1_0000) as u16).to_be_bytes()));
        bytes
    }
}

/// Status word, ISO/IEC 7816-4 §5.6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Status = Status(0x9000);
    /// The file ended before as many bytes as expected.
    pub const END_OF_FILE: Status = Status(0x6282);
    /// Wrong length.
    pub const WRONG_LENGTH: Status = Status(0x6700);
    /// Security status not satisfied.
    pub const ACCESS_DENIED: Status = Status(0x6982);
    /// Secure messaging expected.
    pub const SECURE_MESSAGING_MISSING: Status = Status(0x6987);
    /// Secure messaging wrong.
    pub const SECURE_MESSAGING_WRONG: Status = Status(0x6988);
    /// Authentication failed.
    pub const AUTHENTICATION_FAILED: Status = Status(0x6300);
    /// No such file or application.
    pub const NOT_FOUND: Status = Status(0x6A82);
    /// Instruction not supported.
    pub const NO_INSTRUCTION: Status = Status(0x6D00);

    /// How many bytes the chip keeps ready (`61xx`), to be fetched by GET RESPONSE.
    pub fn more_data(self) -> Option<usize> {
        let [class, length] = self.0.to_be_bytes();
        (class == 0x61).then(|| if length == 0 { 256 } else { length.into() })
    }

    /// The length that the chip would answer with, where it refused another (`6Cxx`).
    pub fn right_length(self) -> Option<usize> {
        let [class, length] = self.0.to_be_bytes();
        (class == 0x6C).then(|| if length == 0 { 256 } else { length.into() })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// Data and status word of an answer; `None` when it is too short to have one.
pub(crate) fn split_answer(answer: &[u8]) -> Option<(&[u8], Status)> {
    let (data, status) = answer.split_last_chunk::<2>()?;
    Some((data, Status(u16::from_be_bytes(*status))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_the_cases_of_iso_7816() {
        let plain = Command::new(0, 0xA4, 2, 0x0C);
        assert_eq!(plain.encode(), [0, 0xA4, 2, 0x0C]);
        assert_eq!(plain.clone().expecting(256).encode(), [0, 0xA4, 2, 0x0C, 0]);
        assert_eq!(plain.clone().with_data([1, 0x1E]).encode(), [0, 0xA4, 2, 0x0C, 2, 1, 0x1E]);
        assert_eq!(plain.clone().with_data([9]).expecting(8).encode(), [0, 0xA4, 2, 0x0C, 1, 9, 8]);
        assert_eq!(plain.clone().expecting(65_536).encode(), [0, 0xA4, 2, 0x0C, 0, 0, 0]);
        assert_eq!(
            plain.clone().with_data([9]).expecting(257).encode(),
            [0, 0xA4, 2, 0x0C, 0, 0, 1, 9, 1, 1]
        );
        let long = plain.with_data(vec![7; 256]).encode();
        assert_eq!((&long[4..7], long.len()), (&[0, 1, 0][..], 4 + 3 + 256));
    }

    #[test]
    fn reads_the_length_that_a_chip_offers_instead() {
        assert_eq!(Status(0x6C80).right_length(), Some(128));
        assert_eq!(Status(0x6C00).right_length(), Some(256));
        assert_eq!(Status::WRONG_LENGTH.right_length(), None);
    }
}
