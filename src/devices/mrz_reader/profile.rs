//! How a reader frames its lines, as the lane's settings say it.
//!
//! A frame is `start header text_start LINE line_end LINE line_end … end check`, each part as the profile
//! says, any of them absent. Text holds printable ASCII alone.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// No frame is longer than this, whatever a profile says.
const LENGTH_BOUND: usize = 1_024;

/// Milliseconds that a silence may be set to: above the pauses between two bytes, below a traveller's patience.
const IDLE_MS: RangeInclusive<u64> = 20..=5_000;

/// How one kind of reader frames its lines. The default is [`FramingProfile::plain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FramingProfile {
    /// Bytes that begin a frame; none where the reader sends bare lines.
    pub start: Vec<u8>,
    /// Bytes between `start` and `text_start`: a fixed byte each, or `"length"`.
    pub header: Vec<HeaderByte>,
    /// Bytes that begin the text.
    pub text_start: Vec<u8>,
    /// Bytes of which each ends a line.
    pub line_ends: Vec<u8>,
    /// Bytes that end a frame; none where whole lines or silence end it.
    pub end: Vec<u8>,
    /// Byte behind `end` that checks the frame.
    pub check: FrameCheck,
    /// Character that pads lines and means nothing.
    pub padding: Option<u8>,
    /// Longest frame in bytes.
    pub length_most: usize,
    /// Milliseconds of silence after which a frame that was begun is over.
    pub idle_ms: u64,
}

/// One byte of a frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderByte {
    /// Always this byte.
    Fixed(u8),
    /// A byte that varies: written as the count of bytes behind it up to and with `end`, not checked when read.
    Varies(Varying),
}

/// What a varying header byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Varying {
    /// A length.
    Length,
}

/// How a frame is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameCheck {
    /// Not at all; the check digits of the lines must do.
    #[default]
    None,
    /// One byte: exclusive or over everything behind the first start byte, up to and with `end`.
    Xor,
}

/// A profile that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileFault {
    /// Lines would never end.
    #[error("framing: `line_ends` must name at least one byte")]
    NoLineEnd,
    /// Frames cannot be told from noise.
    #[error("framing: `{0}` needs `start` and `end`")]
    NeedsFrame(&'static str),
    /// A frame byte that text may hold.
    #[error("framing: `{0}` must not be a printable character")]
    Printable(&'static str),
    /// Too short or too long.
    #[error("framing: `length_most` must be 64 to {LENGTH_BOUND}")]
    Length,
    /// A silence that cuts frames to pieces, or never ends one.
    #[error("framing: `idle_ms` must be {} to {}", IDLE_MS.start(), IDLE_MS.end())]
    Idle,
}

impl Default for FramingProfile {
    fn default() -> Self {
        FramingProfile::plain()
    }
}

impl FramingProfile {
    /// Bare lines, each ended by CR or LF; STX and ETX around them are tolerated.
    pub fn plain() -> Self {
        FramingProfile {
            start: Vec::new(),
            header: Vec::new(),
            text_start: Vec::new(),
            line_ends: vec![0x0D, 0x0A],
            end: Vec::new(),
            check: FrameCheck::None,
            padding: None,
            length_most: 256,
            idle_ms: 300,
        }
    }

    /// `SOD STX line CR line CR ETX EOD` (DESKO readers). Which bytes SOD and EOD are is set in the reader.
    pub fn desko(sod: u8, eod: u8) -> Self {
        FramingProfile {
            start: vec![sod, 0x02],
            line_ends: vec![0x0D],
            end: vec![0x03, eod],
            ..FramingProfile::plain()
        }
    }

    /// `SOH length O U STX line CR line CR ETX BCC`, padded with `_` (3M RTE swipe readers).
    pub fn rte() -> Self {
        FramingProfile {
            start: vec![0x01],
            header: vec![
                HeaderByte::Varies(Varying::Length),
                HeaderByte::Fixed(b'O'),
                HeaderByte::Fixed(b'U'),
            ],
            text_start: vec![0x02],
            line_ends: vec![0x0D],
            end: vec![0x03],
            check: FrameCheck::Xor,
            padding: Some(b'_'),
            ..FramingProfile::plain()
        }
    }

    /// Whether this profile can work.
    ///
    /// # Errors
    /// Says which key cannot be so.
    pub fn examine(&self) -> Result<(), ProfileFault> {
        let printable = |bytes: &[u8]| bytes.iter().any(|byte| is_text(*byte));
        let framed = !self.start.is_empty() && !self.end.is_empty();
        match () {
            () if self.line_ends.is_empty() => Err(ProfileFault::NoLineEnd),
            () if self.check != FrameCheck::None && !framed => Err(ProfileFault::NeedsFrame("check")),
            () if !self.header.is_empty() && !framed => Err(ProfileFault::NeedsFrame("header")),
            () if !self.text_start.is_empty() && !framed => Err(ProfileFault::NeedsFrame("text_start")),
            () if self.start.is_empty() != self.end.is_empty() => Err(ProfileFault::NeedsFrame("framing")),
            () if printable(&self.line_ends) => Err(ProfileFault::Printable("line_ends")),
            () if printable(self.start.get(..1).unwrap_or_default()) => Err(ProfileFault::Printable("start")),
            () if printable(self.end.get(..1).unwrap_or_default()) => Err(ProfileFault::Printable("end")),
            () if !(64..=LENGTH_BOUND).contains(&self.length_most) => Err(ProfileFault::Length),
            () if !IDLE_MS.contains(&self.idle_ms) => Err(ProfileFault::Idle),
            () => Ok(()),
        }
    }

    /// The bytes in which a reader of this profile sends these lines.
    pub fn frame(&self, lines: &[&str]) -> Vec<u8> {
        let line_end = self.line_ends.first().copied();
        let mut rest = self.text_start.clone();
        for line in lines {
            rest.extend(line.bytes());
            rest.extend(line_end);
        }
        rest.extend(&self.end);
        let mut frame = self.start.clone();
        for (place, byte) in self.header.iter().enumerate() {
            frame.push(match byte {
                HeaderByte::Fixed(byte) => *byte,
                HeaderByte::Varies(Varying::Length) => (self.header.len() - place - 1 + rest.len()) as u8,
            });
        }
        frame.extend(rest);
        if self.check == FrameCheck::Xor {
            frame.push(xor(frame.get(1..).unwrap_or_default()));
        }
        frame
    }
}

pub(super) fn is_text(byte: u8) -> bool {
    (0x20..0x7F).contains(&byte)
}

pub(super) fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |all, byte| all ^ byte)
}
